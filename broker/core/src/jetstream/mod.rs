//! JetStream: message streams and their consumers.

#[allow(dead_code, unused_imports, reason = "the streams that own consumers come later")]
pub(crate) mod consumer;
