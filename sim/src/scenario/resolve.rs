//! From what stands in the file to what it means.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::{Spanned, Value};

use super::diagnostic::{Diagnostic, Problems, ScenarioError};
use super::raw::{
    Any, RawCluster, RawConfig, RawGuarantee, RawLink, RawPath, RawRegion, RawRun, RawScenario,
    Text,
};
use super::tree;
use super::value::{Unit, draw};
use super::{
    Chunking, ConfigSpec, Dist, Draw, Given, Heal, LinkSpec, NetworkSpec, ParamSpec, PathSpec,
    RegionSpec, RouteTarget, Scenario, Selector,
};
use crate::guarantee;
use crate::history::GuaranteeInfo;
use crate::plan::timing;
use crate::units::{MS, SECOND};

mod buffer;
mod business;
mod clients;
mod clock;
mod conns;
mod disk;
mod faults;
mod hosts;
mod jetstream;
mod operator;
mod reach;
mod shapes;
mod streams;
mod swarm;
mod when;

pub(super) use conns::ENDINGS;
pub(super) use faults::{KINDS as FAULT_KINDS, PORTS, SHAPES};
pub(super) use jetstream::CIPHERS;
pub(super) use streams::{
    ACK_POLICIES, COMPRESSIONS, DELIVER_POLICIES, DISCARDS, RETENTIONS, STORAGES,
};

/// The version of the format.
pub(super) const SCHEMA: i64 = 1;

/// Nodes of one region.
const NODES_MAX: u64 = 64;

/// Nodes of all regions: each keeps connections to each other one.
const ALL_NODES_MAX: u64 = 512;

/// Connections of a pool.
const POOL_MAX: u64 = 256;

/// A segment that takes longer is lost.
const LATENCY_MAX: u64 = 60 * SECOND;

/// Nodes that start later are not waited for.
const START_MAX: u64 = 3600 * SECOND;

/// Longer than anything takes to settle.
const SETTLE_MAX: u64 = 24 * 3600 * SECOND;

/// A queue that holds less would let nothing pass but single frames.
const QUEUE_MIN: u64 = 1024;

/// Engines that a scenario may be meant for.
pub(super) const ENGINES: [&str; 3] = ["pure", "turmoil", "process"];

/// Another name of `pure`.
pub(super) const ENGINE_OTHERWISE: &str = "sim";

/// How regions may be joined.
pub(super) const VIA: [&str; 2] = ["route", "none"];

/// When a guarantee may have to hold.
pub(super) const DURING: [&str; 3] = ["always", "partition", "after_heal"];

/// The chunking that is drawn.
pub(super) const CHUNKING_ANY: &str = "any";

/// More seeds than this in a scenario's own list are a mistake.
const SEEDS_MAX: u64 = 1_000_000;

pub(super) fn parse(
    file: &str,
    text: &str,
    kinds: &[&str],
    given: &Given<'_>,
) -> Result<Scenario, ScenarioError> {
    if text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#')) {
        let (what, help) =
            ("there is nothing in this file", "`causeway-sim new NAME` writes a scenario");
        return Err(Diagnostic::of_file(file, what.to_owned(), Some(help.to_owned())).into());
    }
    let sources = tree::sources(file, text, given)?;
    let (root, params) = tree::merged(&sources, given)?;
    let raw: RawScenario = tree::read(&sources, root)?;
    let mut reader = Reader { problems: Problems::new(&sources), raw: &raw, kinds };
    let scenario = reader.scenario(file, params);
    reader.problems.finish()?;
    Ok(scenario)
}

/// Turns the words of the TOML reader into ours.
pub(super) fn explain(problems: &mut Problems<'_>, span: Range<usize>, message: &str) {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let name = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        problems.unknown(span, format!("unknown key `{name}`"), name, known);
    } else if message.starts_with("missing field") {
        let name = quoted.next().unwrap_or_default();
        problems.add(span, format!("the key `{name}` is missing here"));
    } else if message.starts_with("invalid type: integer") && message.contains(" as i128") {
        problems
            .add(span, format!("`{}` is too large a number", quoted.next().unwrap_or_default()));
    } else if message.starts_with("invalid type") {
        problems.add(span, message.replace("i64", "a whole number"));
    } else {
        problems.add(span, message.replace('\n', " "));
    }
}

