//! What clients see of streams: what they had stored, what they were given, what they read back.
//!
//! A message for a stream has one identity however often it is sent: connection 0 of its client, and
//! its number among all that the client ever had stored.

use serde_json::Value;

use super::json::Object;
use super::read::{Field, Row};
use super::write::push_msg;
use super::{Kind, Sym, Symbols};
use crate::ids::{ClientId, ConnNo, ConsumerNo, MsgId, NodeId, StreamNo};

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
            | Self::Unknown { msg } => Some(msg.client),
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
            | Self::Stored { .. }
            | Self::Hole { .. }
            | Self::Audited { .. }
            | Self::Damaged { .. }
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
            | Self::Hole { stream, .. }
            | Self::Audited { stream }
            | Self::Damaged { stream, .. }
            | Self::State(StreamState { stream, .. }) => Some(*stream),
            Self::ConsumerMade { .. }
            | Self::Acked { .. }
            | Self::Refused { .. }
            | Self::Unknown { .. }
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
            | Self::Read { .. }
            | Self::Got { .. }
            | Self::Untold { .. }
            | Self::State(_)
            | Self::Stored { .. }
            | Self::Hole { .. }
            | Self::Audited { .. }
            | Self::Damaged { .. }
            | Self::ApiError { .. } => None,
        }
    }
}

/// Writes the fields of an event.
pub(super) fn write(event: &StreamEvent, symbols: &Symbols, o: &mut Object<'_>) {
    if let Some(client) = event.client() {
        o.number("client", client.0.into());
    }
    if let Some(stream) = event.stream() {
        o.number("stream", stream.0.into());
    }
    if let Some(consumer) = event.consumer() {
        o.number("consumer", consumer.0.into());
    }
    let name = |o: &mut Object<'_>, key: &str, sym: Sym| o.name(key, symbols.text(sym));
    match event {
        StreamEvent::Made { .. }
        | StreamEvent::ConsumerMade { .. }
        | StreamEvent::Audited { .. } => {}
        StreamEvent::Sent { msg, attempt, subject, size, hash, id, expect, delete, .. } => {
            push_msg(o, "msg", Some(*msg));
            o.number("attempt", (*attempt).into());
            name(o, "subject", *subject);
            o.number("size", (*size).into());
            o.number("hash", *hash);
            o.flag("id", *id);
            o.maybe("expect", *expect);
            o.flag("delete", *delete);
        }
        StreamEvent::Acked { msg, seq, duplicate, name: of } => {
            push_msg(o, "msg", Some(*msg));
            o.number("seq", *seq);
            o.flag("duplicate", *duplicate);
            name(o, "name", *of);
        }
        StreamEvent::Refused { msg, code, text } => {
            push_msg(o, "msg", Some(*msg));
            o.number("code", (*code).into());
            name(o, "text", *text);
        }
        StreamEvent::Unknown { msg } => push_msg(o, "msg", Some(*msg)),
        StreamEvent::Given {
            seq, consumer_seq, times, pending, subject, msg, size, hash, ..
        } => {
            o.number("seq", *seq);
            o.number("consumer_seq", *consumer_seq);
            o.number("times", *times);
            o.number("pending", *pending);
            name(o, "subject", *subject);
            push_msg(o, "msg", *msg);
            o.number("size", (*size).into());
            o.number("hash", *hash);
        }
        StreamEvent::Answered { seq, consumer_seq, how, .. } => {
            o.number("seq", *seq);
            o.number("consumer_seq", *consumer_seq);
            o.text("how", how.name());
        }
        StreamEvent::Confirmed { seq, .. } => o.number("seq", *seq),
        StreamEvent::Read { call, subject, .. } => {
            o.number("call", (*call).into());
            name(o, "subject", *subject);
        }
        StreamEvent::Got { call, seq, msg, .. } => {
            o.number("call", (*call).into());
            o.number("seq", *seq);
            push_msg(o, "msg", *msg);
        }
        StreamEvent::Untold { call, .. } => o.number("call", (*call).into()),
        StreamEvent::State(state) => {
            state.fields().into_iter().for_each(|(key, value)| o.number(key, value));
        }
        StreamEvent::Stored { seq, subject, msg, size, hash, .. } => {
            o.number("seq", *seq);
            name(o, "subject", *subject);
            push_msg(o, "msg", *msg);
            o.number("size", (*size).into());
            o.number("hash", *hash);
        }
        StreamEvent::Hole { seq, code, .. } => {
            o.number("seq", *seq);
            o.number("code", (*code).into());
        }
        StreamEvent::Damaged { what, first, last, .. } => {
            name(o, "what", *what);
            o.number("first", *first);
            o.number("last", *last);
        }
        StreamEvent::ConsumerState(state) => {
            state.fields().into_iter().for_each(|(key, value)| o.number(key, value));
        }
        StreamEvent::ApiError { about, code, text, .. } => {
            name(o, "about", *about);
            o.number("code", (*code).into());
            name(o, "text", *text);
        }
    }
}

