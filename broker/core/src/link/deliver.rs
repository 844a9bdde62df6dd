//! Delivery: one message to everyone who is to get it.
//!
//! After the subject, a published message and a delivered one are the same bytes. So a delivery is
//! a prebuilt prefix (`MSG subject sid `, `RMSG account subject `) plus one copy of the tail; large
//! tails with several receivers are shared instead.

use alloc::vec::Vec;

use bytes::Bytes;
use causeway_wire::{encode, header};

use crate::account::GLOBAL;
use crate::buffer::Outcome;
use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::AccountId;
use crate::interest::{Group, Interest, Local, Plan, SERVICES, ServiceId, SubId};
use crate::limits;
use crate::link::route::is_private;
use crate::link::run::RunMessage;
use crate::link::tx::{SpareChunks, copy_in_steps};
use crate::link::{Link, Links, Role};
use crate::monitor::Traffic;
use crate::node::Node;
use crate::rng::{Rng, Stream};
use crate::time::{Duration, Now};
use crate::trace::TraceEvent;

/// A message on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// By which receivers are found.
    pub(crate) subject: &'a [u8],
    /// What clients see as its subject, if that is another one: a stream's message keeps its
    /// subject wherever a consumer sends it. Over routes it rides behind the reply.
    pub(crate) shown: Option<&'a [u8]>,
    pub(crate) reply: Option<&'a [u8]>,
    pub(crate) header_len: Option<u32>,
    /// Header block and payload.
    pub(crate) body: &'a [u8],
    /// `[reply ]sizes CR LF body CR LF`, as every delivery carries it.
    pub(crate) tail: &'a [u8],
}

impl Message<'_> {
    /// The first bytes of its payload: as many as who traces messages needs to know one.
    pub(crate) fn beginning(&self) -> Vec<u8> {
        let (_, payload) = header::split(self.body, self.header_len);
        payload[..payload.len().min(limits::TRACED_PAYLOAD_BYTES)].to_vec()
    }
}

/// Where a message came from, which decides who may get it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// A client: everybody, except itself if it wants no echo.
    Client { slot: u32, echo: bool },
    /// A route: local receivers only, and of the queue groups only those that the sender chose.
    Route { queues: causeway_wire::route::QueueList<'a> },
    /// The server itself: everybody.
    Service,
}

/// Who gets a message beside the local subscriptions outside of queue groups.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Members of queue groups here.
    pub(crate) members: Vec<Local>,
    /// Routes, each with the queue groups (by index in the plan) that it is to serve.
    pub(crate) routes: Vec<(u32, Vec<u32>)>,
}

impl Chosen {
    /// A route is to serve a queue group.
    pub(crate) fn serve(&mut self, slot: u32, group: u32) {
        match self.routes.iter_mut().find(|(of, _)| *of == slot) {
            Some((_, groups)) => groups.push(group),
            None => self.routes.push((slot, alloc::vec![group])),
        }
    }
}

impl Source<'_> {
    /// Whether the message may go to other servers.
    const fn may_leave(self) -> bool {
        match self {
            Self::Client { .. } | Self::Service => true,
            Self::Route { .. } => false,
        }
    }
}

/// What has to happen after a message was delivered, because it changes the interest that the
/// delivery walks over.
#[derive(Clone, Copy, Debug)]
enum After {
    /// The subscription has reached its maximum.
    Exhausted { slot: u32, sub: SubId },
    /// More is pending than the client may have.
    Slow { slot: u32, pending: u64 },
}

/// Reusable memory of deliveries.
#[derive(Debug, Default)]
pub(crate) struct DeliveryScratch {
    after: Vec<After>,
    /// Route links that get the message, each with the queue groups (by index in the plan) that
    /// it is to serve.
    routes: Vec<(u32, Vec<u32>)>,
    /// How many entries of `routes` are in use; the others keep their memory.
    routes_used: usize,
    /// The messages of a run.
    pub(super) run: Vec<RunMessage>,
    /// The prefix of a message that is shown with another subject.
    prefix: Vec<u8>,
    /// Parts of the server that the present message is for.
    pub(crate) services: Vec<ServiceId>,
}

impl DeliveryScratch {
    /// A client has more pending than it may: it is cut when the input has been handled.
    pub(super) fn too_slow(&mut self, slot: u32, pending: u64) {
        self.after.push(After::Slow { slot, pending });
    }

