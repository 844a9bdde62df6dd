//! The operations of clients, one by one.

use super::{Builder, OPS_MAX, client_id};
use crate::history::{Phase, Sym};
use crate::ids::{ClientId, Sid};
use crate::plan::timing::CONNECT_SPREAD_NS;
use crate::plan::{Op, OpPlan};
use crate::rng::Stream;
use crate::scenario::{ClientSpec, Role, template};

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
            OpsOf { builder, spec, client, number, stream, names: Vec::new() }.all();
            at += 1;
            if builder.plan.ops.len() > OPS_MAX {
                builder.problem(0, format!("the clients do more than {OPS_MAX} things"));
                return;
            }
        }
    }
    // By time, and by client where times are equal: the sort is stable.
    builder.plan.ops.sort_by_key(|op| op.at);
}

struct OpsOf<'b, 'a> {
    builder: &'b mut Builder<'a>,
    spec: &'b ClientSpec,
    client: ClientId,
    number: u64,
    stream: Stream,
    names: Vec<Sym>,
}

impl OpsOf<'_, '_> {
    fn all(&mut self) {
        let chaos = self.builder.phase(Phase::Chaos);
        let quiesce = self.builder.phase(Phase::Quiesce);
        let drain = self.builder.phase(Phase::Drain);
        let connect = match self.spec.start {
            Some(start) => (chaos + start.sample(&mut self.stream)).min(quiesce),
            None => self.builder.phase(Phase::Warm) + micros(self.stream.below(CONNECT_SPREAD_NS)),
        };
        let stop = match self.spec.stop {
            Some(stop) => (chaos + stop.sample(&mut self.stream)).clamp(connect, quiesce),
            None => quiesce,
        };
        self.push(connect, Op::Connect);
        match self.spec.role {
            Role::Publish | Role::Request => {
                self.listens(connect, drain);
                self.sends(connect.max(chaos), stop);
            }
            Role::Subscribe | Role::Serve => self.subscribes(connect, stop, drain),
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
            flushed = turn % flush_every == 0;
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
            Role::Publish | Role::Subscribe | Role::Request => 0,
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
            let mut at = self.builder.phase(Phase::Chaos);
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
        let end = if self.spec.stop.is_some() { stop } else { drain };
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
    fn name(&mut self, i: u64) -> Sym {
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

    fn push(&mut self, at: u64, op: Op) {
        self.builder.plan.ops.push(OpPlan { at, client: self.client, op });
    }
}

/// Whole microseconds: easier to read.
const fn micros(ns: u64) -> u64 {
    ns - ns % 1_000
}

fn bytes(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
