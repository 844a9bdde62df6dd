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
//! | [`jetstream`] | documents, errors, subjects, headers and rules of JetStream |
//! | [`hash`] | route pool index, server id, short name hashes |
//! | [`error_text`] | every `-ERR` text, and whether the connection ends |
//!
//! ```
//! use causeway_wire::client::{self, ClientOp};
//! use causeway_wire::{Limits, Parsed, encode};
//!
//! let received = b"PUB orders.eu 5\r\nhello\r\nPI";
//! let limits = Limits::client();
//!
//! let Ok(Parsed::Frame { frame: ClientOp::Pub(message), len }) = client::parse(received, &limits)
//! else {
//!     panic!("a whole frame is there");
//! };
//! assert_eq!(message.subject, b"orders.eu");
//!
//! // A delivery to subscription 7 is a prefix and a copy of the rest of the line and the payload.
//! let mut out = Vec::new();
//! encode::msg_prefix(&mut out, message.subject, b"7");
//! out.extend_from_slice(message.tail.expect("the line had single spaces"));
//! assert_eq!(out, b"MSG orders.eu 7 5\r\nhello\r\n");
//!
//! // What is left may become a PING, so there is nothing to do before more bytes come.
//! assert_eq!(client::parse(&received[len..], &limits), Ok(Parsed::Incomplete { need: 3 }));
//! ```
//!
//! The behaviour is that of nats-server 2.15.1, taken from its `parser.go` and checked against the
//! running binary: the `observed` tables beside the parsers hold what it answered, as data, and the
//! tests beside them name the few inputs that are answered differently on purpose.
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod client;
pub mod connect;
pub mod encode;
pub mod error_text;
mod fast;
mod frame;
pub mod hash;
pub mod header;
pub mod info;
pub mod jetstream;
mod json;
mod message;
pub mod route;
mod scan;
pub mod subject;

pub use frame::{Limits, ParseError, Parsed, Publish};
