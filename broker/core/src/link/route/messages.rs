//! RMSG, HMSG and LMSG: messages that a peer sends because we told it of interest.

use alloc::vec::Vec;

use causeway_wire::route::RoutedMsg;
use causeway_wire::{encode, subject};

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
        let numbered = self.links.at_mut(slot).and_then(Link::route_mut);
        if let Some(at) = numbered.and_then(|route| route.numbered.take())
            && !self.buffered_message(slot, at, fx)
        {
            return;
        }
        let Some(account) = self.route_account(slot, routed.account) else { return };
        let miss = perturb!(self, CacheMiss);
        let interest = &mut self.accounts.get_mut(account).interest;
        let plan =
            if miss { interest.plan_anew(routed.subject) } else { interest.plan(routed.subject) };
        if plan.is_empty() {
            return;
        }
        let (reply, shown) = routed.reply.map_or((None, None), split_shown);
        let mut rebuilt = Vec::new();
        let tail = routed.tail.filter(|_| shown.is_none()).unwrap_or_else(|| {
            encode::tail(&mut rebuilt, reply, routed.header_len, routed.body);
            &rebuilt
        });
        let message = Message {
            subject: routed.subject,
            shown,
            reply,
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

/// What servers begin the replies of consumers' messages with.
const ACK_PREFIX: &[u8] = b"$JS.ACK.";

/// A consumer's message goes to an inbox and keeps its own subject, which rides behind the reply:
/// `$JS.ACK.….12@orders.new` (nats-server client.go, processMsgResults). Names of streams and
/// consumers may contain `@`, but not the last number of the acknowledgement, which follows at
/// least eight dots.
fn split_shown(reply: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
    if !reply.starts_with(ACK_PREFIX) {
        return (Some(reply), None);
    }
    let dots = reply.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
    let Some(last) = dots.take(8).nth(7) else { return (Some(reply), None) };
    let at = reply[last..].iter().position(|byte| *byte == b'@').map(|at| last + at);
    match at.map(|at| (&reply[..at], &reply[at + 1..])) {
        Some((reply, shown)) if subject::is_valid_literal(shown) => (Some(reply), Some(shown)),
        Some(_) | None => (Some(reply), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_rides_behind_the_reply_of_a_consumer_only() {
        let cases: [(&str, Option<&str>, Option<&str>); 6] = [
            ("_INBOX.a@b", Some("_INBOX.a@b"), None),
            ("$JS.ACK.S.C.1.2.3.4.0@a.b", Some("$JS.ACK.S.C.1.2.3.4.0"), Some("a.b")),
            ("$JS.ACK.S@x.C.1.2.3.4.0@a@b", Some("$JS.ACK.S@x.C.1.2.3.4.0"), Some("a@b")),
            ("$JS.ACK.S.C.1@a", Some("$JS.ACK.S.C.1@a"), None),
            ("$JS.ACK.S.C.1.2.3.4.0@", Some("$JS.ACK.S.C.1.2.3.4.0@"), None),
            ("$JS.ACK.S.C.1.2.3.4.0@a..b", Some("$JS.ACK.S.C.1.2.3.4.0@a..b"), None),
        ];
        for (reply, expected, shown) in cases {
            let bytes = |text: Option<&'static str>| text.map(str::as_bytes);
            assert_eq!(split_shown(reply.as_bytes()), (bytes(expected), bytes(shown)), "{reply}");
        }
    }
}
