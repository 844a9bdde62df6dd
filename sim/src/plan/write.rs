//! A plan as text.

use std::fmt::Write as _;

use super::text::{put, put_word};
use super::{
    ClientPlan, FaultAction, FaultPlan, LinkPlan, NodePlan, Op, OpPlan, Plan, RoutePlan, Setting,
    Sides, Site,
};
use crate::history::{Bounds, GuaranteeInfo, Phase};
use crate::ids::{ClientId, NodeId, RegionId};
use crate::scenario::{Dist, Release};
use crate::units::{Clock, Span};

/// The first line of every plan.
pub(super) const FIRST_LINE: &str = "causeway-plan 1";

/// How long a fault lasts that is never lifted.
pub(super) const EVER: &str = "ever";

impl Plan {
    /// The plan as text. [`Plan::parse`] gives back an equal plan.
    #[must_use]
    pub fn write(&self) -> String {
        let mut out = String::with_capacity(4096 + self.ops.len() * 64);
        out.push_str(FIRST_LINE);
        out.push_str("\nscenario");
        put_word(&mut out, &self.scenario);
        put(&mut out, "seed", self.seed);
        out.push_str("\nnetwork");
        put(&mut out, "tcp_timeout", Span(self.network.tcp_timeout_ns));
        put(&mut out, "window", self.network.window);
        put(&mut out, "chunking", self.network.chunking.name());
        flags(&mut out, &[("overread", self.network.overread)]);
        if !self.perturb.is_empty() {
            out.push_str("\nperturb");
            self.perturb.iter().for_each(|site| put_word(&mut out, site.name()));
        }
        for region in &self.regions {
            out.push_str("\nregion");
            put_word(&mut out, &region.name);
            link(&region.link, &mut out);
        }
        for path in &self.paths {
            out.push_str("\npath");
            put_word(&mut out, self.region_name(path.a));
            put_word(&mut out, self.region_name(path.b));
            link(&path.link, &mut out);
        }
        for node in &self.nodes {
            self.node(node, &mut out);
        }
        for client in &self.clients {
            self.client(client, &mut out);
        }
        self.write_streams(&mut out);
        if let Some(core) = &self.core {
            out.push_str("\ncore");
            put(&mut out, "nodes", node_names(self, core));
        }
        for info in &self.guarantees {
            guarantee(info, &mut out);
        }
        bounds(&self.bounds, &mut out);
        self.steps(&mut out);
        out.push('\n');
        out
    }

    /// Faults and operations, merged by time; a fault before the operations of its instant.
    fn steps(&self, out: &mut String) {
        let mut faults = self.faults.iter().peekable();
        for op in &self.ops {
            while let Some(fault) = faults.next_if(|fault| fault.at <= op.at) {
                self.fault(fault, out);
            }
            self.op(op, out);
        }
        for fault in faults {
            self.fault(fault, out);
        }
    }

    pub(crate) fn region_name(&self, region: RegionId) -> &str {
        self.regions.get(usize::from(region.0)).map_or("?", |region| &region.name)
    }

