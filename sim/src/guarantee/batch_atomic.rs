//! S8: of messages that were sent as one, a stream holds all or none, one behind the other.
//!
//! Judged when a stream has been read back, after everything was healed and quiet; so what a reader was
//! given before a crash counts, too: that one of them was given out, or was acknowledged, means that all
//! are there. Where the server may forget, it may forget all of them, and not a part.

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::ids::{MsgId, StreamNo};

pub(super) struct BatchAtomic {
    scope: Scope,
}

impl BatchAtomic {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }
}

impl Checker for BatchAtomic {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some((no, stream)) = streams::audited_now(view, &self.scope, pen) else { return };
        for (first, count, i, t) in &stream.batches {
            let found = places(stream, *first, *count);
            let whole = found.len() == *count as usize
                && found.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1);
            if whole || found.is_empty() && !was_seen(view, no, *first, *count) {
                pen.held();
            } else if found.is_empty() && view.streams.may_forget(no, *t)
                || may_be_thinned(view, no, stream)
            {
                pen.excused();
            } else {
                pen.broken(view, || tell(view, no, (*first, *count, *i), &found));
            }
        }
    }
}

/// The messages of a batch that are there, and at which sequences, by their numbers.
fn places(stream: &Stream, first: MsgId, count: u32) -> Vec<(MsgId, u64)> {
    let is_of_it = |msg: &MsgId| {
        (msg.client, msg.conn) == (first.client, first.conn)
            && (first.seq..first.seq + count).contains(&msg.seq)
    };
    let there = stream.stored.iter().filter_map(|(seq, stored)| Some((stored.msg?, *seq)));
    let mut found: Vec<(MsgId, u64)> = there.filter(|(msg, _)| is_of_it(msg)).collect();
    found.sort_unstable();
    found
}

/// Whether somebody was told that one of its messages is stored, or was given one.
fn was_seen(view: &View<'_>, no: StreamNo, first: MsgId, count: u32) -> bool {
    (first.seq..first.seq + count).any(|seq| {
        let sent = view.streams.sent.get(&MsgId { seq, ..first });
        sent.is_some_and(|sent| !sent.acks.is_empty() || sent.given && sent.stream == no)
    })
}

/// Whether messages may go one by one, for another reason than a crash.
fn may_be_thinned(view: &View<'_>, no: StreamNo, stream: &Stream) -> bool {
    let rules = &stream.rules;
    rules.retention != streams::Retention::Limits
        || rules.max_msgs.is_some()
        || rules.max_per_subject.is_some()
        || rules.max_age_ns.is_some()
        || rules.max_bytes.is_some()
        || view.streams.machine(stream.node).damaged.is_some()
        || view.streams.machine(stream.node).lied.is_some()
        || rules.memory && view.streams.may_have_forgotten(no)
}

fn tell(
    view: &View<'_>,
    no: StreamNo,
    (first, count, i): (MsgId, u32, usize),
    found: &[(MsgId, u64)],
) -> (String, Vec<usize>) {
    let name = streams::name_of(view, no);
    let there: Vec<String> =
        found.iter().map(|(msg, seq)| format!("{msg} as sequence {seq}")).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    let story = format!(
        "{count} messages from {first} on were sent to {name} as one, and of them these are there: \
         {there}."
    );
    let stored = view.streams.stream(no).stored.values();
    let of = |msg: Option<MsgId>| found.iter().any(|(other, _)| Some(*other) == msg);
    let mut events = vec![i];
    events.extend(stored.filter(|stored| of(stored.msg)).map(|stored| stored.i));
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{FaultKind, StreamEvent};
    use crate::ids::StreamNo;

    const ID: &str = "batch_atomic";

    /// Three messages are sent as one; some of them are read back, at these sequences.
    fn read_back(config: &str, acked: bool, there: &[(u32, u64)]) -> Script {
        let mut s = Script::running();
        s.stream("S", EAST_1, config);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        let messages = [1, 2, 3].map(|_| s.store(client, 0, "s.1"));
        let batch = StreamEvent::Batch { stream: StreamNo(0), first: messages[0], count: 3 };
        s.stream_event(batch);
        if acked {
            (1..).zip(messages).for_each(|(seq, msg)| drop(s.acked(msg, seq)));
        }
        s.at(3_000).fault(FaultKind::PowerLoss, true, vec![EAST_1], Vec::new());
        s.at(9_000).state(0, there.len() as u64, 1, 9);
        for (number, seq) in there {
            s.stored(0, *seq, client, *number, "s.1");
        }
        s.audited(0);
        s
    }

    #[test]
    fn all_or_none_is_right_and_a_part_is_not() {
        read_back("{}", true, &[(1, 1), (2, 2), (3, 3)]).judge(ID).held(1);
        read_back("{}", false, &[]).judge(ID).held(1);
        for part in [&[(1, 1)][..], &[(1, 1), (2, 2)], &[(2, 2), (3, 3)]] {
            let judged = read_back("{}", false, part).judge(ID);
            let story = judged.broke(9_000);
            assert!(story.contains("these are there"), "{story}");
        }
    }

    #[test]
    fn none_is_wrong_after_an_acknowledgement_and_so_is_something_between_them() {
        assert!(read_back("{}", true, &[]).judge(ID).broke(9_000).contains("none"));
        let mut torn = read_back("{}", true, &[(1, 1), (2, 2), (3, 4)]);
        assert_eq!(torn.judge(ID).findings.broken, 1);
    }

    #[test]
    fn what_limits_take_is_no_ones_fault() {
        let mut limited = read_back(r#"{"max_msgs":2}"#, true, &[(2, 2), (3, 3)]);
        assert_eq!(limited.judge(ID).findings.excused, 1);
    }
}
