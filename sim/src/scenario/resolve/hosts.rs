//! The `[[fault]]` tables of machines and their processes, apart from their plain ends.

use std::ops::Range;

use toml::Spanned;

use super::super::raw::RawFault;
use super::super::value::Unit;
use super::super::{Draw, HostSpec, HostSpecWhat, RestartSpec, Way};
use super::faults::{Key, PORTS};
use super::{Any, Reader, Text};
use crate::units::SECOND;

/// The kinds.
pub(super) const KINDS: [&str; 10] = [
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

/// Kinds after which a process may listen on another route port.
pub(super) const WITH_PORT: [&str; 5] = ["crash", "stop", "lame_duck", "power_loss", "restart"];

/// An input that takes longer is a pause.
const BASE_MAX_NS: u64 = SECOND;

/// A CPU that is slower stands still.
const FACTOR_MAX: u64 = 10_000;

/// Keys that only these kinds have a use for.
pub(super) fn keys(raw: &RawFault) -> [Key<'_>; 18] {
    let any = |any: &Option<Any>| any.as_ref().map(Spanned::span);
    let text = |text: &Option<Text>| text.as_ref().map(Spanned::span);
    [
        ("factor", any(&raw.factor), &["slow_cpu", "disk"]),
        ("base", any(&raw.base), &["slow_cpu", "disk"]),
        ("by", text(&raw.by), &["restart"]),
        ("address", text(&raw.address), &["crash", "stop", "lame_duck", "restart"]),
        ("config", raw.config.as_ref().map(|_| raw.kind.span()), &["reload"]),
        ("routes", raw.routes.as_ref().map(|_| raw.kind.span()), &["reload"]),
        ("to", text(&raw.to), &["upgrade"]),
        ("offset", any(&raw.offset), &["clock"]),
        ("step", any(&raw.step), &["clock"]),
        ("drift", any(&raw.drift), &["clock"]),
        ("drift_mono", any(&raw.drift_mono), &["clock"]),
        ("freeze", raw.freeze.as_ref().map(Spanned::span), &["clock"]),
        ("what", text(&raw.what), &["disk"]),
        ("reads", any(&raw.reads), &["disk"]),
        ("writes", any(&raw.writes), &["disk"]),
        ("syncs", any(&raw.syncs), &["disk"]),
        ("free", any(&raw.free), &["disk"]),
        ("times", any(&raw.times), &["disk"]),
    ]
}

impl Reader<'_> {
    pub(super) fn host(&mut self, raw: &RawFault) -> Option<HostSpec> {
        let what = match raw.kind.get_ref().as_str() {
            "pause" => HostSpecWhat::Pause,
            "slow_cpu" => self.slow_cpu(raw)?,
            "clock" => HostSpecWhat::Clock(self.clock(raw)?),
            "disk" => HostSpecWhat::Disk(self.disk(raw)?),
            kind @ ("join" | "leave" | "reload" | "upgrade") => self.operator(raw, kind)?,
            "power_loss" => {
                HostSpecWhat::PowerLoss { new_port: self.same_or_new("port", raw.port.as_ref()) }
            }
            _ => HostSpecWhat::Restart(RestartSpec {
                by: self.way(raw.by.as_ref()),
                new_port: self.same_or_new("port", raw.port.as_ref()),
                new_address: self.same_or_new("address", raw.address.as_ref()),
            }),
        };
        Some(HostSpec { on: self.on(raw)?, what })
    }

    fn slow_cpu(&mut self, raw: &RawFault) -> Option<HostSpecWhat> {
        let base = self.or(raw.base.as_ref(), Unit::Duration, 0);
        let factor = self.or(raw.factor.as_ref(), Unit::Count, 0);
        if raw.base.is_none() && raw.factor.is_none() {
            let message = "a slow_cpu says how slow it is: `factor`, `base`, or both";
            self.problems.add(raw.kind.span(), message);
            return None;
        }
        self.at_most(
            raw.base.as_ref(),
            base,
            BASE_MAX_NS,
            "an input takes at most 1s; see `pause`",
        );
        let message = format!("a factor is at most {FACTOR_MAX}; see `pause`");
        self.at_most(raw.factor.as_ref(), factor, FACTOR_MAX, &message);
        Some(HostSpecWhat::SlowCpu { base, factor })
    }

    pub(super) fn at_most(&mut self, any: Option<&Any>, draw: Draw, most: u64, message: &str) {
        if let Some(any) = any
            && draw.high > most
        {
            self.problems.add(any.span(), message);
        }
    }

    fn way(&mut self, by: Option<&Text>) -> Way {
        let Some(by) = by else { return Way::Stop };
        let name = by.get_ref().as_str();
        let found = Way::ALL.into_iter().find(|way| way.name() == name);
        found.unwrap_or_else(|| {
            let message = format!("a process is not restarted by `{name}`");
            self.problems.unknown(by.span(), message, name, Way::ALL.map(Way::name));
            Way::Stop
        })
    }

    /// Whether a process comes back with another one.
    pub(super) fn same_or_new(&mut self, key: &str, text: Option<&Text>) -> bool {
        match text.map(|text| (text.get_ref().as_str(), text.span())) {
            None | Some(("same", _)) => false,
            Some(("new", _)) => true,
            Some((name, span)) => {
                let message = format!("`{key}` cannot be `{name}`");
                self.problems.unknown(span, message, name, PORTS);
                false
            }
        }
    }

    pub(super) fn check_host_lasts(
        &mut self,
        raw: &RawFault,
        host: &HostSpec,
        lasts: Option<Range<usize>>,
    ) {
        let name = raw.kind.get_ref();
        match (&host.what, lasts) {
            (HostSpecWhat::Pause | HostSpecWhat::SlowCpu { .. }, None) => {
                let message = format!("a {name} must say how long it lasts: `for`");
                self.problems.add(raw.kind.span(), message);
            }
            (HostSpecWhat::Restart(RestartSpec { by: Way::Crash, .. }), Some(span)) => {
                let message = "a process that crashes does not take time to stop; no `for`";
                self.problems.add(span, message);
            }
            (HostSpecWhat::Clock(clock), None) if !clock.is_instant() => {
                let message =
                    "a clock that is wrong says for how long: `for`; only `step` does not";
                self.problems.add(raw.kind.span(), message);
            }
            (HostSpecWhat::Disk(disk), None) if !disk.is_instant() => {
                let message = "a disk fault says for how long: `for`; only damage does not";
                self.problems.add(raw.kind.span(), message);
            }
            (HostSpecWhat::Disk(disk), Some(span)) if disk.is_instant() => {
                self.problems.add(span, "damage is done at once; it has no `for`");
            }
            (HostSpecWhat::Join, Some(span)) => {
                self.problems.add(span, "a join is over at once; it has no `for`");
            }
            (HostSpecWhat::Leave | HostSpecWhat::Upgrade(_), Some(_)) => self.check_patience(raw),
            (
                HostSpecWhat::Pause
                | HostSpecWhat::SlowCpu { .. }
                | HostSpecWhat::PowerLoss { .. }
                | HostSpecWhat::Restart(_)
                | HostSpecWhat::Clock(_)
                | HostSpecWhat::Join
                | HostSpecWhat::Leave
                | HostSpecWhat::Reload(_)
                | HostSpecWhat::Upgrade(_)
                | HostSpecWhat::Disk(_),
                _,
            ) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{FaultWhat, Scenario};
    use crate::units::MS;

    const WORLD: &str = "schema = 1\nname = \"x\"\n[run]\nduration = \"9s\"\n[link.l]\n\
        latency = \"1ms\"\n[region.a]\nnodes = 2\nlink = \"l\"\n[[fault]]\nat = \"1s\"\n\
        on = \"region:a\"\n";

    fn parse(fault: &str) -> Result<HostSpecWhat, String> {
        let scenario = Scenario::parse("f.toml", &format!("{WORLD}{fault}"), &[]);
        let scenario = scenario.map_err(|error| error.problems[0].message.clone())?;
        let FaultWhat::Host(host) = &scenario.faults[0].what else { panic!("{scenario:?}") };
        Ok(host.what.clone())
    }

    #[test]
    fn faults_of_machines_are_understood() {
        let pause = "kind = \"pause\"\nfor = \"1s\"";
        assert_eq!(parse(pause), Ok(HostSpecWhat::Pause));
        let slow = "kind = \"slow_cpu\"\nfor = \"1s\"\nfactor = \"10..=20\"\nbase = \"1ms\"";
        let (base, factor) = (Draw::fixed(MS), Draw { low: 10, high: 20 });
        assert_eq!(parse(slow), Ok(HostSpecWhat::SlowCpu { base, factor }));
        let power = "kind = \"power_loss\"\nport = \"new\"";
        assert_eq!(parse(power), Ok(HostSpecWhat::PowerLoss { new_port: true }));
        let restart = |by, new_address| {
            Ok(HostSpecWhat::Restart(RestartSpec { by, new_port: false, new_address }))
        };
        assert_eq!(parse("kind = \"restart\""), restart(Way::Stop, false));
        let crash = "kind = \"restart\"\nby = \"crash\"\naddress = \"new\"";
        assert_eq!(parse(crash), restart(Way::Crash, true));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (fault, problem) in [
            ("kind = \"pause\"", "a pause must say how long it lasts: `for`"),
            ("kind = \"slow_cpu\"\nfactor = 2", "a slow_cpu must say how long it lasts: `for`"),
            (
                "kind = \"slow_cpu\"\nfor = \"1s\"",
                "a slow_cpu says how slow it is: `factor`, `base`, or both",
            ),
            (
                "kind = \"slow_cpu\"\nfor = \"1s\"\nbase = \"2s\"",
                "an input takes at most 1s; see `pause`",
            ),
            (
                "kind = \"slow_cpu\"\nfor = \"1s\"\nfactor = 10001",
                "a factor is at most 10000; see `pause`",
            ),
            ("kind = \"restart\"\nby = \"stp\"", "a process is not restarted by `stp`"),
            ("kind = \"restart\"\naddress = \"old\"", "`address` cannot be `old`"),
            (
                "kind = \"restart\"\nby = \"crash\"\nfor = \"1s\"",
                "a process that crashes does not take time to stop; no `for`",
            ),
            (
                "kind = \"pause\"\nfor = \"1s\"\nport = \"new\"",
                "`port` means nothing for a fault of kind `pause`",
            ),
            (
                "kind = \"crash\"\nbase = \"1ms\"",
                "`base` means nothing for a fault of kind `crash`",
            ),
        ] {
            assert_eq!(parse(fault).unwrap_err(), problem, "{fault}");
        }
    }
}
