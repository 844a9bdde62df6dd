//! Random workloads, orders, faults and damage.

use causeway_sim::disk::{Damage, Faults};
use causeway_sim::rng::Stream;
use causeway_store::Failure;
use causeway_store::disk::{Answer, Lane, LogId, Op, OpId, OpKind, Path};

use crate::world::{CrashPoint, Crashed, DIR, Told, World, small, small_of};

/// The seeds of a test.
pub(crate) fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("STORE_SEED").unwrap_or(0);
    first..first + number("STORE_SEEDS").unwrap_or(default)
}

/// What may go wrong in a run, beside that everything may end at any time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Profile {
    /// Operations fail.
    errors: bool,
    /// There is not always room.
    room: bool,
    /// What was written is damaged.
    damage: bool,
}

pub(crate) fn step(world: &mut World, draws: &mut Stream, profile: Profile) -> Result<(), Crashed> {
    match draws.below(24) {
        0..3 => world.remove(draws),
        3..6 => world.note(draws),
        6 => world.trim(draws),
        7 => world.skip(draws),
        8 => world.log().keep_whole(),
        9 => world.settle()?,
        10 => {
            let next = world.log().next_seq();
            let seq = draws.below(next + 1);
            world.read(seq)?;
        }
        11 => world.retry(),
        12 if profile.errors => {
            let share = |draws: &mut Stream| draws.below(3) as u32 / 2 * 100_000;
            world.disk.faults = Faults {
                read_errors_ppm: share(draws),
                write_errors_ppm: share(draws) / 4,
                sync_errors_ppm: share(draws) / 4,
                ..world.disk.faults
            };
        }
        13 => world.disk.faults = Faults { quota: world.disk.faults.quota, ..Faults::default() },
        14 if profile.room => {
            let quota = draws.between(20_000, 120_000);
            world.disk.faults.quota = (draws.below(2) == 0).then_some(quota);
        }
        15 if profile.damage && draws.below(4) == 0 => harm(world, draws),
        _ => {
            let most = if draws.below(8) == 0 { 9_000 } else { 700 };
            (0..draws.between(1, 4)).for_each(|_| world.append(draws, most));
        }
    }
    if draws.below(3) > 0 {
        world.turn();
    }
    for _ in 0..draws.below(5) {
        world.pump()?;
    }
    Ok(())
}

/// Does something to a file of the log.
fn harm(world: &mut World, draws: &mut Stream) {
    let list = OpKind::List { dir: DIR.to_owned() };
    let list = Op { log: LogId(9), id: OpId(0), lane: Lane::Read, lone: false, kind: list };
    let (Ok(Answer::Names { files, .. }), _) = world.disk.run(&list) else { return };
    let Some(name) = draws.pick(&files).cloned() else { return };
    // Of the last segment with records nobody can know for certain that it was there, or how far.
    let last = name.ends_with(".seg") && !files.contains(&name.replace(".seg", ".idx"));
    let damage = match draws.below(8) {
        0 => {
            world.model.rolled_back |= last;
            Damage::StaleSectors
        }
        // Nobody knows for certain that the last one was there: its number would be used again.
        1 if !last => Damage::LostFile,
        2 => {
            world.disk.faults.misdirected_reads_ppm = 100_000;
            world.model.damaged = true;
            return;
        }
        3 => {
            world.disk.faults.misdirected_writes_ppm = 20_000;
            (world.model.damaged, world.model.rolled_back) = (true, true);
            return;
        }
        _ => Damage::BitRot,
    };
    let path = Path { dir: DIR.to_owned(), name };
    world.tell(&format!("{damage:?} of {}", path.name));
    if world.disk.damage(&path, damage).is_ok() {
        world.model.damaged = true;
    }
}

