//! nats-server's configuration language: bytes to tokens (`lexer`), tokens to a tree (`parser`).
//!
//! The language is what nats-server 2.15.1 reads, with its odd corners, because files in use lean on
//! them without knowing. The few differences are listed at [`parse`].

mod digits;
mod lexer;
mod parser;

pub use parser::{parse, parse_file};