    fn route(&mut self, slot: u32) -> &mut Vec<u32> {
        let used = &mut self.routes[..self.routes_used];
        let index = match used.iter().position(|(of, _)| *of == slot) {
            Some(index) => index,
            None => {
                if self.routes_used == self.routes.len() {
                    self.routes.push((slot, Vec::new()));
                }
                self.routes[self.routes_used].0 = slot;
                self.routes[self.routes_used].1.clear();
                self.routes_used += 1;
                self.routes_used - 1
            }
        };
        &mut self.routes[index].1
    }
}

impl Node {
    /// Delivers to everyone in `plan` who may get it, and says whether there was anyone.
    pub(crate) fn deliver(
        &mut self,
        now: Now,
        account: AccountId,
        source: Source<'_>,
        plan: &Plan,
        message: &Message<'_>,
        fx: &mut Effects,
    ) -> bool {
        if source.may_leave() && self.is_buffered(account, message.subject) {
            return self.deliver_buffered(now, source, plan, message, fx) == Outcome::Taken;
        }
        let traced = fx.trace_mask.protocol.then(|| self.receivers_before(plan));
        let mut delivery = self.delivery(now, account, source, plan, fx);
        delivery.deliver(message);
        let totals = delivery.totals;
        if let Some(before) = traced {
            self.trace_delivered(&before, fx);
        }
        self.delivered(now, source, &totals, fx);
        if plan.has_services {
            self.serve(now, account, source, message, fx);
        }
        totals.delivered
    }

    /// Delivers a message on a buffered subject to those in `plan` who get it at once: everybody
    /// here, and who was chosen beside them.
    pub(crate) fn deliver_chosen(
        &mut self,
        now: Now,
        source: Source<'_>,
        plan: &Plan,
        message: &Message<'_>,
        chosen: &Chosen,
        fx: &mut Effects,
    ) -> bool {
        let traced = fx.trace_mask.protocol.then(|| self.receivers_before(plan));
        let mut delivery = self.delivery(now, GLOBAL, source, plan, fx);
        delivery.deliver_chosen(message, chosen);
        let totals = delivery.totals;
        if let Some(before) = traced {
            self.trace_delivered(&before, fx);
        }
        self.delivered(now, source, &totals, fx);
        if plan.has_services {
            self.serve(now, GLOBAL, source, message, fx);
        }
        totals.delivered
    }

    /// Whether a subscription would take a message now, as [`Delivery::deliver_local`] decides.
    pub(crate) fn may_take(&self, source: Source<'_>, local: &Local) -> bool {
        if let Source::Client { slot, echo: false } = source
            && slot == local.link
        {
            return false;
        }
        let Some(link) = self.links.at(local.link).filter(|link| link.is_open()) else {
            return false;
        };
        let max_pending = self.config.limits.max_pending;
        let most = match source {
            Source::Client { .. } if self.config.no_fast_producer_stall => {
                max_pending / 4 * limits::STALL_QUARTERS
            }
            Source::Client { .. } | Source::Route { .. } | Source::Service => max_pending,
        };
        let subscription = self.accounts.get(GLOBAL).interest.subscription(local.sub);
        let exhausted = subscription.max > 0 && subscription.delivered >= subscription.max;
        link.tx.pending() <= most && !exhausted
    }

