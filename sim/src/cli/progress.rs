//! Progress on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use super::output;

/// So many lines are written where there is no terminal.
const PLAIN_LINES: u64 = 10;

/// The progress of one scenario.
pub(super) struct Progress {
    name: String,
    total: u64,
    done: u64,
    failed: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(name: &str, total: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let style =
                "{prefix} [{bar:30}] {human_pos}/{human_len} seeds, {msg} ({elapsed}, {eta} left)";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(name.to_owned());
            bar.set_message("0 failed");
            bar
        });
        if bar.is_none() {
            output::note(&format!("{name}: {total} seeds"));
        }
        Self { name: name.to_owned(), total, done: 0, failed: 0, bar }
    }

    /// One more seed is done.
    pub(super) fn step(&mut self, failed: bool) {
        self.done += 1;
        self.failed += u64::from(failed);
        match &self.bar {
            Some(bar) => {
                bar.set_message(format!("{} failed", self.failed));
                bar.inc(1);
            }
            None => {
                let tenth = |done: u64| done * PLAIN_LINES / self.total.max(1);
                if tenth(self.done) > tenth(self.done - 1) {
                    let (name, done, total) = (&self.name, self.done, self.total);
                    output::note(&format!(
                        "{name}: {done} of {total} seeds, {} failed",
                        self.failed
                    ));
                }
            }
        }
    }

    /// Something to say while the bar stands.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => output::note(text),
        }
    }

    /// All is done.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
