//! The buffer for one peer: a log, what the peer wants, and what is under way to it.
//!
//! ```text
//!   publisher ─► append ─► durable ─► pump ─► BSEQ, RMSG ─► the peer ─► BACK ─► trimmed
//!                                      ▲
//!                first ... acked, gone │ cursor ............................ last
//! ```
//!
//! Everything goes through the log, and nothing before it is durable: after a crash no sequence means
//! another message than the peer has had under it. What was under way when a connection broke is sent
//! again on the next one, and the peer knows by the sequence what it has had.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::Op;
use causeway_store::{Failure, Filter, Log, NewMessage, NoteChange, Notes, Position};
use causeway_wire::route::BufferPosition;

use super::PeerId;
use super::record::{self, Envelope, PeerNote};
use super::standing::{Standing, Tables, Want};
use super::window::Window;
use crate::config::{LinkBufferConfig, Overflow};
use crate::ids::LinkId;
use crate::limits;
use crate::monitor::buffer::{BufferState, Dropped};
use crate::time::{Mono, Now, Wall};
use crate::trace::Leave;

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// More bytes than this.
    Bytes(u64),
    /// More messages than this.
    Messages(u64),
    /// The log cannot be written.
    Disk,
}

/// A message that was sent and of which the peer has not said that it is safe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) seq: u64,
    pub(super) bytes: u64,
    pub(super) at: Mono,
}

/// What was there when the peer came back, until it has all of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchUp {
    pub(super) messages: u64,
    pub(super) since: Mono,
    last: u64,
}

/// The buffer for one peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: PeerId,
    /// The peer is who it was when last seen.
    pub(super) known: PeerNote,
    pub(super) log: Log,
    pub(super) standing: Standing,
    everything: Filter,
    /// The connection on which the peer said what it has: where it is sent to.
    pub(super) link: Option<LinkId>,
    /// The next message to be looked at.
    pub(super) cursor: u64,
    /// The first message that was passed over because it waits for somebody.
    pub(super) held_back: Option<u64>,
    /// The last message sent, and how often it did not follow the one before while some were held
    /// back: each time is a run that the peer has to remember.
    pub(super) last_sent: u64,
    pub(super) runs: u32,
    /// In the order of sending.
    pub(super) flight: VecDeque<Sent>,
    pub(super) in_flight: BTreeSet<u64>,
    pub(super) flight_bytes: u64,
    pub(super) window: Window,
    /// Until when those who have not come back are awaited.
    pub(super) await_until: Option<Mono>,
    /// The next message is being read.
    pub(super) loading: bool,
    /// The disk could not read it.
    pub(super) unreadable: bool,
    /// Where the log was after each message that is not durable, and that one's ticket.
    undurable: VecDeque<(Position, u64, u64)>,
    pub(super) undurable_bytes: u64,
    /// When what is not urgent is committed.
    pub(super) commit_by: Option<Mono>,
    /// Where the log was after the last change that somebody waits for.
    urgent: Position,
    pub(super) catching_up: Option<CatchUp>,
    pub(super) dropped: Dropped,
    pub(super) refused: u64,
    /// What the host has been told of these.
    pub(super) told: (Dropped, u64),
    pub(super) tell_at: Option<Mono>,
    pub(super) sent: u64,
    pub(super) stored: u64,
    /// When the oldest message reaches its age.
    pub(super) due: Option<Mono>,
    /// The disk has failed, and what that cost has been said.
    given_up: bool,
    /// Runs of messages that have left in this turn: first, last, why.
    pub(super) left: Vec<(u64, u64, Leave)>,
}

