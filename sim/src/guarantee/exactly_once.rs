//! S4, S8: what a stream holds was sent, as it was sent, and once.
//!
//! A message that says who it is (`Nats-Msg-Id`) is there at most once, if all of its attempts fall into
//! the window in which the stream remembers ids; one that does not is there at most as often as it was
//! sent. A second acknowledgement names the sequence of the first. What the server has refused each
//! time is not there. That damage to files changes nothing is the business of `damage_is_not_served`.

use std::collections::BTreeMap;

use super::outcome::Pen;
use super::scope::Scope;
use super::streams::{self, Sent, Stream};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Kind, StreamEvent};
use crate::ids::{MsgId, StreamNo};

pub(super) struct ExactlyOnce {
    scope: Scope,
}

impl ExactlyOnce {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }

    /// A message that was acknowledged before is where it was.
    fn again(&self, view: &View<'_>, msg: MsgId, seq: u64, pen: &mut Pen<'_>) {
        let Some(sent) = view.streams.sent.get(&msg) else { return };
        let Some(first) = sent.acks.first().filter(|_| sent.acks.len() > 1) else { return };
        if !self.scope.covers_stream(view, sent.stream) || !in_window(view, sent) {
            return;
        }
        if first.seq == seq {
            pen.held();
        } else if view.streams.may_forget(sent.stream, sent.said(first)) {
            pen.excused();
        } else {
            pen.broken(view, || {
                let name = streams::name_of(view, sent.stream);
                let story = format!(
                    "{name} acknowledged message {msg} as sequence {}, and again as {seq}.",
                    first.seq
                );
                (story, streams::events_of(sent))
            });
        }
    }

    fn audit(&self, view: &View<'_>, no: StreamNo, stream: &Stream, pen: &mut Pen<'_>) {
        let mut places: BTreeMap<MsgId, Vec<u64>> = BTreeMap::new();
        for (seq, stored) in &stream.stored {
            if let Some(msg) = stored.msg {
                places.entry(msg).or_default().push(*seq);
            }
        }
        let foreign = stream.rules.mirror.is_some() || !stream.rules.sources.is_empty();
        for (msg, seqs) in &places {
            let damaged = view.streams.machine(stream.node).damaged.is_some();
            let Some(sent) = view.streams.sent.get(msg) else {
                // That is the business of `damage_is_not_served`.
                if damaged {
                    pen.excused();
                    continue;
                }
                let at: Vec<usize> = seqs.iter().map(|seq| stream.stored[seq].i).collect();
                let name = streams::name_of(view, no);
                let story = format!("{name} holds message {msg}, which nobody has sent.");
                pen.broken(view, || (story, at));
                continue;
            };
            if !foreign || sent.stream == no {
                self.judge(view, no, stream, (*msg, sent, seqs), pen);
            }
        }
    }

    fn judge(
        &self,
        view: &View<'_>,
        no: StreamNo,
        stream: &Stream,
        (msg, sent, seqs): (MsgId, &Sent, &[u64]),
        pen: &mut Pen<'_>,
    ) {
        let definite = sent.attempts.len() as u64 - u64::from(sent.refused);
        let most = if sent.id && in_window(view, sent) { definite.min(1) } else { definite };
        let name = || streams::name_of(view, no);
        let altered = seqs.iter().find(|seq| {
            let stored = &stream.stored[*seq];
            (stored.subject, stored.size, stored.hash) != (sent.subject, sent.size, sent.hash)
        });
        let wrong = if sent.stream != no {
            Some(format!("{} holds message {msg}, which was sent to another stream.", name()))
        } else if let Some(seq) = altered {
            Some(format!("{} holds message {msg} at {seq}, and not as it was sent.", name()))
        } else if seqs.len() as u64 > most {
            let places: Vec<String> = seqs.iter().map(u64::to_string).collect();
            let times = if most == 0 { "was refused each time" } else { "is there too often" };
            Some(format!("Message {msg} {times}: {} holds it at {}.", name(), places.join(", ")))
        } else {
            None
        };
        match wrong {
            None => pen.held(),
            Some(_) if altered.is_none() && view.streams.may_have_forgotten(no) => pen.excused(),
            Some(_) if altered.is_some() && view.streams.machine(stream.node).damaged.is_some() => {
                pen.excused();
            }
            Some(story) => pen.broken(view, || {
                let mut events = streams::events_of(sent);
                events.extend(seqs.iter().map(|seq| stream.stored[seq].i));
                (story, events)
            }),
        }
    }
}

/// Whether the stream must remember a message over all of its attempts.
fn in_window(view: &View<'_>, sent: &Sent) -> bool {
    let stream = view.streams.stream(sent.stream);
    let window = stream.rules.duplicates_ns;
    // A clock that is put forward ends the window of all that came before.
    let jumps = &view.streams.machine(stream.node).clock_wrong;
    match (sent.attempts.first(), sent.attempts.last()) {
        (Some((_, first)), Some((_, last))) => {
            sent.id && last - first < window / 2 && !jumps.iter().any(|t| *t <= *last)
        }
        (None, _) | (_, None) => false,
    }
}

impl Checker for ExactlyOnce {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        if let Kind::Stream(event) = &view.history.events[pen.i].kind
            && let StreamEvent::Acked { msg, seq, .. } = **event
        {
            self.again(view, msg, seq, pen);
        }
        if let Some((no, stream)) = streams::audited_now(view, &self.scope, pen) {
            self.audit(view, no, stream, pen);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::ids::ClientId;

    const ID: &str = "exactly_once";

    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        let client = s.client("pub/1", EAST_1);
        s.at(2_000);
        (s, client)
    }

    #[test]
    fn holds_if_each_is_there_once_however_often_it_was_sent() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.store_again(msg);
        s.acked(msg, 3);
        s.acked(msg, 3);
        s.stored(0, 3, client, 1, "s.1");
        s.audited(0);
        s.judge(ID).held(2);
    }

    #[test]
    fn breaks_if_one_is_there_twice() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.store_again(msg);
        for seq in [3, 4] {
            s.stored(0, seq, client, 1, "s.1");
        }
        s.at(3_000).audited(0);
        let told = "Message 0.0.1 is there too often: S holds it at 3, 4.";
        assert_eq!(s.judge(ID).broke(3_000), told);
    }

    #[test]
    fn breaks_if_it_is_acknowledged_at_two_places() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.store_again(msg);
        s.acked(msg, 3);
        s.at(3_000).acked(msg, 4);
        s.judge(ID).broke(3_000);
    }

    #[test]
    fn breaks_if_it_was_refused_or_never_sent_or_is_another() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.refused(msg, 503);
        s.stored(0, 3, client, 1, "s.1");
        s.at(3_000).audited(0);
        assert!(s.judge(ID).broke(3_000).contains("was refused each time"));

        let (mut s, client) = script();
        s.stored(0, 3, client, 5, "s.1");
        s.at(3_000).audited(0);
        assert!(s.judge(ID).broke(3_000).contains("which nobody has sent"));

        let (mut s, client) = script();
        s.store(client, 0, "s.1");
        s.stored(0, 3, client, 1, "s.2");
        s.at(3_000).audited(0);
        assert!(s.judge(ID).broke(3_000).contains("not as it was sent"));
    }

    #[test]
    fn beyond_the_window_it_may_be_there_again() {
        let (mut s, client) = script();
        let msg = s.store(client, 0, "s.1");
        s.at(200_000).store_again(msg);
        for seq in [3, 4] {
            s.stored(0, seq, client, 1, "s.1");
        }
        s.audited(0);
        s.judge(ID).held(1);
    }
}