    /// The numbers of all nodes.
    pub(crate) fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..u16::try_from(self.nodes.len()).unwrap_or(u16::MAX)).map(NodeId)
    }

    /// The node of that name.
    pub(crate) fn node_named(&self, name: &str) -> Option<NodeId> {
        self.node_ids().find(|id| self.node_name(*id) == name)
    }

    pub(crate) fn node_name(&self, node: NodeId) -> &str {
        self.nodes.get(usize::from(node.0)).map_or("?", |node| &node.name)
    }

    pub(crate) fn client_name(&self, client: ClientId) -> &str {
        self.clients.get(client.0 as usize).map_or("?", |client| &client.name)
    }

    fn node(&self, node: &NodePlan, out: &mut String) {
        out.push_str("\nnode");
        put_word(out, &node.name);
        put(out, "region", self.region_name(node.region));
        put(out, "cluster", &node.cluster);
        put(out, "start", Span(node.start_ns));
        put(out, "wall", node.wall_ns);
        put(out, "routes", route_names(self, &node.routes));
        for setting in Setting::ALL {
            if let Some(number) = node.config.number(setting) {
                put(out, setting.name(), number);
            }
        }
        if !node.config.accounts.is_empty() {
            put(out, "accounts", node.config.accounts.join(","));
        }
        if node.release != Release::default() {
            put(out, "release", node.release.name());
        }
        if let Some(jetstream) = &node.jetstream {
            jetstream.words(out);
        }
        if let Some(buffer) = &node.buffer {
            buffer.words(out);
        }
    }

    fn client(&self, client: &ClientPlan, out: &mut String) {
        out.push_str("\nclient");
        put_word(out, &client.name);
        put(out, "region", self.region_name(client.region));
        put(out, "role", client.role.name());
        put(out, "nodes", node_names(self, &client.nodes));
        put(out, "ping", Span(client.ping_ns));
        put(out, "wait", Span(client.wait_ns));
        put(out, "jitter", Span(client.jitter_ns));
        if client.read_rate > 0 {
            put(out, "read_rate", client.read_rate);
        }
        if !client.echo {
            out.push_str(" no_echo");
        }
        if !client.takes_headers {
            out.push_str(" no_headers");
        }
    }

    fn fault(&self, fault: &FaultPlan, out: &mut String) {
        let _infallible = write!(out, "\n@{} fault {} ", Clock(fault.at), fault.id);
        fault_words(self, fault, out);
        if let Some(when) = &fault.when {
            when.write(self, out);
        }
    }

    fn op(&self, op: &OpPlan, out: &mut String) {
        let _infallible = write!(out, "\n@{} {} ", Clock(op.at), self.client_name(op.client));
        let name = |sym| self.symbols.text(sym);
        match &op.op {
            Op::Connect => out.push_str("connect"),
            Op::Close => out.push_str("close"),
            Op::Sub { sid, subject, queue, max, answer } => {
                let _infallible = write!(out, "sub {}", sid.0);
                put_word(out, name(*subject));
                if !queue.is_none() {
                    put(out, "queue", name(*queue));
                }
                if *max > 0 {
                    put(out, "max", max);
                }
                if *answer > 0 {
                    put(out, "answer", answer);
                }
            }
            Op::Unsub { sid, max } => {
                let _infallible = write!(out, "unsub {}", sid.0);
                if *max > 0 {
                    put(out, "max", max);
                }
            }
            Op::Pub { subject, size, count, header, flush } => {
                out.push_str("pub");
                put_word(out, name(*subject));
                put(out, "size", size);
                if *count != 1 {
                    put(out, "count", count);
                }
                flags(out, &[("header", *header), ("flush", *flush)]);
            }
            Op::Request { subject, size, timeout_ns, header } => {
                out.push_str("request");
                put_word(out, name(*subject));
                put(out, "size", size);
                put(out, "timeout", Span(*timeout_ns));
                flags(out, &[("header", *header)]);
            }
            Op::Stream(op) => self.write_stream_op(op, out),
        }
        if let Some(later) = op.when {
            self.write_later(later, out);
        }
    }
}

/// A fault's kind and parameters: what follows its number in a plan, and its text in a history.
pub(super) fn fault_words(plan: &Plan, fault: &FaultPlan, out: &mut String) {
    out.push_str(fault.action.kind().name());
    if fault.stays() {
        put(out, "for", EVER);
    } else if fault.lasts > 0 {
        put(out, "for", Span(fault.lasts));
    }
    if let Some(sides) = fault.action.sides() {
        put_sides(plan, sides, out);
    }
    match &fault.action {
        FaultAction::Degrade { latency_ns, jitter_ns, loss_ppm, bandwidth, .. } => {
            put(out, "latency", Span(*latency_ns));
            put(out, "jitter", Span(*jitter_ns));
            put(out, "loss", loss_ppm);
            put(out, "bandwidth", bandwidth);
        }
        FaultAction::Crash(process)
        | FaultAction::Stop(process)
        | FaultAction::LameDuck(process) => {
            put(out, "nodes", node_names(plan, &process.nodes));
            flags(out, &[("new_port", process.new_port), ("new_address", process.new_address)]);
        }
        FaultAction::Dns(names) => {
            put(out, "nodes", node_names(plan, &names.nodes));
            flags(out, &[("old", names.old)]);
        }
        FaultAction::StopReading(clients) => {
            let names: Vec<&str> = clients.iter().map(|c| plan.client_name(*c)).collect();
            put(out, "clients", names.join(","));
        }
        FaultAction::Conns { what, .. } => what.write(out),
        FaultAction::Host(host) => host.words(plan, out),
        FaultAction::Cut { .. } | FaultAction::Reset(_) | FaultAction::Refuse(_) => {}
    }
}

