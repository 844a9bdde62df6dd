//! R2d: a mirror is at any time the beginning of its origin.
//!
//! What is seen of a mirror while the run lasts (its state, and the messages that its consumers give
//! out) is compared with what its origin holds when everything is read back. While both keep all,
//! whatever the mirror says that it holds up to its last sequence is as much as the origin holds up to
//! there.

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Stored, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, Phase, StreamEvent, StreamState};
use crate::ids::StreamNo;

/// A message that a consumer of a mirror gave out.
struct Given {
    stream: StreamNo,
    seq: u64,
    stored: Stored,
}

pub(super) struct MirrorIsPrefix {
    scope: Scope,
    looks: Vec<(usize, u64, StreamState)>,
    given: Vec<Given>,
}

impl MirrorIsPrefix {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), looks: Vec::new(), given: Vec::new() }
    }

    fn see(&mut self, view: &View<'_>, event: &StreamEvent, pen: &Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about what is there")]
        match *event {
            StreamEvent::State(state) if self.wants(view, state.stream) => {
                self.looks.push((pen.i, pen.t, state));
            }
            StreamEvent::Given { consumer, seq, subject, msg, size, hash, .. } => {
                let stream = view.streams.consumer(consumer).stream;
                if self.wants(view, stream) {
                    let stored = Stored { i: pen.i, subject, msg, size, hash };
                    self.given.push(Given { stream, seq, stored });
                }
            }
            _ => {}
        }
    }

    fn wants(&self, view: &View<'_>, stream: StreamNo) -> bool {
        view.streams.stream(stream).rules.mirror.is_some() && self.scope.covers_stream(view, stream)
    }

    fn judge(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        for (i, t, state) in &self.looks {
            let Some((no, origin)) = origin_of(view, state.stream) else { continue };
            let here = view.streams.stream(state.stream);
            let keeps_all = here.rules.keeps_all() && origin.rules.keeps_all();
            let held = origin.stored.range(..=state.last).count() as u64;
            let last = origin.state.map_or(0, |(_, _, state)| state.last);
            let wrong = if state.last > last {
                format!("it is at sequence {}, and {last} is the last there ever was", state.last)
            } else if keeps_all && state.messages != held {
                format!(
                    "it holds {} messages up to sequence {}, and there are {held}",
                    state.messages, state.last
                )
            } else {
                pen.held();
                continue;
            };
            if view.streams.may_have_forgotten(no)
                || view.streams.may_forget(state.stream, (state.asked, *t))
            {
                pen.excused();
            } else {
                pen.broken(view, || (tell(view, state.stream, no, &wrong), vec![*i]));
            }
        }
        for given in &self.given {
            let Some((no, origin)) = origin_of(view, given.stream) else { continue };
            let Some(there) = origin.stored.get(&given.seq) else {
                // A limit of the origin has taken it, or nobody knows it there.
                if origin.rules.keeps_all() && !view.streams.may_have_forgotten(no) {
                    let wrong = format!("sequence {} is not there", given.seq);
                    let events = vec![given.stored.i];
                    pen.broken(view, || (tell(view, given.stream, no, &wrong), events));
                }
                continue;
            };
            let of = |it: &Stored| (it.subject, it.msg, it.size, it.hash);
            if of(&given.stored) == of(there) {
                pen.held();
            } else if view.streams.may_have_forgotten(no) {
                pen.excused();
            } else {
                let wrong = format!("sequence {} is another message there", given.seq);
                let events = vec![given.stored.i, there.i];
                pen.broken(view, || (tell(view, given.stream, no, &wrong), events));
            }
        }
    }
}

fn tell(view: &View<'_>, mirror: StreamNo, origin: StreamNo, what: &str) -> String {
    let (name, of) = (streams::name_of(view, mirror), streams::name_of(view, origin));
    format!("{name} is not the beginning of {of}: {what}.")
}

/// The origin of a mirror, if it was read back.
fn origin_of<'v>(view: &'v View<'_>, mirror: StreamNo) -> Option<(StreamNo, &'v Stream)> {
    let name = view.streams.stream(mirror).rules.mirror.as_deref()?;
    let at = view.history.header.streams.iter().position(|stream| stream.name == name)?;
    let no = u16::try_from(at).ok().map(StreamNo)?;
    let origin = view.streams.stream(no);
    origin.audited.is_some().then_some((no, origin))
}

impl Checker for MirrorIsPrefix {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest does not concern copies")]
        match &view.history.events[pen.i].kind {
            Kind::Phase { phase: Phase::Drain } => self.judge(view, pen),
            Kind::Stream(event) => self.see(view, event, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::Phase;

    const ID: &str = "mirror_is_prefix";

    /// An origin with two messages; a mirror that says it has so many up to that sequence.
    fn judged(messages: u64, last: u64) -> u64 {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        s.stream("C", WEST_1, r#"{"mirror":{"name":"S"}}"#);
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        for seq in [1, 2] {
            let msg = s.store(client, 0, "s.1");
            s.acked(msg, seq);
        }
        s.state(1, messages, 1, last);
        s.state(0, 2, 1, 2);
        for seq in [1, 2] {
            s.stored(0, seq, client, seq as u32, "s.1");
        }
        s.audited(0);
        s.phase(Phase::Drain);
        s.judge(ID).findings.broken
    }

    #[test]
    fn a_mirror_has_all_up_to_its_end_and_no_more() {
        assert_eq!(judged(0, 0), 0);
        assert_eq!(judged(1, 1), 0);
        assert_eq!(judged(2, 2), 0);
        assert_eq!(judged(1, 2), 1, "one is left out");
        assert_eq!(judged(3, 3), 1, "one is too many");
    }
}
