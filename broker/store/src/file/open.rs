//! Reading the files of a log after a start.
//!
//! From the last segment backwards until one has a checkpoint that can be relied on; then what that
//! names. Making sense of it is the matter of `recover`.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::checkpoint::{Checkpoint, Listed};
use super::high_water::{self, HighWater};
use super::replay::Replay;
use super::scan::Scan;
use super::{FileLog, For, NO_SEGMENT, Phase, name};
use crate::disk::{Answer, DiskError, FileId, Lane, Op, OpKind};
use crate::index::Index;
use crate::limits::READ_TRIES;
use crate::log::Progress;

/// A segment that was read as a whole.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) number: u32,
    pub(super) bytes: Bytes,
    pub(super) scan: Scan,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Opening {
    step: Step,
    /// Answers of this step that are missing.
    left: u32,
    error: Option<DiskError>,
    bytes: Bytes,
    /// How long the file is that is being read.
    len: u64,
    /// What was read of it before, if that did not look right.
    first_look: Option<Content>,
    tries: u32,
    /// The high-water mark is there and was not looked at.
    to_mark: bool,
    pub(super) mark: Option<HighWater>,
    /// All files.
    pub(super) names: Vec<String>,
    /// Segments that were not looked at, ascending.
    to_scan: Vec<u32>,
    /// Segments with records up to the one with the checkpoint, descending.
    pub(super) scanned: Vec<Content>,
    /// The checkpoint, and its place among the records of the last one scanned.
    pub(super) base: Option<(usize, Checkpoint)>,
    /// Segments that it names and that were not looked at.
    older: VecDeque<Listed>,
    pub(super) replay: Replay,
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, Default)]
enum Step {
    #[default]
    List,
    /// Opening a file to read it.
    Open {
        kind: name::Kind,
        number: u32,
        file: FileId,
    },
    Read {
        kind: name::Kind,
        number: u32,
    },
    /// The last operations before the log is open.
    Last,
}

/// What becomes of a segment that was read.
enum Fetched {
    Believed,
    /// It is read once more.
    Again,
    /// It is encrypted, and there is no key.
    Unreadable,
}

impl Opening {
    /// The newest segment that holds records.
    pub(super) fn newest(&self) -> Option<&Content> {
        self.scanned.iter().find(|content| !content.scan.found.is_empty())
    }

    /// What the file of the next older segment is.
    fn own_kind(&self) -> name::Kind {
        let packed = self.older.front().is_some_and(|listed| listed.packed);
        if packed { name::Kind::Pack } else { name::Kind::Segment }
    }
}

impl FileLog {
    pub(super) fn begin_opening(&mut self, out: &mut Vec<Op>) {
        self.phase = Phase::Opening(alloc::boxed::Box::default());
        let list = OpKind::List { dir: self.io.dir.clone() };
        self.ask_opening(&mut Opening::default(), [list], out);
    }

    fn ask_opening<const N: usize>(
        &mut self,
        opening: &mut Opening,
        ops: [OpKind; N],
        out: &mut Vec<Op>,
    ) {
        (opening.left, opening.error) = (N as u32, None);
        for kind in ops {
            self.io.ask(Lane::Background, For::Job, kind, out);
        }
    }

    /// An operation of opening was answered.
    pub(super) fn opening_done(
        &mut self,
        index: &mut Index,
        result: Result<Answer, DiskError>,
        progress: &mut Progress,
        out: &mut Vec<Op>,
    ) {
        let Phase::Opening(opening) = &mut self.phase else { return };
        let mut opening = mem::take(opening);
        opening.left = opening.left.saturating_sub(1);
        let mut len = 0;
        match result {
            Err(error) => opening.error = opening.error.or(Some(error)),
            Ok(Answer::Bytes(bytes)) => opening.bytes = bytes,
            Ok(Answer::Opened { len: opened }) => len = opened,
            Ok(Answer::Names { files, .. }) => opening.names = files,
            Ok(Answer::Done) => {}
        }
        if opening.left == 0 {
            self.step(index, &mut opening, len, progress, out);
        }
        if let Phase::Opening(place) = &mut self.phase {
            *place = opening;
        }
    }

