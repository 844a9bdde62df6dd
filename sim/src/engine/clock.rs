//! A machine's two clocks: what they show, and when they will show something.
//!
//! The run's own time is the truth. The wall clock shows it with everything that the plan has done
//! to it, and may jump either way. The monotonic clock runs at a rate that the plan may change; it
//! never goes back, and no deadline is missed by the conversion: [`Clock::when`] gives the first
//! moment of the run at which [`Clock::mono`] shows at least what was asked for.

use std::collections::BTreeMap;

use causeway_core::Wall;

use crate::plan::{ClockFault, DRIFT_PPM_MAX};
use crate::units::ONE_PPM;

/// The clocks of one machine.
#[derive(Debug)]
pub(super) struct Clock {
    /// What the wall clock showed when the run began.
    wall_ns: u64,
    /// How far it was set for good.
    stepped_ns: i64,
    /// What is wrong, by fault, each since when.
    faults: BTreeMap<u32, (u64, ClockFault)>,
    /// What the wall clock shows while it stands still.
    frozen: Option<i64>,
    /// When the rate of the monotonic clock last changed, and what it showed.
    turned: (u64, u64),
}

impl Clock {
    pub(super) const fn new(wall_ns: u64) -> Self {
        Self { wall_ns, stepped_ns: 0, faults: BTreeMap::new(), frozen: None, turned: (0, 0) }
    }

    /// Something goes wrong at `run`.
    pub(super) fn upset(&mut self, run: u64, fault: u32, what: ClockFault) {
        self.turned = (run, self.mono(run));
        self.stepped_ns = self.stepped_ns.saturating_add(what.step_ns);
        self.faults.insert(fault, (run, what));
        if what.freeze && self.frozen.is_none() {
            self.frozen = Some(self.moving_wall(run));
        }
    }

    /// It is over at `run`.
    pub(super) fn set_right(&mut self, run: u64, fault: u32) {
        self.turned = (run, self.mono(run));
        self.faults.remove(&fault);
        if !self.faults.values().any(|(_, what)| what.freeze) {
            self.frozen = None;
        }
    }

    /// What the wall clock shows.
    pub(super) fn wall(&self, run: u64) -> Wall {
        Wall(self.frozen.unwrap_or_else(|| self.moving_wall(run)))
    }

    fn moving_wall(&self, run: u64) -> i64 {
        let truth = i128::from(self.wall_ns) + i128::from(run) + i128::from(self.stepped_ns);
        let wrong = self.faults.values().map(|(since, what)| {
            let gained = i128::from(run - since) * i128::from(what.drift_ppm);
            i128::from(what.offset_ns) + gained / i128::from(ONE_PPM)
        });
        let shown = truth + wrong.sum::<i128>();
        i64::try_from(shown).unwrap_or(if shown < 0 { i64::MIN } else { i64::MAX })
    }

    /// Millionths of the run's time in which the monotonic clock gets on by one nanosecond.
    fn rate(&self) -> u128 {
        let most = i64::from(DRIFT_PPM_MAX);
        let wrong: i64 = self.faults.values().map(|(_, what)| i64::from(what.mono_ppm)).sum();
        u128::from((i64::from(ONE_PPM) + wrong.clamp(-most, most)).unsigned_abs())
    }

    /// What the monotonic clock shows, in nanoseconds since the run began.
    pub(super) fn mono(&self, run: u64) -> u64 {
        let (turned, shown) = self.turned;
        let passed = u128::from(run - turned) * self.rate() / u128::from(ONE_PPM);
        shown.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// When in the run the monotonic clock shows this or more, at its present rate.
    pub(super) fn when(&self, mono: u64) -> u64 {
        let (turned, shown) = self.turned;
        let missing = u128::from(mono.saturating_sub(shown)) * u128::from(ONE_PPM);
        let takes = missing.div_ceil(self.rate());
        turned.saturating_add(u64::try_from(takes).unwrap_or(u64::MAX))
    }

    /// When in the run so many nanoseconds will have passed on the monotonic clock.
    pub(super) fn after(&self, run: u64, nanos: u64) -> u64 {
        self.when(self.mono(run).saturating_add(nanos)).max(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::units::{MS, SECOND};

    const WALL: u64 = 1_000 * SECOND;

    fn shows(clock: &Clock, run: u64) -> u64 {
        u64::try_from(clock.wall(run).0).unwrap()
    }

    #[test]
    fn a_clock_with_nothing_wrong_shows_the_run() {
        let clock = Clock::new(WALL);
        for run in [0, 1, 7 * SECOND] {
            assert_eq!(
                (clock.mono(run), clock.when(run), shows(&clock, run)),
                (run, run, WALL + run)
            );
            assert_eq!(clock.after(run, 5), run + 5);
        }
    }

    #[test]
    fn the_wall_clock_is_off_and_is_set_right() {
        let mut clock = Clock::new(WALL);
        let ns = SECOND as i64;
        let step = ClockFault { step_ns: -10 * ns, ..ClockFault::default() };
        clock.upset(SECOND, 0, step);
        assert_eq!(shows(&clock, SECOND), WALL - 9 * SECOND);
        clock.set_right(2 * SECOND, 0);
        assert_eq!(shows(&clock, 2 * SECOND), WALL - 8 * SECOND, "a step stays");
        let wrong = ClockFault { offset_ns: 3 * ns, drift_ppm: -1_000, ..ClockFault::default() };
        clock.upset(10 * SECOND, 1, wrong);
        assert_eq!(shows(&clock, 12 * SECOND), WALL + 5 * SECOND - 2 * MS);
        let freeze = ClockFault { freeze: true, ..ClockFault::default() };
        clock.upset(12 * SECOND, 2, freeze);
        clock.set_right(13 * SECOND, 1);
        assert_eq!(shows(&clock, 19 * SECOND), WALL + 5 * SECOND - 2 * MS, "it stands still");
        clock.set_right(20 * SECOND, 2);
        assert_eq!(shows(&clock, 20 * SECOND), WALL + 10 * SECOND);
        assert_eq!(clock.mono(20 * SECOND), 20 * SECOND, "all this is the wall clock's alone");
    }

    #[test]
    fn the_monotonic_clock_never_goes_back_and_no_deadline_is_early_or_late() {
        let mut stream = Stream::new(1, "clock", &[]);
        let mut clock = Clock::new(WALL);
        let (mut run, mut last) = (0, 0);
        for fault in 0..2_000 {
            let mono_ppm = stream.between(0, 100_000) as i32 - 50_000;
            clock.upset(run, fault, ClockFault { mono_ppm, ..ClockFault::default() });
            if fault > 2 {
                clock.set_right(run, fault - 3);
            }
            assert!(clock.mono(run) >= last, "it never goes back");
            last = clock.mono(run);
            let wanted = last + stream.below(3 * SECOND);
            let at = clock.when(wanted);
            assert!(clock.mono(at) >= wanted, "not early");
            assert!(at == run || clock.mono(at - 1) < wanted, "not late");
            run += stream.below(SECOND);
        }
    }

    #[test]
    fn rates_add_up_to_a_limit() {
        let mut clock = Clock::new(WALL);
        for fault in 0..3 {
            clock.upset(0, fault, ClockFault { mono_ppm: -40_000, ..ClockFault::default() });
        }
        assert_eq!(clock.mono(SECOND), 950 * MS);
        assert_eq!(clock.after(0, 950 * MS), SECOND);
    }
}