    /// The delivery of one message or of several, on the subject of `plan`. When it has ended its
    /// totals go to [`delivered`](Self::delivered).
    pub(super) fn delivery<'a>(
        &'a mut self,
        now: Now,
        account: AccountId,
        source: Source<'a>,
        plan: &'a Plan,
        fx: &'a mut Effects,
    ) -> Delivery<'a> {
        let max_pending = self.config.limits.max_pending;
        let stall_at = match source {
            Source::Client { .. } => max_pending / 4 * limits::STALL_QUARTERS,
            Source::Route { .. } | Source::Service => u64::MAX,
        };
        Delivery {
            now,
            max_pending,
            stall_at,
            receivers: plan.receivers(),
            drop_if_slow: self.config.no_fast_producer_stall,
            source,
            plan,
            shared: None,
            links: &mut self.links,
            interest: &mut self.accounts.get_mut(account).interest,
            rng: &mut self.rng,
            spare: &mut self.spare,
            scratch: &mut self.delivery,
            totals: Totals::default(),
            fx,
        }
    }

    /// Counts what a delivery did, and does what had to wait for its end.
    pub(super) fn delivered(
        &mut self,
        now: Now,
        source: Source<'_>,
        totals: &Totals,
        fx: &mut Effects,
    ) {
        self.turn_output += totals.appended;
        self.stats.sent_to_routes.add(totals.sent_to_routes);
        self.stats.sent_to_clients.add(totals.sent_to_clients);
        if totals.slow_receiver
            && let Source::Client { slot, .. } = source
        {
            self.note_slow_receiver(slot);
        }
        self.after_delivery(now, fx);
    }

    fn note_slow_receiver(&mut self, slot: u32) {
        if let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) {
            client.hit_slow_receiver = true;
        }
    }

    /// What had to wait for the end of a delivery, or for that of the input.
    pub(crate) fn after_delivery(&mut self, now: Now, fx: &mut Effects) {
        if self.delivery.after.is_empty() {
            return;
        }
        let mut after = core::mem::take(&mut self.delivery.after);
        for step in after.drain(..) {
            match step {
                After::Exhausted { slot, sub } => self.remove_subscription(slot, sub, fx),
                After::Slow { slot, pending } => {
                    if !self.links.at(slot).is_some_and(Link::is_open) {
                        continue;
                    }
                    let who = self.label(slot);
                    let max_pending = Some(self.config.limits.max_pending);
                    fx.trace.push(TraceEvent::SlowConsumer {
                        who,
                        pending,
                        max_pending,
                        deadline: None,
                    });
                    self.count_slow(slot);
                    let reason = CloseReason::SlowConsumerPendingBytes;
                    self.close(now, slot, reason, Duration::ZERO, fx);
                }
            }
        }
        self.delivery.after = after;
    }

    /// Tells a client that nobody wants its request, through its own subscription for the reply.
    pub(crate) fn answer_no_responders(
        &mut self,
        slot: u32,
        subject: &[u8],
        reply: &[u8],
        fx: &mut Effects,
    ) {
        let interest = &mut self.accounts.get_mut(GLOBAL).interest;
        let plan = interest.plan(reply);
        let Some(local) = plan.locals.iter().find(|local| local.link == slot) else { return };
        let sid = interest.sid(local.sub).to_vec();
        let mut block = Vec::new();
        let length = header::no_responders(&mut block, subject);
        self.send(slot, fx, |out| encode::msg(out, reply, &sid, None, Some(length), &block));
    }
}

/// Messages on one subject being delivered.
pub(super) struct Delivery<'a> {
    pub(super) now: Now,
    pub(super) max_pending: u64,
    /// Pending bytes from which a receiver stalls the producer.
    pub(super) stall_at: u64,
    /// Everybody in the plan.
    receivers: usize,
    drop_if_slow: bool,
    pub(super) source: Source<'a>,
    pub(super) plan: &'a Plan,
    /// The tail of the present message as a shared piece, once it has been made.
    shared: Option<Bytes>,
    pub(super) links: &'a mut Links,
    pub(super) interest: &'a mut Interest,
    rng: &'a mut Rng,
    pub(super) spare: &'a mut SpareChunks,
    scratch: &'a mut DeliveryScratch,
    pub(super) totals: Totals,
    pub(super) fx: &'a mut Effects,
}

/// What a delivery has come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// A receiver has so much pending that the producer should wait.
    slow_receiver: bool,
    /// Somebody got something.
    delivered: bool,
    /// Bytes put into transmit queues.
    pub(super) appended: usize,
    pub(super) sent_to_routes: Traffic,
    pub(super) sent_to_clients: Traffic,
}

