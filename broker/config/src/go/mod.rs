//! The few functions of Go's standard library whose results users see: what they accept and how
//! they print is part of nats-server's behaviour.

mod bytes;
mod duration;
mod host_port;
mod quote;
mod url;

pub use bytes::friendly_bytes;
pub(crate) use duration::{format_duration, parse_duration, show_duration};
pub(crate) use host_port::{atoi, split_host_port};
pub(crate) use quote::quote;
pub(crate) use url::parse_url;
