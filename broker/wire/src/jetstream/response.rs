//! What the API answers.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::ApiError;
use super::info::{AccountInfo, ConsumerInfo, StreamInfo, StreamState};
use super::json::record;
use super::stream::StreamConfig;
use super::time::{Nanos, Time};
use crate::json::{self, Encode, Members};

/// A kind of response: its members beside `type` and `error`. With an error those of the default
/// are written, because Go does not leave them all out.
#[expect(private_bounds, reason = "only the responses of this module write themselves")]
pub trait Response: Members + Default {
    /// The `type` member.
    const TYPE: &'static str;
}

/// The document of a response: `type`, `error` if there is one, and the members of its kind.
#[must_use]
pub fn response<R: Response>(result: &Result<R, ApiError>) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.push(b'{');
    json::write_field(&mut out, "type", &alloc::borrow::Cow::Borrowed(R::TYPE));
    match result {
        Ok(response) => response.write_members(&mut out),
        Err(error) => {
            json::write_field(&mut out, "error", error);
            R::default().write_members(&mut out);
        }
    }
    out.push(b'}');
    out
}

macro_rules! responses {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident = $suffix:literal {
            $( $(#[$doc:meta])* pub $field:ident: $type:ty $(, $flag:ident)?; )*
        }
    )*) => { $(
        record! {
            $(#[$meta])*
            pub struct $name {
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
        /// Their names; `None` is written as `null`.
        pub streams: Option<Vec<String>>;
    }

    /// To `STREAM.LIST`.
    pub struct StreamListResponse = "stream_list_response" {
        /// Number of streams.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// The streams; `None` is written as `null`.
        pub streams: Option<Vec<StreamInfo>>;
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
        /// Their names; `None` is written as `null`.
        pub consumers: Option<Vec<String>>;
    }

    /// To `CONSUMER.LIST`.
    pub struct ConsumerListResponse = "consumer_list_response" {
        /// Number of consumers.
        pub total: i64;
        /// How many of them were passed over.
        pub offset: i64;
        /// How many are shown at most.
        pub limit: i64;
        /// The consumers; `None` is written as `null`.
        pub consumers: Option<Vec<ConsumerInfo>>;
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

record! {
    /// A message of a stream.
    pub struct StoredMsg {
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

/// Bytes, in base64 in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Encode for Blob {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        write_base64(out, &self.0);
        out.push(b'"');
    }
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            out.push(if at <= chunk.len() {
                DIGITS[(bits >> (18 - 6 * at) & 63) as usize]
            } else {
                b'='
            });
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
        };
        check(b"", r#""""#);
        check(b"f", r#""Zg==""#);
        check(b"fo", r#""Zm8=""#);
        check(b"foo", r#""Zm9v""#);
        check(b"foob", r#""Zm9vYg==""#);
        check(b"\xfb\xff\x00", r#""+/8A""#);
    }
}
