//! K9: how many messages a consumer says it has still to deliver is how many there are.
//!
//! Two witnesses. Each delivery says how many follow: not fewer than the messages behind it of which
//! publishers had heard before the delivery can have been sent, while nothing is wrong that would keep it
//! on its way for longer than anything takes. And when a stream has been read back, in the end, what its
//! consumers say is counted.
//!
//! Only consumers that began with the first message are looked at, and streams whose messages stay until
//! they have been delivered: what goes by age or by a limit need not be delivered.

use super::outcome::Pen;
use super::scope::Scope;
use super::settled::delivery_bound_ns;
use super::streams::{self, Streams};
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{ConsumerState, Kind, StreamEvent};
use crate::ids::{ClientId, ConsumerNo};

/// Of deliveries with more behind them than this, one of so many is looked at: each takes time in
/// proportion to what is behind it.
const FEW: u64 = 16;

pub(super) struct NumPending {
    scope: Scope,
    way_ns: u64,
}

/// A delivery.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    client: ClientId,
    consumer: ConsumerNo,
    seq: u64,
    pending: u64,
}

impl NumPending {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone(), way_ns: delivery_bound_ns(params.header) }
    }

    /// A message is given out for the first time, and the consumer says how many follow.
    fn given(&self, view: &View<'_>, delivery: Delivery, pen: &mut Pen<'_>) {
        let Delivery { client, consumer: no, seq, pending } = delivery;
        if pending > FEW && seq % FEW != 0 || !all_are_delivered(view, no) {
            return;
        }
        if may_have_forgotten(&view.streams, no) {
            return pen.excused();
        }
        let Some(sent_t) = pen.t.checked_sub(self.way_ns) else { return };
        let quiet = view.network.quiet_since().is_some_and(|since| since <= sent_t);
        let conn = view.current_conn(client).is_some_and(|conn| view.access_was_free(conn));
        if !quiet || !conn || view.history.header.clients[client.0 as usize].slow {
            return;
        }
        let consumer = view.streams.consumer(no);
        let acked = view.streams.stream(consumer.stream).acked.range(seq + 1..);
        let behind = acked.filter(|(_, msg)| {
            let sent = view.streams.sent.get(msg);
            sent.is_some_and(|sent| {
                sent.acks.first().is_some_and(|acked| acked.t < sent_t)
                    && !consumer.given.contains_key(&sent.acks[0].seq)
                    && Streams::takes(view, consumer, sent.subject)
            })
        });
        let behind = behind.take(pending as usize + 1).count() as u64;
        if behind <= pending {
            return pen.held();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::consumer_name(view, no);
            let story = format!(
                "Consumer {name} gave out sequence {seq} and said that {pending} follow, when at least \
                    {behind} that are for it had been stored behind it."
            );
            (story, vec![i])
        });
    }

    /// In the end a consumer says how many it has still to deliver.
    fn looked_at(&self, view: &View<'_>, state: ConsumerState, pen: &mut Pen<'_>) {
        let no = state.consumer;
        let consumer = view.streams.consumer(no);
        let stream = view.streams.stream(consumer.stream);
        let Some((audited_i, _)) = stream.audited.filter(|_| all_are_delivered(view, no)) else {
            return;
        };
        if may_have_forgotten(&view.streams, no) {
            return pen.excused();
        }
        let left = stream.stored.range(state.delivered_stream + 1..);
        let left =
            left.filter(|(_, stored)| Streams::takes(view, consumer, stored.subject)).count();
        if left as u64 == state.pending {
            return pen.held();
        }
        let i = pen.i;
        pen.broken(view, || {
            let name = streams::consumer_name(view, no);
            let story = format!(
                "Consumer {name} has delivered up to sequence {} and says that {} are left, when {left} are.",
                state.delivered_stream, state.pending
            );
            (story, vec![audited_i, i])
        });
    }
}

/// Whether everything that a stream has ever stored for a consumer is delivered by it at some time.
fn all_are_delivered(view: &View<'_>, no: ConsumerNo) -> bool {
    let consumer = view.streams.consumer(no);
    let rules = &view.streams.stream(consumer.stream).rules;
    let copied = rules.mirror.is_some() || !rules.sources.is_empty();
    consumer.rules.from_start && !copied && rules.takes_nothing_away()
}

fn may_have_forgotten(streams: &Streams, no: ConsumerNo) -> bool {
    let consumer = streams.consumer(no);
    let node = streams.stream(consumer.stream).node;
    let machine = streams.machine(node);
    streams.may_have_forgotten(consumer.stream)
        || machine.damaged.is_some()
        || consumer.rules.memory && !machine.down.is_empty()
}

impl Checker for NumPending {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams]
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only what consumers say counts")]
    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Kind::Stream(event) = &view.history.events[pen.i].kind else { return };
        let Some(no) = event.consumer() else { return };
        if !self.scope.covers_stream(view, view.streams.consumer(no).stream) {
            return;
        }
        match **event {
            StreamEvent::Given { client, consumer, seq, times: 1, pending, .. } => {
                self.given(view, Delivery { client, consumer, seq, pending }, pen);
            }
            StreamEvent::ConsumerState(state) => self.looked_at(view, state, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::ConsumerState;
    use crate::ids::ClientId;

    const ID: &str = "num_pending";

    /// Three messages are stored, one of them not for the consumer.
    fn stored(config: &str) -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, config);
        s.consumer("w", 0, r#"{"ack_policy":"explicit","filter_subject":"s.*"}"#);
        let client = s.client("checkout/1", EAST_1);
        for (seq, subject) in [(1, "s.1"), (2, "t.1"), (3, "s.2")] {
            let msg = s.store(client, 0, subject);
            s.acked(msg, seq);
        }
        s.at(20_000);
        (s, client)
    }

    #[test]
    fn a_delivery_says_how_many_follow() {
        for (config, pending, broken) in [
            ("{}", 1, 0),
            ("{}", 0, 1),
            ("{}", 7, 0),
            (r#"{"max_age":5}"#, 0, 0),
            (r#"{"max_msgs":5}"#, 0, 0),
        ] {
            let (mut s, client) = stored(config);
            s.given_before(client, 0, 1, pending);
            assert_eq!(s.judge(ID).findings.broken, broken, "{config} {pending}");
        }
    }

    #[test]
    fn what_was_stored_just_now_need_not_be_counted() {
        let (mut s, client) = stored("{}");
        let msg = s.store(client, 0, "s.3");
        s.acked(msg, 4);
        s.given_before(client, 0, 1, 1);
        s.judge(ID).held(1);
    }

    #[test]
    fn in_the_end_it_is_counted() {
        for (delivered_stream, pending, broken) in [(1, 1, 0), (3, 0, 0), (1, 2, 1), (3, 1, 1)] {
            let (mut s, client) = stored("{}");
            for (seq, number, subject) in [(1, 1, "s.1"), (2, 2, "t.1"), (3, 3, "s.2")] {
                s.stored(0, seq, client, number, subject);
            }
            s.audited(0);
            let state = ConsumerState { delivered_stream, pending, ..ConsumerState::default() };
            s.consumer_state(state);
            assert_eq!(s.judge(ID).findings.broken, broken, "{delivered_stream} {pending}");
        }
    }
}
