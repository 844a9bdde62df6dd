//! What was promised, and what was not: logs that are opened again and again before what they found is
//! durable, and logs that only write.
//!
//! A process that ends after a sync has failed leaves something behind that the next one finds, and that a
//! power loss takes away all the same: no later sync helps. Nobody was promised it, so its loss is no
//! damage.

use bytes::Bytes;
use causeway_sim::disk::Faults;
use causeway_sim::rng::Stream;
use causeway_store::{Durability, FindingKind, LogConfig};

use crate::model::Observed;
use crate::random::seeds;
use crate::world::{Crashed, Told, World, small_of};

/// Some operations, which may leave a batch half done.
fn some(world: &mut World, draws: &mut Stream) -> Result<(), Crashed> {
    (0..draws.below(30)).try_for_each(|_| world.pump().map(drop))
}

/// What the log shows when it is opened; nothing of it is said to be damaged.
fn look(world: &mut World) -> Observed {
    let observed = world.open().ok().flatten().expect("nothing is wrong with the disk");
    let mut findings = observed.recovery.findings.iter();
    assert!(!findings.any(|finding| finding.kind == FindingKind::Damage), "{observed:?}");
    observed
}

/// A log that stores something durably and not a batch that leaves numbers out, and is ended a few times.
/// Whether messages of that batch were found and lost again.
fn failed_sync(seed: u64) -> bool {
    let _told = Told(format!("seed {seed}"));
    let mut draws = Stream::new(seed, "doubt", &[]);
    let mut world = World::new(seed, small_of(seed));
    world.create(1);
    world.append(&mut draws, 700);
    world.turn();
    assert_eq!(world.settle(), Ok(()));
    world.skip(&mut draws);
    world.append(&mut draws, 700);
    world.disk.faults.sync_errors_ppm = 1_000_000;
    world.turn();
    assert_eq!(world.settle(), Ok(()));
    world.end_process(false);
    world.disk.faults = Faults::default();
    assert_eq!(world.reopen(), Ok(true));
    let (mut most, mut lost) = (world.model.now.next_seq, false);
    for _ in 0..4 {
        assert_eq!(some(&mut world, &mut draws), Ok(()));
        world.end_process(draws.below(2) == 0);
        let observed = look(&mut world);
        lost |= observed.state.next_seq < most;
        most = most.max(observed.state.next_seq);
        world.end_process(false);
        assert_eq!(world.reopen(), Ok(true));
    }
    lost
}

#[test]
fn what_was_in_doubt_and_is_gone_is_no_damage() {
    let lost = seeds(1500).filter(|seed| failed_sync(*seed)).count();
    println!("{lost} found and lost again");
    assert!(lost > 0, "nothing was ever in doubt");
}

/// A log that only writes, until the power fails. Whether that cost messages.
fn written(seed: u64) -> bool {
    let _told = Told(format!("seed {seed}"));
    let mut draws = Stream::new(seed, "written", &[]);
    let config = LogConfig { durability: Durability::Written, ..small_of(seed) };
    let mut world = World::new(seed, config);
    world.create(1);
    for _ in 0..draws.between(2, 40) {
        match draws.below(6) {
            0 => world.skip(&mut draws),
            1 => world.remove(&mut draws),
            2 => world.sync(),
            _ => world.append(&mut draws, 700),
        }
        world.turn();
        assert_eq!(some(&mut world, &mut draws), Ok(()));
        if draws.below(8) == 0 {
            world.end_process(false);
            world.model.now = look(&mut world).state;
        }
    }
    world.end_process(true);
    let observed = look(&mut world);
    // No hole is left in silence.
    for seq in world.model.now.messages.range(..observed.state.next_seq).map(|(seq, _)| seq) {
        let there = observed.state.messages.contains_key(seq);
        assert!(there || observed.lost.contains(seq), "{seq}: {observed:?}");
    }
    observed.state.next_seq < world.model.now.next_seq
}

#[test]
fn what_was_only_written_and_is_gone_is_no_damage() {
    let lost = seeds(1500).filter(|seed| written(*seed)).count();
    println!("{lost} lost what was written");
    assert!(lost > 0, "nothing was ever lost");
}

/// What is in the file of the high-water mark.
fn mark(world: &mut World) -> Option<Bytes> {
    let mark = world.files().into_iter().find(|(name, _)| name.ends_with(".hwm"));
    mark.map(|(_, bytes)| bytes)
}

/// A log that only writes, is synced and written to again, and one bit of what was synced or came behind it
/// flips. How many messages that cost.
fn synced(seed: u64) -> usize {
    let _told = Told(format!("seed {seed}"));
    let mut draws = Stream::new(seed, "synced", &[]);
    let config = LogConfig { durability: Durability::Written, ..small_of(seed) };
    let mut world = World::new(seed, config);
    world.create(1);
    for step in 0..draws.between(3, 30) {
        if step == 2 || draws.below(6) == 0 {
            world.sync();
            assert_eq!(world.settle(), Ok(()));
        }
        (0..draws.between(1, 3)).for_each(|_| world.append(&mut draws, 700));
        world.turn();
        assert_eq!(world.settle(), Ok(()));
    }
    // Perhaps beside a batch in flight, and with the next one before there is an answer.
    if draws.below(2) == 0 {
        world.append(&mut draws, 700);
        world.turn();
    }
    let mut synced = world.log().durable_seq() + 1;
    world.sync();
    for _ in 0..3 {
        (0..draws.between(1, 3)).for_each(|_| world.append(&mut draws, 700));
        world.turn();
        assert_eq!(some(&mut world, &mut draws), Ok(()));
    }
    assert_eq!(world.settle(), Ok(()));
    if draws.below(2) == 0 {
        world.sync();
        assert_eq!(world.settle(), Ok(()));
        synced = world.model.now.next_seq;
    }
    // That it was synced is said by what is written afterwards, to the mark first.
    let known = world.model.now.messages.clone();
    let before = mark(&mut world);
    world.append(&mut draws, 700);
    world.turn();
    while mark(&mut world) == before {
        assert!(world.pump().is_ok_and(|done| done.is_some()));
    }
    if draws.below(2) == 0 {
        assert_eq!(world.settle(), Ok(()));
    }
    world.end_process(false);
    let (mut disk, path) = (world.disk.clone(), world.newest_used());
    let mut costs = 0;
    for _ in 0..20 {
        let observed = world.with_flipped_bit(&mut disk, &path);
        assert!(observed.state.next_seq >= synced, "{observed:?}");
        let missing = |seq: &&u64| !observed.state.messages.contains_key(seq);
        for seq in known.range(..synced).map(|(seq, _)| seq).filter(missing) {
            let told = observed.recovery.findings.iter().any(|finding| {
                let here = finding.lost.as_ref().is_some_and(|lost| lost.contains(seq));
                finding.kind == FindingKind::Damage && here
            });
            assert!(told, "{seq} was synced: {observed:?}");
            costs += 1;
        }
    }
    costs
}

#[test]
fn what_was_synced_and_is_not_right_is_damage() {
    let costs: usize = seeds(100).map(synced).sum();
    println!("{costs} messages");
    assert!(costs > 0, "nothing was ever damaged");
}