impl Delivery<'_> {
    /// Delivers one message to everyone in the plan who may get it.
    pub(super) fn deliver(&mut self, message: &Message<'_>) {
        self.shared = None;
        self.scratch.routes_used = 0;
        self.deliver_locals(message);
        if !self.plan.groups.is_empty() {
            self.deliver_groups(message);
        }
        if self.scratch.routes_used > 0 {
            self.deliver_routes(message);
        }
    }

    /// Delivers one message to everyone outside of queue groups who is here, and to those chosen.
    fn deliver_chosen(&mut self, message: &Message<'_>, chosen: &Chosen) {
        self.shared = None;
        self.scratch.routes_used = 0;
        for local in self.plan.locals.iter().chain(&chosen.members) {
            if self.deliver_local(local, message) {
                self.totals.delivered = true;
            }
        }
        for (slot, groups) in &chosen.routes {
            self.scratch.route(*slot).extend_from_slice(groups);
        }
        if self.scratch.routes_used > 0 {
            self.deliver_routes(message);
        }
    }

    fn deliver_locals(&mut self, message: &Message<'_>) {
        let plan = self.plan;
        for local in &plan.locals {
            if self.deliver_local(local, message) {
                self.totals.delivered = true;
            }
        }
        if self.source.may_leave() {
            for slot in &plan.remotes {
                self.scratch.route(*slot);
            }
        }
    }

    /// One member of each group that is to get the message.
    fn deliver_groups(&mut self, message: &Message<'_>) {
        let plan = self.plan;
        for (index, group) in plan.groups.iter().enumerate() {
            match self.source {
                Source::Client { .. } | Source::Service => {
                    self.deliver_group(index, group, message, true);
                }
                Source::Route { queues } => {
                    if queues.iter().any(|name| name == &*group.name) {
                        self.deliver_group(index, group, message, false);
                    }
                }
            }
        }
    }

    /// A message of a client may go to any member, remote ones counting with their weight. A
    /// message that came by a route stays here.
    ///
    /// If its members here have just left, it is lost, as core messages may be. nats-server then
    /// sends it on to another server as a last resort; but what is sent on reaches the plain
    /// subscriptions there a second time, and out of order.
    fn deliver_group(
        &mut self,
        index: usize,
        group: &Group,
        message: &Message<'_>,
        may_leave: bool,
    ) {
        let locals = group.locals.len() as u32;
        let remotes: u32 =
            if may_leave { group.remotes.iter().map(|(_, weight)| *weight).sum() } else { 0 };
        let start = match locals + remotes {
            0 | 1 => 0,
            members => self.rng.below(Stream::QueuePick, members),
        };
        if start < locals || remotes == 0 {
            // The member picked, and those after it if it does not take the message.
            for step in 0..locals {
                let local = &group.locals[((start + step) % locals) as usize];
                if self.deliver_local(local, message) {
                    self.totals.delivered = true;
                    return;
                }
            }
        }
        if remotes > 0 {
            let pick = match start.checked_sub(locals) {
                Some(pick) => pick,
                None => self.rng.below(Stream::QueuePick, remotes),
            };
            if let Some(slot) = weighted(&group.remotes, pick) {
                self.scratch.route(slot).push(index as u32);
            }
        }
    }

    /// Delivers one message to one subscription; says whether it took it.
    #[inline]
    pub(super) fn deliver_local(&mut self, local: &Local, message: &Message<'_>) -> bool {
        if let Source::Client { slot, echo: false } = self.source
            && slot == local.link
        {
            return false;
        }
        if local.link == SERVICES {
            return self.deliver_to_service(local);
        }
        let Some(link) = self.links.at_mut(local.link) else { return false };
        let Role::Client(client) = &link.role else { return false };
        let pending = link.tx.pending();
        if link.closing.is_some() || pending > self.max_pending {
            // Over the limit: it is about to be cut.
            return false;
        }
        let headers = client.headers;
        if pending > self.stall_at {
            if self.drop_if_slow {
                return false;
            }
            self.totals.slow_receiver = true;
        }
        let subscription = self.interest.subscription_mut(local.sub);
        if subscription.max > 0 {
            if subscription.delivered >= subscription.max {
                return false;
            }
            if subscription.delivered + 1 == subscription.max {
                let after = After::Exhausted { slot: local.link, sub: local.sub };
                self.scratch.after.push(after);
            }
        }
        subscription.delivered += 1;
        link.last_activity = self.now.wall;
        if pending == 0 {
            self.fx.wake_tx.push(link.id);
        }
        let mut own_prefix = core::mem::take(&mut self.scratch.prefix);
        let prefix = match message.shown {
            None => self.plan.prefix(local),
            Some(subject) => {
                own_prefix.clear();
                encode::hmsg_prefix(&mut own_prefix, subject, self.interest.sid(local.sub));
                [&own_prefix[..], &[]]
            }
        };
        let body = match message.header_len {
            Some(length) if !headers => without_header(link, prefix, message, length, self.spare),
            header_len => {
                // A header message is an HMSG, any other is the same without the first letter.
                let start = usize::from(header_len.is_none());
                let parts = [&prefix[0][start..], prefix[1]];
                let (tail, receivers) = (message.tail, self.receivers);
                append_tail(link, &parts, tail, &mut self.shared, receivers, self.spare);
                message.body.len()
            }
        };
        self.scratch.prefix = own_prefix;
        link.sent.count(body as u64);
        self.totals.sent_to_clients.count(body as u64);
        let now_pending = link.tx.pending();
        self.totals.appended += (now_pending - pending) as usize;
        if now_pending > self.max_pending {
            self.scratch.after.push(After::Slow { slot: local.link, pending: now_pending });
        }
        true
    }

    /// Notes that a part of the server is to have the message, as soon as the delivery has ended.
    #[cold]
    fn deliver_to_service(&mut self, local: &Local) -> bool {
        // Whoever wants everything gets other servers' requests, too: they are not for this server.
        let from_route = matches!(self.source, Source::Route { .. });
        if from_route && is_private(&self.plan.subject) {
            return false;
        }
        let service = self.interest.service(local.sub);
        self.scratch.services.extend(service);
        service.is_some()
    }

    fn deliver_routes(&mut self, message: &Message<'_>) {
        let routes = core::mem::take(&mut self.scratch.routes);
        for (slot, groups) in &routes[..self.scratch.routes_used] {
            self.deliver_route(*slot, groups, message);
        }
        self.scratch.routes = routes;
    }

    fn deliver_route(&mut self, slot: u32, groups: &[u32], message: &Message<'_>) {
        let plan = self.plan;
        let Some(link) = self.links.at_mut(slot) else { return };
        let Role::Route(route) = &link.role else { return };
        if link.closing.is_some() {
            return;
        }
        let dedicated = route.account.is_some();
        link.wake(self.fx);
        let before = link.tx.pending();
        // nats-server client.go, processMsgResults: `reply@subject` to servers.
        let with_shown = message.shown.map(|shown| {
            let reply = message.reply.unwrap_or_default();
            [reply, b"@", shown].concat()
        });
        if groups.is_empty() && with_shown.is_none() {
            // RMSG and HMSG differ in their first letter.
            let verb: &[u8] = if message.header_len.is_some() { b"H" } else { b"R" };
            let dedicated_prefix: [&[u8]; 4] = [verb, b"MSG ", message.subject, b" "];
            let common_prefix: [&[u8]; 2] = [verb, &plan.route_prefix()[1..]];
            let prefix = if dedicated { &dedicated_prefix[..] } else { &common_prefix[..] };
            let receivers = self.receivers;
            append_tail(link, prefix, message.tail, &mut self.shared, receivers, self.spare);
        } else {
            let tail = link.tx.tail(self.spare);
            let start = tail.len();
            let names = groups.iter().map(|index| &*plan.groups[*index as usize].name);
            encode::rmsg(
                tail,
                (!dedicated).then(|| plan.account()),
                message.subject,
                with_shown.as_deref().or(message.reply),
                names,
                message.header_len,
                message.body,
            );
            let bytes = tail.len() - start;
            link.tx.appended(bytes);
        }
        link.sent.count(message.body.len() as u64);
        self.totals.sent_to_routes.count(message.body.len() as u64);
        link.last_activity = self.now.wall;
        self.totals.appended += (link.tx.pending() - before) as usize;
        self.totals.delivered = true;
    }
}

