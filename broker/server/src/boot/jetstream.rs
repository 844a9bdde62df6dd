//! Streams at start: where they are, how much there may be, and what the log says of that.

use std::path::PathBuf;

use causeway_config::{Config, JetStream, SyncPolicy, defaults, friendly_bytes};
use causeway_core::limits;
use causeway_core::store::Key;

use crate::disk::{Files, Inline, OpenError};
use crate::log::{Level, Log};
use crate::process::memory_limit;
use crate::text::go_duration;

/// Three quarters of what a machine has are for streams, unless the configuration says otherwise.
const SHARE: (u64, u64) = (3, 4);

/// Names the file for a transcript of everything that is done to the files of streams.
const TRANSCRIPT_VARIABLE: &str = "CAUSEWAY_DISK_TRANSCRIPT";

/// What the configuration leaves to the machine, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The directory that holds all streams.
    pub dir: PathBuf,
    /// It is one of the system's for temporary files.
    pub temporary: bool,
    /// Bytes of all streams in memory.
    pub max_memory: u64,
    /// Bytes of all streams in files.
    pub max_store: u64,
    /// What everything in files is encrypted with.
    pub key: Option<Key>,
    /// Where everything that is done to files is written down for a testbed.
    pub transcript: Option<PathBuf>,
}

impl Storage {
    /// Opens the directory of the streams, and settles how much they may take; `None` if the server
    /// keeps none.
    pub(crate) fn open(config: &Config) -> Result<Option<(Self, Files)>, OpenError> {
        let Some(jetstream) = &config.jetstream else { return Ok(None) };
        let temporary = config.store_dir.is_none();
        let dir = config.store_dir.clone().unwrap_or_else(temporary_dir);
        let dir = dir.join(defaults::STORE_FOLDER);
        let transcript = transcript_path();
        let files = Files::open_transcribed(&dir, Inline::Adaptive, transcript.as_deref())?;
        let key = files.key(jetstream)?;
        let max_memory = jetstream.max_memory.unwrap_or_else(share_of_memory);
        // The directory is there now: it may be a file system of its own.
        let max_store = jetstream.max_store.unwrap_or_else(|| share_of_disk(&dir));
        Ok(Some((Self { dir, temporary, max_memory, max_store, key, transcript }, files)))
    }

    /// The limits after a reload. What follows the machine stays as it was at the start.
    pub(crate) fn reload(&mut self, jetstream: Option<&JetStream>) {
        let Some(jetstream) = jetstream else { return };
        self.max_memory = jetstream.max_memory.unwrap_or(self.max_memory);
        self.max_store = jetstream.max_store.unwrap_or(self.max_store);
    }
}

