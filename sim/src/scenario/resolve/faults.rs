//! The `[[fault]]` tables.

use std::ops::Range;

use toml::Spanned;

use super::super::raw::RawFault;
use super::super::value::Unit;
use super::super::{
    Between, Draw, FaultSpec, FaultWhat, HostSpecWhat, NamesAnswer, NamesSpec, Process, Selector,
    Ways,
};
use super::{LATENCY_MAX, Reader, hosts};
use crate::units::MS;

/// On which route port a process may come back.
pub(in crate::scenario) const PORTS: [&str; 2] = ["same", "new"];

/// The shapes of a partition.
pub(in crate::scenario) const SHAPES: [&str; 5] = ["split", "isolate", "one_way", "bridge", "ring"];

/// Kinds that the pure engine has.
pub(in crate::scenario) const KINDS: [&str; 27] = [
    "partition",
    "blackhole",
    "flap",
    "reset",
    "refuse",
    "degrade",
    "hold",
    "half_open",
    "cut_stream",
    "slice",
    "rebind",
    "hang_up",
    "dns",
    "crash",
    "stop",
    "lame_duck",
    "stop_reading",
    "pause",
    "slow_cpu",
    "power_loss",
    "restart",
    "clock",
    "join",
    "leave",
    "reload",
    "upgrade",
    "disk",
];

/// Kinds that the format has and this version does not.
const LATER: [&str; 1] = ["peer_remove"];

/// Whether the format has faults of this kind.
pub(super) fn is_known(kind: &str) -> bool {
    KINDS.contains(&kind) || LATER.contains(&kind)
}

/// Kinds that may go one way only, or that may be wrong in one way only.
const WITH_DIRECTION: [&str; 12] = [
    "partition",
    "blackhole",
    "flap",
    "reset",
    "refuse",
    "degrade",
    "hold",
    "half_open",
    "cut_stream",
    "slice",
    "hang_up",
    "clock",
];

/// Those of them that may go one way only: all but the last.
const DIRECTED: &[&str] = WITH_DIRECTION.split_at(WITH_DIRECTION.len() - 1).0;

/// The nodes whose processes a fault ends, if it is such a fault.
const fn ends(what: &FaultWhat) -> Option<&Selector> {
    match what {
        FaultWhat::Crash(process) | FaultWhat::Stop(process) | FaultWhat::LameDuck(process) => {
            Some(&process.on)
        }
        FaultWhat::Host(host) => match host.what {
            HostSpecWhat::PowerLoss { .. } | HostSpecWhat::Leave => Some(&host.on),
            HostSpecWhat::Pause
            | HostSpecWhat::SlowCpu { .. }
            | HostSpecWhat::Restart(_)
            | HostSpecWhat::Clock(_)
            | HostSpecWhat::Join
            | HostSpecWhat::Reload(_)
            | HostSpecWhat::Upgrade(_)
            | HostSpecWhat::Disk(_) => None,
        },
        FaultWhat::Cut { .. }
        | FaultWhat::Cuts(_)
        | FaultWhat::Reset(_)
        | FaultWhat::Conns(_)
        | FaultWhat::Refuse(_)
        | FaultWhat::Degrade { .. }
        | FaultWhat::Dns(_)
        | FaultWhat::StopReading(_) => None,
    }
}

/// A key, its place if it is there, and the kinds of faults that have a use for it.
pub(super) type Key<'a> = (&'a str, Option<Range<usize>>, &'a [&'a str]);

