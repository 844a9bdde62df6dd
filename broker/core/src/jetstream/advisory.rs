//! Advisories: what happened to streams and consumers, for whoever wants to know. One that nobody
//! listens to is not even written.

use alloc::string::String;

use causeway_wire::jetstream::advisory::{
    self, AckMetric, Action, ConsumerEvent, ConsumerPause, GroupPinned, GroupUnpinned, MaxDeliver,
    MsgNaked, MsgTerminated, StreamAction,
};
use causeway_wire::jetstream::{Nanos, Time};

use super::consumer::{Advisory, UnpinReason};
use super::turn::{Outgoing, Turn};
use crate::ids::AccountId;
use crate::rng;

/// Characters of the id of an advisory (a nuid).
const ID_CHARS: usize = 22;

/// Where something happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) account: AccountId,
    pub(super) stream: &'a str,
    pub(super) domain: &'a str,
}

/// Publishes an advisory, if somebody listens.
pub(super) fn publish<A: advisory::Advisory>(turn: &mut Turn<'_>, account: AccountId, what: &A) {
    let subject = what.subject();
    if !turn.has_interest(account, subject.as_bytes()) {
        return;
    }
    let id = turn.node.rng.name(rng::Stream::Advisories, ID_CHARS);
    let json = advisory::advisory(what, &id, Time::from_nanos(turn.now.wall.0));
    let (to, payload) = (subject.as_bytes(), &json[..]);
    turn.publish(account, &Outgoing { to, payload, ..Outgoing::default() });
}

/// A stream was created, changed or deleted.
pub(super) fn stream_action(turn: &mut Turn<'_>, place: Place<'_>, action: Action) {
    let (stream, domain) = (place.stream.into(), place.domain.into());
    publish(turn, place.account, &StreamAction { stream, action, domain });
}

/// A consumer was created or deleted.
pub(super) fn consumer_action(
    turn: &mut Turn<'_>,
    place: Place<'_>,
    consumer: &str,
    action: Action,
) {
    let (stream, domain) = (place.stream.into(), place.domain.into());
    let event = ConsumerEvent { stream, consumer: consumer.into(), action, domain };
    publish(turn, place.account, &event);
}

/// Something that a consumer tells.
pub(super) fn of_consumer(
    turn: &mut Turn<'_>,
    place: Place<'_>,
    consumer: &str,
    what: &Advisory<&[u8]>,
) {
    let (account, domain): (_, String) = (place.account, place.domain.into());
    let (stream, consumer): (String, String) = (place.stream.into(), consumer.into());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match *what {
        Advisory::MaxDeliveries { stream_seq, deliveries } => {
            publish(
                turn,
                account,
                &MaxDeliver { stream, consumer, stream_seq, deliveries, domain },
            );
        }
        Advisory::Naked(about) => publish(
            turn,
            account,
            &MsgNaked {
                stream,
                consumer,
                consumer_seq: about.consumer_seq,
                stream_seq: about.stream_seq,
                deliveries: about.deliveries,
                domain,
            },
        ),
        Advisory::Terminated { about, reason } => publish(
            turn,
            account,
            &MsgTerminated {
                stream,
                consumer,
                consumer_seq: about.consumer_seq,
                stream_seq: about.stream_seq,
                deliveries: about.deliveries,
                reason: text(reason),
                domain,
            },
        ),
        Advisory::Pinned { group, pin } => publish(
            turn,
            account,
            &GroupPinned {
                account: turn.node.accounts.get(account).name.clone(),
                stream,
                consumer,
                domain,
                group: text(group),
                pinned_id: text(pin),
            },
        ),
        Advisory::Unpinned { group, reason } => {
            let reason = match reason {
                UnpinReason::Admin => "admin",
                UnpinReason::Timeout => "timeout",
            };
            publish(
                turn,
                account,
                &GroupUnpinned {
                    account: turn.node.accounts.get(account).name.clone(),
                    stream,
                    consumer,
                    domain,
                    group: text(group),
                    reason: reason.into(),
                },
            );
        }
        Advisory::Pause { paused, until } => publish(
            turn,
            account,
            &ConsumerPause {
                stream,
                consumer,
                paused,
                pause_until: Time::from_nanos(until.0),
                domain,
            },
        ),
        Advisory::Acked { about, took } => publish(
            turn,
            account,
            &AckMetric {
                stream,
                consumer,
                consumer_seq: about.consumer_seq,
                stream_seq: about.stream_seq,
                ack_time: Nanos(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX)),
                deliveries: about.deliveries,
                domain,
            },
        ),
    }
}
