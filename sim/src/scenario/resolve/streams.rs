//! The `[[stream]]`, `[[kv]]` and `[[consumer]]` tables.

use serde_json::{Map, Value, json};
use toml::Spanned;

use super::super::raw::{Any, Text};
use super::super::raw_streams::{RawConsumer, RawKv, RawOrigin, RawStream};
use super::super::value::Unit;
use super::super::{ConsumerSpec, RegionSpec, StreamSpec};
use super::Reader;
use crate::units::SECOND;

/// When messages go.
pub(in crate::scenario) const RETENTIONS: [&str; 3] = ["limits", "interest", "workqueue"];

/// Where messages are.
pub(in crate::scenario) const STORAGES: [&str; 2] = ["file", "memory"];

/// Who goes at a limit.
pub(in crate::scenario) const DISCARDS: [&str; 2] = ["old", "new"];

/// How messages are packed.
pub(in crate::scenario) const COMPRESSIONS: [&str; 2] = ["none", "s2"];

/// What must be acknowledged.
pub(in crate::scenario) const ACK_POLICIES: [&str; 3] = ["explicit", "all", "none"];

/// Where a consumer begins.
pub(in crate::scenario) const DELIVER_POLICIES: [&str; 4] =
    ["all", "last", "new", "last_per_subject"];

/// How long ids of messages are remembered, as nats-server has it.
const DUPLICATES_NS: u64 = 120 * SECOND;

/// Revisions of a key that may be kept, as clients have it.
const HISTORY_MAX: u64 = 64;

