//! The operations of clients, one by one.

use super::{Builder, OPS_MAX, client_id};
use crate::history::{Phase, Sym};
use crate::ids::{ClientId, Sid};
use crate::plan::timing::CONNECT_SPREAD_NS;
use crate::plan::{Later, Op, OpPlan};
use crate::rng::Stream;
use crate::scenario::{ClientSpec, Draw, Role, template};

/// The inbox has 1.
const FIRST_SID: u32 = 2;

/// Names that a template gives are remembered for so many messages.
const NAMES_KEPT: u64 = 4096;

pub(super) fn build(builder: &mut Builder<'_>) {
    let mut at = 0;
    for (table, spec) in builder.scenario.clients.iter().enumerate() {
        let prefix = format!("{}/", spec.id);
        let of_table =
            builder.plan.clients[at..].iter().take_while(|c| c.name.starts_with(&prefix)).count();
        for number in 1..=of_table as u64 {
            let stream = builder.stream("plan.ops", &[table as u64, number]);
            let client = client_id(at);
            let waiting = builder.waiting.get(&table).copied();
            let names = Vec::new();
            let mut of = OpsOf { builder, table, spec, client, number, stream, names, waits: None };
            match waiting {
                Some(condition) => of.all_later(condition),
                None => of.all(),
            }
            at += 1;
            if builder.plan.ops.len() > OPS_MAX {
                builder.problem(0, format!("the clients do more than {OPS_MAX} things"));
                return;
            }
        }
    }
    super::jetstream::audit_ops(builder);
    // By time, and by client where times are equal: the sort is stable.
    builder.plan.ops.sort_by_key(|op| op.at);
}

pub(super) struct OpsOf<'b, 'a> {
    pub(super) builder: &'b mut Builder<'a>,
    table: usize,
    pub(super) spec: &'b ClientSpec,
    client: ClientId,
    number: u64,
    pub(super) stream: Stream,
    names: Vec<Sym>,
    waits: Option<Waits>,
}

/// What the operations of a client wait for.
#[derive(Clone, Copy)]
struct Waits {
    condition: u32,
    /// From when on.
    from: u64,
    /// How long after it has come the first is due.
    delay: u64,
    /// They happen no later than this.
    until: u64,
}

impl OpsOf<'_, '_> {
    fn all(&mut self) {
        let chaos = self.builder.phase(Phase::Chaos);
        let quiesce = self.builder.phase(Phase::Quiesce);
        let connect = match self.spec.start {
            Some(start) => (chaos + start.sample(&mut self.stream)).min(quiesce),
            None => self.builder.phase(Phase::Warm) + micros(self.stream.below(CONNECT_SPREAD_NS)),
        };
        let stop = match self.spec.stop {
            Some(stop) => (chaos + stop.sample(&mut self.stream)).clamp(connect, quiesce),
            None => quiesce,
        };
        self.work(connect, connect.max(chaos), stop);
    }

    /// The same when what they wait for has come: as if it came when they begin to wait, and then
    /// later by as much as it does.
    fn all_later(&mut self, condition: u32) {
        let chaos = self.builder.phase(Phase::Chaos);
        let quiesce = self.builder.phase(Phase::Quiesce);
        let start = self.spec.start.map_or(0, |start| start.sample(&mut self.stream));
        let from = (chaos + start).min(quiesce);
        let until = match self.spec.stop {
            Some(stop) => (chaos + stop.sample(&mut self.stream)).clamp(from, quiesce),
            None => quiesce,
        };
        let lasts = self.spec.lasts.map(|lasts| lasts.sample(&mut self.stream));
        let stop = lasts.map_or(until, |lasts| from.saturating_add(lasts).min(until));
        let delay = self.spec.when.as_ref().map_or(Draw::fixed(0), |when| when.delay);
        let delay = self.builder.sample(delay, "plan.when.client", &[self.table as u64]);
        self.waits = Some(Waits { condition, from, delay, until });
        self.work(from, from, stop);
    }

    fn work(&mut self, connect: u64, start: u64, stop: u64) {
        let drain = self.builder.phase(Phase::Drain);
        self.push(connect, Op::Connect);
        match self.spec.role {
            Role::Publish | Role::Request | Role::Kv => {
                self.listens(connect, drain);
                self.sends(start, stop);
            }
            Role::Subscribe | Role::Serve => self.subscribes(connect, stop, drain),
            Role::Consume => self.consumes(start, stop),
            Role::Audit => {}
        }
        if self.spec.leave {
            self.push(stop, Op::Close);
        }
        self.push(drain, Op::Close);
    }

    /// The subscription of a client that is there to send.
    fn listens(&mut self, connect: u64, drain: u64) {
        let Some(subject) = &self.spec.listen else { return };
        let subject = self.builder.plan.symbols.intern(subject);
        let queue = self.queue();
        let sid = Sid(FIRST_SID);
        self.push(connect, Op::Sub { sid, subject, queue, max: 0, answer: 0 });
        self.push(drain, Op::Unsub { sid, max: 0 });
    }

