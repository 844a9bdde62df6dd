//! What a stream takes in from others: a mirror as it is there, a source as a message of its own.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use causeway_wire::jetstream::headers::PublishHeaders;
use causeway_wire::jetstream::info::StreamSourceInfo;
use causeway_wire::jetstream::{ApiError, ErrorKind, Retention, Storage, StreamSource};

use super::Stream;
use super::expect::{Change, HEADER_BYTES, Published, RECORD_BYTES, Room, Verdict};
use super::held::{Taker, Wait};
use super::limits::wall_nanos;
use super::replies::Reply;
use crate::jetstream::consumer::limits::SEQUENCE_MOST;
use crate::jetstream::intake::{Begin, Delivered, Intake, Kind, Owner, Received, source_name};
use crate::jetstream::turn::{Incoming, Turn};
use crate::rng;
use crate::time::{Duration, Mono, Now};

/// An intake of one stream. Never used again.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct IntakeId(pub(crate) u32);

/// An intake that is no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Gone {
    pub(crate) id: IntakeId,
    /// The subject of a request that deletes what it had made.
    pub(crate) farewell: Option<String>,
}

/// A mirror that lacks fewer messages than this answers direct gets for its origin (nats-server
/// `dgetCaughtUpThresh`).
const CAUGHT_UP: u64 = 10;

impl Stream {
    /// Makes the intakes that the configuration asks for, and ends those that it does not any more.
    pub(crate) fn set_intakes(&mut self) -> Vec<Gone> {
        let wanted: Vec<(Kind, StreamSource)> = match &self.config.mirror {
            Some(origin) => [(Kind::Mirror, origin.clone())].into(),
            None => self.config.sources.iter().map(|each| (Kind::Source, each.clone())).collect(),
        };
        let stays = |intake: &Intake| {
            wanted.iter().any(|(kind, source)| (*kind, source) == (intake.kind(), intake.source()))
        };
        let ids: Vec<IntakeId> = self.intakes.keys().copied().collect();
        let mut gone = Vec::new();
        for id in ids {
            if let Some(intake) = self.intakes.get(&id).filter(|intake| !stays(intake)) {
                gone.push(Gone { id, farewell: intake.farewell() });
                // It goes on from there if it comes back.
                if intake.kind() == Kind::Source {
                    self.positions.insert(intake.name().to_string(), intake.position.clone());
                }
                self.intakes.remove(&id);
            }
        }
        for (kind, source) in wanted {
            if self.intakes.values().any(|known| (known.kind(), known.source()) == (kind, &source))
            {
                continue;
            }
            let known = self.positions.remove(&source_name(&source));
            let position = known.filter(|_| kind == Kind::Source).unwrap_or_default();
            self.last_intake += 1;
            let intake = Intake::new(kind, source, position);
            self.intakes.insert(IntakeId(self.last_intake), Box::new(intake));
        }
        gone
    }

    /// All of them end.
    pub(crate) fn take_intakes(&mut self) -> Vec<Gone> {
        let all = core::mem::take(&mut self.intakes).into_iter();
        all.map(|(id, intake)| Gone { id, farewell: intake.farewell() }).collect()
    }

    pub(crate) fn has_intakes(&self) -> bool {
        !self.intakes.is_empty()
    }

    pub(crate) fn intakes_mut(&mut self) -> impl Iterator<Item = &mut Intake> {
        self.intakes.values_mut().map(|intake| &mut **intake)
    }

    pub(crate) fn intake_ids(&self) -> Vec<IntakeId> {
        self.intakes.keys().copied().collect()
    }

    /// What an intake listens to.
    pub(crate) fn intake_subjects(&self, id: IntakeId) -> Vec<Vec<u8>> {
        self.intakes.get(&id).map_or_else(Vec::new, |intake| intake.subjects())
    }

