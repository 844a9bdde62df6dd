//! The packing of archives: S2, which is Snappy's framing with longer blocks and repeated offsets.
//!
//! ```text
//!   packed = chunk ...      chunk = kind 1 │ length 3 │ checksum 4 │ block
//!   block  = length, then literals and copies of what was before
//! ```
//!
//! What is written is plain Snappy, which every reader of S2 reads; what is read is all of S2.

use alloc::vec::Vec;

use super::ArchiveError;

/// The first chunk of what is written here, and of what S2 writes.
const SNAPPY_START: &[u8] = b"\xff\x06\x00\x00sNaPpY";
const S2_START: &[u8] = b"\xff\x06\x00\x00S2sTwO";

/// Kinds of chunks. Those from `SKIPPABLE` on mean nothing to who does not know them.
const COMPRESSED: u8 = 0x00;
const PLAIN: u8 = 0x01;
const SKIPPABLE: u8 = 0x80;
const START: u8 = 0xff;

/// Bytes of a block that is written, which is Snappy's most, and that are read, which is S2's.
const WRITTEN_BYTES: usize = 64 << 10;
const READ_BYTES: usize = 4 << 20;

/// Packs what comes in pieces.
#[derive(Debug, Default)]
pub struct Packer {
    begun: bool,
}

impl Packer {
    /// Appends some bytes, packed, to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !core::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(SNAPPY_START);
        }
        for block in bytes.chunks(WRITTEN_BYTES) {
            let start = out.len();
            out.extend_from_slice(&[COMPRESSED, 0, 0, 0]);
            out.extend_from_slice(&checksum(block).to_le_bytes());
            compress(block, out);
            if out.len() - start > block.len() {
                out.truncate(start + 8);
                out[start] = PLAIN;
                out.extend_from_slice(block);
            }
            let len = (out.len() - start - 4) as u32;
            out[start + 1..start + 4].copy_from_slice(&len.to_le_bytes()[..3]);
        }
    }
}

/// Unpacks what comes in pieces.
#[derive(Debug, Default)]
pub struct Unpacker {
    bytes: Vec<u8>,
    begun: bool,
}

impl Unpacker {
    /// Appends what was packed in these bytes and those before, as far as it is complete.
    ///
    /// # Errors
    ///
    /// If it was not.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ArchiveError> {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(&[kind, a, b, c]) = self.bytes.get(at..at + 4) {
            let len = u32::from_le_bytes([a, b, c, 0]) as usize;
            if !self.begun && kind != START || matches!(kind, 0x02..0x80) {
                return Err(ArchiveError::Packing);
            }
            let Some(chunk) = self.bytes.get(at..at + 4 + len) else { break };
            match (kind, chunk[4..].split_first_chunk()) {
                (COMPRESSED, Some((sum, block))) => unpack(*sum, block, out)?,
                (PLAIN, Some((sum, block))) if checksum(block).to_le_bytes() == *sum => {
                    out.extend_from_slice(block);
                }
                (START, _) if chunk == SNAPPY_START || chunk == S2_START => self.begun = true,
                (SKIPPABLE..START, _) => {}
                _ => return Err(ArchiveError::Packing),
            }
            at += 4 + len;
        }
        self.bytes.drain(..at);
        Ok(())
    }

    /// Whether nothing is left that was not complete.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn unpack(sum: [u8; 4], block: &[u8], out: &mut Vec<u8>) -> Result<(), ArchiveError> {
    let start = out.len();
    decompress(block, out).ok_or(ArchiveError::Packing)?;
    let right = checksum(&out[start..]).to_le_bytes() == sum;
    if right { Ok(()) } else { Err(ArchiveError::Packing) }
}

/// Least bytes that are worth a copy.
const LEAST_COPY: usize = 4;

/// Most bytes of one copy.
const MOST_COPY: usize = 64;

/// Places that are remembered, by a hash of what stands there.
const HASH_BITS: u32 = 12;

/// Appends a block as Snappy has it. The block is not longer than offsets of two bytes reach.
fn compress(block: &[u8], out: &mut Vec<u8>) {
    let mut len = block.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    let mut places = [0_u16; 1 << HASH_BITS];
    let (mut at, mut literal) = (0, 0);
    while let Some(next) = block.get(at..at + LEAST_COPY) {
        let word = u32::from_le_bytes([next[0], next[1], next[2], next[3]]);
        let place =
            &mut places[(word.wrapping_mul(0x1e35_a7bd) >> (u32::BITS - HASH_BITS)) as usize];
        let before = usize::from(core::mem::replace(place, at as u16));
        if before >= at || block[before..before + LEAST_COPY] != *next {
            at += 1;
            continue;
        }
        write_literal(&block[literal..at], out);
        let same = block[before..].iter().zip(&block[at..]).take_while(|(a, b)| a == b).count();
        let offset = ((at - before) as u16).to_le_bytes();
        for part in (0..same).step_by(MOST_COPY) {
            let len = (same - part).min(MOST_COPY);
            out.extend_from_slice(&[((len - 1) as u8) << 2 | 2, offset[0], offset[1]]);
        }
        at += same;
        literal = at;
    }
    write_literal(&block[literal..], out);
}

