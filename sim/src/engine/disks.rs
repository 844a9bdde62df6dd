//! Between a node and its machine's disk.

use causeway_core::Input;
use causeway_store::disk::{Done, Lane, LogId};
use causeway_store::{Finding, FindingKind};

use super::Engine;
use super::drive::{Begun, Drive, Hit};
use super::waiting::Held;
use crate::hash::hash64;
use crate::history::{Kind, StreamEvent};
use crate::ids::{NodeId, StreamNo};
use crate::plan::DiskFault;
use crate::queue::Due;

impl Engine<'_> {
    /// Hands over what a node asks of its disk.
    pub(super) fn ask_disk(&mut self, id: NodeId) {
        let mut ops = std::mem::take(&mut self.fx.disk);
        for op in ops.drain(..) {
            let drive = self.drive(id).expect("a node without streams asks nothing of a disk");
            let begun = drive.ask(op);
            self.schedule_disk(id, begun);
        }
        self.fx.disk = ops;
    }

    fn drive(&mut self, id: NodeId) -> Option<&mut Drive> {
        self.hosts[usize::from(id.0)].drive.as_deref_mut()
    }

    fn schedule_disk(&mut self, id: NodeId, begun: Option<Begun>) {
        if let Some(Begun { number, takes }) = begun {
            self.queue.push(self.now.saturating_add(takes), Due::Disk(id, number));
        }
    }

    /// An operation comes to its end. The disk does it now, whenever the process takes the answer.
    pub(super) fn disk_ends(&mut self, id: NodeId, number: u32) {
        let Some(ended) = self.drive(id).and_then(|drive| drive.end(number)) else { return };
        self.rec.hash.word(ended.hash);
        if self.is_occupied(id) {
            self.wait(id, Held::Disk(ended.lane, ended.done));
        } else {
            self.disk_answers(id, ended.lane, ended.done);
        }
    }

    /// The process takes an answer, and its next operation of the same lane begins.
    pub(super) fn disk_answers(&mut self, id: NodeId, lane: (LogId, Lane), done: Done) {
        let begun = self.drive(id).and_then(|drive| drive.go_on(lane));
        self.schedule_disk(id, begun);
        self.feed(id, Input::Disk(done));
    }

    /// The stream that has its files in a directory.
    fn stream_in(&self, dir: &str) -> Option<StreamNo> {
        let name = dir.rsplit('/').next().unwrap_or(dir);
        let at = self.plan.streams.iter().position(|stream| stream.name == name)?;
        u16::try_from(at).ok().map(StreamNo)
    }

    /// A node says that something is wrong with what it has of a stream.
    pub(super) fn stream_damaged(&mut self, dir: &str, finding: Option<&Finding>) {
        let Some(stream) = self.stream_in(dir) else { return };
        let (what, lost) = match finding {
            Some(finding) => (finding_name(finding.kind), finding.lost.clone()),
            None => ("unknown", Some(0..=u64::MAX)),
        };
        let (first, last) = lost.map_or((1, 0), |lost| (*lost.start(), *lost.end()));
        let what = self.rec.intern(what);
        let event = StreamEvent::Damaged { stream, what, first, last };
        self.rec.event(Kind::Stream(Box::new(event)));
    }

    pub(super) fn disk_fault_on(&mut self, id: NodeId, fault: u32, what: DiskFault) {
        let Some(drive) = self.drive(id) else { return };
        let hits = drive.begin_fault(fault, what);
        for Hit { path, vanished } in hits {
            let name = format!("{}/{}", path.dir, path.name);
            self.rec.hash.word(hash64(0, name.as_bytes()));
            if let Some(stream) = self.stream_in(&path.dir).filter(|_| vanished) {
                self.rec.event(Kind::Stream(Box::new(StreamEvent::Vanished { stream })));
            }
        }
    }

    pub(super) fn disk_fault_off(&mut self, id: NodeId, fault: u32) {
        let overdue = self.drive(id).map(|drive| drive.end_fault(fault));
        for number in overdue.into_iter().flatten() {
            self.queue.push(self.now, Due::Disk(id, number));
        }
    }
}

/// What a log has found when it was opened, as histories name it.
const fn finding_name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::TornTail => "torn_tail",
        FindingKind::Damage => "damage",
        FindingKind::MissingFile => "missing_file",
        FindingKind::DamagedCheckpoint => "damaged_checkpoint",
    }
}
