//! What goes into `report.html`: the batch, and the runs that are worth looking at.

use std::path::Path;

use causeway_reports::{Block, page};
use causeway_sim::report::page::{Commands, Difference, RunPage, batch_data, run_data, speed_data};
use causeway_sim::report::{Evidence, Folder, Report};
use causeway_sim::verdict::SeedRun;

use super::Failure;

/// Runs in one page, at most; a minimised one goes with each.
const RUNS_MAX: usize = 3;

/// Pieces of data, each with its name.
#[derive(Default)]
pub(super) struct Pages {
    blocks: Vec<(String, Vec<u8>)>,
    /// Failures of which there is a run.
    shown: Vec<String>,
}

/// What a history does not say of its run.
#[derive(Clone, Copy, Default)]
pub(super) struct About<'a> {
    pub(super) about: &'a str,
    pub(super) server: Option<&'a str>,
    pub(super) goals: &'a [&'a str],
    pub(super) difference: Option<&'a Difference>,
}

impl Pages {
    /// Whether there is room for a run, and it shows what no other one does.
    pub(super) fn wants(&self, run: &SeedRun) -> bool {
        let signature = run.signature.as_deref().unwrap_or_default();
        self.shown.len() < RUNS_MAX && self.shown.iter().all(|shown| shown != signature)
    }

    /// Takes a run, if it [wants](Self::wants) it.
    pub(super) fn run(
        &mut self,
        folder: &Path,
        about: About<'_>,
        evidence: Evidence<'_>,
        commands: &Commands,
    ) -> Result<(), Failure> {
        if !self.wants(evidence.run) {
            return Ok(());
        }
        self.shown.push(evidence.run.signature.clone().unwrap_or_default());
        self.add("run", folder, about, evidence, commands)
    }

    /// Takes a minimised run.
    pub(super) fn minimal(
        &mut self,
        folder: &Path,
        evidence: Evidence<'_>,
        commands: &Commands,
    ) -> Result<(), Failure> {
        let of = format!("run-{}", evidence.run.seed);
        if self.blocks.iter().all(|(name, _)| *name != of) {
            return Ok(());
        }
        let about = About::default();
        self.add("minimal", folder, about, evidence, commands)
    }

    fn add(
        &mut self,
        what: &str,
        folder: &Path,
        about: About<'_>,
        evidence: Evidence<'_>,
        commands: &Commands,
    ) -> Result<(), Failure> {
        let page = RunPage {
            history: evidence.history,
            run: evidence.run,
            about: about.about,
            server: about.server,
            goals: about.goals,
            plan: evidence.plan,
            minimal: what == "minimal",
            difference: about.difference,
            commands,
        };
        let packed = run_data(page).map_err(|error| Failure::writing(folder, &error))?;
        self.blocks.push((format!("{what}-{}", evidence.run.seed), packed));
        Ok(())
    }

    /// Whether there is nothing to look at yet.
    pub(super) const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Writes the page of a batch.
    pub(super) fn write_batch(
        &self,
        folder: &Folder,
        report: &Report<'_>,
        program: &str,
    ) -> Result<(), Failure> {
        let unwritable = |error| Failure::writing(folder.path(), &error);
        let batch = batch_data(report, program).map_err(unwritable)?;
        let speed = speed_data(report).map_err(unwritable)?;
        let mut blocks = vec![Block { name: "batch", packed: &batch }];
        blocks.extend(self.blocks());
        // It is the only one that differs from time to time.
        blocks.push(Block { name: "speed", packed: &speed });
        let title = format!("{}, seeds {}", report.scenario, report.seeds);
        folder.write_page(&page(&title, &blocks)).map_err(unwritable)
    }

    /// Writes the page of a run alone.
    pub(super) fn write(&self, folder: &Folder, title: &str) -> Result<(), Failure> {
        let blocks: Vec<Block<'_>> = self.blocks().collect();
        folder
            .write_page(&page(title, &blocks))
            .map_err(|error| Failure::writing(folder.path(), &error))
    }

    fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        self.blocks.iter().map(|(name, packed)| Block { name, packed })
    }
}
