//! What has been received out of the buffers of other servers, so that nothing is delivered twice.
//!
//! ```text
//!   BSEQ, RMSG ─► had it before? ─► delivered, noted ─► end of turn: one batch ─► durable ─► BACK
//! ```
//!
//! A message is delivered when it comes, and the sender hears of it when the position is durable. If
//! this server dies in between, it comes again: at least once in that window, and once otherwise.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::disk::{Done, Op};
use causeway_store::{Failure, Log, NoteChange, Notes, Position, Recovery};
use causeway_wire::route::{BufferPosition, BufferSeq};

use super::received::Received;
use super::record;
use crate::ids::LinkId;

/// What has been received of one server's buffer.
#[derive(Debug, Default)]
struct Sender {
    identity: u64,
    received: Received,
    /// As far as that is durable.
    durable: u64,
    /// It is not in the log yet.
    changed: bool,
    /// The last message of this turn, and on which connection it came.
    last: Option<(LinkId, u64)>,
    /// What may be acknowledged when the log is durable so far.
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    position: Position,
    link: LinkId,
    identity: u64,
    seq: u64,
    /// Everything received by then.
    upto: u64,
}

/// What has been received of the buffers of all other servers, by their names.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) log: Log,
    senders: BTreeMap<String, Sender>,
}

impl Inbound {
    pub(super) fn new(log: Log, found: Option<&Recovery>) -> Self {
        let mut senders = BTreeMap::new();
        for note in found.iter().flat_map(|found| &found.notes) {
            let name = String::from_utf8(note.key.to_vec());
            let position = record::read_position_value(&note.pieces.concat());
            if let (Ok(name), Some((identity, received))) = (name, position) {
                let durable = received.upto();
                senders.insert(name, Sender { identity, received, durable, ..Sender::default() });
            }
        }
        Self { log, senders }
    }

    /// How far we are in the buffer that a server has for us.
    pub(super) fn position(&self, name: &str) -> BufferPosition {
        let sender = self.senders.get(name);
        let at =
            |sender: &Sender| BufferPosition { identity: sender.identity, seq: sender.durable };
        sender.map_or(BufferPosition { identity: 0, seq: 0 }, at)
    }

    /// A message has come; whether it is to be delivered.
    pub(super) fn received(&mut self, name: &str, link: LinkId, at: BufferSeq) -> bool {
        if !self.senders.contains_key(name) {
            self.senders.insert(name.into(), Sender::default());
        }
        let Some(sender) = self.senders.get_mut(name) else { return true };
        if sender.identity != at.identity {
            *sender = Sender { identity: at.identity, ..Sender::default() };
        }
        sender.received.raise(at.floor);
        let new = sender.received.insert(at.seq);
        sender.changed = true;
        sender.last = Some((link, at.seq));
        new
    }

    pub(super) fn is_busy(&self) -> bool {
        self.senders.values().any(|sender| sender.last.is_some())
    }

    /// Ends the turn: notes what came in it.
    pub(super) fn settle(&mut self, out: &mut Vec<Op>) {
        if self.log.failure() == Some(Failure::Disk) {
            return;
        }
        for (name, sender) in &mut self.senders {
            if core::mem::take(&mut sender.changed) {
                let value = record::position_value(sender.identity, &sender.received);
                self.log.note(name.as_bytes(), NoteChange::Put(&value));
            }
            if let Some((link, seq)) = sender.last.take() {
                let (position, identity) = (self.log.position(), sender.identity);
                let upto = sender.received.upto();
                sender.waiting.push_back(Waiting { position, link, identity, seq, upto });
            }
        }
        self.commit(out);
    }

    fn commit(&mut self, out: &mut Vec<Op>) {
        if self.log.position() > self.log.durable() {
            let Self { log, senders } = self;
            log.commit(&mut Current(senders), out);
        }
    }

    /// The disk has answered.
    pub(super) fn done(&mut self, done: Done, out: &mut Vec<Op>) {
        self.log.done(done, out);
        self.commit(out);
    }

    /// Calls `tell` with what may be acknowledged, and on which connection.
    pub(super) fn acknowledge(&mut self, mut tell: impl FnMut(LinkId, BufferPosition)) {
        let durable = self.log.durable();
        for sender in self.senders.values_mut() {
            let mut last = None;
            while let Some(waiting) = sender.waiting.front().copied()
                && waiting.position <= durable
            {
                sender.waiting.pop_front();
                if waiting.identity == sender.identity {
                    sender.durable = sender.durable.max(waiting.upto);
                }
                if let Some(other) = last.replace(waiting).filter(|it| it.link != waiting.link) {
                    tell(other.link, BufferPosition { identity: other.identity, seq: other.seq });
                }
            }
            if let Some(it) = last {
                tell(it.link, BufferPosition { identity: it.identity, seq: it.seq });
            }
        }
    }

    /// Whether everything that has come is durable.
    pub(super) fn is_flushed(&self) -> bool {
        self.log.is_flushed()
    }

    /// The servers, and how far we are in what they keep for us.
    pub(super) fn report(&self) -> impl Iterator<Item = (&str, u64)> {
        self.senders.iter().map(|(name, sender)| (name.as_str(), sender.received.upto()))
    }
}

/// All positions.
struct Current<'a>(&'a BTreeMap<String, Sender>);

impl Notes for Current<'_> {
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        for (name, sender) in self.0 {
            put(name.as_bytes(), &record::position_value(sender.identity, &sender.received));
        }
    }
}
