//! The `[[fault]]` tables of kind `disk`.

use toml::Spanned;

use super::super::raw::RawFault;
use super::super::value::Unit;
use super::super::{DiskSpec, Draw, SharesSpec};
use super::Reader;
use crate::plan::DiskDamage;
use crate::units::SECOND;

/// An operation that takes longer is a stall.
const BASE_MAX_NS: u64 = 10 * SECOND;

/// A disk that is slower stands still.
const FACTOR_MAX: u64 = 100_000;

/// Files of a run that are damaged; a mistake would be all of them.
const TIMES_MAX: u64 = 10_000;

impl Reader<'_> {
    pub(super) fn disk(&mut self, raw: &RawFault) -> Option<DiskSpec> {
        let Some(text) = &raw.what else {
            self.problems.add(raw.kind.span(), "a disk fault says what is wrong: `what`");
            return None;
        };
        let what = text.get_ref().as_str();
        self.check_disk_keys(raw, what);
        Some(match what {
            "errors" => DiskSpec::Errors(self.shares(raw, &["reads", "writes", "syncs"])),
            "misdirect" => DiskSpec::Misdirected(self.shares(raw, &["reads", "writes"])),
            "full" => DiskSpec::Full { free: self.or(raw.free.as_ref(), Unit::Size, 0) },
            "read_only" => DiskSpec::ReadOnly,
            "slow" => self.slow_disk(raw),
            "stall" => DiskSpec::Stall,
            "lying_sync" => DiskSpec::LyingSync,
            name => {
                let found = DiskDamage::ALL.into_iter().find(|damage| damage.name() == name);
                if found.is_none() {
                    let message = format!("`{name}` happens to no disk");
                    self.problems.unknown(text.span(), message, name, DiskSpec::NAMES);
                }
                let times = self.or(raw.times.as_ref(), Unit::Count, 1);
                self.check_times(raw, times);
                DiskSpec::Damage { what: found?, times }
            }
        })
    }

    fn shares(&mut self, raw: &RawFault, keys: &[&str]) -> SharesSpec {
        let shares = SharesSpec {
            reads: self.or(raw.reads.as_ref(), Unit::Share, 0),
            writes: self.or(raw.writes.as_ref(), Unit::Share, 0),
            syncs: self.or(raw.syncs.as_ref(), Unit::Share, 0),
        };
        if [shares.reads, shares.writes, shares.syncs].iter().all(|draw| draw.high == 0) {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            let message = format!("it says how many go wrong: {}", keys.join(", "));
            self.problems.add(raw.kind.span(), message);
        }
        shares
    }

    fn slow_disk(&mut self, raw: &RawFault) -> DiskSpec {
        let base = self.or(raw.base.as_ref(), Unit::Duration, 0);
        let factor = self.or(raw.factor.as_ref(), Unit::Count, 1);
        if raw.base.is_none() && raw.factor.is_none() {
            let message = "a slow disk says how slow it is: `factor`, `base`, or both";
            self.problems.add(raw.kind.span(), message);
        }
        let message = "an operation takes at most 10s; see `what = \"stall\"`";
        self.at_most(raw.base.as_ref(), base, BASE_MAX_NS, message);
        let message = format!("a factor is at most {FACTOR_MAX}; see `what = \"stall\"`");
        self.at_most(raw.factor.as_ref(), factor, FACTOR_MAX, &message);
        DiskSpec::Slow { base, factor }
    }

    fn check_times(&mut self, raw: &RawFault, times: Draw) {
        if let Some(any) = &raw.times
            && (times.low == 0 || times.high > TIMES_MAX)
        {
            self.problems.add(any.span(), format!("files are damaged 1 to {TIMES_MAX} times"));
        }
    }

    /// Keys that mean nothing for what is wrong.
    fn check_disk_keys(&mut self, raw: &RawFault, what: &str) {
        let damage = DiskDamage::ALL.map(DiskDamage::name);
        for (key, any, whats) in [
            ("reads", &raw.reads, &["errors", "misdirect"][..]),
            ("writes", &raw.writes, &["errors", "misdirect"]),
            ("syncs", &raw.syncs, &["errors"]),
            ("free", &raw.free, &["full"]),
            ("base", &raw.base, &["slow"]),
            ("factor", &raw.factor, &["slow"]),
            ("times", &raw.times, &damage),
        ] {
            if let Some(span) = any.as_ref().map(Spanned::span)
                && !whats.contains(&what)
            {
                self.problems.add(span, format!("`{key}` means nothing for `what = \"{what}\"`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{FaultWhat, HostSpec, HostSpecWhat, Scenario};
    use crate::units::MS;

    const WORLD: &str = "schema = 1\nname = \"x\"\n[run]\nduration = \"9s\"\n[link.l]\n\
        latency = \"1ms\"\n[region.a]\nnodes = 2\nlink = \"l\"\n[[fault]]\nat = \"1s\"\n\
        on = \"region:a\"\nkind = \"disk\"\n";

    fn parse(fault: &str) -> Result<DiskSpec, String> {
        let scenario = Scenario::parse("f.toml", &format!("{WORLD}{fault}"), &[]);
        let scenario = scenario.map_err(|error| error.problems[0].message.clone())?;
        let FaultWhat::Host(HostSpec { what: HostSpecWhat::Disk(disk), .. }) =
            &scenario.faults[0].what
        else {
            panic!("{scenario:?}")
        };
        Ok(disk.clone())
    }

    #[test]
    fn what_is_wrong_with_a_disk_is_understood() {
        let none = Draw::fixed(0);
        let errors = "what = \"errors\"\nfor = \"1s\"\nreads = 0.5\nsyncs = \"0.1..=0.2\"";
        let reads = Draw::fixed(500_000);
        let syncs = Draw { low: 100_000, high: 200_000 };
        assert_eq!(parse(errors), Ok(DiskSpec::Errors(SharesSpec { reads, writes: none, syncs })));
        let full = parse("what = \"full\"\nfor = \"1s\"\nfree = \"4KiB\"");
        assert_eq!(full, Ok(DiskSpec::Full { free: Draw::fixed(4096) }));
        let slow = parse("what = \"slow\"\nfor = \"1s\"\nbase = \"1ms\"");
        assert_eq!(slow, Ok(DiskSpec::Slow { base: Draw::fixed(MS), factor: Draw::fixed(1) }));
        let rot = parse("what = \"bit_rot\"\ntimes = 3");
        let what = DiskDamage::BitRot;
        assert_eq!(rot, Ok(DiskSpec::Damage { what, times: Draw::fixed(3) }));
        for name in DiskSpec::NAMES {
            let lasts =
                if DiskDamage::ALL.iter().any(|d| d.name() == name) { "" } else { "for = \"1s\"" };
            let more = match name {
                "errors" | "misdirect" => "writes = 0.5",
                "slow" => "factor = 2",
                _ => "",
            };
            let fault = format!("what = \"{name}\"\n{lasts}\n{more}");
            assert!(parse(&fault).is_ok(), "{fault}: {:?}", parse(&fault));
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (fault, problem) in [
            ("for = \"1s\"", "a disk fault says what is wrong: `what`"),
            ("what = \"fire\"\nfor = \"1s\"", "`fire` happens to no disk"),
            ("what = \"stall\"", "a disk fault says for how long: `for`; only damage does not"),
            ("what = \"stale\"\nfor = \"1s\"", "damage is done at once; it has no `for`"),
            (
                "what = \"errors\"\nfor = \"1s\"",
                "it says how many go wrong: `reads`, `writes`, `syncs`",
            ),
            (
                "what = \"misdirect\"\nfor = \"1s\"\nreads = 0.1\nsyncs = 0.1",
                "`syncs` means nothing for `what = \"misdirect\"`",
            ),
            (
                "what = \"slow\"\nfor = \"1s\"",
                "a slow disk says how slow it is: `factor`, `base`, or both",
            ),
            (
                "what = \"slow\"\nfor = \"1s\"\nbase = \"11s\"",
                "an operation takes at most 10s; see `what = \"stall\"`",
            ),
            ("what = \"bit_rot\"\ntimes = 0", "files are damaged 1 to 10000 times"),
            (
                "what = \"stall\"\nfor = \"1s\"\nport = \"new\"",
                "`port` means nothing for a fault of kind `disk`",
            ),
        ] {
            assert_eq!(parse(fault).unwrap_err(), problem, "{fault}");
        }
    }
}
