//! Encrypted logs.

use causeway_sim::rng::Stream;
use causeway_store::{Cipher, Compression, Failure, Key};

use crate::random::{Profile, seeds, step};
use crate::world::{Told, World, small, small_of};

const KEY: Key = Key { cipher: Cipher::ChaCha20Poly1305, secret: [7; 32] };

/// A log that was used for a while; everything is durable.
fn used(seed: u64, world: &mut World) {
    let mut draws = Stream::new(seed, "life", &[]);
    for _ in 0..200 {
        assert_eq!(step(world, &mut draws, Profile::default()), Ok(()));
    }
    world.turn();
    assert_eq!(world.settle(), Ok(()));
}

/// Whether any of these is in a file as it is.
fn in_plain(world: &mut World) -> Option<String> {
    let state = world.model.now.clone();
    let mut secrets: Vec<Vec<u8>> = vec![b"orders.eu".to_vec()];
    let payloads = state.messages.values().map(|message| &message.payload);
    for text in payloads.chain(state.notes.values()) {
        secrets.extend(text.get(..12).map(<[u8]>::to_vec));
    }
    let has = |bytes: &[u8]| {
        secrets.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == secret))
    };
    world.files().into_iter().find(|(_, bytes)| has(bytes)).map(|(name, _)| name)
}

#[test]
fn what_is_encrypted_is_in_no_file_as_it_is() {
    let mut tables = 0;
    for seed in seeds(40) {
        let _told = Told(format!("seed {seed}"));
        let mut world = World::new(seed, small_of(seed));
        let encrypted = world.config.key.is_some();
        world.create(1);
        used(seed, &mut world);
        assert_eq!(in_plain(&mut world).is_none(), encrypted, "{:?}", in_plain(&mut world));
        tables += world.files().iter().filter(|(name, _)| name.ends_with(".idx")).count();
    }
    println!("{tables} tables");
    assert!(tables > 0);
}

/// A log may get a key, and another cipher, when it is opened.
#[test]
fn what_was_written_before_there_was_a_key_is_read_with_one() {
    for seed in seeds(40) {
        let _told = Told(format!("seed {seed}"));
        let mut world = World::new(seed, small());
        world.create(1);
        for key in [None, Some(KEY), Some(Key { cipher: Cipher::Aes256Gcm, ..KEY })] {
            world.config.key = key;
            world.end_process(false);
            assert_eq!(world.reopen(), Ok(true));
            used(seed, &mut world);
            assert_eq!(world.read_all(), Ok(()));
            world.recount();
        }
    }
}

/// Without its key, or with another, nothing is lost, and nothing is taken for damage.
#[test]
fn a_log_without_its_key_stays_shut() {
    for seed in seeds(30) {
        let _told = Told(format!("seed {seed}"));
        let mut world = World::new(seed, small_of(2 + seed % 2));
        let key = world.config.key.clone();
        world.create(1);
        used(seed, &mut world);
        if seed % 5 < 2 {
            assert_eq!(world.close(), Ok(()));
        }
        world.end_process(false);
        let others = [None, Some(Key { secret: [8; 32], ..KEY })];
        world.config.key = others[(seed % 3 / 2) as usize].clone();
        let before = world.files();
        assert_eq!(world.open(), Ok(None));
        assert_eq!(world.files(), before);
        world.config.key = key;
        assert_eq!(world.reopen(), Ok(true));
        assert_eq!(world.log().failure(), None::<Failure>);
        assert_eq!(world.read_all(), Ok(()));
    }
}

/// What repeats takes less room, and counts as if it did not.
#[test]
fn what_is_compressed_is_smaller() {
    let size = |compression| {
        let mut world = World::new(1, small());
        world.config.compression = Compression::Lz4;
        world.create(1);
        world.config.compression = compression;
        world.end_process(false);
        assert_eq!(world.reopen(), Ok(true));
        world.config.compression = Compression::Lz4;
        let mut draws = Stream::new(1, "life", &[]);
        (0..100).for_each(|_| world.append(&mut draws, 2000));
        world.turn();
        assert_eq!((world.settle(), world.read_all()), (Ok(()), Ok(())));
        let used = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let size: usize = world.files().iter().map(|(_, bytes)| used(bytes)).sum();
        (size, world.log().state())
    };
    let (plain, counted) = size(Compression::None);
    let (compressed, counted_too) = size(Compression::Lz4);
    println!("{plain} bytes, {compressed} compressed");
    assert_eq!(counted, counted_too);
    assert!(3 * compressed < plain);
}