    fn step(
        &mut self,
        index: &mut Index,
        opening: &mut Opening,
        len: u64,
        progress: &mut Progress,
        out: &mut Vec<Op>,
    ) {
        let (step, error) = (opening.step, opening.error);
        match step {
            Step::List if error.is_none() => {
                self.listed(opening);
                self.next_file(index, opening, progress, out);
            }
            Step::Open { kind, number, file } if error.is_none() => {
                opening.step = Step::Read { kind, number };
                opening.len = len;
                let read = OpKind::Read { file, at: 0, len };
                self.ask_opening(opening, [read, OpKind::Close { file }], out);
            }
            Step::Read { kind: name::Kind::Index, number } if error.is_none() => {
                opening.tries = 0;
                if self.table(index, opening) {
                    self.next_file(index, opening, progress, out);
                } else {
                    self.fetch(opening, opening.own_kind(), number, out);
                }
            }
            Step::Read { kind: name::Kind::HighWater, number }
                if error.is_none() && !self.mark_is_read(opening) =>
            {
                self.fetch(opening, name::Kind::HighWater, number, out);
            }
            // Without it, what the segments say is all there is.
            Step::Open { kind: name::Kind::HighWater, .. }
            | Step::Read { kind: name::Kind::HighWater, .. } => {
                self.next_file(index, opening, progress, out);
            }
            // What a table says can be found out again.
            Step::Open { kind: name::Kind::Index, number, .. }
            | Step::Read { kind: name::Kind::Index, number } => {
                self.fetch(opening, opening.own_kind(), number, out);
            }
            Step::Open { .. } if error == Some(DiskError::NotFound) => {
                // One that was listed is hidden; one that is needed is missing.
                if let Some(listed) = opening.older.pop_front() {
                    opening.replay.missing(&listed);
                }
                self.next_file(index, opening, progress, out);
            }
            Step::Read { kind, number } if error.is_none() => {
                opening.tries = 0;
                match self.fetched(index, opening, number) {
                    Fetched::Believed => self.next_file(index, opening, progress, out),
                    Fetched::Again => self.fetch(opening, kind, number, out),
                    // What there is no key for is not lost either.
                    Fetched::Unreadable => self.fail(),
                }
            }
            Step::Last if error.is_none() => {
                self.phase = Phase::Open;
                progress.opened = true;
            }
            Step::List | Step::Last if opening.tries < READ_TRIES => {
                opening.tries += 1;
                match step {
                    Step::Last => self.last_step(opening, out),
                    Step::List | Step::Open { .. } | Step::Read { .. } => {
                        let list = OpKind::List { dir: self.io.dir.clone() };
                        self.ask_opening(opening, [list], out);
                    }
                }
            }
            Step::Open { kind, number, .. } | Step::Read { kind, number }
                if opening.tries < READ_TRIES =>
            {
                opening.tries += 1;
                self.fetch(opening, kind, number, out);
            }
            // What cannot be read is not lost: the log stays shut.
            Step::List | Step::Open { .. } | Step::Read { .. } | Step::Last => self.fail(),
        }
    }

    /// The high-water mark was read. Whether that is settled: what does not look right is read again.
    fn mark_is_read(&self, opening: &mut Opening) -> bool {
        opening.mark = HighWater::read(&opening.bytes, self.io.identity);
        opening.replay.said = opening.mark.map_or(0, |mark| mark.durable_next);
        let again = opening.mark.is_none() && opening.tries < READ_TRIES;
        opening.tries = if again { opening.tries + 1 } else { 0 };
        !again
    }

    /// The files are known.
    fn listed(&mut self, opening: &mut Opening) {
        let parsed = || opening.names.iter().filter_map(|name| name::parse(name));
        let segments = || parsed().filter(|(kind, ..)| *kind == name::Kind::Segment);
        // All have the same identity, unless somebody else put files there.
        if let Some((_, _, identity)) = segments().next() {
            self.io.identity = identity;
            self.bodies.of_log(identity);
        }
        let ours = segments().filter(|(_, _, identity)| *identity == self.io.identity);
        opening.to_scan = ours.map(|(_, number, _)| number).collect();
        opening.to_scan.sort_unstable();
        let mark = name::name(name::Kind::HighWater, high_water::NO_NUMBER, self.io.identity);
        opening.to_mark = opening.names.contains(&mark);
        let last = parsed().map(|(_, number, _)| number).filter(|number| *number < NO_SEGMENT);
        self.next_number = last.max().unwrap_or(0) + 1;
    }

