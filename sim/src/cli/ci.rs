//! What a run leaves behind for the service that started it: a JUnit file, a summary in Markdown,
//! annotations.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use causeway_sim::report::{Annotation, Finished, annotations, annotations_of, junit, table};

use super::{Failure, output};

/// Where verdicts go, beside the report folders and standard output.
#[derive(Debug)]
pub(super) struct Outlets {
    junit: Option<PathBuf>,
    summary: Option<PathBuf>,
}

impl Outlets {
    /// As the arguments say, and as GitHub Actions does where they say nothing.
    pub(super) fn of(junit: Option<&Path>, summary: Option<&Path>) -> Self {
        let of_step = || {
            let path = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty())?;
            in_github_actions().then(|| PathBuf::from(path))
        };
        Self {
            junit: junit.map(Path::to_owned),
            summary: summary.map(Path::to_owned).or_else(of_step),
        }
    }

    /// Removes the JUnit file of an earlier run, which would speak for this one if it cannot begin.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        let Some(path) = &self.junit else { return Ok(()) };
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::writing(path, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes and prints what there is to say.
    pub(super) fn tell(&self, finished: &[Finished]) -> Result<(), Failure> {
        annotate(&annotations(finished));
        if let Some(path) = &self.junit {
            let text = junit(finished).map_err(io::Error::other);
            let written = text.and_then(|text| {
                make_folder(path)?;
                fs::write(path, text)
            });
            written.map_err(|error| Failure::writing(path, &error))?;
        }
        if let Some(path) = &self.summary {
            append(path, &table(finished)).map_err(|error| Failure::writing(path, &error))?;
        }
        Ok(())
    }
}

/// Annotates the places of a failure, if it has any.
pub(super) fn annotate_failure(failure: &Failure) {
    if let Failure::Scenario(error) = failure {
        annotate(&annotations_of(&error.problems));
    }
}

fn annotate(annotations: &[Annotation]) {
    if in_github_actions() {
        for annotation in annotations {
            output::line(&annotation.to_string());
        }
    }
}

fn in_github_actions() -> bool {
    env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Other steps may have written to the file before.
fn append(path: &Path, text: &str) -> io::Result<()> {
    make_folder(path)?;
    fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

fn make_folder(of: &Path) -> io::Result<()> {
    match of.parent() {
        Some(folder) => fs::create_dir_all(folder),
        None => Ok(()),
    }
}
