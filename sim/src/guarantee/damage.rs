//! S11, S12, S13: what becomes of a stream when its files were damaged.
//!
//! Three guarantees look at what was acknowledged on a node whose files were damaged, which are excused
//! in `no_acked_loss` and `exactly_once`: `damage_is_not_served` that nothing is given out that is not what
//! was sent, `damage_is_reported` that what is missing is said to be missing, and `undamaged_is_served`
//! that no more is missing than was damaged.
//!
//! Nobody but the disk knows what was where, so the last one asks for what is certain: a bit that is
//! another belongs to one message at most, and what was sent to a process that was started after the
//! last damage was written behind it. Only where very many bits are others, everything that says what
//! a stream is may be among them, and then all of it is lost.

use super::no_acked_loss::{is_taken, tell};
use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Acked, Sent, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, StreamEvent, Sym};
use crate::ids::{MsgId, StreamNo};

/// So many bits may have hit each of the records that say what a stream is.
const MANY_BITS: u64 = 100;

/// What is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Served,
    Reported,
    Rest,
}

pub(super) struct DamagedStreams {
    scope: Scope,
    what: What,
}

/// How it stands with a message that was acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    There,
    /// Something else is at its place.
    Other,
    /// It is gone, and the node has said so.
    Reported,
    /// It is gone, and nothing was said.
    Silent,
    /// It may be gone for other reasons.
    Excused,
}

impl DamagedStreams {
    pub(super) fn served(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), what: What::Served }
    }

    pub(super) fn reported(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), what: What::Reported }
    }

    pub(super) fn rest(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), what: What::Rest }
    }

    fn audit(&self, view: &View<'_>, no: StreamNo, stream: &Stream, pen: &mut Pen<'_>) {
        if stream.rules.mirror.is_some() {
            return;
        }
        let mut lost = Vec::new();
        for (msg, sent, acked) in streams::acked_of(&view.streams, no) {
            let standing = standing(view, no, stream, (msg, sent, acked), pen.t);
            match (self.what, standing) {
                (_, Standing::Excused) => pen.excused(),
                (What::Served, Standing::Other) | (What::Reported, Standing::Silent) => {
                    pen.broken(view, || tell(view, no, msg, sent, acked));
                }
                (What::Rest, Standing::Reported) => lost.push((msg, sent, acked)),
                (_, Standing::There) | (What::Reported, Standing::Reported) => pen.held(),
                (What::Served | What::Rest, Standing::Silent)
                | (What::Reported | What::Rest, Standing::Other)
                | (What::Served, Standing::Reported) => {}
            }
        }
        if self.what == What::Rest {
            rest(view, no, stream, &lost, pen);
        }
    }

    /// What is given out is what was sent.
    fn given(
        &self,
        view: &View<'_>,
        no: StreamNo,
        msg: MsgId,
        content: (Sym, u32, u64),
        pen: &mut Pen<'_>,
    ) {
        if !self.is_damaged(view, no) {
            return;
        }
        let sent = view.streams.sent.get(&msg);
        // What a counter holds is not what was added to it.
        if sent.is_some_and(|sent| sent.add.is_some()) {
            return;
        }
        if sent.is_some_and(|sent| (sent.subject, sent.size, sent.hash) == content) {
            return pen.held();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::name_of(view, no);
            let known = sent.map_or("which nobody has sent", |_| "and not as it was sent");
            let story =
                format!("{name}, whose files were damaged, gives out message {msg}, {known}.");
            (story, sent.into_iter().flat_map(streams::events_of).chain([i]).collect())
        });
    }

    fn is_damaged(&self, view: &View<'_>, no: StreamNo) -> bool {
        let node = view.streams.stream(no).node;
        self.scope.covers_stream(view, no) && view.streams.machine(node).damaged.is_some()
    }
}

