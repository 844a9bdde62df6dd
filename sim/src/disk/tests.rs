//! The disk against a reference that knows two things only: what was synced, and which values each
//! sector has had since.

use std::collections::{BTreeMap, BTreeSet};

use causeway_store::disk::{Lane, OpId};

use super::*;

const LOG: LogId = LogId(1);

fn disk(seed: u64) -> Disk {
    Disk::new(Stream::new(seed, "disk", &[]))
}

fn path(name: &str) -> Path {
    Path { dir: "log".to_owned(), name: name.to_owned() }
}

fn sync_dir() -> OpKind {
    OpKind::SyncDir { dir: "log".to_owned() }
}

/// Does it, and says how long that takes.
fn timed(disk: &mut Disk, kind: OpKind) -> (Result<Answer, DiskError>, Option<u64>) {
    disk.run(&Op { log: LOG, id: OpId(0), lane: Lane::Commit, lone: false, kind })
}

fn run(disk: &mut Disk, kind: OpKind) -> Result<Answer, DiskError> {
    timed(disk, kind).0
}

/// Opens a file, by a number that is not in use.
fn opened(disk: &mut Disk, name: &str, create: bool) -> Result<FileId, DiskError> {
    let file = FileId(disk.open.len() as u32);
    run(disk, OpKind::Open { file, path: path(name), create })?;
    Ok(file)
}

fn content(disk: &mut Disk, name: &str) -> Option<Vec<u8>> {
    let file = opened(disk, name, false).ok()?;
    let answer = run(disk, OpKind::Read { file, at: 0, len: u64::MAX });
    let Ok(Answer::Bytes(bytes)) = answer else { panic!("{answer:?}") };
    Some(bytes.to_vec())
}

fn write(disk: &mut Disk, file: FileId, at: u64, bytes: &[u8]) -> Result<Answer, DiskError> {
    run(disk, OpKind::Write { file, at, bytes: vec![Bytes::copy_from_slice(bytes)] })
}

/// A disk with a file of so many synced sectors of this byte.
fn with_file(seed: u64, sectors: u64, byte: u8) -> (Disk, FileId) {
    let mut disk = disk(seed);
    let file = opened(&mut disk, "a", true).unwrap();
    write(&mut disk, file, 0, &vec![byte; (sectors * SECTOR_BYTES) as usize]).unwrap();
    run(&mut disk, OpKind::Sync { file }).unwrap();
    run(&mut disk, sync_dir()).unwrap();
    (disk, file)
}

/// The values that each byte of a file may have after a power loss, and whether anything may be there.
#[derive(Clone, Default)]
struct Known {
    synced: Vec<u8>,
    /// The content after each change since the last sync.
    since: Vec<Vec<u8>>,
    /// Bytes that a write since the last sync touched: they may be garbage.
    touched: BTreeSet<usize>,
}

impl Known {
    fn now(&self) -> Vec<u8> {
        self.since.last().unwrap_or(&self.synced).clone()
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut next = self.now();
        change(&mut next);
        self.since.push(next);
    }

    fn sync(&mut self) {
        *self = Self { synced: self.now(), ..Self::default() };
    }

    fn allows(&self, found: &[u8]) -> bool {
        let versions = || self.since.iter().chain([&self.synced]);
        let lengths_fit = found.len() >= versions().map(Vec::len).min().unwrap_or(0)
            && found.len() <= versions().map(Vec::len).max().unwrap_or(0);
        let byte_fits = |(at, byte): (usize, &u8)| {
            let had = versions().any(|version| version.get(at).copied().unwrap_or(0) == *byte);
            had || self.touched.contains(&at)
        };
        lengths_fit && found.iter().enumerate().all(byte_fits)
    }
}

