//! Streams, their consumers, and what clients do with them: in the plan and in its text.

use std::fmt::Write as _;

use super::text::{Line, put, put_word};
use super::{Op, Plan, write};
use crate::history::{ConsumerInfo, StreamInfo, Sym};
use crate::ids::{ConsumerNo, NodeId, StreamNo};
use crate::units::{SECOND, Span};

/// A stream that there is from the beginning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamPlan {
    /// Its name.
    pub name: String,
    /// The node that keeps it.
    pub node: NodeId,
    /// Its configuration, as the API takes it: a JSON object.
    pub config: String,
}

/// A consumer that there is from the beginning.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConsumerPlan {
    /// Its name.
    pub name: String,
    /// Of which stream.
    pub stream: StreamNo,
    /// Its configuration, as the API takes it: a JSON object.
    pub config: String,
}

/// How a client publishes to streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StorePlan {
    /// Messages that may wait for an acknowledgement.
    pub window: u32,
    /// How long it waits for one, in nanoseconds.
    pub timeout_ns: u64,
    /// It says in a header who a message is, so that it may send it again.
    pub msg_id: bool,
    /// So many messages are sent as one, each time; 0 for single ones. They are sent once.
    pub batch: u32,
    /// A message adds so much to a counter; 0 for messages that do not.
    pub add: u32,
}

impl Default for StorePlan {
    fn default() -> Self {
        Self { window: 64, timeout_ns: 2 * SECOND, msg_id: true, batch: 0, add: 0 }
    }
}

/// How a client works off what a consumer gives it. Shares are in millionths of the deliveries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WorkPlan {
    /// Messages of one request.
    pub batch: u32,
    /// How long a request waits for them, in nanoseconds.
    pub expires_ns: u64,
    /// How long it works on a message, from 0 to this, in nanoseconds.
    pub hold_ns: u64,
    /// It acknowledges, and wants to know that this was heard.
    pub double_ppm: u32,
    /// It gives back.
    pub nak_ppm: u32,
    /// It gives up.
    pub term_ppm: u32,
    /// It says nothing.
    pub silent_ppm: u32,
    /// It asks for more only when it has done with what it was given.
    pub in_turn: bool,
}

/// What a client does with a key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum KeyOp {
    /// Writes it.
    Put,
    /// Reads it.
    Get,
    /// Writes it if it is not there.
    Create,
    /// Writes it if it is as the client saw it last.
    Update,
    /// Deletes it.
    Delete,
}

impl KeyOp {
    /// All.
    pub const ALL: [Self; 5] = [Self::Put, Self::Get, Self::Create, Self::Update, Self::Delete];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What a client does with streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamOp {
    /// Has messages stored, and goes on until the server says that they are.
    Store {
        /// Where.
        stream: StreamNo,
        /// The subject.
        subject: Sym,
        /// Bytes of a payload.
        size: u32,
        /// How many messages.
        count: u32,
        /// How.
        how: StorePlan,
    },
    /// Begins to work off a consumer.
    Consume {
        /// Which.
        consumer: ConsumerNo,
        /// How.
        work: WorkPlan,
    },
    /// Asks for nothing more.
    Rest {
        /// Of which consumer.
        consumer: ConsumerNo,
    },
    /// Does something with a key.
    Key {
        /// Of the bucket that is this stream.
        stream: StreamNo,
        /// The key's subject.
        subject: Sym,
        /// What.
        what: KeyOp,
        /// Bytes of the value.
        size: u32,
        /// How long it waits for the answer, in nanoseconds.
        timeout_ns: u64,
    },
    /// Makes all streams and consumers of its node.
    Make,
    /// Asks how all streams of its node are.
    Look,
    /// Reads all streams of its node back.
    Audit,
}

impl StreamOp {
    /// How long an answer may take that it waits for, in nanoseconds.
    #[must_use]
    pub const fn patience_ns(&self) -> u64 {
        match self {
            Self::Store { how, .. } => how.timeout_ns,
            Self::Key { timeout_ns, .. } => *timeout_ns,
            Self::Consume { .. } | Self::Rest { .. } | Self::Make | Self::Look | Self::Audit => 0,
        }
    }
}

/// Nanoseconds of a configuration's field, or of its default.
fn nanos(config: &str, key: &str, usual: u64) -> u64 {
    let value: Option<serde_json::Value> = serde_json::from_str(config).ok();
    value.and_then(|value| value.get(key)?.as_u64()).filter(|ns| *ns > 0).unwrap_or(usual)
}

/// How long a consumer usually waits for an acknowledgement, in nanoseconds.
const ACK_WAIT_NS: u64 = 30 * SECOND;

/// What reading a message back may take, with all that is beside it, in nanoseconds.
const READ_BACK_NS: u64 = 400_000;

impl Plan {
    /// How much longer than without streams things take to settle: what was given to somebody who
    /// died comes again after the time for an acknowledgement, and maybe once more; what was sent
    /// comes again after so many nanoseconds.
    #[must_use]
    pub(crate) fn redelivery_ns(&self, patience_ns: u64) -> u64 {
        if self.streams.is_empty() {
            return 0;
        }
        let waits = self.consumers.iter().map(|c| nanos(&c.config, "ack_wait", ACK_WAIT_NS));
        3 * waits.max().unwrap_or(0) + 3 * patience_ns + 5 * SECOND
    }

