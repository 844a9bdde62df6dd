//! The driver's journal, kept in the log.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use causeway_core::{Now, Origin, TraceEvent};

use super::events::wording;
use super::{Level, Log};
use crate::disk::Failure;
use crate::driver::{Journal, error_text};

/// Writes what happens in the core to the log.
pub struct LogJournal {
    log: Log,
    /// Failed dials of one route are errors at first and then every so many.
    connect_error_reports: Rc<Cell<u32>>,
}

impl LogJournal {
    /// A journal in `log`.
    #[must_use]
    pub fn new(log: Log, connect_error_reports: Rc<Cell<u32>>) -> Self {
        Self { log, connect_error_reports }
    }
}

impl Journal for LogJournal {
    fn event(&mut self, _now: Now, event: TraceEvent) {
        let hushed = if let TraceEvent::DialFailed { attempt, .. } = &event {
            !self.reports(*attempt)
        } else {
            false
        };
        if let Some(line) = wording(event, self.log.debug_enabled(), self.log.payload_max()) {
            let level = if hushed { Level::Debug } else { line.level };
            self.log.bytes(level, &line.text);
        }
    }

    fn accept_failed(&mut self, _now: Now, origin: Origin, error: &io::Error, pause: Duration) {
        let listener = match origin {
            Origin::Client => "Client",
            Origin::Route | Origin::Dialled(_) => "Route",
        };
        self.log.error(format_args!(
            "Temporary {listener} Accept Error({}), sleeping {}ms",
            error_text(error),
            pause.as_millis()
        ));
    }

    fn disk_failed(&mut self, _now: Now, failure: &Failure) {
        self.log.error(format_args!("JetStream disk error: {failure}"));
    }
}

impl LogJournal {
    /// Whether this failed attempt is worth an error line.
    fn reports(&self, attempt: u32) -> bool {
        attempt <= 1 || attempt.is_multiple_of(self.connect_error_reports.get().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_failures_are_reported_now_and_then() {
        let (log, text) = Log::memory();
        let mut journal = LogJournal::new(log, Rc::new(Cell::new(3)));
        for attempt in 1..=7 {
            let (host, error) = ("h".to_owned(), "lookup h: no such host".to_owned());
            let event = TraceEvent::DialFailed { host, port: 1, attempt, error };
            journal.event(Now::default(), event);
        }
        let levels: Vec<_> = text.borrow().lines().map(|line| line[..5].to_owned()).collect();
        assert_eq!(levels, ["[ERR]", "[DBG]", "[ERR]", "[DBG]", "[DBG]", "[ERR]", "[DBG]"]);
        let first = "[ERR] Error trying to connect to route (attempt 1): lookup h: no such host\n";
        assert!(text.borrow().starts_with(first), "{}", text.borrow());
        let refused = io::Error::from_raw_os_error(24);
        let pause = Duration::from_millis(10);
        journal.accept_failed(Now::default(), Origin::Client, &refused, pause);
        let last = "[ERR] Temporary Client Accept Error(too many open files), sleeping 10ms\n";
        assert!(text.borrow().ends_with(last), "{}", text.borrow());
    }
}
