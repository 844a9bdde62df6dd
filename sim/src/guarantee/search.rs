//! Finds the events that tell a story. Each search goes back through the history, so it is for the
//! first violation of a guarantee only.

use super::view::{SubIx, View};
use crate::history::{Kind, Sym};
use crate::ids::{MsgId, NodeId};

/// The deliveries of a message before event `i`, newest first, each with its subscription.
pub(super) fn deliveries<'v>(
    view: &'v View<'_>,
    i: usize,
    id: MsgId,
) -> impl Iterator<Item = (usize, SubIx)> + 'v {
    (0..i).rev().filter_map(move |at| {
        let Kind::Delivered { client, conn, sid, msg, .. } = view.history.events[at].kind else {
            return None;
        };
        let sub = view.find_sub(client, conn, sid)?;
        (msg == Some(id)).then_some((at, sub))
    })
}

/// When somebody first got the message: a client, or another node.
pub(super) fn first_taken(view: &View<'_>, id: MsgId) -> Option<usize> {
    view.history.events.iter().position(|event| {
        let (Kind::Delivered { msg, .. } | Kind::WireMsg { msg, .. }) = event.kind else {
            return false;
        };
        msg == Some(id)
    })
}

/// When the message was last sent to node `to` before event `i`.
pub(super) fn crossing(view: &View<'_>, i: usize, id: MsgId, to: NodeId) -> Option<usize> {
    (0..i).rev().find(|&at| {
        let Kind::WireMsg { to: receiver, msg, .. } = view.history.events[at].kind else {
            return false;
        };
        receiver == to && msg == Some(id)
    })
}

/// When `from` last told `to` about this very interest before event `i`.
pub(super) fn last_word(
    view: &View<'_>,
    i: usize,
    (from, to): (NodeId, NodeId),
    (subject, queue): (Sym, Sym),
) -> Option<usize> {
    (0..i).rev().find(|&at| {
        let Kind::WireSub { from: teller, to: hearer, subject: what, queue: group, .. } =
            view.history.events[at].kind
        else {
            return false;
        };
        (teller, hearer) == (from, to) && (what, group) == (subject, queue)
    })
}

/// When `node` last lost a route to `peer` before event `i`.
pub(super) fn parting(view: &View<'_>, i: usize, node: NodeId, peer: NodeId) -> Option<usize> {
    (0..i).rev().find(|&at| {
        let Kind::RouteDown { node: loser, remote, .. } = view.history.events[at].kind else {
            return false;
        };
        (loser, remote) == (node, peer)
    })
}