impl Checker for DamagedStreams {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Kind::Stream(event) = &view.history.events[pen.i].kind else { return };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest gives nothing out")]
        match **event {
            StreamEvent::Given { consumer, subject, msg: Some(msg), size, hash, .. }
                if self.what == What::Served =>
            {
                let no = view.streams.consumer(consumer).stream;
                self.given(view, no, msg, (subject, size, hash), pen);
            }
            StreamEvent::Stored { stream, subject, msg: Some(msg), size, hash, .. }
                if self.what == What::Served =>
            {
                self.given(view, stream, msg, (subject, size, hash), pen);
            }
            StreamEvent::Audited { stream } if self.is_damaged(view, stream) => {
                self.audit(view, stream, view.streams.stream(stream), pen);
            }
            _ => {}
        }
    }
}

fn standing(
    view: &View<'_>,
    no: StreamNo,
    stream: &Stream,
    (msg, sent, acked): (MsgId, &Sent, Acked),
    now: u64,
) -> Standing {
    let found = stream.stored.get(&acked.seq);
    let is_it =
        |stored: &streams::Stored| stored.msg == Some(msg) || sent.delete && stored.msg.is_none();
    let reported =
        view.streams.is_reported_lost(no, acked.seq) || view.streams.may_have_vanished(no, acked.t);
    if found.is_some_and(is_it) {
        Standing::There
    } else if found.is_none() && is_taken(view, stream, sent, acked, now)
        || view.streams.may_forget(no, sent.said(&acked))
    {
        Standing::Excused
    } else if reported {
        Standing::Reported
    } else if found.is_some() {
        Standing::Other
    } else {
        Standing::Silent
    }
}

