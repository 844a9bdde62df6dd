//! What clients see of streams, as lines of a file.

use serde_json::Value;

use super::{Answered, ConsumerInfo, ConsumerState, StreamEvent, StreamInfo, StreamState};
use crate::history::json::{Object, push_object};
use crate::history::read::{Field, Row};
use crate::history::write::push_msg;
use crate::history::{Kind, Symbols};
use crate::ids::{ConsumerNo, StreamNo};

/// Writes the fields of an event.
pub(in crate::history) fn write(event: &StreamEvent, symbols: &Symbols, o: &mut Object<'_>) {
    if let Some(client) = event.client() {
        o.number("client", client.0.into());
    }
    if let Some(stream) = event.stream() {
        o.number("stream", stream.0.into());
    }
    if let Some(consumer) = event.consumer() {
        o.number("consumer", consumer.0.into());
    }
    match event {
        StreamEvent::Made { .. }
        | StreamEvent::ConsumerMade { .. }
        | StreamEvent::Audited { .. }
        | StreamEvent::Vanished { .. } => {}
        StreamEvent::Sent { .. }
        | StreamEvent::Acked { .. }
        | StreamEvent::Refused { .. }
        | StreamEvent::Unknown { .. }
        | StreamEvent::Batch { .. }
        | StreamEvent::Added { .. }
        | StreamEvent::Told { .. } => publication(event, symbols, o),
        StreamEvent::Value { seq, value, .. } => {
            o.number("seq", *seq);
            o.number("value", *value);
        }
        StreamEvent::Given { .. }
        | StreamEvent::Answered { .. }
        | StreamEvent::Confirmed { .. }
        | StreamEvent::ConsumerState(_) => consumption(event, symbols, o),
        StreamEvent::Read { call, subject, .. } => {
            o.number("call", (*call).into());
            o.name("subject", symbols.text(*subject));
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
            o.name("subject", symbols.text(*subject));
            push_msg(o, "msg", *msg);
            o.number("size", (*size).into());
            o.number("hash", *hash);
        }
        StreamEvent::Hole { seq, code, .. } => {
            o.number("seq", *seq);
            o.number("code", (*code).into());
        }
        StreamEvent::Damaged { what, first, last, .. } => {
            o.name("what", symbols.text(*what));
            o.number("first", *first);
            o.number("last", *last);
        }
        StreamEvent::ApiError { about, code, text, .. } => {
            o.name("about", symbols.text(*about));
            o.number("code", (*code).into());
            o.name("text", symbols.text(*text));
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`write` calls it for these kinds only")]
fn publication(event: &StreamEvent, symbols: &Symbols, o: &mut Object<'_>) {
    match event {
        StreamEvent::Sent { msg, attempt, subject, size, hash, id, expect, delete, .. } => {
            push_msg(o, "msg", Some(*msg));
            o.number("attempt", (*attempt).into());
            o.name("subject", symbols.text(*subject));
            o.number("size", (*size).into());
            o.number("hash", *hash);
            o.flag("id", *id);
            o.maybe("expect", *expect);
            o.flag("delete", *delete);
        }
        StreamEvent::Acked { msg, seq, duplicate, name } => {
            push_msg(o, "msg", Some(*msg));
            o.number("seq", *seq);
            o.flag("duplicate", *duplicate);
            o.name("name", symbols.text(*name));
        }
        StreamEvent::Refused { msg, code, text } => {
            push_msg(o, "msg", Some(*msg));
            o.number("code", (*code).into());
            o.name("text", symbols.text(*text));
        }
        StreamEvent::Unknown { msg } => push_msg(o, "msg", Some(*msg)),
        StreamEvent::Batch { first, count, .. } => {
            push_msg(o, "msg", Some(*first));
            o.number("count", (*count).into());
        }
        StreamEvent::Added { msg, add } => {
            push_msg(o, "msg", Some(*msg));
            o.number("add", *add);
        }
        StreamEvent::Told { msg, value } => {
            push_msg(o, "msg", Some(*msg));
            o.number("value", *value);
        }
        _ => {}
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`write` calls it for these kinds only")]
fn consumption(event: &StreamEvent, symbols: &Symbols, o: &mut Object<'_>) {
    match event {
        StreamEvent::Given {
            seq, consumer_seq, times, pending, subject, msg, size, hash, ..
        } => {
            o.number("seq", *seq);
            o.number("consumer_seq", *consumer_seq);
            o.number("times", *times);
            o.number("pending", *pending);
            o.name("subject", symbols.text(*subject));
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
        StreamEvent::ConsumerState(state) => {
            state.fields().into_iter().for_each(|(key, value)| o.number(key, value));
        }
        _ => {}
    }
}

impl StreamState {
    const fn fields(&self) -> [(&'static str, u64); 7] {
        [
            ("messages", self.messages),
            ("bytes", self.bytes),
            ("first", self.first),
            ("last", self.last),
            ("deleted", self.deleted),
            ("lost", self.lost),
            ("asked", self.asked),
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
pub(in crate::history) fn read(
    k: &str,
    row: Row<'_>,
    symbols: &mut Symbols,
) -> Field<Option<Kind>> {
    let event = match k {
        "stream_made" | "stream_state" | "stream_stored" | "stream_hole" | "stream_audited"
        | "stream_damaged" | "stream_vanished" | "stream_value" => read_of_stream(k, row, symbols)?,
        "stream_sent" | "stream_acked" | "stream_refused" | "stream_unknown" | "stream_batch"
        | "stream_added" | "stream_told" => read_of_publication(k, row, symbols)?,
        "stream_read" => Some(StreamEvent::Read {
            client: row.client()?,
            call: row.number("call")?,
            stream: row.number("stream").map(StreamNo)?,
            subject: row.sym("subject", symbols)?,
        }),
        "stream_got" => Some(StreamEvent::Got {
            client: row.client()?,
            call: row.number("call")?,
            seq: row.number("seq")?,
            msg: row.maybe_msg("msg")?,
        }),
        "stream_untold" => {
            Some(StreamEvent::Untold { client: row.client()?, call: row.number("call")? })
        }
        "stream_api_error" => Some(StreamEvent::ApiError {
            client: row.client()?,
            about: row.sym("about", symbols)?,
            code: row.number("code")?,
            text: row.sym("text", symbols)?,
        }),
        _ => read_of_consumer(k, row, symbols)?,
    };
    Ok(event.map(|event| Kind::Stream(Box::new(event))))
}

fn read_of_stream(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<StreamEvent>> {
    let stream = row.number("stream").map(StreamNo)?;
    Ok(Some(match k {
        "stream_made" => StreamEvent::Made { stream },
        "stream_state" => StreamEvent::State(StreamState {
            stream,
            messages: row.number("messages")?,
            bytes: row.number("bytes")?,
            first: row.number("first")?,
            last: row.number("last")?,
            deleted: row.number("deleted")?,
            lost: row.number("lost")?,
            asked: row.number("asked")?,
        }),
        "stream_stored" => StreamEvent::Stored {
            stream,
            seq: row.number("seq")?,
            subject: row.sym("subject", symbols)?,
            msg: row.maybe_msg("msg")?,
            size: row.number("size")?,
            hash: row.number("hash")?,
        },
        "stream_hole" => {
            StreamEvent::Hole { stream, seq: row.number("seq")?, code: row.number("code")? }
        }
        "stream_audited" => StreamEvent::Audited { stream },
        "stream_vanished" => StreamEvent::Vanished { stream },
        "stream_value" => {
            StreamEvent::Value { stream, seq: row.number("seq")?, value: row.number("value")? }
        }
        "stream_damaged" => StreamEvent::Damaged {
            stream,
            what: row.sym("what", symbols)?,
            first: row.number("first")?,
            last: row.number("last")?,
        },
        _ => return Ok(None),
    }))
}

fn read_of_publication(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<StreamEvent>> {
    let msg = row.msg("msg")?;
    Ok(Some(match k {
        "stream_sent" => StreamEvent::Sent {
            msg,
            attempt: row.number("attempt")?,
            stream: row.number("stream").map(StreamNo)?,
            subject: row.sym("subject", symbols)?,
            size: row.number("size")?,
            hash: row.number("hash")?,
            id: row.flag("id")?,
            expect: row.maybe("expect")?,
            delete: row.flag("delete")?,
        },
        "stream_acked" => StreamEvent::Acked {
            msg,
            seq: row.number("seq")?,
            duplicate: row.flag("duplicate")?,
            name: row.sym("name", symbols)?,
        },
        "stream_refused" => {
            StreamEvent::Refused { msg, code: row.number("code")?, text: row.sym("text", symbols)? }
        }
        "stream_unknown" => StreamEvent::Unknown { msg },
        "stream_batch" => StreamEvent::Batch {
            stream: row.number("stream").map(StreamNo)?,
            first: msg,
            count: row.number("count")?,
        },
        "stream_added" => StreamEvent::Added { msg, add: row.number("add")? },
        "stream_told" => StreamEvent::Told { msg, value: row.number("value")? },
        _ => return Ok(None),
    }))
}

fn read_of_consumer(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<StreamEvent>> {
    let consumer = || row.number("consumer").map(ConsumerNo);
    Ok(Some(match k {
        "stream_consumer_made" => StreamEvent::ConsumerMade { consumer: consumer()? },
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
pub(in crate::history) fn write_infos(
    streams: &[StreamInfo],
    consumers: &[ConsumerInfo],
    o: &mut Object<'_>,
) {
    if streams.is_empty() {
        return;
    }
    o.list("streams", streams, |out, stream| {
        push_object(out, |o| {
            o.text("name", &stream.name);
            o.number("node", stream.node.0.into());
            o.text("config", &stream.config);
            o.number("sync_ns", stream.sync_ns);
        });
    });
    o.list("consumers", consumers, |out, consumer| {
        push_object(out, |o| {
            o.text("name", &consumer.name);
            o.number("stream", consumer.stream.0.into());
            o.text("config", &consumer.config);
            o.flag("worked", consumer.worked);
        });
    });
}

/// Reads them.
pub(in crate::history) fn read_infos(row: Row<'_>) -> Field<(Vec<StreamInfo>, Vec<ConsumerInfo>)> {
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
