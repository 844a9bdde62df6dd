//! Logs that are opened again and again before what they found is durable.
//!
//! A process that ends after a sync has failed leaves something behind that the next one finds, and that a
//! power loss takes away all the same: no later sync helps. Nobody was promised it, so its loss is no
//! damage.

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
        match draws.below(4) {
            0 => world.skip(&mut draws),
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
    observed.state.next_seq < world.model.now.next_seq
}

#[test]
fn what_was_only_written_and_is_gone_is_no_damage() {
    let lost = seeds(1500).filter(|seed| written(*seed)).count();
    println!("{lost} lost what was written");
    assert!(lost > 0, "nothing was ever lost");
}
