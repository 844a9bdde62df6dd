//! Answers of the server: their header, their JSON, and what the subject of a delivery says.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use causeway_wire::header;
use serde::Deserialize;
use serde_json::Value;

use crate::history::{ConsumerState, StreamState};
use crate::ids::{ConsumerNo, MsgId, StreamNo};
use crate::payload;

/// A message that the server sent to a client's inbox.
#[derive(Clone, Copy)]
pub(in crate::client) struct Answer<'a> {
    pub(in crate::client) subject: &'a [u8],
    pub(in crate::client) reply: Option<&'a [u8]>,
    pub(in crate::client) header_len: Option<u32>,
    pub(in crate::client) body: &'a [u8],
}

/// What the reply subject of a delivery says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ticket<'a> {
    pub(super) stream: &'a str,
    pub(super) consumer: &'a str,
    /// The how-many-eth time.
    pub(super) times: u64,
    /// In the stream.
    pub(super) seq: u64,
    /// Among the consumer's deliveries.
    pub(super) consumer_seq: u64,
    /// How many more there are.
    pub(super) pending: u64,
}

/// A message that was got by its sequence or subject.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Got {
    pub(super) seq: u64,
    pub(super) subject: String,
    pub(super) payload: Vec<u8>,
}

/// The answer to a question for a message, as JSON.
#[derive(Deserialize)]
struct Packed<'a> {
    #[serde(borrow)]
    message: Option<PackedMessage<'a>>,
}

#[derive(Deserialize)]
struct PackedMessage<'a> {
    seq: u64,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Cow<'a, str>,
}

/// What a counter's message, or the acknowledgement of one, says.
pub(super) fn counted(payload: &[u8]) -> Option<u64> {
    let json: Value = serde_json::from_slice(payload).ok()?;
    json.get("val")?.as_str()?.parse().ok()
}

impl<'a> Answer<'a> {
    /// The number of the question, if it is to this inbox.
    pub(super) fn number(&self, inbox: &str) -> Option<u32> {
        let digits = self.subject.strip_prefix(inbox.as_bytes())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn parts(&self) -> (&'a [u8], &'a [u8]) {
        header::split(self.body, self.header_len)
    }

    pub(super) fn payload(&self) -> &'a [u8] {
        self.parts().1
    }

    /// The status in its header.
    pub(super) fn status(&self) -> Option<u32> {
        let (code, _) = header::status(self.parts().0)?;
        std::str::from_utf8(code).ok()?.parse().ok()
    }

