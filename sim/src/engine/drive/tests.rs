//! A drive by itself, and a clock that is a list.

use bytes::Bytes;

use super::*;
use crate::plan::{DiskShares, SlowDisk};
use crate::units::MS;

/// A drive, and what is under way on it by the time of its end.
struct Bench {
    drive: Drive,
    now: u64,
    ends: BTreeMap<(u64, u32), ()>,
    last: u64,
    done: Vec<(u64, Done)>,
}

fn path(name: &str) -> Path {
    Path { dir: "log".to_owned(), name: name.to_owned() }
}

impl Bench {
    fn new(seed: u64) -> Self {
        let drive = Drive::new(seed, 0);
        Self { drive, now: 0, ends: BTreeMap::new(), last: 0, done: Vec::new() }
    }

    fn ask(&mut self, log: u32, lane: Lane, kind: OpKind) -> u64 {
        self.last += 1;
        let op = Op { log: LogId(log), id: OpId(self.last), lane, lone: false, kind };
        let begun = self.drive.ask(op);
        self.begun(begun);
        self.last
    }

    fn begun(&mut self, begun: Option<Begun>) {
        if let Some(Begun { number, takes }) = begun {
            self.ends.insert((self.now + takes, number), ());
        }
    }

    /// Lets time pass up to a moment, or until nothing happens any more.
    fn run(&mut self, until: u64) {
        while let Some(entry) = self.ends.first_entry()
            && entry.key().0 <= until
        {
            let ((at, number), ()) = entry.remove_entry();
            self.now = at;
            if let Some(ended) = self.drive.end(number) {
                self.done.push((at, ended.done));
                let begun = self.drive.go_on(ended.lane);
                self.begun(begun);
            }
        }
        self.now = self.now.max(until.min(u64::MAX / 2));
    }

    fn write(&mut self, file: u32, at: u64, byte: u8) -> u64 {
        let bytes = vec![Bytes::from(vec![byte; 512])];
        self.ask(1, Lane::Commit, OpKind::Write { file: FileId(file), at, bytes })
    }

    fn file(&mut self, file: u32, name: &str) {
        let open = OpKind::Open { file: FileId(file), path: path(name), create: true };
        self.ask(1, Lane::Commit, open);
    }

    fn order(&self) -> Vec<u64> {
        self.done.iter().map(|(_, done)| done.id.0).collect()
    }

    fn content(&mut self, name: &str) -> Vec<u8> {
        let file = FileId(0);
        let open = OpKind::Open { file, path: path(name), create: false };
        if self.drive.inspect(open).is_err() {
            return Vec::new();
        }
        let answer = self.drive.inspect(OpKind::Read { file, at: 0, len: 1 << 20 });
        self.drive.inspect(OpKind::Close { file }).unwrap();
        let Ok(Answer::Bytes(bytes)) = answer else { panic!("{answer:?}") };
        bytes.to_vec()
    }
}

#[test]
fn a_lane_keeps_its_order_and_lanes_do_not_wait_for_each_other() {
    let mut overtaken = false;
    for seed in 0..20 {
        let mut bench = Bench::new(seed);
        bench.file(1, "a");
        let writes: Vec<u64> = (0..10).map(|at| bench.write(1, at * 512, 7)).collect();
        let other = bench.ask(2, Lane::Read, OpKind::List { dir: "log".to_owned() });
        bench.run(u64::MAX);
        let order = bench.order();
        let lane: Vec<u64> = order.iter().copied().filter(|id| *id != other).collect();
        assert_eq!(lane[1..], writes);
        overtaken |= order.last() != Some(&other);
    }
    assert!(overtaken);
}

#[test]
fn equal_seeds_take_equal_times_and_a_slow_disk_takes_longer() {
    let ends = |seed, slow: Option<SlowDisk>| {
        let mut bench = Bench::new(seed);
        slow.map(|slow| bench.drive.begin_fault(3, DiskFault::Slow(slow)));
        bench.file(1, "a");
        for at in 0..50 {
            bench.write(1, at * 512, 7);
        }
        bench.run(u64::MAX);
        bench.done.iter().map(|(at, _)| *at).collect::<Vec<_>>()
    };
    assert_eq!(ends(1, None), ends(1, None));
    assert_ne!(ends(1, None), ends(2, None));
    let slow = ends(1, Some(SlowDisk { base_ns: MS, factor: 3 }));
    let usual = ends(1, None);
    assert_eq!(slow[0], usual[0] * 3 + MS);
    assert!(slow.last() > usual.last().map(|at| at + 50 * MS).as_ref());
}

#[test]
fn a_sync_covers_what_was_there_when_it_began() {
    let mut seen = [false; 2];
    for seed in 0..200 {
        let mut bench = Bench::new(seed);
        bench.file(1, "a");
        bench.ask(1, Lane::Commit, OpKind::SyncDir { dir: "log".to_owned() });
        bench.run(u64::MAX);
        // Both begin at once; the write is over first.
        bench.drive.begin_fault(1, DiskFault::Slow(SlowDisk { base_ns: 0, factor: 1 }));
        bench.ask(1, Lane::Background, OpKind::Sync { file: FileId(1) });
        bench.write(1, 0, 9);
        bench.run(u64::MAX);
        bench.drive.lose_power();
        let kept =
            bench.content("a").iter().all(|byte| *byte == 9) && !bench.content("a").is_empty();
        seen[usize::from(kept)] = true;
    }
    assert_eq!(seen, [true; 2], "the write was beside the sync, so it may be lost");
}

