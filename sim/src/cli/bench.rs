//! Measures the simulator itself, on one core: a few fixed cases, each until enough time has gone
//! into it. The figures depend on the machine; the goals are what a developer's machine must reach.

use causeway_sim::guarantee;
use causeway_sim::plan::plan;
use causeway_sim::report::words::count;
use causeway_sim::scenario::Scenario;
use causeway_sim::units::SECOND;
use causeway_sim::verdict::Exit;

use super::clock::{Stopwatch, computed_ns};
use super::engine::Chosen;
use super::runner::{Guard, execute};
use super::{BenchArgs, Failure, STEPS_MAX, output};

/// Two regions, a partition, and clients that do everything.
const TWO_REGIONS: &str = include_str!("../../../scenarios/two-region-heal.toml");
/// Nine nodes with steady work, 60 s.
const LOADED: &str = include_str!("../../../scenarios/load-3x3.toml");
/// Nine nodes, and nothing to do.
const QUIET: &str = include_str!("../../bench/quiet-3x3.toml");

/// What a case must reach.
enum Goal {
    EventsPerSecond(u64),
    SimulatedPerSecond(u64),
    SeedsPerMinute(u64),
    /// The cost of an event, compared with that of the case of this name, in percent.
    CostPercent(&'static str, u64),
}

struct Case {
    name: &'static str,
    text: String,
    goals: Vec<Goal>,
}

/// Sums over the seeds of a case.
#[derive(Clone, Copy, Default)]
struct Measured {
    seeds: u64,
    events: u64,
    sim_ns: u64,
    ns: u64,
}

impl Measured {
    fn per_second(&self, amount: u64) -> u64 {
        let per = u128::from(amount) * u128::from(SECOND) / u128::from(self.ns.max(1));
        u64::try_from(per).unwrap_or(u64::MAX)
    }

    fn events_per_second(&self) -> u64 {
        self.per_second(self.events)
    }

    fn simulated_per_second(&self) -> u64 {
        self.per_second(self.sim_ns) / SECOND
    }

    fn seeds_per_minute(&self) -> u64 {
        self.per_second(self.seeds.saturating_mul(60))
    }

