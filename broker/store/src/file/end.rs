//! The end of a log's use, and the end of a log.

use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::record::{Batch, Kind, Place};
use super::tidy::Job;
use super::{FileLog, For, Phase, error_of, name};
use crate::disk::{Answer, DiskError, Lane, Op, OpKind};
use crate::index::Index;
use crate::log::Progress;
use crate::notes::Notes;

/// How the log ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// What was done is written, then that it was closed.
    Closing { notes: Vec<(Vec<u8>, Vec<u8>)>, said: bool },
    /// Its files are removed.
    Destroying { step: Destroying, left: u32, failed: bool, names: Vec<String> },
}

/// How far destroying is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Destroying {
    /// What is under way comes to its end.
    Settle,
    List,
    /// One file gets the name that says it all. That takes no room, and is there or not.
    Mark,
    Remove,
    /// The mark goes last.
    Unmark,
}

/// Notes that were kept for a checkpoint while closing.
struct Kept<'a>(&'a [(Vec<u8>, Vec<u8>)]);

impl Notes for Kept<'_> {
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(key, content)| put(key, content));
    }
}

impl FileLog {
    pub(crate) fn close(&mut self, index: &mut Index, notes: &mut dyn Notes, out: &mut Vec<Op>) {
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        let mut kept = Vec::new();
        // Whatever is to be written yet may need a checkpoint.
        notes.each(&mut |key, content| kept.push((key.to_vec(), content.to_vec())));
        // What is done ahead or afterwards can wait for the next time.
        self.wants_checkpoint &= self.active.is_none();
        self.jobs.retain(Job::is_for_room);
        self.phase = Phase::Ending(Ending::Closing { notes: kept, said: false });
        self.go_on_ending(index, &mut Progress::default(), out);
    }

    pub(crate) fn destroy(&mut self, index: &mut Index, out: &mut Vec<Op>) {
        self.jobs.clear();
        self.close_files(out);
        let ending = Ending::Destroying {
            step: Destroying::Settle,
            left: 0,
            failed: false,
            names: Vec::new(),
        };
        self.phase = Phase::Ending(ending);
        self.go_on_ending(index, &mut Progress::default(), out);
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Does the next thing, if the log ends and nothing is missing for that.
    pub(super) fn go_on_ending(
        &mut self,
        index: &mut Index,
        progress: &mut Progress,
        out: &mut Vec<Op>,
    ) {
        let Phase::Ending(ending) = &mut self.phase else { return };
        match ending {
            Ending::Closing { notes, said } => {
                let (notes, said) = (core::mem::take(notes), *said);
                self.go_on_closing(index, notes, said, out);
            }
            Ending::Destroying { left, .. } if *left > 0 => {}
            Ending::Destroying { .. } => self.go_on_destroying(out),
        }
        progress.closed = matches!(self.phase, Phase::Ended);
    }

    fn go_on_closing(
        &mut self,
        index: &mut Index,
        notes: Vec<(Vec<u8>, Vec<u8>)>,
        mut said: bool,
        out: &mut Vec<Op>,
    ) {
        // A log that failed is left as it is: nothing more can be said of it.
        let failed = self.failure.is_some();
        if !failed && !said && self.flight.is_none() {
            self.commit(index, &mut Kept(&notes), out);
            if self.flight.is_none() && self.pending.is_empty() && !self.wants_checkpoint {
                self.say_closed(index, out);
                said = true;
            }
        }
        let written = said && self.flight.is_none();
        let idle = self.flight.is_none() && self.running.is_none();
        if idle && (written || failed) {
            self.close_files(out);
            self.phase = Phase::Ended;
        } else {
            self.phase = Phase::Ending(Ending::Closing { notes, said });
        }
    }

    fn close_files(&mut self, out: &mut Vec<Op>) {
        let segments = self.segments.values_mut().filter_map(|segment| segment.file.take());
        let files: Vec<_> = segments.chain(self.ready.take().map(|ready| ready.file)).collect();
        for file in files {
            self.close_file(Some(file), out);
        }
        self.close_high_water(out);
    }

    /// Writes that the log was closed. Without a segment to write it in, there is nothing to say.
    fn say_closed(&mut self, index: &Index, out: &mut Vec<Op>) {
        let Some(active) = self.active else { return };
        let batch = Batch {
            number: self.batch + 1,
            next_seq: index.next_seq(),
            time: index.last_time(),
            flags: self.lazy(),
        };
        let (identity, segment, at) = (self.io.identity, active.number, active.used);
        let mut pieces = vec![self.bodies.record(Kind::Close, &[])];
        let place = Place { identity, segment, at };
        self.chain = super::pending::bind(&mut pieces, batch, place, self.chain, |_, _| {});
        self.batch = batch.number;
        self.launch(&active, pieces, batch.next_seq, None, true, true, out);
    }

    fn go_on_destroying(&mut self, out: &mut Vec<Op>) {
        let idle = self.flight.is_none() && self.running.is_none();
        let dir = self.io.dir.clone();
        let path = |name: &str| self.io.named(name.to_string());
        let Phase::Ending(Ending::Destroying { step, failed, names, .. }) = &mut self.phase else {
            return;
        };
        let failed = core::mem::take(failed);
        let (next, ops) = match *step {
            Destroying::Settle if !idle => return,
            Destroying::Settle => (Some(Destroying::List), vec![OpKind::List { dir }]),
            _ if failed => {
                // It can be tried again, also after a start.
                self.fail();
                self.phase = Phase::Open;
                return;
            }
            Destroying::List => {
                let marked = names.iter().any(|name| name == name::DESTROYED);
                let mark = names
                    .first()
                    .filter(|_| !marked)
                    .map(|first| OpKind::Rename { from: path(first), to: path(name::DESTROYED) });
                let sync = OpKind::SyncDir { dir };
                (Some(Destroying::Mark), mark.into_iter().chain([sync]).collect())
            }
            Destroying::Mark => {
                let others = names.iter().filter(|name| *name != name::DESTROYED);
                let removed_by_renaming = !names.iter().any(|name| name == name::DESTROYED);
                let remove = |name: &String| OpKind::Remove { path: path(name) };
                let ops = others.skip(usize::from(removed_by_renaming)).map(remove);
                (Some(Destroying::Remove), ops.chain([OpKind::SyncDir { dir }]).collect())
            }
            Destroying::Remove => {
                let mark = OpKind::Remove { path: path(name::DESTROYED) };
                let mark = (!names.is_empty()).then_some(mark);
                let ops = mark.into_iter().chain([OpKind::SyncDir { dir: dir.clone() }]);
                (Some(Destroying::Unmark), ops.chain([OpKind::RemoveDir { dir }]).collect())
            }
            Destroying::Unmark => (None, Vec::new()),
        };
        let Some(next) = next else {
            self.phase = Phase::Ended;
            return;
        };
        if let Phase::Ending(Ending::Destroying { step, left, .. }) = &mut self.phase {
            (*step, *left) = (next, ops.len() as u32);
        }
        for kind in ops {
            self.io.ask(Lane::Background, For::Job, kind, out);
        }
    }

    /// An operation of destroying was answered.
    pub(super) fn ending_job_done(&mut self, result: &Result<Answer, DiskError>) {
        let Phase::Ending(Ending::Destroying { left, failed, names, .. }) = &mut self.phase else {
            return;
        };
        *left = left.saturating_sub(1);
        *failed |= error_of(result).is_some();
        if let Ok(Answer::Names { files, .. }) = result {
            names.clone_from(files);
        }
    }
}
