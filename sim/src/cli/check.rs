//! `causeway-sim check`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use causeway_sim::guarantee::{JudgeError, judge};
use causeway_sim::history::{Event, History, Kind, ReadError};
use causeway_sim::verdict::{Exit, SeedRun, Verdict};

use super::{CheckArgs, Failure, output};

pub(super) fn main(args: &CheckArgs) -> Result<Exit, Failure> {
    let file = args.history.display();
    let history = read(&args.history)?;
    let run = judged(&args.history, &history)?;
    if run.broke() {
        output::line(&format!("FAILED seed {} of {}", run.seed, history.header.scenario));
        output::what_broke(&run);
        output::line("");
    }
    output::line(&format!(
        "{file}: {}, seed {}, {} events",
        history.header.scenario, run.seed, run.history_events
    ));
    let verdict = Verdict::of(&[run], &[], 0);
    output::verdict(&verdict);
    Ok(verdict.exit())
}

/// Reads a history that has come to its end.
pub(super) fn read(path: &Path) -> Result<History, Failure> {
    let file = path.display();
    let history = File::open(path)
        .map_err(ReadError::Io)
        .and_then(|file| History::read_from(BufReader::new(file)))
        .map_err(|error| Failure::Usage(format!("error: {file}: {error}")))?;
    if !matches!(history.events.last(), Some(Event { kind: Kind::End, .. })) {
        let line = history.events.len() + 1;
        return Err(Failure::Usage(format!(
            "error: {file}: line {line}: the history breaks off: its last event is not `end`"
        )));
    }
    Ok(history)
}

/// Holds it against the guarantees.
pub(super) fn judged(path: &Path, history: &History) -> Result<SeedRun, Failure> {
    let file = path.display();
    let judged = judge(history).map_err(|error| {
        let text = match &error {
            // The header has the first line, and numbers of events begin with 0.
            JudgeError::Malformed(event) => format!("error: {file}: line {}: {error}", event.i + 2),
            JudgeError::Header(_) => format!("error: {file}: line 1: {error}"),
            JudgeError::Guarantee { .. } => format!("error: {file}: {error}"),
        };
        match error {
            // Its scenario asked for something that does not exist.
            JudgeError::Guarantee { .. } => Failure::Usage(text),
            // Whoever recorded it made a mistake.
            JudgeError::Header(_) | JudgeError::Malformed(_) => Failure::Harness(text),
        }
    })?;
    Ok(SeedRun::of_history(history, judged))
}
