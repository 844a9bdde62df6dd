//! Messages that are published later, once or again and again (ADR-51).
//!
//! A schedule is a message on a subject of its own; what it publishes is stored on another subject
//! of the stream. A mark of the log says which messages are schedules, so only those are read after
//! a restart. When one that repeats has published, the time of the next is a note, written together
//! with what was published: so nothing is published twice, and nothing is forgotten.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;

use causeway_store::{NoteChange, StoredMessage};
use causeway_wire::jetstream::headers::{PublishHeaders, Ttl, name};
use causeway_wire::jetstream::schedule::{Schedule, Zone};
use causeway_wire::jetstream::{ApiError, ErrorKind, Time};
use causeway_wire::{header, subject};

use super::Stream;
use super::batch::Staged;
use super::expect::{Change, Published, Room};
use super::held::Wait;
use super::limits::SCHEDULE;
use super::notes::schedule_key;
use super::reads::Step;
use crate::jetstream::turn::Turn;
use crate::limits;
use crate::time::{Duration, Mono, Now};

/// The value of `Nats-Schedule-Next` that ends a schedule.
const PURGE: &[u8] = b"purge";

/// The time of a schedule that publishes nothing any more.
const NOT_AGAIN: i64 = i64::MAX;

/// The schedules of a stream, by when they are due.
#[derive(Debug, Default)]
pub(super) struct Schedules {
    by_subject: BTreeMap<Vec<u8>, u64>,
    by_seq: BTreeMap<u64, Entry>,
    /// When, in ns of wall time, and the sequence of the schedule.
    due: BTreeSet<(i64, u64)>,
    /// The first that is due cannot be read yet.
    blocked: bool,
}

#[derive(Debug)]
struct Entry {
    subject: Vec<u8>,
    due: i64,
    /// There is a note of when it is due.
    noted: bool,
}

impl Schedules {
    /// Adds a schedule; another one of its subject publishes nothing any more.
    fn add(&mut self, seq: u64, subject: &[u8], due: i64, noted: bool) {
        self.by_seq.insert(seq, Entry { subject: subject.to_vec(), due, noted });
        if due != NOT_AGAIN {
            self.due.insert((due, seq));
            if let Some(other) = self.by_subject.insert(subject.to_vec(), seq) {
                self.unlink(other);
            }
        }
    }

    /// Takes a schedule out of what is due.
    fn unlink(&mut self, seq: u64) {
        if let Some(entry) = self.by_seq.get_mut(&seq) {
            self.due.remove(&(entry.due, seq));
            entry.due = NOT_AGAIN;
        }
    }

    /// Its message is gone. Whether there was a note of it.
    fn remove(&mut self, seq: u64) -> bool {
        self.unlink(seq);
        let Some(entry) = self.by_seq.remove(&seq) else { return false };
        if self.by_subject.get(&entry.subject) == Some(&seq) {
            self.by_subject.remove(&entry.subject);
        }
        entry.noted
    }

    fn set_due(&mut self, seq: u64, due: i64, noted: bool) {
        self.unlink(seq);
        if let Some(entry) = self.by_seq.get_mut(&seq) {
            entry.due = due;
            entry.noted |= noted;
            if due != NOT_AGAIN {
                self.due.insert((due, seq));
            }
        }
    }

    /// The first that is due, and since when.
    fn first_due(&self) -> Option<(i64, u64)> {
        self.due.first().copied()
    }

    /// Something was read, or has become durable.
    pub(super) fn wake(&mut self) {
        self.blocked = false;
    }

    /// When the next one is due.
    pub(super) fn deadline(&self, now: Now) -> Option<Mono> {
        let (due, _) = self.first_due().filter(|_| !self.blocked)?;
        let left = u64::try_from(due.saturating_sub(now.wall.0)).unwrap_or(0);
        // The wall clock may be set meanwhile.
        Some(now.mono + Duration::from_nanos(left).min(limits::SCHEDULE_LOOK))
    }

