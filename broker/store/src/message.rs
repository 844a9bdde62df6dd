//! Messages as they go into a log and as they come out, and what is known of them without reading.

use bytes::Bytes;

/// A subject of one log, as a small number. It means this subject as long as the log holds a message
/// of it, and for some time after; then it may come to mean another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubjectId(pub u32);

/// A message to be appended.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Its sequence, at least [`Log::next_seq`](crate::Log::next_seq). Those left out are skipped.
    pub seq: u64,
    /// When it was stored: wall clock, in nanoseconds since 1970. One before the last message's
    /// counts as that.
    pub time: u64,
    /// Its subject, at most [`SUBJECT_BYTES`](crate::limits::SUBJECT_BYTES).
    pub subject: &'a [u8],
    /// Its header block, or nothing.
    pub header: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// Something that the owner wants to find again without reading: see
    /// [`Log::marks`](crate::Log::marks). 0 is nothing.
    pub mark: u64,
}

/// A message that was read. Its parts lie in one piece of memory, which it shares with others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredMessage {
    /// Its sequence.
    pub seq: u64,
    /// When it was stored.
    pub time: u64,
    subject: u16,
    header: u32,
    /// Subject, header and payload.
    bytes: Bytes,
}

impl StoredMessage {
    /// The message whose parts stand together in `bytes`: so many of the subject, then so many of the
    /// header, then the payload. Nothing if they are not that many.
    #[must_use]
    pub fn new(seq: u64, time: u64, (subject, header): (u16, u32), bytes: Bytes) -> Option<Self> {
        let parts = usize::from(subject) + header as usize;
        (parts <= bytes.len()).then_some(Self { seq, time, subject, header, bytes })
    }

    /// Its subject.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        &self.bytes[..usize::from(self.subject)]
    }

    /// Its header block, or nothing.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.body()[..self.header as usize]
    }

    /// Its payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.body()[self.header as usize..]
    }

    /// Its header block and its payload as they stand together.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[usize::from(self.subject)..]
    }
}

/// What is known of a message without reading it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Meta {
    /// Its subject.
    pub subject: SubjectId,
    /// When it was stored.
    pub time: u64,
    /// What it counts in [`State::bytes`].
    pub size: u64,
    /// Bytes of subject, header and payload.
    pub body: u32,
    /// Whether it has a header.
    pub has_header: bool,
    /// Its mark, or 0.
    pub mark: u64,
}

/// What is known of a message that was removed. It is what [`Meta`] was.
pub type Removed = Meta;

/// What a removal of many came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Trimmed {
    /// How many messages went.
    pub messages: u64,
    /// What they counted in [`State::bytes`].
    pub bytes: u64,
}

/// What a log holds. Clients see these numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct State {
    /// How many messages.
    pub messages: u64,
    /// What they count together. Clients know the formula, so it has nothing to do with our files:
    /// with files a message counts 30 and its subject, header and payload, and 4 more if there is a
    /// header; in memory 16 and its subject, header and payload.
    pub bytes: u64,
    /// The sequence of the first message; without any, the next one to be given.
    pub first_seq: u64,
    /// When the first message was stored; without any, 0.
    pub first_time: u64,
    /// The last sequence that was given or skipped, whether or not its message is still there; before
    /// the first, one less than that.
    pub last_seq: u64,
    /// When the last message was stored, whether or not it is still there; 0 before the first.
    pub last_time: u64,
    /// How many different subjects.
    pub subjects: u64,
    /// How many sequences from the first to the last have no message.
    pub deleted: u64,
}

/// What reading gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Get {
    /// The message.
    Message(StoredMessage),
    /// It has to come from the disk: ask again after
    /// [`Progress::loaded`](crate::Progress::loaded).
    Loading,
    /// There is none, or none that is durable yet.
    Missing,
    /// It was durable, and is damaged now. [`Log::take_found`](crate::Log::take_found) says where.
    Lost,
    /// The disk could not read it now.
    Failed,
}

/// How far a log has come: counts what was done to it since it was opened.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position(pub u64);
