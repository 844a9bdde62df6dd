//! What clients have to do with streams.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;

use super::super::raw::{Any, RawClient};
use super::super::value::Unit;
use super::super::{Business, ConsumerSpec, Draw, Role, StreamSpec};
use super::Reader;
use crate::plan::KeyOp;
use crate::units::SECOND;

/// Messages of one request, as nats-server has it for a batch.
const BATCH_MAX: u64 = 10_000;

/// Messages that are stored as one, as nats-server has it.
const ATOMIC_MAX: u64 = 1_000;

/// What one message adds to a counter: all together must fit into 64 bits.
const ADDS_MAX: u64 = 1_000_000;

/// Messages that wait for an acknowledgement.
const WINDOW_MAX: u64 = 100_000;

/// Keys that one client uses.
const KEYS_MAX: u64 = 10_000;

/// What a client does with keys if it does not say so.
const MIX: [(KeyOp, u64); 5] =
    [(KeyOp::Put, 4), (KeyOp::Get, 8), (KeyOp::Create, 1), (KeyOp::Update, 3), (KeyOp::Delete, 1)];

impl Reader<'_> {
    pub(super) fn business(
        &mut self,
        raw: &RawClient,
        role: Role,
        (streams, consumers): (&[StreamSpec], &[ConsumerSpec]),
    ) -> Option<Business> {
        self.check_business_keys(raw, role);
        match role {
            Role::Publish if raw.ack.as_ref().is_some_and(|ack| *ack.get_ref()) => {
                self.storing(raw, streams)
            }
            Role::Consume => self.consuming(raw, streams, consumers),
            Role::Kv => self.keeping(raw, streams),
            Role::Publish | Role::Subscribe | Role::Request | Role::Serve | Role::Audit => None,
        }
    }

    /// The stream is the one that stores what is published.
    fn storing(&mut self, raw: &RawClient, streams: &[StreamSpec]) -> Option<Business> {
        let subject = raw.subject.as_ref()?;
        let first = super::super::template::expand(subject.get_ref(), 0, 1).ok()?;
        let stores = |stream: &StreamSpec| {
            let config: Value = serde_json::from_str(&stream.config).unwrap_or_default();
            let subjects = config.get("subjects").and_then(Value::as_array).cloned();
            subjects.unwrap_or_default().iter().filter_map(Value::as_str).any(|pattern| {
                causeway_wire::subject::matches(pattern.as_bytes(), first.as_bytes())
            })
        };
        let Some(stream) = streams.iter().position(stores) else {
            let message = format!("no stream stores `{first}`, so nobody acknowledges it");
            self.problems.add(subject.span(), message);
            return None;
        };
        let window = self.up_to("window", raw.window.as_ref(), Draw::fixed(64), WINDOW_MAX);
        let msg_id = raw.msg_id.as_ref().is_none_or(|id| *id.get_ref());
        let batch = raw
            .batch
            .as_ref()
            .map(|batch| self.up_to("batch", Some(batch), Draw::fixed(1), ATOMIC_MAX));
        let adds =
            raw.adds.as_ref().map(|adds| self.up_to("adds", Some(adds), Draw::fixed(1), ADDS_MAX));
        if let Some(adds) = raw.adds.as_ref().filter(|_| raw.batch.is_some()) {
            let message = "a client that adds to counters does that message by message";
            self.problems.add(adds.span(), message);
        }
        Some(Business::Store { stream, window, msg_id, batch, adds })
    }

    fn consuming(
        &mut self,
        raw: &RawClient,
        streams: &[StreamSpec],
        consumers: &[ConsumerSpec],
    ) -> Option<Business> {
        let Some(stream) = &raw.stream else {
            let message = "a client that consumes says of which stream: `stream`";
            self.problems.add(raw.role.span(), message);
            return None;
        };
        let of = self.stream_called(stream, streams)?;
        let of_stream: Vec<usize> =
            (0..consumers.len()).filter(|at| consumers[*at].stream == of).collect();
        let consumer = match (&raw.consumer, &of_stream[..]) {
            (None, [only]) => *only,
            (None, []) => {
                let message = format!("stream `{}` has no consumer", stream.get_ref());
                self.problems.add(stream.span(), message);
                return None;
            }
            (None, _) => {
                let message = "the stream has several consumers: which, says `consumer`";
                self.problems.add(stream.span(), message);
                return None;
            }
            (Some(name), all) => {
                let known: Vec<&str> = all.iter().map(|at| consumers[*at].name.as_str()).collect();
                let found = all.iter().find(|at| consumers[**at].name == *name.get_ref());
                if found.is_none() {
                    let message = format!("there is no consumer `{}`", name.get_ref());
                    self.problems.unknown(name.span(), message, name.get_ref(), known);
                }
                *found?
            }
        };
        let share = |this: &mut Self, any: &Option<Any>| this.or(any.as_ref(), Unit::Share, 0);
        let (double, nak) = (share(self, &raw.double), share(self, &raw.nak));
        let (term, silent) = (share(self, &raw.term), share(self, &raw.silent));
        if [double, nak, term, silent].iter().map(|draw| draw.high).sum::<u64>() > 1_000_000 {
            let message = "`double`, `nak`, `term` and `silent` are at most 1 together";
            self.problems.add(raw.role.span(), message);
        }
        Some(Business::Consume {
            consumer,
            batch: self.up_to("batch", raw.batch.as_ref(), Draw::fixed(16), BATCH_MAX),
            expires: self.or(raw.expires.as_ref(), Unit::Duration, SECOND),
            hold: self.or(raw.hold.as_ref(), Unit::Duration, 0),
            in_turn: raw.in_turn.as_ref().is_some_and(|turn| *turn.get_ref()),
            double,
            nak,
            term,
            silent,
        })
    }

    fn keeping(&mut self, raw: &RawClient, streams: &[StreamSpec]) -> Option<Business> {
        let Some(bucket) = &raw.bucket else {
            let message = "a client that uses a bucket says which: `bucket`";
            self.problems.add(raw.role.span(), message);
            return None;
        };
        let name = bucket.get_ref();
        let found = streams.iter().position(|stream| stream.name == format!("KV_{name}"));
        if found.is_none() {
            let known = streams.iter().filter_map(|stream| stream.name.strip_prefix("KV_"));
            let message = format!("there is no bucket `{name}`");
            self.problems.unknown(bucket.span(), message, name, known);
        }
        Some(Business::Keys {
            stream: found?,
            prefix: format!("$KV.{name}."),
            keys: self.up_to("keys", raw.keys.as_ref(), Draw::fixed(10), KEYS_MAX).high,
            mix: raw.mix.as_ref().map_or(MIX.to_vec(), |mix| self.mix(mix)),
        })
    }

    fn mix(&mut self, mix: &Spanned<BTreeMap<String, Any>>) -> Vec<(KeyOp, u64)> {
        let mut all = Vec::new();
        for (name, any) in mix.get_ref() {
            let found = KeyOp::ALL.into_iter().find(|op| op.name() == name);
            let Some(op) = found else {
                let message = format!("nobody can `{name}` a key");
                self.problems.unknown(any.span(), message, name, KeyOp::ALL.map(KeyOp::name));
                continue;
            };
            all.push((op, self.one_count(Some(any), 0).unwrap_or(0)));
        }
        if all.iter().all(|(_, weight)| *weight == 0) {
            self.problems.add(mix.span(), "it does nothing with keys at all");
        }
        all
    }

    fn up_to(&mut self, key: &str, any: Option<&Any>, usual: Draw, most: u64) -> Draw {
        let Some(draw) = self.maybe(any, Unit::Count) else { return usual };
        if let Some(any) = any.filter(|_| draw.low == 0 || draw.high > most) {
            self.problems.add(any.span(), format!("`{key}` is 1 to {most}"));
        }
        draw
    }

    /// Keys that a role has no use for.
    fn check_business_keys(&mut self, raw: &RawClient, role: Role) {
        let stores = raw.ack.as_ref().is_some_and(|ack| *ack.get_ref());
        let any = |any: &Option<Any>| any.as_ref().map(Spanned::span);
        for (key, span, fits) in [
            ("ack", raw.ack.as_ref().map(Spanned::span), role == Role::Publish),
            ("msg_id", raw.msg_id.as_ref().map(Spanned::span), role == Role::Publish),
            ("window", any(&raw.window), role == Role::Publish),
            ("stream", raw.stream.as_ref().map(Spanned::span), role == Role::Consume),
            ("consumer", raw.consumer.as_ref().map(Spanned::span), role == Role::Consume),
            ("batch", any(&raw.batch), matches!(role, Role::Consume | Role::Publish)),
            ("adds", any(&raw.adds), role == Role::Publish),
            ("expires", any(&raw.expires), role == Role::Consume),
            ("hold", any(&raw.hold), role == Role::Consume),
            ("in_turn", raw.in_turn.as_ref().map(Spanned::span), role == Role::Consume),
            ("double", any(&raw.double), role == Role::Consume),
            ("nak", any(&raw.nak), role == Role::Consume),
            ("term", any(&raw.term), role == Role::Consume),
            ("silent", any(&raw.silent), role == Role::Consume),
            ("bucket", raw.bucket.as_ref().map(Spanned::span), role == Role::Kv),
            ("keys", any(&raw.keys), role == Role::Kv),
            ("mix", raw.mix.as_ref().map(Spanned::span), role == Role::Kv),
        ] {
            let Some(span) = span else { continue };
            if !fits {
                let message = format!("`{key}` means nothing for a client that {}", role.does());
                self.problems.add(span, message);
            } else if role == Role::Publish
                && ["msg_id", "window", "batch", "adds"].contains(&key)
                && !stores
            {
                self.problems.add(span, format!("`{key}` means nothing without `ack = true`"));
            }
        }
        for (key, span) in [
            ("headers", any(&raw.headers)),
            ("listen", raw.listen.as_ref().map(Spanned::span)),
            ("burst", any(&raw.burst).filter(|_| role == Role::Kv)),
        ] {
            if let Some(span) = span.filter(|_| stores && key != "burst" || role == Role::Kv) {
                let message = format!("`{key}` means nothing for a client that uses streams");
                self.problems.add(span, message);
            }
        }
    }
}
