//! PUB and HPUB: from a client to everyone who wants the subject.

use alloc::rc::Rc;
use alloc::vec::Vec;

use causeway_wire::{Publish, encode, error_text, subject};

use crate::account::GLOBAL;
use crate::buffer::Outcome;
use crate::effects::Effects;
use crate::interest::Plan;
use crate::link::Link;
use crate::link::client::Owed;
use crate::link::client::operations::quoted;
use crate::link::deliver::{Message, Source};
use crate::node::Node;
use crate::time::Now;

/// Subjects that are servers' own: gateway replies (with their former prefix) and raft groups.
/// nats-server wants something after the prefix of a gateway reply; it is the same here as in
/// what 2.15.1 answers.
const RESERVED_SUBJECTS: [Reserved; 3] =
    [Reserved::Longer(b"_GR_."), Reserved::Longer(b"$GR."), Reserved::From(b"$NRG.")];
/// Replies that are: service imports, gateway replies, acknowledgements.
const RESERVED_REPLIES: [Reserved; 4] = [
    Reserved::From(b"_R_."),
    Reserved::Longer(b"_GR_."),
    Reserved::Longer(b"$GR."),
    Reserved::Longer(b"$JS.ACK."),
];

/// Subjects that begin so.
enum Reserved {
    /// The prefix alone, too.
    From(&'static [u8]),
    /// Only with something after the prefix.
    Longer(&'static [u8]),
}

impl Reserved {
    fn holds(&self, subject: &[u8]) -> bool {
        match self {
            Self::From(prefix) => subject.starts_with(prefix),
            Self::Longer(prefix) => subject.len() > prefix.len() && subject.starts_with(prefix),
        }
    }
}

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
        let buffered = self.is_buffered(GLOBAL, publish.subject);
        if verbose && !buffered {
            self.send(slot, fx, encode::ok);
        }
        let plan = self.plan_for(slot, publish.subject);
        if plan.is_empty() && !buffered {
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
            shown: None,
            reply: publish.reply,
            header_len: publish.header_len,
            body: publish.body,
            tail,
        };
        let source = Source::Client { slot, echo };
        let delivered = if buffered {
            let outcome = self.deliver_buffered(now, source, &plan, &message, fx);
            self.buffered(now, slot, verbose, outcome, fx);
            outcome != Outcome::Nobody
        } else {
            self.deliver(now, GLOBAL, source, &plan, &message, fx)
        };
        if !delivered
            && no_responders
            && let Some(reply) = publish.reply
        {
            self.answer_no_responders(slot, publish.subject, reply, fx);
        }
    }

    /// After a message on a buffered subject: a verbose client is answered when it is durable, and
    /// nobody publishes for long what the disk does not take.
    fn buffered(&mut self, now: Now, slot: u32, verbose: bool, outcome: Outcome, fx: &mut Effects) {
        let owed = (verbose && outcome != Outcome::Refused).then_some(Owed::Ok);
        let behind = self.buffers.as_ref().is_some_and(|buffers| buffers.is_behind());
        if (owed.is_none() && !behind) || self.wait_for_buffers(now, slot, owed, fx) {
            return;
        }
        if owed.is_some() {
            self.send(slot, fx, encode::ok);
        }
    }

    /// Who gets a message on `subject`. Clients tend to publish to one subject again and again, so
    /// each remembers its last answer.
    fn plan_for(&mut self, slot: u32, subject: &[u8]) -> Rc<Plan> {
        let (forget, miss) = (perturb!(self, ForgetPlan), perturb!(self, CacheMiss));
        let interest = &mut self.accounts.get_mut(GLOBAL).interest;
        if miss {
            return interest.plan_anew(subject);
        }
        let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) else {
            return interest.plan(subject);
        };
        if forget {
            client.last_plan = None;
        }
        interest.plan_again(subject, &mut client.last_plan)
    }

    /// Refuses subjects and replies that belong to servers.
    fn may_publish(&mut self, slot: u32, publish: &Publish<'_>, fx: &mut Effects) -> bool {
        let reserved = |subject: &[u8], prefixes: &[Reserved]| {
            matches!(subject.first(), Some(b'_' | b'$'))
                && prefixes.iter().any(|prefix| prefix.holds(subject))
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
