//! What is made simpler: networks, sizes, counts, settings.

use super::search::Search;
use crate::history::Sym;
use crate::payload::IDENTITY_BYTES;
use crate::plan::{
    ClientPlan, ClockFault, FaultAction, HostWhat, LinkPlan, Op, OpPlan, Plan, Setting,
};
use crate::scenario::{Chunking, Ways};
use crate::units::SECOND;

/// So many operations are looked at one by one.
const SINGLE_MAX: usize = 60;

/// What is changed everywhere at once, or not at all.
const EVERYWHERE: &[fn(&mut Plan)] = &[
    |plan| plan.network.chunking = Chunking::Off,
    |plan| plan.network.overread = false,
    |plan| links(plan, |link| link.jitter_ns = 0),
    |plan| links(plan, |link| link.loss_ppm = 0),
    |plan| links(plan, |link| link.bandwidth = 0),
    |plan| links(plan, |link| link.latency_ns = one_digit(link.latency_ns)),
    |plan| clients(plan, |client| client.jitter_ns = 0),
    |plan| clients(plan, |client| client.read_rate = 0),
    |plan| clients(plan, |client| client.echo = true),
    |plan| clients(plan, |client| client.takes_headers = true),
    |plan| plan.nodes.iter_mut().for_each(|node| node.start_ns = 0),
    |plan| plan.nodes.iter_mut().for_each(|node| node.start_ns = one_digit(node.start_ns)),
    |plan| plan.nodes.iter_mut().for_each(|node| node.wall_ns -= node.wall_ns % SECOND),
    |plan| plan.nodes.iter_mut().for_each(|node| node.config.accounts.clear()),
    |plan| ops(plan, |op| shrink_op(op, Part::Size)),
    |plan| ops(plan, |op| shrink_op(op, Part::Count)),
    |plan| ops(plan, |op| shrink_op(op, Part::Header)),
    |plan| ops(plan, |op| shrink_op(op, Part::Flush)),
    |plan| ops(plan, |op| shrink_op(op, Part::Max)),
    |plan| ops(plan, |op| shrink_op(op, Part::Answer)),
    |plan| ops(plan, |op| shrink_op(op, Part::Queue)),
];

/// A part of an operation that can be simpler.
#[derive(Clone, Copy, Debug)]
enum Part {
    Size,
    Count,
    Header,
    Flush,
    Max,
    Answer,
    Queue,
}

impl Part {
    const ALL: [Self; 7] =
        [Self::Size, Self::Count, Self::Header, Self::Flush, Self::Max, Self::Answer, Self::Queue];
}

