//! Runs: messages that a client publishes one after the other on one subject.
//!
//! Whoever publishes fast does it like this. Everything that is the same for all messages of a run
//! is done once: who gets them, whether they may, which link that is and how much it has pending.
//! Then each receiver's copies are written in one go, receiver by receiver, which also keeps the
//! queues out of each other's way in the caches.
//!
//! A run never does what single messages would not: whatever is unusual (replies, headers, large
//! payloads, queue groups, subscriptions that end by themselves, receivers that are slow) goes the
//! ordinary way, message by message.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::mem;

use causeway_wire::Limits;
use causeway_wire::client::publish_on;

use crate::account::GLOBAL;
use crate::effects::Effects;
use crate::interest::{Local, Plan};
use crate::limits;
use crate::link::client::Phase;
use crate::link::deliver::{Delivery, Message, Source};
use crate::link::tx::SpareChunks;
use crate::link::{Link, Role};
use crate::monitor::Traffic;
use crate::node::Node;
use crate::time::Now;

/// Messages of one run: enough to make what is done once per run cheap.
const RUN_MESSAGES: usize = 64;

/// Bytes that a run may put into transmit queues: a part of what the turn may.
const RUN_OUTPUT_BYTES: usize = limits::TURN_OUTPUT_BYTES / 16;

/// One message of a run, by its places in the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunMessage {
    /// Where `#bytes CR LF payload CR LF` begins.
    tail: usize,
    body: usize,
    /// Where the next frame begins.
    end: usize,
}

/// The messages of a run with what they have in common.
#[derive(Clone, Copy)]
struct Run<'a> {
    input: &'a [u8],
    messages: &'a [RunMessage],
    /// Number and payload bytes.
    traffic: Traffic,
    /// Bytes of all tails.
    tail_bytes: usize,
}

impl Node {
    /// Handles the messages at the start of `input` that are on the subject that the client
    /// published to last, and says how many bytes they were. `None`: there are none, or they have
    /// to be handled one by one.
    pub(crate) fn publish_run(
        &mut self,
        now: Now,
        slot: u32,
        input: &[u8],
        limits: &Limits,
        fx: &mut Effects,
    ) -> Option<usize> {
        let client = self.links.at(slot)?.client()?;
        let plan = client.last_plan.as_ref()?;
        if client.verbose || client.pedantic || client.phase != Phase::Open {
            return None;
        }
        publish_on(input, plan.address(), limits)?;
        let buffered = self.is_buffered(GLOBAL, &plan.subject);
        if plan.has_services || buffered || perturb!(self, SingleMessages) {
            return None;
        }
        if fx.trace_mask.protocol || !self.accounts.get(GLOBAL).interest.is_current(plan) {
            return None;
        }
        let (plan, echo) = (Rc::clone(plan), client.echo);
        let mut messages = mem::take(&mut self.delivery.run);
        let run = collect(input, &plan, limits, &mut messages);
        let consumed = run.messages.last().map(|message| message.end);
        if consumed.is_some() {
            self.count_run(now, slot, run.traffic);
            if !plan.is_empty() {
                self.deliver_run(now, Source::Client { slot, echo }, &plan, &run, fx);
            }
        }
        messages.clear();
        self.delivery.run = messages;
        consumed
    }

    fn count_run(&mut self, now: Now, slot: u32, traffic: Traffic) {
        if let Some(link) = self.links.at_mut(slot) {
            link.received.add(traffic);
            link.last_activity = now.wall;
        }
        self.stats.received_from_clients.add(traffic);
    }

    fn deliver_run(
        &mut self,
        now: Now,
        source: Source<'_>,
        plan: &Plan,
        run: &Run<'_>,
        fx: &mut Effects,
    ) {
        let mut delivery = self.delivery(now, GLOBAL, source, plan, fx);
        if plan.one_local_per_link && plan.groups.is_empty() {
            delivery.run_by_receiver(run);
        } else {
            for message in run.messages {
                delivery.deliver(&run.message(message, plan));
            }
        }
        let totals = delivery.totals;
        self.delivered(now, source, &totals, fx);
    }
}

