//! Names below the root, and nothing but those.

use std::io;
use std::path::{Path, PathBuf};

/// What names in the root directory that are not for logs begin with.
const OWN_NAMES: &str = "causeway.";

/// The file that says that a server uses the directory.
pub(super) const LOCK_FILE: &str = "causeway.lock";

/// The file with the keys of what is encrypted.
pub(super) const KEYS_FILE: &str = "causeway.keys";

/// The same once more, for when that cannot be read.
pub(super) const KEYS_COPY: &str = "causeway.keys.copy";

/// The directory `dir` below `root`; the root itself if `dir` is empty.
///
/// # Errors
/// If one of its parts is not a plain name.
pub(super) fn directory(root: &Path, dir: &str) -> io::Result<PathBuf> {
    let mut path = root.to_owned();
    if dir.is_empty() {
        return Ok(path);
    }
    for part in dir.split('/') {
        path.push(plain(part)?);
    }
    Ok(path)
}

/// The name in a directory.
///
/// # Errors
/// If it or a part of the directory is not a plain name, or if it is not for logs.
pub(super) fn file(root: &Path, path: &causeway_core::disk::Path) -> io::Result<PathBuf> {
    if path.dir.is_empty() && path.name.starts_with(OWN_NAMES) {
        return Err(outside());
    }
    Ok(directory(root, &path.dir)?.join(plain(&path.name)?))
}

fn plain(part: &str) -> io::Result<&str> {
    let plain = !part.is_empty() && part != "." && part != ".." && !part.contains(['/', '\0']);
    plain.then_some(part).ok_or_else(outside)
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a name for a log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_root() {
        let root = Path::new("/store");
        let at = |dir: &str, name: &str| {
            let path = causeway_core::disk::Path { dir: dir.to_owned(), name: name.to_owned() };
            file(root, &path).ok().map(|path| path.display().to_string())
        };
        assert_eq!(at("$G/streams/A", "1.log").as_deref(), Some("/store/$G/streams/A/1.log"));
        assert_eq!(at("", "meta").as_deref(), Some("/store/meta"));
        for (dir, name) in [
            ("a", ".."),
            ("a", "."),
            ("a", ""),
            ("a", "b/c"),
            ("a", "b\0"),
            ("..", "x"),
            ("a/../b", "x"),
            ("/etc", "passwd"),
            ("a//b", "x"),
            ("a/", "x"),
            ("", LOCK_FILE),
        ] {
            assert_eq!(at(dir, name), None, "{dir} {name}");
        }
        assert_eq!(directory(root, "").unwrap(), root);
    }
}
