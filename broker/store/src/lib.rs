//! The message log as a state machine over disk operations.
//!
//! A log knows no files and no threads: it asks for [disk operations](disk::Op) and is told of their
//! [completions](disk::Done). A host carries them out on a real disk, a simulator on a modelled one
//! that tears, loses, delays and damages.
//!
//! # How a log is used
//!
//! ```text
//!   Log::create ──────────────┐
//!   Log::open ─► done ... ─► is_open, recovered()
//!                             │
//!      ┌──────────────────────▼───────────────────────────────────────────────────────┐
//!      │ a turn:  append, remove, trim_to, note ...   in force at once: state, next, count │
//!      │          get                                 what is durable: Message or Loading  │
//!      │          commit(notes, out)                  what was done becomes one batch      │
//!      └──────────────────────▲───────────────────────────────────────────────────────┘
//!                             │ done(answer, out): Progress { durable, loaded, failed, .. }
//!                             │                    acknowledge what is <= durable()
//!   close, destroy ─► done ... ─► Progress { closed }
//! ```
//!
//! One batch is being written at a time, and everything that is done meanwhile is the next one: no
//! timer decides how many messages share a sync, the disk does.
//!
//! The owner looks at [`failure`](Log::failure) before it accepts something.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod disk;

mod config;
mod file;
mod hash;
mod index;
pub mod limits;
mod log;
mod memory;
mod message;
mod notes;
mod recovery;

pub use config::{Compression, Durability, Key, LogConfig, Storage};
pub use index::Filter;
pub use log::{Failure, Log, Progress};
pub use message::{
    Get, Meta, NewMessage, Position, Removed, State, StoredMessage, SubjectId, Trimmed,
};
pub use notes::{NoteChange, Notes};
pub use recovery::{Finding, FindingKind, Note, Recovery};
