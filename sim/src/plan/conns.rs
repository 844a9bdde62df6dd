//! Faults of connections in a plan: their kinds and their words.

use super::text::{Line, put};
use crate::history::FaultKind;
use crate::units::Span;

/// What happens to connections between two sides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnsFault {
    /// Bytes and dials wait; when it is over, they come at once and in order.
    Hold,
    /// One end of each is reset and the other does not know. With one way, it is the end of the
    /// side that the way begins at; with both, it is drawn.
    HalfOpen,
    /// Each breaks after some more bytes in the ways of the fault, unless it is over before.
    CutStream {
        /// At most so many, drawn for each; at least 1.
        after: u64,
        /// The reader sees an orderly end; otherwise both ends are reset.
        fin: bool,
    },
    /// What arrives is read in small pieces.
    Slice {
        /// Bytes of a piece at most; at least 1.
        bytes: u64,
        /// Between two pieces, in nanoseconds.
        every_ns: u64,
    },
    /// The first side has another address from now on. What it sends on a connection that was
    /// there is answered with a reset; what it is sent there is lost.
    Rebind,
    /// Who dials is let in and reset at once, as by a door with nobody behind it.
    HangUp,
}

impl ConnsFault {
    /// Its kind in histories.
    #[must_use]
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Hold => FaultKind::Hold,
            Self::HalfOpen => FaultKind::HalfOpen,
            Self::CutStream { .. } => FaultKind::CutStream,
            Self::Slice { .. } => FaultKind::Slice,
            Self::Rebind => FaultKind::Rebind,
            Self::HangUp => FaultKind::HangUp,
        }
    }

    /// Its parameters, as they stand in a plan.
    pub(super) fn write(self, out: &mut String) {
        match self {
            Self::CutStream { after, fin } => {
                put(out, "after", after);
                if fin {
                    out.push_str(" fin");
                }
            }
            Self::Slice { bytes, every_ns } => {
                put(out, "bytes", bytes);
                put(out, "every", Span(every_ns));
            }
            Self::Hold | Self::HalfOpen | Self::Rebind | Self::HangUp => {}
        }
    }

    /// A fault of this kind, if it is one of connections.
    pub(super) fn read(kind: FaultKind, line: &mut Line) -> Result<Option<Self>, String> {
        let some = |line: &mut Line, key: &str| match line.number(key)? {
            0 => Err(format!("`{key}=` is at least 1")),
            number => Ok(number),
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are no faults of connections")]
        Ok(Some(match kind {
            FaultKind::Hold => Self::Hold,
            FaultKind::HalfOpen => Self::HalfOpen,
            FaultKind::CutStream => {
                Self::CutStream { after: some(line, "after")?, fin: line.flag("fin") }
            }
            FaultKind::Slice => {
                Self::Slice { bytes: some(line, "bytes")?, every_ns: line.span("every")? }
            }
            FaultKind::Rebind => Self::Rebind,
            FaultKind::HangUp => Self::HangUp,
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests;
