//! How the clocks of a machine are wrong: in the plan and in its text.

use super::text::{Line, put};
use super::{HostFault, HostWhat, Plan};
use crate::units::{ONE_PPM, Span};

/// A clock that runs more wrongly than this would be replaced: no quartz is off by a twentieth.
pub(crate) const DRIFT_PPM_MAX: u32 = 50_000;

/// How the clocks of a machine are wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClockFault {
    /// The wall clock is ahead by so many nanoseconds while it lasts.
    pub offset_ns: i64,
    /// It jumps ahead by so many nanoseconds when it begins, for good.
    pub step_ns: i64,
    /// It gains so many millionths while it lasts; they are gone when it is over.
    pub drift_ppm: i32,
    /// The monotonic clock is faster by so many millionths while it lasts.
    pub mono_ppm: i32,
    /// The wall clock stands still while it lasts.
    pub freeze: bool,
}

impl ClockFault {
    /// Its parameters as words of a plan.
    pub(super) fn words(&self, out: &mut String) {
        for (key, ns) in [("offset", self.offset_ns), ("step", self.step_ns)] {
            if ns != 0 {
                let sign = if ns < 0 { "-" } else { "" };
                put(out, key, format_args!("{sign}{}", Span(ns.unsigned_abs())));
            }
        }
        for (key, ppm) in [("drift", self.drift_ppm), ("mono", self.mono_ppm)] {
            if ppm != 0 {
                put(out, key, ppm);
            }
        }
        super::write::flags(out, &[("freeze", self.freeze)]);
    }

    pub(super) fn read(line: &mut Line) -> Result<Self, String> {
        Ok(Self {
            offset_ns: span(line, "offset")?,
            step_ns: span(line, "step")?,
            drift_ppm: ppm(line, "drift")?,
            mono_ppm: ppm(line, "mono")?,
            freeze: line.flag("freeze"),
        })
    }
}

/// A duration that may be negative; 0 if it is not there.
fn span(line: &mut Line, key: &str) -> Result<i64, String> {
    let Some(text) = line.maybe(key) else { return Ok(0) };
    let (sign, amount) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let ns = crate::units::duration(amount).map_err(|error| error.to_string())?;
    Ok(i64::try_from(ns).unwrap_or(i64::MAX) * sign)
}

fn ppm(line: &mut Line, key: &str) -> Result<i32, String> {
    let Some(text) = line.maybe(key) else { return Ok(0) };
    let ppm: i32 = text.parse().map_err(|_| format!("`{key}={text}`: not a number"))?;
    if ppm.unsigned_abs() > DRIFT_PPM_MAX {
        return Err(format!("`{key}={text}`: at most {DRIFT_PPM_MAX} millionths"));
    }
    Ok(ppm)
}

/// How much slower, in millionths, the slowest monotonic clock of a plan may run, and how much
/// faster the fastest.
///
/// Faults that overlap add up, up to [`DRIFT_PPM_MAX`], as they do in the engine.
pub(super) fn mono_ppm(plan: &Plan) -> (u32, u32) {
    let mut nodes = vec![(0u32, 0u32); plan.nodes.len()];
    for fault in &plan.faults {
        let super::FaultAction::Host(HostFault { nodes: hit, what: HostWhat::Clock(clock) }) =
            &fault.action
        else {
            continue;
        };
        for id in hit {
            if let Some((slow, fast)) = nodes.get_mut(usize::from(id.0)) {
                let sum = if clock.mono_ppm < 0 { slow } else { fast };
                *sum = sum.saturating_add(clock.mono_ppm.unsigned_abs());
            }
        }
    }
    let most = |of: fn(&(u32, u32)) -> u32| nodes.iter().map(of).max().unwrap_or(0);
    (most(|node| node.0).min(DRIFT_PPM_MAX), most(|node| node.1).min(DRIFT_PPM_MAX))
}

/// How long so many nanoseconds of a clock that is slower by so much take.
pub(super) const fn stretched(ns: u64, slower_ppm: u32) -> u64 {
    let rate = ONE_PPM.saturating_sub(slower_ppm) as u128;
    let ns = (ns as u128 * ONE_PPM as u128).div_ceil(rate);
    if ns > u64::MAX as u128 { u64::MAX } else { ns as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NodeId, RegionId};
    use crate::plan::{ConfigPlan, FaultAction, FaultPlan, NodePlan};
    use crate::scenario::Release;

    #[test]
    fn the_slowest_and_the_fastest_clock_count() {
        let fault = |node: u16, mono_ppm| FaultPlan {
            id: 0,
            at: 0,
            lasts: 1,
            action: FaultAction::Host(HostFault {
                nodes: vec![NodeId(node)],
                what: HostWhat::Clock(ClockFault { mono_ppm, ..ClockFault::default() }),
            }),
            when: None,
        };
        let node = NodePlan {
            name: "a/1".to_owned(),
            region: RegionId(0),
            cluster: "c1".to_owned(),
            start_ns: 0,
            wall_ns: 0,
            routes: vec![],
            config: ConfigPlan::default(),
            release: Release::default(),
            jetstream: None,
            buffer: None,
        };
        let nodes = vec![node; 2];
        let plan = |faults| Plan { nodes: nodes.clone(), faults, ..Plan::default() };
        assert_eq!(mono_ppm(&plan(vec![])), (0, 0));
        assert_eq!(mono_ppm(&plan(vec![fault(0, -300), fault(1, 200), fault(0, 100)])), (300, 200));
        assert_eq!(mono_ppm(&plan(vec![fault(0, -300), fault(0, -400)])), (700, 0));
        assert_eq!(mono_ppm(&plan(vec![fault(1, 50_000), fault(1, 9)])), (0, 50_000));
    }

    #[test]
    fn time_on_a_slow_clock_takes_longer() {
        assert_eq!(stretched(1_000, 0), 1_000);
        assert_eq!(stretched(950, 50_000), 1_000);
        assert_eq!(stretched(951, 50_000), 1_002);
        assert_eq!(stretched(u64::MAX, 1), u64::MAX);
    }
}
