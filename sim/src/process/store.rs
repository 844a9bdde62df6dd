//! What happens to the files of a server's store while nobody looks: bits flip, ends are cut off,
//! sectors are as they were some time ago, files are gone. The store is that of whatever server it
//! is; each time, a file is hit that is not empty.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::plan::DiskDamage;
use crate::rng::Stream;

/// The unit in which what a disk holds is new or old, in bytes.
const SECTOR_BYTES: usize = 4096;

/// A file that was hit.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Hit {
    pub(super) path: PathBuf,
    /// It was the last file of its directory that held anything.
    pub(super) vanished: bool,
}

/// Damages files below a folder, so many times. Sectors become what they are in the copy of the
/// folder.
pub(super) fn damage(
    store: &Path,
    copy: &Path,
    what: DiskDamage,
    times: u64,
    draws: &mut Stream,
) -> io::Result<Vec<Hit>> {
    let mut hits: Vec<Hit> = Vec::new();
    for _ in 0..times {
        let files = match what {
            DiskDamage::Stale => older(store, copy)?,
            DiskDamage::BitRot | DiskDamage::Truncated | DiskDamage::Lost => written(store)?,
        };
        let Some(path) = draws.pick(&files).cloned() else { break };
        let len = end(&fs::read(&path)?);
        match what {
            DiskDamage::BitRot => flip(&path, draws.below(len * 8))?,
            DiskDamage::Truncated => {
                OpenOptions::new().write(true).open(&path)?.set_len(draws.below(len))?;
            }
            DiskDamage::Lost => fs::remove_file(&path)?,
            DiskDamage::Stale => roll_back(&path, &twin(&path, store, copy)?, draws)?,
        }
        let was_of_messages = what == DiskDamage::Lost && is_of_messages(&path);
        let vanished = was_of_messages && path.parent().is_none_or(is_bare);
        hits.retain(|hit| hit.path != path);
        hits.push(Hit { path, vanished });
    }
    hits.sort_unstable();
    Ok(hits)
}

/// Copies all files below a folder, so that sectors can become what they are now.
pub(super) fn remember(store: &Path, copy: &Path) -> io::Result<()> {
    for path in written(store)? {
        let twin = twin(&path, store, copy)?;
        if let Some(dir) = twin.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::copy(&path, &twin)?;
    }
    Ok(())
}

/// All files below a folder that hold anything but zeros, in order.
fn written(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for path in files(folder)? {
        if end(&fs::read(&path)?) > 0 {
            written.push(path);
        }
    }
    Ok(written)
}

/// All files below a folder, in order.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Where what is not zero ends: what servers have made room for is nothing yet.
fn end(bytes: &[u8]) -> u64 {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Whether nothing is left in a folder that messages might be in.
fn is_bare(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return true };
    let mut paths = entries.flatten().map(|entry| entry.path());
    !paths.any(|path| is_of_messages(&path) && fs::read(&path).is_ok_and(|all| end(&all) > 0))
}

/// Files in which servers keep messages: ours, and nats-server's.
fn is_of_messages(path: &Path) -> bool {
    ["seg", "blk"].map(OsStr::new).contains(&path.extension().unwrap_or_default())
}

/// The same file in the copy of a folder.
fn twin(path: &Path, store: &Path, copy: &Path) -> io::Result<PathBuf> {
    let inside = path.strip_prefix(store).map_err(io::Error::other)?;
    Ok(copy.join(inside))
}

fn flip(path: &Path, bit: u64) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8)?;
    file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8)
}

/// The files that are not any more what they were when they were remembered.
fn older(store: &Path, copy: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in written(store)? {
        let now = fs::read(&path)?;
        let Some(then) = before(&twin(&path, store, copy)?, now.len()) else { continue };
        if !changed(&now, &then).is_empty() {
            files.push(path);
        }
    }
    Ok(files)
}

/// What a file held when it was remembered, if it was there. Where it ended then, a disk had nothing
/// to show but zeros.
fn before(twin: &Path, len: usize) -> Option<Vec<u8>> {
    let mut then = fs::read(twin).ok()?;
    then.resize(len, 0);
    Some(then)
}

