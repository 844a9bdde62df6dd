//! What the API answers.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use super::error::ApiError;
use super::info::{AccountInfo, ConsumerInfo, StreamInfo, StreamState};
use super::json::{self, Decode, DecodeMembers, JsonError, Nullable, Reader, object};
use super::stream::StreamConfig;
use super::time::{Nanos, Time};
use crate::json::{Encode, Members, write_field};

/// A kind of response: its members beside `type` and `error`. With an error those of the default
/// are written, because Go does not leave them all out.
#[expect(private_bounds, reason = "only the responses of this module write themselves")]
pub trait Response: Members + DecodeMembers + Default {
    /// The `type` member.
    const TYPE: &'static str;
}

/// The document of a response: `type`, `error` if there is one, and the members of its kind.
#[must_use]
pub fn response<R: Response>(result: &Result<R, ApiError>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.push(b'{');
    write_field(&mut out, "type", &Cow::Borrowed(R::TYPE));
    match result {
        Ok(response) => response.write_members(&mut out),
        Err(error) => {
            write_field(&mut out, "error", error);
            R::default().write_members(&mut out);
        }
    }
    out.push(b'}');
    out
}

/// Reads a response of another server. Members that are not known are passed over.
///
/// # Errors
///
/// If it is not JSON, or of another type.
pub fn parse<R: Response>(json: &[u8]) -> Result<Result<R, ApiError>, JsonError> {
    let mut document = Document::<R>::default();
    json::unmarshal(&mut document, json, "")?;
    if document.r#type != R::TYPE {
        return Err(JsonError::new("another type of response"));
    }
    Ok(document.error.map_or(Ok(document.response), Err))
}

#[derive(Default)]
struct Document<R> {
    r#type: String,
    error: Option<ApiError>,
    response: R,
}

impl<R: Response> Decode for Document<R> {
    fn go_type() -> Cow<'static, str> {
        "".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, go_type: &str) {
        reader.object(go_type, |key, reader| {
            match key {
                "type" => self.r#type.decode(reader, "string"),
                "error" => self.error.decode(reader, "server.ApiError"),
                _ => return self.response.decode_member(key, reader),
            }
            true
        });
    }
}

