//! A plan from text.

use std::collections::BTreeMap;

use causeway_core::PerturbSite;

use super::text::Line;
use super::write::{EVER, FIRST_LINE};
use super::{
    BufferPlan, ClientPlan, ConfigPlan, ConnsFault, FaultAction, FaultPlan, HostFault, HostWhat,
    JetStreamPlan, LinkPlan, NamesPlan, NetworkPlan, NodePlan, Op, OpPlan, PathPlan, Plan,
    ProcessPlan, RegionPlan, RoutePlan, Setting, Sides, Site, When,
};
use crate::history::{FaultKind, GuaranteeInfo, Phase, Sym};
use crate::ids::{ClientId, NodeId, RegionId, Sid};
use crate::payload::IDENTITY_BYTES;
use crate::scenario::{Chunking, Dist, Release, Role, Ways};

/// Why a text is not a plan.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("plan, line {line}: {message}")]
pub struct PlanError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Plan {
    /// Reads what [`Plan::write`] writes. Empty lines and comments (`#`) are skipped.
    ///
    /// # Errors
    /// The first line that is not understood: an unknown word, a name that no earlier line has
    /// introduced, a number out of range, steps that are not in order of time.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            reader.line(line).map_err(|message| PlanError { line: at + 1, message })?;
        }
        let lines = text.lines().count();
        reader.finish().map_err(|message| PlanError { line: lines, message })
    }
}

#[derive(Default)]
struct Reader {
    plan: Plan,
    seen_first: bool,
    seen_bounds: bool,
    regions: BTreeMap<String, RegionId>,
    nodes: BTreeMap<String, NodeId>,
    clients: BTreeMap<String, ClientId>,
    /// Routes name nodes of later lines, so they are resolved at the end.
    routes: Vec<Vec<String>>,
    last: u64,
}

impl Reader {
    fn line(&mut self, text: &str) -> Result<(), String> {
        let mut line = Line::parse(text)?;
        if line.is_empty() {
            return Ok(());
        }
        if !self.seen_first {
            self.seen_first = true;
            return if text.trim() == FIRST_LINE {
                Ok(())
            } else {
                Err(format!("a plan of this version begins with `{FIRST_LINE}`"))
            };
        }
        let keyword = line.word("a keyword")?;
        match keyword.as_str() {
            "scenario" => {
                self.plan.scenario = line.word("the scenario's name")?;
                self.plan.seed = line.number("seed")?;
            }
            "network" => self.network(&mut line)?,
            "perturb" => {
                let all = PerturbSite::ALL.into_iter();
                self.plan.perturb.extend(all.filter(|site| line.flag(site.name())));
            }
            "region" => self.region(&mut line)?,
            "path" => {
                let (a, b) = (line.word("a region")?, line.word("a region")?);
                let (a, b) = (self.region_id(&a)?, self.region_id(&b)?);
                self.plan.paths.push(PathPlan { a, b, link: link(&mut line)? });
            }
            "node" => self.node(&mut line)?,
            "client" => self.client(&mut line)?,
            "stream" => {
                let nodes = &self.nodes;
                self.plan.read_stream(&mut line, |name| find(nodes, "node", name))?;
            }
            "consumer" => self.plan.read_consumer(&mut line)?,
            "core" => self.core(&mut line)?,
            "guarantee" => self.plan.guarantees.push(guarantee(&mut line)?),
            "phases" => {
                for phase in Phase::ALL {
                    self.plan.bounds.phases_ns[phase as usize] = line.span(phase.name())?;
                }
                self.plan.bounds.phases_ns[Phase::ALL.len()] = line.span("end")?;
            }
            "bounds" => self.bounds(&mut line)?,
            word => match word.strip_prefix('@') {
                Some(at) => self.step(at, &mut line)?,
                None => return Err(format!("`{word}` does not begin a line of a plan")),
            },
        }
        line.finish()
    }

