//! Faults of connections: what happens to those that are there, and to their bytes.

use super::{Between, Draw};

/// A fault of connections between two sides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnsSpec {
    /// Between whom.
    pub between: Between,
    /// What.
    pub what: ConnsWhat,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnsWhat {
    /// Everything waits, and comes at once when it is over.
    Hold,
    /// One end is reset, the other does not know.
    HalfOpen,
    /// They break in the middle of what is sent.
    CutStream {
        /// At most after so many more bytes, drawn for each connection.
        after: Draw,
        /// The reader sees an orderly end instead of a reset.
        fin: bool,
    },
    /// Everything is read in small pieces.
    Slice {
        /// Bytes of a piece at most.
        bytes: Draw,
        /// Between two pieces, in nanoseconds; 0 is none.
        every: Draw,
    },
    /// The first side calls from another address; what was open is known to it alone.
    Rebind,
    /// Who dials is let in and reset at once.
    HangUp,
}

impl super::FaultWhat {
    /// Whether it is over as soon as it has begun.
    pub(crate) const fn is_instant(&self) -> bool {
        match self {
            Self::Reset(_) => true,
            Self::Conns(conns) => matches!(conns.what, ConnsWhat::HalfOpen | ConnsWhat::Rebind),
            Self::Cut { .. }
            | Self::Cuts(_)
            | Self::Refuse(_)
            | Self::Degrade { .. }
            | Self::Crash(_)
            | Self::Stop(_)
            | Self::LameDuck(_)
            | Self::Dns(_)
            | Self::StopReading(_)
            | Self::Host(_) => false,
        }
    }
}
