//! Partitions with a shape, and those whose pairs are not cut and healed together.

use toml::Spanned;

use super::super::raw::RawFault;
use super::super::value::Unit;
use super::super::{Among, Cuts, FaultWhat, Selector, Ways};
use super::Reader;

/// The shapes of several sides.
const BRIDGE: &str = "bridge";
const RING: &str = "ring";

/// The sides of a bridge: two that lose each other, and the one between that keeps both.
const BRIDGE_SIDES: usize = 3;

/// In a ring of fewer, everybody is everybody's neighbour.
const RING_SIDES_MIN: usize = 4;

impl Reader<'_> {
    /// A partition or a black hole.
    pub(super) fn partition(&mut self, raw: &RawFault, blackhole: bool) -> Option<FaultWhat> {
        let stagger = self.maybe(raw.stagger.as_ref(), Unit::Duration);
        let (among, direction) = match raw.shape.as_ref().map(|shape| shape.get_ref().as_str()) {
            Some(BRIDGE) => (Among::Bridge(self.several(raw, BRIDGE)?), self.ways(raw)),
            Some(RING) => (Among::Ring(self.several(raw, RING)?), self.ways(raw)),
            Some(_) | None => {
                let between = self.between(raw)?;
                if stagger.is_none() {
                    return Some(FaultWhat::Cut { between, blackhole, flap: None });
                }
                let direction = between.direction;
                (Among::Two(between), direction)
            }
        };
        Some(FaultWhat::Cuts(Cuts { among, direction, blackhole, stagger }))
    }

    /// The sides of a shape: a list in `between`, or the nodes that one selector means.
    fn several(&mut self, raw: &RawFault, shape: &str) -> Option<Vec<Selector>> {
        match (&raw.between, &raw.on) {
            (Some(between), None) => {
                let sides = between.get_ref();
                let (fits, wanted) = match shape {
                    BRIDGE => (
                        sides.len() == BRIDGE_SIDES,
                        "three sides, the one that stays in the middle",
                    ),
                    _ => (sides.len() >= RING_SIDES_MIN, "four sides or more, neighbours in order"),
                };
                if !fits {
                    let message = format!("a {shape} has {wanted}");
                    self.problems.add(between.span(), message);
                    return None;
                }
                sides.iter().map(|side| self.side(side)).collect()
            }
            (None, Some(on)) => Some(vec![self.side(on)?]),
            (Some(between), Some(_)) => {
                let message = format!("give a {shape} either `between` its sides, or `on` nodes");
                self.problems.add(between.span(), message);
                None
            }
            (None, None) => {
                let message =
                    format!("the {shape} does not say where: `between` its sides, or `on` nodes");
                self.problems.add(raw.kind.span(), message);
                None
            }
        }
    }

    fn ways(&mut self, raw: &RawFault) -> Ways {
        raw.direction.as_ref().map_or(Ways::Both, |text| self.direction(text))
    }

    /// How much later than the fault itself its last part may end.
    pub(super) fn stagger_most(&mut self, raw: &RawFault) -> u64 {
        let span = raw.stagger.as_ref().map(Spanned::span);
        let most = self.maybe(raw.stagger.as_ref(), Unit::Duration).map_or(0, |draw| draw.high);
        if let Some(span) = span
            && raw.lasts.is_none()
        {
            self.problems.add(span, "`stagger` needs a fault that says how long it lasts: `for`");
        }
        most
    }
}
