//! A crash at every disk operation of a small workload.

use causeway_sim::disk::Disk;
use causeway_sim::rng::Stream;
use causeway_store::disk::Path;

use crate::world::{CrashPoint, Crashed, DIR, Told, World, small_of};

/// Something of everything, in a few segments.
fn workload(world: &mut World, seed: u64) -> Result<(), Crashed> {
    let mut draws = Stream::new(seed, "workload", &[]);
    world.create(1);
    for step in 0..40 {
        match draws.below(10) {
            0 => world.remove(&mut draws),
            1 => world.note(&mut draws),
            2 if step > 20 => world.trim(&mut draws),
            3 => world.skip(&mut draws),
            _ => (0..draws.between(1, 3)).for_each(|_| world.append(&mut draws, 1500)),
        }
        if draws.below(3) > 0 {
            world.turn();
            for _ in 0..draws.below(6) {
                world.pump()?;
            }
        }
    }
    world.turn();
    world.settle()?;
    match draws.below(2) {
        0 => world.close(),
        _ => Ok(()),
    }
}

/// A few more things after a crash, a clean end, and a look at what is there then.
fn aftermath(world: &mut World, seed: u64) -> Result<(), Crashed> {
    let mut draws = Stream::new(seed, "aftermath", &[]);
    world.settle()?;
    world.read_all()?;
    for _ in 0..4 {
        world.append(&mut draws, 3000);
        world.remove(&mut draws);
        world.note(&mut draws);
        world.turn();
        world.settle()?;
    }
    world.recount();
    world.read_all()?;
    world.close()?;
    assert!(world.reopen()?);
    world.settle()?;
    world.read_all()
}

/// Crashes once or twice, then goes on.
fn crash(seed: u64, first: CrashPoint, second: Option<u64>, power: bool, draw: u64) -> bool {
    let _told =
        Told(format!("seed {seed}, {first:?}, again {second:?}, power {power}, draw {draw}"));
    let mut world = World::new(seed, small_of(seed));
    // How power is lost is drawn apart from everything else.
    world.disk = Disk::new(Stream::new(draw, "disk", &[seed]));
    world.crash_at = Some(first);
    let crashed = workload(&mut world, seed).is_err();
    world.end_process(power && crashed);
    if let Some(second) = second {
        let op = world.carried_out + second;
        world.crash_at = Some(CrashPoint { op, carried_out: draw.is_multiple_of(2) });
        let again = world.reopen().and_then(|_| world.settle());
        world.end_process(power && again.is_err());
    }
    world.crash_at = None;
    assert_eq!(world.reopen(), Ok(true));
    assert_eq!(aftermath(&mut world, seed), Ok(()));
    crashed
}

/// What is damaged is lost, and nothing else: framing does not depend on what is between.
#[test]
fn a_flipped_bit_costs_no_more_than_its_record() {
    (0..4).for_each(flipped_bits);
}

fn flipped_bits(seed: u64) {
    let mut draws = Stream::new(seed, "workload", &[]);
    let mut world = World::new(seed, small_of(seed));
    world.create(1);
    for step in 0..30 {
        world.append(&mut draws, 300);
        if step % 4 == 0 {
            world.note(&mut draws);
        }
        world.turn();
        assert_eq!(world.settle(), Ok(()));
    }
    assert_eq!(world.close(), Ok(()));
    let (mut disk, model) = (world.disk.clone(), world.model.clone());
    let path = Path { dir: DIR.to_owned(), name: "00000001-123456789abcdef0.seg".to_owned() };
    let (mut hits, mut costs) = (0, 0);
    for _ in 0..1500 {
        let observed = world.with_flipped_bit(&mut disk, &path);
        let missing = model.now.messages.len() - observed.state.messages.len();
        let reported = observed.recovery.findings.len();
        assert!(missing <= 1 && missing <= observed.lost.len(), "{observed:?}");
        assert!(observed.state.next_seq == model.now.next_seq, "{observed:?}");
        assert!(observed.state.notes == model.now.notes || reported > 0, "{observed:?}");
        hits += usize::from(reported > 0);
        costs += missing;
    }
    println!("{hits} findings, {costs} messages");
    assert!(costs > 0);
}

/// Damage that changes what is found is reported: what was removed does not come back in silence, either.
#[test]
fn a_flipped_bit_is_never_silent() {
    (0..8).for_each(reported_bits);
}

fn reported_bits(seed: u64) {
    let _told = Told(format!("seed {seed}"));
    let mut draws = Stream::new(seed, "workload", &[]);
    let mut world = World::new(seed, small_of(seed));
    world.create(1);
    // Until a checkpoint has beside it what was stored and removed at once, and something behind it.
    for step in 0..40 {
        (0..4).for_each(|_| world.append(&mut draws, 700));
        match step % 4 {
            0 => world.note(&mut draws),
            3 => world.remove(&mut draws),
            _ => {
                let next = world.log().next_seq();
                world.trim_to(next - draws.below(3));
            }
        }
        world.turn();
        assert_eq!(world.settle(), Ok(()));
    }
    world.end_process(false);
    let (mut disk, known) = (world.disk.clone(), world.model.now.clone());
    let path = world.newest_used();
    let mut changed = 0;
    for _ in 0..1500 {
        let observed = world.with_flipped_bit(&mut disk, &path);
        if observed.state != known {
            assert!(!observed.recovery.findings.is_empty(), "{observed:?}");
            changed += 1;
        }
    }
    println!("{changed} changed what is found");
    assert!(changed > 0);
}

#[test]
fn a_crash_at_every_operation() {
    let mut runs = 0;
    for seed in crate::random::seeds(4) {
        let mut op = 0;
        loop {
            let mut crashed = false;
            for carried_out in [false, true] {
                let point = CrashPoint { op, carried_out };
                let again = |draw| (draw % 2 == 1).then_some((op * 7 + draw) % 23);
                crashed |= crash(seed, point, None, false, 0);
                crashed |= crash(seed, point, again(1), false, 0);
                for draw in 0..4 {
                    crashed |= crash(seed, point, again(draw), true, draw);
                }
                runs += 6;
            }
            if !crashed {
                break;
            }
            op += 1;
        }
    }
    println!("{runs} crashes");
}
