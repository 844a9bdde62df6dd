//! The message log on disks that lose, tear, refuse and damage.
//!
//! `STORE_SEEDS` says how many seeds each test runs, `STORE_SEED` where it begins.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "how many seeds is for the environment to say, and how long they take is of interest"
)]

mod crypt;
mod doubt;
mod ends;
mod exhaustive;
mod model;
mod random;
mod world;