    fn finish(mut self) -> Result<Plan, String> {
        if !self.seen_first {
            return Err("the plan is empty".to_owned());
        }
        if !self.seen_bounds {
            return Err("the plan has no `bounds`".to_owned());
        }
        if !self.plan.bounds.phases_ns.is_sorted() {
            return Err("the phases are not in order of time".to_owned());
        }
        for fault in &self.plan.faults {
            let known = |id: &u32| self.plan.faults.iter().any(|other| other.id == *id);
            for other in fault.when.iter().flat_map(|when| when.watched.faults()) {
                if !known(other) || *other == fault.id {
                    return Err(format!("fault {} waits for {other}, which never comes", fault.id));
                }
            }
        }
        for condition in &self.plan.conditions {
            let known = |id: &&u32| self.plan.faults.iter().any(|fault| fault.id == **id);
            if let Some(other) = condition.watched.faults().iter().find(|id| !known(id)) {
                return Err(format!("an operation waits for fault {other}, which never comes"));
            }
        }
        for (at, names) in std::mem::take(&mut self.routes).into_iter().enumerate() {
            let routes: Result<_, String> = names.iter().map(|name| self.route(name)).collect();
            self.plan.nodes[at].routes = routes?;
        }
        Ok(self.plan)
    }

    fn network(&mut self, line: &mut Line) -> Result<(), String> {
        self.plan.network = NetworkPlan {
            tcp_timeout_ns: line.span("tcp_timeout")?,
            window: line.number("window")?,
            chunking: one_of(line, "chunking", &Chunking::ALL, Chunking::name)?,
            overread: line.flag("overread"),
        };
        if self.plan.network.window == 0 {
            return Err("the window is at least 1".to_owned());
        }
        Ok(())
    }

    fn region(&mut self, line: &mut Line) -> Result<(), String> {
        let name = line.word("the region's name")?;
        let id = RegionId(next_id(self.plan.regions.len())?);
        if self.regions.insert(name.clone(), id).is_some() {
            return Err(format!("region `{name}` is there already"));
        }
        self.plan.regions.push(RegionPlan { name, link: link(line)? });
        Ok(())
    }

    fn node(&mut self, line: &mut Line) -> Result<(), String> {
        let name = line.word("the node's name")?;
        let id = NodeId(next_id(self.plan.nodes.len())?);
        if self.nodes.insert(name.clone(), id).is_some() {
            return Err(format!("node `{name}` is there already"));
        }
        let region = line.value("region")?;
        let mut config = ConfigPlan::default();
        for setting in Setting::ALL {
            if let Some(text) = line.maybe(setting.name()) {
                let number = text
                    .parse()
                    .map_err(|_| format!("`{}={text}`: not a number", setting.name()))?;
                if setting == Setting::PoolSize && number > POOL_MAX {
                    return Err(format!("`{}={text}`: at most {POOL_MAX}", setting.name()));
                }
                config.numbers.push((setting, number));
            }
        }
        if let Some(accounts) = line.maybe("accounts") {
            config.accounts = accounts.split(',').map(str::to_owned).collect();
        }
        self.plan.nodes.push(NodePlan {
            name,
            region: self.region_id(&region)?,
            cluster: line.value("cluster")?,
            start_ns: line.span("start")?,
            wall_ns: line.number("wall")?,
            routes: Vec::new(),
            config,
            release: match line.maybe("release") {
                Some(name) => {
                    let found = Release::ALL.into_iter().find(|release| release.name() == name);
                    found.ok_or_else(|| format!("`release={name}` is not known"))?
                }
                None => Release::default(),
            },
            jetstream: JetStreamPlan::read(line)?,
            buffer: BufferPlan::read(line)?,
        });
        self.routes.push(line.list("routes")?);
        Ok(())
    }

    fn client(&mut self, line: &mut Line) -> Result<(), String> {
        let name = line.word("the client's name")?;
        let id = ClientId(next_id(self.plan.clients.len())?);
        if self.clients.insert(name.clone(), id).is_some() {
            return Err(format!("client `{name}` is there already"));
        }
        let region = line.value("region")?;
        let nodes = line.list("nodes")?;
        if nodes.is_empty() {
            return Err("a client has at least one node to connect to".to_owned());
        }
        let read_rate = match line.maybe("read_rate") {
            Some(text) => text.parse().map_err(|_| format!("`read_rate={text}`: not a number"))?,
            None => 0,
        };
        self.plan.clients.push(ClientPlan {
            name,
            region: self.region_id(&region)?,
            role: one_of(line, "role", &Role::ALL, Role::name)?,
            nodes: nodes.iter().map(|n| self.node_id(n)).collect::<Result<_, _>>()?,
            echo: !line.flag("no_echo"),
            takes_headers: !line.flag("no_headers"),
            read_rate,
            ping_ns: line.span("ping")?,
            wait_ns: line.span("wait")?,
            jitter_ns: line.span("jitter")?,
        });
        Ok(())
    }

