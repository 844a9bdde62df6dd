//! A consumer against a model of it: lists that are searched from end to end.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use causeway_wire::jetstream::{AckPolicy, ConsumerConfig, DeliverPolicy, Nanos};
use proptest::prelude::*;

use super::super::{Consumer, Pair};
use super::pull;
use super::world::{World, append};
use crate::time::{Duration, Mono};

const SUBJECTS: [&str; 4] = ["a", "b", "c.d", "c.e"];
const FILTERS: [&[&str]; 4] = [&[], &["a"], &["b", "c.*"], &["c.d"]];
const WAITS: [u64; 3] = [10, 20, 40];

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Store(usize),
    Remove(u64),
    Trim(u64),
    Purge(usize),
    Pull(u8),
    Ack(u64),
    Term(u64),
    Nak(u64),
    NakLater(u64, u8),
    Progress(u64),
    Pass(u8),
    MaxAckPending(u8),
    Filters(usize),
    Reset(Option<u64>),
    Keep,
    Checkpoint,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let seq = || 1..40_u64;
    prop_oneof![
        8 => (0..SUBJECTS.len()).prop_map(Step::Store),
        2 => seq().prop_map(Step::Remove),
        1 => (1..20_u64).prop_map(Step::Trim),
        1 => (0..SUBJECTS.len()).prop_map(Step::Purge),
        6 => (1..5_u8).prop_map(Step::Pull),
        8 => seq().prop_map(Step::Ack),
        1 => seq().prop_map(Step::Term),
        3 => seq().prop_map(Step::Nak),
        2 => (seq(), 1..60_u8).prop_map(|(seq, after)| Step::NakLater(seq, after)),
        1 => seq().prop_map(Step::Progress),
        5 => (1..30_u8).prop_map(Step::Pass),
        1 => (0..6_u8).prop_map(Step::MaxAckPending),
        1 => (0..FILTERS.len()).prop_map(Step::Filters),
        1 => proptest::option::of(seq()).prop_map(Step::Reset),
        4 => Just(Step::Keep),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Crash),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    Until(u64),
    /// In the queue, by its number.
    Queued(u64),
}

#[derive(Clone, Debug)]
struct Sent {
    sseq: u64,
    dseq: u64,
    count: u64,
    since: u64,
    waits: Waits,
}

/// What is kept on a disk.
#[derive(Clone, Debug, Default)]
struct State {
    next: u64,
    listed: Vec<u64>,
    sent: Vec<Sent>,
    exhausted: Vec<u64>,
    delivered: Pair,
    floor: Pair,
}

struct Model {
    state: State,
    kept: State,
    messages: Vec<(u64, &'static str)>,
    last_seq: u64,
    requests: VecDeque<(String, u8)>,
    queue_number: u64,
    policy: AckPolicy,
    max_deliver: u64,
    /// How many of the waits there are.
    waits: usize,
    max_ack_pending: usize,
    filters: &'static [&'static str],
    now: u64,
    lines: Vec<String>,
}

impl Model {
    fn wants(&self, subject: &str) -> bool {
        let fits =
            |filter: &&str| **filter == *subject || (**filter == *"c.*" && subject.len() == 3);
        self.filters.is_empty() || self.filters.iter().any(fits)
    }