/// The link that the `pick`-th member belongs to.
fn weighted(remotes: &[(u32, u32)], mut pick: u32) -> Option<u32> {
    for (slot, weight) in remotes {
        if pick < *weight {
            return Some(*slot);
        }
        pick -= weight;
    }
    None
}

/// Appends a header message as a plain one, for a client that does not take headers. Gives the
/// bytes of the payload.
fn without_header(
    link: &mut Link,
    prefix: [&[u8]; 2],
    message: &Message<'_>,
    header_len: u32,
    spare: &mut SpareChunks,
) -> usize {
    let (_, payload) = header::split(message.body, Some(header_len));
    let tail = link.tx.tail(spare);
    let start = tail.len();
    tail.extend_from_slice(&prefix[0][1..]);
    tail.extend_from_slice(prefix[1]);
    encode::tail(tail, message.reply, None, payload);
    let bytes = tail.len() - start;
    link.tx.appended(bytes);
    payload.len()
}

/// Appends prefix and tail; a large tail with several receivers as a shared piece, which is made
/// once for all of them.
#[inline]
fn append_tail(
    link: &mut Link,
    prefix: &[&[u8]],
    tail: &[u8],
    shared: &mut Option<Bytes>,
    receivers: usize,
    spare: &mut SpareChunks,
) {
    if tail.len() >= limits::SHARE_PAYLOAD_BYTES && receivers > 1 {
        return append_shared(link, prefix, tail, shared, spare);
    }
    let out = link.tx.tail(spare);
    let start = out.len();
    for part in prefix {
        out.extend_from_slice(part);
    }
    copy_in_steps(out, tail);
    let bytes = out.len() - start;
    link.tx.appended(bytes);
}

#[cold]
fn append_shared(
    link: &mut Link,
    prefix: &[&[u8]],
    tail: &[u8],
    shared: &mut Option<Bytes>,
    spare: &mut SpareChunks,
) {
    let piece = shared.get_or_insert_with(|| {
        let mut copy = Vec::new();
        copy_in_steps(&mut copy, tail);
        Bytes::from(copy)
    });
    for part in prefix {
        link.tx.push(part, spare);
    }
    link.tx.push_shared(piece.clone());
}
