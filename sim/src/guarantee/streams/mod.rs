//! What the events add up to for streams: what was sent, acknowledged, given out and read back.
//!
//! All guarantees about streams look at this and hold little of their own. It says what happened; what
//! may have happened is each guarantee's business.

mod rules;

pub(super) use rules::{Ack, ConsumerRules, Retention, Rules};

use std::collections::BTreeMap;

use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use crate::history::{
    Answered, ConsumerState, Fault, FaultKind, Header, Kind, StreamEvent, StreamState, Sym,
};
use crate::ids::{ClientId, ConsumerNo, MsgId, NodeId, StreamNo};
use crate::units::SECOND;

/// A message for a stream.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) stream: StreamNo,
    pub(super) subject: Sym,
    pub(super) size: u32,
    pub(super) hash: u64,
    /// It says who it is.
    pub(super) id: bool,
    pub(super) expect: Option<u64>,
    pub(super) delete: bool,
    /// Each time it was sent: the event's number and time.
    pub(super) attempts: Vec<(usize, u64)>,
    /// How many of them the server said it has not stored.
    pub(super) refused: u32,
    /// Where the server said that it is, first to last.
    pub(super) acks: Vec<Acked>,
    /// What it adds to a counter, and what the server said that comes to.
    pub(super) add: Option<u64>,
    pub(super) value: Option<u64>,
    /// A consumer gave it out.
    pub(super) given: bool,
}

/// An acknowledgement of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Acked {
    pub(super) i: usize,
    pub(super) t: u64,
    pub(super) seq: u64,
    pub(super) duplicate: bool,
}

impl Sent {
    /// Between which times the server has said something that was heard as this.
    pub(super) fn said(&self, acked: &Acked) -> (u64, u64) {
        let asked = self.attempts.iter().map(|(_, t)| *t).rfind(|t| *t <= acked.t);
        (asked.unwrap_or(acked.t), acked.t)
    }
}

/// What was read back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stored {
    pub(super) i: usize,
    pub(super) subject: Sym,
    pub(super) msg: Option<MsgId>,
    pub(super) size: u32,
    pub(super) hash: u64,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) rules: Rules,
    pub(super) node: NodeId,
    pub(super) sync_ns: u64,
    pub(super) made: bool,
    /// What the server said of it, last.
    pub(super) state: Option<(usize, u64, StreamState)>,
    /// Read back, by sequence.
    pub(super) stored: BTreeMap<u64, Stored>,
    pub(super) holes: BTreeMap<u64, (usize, u32)>,
    /// When it was read back as a whole.
    pub(super) audited: Option<(usize, u64)>,
    /// What the node has found to be missing, by ranges of sequences.
    pub(super) damage: Vec<(u64, u64)>,
    /// It has found something that it cannot read, and not what it was.
    pub(super) torn: bool,
    /// The last file with anything of it cannot be found any more.
    hidden: bool,
    /// When its node was started without that file.
    pub(super) vanished: Vec<u64>,
    /// Who was acknowledged at which sequence first.
    pub(super) acked: BTreeMap<u64, MsgId>,
    /// Messages that were sent as one: the first, how many, and the event with its time.
    pub(super) batches: Vec<(MsgId, u32, usize, u64)>,
    /// What counters' messages say that were read back, by sequence.
    pub(super) values: BTreeMap<u64, u64>,
}

/// One consumer.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) rules: ConsumerRules,
    pub(super) stream: StreamNo,
    pub(super) made: bool,
    /// What it gave out, by sequence of the stream.
    pub(super) given: BTreeMap<u64, Given>,
    pub(super) state: Option<(usize, ConsumerState)>,
}

/// What became of a message that a consumer gave out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    /// The first and the last event, and the time of the last.
    pub(super) first_i: usize,
    pub(super) last_i: usize,
    pub(super) last_t: u64,
    /// How often, as clients saw it, and as the server counted.
    pub(super) seen: u64,
    pub(super) times: u64,
    /// It was acknowledged or given up: the event and its time.
    pub(super) settled: Option<(usize, u64)>,
    /// It was given back after the last delivery.
    pub(super) returned: bool,
    /// The server said that it knows.
    pub(super) confirmed: Option<(usize, u64)>,
}