/// Does a random thing to the disk and to what is known of it.
fn step(disk: &mut Disk, known: &mut BTreeMap<&'static str, Known>, draws: &mut Stream) {
    let name = *draws.pick(&["a", "b", "c"]).unwrap();
    let file = opened(disk, name, true).unwrap();
    let known = known.entry(name).or_default();
    let (at, len) = (draws.below(3_000), draws.between(1, 3_000));
    match draws.below(8) {
        0..4 => {
            let byte = draws.next() as u8;
            let bytes = vec![byte; len as usize];
            write(disk, file, at, &bytes).unwrap();
            let (begin, end) = (at as usize, (at + len) as usize);
            known.change(|content| {
                content.resize(content.len().max(end), 0);
                content[begin..end].fill(byte);
            });
            known.touched.extend(begin..end);
        }
        4 => {
            run(disk, OpKind::Truncate { file, len }).unwrap();
            known.change(|content| content.resize(len as usize, 0));
        }
        5 => {
            run(disk, OpKind::Preallocate { file, len }).unwrap();
            known.change(|content| content.resize(content.len().max(len as usize), 0));
        }
        _ => {
            run(disk, OpKind::Sync { file }).unwrap();
            known.sync();
        }
    }
}

#[test]
fn without_a_fault_it_is_read_as_it_was_written() {
    for seed in 0..50 {
        let (mut disk, mut known) = (disk(seed), BTreeMap::new());
        let mut draws = Stream::new(seed, "steps", &[]);
        for _ in 0..100 {
            step(&mut disk, &mut known, &mut draws);
            for (name, known) in &known {
                assert_eq!(content(&mut disk, name), Some(known.now()), "seed {seed}, {name}");
            }
        }
    }
}

#[test]
fn what_was_synced_survives_and_what_was_not_is_one_of_what_it_may_be() {
    for seed in 0..400 {
        let (mut disk, mut known) = (disk(seed), BTreeMap::new());
        let mut draws = Stream::new(seed, "steps", &[]);
        for _ in 0..4 {
            for _ in 0..draws.between(1, 30) {
                step(&mut disk, &mut known, &mut draws);
            }
            run(&mut disk, sync_dir()).unwrap();
            disk.lose_power();
            for (name, known) in &mut known {
                let found = content(&mut disk, name).expect("its name was synced");
                if known.since.is_empty() {
                    assert_eq!(found, known.synced, "seed {seed}, {name}");
                }
                assert!(known.allows(&found), "seed {seed}, {name}");
                *known = Known { synced: found, ..Known::default() };
            }
        }
    }
}

#[test]
fn every_outcome_of_unsynced_writes_is_reached() {
    let sector = SECTOR_BYTES as usize;
    let mut seen = BTreeSet::new();
    for seed in 0..60_000 {
        let (mut disk, file) = with_file(seed, 4, b'o');
        write(&mut disk, file, 0, &vec![b'x'; 2 * sector]).unwrap();
        write(&mut disk, file, 2 * SECTOR_BYTES, &vec![b'y'; 2 * sector]).unwrap();
        disk.lose_power();
        let found = content(&mut disk, "a").unwrap();
        let word: String = found
            .chunks(sector)
            .map(|sector| match sector {
                [first @ (b'o' | b'x' | b'y'), rest @ ..] if rest.iter().all(|b| b == first) => {
                    char::from(*first)
                }
                _ => '?',
            })
            .collect();
        seen.insert(word);
    }
    // Each write is kept, dropped, torn either way, or garbage; the second does not need the first.
    let one = |written: char| {
        let w = written;
        [format!("{w}{w}"), "oo".to_owned(), format!("{w}o"), format!("o{w}"), "??".to_owned()]
    };
    for first in one('x') {
        for second in one('y') {
            assert!(seen.contains(&format!("{first}{second}")), "{first}{second} of {seen:?}");
        }
    }
    assert_eq!(seen.len(), 25, "{seen:?}");
}

#[test]
fn what_turns_up_after_a_power_loss_may_be_of_another_file_or_of_one_that_is_no_more() {
    let turns_up = |seed, removed| {
        let (mut disk, _) = with_file(seed, 4, b'o');
        if removed {
            run(&mut disk, OpKind::Remove { path: path("a") }).unwrap();
            disk.end_process();
        }
        let new = opened(&mut disk, "new", true).unwrap();
        run(&mut disk, sync_dir()).unwrap();
        write(&mut disk, new, 0, &[b'x'; 512]).unwrap();
        disk.lose_power();
        content(&mut disk, "new").unwrap() == [b'o'; 512]
    };
    for removed in [true, false] {
        assert!((0..100).any(|seed| turns_up(seed, removed)), "{removed}");
    }
}

