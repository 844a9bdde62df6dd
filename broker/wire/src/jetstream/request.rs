//! What clients ask of the API.

use alloc::string::String;
use alloc::vec::Vec;

use super::consumer::ConsumerConfig;
use super::info::StreamState;
use super::json::{self, JsonError, choices, object};
use super::stream::{Placement, StreamConfig};
use super::time::{Nanos, Time};

object! {
    /// Create or update a stream.
    pub struct StreamConfigRequest = "StreamConfigRequest" {
        /// What it is to be.
        pub config: StreamConfig, flatten;
        /// Whether values that would be corrected are refused instead.
        pub pedantic: bool, omitempty;
    }
}

object! {
    /// Ask for a stream's state.
    pub struct StreamInfoRequest = "JSApiStreamInfoRequest" {
        /// How many subjects to pass over.
        pub offset: i64 as "int";
        /// Whether to list deleted sequence numbers.
        pub deleted_details: bool, omitempty;
        /// Pattern of the subjects to count messages of; empty for none.
        pub subjects_filter: String, omitempty;
    }
}

object! {
    /// Ask for names of streams.
    pub struct StreamNamesRequest = "JSApiStreamNamesRequest" {
        /// How many to pass over.
        pub offset: i64 as "int";
        /// Only streams with subjects that overlap with this pattern; empty for all.
        pub subject: String, omitempty;
    }
}

object! {
    /// Ask for streams.
    pub struct StreamListRequest = "JSApiStreamListRequest" {
        /// How many to pass over.
        pub offset: i64 as "int";
        /// Only streams with subjects that overlap with this pattern; empty for all.
        pub subject: String, omitempty;
    }
}

object! {
    /// Remove messages of a stream; without fields, all.
    pub struct StreamPurgeRequest = "JSApiStreamPurgeRequest" {
        /// Only those before this sequence number; 0 for all.
        pub seq: u64, omitempty;
        /// Only those of these subjects; empty for all.
        pub filter: String, omitempty;
        /// How many to keep.
        pub keep: u64, omitempty;
    }
}

object! {
    /// Remove a message.
    pub struct MsgDeleteRequest = "JSApiMsgDeleteRequest" {
        /// Its sequence number.
        pub seq: u64;
        /// Whether its bytes may stay on disk for a while.
        pub no_erase: bool, omitempty;
    }
}

object! {
    /// Read messages of a stream, through the API or directly.
    pub struct MsgGetRequest = "JSApiMsgGetRequest" {
        /// The sequence number, or the first that counts with `next_by_subj` or `batch`.
        pub seq: u64, omitempty;
        /// The last message of this subject.
        pub last_by_subj: String, omitempty;
        /// The first message of these subjects.
        pub next_by_subj: String, omitempty;
        /// How many messages; only directly.
        pub batch: i64 as "int", omitempty;
        /// How many bytes at most; only directly.
        pub max_bytes: i64 as "int", omitempty;
        /// The first time that counts.
        pub start_time: Option<Time>, omitempty;
        /// The last message of each of these subjects; only directly.
        pub multi_last: Vec<String>, omitempty;
        /// The last sequence number that counts.
        pub up_to_seq: u64, omitempty;
        /// The last time that counts.
        pub up_to_time: Option<Time>, omitempty;
        /// Without headers.
        pub no_hdr: bool, omitempty;
    }
}

object! {
    /// Copy a stream to a client.
    pub struct StreamSnapshotRequest = "JSApiStreamSnapshotRequest" {
        /// Where the chunks go.
        pub deliver_subject: String;
        /// Without its consumers.
        pub no_consumers: bool, omitempty;
        /// Size of a chunk in bytes; 0 for the default.
        pub chunk_size: i64 as "int", omitempty;
        /// How many bytes may be under way; 0 for the default.
        pub window_size: i64 as "int", omitempty;
        /// Whether to verify all messages before.
        pub jsck: bool, omitempty;
    }
}

object! {
    /// Bring back a stream that was copied.
    pub struct StreamRestoreRequest = "JSApiStreamRestoreRequest" {
        /// What it is to be.
        pub config: StreamConfig;
        /// What it held.
        pub state: StreamState;
    }
}

object! {
    /// Let another server lead.
    pub struct LeaderStepdownRequest = "JSApiLeaderStepdownRequest" {
        /// Which.
        pub placement: Option<Placement>, omitempty;
    }
}