/// What has happened to the disk of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    /// Its power was lost.
    pub(super) power_lost: Vec<u64>,
    /// Its process ended.
    pub(super) down: Vec<u64>,
    /// Files were damaged: what was synced may be gone, but the node must notice.
    pub(super) damaged: Option<u64>,
    /// Each time: when, and how many bits, if it was no more than these.
    pub(super) damages: Vec<(u64, Option<u64>)>,
    /// Its wall clock was wrong.
    pub(super) clock_wrong: Vec<u64>,
    /// The disk has lied: what was synced may be gone, and nobody could notice.
    pub(super) lied: Option<u64>,
}

/// The picture of all streams.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) streams: Vec<Stream>,
    pub(super) consumers: Vec<Consumer>,
    pub(super) sent: BTreeMap<MsgId, Sent>,
    machines: Vec<Machine>,
}

impl Streams {
    pub(super) fn new(header: &Header) -> Self {
        let streams = header.streams.iter().map(|info| Stream {
            rules: Rules::of(&info.config),
            node: info.node,
            sync_ns: info.sync_ns,
            made: false,
            state: None,
            stored: BTreeMap::new(),
            holes: BTreeMap::new(),
            audited: None,
            damage: Vec::new(),
            torn: false,
            hidden: false,
            vanished: Vec::new(),
            acked: BTreeMap::new(),
            batches: Vec::new(),
            values: BTreeMap::new(),
        });
        let consumers = header.consumers.iter().map(|info| Consumer {
            rules: ConsumerRules::of(&info.config),
            stream: info.stream,
            made: false,
            given: BTreeMap::new(),
            state: None,
        });
        Self {
            streams: streams.collect(),
            consumers: consumers.collect(),
            sent: BTreeMap::new(),
            machines: vec![Machine::default(); header.nodes.len()],
        }
    }

    pub(super) fn stream(&self, stream: StreamNo) -> &Stream {
        &self.streams[usize::from(stream.0)]
    }

    pub(super) fn consumer(&self, consumer: ConsumerNo) -> &Consumer {
        &self.consumers[usize::from(consumer.0)]
    }

    /// The consumers of a stream.
    pub(super) fn consumers_of(&self, stream: StreamNo) -> impl Iterator<Item = &Consumer> {
        self.consumers.iter().filter(move |consumer| consumer.stream == stream)
    }

    /// Whether a consumer is there no more: it was kept in memory, and its process has ended.
    pub(super) fn is_gone(&self, consumer: &Consumer) -> bool {
        let node = self.stream(consumer.stream).node;
        consumer.rules.memory && !self.machine(node).down.is_empty()
    }

    pub(super) fn machine(&self, node: NodeId) -> &Machine {
        &self.machines[usize::from(node.0)]
    }

