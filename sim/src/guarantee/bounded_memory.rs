//! C13: what waits for one client is bounded, and whoever is cut off for being slow was.
//!
//! A node may keep `max_pending` bytes for a client and the message that goes beyond; then it lets
//! the client go. Checked at each quarter of the limit that a connection reaches for the first
//! time, and whenever a node cuts a client off. That nobody else suffers is the business of
//! `quiet_delivery` and `connections_stay`.

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::Kind;
use crate::ids::{ClientId, NodeId};

/// A line of the protocol: subject, subscription, reply, sizes; and a PONG or an INFO beside it.
pub(super) const LINES_BYTES: u64 = 8 << 10;

pub(super) struct BoundedMemory {
    scope: Scope,
}

impl BoundedMemory {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }

    fn is_meant(&self, view: &View<'_>, node: NodeId, client: ClientId) -> bool {
        self.scope.covers_client(view, client) || self.scope.covers_node(view, node)
    }
}

impl Checker for BoundedMemory {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Pressure]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is no pressure")]
        let (node, client, pending, cut_at) = match view.history.events[pen.i].kind {
            Kind::Backlog { node, client, pending } => (node, client, pending, None),
            Kind::SlowConsumer { node, client: Some(client), pending, limit } => {
                (node, client, pending, Some(limit))
            }
            _ => return,
        };
        if !self.is_meant(view, node, client) {
            return;
        }
        let header = &view.history.header;
        let info = &header.nodes[usize::from(node.0)];
        let most =
            info.max_pending.saturating_add(view.largest_message()).saturating_add(LINES_BYTES);
        // A limit of 0 says that it was the write deadline: then something waited.
        let too_early = cut_at.is_some_and(|limit| pending <= limit);
        if pending <= most && !too_early {
            pen.held();
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let client = &header.clients[client.0 as usize].name;
            let story = if too_early {
                format!(
                    "{} cut {client} off as too slow, although only {pending} bytes waited for it.",
                    info.name
                )
            } else {
                format!(
                    "{pending} bytes waited at {} for {client}; at most {} may, and one message.",
                    info.name, info.max_pending
                )
            };
            (story, vec![i])
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::Kind;
    use crate::ids::ClientId;

    const ID: &str = "bounded_memory";

    /// `max_pending` is 1,000 bytes, the largest message has 16.
    fn script() -> (Script, ClientId) {
        let mut s = Script::running();
        let client = s.client("slow/1", EAST_1);
        s.publish(client, "a");
        (s, client)
    }

    fn backlog(s: &mut Script, client: ClientId, pending: u64) {
        s.at(2_000).event(Kind::Backlog { node: EAST_1, client, pending });
    }

    fn cut(s: &mut Script, client: Option<ClientId>, pending: u64, limit: u64) {
        s.at(3_000).event(Kind::SlowConsumer { node: EAST_1, client, pending, limit });
    }

    #[test]
    fn holds_up_to_the_limit_and_one_message() {
        let (mut s, client) = script();
        backlog(&mut s, client, 250);
        backlog(&mut s, client, 1_000 + 16 + (8 << 10));
        cut(&mut s, Some(client), 1_001, 1_000);
        s.judge(ID).held(3);
    }

    #[test]
    fn breaks_beyond() {
        let (mut s, client) = script();
        backlog(&mut s, client, 1_000 + 16 + (8 << 10) + 1);
        assert_eq!(
            s.judge(ID).broke(2_000),
            "9209 bytes waited at east/1 for slow/1; at most 1000 may, and one message."
        );
    }

    #[test]
    fn breaks_if_somebody_is_cut_off_for_nothing() {
        for (pending, limit) in [(1_000, 1_000), (0, 0)] {
            let (mut s, client) = script();
            cut(&mut s, Some(client), pending, limit);
            assert!(s.judge(ID).broke(3_000).contains("cut slow/1 off as too slow, although only"));
        }
    }

    #[test]
    fn is_not_checked_without_pressure_and_not_for_routes() {
        let (mut s, _) = script();
        cut(&mut s, None, 5_000_000, 0);
        s.judge(ID).vacuous();
    }
}
