//! The log file: append, reopen by making a new one, rotate by size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::clock::file_stamp;

/// Owner writes, group reads, as nats-server does.
const MODE: u32 = 0o640;

/// An open log file.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Rotate beyond this.
    limit: Option<u64>,
    /// How many to keep, the current one included.
    max_files: Option<u64>,
}

impl LogFile {
    pub(super) fn open(
        path: &Path,
        limit: Option<u64>,
        max_files: Option<u64>,
    ) -> io::Result<Self> {
        let file = open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, limit, max_files })
    }

    pub(super) fn is_oversize(&self) -> bool {
        self.limit.is_some_and(|limit| self.bytes > limit)
    }

    /// Appends a line, and rotates if that makes the file too large. `compose` makes a line of a
    /// note about the rotation.
    pub(super) fn write(&mut self, line: &mut Vec<u8>, compose: impl Fn(&str, &mut Vec<u8>)) {
        self.append(line);
        if !self.is_oversize() {
            return;
        }
        for note in self.rotate() {
            compose(&note, line);
            self.append(line);
        }
    }

    fn append(&mut self, line: &[u8]) {
        if self.file.write_all(line).is_ok() {
            self.bytes += line.len() as u64;
        }
    }

    /// Moves the file away and begins a new one. What went wrong is among the notes; then writing
    /// goes on in the old file, and the next attempt comes at twice the size.
    fn rotate(&mut self) -> Vec<String> {
        let mut backup = self.path.clone().into_os_string();
        backup.push(".");
        backup.push(file_stamp());
        let backup = PathBuf::from(backup);
        let opened = fs::rename(&self.path, &backup).and_then(|()| open(&self.path));
        match opened {
            Ok(file) => {
                self.file = file;
                self.bytes = 0;
                let mut notes = vec![format!("Rotated log, backup saved as {backup:?}")];
                notes.extend(self.purge());
                notes
            }
            Err(error) => {
                self.limit = self.limit.map(|limit| limit.saturating_mul(2));
                vec![format!("Unable to rotate the logfile ({error}), will attempt later")]
            }
        }
    }

    /// Removes the oldest backups beyond `max_files`.
    fn purge(&self) -> Vec<String> {
        let Some(keep) = self.max_files.filter(|&files| files > 0) else { return Vec::new() };
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            Some(_) | None => Path::new("."),
        };
        let Some(name) = self.path.file_name().and_then(|name| name.to_str()) else {
            return Vec::new();
        };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                return vec![format!(
                    "Unable to read directory {folder:?} for log purge ({error}), \
                     will attempt next rotation"
                )];
            }
        };
        let mut backups: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|entry| {
                entry.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).is_some_and(stamp)
            })
            .collect();
        backups.sort_unstable();
        let keep = usize::try_from(keep - 1).unwrap_or(usize::MAX);
        let surplus = backups.len().saturating_sub(keep);
        let remove = |backup: &String| match fs::remove_file(folder.join(backup)) {
            Ok(()) => format!("Purged log file {backup:?}"),
            Err(error) => format!(
                "Unable to remove backup log file {backup:?} ({error}), \
                 will attempt next rotation"
            ),
        };
        backups.iter().take(surplus).map(remove).collect()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

/// Whether this is the ending of one of our backups: `2026.11.24.00.49.22.206440123`.
fn stamp(text: &str) -> bool {
    let fields: Vec<&str> = text.split('.').collect();
    let digits = |field: &&str| !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit());
    fields.len() == 7
        && fields.iter().all(digits)
        && fields.iter().zip([4, 2, 2, 2, 2, 2]).all(|(field, length)| field.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn rotates_by_size_and_keeps_as_many_as_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.log");
        let mut log = LogFile::open(&path, Some(100), Some(3)).unwrap();
        let compose = |note: &str, line: &mut Vec<u8>| {
            line.clear();
            line.extend_from_slice(note.split(' ').next().unwrap().as_bytes());
            line.push(b'\n');
        };
        for number in 0..60 {
            log.write(&mut format!("line {number:04}\n").into_bytes(), compose);
        }
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names.len(), 3, "the file and two backups: {names:?}");
        assert!(names[1..].iter().all(|name| stamp(&name["s.log.".len()..])), "{names:?}");
        let all: String = names[1..]
            .iter()
            .chain(&names[..1])
            .map(|name| fs::read_to_string(folder.path().join(name)).unwrap())
            .collect();
        assert!(all.ends_with("line 0059\n") || all.contains("line 0059\nRotated"), "{all}");
        assert!(all.contains("Rotated\nPurged\n"), "{all}");
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & !MODE, 0, "{mode:o}");
    }

    #[test]
    fn an_existing_file_is_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.log");
        fs::write(&path, "before\n").unwrap();
        let mut log = LogFile::open(&path, None, None).unwrap();
        log.write(&mut b"after\n".to_vec(), |_, _| unreachable!("there is no limit"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\n");
        assert!(!stamp("2026.11.24.00.49.22.x") && !stamp("gz") && !stamp("1.2.3.4.5.6.7"));
    }
}
