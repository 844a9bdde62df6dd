//! A machine's disk at work: operations that wait, are under way and are done.
//!
//! A drive belongs to the machine and outlives its processes. Operations of one log and one lane wait
//! for each other; all others are under way at the same time. Each takes its time: drawn for its
//! kind from a stream of the drive's own, and longer for its bytes.
//!
//! * A sync covers what had been carried out when it *began*, and that is durable at its *end*; a sync of
//!   a directory is at its beginning. Everything else happens at its end. So a sync beside a write of
//!   another lane says nothing of that write, and power that fails during a sync takes what it covers.
//! * A process that dies takes with it what had not begun. What was under way has happened or has
//!   not, each by itself. What happened stays ([`Disk`]).
//! * While the drive is stalled, nothing comes to its end.

use std::collections::{BTreeMap, VecDeque};

use causeway_store::disk::{Answer, DiskError, Done, FileId, Lane, LogId, Op, OpId, OpKind, Path};

use crate::disk::{Damage, Disk, Faults};
use crate::hash::{hash64, mix};
use crate::plan::{DiskDamage, DiskFault};
use crate::rng::Stream;
use crate::units::SECOND;

/// Nanoseconds for an operation that touches only what the kernel keeps in memory.
const CACHED_NS: u64 = 12_000;

/// Nanoseconds for one that has to wait for the device.
const DEVICE_NS: u64 = 90_000;

/// Bytes that are moved in a second.
const BANDWIDTH: u64 = 1 << 30;

/// One in so many operations takes much longer than usual.
const SELDOM: u64 = 64;

/// Then, at most so many times as long.
const SLOW_TIMES_MAX: u64 = 30;

/// Who looks at the disk from outside: no log of a node has this number.
const INSPECTOR: LogId = LogId(u32::MAX);

/// A machine's disk, and what is asked of it.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) disk: Disk,
    paces: Stream,
    fates: Stream,
    /// In order. The first of each is under way.
    lanes: BTreeMap<(LogId, Lane), VecDeque<Op>>,
    under_way: BTreeMap<u32, (LogId, Lane)>,
    last: u32,
    /// What is wrong with it, and the bytes that it may have in all, by fault.
    wrong: BTreeMap<u32, (DiskFault, Option<u64>)>,
    /// What would have come to its end while it was stalled, in order.
    overdue: Vec<u32>,
}

/// An operation that has begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Begun {
    pub(super) number: u32,
    /// Nanoseconds until its end.
    pub(super) takes: u64,
}

/// An operation that came to its end.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) lane: (LogId, Lane),
    pub(super) done: Done,
    /// Of the operation and of what came of it.
    pub(super) hash: u64,
}

/// A file that was damaged.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Hit {
    pub(super) path: Path,
    /// It cannot be found any more, and it was the last of its directory with anything in it.
    pub(super) vanished: bool,
}

impl Drive {
    pub(super) fn new(seed: u64, node: u64) -> Self {
        Self {
            disk: Disk::new(Stream::new(seed, "disk", &[node])),
            paces: Stream::new(seed, "disk.pace", &[node]),
            fates: Stream::new(seed, "disk.fate", &[node]),
            lanes: BTreeMap::new(),
            under_way: BTreeMap::new(),
            last: 0,
            wrong: BTreeMap::new(),
            overdue: Vec::new(),
        }
    }

    /// Takes an operation. If nothing is before it, it begins.
    pub(super) fn ask(&mut self, op: Op) -> Option<Begun> {
        let key = (op.log, op.lane);
        let lane = self.lanes.entry(key).or_default();
        lane.push_back(op);
        if lane.len() == 1 { self.begin(key) } else { None }
    }