#[test]
fn files_are_torn_at_sectors_up_to_four_kibibytes() {
    let mut pieces = BTreeSet::new();
    for seed in 0..400 {
        let (mut disk, file) = with_file(seed, 16, b'o');
        write(&mut disk, file, 0, &[b'x'; 16 * 512]).unwrap();
        disk.lose_power();
        let found = content(&mut disk, "a").unwrap();
        let borders = (1..found.len()).filter(|at| found[at - 1] != found[*at]);
        if found.iter().all(|byte| matches!(byte, b'o' | b'x')) {
            pieces.extend(borders.map(|at| (at as u64 & (at as u64).wrapping_neg()).min(4096)));
        }
    }
    assert_eq!(pieces, BTreeSet::from([512, 1024, 2048, 4096]));
}

#[test]
fn names_and_contents_are_durable_by_themselves() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let (mut disk, _) = with_file(seed, 1, b'o');
        let new = opened(&mut disk, "new", true).unwrap();
        write(&mut disk, new, 0, b"content").unwrap();
        if seed % 2 == 0 {
            run(&mut disk, OpKind::Sync { file: new }).unwrap();
        }
        run(&mut disk, OpKind::Remove { path: path("a") }).unwrap();
        assert_eq!(content(&mut disk, "a"), None);
        disk.lose_power();
        let old = content(&mut disk, "a").is_some();
        let new = content(&mut disk, "new");
        if seed % 2 == 0 {
            assert!(new.as_deref().is_none_or(|new| new == b"content"), "it was synced");
        }
        seen.insert((old, new.map(|new| if new == b"content" { "whole" } else { "not" })));
    }
    for old in [true, false] {
        for new in [None, Some("whole"), Some("not")] {
            assert!(seen.contains(&(old, new)), "{old} {new:?} of {seen:?}");
        }
    }
}

#[test]
fn a_rename_happens_or_not_but_into_another_directory_it_may_happen_by_half() {
    let elsewhere = Path { dir: "old".to_owned(), name: "a".to_owned() };
    let (mut same, mut other) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..200 {
        let (mut disk, _) = with_file(seed, 1, b'n');
        let rename = OpKind::Rename { from: path("a"), to: path("b") };
        run(&mut disk, rename).unwrap();
        assert_eq!((content(&mut disk, "a"), content(&mut disk, "b").is_some()), (None, true));
        disk.lose_power();
        same.insert((content(&mut disk, "a").is_some(), content(&mut disk, "b").is_some()));

        let (mut disk, _) = with_file(seed, 1, b'n');
        run(&mut disk, OpKind::Rename { from: path("a"), to: elsewhere.clone() }).unwrap();
        disk.lose_power();
        let there = run(
            &mut disk,
            OpKind::Open { file: FileId(99), path: elsewhere.clone(), create: false },
        )
        .is_ok();
        other.insert((content(&mut disk, "a").is_some(), there));
    }
    assert_eq!(same, BTreeSet::from([(true, false), (false, true)]));
    assert_eq!(other.len(), 4, "{other:?}");
}

#[test]
fn after_a_sync_that_failed_no_later_one_helps() {
    let mut survived = BTreeSet::new();
    for seed in 0..100 {
        let (mut disk, file) = with_file(seed, 1, b'o');
        write(&mut disk, file, 0, &[b'x'; 512]).unwrap();
        disk.faults.sync_errors_ppm = 1_000_000;
        assert_eq!(run(&mut disk, OpKind::Sync { file }), Err(DiskError::Io));
        disk.faults.sync_errors_ppm = 0;
        assert_eq!(run(&mut disk, OpKind::Sync { file }), Ok(Answer::Done), "it says so");
        assert_eq!(content(&mut disk, "a").unwrap(), [b'x'; 512], "and it is read");
        disk.lose_power();
        survived.insert(content(&mut disk, "a").unwrap()[0]);
    }
    assert_eq!(survived, BTreeSet::from([b'o', b'x']));
}

