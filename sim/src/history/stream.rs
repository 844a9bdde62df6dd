//! What clients see of streams: what they had stored, what they were given, what they read back.
//!
//! A message for a stream has one identity however often it is sent: connection 0 of its client, and
//! its number among all that the client ever had stored.

mod files;

use super::Sym;
use crate::ids::{ClientId, ConnNo, ConsumerNo, MsgId, NodeId, StreamNo};
pub(super) use files::{read, read_infos, write, write_infos};

/// The connection in the identity of a message for a stream.
pub const STORED: ConnNo = ConnNo(0);

/// A stream that the plan has made.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamInfo {
    /// Its name.
    pub name: String,
    /// The node that keeps it.
    pub node: NodeId,
    /// Its configuration, as the API takes it: a JSON object.
    pub config: String,
    /// Nanoseconds between two syncs of its file; 0 is before anything is acknowledged.
    pub sync_ns: u64,
}

/// A consumer that the plan has made.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConsumerInfo {
    /// Its name.
    pub name: String,
    /// Of which stream.
    pub stream: StreamNo,
    /// Its configuration, as the API takes it: a JSON object.
    pub config: String,
    /// Somebody works it off until the end.
    pub worked: bool,
}

/// Something that a client saw of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamEvent {
    /// The server says that the stream is there.
    Made {
        /// Which.
        stream: StreamNo,
    },
    /// The server says that the consumer is there.
    ConsumerMade {
        /// Which.
        consumer: ConsumerNo,
    },
    /// A client sent a message that is to be stored.
    Sent {
        /// Which.
        msg: MsgId,
        /// The how-many-eth time, from 1.
        attempt: u32,
        /// Where it belongs.
        stream: StreamNo,
        /// Its subject.
        subject: Sym,
        /// Bytes of its payload.
        size: u32,
        /// Hash of its payload.
        hash: u64,
        /// It says its identity in `Nats-Msg-Id`.
        id: bool,
        /// The last sequence of the subject must be this, or it is not stored.
        expect: Option<u64>,
        /// It deletes the key that is its subject.
        delete: bool,
    },
    /// The server said that it is stored.
    Acked {
        /// Which.
        msg: MsgId,
        /// Where.
        seq: u64,
        /// It had been there already.
        duplicate: bool,
        /// The stream, as the server names it.
        name: Sym,
    },
    /// The server said that it is not stored.
    Refused {
        /// Which.
        msg: MsgId,
        /// The API's code of the error; 503 if nobody was there.
        code: u32,
        /// Its words.
        text: Sym,
    },
    /// No answer came in time, or the connection was lost before.
    Unknown {
        /// Which.
        msg: MsgId,
    },
    /// A client was given a message by a consumer.
    Given {
        /// Who.
        client: ClientId,
        /// By which.
        consumer: ConsumerNo,
        /// Its sequence in the stream.
        seq: u64,
        /// Its sequence among the consumer's deliveries.
        consumer_seq: u64,
        /// The how-many-eth time, from 1.
        times: u64,
        /// How many more there are.
        pending: u64,
        /// Its subject.
        subject: Sym,
        /// Its identity, if it has one.
        msg: Option<MsgId>,
        /// Bytes of its payload.
        size: u32,
        /// Hash of its payload.
        hash: u64,
    },
    /// A client answered what it was given.
    Answered {
        /// Who.
        client: ClientId,
        /// To which consumer.
        consumer: ConsumerNo,
        /// The sequence in the stream.
        seq: u64,
        /// The sequence among the consumer's deliveries.
        consumer_seq: u64,
        /// What it said.
        how: Answered,
    },
    /// The server has taken an acknowledgement.
    Confirmed {
        /// Who was told.
        client: ClientId,
        /// By which consumer.
        consumer: ConsumerNo,
        /// The sequence in the stream.
        seq: u64,
    },
    /// A client asks for the last message of a subject.
    Read {
        /// Who.
        client: ClientId,
        /// The number of the question.
        call: u32,
        /// Of which stream.
        stream: StreamNo,
        /// Of which subject.
        subject: Sym,
    },
    /// It was told.
    Got {
        /// Who.
        client: ClientId,
        /// The number of the question.
        call: u32,
        /// The message's sequence; 0 if there is none.
        seq: u64,
        /// Its identity, if it has one.
        msg: Option<MsgId>,
    },
    /// It was not.
    Untold {
        /// Who.
        client: ClientId,
        /// The number of the question.
        call: u32,
    },
    /// What the server says about a stream.
    State(StreamState),
    /// A client is about to send messages that are to be stored together, or not at all.
    Batch {
        /// In which stream.
        stream: StreamNo,
        /// The first of them.
        first: MsgId,
        /// How many; they are numbered one after the other.
        count: u32,
    },
    /// A client is about to send a message that adds to a counter.
    Added {
        /// Which.
        msg: MsgId,
        /// How much.
        add: u64,
    },
    /// It was told what the counter came to.
    Told {
        /// With which message.
        msg: MsgId,
        /// What.
        value: u64,
    },
    /// What a counter's message says that was read back.
    Value {
        /// Of which stream.
        stream: StreamNo,
        /// Its sequence.
        seq: u64,
        /// What it says.
        value: u64,
    },
    /// A message that was read back at the end.
    Stored {
        /// Of which stream.
        stream: StreamNo,
        /// Its sequence.
        seq: u64,
        /// Its subject.
        subject: Sym,
        /// Its identity, if it has one.
        msg: Option<MsgId>,
        /// Bytes of its payload.
        size: u32,
        /// Hash of its payload.
        hash: u64,
    },
    /// There is no message with this sequence, or it cannot be read.
    Hole {
        /// Of which stream.
        stream: StreamNo,
        /// Which.
        seq: u64,
        /// The API's code of the error, or 404.
        code: u32,
    },
    /// All of a stream was read back.
    Audited {
        /// Which.
        stream: StreamNo,
    },
    /// A node says that not all of a stream is as it should be.
    Damaged {
        /// Which.
        stream: StreamNo,
        /// What: `torn_tail`, `damage`, `missing_file`, `damaged_checkpoint`, `unknown`; `lost` if
        /// the server says so when it is asked.
        what: Sym,
        /// The first sequence that may be lost by it.
        first: u64,
        /// The last; less than the first if none is.
        last: u64,
    },
    /// The last file with anything of a stream cannot be found any more, and nothing in the others says
    /// that it was there.
    Vanished {
        /// Which.
        stream: StreamNo,
    },
    /// What the server says about a consumer at the end.
    ConsumerState(ConsumerState),
    /// A request was answered with an error that no plan asks for.
    ApiError {
        /// Who asked.
        client: ClientId,
        /// On which subject.
        about: Sym,
        /// The API's code of the error.
        code: u32,
        /// Its words.
        text: Sym,
    },
}

