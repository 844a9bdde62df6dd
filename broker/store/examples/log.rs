//! What a log costs in memory work: nanoseconds for an append, bytes for a message and for a subject,
//! seconds to open. The disk is a map of byte strings.
//!
//! `cargo run --release -p causeway-store --example log [MESSAGES [SUBJECTS [plain|lz4|chacha|aes]]]`

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use causeway_store::disk::{Answer, DiskError, Done, FileId, LogId, Op, OpKind, Path};
use causeway_store::{Cipher, Compression, Filter, Get, Key, Log, LogConfig, NewMessage};

/// Files in memory. What is written is kept, or not.
#[derive(Default)]
struct Disk {
    keep: bool,
    files: Vec<Vec<u8>>,
    names: BTreeMap<(String, String), usize>,
    open: BTreeMap<FileId, usize>,
    written: u64,
    batches: u64,
}

impl Disk {
    fn run(&mut self, op: Op) -> Done {
        Done { log: op.log, id: op.id, result: self.answer(op.kind) }
    }

    fn answer(&mut self, kind: OpKind) -> Result<Answer, DiskError> {
        match kind {
            OpKind::Open { file, path: Path { dir, name }, create } => {
                let key = (dir, name);
                if create && !self.names.contains_key(&key) {
                    self.files.push(Vec::new());
                    self.names.insert(key.clone(), self.files.len() - 1);
                }
                let at = *self.names.get(&key).ok_or(DiskError::NotFound)?;
                self.open.insert(file, at);
                return Ok(Answer::Opened { len: self.files[at].len() as u64 });
            }
            OpKind::Close { file } => {
                self.open.remove(&file);
            }
            OpKind::Write { file, at, bytes } => {
                self.batches += 1;
                self.written += bytes.iter().map(|piece| piece.len() as u64).sum::<u64>();
                if self.keep {
                    let content = &mut self.files[self.open[&file]];
                    let (mut at, bytes) = (at as usize, bytes.concat());
                    let over = content.len().saturating_sub(at).min(bytes.len());
                    content[at..at + over].copy_from_slice(&bytes[..over]);
                    at = at.max(content.len());
                    content.resize(at, 0);
                    content.extend_from_slice(&bytes[over..]);
                }
            }
            OpKind::Read { file, at, len } => {
                let content = &self.files[self.open[&file]];
                let end = content.len().min((at + len) as usize);
                let begin = end.min(at as usize);
                return Ok(Answer::Bytes(Bytes::copy_from_slice(&content[begin..end])));
            }
            OpKind::Truncate { file, len } => self.files[self.open[&file]].truncate(len as usize),
            // The zeros are not kept: what is behind the end of a file reads as nothing.
            OpKind::Preallocate { .. } | OpKind::Sync { .. } | OpKind::SyncDir { .. } => {}
            OpKind::RemoveDir { .. } | OpKind::Rename { .. } => {}
            OpKind::Remove { path } => {
                if let Some(at) = self.names.remove(&(path.dir, path.name)) {
                    self.files[at] = Vec::new();
                }
            }
            OpKind::List { dir } => {
                let names = self.names.keys().filter(|(of, _)| *of == dir);
                let files = names.map(|(_, name)| name.clone()).collect();
                return Ok(Answer::Names { files, dirs: Vec::new() });
            }
        }
        Ok(Answer::Done)
    }
}

fn settle(log: &mut Log, disk: &mut Disk, out: &mut Vec<Op>) {
    while !out.is_empty() {
        for op in std::mem::take(out) {
            let done = disk.run(op);
            log.done(done, out);
        }
        if log.is_open() {
            log.commit(&mut (), out);
        }
    }
}

