//! What a body looks like on the disk: as it is, compressed, encrypted, or both, in this order.

use alloc::vec::Vec;

use bytes::Bytes;

use super::crc::crc32c;
use super::crypt::{Crypt, ENCRYPTED_BYTES};
use super::record::{COMPRESSED, HEADER_BYTES, Header, Kind, MARKED, record_bytes};
use crate::config::{Compression, LogConfig};
use crate::limits::{BODY_BYTES, COMPRESS_BYTES};

/// Makes of bodies what is written, and of what was read bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    compression: Compression,
    crypt: Option<Crypt>,
}

impl Bodies {
    pub(super) fn new(config: &LogConfig) -> Self {
        let crypt = config.key.clone().map(|key| Crypt::new(key, config.identity));
        Self { compression: config.compression, crypt }
    }

    pub(super) fn set_compression(&mut self, compression: Compression) {
        self.compression = compression;
    }

    /// The log has this identity.
    pub(super) fn of_log(&mut self, identity: u64) {
        if let Some(crypt) = &mut self.crypt {
            crypt.of_log(identity);
        }
    }

    /// Bytes that a record with such a body takes at most.
    pub(super) fn record_bytes(&self, body: u64) -> u64 {
        record_bytes(body + if self.crypt.is_some() { ENCRYPTED_BYTES as u64 } else { 0 })
    }

    /// A record that is no message, to be bound.
    pub(super) fn record(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(HEADER_BYTES + body.len() + ENCRYPTED_BYTES + 8);
        record.extend_from_slice(&[0; HEADER_BYTES]);
        record.extend_from_slice(body);
        self.finish(&mut record, 0, Header::of(kind));
        record
    }

    /// Finishes the record that begins at `begin` and goes to the end, and of which so far only the body
    /// is there. Returns its header.
    pub(super) fn finish(&mut self, records: &mut Vec<u8>, begin: usize, head: Header) -> Header {
        let mut head = head;
        let body = begin + HEADER_BYTES;
        if head.kind == Kind::Message && self.compression == Compression::Lz4 {
            compress(records, body, &mut head);
        }
        if let Some(crypt) = self.crypt.as_mut().filter(|_| records.len() > body) {
            head.cipher = crypt.cipher();
            crypt.encrypt(records, body, &known(&head));
        }
        head.body = (records.len() - body) as u32;
        head.body_crc = crc32c(0, &records[body..]);
        records.resize(begin + head.record_bytes() as usize, 0);
        head.put_before(&mut records[begin..]);
        head
    }

    /// The body of a record, from what is on the disk behind its header and has the right checksum. So it
    /// is no damage if there is none: the key is missing or another, or a later version has written it.
    pub(super) fn read(&self, head: &Header, stored: Bytes) -> Option<Bytes> {
        if head.is_of_a_later_version() {
            return None;
        }
        let mut body = stored;
        if head.cipher != 0 {
            let crypt = self.crypt.as_ref()?;
            body = Bytes::from(crypt.decrypt(head.cipher, &body, &known(head))?);
        }
        if head.is(COMPRESSED) { decompress(&body) } else { Some(body) }
    }

    /// What is written of a table.
    pub(super) fn table(&mut self, table: Vec<u8>, segment: u32) -> Vec<u8> {
        let Some(crypt) = &mut self.crypt else { return table };
        let mut written = ENCRYPTED_TABLE.to_vec();
        written.push(crypt.cipher());
        let begin = written.len();
        written.extend_from_slice(&table);
        crypt.encrypt(&mut written, begin, &segment.to_le_bytes());
        written
    }

    /// The table, from what is on the disk.
    pub(super) fn read_table(&self, written: &Bytes, segment: u32) -> Option<Bytes> {
        let Some(encrypted) = written.strip_prefix(&ENCRYPTED_TABLE) else {
            return Some(written.clone());
        };
        let (cipher, encrypted) = encrypted.split_first()?;
        let table = self.crypt.as_ref()?.decrypt(*cipher, encrypted, &segment.to_le_bytes())?;
        Some(Bytes::from(table))
    }
}

/// Whether a segment is encrypted whose first bytes these are: its first record is, which is a
/// checkpoint and has a body. A log that has a key only now goes on in a new segment, unless it was
/// closed.
pub fn begins_encrypted(segment: &[u8]) -> bool {
    segment
        .first_chunk()
        .filter(|bytes| Header::has_magic(bytes))
        .and_then(Header::fields)
        .is_some_and(|head| head.cipher != 0)
}

/// What an encrypted table begins with. Then comes the cipher.
const ENCRYPTED_TABLE: [u8; 7] = *b"cw-idxe";

/// What is authenticated with a body: what is known of it without reading it, as far as it is known
/// when the body is written.
fn known(head: &Header) -> [u8; 24] {
    let mut known = [0; 24];
    known[0] = head.kind.number();
    known[1] = head.flags & (MARKED | COMPRESSED);
    known[2..4].copy_from_slice(&head.subject.to_le_bytes());
    known[4..8].copy_from_slice(&head.header.to_le_bytes());
    if head.kind == Kind::Message {
        known[8..16].copy_from_slice(&head.seq.to_le_bytes());
        known[16..].copy_from_slice(&head.time.to_le_bytes());
    }
    known
}

/// Compresses what stands from `begin` on, if that makes it smaller by enough to matter.
fn compress(records: &mut Vec<u8>, begin: usize, head: &mut Header) {
    let len = records.len() - begin;
    if len < COMPRESS_BYTES {
        return;
    }
    let smaller = lz4_flex::block::compress(&records[begin..]);
    if smaller.len() + 4 + 8 > len {
        return;
    }
    records.truncate(begin);
    records.extend_from_slice(&(len as u32).to_le_bytes());
    records.extend_from_slice(&smaller);
    head.flags |= COMPRESSED;
}

fn decompress(compressed: &[u8]) -> Option<Bytes> {
    let (len, block) = compressed.split_first_chunk::<4>()?;
    let len = u32::from_le_bytes(*len) as usize;
    // LZ4 makes nothing smaller than a 255th: what says more is not what was written.
    if len > BODY_BYTES + 8 || len / 256 > block.len() {
        return None;
    }
    let mut body = alloc::vec![0; len];
    let filled = lz4_flex::block::decompress_into(block, &mut body).ok()?;
    (filled == len).then(|| Bytes::from(body))
}