    /// How long it may take to read all streams back, with so many messages in each.
    #[must_use]
    pub(crate) fn audit_ns(&self, messages: u64) -> u64 {
        if self.streams.is_empty() {
            return 0;
        }
        let times = self.streams.len() as u64;
        let reading = times.saturating_mul(messages).saturating_mul(READ_BACK_NS);
        (5 * SECOND).saturating_add(reading).next_multiple_of(SECOND)
    }

    pub(crate) fn stream_name(&self, stream: StreamNo) -> &str {
        self.streams.get(usize::from(stream.0)).map_or("?", |stream| &stream.name)
    }

    /// A consumer's name, behind that of its stream.
    pub(crate) fn consumer_name(&self, consumer: ConsumerNo) -> String {
        match self.consumers.get(usize::from(consumer.0)) {
            Some(found) => format!("{}/{}", self.stream_name(found.stream), found.name),
            None => "?".to_owned(),
        }
    }

    pub(super) fn write_streams(&self, out: &mut String) {
        for stream in &self.streams {
            out.push_str("\nstream");
            put_word(out, &stream.name);
            put(out, "node", self.node_name(stream.node));
            put(out, "config", &stream.config);
        }
        for consumer in &self.consumers {
            out.push_str("\nconsumer");
            put_word(out, &consumer.name);
            put(out, "stream", self.stream_name(consumer.stream));
            put(out, "config", &consumer.config);
        }
    }

    pub(super) fn write_stream_op(&self, op: &StreamOp, out: &mut String) {
        match op {
            StreamOp::Store { stream, subject, size, count, how } => {
                out.push_str("store");
                put_word(out, self.stream_name(*stream));
                put_word(out, self.symbols.text(*subject));
                put(out, "size", size);
                if *count != 1 {
                    put(out, "count", count);
                }
                put(out, "window", how.window);
                put(out, "timeout", Span(how.timeout_ns));
                for (key, value) in [("batch", how.batch), ("add", how.add)] {
                    if value > 0 {
                        put(out, key, value);
                    }
                }
                write::flags(out, &[("id", how.msg_id)]);
            }
            StreamOp::Consume { consumer, work } => {
                let _infallible = write!(out, "consume {}", self.consumer_name(*consumer));
                put(out, "batch", work.batch);
                put(out, "expires", Span(work.expires_ns));
                put(out, "hold", Span(work.hold_ns));
                for (key, ppm) in work.shares() {
                    if ppm > 0 {
                        put(out, key, ppm);
                    }
                }
                write::flags(out, &[("in_turn", work.in_turn)]);
            }
            StreamOp::Rest { consumer } => {
                let _infallible = write!(out, "rest {}", self.consumer_name(*consumer));
            }
            StreamOp::Key { stream, subject, what, size, timeout_ns } => {
                let _infallible = write!(out, "key {}", what.name());
                put_word(out, self.stream_name(*stream));
                put_word(out, self.symbols.text(*subject));
                put(out, "size", size);
                put(out, "timeout", Span(*timeout_ns));
            }
            StreamOp::Make => out.push_str("make"),
            StreamOp::Look => out.push_str("look"),
            StreamOp::Audit => out.push_str("audit"),
        }
    }

    /// Reads a line that begins with `stream`.
    pub(super) fn read_stream(
        &mut self,
        line: &mut Line,
        node: impl Fn(&str) -> Result<NodeId, String>,
    ) -> Result<(), String> {
        let name = line.word("the stream's name")?;
        if self.streams.iter().any(|stream| stream.name == name) {
            return Err(format!("stream `{name}` is there already"));
        }
        let node = node(&line.value("node")?)?;
        let config = json_object(&line.value("config")?)?;
        self.streams.push(StreamPlan { name, node, config });
        Ok(())
    }

