//! Streams: who keeps them, who uses them, who makes them and reads them back.

use super::ops::{OpsOf, bytes};
use super::{Builder, client_id, round_up};
use crate::history::{Phase, Sym};
use crate::ids::{ConsumerNo, NodeId, StreamNo};
use crate::plan::{
    ClientPlan, ConsumerPlan, JetStreamPlan, KeyOp, Op, OpPlan, StorePlan, StreamOp, StreamPlan,
    WorkPlan,
};
use crate::scenario::{Business, Draw, RegionSpec, Role};
use crate::units::{MS, SECOND};

/// What the names of those begin with who make streams and read them back.
const AUDITOR: &str = "auditor-";

/// Between two questions how streams are.
const LOOK_NS: u64 = SECOND;

/// The same if streams take their messages from others: how soon they do is to be seen.
const LOOK_AT_COPIES_NS: u64 = 50 * MS;

impl Builder<'_> {
    /// How the node with this number, from 1, keeps streams: the first one of its region does, if
    /// any does. `key` is the region's place in the scenario.
    pub(super) fn jetstream(
        &self,
        key: u64,
        number: u64,
        region: &RegionSpec,
    ) -> Option<JetStreamPlan> {
        let spec = region.jetstream.as_ref().filter(|_| number == 1)?;
        Some(JetStreamPlan {
            domain: spec.domain.clone(),
            sync_ns: self.sample(spec.sync, "plan.jetstream.sync", &[key]),
            cipher: spec.cipher,
            max_store: spec.max_store.map_or(0, |d| self.sample(d, "plan.jetstream.store", &[key])),
            max_memory: spec
                .max_memory
                .map_or(0, |draw| self.sample(draw, "plan.jetstream.memory", &[key])),
        })
    }

    /// The streams and their consumers, and for each node that keeps some a client of its own.
    pub(super) fn streams(&mut self) {
        for spec in &self.scenario.streams {
            let Some(region) = self.places.get(spec.place).copied().flatten() else { continue };
            let keeps = |node: &NodeId| {
                let node = &self.plan.nodes[usize::from(node.0)];
                node.region == region && node.jetstream.is_some()
            };
            let nodes = (0..).map(NodeId).take(self.plan.nodes.len());
            let Some(node) = nodes.into_iter().find(keeps) else { continue };
            let (name, config) = (spec.name.clone(), spec.config.clone());
            self.plan.streams.push(StreamPlan { name, node, config });
        }
        for spec in &self.scenario.consumers {
            let stream = StreamNo(u16::try_from(spec.stream).unwrap_or(u16::MAX));
            let (name, config) = (spec.name.clone(), spec.config.clone());
            self.plan.consumers.push(ConsumerPlan { name, stream, config });
        }
        let mut keepers: Vec<NodeId> = self.plan.streams.iter().map(|stream| stream.node).collect();
        keepers.sort_unstable();
        keepers.dedup();
        for node in keepers {
            let region = self.plan.nodes[usize::from(node.0)].region;
            self.plan.clients.push(ClientPlan {
                name: format!("{AUDITOR}{}/1", self.plan.region_name(region)),
                region,
                role: Role::Audit,
                nodes: vec![node],
                echo: true,
                takes_headers: true,
                read_rate: 0,
                ping_ns: 2 * SECOND,
                wait_ns: 100 * MS,
                jitter_ns: 100 * MS,
            });
        }
    }

    /// How much longer things take to settle with streams, and how long to read them back.
    pub(super) fn stream_times(&self, duration: u64) -> (u64, u64) {
        let mut messages = 0u64;
        let mut patience = 0;
        for spec in &self.scenario.clients {
            if matches!(spec.business, Some(Business::Store { .. } | Business::Keys { .. })) {
                let turns = duration / spec.every.low.max(1_000) + 1;
                let all = turns.saturating_mul(spec.burst.high).saturating_mul(spec.count.high);
                let most =
                    if spec.stop_after > 0 { spec.stop_after * spec.count.high } else { all };
                let each = match &spec.business {
                    Some(Business::Store { batch: Some(batch), .. }) => batch.high,
                    Some(_) | None => 1,
                };
                messages = messages.saturating_add(all.min(most).saturating_mul(each));
                patience = patience.max(spec.timeout.high);
            }
        }
        (round_up(self.plan.redelivery_ns(patience)), self.plan.audit_ns(messages))
    }
}

