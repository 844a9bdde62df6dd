//! What streams may use of the node while it serves them.

use alloc::rc::Rc;
use alloc::vec::Vec;

use causeway_wire::encode;

use crate::effects::Effects;
use crate::ids::AccountId;
use crate::interest::{Announcement, Plan, ServiceId, SidIndex};
use crate::jetstream::stream::with_fields;
use crate::link::Link;
use crate::link::deliver::{Message, Source};
use crate::node::Node;
use crate::time::Now;

/// The node, for the time of one call. The streams themselves have been taken out of it.
pub(crate) struct Turn<'a> {
    pub(crate) node: &'a mut Node,
    pub(crate) now: Now,
    pub(crate) fx: &'a mut Effects,
}

/// A message that the server itself publishes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outgoing<'a> {
    /// By which receivers are found.
    pub(crate) to: &'a [u8],
    /// What clients see as its subject, if that is another one.
    pub(crate) shown: Option<&'a [u8]>,
    pub(crate) reply: Option<&'a [u8]>,
    /// A whole block with its version line and empty line; empty for none.
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl Turn<'_> {
    /// Delivers to everybody who wants it, here and over routes; says whether there was anybody.
    pub(crate) fn publish(&mut self, account: AccountId, outgoing: &Outgoing<'_>) -> bool {
        let mut body = core::mem::take(&mut self.node.outgoing);
        body.clear();
        body.extend_from_slice(outgoing.header);
        body.extend_from_slice(outgoing.payload);
        let delivered = self.publish_body(account, outgoing, &body);
        self.node.outgoing = body;
        delivered
    }

    /// The same for a message whose header block and payload already stand together in `body`.
    pub(crate) fn publish_body(
        &mut self,
        account: AccountId,
        outgoing: &Outgoing<'_>,
        body: &[u8],
    ) -> bool {
        let plan = self.plan_for(account, outgoing.to);
        if plan.is_empty() && !self.node.is_buffered(account, outgoing.to) {
            return false;
        }
        let header_len = outgoing.header.len();
        let header_len = (header_len > 0).then(|| u32::try_from(header_len).unwrap_or(u32::MAX));
        let mut tail = core::mem::take(&mut self.node.outgoing_tail);
        tail.clear();
        encode::tail(&mut tail, outgoing.reply, header_len, body);
        let message = Message {
            subject: outgoing.to,
            shown: outgoing.shown,
            reply: outgoing.reply,
            header_len,
            body,
            tail: &tail,
        };
        let (now, fx) = (self.now, &mut *self.fx);
        let delivered = self.node.deliver(now, account, Source::Service, &plan, &message, fx);
        self.node.outgoing_tail = tail;
        delivered
    }

    /// Who gets a message on `subject`. Most go where the last one went.
    fn plan_for(&mut self, account: AccountId, subject: &[u8]) -> Rc<Plan> {
        let (forget, miss) = (perturb!(self.node, ForgetPlan), perturb!(self.node, CacheMiss));
        let Node { accounts, outgoing_plan, .. } = &mut *self.node;
        let interest = &mut accounts.get_mut(account).interest;
        let (of, last) = outgoing_plan;
        if miss {
            return interest.plan_anew(subject);
        }
        if forget || core::mem::replace(of, account) != account {
            *last = None;
        }
        interest.plan_again(subject, last)
    }

    /// The same with more fields at the end of the header.
    pub(crate) fn publish_with_fields(
        &mut self,
        account: AccountId,
        outgoing: &Outgoing<'_>,
        fields: &[u8],
    ) -> bool {
        if fields.is_empty() {
            return self.publish(account, outgoing);
        }
        let header = with_fields(outgoing.header, fields);
        self.publish(account, &Outgoing { header: &header, ..*outgoing })
    }

    /// Tells a client that nobody answers, as if nobody had subscribed to what it published.
    pub(crate) fn nobody_listens(&mut self, client: Option<u32>, subject: &[u8], reply: &[u8]) {
        let Some(slot) = client.filter(|_| !reply.is_empty()) else { return };
        let client = self.node.links.at(slot).and_then(Link::client);
        if client.is_some_and(|client| client.no_responders) {
            self.node.answer_no_responders(slot, subject, reply, self.fx);
        }
    }

    /// Whether anybody would get a message on `subject`.
    pub(crate) fn has_interest(&mut self, account: AccountId, subject: &[u8]) -> bool {
        !self.node.accounts.get_mut(account).interest.plan(subject).is_empty()
    }

    /// Bytes that wait for the slowest of the routes by which a message on `subject` would leave;
    /// nothing if it would not leave.
    pub(crate) fn waiting_for_routes(&mut self, account: AccountId, subject: &[u8]) -> Option<u64> {
        let plan = self.node.accounts.get_mut(account).interest.plan(subject);
        let in_groups = plan.groups.iter().flat_map(|group| &group.remotes).map(|(slot, _)| slot);
        let slots = plan.remotes.iter().chain(in_groups);
        let links = slots.filter_map(|slot| self.node.links.at(*slot));
        links.map(|link| link.tx.pending()).max()
    }

    /// Subscription number `number` of a service.
    pub(crate) fn serve(
        &mut self,
        account: AccountId,
        index: &mut SidIndex,
        service: ServiceId,
        number: u32,
        subject: &[u8],
    ) {
        self.node.with_announcements(account, self.fx, |interest, announce| {
            interest.serve(index, service, number, subject, announce);
        });
    }

    /// Ends it; false if there is none.
    pub(crate) fn stop_serving(
        &mut self,
        account: AccountId,
        index: &mut SidIndex,
        service: ServiceId,
        number: u32,
    ) -> bool {
        self.node.with_announcements(
            account,
            self.fx,
            |interest, announce: &mut dyn FnMut(Announcement<'_>)| {
                interest.stop_serving(index, service, number, announce)
            },
        )
    }
}

/// A message for a part of the server that is busy with another one.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) account: AccountId,
    pub(crate) service: ServiceId,
    /// The client's link, if it came from one.
    pub(crate) client: Option<u32>,
    pub(crate) subject: Vec<u8>,
    pub(crate) shown: Option<Vec<u8>>,
    pub(crate) reply: Option<Vec<u8>>,
    pub(crate) header_len: Option<u32>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// The message as it arrived.
    pub(crate) fn incoming(&self) -> Incoming<'_> {
        let (header, payload) = causeway_wire::header::split(&self.body, self.header_len);
        let reply = self.reply.as_deref();
        let (client, shown) = (self.client, self.shown.as_deref());
        Incoming { client, subject: &self.subject, shown, reply, header, payload }
    }
}

/// A message for a part of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    /// The client's link, if it came from one.
    pub(crate) client: Option<u32>,
    pub(crate) subject: &'a [u8],
    /// The subject that a consumer's message was stored with.
    pub(crate) shown: Option<&'a [u8]>,
    pub(crate) reply: Option<&'a [u8]>,
    /// Empty for none.
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
}