impl Reader<'_> {
    pub(super) fn streams(&mut self, regions: &[RegionSpec]) -> Vec<StreamSpec> {
        let raw = self.raw;
        let mut streams: Vec<StreamSpec> = Vec::new();
        for spanned in &raw.stream {
            let stream = spanned.get_ref();
            let Some(place) = self.stream_place(stream.place.as_ref(), &stream.name, regions)
            else {
                continue;
            };
            let config = self.stream_config(stream, place, regions);
            self.push_stream(
                &stream.name,
                stream.name.get_ref().clone(),
                place,
                config,
                &mut streams,
            );
        }
        for spanned in &raw.kv {
            let kv = spanned.get_ref();
            let Some(place) = self.stream_place(kv.place.as_ref(), &kv.name, regions) else {
                continue;
            };
            let config = self.bucket_config(kv);
            let name = format!("KV_{}", kv.name.get_ref());
            self.push_stream(&kv.name, name, place, config, &mut streams);
        }
        if let Some(regions) = raw.swarm.as_ref().and_then(|s| s.get_ref().regions.as_ref())
            && !streams.is_empty()
        {
            let message =
                "a region with streams cannot be left out: no `regions` where there are any";
            self.problems.add(regions.span(), message);
        }
        streams
    }

    fn push_stream(
        &mut self,
        text: &Text,
        name: String,
        place: usize,
        config: Map<String, Value>,
        streams: &mut Vec<StreamSpec>,
    ) {
        let odd = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
        if name.is_empty() || name.contains(odd) {
            let message = "the name of a stream has only letters, digits, `-` and `_`";
            self.problems.add(text.span(), message);
        }
        if streams.iter().any(|stream| stream.name == name) {
            self.problems.add(text.span(), format!("there are two streams `{name}`"));
        }
        let mut whole = config;
        whole.insert("name".to_owned(), json!(name));
        streams.push(StreamSpec { name, place, config: Value::Object(whole).to_string() });
    }

    /// The region that keeps a stream.
    fn stream_place(
        &mut self,
        place: Option<&Text>,
        name: &Text,
        regions: &[RegionSpec],
    ) -> Option<usize> {
        let keepers = || (0..regions.len()).filter(|at| regions[*at].jetstream.is_some());
        if let Some(place) = place {
            let at = self.region_name(place.span(), super::strip_region(place.get_ref()))?;
            if regions.get(at).is_none_or(|region| region.jetstream.is_none()) {
                let message =
                    format!("region `{}` keeps no streams: `[jetstream]`", place.get_ref());
                self.problems.add(place.span(), message);
                return None;
            }
            return Some(at);
        }
        let message = match (keepers().next(), keepers().count()) {
            (Some(only), 1) => return Some(only),
            (None, _) => "no region keeps streams: `[jetstream]`",
            _ => "several regions keep streams: which, says `place`",
        };
        self.problems.add(name.span(), message);
        None
    }

    fn stream_config(
        &mut self,
        raw: &RawStream,
        place: usize,
        regions: &[RegionSpec],
    ) -> Map<String, Value> {
        let mut config = Map::new();
        let subjects: Vec<&str> = raw.subjects.iter().map(|s| s.get_ref().as_str()).collect();
        for subject in &raw.subjects {
            self.check_subject(subject);
        }
        match (&raw.mirror, raw.subjects.first()) {
            (Some(_), Some(subject)) => {
                self.problems.add(subject.span(), "a mirror has the subjects of its origin");
            }
            (None, None) if raw.sources.is_empty() => {
                self.problems.add(raw.name.span(), "a stream stores something: `subjects`");
            }
            (Some(_) | None, _) => {}
        }
        if !subjects.is_empty() {
            config.insert("subjects".to_owned(), json!(subjects));
        }
        for (key, text, known) in [
            ("retention", &raw.retention, &RETENTIONS[..]),
            ("storage", &raw.storage, &STORAGES),
            ("discard", &raw.discard, &DISCARDS),
            ("compression", &raw.compression, &COMPRESSIONS),
        ] {
            self.word(key, text.as_ref(), known, &mut config);
        }
        for (key, any, unit) in [
            ("max_msgs", &raw.max_msgs, Unit::Count),
            ("max_bytes", &raw.max_bytes, Unit::Size),
            ("max_age", &raw.max_age, Unit::Duration),
            ("max_msgs_per_subject", &raw.max_msgs_per_subject, Unit::Count),
            ("max_msg_size", &raw.max_msg_size, Unit::Size),
            ("duplicate_window", &raw.duplicate_window, Unit::Duration),
            ("first_seq", &raw.first_seq, Unit::Count),
        ] {
            self.quantity(key, any.as_ref(), unit, &mut config);
        }
        for (key, flag) in [
            ("allow_direct", &raw.allow_direct),
            ("allow_atomic", &raw.allow_atomic),
            ("allow_msg_counter", &raw.allow_msg_counter),
            ("discard_new_per_subject", &raw.discard_new_per_subject),
        ] {
            if let Some(flag) = flag {
                config.insert(key.to_owned(), json!(flag.get_ref()));
            }
        }
        if let Some(mirror) = &raw.mirror
            && let Some(origin) = self.origin(mirror, place, regions)
        {
            config.insert("mirror".to_owned(), origin);
        }
        let sources: Vec<Value> =
            raw.sources.iter().filter_map(|source| self.origin(source, place, regions)).collect();
        if !sources.is_empty() {
            config.insert("sources".to_owned(), Value::Array(sources));
        }
        config
    }

    /// Where messages come from; from another region, through its domain.
    fn origin(&mut self, raw: &RawOrigin, place: usize, regions: &[RegionSpec]) -> Option<Value> {
        let name = raw.from.get_ref();
        let all: Vec<&str> =
            self.raw.stream.iter().map(|s| s.get_ref().name.get_ref().as_str()).collect();
        let Some(found) = self.raw.stream.iter().find(|s| s.get_ref().name.get_ref() == name)
        else {
            self.problems.unknown(
                raw.from.span(),
                format!("there is no stream `{name}`"),
                name,
                all,
            );
            return None;
        };
        let origin = found.get_ref();
        let at = self.stream_place(origin.place.as_ref(), &origin.name, regions)?;
        let mut whole = Map::from_iter([("name".to_owned(), json!(name))]);
        if let Some(filter) = &raw.filter_subject {
            self.check_subject(filter);
            whole.insert("filter_subject".to_owned(), json!(filter.get_ref()));
        }
        if at != place {
            let domain = regions.get(at).and_then(|region| region.jetstream.as_ref());
            let api = domain.map(|jetstream| format!("$JS.{}.API", jetstream.domain));
            whole.insert("external".to_owned(), json!({ "api": api, "deliver": "" }));
        }
        Some(Value::Object(whole))
    }

    /// A bucket is what clients make of a stream.
    fn bucket_config(&mut self, raw: &RawKv) -> Map<String, Value> {
        let mut config = Map::new();
        let history = self.one_count(raw.history.as_ref(), 1).unwrap_or(1);
        if let Some(any) = raw.history.as_ref().filter(|_| history > HISTORY_MAX) {
            let message = format!("at most {HISTORY_MAX} revisions of a key are kept");
            self.problems.add(any.span(), message);
        }
        self.word("storage", raw.storage.as_ref(), &STORAGES, &mut config);
        self.quantity("max_age", raw.ttl.as_ref(), Unit::Duration, &mut config);
        let age = config.get("max_age").and_then(Value::as_u64).unwrap_or(DUPLICATES_NS);
        config.extend([
            ("subjects".to_owned(), json!([format!("$KV.{}.>", raw.name.get_ref())])),
            ("max_msgs_per_subject".to_owned(), json!(history)),
            ("discard".to_owned(), json!("new")),
            ("allow_rollup_hdrs".to_owned(), json!(true)),
            ("deny_delete".to_owned(), json!(true)),
            ("allow_direct".to_owned(), json!(true)),
            ("duplicate_window".to_owned(), json!(age.min(DUPLICATES_NS))),
        ]);
        config
    }

    pub(super) fn consumers(&mut self, streams: &[StreamSpec]) -> Vec<ConsumerSpec> {
        let raw = self.raw;
        let mut consumers: Vec<ConsumerSpec> = Vec::new();
        for spanned in &raw.consumer {
            let consumer = spanned.get_ref();
            let Some(stream) = self.stream_called(&consumer.stream, streams) else { continue };
            let name = consumer.name.get_ref().clone();
            if consumers.iter().any(|other| other.name == name && other.stream == stream) {
                let message = format!("there are two consumers `{name}` of this stream");
                self.problems.add(consumer.name.span(), message);
            }
            let config = self.consumer_config(consumer);
            let config = Value::Object(config).to_string();
            consumers.push(ConsumerSpec { name, stream, config });
        }
        consumers
    }

    pub(super) fn stream_called(&mut self, text: &Text, streams: &[StreamSpec]) -> Option<usize> {
        let name = text.get_ref();
        let found = streams.iter().position(|stream| stream.name == *name);
        if found.is_none() {
            let known: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
            self.problems.unknown(text.span(), format!("there is no stream `{name}`"), name, known);
        }
        found
    }

    fn consumer_config(&mut self, raw: &RawConsumer) -> Map<String, Value> {
        let name = raw.name.get_ref();
        if !super::is_name(name) || name.contains('.') {
            let message = "the name of a consumer has only letters, digits, `-` and `_`";
            self.problems.add(raw.name.span(), message);
        }
        let mut config = Map::new();
        config.insert("durable_name".to_owned(), json!(name));
        config.insert("ack_policy".to_owned(), json!(ACK_POLICIES[0]));
        config.insert("deliver_policy".to_owned(), json!(DELIVER_POLICIES[0]));
        self.word("ack_policy", raw.ack_policy.as_ref(), &ACK_POLICIES, &mut config);
        let policy = raw.deliver_policy.as_ref();
        self.word("deliver_policy", policy, &DELIVER_POLICIES, &mut config);
        for (key, any, unit) in [
            ("ack_wait", &raw.ack_wait, Unit::Duration),
            ("max_deliver", &raw.max_deliver, Unit::Count),
            ("max_ack_pending", &raw.max_ack_pending, Unit::Count),
        ] {
            self.quantity(key, any.as_ref(), unit, &mut config);
        }
        let backoff: Vec<u64> = raw
            .backoff
            .iter()
            .filter_map(|any| Some(self.draw(any, Unit::Duration)?.high))
            .collect();
        if !backoff.is_empty() {
            config.insert("backoff".to_owned(), json!(backoff));
        }
        raw.filter_subjects.iter().for_each(|subject| self.check_subject(subject));
        let filters: Vec<&str> = raw.filter_subjects.iter().map(|f| f.get_ref().as_str()).collect();
        match filters[..] {
            [] => {}
            [one] => {
                config.insert("filter_subject".to_owned(), json!(one));
            }
            _ => {
                config.insert("filter_subjects".to_owned(), json!(filters));
            }
        }
        if let Some(subject) = &raw.deliver_subject {
            self.check_subject(subject);
            config.insert("deliver_subject".to_owned(), json!(subject.get_ref()));
        }
        if let Some(memory) = &raw.mem_storage {
            config.insert("mem_storage".to_owned(), json!(memory.get_ref()));
        }
        config
    }

    fn check_subject(&mut self, text: &Text) {
        let subject = text.get_ref();
        if !causeway_wire::subject::is_valid(subject.as_bytes()) || subject.contains(['{', ' ']) {
            self.problems.add(text.span(), format!("`{subject}` is not a subject"));
        }
    }

    fn word(
        &mut self,
        key: &str,
        text: Option<&Text>,
        known: &[&str],
        config: &mut Map<String, Value>,
    ) {
        let Some(text) = text else { return };
        let name = text.get_ref().as_str();
        if known.contains(&name) {
            config.insert(key.to_owned(), json!(name));
        } else {
            let message = format!("`{key}` cannot be `{name}`");
            self.problems.unknown(text.span(), message, name, known.iter().copied());
        }
    }

    /// A number that is not drawn.
    fn quantity(
        &mut self,
        key: &str,
        any: Option<&Any>,
        unit: Unit,
        config: &mut Map<String, Value>,
    ) {
        let Some(draw) = self.maybe(any, unit) else { return };
        let span = any.map_or(0..0, Spanned::span);
        if draw.low != draw.high {
            self.problems.add(span, "this is one value, it is not drawn");
        } else if draw.high == 0 {
            self.problems.add(span, "0 is no limit to a server: leave it out");
        }
        config.insert(key.to_owned(), json!(draw.high));
    }
}