    fn core(&mut self, line: &mut Line) -> Result<(), String> {
        let mut nodes = self.nodes(line)?;
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.is_empty() {
            return Err("a core has at least one node".to_owned());
        }
        if self.plan.core.replace(nodes).is_some() {
            return Err("there is a core already".to_owned());
        }
        Ok(())
    }

    fn bounds(&mut self, line: &mut Line) -> Result<(), String> {
        let bounds = &mut self.plan.bounds;
        bounds.rtt_max_ns = line.span("rtt_max")?;
        bounds.interest_ns = line.span("interest")?;
        bounds.routes_ns = line.span("routes")?;
        bounds.clients_ns = line.span("clients")?;
        bounds.tcp_timeout_ns = line.span("tcp_timeout")?;
        bounds.fast_ppm = optional(line, "fast", 0)?;
        self.seen_bounds = true;
        Ok(())
    }

    fn step(&mut self, at: &str, line: &mut Line) -> Result<(), String> {
        let at = crate::units::duration(&format!("{at}s")).map_err(|error| error.to_string())?;
        if at < self.last {
            return Err("the steps are not in order of time".to_owned());
        }
        self.last = at;
        let who = line.word("`fault`, or a client")?;
        if who == "fault" {
            return self.fault(at, line);
        }
        let client = find(&self.clients, "client", &who)?;
        let op = self.op(line)?;
        let (clients, nodes) = (&self.clients, &self.nodes);
        let when = self.plan.read_later(
            line,
            |name| find(clients, "client", name),
            |name| find(nodes, "node", name),
        )?;
        self.plan.ops.push(OpPlan { at, client, op, when });
        Ok(())
    }

    fn op(&mut self, line: &mut Line) -> Result<Op, String> {
        let what = line.word("what the client does")?;
        Ok(match what.as_str() {
            "connect" => Op::Connect,
            "close" => Op::Close,
            "sub" => Op::Sub {
                sid: sid(line)?,
                subject: self.subject(line)?,
                queue: line.maybe("queue").map_or(Sym::NONE, |q| self.plan.symbols.intern(&q)),
                max: optional(line, "max", 0)?,
                answer: match optional(line, "answer", 0)? {
                    0 => 0,
                    size => payload_size(size)?,
                },
            },
            "unsub" => Op::Unsub { sid: sid(line)?, max: optional(line, "max", 0)? },
            "pub" => Op::Pub {
                subject: self.subject(line)?,
                size: payload_size(line.number("size")?)?,
                count: at_most(line, "count", 1, BURST_MAX)?,
                header: line.flag("header"),
                flush: line.flag("flush"),
            },
            "request" => Op::Request {
                subject: self.subject(line)?,
                size: payload_size(line.number("size")?)?,
                timeout_ns: line.span("timeout")?,
                header: line.flag("header"),
            },
            what => match self.plan.read_stream_op(what, line)? {
                Some(op) => Op::Stream(op),
                None => return Err(format!("a client cannot `{what}`")),
            },
        })
    }

    fn subject(&mut self, line: &mut Line) -> Result<Sym, String> {
        let subject = line.word("the subject")?;
        if subject.is_empty() || subject.contains([' ', '\t', '\r', '\n']) {
            return Err(format!("`{subject}` is not a subject"));
        }
        Ok(self.plan.symbols.intern(&subject))
    }

