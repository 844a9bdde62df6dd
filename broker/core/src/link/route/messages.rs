//! RMSG, HMSG and LMSG: messages that a peer sends because we told it of interest.

use alloc::vec::Vec;

use causeway_wire::encode;
use causeway_wire::route::RoutedMsg;

use crate::effects::Effects;
use crate::ids::AccountId;
use crate::link::Link;
use crate::link::deliver::{Message, Source};
use crate::node::Node;
use crate::time::Now;

impl Node {
    /// Delivers to local receivers: what came by a route never leaves by another (the one-hop
    /// rule; the cluster is a full mesh).
    pub(super) fn routed_message(
        &mut self,
        now: Now,
        slot: u32,
        routed: &RoutedMsg<'_>,
        fx: &mut Effects,
    ) {
        let Some(link) = self.links.at_mut(slot) else { return };
        link.received.count(routed.body.len() as u64);
        link.last_activity = now.wall;
        self.stats.received_from_routes.count(routed.body.len() as u64);
        let Some(account) = self.route_account(slot, routed.account) else { return };
        let miss = perturb!(self, CacheMiss);
        let interest = &mut self.accounts.get_mut(account).interest;
        let plan =
            if miss { interest.plan_anew(routed.subject) } else { interest.plan(routed.subject) };
        if plan.is_empty() {
            return;
        }
        let mut rebuilt = Vec::new();
        let tail = routed.tail.unwrap_or_else(|| {
            encode::tail(&mut rebuilt, routed.reply, routed.header_len, routed.body);
            &rebuilt
        });
        let message = Message {
            subject: routed.subject,
            reply: routed.reply,
            header_len: routed.header_len,
            body: routed.body,
            tail,
        };
        let source = Source::Route { queues: routed.queues };
        self.deliver(now, account, source, &plan, &message, fx);
    }

    /// The account that a line on this route is about: the one it names, or the one the route is
    /// dedicated to. Unknown accounts are ignored, as nats-server does without a resolver.
    pub(super) fn route_account(&self, slot: u32, named: Option<&[u8]>) -> Option<AccountId> {
        match named {
            Some(name) => self.accounts.find(name),
            None => self.links.at(slot).and_then(Link::route)?.account,
        }
    }
}
