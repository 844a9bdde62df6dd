//! The clock that starts when the last fault is gone.

use super::view::View;

/// Runs from the moment when nothing is wrong any more; starts anew whenever something happens.
#[derive(Debug)]
pub(crate) struct Healing {
    bound_ns: u64,
    /// How many disturbances there had been when we last looked.
    disturbances: u64,
    due: Option<u64>,
}

impl Healing {
    pub(crate) fn new(bound_ns: u64) -> Self {
        Self { bound_ns, disturbances: 0, due: None }
    }

    /// Looks whether a fault came or went with the last event.
    pub(crate) fn observe(&mut self, view: &View<'_>) {
        let (t, disturbances) = view.network.last_disturbance();
        if disturbances == self.disturbances {
            return;
        }
        self.disturbances = disturbances;
        self.due = view.network.healed_since().map(|_| t.saturating_add(self.bound_ns));
    }

    /// Something was lost at `t` without a fault: the clock starts unless it runs.
    pub(crate) fn lost(&mut self, view: &View<'_>, t: u64) {
        if self.due.is_none() && view.network.healed_since().is_some() {
            self.due = Some(t.saturating_add(self.bound_ns));
        }
    }

    /// The time by which all must be well again, if the clock runs.
    pub(crate) fn next(&self) -> Option<u64> {
        self.due
    }

    /// The time by which all had to be well again, if that is before `until`. Given once.
    pub(crate) fn due_before(&mut self, until: u64) -> Option<u64> {
        self.due.take_if(|due| *due < until)
    }
}