macro_rules! responses {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident = $suffix:literal {
            $( $(#[$doc:meta])* pub $field:ident: $type:ty $(, $flag:ident)?; )*
        }
    )*) => { $(
        object! {
            $(#[$meta])*
            pub struct $name = "" {
                $( $(#[$doc])* pub $field: $type $(, $flag)?; )*
            }
        }

        impl Response for $name {
            const TYPE: &'static str = concat!("io.nats.jetstream.api.v1.", $suffix);
        }
    )* };
}

responses! {
    /// To what is no request of the API, or before it is clear which.
    pub struct SystemResponse = "system_response" {}

    /// To `INFO`.
    pub struct AccountInfoResponse = "account_info_response" {
        /// The account.
        pub info: Option<AccountInfo>, flatten;
    }

    /// To `STREAM.CREATE`.
    pub struct StreamCreateResponse = "stream_create_response" {
        /// The stream.
        pub info: Option<StreamInfo>, flatten;
        /// Always true without an error.
        pub did_create: bool, omitempty;
    }

    /// To `STREAM.UPDATE`.
    pub struct StreamUpdateResponse = "stream_update_response" {
        /// The stream.
        pub info: Option<StreamInfo>, flatten;
    }

    /// To `STREAM.INFO`.
    pub struct StreamInfoResponse = "stream_info_response" {
        /// Number of subjects that match the filter.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// The stream.
        pub info: Option<StreamInfo>, flatten;
    }

    /// To `STREAM.NAMES`.
    pub struct StreamNamesResponse = "stream_names_response" {
        /// Number of streams.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// Their names.
        pub streams: Nullable<String>;
    }

    /// To `STREAM.LIST`.
    pub struct StreamListResponse = "stream_list_response" {
        /// Number of streams.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// The streams.
        pub streams: Vec<StreamInfo>;
        /// Names of those that did not answer.
        pub missing: Vec<String>, omitempty;
        /// Names of those that are offline, and why.
        pub offline: BTreeMap<String, String>, omitempty;
    }

    /// To `STREAM.DELETE`.
    pub struct StreamDeleteResponse = "stream_delete_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }

    /// To `STREAM.PURGE`.
    pub struct StreamPurgeResponse = "stream_purge_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
        /// Number of messages that were removed.
        pub purged: u64;
    }

    /// To `STREAM.MSG.GET`.
    pub struct MsgGetResponse = "stream_msg_get_response" {
        /// The message.
        pub message: Option<StoredMsg>, omitempty;
    }

    /// To `STREAM.MSG.DELETE`.
    pub struct MsgDeleteResponse = "stream_msg_delete_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }

    /// To `STREAM.SNAPSHOT`, before the chunks.
    pub struct StreamSnapshotResponse = "stream_snapshot_response" {
        /// The stream's configuration.
        pub config: Option<StreamConfig>, omitempty;
        /// What it holds.
        pub state: Option<StreamState>, omitempty;
    }

    /// To `STREAM.RESTORE`, before the chunks.
    pub struct StreamRestoreResponse = "stream_restore_response" {
        /// Where the chunks are to be sent.
        pub deliver_subject: String;
    }

    /// To `STREAM.PEER.REMOVE`.
    pub struct StreamRemovePeerResponse = "stream_remove_peer_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }

    /// To `STREAM.CANCEL_MOVE`.
    pub struct StreamCancelMoveResponse = "stream_cancel_move_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }

    /// To `STREAM.LEADER.STEPDOWN`.
    pub struct StreamLeaderStepdownResponse = "stream_leader_stepdown_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }

    /// To `CONSUMER.CREATE`.
    pub struct ConsumerCreateResponse = "consumer_create_response" {
        /// The consumer.
        pub info: Option<ConsumerInfo>, flatten;
    }

    /// To `CONSUMER.INFO`.
    pub struct ConsumerInfoResponse = "consumer_info_response" {
        /// The consumer.
        pub info: Option<ConsumerInfo>, flatten;
    }

    /// To `CONSUMER.NAMES`.
    pub struct ConsumerNamesResponse = "consumer_names_response" {
        /// Number of consumers.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// Their names.
        pub consumers: Vec<String>;
    }

    /// To `CONSUMER.LIST`.
    pub struct ConsumerListResponse = "consumer_list_response" {
        /// Number of consumers.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// The consumers.
        pub consumers: Vec<ConsumerInfo>;
        /// Names of those that did not answer.
        pub missing: Vec<String>, omitempty;
        /// Names of those that are offline, and why.
        pub offline: BTreeMap<String, String>, omitempty;
    }

    /// To `CONSUMER.DELETE`.
    pub struct ConsumerDeleteResponse = "consumer_delete_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }

    /// To `CONSUMER.PAUSE`.
    pub struct ConsumerPauseResponse = "consumer_pause_response" {
        /// Whether it is paused now.
        pub paused: bool;
        /// Until when; the zero time if it is not.
        pub pause_until: Time;
        /// For how long still.
        pub pause_remaining: Nanos, omitempty;
    }

    /// To `CONSUMER.UNPIN`.
    pub struct ConsumerUnpinResponse = "consumer_unpin_response" {}

    /// To `CONSUMER.RESET`.
    pub struct ConsumerResetResponse = "consumer_reset_response" {
        /// The consumer.
        pub info: Option<ConsumerInfo>, flatten;
        /// Sequence number of the message that is delivered next.
        pub reset_seq: u64;
    }

    /// To `CONSUMER.LEADER.STEPDOWN`.
    pub struct ConsumerLeaderStepdownResponse = "consumer_leader_stepdown_response" {
        /// Whether it is done.
        pub success: bool, omitempty;
    }
}

object! {
    /// A message of a stream.
    pub struct StoredMsg = "StoredMsg" {
        /// Its subject.
        pub subject: String;
        /// Its sequence number.
        pub seq: u64;
        /// Its header block.
        pub hdrs: Blob, omitempty;
        /// Its payload.
        pub data: Blob, omitempty;
        /// When it was stored.
        pub time: Time;
    }
}

/// As Go reads and writes bytes in JSON: padded, and what is left over of the last digit is ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Bytes, in base64 in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Encode for Blob {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        let at = out.len();
        let digits = self.0.len().div_ceil(3) * 4;
        out.resize(at + digits, 0);
        BASE64.encode_slice(&self.0, &mut out[at..]).expect("as many digits as there are to be");
        out.push(b'"');
    }
}