fn write_literal(bytes: &[u8], out: &mut Vec<u8>) {
    let Some(len) = bytes.len().checked_sub(1) else { return };
    match len {
        0..60 => out.push((len as u8) << 2),
        60..256 => out.extend_from_slice(&[60 << 2, len as u8]),
        _ => out.extend_from_slice(&[61 << 2, len as u8, (len >> 8) as u8]),
    }
    out.extend_from_slice(bytes);
}

/// Appends what a block of S2 stands for.
fn decompress(block: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut reader = Reader(block);
    let len = reader.number()?;
    if len > READ_BYTES {
        return None;
    }
    let start = out.len();
    let mut offset = 0;
    while let Some(tag) = reader.byte() {
        let high = usize::from(tag >> 2);
        let copied = match tag & 3 {
            0 => {
                let len = if high < 60 { high } else { reader.little(high - 59)? } + 1;
                out.extend_from_slice(reader.take(len)?);
                0
            }
            1 => {
                let near = usize::from(tag & 0xe0) << 3 | reader.little(1)?;
                let len = high & 7;
                if near > 0 {
                    offset = near;
                    len + 4
                } else {
                    // The offset before, and perhaps a longer copy.
                    4 + match len {
                        5 => reader.little(1)? + 4,
                        6 => reader.little(2)? + (1 << 8),
                        7 => reader.little(3)? + (1 << 16),
                        len => len,
                    }
                }
            }
            2 => {
                offset = reader.little(2)?;
                high + 1
            }
            _ => {
                offset = reader.little(4)?;
                high + 1
            }
        };
        if copied > 0 {
            let from = out.len().checked_sub(offset).filter(|from| *from >= start && offset > 0)?;
            // It may reach into what it writes.
            for at in from..from + copied {
                out.push(*out.get(at)?);
            }
        }
        if out.len() - start > len {
            return None;
        }
    }
    (out.len() - start == len).then_some(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn little(&mut self, len: usize) -> Option<usize> {
        let bytes = self.take(len)?;
        Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    }

    fn number(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// The checksum of a block: CRC-32C, turned, so that one of a checksum is no checksum.
fn checksum(bytes: &[u8]) -> u32 {
    let crc =
        !bytes.iter().fold(!0_u32, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8));
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let mut crc = at as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[at] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(bytes: &[u8]) -> usize {
        let (mut packed, mut unpacked) = (Vec::new(), Vec::new());
        Packer::default().push(bytes, &mut packed);
        let mut unpacker = Unpacker::default();
        for piece in packed.chunks(1000) {
            unpacker.push(piece, &mut unpacked).unwrap();
        }
        assert!(unpacker.is_at_end() && unpacked == bytes);
        packed.len()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        round_trip(b"");
        round_trip(b"a");
        assert!(round_trip(&[b'a'; 300_000]) < 20_000);
        assert!(round_trip(&b"subject.one payload ".repeat(5_000)) < 10_000);
        let mut noise = 1_u64;
        let noise: Vec<u8> = (0..200_000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (noise >> 56) as u8
            })
            .collect();
        assert!(round_trip(&noise) < noise.len() + 100);
        for len in [59, 60, 61, 255, 256, 257, 65_535, 65_536, 65_537] {
            round_trip(&noise[..len]);
        }
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        // CRC-32C of "123456789" is e3069283.
        let turned = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(checksum(b"123456789"), turned);
    }

    #[test]
    fn repeated_offsets_are_those_before() {
        let unpacked = |block: &[u8]| {
            let mut out = Vec::new();
            decompress(block, &mut out).map(|()| out)
        };
        // "ab", a copy of 4 from 2 before, then the same offset again, in all its forms.
        let begin = [1 << 2, b'a', b'b', 0x01, 2];
        for (more, len) in [(&[0x01, 0][..], 4), (&[0x15, 0, 1], 9), (&[0x19, 0, 1, 0], 261)] {
            let total = 6 + len;
            let head = if total < 0x80 {
                alloc::vec![total as u8]
            } else {
                alloc::vec![total as u8 | 0x80, (total >> 7) as u8]
            };
            let block = [&head[..], &begin, more].concat();
            assert_eq!(unpacked(&block).map(|out| out.len()), Some(total), "{more:?}");
        }
        for wrong in [&[2, 0, b'a'][..], &[5, 0, b'a', 0x01, 2], &[5, 0, b'a', 0x01, 0], &[1]] {
            assert_eq!(unpacked(wrong), None, "{wrong:?}");
        }
    }
}