    fn begin(&mut self, key: (LogId, Lane)) -> Option<Begun> {
        let lane = self.lanes.get_mut(&key)?;
        let op = lane.front()?;
        match op.kind {
            OpKind::Sync { .. } | OpKind::SyncDir { .. } => self.disk.sync_begins(op),
            OpKind::Open { .. }
            | OpKind::Close { .. }
            | OpKind::Write { .. }
            | OpKind::Read { .. }
            | OpKind::Truncate { .. }
            | OpKind::Preallocate { .. }
            | OpKind::Rename { .. }
            | OpKind::Remove { .. }
            | OpKind::RemoveDir { .. }
            | OpKind::List { .. } => {}
        }
        let takes = takes_ns(&op.kind, &mut self.paces);
        let takes = self.wrong.values().fold(takes, |takes, (fault, _)| match fault {
            DiskFault::Slow(slow) => slow.takes_ns(takes),
            DiskFault::Errors(_)
            | DiskFault::Misdirected(_)
            | DiskFault::Full { .. }
            | DiskFault::ReadOnly
            | DiskFault::Stall
            | DiskFault::LyingSync
            | DiskFault::Damage { .. } => takes,
        });
        self.last = self.last.wrapping_add(1);
        self.under_way.insert(self.last, key);
        Some(Begun { number: self.last, takes })
    }

    /// An operation comes to its end; `None` if its process is gone, or while the drive is stalled.
    pub(super) fn end(&mut self, number: u32) -> Option<Ended> {
        if self.is_stalled() && self.under_way.contains_key(&number) {
            self.overdue.push(number);
            return None;
        }
        let key = self.under_way.remove(&number)?;
        let lane = self.lanes.get_mut(&key)?;
        let op = lane.front()?;
        let result = self.disk.run(op).0;
        let hash = mix(hash_op(op), hash_result(&result));
        Some(Ended { lane: key, done: Done { log: op.log, id: op.id, result }, hash })
    }

    /// The process has learnt of an end: the next operation of the lane begins.
    pub(super) fn go_on(&mut self, key: (LogId, Lane)) -> Option<Begun> {
        let lane = self.lanes.get_mut(&key)?;
        lane.pop_front();
        if lane.is_empty() {
            self.lanes.remove(&key);
            return None;
        }
        self.begin(key)
    }

    /// The process is gone.
    pub(super) fn end_process(&mut self) {
        self.drop_operations();
        self.disk.end_process();
    }

    /// The power is gone, and with it whatever was not durable.
    pub(super) fn lose_power(&mut self) {
        self.drop_operations();
        self.disk.lose_power();
    }

    fn drop_operations(&mut self) {
        let under_way = std::mem::take(&mut self.under_way);
        for key in under_way.into_values() {
            let happens = self.fates.below(2) == 1;
            let Some(lane) = self.lanes.get(&key) else { continue };
            if let Some(op) = lane.front().filter(|_| happens) {
                let _nobody_asks = self.disk.run(op);
            }
        }
        self.lanes.clear();
        self.overdue.clear();
    }

    fn is_stalled(&self) -> bool {
        self.wrong.values().any(|(fault, _)| matches!(fault, DiskFault::Stall))
    }

    /// Something goes wrong. Damage is done at once; gives the files that it hit.
    pub(super) fn begin_fault(&mut self, number: u32, fault: DiskFault) -> Vec<Hit> {
        if let DiskFault::Damage { what, times } = fault {
            return self.damage(what, times);
        }
        let mut quota = None;
        if let DiskFault::Full { free } = fault {
            quota = Some(self.used().saturating_add(free));
        }
        self.wrong.insert(number, (fault, quota));
        self.disk.faults = self.faults();
        Vec::new()
    }

    /// It goes wrong no more; gives what has come to its end while the drive was stalled.
    pub(super) fn end_fault(&mut self, number: u32) -> Vec<u32> {
        self.wrong.remove(&number);
        self.disk.faults = self.faults();
        if self.is_stalled() { Vec::new() } else { std::mem::take(&mut self.overdue) }
    }