/// No more is lost than was damaged.
fn rest(
    view: &View<'_>,
    no: StreamNo,
    stream: &Stream,
    lost: &[(MsgId, &Sent, Acked)],
    pen: &mut Pen<'_>,
) {
    let machine = view.streams.machine(stream.node);
    let last_t = machine.damages.last().map_or(0, |(t, _)| *t);
    let started_anew = machine.down.iter().copied().find(|t| *t > last_t);
    let later = |(_, sent, acked): &&(MsgId, &Sent, Acked)| {
        started_anew.is_some_and(|t| sent.said(acked).0 > t)
    };
    if let Some((msg, sent, acked)) = lost.iter().find(later) {
        pen.broken(view, || tell(view, no, *msg, sent, *acked));
        return;
    }
    // Without any record of what it is, nothing of a stream can be served.
    let unknown = stream.damage.contains(&(0, u64::MAX));
    let bits: Option<u64> = machine.damages.iter().map(|(_, bits)| *bits).sum();
    let Some(bits) = bits.filter(|bits| (lost.len() as u64) > *bits) else {
        return lost.iter().for_each(|_| pen.held());
    };
    if unknown && bits >= MANY_BITS {
        return lost.iter().for_each(|_| pen.excused());
    }
    pen.broken(view, || {
        let story = format!(
            "{} has lost {} messages that it had acknowledged, and only {bits} bits of its files were \
                damaged.",
            streams::name_of(view, no),
            lost.len(),
        );
        let of = lost.iter().take(4).flat_map(|(_, sent, _)| streams::events_of(sent));
        (story, of.collect())
    });
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{NodeDownHow, StreamEvent};
    use crate::ids::{ClientId, StreamNo};

    const SERVED: &str = "damage_is_not_served";
    const REPORTED: &str = "damage_is_reported";
    const REST: &str = "undamaged_is_served";

    /// Four messages are acknowledged as 1 to 4, then two bits of the files are others.
    fn rotten() -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for seq in 1..=4 {
            let msg = s.store(client, 0, "s.1");
            s.acked(msg, seq);
        }
        s.at(3_000).disk_fault("disk what=bit_rot times=2", EAST_1);
        (s, client)
    }

    /// Some of them are read back.
    fn audited(s: &mut Script, client: ClientId, there: &[u32]) {
        s.at(9_000).state(0, there.len() as u64, 1, 4);
        for seq in there {
            s.stored(0, (*seq).into(), client, *seq, "s.1");
        }
        s.audited(0);
    }

    /// How often each of the three was broken.
    fn broken(s: &Script) -> [u64; 3] {
        [SERVED, REPORTED, REST].map(|id| s.clone().judge(id).findings.broken)
    }

    #[test]
    fn all_hold_if_what_was_damaged_is_missing_and_reported() {
        let (mut s, client) = rotten();
        s.damaged(0, 2, 3);
        audited(&mut s, client, &[1, 4]);
        assert_eq!(broken(&s), [0, 0, 0]);
        s.clone().judge(REPORTED).held(4);
        s.judge(REST).held(4);
    }

    #[test]
    fn silence_is_found_by_one_and_too_much_by_another() {
        let (mut s, client) = rotten();
        s.damaged(0, 2, 2);
        audited(&mut s, client, &[1, 4]);
        assert_eq!(broken(&s), [0, 1, 0]);

        let (mut s, client) = rotten();
        s.damaged(0, 2, 4);
        audited(&mut s, client, &[1]);
        assert_eq!(broken(&s), [0, 0, 1]);
        assert!(s.judge(REST).broke(9_000).contains("has lost 3 messages"));
    }

    #[test]
    fn another_message_or_other_content_is_served() {
        let (mut s, client) = rotten();
        s.at(9_000).state(0, 4, 1, 4);
        for (seq, msg) in [(1, 1), (2, 4), (3, 3), (4, 4)] {
            s.stored(0, seq, client, msg, "s.1");
        }
        s.audited(0);
        assert_eq!(broken(&s), [1, 0, 0]);

        let (mut s, client) = rotten();
        s.at(9_000).state(0, 4, 1, 4);
        s.stored(0, 1, client, 1, "s.2");
        assert!(s.judge(SERVED).broke(9_000).ends_with("and not as it was sent."));
    }

    #[test]
    fn what_was_sent_to_a_process_after_the_damage_is_not_lost_by_it() {
        for cut in [true, false] {
            let (mut s, client) = rotten();
            s.disk_fault("disk what=truncate times=1", EAST_1);
            if cut {
                s.at(4_000).node_down(EAST_1, NodeDownHow::Killed);
                s.at(4_500).node_up(EAST_1, 2);
            }
            let msg = s.at(5_000).store(client, 0, "s.1");
            s.acked(msg, 5);
            s.damaged(0, 2, 5);
            audited(&mut s, client, &[1]);
            assert_eq!(broken(&s), [0, 0, u64::from(cut)]);
        }
    }

    #[test]
    fn a_stream_whose_last_file_is_gone_has_vanished_when_it_is_started_without() {
        for while_down in [false, true] {
            let mut s = Script::running();
            s.stream("S", EAST_1, "{}");
            let client = s.client("pub/1", EAST_1);
            let stored = |s: &mut Script, t: u64, seq| {
                let msg = s.at(t).store(client, 0, "s.1");
                s.acked(msg, seq);
            };
            stored(&mut s, 2_000, 1);
            s.disk_fault("disk what=lost_file times=1", EAST_1);
            let hidden = StreamEvent::Vanished { stream: StreamNo(0) };
            if while_down {
                s.at(2_500).node_down(EAST_1, NodeDownHow::Killed);
                s.at(2_600).stream_event(hidden);
            } else {
                s.at(2_100).stream_event(hidden);
                stored(&mut s, 2_200, 2);
                s.at(2_500).node_down(EAST_1, NodeDownHow::Killed);
            }
            s.at(3_000).node_up(EAST_1, 2);
            let before = if while_down { 1 } else { 2 };
            // Of what came later there is no excuse.
            stored(&mut s, 4_000, 3);
            s.at(9_000).state(0, 0, 4, 3);
            s.audited(0);
            let findings = s.judge("damage_is_reported").findings;
            assert_eq!((findings.checked - findings.broken, findings.broken), (before, 1));
        }
    }
}
