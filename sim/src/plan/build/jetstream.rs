//! Who keeps streams, and how.

use super::Builder;
use crate::plan::JetStreamPlan;
use crate::scenario::RegionSpec;

impl Builder<'_> {
    /// How the node with this number, from 1, keeps streams: the first one of its region does, if
    /// any does. `key` is the region's place in the scenario.
    pub(super) fn jetstream(
        &self,
        key: u64,
        number: u64,
        region: &RegionSpec,
    ) -> Option<JetStreamPlan> {
        let spec = region.jetstream.as_ref().filter(|_| number == 1)?;
        Some(JetStreamPlan {
            domain: spec.domain.clone(),
            sync_ns: self.sample(spec.sync, "plan.jetstream.sync", &[key]),
            max_store: spec.max_store.map_or(0, |d| self.sample(d, "plan.jetstream.store", &[key])),
            max_memory: spec
                .max_memory
                .map_or(0, |draw| self.sample(draw, "plan.jetstream.memory", &[key])),
        })
    }
}