impl Search<'_> {
    /// Makes values simple.
    pub(super) fn values(&mut self) {
        for change in EVERYWHERE {
            self.change(change);
        }
        self.simpler_settings();
        self.anchors();
        for at in 0..self.plan().faults.len() {
            self.simpler_fault(at);
        }
        for at in 0..self.plan().ops.len().min(SINGLE_MAX) {
            for part in Part::ALL {
                self.change(|plan| shrink_op(&mut plan.ops[at], part));
            }
            self.smaller_burst(at);
        }
    }

    /// Takes the noise out of the networks: at once, or else what can be taken out.
    pub(super) fn calm_networks(&mut self) {
        if !self.change(calm) {
            for change in &EVERYWHERE[..4] {
                self.change(change);
            }
        }
    }

    /// One connection per peer, and servers' defaults for the rest.
    fn simpler_settings(&mut self) {
        self.change(|plan| {
            for node in &mut plan.nodes {
                node.config.numbers = vec![(Setting::PoolSize, 1)];
            }
        });
        for setting in Setting::ALL {
            self.change(|plan| {
                for numbers in plan.nodes.iter_mut().map(|node| &mut node.config.numbers) {
                    numbers.retain(|(given, _)| *given != setting);
                    if setting == Setting::PoolSize {
                        numbers.push((setting, 1));
                        numbers.sort_unstable();
                    }
                }
            });
        }
    }

    fn simpler_fault(&mut self, at: usize) {
        self.change(|plan| match &mut plan.faults[at].action {
            FaultAction::Degrade { latency_ns, jitter_ns, loss_ppm, .. } => {
                *latency_ns = one_digit(*latency_ns);
                (*jitter_ns, *loss_ppm) = (0, 0);
            }
            FaultAction::Crash(process)
            | FaultAction::Stop(process)
            | FaultAction::LameDuck(process) => {
                (process.new_port, process.new_address) = (false, false);
            }
            FaultAction::Cut { blackhole, .. } => *blackhole = false,
            FaultAction::Conns { .. }
            | FaultAction::Reset(_)
            | FaultAction::Refuse(_)
            | FaultAction::Dns(_)
            | FaultAction::StopReading(_)
            | FaultAction::Host(_) => {}
        });
        self.simpler_clock(at);
        let several = |plan: &Plan| match &plan.faults[at].action {
            FaultAction::Crash(process)
            | FaultAction::Stop(process)
            | FaultAction::LameDuck(process) => process.nodes.len(),
            FaultAction::Dns(names) => names.nodes.len(),
            FaultAction::Host(host) => host.nodes.len(),
            FaultAction::StopReading(clients) => clients.len(),
            FaultAction::Cut { .. }
            | FaultAction::Conns { .. }
            | FaultAction::Reset(_)
            | FaultAction::Refuse(_)
            | FaultAction::Degrade { .. } => 0,
        };
        let mut one = 0;
        while several(self.plan()) > 1 && one < several(self.plan()) {
            let smaller = self.change(|plan| match &mut plan.faults[at].action {
                FaultAction::Crash(process)
                | FaultAction::Stop(process)
                | FaultAction::LameDuck(process) => {
                    process.nodes.remove(one);
                }
                FaultAction::Dns(names) => {
                    names.nodes.remove(one);
                }
                FaultAction::Host(host) => {
                    host.nodes.remove(one);
                }
                FaultAction::StopReading(clients) => {
                    clients.remove(one);
                }
                FaultAction::Cut { .. }
                | FaultAction::Conns { .. }
                | FaultAction::Reset(_)
                | FaultAction::Refuse(_)
                | FaultAction::Degrade { .. } => {}
            });
            one += usize::from(!smaller);
        }
        // A fault that works both ways is the simpler story.
        self.change(|plan| {
            if let FaultAction::Cut { between, .. } = &mut plan.faults[at].action {
                between.ways = Ways::Both;
            }
        });
    }

    /// A clock is wrong in one way only.
    fn simpler_clock(&mut self, at: usize) {
        let parts: [fn(&mut ClockFault); 5] = [
            |clock| clock.offset_ns = 0,
            |clock| clock.step_ns = 0,
            |clock| clock.drift_ppm = 0,
            |clock| clock.mono_ppm = 0,
            |clock| clock.freeze = false,
        ];
        for right in parts {
            self.change(|plan| {
                if let FaultAction::Host(host) = &mut plan.faults[at].action
                    && let HostWhat::Clock(clock) = &mut host.what
                {
                    right(clock);
                }
            });
        }
    }

    /// A burst that must be one is halved as long as that is possible.
    fn smaller_burst(&mut self, at: usize) {
        while let Op::Pub { count: now @ 2.., .. } = self.plan().ops[at].op {
            let halved = [now / 2, now - 1].into_iter().any(|fewer| {
                self.change(|plan| {
                    if let Op::Pub { count, .. } = &mut plan.ops[at].op {
                        *count = fewer;
                    }
                })
            });
            if !halved {
                return;
            }
        }
    }
}

/// Every network takes the same time for every segment, and bytes are read as they were written.
pub(super) fn calm(plan: &mut Plan) {
    for change in &EVERYWHERE[..4] {
        change(plan);
    }
}

fn links(plan: &mut Plan, change: impl Fn(&mut LinkPlan)) {
    plan.regions.iter_mut().for_each(|region| change(&mut region.link));
    plan.paths.iter_mut().for_each(|path| change(&mut path.link));
}

fn clients(plan: &mut Plan, change: impl Fn(&mut ClientPlan)) {
    plan.clients.iter_mut().for_each(change);
}

fn ops(plan: &mut Plan, change: impl Fn(&mut OpPlan)) {
    plan.ops.iter_mut().for_each(change);
}

fn shrink_op(op: &mut OpPlan, part: Part) {
    let least = IDENTITY_BYTES as u32;
    match (&mut op.op, part) {
        (Op::Pub { size, .. } | Op::Request { size, .. }, Part::Size) => *size = least,
        (Op::Pub { count, .. }, Part::Count) => *count = 1,
        (Op::Pub { header, .. } | Op::Request { header, .. }, Part::Header) => *header = false,
        (Op::Pub { flush, .. }, Part::Flush) => *flush = false,
        (Op::Sub { max, .. }, Part::Max) => *max = 0,
        (Op::Sub { answer, .. }, Part::Answer) => *answer = 0,
        (Op::Sub { answer: size @ 1.., .. }, Part::Size) => *size = least,
        (Op::Sub { queue, .. }, Part::Queue) => *queue = Sym::NONE,
        (
            Op::Connect
            | Op::Close
            | Op::Unsub { .. }
            | Op::Sub { .. }
            | Op::Pub { .. }
            | Op::Request { .. }
            | Op::Stream(_),
            _,
        ) => {}
    }
}

/// Down to one digit that is not zero: 47 ms become 40 ms. Never up, because bounds follow from
/// latencies.
const fn one_digit(ns: u64) -> u64 {
    let mut unit = 1;
    while ns / unit >= 10 {
        unit *= 10;
    }
    ns - ns % unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MS;

    #[test]
    fn one_digit_is_left_and_nothing_is_rounded_up() {
        let of = [0, 7, 10, 47 * MS, 999, 20_000_000, u64::MAX];
        let expected = [0, 7, 10, 40 * MS, 900, 20_000_000, 10_000_000_000_000_000_000];
        assert_eq!(of.map(one_digit), expected);
    }
}
