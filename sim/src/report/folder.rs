//! Writes a report folder.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::minimal::remove_minimal;
use super::words::{seconds, time};
use super::{Report, hex, markdown, summary, timeline};
use crate::history::History;
use crate::verdict::SeedRun;

/// The name of the file with the commands.
const FAILING_SEEDS: &str = "failing-seeds.txt";

/// The name of the page.
const PAGE: &str = "report.html";

/// Lines of a told story.
const STORY_LINES: usize = 30;

/// What one seed leaves behind.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What was found.
    pub run: &'a SeedRun,
    /// The plan's text.
    pub plan: &'a str,
    /// What was observed.
    pub history: &'a History,
}

/// A report folder on disk.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, and clears it of an earlier report. Files that no report writes stay.
    ///
    /// # Errors
    /// If the folder cannot be made or an old file cannot be removed.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let failures = path.join("failures");
        for folder in [path, &failures] {
            remove_old(folder)?;
        }
        if failures.is_dir() && fs::read_dir(&failures)?.next().is_none() {
            fs::remove_dir(&failures)?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `summary.json` and `report.md`.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_report(&self, report: &Report<'_>) -> io::Result<()> {
        let summary = summary(report).map_err(io::Error::other)?;
        fs::write(self.path.join("summary.json"), summary)?;
        fs::write(self.path.join("report.md"), markdown(report))
    }

    /// Writes `report.html`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_page(&self, page: &str) -> io::Result<()> {
        fs::write(self.path.join(PAGE), page)
    }

    /// Writes `failing-seeds.txt` if any seed failed: a shell can run it, and so can a person.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_failing_seeds(&self, report: &Report<'_>, program: &str) -> io::Result<()> {
        let mut text = String::new();
        for run in report.runs.iter().filter(|run| run.failed()) {
            let replay = report.replay_command(program, run.seed);
            text.push_str(&format!("{replay}  # trace hash {}\n", hex(run.trace_hash)));
        }
        match text.as_str() {
            "" => Ok(()),
            text => fs::write(self.path.join(FAILING_SEEDS), text),
        }
    }

    /// Writes the plan, history and story of a seed that failed.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_failure(&self, evidence: Evidence<'_>) -> io::Result<()> {
        let folder = self.path.join("failures");
        fs::create_dir_all(&folder)?;
        write_evidence(&folder, evidence)
    }

    /// The folder of a seed's minimised failure.
    #[must_use]
    pub fn of_minimal(&self, seed: u64) -> PathBuf {
        self.path.join("failures").join(format!("seed-{seed}"))
    }

    /// Writes the plan, history and story of the only seed.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_only(&self, evidence: Evidence<'_>) -> io::Result<()> {
        write_evidence(&self.path, evidence)
    }
}

fn write_evidence(folder: &Path, evidence: Evidence<'_>) -> io::Result<()> {
    let name = |what: &str| folder.join(format!("seed-{}.{what}", evidence.run.seed));
    fs::write(name("plan"), evidence.plan)?;
    let mut out = BufWriter::new(fs::File::create(name("history.jsonl"))?);
    evidence.history.write_to(&mut out)?;
    out.flush()?;
    fs::write(name("story.md"), story(evidence))
}

/// The run in a few lines, and what went wrong in it.
fn story(evidence: Evidence<'_>) -> String {
    let (run, history) = (evidence.run, evidence.history);
    let mut text = format!(
        "# {}, seed {}\n\nTrace hash `{}`.\n\n```text\n",
        history.header.scenario,
        run.seed,
        hex(run.trace_hash)
    );
    for line in timeline(history, STORY_LINES) {
        text.push_str(&format!("{:>12}  {}\n", seconds(line.t), line.text));
    }
    text.push_str("```\n");
    for judged in run.judged.iter().filter(|judged| judged.findings.broken > 0) {
        text.push_str(&format!("\n**`{}` broke.** {}\n", judged.name, judged.spec.sentence));
        let Some(violation) = &judged.findings.first else { continue };
        text.push_str(&format!("\nAt {}: {}\n\n```text\n", time(violation.t), violation.story));
        for witness in &violation.witnesses {
            let (t, i) = (seconds(witness.t), witness.i);
            text.push_str(&format!("{t:>12}  event {i}: {}\n", witness.text));
        }
        text.push_str("```\n");
    }
    text
}

/// Removes what an earlier report left in a folder.
fn remove_old(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        let evidence = name.starts_with("seed-")
            && [".plan", ".history.jsonl", ".story.md"].iter().any(|end| name.ends_with(end));
        if path.is_file()
            && (evidence || ["summary.json", "report.md", PAGE, FAILING_SEEDS].contains(&name))
        {
            fs::remove_file(path)?;
        } else if path.is_dir() && name.starts_with("seed-") {
            remove_minimal(&path)?;
        }
    }
    Ok(())
}