/// The sectors that are not the same now.
fn changed(now: &[u8], then: &[u8]) -> Vec<usize> {
    let pairs = now.chunks(SECTOR_BYTES).zip(then.chunks(SECTOR_BYTES)).enumerate();
    let differ = pairs.filter(|(_, (now, then))| now != then);
    differ.map(|(number, _)| number).collect()
}

fn roll_back(path: &Path, twin: &Path, draws: &mut Stream) -> io::Result<()> {
    let now = fs::read(path)?;
    let then = before(twin, now.len()).unwrap_or_default();
    let mut sectors = changed(&now, &then);
    draws.shuffle(&mut sectors);
    let count = draws.between(1, sectors.len() as u64);
    let file: File = OpenOptions::new().write(true).open(path)?;
    for number in sectors.into_iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let at = number * SECTOR_BYTES;
        let old = &then[at..then.len().min(at + SECTOR_BYTES)];
        file.write_all_at(old, at as u64)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Store {
        _home: tempfile::TempDir,
        store: PathBuf,
        copy: PathBuf,
        draws: Stream,
    }

    impl Store {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let (store, copy) = (home.path().join("store"), home.path().join("copy"));
            fs::create_dir_all(store.join("S")).unwrap();
            Self { _home: home, store, copy, draws: Stream::new(1, "store", &[]) }
        }

        fn write(&self, name: &str, bytes: &[u8]) {
            fs::write(self.store.join(name), bytes).unwrap();
        }

        fn read(&self, name: &str) -> Vec<u8> {
            fs::read(self.store.join(name)).unwrap()
        }

        fn damage(&mut self, what: DiskDamage, times: u64) -> Vec<Hit> {
            damage(&self.store, &self.copy, what, times, &mut self.draws).unwrap()
        }
    }

    #[test]
    fn bits_flip_where_something_is() {
        let mut store = Store::new();
        let mut bytes = vec![7; 100];
        bytes.resize(9_000, 0);
        store.write("S/1.seg", &bytes);
        store.write("S/2.seg", &[0; 50]);
        let hits = store.damage(DiskDamage::BitRot, 1);
        assert_eq!(hits.len(), 1);
        let now = store.read("S/1.seg");
        let flipped: u32 = now.iter().zip(&bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((flipped, &now[100..]), (1, &bytes[100..]));
        assert_eq!(store.read("S/2.seg"), [0; 50]);
    }

    #[test]
    fn ends_go_and_files_do() {
        let mut store = Store::new();
        store.write("S/1.blk", &[7; 100]);
        store.damage(DiskDamage::Truncated, 1);
        assert!(store.read("S/1.blk").len() < 100);
        store.write("S/1.blk", &[7; 100]);
        store.write("S/2.blk", &[7; 100]);
        let hits = store.damage(DiskDamage::Lost, 1);
        assert!(matches!(&hits[..], [Hit { vanished: false, .. }]));
        assert!(matches!(&store.damage(DiskDamage::Lost, 9)[..], [Hit { vanished: true, .. }]));
        assert!(store.damage(DiskDamage::BitRot, 9).is_empty());
        // What is said of a stream is not what is in it.
        store.write("meta.inf", b"x");
        assert!(matches!(&store.damage(DiskDamage::Lost, 1)[..], [Hit { vanished: false, .. }]));
    }

    #[test]
    fn sectors_become_what_they_were() {
        let mut store = Store::new();
        store.write("S/1.seg", &[1; 3 * SECTOR_BYTES]);
        remember(&store.store, &store.copy).unwrap();
        assert!(store.damage(DiskDamage::Stale, 1).is_empty(), "nothing is older than it was");
        let mut later = vec![1; 3 * SECTOR_BYTES];
        later[SECTOR_BYTES..].fill(2);
        later.extend([3; 10]);
        store.write("S/1.seg", &later);
        assert_eq!(store.damage(DiskDamage::Stale, 1).len(), 1);
        let now = store.read("S/1.seg");
        let old = now[SECTOR_BYTES..].chunks(SECTOR_BYTES).filter(|sector| sector[0] < 2).count();
        assert!((1..=3).contains(&old) && now.len() == later.len(), "{old}");
    }
}
