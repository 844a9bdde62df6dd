//! PUB and HPUB: from a client to everyone who wants the subject.

use alloc::rc::Rc;
use alloc::vec::Vec;

use causeway_wire::{Publish, encode, error_text, subject};

use crate::account::GLOBAL;
use crate::effects::Effects;
use crate::interest::Plan;
use crate::link::Link;
use crate::link::client::operations::quoted;
use crate::link::deliver::{Message, Source};
use crate::node::Node;
use crate::time::Now;

/// Subjects under these are servers' own (nats-server: gateway replies, raft groups).
const RESERVED_SUBJECTS: [&[u8]; 2] = [b"_GR_.", b"$NRG."];
/// Replies under these are (service imports, gateway replies, acknowledgements).
const RESERVED_REPLIES: [&[u8]; 3] = [b"_R_.", b"_GR_.", b"$JS.ACK."];

impl Node {
    pub(super) fn client_publish(
        &mut self,
        now: Now,
        slot: u32,
        publish: &Publish<'_>,
        fx: &mut Effects,
    ) {
        let Some(link) = self.links.at_mut(slot) else { return };
        link.received.count(publish.body.len() as u64);
        link.last_activity = now.wall;
        self.stats.received_from_clients.count(publish.body.len() as u64);
        let Some(client) = link.client() else { return };
        let (verbose, pedantic) = (client.verbose, client.pedantic);
        let (echo, no_responders) = (client.echo, client.no_responders);
        if pedantic && !subject::is_valid_literal(publish.subject) {
            self.send(slot, fx, |out| encode::err(out, error_text::INVALID_PUBLISH_SUBJECT));
        }
        if !self.may_publish(slot, publish, fx) {
            return;
        }
        if verbose {
            self.send(slot, fx, encode::ok);
        }
        let plan = self.plan_for(slot, publish.subject);
        if plan.is_empty() {
            if no_responders && let Some(reply) = publish.reply {
                self.answer_no_responders(slot, publish.subject, reply, fx);
            }
            return;
        }
        let mut rebuilt = Vec::new();
        let tail = publish.tail.unwrap_or_else(|| {
            encode::tail(&mut rebuilt, publish.reply, publish.header_len, publish.body);
            &rebuilt
        });
        let message = Message {
            subject: publish.subject,
            reply: publish.reply,
            header_len: publish.header_len,
            body: publish.body,
            tail,
        };
        let delivered =
            self.deliver(now, GLOBAL, Source::Client { slot, echo }, &plan, &message, fx);
        if !delivered
            && no_responders
            && let Some(reply) = publish.reply
        {
            self.answer_no_responders(slot, publish.subject, reply, fx);
        }
    }

    /// Who gets a message on `subject`. Clients tend to publish to one subject again and again, so
    /// each remembers its last answer.
    fn plan_for(&mut self, slot: u32, subject: &[u8]) -> Rc<Plan> {
        let interest = &mut self.accounts.get_mut(GLOBAL).interest;
        let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) else {
            return interest.plan(subject);
        };
        if let Some(plan) = &client.last_plan
            && &*plan.subject == subject
            && interest.is_current(plan)
        {
            return Rc::clone(plan);
        }
        let plan = interest.plan(subject);
        client.last_plan = plan.cacheable.then(|| Rc::clone(&plan));
        plan
    }

    /// Refuses subjects and replies that belong to servers.
    fn may_publish(&mut self, slot: u32, publish: &Publish<'_>, fx: &mut Effects) -> bool {
        let reserved = |subject: &[u8], prefixes: &[&[u8]]| {
            matches!(subject.first(), Some(b'_' | b'$'))
                && prefixes.iter().any(|prefix| subject.starts_with(prefix))
        };
        let text = if reserved(publish.subject, &RESERVED_SUBJECTS) {
            quoted(error_text::PERMISSIONS_VIOLATION_PUBLISH, publish.subject)
        } else if let Some(reply) = publish.reply
            && reserved(reply, &RESERVED_REPLIES)
        {
            quoted(error_text::PERMISSIONS_VIOLATION_REPLY, reply)
        } else {
            return true;
        };
        self.report_fault(slot, &text, fx);
        self.send(slot, fx, |out| encode::err(out, &text));
        false
    }
}
