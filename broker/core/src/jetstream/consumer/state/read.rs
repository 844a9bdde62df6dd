//! Reading a state: every number is looked at before it is believed.

use alloc::vec::Vec;

use super::super::Pair;
use super::super::limits::SEQUENCE_MOST;
use super::{BadState, Span};
use crate::time::Wall;

/// What is left of a piece.
pub(super) struct Reader<'p> {
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    pub(super) const fn new(piece: &'p [u8]) -> Self {
        Self { rest: piece }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, BadState> {
        let (first, rest) = self.rest.split_first().ok_or(BadState::Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, BadState> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(BadState::Malformed);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BadState::Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64, BadState> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// How many things follow, each of which takes a byte at least.
    pub(super) fn count(&mut self) -> Result<usize, BadState> {
        let count = usize::try_from(self.number()?).map_err(|_| BadState::Malformed)?;
        if count <= self.rest.len() { Ok(count) } else { Err(BadState::Malformed) }
    }

    /// A sequence: at least 1.
    pub(super) fn sequence(&mut self) -> Result<u64, BadState> {
        self.after(0)
    }

    /// A sequence after another.
    pub(super) fn after(&mut self, before: u64) -> Result<u64, BadState> {
        let gap = self.number()?;
        let seq = before.checked_add(gap).filter(|seq| *seq <= SEQUENCE_MOST && gap > 0);
        seq.ok_or(BadState::Malformed)
    }

    /// Sequences in ascending order.
    pub(super) fn ascending(&mut self) -> Result<Vec<u64>, BadState> {
        let count = self.count()?;
        let mut sequences = Vec::with_capacity(count);
        let mut last = 0;
        for _ in 0..count {
            last = self.after(last)?;
            sequences.push(last);
        }
        Ok(sequences)
    }

    pub(super) fn pair(&mut self) -> Result<Pair, BadState> {
        let pair = Pair { consumer: self.number()?, stream: self.number()? };
        let fits = pair.consumer <= SEQUENCE_MOST && pair.stream <= SEQUENCE_MOST;
        if fits { Ok(pair) } else { Err(BadState::Malformed) }
    }

    pub(super) fn time(&mut self) -> Result<Option<Wall>, BadState> {
        match self.byte()? {
            0 => Ok(None),
            1 => Ok(Some(Wall(self.signed()?))),
            _ => Err(BadState::Malformed),
        }
    }

    /// How many deliveries there were, and the wait after the last one.
    pub(super) fn wait(&mut self) -> Result<(u32, Span), BadState> {
        let number = self.number()?;
        let deliveries = u32::try_from(number >> 2).map_err(|_| BadState::Malformed)?;
        let span = match number & 3 {
            0 => Span::Usual,
            1 => Span::Over,
            2 => Span::Forever,
            _ => Span::Exactly(self.number()?),
        };
        if deliveries == 0 { Err(BadState::Malformed) } else { Ok((deliveries, span)) }
    }
}
