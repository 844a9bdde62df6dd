//! `causeway-sim export`.

use std::fs;
use std::path::{Path, PathBuf};

use causeway_reports::{Block, pack, page};
use causeway_sim::report::page::{Commands, RunPage, run_data};
use causeway_sim::report::{perfetto, quoted, words::count};
use causeway_sim::verdict::Exit;

use super::run::program;
use super::{Export, ExportArgs, Failure, check, output};

pub(super) fn main(args: &ExportArgs) -> Result<Exit, Failure> {
    let history = check::read(&args.history)?;
    let run = check::judged(&args.history, &history)?;
    let file = quoted(&args.history.display().to_string());
    let commands = Commands::of_history(&program(), &file);
    let page_of = RunPage::of_history(&history, &run, &commands);
    let bytes = match args.what {
        Export::Data => run_data(page_of),
        Export::Trace => pack(perfetto(&history, &run).as_bytes()),
        Export::Report => run_data(page_of).map(|packed| {
            let name = format!("run-{}", run.seed);
            let title = format!("{}, seed {}", history.header.scenario, run.seed);
            page(&title, &[Block { name: &name, packed: &packed }]).into_bytes()
        }),
    };
    let path = args.out.clone().unwrap_or_else(|| beside(&args.history, args.what));
    bytes
        .and_then(|bytes| fs::write(&path, &bytes).map(|()| bytes.len()))
        .map(|length| {
            output::line(&format!("{}: {} bytes", path.display(), count(length as u64)));
            Exit::Held
        })
        .map_err(|error| Failure::writing(&path, &error))
}

fn beside(history: &Path, what: Export) -> PathBuf {
    let name = history.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    let stem = name.strip_suffix(".history.jsonl").unwrap_or(&name);
    let end = match what {
        Export::Report => "report.html",
        Export::Data => "data.gz",
        Export::Trace => "perfetto.json.gz",
    };
    history.with_file_name(format!("{stem}.{end}"))
}
