//! Reading messages: from what was written or read lately, or from the disk.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;

use super::body::Bodies;
use super::cache::Found;
use super::record::{GRANULE, HEADER_BYTES, Header, Kind, Place, record_bytes};
use super::{FileLog, For};
use crate::disk::{Answer, DiskError, FileId, Lane, Op, OpKind};
use crate::index::{Index, UNPLACED};
use crate::limits::{OPEN_FILES, READ_AHEAD_BYTES, READ_BYTES};
use crate::message::{Get, StoredMessage};
use crate::recovery::{Finding, FindingKind};

/// Why a record that was read is not given out.
enum Unread {
    /// It is not what was written.
    Damaged,
    /// It is, and there is no key for it.
    NotForUs,
}

/// What is being read.
#[derive(Debug, Default)]
pub(super) struct Loads {
    /// Pieces under way, by segment and place: how much was asked for, and how much is needed.
    under_way: BTreeMap<(u32, u64), (u64, u64)>,
    /// Those that did not come: `None` is less than there should be.
    failed: BTreeMap<(u32, u64), Option<DiskError>>,
    /// Places that were read a second time because of what was there.
    again: BTreeSet<(u32, u64)>,
    /// Why a file could not be opened.
    not_opened: BTreeMap<u32, DiskError>,
    /// Where the last message that was looked for ends.
    last: (u32, u64),
    clock: u64,
}

impl FileLog {
    /// Reads a message that is durable.
    pub(crate) fn get(&mut self, index: &Index, seq: u64, out: &mut Vec<Op>) -> Get {
        let lost = self.lost.partition_point(|range| *range.end() < seq);
        if self.lost.get(lost).is_some_and(|range| range.contains(&seq)) {
            return Get::Lost;
        }
        let Some(located) = index.locate(seq).filter(|located| located.at != UNPLACED) else {
            return Get::Missing;
        };
        if seq >= self.durable_next {
            return Get::Missing;
        }
        let (segment, at) = (located.segment, u64::from(located.at) * GRANULE);
        let len = record_bytes(located.stored.into());
        let ahead = self.loads.last == (segment, at);
        self.loads.last = (segment, at + len);
        if let Some(found) = self.cache.get(segment, at, len) {
            let place = Place { identity: self.io.identity, segment, at };
            match self.bodies.found(&found, place, seq) {
                Ok(message) => {
                    self.loads.again.remove(&(segment, at));
                    return Get::Message(message);
                }
                Err(Unread::NotForUs) => return Get::Failed,
                Err(Unread::Damaged) => {}
            }
            if !self.loads.again.insert((segment, at)) {
                self.loads.again.remove(&(segment, at));
                self.cache.drop_at(segment, at);
                return self.is_lost(FindingKind::Damage, segment, at, seq);
            }
            self.cache.drop_at(segment, at);
        }
        match self.loads.failed.remove(&(segment, at)) {
            Some(None) => return self.is_lost(FindingKind::Damage, segment, at, seq),
            Some(Some(DiskError::NotFound)) => {
                return self.is_lost(FindingKind::MissingFile, segment, at, seq);
            }
            Some(Some(_)) => return Get::Failed,
            None => {}
        }
        self.load(segment, at, len, ahead, out);
        Get::Loading
    }

    /// A message cannot be had any more. The owner is to hear of it.
    fn is_lost(&mut self, kind: FindingKind, segment: u32, at: u64, seq: u64) -> Get {
        let lost = Some(seq..=seq);
        if !self.found.iter().any(|finding| finding.lost == lost) {
            self.found.push(Finding { kind, segment, at, lost });
        }
        Get::Lost
    }

    /// A message that is not durable yet, from the batch that is being written or from what waits for
    /// the next one.
    pub(crate) fn peek(&self, index: &Index, seq: u64) -> Option<StoredMessage> {
        let located = index.locate(seq)?;
        if located.at == UNPLACED {
            let record = Bytes::copy_from_slice(self.pending.record(seq)?);
            return self.bodies.message(&record, 0, seq);
        }
        let flight = self.flight.as_ref()?;
        let record = flight.record(located.segment, u64::from(located.at) * GRANULE)?;
        self.bodies.message(&record, 0, seq)
    }

    /// Has a piece read, unless it is on its way.
    fn load(&mut self, segment: u32, at: u64, len: u64, ahead: bool, out: &mut Vec<Op>) {
        let covers = |(key, (had, _)): (&(u32, u64), &(u64, u64))| {
            key.0 == segment && key.1 <= at && at + len <= key.1 + had
        };
        if self.loads.under_way.range(..=(segment, at)).next_back().is_some_and(covers) {
            return;
        }
        let Some(known) = self.segments.get(&segment) else {
            self.loads.failed.insert((segment, at), None);
            return;
        };
        let most = known.end.saturating_sub(at);
        let wanted = if ahead { READ_AHEAD_BYTES } else { READ_BYTES };
        let Some(file) = self.file_of(segment, out) else { return };
        let asked = len.max(wanted.min(most));
        self.loads.under_way.insert((segment, at), (asked, len));
        let read = OpKind::Read { file, at, len: asked };
        self.io.ask(Lane::Read, For::Load { segment, at }, read, out);
    }

