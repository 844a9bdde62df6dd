//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Error;
use super::{search, shrink};

/// How to call it.
pub(super) const USAGE: &str = "\
usage: cargo xtask mutants [NAME...] [OPTION...]

Plants the bugs of tests/mutants/*.toml, or those named, one at a time in a copy of the repository
under target/mutants, and lets the simulator search all scenarios for each.

  --check          only see whether every bug still fits the code; some milliseconds
  --compile        only see whether every bug compiles
  --ablate         search without each family of faults: what do we owe to it?
  --shrink         make the failure of each bug small: how small, how fast, is it the same?

  --budget TIME    for one search [default: 10m], or for shrinking one failure [default: 60s]
  --jobs N         seeds that run at the same time [default: 2]
  --resume         take over results of an interrupted run, where nothing has changed since
  --markdown FILE  write the table as Markdown, too
  --json FILE      write the results as JSON, too

Exit status: 1 if a bug was not found (and its entry does not say why), 2 if a bug no longer fits the
code or the arguments are wrong.
";

/// What to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Check,
    Compile,
    Search,
    Ablate,
    Shrink,
}

/// The command line, read.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) names: Vec<String>,
    pub(super) mode: Mode,
    pub(super) budget: Duration,
    pub(super) jobs: u16,
    pub(super) resume: bool,
    pub(super) markdown: Option<PathBuf>,
    pub(super) json: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(args: &[String]) -> Result<Self, Error> {
        let mut options = Self {
            names: Vec::new(),
            mode: Mode::Search,
            budget: Duration::ZERO,
            jobs: 2,
            resume: false,
            markdown: None,
            json: None,
        };
        let mut budget = None;
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                let missing = || Error::Usage(format!("`{arg}` needs a value"));
                args.next().cloned().ok_or_else(missing)
            };
            match arg.as_str() {
                "--help" | "-h" => return Err(Error::Help),
                "--check" => options.set_mode(Mode::Check)?,
                "--compile" => options.set_mode(Mode::Compile)?,
                "--ablate" => options.set_mode(Mode::Ablate)?,
                "--shrink" => options.set_mode(Mode::Shrink)?,
                "--resume" => options.resume = true,
                "--budget" => budget = Some(seconds(&value()?)?),
                "--jobs" => options.jobs = jobs(&value()?)?,
                "--markdown" => options.markdown = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                option if option.starts_with('-') => {
                    return Err(Error::Usage(format!("there is no option `{option}`\n{USAGE}")));
                }
                name => options.names.push(name.to_owned()),
            }
        }
        let usual = if options.mode == Mode::Shrink { shrink::BUDGET } else { search::BUDGET };
        options.budget = budget.unwrap_or(usual);
        Ok(options)
    }

    fn set_mode(&mut self, mode: Mode) -> Result<(), Error> {
        if self.mode != Mode::Search && self.mode != mode {
            let text = "only one of --check, --compile, --ablate, --shrink";
            return Err(Error::Usage(text.to_owned()));
        }
        self.mode = mode;
        Ok(())
    }
}

/// `90s`, `10m`, or a number of seconds.
fn seconds(text: &str) -> Result<Duration, Error> {
    let (number, factor) = match text.strip_suffix('m') {
        Some(number) => (number, 60),
        None => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let wrong = || Error::Usage(format!("`{text}` is no time: write 90s or 10m"));
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).map(Duration::from_secs).ok_or_else(wrong)
}

fn jobs(text: &str) -> Result<u16, Error> {
    let jobs = text.parse().ok().filter(|jobs| *jobs > 0);
    jobs.ok_or_else(|| Error::Usage(format!("`{text}` is no number of jobs")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_read() {
        let options = parse("a --budget 2m b --jobs 1 --json x.json").unwrap();
        assert_eq!(options.names, ["a", "b"]);
        assert_eq!((options.mode, options.jobs), (Mode::Search, 1));
        assert_eq!(options.budget, Duration::from_secs(120));
        assert_eq!(options.json, Some(PathBuf::from("x.json")));
        assert_eq!(parse("--shrink").unwrap().budget, Duration::from_secs(60));
    }

    #[test]
    fn wrong_ones_are_explained() {
        for (line, error) in [
            ("--budget", "error: `--budget` needs a value"),
            ("--budget soon", "error: `soon` is no time: write 90s or 10m"),
            ("--jobs 0", "error: `0` is no number of jobs"),
            ("--check --shrink", "error: only one of --check, --compile, --ablate, --shrink"),
        ] {
            assert_eq!(parse(line).unwrap_err(), error);
        }
        assert!(parse("--fast").unwrap_err().starts_with("error: there is no option `--fast`"));
    }
}
