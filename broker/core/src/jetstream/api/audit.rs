//! `$JS.EVENT.ADVISORY.API`: every request and its answer, for whoever wants to know.

use alloc::string::{String, ToString};

use causeway_wire::jetstream::advisory::{Advisory, ApiAudit, ClientInfo};
use causeway_wire::jetstream::{Nanos, Time};

use crate::ids::AccountId;
use crate::jetstream::advisory;
use crate::jetstream::turn::{Incoming, Turn};
use crate::link::Link;

/// Tells of a request, if somebody listens.
pub(super) fn publish(
    turn: &mut Turn<'_>,
    account: AccountId,
    domain: Option<&str>,
    incoming: &Incoming<'_>,
    answer: &[u8],
) {
    let empty = ApiAudit::default();
    if !turn.has_interest(account, empty.subject().as_bytes()) {
        return;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let audit = ApiAudit {
        server: turn.node.name.clone(),
        client: incoming.client.and_then(|slot| client_info(turn, account, slot)),
        subject: text(incoming.subject),
        request: text(incoming.payload),
        response: text(answer),
        domain: domain.unwrap_or_default().into(),
    };
    advisory::publish(turn, account, &audit);
}

/// What is told about a client.
fn client_info(turn: &Turn<'_>, account: AccountId, slot: u32) -> Option<ClientInfo> {
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