    /// Takes an event.
    pub(super) fn apply(&mut self, i: usize, t: u64, kind: &Kind) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest does not concern streams")]
        match kind {
            Kind::Stream(event) => self.apply_event(i, t, event),
            Kind::NodeDown { node, .. } => self.machines[usize::from(node.0)].down.push(t),
            Kind::NodeUp { node, .. } => self.started(*node, t),
            Kind::Fault(fault) if fault.on => self.fault(t, fault),
            _ => {}
        }
    }

    fn started(&mut self, node: NodeId, t: u64) {
        let streams = self.streams.iter_mut().filter(|stream| stream.node == node);
        for stream in streams.filter(|stream| stream.hidden) {
            stream.hidden = false;
            stream.vanished.push(t);
            // Nobody knows what it was, so there is nothing that its last state is of.
            stream.state = None;
        }
    }

    fn fault(&mut self, t: u64, fault: &Fault) {
        for node in &fault.nodes {
            let machine = &mut self.machines[usize::from(node.0)];
            if fault.kind == FaultKind::PowerLoss {
                machine.power_lost.push(t);
            }
            if fault.kind == FaultKind::Disk && says(&fault.text, &LIES) {
                machine.lied.get_or_insert(t);
            }
            if fault.kind == FaultKind::Clock {
                machine.clock_wrong.push(t);
            }
            if fault.kind == FaultKind::Disk && says(&fault.text, &DAMAGE) {
                machine.damaged.get_or_insert(t);
                machine.damages.push((t, bits(&fault.text)));
            }
        }
    }

    fn apply_event(&mut self, i: usize, t: u64, event: &StreamEvent) {
        match *event {
            StreamEvent::Made { stream } => self.streams[usize::from(stream.0)].made = true,
            StreamEvent::ConsumerMade { consumer } => {
                self.consumers[usize::from(consumer.0)].made = true;
            }
            StreamEvent::Sent { .. }
            | StreamEvent::Acked { .. }
            | StreamEvent::Refused { .. }
            | StreamEvent::Batch { .. }
            | StreamEvent::Added { .. }
            | StreamEvent::Told { .. } => self.apply_publication(i, t, event),
            StreamEvent::Value { stream, seq, value } => {
                self.streams[usize::from(stream.0)].values.insert(seq, value);
            }
            StreamEvent::State(state) => {
                self.streams[usize::from(state.stream.0)].state = Some((i, t, state));
            }
            StreamEvent::Stored { stream, seq, subject, msg, size, hash } => {
                let stored = Stored { i, subject, msg, size, hash };
                self.streams[usize::from(stream.0)].stored.insert(seq, stored);
            }
            StreamEvent::Hole { stream, seq, code } => {
                self.streams[usize::from(stream.0)].holes.insert(seq, (i, code));
            }
            StreamEvent::Audited { stream } => {
                self.streams[usize::from(stream.0)].audited = Some((i, t));
            }
            StreamEvent::Damaged { stream, first, last, .. } => {
                let stream = &mut self.streams[usize::from(stream.0)];
                if (first, last) == (0, u64::MAX) {
                    // Nobody knows what it was, so there is nothing that its last state is of.
                    stream.state = None;
                }
                if first <= last {
                    stream.damage.push((first, last));
                } else {
                    // Of an end that cannot be read nobody knows what it was.
                    stream.torn = true;
                }
            }
            StreamEvent::Vanished { stream } => {
                self.streams[usize::from(stream.0)].hidden = true;
            }
            StreamEvent::ConsumerState(_)
            | StreamEvent::Given { .. }
            | StreamEvent::Answered { .. }
            | StreamEvent::Confirmed { .. } => self.apply_consumption(i, t, event),
            StreamEvent::Unknown { .. }
            | StreamEvent::Read { .. }
            | StreamEvent::Got { .. }
            | StreamEvent::Untold { .. }
            | StreamEvent::ApiError { .. } => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`apply_event` calls it for these only")]
    fn apply_publication(&mut self, i: usize, t: u64, event: &StreamEvent) {
        match *event {
            StreamEvent::Sent { msg, stream, subject, size, hash, id, expect, delete, .. } => {
                let (attempts, acks) = (Vec::new(), Vec::new());
                let sent = self.sent.entry(msg).or_insert(Sent {
                    stream,
                    subject,
                    size,
                    hash,
                    id,
                    expect,
                    delete,
                    attempts,
                    refused: 0,
                    acks,
                    add: None,
                    value: None,
                    given: false,
                });
                sent.attempts.push((i, t));
            }
            StreamEvent::Acked { msg, seq, duplicate, .. } => {
                if let Some(sent) = self.sent.get_mut(&msg) {
                    sent.acks.push(Acked { i, t, seq, duplicate });
                    let stream = &mut self.streams[usize::from(sent.stream.0)];
                    stream.acked.entry(seq).or_insert(msg);
                }
            }
            StreamEvent::Refused { msg, .. } => {
                if let Some(sent) = self.sent.get_mut(&msg) {
                    sent.refused += 1;
                }
            }
            StreamEvent::Batch { stream, first, count } => {
                self.streams[usize::from(stream.0)].batches.push((first, count, i, t));
            }
            StreamEvent::Added { msg, add } => {
                if let Some(sent) = self.sent.get_mut(&msg) {
                    sent.add = Some(add);
                }
            }
            StreamEvent::Told { msg, value } => {
                if let Some(sent) = self.sent.get_mut(&msg) {
                    sent.value = Some(value);
                }
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`apply_event` calls it for these only")]
    fn apply_consumption(&mut self, i: usize, t: u64, event: &StreamEvent) {
        match *event {
            StreamEvent::ConsumerState(state) => {
                self.consumers[usize::from(state.consumer.0)].state = Some((i, state));
            }
            StreamEvent::Given { consumer, seq, times, msg, .. } => {
                if let Some(sent) = msg.and_then(|msg| self.sent.get_mut(&msg)) {
                    sent.given = true;
                }
                let given = self.given(consumer, seq, i);
                (given.last_i, given.last_t) = (i, t);
                given.seen += 1;
                given.times = given.times.max(times);
                given.returned = false;
            }
            StreamEvent::Answered { consumer, seq, how, .. } => {
                let given = self.given(consumer, seq, i);
                match how {
                    Answered::Ack | Answered::AckAndWait | Answered::Term => {
                        given.settled.get_or_insert((i, t));
                    }
                    Answered::Nak => given.returned = true,
                }
            }
            StreamEvent::Confirmed { consumer, seq, .. } => {
                self.given(consumer, seq, i).confirmed.get_or_insert((i, t));
            }
            _ => {}
        }
    }

    fn given(&mut self, consumer: ConsumerNo, seq: u64, i: usize) -> &mut Given {
        let all = &mut self.consumers[usize::from(consumer.0)].given;
        all.entry(seq).or_insert(Given { first_i: i, ..Given::default() })
    }

    /// Whether a server that keeps its promises may have lost something that it said between these two
    /// times: its disk lied, everything was in memory, or the power went before the next sync.
    pub(super) fn may_forget(&self, stream: StreamNo, (asked_t, heard_t): (u64, u64)) -> bool {
        let stream = self.stream(stream);
        let machine = self.machine(stream.node);
        let after = |times: &[u64]| times.iter().any(|t| *t >= asked_t);
        let unsynced = |t: &u64| *t >= asked_t && *t <= heard_t + stream.sync_ns + SECOND;
        machine.lied.is_some()
            || stream.rules.memory && after(&machine.down)
            || stream.sync_ns > 0 && machine.power_lost.iter().any(unsynced)
    }

    /// Whether a message may be missing because files were damaged, and the node has said so: when it
    /// started, or when it was asked for the message.
    pub(super) fn is_reported_lost(&self, stream: StreamNo, seq: u64) -> bool {
        let stream = self.stream(stream);
        let ranges = || stream.damage.iter().any(|(first, last)| (*first..=*last).contains(&seq));
        let last = stream.stored.keys().next_back().copied().unwrap_or(0);
        let refused = || stream.holes.get(&seq).is_some_and(|(_, code)| !NOT_FOUND.contains(code));
        self.machine(stream.node).damaged.is_some()
            && (ranges()
                || refused()
                || stream.torn && (seq > last || stream.stored.contains_key(&seq)))
    }

    /// Whether a message that was acknowledged at this time may be missing because the last file of its
    /// stream could not be found when the process was started next. What is left is what was there
    /// before, and nothing in it says that there was more: a node alone cannot know.
    pub(super) fn may_have_vanished(&self, stream: StreamNo, heard_t: u64) -> bool {
        self.stream(stream).vanished.iter().any(|t| heard_t <= *t + UNDER_WAY_NS)
    }

    /// Whether anything at all may have been forgotten that was ever said: because of a promise that the
    /// disk broke, of one that was never made, or of damage that the node has reported.
    pub(super) fn may_have_forgotten(&self, stream: StreamNo) -> bool {
        let stream = self.stream(stream);
        let machine = self.machine(stream.node);
        let reported = stream.torn || !stream.damage.is_empty() || !stream.vanished.is_empty();
        machine.damaged.is_some() && reported
            || machine.lied.is_some()
            || stream.rules.memory && !machine.down.is_empty()
            || stream.sync_ns > 0 && !machine.power_lost.is_empty()
    }

    /// The highest sequence of a stream that anybody has heard of; no limit before its node was asked.
    pub(super) fn last_known(&self, no: StreamNo) -> u64 {
        let stream = self.stream(no);
        let said = stream.state.map_or(u64::MAX, |(_, _, state)| state.last);
        let acked = stream.acked.keys().next_back().copied();
        let given = self.consumers_of(no).filter_map(|each| each.given.keys().next_back().copied());
        given.chain(acked).fold(said, u64::max)
    }

    /// Whether a consumer may have forgotten what it was told and has confirmed, or must have noted, between
    /// these two times.
    pub(super) fn consumer_may_forget(&self, no: ConsumerNo, told: (u64, u64)) -> bool {
        let consumer = self.consumer(no);
        let machine = self.machine(self.stream(consumer.stream).node);
        self.may_forget(consumer.stream, told)
            || self.may_have_forgotten(consumer.stream) && machine.damaged.is_some()
            || consumer.rules.memory && machine.down.iter().any(|t| *t >= told.1)
    }

    /// Whether a consumer takes a message with this subject.
    pub(super) fn takes(view: &View<'_>, consumer: &Consumer, subject: Sym) -> bool {
        let subject = view.history.text(subject);
        consumer.rules.filters.is_empty()
            || consumer.rules.filters.iter().any(|filter| super::subject::reaches(subject, filter))
    }
}

impl Consumer {
    /// Whether a message is done with: acknowledged or given up; with one behind it if that is enough;
    /// or given out, if nobody has to say anything.
    pub(super) fn is_done_with(&self, seq: u64) -> bool {
        let settled = |given: &Given| given.settled.is_some();
        match self.rules.ack {
            // It may have been lost on its way: nobody would know.
            Ack::None => self.given.range(seq..).next().is_some(),
            Ack::All => self.given.range(seq..).any(|(_, given)| settled(given)),
            Ack::Explicit => self.given.get(&seq).is_some_and(settled),
        }
    }
}

/// An answer is on its way no longer than that.
const UNDER_WAY_NS: u64 = SECOND / 2;

/// There is no such message, as a status or as an error of the API.
const NOT_FOUND: [u32; 2] = [404, 10_037];

/// Disk faults that nobody can notice before it is too late.
const LIES: [&str; 2] = ["lying_sync", "misdirect"];

/// Disk faults after which files are not what they were.
const DAMAGE: [&str; 4] = ["bit_rot", "stale", "truncate", "lost_file"];

/// Whether the text of a disk fault says that one of these is wrong.
fn says(text: &str, whats: &[&str]) -> bool {
    let what = text.split(' ').find_map(|word| word.strip_prefix("what="));
    what.is_some_and(|what| whats.contains(&what))
}

/// How many bits are others, if the text of a disk fault says that bits are.
fn bits(text: &str) -> Option<u64> {
    let times = text.split(' ').find_map(|word| word.strip_prefix("times="));
    times.filter(|_| says(text, &DAMAGE[..1]))?.parse().ok()
}

/// The streams that a guarantee is about and that have been read back just now.
pub(super) fn audited_now<'v>(
    view: &'v View<'_>,
    scope: &Scope,
    pen: &Pen<'_>,
) -> Option<(StreamNo, &'v Stream)> {
    let Kind::Stream(event) = &view.history.events[pen.i].kind else { return None };
    let StreamEvent::Audited { stream } = **event else { return None };
    scope.covers_stream(view, stream).then(|| (stream, view.streams.stream(stream)))
}

pub(super) fn called(view: &View<'_>, name: &str) -> Option<StreamNo> {
    let at = view.history.header.streams.iter().position(|stream| stream.name == name)?;
    u16::try_from(at).ok().map(StreamNo)
}

/// A stream by its name, for a story.
pub(super) fn name_of(view: &View<'_>, stream: StreamNo) -> String {
    let info = view.history.header.streams.get(usize::from(stream.0));
    info.map_or_else(String::new, |info| info.name.clone())
}

/// A consumer by its name and that of its stream.
pub(super) fn consumer_name(view: &View<'_>, consumer: ConsumerNo) -> String {
    let info = view.history.header.consumers.get(usize::from(consumer.0));
    info.map_or_else(String::new, |info| format!("{} of {}", info.name, name_of(view, info.stream)))
}

/// A client by its name.
pub(super) fn client_name(view: &View<'_>, client: ClientId) -> String {
    view.history.header.clients.get(client.0 as usize).map_or_else(String::new, |c| c.name.clone())
}

/// The numbers of all events that tell of a message.
pub(super) fn events_of(sent: &Sent) -> Vec<usize> {
    let attempts = sent.attempts.iter().map(|(i, _)| *i);
    attempts.chain(sent.acks.iter().map(|ack| ack.i)).collect()
}

/// The messages of a stream that were acknowledged, each at the sequence that was said first.
pub(super) fn acked_of(
    streams: &Streams,
    stream: StreamNo,
) -> impl Iterator<Item = (MsgId, &Sent, Acked)> {
    streams
        .sent
        .iter()
        .filter(move |(_, sent)| sent.stream == stream)
        .filter_map(|(msg, sent)| Some((*msg, sent, *sent.acks.first()?)))
}