#[test]
fn a_sync_that_lies_does_nothing_and_an_honest_one_makes_it_good() {
    let lost = |honest: bool| {
        let after = |seed| {
            let (mut disk, file) = with_file(seed, 1, b'o');
            disk.faults.syncs_lie = true;
            write(&mut disk, file, 0, &[b'x'; 512]).unwrap();
            run(&mut disk, OpKind::Sync { file }).unwrap();
            disk.faults.syncs_lie = false;
            if honest {
                run(&mut disk, OpKind::Sync { file }).unwrap();
            }
            disk.lose_power();
            content(&mut disk, "a").unwrap() != [b'x'; 512]
        };
        (0..100).filter(|seed| after(*seed)).count()
    };
    assert_eq!(lost(true), 0);
    assert!(lost(false) > 40);
}

#[test]
fn a_full_disk_takes_what_fits_and_takes_more_when_there_is_room() {
    let (mut disk, file) = with_file(1, 2, b'o');
    disk.faults.quota = Some(1_500);
    assert_eq!(write(&mut disk, file, 1_024, &[b'x'; 1_000]), Err(DiskError::NoSpace));
    let found = content(&mut disk, "a").unwrap();
    assert_eq!((found.len(), found[1_499]), (1_500, b'x'), "the part for which there was room");
    assert_eq!(write(&mut disk, file, 0, &[b'y'; 10]), Ok(Answer::Done), "nothing grows");
    assert_eq!(run(&mut disk, OpKind::Preallocate { file, len: 1_501 }), Err(DiskError::NoSpace));
    run(&mut disk, OpKind::Truncate { file, len: 100 }).unwrap();
    assert_eq!(write(&mut disk, file, 100, &[b'z'; 1_400]), Ok(Answer::Done));
}

#[test]
fn errors_are_told_and_change_nothing() {
    let (mut disk, file) = with_file(1, 1, b'o');
    disk.faults =
        Faults { read_errors_ppm: 1_000_000, write_errors_ppm: 1_000_000, ..Faults::default() };
    assert_eq!(write(&mut disk, file, 0, b"x"), Err(DiskError::Io));
    assert_eq!(run(&mut disk, OpKind::Truncate { file, len: 0 }), Err(DiskError::Io));
    assert_eq!(run(&mut disk, OpKind::Read { file, at: 0, len: 1 }), Err(DiskError::Io));
    disk.faults = Faults { read_only: true, ..Faults::default() };
    for op in [
        OpKind::Write { file, at: 0, bytes: vec![Bytes::from_static(b"x")] },
        OpKind::Sync { file },
        OpKind::Remove { path: path("a") },
        OpKind::Open { file: FileId(99), path: path("b"), create: true },
    ] {
        assert_eq!(run(&mut disk, op), Err(DiskError::ReadOnly));
    }
    disk.lift();
    assert_eq!(content(&mut disk, "a").unwrap(), [b'o'; 512]);
    assert_eq!(opened(&mut disk, "b", false), Err(DiskError::NotFound));
}

#[test]
fn damage_is_read_until_it_is_lifted_or_written_over() {
    let versions = |seed| {
        let (mut disk, file) = with_file(seed, 4, b'o');
        write(&mut disk, file, 0, &[b'n'; 2048]).unwrap();
        run(&mut disk, OpKind::Sync { file }).unwrap();
        (disk, file)
    };
    for seed in 0..50 {
        let (mut disk, file) = versions(seed);
        disk.damage(&path("a"), Damage::BitRot).unwrap();
        let found = content(&mut disk, "a").unwrap();
        let wrong: Vec<&u8> = found.iter().filter(|byte| **byte != b'n').collect();
        assert!(wrong.len() == 1 && (wrong[0] ^ b'n').is_power_of_two());
        let mut repaired = disk.clone();
        repaired.lift();
        assert_eq!(content(&mut repaired, "a").unwrap(), [b'n'; 2048]);
        write(&mut disk, file, 0, &[b'm'; 2048]).unwrap();
        assert_eq!(content(&mut disk, "a").unwrap(), [b'm'; 2048]);
    }
    let (mut disk, _) = versions(3);
    disk.damage(&path("a"), Damage::StaleSectors).unwrap();
    let found = content(&mut disk, "a").unwrap();
    assert!(found.contains(&b'o') && found.iter().all(|byte| matches!(byte, b'o' | b'n')));
    disk.damage(&path("a"), Damage::LostFile).unwrap();
    assert_eq!(content(&mut disk, "a"), None);
    assert_eq!(
        run(&mut disk, OpKind::List { dir: "log".to_owned() }),
        Ok(Answer::Names { files: vec![], dirs: vec![] })
    );
    disk.lift();
    assert_eq!(content(&mut disk, "a").unwrap(), [b'n'; 2048]);
}