    fn fault(&mut self, at: u64, line: &mut Line) -> Result<(), String> {
        let id = line.word("the fault's number")?;
        let id = id.parse().map_err(|_| format!("`{id}` is not a number"))?;
        let name = line.word("the fault's kind")?;
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| format!("there is no fault `{name}`"))?;
        let lasts = match line.maybe("for") {
            Some(text) if text == EVER => FaultPlan::EVER,
            Some(text) => crate::units::duration(&text).map_err(|error| error.to_string())?,
            None => 0,
        };
        let action = self.action(kind, line)?;
        must_last(&action, lasts)?;
        let client = |name: &str| self.client_called(name);
        let when = When::read(line, client, |name| self.node_id(name))?;
        self.plan.faults.push(FaultPlan { id, at, lasts, action, when });
        Ok(())
    }

    fn client_called(&self, name: &str) -> Result<ClientId, String> {
        let found = self.clients.get(name).copied();
        found.ok_or_else(|| format!("there is no client `{name}`"))
    }

    fn action(&self, kind: FaultKind, line: &mut Line) -> Result<FaultAction, String> {
        Ok(match kind {
            FaultKind::Partition => {
                FaultAction::Cut { between: self.sides(line)?, blackhole: false }
            }
            FaultKind::Blackhole => {
                FaultAction::Cut { between: self.sides(line)?, blackhole: true }
            }
            FaultKind::Hold
            | FaultKind::HalfOpen
            | FaultKind::CutStream
            | FaultKind::Slice
            | FaultKind::Rebind
            | FaultKind::HangUp => {
                let between = self.sides(line)?;
                let what = ConnsFault::read(kind, line)?;
                let no = || format!("`{}` is no fault of connections", kind.name());
                let what = what.ok_or_else(no)?;
                FaultAction::Conns { between, what }
            }
            FaultKind::Reset => FaultAction::Reset(self.sides(line)?),
            FaultKind::Refuse => FaultAction::Refuse(self.sides(line)?),
            FaultKind::Degrade => FaultAction::Degrade {
                between: self.sides(line)?,
                latency_ns: line.span("latency")?,
                jitter_ns: line.span("jitter")?,
                loss_ppm: line.number("loss")?,
                bandwidth: line.number("bandwidth")?,
            },
            FaultKind::Crash => FaultAction::Crash(self.process(line)?),
            FaultKind::Stop => FaultAction::Stop(self.process(line)?),
            FaultKind::LameDuck => FaultAction::LameDuck(self.process(line)?),
            FaultKind::Dns => {
                FaultAction::Dns(NamesPlan { nodes: self.nodes(line)?, old: line.flag("old") })
            }
            FaultKind::Pause
            | FaultKind::SlowCpu
            | FaultKind::PowerLoss
            | FaultKind::Restart
            | FaultKind::Clock
            | FaultKind::Join
            | FaultKind::Leave
            | FaultKind::Reload
            | FaultKind::Upgrade
            | FaultKind::Disk => {
                let what = HostWhat::read(kind, line, |name| self.route(name))?;
                FaultAction::Host(HostFault { nodes: self.nodes(line)?, what })
            }
            FaultKind::StopReading => {
                let names = line.list("clients")?;
                let clients = names.iter().map(|name| self.client_called(name));
                FaultAction::StopReading(clients.collect::<Result<_, _>>()?)
            }
        })
    }

    fn sides(&self, line: &mut Line) -> Result<Sides, String> {
        let mut side = |key| -> Result<Vec<Site>, String> {
            let names = line.list(key)?;
            let mut sites = names.iter().map(|n| self.site(n)).collect::<Result<Vec<_>, _>>()?;
            sites.sort_unstable();
            Ok(sites)
        };
        let (a, b) = (side("a")?, side("b")?);
        Ok(Sides { a, b, ways: one_of(line, "ways", &Ways::ALL, Ways::name)? })
    }

    fn process(&self, line: &mut Line) -> Result<ProcessPlan, String> {
        let nodes = self.nodes(line)?;
        let (new_port, new_address) = (line.flag("new_port"), line.flag("new_address"));
        Ok(ProcessPlan { nodes, new_port, new_address })
    }

    fn nodes(&self, line: &mut Line) -> Result<Vec<NodeId>, String> {
        line.list("nodes")?.iter().map(|name| self.node_id(name)).collect()
    }

    fn site(&self, name: &str) -> Result<Site, String> {
        match name.strip_prefix("clients:") {
            Some(region) => self.region_id(region).map(Site::Clients),
            None => self.node_id(name).map(Site::Node),
        }
    }

    fn route(&self, name: &str) -> Result<RoutePlan, String> {
        match name.strip_prefix('@') {
            Some(region) => self.region_id(region).map(RoutePlan::Region),
            None => self.node_id(name).map(RoutePlan::Node),
        }
    }

    fn region_id(&self, name: &str) -> Result<RegionId, String> {
        self.regions.get(name).copied().ok_or_else(|| format!("there is no region `{name}`"))
    }

    fn node_id(&self, name: &str) -> Result<NodeId, String> {
        self.nodes.get(name).copied().ok_or_else(|| format!("there is no node `{name}`"))
    }
}

fn next_id<T: TryFrom<usize>>(count: usize) -> Result<T, String> {
    T::try_from(count).map_err(|_| "there are too many of them".to_owned())
}