impl Peer {
    /// A buffer over a log that is open, or has just been made.
    pub(super) fn new(id: PeerId, known: PeerNote, log: Log) -> Self {
        let cursor = log.state().first_seq;
        Self {
            id,
            known,
            log,
            standing: Standing::new(id.0),
            everything: Filter::everything(),
            link: None,
            cursor,
            held_back: None,
            last_sent: 0,
            runs: 0,
            flight: VecDeque::new(),
            in_flight: BTreeSet::new(),
            flight_bytes: 0,
            window: Window::default(),
            await_until: None,
            loading: false,
            unreadable: false,
            undurable: VecDeque::new(),
            undurable_bytes: 0,
            commit_by: None,
            urgent: Position::default(),
            catching_up: None,
            dropped: Dropped::default(),
            refused: 0,
            told: (Dropped::default(), 0),
            tell_at: None,
            sent: 0,
            stored: 0,
            due: None,
            given_up: false,
            left: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.known.name
    }

    pub(super) fn state(&self) -> BufferState {
        match self.link {
            _ if self.log.failure() == Some(Failure::Disk) => BufferState::Failed,
            None => BufferState::CutOff,
            Some(_) if self.standing.awaited() > 0 => BufferState::Awaiting,
            Some(_) => BufferState::Up,
        }
    }

    /// What stands between this message and the log.
    pub(super) fn refusal(&self, config: &LinkBufferConfig, bytes: u64) -> Option<Refusal> {
        if self.log.failure().is_some() {
            return Some(Refusal::Disk);
        }
        if config.overflow == Overflow::DropOldest {
            return None;
        }
        self.overflow(config, bytes)
    }

    fn overflow(&self, config: &LinkBufferConfig, bytes: u64) -> Option<Refusal> {
        let state = self.log.state();
        if state.bytes + bytes > config.max_bytes {
            return Some(Refusal::Bytes(config.max_bytes));
        }
        let most = config.max_msgs.filter(|most| state.messages >= *most);
        most.map(Refusal::Messages)
    }

    /// Stores a message under the next ticket, in place of the oldest ones if there is no room.
    pub(super) fn append(
        &mut self,
        config: &LinkBufferConfig,
        now: Wall,
        message: &NewMessage<'_>,
        ticket: u64,
    ) {
        let bytes = stored_bytes(message);
        while self.overflow(config, bytes).is_some() && self.log.state().messages > 0 {
            let oldest = self.log.state().first_seq;
            self.dropped.overflow += self.trim_to(oldest + 1, Leave::Overflow);
        }
        let (seq, time) = (self.log.next_seq(), u64::try_from(now.0).unwrap_or(0));
        self.log.append(&NewMessage { seq, time, ..*message });
        self.stored += 1;
        self.urgent = self.log.position();
        self.undurable.push_back((self.log.position(), ticket, bytes));
        self.undurable_bytes += bytes;
    }

    /// Takes away what is older than it may be. When the next one is.
    pub(super) fn expire(&mut self, config: &LinkBufferConfig, now: Now) -> Option<Mono> {
        let age = config.max_age?;
        let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let wall = u64::try_from(now.wall.0).unwrap_or(0);
        let state = self.log.state();
        if state.messages > 0 && state.first_time.saturating_add(age) <= wall {
            let keep = self.log.seq_at_time((wall - age).saturating_add(1));
            self.dropped.age += self.trim_to(keep, Leave::Age);
        }
        let state = self.log.state();
        let due = state.first_time.saturating_add(age);
        let span = core::time::Duration::from_nanos(due.saturating_sub(wall));
        (state.messages > 0).then(|| now.mono + span)
    }

    /// Takes away everything below; gives how many messages that were.
    fn trim_to(&mut self, seq: u64, why: Leave) -> u64 {
        let first = self.log.state().first_seq;
        let trimmed = self.log.trim_to(seq);
        if trimmed.messages > 0 {
            self.note_left(first, seq - 1, why);
        }
        self.cursor = self.cursor.max(seq);
        if self.held_back.is_some_and(|held| held < seq) {
            self.held_back = Some(seq);
        }
        trimmed.messages
    }

    /// Takes away one message that is not to be sent.
    pub(super) fn discard(&mut self, seq: u64, why: Leave) {
        if seq == self.log.state().first_seq {
            self.trim_to(seq + 1, why);
        } else {
            self.log.remove(seq, false);
            self.note_left(seq, seq, why);
        }
    }

    /// Messages have left: they go on where the last ones ended, or are another run.
    fn note_left(&mut self, first: u64, last: u64, why: Leave) {
        match self.left.last_mut() {
            Some((_, end, of)) if *of == why && *end + 1 == first => *end = last,
            _ => self.left.push((first, last, why)),
        }
    }

    /// The first message from a sequence on that is durable.
    pub(super) fn next_durable(&mut self, from: u64) -> Option<u64> {
        let durable = self.log.durable_seq();
        self.log.next(&mut self.everything, from).filter(|seq| *seq <= durable)
    }

    /// The peer has come, perhaps as another process.
    pub(super) fn registered(&mut self, tables: &mut Tables, server_id: &str) {
        if self.known.server_id == server_id {
            return;
        }
        let first = core::mem::replace(&mut self.known.server_id, server_id.into()).is_empty();
        if !first {
            self.link = None;
            self.await_until = None;
            self.standing.await_all(tables);
            self.known.generation += 1;
        }
        self.note_peer();
    }

    /// The peer has told all that it wants, and how far it is.
    pub(super) fn greeted(
        &mut self,
        tables: &mut Tables,
        now: Now,
        link: LinkId,
        at: BufferPosition,
        doubtful: bool,
    ) -> Greeted {
        let withdrawn = self.standing.told_all(tables, self.known.generation);
        self.forget_notes(&withdrawn);
        let rolled_back = at.identity == self.known.identity && at.seq >= self.log.next_seq();
        if at.identity == self.known.identity && !rolled_back {
            self.trim_to(at.seq + 1, Leave::Acknowledged);
        }
        self.link = Some(link);
        self.window.reset(doubtful);
        self.begin_again();
        let state = self.log.state();
        let catch_up = CatchUp { messages: state.messages, since: now.mono, last: state.last_seq };
        self.catching_up = (state.messages > 0).then_some(catch_up);
        self.known.seen = now.wall;
        self.note_peer();
        Greeted { messages: state.messages, rolled_back }
    }

    /// What the peer has had under our sequences is not what we have: they begin a new life.
    pub(super) fn renew(&mut self, identity: u64) {
        self.known.identity = identity;
        self.note_peer();
    }

    /// A connection is gone. Whether it was the one that matters.
    pub(super) fn lost(&mut self, now: Now, link: LinkId) -> bool {
        self.standing.freeze(link);
        if self.link != Some(link) {
            return false;
        }
        self.link = None;
        self.await_until = None;
        self.catching_up = None;
        self.known.seen = now.wall;
        self.note_peer();
        self.begin_again();
        true
    }

    /// Everything that is left is to be sent, from the beginning.
    fn begin_again(&mut self) {
        self.flight.clear();
        self.in_flight.clear();
        self.flight_bytes = 0;
        self.look_again();
        self.cursor = self.log.state().first_seq;
    }

    /// Somebody has come back, or is not awaited any more: looks again at what was held back.
    pub(super) fn look_again(&mut self) {
        if let Some(held) = self.held_back.take() {
            self.cursor = held;
        }
        self.runs = 0;
    }

    /// The peer says that everything that was sent up to this message is safe. False if it was not
    /// sent: an answer to what was sent on another connection.
    pub(super) fn acknowledged(&mut self, now: Mono, at: BufferPosition) -> bool {
        if at.identity != self.known.identity || !self.in_flight.contains(&at.seq) {
            return false;
        }
        let (flight, mut bytes) = (self.flight_bytes, 0);
        while let Some(sent) = self.flight.pop_front() {
            self.in_flight.remove(&sent.seq);
            self.note_left(sent.seq, sent.seq, Leave::Acknowledged);
            bytes += sent.bytes;
            // What is between messages that are held back goes by itself.
            if self.held_back.is_some() || sent.seq >= self.cursor {
                self.log.remove(sent.seq, false);
            }
            if sent.seq == at.seq {
                self.window.acknowledged(now, bytes, flight, now.since(sent.at));
                break;
            }
        }
        self.flight_bytes -= bytes;
        let done = self.in_flight.first().copied().unwrap_or(u64::MAX).min(self.cursor);
        if self.held_back.is_none() && done > self.log.state().first_seq {
            self.log.trim_to(done);
        }
        true
    }

    /// Whether everything is gone that was there when the peer came back.
    pub(super) fn caught_up(&mut self) -> Option<CatchUp> {
        let first = self.log.state().first_seq;
        self.catching_up.take_if(|catch_up| first > catch_up.last)
    }

    /// Notes what the peer wants, or no longer wants.
    pub(super) fn note_want(&mut self, want: &Want, weight: Option<u32>) {
        let key = record::interest_key(&want.subject, want.queue.as_deref());
        match weight {
            Some(weight) => {
                let value = record::interest_value(weight, self.known.generation);
                self.log.note(&key, NoteChange::Put(&value));
            }
            None => self.log.note(&key, NoteChange::Remove),
        }
        self.urgent = self.log.position();
    }

    pub(super) fn forget_notes(&mut self, wants: &[Want]) {
        wants.iter().for_each(|want| self.note_want(want, None));
    }

    pub(super) fn note_peer(&mut self) {
        let note = self.known.write();
        self.log.note(record::PEER, NoteChange::Put(&note));
        self.urgent = self.log.position();
    }

    /// Commits what there is. What only takes messages away waits for a while for what somebody waits
    /// for.
    pub(super) fn commit(&mut self, now: Mono, out: &mut Vec<Op>) {
        if self.log.position() == self.log.durable() {
            self.commit_by = None;
            return;
        }
        let by = *self.commit_by.get_or_insert(now + limits::BUFFER_TRIM_DELAY);
        if self.urgent <= self.log.durable() && now < by {
            return;
        }
        self.commit_by = None;
        let Self { log, known, standing, .. } = self;
        log.commit(&mut CurrentNotes { known, standing }, out);
    }

    /// The disk has failed: what was not durable will not be. Once; the tickets of that, if there are
    /// any, or none.
    pub(super) fn give_up(&mut self) -> Option<(u64, u64)> {
        (self.due, self.commit_by, self.tell_at) = (None, None, None);
        if core::mem::replace(&mut self.given_up, true) {
            return None;
        }
        let ticket = |each: Option<&(Position, u64, u64)>| each.map_or(0, |(_, ticket, _)| *ticket);
        let tickets = (ticket(self.undurable.front()), ticket(self.undurable.back()));
        self.undurable.clear();
        self.undurable_bytes = 0;
        Some(tickets)
    }

    /// Forgets the messages that have become durable. The ticket of the first that is not.
    pub(super) fn first_undurable(&mut self) -> Option<u64> {
        let durable = self.log.durable();
        while let Some((position, _, bytes)) = self.undurable.front()
            && *position <= durable
        {
            self.undurable_bytes -= bytes;
            self.undurable.pop_front();
        }
        self.undurable.front().map(|(_, ticket, _)| *ticket)
    }
}

/// What came of a greeting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Greeted {
    /// Messages that wait for the peer.
    pub(super) messages: u64,
    /// The peer has had sequences that we never gave.
    pub(super) rolled_back: bool,
}

