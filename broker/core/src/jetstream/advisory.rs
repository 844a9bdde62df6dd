//! Advisories: what happened to streams and consumers, for whoever wants to know. One that nobody
//! listens to is not even written.

use alloc::string::{String, ToString};

use causeway_wire::jetstream::advisory::{
    self, AckMetric, Action, ClientInfo, ConsumerEvent, ConsumerPause, GroupPinned, GroupUnpinned,
    MaxDeliver, MsgNaked, MsgTerminated, StreamAction,
};
use causeway_wire::jetstream::{Nanos, Time};

use super::consumer::{About, Advisory, UnpinReason};
use super::turn::{Outgoing, Turn};
use crate::ids::AccountId;
use crate::link::Link;
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
    match *what {
        Advisory::Pinned { group, pin } => pinned(turn, place, consumer, group, pin),
        Advisory::Unpinned { group, reason } => unpinned(turn, place, consumer, group, reason),
        Advisory::Pause { paused, until } => {
            let pause = ConsumerPause {
                stream: place.stream.into(),
                consumer: consumer.into(),
                paused,
                pause_until: until,
                domain: place.domain.into(),
            };
            publish(turn, place.account, &pause);
        }
        Advisory::MaxDeliveries { .. }
        | Advisory::Naked(_)
        | Advisory::Terminated { .. }
        | Advisory::Acked { .. } => of_delivery(turn, place, consumer, what),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What became of a delivery.
fn of_delivery(turn: &mut Turn<'_>, place: Place<'_>, consumer: &str, what: &Advisory<&[u8]>) {
    let (account, domain): (_, String) = (place.account, place.domain.into());
    let (stream, consumer): (String, String) = (place.stream.into(), consumer.into());
    match *what {
        Advisory::MaxDeliveries { stream_seq, deliveries } => {
            let most = MaxDeliver { stream, consumer, stream_seq, deliveries, domain };
            publish(turn, account, &most);
        }
        Advisory::Naked(About { consumer_seq, stream_seq, deliveries }) => {
            let naked = MsgNaked { stream, consumer, consumer_seq, stream_seq, deliveries, domain };
            publish(turn, account, &naked);
        }
        Advisory::Terminated { about, reason } => {
            let About { consumer_seq, stream_seq, deliveries } = about;
            let reason = text(reason);
            publish(
                turn,
                account,
                &MsgTerminated {
                    stream,
                    consumer,
                    consumer_seq,
                    stream_seq,
                    deliveries,
                    reason,
                    domain,
                },
            );
        }
        Advisory::Acked { about, took } => {
            let About { consumer_seq, stream_seq, deliveries } = about;
            let ack_time = Nanos(i64::try_from(took.as_nanos()).unwrap_or(i64::MAX));
            publish(
                turn,
                account,
                &AckMetric {
                    stream,
                    consumer,
                    consumer_seq,
                    stream_seq,
                    ack_time,
                    deliveries,
                    domain,
                },
            );
        }
        Advisory::Pinned { .. } | Advisory::Unpinned { .. } | Advisory::Pause { .. } => {}
    }
}

fn pinned(turn: &mut Turn<'_>, place: Place<'_>, consumer: &str, group: &[u8], pin: &[u8]) {
    let pinned = GroupPinned {
        account: turn.node.accounts.get(place.account).name.clone(),
        stream: place.stream.into(),
        consumer: consumer.into(),
        domain: place.domain.into(),
        group: text(group),
        pinned_id: text(pin),
    };
    publish(turn, place.account, &pinned);
}

fn unpinned(
    turn: &mut Turn<'_>,
    place: Place<'_>,
    consumer: &str,
    group: &[u8],
    reason: UnpinReason,
) {
    let reason = match reason {
        UnpinReason::Admin => "admin",
        UnpinReason::Timeout => "timeout",
    };
    let unpinned = GroupUnpinned {
        account: turn.node.accounts.get(place.account).name.clone(),
        stream: place.stream.into(),
        consumer: consumer.into(),
        domain: place.domain.into(),
        group: text(group),
        reason: reason.into(),
    };
    publish(turn, place.account, &unpinned);
}

/// What is told about a client.
pub(super) fn client_info(turn: &Turn<'_>, account: AccountId, slot: u32) -> Option<ClientInfo> {
    let link: &Link = turn.node.links.at(slot)?;
    let client = link.client()?;
    let rtt = link.keepalive.rtt.map_or(0, |(rtt, _)| i64::try_from(rtt.as_nanos()).unwrap_or(0));
    Some(ClientInfo {
        start: Some(Time::from_nanos(link.start.wall.0)),
        host: link.peer.ip().to_canonical().to_string(),
        id: link.cid,
        acc: turn.node.accounts.get(account).name.clone(),
        user: client.user.clone(),
        name: client.name.clone(),
        lang: client.lang.clone(),
        ver: client.version.clone(),
        rtt: Nanos(rtt),
        server: turn.node.name.clone(),
        cluster: turn.node.cluster_name().into(),
        kind: "Client".into(),
        client_type: "nats".into(),
        ..ClientInfo::default()
    })
}