    fn header(&self, key: &str) -> Option<&'a [u8]> {
        header::value(self.parts().0, key.as_bytes())
    }

    fn header_number(&self, key: &str) -> Option<u64> {
        std::str::from_utf8(self.header(key)?).ok()?.trim().parse().ok()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.payload()).unwrap_or_default()
    }

    /// The error that it tells of: the API's code, or that of the status, and the words.
    pub(super) fn error(&self) -> Option<(u32, String)> {
        if let Some(code) = self.status() {
            return Some((code, "status".to_owned()));
        }
        let json = self.json();
        let error = json.get("error")?;
        let number = |key: &str| error.get(key).and_then(Value::as_u64);
        let code = number("err_code").or_else(|| number("code")).unwrap_or(0);
        let text = error.get("description").and_then(Value::as_str).unwrap_or_default();
        Some((u32::try_from(code).unwrap_or(u32::MAX), text.to_owned()))
    }

    /// Whether it says that the server cannot do it now, and has not done it.
    pub(super) fn is_unavailable(&self) -> bool {
        let json = self.json();
        let code = json.get("error").and_then(|error| error.get("code")).and_then(Value::as_u64);
        self.status() == Some(503) || code == Some(503)
    }

    /// Where a message was stored, whether it had been there, and the stream's name.
    pub(super) fn stored(&self) -> Option<(u64, bool, String)> {
        let json = self.json();
        if json.get("error").is_some() {
            return None;
        }
        let seq = json.get("seq")?.as_u64()?;
        let duplicate = json.get("duplicate").and_then(Value::as_bool) == Some(true);
        let name = json.get("stream").and_then(Value::as_str).unwrap_or_default();
        Some((seq, duplicate, name.to_owned()))
    }

    /// What it says that a counter comes to.
    pub(super) fn value(&self) -> Option<u64> {
        counted(self.payload())
    }

    pub(super) fn stream_state(&self, stream: StreamNo, asked: u64) -> Option<StreamState> {
        let json = self.json();
        let state = json.get("state")?;
        let number = |key: &str| state.get(key).and_then(Value::as_u64);
        let lost = state.get("lost").and_then(|lost| lost.get("msgs"));
        Some(StreamState {
            stream,
            messages: number("messages")?,
            bytes: number("bytes")?,
            first: number("first_seq")?,
            last: number("last_seq")?,
            deleted: number("num_deleted").unwrap_or(0),
            lost: lost.and_then(Value::as_array).map_or(0, |lost| lost.len() as u64),
            asked,
        })
    }

    /// The sequences that the server says it has lost, as ranges.
    pub(super) fn lost(&self) -> Vec<(u64, u64)> {
        let json = self.json();
        let lost = json.get("state").and_then(|state| state.get("lost"));
        let Some(lost) = lost.filter(|lost| !lost.is_null()) else { return Vec::new() };
        let lost = lost.get("msgs").and_then(Value::as_array);
        if lost.is_none_or(Vec::is_empty) {
            // It does not know what.
            return vec![(1, 0)];
        }
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for seq in lost.into_iter().flatten().filter_map(Value::as_u64) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => ranges.push((seq, seq)),
            }
        }
        ranges
    }

    pub(super) fn consumer_state(&self, consumer: ConsumerNo) -> Option<ConsumerState> {
        let json = self.json();
        let pair = |key: &str| {
            let of = |part: &str| json.get(key)?.get(part)?.as_u64();
            Some((of("consumer_seq")?, of("stream_seq")?))
        };
        let number = |key: &str| json.get(key).and_then(Value::as_u64);
        let (delivered, delivered_stream) = pair("delivered")?;
        let (floor, floor_stream) = pair("ack_floor")?;
        Some(ConsumerState {
            consumer,
            delivered,
            delivered_stream,
            floor,
            floor_stream,
            pending: number("num_pending")?,
            unacked: number("num_ack_pending")?,
            redelivered: number("num_redelivered").unwrap_or(0),
        })
    }

    /// A message of a stream: as JSON, or raw with its place in the header.
    pub(super) fn got(&self) -> Option<Got> {
        if let Some(seq) = self.header_number("Nats-Sequence") {
            let subject = self.header("Nats-Subject").unwrap_or_default();
            return Some(Got {
                seq,
                subject: String::from_utf8_lossy(subject).into_owned(),
                payload: self.payload().to_vec(),
            });
        }
        let message = serde_json::from_slice::<Packed<'_>>(self.payload()).ok()?.message?;
        Some(Got {
            seq: message.seq,
            subject: message.subject.into_owned(),
            payload: base64(&message.data)?,
        })
    }

    /// What the subject says to which a delivery is to be answered.
    pub(super) fn ticket(&self) -> Option<Ticket<'a>> {
        ticket(self.reply?)
    }

    /// The identity of a delivery.
    pub(super) fn identity(&self) -> Option<MsgId> {
        payload::identity(self.payload())
    }
}

/// `$JS.ACK.<stream>.<consumer>.<times>.<seq>.<consumer seq>.<time>.<pending>`, with a domain and a
/// hash behind `ACK` and maybe something at the end if it is a long one.
fn ticket(reply: &[u8]) -> Option<Ticket<'_>> {
    let text = std::str::from_utf8(reply).ok()?;
    let tokens: Vec<&str> = text.strip_prefix("$JS.ACK.")?.split('.').collect();
    let from = if tokens.len() == 7 { 2 } else { 4 };
    let number = |at: usize| tokens.get(from + at)?.parse().ok();
    Some(Ticket {
        stream: tokens.get(from - 2)?,
        consumer: tokens.get(from - 1)?,
        times: number(0)?,
        seq: number(1)?,
        consumer_seq: number(2)?,
        pending: number(4)?,
    })
}