fn link(line: &mut Line) -> Result<LinkPlan, String> {
    Ok(LinkPlan {
        name: line.value("link")?,
        latency_ns: line.span("latency")?,
        jitter_ns: line.span("jitter")?,
        loss_ppm: line.number("loss")?,
        bandwidth: line.number("bandwidth")?,
        dist: match line.maybe("dist") {
            Some(name) => {
                let found = Dist::ALL.into_iter().find(|dist| dist.name() == name);
                found.ok_or_else(|| format!("`dist={name}` is not known"))?
            }
            None => Dist::Uniform,
        },
        bias_ns: match line.maybe("bias") {
            Some(text) => crate::units::duration(&text).map_err(|error| error.to_string())?,
            None => 0,
        },
        queue: match line.maybe("queue") {
            Some(text) => text.parse().map_err(|_| format!("`queue={text}`: not a number"))?,
            None => 0,
        },
    })
}

fn guarantee(line: &mut Line) -> Result<GuaranteeInfo, String> {
    let span = |line: &mut Line, key: &str| match line.maybe(key) {
        Some(text) => crate::units::duration(&text).map(Some).map_err(|error| error.to_string()),
        None => Ok(None),
    };
    let ppm = |line: &mut Line, key: &str| match line.maybe(key) {
        Some(text) => text.parse().map(Some).map_err(|_| format!("`{key}={text}`: not a number")),
        None => Ok(None),
    };
    Ok(GuaranteeInfo {
        id: line.word("the guarantee's name")?,
        kind: line.value("kind")?,
        scope: line.maybe("scope").unwrap_or_default(),
        during: line.maybe("during").unwrap_or_default(),
        within_ns: span(line, "within")?,
        grace_ns: span(line, "grace")?,
        p99_ns: span(line, "p99")?,
        success_ppm: ppm(line, "success_ppm")?,
        min_ppm: ppm(line, "min_ppm")?,
        line: line.number("line")?,
    })
}

fn sid(line: &mut Line) -> Result<Sid, String> {
    let text = line.word("the subscription's id")?;
    match text.parse() {
        Ok(0 | 1) | Err(_) => Err(format!("`{text}` is not a subscription's id: a number from 2")),
        Ok(sid) => Ok(Sid(sid)),
    }
}

/// Messages of one operation, as scenarios have it: more would fill the memory.
const BURST_MAX: u32 = 100_000;

/// Bytes of a payload, as scenarios have it.
const PAYLOAD_MAX: u32 = 64 << 20;

/// Connections of a pool, as scenarios have it.
const POOL_MAX: u64 = 256;

fn at_most(line: &mut Line, key: &str, usual: u32, most: u32) -> Result<u32, String> {
    let number = optional(line, key, usual)?;
    if number > most {
        return Err(format!("`{key}={number}`: at most {most}"));
    }
    Ok(number)
}

/// What lasts no time would never be over: nothing ends it.
fn must_last(action: &FaultAction, lasts: u64) -> Result<(), String> {
    let ends = matches!(
        action,
        FaultAction::Cut { .. }
            | FaultAction::Refuse(_)
            | FaultAction::Degrade { .. }
            | FaultAction::Dns(_)
            | FaultAction::StopReading(_)
    );
    if ends && lasts == 0 {
        return Err(format!("a {} says how long it lasts: `for=`", action.kind().name()));
    }
    Ok(())
}

/// What an earlier line has introduced by this name.
fn find<T: Copy>(all: &BTreeMap<String, T>, what: &str, name: &str) -> Result<T, String> {
    all.get(name).copied().ok_or_else(|| format!("there is no {what} `{name}`"))
}

pub(super) fn payload_size(size: u32) -> Result<u32, String> {
    if size > PAYLOAD_MAX {
        return Err(format!("a payload has at most {PAYLOAD_MAX} bytes"));
    }
    if (size as usize) < IDENTITY_BYTES {
        return Err(format!("a payload has at least {IDENTITY_BYTES} bytes, for its identity"));
    }
    Ok(size)
}

pub(super) fn optional(line: &mut Line, key: &str, usual: u32) -> Result<u32, String> {
    match line.maybe(key) {
        Some(text) => text.parse().map_err(|_| format!("`{key}={text}` is not a number in range")),
        None => Ok(usual),
    }
}

pub(super) fn one_of<T: Copy>(
    line: &mut Line,
    key: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    let text = line.value(key)?;
    let found = all.iter().copied().find(|item| name(*item) == text);
    found.ok_or_else(|| format!("`{key}={text}` is not known"))
}