/// A life of a log: it is used until it fails, ends or is ended, and opened again, a few times.
fn life(seed: u64, profile: Profile) -> u64 {
    let _told = Told(format!("seed {seed}, {profile:?}"));
    let mut draws = Stream::new(seed, "life", &[]);
    let mut world = World::new(seed, small_of(seed));
    world.create(draws.below(3) + 1);
    for _ in 0..draws.between(1, 6) {
        let op = world.carried_out + draws.doublings(1, 400);
        let carried_out = draws.below(2) == 0;
        world.crash_at = (draws.below(4) > 0).then_some(CrashPoint { op, carried_out });
        let mut ended = Ok(());
        for _ in 0..draws.doublings(1, 200) {
            ended = step(&mut world, &mut draws, profile);
            if ended.is_err() || world.log().failure() == Some(Failure::Disk) {
                break;
            }
        }
        if ended.is_ok() && draws.below(3) == 0 {
            ended = world.close();
        }
        world.end_process(draws.below(2) == 0 && (ended.is_err() || draws.below(2) == 0));
        world.crash_at = None;
        world.disk.faults = Faults { quota: world.disk.faults.quota, ..Faults::default() };
        if draws.below(4) == 0 {
            let op = world.carried_out + draws.below(20);
            world.crash_at = Some(CrashPoint { op, carried_out });
            let again = world.reopen().and_then(|_| world.settle());
            world.end_process(again.is_err() && draws.below(2) == 0);
            world.crash_at = None;
        }
        twice(&mut world, &mut draws);
    }
    world.disk.faults = Faults::default();
    world.retry();
    assert_eq!(world.settle().and_then(|()| world.read_all()), Ok(()));
    world.recount();
    if world.log().failure().is_none() {
        finish(&mut world, &mut draws);
    }
    world.carried_out
}

/// Opens the log, and sometimes looks whether opening it again shows the same.
fn twice(world: &mut World, draws: &mut Stream) {
    if draws.below(3) == 0 && !world.model.damaged {
        let first = world.open().ok().flatten();
        world.end_process(false);
        let second = world.open().ok().flatten();
        world.end_process(false);
        assert_eq!(first, second, "opened twice");
    }
    assert_eq!(world.reopen(), Ok(true));
}

/// Destroys the log, which may be interrupted: then it is there as it was, or goes on to go.
fn finish(world: &mut World, draws: &mut Stream) {
    let op = world.carried_out + draws.below(30);
    world.crash_at = Some(CrashPoint { op, carried_out: draws.below(2) == 0 });
    let destroyed = world.destroy();
    world.crash_at = None;
    let power = destroyed.is_err() && draws.below(2) == 0;
    world.end_process(power);
    let observed = world.open().ok().flatten().expect("nothing is wrong with the disk");
    let position = world.log().position().0;
    if destroyed == Ok(true) {
        assert!(observed.recovery.absent, "{observed:?}");
    } else if observed.recovery.destroyed || observed.recovery.absent {
        // A file that is hidden keeps its directory.
        assert!(world.destroy() == Ok(true) || world.model.damaged);
    } else if let Err(wrong) = world.model.reopened(&observed, position) {
        panic!("{wrong}");
    }
}

fn lives(count: u64, profile: Profile) {
    let begin = std::time::Instant::now();
    let (mut ops, seeds) = (0, seeds(count));
    let count = seeds.end - seeds.start;
    for seed in seeds {
        ops += life(seed, profile);
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{profile:?}: {count} seeds, {:.0}/s, {ops} operations", count as f64 / seconds);
}

#[test]
fn crashes_alone() {
    lives(300, Profile::default());
}

/// After a crash a second copy may be left where the last batch was before it was written again. Without
/// one there is none, also not in what was left of a segment and copied.
#[test]
fn what_was_erased_is_nowhere() {
    let mut erased = 0;
    for seed in seeds(600) {
        let _told = Told(format!("seed {seed}"));
        let mut draws = Stream::new(seed, "life", &[]);
        let mut world = World::new(seed, small());
        world.create(1);
        for _ in 0..300 {
            assert_eq!(step(&mut world, &mut draws, Profile::default()), Ok(()));
        }
        world.turn();
        assert_eq!(world.settle(), Ok(()));
        erased += world.model.erased.len();
        world.look_for_erased();
    }
    println!("{erased} erased");
}

#[test]
fn operations_fail() {
    lives(300, Profile { errors: true, ..Profile::default() });
}

#[test]
fn the_disk_is_full() {
    lives(300, Profile { room: true, ..Profile::default() });
}

#[test]
fn everything_fails_and_is_damaged() {
    lives(300, Profile { errors: true, room: true, damage: true });
}