/// What the server says about a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StreamState {
    /// Which.
    pub stream: StreamNo,
    /// Messages.
    pub messages: u64,
    /// Their bytes, as the server counts them.
    pub bytes: u64,
    /// The first sequence; one more than the last if there is none.
    pub first: u64,
    /// The last sequence that was given out.
    pub last: u64,
    /// Sequences between the two without a message.
    pub deleted: u64,
    /// Messages that the server says it has lost.
    pub lost: u64,
    /// When it was asked, in ns: it may say how things were at any time since.
    pub asked: u64,
}

/// What the server says about a consumer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ConsumerState {
    /// Which.
    pub consumer: ConsumerNo,
    /// The last sequence of its deliveries.
    pub delivered: u64,
    /// The last sequence of the stream that it delivered.
    pub delivered_stream: u64,
    /// All deliveries up to here are acknowledged.
    pub floor: u64,
    /// All messages of the stream up to here are acknowledged, or are none of its.
    pub floor_stream: u64,
    /// Messages that it has still to deliver.
    pub pending: u64,
    /// Messages that it waits for answers to.
    pub unacked: u64,
    /// Of those, how many it has delivered again.
    pub redelivered: u64,
}

/// What a client says to what it was given.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Answered {
    /// It is done.
    Ack,
    /// It is done, and the server is to say that it knows.
    AckAndWait,
    /// It is to come again.
    Nak,
    /// It is not to come again.
    Term,
}

impl Answered {
    /// All.
    pub const ALL: [Self; 4] = [Self::Ack, Self::AckAndWait, Self::Nak, Self::Term];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::AckAndWait => "ack_and_wait",
            Self::Nak => "nak",
            Self::Term => "term",
        }
    }
}