object! {
    /// Take a server out of a stream's group.
    pub struct StreamRemovePeerRequest = "JSApiStreamRemovePeerRequest" {
        /// Its name or id.
        pub peer: String;
    }
}

choices! {
    /// What a request to create a consumer may do.
    pub enum ConsumerAction {
        /// Create it or change it.
        CreateOrUpdate = "",
        /// Change it, not create it.
        Update = "update",
        /// Create it, not change it.
        Create = "create",
    }
    read action
}

object! {
    /// Create or update a consumer.
    pub struct ConsumerCreateRequest = "CreateConsumerRequest" {
        /// Name of its stream.
        pub stream_name: String;
        /// What it is to be.
        pub config: ConsumerConfig;
        /// What may be done.
        pub action: ConsumerAction;
        /// Whether values that would be corrected are refused instead.
        pub pedantic: bool, omitempty;
    }
}

object! {
    /// Ask for consumers or their names.
    pub struct ConsumersRequest = "JSApiConsumersRequest" {
        /// How many to pass over.
        pub offset: i64 as "int";
    }
}

object! {
    /// Let a consumer rest, or go on.
    pub struct ConsumerPauseRequest = "JSApiConsumerPauseRequest" {
        /// Until when; the zero time to go on.
        pub pause_until: Time;
    }
}

object! {
    /// Take the pin from a client.
    pub struct ConsumerUnpinRequest = "JSApiConsumerUnpinRequest" {
        /// Of this group.
        pub group: String;
    }
}

object! {
    /// Set a consumer back.
    pub struct ConsumerResetRequest = "JSApiConsumerResetRequest" {
        /// The message to deliver next; 0 for the first that is not acknowledged.
        pub seq: u64, omitempty;
    }
}

object! {
    /// The fields of a pull request in JSON.
    pub struct PullRequest = "" {
        /// How long to wait; 0 for ever.
        pub expires: Nanos, omitempty;
        /// How many messages.
        pub batch: i64 as "int", omitempty;
        /// How many bytes at most; 0 for any.
        pub max_bytes: i64 as "int", omitempty;
        /// Whether to give up at once if there is nothing.
        pub no_wait: bool, omitempty;
        /// How long to be silent at most; 0 for ever.
        pub idle_heartbeat: Nanos, omitempty;
        /// Name of the priority group.
        pub group: String, omitempty;
        /// Only if so many messages are still to be delivered.
        pub min_pending: i64, omitempty;
        /// Only if so many messages wait for an acknowledgement.
        pub min_ack_pending: i64, omitempty;
        /// Id of the pin that this client has.
        pub id: String, omitempty;
        /// 0 to 9, the lowest first.
        pub priority: i64 as "int", omitempty;
    }
}

/// What a client asks of `CONSUMER.MSG.NEXT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextRequest {
    /// The fields, from whichever form.
    pub pull: PullRequest,
    /// Whether it was JSON: only then does a priority policy ask for a group.
    pub is_json: bool,
}

impl NextRequest {
    /// Reads the payload: JSON, the number of messages, or anything else for one message.
    ///
    /// # Errors
    ///
    /// What follows `400 Bad Request - `.
    pub fn parse(payload: &[u8]) -> Result<Self, JsonError> {
        let payload = trim_go_space(payload);
        let mut pull = PullRequest { batch: 1, ..PullRequest::default() };
        let is_json = payload.starts_with(b"{");
        if is_json {
            pull.batch = 0;
            json::unmarshal(&mut pull, payload, "")?;
            if pull.idle_heartbeat.0 > 0 && pull.idle_heartbeat.0.wrapping_mul(2) > pull.expires.0 {
                return Err(JsonError::new("heartbeat value too large"));
            }
        } else if let Some(batch) = go_number(payload) {
            pull.batch = batch;
        }
        Ok(Self { pull, is_json })
    }
}

/// Without the white space of Unicode around, as far as ASCII has it.
fn trim_go_space(payload: &[u8]) -> &[u8] {
    let is_space = |b: &u8| b.is_ascii_whitespace() || *b == 0x0b;
    let start = payload.iter().take_while(|b| is_space(b)).count();
    let payload = payload.get(start..).unwrap_or_default();
    let end = payload.iter().rev().take_while(|b| is_space(b)).count();
    payload.get(..payload.len() - end).unwrap_or_default()
}

/// A decimal number with an optional sign.
fn go_number(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}