struct Reader<'a> {
    problems: Problems<'a>,
    raw: &'a RawScenario,
    kinds: &'a [&'a str],
}

impl Reader<'_> {
    fn scenario(&mut self, file: &str, params: Vec<ParamSpec>) -> Scenario {
        let raw = self.raw;
        if *raw.schema.get_ref() != SCHEMA {
            let message = format!("this version reads scenarios of schema {SCHEMA}");
            self.problems.add(raw.schema.span(), message);
        }
        if !is_name(raw.name.get_ref()) {
            let message = "a name has only letters, digits, `-`, `_` and `.`";
            self.problems.add(raw.name.span(), message);
        }
        self.top_level();
        let duration = self.duration();
        let regions = self.regions();
        if regions.is_empty() {
            self.problems.add(raw.name.span(), "a scenario needs at least one `[region.<name>]`");
        }
        let paths = self.paths();
        let buffer = self.buffer(&regions);
        let streams = self.streams(&regions);
        let consumers = self.consumers(&streams);
        let clients = self.clients(duration, (&streams, &consumers));
        let faults = self.faults(duration);
        let swarm = self.swarm(duration);
        Scenario {
            file: file.to_owned(),
            name: raw.name.get_ref().clone(),
            params,
            about: raw.about.as_ref().map_or_else(String::new, |a| a.get_ref().clone()),
            tags: raw.tags.clone(),
            seeds: self.seeds(),
            duration,
            settle: self.settle(&raw.run),
            heal: raw.run.heal.as_ref().map_or(Heal::All, |text| self.heal(text)),
            perturb: raw.run.perturb,
            engines: raw.run.engines.iter().map(|name| engine_name(name.get_ref())).collect(),
            max_events: self.one_count(raw.run.max_events.as_ref(), 1_000),
            determinism_check: self.one_count(raw.run.determinism_check.as_ref(), 1),
            network: self.network(),
            links: self.links(),
            regions,
            paths,
            buffer,
            streams,
            consumers,
            clients,
            faults,
            swarm,
            guarantees: self.guarantees(),
            coverage: self.coverage(),
        }
    }

    /// Keys that the format has and this version does not.
    fn top_level(&mut self) {
        let raw = self.raw;
        self.unsupported("program", raw.program.as_ref());
        for engine in &raw.run.engines {
            let name = engine.get_ref();
            if !ENGINES.contains(&name.as_str()) && name != ENGINE_OTHERWISE {
                let message = format!("there is no engine `{name}`");
                self.problems.unknown(engine.span(), message, name, ENGINES);
            }
        }
    }

    /// How long clients work; nothing, which nobody can ask for, if that cannot be read.
    fn duration(&mut self) -> Draw {
        let text = &self.raw.run.duration;
        let problems = self.problems.len();
        let duration = self.text_draw(text, Unit::Duration);
        if duration.high == 0 && self.problems.len() == problems {
            self.problems.add(text.span(), "a run lasts more than 0s");
        }
        duration
    }

    fn unsupported(&mut self, key: &str, value: Option<&Any>) {
        if let Some(value) = value {
            let message =
                format!("`{key}` belongs to the format, but this version cannot do it yet");
            self.problems.add(value.span(), message);
        }
    }

    fn seeds(&mut self) -> Vec<u64> {
        let Some(any) = &self.raw.run.seeds else { return (0..100).collect() };
        if let Value::Array(items) = any.get_ref() {
            if items.is_empty() {
                self.problems.add(any.span(), "a list of seeds has at least one");
            }
            let seeds: Option<Vec<u64>> =
                items.iter().map(|i| i.as_integer().and_then(|n| u64::try_from(n).ok())).collect();
            return seeds.unwrap_or_else(|| {
                self.problems.add(any.span(), "a list of seeds holds whole numbers from 0");
                Vec::new()
            });
        }
        let Some(range) = self.draw(any, Unit::Count) else { return Vec::new() };
        if range.high - range.low >= SEEDS_MAX {
            self.problems.add(any.span(), format!("more than {SEEDS_MAX} seeds"));
            return Vec::new();
        }
        (range.low..=range.high).collect()
    }

    fn settle(&mut self, run: &RawRun) -> Option<u64> {
        let settle = run.settle.as_ref()?;
        let draw = self.text_draw(settle, Unit::Duration);
        if draw.high > SETTLE_MAX {
            self.problems.add(settle.span(), "this is at most 24h");
        }
        Some(draw.high)
    }

    fn heal(&mut self, text: &Text) -> Heal {
        let name = text.get_ref().as_str();
        let found = Heal::ALL.into_iter().find(|heal| heal.name() == name);
        found.unwrap_or_else(|| {
            let message = format!("`{name}` cannot be healed");
            self.problems.unknown(text.span(), message, name, Heal::ALL.map(Heal::name));
            Heal::All
        })
    }

    fn network(&mut self) -> NetworkSpec {
        let raw = &self.raw.network;
        let tcp_timeout = self.or(raw.tcp_timeout.as_ref(), Unit::Duration, 15 * SECOND);
        let window = self.or(raw.window.as_ref(), Unit::Size, 256 << 10);
        if window.low < 1024 {
            let span = raw.window.as_ref().map_or(0..0, Spanned::span);
            self.problems.add(span, "a window has at least 1KiB");
        }
        let chunking = raw.chunking.as_ref().and_then(|text| {
            let name = text.get_ref().as_str();
            if name == CHUNKING_ANY {
                return None;
            }
            let found = Chunking::ALL.into_iter().find(|c| c.name() == name);
            if found.is_none() {
                let known = Chunking::ALL.map(Chunking::name).into_iter().chain([CHUNKING_ANY]);
                let message = format!("there is no chunking `{name}`");
                self.problems.unknown(text.span(), message, name, known);
            }
            found
        });
        NetworkSpec { tcp_timeout, window, chunking, overread: raw.overread }
    }

    fn links(&mut self) -> Vec<LinkSpec> {
        let raw = self.raw;
        raw.link.iter().map(|(name, link)| self.link(name, link.get_ref())).collect()
    }

    fn link(&mut self, name: &str, raw: &RawLink) -> LinkSpec {
        // TCP hides these from the broker; what is left of them is delay.
        for (key, value) in
            [("duplicate", &raw.duplicate), ("reorder", &raw.reorder), ("mtu", &raw.mtu)]
        {
            self.unsupported(key, value.as_ref());
        }
        let loss_ppm = self.or(raw.loss.as_ref(), Unit::Share, 0);
        if loss_ppm.high > 500_000 {
            let span = raw.loss.as_ref().map_or(0..0, Spanned::span);
            self.problems.add(span, "a loss of more than 0.5 is a partition");
        }
        LinkSpec {
            name: name.to_owned(),
            dist: raw.dist.as_ref().map_or(Dist::Uniform, |dist| self.dist(dist)),
            bias: self.no_more(raw.bias.as_ref(), LATENCY_MAX, "1m", 0),
            queue: self.queue(raw),
            latency: self.no_more(Some(&raw.latency), LATENCY_MAX, "1m", 0),
            jitter: self.no_more(raw.jitter.as_ref(), LATENCY_MAX, "1m", 0),
            loss_ppm,
            bandwidth: self.or(raw.bandwidth.as_ref(), Unit::Rate, 0),
        }
    }

    fn dist(&mut self, text: &Text) -> Dist {
        let name = text.get_ref().as_str();
        let found = Dist::ALL.into_iter().find(|dist| dist.name() == name);
        found.unwrap_or_else(|| {
            let message = format!("delays do not spread as `{name}`");
            self.problems.unknown(text.span(), message, name, Dist::ALL.map(Dist::name));
            Dist::Uniform
        })
    }

    fn queue(&mut self, raw: &RawLink) -> Draw {
        let queue = self.or(raw.queue.as_ref(), Unit::Size, 0);
        if let Some(any) = &raw.queue {
            if raw.bandwidth.is_none() {
                self.problems.add(any.span(), "`queue` is of bytes that wait for `bandwidth`");
            } else if queue.low < QUEUE_MIN {
                self.problems.add(any.span(), "a queue has at least 1KiB");
            }
        }
        queue
    }

    fn regions(&mut self) -> Vec<RegionSpec> {
        let raw = self.raw;
        let regions: Vec<RegionSpec> =
            raw.region.iter().map(|(name, region)| self.region(name, region)).collect();
        let nodes = regions.iter().map(|region| region.nodes.high).fold(0, u64::saturating_add);
        if nodes > ALL_NODES_MAX
            && let Some(last) = raw.region.values().next_back()
        {
            let message = format!("{nodes} nodes in all regions, more than {ALL_NODES_MAX}");
            self.problems.add(last.get_ref().nodes.span(), message);
        }
        regions
    }

    fn region(&mut self, name: &str, spanned: &Spanned<RawRegion>) -> RegionSpec {
        let raw = spanned.get_ref();
        if !is_name(name) {
            let message = format!("`{name}`: a name has only letters, digits, `-`, `_` and `.`");
            self.problems.add(spanned.span(), message);
        }
        for (key, value) in [("zones", &raw.zones), ("disk", &raw.disk)] {
            self.unsupported(key, value.as_ref());
        }
        if let Some(cluster) = raw.cluster.as_ref().filter(|cluster| !is_name(cluster.get_ref())) {
            let message = "a name has only letters, digits, `-`, `_` and `.`";
            self.problems.add(cluster.span(), message);
        }
        let nodes = self.draw(&raw.nodes, Unit::Count).unwrap_or(Draw::fixed(1));
        if nodes.low == 0 || nodes.high > NODES_MAX {
            let message = format!("a region has 1 to {NODES_MAX} nodes");
            self.problems.add(raw.nodes.span(), message);
        }
        let routes = match &raw.routes {
            Some(targets) => targets.iter().filter_map(|t| self.route_target(t)).collect(),
            None => self.usual_routes(name),
        };
        RegionSpec {
            name: name.to_owned(),
            cluster: raw.cluster.as_ref().map_or("c1".to_owned(), |c| c.get_ref().clone()),
            nodes,
            link: self.link_index(&raw.link),
            routes,
            start: match &raw.start {
                Some(start) => self.no_more(Some(start), START_MAX, "1h", 0),
                None => Draw { low: 0, high: 200 * MS },
            },
            config: self.config(&raw.config),
            release: raw.version.as_ref().and_then(|to| self.release(to)).unwrap_or_default(),
            jetstream: self.jetstream(name, raw),
        }
    }

    /// A node knows the first node of its own region, and the names of the regions next to it.
    fn usual_routes(&self, region: &str) -> Vec<RouteTarget> {
        let mut routes = vec![RouteTarget::Node(region.to_owned(), 1)];
        for path in &self.raw.path {
            let ends: Vec<&str> =
                path.get_ref().between.iter().map(|t| strip_region(t.get_ref())).collect();
            if !joins_by_routes(path.get_ref()) {
                continue;
            }
            match ends[..] {
                [a, b] if a == region => routes.push(RouteTarget::Name(b.to_owned())),
                [a, b] if b == region => routes.push(RouteTarget::Name(a.to_owned())),
                _ => {}
            }
        }
        routes
    }

    fn route_target(&mut self, text: &Text) -> Option<RouteTarget> {
        if let Some(name) = text.get_ref().strip_prefix("name:") {
            self.region_name(text.span(), name);
            return Some(RouteTarget::Name(name.to_owned()));
        }
        match self.selector(text)? {
            Selector::Region(name) => Some(RouteTarget::Region(name)),
            Selector::Node(region, number) => Some(RouteTarget::Node(region, number)),
            Selector::All
            | Selector::Nodes(_)
            | Selector::Clients(_)
            | Selector::Cluster(_)
            | Selector::Random(..)
            | Selector::Majority(_)
            | Selector::Minority(_)
            | Selector::Client(_)
            | Selector::Union(..)
            | Selector::Without(..) => {
                let message = "a route leads to `region:X`, `node:X/1` or `name:X`";
                self.problems.add(text.span(), message);
                None
            }
        }
    }

    fn config(&mut self, raw: &RawConfig) -> ConfigSpec {
        let cluster = &raw.cluster;
        let flag = |value: &Option<Spanned<bool>>| value.as_ref().map(|v| *v.get_ref());
        ConfigSpec {
            max_pending: self.at_least_one(raw.max_pending.as_ref(), Unit::Size),
            max_payload: self.at_least_one(raw.max_payload.as_ref(), Unit::Size),
            max_control_line: self.at_least_one(raw.max_control_line.as_ref(), Unit::Size),
            max_connections: self.at_least_one(raw.max_connections.as_ref(), Unit::Count),
            max_subscriptions: self.maybe(raw.max_subscriptions.as_ref(), Unit::Count),
            write_deadline: self.at_least_one(raw.write_deadline.as_ref(), Unit::Duration),
            ping_interval: self.at_least_one(raw.ping_interval.as_ref(), Unit::Duration),
            ping_max: self.at_least_one(raw.ping_max.as_ref(), Unit::Count),
            no_fast_producer_stall: flag(&raw.no_fast_producer_stall),
            lame_duck_duration: self.maybe(raw.lame_duck_duration.as_ref(), Unit::Duration),
            lame_duck_grace: self.maybe(raw.lame_duck_grace_period.as_ref(), Unit::Duration),
            pool_size: self.pool_size(cluster.pool_size.as_ref()),
            accounts: self.accounts(cluster),
            connect_retries: self.maybe(cluster.connect_retries.as_ref(), Unit::Count),
            connect_backoff: flag(&cluster.connect_backoff),
            no_advertise: flag(&cluster.no_advertise),
            route_ping_interval: self.at_least_one(cluster.ping_interval.as_ref(), Unit::Duration),
            route_ping_max: self.at_least_one(cluster.ping_max.as_ref(), Unit::Count),
            route_write_deadline: self
                .at_least_one(cluster.write_deadline.as_ref(), Unit::Duration),
        }
    }

    /// As nats-server takes it: 0 is its default, and with a negative number there are no pools.
    fn pool_size(&mut self, any: Option<&Any>) -> Option<Draw> {
        let any = any?;
        if is_negative(any) {
            return Some(Draw::fixed(0));
        }
        let draw = self.draw(any, Unit::Count)?;
        match (draw.low, draw.high) {
            (0, 0) => Some(Draw::fixed(timing::POOL_SIZE)),
            (0, _) => {
                let message = "a range of pool sizes begins with 1: 0 is the default, and a \
                    negative number is one connection without a pool";
                self.problems.add(any.span(), message);
                None
            }
            (_, 1..=POOL_MAX) => Some(draw),
            _ => {
                let message = format!("more than {POOL_MAX} connections to each peer");
                self.problems.add(any.span(), message);
                None
            }
        }
    }

    /// Accounts with connections of their own, each once, and not without pools.
    fn accounts(&mut self, cluster: &RawCluster) -> Vec<String> {
        let Some(accounts) = &cluster.accounts else { return Vec::new() };
        let names = accounts.get_ref();
        if !names.is_empty() && cluster.pool_size.as_ref().is_some_and(is_negative) {
            let message = "without pools (a negative `pool_size`), no account has connections of \
                its own";
            self.problems.add(accounts.span(), message);
        }
        if let Some((_, twice)) =
            names.iter().enumerate().find(|(at, name)| names[..*at].contains(name))
        {
            self.problems.add(accounts.span(), format!("the account `{twice}` is there twice"));
        }
        let is_odd = |name: &&String| {
            name.is_empty() || name.contains(|c: char| c == ',' || c.is_whitespace())
        };
        if let Some(odd) = names.iter().find(is_odd) {
            let message = format!("`{odd}` is not the name of an account");
            self.problems.add(accounts.span(), message);
        }
        names.clone()
    }

    /// To a server, 0 is the default of a limit, not the least.
    fn at_least_one(&mut self, any: Option<&Any>, unit: Unit) -> Option<Draw> {
        let draw = self.maybe(any, unit)?;
        if let Some(any) = any.filter(|_| draw.low == 0) {
            self.problems.add(any.span(), "0 is the default to a server: leave it out");
        }
        Some(draw)
    }

    fn paths(&mut self) -> Vec<PathSpec> {
        let raw = self.raw;
        let mut seen = BTreeMap::new();
        let mut paths = Vec::new();
        for path in &raw.path {
            let Some(spec) = self.path(path.get_ref(), path.span()) else { continue };
            let ends = (spec.a.min(spec.b), spec.a.max(spec.b));
            if seen.insert(ends, ()).is_some() {
                self.problems.add(path.span(), "these two regions are joined already");
            }
            paths.push(spec);
        }
        paths
    }

    fn path(&mut self, raw: &RawPath, span: Range<usize>) -> Option<PathSpec> {
        self.unsupported("one_way", raw.one_way.as_ref());
        if let Some(via) = &raw.via {
            match via.get_ref().as_str() {
                "route" | "none" => {}
                name @ ("gateway" | "leafnode") => {
                    let message = format!("`via = \"{name}\"` is not there yet, only `route`");
                    self.problems.add(via.span(), message);
                }
                name => {
                    let message = format!("regions are not joined via `{name}`");
                    self.problems.unknown(via.span(), message, name, VIA);
                }
            }
        }
        let link = self.link_index(&raw.link);
        let [a, b] = &raw.between[..] else {
            self.problems.add(span, "`between` names two regions");
            return None;
        };
        let (a_at, b_at) = (
            self.region_name(a.span(), strip_region(a.get_ref()))?,
            self.region_name(b.span(), strip_region(b.get_ref()))?,
        );
        if a_at == b_at {
            self.problems.add(b.span(), "a path joins two different regions");
            return None;
        }
        let cluster = |at: usize| {
            let region = self.raw.region.values().nth(at);
            region.and_then(|r| r.get_ref().cluster.as_ref()).map_or("c1", |c| c.get_ref().as_str())
        };
        let are_names = is_name(cluster(a_at)) && is_name(cluster(b_at));
        if joins_by_routes(raw) && are_names && cluster(a_at) != cluster(b_at) {
            self.problems.add(span, "routes join nodes of one cluster, and these are of two");
        }
        Some(PathSpec { a: a_at, b: b_at, link })
    }

    fn guarantees(&mut self) -> Vec<GuaranteeInfo> {
        let raw = self.raw;
        raw.guarantee.iter().map(|(id, g)| self.guarantee(id, g)).collect()
    }

    fn guarantee(&mut self, id: &str, spanned: &Spanned<RawGuarantee>) -> GuaranteeInfo {
        let raw = spanned.get_ref();
        let kind = raw.kind.get_ref();
        if let Some(what) = guarantee::needs(kind) {
            let message = format!("`{kind}` needs {what}, which this version does not have");
            self.problems.add(raw.kind.span(), message);
        } else if !self.kinds.contains(&kind.as_str()) {
            let message = format!("there is no guarantee of kind `{kind}`");
            self.problems.unknown(raw.kind.span(), message, kind, self.kinds.iter().copied());
        }
        if let Some(during) = &raw.during {
            let name = during.get_ref().as_str();
            if !DURING.contains(&name) {
                let message = format!("`during` cannot be `{name}`");
                self.problems.unknown(during.span(), message, name, DURING);
            }
        }
        let text = |t: &Option<Text>| t.as_ref().map_or_else(String::new, |t| t.get_ref().clone());
        let line = self.problems.line_of(&raw.kind.span());
        self.check_bounds(raw);
        let mut one = |any: &Option<Any>, unit| Some(self.maybe(any.as_ref(), unit)?.high);
        let ppm = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        GuaranteeInfo {
            id: id.to_owned(),
            kind: kind.clone(),
            scope: text(&raw.scope),
            during: text(&raw.during),
            within_ns: one(&raw.within, Unit::Duration),
            grace_ns: one(&raw.grace, Unit::Duration),
            p99_ns: one(&raw.p99, Unit::Duration),
            success_ppm: one(&raw.success, Unit::Share).map(ppm),
            min_ppm: one(&raw.min, Unit::Share).map(ppm),
            line,
        }
    }

    /// Bounds that a kind does not have.
    fn check_bounds(&mut self, raw: &RawGuarantee) {
        let kind = raw.kind.get_ref().as_str();
        let Some(spec) = guarantee::find(kind) else { return };
        for (key, any) in [
            ("within", &raw.within),
            ("grace", &raw.grace),
            ("p99", &raw.p99),
            ("success", &raw.success),
            ("min", &raw.min),
        ] {
            if let Some(any) = any.as_ref().filter(|_| !spec.takes(key)) {
                self.problems.add(any.span(), format!("`{key}` means nothing for `{kind}`"));
            }
        }
    }

    fn coverage(&mut self) -> Vec<(String, u32)> {
        let Some(coverage) = &self.raw.coverage else { return Vec::new() };
        let line = |t: &Text| self.problems.line_of(&t.span());
        coverage.sometimes.iter().map(|t| (t.get_ref().clone(), line(t))).collect()
    }
}

