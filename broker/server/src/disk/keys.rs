//! The key of everything that is encrypted here, locked away by the one in the configuration.
//!
//! What is stored is encrypted with a random key that never changes. It is kept in a file, encrypted
//! with what `jetstream.key` says, so that another `key` costs one small file and not all streams:
//!
//! ```text
//!   causeway.keys         one line of text: "causeway keys 1 ", then in hexadecimal
//!   causeway.keys.copy    salt 16 │ the key, encrypted 32 │ tag 16
//!
//!   jetstream.key ──► HKDF-SHA256 with the salt ──► key of ChaCha20-Poly1305, used once
//! ```
//!
//! There are two of these files, because everything is lost without.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use causeway_config::{JetStream, Secret};
use causeway_core::store::{Cipher, Key, begins_encrypted};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;

use super::path::{KEYS_COPY, KEYS_FILE};
use super::volume::sync_directory;

/// Who owns the server, and nobody else.
const FILE_MODE: u32 = 0o600;

const BEGIN: &str = "causeway keys 1 ";

const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// More than a file of keys has.
const MOST_BYTES: u64 = 4096;

/// Bytes at the beginning of a segment that say whether it is encrypted, and some more.
const BEGINNING: u64 = 256;

/// Why what is encrypted cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The configuration has no key.
    #[error("storage directory \"{0}\" is encrypted: jetstream \"key\" is missing")]
    Missing(PathBuf),
    /// That in the configuration is another one.
    #[error("jetstream \"key\" does not open \"{0}\", and neither does \"prev_key\"")]
    Wrong(PathBuf),
    /// What is in the files is no key, or one of a later version.
    #[error("\"{0}\" is damaged, or of a later version")]
    Damaged(PathBuf),
    /// There are encrypted streams, and no keys.
    #[error("\"{file}\" is missing, and \"{stream}\" cannot be read without")]
    Gone {
        /// Where the keys should be.
        file: PathBuf,
        /// What is encrypted.
        stream: PathBuf,
    },
    /// The file with the keys could not be read or written.
    #[error("\"{path}\": {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The system gave no random bytes.
    #[error("No randomness from the system: {0}")]
    Randomness(String),
}

/// What streams below `root` are encrypted with, if they are to be.
pub(super) fn open(root: &Path, config: &JetStream) -> Result<Option<Key>, KeysError> {
    let paths = [KEYS_FILE, KEYS_COPY].map(|name| root.join(name));
    let [first, _] = &paths;
    let mut found = Vec::new();
    for path in &paths {
        found.push(read(path)?);
    }
    let absent = found.iter().all(|file| matches!(file, Found::Nothing));
    let Some(outer) = &config.key else {
        return if absent { Ok(None) } else { Err(KeysError::Missing(root.to_owned())) };
    };
    let locked = || found.iter().filter_map(Found::locked);
    let unlock = |outer: &Secret| locked().find_map(|locked| locked.open(outer));
    let secret = match unlock(outer).or_else(|| unlock(config.previous_key.as_ref()?)) {
        Some(secret) => secret,
        None if locked().next().is_some() => return Err(KeysError::Wrong(first.clone())),
        None if !absent => return Err(KeysError::Damaged(first.clone())),
        None => match encrypted(root)? {
            Some(stream) => return Err(KeysError::Gone { file: first.clone(), stream }),
            None => random()?,
        },
    };
    let both = locked().filter(|it| it.open(outer).is_some()).count() == paths.len();
    if !both {
        let locked = Locked::new(outer, &secret)?;
        for path in &paths {
            locked.write(path).map_err(|error| KeysError::File { path: path.clone(), error })?;
        }
    }
    let cipher = match config.cipher {
        causeway_config::Cipher::ChaCha20Poly1305 => Cipher::ChaCha20Poly1305,
        causeway_config::Cipher::Aes256Gcm => Cipher::Aes256Gcm,
    };
    Ok(Some(Key { cipher, secret }))
}

