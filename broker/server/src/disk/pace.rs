//! Whether a commit is carried out at once, on the shard's own thread.
//!
//! Handing over costs two wake-ups, often more than the sync itself takes. But a thread that syncs
//! serves nobody else. So only lone commits are carried out at once, of logs whose syncs have been
//! quick lately, one in a turn; and if others keep the shard busy meanwhile, then only for a tenth
//! of the time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use causeway_core::disk::LogId;

/// A sync that is expected to take longer is handed over.
const QUICK: Duration = Duration::from_micros(300);

/// One that takes longer is believed at once; else the mean moves slowly.
const SPIKE: Duration = Duration::from_millis(1);

/// So many turns from one commit of a log to its next are the publisher's own.
const QUIET_TURNS: u64 = 3;

/// The share of time for syncs of a busy shard, one in so many parts.
const BUSY_SHARE: u32 = 10;

/// What has been seen of each log's syncs.
#[derive(Debug, Default)]
pub(super) struct Pace {
    logs: HashMap<LogId, LogPace>,
    /// Turns so far.
    turn: u64,
    /// One has been carried out in this turn.
    used: bool,
    last_end: Option<Instant>,
}

#[derive(Debug)]
struct LogPace {
    /// How long a sync takes.
    mean: Duration,
    /// When a commit of it was last carried out at once.
    last_turn: u64,
}

impl Pace {
    /// Whether a lone commit of `log` is carried out at once. The first one of a log is not: nothing
    /// is known of it yet.
    pub(super) fn at_once(&mut self, log: LogId, now: Instant) -> bool {
        let turn = self.turn;
        let Some(pace) = self.logs.get_mut(&log) else { return false };
        if self.used || pace.mean > QUICK {
            return false;
        }
        let quiet = turn - pace.last_turn <= QUIET_TURNS;
        let share = pace.mean * BUSY_SHARE;
        let since = self.last_end.map(|end| now.saturating_duration_since(end));
        if !quiet && since.is_some_and(|since| since < share) {
            return false;
        }
        pace.last_turn = turn;
        self.used = true;
        true
    }

    /// A sync of `log` took so long, on whatever thread.
    pub(super) fn synced(&mut self, log: LogId, took: Duration) {
        let turn = self.turn;
        let pace = self.logs.entry(log).or_insert(LogPace { mean: took, last_turn: turn });
        pace.mean = if took >= SPIKE { took } else { (pace.mean * 3 + took) / 4 };
    }

    /// What was carried out at once has just ended.
    pub(super) fn ended(&mut self, now: Instant) {
        self.last_end = Some(now);
    }

    pub(super) fn turn_ended(&mut self) {
        self.turn += 1;
        self.used = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: LogId = LogId(1);

    fn quick() -> Pace {
        let mut pace = Pace::default();
        pace.synced(LOG, Duration::from_micros(100));
        pace
    }

    #[test]
    fn only_quick_syncs_are_at_once() {
        let now = Instant::now();
        let mut pace = Pace::default();
        assert!(!pace.at_once(LOG, now), "nothing is known of it");
        pace.synced(LOG, Duration::from_micros(100));
        assert!(pace.at_once(LOG, now));
        assert!(!pace.at_once(LOG, now), "one in a turn");
        pace.turn_ended();
        pace.synced(LOG, Duration::from_millis(5));
        assert!(!pace.at_once(LOG, now), "a slow one is believed at once");
        for _ in 0..20 {
            pace.synced(LOG, Duration::from_micros(100));
        }
        assert!(pace.at_once(LOG, now), "and forgotten in time");
    }

    #[test]
    fn a_busy_shard_gives_a_tenth_of_its_time() {
        let now = Instant::now();
        let mut pace = quick();
        assert!(pace.at_once(LOG, now));
        pace.ended(now);
        for _ in 0..QUIET_TURNS {
            pace.turn_ended();
        }
        assert!(pace.at_once(LOG, now), "the publisher's own turns");
        pace.ended(now);
        for _ in 0..=QUIET_TURNS {
            pace.turn_ended();
        }
        assert!(!pace.at_once(LOG, now + Duration::from_micros(900)), "others had turns");
        assert!(pace.at_once(LOG, now + Duration::from_micros(1_100)));
    }
}