    /// All that is wrong, taken together.
    fn faults(&self) -> Faults {
        let mut all = Faults::default();
        for (fault, quota) in self.wrong.values() {
            match fault {
                DiskFault::Errors(shares) => {
                    all.read_errors_ppm = all.read_errors_ppm.max(shares.reads_ppm);
                    all.write_errors_ppm = all.write_errors_ppm.max(shares.writes_ppm);
                    all.sync_errors_ppm = all.sync_errors_ppm.max(shares.syncs_ppm);
                }
                DiskFault::Misdirected(shares) => {
                    all.misdirected_reads_ppm = all.misdirected_reads_ppm.max(shares.reads_ppm);
                    all.misdirected_writes_ppm = all.misdirected_writes_ppm.max(shares.writes_ppm);
                }
                DiskFault::Full { .. } => {
                    all.quota = Some(all.quota.unwrap_or(u64::MAX).min(quota.unwrap_or(u64::MAX)));
                }
                DiskFault::ReadOnly => all.read_only = true,
                DiskFault::LyingSync => all.syncs_lie = true,
                DiskFault::Slow(_) | DiskFault::Stall | DiskFault::Damage { .. } => {}
            }
        }
        all
    }

    /// Bytes of all files.
    pub(super) fn used(&mut self) -> u64 {
        let files = self.files();
        files.iter().filter_map(|path| self.length(path)).sum()
    }

    /// All files, in order.
    pub(super) fn files(&mut self) -> Vec<Path> {
        let mut files = Vec::new();
        let mut dirs = vec![String::new()];
        while let Some(dir) = dirs.pop() {
            let list = OpKind::List { dir: dir.clone() };
            let Ok(Answer::Names { files: names, dirs: below }) = self.inspect(list) else {
                continue;
            };
            files.extend(names.into_iter().map(|name| Path { dir: dir.clone(), name }));
            let inside = |name| if dir.is_empty() { name } else { format!("{dir}/{name}") };
            dirs.extend(below.into_iter().map(inside));
        }
        files.sort_unstable();
        files
    }

    /// Damages some of the files that a name leads to and that are not empty; says which.
    fn damage(&mut self, what: DiskDamage, times: u64) -> Vec<Hit> {
        let mut files = self.files();
        files.retain(|path| self.length(path) > Some(0));
        let mut hits: Vec<Hit> = Vec::new();
        for _ in 0..times {
            let Some(path) = self.fates.pick(&files).cloned() else { break };
            let vanished = what == DiskDamage::Lost && self.is_last(&path);
            let done = match what {
                DiskDamage::BitRot => self.disk.damage(&path, Damage::BitRot).is_ok(),
                DiskDamage::Stale => self.disk.damage(&path, Damage::StaleSectors).is_ok(),
                DiskDamage::Lost => self.disk.damage(&path, Damage::LostFile).is_ok(),
                DiskDamage::Truncated => self.truncate(&path),
            };
            if done && !hits.iter().any(|hit| hit.path == path) {
                hits.push(Hit { path, vanished });
            }
        }
        hits.sort_unstable();
        hits
    }

    /// Whether a file is the last segment of its directory in which anything is written.
    fn is_last(&mut self, path: &Path) -> bool {
        let mut segments = self.files();
        segments.retain(|other| other.dir == path.dir && other.name.ends_with(".seg"));
        let last = segments.into_iter().rev().find(|segment| self.is_written(segment));
        last.as_ref() == Some(path)
    }

    /// Whether a file holds anything but zeros.
    fn is_written(&mut self, path: &Path) -> bool {
        let Some(len) = self.length(path) else { return false };
        let file = FileId(0);
        let open = OpKind::Open { file, path: path.clone(), create: false };
        let opened = self.inspect(open).is_ok();
        let bytes = self.inspect(OpKind::Read { file, at: 0, len });
        let _it_was_open = self.inspect(OpKind::Close { file });
        opened && matches!(bytes, Ok(Answer::Bytes(bytes)) if bytes.iter().any(|byte| *byte != 0))
    }

    /// Cuts a file off somewhere, durably.
    fn truncate(&mut self, path: &Path) -> bool {
        let file = FileId(0);
        let open = OpKind::Open { file, path: path.clone(), create: false };
        let Ok(Answer::Opened { len }) = self.inspect(open) else { return false };
        let cut = OpKind::Truncate { file, len: self.fates.below(len) };
        let done = self.inspect(cut).is_ok() && self.inspect(OpKind::Sync { file }).is_ok();
        let _it_was_open = self.inspect(OpKind::Close { file });
        done
    }

