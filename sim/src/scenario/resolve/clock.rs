//! The `[[fault]]` tables of clocks.

use super::super::raw::RawFault;
use super::super::value::Unit;
use super::super::{ClockSpec, Draw, Ways};
use super::{Any, Reader};
use crate::plan::DRIFT_PPM_MAX;

impl ClockSpec {
    /// Whether nothing of it lasts: it jumps, and is right again but for that.
    pub(crate) fn is_instant(&self) -> bool {
        let lasting = [self.offset, self.drift_ppm, self.mono_ppm];
        lasting.iter().all(|draw| *draw == Draw::fixed(0)) && !self.freeze
    }
}

impl Reader<'_> {
    pub(super) fn clock(&mut self, raw: &RawFault) -> Option<ClockSpec> {
        let freeze = raw.freeze.as_ref().is_some_and(|freeze| *freeze.get_ref());
        let wrong = [&raw.offset, &raw.step, &raw.drift, &raw.drift_mono];
        if wrong.iter().all(|key| key.is_none()) && !freeze {
            let message = "a clock is wrong in some way: `offset`, `step`, `drift`, `drift_mono`, \
                `freeze`";
            self.problems.add(raw.kind.span(), message);
            return None;
        }
        Some(ClockSpec {
            offset: self.or(raw.offset.as_ref(), Unit::Duration, 0),
            step: self.or(raw.step.as_ref(), Unit::Duration, 0),
            drift_ppm: self.drift(raw.drift.as_ref()),
            mono_ppm: self.drift(raw.drift_mono.as_ref()),
            freeze,
            direction: raw.direction.as_ref().map_or(Ways::Both, |text| self.direction(text)),
        })
    }

    fn drift(&mut self, any: Option<&Any>) -> Draw {
        let drift = self.or(any, Unit::Share, 0);
        self.at_most(any, drift, u64::from(DRIFT_PPM_MAX), "a clock drifts by at most 0.05");
        drift
    }
}