    /// Reads the next file that is needed, or makes sense of what was read.
    fn next_file(
        &mut self,
        index: &mut Index,
        opening: &mut Opening,
        progress: &mut Progress,
        out: &mut Vec<Op>,
    ) {
        let destroyed = opening.names.iter().any(|name| name == name::DESTROYED);
        if mem::take(&mut opening.to_mark) {
            self.fetch(opening, name::Kind::HighWater, high_water::NO_NUMBER, out);
        } else if opening.base.is_none()
            && !destroyed
            && let Some(number) = opening.to_scan.pop()
        {
            self.fetch(opening, name::Kind::Segment, number, out);
        } else if let Some(listed) = opening.older.front() {
            // A table without its segment is of no use.
            let own = if listed.packed { name::Kind::Pack } else { name::Kind::Segment };
            let both = [own, name::Kind::Index].map(|kind| {
                let name = name::name(kind, listed.number, self.io.identity);
                opening.names.contains(&name)
            });
            let kind = if both == [true; 2] { name::Kind::Index } else { own };
            let number = listed.number;
            self.fetch(opening, kind, number, out);
        } else if self.recover(index, opening, destroyed) {
            self.last_step(opening, out);
        } else {
            self.phase = Phase::Open;
            progress.opened = true;
        }
    }

    fn fetch(&mut self, opening: &mut Opening, kind: name::Kind, number: u32, out: &mut Vec<Op>) {
        let (file, path) = (self.io.new_file(), self.io.path(kind, number));
        opening.step = Step::Open { kind, number, file };
        self.ask_opening(opening, [OpKind::Open { file, path, create: false }], out);
    }

    /// The table of a segment was read. Whether it is right and has what is needed.
    fn table(&mut self, index: &mut Index, opening: &mut Opening) -> bool {
        let bytes = mem::take(&mut opening.bytes);
        let Some(listed) = opening.older.front() else { return false };
        let Some(bytes) = self.bodies.read_table(&bytes, listed.number) else { return false };
        if opening.replay.table(index, listed, &bytes, self.io.identity) {
            opening.older.pop_front();
            return true;
        }
        false
    }

    /// A segment was read. What does not look right is read once more before it is believed: a read may
    /// have gone astray.
    fn fetched(&mut self, index: &mut Index, opening: &mut Opening, number: u32) -> Fetched {
        let bytes = mem::take(&mut opening.bytes);
        let scan = Scan::of(&bytes, self.io.identity, number, &self.bodies);
        if scan.unreadable {
            return Fetched::Unreadable;
        }
        let mut content = Content { number, bytes, scan };
        match opening.first_look.take() {
            Some(first) if first.scan.sound() > content.scan.sound() => content = first,
            Some(_) => {}
            None if content.scan.looks_right() && content.bytes.len() as u64 >= opening.len => {}
            None => {
                opening.first_look = Some(content);
                return Fetched::Again;
            }
        }
        if let Some(listed) = opening.older.pop_front() {
            opening.replay.older(index, &listed, &content);
            return Fetched::Believed;
        }
        let checkpoint = content
            .scan
            .checkpoint()
            .and_then(|at| Some((at, Checkpoint::read(&content.scan.found.get(at)?.body)?)));
        if let Some((at, checkpoint)) = &checkpoint {
            let scanned = |listed: u32| {
                listed == number || opening.scanned.iter().any(|other| other.number == listed)
            };
            let unknown = checkpoint.segments.iter().filter(|listed| !scanned(listed.number));
            opening.older = unknown.cloned().collect();
            let record = content.scan.found.get(*at);
            opening.replay.begin(checkpoint, record.map_or(0, |record| record.head.batch));
        }
        opening.replay.prove(&content.scan.found);
        opening.base = checkpoint;
        opening.scanned.push(content);
        Fetched::Believed
    }

    /// What is read was perhaps never synced: it is before anybody hears of it. The segment that goes
    /// on to be written stays open.
    fn last_step(&mut self, opening: &mut Opening, out: &mut Vec<Op>) {
        opening.step = Step::Last;
        let mut with_records =
            opening.scanned.iter().filter(|content| !content.scan.found.is_empty());
        let newest = with_records.next().map_or(0, |content| content.number);
        let number = self.active.map_or(newest, |active| active.number);
        let path = self.io.path(name::Kind::Segment, number);
        let file = self.io.new_file();
        let open = OpKind::Open { file, path, create: false };
        match &mut self.active {
            Some(active) => {
                active.file = file;
                if let Some(segment) = self.segments.get_mut(&active.number) {
                    segment.file = Some(file);
                }
                self.ask_opening(opening, [open, OpKind::Sync { file }], out);
            }
            None => {
                let close = OpKind::Close { file };
                self.ask_opening(opening, [open, OpKind::Sync { file }, close], out);
            }
        }
    }
}