    /// Reads a line that begins with `consumer`.
    pub(super) fn read_consumer(&mut self, line: &mut Line) -> Result<(), String> {
        let name = line.word("the consumer's name")?;
        let stream = self.stream_called(&line.value("stream")?)?;
        let config = json_object(&line.value("config")?)?;
        if self.consumers.iter().any(|other| (&other.name, other.stream) == (&name, stream)) {
            return Err(format!("consumer `{name}` is there already"));
        }
        self.consumers.push(ConsumerPlan { name, stream, config });
        Ok(())
    }

    /// Reads what a client does with streams; `None` if that is something else.
    pub(super) fn read_stream_op(
        &mut self,
        what: &str,
        line: &mut Line,
    ) -> Result<Option<StreamOp>, String> {
        Ok(Some(match what {
            "store" => {
                let stream = self.stream_called(&line.word("the stream")?)?;
                let subject = line.word("the subject")?;
                StreamOp::Store {
                    stream,
                    subject: self.symbols.intern(&subject),
                    size: super::read::payload_size(line.number("size")?)?,
                    count: super::read::optional(line, "count", 1)?,
                    how: StorePlan {
                        window: line.number::<u32>("window")?.max(1),
                        timeout_ns: line.span("timeout")?,
                        msg_id: line.flag("id"),
                        batch: super::read::optional(line, "batch", 0)?,
                        add: super::read::optional(line, "add", 0)?,
                    },
                }
            }
            "consume" => StreamOp::Consume {
                consumer: self.consumer_called(&line.word("the consumer")?)?,
                work: WorkPlan {
                    batch: line.number("batch")?,
                    expires_ns: line.span("expires")?,
                    hold_ns: line.span("hold")?,
                    double_ppm: super::read::optional(line, "double", 0)?,
                    nak_ppm: super::read::optional(line, "nak", 0)?,
                    term_ppm: super::read::optional(line, "term", 0)?,
                    silent_ppm: super::read::optional(line, "silent", 0)?,
                    in_turn: line.flag("in_turn"),
                },
            },
            "rest" => {
                StreamOp::Rest { consumer: self.consumer_called(&line.word("the consumer")?)? }
            }
            "key" => {
                let name = line.word("what is done")?;
                let what = KeyOp::ALL.into_iter().find(|op| op.name() == name);
                let what = what.ok_or_else(|| format!("nobody can `{name}` a key"))?;
                let stream = self.stream_called(&line.word("the stream")?)?;
                let subject = line.word("the subject")?;
                StreamOp::Key {
                    stream,
                    subject: self.symbols.intern(&subject),
                    what,
                    size: super::read::payload_size(line.number("size")?)?,
                    timeout_ns: line.span("timeout")?,
                }
            }
            "make" => StreamOp::Make,
            "look" => StreamOp::Look,
            "audit" => StreamOp::Audit,
            _ => return Ok(None),
        }))
    }

    fn stream_called(&self, name: &str) -> Result<StreamNo, String> {
        let at = self.streams.iter().position(|stream| stream.name == name);
        let at = at.and_then(|at| u16::try_from(at).ok());
        at.map(StreamNo).ok_or_else(|| format!("there is no stream `{name}`"))
    }

    fn consumer_called(&self, name: &str) -> Result<ConsumerNo, String> {
        let none = || format!("there is no consumer `{name}`");
        let (stream, own) = name.rsplit_once('/').ok_or_else(none)?;
        let stream = self.stream_called(stream)?;
        let is_it = |c: &ConsumerPlan| c.stream == stream && c.name == own;
        let at = self.consumers.iter().position(is_it).and_then(|at| u16::try_from(at).ok());
        at.map(ConsumerNo).ok_or_else(none)
    }
}

impl Plan {
    pub(super) fn stream_info(&self, stream: &StreamPlan) -> StreamInfo {
        let jetstream = self.nodes.get(usize::from(stream.node.0));
        let jetstream = jetstream.and_then(|node| node.jetstream.as_ref());
        StreamInfo {
            name: stream.name.clone(),
            node: stream.node,
            config: stream.config.clone(),
            sync_ns: jetstream.map_or(0, |jetstream| jetstream.sync_ns),
        }
    }