/// Finds the messages of a run.
fn collect<'a>(
    input: &'a [u8],
    plan: &Plan,
    limits: &Limits,
    messages: &'a mut Vec<RunMessage>,
) -> Run<'a> {
    let address = plan.address();
    let output_max = RUN_OUTPUT_BYTES / plan.receivers().max(1);
    let (mut at, mut tail_bytes, mut body_bytes) = (0, 0, 0);
    while messages.len() < RUN_MESSAGES
        && tail_bytes < output_max
        && let Some(publish) = publish_on(&input[at..], address, limits)
    {
        let tail = publish.len - publish.tail_start;
        if tail >= limits::SHARE_PAYLOAD_BYTES {
            break;
        }
        tail_bytes += tail;
        body_bytes += publish.len - 2 - publish.body_start;
        messages.push(RunMessage {
            tail: at + publish.tail_start,
            body: at + publish.body_start,
            end: at + publish.len,
        });
        at += publish.len;
    }
    let traffic = Traffic { messages: messages.len() as u64, bytes: body_bytes as u64 };
    Run { input, messages, traffic, tail_bytes }
}

impl<'a> Run<'a> {
    fn message(&self, message: &RunMessage, plan: &'a Plan) -> Message<'a> {
        Message {
            subject: &plan.subject,
            shown: None,
            reply: None,
            header_len: None,
            body: &self.input[message.body..message.end - 2],
            tail: &self.input[message.tail..message.end],
        }
    }

    /// Appends all messages to a link's queue, each after `prefix`; gives the number of bytes.
    fn append(&self, link: &mut Link, prefix: [&[u8]; 2], spare: &mut SpareChunks) -> usize {
        let bytes = self.bytes_with(prefix);
        let out = link.tx.tail(spare);
        out.reserve(bytes);
        for message in self.messages {
            out.extend_from_slice(prefix[0]);
            if !prefix[1].is_empty() {
                out.extend_from_slice(prefix[1]);
            }
            out.extend_from_slice(&self.input[message.tail..message.end]);
        }
        link.tx.appended(bytes);
        bytes
    }

    fn bytes_with(&self, prefix: [&[u8]; 2]) -> usize {
        self.tail_bytes + self.messages.len() * (prefix[0].len() + prefix[1].len())
    }
}

impl Delivery<'_> {
    /// All messages to the first receiver, then to the next one. Every link must be in the plan
    /// once, so that what it gets stays in the order of publishing.
    fn run_by_receiver(&mut self, run: &Run<'_>) {
        let plan = self.plan;
        for local in &plan.locals {
            if !self.run_to_local(local, run) {
                for message in run.messages {
                    self.deliver_local(local, &run.message(message, plan));
                }
            }
        }
        for remote in &plan.remotes {
            self.run_to_route(*remote, run);
        }
    }

    /// False if this receiver needs a look at each message.
    fn run_to_local(&mut self, local: &Local, run: &Run<'_>) -> bool {
        if let Source::Client { slot, echo: false } = self.source
            && slot == local.link
        {
            return true;
        }
        let Some(link) = self.links.at_mut(local.link).filter(|link| link.closing.is_none()) else {
            return true;
        };
        let [first, second] = self.plan.prefix(local);
        let prefix = [&first[1..], second];
        let pending = link.tx.pending();
        let room = self.stall_at.min(self.max_pending);
        let subscription = self.interest.subscription_mut(local.sub);
        if subscription.max > 0 || pending + run.bytes_with(prefix) as u64 > room {
            return false;
        }
        subscription.delivered += run.traffic.messages;
        link.last_activity = self.now.wall;
        link.wake(self.fx);
        self.totals.appended += run.append(link, prefix, self.spare);
        link.sent.add(run.traffic);
        self.totals.sent_to_clients.add(run.traffic);
        true
    }

    fn run_to_route(&mut self, slot: u32, run: &Run<'_>) {
        let plan = self.plan;
        let Some(link) = self.links.at_mut(slot).filter(|link| link.closing.is_none()) else {
            return;
        };
        let Role::Route(route) = &link.role else { return };
        let prefix = match route.account {
            Some(_) => [&b"RMSG "[..], plan.address()],
            None => [plan.route_prefix(), &[]],
        };
        link.wake(self.fx);
        link.last_activity = self.now.wall;
        self.totals.appended += run.append(link, prefix, self.spare);
        link.sent.add(run.traffic);
        self.totals.sent_to_routes.add(run.traffic);
    }
}
