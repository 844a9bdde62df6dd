//! Between a node and its machine's disk.

use causeway_core::Input;
use causeway_store::disk::{Done, Lane, LogId};

use super::Engine;
use super::drive::{Begun, Drive};
use super::waiting::Held;
use crate::hash::hash64;
use crate::ids::NodeId;
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

    pub(super) fn disk_fault_on(&mut self, id: NodeId, fault: u32, what: DiskFault) {
        let Some(drive) = self.drive(id) else { return };
        for path in drive.begin_fault(fault, what) {
            let name = format!("{}/{}", path.dir, path.name);
            self.rec.hash.word(hash64(0, name.as_bytes()));
        }
    }

    pub(super) fn disk_fault_off(&mut self, id: NodeId, fault: u32) {
        let overdue = self.drive(id).map(|drive| drive.end_fault(fault));
        for number in overdue.into_iter().flatten() {
            self.queue.push(self.now, Due::Disk(id, number));
        }
    }
}
