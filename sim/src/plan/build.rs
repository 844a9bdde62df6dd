//! From a scenario and a seed to a plan.
//!
//! Every draw has its own stream, named by what it is for. Streams of the shape of the run begin
//! with `plan.`; those of a client's operations carry the client's place in the file and in its
//! table, so adding a client at the end of the file moves no other.

use std::collections::{BTreeMap, BTreeSet};

use causeway_core::PerturbSite;

use super::select;
use super::timing;
use super::{
    BufferPlan, ClientPlan, ConfigPlan, ConnsFault, FaultAction, FaultPlan, LinkPlan, NamesPlan,
    NetworkPlan, NodePlan, PathPlan, Plan, ProcessPlan, RegionPlan, RoutePlan, Setting, Sides,
    Site,
};
use crate::guarantee;
use crate::history::Phase;
use crate::ids::{ClientId, NodeId, RegionId};
use crate::rng::Stream;
use crate::scenario::{
    Between, Chunking, ClientSpec, ConfigSpec, ConnsWhat, Diagnostic, Draw, FaultSpec, FaultWhat,
    HostSpecWhat, LinkSpec, NamesAnswer, NamesSpec, Process, RegionSpec, RouteTarget, Scenario,
    ScenarioError, Selector,
};
use crate::units::MS;

mod anchors;
mod core;
mod hosts;
mod jetstream;
#[cfg(test)]
mod names_tests;
mod ops;
mod shapes;
mod swarm;

pub(crate) use swarm::kinds as swarm_kinds;

/// What wall clocks show at the start of a run: 2026-01-01T00:00:00Z.
const EPOCH_NS: u64 = 1_767_225_600_000_000_000;

/// Wall clocks of nodes differ by up to this.
const WALL_SPREAD_NS: u64 = 1_000 * MS;

/// In so many millionths of all seeds something unusual happens at a place in the code.
const PERTURB_PPM: u32 = 250_000;

/// A plan with more operations than this is a mistake: it would fill the memory.
const OPS_MAX: usize = 20_000_000;

/// Expands a scenario.
///
/// # Errors
/// What can only be seen once the seed has drawn: a selector that means nobody, two sides that
/// overlap, more operations than the memory should hold.
pub fn plan(scenario: &Scenario, seed: u64) -> Result<Plan, ScenarioError> {
    let (plan, problems) = (Plan::default(), Vec::new());
    let (places, named, waiting) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut builder = Builder { scenario, seed, plan, places, named, waiting, problems };
    builder.places = builder.regions_there();
    builder.shape();
    builder.deal_clusters();
    builder.clients();
    builder.streams();
    let duration = scenario.duration.sample(&mut builder.stream("plan.duration", &[]));
    builder.faults(duration);
    builder.anchor_clients();
    builder.swarm(duration);
    builder.number_faults();
    builder.core();
    builder.times(duration);
    builder.check_scopes();
    if builder.problems.is_empty() {
        ops::build(&mut builder);
    }
    if builder.problems.is_empty() {
        Ok(builder.plan)
    } else {
        Err(ScenarioError { problems: builder.problems })
    }
}

struct Builder<'a> {
    scenario: &'a Scenario,
    seed: u64,
    plan: Plan,
    /// For each region of the scenario its place in the plan, if it is there.
    places: Vec<Option<RegionId>>,
    /// The faults of the plan that one with a name has become.
    named: BTreeMap<String, Vec<u32>>,
    /// For each table of clients that wait, its condition in the plan.
    waiting: BTreeMap<usize, u32>,
    problems: Vec<Diagnostic>,
}