/// Bytes from base64, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    const EITHER: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    EITHER.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer<'a>(header_len: Option<u32>, body: &'a [u8]) -> Answer<'a> {
        Answer { subject: b"_JET.1.2.7", reply: None, header_len, body }
    }

    #[test]
    fn both_kinds_of_tickets_are_read() {
        let (stream, consumer) = ("S", "C");
        let expected =
            Some(Ticket { stream, consumer, times: 2, seq: 30, consumer_seq: 4, pending: 6 });
        assert_eq!(ticket(b"$JS.ACK.S.C.2.30.4.1700000000.6"), expected);
        assert_eq!(ticket(b"$JS.ACK.dom.hash.S.C.2.30.4.1700000000.6"), expected);
        assert_eq!(ticket(b"$JS.ACK._.hash.S.C.2.30.4.1700000000.6.rnd"), expected);
        assert_eq!(ticket(b"$JS.ACK.S.C.2.x.4.1700000000.6"), None);
        assert_eq!(ticket(b"_INBOX.1"), None);
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, bytes) in
            [("", ""), ("YQ==", "a"), ("YWI", "ab"), ("YWJj", "abc"), ("YWJjZA==", "abcd")]
        {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base64("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(base64("a b="), None);
    }

    #[test]
    fn answers_say_what_they_are() {
        let acked = answer(None, br#"{"stream":"S","domain":"d","seq":12,"duplicate":true}"#);
        assert_eq!(acked.stored(), Some((12, true, "S".to_owned())));
        assert_eq!((acked.error(), acked.number("_JET.1.2.")), (None, Some(7)));
        let body = br#"{"error":{"code":503,"err_code":10008,"description":"no"}}"#;
        let refused = answer(None, body);
        assert_eq!(refused.error(), Some((10008, "no".to_owned())));
        assert!(refused.is_unavailable() && refused.stored().is_none());
        let none = b"NATS/1.0 503\r\n\r\n";
        let nobody = answer(Some(none.len() as u32), none);
        assert_eq!((nobody.status(), nobody.is_unavailable()), (Some(503), true));
        let body = br#"{"message":{"subject":"a.b","seq":3,"data":"YWI=","time":"x"}}"#;
        let got = Got { seq: 3, subject: "a.b".to_owned(), payload: b"ab".to_vec() };
        assert_eq!(answer(None, body).got(), Some(got.clone()));
        let raw = b"NATS/1.0\r\nNats-Stream: S\r\nNats-Subject: a.b\r\nNats-Sequence: 3\r\n\r\nab";
        assert_eq!(answer(Some(raw.len() as u32 - 2), raw).got(), Some(got));
        let state =
            br#"{"state":{"messages":1,"bytes":2,"first_seq":3,"last_seq":4,"lost":{"msgs":[9]}}}"#;
        let state = answer(None, state).stream_state(StreamNo(0), 7).unwrap();
        assert_eq!((state.messages, state.last, state.deleted, state.lost), (1, 4, 0, 1));
        let lost = br#"{"state":{"lost":{"msgs":[3,4,9]}}}"#;
        assert_eq!(answer(None, lost).lost(), [(3, 4), (9, 9)]);
        let unknown = br#"{"state":{"lost":{"msgs":[],"bytes":0}}}"#;
        assert_eq!(answer(None, unknown).lost(), [(1, 0)]);
        assert_eq!(answer(None, br#"{"state":{"lost":null}}"#).lost(), []);
        let full = br#"{"error":{"code":400,"err_code":10077},"stream":"S","seq":0}"#;
        assert_eq!(answer(None, full).stored(), None);
    }
}
