//! A record: the header that frames and binds it, and its body.

use super::crc::crc32c;

/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 56;

/// Records begin at multiples of so many bytes; what a place in a segment counts in.
pub(crate) const GRANULE: u64 = 8;

const MAGIC: u16 = 0xca5e;

/// What a record holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A message.
    Message,
    /// Removals, changes of notes.
    Control,
    /// Everything but messages, as of this batch.
    Checkpoint,
    /// The log was closed; nothing is in it.
    Close,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Message, Self::Control, Self::Checkpoint, Self::Close];

    /// What it is called on the disk.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Control => 2,
            Self::Checkpoint => 3,
            Self::Close => 4,
        }
    }
}

/// The first record of its batch.
pub(crate) const FIRST: u8 = 1;
/// The last record of its batch.
pub(crate) const LAST: u8 = 2;
/// The batch is to be there as a whole or not at all.
pub(crate) const WHOLE: u8 = 4;
/// The batches before were not necessarily synced.
pub(crate) const LAZY: u8 = 8;
/// A mark of 8 bytes is in front of the body.
pub(crate) const MARKED: u8 = 16;
/// The body is compressed; its length before that, 4 bytes, is in front of it.
pub(crate) const COMPRESSED: u8 = 32;

/// A record's header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// How the body is encrypted, see `crypt`; 0 is not at all.
    pub(crate) cipher: u8,
    /// Bytes of the subject, at the beginning of the body.
    pub(crate) subject: u16,
    /// Bytes of the message's header behind it.
    pub(crate) header: u32,
    /// Bytes of the body as it is here.
    pub(crate) body: u32,
    /// The number of the batch.
    pub(crate) batch: u64,
    /// The sequence of a message; of other records the next one after this batch.
    pub(crate) seq: u64,
    /// When the message was stored; of other records the last message.
    pub(crate) time: u64,
    /// How far the next sequence after this batch is. One record tells how far its batch goes.
    pub(crate) ahead: u32,
    /// The checksum of the header before this one: no record stands behind another than it was
    /// written behind.
    pub(crate) chain: u32,
    /// The checksum of the body.
    pub(crate) body_crc: u32,
}

/// Where a record is: its checksum says so, too, and a block that got to another place is no record
/// there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) identity: u64,
    pub(crate) segment: u32,
    pub(crate) at: u64,
}

/// What all records of a batch have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    /// The next sequence after it.
    pub(crate) next_seq: u64,
    /// When the last message was stored.
    pub(crate) time: u64,
    /// [`WHOLE`], [`LAZY`].
    pub(crate) flags: u8,
}

