//! Logs that have lost their ends.

use causeway_sim::rng::Stream;
use causeway_store::disk::{Answer, FileId, Lane, LogId, Op, OpId, OpKind, Path};

use crate::model::Observed;
use crate::random::seeds;
use crate::world::{DIR, Told, World, small_of};

/// How an end is lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The file is shorter.
    Cut,
    /// What stands there was never written, or is as it was before.
    Zeros,
}

fn ask(world: &mut World, kind: OpKind) -> Answer {
    let op = Op { log: LogId(9), id: OpId(0), lane: Lane::Read, lone: false, kind };
    world.disk.run(&op).0.expect("nothing is wrong with the disk")
}

/// The newest segment.
fn newest(world: &mut World) -> Path {
    let Answer::Names { files, .. } = ask(world, OpKind::List { dir: DIR.to_owned() }) else {
        panic!("no names");
    };
    let segments = files.into_iter().filter(|name| name.ends_with(".seg"));
    Path { dir: DIR.to_owned(), name: segments.max().expect("there is one") }
}

/// Takes the end of the newest segment away, from anywhere in it.
fn lose(world: &mut World, draws: &mut Stream, loss: Loss) {
    let (file, path) = (FileId(7), newest(world));
    let open = OpKind::Open { file, path, create: false };
    let Answer::Opened { len } = ask(world, open) else { panic!("not opened") };
    let from = draws.below(len);
    match loss {
        Loss::Cut => ask(world, OpKind::Truncate { file, len: from }),
        Loss::Zeros => {
            let bytes = vec![vec![0; (len - from) as usize].into()];
            ask(world, OpKind::Write { file, at: from, bytes })
        }
    };
    ask(world, OpKind::Close { file });
}

/// What is not there is lost, as the log says itself, and its number is not free.
fn judge(world: &World, observed: &Observed) -> usize {
    let (known, found) = (&world.model.acked, &observed.state);
    let mut missing = 0;
    for (seq, message) in &known.messages {
        if found.messages.get(seq) != Some(message) {
            assert!(observed.lost.contains(seq), "{seq} is missing, and nobody says so");
            missing += 1;
        }
    }
    assert_eq!(found.next_seq, known.next_seq);
    missing
}

/// A log that is used, ends or is killed, loses its end, and is used again. How many messages that cost.
fn life(seed: u64, loss: Loss) -> usize {
    let _told = Told(format!("seed {seed}, {loss:?}"));
    let mut draws = Stream::new(seed, "ends", &[]);
    let mut world = World::new(seed, small_of(seed));
    world.create(1);
    for _ in 0..draws.between(3, 60) {
        match draws.below(6) {
            0 => world.note(&mut draws),
            1 => world.remove(&mut draws),
            _ => world.append(&mut draws, 700),
        }
        world.turn();
        assert_eq!(world.settle(), Ok(()));
    }
    // A batch with nothing new in it: by then everything else is known to be durable.
    world.note(&mut draws);
    world.turn();
    assert_eq!(world.settle(), Ok(()));
    world.end_process(false);
    lose(&mut world, &mut draws, loss);
    let first = world.open().ok().flatten().expect("it can be read");
    if first.recovery.absent {
        return 0;
    }
    let missing = judge(&world, &first);
    assert!(missing == 0 || !first.recovery.findings.is_empty());
    world.model.now = first.state.clone();
    if draws.below(2) == 0 {
        // Before what it found is durable, or behind that.
        for _ in 0..draws.below(12) {
            assert!(world.pump().is_ok());
        }
        world.end_process(false);
        let again = world.open().ok().flatten().expect("it can be read");
        assert_eq!(judge(&world, &again), missing, "opened twice");
    }
    // It goes on, and does not forget.
    world.turn();
    world.append(&mut draws, 100);
    world.turn();
    assert_eq!(world.settle(), Ok(()));
    world.end_process(false);
    let later = world.open().ok().flatten().expect("it can be read");
    assert!(first.lost.is_subset(&later.lost), "no longer lost");
    assert_eq!(later.state, world.model.now);
    missing
}

fn lives(loss: Loss) {
    let missing: usize = seeds(400).map(|seed| life(seed, loss)).sum();
    println!("{loss:?}: {missing} messages");
    assert!(missing > 0, "nothing was ever lost");
}

#[test]
fn an_end_that_is_cut_off_is_reported() {
    lives(Loss::Cut);
}

#[test]
fn an_end_that_was_never_written_is_reported() {
    lives(Loss::Zeros);
}
