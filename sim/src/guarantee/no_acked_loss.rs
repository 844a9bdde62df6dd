//! S1: what a stream has acknowledged is there, at the sequence that was said.
//!
//! Judged when a stream has been read back, after everything was healed and quiet. A message may be
//! missing if a limit took it, which is seen from what is newer: as many as may stay, or as many of its
//! subject; if it is too old; or if the configuration allows the server to forget it (`sync` and a power
//! loss, memory and a restart), or if the disk has lied. What becomes of streams whose files were damaged
//! is the business of `damage_is_reported` and others beside it. What queues give up when it is done with is the
//! business of `workqueue_removes_acked_only`.
//!
//! A loss is told as Jepsen does: before the first message of its publisher that is there (*prefix*),
//! between two (*middle*), or behind the last (*postfix*).

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Acked, Retention, Sent, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::ids::{MsgId, StreamNo};
use crate::units::SECOND;

/// Bytes that a server may count for a message beyond its payload and its subject.
const EXTRA_BYTES: u64 = 512;

pub(super) struct NoAckedLoss {
    scope: Scope,
}

impl NoAckedLoss {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }
}

impl Checker for NoAckedLoss {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some((no, stream)) = streams::audited_now(view, &self.scope, pen) else { return };
        if stream.rules.mirror.is_some() {
            return;
        }
        for (msg, sent, acked) in streams::acked_of(&view.streams, no) {
            let found = stream.stored.get(&acked.seq);
            if found.is_some_and(|stored| {
                stored.msg == Some(msg) || sent.delete && stored.msg.is_none()
            }) {
                pen.held();
            } else if found.is_none() && is_taken(view, stream, sent, acked, pen.t)
                || view.streams.may_forget(no, sent.said(&acked))
                || view.streams.machine(stream.node).damaged.is_some()
            {
                pen.excused();
            } else {
                pen.broken(view, || tell(view, no, msg, sent, acked));
            }
        }
    }
}

/// Whether the configuration may have taken a message.
pub(super) fn is_taken(
    view: &View<'_>,
    stream: &Stream,
    sent: &Sent,
    acked: Acked,
    now: u64,
) -> bool {
    let rules = &stream.rules;
    if rules.retention != Retention::Limits {
        return true;
    }
    let newer = || stream.stored.range(acked.seq + 1..);
    // Where the new ones have to go, no limit of all takes an old one.
    let too_many =
        !rules.discard_new && rules.max_msgs.is_some_and(|most| newer().count() as u64 >= most);
    let of_subject = || newer().filter(|(_, stored)| stored.subject == sent.subject).count() as u64;
    let too_many_of_subject = rules.max_per_subject.is_some_and(|most| of_subject() >= most);
    let too_old = rules.max_age_ns.is_some_and(|age| {
        sent.attempts.first().is_some_and(|(_, t)| t.saturating_add(age) <= now + SECOND)
    });
    let too_large = !rules.discard_new
        && rules.max_bytes.is_some_and(|most| {
            stream.state.is_some_and(|(_, _, state)| {
                let room = most.saturating_sub(state.bytes);
                acked.seq < state.first && gone(view, stream, acked.seq..state.first, room) > room
            })
        });
    too_many || too_many_of_subject || too_old || too_large
}

/// Bytes of messages that were acknowledged and are gone, counted no further than beyond `enough`. What
/// nobody knows counts as enough.
fn gone(view: &View<'_>, stream: &Stream, seqs: std::ops::Range<u64>, enough: u64) -> u64 {
    // As the server counts a message: with its subject, its header and something for itself.
    let mut bytes = EXTRA_BYTES;
    for seq in seqs.rev() {
        let sent = stream.acked.get(&seq).and_then(|msg| view.streams.sent.get(msg));
        bytes += match sent {
            Some(sent) => u64::from(sent.size) + view.history.text(sent.subject).len() as u64,
            None => enough,
        };
        if bytes > enough {
            break;
        }
    }
    bytes
}

/// Where a message stands among those of its publisher that are there.
fn part(stream: &Stream, msg: MsgId) -> &'static str {
    let of_publisher = || {
        let there = stream.stored.values().filter_map(|stored| stored.msg);
        there.filter(|other| other.client == msg.client).map(|other| other.seq)
    };
    match (of_publisher().min(), of_publisher().max()) {
        (Some(first), _) if msg.seq < first => {
            "before all of its publisher's that are there (prefix)"
        }
        (_, Some(last)) if msg.seq > last => {
            "behind all of its publisher's that are there (postfix)"
        }
        (Some(_), Some(_)) => "between others of its publisher (middle)",
        (None, _) | (_, None) => "and so are all others of its publisher",
    }
}

