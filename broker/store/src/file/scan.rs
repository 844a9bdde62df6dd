//! Finding the records of a segment in its bytes.

use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;

use super::body::Bodies;
use super::pending::Control;
use super::record::{FIRST, GRANULE, HEADER_BYTES, Header, Kind, LAST, Place};

/// A record whose header is right.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) head: Header,
    /// The checksum of its header.
    pub(super) crc: u32,
    /// Whether its body is right, too.
    pub(super) sound: bool,
    /// Its body, if that is right; otherwise nothing. Of a message only its mark and its subject: what
    /// is compressed may be many times as long as the segment.
    pub(super) body: Bytes,
    /// Bytes of the whole body.
    pub(super) len: u32,
    /// Its body is no more, as its own batch says: the message was to be erased.
    pub(super) erased: bool,
    /// Whether it stands behind the record that it was written behind.
    pub(super) follows: bool,
}

/// What is in a segment.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    pub(super) found: Vec<Found>,
    /// Where bytes are that are no record, and not only zeros up to the end.
    pub(super) strange: Vec<Range<u64>>,
    /// There are records that are as they were written, and cannot be read: for want of the right key,
    /// or because a later version has written them.
    pub(super) unreadable: bool,
}

impl Scan {
    /// Looks for records in the first bytes of a segment. What is wrong in one place does not keep
    /// those behind it from being found.
    pub(super) fn of(bytes: &Bytes, identity: u64, segment: u32, bodies: &Bodies) -> Self {
        let mut scan = Self::default();
        let mut at = 0;
        let mut chain = None;
        let mut strange_from = None;
        while at + HEADER_BYTES <= bytes.len() {
            let place = Place { identity, segment, at: at as u64 };
            let Some((head, crc)) = Header::read(&bytes[at..], place) else {
                strange_from.get_or_insert(at as u64);
                at += GRANULE as usize;
                continue;
            };
            if let Some(from) = strange_from.take() {
                scan.strange.push(from..at as u64);
                chain = None;
            }
            let stored = at + HEADER_BYTES;
            let fits = head.fits(&bytes[stored..]);
            let body = || bodies.read(&head, bytes.slice(stored..stored + head.body as usize));
            let body = fits.then(body).flatten();
            let follows = chain == Some(head.chain) || (at == 0 && scan.found.is_empty());
            scan.unreadable |= fits && body.is_none();
            scan.found.push(Found {
                at: at as u64,
                head,
                crc,
                sound: body.is_some(),
                len: body.as_ref().map_or(0, |body| body.len() as u32),
                body: body.map_or_else(Bytes::new, |body| needed(&head, body)),
                erased: false,
                follows,
            });
            chain = Some(crc);
            at = at.saturating_add(head.record_bytes() as usize);
        }
        let from = strange_from.unwrap_or((at as u64).min(bytes.len() as u64));
        let rest = bytes.get(from as usize..).unwrap_or_default();
        if rest.iter().any(|byte| *byte != 0) {
            scan.strange.push(from..bytes.len() as u64);
        }
        scan.find_erased();
        scan
    }

    /// A message may be removed in the batch in which it was appended. When that is durable and the body
    /// is overwritten, the batch is as complete as before.
    fn find_erased(&mut self) {
        let controls: Vec<(u64, Control)> = self
            .found
            .iter()
            .filter(|found| found.head.kind == Kind::Control && found.sound)
            .filter_map(|found| Some((found.head.batch, Control::read(&found.body)?)))
            .filter(|(_, control)| !control.erased.is_empty())
            .collect();
        let unsound = |found: &&mut Found| found.head.kind == Kind::Message && !found.sound;
        for found in self.found.iter_mut().filter(unsound) {
            found.erased = controls.iter().any(|(batch, control)| {
                let has = control.erased.iter().any(|range| range.contains(&found.head.seq));
                *batch == found.head.batch && has
            });
        }
    }

    /// Whether there are records, or nothing at all, and nothing strange.
    pub(super) fn looks_right(&self) -> bool {
        let right = |found: &Found| found.sound || found.erased;
        self.strange.is_empty() && self.found.iter().all(right)
    }

    /// How many records are sound.
    pub(super) fn sound(&self) -> usize {
        self.found.iter().filter(|found| found.sound).count()
    }

    /// Where the last record ends.
    pub(super) fn end(&self) -> u64 {
        self.found.last().map_or(0, |last| last.at + last.head.record_bytes())
    }

    /// The number of the last batch.
    pub(super) fn last_batch(&self) -> Option<u64> {
        self.found.iter().map(|found| found.head.batch).max()
    }

    /// Whether all records of this batch are here, as they were written.
    pub(super) fn is_complete(&self, batch: u64) -> bool {
        let of_batch = || self.found.iter().filter(|found| found.head.batch == batch);
        let mut inner = of_batch();
        let first = inner.next().is_some_and(|found| found.head.is(FIRST));
        first
            && of_batch().next_back().is_some_and(|found| found.head.is(LAST))
            && of_batch().all(|found| found.sound || found.erased)
            && inner.all(|found| found.follows)
    }

    /// The last checkpoint that can be relied on: one whose own batch is complete, or that was followed
    /// by another batch.
    pub(super) fn checkpoint(&self) -> Option<usize> {
        let last = self.last_batch()?;
        let relied_on = |found: &Found| {
            found.head.kind == Kind::Checkpoint
                && found.sound
                && (found.head.batch < last || self.is_complete(last))
        };
        self.found.iter().rposition(relied_on)
    }
}

/// What is needed of a body to know what a log holds.
fn needed(head: &Header, body: Bytes) -> Bytes {
    if head.kind != Kind::Message {
        return body;
    }
    let part = body.slice(..body.len().min(head.mark_bytes() + usize::from(head.subject)));
    // What is as it is lies in the segment, which stays in memory meanwhile.
    if head.is_as_it_is() { part } else { Bytes::copy_from_slice(&part) }
}