    pub(super) fn consumer_infos(&self) -> Vec<ConsumerInfo> {
        let mut infos: Vec<ConsumerInfo> = (self.consumers.iter())
            .map(|consumer| ConsumerInfo {
                name: consumer.name.clone(),
                stream: consumer.stream,
                config: consumer.config.clone(),
                worked: false,
            })
            .collect();
        let rests = |consumer, client| {
            let rest = Op::Stream(StreamOp::Rest { consumer });
            self.ops.iter().any(|op| op.client == client && op.op == rest)
        };
        if infos.is_empty() {
            return infos;
        }
        for op in &self.ops {
            if let Op::Stream(StreamOp::Consume { consumer, .. }) = op.op
                && !rests(consumer, op.client)
                && let Some(info) = infos.get_mut(usize::from(consumer.0))
            {
                info.worked = true;
            }
        }
        infos
    }
}

impl WorkPlan {
    /// The shares by their names.
    #[must_use]
    pub const fn shares(&self) -> [(&'static str, u32); 4] {
        [
            ("double", self.double_ppm),
            ("nak", self.nak_ppm),
            ("term", self.term_ppm),
            ("silent", self.silent_ppm),
        ]
    }
}

fn json_object(text: &str) -> Result<String, String> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(_)) => Ok(text.to_owned()),
        Ok(_) => Err("a configuration is a JSON object".to_owned()),
        Err(error) => Err(format!("a configuration is a JSON object: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "causeway-plan 1\nscenario t seed=1\nregion a link=l latency=1ms jitter=0s \
        loss=0 bandwidth=0\nnode a/1 region=a cluster=c start=0s wall=0 routes= domain=a sync=1s\n\
        client c/1 region=a role=publish nodes=a/1 ping=2s wait=100ms jitter=50ms\n\
        stream S node=a/1 config=\"{\\\"name\\\":\\\"S\\\",\\\"subjects\\\":[\\\"s.>\\\"]}\"\n\
        consumer w stream=S config=\"{\\\"ack_wait\\\":1000000000}\"\n\
        phases boot=0s warm=0s chaos=0s heal=0s quiesce=0s drain=0s end=0s\n\
        bounds rtt_max=0s interest=0s routes=0s clients=0s tcp_timeout=0s";

    #[test]
    fn what_clients_do_with_streams_is_read_as_it_was_written() {
        let text = format!(
            "{HEAD}\n\
             @1.000000000 c/1 make\n\
             @1.000000000 c/1 store S s.1 size=64 count=3 window=8 timeout=2s id\n\
             @1.000000000 c/1 store S s.2 size=64 window=8 timeout=2s\n\
             @1.000000000 c/1 store S s.2 size=64 window=8 timeout=2s batch=5\n\
             @1.000000000 c/1 store S s.2 size=64 window=8 timeout=2s add=7 id\n\
             @1.000000000 c/1 consume S/w batch=10 expires=1s hold=5ms nak=1000 silent=5\n\
             @1.000000000 c/1 consume S/w batch=10 expires=1s hold=5ms silent=5 in_turn\n\
             @1.000000000 c/1 rest S/w\n\
             @1.000000000 c/1 key update S s.k size=16 timeout=1s\n\
             @2.000000000 c/1 look\n\
             @2.000000000 c/1 audit\n"
        );
        let plan = Plan::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Plan::parse(&plan.write()).unwrap(), plan);
        let steps: Vec<&str> = text.lines().filter(|line| line.starts_with('@')).collect();
        let written = plan.write();
        let again: Vec<&str> = written.lines().filter(|line| line.starts_with('@')).collect();
        assert_eq!(again, steps);
        assert_eq!(plan.redelivery_ns(2 * SECOND), 14 * SECOND);
        assert_eq!((plan.audit_ns(4), plan.audit_ns(10_000)), (6 * SECOND, 9 * SECOND));
        assert_eq!(plan.nodes[0].jetstream.as_ref().map(|j| j.sync_ns), Some(SECOND));
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (line, problem) in [
            ("@1.0 c/1 store T s size=64 window=8 timeout=2s", "there is no stream `T`"),
            ("@1.0 c/1 consume S/x batch=1 expires=1s hold=0s", "there is no consumer `S/x`"),
            ("@1.0 c/1 key eat S s size=64 timeout=2s", "nobody can `eat` a key"),
            ("stream S node=a/1 config={}", "stream `S` is there already"),
            ("stream T node=a/1 config=[]", "a configuration is a JSON object"),
        ] {
            let error = Plan::parse(&format!("{HEAD}\n{line}\n")).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{line}: {error}");
        }
    }
}