#[test]
fn writes_and_reads_go_astray() {
    let (mut strayed, mut misread) = (0, 0);
    for seed in 0..50 {
        let (mut disk, file) = with_file(seed, 8, b'o');
        disk.faults.misdirected_writes_ppm = 1_000_000;
        write(&mut disk, file, 0, &[b'x'; 512]).unwrap();
        disk.faults.misdirected_writes_ppm = 0;
        let found = content(&mut disk, "a").unwrap();
        strayed += usize::from(found[0] == b'o' && found[512..].contains(&b'x'));
        disk.lift();
        assert_eq!(content(&mut disk, "a").unwrap()[0], b'x', "what should be there is known");
        disk.faults.misdirected_reads_ppm = 1_000_000;
        misread += usize::from(content(&mut disk, "a").unwrap().first() == Some(&b'o'));
    }
    assert!(strayed > 35 && misread > 35, "{strayed} {misread}");
}

#[test]
fn a_new_disk_holds_nothing_and_a_slow_one_takes_time() {
    let (mut disk, file) = with_file(1, 2, b'o');
    disk.faults.pace = Pace { base_ns: 10, bandwidth: 1_000_000_000, stalled: false };
    let read = OpKind::Read { file, at: 0, len: 500 };
    assert_eq!(timed(&mut disk, read.clone()).1, Some(510));
    write(&mut disk, file, 0, &[b'x'; 700]).unwrap();
    assert_eq!(timed(&mut disk, OpKind::Sync { file }).1, Some(710), "what waits is written now");
    assert_eq!(timed(&mut disk, OpKind::Sync { file }).1, Some(10));
    disk.faults.pace.stalled = true;
    assert_eq!(timed(&mut disk, read.clone()).1, None);
    disk.wipe();
    disk.lift();
    assert_eq!(content(&mut disk, "a"), None);
    assert_eq!(run(&mut disk, read), Err(DiskError::NotFound));
}

#[test]
fn directories_are_there_while_names_are_in_them_and_files_while_they_are_open() {
    let (mut disk, file) = with_file(1, 1, b'o');
    let inside = Path { dir: "log/sub/deep".to_owned(), name: "c".to_owned() };
    run(&mut disk, OpKind::Open { file: FileId(7), path: inside.clone(), create: true }).unwrap();
    let names = |files: &[&str], dirs: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Ok(Answer::Names { files: owned(files), dirs: owned(dirs) })
    };
    let list = |dir: &str| OpKind::List { dir: dir.to_owned() };
    assert_eq!(run(&mut disk, list("log")), names(&["a"], &["sub"]));
    assert_eq!(run(&mut disk, list("")), names(&[], &["log"]));
    let gone = OpKind::RemoveDir { dir: inside.dir.clone() };
    assert_eq!(run(&mut disk, gone.clone()), Err(DiskError::Io), "there is something in it");
    run(&mut disk, OpKind::Remove { path: inside }).unwrap();
    assert_eq!(run(&mut disk, gone), Ok(Answer::Done));
    assert_eq!(run(&mut disk, list("log")), names(&["a"], &[]));
    run(&mut disk, OpKind::Remove { path: path("a") }).unwrap();
    run(&mut disk, sync_dir()).unwrap();
    let read = OpKind::Read { file, at: 0, len: 1 };
    assert_eq!(run(&mut disk, read.clone()), Ok(Answer::Bytes(Bytes::from_static(b"o"))));
    run(&mut disk, OpKind::Close { file }).unwrap();
    assert_eq!(run(&mut disk, read), Err(DiskError::NotFound));
    disk.faults.most_open = Some(1);
    let open = |file| OpKind::Open { file: FileId(file), path: path("d"), create: true };
    run(&mut disk, OpKind::Close { file: FileId(7) }).unwrap();
    assert!(run(&mut disk, open(1)).is_ok());
    assert_eq!(run(&mut disk, open(2)), Err(DiskError::TooManyFiles));
    disk.end_process();
    assert!(run(&mut disk, open(1)).is_ok());
}