    fn subject(&self, seq: u64) -> Option<&'static str> {
        self.messages.iter().find(|(each, _)| *each == seq).map(|(_, subject)| *subject)
    }

    fn ahead(&self) -> Vec<u64> {
        let listed = self.state.listed.iter().copied().filter(|seq| self.subject(*seq).is_some());
        let rest = self
            .messages
            .iter()
            .filter(|(seq, subject)| *seq >= self.state.next && self.wants(subject));
        listed.chain(rest.map(|(seq, _)| *seq)).collect()
    }

    fn pass_purged(&mut self, subject: &str, first: u64, behind: u64) {
        let only = !self.filters.is_empty() && self.filters.iter().all(|filter| *filter == subject);
        let left = |seq: &u64| self.subject(*seq).is_some_and(|subject| self.wants(subject));
        if self.state.listed.iter().any(left) || !self.wants(subject) {
            return;
        }
        let to = if only { behind } else { first };
        let first_sent = self.state.sent.iter().map(|sent| sent.sseq).min();
        let state = &mut self.state;
        state.next = state.next.max(to);
        state.delivered.stream = state.delivered.stream.max(to - 1);
        state.floor.stream = state.floor.stream.max(to.min(first_sent.unwrap_or(u64::MAX)) - 1);
        self.settle();
    }

    fn wait(&self, count: u64) -> u64 {
        WAITS[(count as usize - 1).min(self.waits - 1)]
    }

    fn settle(&mut self) {
        let state = &mut self.state;
        match state.sent.iter().min_by_key(|sent| sent.sseq) {
            None => state.floor = state.delivered,
            Some(first) if first.dseq - 1 > state.floor.consumer => {
                let stream = state.floor.stream.max(first.sseq - 1);
                state.floor = Pair { consumer: first.dseq - 1, stream };
            }
            Some(_) => {}
        }
    }

    fn pump(&mut self) {
        while !self.requests.is_empty() {
            let queued = self.state.sent.iter().filter_map(|sent| match sent.waits {
                Waits::Queued(number) => Some((number, sent.sseq)),
                Waits::Until(_) => None,
            });
            let (seq, count, dseq) = if let Some((_, seq)) = queued.min() {
                let (wait, now) = (self.wait(self.count(seq) + 1), self.now);
                self.state.delivered.consumer += 1;
                let sent = self.state.sent.iter_mut().find(|sent| sent.sseq == seq);
                let sent = sent.expect("it is queued");
                sent.count += 1;
                (sent.since, sent.waits) = (now, Waits::Until(now + wait));
                (seq, sent.count, self.state.delivered.consumer)
            } else {
                let full = self.max_ack_pending > 0
                    && self.policy != AckPolicy::None
                    && self.state.sent.len() >= self.max_ack_pending;
                if full {
                    return;
                }
                let Some(&seq) = self.ahead().first() else {
                    self.state.listed.clear();
                    self.state.next = self.state.next.max(self.last_seq + 1);
                    return;
                };
                self.first_delivery(seq);
                (seq, 1, self.state.delivered.consumer)
            };
            let (reply, left) = self.requests.pop_front().expect("one waits");
            let (ahead, subject) = (self.ahead().len(), self.subject(seq).expect("it is there"));
            self.lines.push(format!("{reply}: {subject}@{seq} #{dseq} x{count} +{ahead}"));
            if left > 1 {
                self.requests.push_back((reply, left - 1));
            }
        }
    }

    fn first_delivery(&mut self, seq: u64) {
        let until = Waits::Until(self.now + self.wait(1));
        let state = &mut self.state;
        if seq >= state.next {
            (state.next, state.listed) = (seq + 1, Vec::new());
        } else {
            state.listed.retain(|each| *each > seq);
        }
        state.delivered = Pair { consumer: state.delivered.consumer + 1, stream: seq };
        if self.policy == AckPolicy::None {
            state.floor = state.delivered;
        } else {
            let (dseq, since) = (state.delivered.consumer, self.now);
            state.sent.push(Sent { sseq: seq, dseq, count: 1, since, waits: until });
        }
    }

    fn count(&self, seq: u64) -> u64 {
        self.state.sent.iter().find(|sent| sent.sseq == seq).map_or(0, |sent| sent.count)
    }

    fn drop_sent(&mut self, seq: u64) -> Option<Sent> {
        let at = self.state.sent.iter().position(|sent| sent.sseq == seq)?;
        let sent = self.state.sent.remove(at);
        self.settle();
        Some(sent)
    }

    fn again(&mut self, seq: u64) {
        let count = self.count(seq);
        if self.max_deliver > 0 && count >= self.max_deliver {
            self.drop_sent(seq);
            self.state.exhausted.push(seq);
            self.lines.push(format!("max deliveries {seq} x{count}"));
            return;
        }
        self.queue_number += 1;
        let number = self.queue_number;
        let sent = self.state.sent.iter_mut().find(|sent| sent.sseq == seq).expect("it is sent");
        if !matches!(sent.waits, Waits::Queued(_)) {
            sent.waits = Waits::Queued(number);
        }
    }

    fn ack(&mut self, seq: u64, term: bool) {
        if term && self.count(seq) > 0 {
            self.lines.push(format!("terminated {seq} x{} ", self.count(seq)));
        }
        match self.policy {
            AckPolicy::None | AckPolicy::FlowControl => {}
            AckPolicy::All => {
                let seq = seq.min(self.state.delivered.stream);
                if seq <= self.state.floor.stream {
                    return;
                }
                self.state.sent.retain(|sent| sent.sseq > seq);
                self.state.exhausted.retain(|each| *each > seq);
                self.settle();
                if !self.state.sent.is_empty() {
                    self.state.floor.stream = seq;
                }
            }
            AckPolicy::Explicit => {
                self.drop_sent(seq);
                self.state.exhausted.retain(|each| *each != seq);
            }
        }
    }

    fn remove(&mut self, seq: u64) {
        self.messages.retain(|(each, _)| *each != seq);
        if let Some(sent) = self.drop_sent(seq) {
            let why = "Unacknowledged message was deleted";
            self.lines.push(format!("terminated {seq} x{} {why}", sent.count));
        }
        self.state.exhausted.retain(|each| *each != seq);
    }

    fn forget_gone(&mut self) {
        let there: Vec<u64> = self.messages.iter().map(|(seq, _)| *seq).collect();
        let before = self.state.sent.len();
        self.state.sent.retain(|sent| there.contains(&sent.sseq));
        self.state.exhausted.retain(|seq| there.contains(seq));
        if before != self.state.sent.len() {
            self.settle();
        }
    }

    fn pass(&mut self, span: u64) {
        let end = self.now + span;
        loop {
            let due = self.state.sent.iter().filter_map(|sent| match sent.waits {
                Waits::Until(at) => Some(at),
                Waits::Queued(_) => None,
            });
            let Some(at) = due.min().filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            let is_due = |sent: &&Sent| matches!(sent.waits, Waits::Until(at) if at <= self.now);
            let mut due: Vec<u64> =
                self.state.sent.iter().filter(is_due).map(|sent| sent.sseq).collect();
            due.sort_unstable();
            due.into_iter().for_each(|seq| self.again(seq));
            self.pump();
        }
        self.now = end;
    }

    fn drop_unwanted(&mut self) {
        let listed = core::mem::take(&mut self.state.listed);
        let wanted = |seq: &u64| self.subject(*seq).is_some_and(|it| self.wants(it));
        self.state.listed = listed.into_iter().filter(wanted).collect();
    }

    fn crash(&mut self) {
        self.state = self.kept.clone();
        self.drop_unwanted();
        self.requests.clear();
        for sent in &mut self.state.sent {
            let at = match sent.waits {
                Waits::Until(at) => at.max(self.now),
                Waits::Queued(_) => self.now,
            };
            sent.waits = Waits::Until(at);
        }
        self.forget_gone();
    }
}