impl Builder<'_> {
    fn stream(&self, purpose: &str, of: &[u64]) -> Stream {
        Stream::new(self.seed, purpose, of)
    }

    fn sample(&self, draw: Draw, purpose: &str, of: &[u64]) -> u64 {
        draw.sample(&mut self.stream(purpose, of))
    }

    fn problem(&mut self, line: u32, message: String) {
        self.problems.push(Diagnostic {
            file: self.scenario.file.clone(),
            line,
            column: 1,
            message,
            help: Some(format!("with seed {}", self.seed)),
            source: String::new(),
            width: 0,
        });
    }

    fn shape(&mut self) {
        let scenario = self.scenario;
        let network = &scenario.network;
        self.plan.scenario = scenario.full_name();
        self.plan.seed = self.seed;
        self.plan.guarantees.clone_from(&scenario.guarantees);
        self.plan.network = NetworkPlan {
            tcp_timeout_ns: self.sample(network.tcp_timeout, "plan.tcp_timeout", &[]),
            window: self.sample(network.window, "plan.window", &[]),
            chunking: network.chunking.unwrap_or_else(|| self.chunking()),
            overread: network.overread,
        };
        if scenario.perturb {
            let is_active = |site: &PerturbSite| {
                let purpose = format!("plan.perturb.{}", site.name());
                self.stream(&purpose, &[]).chance_ppm(PERTURB_PPM)
            };
            self.plan.perturb = PerturbSite::ALL.into_iter().filter(is_active).collect();
        }
        let links: Vec<LinkPlan> =
            (0..).zip(&scenario.links).map(|(at, link)| self.link(at, link)).collect();
        let there: Vec<(usize, RegionId, &RegionSpec)> = (scenario.regions.iter().enumerate())
            .filter_map(|(at, region)| Some((at, self.places[at]?, region)))
            .collect();
        for (_, _, region) in &there {
            let link = links[region.link].clone();
            self.plan.regions.push(RegionPlan { name: region.name.clone(), link });
        }
        for path in &scenario.paths {
            if let (Some(a), Some(b)) = (self.places[path.a], self.places[path.b]) {
                self.plan.paths.push(PathPlan { a, b, link: links[path.link].clone() });
            }
        }
        for (at, place, region) in &there {
            self.nodes_of(*at as u64, *place, region);
        }
        for (_, place, region) in &there {
            let routes: Vec<RoutePlan> =
                region.routes.iter().flat_map(|target| self.route(target)).collect();
            for node in self.plan.nodes.iter_mut().filter(|n| n.region == *place) {
                node.routes.clone_from(&routes);
            }
        }
    }

    /// Mostly kind, sometimes cruel.
    fn chunking(&self) -> Chunking {
        match self.stream("plan.chunking", &[]).below(8) {
            0..4 => Chunking::Light,
            4..6 => Chunking::Off,
            6 => Chunking::Heavy,
            _ => Chunking::Bytes,
        }
    }

    fn link(&self, at: u64, link: &LinkSpec) -> LinkPlan {
        let loss_ppm = self.sample(link.loss_ppm, "plan.link.loss", &[at]);
        LinkPlan {
            name: link.name.clone(),
            latency_ns: self.sample(link.latency, "plan.link.latency", &[at]),
            jitter_ns: self.sample(link.jitter, "plan.link.jitter", &[at]),
            loss_ppm: u32::try_from(loss_ppm).unwrap_or(u32::MAX),
            bandwidth: self.sample(link.bandwidth, "plan.link.bandwidth", &[at]),
            dist: link.dist,
            bias_ns: self.sample(link.bias, "plan.link.bias", &[at]),
            queue: self.sample(link.queue, "plan.link.queue", &[at]),
        }
    }

    /// `key` is the region's place in the scenario.
    fn nodes_of(&mut self, key: u64, place: RegionId, region: &RegionSpec) {
        let config = self.config(&region.config);
        for number in 1..=self.sample(region.nodes, "plan.nodes", &[key]) {
            let node = NodePlan {
                name: format!("{}/{number}", region.name),
                region: place,
                cluster: region.cluster.clone(),
                start_ns: self.sample(region.start, "plan.start", &[key, number]),
                wall_ns: EPOCH_NS + self.stream("plan.wall", &[key, number]).below(WALL_SPREAD_NS),
                routes: Vec::new(),
                config: config.clone(),
                release: region.release,
                jetstream: self.jetstream(key, number, region),
                buffer: self.buffer(),
            };
            self.plan.nodes.push(node);
        }
    }

    /// What each node keeps for others.
    fn buffer(&self) -> Option<BufferPlan> {
        let spec = self.scenario.buffer.as_ref()?;
        let sample = |draw: Option<Draw>, stream| draw.map_or(0, |it| self.sample(it, stream, &[]));
        Some(BufferPlan {
            subjects: spec.subjects.clone(),
            max_bytes: sample(spec.max_bytes, "plan.buffer.bytes"),
            max_msgs: sample(spec.max_msgs, "plan.buffer.msgs"),
            max_age_ns: sample(spec.max_age, "plan.buffer.age"),
            drop_oldest: spec.drop_oldest,
        })
    }

    fn route(&self, target: &RouteTarget) -> Vec<RoutePlan> {
        let position = |name: &str| self.plan.regions.iter().position(|r| r.name == name);
        match target {
            RouteTarget::Region(name) => (0..)
                .map(NodeId)
                .zip(&self.plan.nodes)
                .filter(|(_, node)| Some(usize::from(node.region.0)) == position(name))
                .map(|(id, _)| RoutePlan::Node(id))
                .collect(),
            RouteTarget::Node(region, number) => {
                let name = format!("{region}/{number}");
                let found = self.plan.nodes.iter().position(|node| node.name == name);
                found.map(|at| RoutePlan::Node(node_id(at))).into_iter().collect()
            }
            RouteTarget::Name(name) => {
                position(name).map(|at| RoutePlan::Region(region_id(at))).into_iter().collect()
            }
        }
    }

    /// Draws are named by the setting alone: regions that give the same range get the same value.
    fn config(&self, spec: &ConfigSpec) -> ConfigPlan {
        let draw = |(setting, draw): (Setting, Option<Draw>)| {
            Some((setting, self.sample(draw?, &format!("plan.config.{}", setting.name()), &[])))
        };
        ConfigPlan {
            numbers: config_numbers(spec).into_iter().filter_map(draw).collect(),
            accounts: spec.accounts.clone(),
        }
    }

    fn clients(&mut self) {
        let there = self.clients_there();
        for (table, spec) in self.scenario.clients.iter().enumerate() {
            if !there[table] {
                continue;
            }
            let key = table as u64;
            let at = select::nodes(&self.plan, &spec.at, &mut self.stream("plan.at", &[key]));
            if at.is_empty() && self.places.contains(&None) {
                // They would stand in a region that is not there.
                continue;
            }
            if at.is_empty() {
                self.problem(0, format!("client `{}`: `{}` means no node", spec.id, spec.at));
                continue;
            }
            for number in 1..=self.sample(spec.count, "plan.count", &[key]) {
                let client = self.client(spec, &at, key, number);
                self.plan.clients.push(client);
            }
        }
    }

    /// A client whose nodes stand in several regions lives in one of them and connects there.
    fn client(
        &self,
        spec: &ClientSpec,
        at: &BTreeSet<NodeId>,
        key: u64,
        number: u64,
    ) -> ClientPlan {
        let region_of = |node: &NodeId| self.plan.nodes[usize::from(node.0)].region;
        let regions: Vec<RegionId> =
            at.iter().map(region_of).collect::<BTreeSet<_>>().into_iter().collect();
        let mut stream = self.stream("plan.client", &[key, number]);
        let region = stream.pick(&regions).copied().unwrap_or(RegionId(0));
        ClientPlan {
            name: format!("{}/{number}", spec.id),
            region,
            role: spec.role,
            nodes: at.iter().copied().filter(|node| region_of(node) == region).collect(),
            echo: spec.echo,
            takes_headers: spec.takes_headers,
            read_rate: spec.read_rate.map_or(0, |draw| draw.sample(&mut stream)),
            ping_ns: spec.ping.sample(&mut stream).max(MS),
            wait_ns: spec.reconnect_wait.sample(&mut stream),
            jitter_ns: spec.reconnect_jitter.sample(&mut stream),
        }
    }

    /// Times are still those of the scenario; [`times`](Self::times) moves them.
    fn faults(&mut self, duration: u64) {
        for (at, spec) in self.scenario.faults.iter().enumerate() {
            let before = self.plan.faults.len();
            self.fault(at as u64, spec, duration);
            self.anchor(at as u64, before, spec, duration);
        }
    }

    fn number_faults(&mut self) {
        // By time, and by place in the file where times are equal: the sort is stable.
        self.plan.faults.sort_by_key(|fault| fault.at);
        self.plan.renumber();
        self.check_members();
    }

    fn fault(&mut self, key: u64, spec: &FaultSpec, duration: u64) {
        let mut stream = self.stream("plan.fault", &[key]);
        let at = spec.at.sample(&mut stream);
        let lasts = match (&spec.what, spec.lasts) {
            (what, _) if what.is_instant() => 0,
            (_, Some(lasts)) => lasts.sample(&mut stream),
            (FaultWhat::Host(host), None) => {
                hosts::usual_lasts(host).unwrap_or_else(|| duration.saturating_sub(at))
            }
            // Until all faults are lifted.
            (_, None) => duration.saturating_sub(at),
        };
        if let FaultWhat::Cuts(cuts) = &spec.what {
            self.cuts(key, (spec.line, at, lasts), cuts, &mut stream);
            return;
        }
        if let FaultWhat::Host(host) = &spec.what {
            let end = self.hosts(key, (spec.line, at, lasts), host, &mut stream);
            if end > duration && matches!(host.what, HostSpecWhat::Upgrade(_)) {
                let message = "the last node would be replaced after the run's `duration`";
                self.problem(spec.line, message.to_owned());
            }
            return;
        }
        let Some(action) = self.action(spec, &mut stream) else { return };
        let FaultWhat::Cut { flap: Some((period, duty)), .. } = &spec.what else {
            self.plan.faults.push(FaultPlan { id: 0, at, lasts, action, when: None });
            return;
        };
        let period = period.sample(&mut stream).max(MS);
        let down = period.saturating_mul(duty.sample(&mut stream)) / 1_000_000;
        let mut begin = at;
        while begin < at.saturating_add(lasts) && down > 0 {
            let lasts = down.min(at + lasts - begin);
            let action = action.clone();
            self.plan.faults.push(FaultPlan { id: 0, at: begin, lasts, action, when: None });
            begin += period;
        }
    }

    fn action(&mut self, spec: &FaultSpec, stream: &mut Stream) -> Option<FaultAction> {
        let line = spec.line;
        Some(match &spec.what {
            FaultWhat::Cut { between, blackhole, .. } => {
                let between = self.sides(line, between, stream)?;
                FaultAction::Cut { between, blackhole: *blackhole }
            }
            // Perhaps several faults, not one.
            FaultWhat::Cuts(_) | FaultWhat::Host(_) => return None,
            FaultWhat::Conns(conns) => FaultAction::Conns {
                between: self.sides(line, &conns.between, stream)?,
                what: conns_fault(conns.what, stream),
            },
            FaultWhat::Reset(between) => FaultAction::Reset(self.sides(line, between, stream)?),
            FaultWhat::Refuse(between) => FaultAction::Refuse(self.sides(line, between, stream)?),
            FaultWhat::Degrade { between, latency, jitter, loss_ppm, bandwidth } => {
                FaultAction::Degrade {
                    between: self.sides(line, between, stream)?,
                    latency_ns: latency.sample(stream),
                    jitter_ns: jitter.sample(stream),
                    loss_ppm: u32::try_from(loss_ppm.sample(stream)).unwrap_or(u32::MAX),
                    bandwidth: bandwidth.map_or(0, |draw| draw.sample(stream)),
                }
            }
            FaultWhat::Crash(process) => FaultAction::Crash(self.process(line, process, stream)?),
            FaultWhat::Stop(process) => FaultAction::Stop(self.process(line, process, stream)?),
            FaultWhat::LameDuck(process) => {
                FaultAction::LameDuck(self.process(line, process, stream)?)
            }
            FaultWhat::Dns(names) => FaultAction::Dns(self.names(line, names, stream)?),
            FaultWhat::StopReading(selector) => {
                let clients = select::clients(&self.plan, selector);
                if clients.is_empty() {
                    self.problem(line, format!("`{selector}` means no client"));
                    return None;
                }
                FaultAction::StopReading(clients.into_iter().collect())
            }
        })
    }

    fn sides(&mut self, line: u32, between: &Between, stream: &mut Stream) -> Option<Sides> {
        let a = select::sites(&self.plan, &between.a, stream);
        let b = match &between.b {
            Some(b) => select::sites(&self.plan, b, stream),
            None => select::everything(&self.plan).difference(&a).copied().collect(),
        };
        if let Some(both) = a.intersection(&b).next() {
            let name = self.site_name(*both);
            self.problem(line, format!("`{name}` is on both sides of the fault"));
            return None;
        }
        for (side, selector) in [(&a, Some(&between.a)), (&b, between.b.as_ref())] {
            if side.is_empty() {
                let whom = selector.map_or("everybody else".to_owned(), Selector::to_string);
                self.problem(line, format!("`{whom}` means nobody"));
                return None;
            }
        }
        let sorted = |side: BTreeSet<Site>| side.into_iter().collect();
        Some(Sides { a: sorted(a), b: sorted(b), ways: between.direction })
    }

    fn site_name(&self, site: Site) -> String {
        super::write::site_name(&self.plan, site)
    }

    fn process(
        &mut self,
        line: u32,
        process: &Process,
        stream: &mut Stream,
    ) -> Option<ProcessPlan> {
        let nodes = select::nodes(&self.plan, &process.on, stream);
        if nodes.is_empty() {
            self.problem(line, format!("`{}` means no node", process.on));
            return None;
        }
        let (new_port, new_address) = (process.new_port, process.new_address);
        Some(ProcessPlan { nodes: nodes.into_iter().collect(), new_port, new_address })
    }

    /// Whose names are wrong.
    fn names(&mut self, line: u32, spec: &NamesSpec, stream: &mut Stream) -> Option<NamesPlan> {
        let nodes = select::nodes(&self.plan, &spec.on, stream);
        if nodes.is_empty() {
            self.problem(line, format!("`{}` means no node", spec.on));
            return None;
        }
        let mut nodes: Vec<NodeId> = nodes.into_iter().collect();
        if spec.answer == NamesAnswer::Some && nodes.len() > 1 {
            stream.shuffle(&mut nodes);
            let lost = stream.between(1, nodes.len() as u64 - 1);
            nodes.truncate(usize::try_from(lost).unwrap_or(1));
            nodes.sort_unstable();
        }
        Some(NamesPlan { nodes, old: spec.answer == NamesAnswer::Old })
    }

    /// Fixes the phases, and moves the faults from the scenario's time to the run's.
    fn times(&mut self, duration: u64) {
        let mut bounds = timing::bounds(&self.plan);
        let started = self.plan.nodes.iter().map(|node| node.start_ns).max().unwrap_or(0);
        let warm = round_up(started + timing::boot_ns(&bounds));
        let chaos = warm + round_up(timing::warm_ns(&bounds));
        for fault in &mut self.plan.faults {
            fault.at += chaos;
            if let Some(when) = &mut fault.when {
                when.until += chaos;
            }
        }
        let heal = self.plan.faults.iter().map(FaultPlan::last_change).max().unwrap_or(chaos);
        let quiesce = (chaos + duration).max(heal);
        let least = round_up(timing::settle_ns(&self.plan, &bounds));
        let patience = self.scenario.clients.iter().map(|c| c.timeout.high).max().unwrap_or(0);
        let settle = self.scenario.settle.unwrap_or(least).max(patience);
        let (redelivery, audit) = self.stream_times(duration);
        let drain = quiesce + settle + redelivery + audit;
        let end = drain + round_up(timing::drain_ns(&bounds));
        bounds.phases_ns = [0, warm, chaos, heal, quiesce, drain, end];
        self.plan.bounds = bounds;
    }

    /// Guarantees are about somebody who is there.
    fn check_scopes(&mut self) {
        let header = self.plan.header("");
        let all = self.plan.guarantees.iter();
        let lost = all.filter(|info| !guarantee::knows_scope(&info.scope, &header));
        let lost: Vec<(u32, String)> = lost.map(|info| (info.line, info.scope.clone())).collect();
        for (line, scope) in lost {
            self.problem(line, format!("the scope `{scope}` of this guarantee means nobody"));
        }
    }

    fn phase(&self, phase: Phase) -> u64 {
        self.plan.bounds.phases_ns[phase as usize]
    }
}

