//! Numbers and byte strings: LEB128 and lengths.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Ranges that are apart from each other, ascending, as distances.
pub(crate) fn put_ranges(
    out: &mut Vec<u8>,
    ranges: impl ExactSizeIterator<Item = RangeInclusive<u64>>,
) {
    put_number(out, ranges.len() as u64);
    let mut at = 0;
    for range in ranges {
        put_number(out, range.start() - at);
        put_number(out, range.end() - range.start());
        at = *range.end();
    }
}

/// What is left to be read. `None` is: not what was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    pub(crate) fn ranges(&mut self) -> Option<Vec<RangeInclusive<u64>>> {
        let mut ranges = Vec::new();
        let mut at = 0_u64;
        for _ in 0..self.number()? {
            let start = at.checked_add(self.number()?)?;
            at = start.checked_add(self.number()?)?;
            ranges.push(start..=at);
        }
        Some(ranges)
    }
}

/// Numbers as ranges: sorted, and each once.
pub(crate) fn ranges_of(numbers: &mut Vec<u64>) -> Vec<RangeInclusive<u64>> {
    numbers.sort_unstable();
    let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if *number <= last.end() + 1 => *last = *last.start()..=*number,
            Some(_) | None => ranges.push(*number..=*number),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn what_was_put_is_read() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        numbers.iter().for_each(|number| put_number(&mut out, *number));
        put_bytes(&mut out, b"bytes");
        let ranges = ranges_of(&mut vec![9, 4, 5, 6, 5, u64::MAX]);
        assert_eq!(ranges, [4..=6, 9..=9, u64::MAX..=u64::MAX]);
        put_ranges(&mut out, ranges.iter().cloned());
        let mut reader = Reader(&out);
        for number in numbers {
            assert_eq!(reader.number(), Some(number));
        }
        assert_eq!(reader.bytes(), Some(&b"bytes"[..]));
        assert_eq!(reader.ranges(), Some(ranges));
        assert_eq!((reader.number(), reader.bytes()), (None, None));
        assert_eq!(Reader(&[0xff; 20]).number(), None);
        assert_eq!(Reader(&[9, 1]).bytes(), None);
    }
}