impl Header {
    /// A header that says nothing yet but what the record is.
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            flags: 0,
            cipher: 0,
            subject: 0,
            header: 0,
            body: 0,
            batch: 0,
            seq: 0,
            time: 0,
            ahead: 0,
            chain: 0,
            body_crc: 0,
        }
    }

    /// Writes it without what is only known when its batch is: see [`bind`](Self::bind).
    pub(crate) fn put(&self, to: &mut [u8; HEADER_BYTES]) {
        to[..2].copy_from_slice(&MAGIC.to_le_bytes());
        to[2] = self.kind.number();
        to[3] = self.flags;
        to[4..6].copy_from_slice(&self.subject.to_le_bytes());
        to[6] = self.cipher;
        to[8..12].copy_from_slice(&self.header.to_le_bytes());
        to[12..16].copy_from_slice(&self.body.to_le_bytes());
        to[16..24].copy_from_slice(&self.batch.to_le_bytes());
        to[24..32].copy_from_slice(&self.seq.to_le_bytes());
        to[32..40].copy_from_slice(&self.time.to_le_bytes());
        to[40..44].copy_from_slice(&self.ahead.to_le_bytes());
        to[44..48].copy_from_slice(&self.chain.to_le_bytes());
        to[48..52].copy_from_slice(&self.body_crc.to_le_bytes());
    }

    /// The same, to where its record begins.
    pub(crate) fn put_before(&self, record: &mut [u8]) {
        if let Some(to) = record.first_chunk_mut() {
            self.put(to);
        }
    }

    /// Finishes a header that was put: makes it one of this batch, at this place, behind the record
    /// with this checksum. Returns its own, and the sequence if it is a message's.
    pub(crate) fn bind(
        bytes: &mut [u8; HEADER_BYTES],
        batch: &Batch,
        flags: u8,
        place: Place,
        chain: u32,
    ) -> (u32, Option<u64>) {
        bytes[3] = bytes[3] & (MARKED | COMPRESSED) | batch.flags | flags;
        bytes[16..24].copy_from_slice(&batch.number.to_le_bytes());
        let message = bytes[2] == Kind::Message.number();
        let seq = if message { u64_at(bytes, 24) } else { batch.next_seq };
        let ahead = u32::try_from(batch.next_seq - seq).unwrap_or(u32::MAX);
        bytes[24..32].copy_from_slice(&seq.to_le_bytes());
        if !message {
            bytes[32..40].copy_from_slice(&batch.time.to_le_bytes());
        }
        bytes[40..44].copy_from_slice(&ahead.to_le_bytes());
        bytes[44..48].copy_from_slice(&chain.to_le_bytes());
        (Self::seal(bytes, place), message.then_some(seq))
    }

    /// Writes the checksum that binds it to its place, and returns that.
    fn seal(bytes: &mut [u8; HEADER_BYTES], place: Place) -> u32 {
        let crc = checksum(bytes, place);
        bytes[52..].copy_from_slice(&crc.to_le_bytes());
        crc
    }

    /// The header at the beginning of these bytes, if it is one and belongs there; and its checksum.
    pub(crate) fn read(bytes: &[u8], place: Place) -> Option<(Self, u32)> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        if !Self::has_magic(bytes) {
            return None;
        }
        let crc = u32_at(bytes, 52);
        if checksum(bytes, place) != crc {
            return None;
        }
        Some((Self::fields(bytes)?, crc))
    }

    /// Whether these may be a header.
    pub(crate) fn has_magic(bytes: &[u8; HEADER_BYTES]) -> bool {
        bytes[..2] == MAGIC.to_le_bytes()
    }

    /// What a header says, if it is of a kind that there is. Nothing is checked.
    pub(crate) fn fields(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        Some(Self {
            kind: Kind::ALL.into_iter().find(|kind| kind.number() == bytes[2])?,
            flags: bytes[3],
            subject: u16::from_le_bytes([bytes[4], bytes[5]]),
            cipher: bytes[6],
            header: u32_at(bytes, 8),
            body: u32_at(bytes, 12),
            batch: u64_at(bytes, 16),
            seq: u64_at(bytes, 24),
            time: u64_at(bytes, 32),
            ahead: u32_at(bytes, 40),
            chain: u32_at(bytes, 44),
            body_crc: u32_at(bytes, 48),
        })
    }

    /// Bytes of the whole record, with what fills it up.
    pub(crate) fn record_bytes(&self) -> u64 {
        record_bytes(u64::from(self.body))
    }

    /// Whether these bytes begin with its body, as it was written.
    pub(crate) fn fits(&self, body: &[u8]) -> bool {
        body.get(..self.body as usize).is_some_and(|body| crc32c(0, body) == self.body_crc)
    }

    /// Bytes of the mark in front of the rest of the body.
    pub(crate) fn mark_bytes(&self) -> usize {
        if self.is(MARKED) { 8 } else { 0 }
    }

    /// Whether the body is neither compressed nor encrypted.
    pub(crate) fn is_as_it_is(&self) -> bool {
        self.cipher == 0 && !self.is(COMPRESSED)
    }

    /// Whether a later version has made something else of the body.
    pub(crate) fn is_of_a_later_version(&self) -> bool {
        self.flags & !(FIRST | LAST | WHOLE | LAZY | MARKED | COMPRESSED) != 0
    }

    pub(crate) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The next sequence after its batch.
    pub(crate) fn next_seq(&self) -> u64 {
        match self.kind {
            Kind::Message => self.seq.saturating_add(self.ahead.into()),
            Kind::Control | Kind::Checkpoint | Kind::Close => self.seq,
        }
    }
}

/// The checksum of a header at its place: of everything in it, lengths included, so that no flipped
/// bit lets a reader look for the next record at the wrong place.
fn checksum(bytes: &[u8; HEADER_BYTES], place: Place) -> u32 {
    // In one piece: the checksum of few bytes costs as much as that of more.
    let mut placed = [0; 20 + 52];
    placed[..8].copy_from_slice(&place.identity.to_le_bytes());
    placed[8..12].copy_from_slice(&place.segment.to_le_bytes());
    placed[12..20].copy_from_slice(&place.at.to_le_bytes());
    placed[20..].copy_from_slice(&bytes[..52]);
    crc32c(0, &placed)
}

/// How long the record is whose header was put here.
pub(crate) fn put_record_bytes(bytes: &[u8; HEADER_BYTES]) -> u64 {
    record_bytes(u32_at(bytes, 12).into())
}

/// Bytes of a record with such a body.
pub(crate) fn record_bytes(body: u64) -> u64 {
    (HEADER_BYTES as u64 + body).next_multiple_of(GRANULE)
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(core::array::from_fn(|byte| bytes[at + byte]))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(core::array::from_fn(|byte| bytes[at + byte]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_only_where_it_was_written_and_as_it_was_written() {
        let header = Header {
            kind: Kind::Control,
            flags: FIRST | WHOLE,
            cipher: 2,
            subject: 3,
            header: 4,
            body: 5,
            batch: 6,
            seq: 7,
            time: 8,
            ahead: 9,
            chain: 10,
            body_crc: crc32c(0, b"body."),
        };
        let place = Place { identity: 1, segment: 2, at: 8 };
        let mut bytes = [0; HEADER_BYTES];
        header.put(&mut bytes);
        let crc = Header::seal(&mut bytes, place);
        assert_eq!(Header::read(&bytes, place), Some((header, crc)));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::read(&flipped, place), None, "bit {bit}");
        }
        for other in [
            Place { identity: 2, ..place },
            Place { segment: 3, ..place },
            Place { at: 16, ..place },
        ] {
            assert_eq!(Header::read(&bytes, other), None, "{other:?}");
        }
        assert!(header.fits(b"body.!") && !header.fits(b"body!") && !header.fits(b"body"));
    }
}