pub(super) fn tell(
    view: &View<'_>,
    no: StreamNo,
    msg: MsgId,
    sent: &Sent,
    acked: Acked,
) -> (String, Vec<usize>) {
    let stream = view.streams.stream(no);
    let name = streams::name_of(view, no);
    let seq = acked.seq;
    let instead = match (stream.stored.get(&seq), stream.holes.get(&seq)) {
        (Some(stored), _) => match stored.msg {
            Some(other) => format!("message {other} is there instead"),
            None => "something else is there instead".to_owned(),
        },
        (None, Some((_, code))) => format!("it cannot be had ({code})"),
        (None, None) => "there is no such sequence".to_owned(),
    };
    let story = format!(
        "{name} acknowledged message {msg} as sequence {seq}, and {instead}: {}.",
        part(stream, msg)
    );
    let mut events = streams::events_of(sent);
    events.extend(stream.stored.get(&seq).map(|stored| stored.i));
    events.extend(stream.holes.get(&seq).map(|(i, _)| *i));
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::FaultKind;

    const ID: &str = "no_acked_loss";

    /// Three messages are acknowledged as 1, 2 and 3; some of them are read back.
    fn read_back(config: &str, there: &[u64], change: impl FnOnce(&mut Script)) -> Script {
        let mut s = Script::running();
        s.stream("S", EAST_1, config);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for seq in 1..=3 {
            let msg = s.store(client, 0, "s.1");
            s.acked(msg, seq);
        }
        change(&mut s);
        s.at(9_000);
        s.state(0, there.len() as u64, *there.iter().min().unwrap_or(&4), 3);
        for seq in there {
            s.stored(0, *seq, client, *seq as u32, "s.1");
        }
        s.audited(0);
        s
    }

    #[test]
    fn holds_if_all_is_there() {
        read_back("{}", &[1, 2, 3], |_| {}).judge(ID).held(3);
    }

    #[test]
    fn breaks_if_something_is_missing_and_says_where() {
        for (there, part) in [([1, 3], "(middle)"), ([2, 3], "(prefix)"), ([1, 2], "(postfix)")] {
            let judged = read_back("{}", &there, |_| {}).judge(ID);
            let story = judged.broke(9_000);
            assert!(story.contains(part), "{story}");
        }
    }

    #[test]
    fn what_a_limit_takes_is_not_lost_and_what_it_does_not_is() {
        for (config, broken) in [
            (r#"{"max_msgs":2}"#, 0),
            (r#"{"max_msgs":3}"#, 1),
            (r#"{"max_msgs":2,"discard":"new"}"#, 1),
            (r#"{"max_msgs_per_subject":2}"#, 0),
            (r#"{"max_msgs_per_subject":3}"#, 1),
            (r#"{"max_age":5000000000}"#, 0),
            (r#"{"max_age":50000000000}"#, 1),
        ] {
            let judged = read_back(config, &[2, 3], |_| {}).judge(ID);
            assert_eq!(judged.findings.broken, broken, "{config}");
            assert_eq!(judged.findings.checked, 2 + broken, "{config}");
        }
    }

    #[test]
    fn what_may_be_forgotten_is_excused_and_nothing_else_is() {
        let power = |s: &mut Script| {
            s.at(2_500).fault(FaultKind::PowerLoss, true, vec![EAST_1], Vec::new());
        };
        assert_eq!(read_back("{}", &[1, 2], power).judge(ID).findings.broken, 1);
        let lazy = |s: &mut Script| {
            s.history.header.streams[0].sync_ns = 1_000_000_000;
            power(s);
        };
        let judged = read_back("{}", &[1, 2], lazy).judge(ID);
        assert_eq!((judged.findings.broken, judged.findings.excused), (0, 1));
        let lie = |s: &mut Script| s.disk_fault("disk what=lying_sync", EAST_1);
        assert_eq!(read_back("{}", &[1, 2], lie).judge(ID).findings.broken, 0);
        let rot = |s: &mut Script| s.disk_fault("disk what=bit_rot times=1", EAST_1);
        assert_eq!(read_back("{}", &[1, 3], rot).judge(ID).findings.broken, 0);
        let full = |s: &mut Script| s.disk_fault("disk what=full free=0", EAST_1);
        assert_eq!(read_back("{}", &[1, 2], full).judge(ID).findings.broken, 1);
    }

    #[test]
    fn another_message_at_its_place_is_a_loss_too() {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        let client = s.client("pub/1", EAST_1);
        let msg = s.at(2_000).store(client, 0, "s.1");
        s.acked(msg, 1);
        s.at(9_000).state(0, 1, 1, 1);
        s.stored(0, 1, client, 7, "s.1");
        s.audited(0);
        assert!(s.judge(ID).broke(9_000).contains("message 0.0.7 is there instead"));
    }
}