/// What a testbed asks for, to tell later what a power loss would have left.
fn transcript_path() -> Option<PathBuf> {
    std::env::var_os(TRANSCRIPT_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn temporary_dir() -> PathBuf {
    std::env::temp_dir().join(defaults::TEMPORARY_STORE_FOLDER)
}

const fn share(of: u64) -> u64 {
    of / SHARE.1 * SHARE.0
}

fn share_of_memory() -> u64 {
    let info = rustix::system::sysinfo();
    // A count of units, whose type depends on the machine.
    #[allow(clippy::useless_conversion, reason = "not on all machines")]
    let total = u64::from(info.totalram).saturating_mul(u64::from(info.mem_unit));
    match memory_limit() {
        Some(limit) if total > 0 => share(total.min(limit)),
        _ if total > 0 => share(total),
        _ => defaults::MAX_MEMORY_STORE,
    }
}

fn share_of_disk(dir: &std::path::Path) -> u64 {
    match rustix::fs::statvfs(dir) {
        Ok(found) => share(found.f_bavail.saturating_mul(found.f_frsize)),
        Err(_) => defaults::MAX_FILE_STORE,
    }
}

/// The lines that nats-server logs, without its picture.
pub(crate) fn log_banner(log: &Log, config: &Config, storage: &Storage) {
    let Some(jetstream) = &config.jetstream else { return };
    log.info(format_args!("Starting JetStream"));
    if storage.temporary {
        let warning = "Temporary storage directory used, data could be lost on system reboot";
        log.warn(format_args!("{warning}"));
    }
    log.info(format_args!("---------------- JETSTREAM ----------------"));
    if jetstream.strict {
        log.info(format_args!("  Strict:          true"));
    }
    log.info(format_args!("  Max Memory:      {}", friendly_bytes(storage.max_memory)));
    log.info(format_args!("  Max Storage:     {}", friendly_bytes(storage.max_store)));
    log.info(format_args!("  Store Directory: \"{}\"", storage.dir.display()));
    if storage.key.is_some() {
        log.info(format_args!("  Encryption:      {}", jetstream.cipher.name()));
    }
    if let Some(domain) = &jetstream.domain {
        log.info(format_args!("  Domain:          {domain}"));
    }
    log.info(format_args!("  API Level:       {}", limits::API_LEVEL));
    log.info(format_args!("-------------------------------------------"));
    if let Some(path) = &storage.transcript {
        log.warn(format_args!(
            "Everything that JetStream does to its files is written to \"{}\", too",
            path.display()
        ));
    }
    warn(log, config, jetstream);
}

/// What an operator should know who expects more, or nats-server.
fn warn(log: &Log, config: &Config, jetstream: &JetStream) {
    if let SyncPolicy::Every(interval) = jetstream.sync {
        log.warn(format_args!(
            "JetStream acknowledges before messages are durable: with sync_interval {}, a power \
             failure may lose what was acknowledged within it",
            go_duration(interval)
        ));
    }
    if config.cluster.is_some() {
        log.warn(format_args!(
            "JetStream does not replicate in this version: every server of the cluster has streams \
             of its own"
        ));
    }
}

/// nats-server keeps streams in other files, which stay as they are.
pub(crate) fn warn_of_foreign_streams(log: &Log, storage: &Storage) {
    let Some(found) = foreign_streams(&storage.dir) else { return };
    log.line(
        Level::Warn,
        format_args!(
            "Streams of nats-server in \"{}\" are left alone: they cannot be read",
            found.display()
        ),
    );
}

/// A directory with streams of nats-server, if there is one.
fn foreign_streams(dir: &std::path::Path) -> Option<PathBuf> {
    let entries = |dir: &std::path::Path| {
        std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path())
    };
    entries(dir)
        .map(|account| account.join("streams"))
        .find(|streams| entries(streams).any(|stream| stream.join("meta.inf").exists()))
}

#[cfg(test)]
mod tests {
    use causeway_core::store::Cipher;

    use super::*;

    fn config(dir: Option<PathBuf>, jetstream: JetStream) -> Config {
        Config { store_dir: dir, jetstream: Some(jetstream), ..Config::default() }
    }

    #[test]
    fn the_machine_settles_what_the_configuration_leaves_open() {
        let dir = tempfile::tempdir().unwrap();
        let at = || Some(dir.path().to_owned());
        let (storage, files) = Storage::open(&config(at(), JetStream::default())).unwrap().unwrap();
        drop(files);
        assert_eq!(storage.dir, dir.path().join("jetstream"));
        assert!(storage.max_memory > 1 << 20 && storage.max_store > 0, "{storage:?}");
        assert!(!storage.temporary);
        let given = JetStream { max_memory: Some(0), max_store: Some(7), ..JetStream::default() };
        let (mut storage, files) = Storage::open(&config(at(), given)).unwrap().unwrap();
        drop(files);
        assert_eq!((storage.max_memory, storage.max_store), (0, 7), "0 is a limit too");
        let more = JetStream { max_store: Some(9), ..JetStream::default() };
        storage.reload(Some(&more));
        assert_eq!((storage.max_memory, storage.max_store), (0, 9));
        assert!(Storage::open(&Config::default()).unwrap().is_none());
    }

    #[test]
    fn the_banner_names_the_directory_and_what_is_weaker() {
        let (log, text) = Log::memory();
        let storage = Storage {
            dir: "/data/jetstream".into(),
            temporary: false,
            max_memory: 1 << 30,
            max_store: 3 << 40,
            key: Some(Key { cipher: Cipher::Aes256Gcm, secret: [1; 32] }),
            transcript: Some("/data/told".into()),
        };
        let jetstream = JetStream {
            domain: Some("hub".to_owned()),
            cipher: causeway_config::Cipher::Aes256Gcm,
            sync: SyncPolicy::Every(std::time::Duration::from_secs(120)),
            ..JetStream::default()
        };
        log_banner(&log, &config(Some("/data".into()), jetstream), &storage);
        assert_eq!(
            text.borrow().as_str(),
            "[INF] Starting JetStream\n\
             [INF] ---------------- JETSTREAM ----------------\n\
             [INF]   Strict:          true\n\
             [INF]   Max Memory:      1.00 GB\n\
             [INF]   Max Storage:     3.00 TB\n\
             [INF]   Store Directory: \"/data/jetstream\"\n\
             [INF]   Encryption:      AES-GCM\n\
             [INF]   Domain:          hub\n\
             [INF]   API Level:       5\n\
             [INF] -------------------------------------------\n\
             [WRN] Everything that JetStream does to its files is written to \"/data/told\", too\n\
             [WRN] JetStream acknowledges before messages are durable: with sync_interval 2m0s, a \
             power failure may lose what was acknowledged within it\n"
        );
    }

    #[test]
    fn streams_of_nats_server_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(foreign_streams(dir.path()), None);
        let stream = dir.path().join("$G/streams/A");
        std::fs::create_dir_all(&stream).unwrap();
        assert_eq!(foreign_streams(dir.path()), None);
        std::fs::write(stream.join("meta.inf"), "{}").unwrap();
        assert_eq!(foreign_streams(dir.path()), Some(dir.path().join("$G/streams")));
    }
}