impl Decode for Blob {
    fn go_type() -> Cow<'static, str> {
        "[]uint8".into()
    }

    fn decode(&mut self, reader: &mut Reader<'_>, _: &str) {
        let mut text = String::new();
        text.decode(reader, "[]uint8");
        match BASE64.decode(&text) {
            Ok(bytes) => self.0 = bytes,
            Err(_) => reader.complain("illegal base64 data"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64() {
        let check = |bytes: &[u8], expected: &str| {
            let mut out = Vec::new();
            Blob(bytes.into()).write(&mut out);
            assert_eq!(out, expected.as_bytes());
            assert_eq!(BASE64.decode(expected.trim_matches('"')).unwrap(), bytes);
        };
        check(b"", r#""""#);
        check(b"f", r#""Zg==""#);
        check(b"fo", r#""Zm8=""#);
        check(b"foo", r#""Zm9v""#);
        check(b"foob", r#""Zm9vYg==""#);
        check(b"\xfb\xff\x00", r#""+/8A""#);
        assert_eq!(BASE64.decode("Zh==").unwrap(), b"f", "Go does not look at bits left over");
        for wrong in ["Z", "Zg", "Zg=", "Z===", "Z_=="] {
            assert!(BASE64.decode(wrong).is_err(), "{wrong}");
        }
    }

    /// Requests and responses of nats-server 2.15.1 with ids and times made equal: the API's name,
    /// the request, the response; one a line, between tabs.
    const OBSERVED: &str = include_str!("observed/responses.txt");

    #[track_caller]
    fn check<R: Response>(name: &str, observed: &str) {
        let parsed = parse::<R>(observed.as_bytes()).unwrap();
        let written = String::from_utf8(response(&parsed)).unwrap();
        assert_eq!(written, observed, "{name}");
    }

    #[test]
    fn responses_are_those_of_nats_server() {
        for line in OBSERVED.lines() {
            let mut parts = line.split('\t');
            let (name, _, observed) =
                (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            let words: Vec<_> = name.split('.').take(3).collect();
            match words[..] {
                ["INFO"] => check::<AccountInfoResponse>(name, observed),
                ["STREAM", "CREATE", _] => check::<StreamCreateResponse>(name, observed),
                ["STREAM", "UPDATE", _] => check::<StreamUpdateResponse>(name, observed),
                ["STREAM", "INFO", _] => check::<StreamInfoResponse>(name, observed),
                ["STREAM", "NAMES"] => check::<StreamNamesResponse>(name, observed),
                ["STREAM", "LIST"] => check::<StreamListResponse>(name, observed),
                ["STREAM", "DELETE", _] => check::<StreamDeleteResponse>(name, observed),
                ["STREAM", "PURGE", _] => check::<StreamPurgeResponse>(name, observed),
                ["STREAM", "MSG", "GET"] => check::<MsgGetResponse>(name, observed),
                ["STREAM", "MSG", "DELETE"] => check::<MsgDeleteResponse>(name, observed),
                ["STREAM", "SNAPSHOT", _] => check::<StreamSnapshotResponse>(name, observed),
                ["STREAM", "RESTORE", _] => check::<StreamRestoreResponse>(name, observed),
                ["STREAM", "PEER", _] => check::<StreamRemovePeerResponse>(name, observed),
                ["STREAM", "LEADER", _] => check::<StreamLeaderStepdownResponse>(name, observed),
                ["CONSUMER", "CREATE", _] => check::<ConsumerCreateResponse>(name, observed),
                ["CONSUMER", "INFO", _] => check::<ConsumerInfoResponse>(name, observed),
                ["CONSUMER", "NAMES", _] => check::<ConsumerNamesResponse>(name, observed),
                ["CONSUMER", "LIST", _] => check::<ConsumerListResponse>(name, observed),
                ["CONSUMER", "PAUSE", _] => check::<ConsumerPauseResponse>(name, observed),
                ["CONSUMER", "UNPIN", _] => check::<ConsumerUnpinResponse>(name, observed),
                ["CONSUMER", "RESET", _] => check::<ConsumerResetResponse>(name, observed),
                ["CONSUMER", "DELETE", _] => check::<ConsumerDeleteResponse>(name, observed),
                ["CONSUMER", "LEADER", _] => {
                    check::<ConsumerLeaderStepdownResponse>(name, observed);
                }
                _ => panic!("{name}"),
            }
        }
    }

    #[test]
    fn other_responses_are_refused() {
        let json = response::<StreamDeleteResponse>(&Ok(StreamDeleteResponse { success: true }));
        assert!(parse::<StreamPurgeResponse>(&json).is_err());
        assert!(parse::<StreamPurgeResponse>(b"{").is_err());
    }
}