    /// Those of which there are notes, and the times in them.
    pub(super) fn notes(&self) -> impl Iterator<Item = (u64, i64)> {
        let noted = self.by_seq.iter().filter(|(_, entry)| entry.noted);
        noted.map(|(seq, entry)| (*seq, entry.due))
    }
}

/// What the header of a message says about when it is published; nothing if that is not said.
fn schedule_of(headers: &PublishHeaders<'_>) -> Result<Option<Schedule>, ApiError> {
    let zone = match headers.schedule_time_zone {
        Some(name) => {
            let zone = core::str::from_utf8(name).ok().and_then(Zone::find);
            Some(zone.ok_or_else(|| ErrorKind::MessageSchedulesTimeZoneInvalid.error())?)
        }
        None => None,
    };
    let pattern = core::str::from_utf8(headers.schedule.unwrap_or_default());
    let schedule = pattern.ok().and_then(|pattern| Schedule::parse(pattern, zone).ok());
    let schedule = schedule.ok_or_else(|| ErrorKind::MessageSchedulesPatternInvalid.error())?;
    // Go's zero time is none.
    Ok(schedule.filter(|schedule| *schedule != Schedule::At(Time::ZERO)))
}

fn is_set(value: Option<&[u8]>) -> bool {
    value.is_some_and(|value| !value.is_empty())
}

impl Stream {
    /// Whether a message is a schedule; an error if it may not be, or may not end one. `staged` is
    /// what would be written before it.
    pub(super) fn check_schedule(
        &self,
        now: Now,
        message: &Published<'_>,
        staged: Option<&Staged>,
    ) -> Result<bool, ApiError> {
        let headers = message.headers;
        let allowed = self.config.allow_msg_schedules;
        let disabled = || ErrorKind::MessageSchedulesDisabled.error();
        let invalid = || ErrorKind::MessageSchedulesPatternInvalid.error();
        let schedule = schedule_of(headers).and_then(|schedule| match schedule {
            Some(schedule) if schedule.next(now.wall.0, now.wall.0).is_none() => Err(invalid()),
            schedule => Ok(schedule),
        });
        let schedule = schedule.map_err(|error| if allowed { error } else { disabled() })?;
        if schedule.is_some() {
            if !allowed {
                return Err(disabled());
            }
            self.check_schedule_headers(message)?;
        }
        if is_set(headers.schedule_next) {
            self.check_schedule_end(message, staged)?;
        } else if is_set(headers.scheduler) {
            return Err(ErrorKind::MessageSchedulesSchedulerInvalid.error());
        }
        Ok(schedule.is_some())
    }