/// What those do who make the streams and read them back.
pub(super) fn audit_ops(builder: &mut Builder<'_>) {
    let duration = builder.phase(Phase::Quiesce) - builder.phase(Phase::Chaos);
    let (_, audit) = builder.stream_times(duration);
    let (warm, drain) = (builder.phase(Phase::Warm), builder.phase(Phase::Drain));
    let (chaos, quiesce) = (builder.phase(Phase::Chaos), builder.phase(Phase::Quiesce));
    let copies = builder.scenario.streams.iter().any(|spec| takes_from_others(&spec.config));
    let every = if copies { LOOK_AT_COPIES_NS } else { LOOK_NS };
    let auditors: Vec<usize> = (0..builder.plan.clients.len())
        .filter(|at| builder.plan.clients[*at].role == Role::Audit)
        .collect();
    for at in auditors {
        let client = client_id(at);
        let mut push = |at: u64, op: Op| {
            builder.plan.ops.push(OpPlan { at, client, op, when: None });
        };
        push(warm, Op::Connect);
        push(warm + LOOK_NS / 10, Op::Stream(StreamOp::Make));
        let mut look = chaos + every;
        while look < quiesce {
            push(look, Op::Stream(StreamOp::Look));
            look += every;
        }
        push(drain - audit, Op::Stream(StreamOp::Audit));
        push(drain, Op::Close);
    }
}

/// Whether a stream of this configuration is a mirror or has sources.
fn takes_from_others(config: &str) -> bool {
    let config: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    ["mirror", "sources"].iter().any(|key| config.get(key).is_some())
}

impl OpsOf<'_, '_> {
    /// One thing that the client does with its stream, if it has to do with any.
    pub(super) fn stores(&mut self, sent: u64, count: u64) -> Option<StreamOp> {
        let spec = self.spec;
        match spec.business.as_ref()? {
            Business::Store { stream, window, msg_id, batch, adds } => Some(StreamOp::Store {
                stream: stream_no(*stream),
                subject: self.name(sent),
                size: bytes(spec.size.sample(&mut self.stream)),
                count: bytes(count),
                how: StorePlan {
                    // The same for all of a client's messages.
                    window: bytes(window.low),
                    timeout_ns: spec.timeout.sample(&mut self.stream),
                    msg_id: *msg_id,
                    batch: batch.map_or(0, |draw| bytes(draw.sample(&mut self.stream))),
                    add: adds.map_or(0, |draw| bytes(draw.sample(&mut self.stream))),
                },
            }),
            Business::Keys { stream, prefix, keys, mix } => {
                let key = self.stream.below(*keys);
                let weights: u64 = mix.iter().map(|(_, weight)| weight).sum();
                let what = drawn(mix, self.stream.below(weights));
                Some(StreamOp::Key {
                    stream: stream_no(*stream),
                    subject: self.key(prefix, key),
                    what,
                    size: bytes(spec.size.sample(&mut self.stream)),
                    timeout_ns: spec.timeout.sample(&mut self.stream),
                })
            }
            Business::Consume { .. } => None,
        }
    }

    fn key(&mut self, prefix: &str, key: u64) -> Sym {
        self.builder.plan.symbols.intern(&format!("{prefix}k{key}"))
    }

    /// It works off a consumer, and goes on until the end: what is not acknowledged comes again.
    pub(super) fn consumes(&mut self, start: u64, stop: u64) {
        let Some(Business::Consume {
            consumer,
            batch,
            expires,
            hold,
            in_turn,
            double,
            nak,
            term,
            silent,
        }) = &self.spec.business
        else {
            return;
        };
        let mut draw = |draw: &Draw| draw.sample(&mut self.stream);
        let work = WorkPlan {
            batch: bytes(draw(batch)).max(1),
            expires_ns: draw(expires),
            hold_ns: draw(hold),
            double_ppm: bytes(draw(double)),
            nak_ppm: bytes(draw(nak)),
            term_ppm: bytes(draw(term)),
            silent_ppm: bytes(draw(silent)),
            in_turn: *in_turn,
        };
        let consumer = ConsumerNo(u16::try_from(*consumer).unwrap_or(u16::MAX));
        self.push(start, Op::Stream(StreamOp::Consume { consumer, work }));
        if self.spec.stop.is_some() || self.spec.lasts.is_some() {
            self.push(stop, Op::Stream(StreamOp::Rest { consumer }));
        }
    }
}

fn stream_no(at: usize) -> StreamNo {
    StreamNo(u16::try_from(at).unwrap_or(u16::MAX))
}

/// The one whose turn a draw below all weights says it is.
fn drawn(mix: &[(KeyOp, u64)], draw: u64) -> KeyOp {
    let mut below = 0;
    let of = mix.iter().find(|(_, weight)| {
        below += weight;
        draw < below
    });
    of.map_or(KeyOp::Get, |(op, _)| *op)
}