/// What a message counts in the log's bytes.
pub(super) fn stored_bytes(message: &NewMessage<'_>) -> u64 {
    (34 + message.subject.len() + message.header.len() + message.payload.len()) as u64
}

/// All that stands in the log beside messages.
struct CurrentNotes<'a> {
    known: &'a PeerNote,
    standing: &'a Standing,
}

impl Notes for CurrentNotes<'_> {
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        put(record::PEER, &self.known.write());
        for (want, entry) in self.standing.entries() {
            let key = record::interest_key(&want.subject, want.queue.as_deref());
            put(&key, &record::interest_value(entry.weight, entry.generation));
        }
    }
}

/// What a message needs of the log beside its subject and body.
pub(super) fn envelope_bytes(envelope: &Envelope) -> Vec<u8> {
    let mut bytes = Vec::new();
    envelope.write(&mut bytes);
    bytes
}

/// The longest name of a directory that is the peer's name as it is.
const DIR_NAME_BYTES: usize = 100;

/// A name for the peer's directory: its own, with what a file's name may not hold written as `%`
/// and two digits, and cut if it is long. Its note says what it is really called.
pub(super) fn dir_name(name: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut dir = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if plain || (byte == b'.' && at > 0) {
            dir.push(char::from(byte));
        } else {
            dir.push('%');
            dir.push(char::from(DIGITS[usize::from(byte >> 4)]));
            dir.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    dir.truncate(DIR_NAME_BYTES);
    dir
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_cannot_lead_elsewhere() {
        for (name, dir) in
            [("eu-west-2.a", "eu-west-2.a"), ("..", "%2e."), ("a/b%", "a%2fb%25"), ("é", "%c3%a9")]
        {
            assert_eq!(dir_name(name), dir);
        }
        assert_eq!(dir_name(&"x".repeat(5000)).len(), DIR_NAME_BYTES);
    }
}