    fn length(&mut self, path: &Path) -> Option<u64> {
        let file = FileId(0);
        let open = OpKind::Open { file, path: path.clone(), create: false };
        let Ok(Answer::Opened { len }) = self.inspect(open) else { return None };
        let _it_was_open = self.inspect(OpKind::Close { file });
        Some(len)
    }

    /// Does something to the disk from outside, whatever is wrong with it.
    fn inspect(&mut self, kind: OpKind) -> Result<Answer, DiskError> {
        let op = Op { log: INSPECTOR, id: OpId(0), lane: Lane::Read, lone: false, kind };
        let faults = std::mem::take(&mut self.disk.faults);
        let answer = self.disk.run(&op).0;
        self.disk.faults = faults;
        answer
    }
}

/// How long an operation takes on a drive that nothing is wrong with.
fn takes_ns(kind: &OpKind, draws: &mut Stream) -> u64 {
    let (base, bytes) = match kind {
        OpKind::Sync { .. } | OpKind::SyncDir { .. } => (DEVICE_NS, 0),
        OpKind::Read { len, .. } => (DEVICE_NS, *len),
        OpKind::Write { bytes, .. } => {
            (CACHED_NS, bytes.iter().map(|piece| piece.len() as u64).sum())
        }
        OpKind::Preallocate { len, .. } => (CACHED_NS, *len),
        OpKind::Open { .. }
        | OpKind::Close { .. }
        | OpKind::Truncate { .. }
        | OpKind::Rename { .. }
        | OpKind::Remove { .. }
        | OpKind::RemoveDir { .. }
        | OpKind::List { .. } => (CACHED_NS, 0),
    };
    let usual = draws.between(base / 2, base * 2);
    let times = if draws.below(SELDOM) == 0 { draws.between(2, SLOW_TIMES_MAX) } else { 1 };
    let moving = bytes.saturating_mul(SECOND / 1_000_000) / (BANDWIDTH / 1_000_000);
    (usual * times).saturating_add(moving)
}

fn hash_path(path: &Path) -> u64 {
    hash64(hash64(0, path.dir.as_bytes()), path.name.as_bytes())
}

/// All that an operation asks for.
fn hash_op(op: &Op) -> u64 {
    let whole = |number: u64, parts: &[u64]| parts.iter().fold(number, |all, part| mix(all, *part));
    let kind = match &op.kind {
        OpKind::Open { file, path, create } => {
            whole(1, &[file.0.into(), hash_path(path), u64::from(*create)])
        }
        OpKind::Close { file } => whole(2, &[file.0.into()]),
        OpKind::Write { file, at, bytes } => {
            let bytes = bytes.iter().fold(0, |hash, piece| hash64(hash, piece));
            whole(3, &[file.0.into(), *at, bytes])
        }
        OpKind::Read { file, at, len } => whole(4, &[file.0.into(), *at, *len]),
        OpKind::Sync { file } => whole(5, &[file.0.into()]),
        OpKind::SyncDir { dir } => whole(6, &[hash64(0, dir.as_bytes())]),
        OpKind::Truncate { file, len } => whole(7, &[file.0.into(), *len]),
        OpKind::Preallocate { file, len } => whole(8, &[file.0.into(), *len]),
        OpKind::Rename { from, to } => whole(9, &[hash_path(from), hash_path(to)]),
        OpKind::Remove { path } => whole(10, &[hash_path(path)]),
        OpKind::RemoveDir { dir } => whole(11, &[hash64(0, dir.as_bytes())]),
        OpKind::List { dir } => whole(12, &[hash64(0, dir.as_bytes())]),
    };
    mix(mix(u64::from(op.log.0), op.id.0), mix(op.lane as u64, kind))
}

fn hash_result(result: &Result<Answer, DiskError>) -> u64 {
    match result {
        Ok(Answer::Done) => 1,
        Ok(Answer::Opened { len }) => mix(2, *len),
        Ok(Answer::Bytes(bytes)) => hash64(3, bytes),
        Ok(Answer::Names { files, dirs }) => {
            files.iter().chain(dirs).fold(4, |hash, name| hash64(hash, name.as_bytes()))
        }
        Err(error) => mix(5, *error as u64),
    }
}

#[cfg(test)]
mod tests;
