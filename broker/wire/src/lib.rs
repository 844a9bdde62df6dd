//! The NATS protocol as bytes: frames, parsers, encoders, subjects, headers, INFO and CONNECT.
//!
//! Nothing here owns a connection or decides what to do with a message. A parser is given a buffer
//! that starts at a frame boundary and answers with one [`Parsed::Frame`] that borrows the buffer,
//! or says how many bytes it wants to see before it is worth asking again. An encoder appends bytes
//! to a `Vec<u8>`. No frame costs an allocation.
//!
//! | module | bytes |
//! |---|---|
//! | [`client`] | what a client and a server say to each other |
//! | [`route`] | what two servers of one cluster say to each other |
//! | [`encode`] | the same, written |
//! | [`subject`], [`header`] | what is inside a message line and a header block |
//! | [`info`], [`connect`] | the two JSON documents of the handshake |
//! | [`hash`] | route pool index, server id, short name hashes |
//! | [`error_text`] | every `-ERR` text, and whether the connection ends |
//!
//! The behaviour is that of nats-server 2.15.1, taken from its `parser.go` and checked against the
//! running binary; `client::tests` holds what was observed, as data.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod client;
pub mod connect;
pub mod encode;
pub mod error_text;
mod frame;
pub mod hash;
pub mod header;
pub mod info;
mod json;
mod message;
pub mod route;
mod scan;
pub mod subject;

pub use frame::{Limits, ParseError, Parsed, Publish};