    fn ns_per_event(&self) -> u64 {
        self.ns / self.events.max(1)
    }
}

fn cases() -> Vec<Case> {
    let case = |name, text: &str, goals| Case { name, text: text.to_owned(), goals };
    vec![
        case("two-region-heal", TWO_REGIONS, vec![Goal::EventsPerSecond(1_000_000)]),
        case("load-3x3", LOADED, vec![Goal::SimulatedPerSecond(300), Goal::SeedsPerMinute(300)]),
        case("quiet-3x3", QUIET, vec![Goal::SimulatedPerSecond(10_000)]),
        case(
            "load-3x10",
            &LOADED.replace("nodes = 3", "nodes = 10"),
            vec![Goal::CostPercent("load-3x3", 200)],
        ),
    ]
}

/// Measures, and prints a line for each case and for each goal.
pub(super) fn main(args: &BenchArgs) -> Result<Exit, Failure> {
    if computed_ns().is_none() {
        output::note(
            "this system does not say for how long a thread has computed: real time is measured",
        );
    }
    output::line(&format!(
        "{:16} {:>6} {:>12} {:>11} {:>9} {:>11} {:>12} {:>10} {:>9}",
        "case",
        "seeds",
        "events",
        "simulated",
        "CPU",
        "events/s",
        "simulated/s",
        "seeds/min",
        "ns/event"
    ));
    let mut done: Vec<(&str, Measured)> = Vec::new();
    let mut missed = 0_u32;
    for case in cases() {
        let measured = measure(&case, args.time)?;
        output::line(&row(case.name, &measured));
        done.push((case.name, measured));
        for goal in &case.goals {
            let (text, reached) = judge(goal, &measured, &done);
            missed += u32::from(!reached);
            output::line(&format!("  {} {text}", if reached { "reached:" } else { "MISSED: " }));
        }
    }
    output::line(
        "one core; events are frames sent to nodes and messages delivered; guarantees are judged",
    );
    Ok(if missed == 0 { Exit::Held } else { Exit::Coverage })
}

/// Runs seeds until `least_ns` have gone into it.
fn measure(case: &Case, least_ns: u64) -> Result<Measured, Failure> {
    let scenario =
        Scenario::parse(case.name, &case.text, &guarantee::kinds()).map_err(Failure::Scenario)?;
    let mut sums = Measured::default();
    let watch = Stopwatch::start();
    let begin = computed_ns();
    while sums.ns < least_ns {
        let plan = plan(&scenario, sums.seeds).map_err(Failure::Scenario)?;
        let (run, _) = execute(&Chosen::PURE, &plan, &[], Guard { steps_max: STEPS_MAX });
        if run.failed() {
            let text =
                format!("error: {} failed with seed {}: nothing to measure", case.name, sums.seeds);
            return Err(Failure::Harness(text));
        }
        sums.seeds += 1;
        sums.events += run.broker_events;
        sums.sim_ns = sums.sim_ns.saturating_add(run.sim_ns);
        let computed = begin.and_then(|begin| computed_ns()?.checked_sub(begin));
        sums.ns = computed.unwrap_or_else(|| watch.ns());
    }
    Ok(sums)
}

fn row(name: &str, m: &Measured) -> String {
    format!(
        "{name:16} {:>6} {:>12} {:>9} s {:>7} s {:>11} {:>12} {:>10} {:>9}",
        count(m.seeds),
        count(m.events),
        count(m.sim_ns / SECOND),
        count(m.ns / SECOND),
        count(m.events_per_second()),
        count(m.simulated_per_second()),
        count(m.seeds_per_minute()),
        count(m.ns_per_event()),
    )
}

fn judge(goal: &Goal, m: &Measured, done: &[(&str, Measured)]) -> (String, bool) {
    let at_least = |what: &str, least: u64, got: u64| {
        (format!("at least {} {what}, measured {}", count(least), count(got)), got >= least)
    };
    match goal {
        Goal::EventsPerSecond(least) => at_least("events/s", *least, m.events_per_second()),
        Goal::SimulatedPerSecond(least) => {
            at_least("simulated seconds/s", *least, m.simulated_per_second())
        }
        Goal::SeedsPerMinute(least) => at_least("seeds/min", *least, m.seeds_per_minute()),
        Goal::CostPercent(other, most) => {
            let base =
                done.iter().find(|(name, _)| name == other).map_or(0, |(_, m)| m.ns_per_event());
            let percent = m.ns_per_event().saturating_mul(100) / base.max(1);
            let text =
                format!("an event costs at most {most} % of one of {other}, measured {percent} %");
            (text, percent <= *most)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_can_be_run() {
        for case in cases() {
            let measured = measure(&case, 1).unwrap();
            assert_eq!(measured.seeds, 1, "{}", case.name);
            assert!(measured.events > 0 && measured.sim_ns > 0, "{}", case.name);
        }
    }

    #[test]
    fn goals_are_missed_and_reached() {
        let fast = Measured { seeds: 10, events: 2_000_000, sim_ns: 600 * SECOND, ns: SECOND };
        let slow = Measured { events: 500_000, ..fast };
        let done = [("fast", fast), ("slow", slow)];
        let ok = |goal, m| judge(&goal, m, &done).1;
        assert!(ok(Goal::EventsPerSecond(2_000_000), &fast));
        assert!(!ok(Goal::EventsPerSecond(2_000_001), &fast));
        assert!(ok(Goal::SimulatedPerSecond(600), &fast));
        assert!(!ok(Goal::SimulatedPerSecond(601), &fast));
        assert!(ok(Goal::SeedsPerMinute(600), &fast));
        assert!(!ok(Goal::SeedsPerMinute(601), &fast));
        assert!(ok(Goal::CostPercent("fast", 400), &slow));
        assert!(!ok(Goal::CostPercent("fast", 399), &slow));
    }
}