impl Reader<'_> {
    pub(super) fn faults(&mut self, duration: Draw) -> Vec<FaultSpec> {
        let raw = self.raw;
        let mut known: Vec<&str> = Vec::new();
        for id in raw.fault.iter().filter_map(|fault| fault.get_ref().id.as_ref()) {
            if known.contains(&id.get_ref().as_str()) {
                let message = format!("there are two faults `{}`", id.get_ref());
                self.problems.add(id.span(), message);
            }
            known.push(id.get_ref());
        }
        let mut faults: Vec<FaultSpec> = Vec::new();
        for fault in &raw.fault {
            let Some(spec) = self.fault(fault, duration) else { continue };
            if let Some(other) = faults.iter().find(|other| self.is_down_already(other, &spec)) {
                let message = format!(
                    "it always meets the fault of line {} at the same node, which is down then",
                    other.line
                );
                self.problems.add(fault.get_ref().kind.span(), message);
            }
            faults.push(spec);
        }
        faults
    }

    /// Whether, whatever is drawn, one fault hits a node while another has taken it down.
    fn is_down_already(&self, one: &FaultSpec, other: &FaultSpec) -> bool {
        let within = |a: &FaultSpec, b: &FaultSpec| {
            let (Some(lasts), None, None) = (a.lasts, &a.when, &b.when) else { return false };
            a.at.high < b.at.low && b.at.high < a.at.low.saturating_add(lasts.low)
        };
        let (Some(here), Some(there)) = (ends(&one.what), ends(&other.what)) else { return false };
        (within(one, other) || within(other, one)) && self.overlap(here, there)
    }

    fn fault(&mut self, spanned: &Spanned<RawFault>, duration: Draw) -> Option<FaultSpec> {
        let raw = spanned.get_ref();
        let begins = raw.at.as_ref().map(Spanned::span);
        let Some(begins) = begins.or_else(|| raw.when.as_ref().map(Spanned::span)) else {
            let message = "the fault does not say when it begins: `at` or `when`";
            self.problems.add(raw.kind.span(), message);
            return None;
        };
        let at_draw = match &raw.at {
            Some(at) => self.draw(at, Unit::Duration)?,
            None => Draw::fixed(0),
        };
        let lasts = self.maybe(raw.lasts.as_ref(), Unit::Duration);
        let most = [lasts, self.maybe(raw.delay.as_ref(), Unit::Duration)];
        let most = most.into_iter().flatten().map(|draw| draw.high);
        let end = most.fold(at_draw.high, u64::saturating_add);
        let end = end.saturating_add(self.stagger_most(raw));
        if end > duration.low && duration.high > 0 {
            let span = raw.lasts.as_ref().map_or(begins, Spanned::span);
            let message = "the fault may end after the run's `duration`; nobody would see it heal";
            self.problems.add(span, message);
        }
        self.check_not_nothing(raw);
        let what = self.what(raw)?;
        self.check_lasts(raw, &what);
        let line = self.problems.line_of(&raw.kind.span());
        let when = self.when(raw, &what);
        let id = raw.id.as_ref().map(|id| id.get_ref().clone());
        Some(FaultSpec { id, at: at_draw, when, lasts, what, line })
    }

    /// Between whom something gets worse: what, the fault has to say.
    fn degraded(&mut self, raw: &RawFault) -> Option<Between> {
        let worse = [&raw.latency, &raw.jitter, &raw.loss, &raw.bandwidth];
        if worse.iter().all(|any| any.is_none()) {
            let message = "it says what gets worse: `latency`, `jitter`, `loss` or `bandwidth`";
            self.problems.add(raw.kind.span(), message);
        }
        self.between(raw)
    }

    /// What lasts no time at all happens to nobody.
    fn check_not_nothing(&mut self, raw: &RawFault) {
        if let Some(any) = &raw.lasts
            && self.maybe(Some(any), Unit::Duration).is_some_and(|draw| draw.low == 0)
        {
            self.problems.add(any.span(), "a fault lasts more than 0s");
        }
        if let Some(any) = &raw.duty
            && self.maybe(Some(any), Unit::Share).is_some_and(|draw| draw.high == 0)
        {
            self.problems.add(any.span(), "with a `duty` of 0, nothing is ever cut");
        }
    }

    fn what(&mut self, raw: &RawFault) -> Option<FaultWhat> {
        let kind = raw.kind.get_ref().as_str();
        self.check_fault_keys(raw, kind);
        Some(match kind {
            "partition" => self.partition(raw, false)?,
            "blackhole" => self.partition(raw, true)?,
            "flap" => {
                let flap = Some(self.flap(raw)?);
                FaultWhat::Cut { between: self.between(raw)?, blackhole: false, flap }
            }
            "hold" | "half_open" | "cut_stream" | "slice" | "rebind" | "hang_up" => {
                self.conns(raw, kind)?
            }
            "reset" => FaultWhat::Reset(self.between(raw)?),
            "refuse" => FaultWhat::Refuse(self.between(raw)?),
            "degrade" => FaultWhat::Degrade {
                between: self.degraded(raw)?,
                latency: self.no_more(raw.latency.as_ref(), LATENCY_MAX, "1m", 0),
                jitter: self.no_more(raw.jitter.as_ref(), LATENCY_MAX, "1m", 0),
                loss_ppm: self.or(raw.loss.as_ref(), Unit::Share, 0),
                bandwidth: self.maybe(raw.bandwidth.as_ref(), Unit::Rate),
            },
            "dns" => FaultWhat::Dns(self.names(raw)?),
            "crash" => FaultWhat::Crash(self.process(raw)?),
            "stop" => FaultWhat::Stop(self.process(raw)?),
            "lame_duck" => FaultWhat::LameDuck(self.process(raw)?),
            "stop_reading" => FaultWhat::StopReading(self.readers(raw)?),
            host if hosts::KINDS.contains(&host) => FaultWhat::Host(self.host(raw)?),
            later if LATER.contains(&later) => {
                let message = format!("`kind = \"{later}\"` is not there yet");
                self.problems.add(raw.kind.span(), message);
                return None;
            }
            name => {
                let message = format!("there is no fault of kind `{name}`");
                self.problems.unknown(raw.kind.span(), message, name, KINDS);
                return None;
            }
        })
    }

    /// Keys that a kind has no use for.
    fn check_fault_keys(&mut self, raw: &RawFault, kind: &str) {
        let span = |any: &Option<super::Any>| any.as_ref().map(Spanned::span);
        let keys: [Key<'_>; 15] = [
            ("direction", raw.direction.as_ref().map(Spanned::span), &WITH_DIRECTION),
            ("shape", raw.shape.as_ref().map(Spanned::span), DIRECTED),
            ("latency", span(&raw.latency), &["degrade"]),
            ("jitter", span(&raw.jitter), &["degrade"]),
            ("loss", span(&raw.loss), &["degrade"]),
            ("bandwidth", span(&raw.bandwidth), &["degrade"]),
            ("after", span(&raw.after), &["cut_stream"]),
            ("ending", raw.ending.as_ref().map(Spanned::span), &["cut_stream"]),
            ("bytes", span(&raw.bytes), &["slice"]),
            ("every", span(&raw.every), &["slice", "upgrade"]),
            ("stagger", span(&raw.stagger), &["partition", "blackhole"]),
            ("period", span(&raw.period), &["flap"]),
            ("duty", span(&raw.duty), &["flap"]),
            ("answer", raw.answer.as_ref().map(Spanned::span), &["dns"]),
            ("port", raw.port.as_ref().map(Spanned::span), &hosts::WITH_PORT),
        ];
        for (key, span, kinds) in keys.into_iter().chain(hosts::keys(raw)) {
            if let Some(span) = span
                && !kinds.contains(&kind)
            {
                let message = format!("`{key}` means nothing for a fault of kind `{kind}`");
                self.problems.add(span, message);
            }
        }
    }

    fn check_lasts(&mut self, raw: &RawFault, what: &FaultWhat) {
        let name = raw.kind.get_ref();
        match (what, &raw.lasts) {
            (FaultWhat::Host(host), lasts) => {
                self.check_host_lasts(raw, host, lasts.as_ref().map(Spanned::span));
            }
            (what, Some(lasts)) if what.is_instant() => {
                let message = format!("a {name} is over at once; it has no `for`");
                self.problems.add(lasts.span(), message);
            }
            (what, None) if what.is_instant() => {}
            (
                FaultWhat::Cut { .. }
                | FaultWhat::Cuts(_)
                | FaultWhat::Conns(_)
                | FaultWhat::Refuse(_)
                | FaultWhat::Degrade { .. }
                | FaultWhat::Dns(_)
                | FaultWhat::StopReading(_),
                None,
            ) => {
                let message = format!("a {name} must say how long it lasts: `for`");
                self.problems.add(raw.kind.span(), message);
            }
            (
                FaultWhat::Cut { .. }
                | FaultWhat::Cuts(_)
                | FaultWhat::Conns(_)
                | FaultWhat::Reset(_)
                | FaultWhat::Refuse(_)
                | FaultWhat::Degrade { .. }
                | FaultWhat::Crash(_)
                | FaultWhat::Stop(_)
                | FaultWhat::LameDuck(_)
                | FaultWhat::Dns(_)
                | FaultWhat::StopReading(_),
                _,
            ) => {}
        }
    }

    fn flap(&mut self, raw: &RawFault) -> Option<(Draw, Draw)> {
        let Some(period) = &raw.period else {
            self.problems.add(raw.kind.span(), "a flap has a `period`");
            return None;
        };
        let draw = self.draw(period, Unit::Duration)?;
        if draw.low < MS {
            self.problems.add(period.span(), "a period is at least 1ms");
        }
        Some((draw, self.or(raw.duty.as_ref(), Unit::Share, 500_000)))
    }

    fn process(&mut self, raw: &RawFault) -> Option<Process> {
        let new_port = self.same_or_new("port", raw.port.as_ref());
        let new_address = self.same_or_new("address", raw.address.as_ref());
        let on = self.on(raw)?;
        if self.means_no_node(&on) {
            let span = raw.on.as_ref().map_or(raw.kind.span(), Spanned::span);
            self.problems.add(span, format!("`{on}` means no node"));
        }
        Some(Process { on, new_port, new_address })
    }

    fn names(&mut self, raw: &RawFault) -> Option<NamesSpec> {
        let on = self.on(raw)?;
        let Some(text) = &raw.answer else {
            let message = "the fault does not say what names lead to: `answer`";
            self.problems.add(raw.kind.span(), message);
            return None;
        };
        let name = text.get_ref().as_str();
        let found = NamesAnswer::ALL.into_iter().find(|answer| answer.name() == name);
        if found.is_none() {
            let message = format!("the name service does not answer with `{name}`");
            let known = NamesAnswer::ALL.map(NamesAnswer::name);
            self.problems.unknown(text.span(), message, name, known);
        }
        Some(NamesSpec { on, answer: found? })
    }

    /// Whole regions or clients, but no nodes.
    fn readers(&mut self, raw: &RawFault) -> Option<Selector> {
        let selector = self.on(raw)?;
        let mut of_nodes = false;
        selector.visit(&mut |part| {
            of_nodes |= matches!(
                part,
                Selector::Node(..)
                    | Selector::Cluster(_)
                    | Selector::Random(..)
                    | Selector::Majority(_)
                    | Selector::Minority(_)
            );
        });
        if of_nodes {
            let message = "only clients stop reading: `client:X`, `region:X` or `all`";
            self.problems.add(raw.kind.span(), message);
        }
        Some(selector)
    }

    /// A place in the network, which a single client is not.
    pub(super) fn side(&mut self, text: &super::Text) -> Option<Selector> {
        let selector = self.selector(text)?;
        let mut of_clients = false;
        selector.visit(&mut |part| of_clients |= matches!(part, Selector::Client(_)));
        if of_clients {
            let message = "a network fault stands between nodes and regions, not clients";
            self.problems.add(text.span(), message);
        } else if self.means_nobody(&selector) {
            self.problems.add(text.span(), format!("`{selector}` means nobody"));
        }
        Some(selector)
    }

    pub(super) fn on(&mut self, raw: &RawFault) -> Option<Selector> {
        if let Some(between) = &raw.between {
            let message = format!("a {} is `on` somebody, not `between` two", raw.kind.get_ref());
            self.problems.add(between.span(), message);
        }
        let Some(on) = &raw.on else {
            self.problems.add(raw.kind.span(), "the fault does not say whom it hits: `on`");
            return None;
        };
        self.selector(on)
    }

    pub(super) fn between(&mut self, raw: &RawFault) -> Option<Between> {
        let (mut direction, isolate) = self.shape(raw)?;
        if let Some(text) = &raw.direction {
            direction = self.direction(text);
        }
        match (&raw.between, &raw.on) {
            (Some(between), None) if !isolate => {
                let [a, b] = &between.get_ref()[..] else {
                    self.problems.add(between.span(), "`between` names two sides");
                    return None;
                };
                let second = b.span();
                let (a, b) = (self.side(a)?, self.side(b)?);
                if self.overlap(&a, &b) {
                    let message = format!("`{b}` and `{a}` overlap: nobody is on both sides");
                    self.problems.add(second, message);
                }
                Some(Between { a, b: Some(b), direction })
            }
            (None, Some(on)) => {
                let a = self.side(on)?;
                let rest = Selector::Without(Box::new(Selector::All), Box::new(a.clone()));
                if self.means_nobody(&rest) {
                    let message = format!("`{a}` is everybody: there is nobody else");
                    self.problems.add(on.span(), message);
                }
                Some(Between { a, b: None, direction })
            }
            (Some(between), _) => {
                let message = "give either `between` two sides, or `on` one that is cut off";
                self.problems.add(between.span(), message);
                None
            }
            (None, None) => {
                let message = "the fault does not say where: `between` two sides, or `on` one";
                self.problems.add(raw.kind.span(), message);
                None
            }
        }
    }

    pub(super) fn direction(&mut self, text: &super::Text) -> Ways {
        let name = text.get_ref().as_str();
        let found = Ways::ALL.into_iter().find(|ways| ways.name() == name);
        found.unwrap_or_else(|| {
            let message = format!("there is no direction `{name}`");
            self.problems.unknown(text.span(), message, name, Ways::ALL.map(Ways::name));
            Ways::Both
        })
    }

    /// What `shape` says about the direction, and whether one side is all there is.
    fn shape(&mut self, raw: &RawFault) -> Option<(Ways, bool)> {
        let Some(shape) = &raw.shape else { return Some((Ways::Both, false)) };
        match shape.get_ref().as_str() {
            "split" => Some((Ways::Both, false)),
            "one_way" => Some((Ways::Forward, false)),
            "isolate" => Some((Ways::Both, true)),
            name @ ("bridge" | "ring") => {
                let message = format!("only a partition or a blackhole can be a {name}");
                self.problems.add(shape.span(), message);
                None
            }
            name => {
                let message = format!("there is no shape `{name}`");
                self.problems.unknown(shape.span(), message, name, SHAPES);
                None
            }
        }
    }
}