/// Both of them.
struct Both {
    world: World,
    model: Model,
    pulls: u64,
}

impl Both {
    fn new(policy: AckPolicy, start: DeliverPolicy, max_deliver: i64, filter: usize) -> Self {
        let waits = usize::try_from(max_deliver).unwrap_or(3).min(3);
        let backoff = WAITS.iter().map(|seconds| Nanos::secs(*seconds as i64)).take(waits);
        let config = ConsumerConfig {
            ack_policy: policy,
            deliver_policy: start,
            opt_start_seq: 3,
            max_deliver,
            max_ack_pending: 4,
            ack_wait: Nanos::secs(10),
            backoff: backoff.collect(),
            filter_subjects: FILTERS[filter].iter().map(|filter| (*filter).into()).collect(),
            ..pull()
        };
        let mut log = World::log();
        let now = crate::time::Now { wall: crate::time::Wall(1), ..Default::default() };
        let before = ["a", "b", "a", "c.e", "b"];
        for subject in before {
            append(&mut log, now, subject, "", "x");
        }
        let world = World::on(log, config);
        let state = State {
            next: world.consumer.next,
            listed: world.consumer.skip.iter().copied().collect(),
            delivered: world.consumer.delivered(),
            floor: world.consumer.floor(),
            ..State::default()
        };
        let model = Model {
            kept: state.clone(),
            state,
            messages: (1..).zip(before).collect(),
            last_seq: before.len() as u64,
            requests: VecDeque::new(),
            queue_number: 0,
            policy,
            max_deliver: u64::try_from(max_deliver).unwrap_or(0),
            waits,
            max_ack_pending: 4,
            filters: FILTERS[filter],
            now: 0,
            lines: Vec::new(),
        };
        Self { world, model, pulls: 0 }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for the other function")]
    fn act(&mut self, step: Step) {
        let Self { world, model, .. } = self;
        match step {
            Step::Store(subject) => {
                let seq = world.store(SUBJECTS[subject]);
                model.messages.push((seq, SUBJECTS[subject]));
                model.last_seq = seq;
            }
            Step::Remove(seq) => {
                if model.subject(seq).is_some() {
                    world.remove(seq);
                    model.remove(seq);
                }
            }
            Step::Trim(seq) => {
                world.log.trim_to(seq);
                world.turn(|consumer, turn| consumer.trimmed(turn));
                model.last_seq = model.last_seq.max(seq - 1);
                model.messages.retain(|(each, _)| *each >= seq);
                model.forget_gone();
                let first = world.log.state().first_seq;
                model.state.next = model.state.next.max(first);
            }
            Step::Purge(subject) => {
                let gone = |message: &&(u64, &str)| message.1 == SUBJECTS[subject];
                for (seq, _) in model.messages.iter().filter(gone) {
                    world.log.remove(*seq, false);
                }
                world.turn(|consumer, turn| consumer.purged(turn));
                model.messages.retain(|(_, each)| *each != SUBJECTS[subject]);
                model.forget_gone();
                let first = world.log.state().first_seq;
                model.state.next = model.state.next.max(first);
                let behind = world.log.next_seq();
                let pattern = SUBJECTS[subject].as_bytes();
                world.turn(|consumer, turn| {
                    consumer.pass_purged(turn.log, pattern, first, behind);
                });
                model.pass_purged(SUBJECTS[subject], first, behind);
            }
            Step::Pull(batch) => {
                self.pulls += 1;
                let reply = format!("in{}", self.pulls);
                world.pull(&format!("{batch}"), &reply);
                model.requests.push_back((reply, batch));
            }
            Step::Keep => {
                world.keep();
                model.kept = model.state.clone();
            }
            Step::Checkpoint => {
                world.checkpoint();
                model.kept = model.state.clone();
            }
            Step::Crash => {
                world.crash();
                model.crash();
            }
            _ => self.act_on_deliveries(step),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest does not apply")]
    fn act_on_deliveries(&mut self, step: Step) {
        let Self { world, model, .. } = self;
        let delivered = |seq: u64| seq < model.state.next && model.policy != AckPolicy::None;
        match step {
            Step::Ack(seq) | Step::Term(seq) if delivered(seq) => {
                let term = matches!(step, Step::Term(_));
                let count = model.count(seq);
                self.send(seq, count, if term { "+TERM" } else { "" });
                self.model.ack(seq, term);
            }
            Step::Nak(seq) | Step::NakLater(seq, _) if model.count(seq) > 0 => {
                let count = model.count(seq);
                model.lines.push(format!("naked {seq} x{count}"));
                if let Step::NakLater(_, seconds) = step {
                    let until = Waits::Until(model.now + u64::from(seconds));
                    let sent = model.state.sent.iter_mut().find(|sent| sent.sseq == seq);
                    sent.expect("it is sent").waits = until;
                    let nanos = u64::from(seconds) * 1_000_000_000;
                    self.send(seq, count, &format!("-NAK {{\"delay\":{nanos}}}"));
                } else {
                    model.again(seq);
                    self.send(seq, count, "-NAK");
                }
            }
            Step::Progress(seq) if model.count(seq) > 0 => {
                let until = Waits::Until(model.now + model.wait(model.count(seq)));
                let sent = model.state.sent.iter_mut().find(|sent| sent.sseq == seq);
                let sent = sent.expect("it is sent");
                if !matches!(sent.waits, Waits::Queued(_)) {
                    sent.waits = until;
                }
                self.send(seq, 1, "+WPI");
            }
            Step::Pass(seconds) => {
                world.pass(Duration::from_secs(seconds.into()));
                model.pass(seconds.into());
            }
            Step::MaxAckPending(most) => {
                model.max_ack_pending = most.into();
                self.update(|config| config.max_ack_pending = most.into());
            }
            Step::Filters(at) => {
                model.filters = FILTERS[at];
                model.drop_unwanted();
                let filters = || FILTERS[at].iter().map(|filter| (*filter).into()).collect();
                self.update(|config| config.filter_subjects = filters());
            }
            Step::Reset(seq) => {
                let reset = world.turn(|consumer, turn| consumer.reset(turn, seq));
                if let Ok(at) = reset {
                    let from = Pair { consumer: 0, stream: at - 1 };
                    assert_eq!(at, seq.unwrap_or(model.state.floor.stream + 1));
                    model.state =
                        State { next: at, delivered: from, floor: from, ..State::default() };
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, seq: u64, count: u64, body: &str) {
        // Any consumer sequence above the floor will do: what is pending is told by the message.
        let dseq = self.model.state.delivered.consumer;
        self.world.ack_on(&format!("$JS.ACK.S.C.{count}.{seq}.{dseq}.0.0"), body, "");
    }

    fn update(&mut self, change: impl Fn(&mut ConsumerConfig)) {
        let mut config = self.world.consumer.config().clone();
        change(&mut config);
        self.world.turn(|consumer, turn| consumer.update(turn, config));
    }

    fn compare(&mut self) {
        let pumped = self.world.pump();
        self.model.pump();
        assert_eq!(pumped, core::mem::take(&mut self.model.lines));
        let (consumer, state): (&Consumer, &State) = (&self.world.consumer, &self.model.state);
        assert_eq!((consumer.delivered(), consumer.floor()), (state.delivered, state.floor));
        assert!(state.floor.stream <= state.delivered.stream);
        let waits = consumer.pending.first().map_or(u64::MAX, |first| first.sseq);
        assert!(state.floor.stream < waits, "what waits is not done");
        assert_eq!(consumer.num_pending(), self.model.ahead().len() as u64);
        assert_eq!(consumer.pending.len(), state.sent.len());
        assert_eq!(consumer.waiting.len(), self.model.requests.len());
        let start = Mono(1_000_000_000);
        for (entry, sent) in consumer.pending.iter().zip(&state.sent) {
            let numbers = (entry.sseq, entry.dseq, u64::from(entry.deliveries));
            assert_eq!(numbers, (sent.sseq, sent.dseq, sent.count));
            if let Waits::Until(at) = sent.waits {
                let at = start + Duration::from_secs(at);
                assert_eq!(entry.wait, super::super::pending::Wait::Until(at));
            }
        }
        let mut exhausted = state.exhausted.clone();
        exhausted.sort_unstable();
        assert!(consumer.exhausted.iter().eq(exhausted.iter().copied()));
        for (seq, subject) in &self.model.messages {
            let ahead = self.model.ahead().contains(seq);
            let needed = ahead || self.model.count(*seq) > 0 || exhausted.contains(seq);
            let needs = consumer.needs(*seq, subject.as_bytes());
            assert_eq!(needs, needed && self.model.wants(subject), "{seq}");
        }
    }
}

fn ack_policy() -> impl Strategy<Value = AckPolicy> {
    prop_oneof![
        3 => Just(AckPolicy::Explicit),
        1 => Just(AckPolicy::All),
        1 => Just(AckPolicy::None),
    ]
}

fn deliver_policy() -> impl Strategy<Value = DeliverPolicy> {
    prop_oneof![
        2 => Just(DeliverPolicy::All),
        1 => Just(DeliverPolicy::LastPerSubject),
        1 => Just(DeliverPolicy::New),
        1 => Just(DeliverPolicy::ByStartSequence),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(
        policy in ack_policy(),
        start in deliver_policy(),
        max_deliver in prop_oneof![Just(-1_i64), 1..4_i64],
        filter in 0..FILTERS.len(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut both = Both::new(policy, start, max_deliver, filter);
        both.compare();
        for step in steps {
            both.act(step);
            both.compare();
        }
    }
}