    fn check_schedule_headers(&self, message: &Published<'_>) -> Result<(), ApiError> {
        let headers = message.headers;
        let ttl = headers.schedule_ttl.unwrap_or_default();
        if Ttl::parse(ttl).is_err() {
            return Err(ErrorKind::MessageSchedulesTtlInvalid.error());
        }
        let rollup_invalid = || ErrorKind::MessageSchedulesRollupInvalid.error();
        if !matches!(headers.schedule_rollup, None | Some(b"" | b"sub")) {
            return Err(rollup_invalid());
        }
        if !ttl.is_empty() && !self.config.allow_msg_ttl {
            return Err(ErrorKind::MessageTtlDisabled.error());
        }
        let target = headers.schedule_target.unwrap_or_default();
        let source = headers.schedule_source.unwrap_or_default();
        let is_ours = |subject: &[u8]| {
            let mut subjects = self.config.subjects.iter();
            subjects.any(|each| subject::collide(each.as_bytes(), subject))
        };
        let valid = |subject: &[u8]| subject::is_valid_literal(subject);
        if !valid(target) || target == message.subject {
            return Err(ErrorKind::MessageSchedulesTargetInvalid.error());
        }
        let source_invalid = || ErrorKind::MessageSchedulesSourceInvalid.error();
        let clash = source == target || source == message.subject;
        if !source.is_empty() && (clash || !valid(source)) {
            return Err(source_invalid());
        }
        if !is_ours(target) {
            return Err(ErrorKind::MessageSchedulesTargetInvalid.error());
        }
        if !source.is_empty() && !is_ours(source) {
            return Err(source_invalid());
        }
        match headers.rollup {
            Some(rollup) if !rollup.is_empty() && !rollup.eq_ignore_ascii_case(b"sub") => {
                Err(rollup_invalid())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Clients may end a schedule, by another message.
    fn check_schedule_end(
        &self,
        message: &Published<'_>,
        staged: Option<&Staged>,
    ) -> Result<(), ApiError> {
        let headers = message.headers;
        let scheduler = headers.scheduler.unwrap_or_default();
        let invalid = || ErrorKind::MessageSchedulesSchedulerInvalid.error();
        let named = subject::is_valid_literal(scheduler) && scheduler != message.subject;
        if headers.schedule_next != Some(PURGE) || !named {
            return Err(invalid());
        }
        if !self.config.allow_msg_schedules {
            return Err(ErrorKind::MessageSchedulesDisabled.error());
        }
        let would_be = staged.and_then(|staged| staged.is_schedule(scheduler));
        let is_schedule = would_be.or_else(|| {
            let last = self.log.find_subject(scheduler).and_then(|it| self.log.last_of(it))?;
            self.log.meta(last).map(|meta| meta.mark & SCHEDULE != 0)
        });
        if is_schedule == Some(false) { Err(invalid()) } else { Ok(()) }
    }

    /// A message has been stored: it may be a schedule, or stand for one that is no more.
    pub(super) fn schedule_stored(&mut self, now: Now, seq: u64, message: &Published<'_>) {
        if !self.config.allow_msg_schedules {
            return;
        }
        let schedule = schedule_of(message.headers).ok().flatten();
        if let Some(due) = schedule.and_then(|it| it.next(now.wall.0, now.wall.0)) {
            self.schedules.add(seq, message.subject, due.nanos(), false);
        } else if !is_set(message.headers.scheduler)
            && let Some(seq) = self.schedules.by_subject.remove(message.subject)
        {
            self.note_due(seq, NOT_AGAIN);
        }
    }

    /// A message may end a schedule.
    pub(super) fn end_schedule(&mut self, turn: &mut Turn<'_>, headers: &PublishHeaders<'_>) {
        let scheduler = headers.scheduler.filter(|it| !it.is_empty());
        if let Some(filter) = scheduler.filter(|_| headers.schedule_next == Some(PURGE)) {
            self.purge(turn, &super::Purge { filter, ..super::Purge::default() });
        }
    }

    /// The message of a schedule is gone.
    pub(super) fn forget_schedule(&mut self, seq: u64) {
        if self.schedules.remove(seq) {
            self.log.note(&schedule_key(seq), NoteChange::Remove);
        }
    }

    /// All messages before this one are gone.
    pub(super) fn forget_schedules_before(&mut self, seq: u64) {
        while let Some((first, _)) = self.schedules.by_seq.first_key_value()
            && *first < seq
        {
            self.forget_schedule(*first);
        }
    }

    fn note_due(&mut self, seq: u64, due: i64) {
        self.schedules.set_due(seq, due, true);
        self.log.note(&schedule_key(seq), NoteChange::Put(&due.to_le_bytes()));
    }

    /// Takes up a schedule after a restart. `due` is what was noted.
    pub(super) fn restore_schedule(&mut self, message: &StoredMessage, due: Option<i64>) {
        let headers = PublishHeaders::parse(message.header());
        let Ok(Some(schedule)) = schedule_of(&headers) else { return };
        let stored = i64::try_from(message.time).unwrap_or(i64::MAX);
        // What was missed meanwhile is published once.
        let next = due.or_else(|| schedule.next(stored, stored).map(|time| time.nanos()));
        let next = next.unwrap_or(NOT_AGAIN);
        self.schedules.add(message.seq, message.subject(), next, due.is_some());
    }

    /// Publishes what is due. True if there is more than one turn may publish.
    pub(super) fn fire_schedules(&mut self, turn: &mut Turn<'_>, room: Room) -> bool {
        for _ in 0..limits::SCHEDULES_PER_TURN {
            let due = self.schedules.first_due().filter(|(due, _)| *due <= turn.now.wall.0);
            let Some((due, seq)) = due.filter(|_| !self.config.sealed) else { return false };
            if self.schedules.blocked || self.fire(turn, room, seq, due).is_err() {
                self.schedules.blocked = true;
                return false;
            }
        }
        true
    }

    fn fire(&mut self, turn: &mut Turn<'_>, room: Room, seq: u64, due: i64) -> Result<(), Wait> {
        let Some(scheduled) = self.look_or_wait(turn, seq)? else {
            // It is lost to damage.
            self.schedules.unlink(seq);
            return Ok(());
        };
        let headers = PublishHeaders::parse(scheduled.header());
        let schedule = schedule_of(&headers).ok().flatten();
        let target = headers.schedule_target.filter(|target| subject::is_valid_literal(target));
        let Some((schedule, target)) = schedule.zip(target) else {
            self.note_due(seq, NOT_AGAIN);
            return Ok(());
        };
        // What is published is what its source holds, if there is one and it holds something.
        let source = headers.schedule_source.filter(|source| !source.is_empty());
        let last = source.and_then(|source| self.last_matching(source));
        let from = match last {
            Some(last) => self.look_or_wait(turn, last)?,
            None => None,
        };
        let from = from.as_ref().unwrap_or(&scheduled);
        let next = schedule.repeats().then(|| schedule.next(due, turn.now.wall.0)).flatten();
        let header = published_header(scheduled.subject(), &headers, from.header(), next);
        let stored = self.publish_scheduled(turn, room, target, &header, from.payload());
        match next {
            Some(next) => self.note_due(seq, next.nanos()),
            // What was published has ended it.
            None if stored => {}
            None => {
                let later = turn.now.wall.0.saturating_add(limits::SCHEDULE_RETRY_NANOS);
                self.schedules.set_due(seq, later, false);
            }
        }
        Ok(())
    }

    fn look_or_wait(
        &mut self,
        turn: &mut Turn<'_>,
        seq: u64,
    ) -> Result<Option<StoredMessage>, Wait> {
        self.look(turn, seq).map_err(|step| match step {
            Step::Wait | Step::Again | Step::Done => Wait,
        })
    }

    /// Stores what a schedule publishes, if there is room for it.
    fn publish_scheduled(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        target: &[u8],
        header: &[u8],
        payload: &[u8],
    ) -> bool {
        let subject = self.stored_subject(turn, target).into_owned();
        let headers = PublishHeaders::parse(header);
        let message = Published { subject: &subject, header, payload, headers: &headers };
        let checked = self.check_record(&message);
        let checked = checked.and_then(|()| self.check_place(room, &message, headers.ttl()));
        let Ok(wanted) = checked else { return false };
        // With it goes the schedule, or the time of the next.
        self.log.keep_whole();
        if wanted {
            self.store_changed(turn, &message, Change::default());
        } else {
            self.skip(turn, &message);
        }
        true
    }
}

/// The header of what a schedule publishes.
fn published_header(
    scheduler: &[u8],
    schedule: &PublishHeaders<'_>,
    from: &[u8],
    next: Option<Time>,
) -> Vec<u8> {
    let mut block = from.to_vec();
    // What is about the schedule, and what could keep it from being stored.
    for prefix in [name::SCHEDULE, name::EXPECTED_PREFIX] {
        header::remove_prefixed(&mut block, prefix);
    }
    for field in [name::MSG_ID, name::TTL, name::ROLLUP] {
        header::remove(&mut block, field);
    }
    header::push(&mut block, name::SCHEDULER, scheduler);
    match next {
        Some(next) => {
            header::push(&mut block, name::SCHEDULE_NEXT, next.to_string().as_bytes());
        }
        None => header::push(&mut block, name::SCHEDULE_NEXT, PURGE),
    }
    for (field, value) in
        [(name::TTL, schedule.schedule_ttl), (name::ROLLUP, schedule.schedule_rollup)]
    {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            header::push(&mut block, field, value);
        }
    }
    block
}