    /// An intake, and who asks.
    pub(crate) fn owner_and_intake<'a>(
        &'a mut self,
        id: IntakeId,
        account: &'a str,
    ) -> Option<(Owner<'a>, &'a mut Intake)> {
        let sources = &self.config.sources;
        let intake = self.intakes.get_mut(&id)?;
        let of_that_name = sources.iter().filter(|source| source.name == intake.source().name);
        let (stream, domain) = (&*self.config.name, &*self.domain);
        let owner = Owner { stream, account, domain, several: of_that_name.count() > 1 };
        Some((owner, intake))
    }

    /// Where the consumer of an intake is to begin. Nothing if the disk takes no more.
    pub(crate) fn intake_begin(&mut self, id: IntakeId) -> Option<Begin> {
        if self.log.failure().is_some() {
            return None;
        }
        let state = self.log.state();
        let intake = self.intakes.get_mut(&id)?;
        let last = match intake.kind() {
            Kind::Mirror => {
                intake.position.seq = state.last_seq;
                state.last_seq
            }
            Kind::Source => intake.position.seq,
        };
        Some(if last == 0 { Begin::Anew } else { Begin::At(last + 1) })
    }

    /// Whether an intake stops to listen.
    pub(crate) fn deafen(&mut self, id: IntakeId) -> bool {
        let Some(intake) = self.intakes.get_mut(&id) else { return false };
        let deaf = intake.is_to_be_deaf();
        if deaf {
            intake.deafened();
        }
        deaf
    }

    /// A stream of this server came or went: those who read it ask again; whether there are such.
    pub(crate) fn wake_intakes_of(&mut self, name: &str) -> bool {
        let all = self.intakes.values_mut();
        let here = all.filter(|each| each.source().external.is_none());
        let mut any = false;
        for intake in here.filter(|each| each.source().name == name) {
            intake.origin_changed();
            any = true;
        }
        any
    }

    /// Something has gone: those who wait for room try again.
    pub(crate) fn wake_full_intakes(&mut self) {
        let state = self.log.state();
        let (messages, bytes) = self.full_at;
        if state.messages < messages || state.bytes < bytes {
            self.full_at = (0, 0);
            self.intakes.values_mut().filter(|each| each.is_full()).for_each(|each| each.wake());
        }
    }

    /// Whether it is a mirror that has nearly all that its origin has.
    pub(crate) fn is_caught_up(&self) -> bool {
        let mut mirrors = self.intakes.values().filter(|intake| intake.kind() == Kind::Mirror);
        mirrors.any(|mirror| mirror.is_reading() && mirror.lag() < CAUGHT_UP)
    }

    pub(super) fn tick_intakes(&mut self, turn: &mut Turn<'_>) {
        let Self { intakes, .. } = self;
        for intake in intakes.values_mut() {
            intake.tick(turn.now.mono, &mut |most| turn.node.rng.span(rng::Stream::Intakes, most));
        }
    }

    pub(super) fn intakes_due(&self) -> Option<Mono> {
        self.intakes.values().filter_map(|intake| intake.deadline()).min()
    }

    /// How far they are, for the API: the mirror's, or the sources'.
    pub(super) fn intake_infos(&self, kind: Kind, now: Now) -> Vec<StreamSourceInfo> {
        let all = self.intakes.values().filter(|intake| intake.kind() == kind);
        all.map(|intake| intake.info(now)).collect()
    }

    /// Takes what came on a subject of an intake.
    pub(crate) fn take_in(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        id: IntakeId,
        incoming: &Incoming<'_>,
    ) {
        if !self.held.is_empty() || self.take_from(turn, room, id, incoming).is_err() {
            self.hold(turn, Taker::Intake(id), incoming);
        }
    }

    /// The same, unless something must be read first; then the intake is as it was.
    pub(super) fn take_from(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        id: IntakeId,
        incoming: &Incoming<'_>,
    ) -> Result<(), Wait> {
        let Some(intake) = self.intakes.get_mut(&id) else { return Ok(()) };
        let jitter = &mut |most: Duration| turn.node.rng.span(rng::Stream::Intakes, most);
        match intake.receive(turn.now, incoming, jitter) {
            Received::Nothing => {}
            Received::Confirm(to) => {
                let header = intake.confirmation();
                self.replies.push_message(&Reply { to, header: &header, payload: &[] });
            }
            Received::Begins(behind) => self.begin_behind(id, behind),
            Received::Message(place) => self.take_message(turn, room, id, &place, incoming)?,
        }
        Ok(())
    }

    fn take_message(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        id: IntakeId,
        place: &Delivered,
        incoming: &Incoming<'_>,
    ) -> Result<(), Wait> {
        let there = incoming.shown.unwrap_or(incoming.subject);
        let subject = self.taken_subject(turn, id, there);
        if self.config.allow_msg_counter {
            self.load_total(turn, &subject)?;
        }
        match self.store_from(turn, room, id, place, &subject, incoming) {
            Ok(()) => self.took(id, place),
            Err(error) => self.do_not_take(turn.now, id, error),
        }
        Ok(())
    }

    /// The subject that a message of an origin is stored under.
    fn taken_subject<'a>(
        &self,
        turn: &mut Turn<'_>,
        id: IntakeId,
        there: &'a [u8],
    ) -> Cow<'a, [u8]> {
        let mut draw = || turn.node.rng.next_u64(rng::Stream::Consumers) as u32;
        let mapped = self.intakes.get(&id).and_then(|intake| intake.map(there, &mut draw));
        let mapped = mapped.map_or(Cow::Borrowed(there), Cow::Owned);
        let own = self.transform.as_ref().and_then(|each| each.map(&mapped, &mut draw));
        own.map_or(mapped, Cow::Owned)
    }

    /// What was delivered has not been taken, and will not be.
    pub(super) fn lose_one(&mut self, now: Now, id: IntakeId) {
        if let Some(intake) = self.intakes.get_mut(&id) {
            intake.ask_again(now.mono);
        }
    }

    /// The origin has nothing before this that the mirror lacks.
    fn begin_behind(&mut self, id: IntakeId, behind: u64) {
        let Some(intake) = self.intakes.get_mut(&id) else { return };
        if behind <= intake.position.seq || behind >= SEQUENCE_MOST {
            return;
        }
        intake.pass_over(behind);
        if intake.kind() == Kind::Mirror {
            self.log.skip_to(behind + 1, 0);
        }
    }

    fn took(&mut self, id: IntakeId, place: &Delivered) {
        if let Some(intake) = self.intakes.get_mut(&id) {
            intake.took(place);
        }
    }

    fn do_not_take(&mut self, now: Now, id: IntakeId, error: ApiError) {
        let state = self.log.state();
        self.full_at = (state.messages, state.bytes);
        if let Some(intake) = self.intakes.get_mut(&id) {
            intake.refused(now.mono, error);
        }
    }

    /// Stores a message of an origin.
    fn store_from(
        &mut self,
        turn: &mut Turn<'_>,
        room: Room,
        id: IntakeId,
        place: &Delivered,
        subject: &[u8],
        incoming: &Incoming<'_>,
    ) -> Result<(), ApiError> {
        let Some(intake) = self.intakes.get(&id) else { return Ok(()) };
        let kind = intake.kind();
        let there = incoming.shown.unwrap_or(incoming.subject);
        let header = intake.header_for(place, there, incoming.header);
        let mut headers = PublishHeaders::parse(&header);
        // What the origin did because of these is not repeated where it is not allowed.
        if !self.config.allow_msg_ttl {
            headers.ttl = None;
        }
        if !self.config.allow_rollup_hdrs || self.config.deny_purge {
            headers.rollup = None;
        }
        let (header, payload) = (&*header, incoming.payload);
        let message = Published { subject, header, payload, headers: &headers };
        let (seq, time) = match kind {
            Kind::Mirror => (place.seq, place.time),
            Kind::Source => (self.log.next_seq(), wall_nanos(turn.now.wall)),
        };
        if kind == Kind::Mirror && seq < self.log.next_seq() {
            // A purge has gone beyond it.
            return Ok(());
        }
        match self.check_taken(turn.now, room, kind, seq, &message)? {
            Verdict::Store(change) => {
                let stored = change.apply(&message, &headers);
                self.store_at(turn, &stored, seq, time);
                self.set_total(subject, change, seq);
            }
            Verdict::Skip => self.skip_at(turn, &message, seq, time),
            Verdict::Duplicate(_) => {}
        }
        Ok(())
    }

    /// Whether a message of an origin can be stored: only what the stream itself is decides.
    fn check_taken(
        &mut self,
        now: Now,
        room: Room,
        kind: Kind,
        seq: u64,
        message: &Published<'_>,
    ) -> Result<Verdict, ApiError> {
        self.check_taken_record(seq, message)?;
        if self.config.sealed {
            return Err(ErrorKind::StreamSealed.error());
        }
        let counts_there = self.counts_there(message.headers)?;
        if kind == Kind::Source
            && let Some(id) = message.headers.msg_id.filter(|id| !id.is_empty())
            && let Some(seq) = self.dedupe.find(id, wall_nanos(now.wall))
        {
            return Ok(Verdict::Duplicate(seq));
        }
        let mut change = Change::default();
        self.count_taken(room, message, counts_there, &mut change)?;
        let stored = change.apply(message, message.headers);
        let wanted = self.check_taken_place(room, seq, &stored)?;
        Ok(if wanted { Verdict::Store(change) } else { Verdict::Skip })
    }

    /// Whether the log can hold such a message of an origin.
    fn check_taken_record(&self, seq: u64, message: &Published<'_>) -> Result<(), ApiError> {
        let on_disk = self.config.storage == Storage::File;
        let too_large = on_disk && self.record_bytes(message) > RECORD_BYTES;
        if too_large || !message.fits_the_store() || seq >= SEQUENCE_MOST {
            return Err(ErrorKind::StreamStoreFailed.err("message too large"));
        }
        Ok(())
    }

    /// Whether there is room for a message of an origin as it is stored, and whether anybody wants it.
    fn check_taken_place(
        &self,
        room: Room,
        seq: u64,
        message: &Published<'_>,
    ) -> Result<bool, ApiError> {
        self.check_size(message)?;
        if message.header.len() > HEADER_BYTES {
            return Err(ErrorKind::StreamHeaderExceedsMaximum.error());
        }
        self.check_taken_record(seq, message)?;
        let size = self.record_bytes(message);
        self.check_left(room)?;
        if self.config.retention == Retention::Interest && !self.is_wanted(message.subject) {
            return Ok(false);
        }
        let subject = self.log.find_subject(message.subject);
        match self.room_for(subject, size) {
            Ok(()) => Ok(true),
            Err(full) => Err(ErrorKind::StreamStoreFailed.err(full)),
        }
    }
}
