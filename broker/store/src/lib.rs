//! The message log as a state machine over disk operations.
//!
//! A log knows no files and no threads: it asks for [disk operations](disk::Op) and is told of their
//! [completions](disk::Done). A host carries them out on a real disk, a simulator on a modelled one
//! that tears, loses, delays and damages.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod disk;
