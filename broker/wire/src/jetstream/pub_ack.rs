//! The answer to a publish.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::ApiError;
use super::json::record;
use crate::encode::decimal;
use crate::error_text::quote;
use crate::json::{self, Encode, Members};

/// The answer to a message that is stored, or was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PubAck<'a> {
    /// The stream.
    pub stream: &'a str,
    /// Domain of the server; empty for none.
    pub domain: &'a str,
    /// Sequence number of the message, or of the one it repeats.
    pub seq: u64,
    /// Whether it repeats a message.
    pub duplicate: bool,
    /// The value of a counter.
    pub val: Option<&'a str>,
    /// The batch that this message completes.
    pub batch: Option<BatchAck<'a>>,
}

/// What an answer says about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchAck<'a> {
    /// Its id.
    pub id: &'a str,
    /// Number of messages that were stored.
    pub count: u64,
}

impl BatchAck<'_> {
    /// The end of an acknowledgement, behind the sequence.
    #[must_use]
    pub fn end(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out.push(b'}');
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"batch\":");
        write_quoted(out, self.id);
        out.extend_from_slice(b",\"count\":");
        decimal(out, self.count);
    }
}

impl PubAck<'_> {
    /// Appends the document as nats-server puts it together, which is not quite as its JSON writer
    /// would.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"stream\":");
        write_quoted(out, self.stream);
        if !self.domain.is_empty() {
            out.extend_from_slice(b",\"domain\":");
            write_quoted(out, self.domain);
        }
        out.extend_from_slice(b",\"seq\":");
        decimal(out, self.seq);
        if self.duplicate {
            out.extend_from_slice(b",\"duplicate\": true");
        }
        if let Some(batch) = self.batch {
            batch.write(out);
        }
        if let Some(val) = self.val {
            out.extend_from_slice(b",\"val\":");
            write_quoted(out, val);
        }
        out.push(b'}');
    }
}

/// Appends the answer to a message that is not stored.
pub fn write_pub_error(out: &mut Vec<u8>, stream: &str, error: &ApiError) {
    out.extend_from_slice(b"{\"error\":");
    error.write(out);
    out.extend_from_slice(b",\"stream\":");
    json::write_text(out, stream);
    out.extend_from_slice(b",\"seq\":0}");
}

/// In quotes as Go shows text, which is not as its JSON writer does.
fn write_quoted(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        let mut quoted = String::new();
        quote(&mut quoted, text.as_bytes());
        out.extend_from_slice(quoted.as_bytes());
    }
}

record! {
    /// In a batch with flow control: messages up to this one are received.
    pub struct BatchFlowAck {
        /// Number in the batch of the message that this answers.
        pub seq: u64;
        /// How many messages the next answer will come after.
        pub msgs: u16;
    }
}

record! {
    /// In a batch with flow control: messages are missing.
    pub struct BatchFlowGap {
        /// Number of the message that was expected.
        pub last_seq: u64;
        /// Number of the one that came.
        pub seq: u64;
    }
}

record! {
    /// In a batch with flow control: a message can not be stored.
    pub struct BatchFlowErr {
        /// Its number.
        pub seq: u64;
        /// Why.
        pub error: Option<ApiError>;
    }
}

/// A word on how a batch with flow control is going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchFlow {
    /// It goes on.
    Ack(BatchFlowAck),
    /// Messages are missing.
    Gap(BatchFlowGap),
    /// A message can not be stored.
    Err(BatchFlowErr),
}

impl BatchFlow {
    /// Appends the document, `type` first.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, members): (&str, &dyn Members) = match self {
            Self::Ack(ack) => ("ack", ack),
            Self::Gap(gap) => ("gap", gap),
            Self::Err(err) => ("err", err),
        };
        out.extend_from_slice(b"{\"type\":");
        json::write_text(out, kind);
        members.write_members(out);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::ErrorKind;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn stored() {
        let ack = PubAck { stream: "S", seq: 7, ..PubAck::default() };
        assert_eq!(text(|out| ack.write(out)), r#"{"stream":"S","seq":7}"#);
        let repeated = PubAck { domain: "hub", duplicate: true, ..ack };
        let expected = r#"{"stream":"S","domain":"hub","seq":7,"duplicate": true}"#;
        assert_eq!(text(|out| repeated.write(out)), expected);
        let counted = PubAck { val: Some("-3"), ..ack };
        assert_eq!(text(|out| counted.write(out)), r#"{"stream":"S","seq":7,"val":"-3"}"#);
        let batch = PubAck { batch: Some(BatchAck { id: "x\"y", count: 2 }), ..ack };
        let expected = r#"{"stream":"S","seq":7,"batch":"x\"y","count":2}"#;
        assert_eq!(text(|out| batch.write(out)), expected);
    }

    #[test]
    fn not_stored() {
        let error = ErrorKind::StreamWrongLastSequence.fill(&[("seq", &8)]);
        assert_eq!(
            text(|out| write_pub_error(out, "S", &error)),
            r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 8"},"stream":"S","seq":0}"#
        );
    }

    #[test]
    fn batches_with_flow_control() {
        let flow = BatchFlow::Ack(BatchFlowAck { seq: 3, msgs: 10 });
        assert_eq!(text(|out| flow.write(out)), r#"{"type":"ack","seq":3,"msgs":10}"#);
        let flow = BatchFlow::Gap(BatchFlowGap { last_seq: 3, seq: 5 });
        assert_eq!(text(|out| flow.write(out)), r#"{"type":"gap","last_seq":3,"seq":5}"#);
    }
}
