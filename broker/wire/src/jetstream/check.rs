//! The rules that the configuration of a stream or consumer must follow, and the defaults it gets.
//!
//! A client sees exactly one error, so the order of the rules is part of what they say; it is that
//! of nats-server. What is only known to the server comes in as [`Limits`] and [`Account`].
//!
//! [`create_stream`], [`update_stream`] and [`create_consumer`] answer whole requests: they say what
//! is to be made of them, and the caller makes it. The rules they put together stand alone too.

use alloc::string::String;

use super::consumer::ConsumerConfig;
use super::error::{ApiError, ErrorKind};
use super::info::AccountLimits;
use super::stream::{Metadata, StreamConfig};
use super::time::Nanos;
use crate::subject;

mod consumer;
mod consumer_request;
mod source;
mod stream;
mod stream_request;
mod update;

pub use consumer::{check_consumer, check_consumer_update, check_group_name, shares_messages};
pub use consumer_request::{
    ConsumerChange, ConsumerPlace, check_consumer_request, create_consumer,
};
pub use source::check_source_filters;
pub use stream::check_stream;
pub use stream_request::{check_stream_create_request, create_stream, update_stream};
pub use update::check_stream_update;

/// Longest name of a stream or consumer, in bytes.
pub const MAX_NAME: usize = 255;
/// Longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 4096;
/// Most bytes of keys and values of metadata.
pub const MAX_METADATA: usize = 128 * 1024;
/// Most copies of a stream.
pub const MAX_REPLICAS: i64 = 5;
/// `duplicate_window` unless one is set.
pub const DEFAULT_DUPLICATE_WINDOW: Nanos = Nanos::secs(120);

/// What the server's configuration limits, in all accounts; 0 for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Largest `duplicate_window`.
    pub max_duplicate_window: Nanos,
    /// Largest `max_ack_pending`.
    pub max_ack_pending: i64,
    /// Largest `max_batch` of pull requests.
    pub max_request_batch: i64,
}

/// What the rules must know about the account.
pub trait Account {
    /// The limits that hold for it with so many copies.
    fn limits(&self, replicas: i64) -> &AccountLimits;
    /// The configuration of one of its streams.
    fn stream(&self, name: &str) -> Option<&StreamConfig>;
    /// Whether subjects overlap with those of its streams, but for the one of that name.
    fn overlaps(&self, subjects: &[String], except: &str) -> bool;
    /// Whether there is room for a stream, in the place of `old` if that is given. In that order:
    /// the number of streams (only of a new one), its `max_consumers`, its `max_bytes`.
    ///
    /// # Errors
    ///
    /// Which limit of the account or the server it would exceed.
    fn admit(&self, new: &StreamConfig, old: Option<&StreamConfig>) -> Result<(), ApiError>;
    /// Shows each consumer of a stream, by name.
    fn consumers<'a>(&'a self, stream: &str, show: &mut dyn FnMut(&'a str, &'a ConsumerConfig));
}

/// What all rules look at.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The server's limits.
    pub limits: &'a Limits,
    /// The account.
    pub account: &'a dyn Account,
    /// Whether a value that would be corrected is refused instead.
    pub pedantic: bool,
    /// Whether the server is alone, so that there can be no copies.
    pub standalone: bool,
}

impl Rules<'_> {
    /// `Err` in pedantic mode: the correction that is about to be made is not wanted.
    fn correct(&self, why: &str) -> Result<(), ApiError> {
        if self.pedantic { Err(ErrorKind::Pedantic.err(why)) } else { Ok(()) }
    }

    /// A server that is alone keeps one copy.
    fn check_standalone(&self, replicas: i64) -> Result<(), ApiError> {
        if self.standalone && replicas > 1 {
            return Err(ErrorKind::StreamReplicasNotSupported.into());
        }
        Ok(())
    }
}

/// 10052 with a text.
fn invalid(text: impl core::fmt::Display) -> ApiError {
    ErrorKind::StreamInvalidConfig.err(text)
}

/// Whether a stream or consumer may be named so, its length aside.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([' ', '\t', '\r', '\n', '\x0c', '.', '*', '>', '\\', '/'])
}

/// Whether a subject can be configured, wildcards included.
#[must_use]
pub fn is_valid_subject(subject: &str) -> bool {
    subject::is_valid(subject.as_bytes()) && !subject.contains('\x0c')
}

/// Whether a subject can be configured to publish on.
fn is_valid_literal(subject: &str) -> bool {
    is_valid_subject(subject) && is_literal(subject)
}

fn is_literal(subject: &str) -> bool {
    subject::is_literal(subject.as_bytes())
}

/// Whether some subject is matched by both patterns, or they are the same.
fn collide(a: &str, b: &str) -> bool {
    a == b || subject::collide(a.as_bytes(), b.as_bytes())
}

/// Whether every subject that `narrow` matches is matched by `wide` too.
fn is_subset(narrow: &str, wide: &str) -> bool {
    wide == ">" || subject::is_subset(narrow.as_bytes(), wide.as_bytes())
}

/// Whether any two of the subjects of two streams overlap.
#[must_use]
pub fn overlap(a: &[String], b: &[String]) -> bool {
    a.iter().any(|a| b.iter().any(|b| collide(a, b)))
}

fn metadata_len(metadata: &Metadata) -> usize {
    metadata.iter().map(|(key, value)| key.len() + value.len()).sum()
}

#[cfg(test)]
mod tests;
