//! The disk behind a node: carries out what streams ask of it.
//!
//! ```text
//!   Effects::disk ─► Disk::submit ─┬─► at once, on the shard's thread ──┐
//!                                  └─► queue of (log, lane) ─► threads ─┤
//!   Input::Disk ◄──── Disk::answers ◄───────────────────────────────────┘
//! ```
//!
//! [`Files`] is the real one: files below one directory, which a lock file keeps other servers out
//! of. The rules of the exchange are those of [`causeway_core::disk`].

mod error;
mod files;
mod keys;
mod lock;
mod pace;
mod path;
mod pool;
mod transcript;
mod transfer;
mod volume;

use std::task::Waker;
use std::time::Duration;

use causeway_core::disk::{Done, Op};

pub use error::Failure;
pub use files::{Counts, Files, Inline};
pub use keys::KeysError;
pub use lock::LockError;
pub use volume::OpenError;

/// Carries out what a node asks of its disk.
pub trait Disk {
    /// Takes requests and leaves `ops` empty. Nothing is answered from within.
    fn submit(&mut self, ops: &mut Vec<Op>);

    /// Does what is to be done at once, and moves all answers there are to `into`. Wakes `waker`
    /// when there are more.
    fn answers(&mut self, waker: &Waker, into: &mut Vec<Answered>);

    /// The shard has dealt with everything that it was woken for.
    fn turn_ended(&mut self);

    /// Waits until everything asked for is done, for as long as this at most, and closes all files.
    /// What is asked afterwards is not answered any more.
    fn close(&mut self, patience: Duration);
}

/// An answer, and what the log is to say about it.
#[derive(Debug)]
pub struct Answered {
    /// For the node.
    pub done: Done,
    /// What went wrong, if it is worth a line in the log.
    pub failure: Option<Failure>,
}

/// The disk of a server without streams: nobody asks it anything.
#[derive(Debug, Default)]
pub struct NoDisk {
    refused: Vec<Answered>,
}

impl Disk for NoDisk {
    /// Everything is refused as by a disk that cannot be written to.
    fn submit(&mut self, ops: &mut Vec<Op>) {
        self.refused.extend(ops.drain(..).map(|op| Answered {
            done: Done {
                log: op.log,
                id: op.id,
                result: Err(causeway_core::disk::DiskError::ReadOnly),
            },
            failure: None,
        }));
    }

    fn answers(&mut self, _waker: &Waker, into: &mut Vec<Answered>) {
        into.append(&mut self.refused);
    }

    fn turn_ended(&mut self) {}

    fn close(&mut self, _patience: Duration) {}
}