/// What a configuration may say of each setting.
fn config_numbers(spec: &ConfigSpec) -> [(Setting, Option<Draw>); 18] {
    let flag = |set: Option<bool>| Some(Draw::fixed(u64::from(set?)));
    [
        (Setting::MaxPending, spec.max_pending),
        (Setting::MaxPayload, spec.max_payload),
        (Setting::MaxControlLine, spec.max_control_line),
        (Setting::MaxConnections, spec.max_connections),
        (Setting::MaxSubscriptions, spec.max_subscriptions),
        (Setting::WriteDeadline, spec.write_deadline),
        (Setting::PingInterval, spec.ping_interval),
        (Setting::PingMax, spec.ping_max),
        (Setting::NoFastProducerStall, flag(spec.no_fast_producer_stall)),
        (Setting::LameDuckDuration, spec.lame_duck_duration),
        (Setting::LameDuckGrace, spec.lame_duck_grace),
        (Setting::PoolSize, spec.pool_size),
        (Setting::ConnectRetries, spec.connect_retries),
        (Setting::ConnectBackoff, flag(spec.connect_backoff)),
        (Setting::NoAdvertise, flag(spec.no_advertise)),
        (Setting::RoutePingInterval, spec.route_ping_interval),
        (Setting::RoutePingMax, spec.route_ping_max),
        (Setting::RouteWriteDeadline, spec.route_write_deadline),
    ]
}

fn conns_fault(what: ConnsWhat, stream: &mut Stream) -> ConnsFault {
    match what {
        ConnsWhat::Hold => ConnsFault::Hold,
        ConnsWhat::HalfOpen => ConnsFault::HalfOpen,
        ConnsWhat::CutStream { after, fin } => {
            ConnsFault::CutStream { after: after.sample(stream).max(1), fin }
        }
        ConnsWhat::Slice { bytes, every } => {
            let bytes = bytes.sample(stream).max(1);
            ConnsFault::Slice { bytes, every_ns: every.sample(stream) }
        }
        ConnsWhat::Rebind => ConnsFault::Rebind,
        ConnsWhat::HangUp => ConnsFault::HangUp,
    }
}

/// Whole tenths of a second: easier to read.
fn round_up(ns: u64) -> u64 {
    ns.next_multiple_of(100 * MS)
}

fn region_id(at: usize) -> RegionId {
    RegionId(u16::try_from(at).unwrap_or(u16::MAX))
}

fn node_id(at: usize) -> NodeId {
    NodeId(u16::try_from(at).unwrap_or(u16::MAX))
}

fn client_id(at: usize) -> ClientId {
    ClientId(u32::try_from(at).unwrap_or(u32::MAX))
}