#[test]
fn a_name_that_was_made_and_taken_away_may_come_back_with_its_content() {
    let mut found = BTreeSet::new();
    for seed in 0..50 {
        let (mut disk, _) = with_file(seed, 1, b'o');
        let file = opened(&mut disk, "new", true).unwrap();
        write(&mut disk, file, 0, b"x").unwrap();
        run(&mut disk, OpKind::Sync { file }).unwrap();
        run(&mut disk, OpKind::Close { file }).unwrap();
        run(&mut disk, OpKind::Remove { path: path("new") }).unwrap();
        disk.lose_power();
        found.insert(content(&mut disk, "new"));
    }
    assert_eq!(found, BTreeSet::from([None, Some(b"x".to_vec())]));
}

#[test]
fn what_is_written_into_a_damaged_sector_is_read() {
    let (mut disk, file) = with_file(1, 2, b'o');
    for _ in 0..20 {
        disk.damage(&path("a"), Damage::BitRot).unwrap();
    }
    write(&mut disk, file, 200, &[b'x'; 600]).unwrap();
    let found = content(&mut disk, "a").unwrap();
    assert!(found[200..800].iter().all(|byte| *byte == b'x'));
    assert!(found[..200].iter().chain(&found[800..]).any(|byte| *byte != b'o'));
}

#[test]
fn a_sync_covers_what_was_there_when_it_began_and_only_when_it_has_ended() {
    let lost = |ended: bool, later: bool| {
        let after = |seed| {
            let (mut disk, file) = with_file(seed, 1, b'o');
            let kind = OpKind::Sync { file };
            let sync = Op { log: LOG, id: OpId(7), lane: Lane::Commit, lone: false, kind };
            if !later {
                write(&mut disk, file, 0, &[b'x'; 512]).unwrap();
            }
            disk.sync_begins(&sync);
            if later {
                write(&mut disk, file, 0, &[b'x'; 512]).unwrap();
            }
            if ended {
                assert_eq!(disk.run(&sync).0, Ok(Answer::Done));
            }
            disk.lose_power();
            content(&mut disk, "a").unwrap() != [b'x'; 512]
        };
        (0..100).filter(|seed| after(*seed)).count()
    };
    assert_eq!(lost(true, false), 0);
    assert!(lost(false, false) > 40 && lost(true, true) > 40);
}

#[test]
fn a_sync_of_a_directory_covers_the_names_there_were_when_it_began_and_only_when_it_has_ended() {
    let lost = |ended: bool, later: bool| {
        let after = |seed| {
            let (mut disk, _) = with_file(seed, 1, b'o');
            let kind = OpKind::SyncDir { dir: "log".to_owned() };
            let sync = Op { log: LOG, id: OpId(7), lane: Lane::Commit, lone: false, kind };
            let create = OpKind::Open { file: FileId(77), path: path("new"), create: true };
            if !later {
                run(&mut disk, create.clone()).unwrap();
            }
            disk.sync_begins(&sync);
            if later {
                run(&mut disk, create).unwrap();
            }
            if ended {
                assert_eq!(disk.run(&sync).0, Ok(Answer::Done));
            }
            disk.lose_power();
            content(&mut disk, "new").is_none()
        };
        (0..100).filter(|seed| after(*seed)).count()
    };
    assert_eq!(lost(true, false), 0);
    assert!(lost(false, false) > 30 && lost(true, true) > 30);
}