    fn sends(&mut self, start: u64, stop: u64) {
        let every = self.spec.every.sample(&mut self.stream).max(1_000);
        // Clients of one table must not all move at the same instant.
        let mut at = start + micros(self.stream.below(every));
        let flush_every = self.stream.between(1, 16);
        let mut sent = 0;
        let mut turn = 0;
        let mut flushed = false;
        while at < stop {
            let mut count = self.spec.burst.sample(&mut self.stream).max(1);
            if self.spec.stop_after > 0 {
                count = count.min(self.spec.stop_after - sent);
                if count == 0 {
                    break;
                }
            }
            turn += 1;
            // Nobody knows which of those that wait is the last one in time.
            flushed = turn % flush_every == 0 || self.waits.is_some();
            let sway = micros(self.stream.below(every / 8 + 1));
            let op = self.send(sent, count, flushed);
            self.push(at + sway, op);
            sent += count;
            at += every;
            if self.builder.plan.ops.len() > OPS_MAX {
                return;
            }
        }
        if !flushed && self.spec.role == Role::Publish {
            self.flush_last();
        }
    }

    fn send(&mut self, sent: u64, count: u64, flush: bool) -> Op {
        if let Some(op) = self.stores(sent, count) {
            return Op::Stream(op);
        }
        let subject = self.name(sent);
        let size = bytes(self.spec.size.sample(&mut self.stream));
        let headers = self.spec.headers_ppm.sample(&mut self.stream);
        let header = self.stream.chance_ppm(u32::try_from(headers).unwrap_or(u32::MAX));
        if self.spec.role == Role::Request {
            let timeout_ns = self.spec.timeout.sample(&mut self.stream);
            return Op::Request { subject, size, timeout_ns, header };
        }
        Op::Pub { subject, size, count: bytes(count), header, flush }
    }

    /// The last publish is always followed by a flush, so that what was processed is known.
    fn flush_last(&mut self) {
        let last = self.builder.plan.ops.iter_mut().rev().take_while(|op| op.client == self.client);
        for op in last {
            if let Op::Pub { flush, .. } = &mut op.op {
                *flush = true;
                return;
            }
        }
    }

    fn subscribes(&mut self, connect: u64, stop: u64, drain: u64) {
        let subject = self.name(0);
        let queue = self.queue();
        let answer = match self.spec.role {
            Role::Serve => bytes(self.spec.size.sample(&mut self.stream)),
            Role::Publish
            | Role::Subscribe
            | Role::Request
            | Role::Consume
            | Role::Kv
            | Role::Audit => 0,
        };
        let mut sid = FIRST_SID;
        let mut subscribe = |this: &mut Self, at: u64, subject: Sym| {
            let max = bytes(this.spec.max.sample(&mut this.stream));
            let this_sid = Sid(sid);
            sid += 1;
            // A limit that is said later is said of a subscription that may have got something.
            let Some(after) = this.spec.max_after else {
                this.push(at, Op::Sub { sid: this_sid, subject, queue, max, answer });
                return this_sid;
            };
            let limited = at + after.sample(&mut this.stream);
            this.push(at, Op::Sub { sid: this_sid, subject, queue, max: 0, answer });
            if max > 0 {
                this.push(limited.min(stop), Op::Unsub { sid: this_sid, max });
            }
            this_sid
        };
        let mut current = subscribe(self, connect, subject);
        let also = &self.spec.also;
        let also: Vec<Sym> =
            also.iter().map(|subject| self.builder.plan.symbols.intern(subject)).collect();
        let also: Vec<Sid> = also.into_iter().map(|s| subscribe(self, connect, s)).collect();
        if let Some(churn) = self.spec.churn {
            let chaos = self.builder.phase(Phase::Chaos);
            let mut at = self.waits.map_or(chaos, |waits| waits.from);
            loop {
                at += churn.sample(&mut self.stream).max(1);
                if at >= stop {
                    break;
                }
                self.push(at, Op::Unsub { sid: current, max: 0 });
                let pause = micros(self.stream.below(churn.low / 4 + 1));
                current = subscribe(self, at + pause, subject);
                at += pause;
            }
        }
        let stops = self.spec.stop.is_some() || self.spec.lasts.is_some();
        let end = if stops { stop } else { drain };
        for sid in std::iter::once(current).chain(also) {
            self.push(end, Op::Unsub { sid, max: 0 });
        }
    }

    fn queue(&mut self) -> Sym {
        match &self.spec.queue {
            Some(queue) => self.builder.plan.symbols.intern(queue),
            None => Sym::NONE,
        }
    }

    /// The subject of message `i`. Most templates give few names, again and again.
    pub(super) fn name(&mut self, i: u64) -> Sym {
        let period = template::period(&self.spec.subject).filter(|period| *period <= NAMES_KEPT);
        let slot = period.map(|period| (i % period) as usize);
        if let Some(known) = slot.and_then(|slot| self.names.get(slot)) {
            return *known;
        }
        // The scenario was checked with the same function.
        let text = template::expand(&self.spec.subject, i, self.number).unwrap_or_default();
        let sym = self.builder.plan.symbols.intern(&text);
        if slot == Some(self.names.len()) {
            self.names.push(sym);
        }
        sym
    }

    pub(super) fn push(&mut self, at: u64, op: Op) {
        let drain = self.builder.phase(Phase::Drain);
        // Everybody leaves at the end.
        let waits = self.waits.filter(|_| at < drain);
        let when = waits.map(|Waits { condition, from, delay, until }| Later {
            condition,
            delay_ns: at - from + delay,
            until,
        });
        let at = waits.map_or(at, |waits| waits.from);
        self.builder.plan.ops.push(OpPlan { at, client: self.client, op, when });
    }
}

/// Whole microseconds: easier to read.
const fn micros(ns: u64) -> u64 {
    ns - ns % 1_000
}

pub(super) fn bytes(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
