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
//!
//! # What is on the disk
//!
//! ```text
//!   00000007-<identity>.seg     a segment: records, then zeros that were written ahead of need
//!   00000005-<identity>.pak     what was left of a segment when that was less than half
//!   00000005-<identity>.idx     what the index has of one of these; it can be found out again
//!   00000000-<identity>.hwm     the high-water mark: which numbers were given out
//!   destroyed                   the log is being destroyed
//!
//!   segment      ┌────────────┬─────────┬─────────┬─────────┬───────┬─────────┬───────┬── 0 0 0
//!                │ checkpoint │ message │ control │ message │ message │ control │ close │
//!                └────────────┴─────────┴─────────┴─────────┴───────┴─────────┴───────┴──
//!                ◄──────── batch 8 ─────────────►◄─────── batch 9 ───────────►◄─ 10 ─►
//!                one write, one sync (or none): and the next batch only after that
//!
//!   record       magic 2 │ kind 1 │ flags 1 │ subject 2 │ cipher 1 │ - 1 │ header 4 │ body 4 │ batch 8 │ seq 8
//!                │ time 8 │ how far the batch goes 4 │ checksum of the header before 4
//!                │ checksum of the body 4 │ checksum of all this, the log's identity, segment and
//!                place 4 ║ body (mark 8 │ subject │ header │ payload), filled up to 8
//! ```
//!
//! * A *message* is a message. A *control* record says what else a batch did: messages removed, in
//!   ranges; the head trimmed; notes changed. A *checkpoint* says everything but messages: the
//!   notes, which segments there are, which of their messages are left, what is lost. Each segment
//!   begins with one, and one may stand elsewhere if much can be removed after it.
//! * A header's checksum covers the lengths, so damage never lets a reader lose its way, and what is
//!   behind damage is found again by looking for the next header. It covers the place, so a block
//!   that went astray or is stale is no record there; stale blocks of the same place break the chain.
//! * **What is durable.** A batch that is not the last was synced before the next was written:
//!   whatever is missing of it is damage and is reported. Of the last batch nobody can say whether it
//!   was torn or damaged. In a log that only writes (see [`Durability`]) that holds for all batches behind
//!   the last one that says that those before it were synced. See [`FindingKind`].
//! * **The end.** That the last batches are gone cannot be seen in what is left of a segment. Each batch
//!   with messages writes first, to the high-water mark, up to which number they are durable and up to
//!   which they are given out. What is missing below is lost and reported, and its numbers are not
//!   given out again. The mark costs a write and no sync: after a power loss it may be old, and then
//!   proves nothing.
//! * **Nothing is written over** but the mark, the bodies of erased messages and the record that says that
//!   the log was closed. After an end without that the last batch is written again to a new segment,
//!   whether or not it is whole: what is read may never have been synced, and after a sync that
//!   failed no later one helps.
//! * **Room.** The next segment is made when half of this one is used. If there is no room for it the
//!   owner is told then, so what was accepted can still be written, and removals, too.
//!
//! What was designed otherwise and why: which messages are left is in checkpoints, not in a file
//! beside each segment, because it is then there together with the notes or not at all; that costs at
//! most a bit for each message. Nothing is renamed but a file to `destroyed`, which takes no room. The
//! identity is in the names, so no damage of a file's head makes the rest worthless.
//!
//! # Compressed and encrypted
//!
//! The body of a message may be compressed, and every body and table encrypted; what is on the disk
//! then stands in place of the body, and checksums and lengths are of that. A log can be given a key
//! at any opening: what was written before stays as it is for as long as it is kept.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod disk;

mod codec;
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
pub mod transcript;

pub use config::{Cipher, Compression, Durability, Key, LogConfig, Storage};
pub use file::begins_encrypted;
pub use index::Filter;
pub use log::{Failure, Log, Progress};
pub use message::{
    Get, Meta, NewMessage, Position, Removed, State, StoredMessage, SubjectId, Trimmed,
};
pub use notes::{NoteChange, Notes};
pub use recovery::{Finding, FindingKind, Note, Recovery};