impl StreamState {
    const fn fields(&self) -> [(&'static str, u64); 6] {
        [
            ("messages", self.messages),
            ("bytes", self.bytes),
            ("first", self.first),
            ("last", self.last),
            ("deleted", self.deleted),
            ("lost", self.lost),
        ]
    }
}

impl ConsumerState {
    const fn fields(&self) -> [(&'static str, u64); 7] {
        [
            ("delivered", self.delivered),
            ("delivered_stream", self.delivered_stream),
            ("floor", self.floor),
            ("floor_stream", self.floor_stream),
            ("pending", self.pending),
            ("unacked", self.unacked),
            ("redelivered", self.redelivered),
        ]
    }
}

/// Reads what [`write`] writes; `None` if there is no such kind.
pub(super) fn read(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<Kind>> {
    let stream = || row.number("stream").map(StreamNo);
    let consumer = || row.number("consumer").map(ConsumerNo);
    let event = match k {
        "stream_made" => StreamEvent::Made { stream: stream()? },
        "stream_consumer_made" => StreamEvent::ConsumerMade { consumer: consumer()? },
        "stream_sent" => StreamEvent::Sent {
            msg: row.msg("msg")?,
            attempt: row.number("attempt")?,
            stream: stream()?,
            subject: row.sym("subject", symbols)?,
            size: row.number("size")?,
            hash: row.number("hash")?,
            id: row.flag("id")?,
            expect: row.maybe("expect")?,
            delete: row.flag("delete")?,
        },
        "stream_acked" => StreamEvent::Acked {
            msg: row.msg("msg")?,
            seq: row.number("seq")?,
            duplicate: row.flag("duplicate")?,
            name: row.sym("name", symbols)?,
        },
        "stream_refused" => StreamEvent::Refused {
            msg: row.msg("msg")?,
            code: row.number("code")?,
            text: row.sym("text", symbols)?,
        },
        "stream_unknown" => StreamEvent::Unknown { msg: row.msg("msg")? },
        "stream_read" => StreamEvent::Read {
            client: row.client()?,
            call: row.number("call")?,
            stream: stream()?,
            subject: row.sym("subject", symbols)?,
        },
        "stream_got" => StreamEvent::Got {
            client: row.client()?,
            call: row.number("call")?,
            seq: row.number("seq")?,
            msg: row.maybe_msg("msg")?,
        },
        "stream_untold" => StreamEvent::Untold { client: row.client()?, call: row.number("call")? },
        "stream_state" => StreamEvent::State(StreamState {
            stream: stream()?,
            messages: row.number("messages")?,
            bytes: row.number("bytes")?,
            first: row.number("first")?,
            last: row.number("last")?,
            deleted: row.number("deleted")?,
            lost: row.number("lost")?,
        }),
        "stream_stored" => StreamEvent::Stored {
            stream: stream()?,
            seq: row.number("seq")?,
            subject: row.sym("subject", symbols)?,
            msg: row.maybe_msg("msg")?,
            size: row.number("size")?,
            hash: row.number("hash")?,
        },
        "stream_hole" => StreamEvent::Hole {
            stream: stream()?,
            seq: row.number("seq")?,
            code: row.number("code")?,
        },
        "stream_audited" => StreamEvent::Audited { stream: stream()? },
        "stream_damaged" => StreamEvent::Damaged {
            stream: stream()?,
            what: row.sym("what", symbols)?,
            first: row.number("first")?,
            last: row.number("last")?,
        },
        "stream_api_error" => StreamEvent::ApiError {
            client: row.client()?,
            about: row.sym("about", symbols)?,
            code: row.number("code")?,
            text: row.sym("text", symbols)?,
        },
        _ => match read_of_consumer(k, row, symbols)? {
            Some(event) => event,
            None => return Ok(None),
        },
    };
    Ok(Some(Kind::Stream(Box::new(event))))
}

fn read_of_consumer(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<StreamEvent>> {
    let consumer = || row.number("consumer").map(ConsumerNo);
    Ok(Some(match k {
        "stream_given" => StreamEvent::Given {
            client: row.client()?,
            consumer: consumer()?,
            seq: row.number("seq")?,
            consumer_seq: row.number("consumer_seq")?,
            times: row.number("times")?,
            pending: row.number("pending")?,
            subject: row.sym("subject", symbols)?,
            msg: row.maybe_msg("msg")?,
            size: row.number("size")?,
            hash: row.number("hash")?,
        },
        "stream_answered" => StreamEvent::Answered {
            client: row.client()?,
            consumer: consumer()?,
            seq: row.number("seq")?,
            consumer_seq: row.number("consumer_seq")?,
            how: row.one_of("how", &Answered::ALL, Answered::name)?,
        },
        "stream_confirmed" => StreamEvent::Confirmed {
            client: row.client()?,
            consumer: consumer()?,
            seq: row.number("seq")?,
        },
        "stream_consumer_state" => StreamEvent::ConsumerState(ConsumerState {
            consumer: consumer()?,
            delivered: row.number("delivered")?,
            delivered_stream: row.number("delivered_stream")?,
            floor: row.number("floor")?,
            floor_stream: row.number("floor_stream")?,
            pending: row.number("pending")?,
            unacked: row.number("unacked")?,
            redelivered: row.number("redelivered")?,
        }),
        _ => return Ok(None),
    }))
}

/// Writes the streams and consumers of a header, if there are any.
pub(super) fn write_infos(streams: &[StreamInfo], consumers: &[ConsumerInfo], o: &mut Object<'_>) {
    if streams.is_empty() {
        return;
    }
    o.list("streams", streams, |out, stream| {
        super::json::push_object(out, |o| {
            o.text("name", &stream.name);
            o.number("node", stream.node.0.into());
            o.text("config", &stream.config);
            o.number("sync_ns", stream.sync_ns);
        });
    });
    o.list("consumers", consumers, |out, consumer| {
        super::json::push_object(out, |o| {
            o.text("name", &consumer.name);
            o.number("stream", consumer.stream.0.into());
            o.text("config", &consumer.config);
            o.flag("worked", consumer.worked);
        });
    });
}

/// Reads them.
pub(super) fn read_infos(row: Row<'_>) -> Field<(Vec<StreamInfo>, Vec<ConsumerInfo>)> {
    if !row.has("streams") {
        return Ok((Vec::new(), Vec::new()));
    }
    let streams = row.list("streams", |value: &Value| {
        let row = Row(value);
        Ok(StreamInfo {
            name: row.text("name")?.to_owned(),
            node: row.node("node")?,
            config: row.text("config")?.to_owned(),
            sync_ns: row.number("sync_ns")?,
        })
    })?;
    let consumers = row.list("consumers", |value: &Value| {
        let row = Row(value);
        Ok(ConsumerInfo {
            name: row.text("name")?.to_owned(),
            stream: StreamNo(row.number("stream")?),
            config: row.text("config")?.to_owned(),
            worked: row.flag("worked")?,
        })
    })?;
    Ok((streams, consumers))
}
