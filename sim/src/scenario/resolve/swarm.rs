//! The table `[swarm]`.

use toml::Spanned;

use super::super::raw::{RawSwarm, Text};
use super::super::value::Unit;
use super::super::{Draw, Heal, Selector, SwarmSpec};
use super::{Any, Reader};
use crate::plan::swarm_kinds;
use crate::units::{MS, SECOND};

/// A fault begins so often, unless the scenario says otherwise.
const MEAN_GAP: Draw = Draw { low: 500 * MS, high: 8 * SECOND };

/// And lasts so long.
const LASTS: Draw = Draw { low: 50 * MS, high: 8 * SECOND };

/// So many at once, at most.
const CONCURRENT: Draw = Draw { low: 1, high: 4 };

/// More at once leave nothing to look at.
const CONCURRENT_MAX: u64 = 64;

/// Each fault is held against all that were drawn before.
const FAULTS_MAX: u64 = 20_000;

/// A kind is drawn at most so many times more often than another.
const WEIGHT_MAX: u64 = 1_000;

impl Reader<'_> {
    pub(super) fn swarm(&mut self, duration: Draw) -> Option<SwarmSpec> {
        let spanned = self.raw.swarm.as_ref()?;
        let raw = spanned.get_ref();
        let stop_at = self.maybe(raw.stop_at.as_ref(), Unit::Duration);
        if let (Some(stop), Some(any)) = (stop_at, &raw.stop_at)
            && stop.high > duration.low
            && duration.high > 0
        {
            let message = "the faults may end after the run's `duration`; nobody would see it heal";
            self.problems.add(any.span(), message);
        }
        let mean_gap = self.at_least(raw.mean_gap.as_ref(), Unit::Duration, MEAN_GAP, MS, "1ms");
        if let Some(any) = &raw.mean_gap
            && mean_gap.low >= MS
            && duration.high / mean_gap.low > FAULTS_MAX
        {
            let message = format!("that would be more than {FAULTS_MAX} faults");
            self.problems.add(any.span(), message);
        }
        let lasts = self.at_least(raw.lasts.as_ref(), Unit::Duration, LASTS, MS, "1ms");
        if let Some(any) = &raw.lasts
            && lasts.low > stop_at.unwrap_or(duration).low
            && duration.high > 0
        {
            let message = "no fault can last so long and be over in time";
            self.problems.add(any.span(), message);
        }
        Some(SwarmSpec {
            weights: self.weights(raw),
            mean_gap,
            lasts,
            max_concurrent: self.concurrent(raw.max_concurrent.as_ref()),
            keep: raw.keep.as_ref().and_then(|keep| self.keep(keep)),
            stop_at,
            regions: self.regions_there(raw.regions.as_ref()),
            clusters: self.clusters(raw.clusters.as_ref()),
            clients: self.clients_there(raw.clients.as_ref()),
            heal: self.who_is_healed(raw),
            line: self.problems.line_of(&spanned.span()),
        })
    }

    fn at_least(
        &mut self,
        any: Option<&Any>,
        unit: Unit,
        usual: Draw,
        least: u64,
        in_words: &str,
    ) -> Draw {
        let Some(any) = any else { return usual };
        let draw = self.draw(any, unit).unwrap_or(usual);
        if draw.low < least {
            self.problems.add(any.span(), format!("this is at least {in_words}"));
        }
        draw
    }

    fn concurrent(&mut self, any: Option<&Any>) -> Draw {
        let draw = self.at_least(any, Unit::Count, CONCURRENT, 1, "1");
        if let Some(any) = any
            && draw.high > CONCURRENT_MAX
        {
            let message = format!("more than {CONCURRENT_MAX} faults at once");
            self.problems.add(any.span(), message);
        }
        draw
    }

    /// All kinds alike, or those that are given.
    fn weights(&mut self, raw: &RawSwarm) -> Vec<(&'static str, u64)> {
        let Some(table) = &raw.weights else {
            // Where nobody keeps streams, nothing happens to disks.
            let mut regions = self.raw.region.values();
            let keeps = self.raw.jetstream.is_some()
                || regions.any(|region| region.get_ref().jetstream.is_some());
            let known = swarm_kinds().into_iter().filter(|kind| *kind != "disk" || keeps);
            return known.map(|kind| (kind, 1)).collect();
        };
        let mut weights = Vec::new();
        for (name, any) in table.get_ref() {
            let Some(weight) = self.draw(any, Unit::Count) else { continue };
            if weight.low != weight.high || weight.high > WEIGHT_MAX {
                let message = format!("a weight is one number from 0 to {WEIGHT_MAX}");
                self.problems.add(any.span(), message);
            }
            match swarm_kinds().into_iter().find(|kind| kind == name.get_ref()) {
                Some(kind) => weights.push((kind, weight.high)),

                None => self.unknown_kind(name),
            }
        }
        if weights.iter().all(|(_, weight)| *weight == 0) && self.problems.len() == 0 {
            self.problems.add(table.span(), "no kind of fault is left to be drawn");
        }
        weights
    }

    fn who_is_healed(&mut self, raw: &RawSwarm) -> Vec<Heal> {
        if let (Some(_), Some(run)) = (raw.heal.first(), &self.raw.run.heal) {
            self.problems.add(run.span(), "`swarm.heal` says it, too; only one of the two can");
        }
        raw.heal.iter().map(|text| self.heal(text)).collect()
    }

    fn unknown_kind(&mut self, name: &Text) {
        let kind = name.get_ref().as_str();
        if super::faults::is_known(kind) {
            let message =
                format!("faults of kind `{kind}` cannot be drawn yet; write a `[[fault]]`");
            self.problems.add(name.span(), message);
        } else {
            let message = format!("there is no fault of kind `{kind}`");
            self.problems.unknown(name.span(), message, kind, swarm_kinds());
        }
    }

    fn keep(&mut self, text: &Text) -> Option<Selector> {
        let keep = self.selector(text)?;
        if self.means_no_node(&keep) {
            self.problems.add(text.span(), format!("`{keep}` means no node"));
        }
        Some(keep)
    }

    /// How many regions there are. Nothing else may rely on one that may be missing.
    fn regions_there(&mut self, any: Option<&Any>) -> Option<Draw> {
        let raw = self.raw;
        let draw = self.how_many(any?, raw.region.len() as u64, "regions")?;
        if draw.low < raw.region.len() as u64 {
            for fault in &raw.fault {
                let message = "this fault may hit a region that `swarm.regions` leaves out; let \
                    the swarm draw the faults";
                self.problems.add(fault.get_ref().kind.span(), message);
            }
            self.refuse_scopes(&["region:", "node:", "path:"], "swarm.regions");
            self.refuse_waiting("swarm.regions");
        }
        Some(draw)
    }

    /// How many clusters there are. Whose region is of which is not known beforehand.
    fn clusters(&mut self, any: Option<&Any>) -> Option<Draw> {
        let raw = self.raw;
        let draw = self.how_many(any?, raw.region.len() as u64, "regions")?;
        for region in raw.region.values().filter_map(|region| region.get_ref().cluster.as_ref()) {
            let message = "`swarm.clusters` deals the regions to clusters: none has one of its own";
            self.problems.add(region.span(), message);
        }
        Some(draw)
    }

    fn clients_there(&mut self, any: Option<&Any>) -> Option<Draw> {
        let draw = self.how_many(any?, self.raw.client.len() as u64, "`[[client]]` tables")?;
        if draw.low < self.raw.client.len() as u64 {
            self.refuse_scopes(&["client:"], "swarm.clients");
            self.refuse_waiting("swarm.clients");
            let reads = |f: &&Spanned<super::super::raw::RawFault>| {
                f.get_ref().kind.get_ref() == "stop_reading"
            };
            for fault in self.raw.fault.iter().filter(reads) {
                let message = "this fault may hit clients that `swarm.clients` leaves out; let the \
                    swarm draw it";
                self.problems.add(fault.get_ref().kind.span(), message);
            }
        }
        Some(draw)
    }

    fn how_many(&mut self, any: &Any, all: u64, of_what: &str) -> Option<Draw> {
        let draw = self.draw(any, Unit::Count)?;
        if draw.low == 0 || draw.high > all {
            let message = format!("there are {all} {of_what} here: this is from 1 to {all}");
            self.problems.add(any.span(), message);
        }
        Some(draw)
    }

    /// What clients wait for had better be there.
    fn refuse_waiting(&mut self, key: &str) {
        let raw = self.raw;
        for when in raw.client.iter().filter_map(|client| client.get_ref().when.as_ref()) {
            let message = format!("what they wait for may be left out by `{key}`");
            self.problems.add(when.span(), message);
        }
    }

    fn refuse_scopes(&mut self, of: &[&str], key: &str) {
        let raw = self.raw;
        for scope in raw.guarantee.values().filter_map(|g| g.get_ref().scope.as_ref()) {
            if of.iter().any(|begin| scope.get_ref().starts_with(begin)) {
                let message = format!("`{}` may be left out by `{key}`", scope.get_ref());
                self.problems.add(scope.span(), message);
            }
        }
    }
}
