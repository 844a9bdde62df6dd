//! What is shown of the buffers for other servers.

use alloc::string::String;

use crate::time::Wall;

/// How it stands with a buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BufferState {
    /// The peer is connected and takes messages.
    Up,
    /// The peer cannot be reached; messages are kept.
    CutOff,
    /// Another process of the peer is back, and not everybody who wanted something has come back to
    /// it: their messages are kept for a while.
    Awaiting,
    /// The disk has failed: nothing is taken for this peer.
    Failed,
}

impl BufferState {
    /// As monitoring shows it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::CutOff => "cut_off",
            Self::Awaiting => "awaiting",
            Self::Failed => "failed",
        }
    }
}

/// Messages that were stored and never sent, by the reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// They had reached `max_age`.
    pub age: u64,
    /// Newer ones took their room (`overflow: drop_oldest`).
    pub overflow: u64,
    /// The peer did not want their subjects any more when it came back.
    pub unwanted: u64,
    /// They were damaged on the disk.
    pub damaged: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.age + self.overflow + self.unwanted + self.damaged
    }

    /// What has come since.
    pub(crate) const fn since(&self, before: Self) -> Self {
        Self {
            age: self.age - before.age,
            overflow: self.overflow - before.overflow,
            unwanted: self.unwanted - before.unwanted,
            damaged: self.damaged - before.damaged,
        }
    }
}

/// The buffer for one peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BufferReport {
    /// The peer's name.
    pub server_name: String,
    /// How it stands.
    pub state: BufferState,
    /// Messages in it, those under way with them.
    pub messages: u64,
    /// What these count towards `max_bytes`.
    pub bytes: u64,
    /// The sequence of the first of them; without any, of the next one.
    pub first_seq: u64,
    /// The last sequence given.
    pub last_seq: u64,
    /// When the first of them was stored.
    pub oldest: Option<Wall>,
    /// Messages sent that the peer has not said it has.
    pub in_flight: u64,
    /// Bytes of these.
    pub in_flight_bytes: u64,
    /// Bytes that may be in flight now.
    pub window: u64,
    /// Subjects, or subjects and queue groups, that the peer wants.
    pub interest: u64,
    /// How many of these nobody has come back for yet.
    pub awaited: u64,
    /// When the peer was last connected; `None` while it is.
    pub last_seen: Option<Wall>,
    /// Messages stored since the start.
    pub stored: u64,
    /// Messages sent since the start, those sent again with them.
    pub sent: u64,
    /// Messages dropped since the start.
    pub dropped: Dropped,
    /// Messages refused since the start.
    pub refused: u64,
    /// How far this server is in the buffer that the peer has for it.
    pub received_seq: u64,
}
