//! What may stay in a stream: numbers, bytes, one subject's share, age.
//!
//! Every message that goes because of a limit goes by a record of the log, as if somebody had
//! deleted it: whoever reads the log needs no clock to know what is there.

use causeway_store::SubjectId;
use causeway_wire::jetstream::Discard;

use super::Stream;
use crate::jetstream::turn::Turn;
use crate::limits;
use crate::time::{Duration, Mono, Now, Wall};

/// A limit as configurations write it: −1 and 0 are none.
pub(crate) fn limit(configured: i64) -> Option<u64> {
    u64::try_from(configured).ok().filter(|limit| *limit > 0)
}

/// Why a stream that lets nothing go takes a message no more. The texts are nats-server's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    Messages,
    Bytes,
    Subject,
}

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Messages => "maximum messages exceeded",
            Self::Bytes => "maximum bytes exceeded",
            Self::Subject => "maximum messages per subject exceeded",
        })
    }
}

impl Stream {
    /// Whether a message of `size` bytes on `subject` may be stored, if nothing may give way for it.
    pub(super) fn room_for(&self, subject: Option<SubjectId>, size: u64) -> Result<(), Full> {
        if self.config.discard == Discard::Old {
            return Ok(());
        }
        let per_subject = limit(self.config.max_msgs_per_subject);
        let of_subject = subject.map_or(0, |subject| self.log.count_of(subject));
        // The oldest of its subject gives way to it, unless even that is forbidden.
        let replaces = per_subject.is_some_and(|limit| of_subject >= limit);
        if replaces && self.config.discard_new_per_subject {
            return Err(Full::Subject);
        }
        let state = self.log.state();
        if !replaces && limit(self.config.max_msgs).is_some_and(|limit| state.messages >= limit) {
            return Err(Full::Messages);
        }
        let replaced = match subject.filter(|_| replaces) {
            Some(subject) => self.log.first_of(subject).and_then(|seq| self.log.meta(seq)),
            None => None,
        };
        let bytes = state.bytes - replaced.map_or(0, |meta| meta.size) + size;
        if limit(self.config.max_bytes).is_some_and(|limit| bytes > limit) {
            return Err(Full::Bytes);
        }
        Ok(())
    }

    /// Lets go of what is too much after a message of `subject` has been stored.
    pub(super) fn enforce_limits(&mut self, turn: &mut Turn<'_>, subject: SubjectId) {
        if let Some(limit) = limit(self.config.max_msgs_per_subject) {
            self.enforce_subject_limit(turn, subject, limit);
        }
        if self.config.discard == Discard::New {
            // What is there stays, also if it was taken under another configuration.
            return;
        }
        let (messages, bytes) = (limit(self.config.max_msgs), limit(self.config.max_bytes));
        loop {
            let state = self.log.state();
            let too_many = messages.is_some_and(|limit| state.messages > limit);
            let too_large = bytes.is_some_and(|limit| state.bytes > limit);
            if !(too_many || too_large) || !self.remove(turn, state.first_seq, false) {
                break;
            }
        }
    }

    fn enforce_subject_limit(&mut self, turn: &mut Turn<'_>, subject: SubjectId, limit: u64) {
        while self.log.count_of(subject) > limit
            && let Some(oldest) = self.log.first_of(subject)
            && self.remove(turn, oldest, false)
        {}
    }

    /// Lets go of whatever the limits no longer allow, after they have changed.
    pub(crate) fn enforce_all_limits(&mut self, turn: &mut Turn<'_>) {
        if let Some(limit) = limit(self.config.max_msgs_per_subject) {
            let mut subjects = alloc::vec::Vec::new();
            self.log.subjects_matching(b">", |subject| subjects.push(subject));
            for subject in subjects {
                self.enforce_subject_limit(turn, subject, limit);
            }
        }
        if let Some(first) = self.log.meta(self.log.state().first_seq) {
            self.enforce_limits(turn, first.subject);
        }
        self.oldest = 0;
        self.expire(turn);
    }

    /// Lets go of messages that have reached their age, and says when that happens next.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        let now = wall_nanos(turn.now.wall);
        for _ in 0..limits::EXPIRED_PER_TURN {
            match self.next_expiry() {
                Some((seq, at)) if at <= now => self.expire_message(turn, seq),
                Some(_) | None => break,
            }
        }
    }

    /// When a message expires next.
    pub(super) fn expiry_due(&mut self, now: Now) -> Option<Mono> {
        let (_, at) = self.next_expiry()?;
        let left = at.saturating_sub(wall_nanos(now.wall));
        Some(now.mono + Duration::from_nanos(left))
    }

    /// The message that expires next, and when, in ns of wall time.
    fn next_expiry(&mut self) -> Option<(u64, u64)> {
        let by_age = limit(self.config.max_age.0).and_then(|age| self.next_of_age(age));
        let by_own = self.expiries.first().map(|(at, seq)| (*seq, *at));
        match (by_age, by_own) {
            (Some(age), Some(own)) => Some(if own.1 < age.1 { own } else { age }),
            (one, other) => one.or(other),
        }
    }

    /// The oldest message that may expire because of the stream's limit of age.
    fn next_of_age(&mut self, age: u64) -> Option<(u64, u64)> {
        loop {
            self.oldest = self.log.next(&mut self.everything, self.oldest)?;
            let meta = self.log.meta(self.oldest)?;
            if meta.mark & !FLAGS != NEVER {
                return Some((self.oldest, meta.time.saturating_add(age)));
            }
            self.oldest += 1;
        }
    }

    fn expire_message(&mut self, turn: &mut Turn<'_>, seq: u64) {
        let Some(meta) = self.log.meta(seq) else { return };
        let marker = self.config.subject_delete_marker_ttl.0 > 0
            && self.log.count_of(meta.subject) == 1
            && !is_marker(meta.mark);
        let subject = marker.then(|| self.log.subject(meta.subject).to_vec());
        self.remove(turn, seq, false);
        if let Some(subject) = subject {
            self.store_marker(turn, &subject);
        }
    }
}

/// Set in the mark of a message that says that its subject has none: nothing has to say so when it
/// expires.
pub(super) const MARKER: u64 = 1;

/// Set in the mark of a message that is a schedule.
pub(super) const SCHEDULE: u64 = 2;

/// The rest of a mark is when the message expires by itself, in ns of wall time, or 0.
pub(super) const FLAGS: u64 = MARKER | SCHEDULE;

/// Or this: it never expires, not even because of the stream's limit of age.
pub(super) const NEVER: u64 = !FLAGS;

fn is_marker(mark: u64) -> bool {
    mark & MARKER != 0
}

/// When a message with this mark expires by itself.
pub(super) fn expiry_of(mark: u64) -> Option<u64> {
    let at = mark & !FLAGS;
    (at != 0 && at != NEVER).then_some(at)
}

/// Wall time as logs keep it.
pub(crate) fn wall_nanos(wall: Wall) -> u64 {
    u64::try_from(wall.0).unwrap_or(0)
}