#[test]
fn what_has_not_begun_dies_with_its_process_and_what_is_under_way_may_have_happened() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut bench = Bench::new(seed);
        bench.file(1, "a");
        bench.run(u64::MAX);
        bench.now = 0;
        for at in 0..4 {
            bench.write(1, at * 512, 7);
        }
        bench.drive.end_process();
        let before = bench.done.len();
        bench.run(u64::MAX);
        assert_eq!(bench.done.len(), before, "the dead get no answers");
        lengths.insert(bench.content("a").len());
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 512]);
}

#[test]
fn nothing_comes_back_from_a_stalled_disk_until_it_goes_on() {
    let mut bench = Bench::new(1);
    bench.file(1, "a");
    bench.drive.begin_fault(4, DiskFault::Stall);
    let write = bench.write(1, 0, 7);
    bench.run(MS * 1000);
    assert!(bench.done.is_empty());
    for number in bench.drive.end_fault(4) {
        bench.ends.insert((bench.now, number), ());
    }
    bench.run(u64::MAX);
    assert_eq!(bench.order(), [1, write]);
}

#[test]
fn faults_are_added_up_and_taken_away() {
    let mut bench = Bench::new(1);
    bench.file(1, "a");
    bench.write(1, 0, 7);
    bench.run(u64::MAX);
    let shares = |writes_ppm| DiskShares { writes_ppm, ..DiskShares::default() };
    bench.drive.begin_fault(1, DiskFault::Errors(shares(1_000_000)));
    bench.drive.begin_fault(2, DiskFault::Full { free: 100 });
    bench.drive.begin_fault(3, DiskFault::LyingSync);
    let faults = bench.drive.disk.faults;
    assert_eq!((faults.write_errors_ppm, faults.quota), (1_000_000, Some(612)));
    assert!(faults.syncs_lie);
    bench.write(1, 512, 7);
    bench.drive.end_fault(1);
    bench.run(u64::MAX);
    bench.write(1, 512, 7);
    bench.run(u64::MAX);
    let last = &bench.done.last().unwrap().1;
    assert_eq!(last.result, Err(DiskError::NoSpace));
    for fault in [2, 3] {
        bench.drive.end_fault(fault);
    }
    assert_eq!(bench.drive.disk.faults, Faults::default());
}

#[test]
fn damage_hits_files_and_stays() {
    for what in DiskDamage::ALL {
        let mut bench = Bench::new(5);
        for (number, name) in [(1, "a"), (2, "b"), (3, "empty")] {
            bench.file(number, name);
        }
        for at in 0..4 {
            for byte in [1, 2] {
                bench.write(1, at * 512, byte);
                bench.write(2, at * 512, byte);
            }
        }
        bench.run(u64::MAX);
        let hits = bench.drive.begin_fault(1, DiskFault::Damage { what, times: 20 });
        let hits: Vec<Path> = hits.into_iter().map(|hit| hit.path).collect();
        assert_eq!(hits, [path("a"), path("b")], "{what:?}");
        bench.drive.end_fault(1);
        let good = vec![2; 2048];
        assert_ne!(bench.content("a"), good, "{what:?}");
        assert_ne!(bench.content("b"), good, "{what:?}");
    }
}

#[test]
fn the_last_segment_with_anything_in_it_vanishes() {
    let mut bench = Bench::new(5);
    for (number, name, byte) in [(1, "1.seg", 7), (2, "2.seg", 7), (3, "3.seg", 0), (4, "1.idx", 7)]
    {
        bench.file(number, name);
        bench.write(number, 0, byte);
    }
    bench.run(u64::MAX);
    let lost = DiskFault::Damage { what: DiskDamage::Lost, times: 50 };
    let vanished: Vec<(Path, bool)> =
        bench.drive.begin_fault(1, lost).into_iter().map(|hit| (hit.path, hit.vanished)).collect();
    assert_eq!(vanished.len(), 4, "{vanished:?}");
    assert!(vanished.contains(&(path("2.seg"), true)), "{vanished:?}");
    assert!(vanished.contains(&(path("3.seg"), false)), "{vanished:?}");
    assert!(vanished.contains(&(path("1.idx"), false)), "{vanished:?}");
}

#[test]
fn every_part_of_an_operation_and_of_its_answer_is_in_the_hash() {
    let op = |kind| Op { log: LogId(1), id: OpId(1), lane: Lane::Commit, lone: false, kind };
    let write = |file, at, byte: u8| {
        op(OpKind::Write { file: FileId(file), at, bytes: vec![Bytes::from(vec![byte])] })
    };
    let ops = [
        write(1, 2, 3),
        write(2, 2, 3),
        write(1, 3, 3),
        write(1, 2, 4),
        Op { lane: Lane::Read, ..write(1, 2, 3) },
        Op { log: LogId(2), ..write(1, 2, 3) },
        op(OpKind::Sync { file: FileId(1) }),
        op(OpKind::Close { file: FileId(1) }),
    ];
    let hashes: std::collections::BTreeSet<u64> = ops.iter().map(hash_op).collect();
    assert_eq!(hashes.len(), ops.len());
    let answers = [
        Ok(Answer::Done),
        Ok(Answer::Opened { len: 1 }),
        Ok(Answer::Opened { len: 2 }),
        Ok(Answer::Bytes(Bytes::from_static(b"a"))),
        Err(DiskError::Io),
        Err(DiskError::NoSpace),
    ];
    let hashes: std::collections::BTreeSet<u64> = answers.iter().map(hash_result).collect();
    assert_eq!(hashes.len(), answers.len());
}