/// Appends, a hundred in a turn. Returns nanoseconds for one, of the appends and commits alone.
fn fill(log: &mut Log, disk: &mut Disk, messages: u64, subjects: u64) -> f64 {
    let (mut out, payload, mut busy) = (Vec::new(), [7; 128], 0);
    settle(log, disk, &mut out);
    let mut name = String::new();
    for turn in 0..messages / 100 {
        let begin = Instant::now();
        for at in 0..100 {
            use std::fmt::Write as _;
            let number = (turn * 100 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15) % subjects;
            name.clear();
            let _never_fails = write!(name, "orders.eu.{number}");
            let seq = log.next_seq();
            let subject = name.as_bytes();
            log.append(&NewMessage {
                seq,
                time: seq,
                subject,
                header: b"",
                payload: &payload,
                mark: 0,
            });
        }
        log.commit(&mut (), &mut out);
        busy += begin.elapsed().as_nanos();
        settle(log, disk, &mut out);
    }
    busy as f64 / messages as f64
}

fn print_memory(log: &Log, messages: u64) {
    let (of_messages, of_subjects) = log.memory();
    let subjects = log.state().subjects;
    println!("  {:.1} bytes a message", of_messages as f64 / messages as f64);
    println!("  {:.1} bytes a subject, its name included", of_subjects as f64 / subjects as f64);
    println!("  {} MiB", (of_messages + of_subjects) >> 20);
}

/// How bodies are written: as the third argument says.
fn config() -> LogConfig {
    let form = std::env::args().nth(3).unwrap_or_default();
    let cipher = match form.as_str() {
        "chacha" => Some(Cipher::ChaCha20Poly1305),
        "aes" => Some(Cipher::Aes256Gcm),
        _ => None,
    };
    LogConfig {
        compression: if form == "lz4" { Compression::Lz4 } else { Compression::None },
        key: cipher.map(|cipher| Key { cipher, secret: [7; 32] }),
        ..LogConfig::file(LogId(1), "log", 42)
    }
}

fn main() {
    let argument = |at| std::env::args().nth(at).and_then(|text| text.parse::<u64>().ok());
    let (messages, subjects) =
        (argument(1).unwrap_or(10_000_000), argument(2).unwrap_or(1_000_000));
    for (text, subjects) in [("one subject", 1), ("a thousand subjects", 1000)] {
        let (mut disk, mut out) = (Disk::default(), Vec::new());
        let mut log = Log::create(config(), 1, &mut out);
        for op in std::mem::take(&mut out) {
            log.done(disk.run(op), &mut out);
        }
        let ns = fill(&mut log, &mut disk, 2_000_000, subjects);
        println!("{text}, 128 bytes, nothing kept: {ns:.0} ns an append");
    }
    let (mut disk, mut out) = (Disk { keep: true, ..Disk::default() }, Vec::new());
    let mut log = Log::create(config(), 1, &mut out);
    settle(&mut log, &mut disk, &mut out);
    let ns = fill(&mut log, &mut disk, messages, subjects);
    println!("{messages} messages of {subjects} subjects: {ns:.0} ns an append");
    println!("  {:.1} bytes written a message", disk.written as f64 / messages as f64);
    print_memory(&log, messages);
    log.close(&mut (), &mut out);
    settle(&mut log, &mut disk, &mut out);
    drop(log);
    let begin = Instant::now();
    let mut log = Log::open(config(), &mut out);
    settle(&mut log, &mut disk, &mut out);
    println!("opened in {:.2} s", begin.elapsed().as_secs_f64());
    assert_eq!(log.state().messages, messages);
    print_memory(&log, messages);
    let begin = Instant::now();
    let mut filter = Filter::new([b"orders.*.77".as_slice()]);
    let count = log.count(&mut filter, 0);
    println!("a filter of one subject: {count} messages, {:?}", begin.elapsed());
    let begin = Instant::now();
    let mut read = 0;
    for seq in 1..=messages.min(1_000_000) {
        let mut got = log.get(seq, &mut out);
        if got == Get::Loading {
            settle(&mut log, &mut disk, &mut out);
            got = log.get(seq, &mut out);
        }
        read += u64::from(matches!(got, Get::Message(_)));
    }
    println!("read forwards: {:.0} ns a message", begin.elapsed().as_nanos() as f64 / read as f64);
}