fn put_sides(plan: &Plan, sides: &Sides, out: &mut String) {
    for (key, side) in [("a", &sides.a), ("b", &sides.b)] {
        let names: Vec<String> = side.iter().map(|site| site_name(plan, *site)).collect();
        put(out, key, names.join(","));
    }
    put(out, "ways", sides.ways.name());
}

pub(super) fn site_name(plan: &Plan, site: Site) -> String {
    match site {
        Site::Node(node) => plan.node_name(node).to_owned(),
        Site::Clients(region) => format!("clients:{}", plan.region_name(region)),
    }
}

pub(super) fn route_names(plan: &Plan, routes: &[RoutePlan]) -> String {
    let names = routes.iter().map(|route| match route {
        RoutePlan::Node(node) => plan.node_name(*node).to_owned(),
        RoutePlan::Region(region) => format!("@{}", plan.region_name(*region)),
    });
    names.collect::<Vec<_>>().join(",")
}

pub(super) fn node_names(plan: &Plan, nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| plan.node_name(*node)).collect();
    names.join(",")
}

pub(super) fn flags(out: &mut String, flags: &[(&str, bool)]) {
    for (name, on) in flags {
        if *on {
            out.push(' ');
            out.push_str(name);
        }
    }
}

fn link(link: &LinkPlan, out: &mut String) {
    put(out, "link", &link.name);
    put(out, "latency", Span(link.latency_ns));
    put(out, "jitter", Span(link.jitter_ns));
    put(out, "loss", link.loss_ppm);
    put(out, "bandwidth", link.bandwidth);
    if link.dist != Dist::Uniform {
        put(out, "dist", link.dist.name());
    }
    if link.bias_ns > 0 {
        put(out, "bias", Span(link.bias_ns));
    }
    if link.queue > 0 {
        put(out, "queue", link.queue);
    }
}

fn guarantee(info: &GuaranteeInfo, out: &mut String) {
    out.push_str("\nguarantee");
    put_word(out, &info.id);
    put(out, "kind", &info.kind);
    for (key, text) in [("scope", &info.scope), ("during", &info.during)] {
        if !text.is_empty() {
            put(out, key, text);
        }
    }
    for (key, ns) in [("within", info.within_ns), ("grace", info.grace_ns), ("p99", info.p99_ns)] {
        if let Some(ns) = ns {
            put(out, key, Span(ns));
        }
    }
    for (key, ppm) in [("success_ppm", info.success_ppm), ("min_ppm", info.min_ppm)] {
        if let Some(ppm) = ppm {
            put(out, key, ppm);
        }
    }
    put(out, "line", info.line);
}

fn bounds(bounds: &Bounds, out: &mut String) {
    out.push_str("\nphases");
    for (phase, begin) in Phase::ALL.iter().zip(bounds.phases_ns) {
        put(out, phase.name(), Span(begin));
    }
    put(out, "end", Span(bounds.phases_ns[Phase::ALL.len()]));
    out.push_str("\nbounds");
    put(out, "rtt_max", Span(bounds.rtt_max_ns));
    put(out, "interest", Span(bounds.interest_ns));
    put(out, "routes", Span(bounds.routes_ns));
    put(out, "clients", Span(bounds.clients_ns));
    put(out, "tcp_timeout", Span(bounds.tcp_timeout_ns));
    if bounds.fast_ppm > 0 {
        put(out, "fast", bounds.fast_ppm);
    }
}