/// A key that another one locks away.
struct Locked {
    salt: [u8; SALT_BYTES],
    key: [u8; KEY_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Locked {
    fn new(outer: &Secret, secret: &[u8; KEY_BYTES]) -> Result<Self, KeysError> {
        let mut locked = Self { salt: random()?, key: *secret, tag: [0; TAG_BYTES] };
        let cipher = cipher(outer, &locked.salt);
        let tag = cipher.encrypt_inout_detached(
            &Nonce::default(),
            BEGIN.as_bytes(),
            locked.key.as_mut_slice().into(),
        );
        locked.tag = tag.expect("a key is short").into();
        Ok(locked)
    }

    fn open(&self, outer: &Secret) -> Option<[u8; KEY_BYTES]> {
        let mut key = self.key;
        let opened = cipher(outer, &self.salt).decrypt_inout_detached(
            &Nonce::default(),
            BEGIN.as_bytes(),
            key.as_mut_slice().into(),
            &self.tag.into(),
        );
        opened.is_ok().then_some(key)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = from_hex(text.strip_prefix(BEGIN)?.trim_end())?;
        let (salt, rest) = bytes.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (tag, []) = rest.split_first_chunk()? else { return None };
        Some(Self { salt: *salt, key: *key, tag: *tag })
    }

    /// Takes the place of a file in one step, and is durable then.
    fn write(&self, path: &Path) -> io::Result<()> {
        let bytes = [&self.salt[..], &self.key, &self.tag].concat();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        // What an attempt that was cut off has left.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(FILE_MODE).open(&new)?;
        file.write_all(format!("{BEGIN}{hex}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), sync_directory)
    }
}

/// What is in the place of a file of keys.
enum Found {
    Nothing,
    Locked(Locked),
    /// Something else.
    Other,
}

impl Found {
    fn locked(&self) -> Option<&Locked> {
        match self {
            Self::Locked(locked) => Some(locked),
            Self::Nothing | Self::Other => None,
        }
    }
}

fn read(path: &Path) -> Result<Found, KeysError> {
    let failed = |error| KeysError::File { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    let locked = std::str::from_utf8(&bytes).ok().and_then(Locked::parse);
    Ok(locked.map_or(Found::Other, Found::Locked))
}

/// A segment below a directory that is encrypted. What cannot be looked at may be, too.
fn encrypted(dir: &Path) -> Result<Option<PathBuf>, KeysError> {
    let failed = |path: &Path, error| KeysError::File { path: path.to_owned(), error };
    for entry in fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let entry = entry.map_err(|error| failed(dir, error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        if kind.is_dir() {
            if let Some(found) = encrypted(&path)? {
                return Ok(Some(found));
            }
        } else if kind.is_file() && path.extension().is_some_and(|it| it == "seg" || it == "pak") {
            let mut beginning = Vec::new();
            File::open(&path)
                .and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning))
                .map_err(|error| failed(&path, error))?;
            if begins_encrypted(&beginning) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

fn cipher(outer: &Secret, salt: &[u8; SALT_BYTES]) -> ChaCha20Poly1305 {
    let mut key = [0; KEY_BYTES];
    let derived = Hkdf::<Sha256>::new(Some(salt), outer.expose().as_bytes());
    derived.expand(BEGIN.as_bytes(), &mut key).expect("256 bits are less than there are");
    ChaCha20Poly1305::new(&key.into())
}

fn random<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeysError::Randomness(error.to_string()))?;
    Ok(bytes)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, []) = text.as_bytes().as_chunks() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(key: &str, previous: &str) -> JetStream {
        let secret = |text: &str| (!text.is_empty()).then(|| Secret::new(text));
        JetStream { key: secret(key), previous_key: secret(previous), ..JetStream::default() }
    }

    fn error(root: &Path, config: &JetStream) -> String {
        open(root, config).unwrap_err().to_string()
    }

    #[test]
    fn a_key_is_made_once_and_opened_by_what_locked_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(open(root, &config("", "")).unwrap(), None);
        assert_eq!(fs::read_dir(root).unwrap().count(), 0, "nothing is written for nobody");
        let made = open(root, &config("a", "")).unwrap();
        assert!(made.is_some());
        assert_eq!(open(root, &config("a", "")).unwrap(), made);
        assert_eq!(open(root, &config("a", "before")).unwrap(), made);
        let file = root.join(KEYS_FILE);
        let (dir, keys) = (root.display(), file.display());
        let wrong =
            format!("jetstream \"key\" does not open \"{keys}\", and neither does \"prev_key\"");
        assert_eq!(error(root, &config("b", "")), wrong);
        assert_eq!(error(root, &config("b", "c")), wrong);
        let missing =
            format!("storage directory \"{dir}\" is encrypted: jetstream \"key\" is missing");
        assert_eq!(error(root, &config("", "a")), missing);
        // The next one takes over, and from then on the one before is of no use.
        assert_eq!(open(root, &config("b", "a")).unwrap(), made);
        assert_eq!(open(root, &config("b", "")).unwrap(), made);
        assert_eq!(error(root, &config("a", "")), wrong);
        let other = JetStream { cipher: causeway_config::Cipher::Aes256Gcm, ..config("b", "") };
        let other = open(root, &other).unwrap().unwrap();
        assert_eq!(
            (other.cipher, Some(other.secret)),
            (Cipher::Aes256Gcm, made.map(|key| key.secret))
        );
    }

    #[test]
    fn one_of_the_two_files_is_enough_and_the_other_comes_back() {
        for damaged in [KEYS_FILE, KEYS_COPY] {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path();
            let made = open(root, &config("a", "")).unwrap();
            let path = root.join(damaged);
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() = b'x';
            let flipped = {
                let mut other = fs::read(&path).unwrap();
                other[40] ^= 1;
                other
            };
            let short = bytes[..60].to_vec();
            for bytes in [bytes, flipped, short, Vec::new()] {
                fs::write(&path, &bytes).unwrap();
                assert_eq!(open(root, &config("a", "")).unwrap(), made);
                assert_ne!(fs::read(&path).unwrap(), bytes, "it is written anew");
            }
            fs::remove_file(&path).unwrap();
            assert_eq!(open(root, &config("b", "a")).unwrap(), made);
            assert_eq!(open(root, &config("b", "")).unwrap(), made);
            assert!(path.exists());
        }
    }

    #[test]
    fn files_that_are_no_keys_are_not_taken_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let file = root.join(KEYS_FILE);
        fs::write(&file, "causeway keys 2 of the future").unwrap();
        let damaged = KeysError::Damaged(file.clone()).to_string();
        assert_eq!(error(root, &config("a", "")), damaged);
        let missing = KeysError::Missing(root.to_owned()).to_string();
        assert_eq!(error(root, &config("", "")), missing);
        assert_eq!(fs::read_to_string(&file).unwrap(), "causeway keys 2 of the future");
    }

    #[test]
    fn no_key_is_made_where_something_cannot_be_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        // A directory in the place of a file cannot be read, whoever asks; nobody waits for a pipe.
        let pipe = root.join("1.seg");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        std::os::unix::fs::symlink(root, root.join("2.seg")).unwrap();
        assert!(open(root, &config("a", "")).is_ok());
        fs::remove_file(root.join(KEYS_FILE)).unwrap();
        fs::create_dir(root.join(KEYS_FILE)).unwrap();
        assert!(error(root, &config("a", "")).contains(KEYS_FILE));
    }

    #[test]
    fn no_key_is_made_where_something_is_encrypted_with_another() {
        use causeway_core::disk::{Answer, Done, LogId, Op, OpKind};
        use causeway_core::store::{Log, LogConfig};
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let stream = root.join("$G/streams/A");
        fs::create_dir_all(&stream).unwrap();
        let segment = stream.join("00000001-0000000000000007.seg");
        // What a log writes first.
        let beginning = |key| {
            let config = LogConfig { key, ..LogConfig::file(LogId(1), "", 7) };
            let mut out: Vec<Op> = Vec::new();
            let mut log = Log::create(config, 1, &mut out);
            loop {
                log.commit(&mut (), &mut out);
                let op = out.remove(0);
                if let OpKind::Write { bytes, at: 0, .. } = &op.kind
                    && begins(&bytes.concat())
                {
                    return bytes.concat();
                }
                let opens = matches!(op.kind, OpKind::Open { .. });
                let result = Ok(if opens { Answer::Opened { len: 0 } } else { Answer::Done });
                log.done(Done { log: op.log, id: op.id, result }, &mut out);
            }
        };
        fs::write(&segment, beginning(None)).unwrap();
        let made = open(root, &config("a", "")).unwrap();
        fs::write(&segment, beginning(made)).unwrap();
        for name in [KEYS_FILE, KEYS_COPY] {
            fs::remove_file(root.join(name)).unwrap();
        }
        let (file, stream) = (root.join(KEYS_FILE), segment);
        let gone = KeysError::Gone { file, stream }.to_string();
        assert_eq!(error(root, &config("a", "")), gone);
    }

    /// Whether this is of a segment, and not the high-water mark.
    fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(&[0x5e, 0xca])
    }
}