    /// A segment's file, which is opened if it is not.
    fn file_of(&mut self, segment: u32, out: &mut Vec<Op>) -> Option<FileId> {
        self.loads.clock += 1;
        let known = self.segments.get_mut(&segment)?;
        known.used = self.loads.clock;
        if let Some(file) = known.file {
            return Some(file);
        }
        let file = self.io.new_file();
        known.file = Some(file);
        let path = self.path_of(segment);
        let open = OpKind::Open { file, path, create: false };
        self.io.ask(Lane::Read, For::Open { segment }, open, out);
        self.close_least_used(out);
        Some(file)
    }

    fn close_least_used(&mut self, out: &mut Vec<Op>) {
        let active = self.active.map(|active| active.number);
        let others = || {
            let open = self.segments.iter().filter(|(_, segment)| segment.file.is_some());
            open.filter(move |(number, _)| Some(**number) != active)
        };
        if others().count() <= OPEN_FILES {
            return;
        }
        let least = others().min_by_key(|(_, segment)| segment.used).map(|(number, _)| *number);
        if let Some(segment) = least.and_then(|number| self.segments.get_mut(&number)) {
            let file = segment.file.take();
            self.close_file(file, out);
        }
    }

    pub(super) fn close_file(&mut self, file: Option<FileId>, out: &mut Vec<Op>) {
        if let Some(file) = file {
            self.io.ask(Lane::Read, For::Nothing, OpKind::Close { file }, out);
        }
    }

    /// A segment's file was opened, or not.
    pub(super) fn opened_to_read(&mut self, segment: u32, result: &Result<Answer, DiskError>) {
        if let Err(error) = result {
            self.loads.not_opened.insert(segment, *error);
            if let Some(segment) = self.segments.get_mut(&segment) {
                segment.file = None;
            }
        }
    }

    /// A piece was read, or not.
    pub(super) fn loaded(&mut self, segment: u32, at: u64, result: Result<Answer, DiskError>) {
        let (_, len) = self.loads.under_way.remove(&(segment, at)).unwrap_or((0, 0));
        let why = self.loads.not_opened.remove(&segment);
        match result {
            Ok(Answer::Bytes(bytes)) if bytes.len() as u64 >= len => {
                self.cache.put(segment, at, bytes, true);
            }
            Ok(_) => {
                self.loads.failed.insert((segment, at), None);
            }
            Err(error) => {
                self.loads.failed.insert((segment, at), Some(why.unwrap_or(error)));
            }
        }
    }
}

impl Bodies {
    /// The message in these bytes, if it is the right one and as it was written.
    fn found(&self, found: &Found<'_>, place: Place, seq: u64) -> Result<StoredMessage, Unread> {
        let Found { piece, begin, read } = *found;
        if !read {
            return self.message(piece, begin, seq).ok_or(Unread::Damaged);
        }
        let bytes = &piece[begin..];
        let (head, _) = Header::read(bytes, place).ok_or(Unread::Damaged)?;
        if !is_message(&head, seq) || !head.fits(&bytes[HEADER_BYTES..]) {
            return Err(Unread::Damaged);
        }
        self.message_of(&head, piece, begin).ok_or(Unread::NotForUs)
    }

    /// The message in a record that was never anywhere but here.
    fn message(&self, piece: &Bytes, begin: usize, seq: u64) -> Option<StoredMessage> {
        let head = Header::fields(piece.get(begin..)?.first_chunk()?)?;
        if is_message(&head, seq) { self.message_of(&head, piece, begin) } else { None }
    }

    fn message_of(&self, head: &Header, piece: &Bytes, begin: usize) -> Option<StoredMessage> {
        let (body, mark) = (begin + HEADER_BYTES, head.mark_bytes());
        let end = body + head.body as usize;
        let body = if head.is_as_it_is() {
            // Most are, and each piece of memory that is shared is counted.
            piece.slice((body + mark).min(end)..end)
        } else {
            let body = self.read(head, piece.slice(body..end))?;
            body.slice(mark.min(body.len())..)
        };
        StoredMessage::new(head.seq, head.time, (head.subject, head.header), body)
    }
}

fn is_message(head: &Header, seq: u64) -> bool {
    head.kind == Kind::Message && head.seq == seq
}
