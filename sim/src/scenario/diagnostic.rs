//! Problems of a scenario file, each with its place and, where there is one, a hint.

use std::fmt;
use std::ops::Range;

use super::sources::Sources;

/// Everything that is wrong with a scenario file. Nothing was run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScenarioError {
    /// The problems, by place. Never empty.
    pub problems: Vec<Diagnostic>,
}

/// One problem.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// The file, as it was named to us.
    pub file: String,
    /// The line, from 1; 0 if the problem has no place.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// The text of the line; empty if it is not at hand.
    pub source: String,
    /// How many characters of it are meant.
    pub width: u32,
}

impl Diagnostic {
    /// A problem with a file as a whole.
    #[must_use]
    pub fn of_file(file: &str, message: String, help: Option<String>) -> Self {
        let (source, line, column, width) = (String::new(), 0, 0, 0);
        Self { file: file.to_owned(), line, column, message, help, source, width }
    }

    /// Shows the line that is meant, if only its number is known so far.
    pub fn show(&mut self, text: &str) {
        let Some(at) = (self.line as usize).checked_sub(1).filter(|_| self.source.is_empty())
        else {
            return;
        };
        let Some(source) = text.lines().nth(at) else { return };
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        self.column = count(source).saturating_sub(count(source.trim_start())).saturating_add(1);
        self.width = count(source.trim());
        self.source = source.trim_end().replace('\t', " ");
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if self.line > 0 && self.source.is_empty() {
            write!(f, "\n --> {}:{}", self.file, self.line)?;
        } else if self.line > 0 {
            let margin = self.line.to_string();
            let indent = " ".repeat(margin.len());
            let before = " ".repeat(self.column.saturating_sub(1) as usize);
            let marks = "^".repeat(self.width.max(1) as usize);
            write!(f, "\n {indent} --> {}:{}:{}", self.file, self.line, self.column)?;
            write!(f, "\n {margin} | {}", self.source)?;
            write!(f, "\n {indent} | {before}{marks}")?;
        } else {
            write!(f, "\n  --> {}", self.file)?;
        }
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

impl From<Diagnostic> for ScenarioError {
    fn from(problem: Diagnostic) -> Self {
        Self { problems: vec![problem] }
    }
}

/// Collects problems while a file is read.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    sources: &'a Sources,
    found: Vec<(usize, Diagnostic)>,
}

impl<'a> Problems<'a> {
    pub(crate) const fn new(sources: &'a Sources) -> Self {
        Self { sources, found: Vec::new() }
    }

    /// Adds a problem at these bytes of the files.
    pub(crate) fn add(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.add_with_help(span, message, None);
    }

    /// Adds a problem and what would be right.
    pub(crate) fn add_with_help(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let Some((source, within)) = self.sources.find(&span) else { return };
        let place = Place::of(&source.text, &within);
        let diagnostic = Diagnostic {
            file: source.file.clone(),
            line: place.line,
            column: place.column,
            message: message.into(),
            help,
            source: place.source,
            width: place.width,
        };
        self.found.push((span.start, diagnostic));
    }

    /// Adds a problem with a name that is not among `known`.
    pub(crate) fn unknown<'k>(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let help = match nearest(name, &known) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => None,
            None => Some(format!("known are {}", known.join(", "))),
        };
        self.add_with_help(span, message, help);
    }

    /// The line of a place in the scenario's own file, from 1; 0 if it is in another.
    pub(crate) fn line_of(&self, span: &Range<usize>) -> u32 {
        match self.sources.find(span) {
            Some((source, within)) if self.sources.is_own(span) => {
                Place::of(&source.text, &within).line
            }
            _ => 0,
        }
    }

    /// How many there are so far.
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// All problems in the order of the files, or nothing.
    pub(crate) fn finish(self) -> Result<(), ScenarioError> {
        if self.found.is_empty() { Ok(()) } else { Err(self.error()) }
    }

    /// All problems in the order of the files.
    pub(crate) fn error(mut self) -> ScenarioError {
        self.found.sort_by_key(|(at, _)| *at);
        ScenarioError { problems: self.found.into_iter().map(|(_, d)| d).collect() }
    }
}

struct Place {
    line: u32,
    column: u32,
    source: String,
    width: u32,
}

impl Place {
    fn of(text: &str, span: &Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let end = floor_char_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        Self {
            line: count_lines(&text[..line_start]),
            column: count(&text[line_start..start]).saturating_add(1),
            source: text[line_start..line_end].trim_end().replace('\t', " "),
            width: count(&text[start..end.min(line_end)]),
        }
    }
}

fn count_lines(before: &str) -> u32 {
    u32::try_from(before.bytes().filter(|b| *b == b'\n').count()).unwrap_or(u32::MAX - 1) + 1
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The known name that was most likely meant, if one is near enough: at most a third of its letters
/// differ.
#[must_use]
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|k| (distance(name, k), *k));
    let (best, near) = distances.min_by_key(|(distance, _)| *distance)?;
    let letters = name.chars().count().max(near.chars().count());
    (best * 3 <= letters.max(3)).then_some(near)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let width = b.len() + 1;
    let mut table = vec![0usize; (a.len() + 1) * width];
    for (j, cell) in table.iter_mut().take(width).enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        table[i * width] = i;
        for j in 1..width {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = table[(i - 1) * width + j - 1] + same;
            best = best.min(table[(i - 1) * width + j] + 1).min(table[i * width + j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[(i - 2) * width + j - 2] + 1);
            }
            table[i * width + j] = best;
        }
    }
    table[a.len() * width + b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["latency", "jitter", "bandwidth", "loss"];
        assert_eq!(nearest("latncy", &known), Some("latency"));
        assert_eq!(nearest("lsos", &known), Some("loss"));
        assert_eq!(nearest("bandwith", &known), Some("bandwidth"));
        assert_eq!(nearest("speed", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a = 1\n\u{e9}\u{e9} = \"x\" # y\r\n";
        let at = text.find("\"x\"").unwrap();
        let sources = Sources::of("f.toml", text);
        let mut problems = Problems::new(&sources);
        problems.add_with_help(at..at + 3, "no", Some("yes".to_owned()));
        problems.add(0..1, "first");
        let error = problems.finish().unwrap_err();
        insta::assert_snapshot!(error.to_string(), @r#"
        error: first
           --> f.toml:1:1
         1 | a = 1
           | ^

        error: no
           --> f.toml:2:6
         2 | éé = "x" # y
           |      ^^^
          = help: yes
        "#);
    }
}