/// Its usual name.
fn engine_name(name: &str) -> String {
    if name == ENGINE_OTHERWISE { ENGINES[0] } else { name }.to_owned()
}

/// A whole number below 0, as a number or as a text.
fn is_negative(any: &Any) -> bool {
    match any.get_ref() {
        Value::Integer(number) => *number < 0,
        Value::String(text) => text.trim().parse::<i64>().is_ok_and(|number| number < 0),
        Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => false,
    }
}

/// Whether a path is for routes, or only lets the two sides reach each other.
fn joins_by_routes(path: &RawPath) -> bool {
    path.via.as_ref().is_none_or(|via| via.get_ref() != "none")
}

/// The small steps.
impl Reader<'_> {
    /// A value or a range; says what is wrong with it.
    fn draw(&mut self, any: &Any, unit: Unit) -> Option<Draw> {
        match draw(any, unit) {
            Ok(draw) => Some(draw),
            Err(problem) => {
                self.problems.add(problem.span, problem.message);
                None
            }
        }
    }

    fn maybe(&mut self, any: Option<&Any>, unit: Unit) -> Option<Draw> {
        any.and_then(|any| self.draw(any, unit))
    }

    fn or(&mut self, any: Option<&Any>, unit: Unit, usual: u64) -> Draw {
        self.maybe(any, unit).unwrap_or(Draw::fixed(usual))
    }

    /// A duration that is not beyond all measure; a longer one would make a run of days.
    fn no_more(&mut self, any: Option<&Any>, most: u64, in_words: &str, usual: u64) -> Draw {
        let draw = self.or(any, Unit::Duration, usual);
        if let Some(any) = any.filter(|_| draw.high > most) {
            self.problems.add(any.span(), format!("this is at most {in_words}"));
        }
        draw
    }

    fn text_draw(&mut self, text: &Text, unit: Unit) -> Draw {
        let any = Spanned::new(text.span(), Value::String(text.get_ref().clone()));
        self.draw(&any, unit).unwrap_or(Draw::fixed(0))
    }

    /// A whole number that is not drawn.
    fn one_count(&mut self, any: Option<&Any>, least: u64) -> Option<u64> {
        let any = any?;
        let draw = self.draw(any, Unit::Count)?;
        if draw.low != draw.high {
            self.problems.add(any.span(), "this is one number, it is not drawn");
        } else if draw.low < least {
            self.problems.add(any.span(), format!("this is at least {least}"));
        }
        Some(draw.high)
    }

    fn link_index(&mut self, name: &Text) -> usize {
        let found = self.raw.link.keys().position(|key| key == name.get_ref());
        found.unwrap_or_else(|| {
            let known = self.raw.link.keys().map(String::as_str);
            let message = format!("there is no `[link.{}]`", name.get_ref());
            self.problems.unknown(name.span(), message, name.get_ref(), known);
            0
        })
    }

    fn region_name(&mut self, span: Range<usize>, name: &str) -> Option<usize> {
        let found = self.raw.region.keys().position(|key| key == name);
        if found.is_none() {
            let known = self.raw.region.keys().map(String::as_str);
            self.problems.unknown(span, format!("there is no region `{name}`"), name, known);
        }
        found
    }

    /// A selector whose names exist.
    fn selector(&mut self, text: &Text) -> Option<Selector> {
        match Selector::parse(text.get_ref()) {
            Ok(selector) => {
                selector.visit(&mut |part| self.check_selector(text.span(), part));
                Some(selector)
            }
            Err(error) => {
                let span = text.span();
                // The text begins after its quote.
                let at = (span.start + 1 + error.at).min(span.end);
                self.problems.add(at..span.end, error.message);
                None
            }
        }
    }

    fn check_selector(&mut self, span: Range<usize>, selector: &Selector) {
        match selector {
            Selector::Region(name) | Selector::Nodes(name) | Selector::Clients(name) => {
                self.region_name(span, name);
            }
            Selector::Node(name, number) => self.check_node(span, name, *number),
            Selector::Cluster(name)
                if self.raw.swarm.as_ref().is_some_and(|s| s.get_ref().clusters.is_some()) =>
            {
                let message = format!("`swarm.clusters` draws who is of `{name}`, if anybody is");
                self.problems.add(span, message);
            }
            Selector::Cluster(name) => {
                let clusters: Vec<&str> = self
                    .raw
                    .region
                    .values()
                    .map(|r| r.get_ref().cluster.as_ref().map_or("c1", |c| c.get_ref().as_str()))
                    .collect();
                if !clusters.contains(&name.as_str()) {
                    let message = format!("there is no cluster `{name}`");
                    self.problems.unknown(span, message, name, clusters);
                }
            }
            Selector::Client(id) => {
                let ids: Vec<&str> =
                    self.raw.client.iter().map(|c| c.get_ref().id.get_ref().as_str()).collect();
                if !ids.contains(&id.as_str()) {
                    self.problems.unknown(span, format!("there is no client `{id}`"), id, ids);
                }
            }
            Selector::All
            | Selector::Random(..)
            | Selector::Majority(_)
            | Selector::Minority(_)
            | Selector::Union(..)
            | Selector::Without(..) => {}
        }
    }

    fn check_node(&mut self, span: Range<usize>, region: &str, number: u16) {
        if self.region_name(span.clone(), region).is_none() {
            return;
        }
        let Some(raw) = self.raw.region.get(region) else { return };
        let least = draw(&raw.get_ref().nodes, Unit::Count).map_or(u64::MAX, |d| d.low);
        if u64::from(number) > least {
            let message = match least {
                1 => format!("region `{region}` may have only 1 node"),
                _ => format!("region `{region}` may have only {least} nodes"),
            };
            self.problems.add(span, message);
        }
    }
}

fn strip_region(text: &str) -> &str {
    text.strip_prefix("region:").unwrap_or(text)
}

pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c == '.')
}

#[cfg(test)]
mod tests;
