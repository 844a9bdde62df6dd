//! Faults of connections.

use super::super::raw::RawFault;
use super::super::value::Unit;
use super::super::{ConnsSpec, ConnsWhat, Draw, FaultWhat};
use super::Reader;

/// A connection breaks within so many bytes, unless the scenario says otherwise: a few frames.
const AFTER_BYTES: u64 = 4096;

/// How a torn stream may end.
pub(in crate::scenario) const ENDINGS: [&str; 2] = ["reset", "fin"];

impl Reader<'_> {
    /// A fault of this kind, if it is one of connections.
    pub(super) fn conns(&mut self, raw: &RawFault, kind: &str) -> Option<FaultWhat> {
        let what = match kind {
            "hold" => ConnsWhat::Hold,
            "half_open" => ConnsWhat::HalfOpen,
            "cut_stream" => ConnsWhat::CutStream { after: self.after(raw), fin: self.ending(raw) },
            "slice" => ConnsWhat::Slice { bytes: self.pieces(raw), every: self.pause(raw) },
            "hang_up" => ConnsWhat::HangUp,
            _ => ConnsWhat::Rebind,
        };
        Some(FaultWhat::Conns(ConnsSpec { between: self.between(raw)?, what }))
    }

    fn after(&mut self, raw: &RawFault) -> Draw {
        let after = self.or(raw.after.as_ref(), Unit::Size, AFTER_BYTES);
        if after.low == 0
            && let Some(any) = &raw.after
        {
            self.problems.add(any.span(), "at least one more byte passes: `after` is from 1B");
        }
        after
    }

    /// Whether the reader sees FIN.
    fn ending(&mut self, raw: &RawFault) -> bool {
        match raw.ending.as_ref().map(|text| (text.get_ref().as_str(), text.span())) {
            None | Some(("reset", _)) => false,
            Some(("fin", _)) => true,
            Some((name, span)) => {
                let message = format!("a stream does not end with `{name}`");
                self.problems.unknown(span, message, name, ENDINGS);
                false
            }
        }
    }

    fn pieces(&mut self, raw: &RawFault) -> Draw {
        let bytes = self.or(raw.bytes.as_ref(), Unit::Size, 1);
        if bytes.low == 0
            && let Some(any) = &raw.bytes
        {
            self.problems.add(any.span(), "a piece has at least 1B");
        }
        bytes
    }

    fn pause(&mut self, raw: &RawFault) -> Draw {
        self.or(raw.every.as_ref(), Unit::Duration, 0)
    }
}
