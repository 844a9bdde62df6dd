//! `$JS.EVENT.ADVISORY.API`: every request and its answer, for whoever wants to know.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::advisory::{Advisory, ApiAudit};

use super::Request;
use crate::ids::AccountId;
use crate::jetstream::advisory;
use crate::jetstream::turn::{Incoming, Turn};

/// A request that is answered later.
#[derive(Debug)]
pub(crate) struct Asked {
    client: Option<u32>,
    subject: Vec<u8>,
    payload: Vec<u8>,
}

/// Remembers a request, if somebody wants to know of it.
pub(super) fn remember(turn: &mut Turn<'_>, of: &Request<'_>) -> Option<Asked> {
    let wanted = turn.has_interest(of.account, ApiAudit::default().subject().as_bytes());
    wanted.then(|| Asked {
        client: of.client,
        subject: of.subject.to_vec(),
        payload: of.payload.to_vec(),
    })
}

impl Asked {
    /// It has been answered.
    pub(crate) fn answered(
        &self,
        turn: &mut Turn<'_>,
        account: AccountId,
        domain: &str,
        answer: &[u8],
    ) {
        let (client, subject, payload) = (self.client, &self.subject[..], &self.payload[..]);
        let incoming = Incoming { client, subject, shown: None, reply: None, header: &[], payload };
        publish(turn, account, Some(domain), &incoming, answer);
    }
}

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
        client: incoming.client.and_then(|slot| advisory::client_info(turn, account, slot)),
        subject: text(incoming.subject),
        request: text(incoming.payload),
        response: text(answer),
        domain: domain.unwrap_or_default().into(),
    };
    advisory::publish(turn, account, &audit);
}