impl StreamEvent {
    /// The name in files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Made { .. } => "stream_made",
            Self::ConsumerMade { .. } => "stream_consumer_made",
            Self::Sent { .. } => "stream_sent",
            Self::Acked { .. } => "stream_acked",
            Self::Refused { .. } => "stream_refused",
            Self::Unknown { .. } => "stream_unknown",
            Self::Batch { .. } => "stream_batch",
            Self::Added { .. } => "stream_added",
            Self::Told { .. } => "stream_told",
            Self::Value { .. } => "stream_value",
            Self::Given { .. } => "stream_given",
            Self::Answered { .. } => "stream_answered",
            Self::Confirmed { .. } => "stream_confirmed",
            Self::Read { .. } => "stream_read",
            Self::Got { .. } => "stream_got",
            Self::Untold { .. } => "stream_untold",
            Self::State(_) => "stream_state",
            Self::Stored { .. } => "stream_stored",
            Self::Hole { .. } => "stream_hole",
            Self::Audited { .. } => "stream_audited",
            Self::Damaged { .. } => "stream_damaged",
            Self::Vanished { .. } => "stream_vanished",
            Self::ConsumerState(_) => "stream_consumer_state",
            Self::ApiError { .. } => "stream_api_error",
        }
    }

    /// The client, if it is of one's own doing.
    #[must_use]
    pub const fn client(&self) -> Option<ClientId> {
        match self {
            Self::Sent { msg, .. }
            | Self::Acked { msg, .. }
            | Self::Refused { msg, .. }
            | Self::Unknown { msg }
            | Self::Batch { first: msg, .. }
            | Self::Added { msg, .. }
            | Self::Told { msg, .. } => Some(msg.client),
            Self::Given { client, .. }
            | Self::Answered { client, .. }
            | Self::Confirmed { client, .. }
            | Self::Read { client, .. }
            | Self::Got { client, .. }
            | Self::Untold { client, .. }
            | Self::ApiError { client, .. } => Some(*client),
            Self::Made { .. }
            | Self::ConsumerMade { .. }
            | Self::State(_)
            | Self::Value { .. }
            | Self::Stored { .. }
            | Self::Hole { .. }
            | Self::Audited { .. }
            | Self::Damaged { .. }
            | Self::Vanished { .. }
            | Self::ConsumerState(_) => None,
        }
    }

    /// The stream, if it is of one alone.
    #[must_use]
    pub const fn stream(&self) -> Option<StreamNo> {
        match self {
            Self::Made { stream }
            | Self::Sent { stream, .. }
            | Self::Read { stream, .. }
            | Self::Stored { stream, .. }
            | Self::Batch { stream, .. }
            | Self::Value { stream, .. }
            | Self::Hole { stream, .. }
            | Self::Audited { stream }
            | Self::Damaged { stream, .. }
            | Self::Vanished { stream }
            | Self::State(StreamState { stream, .. }) => Some(*stream),
            Self::ConsumerMade { .. }
            | Self::Acked { .. }
            | Self::Refused { .. }
            | Self::Unknown { .. }
            | Self::Added { .. }
            | Self::Told { .. }
            | Self::Given { .. }
            | Self::Answered { .. }
            | Self::Confirmed { .. }
            | Self::Got { .. }
            | Self::Untold { .. }
            | Self::ConsumerState(_)
            | Self::ApiError { .. } => None,
        }
    }

    /// The consumer, if it is of one alone.
    #[must_use]
    pub const fn consumer(&self) -> Option<ConsumerNo> {
        match self {
            Self::ConsumerMade { consumer }
            | Self::Given { consumer, .. }
            | Self::Answered { consumer, .. }
            | Self::Confirmed { consumer, .. }
            | Self::ConsumerState(ConsumerState { consumer, .. }) => Some(*consumer),
            Self::Made { .. }
            | Self::Sent { .. }
            | Self::Acked { .. }
            | Self::Refused { .. }
            | Self::Unknown { .. }
            | Self::Batch { .. }
            | Self::Added { .. }
            | Self::Told { .. }
            | Self::Value { .. }
            | Self::Read { .. }
            | Self::Got { .. }
            | Self::Untold { .. }
            | Self::State(_)
            | Self::Stored { .. }
            | Self::Hole { .. }
            | Self::Audited { .. }
            | Self::Damaged { .. }
            | Self::Vanished { .. }
            | Self::ApiError { .. } => None,
        }
    }
}
