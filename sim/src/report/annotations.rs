//! Annotations of GitHub Actions: lines on standard output that show up beside the lines of a file.
//!
//! ```text
//! ::error file=scenarios/small.toml,line=54,title=once broke%2C seed 17::causeway-sim replay ...
//! ```

use std::fmt;

use super::finished::Finished;
use crate::scenario::Diagnostic;

/// GitHub shows ten of one kind for each step; the last says how many more there are.
const SHOWN: usize = 9;

/// A message about a place in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Annotation {
    /// The file; empty if it is about none.
    pub file: String,
    /// The line; 0 if it is about the file.
    pub line: u32,
    /// The first column and the one after the last, in characters; 0 if the line is meant.
    pub columns: (u32, u32),
    /// A few words.
    pub title: String,
    /// All of it; it may have several lines.
    pub message: String,
}

/// What is said about scenarios that were run.
#[must_use]
pub fn annotations(finished: &[Finished]) -> Vec<Annotation> {
    let all = finished.iter().flat_map(|one| {
        one.complaints().into_iter().map(|complaint| Annotation {
            file: one.file.clone(),
            line: complaint.line,
            columns: (0, 0),
            message: complaint.message(),
            title: complaint.title,
        })
    });
    shortened(all.collect())
}

/// What is said about scenarios that cannot be run.
#[must_use]
pub fn annotations_of(problems: &[Diagnostic]) -> Vec<Annotation> {
    let annotation = |problem: &Diagnostic| Annotation {
        file: problem.file.clone(),
        line: problem.line,
        columns: match problem.width {
            0 => (0, 0),
            width => (problem.column, problem.column.saturating_add(width)),
        },
        title: "wrong scenario".to_owned(),
        message: match &problem.help {
            Some(help) => format!("{}\nhelp: {help}", problem.message),
            None => problem.message.clone(),
        },
    };
    shortened(problems.iter().map(annotation).collect())
}

fn shortened(mut all: Vec<Annotation>) -> Vec<Annotation> {
    if all.len() > SHOWN + 1 {
        let more = all.len() - SHOWN;
        all.truncate(SHOWN);
        all.push(Annotation {
            file: String::new(),
            line: 0,
            columns: (0, 0),
            title: "causeway-sim".to_owned(),
            message: format!("and {more} more; the log has all of them"),
        });
    }
    all
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("::error ")?;
        if !self.file.is_empty() {
            write!(f, "file={},", property(&self.file))?;
        }
        if self.line > 0 {
            write!(f, "line={},", self.line)?;
        }
        if self.columns.0 > 0 {
            write!(f, "col={},endColumn={},", self.columns.0, self.columns.1)?;
        }
        write!(f, "title={}::{}", property(&self.title), data(&self.message))
    }
}

/// A message: it ends with its line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value before the message: it ends with a comma or a colon, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
