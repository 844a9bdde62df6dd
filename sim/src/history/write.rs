//! A history as JSON lines: one object a line, keys always in the same order, integers only.
//!
//! Every event line begins with `i` (its number), `t` (nanoseconds) and `k` (what), so a line can
//! be found with nothing but a text search. Names are written as text. A name or a number that
//! does not apply is `null`.

use std::io::{self, Write};

use super::json::{Object, push_list, push_number, push_object, push_text};
use super::{
    Bounds, ClientEntry, ClientInfo, Event, Fault, GuaranteeInfo, Header, History, Holder,
    InterestEntry, Kind, LinkInfo, Lost, NodeCounters, NodeLimits, RouteEntry, SCHEMA_NAME,
    Snapshot, Sym, Symbols, Unrecoverable,
};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId};

impl History {
    /// Writes the header's line and one line for each event.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut line = String::new();
        header_line(&self.header, &mut line);
        out.write_all(line.as_bytes())?;
        for i in 0..self.events.len() {
            line.clear();
            self.event_line(i, &mut line);
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    /// Appends the line of event `i`, with its line end. Appends nothing if there is none.
    pub fn event_line(&self, i: usize, line: &mut String) {
        let Some(event) = self.events.get(i) else { return };
        event_line(i as u64, event, &self.symbols, line);
    }
}

/// Appends an event's line.
pub(crate) fn event_line(i: u64, event: &Event, symbols: &Symbols, line: &mut String) {
    let mut o = Object::begin(line);
    o.number("i", i);
    o.number("t", event.t);
    o.text("k", event.kind.name());
    Fields { o: &mut o, symbols }.event(&event.kind);
    o.end();
    line.push('\n');
}

impl Kind {
    /// The name in files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Phase { .. } => "phase",
            Self::Fault(_) => "fault",
            Self::NodeUp { .. } => "node_up",
            Self::NodeDown { .. } => "node_down",
            Self::ClientConnected { .. } => "connected",
            Self::ClientClosed { .. } => "closed",
            Self::SubSent { .. } => "sub",
            Self::SubReady { .. } => "sub_ready",
            Self::UnsubSent { .. } => "unsub",
            Self::UnsubReady { .. } => "unsub_ready",
            Self::PubSent { .. } => "pub",
            Self::PubFlushed { .. } => "pub_flushed",
            Self::PubRefused { .. } => "pub_refused",
            Self::OpDropped { .. } => "op_dropped",
            Self::Delivered { .. } => "delivered",
            Self::NoResponders { .. } => "no_responders",
            Self::RequestDone { .. } => "request_done",
            Self::RequestTimeout { .. } => "request_timeout",
            Self::ClientError { .. } => "client_error",
            Self::RouteUp { .. } => "route_up",
            Self::RouteDown { .. } => "route_down",
            Self::SlowConsumer { .. } => "slow_consumer",
            Self::Backlog { .. } => "backlog",
            Self::Dial { .. } => "dial",
            Self::Servers { .. } => "servers",
            Self::WireSub { .. } => "wire_sub",
            Self::WireSubSeen { .. } => "wire_sub_seen",
            Self::WireMsg { .. } => "wire_msg",
            Self::WireMsgSeen { .. } => "wire_msg_seen",
            Self::WireOpened { .. } => "wire_opened",
            Self::WireClosed { .. } => "wire_closed",
            Self::WireError { .. } => "wire_error",
            Self::Buffer(event) => event.name(),
            Self::Said { .. } => "said",
            Self::Stream(event) => event.name(),
            Self::Snapshot(_) => "snapshot",
            Self::End => "end",
        }
    }
}

/// Writes the fields of one event.
struct Fields<'o, 'a, 's> {
    o: &'o mut Object<'a>,
    symbols: &'s Symbols,
}

impl Fields<'_, '_, '_> {
    fn event(&mut self, kind: &Kind) {
        match kind {
            Kind::Phase { phase } => self.o.text("phase", phase.name()),
            Kind::Fault(fault) => self.fault(fault),
            Kind::NodeUp { node, incarnation, pool_size } => {
                self.node("node", *node);
                self.count("incarnation", *incarnation);
                if let Some(pool_size) = pool_size {
                    self.count("pool_size", *pool_size);
                }
            }
            Kind::NodeDown { node, how } => {
                self.node("node", *node);
                self.o.text("how", how.name());
            }
            Kind::SubSent { .. }
            | Kind::SubReady { .. }
            | Kind::UnsubSent { .. }
            | Kind::UnsubReady { .. } => self.subscription(kind),
            Kind::ClientConnected { .. }
            | Kind::ClientClosed { .. }
            | Kind::OpDropped { .. }
            | Kind::Servers { .. }
            | Kind::ClientError { .. } => self.client(kind),
            Kind::PubSent { .. }
            | Kind::PubFlushed { .. }
            | Kind::PubRefused { .. }
            | Kind::Delivered { .. }
            | Kind::NoResponders { .. }
            | Kind::RequestDone { .. }
            | Kind::RequestTimeout { .. } => self.message(kind),
            Kind::RouteUp { .. }
            | Kind::RouteDown { .. }
            | Kind::SlowConsumer { .. }
            | Kind::Backlog { .. }
            | Kind::Dial { .. } => self.link(kind),
            Kind::WireSub { .. }
            | Kind::WireSubSeen { .. }
            | Kind::WireMsg { .. }
            | Kind::WireMsgSeen { .. }
            | Kind::WireOpened { .. }
            | Kind::WireClosed { .. }
            | Kind::WireError { .. } => self.wire(kind),
            Kind::Buffer(event) => super::buffer::write(event, self.o),
            Kind::Said { node, text } => {
                self.node("node", *node);
                self.name("text", *text);
            }
            Kind::Stream(event) => super::stream::write(event, self.symbols, self.o),
            Kind::Snapshot(snapshot) => self.snapshot(snapshot),
            Kind::End => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`event` calls it for these kinds only")]
    fn client(&mut self, kind: &Kind) {
        match kind {
            Kind::ClientConnected { client, conn, node } => {
                self.connection(*client, *conn);
                self.node("node", *node);
            }
            Kind::ClientClosed { client, conn, reason } => {
                self.connection(*client, *conn);
                self.name("reason", *reason);
            }
            Kind::OpDropped { client, what, subject, count } => {
                self.count("client", client.0);
                self.o.text("what", what.name());
                self.name("subject", *subject);
                self.count("count", *count);
            }
            Kind::ClientError { client, conn, node, text } => {
                self.connection(*client, *conn);
                self.count("node", node.0.into());
                self.name("text", *text);
            }
            Kind::Servers { client, conn, urls } => {
                self.connection(*client, *conn);
                self.name("urls", *urls);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`event` calls it for these kinds only")]
    fn subscription(&mut self, kind: &Kind) {
        match kind {
            Kind::SubSent { client, conn, sid, subject, queue, max } => {
                self.connection(*client, *conn);
                self.count("sid", sid.0);
                self.name("subject", *subject);
                self.name("queue", *queue);
                self.count("max", *max);
            }
            Kind::UnsubSent { client, conn, sid, max } => {
                self.connection(*client, *conn);
                self.count("sid", sid.0);
                self.count("max", *max);
            }
            Kind::SubReady { client, conn, sid } | Kind::UnsubReady { client, conn, sid } => {
                self.connection(*client, *conn);
                self.count("sid", sid.0);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`event` calls it for these kinds only")]
    fn message(&mut self, kind: &Kind) {
        match kind {
            Kind::PubSent { msg, subject, reply, header, size, hash } => {
                self.msg("msg", Some(*msg));
                if *header > 0 {
                    self.count("header", *header);
                }
                self.content(*subject, *reply, *size, *hash);
            }
            Kind::PubFlushed { client, conn, upto } => {
                self.connection(*client, *conn);
                self.count("upto", *upto);
            }
            Kind::PubRefused { client, conn, subject, first, last, text } => {
                self.connection(*client, *conn);
                self.name("subject", *subject);
                self.count("first", *first);
                self.count("last", *last);
                self.name("text", *text);
            }
            Kind::Delivered { client, conn, sid, subject, reply, msg, size, hash } => {
                self.connection(*client, *conn);
                self.count("sid", sid.0);
                self.msg("msg", *msg);
                self.content(*subject, *reply, *size, *hash);
            }
            Kind::NoResponders { client, conn, subject, request } => {
                self.connection(*client, *conn);
                self.msg("request", Some(*request));
                self.name("subject", *subject);
            }
            Kind::RequestDone { request, answer } => {
                self.msg("request", Some(*request));
                self.msg("answer", *answer);
            }
            Kind::RequestTimeout { request, disconnected } => {
                self.msg("request", Some(*request));
                self.o.flag("disconnected", *disconnected);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`event` calls it for these kinds only")]
    fn link(&mut self, kind: &Kind) {
        match kind {
            Kind::RouteUp { node, remote, pool, account, cid } => {
                self.node("node", *node);
                self.node("remote", *remote);
                self.o.maybe("pool", pool.map(u64::from));
                self.name("account", *account);
                self.o.number("cid", *cid);
            }
            Kind::RouteDown { node, remote, cid, reason } => {
                self.node("node", *node);
                self.node("remote", *remote);
                self.o.number("cid", *cid);
                self.name("reason", *reason);
            }
            Kind::SlowConsumer { node, client, pending, limit } => {
                self.node("node", *node);
                self.o.maybe("client", client.map(|c| c.0.into()));
                self.o.number("pending", *pending);
                self.o.number("limit", *limit);
            }
            Kind::Backlog { node, client, pending } => {
                self.node("node", *node);
                self.count("client", client.0);
                self.o.number("pending", *pending);
            }
            Kind::Dial { node, target } => {
                self.node("node", *node);
                self.name("target", *target);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`event` calls it for these kinds only")]
    fn wire(&mut self, kind: &Kind) {
        match kind {
            Kind::WireSub { from, to, conn, account, subject, queue, weight } => {
                self.hop(*from, *to, conn.0);
                self.name("account", *account);
                self.name("subject", *subject);
                self.name("queue", *queue);
                self.count("weight", *weight);
            }
            Kind::WireSubSeen { sub } => self.o.number("sub", *sub),
            Kind::WireMsgSeen { sent } => self.o.number("sent", *sent),
            Kind::WireMsg { from, to, conn, account, subject, queues, msg, kept } => {
                self.hop(*from, *to, conn.0);
                self.name("account", *account);
                self.name("subject", *subject);
                self.name("queues", *queues);
                self.msg("msg", *msg);
                if let Some(kept) = kept {
                    self.o.number("kept", *kept);
                }
            }
            Kind::WireOpened { from, to, conn } => self.hop(*from, *to, conn.0),
            Kind::WireClosed { node, peer, conn } => {
                self.node("node", *node);
                self.node("peer", *peer);
                self.count("conn", conn.0);
            }
            Kind::WireError { from, to, conn, text } => {
                self.hop(*from, *to, conn.0);
                self.name("text", *text);
            }
            _ => {}
        }
    }

    fn fault(&mut self, fault: &Fault) {
        self.count("id", fault.id);
        self.o.flag("on", fault.on);
        self.o.text("fault", fault.kind.name());
        self.o.text("text", &fault.text);
        self.o.list("nodes", &fault.nodes, |out, n| push_number(out, n.0.into()));
        self.o.list("pairs", &fault.pairs, |out, (a, b)| push_pair(out, a.0, b.0));
        self.o.list("clients", &fault.clients, |out, (r, n)| push_pair(out, r.0, n.0));
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        let symbols = self.symbols;
        self.node("node", snapshot.node);
        self.o.text("phase", snapshot.phase.name());
        self.o.list("routes", &snapshot.routes, |out, r| push_route(out, r, symbols));
        self.o.list("interest", &snapshot.interest, |out, e| push_interest(out, e, symbols));
        self.o.list("clients", &snapshot.clients, push_client);
        self.name("urls", snapshot.urls);
        self.o.object("counters", |o| counters(&snapshot.counters, o));
    }

    fn connection(&mut self, client: ClientId, conn: ConnNo) {
        self.count("client", client.0);
        self.count("conn", conn.0);
    }

    fn hop(&mut self, from: NodeId, to: NodeId, conn: u32) {
        self.node("from", from);
        self.node("to", to);
        self.count("conn", conn);
    }

    fn content(&mut self, subject: Sym, reply: Sym, size: u32, hash: u64) {
        self.name("subject", subject);
        self.name("reply", reply);
        self.count("size", size);
        self.o.number("hash", hash);
    }

    fn node(&mut self, key: &str, node: NodeId) {
        self.o.number(key, node.0.into());
    }

    fn count(&mut self, key: &str, count: u32) {
        self.o.number(key, count.into());
    }

    fn name(&mut self, key: &str, sym: Sym) {
        self.o.name(key, self.symbols.text(sym));
    }

    fn msg(&mut self, key: &str, msg: Option<MsgId>) {
        push_msg(self.o, key, msg);
    }
}

pub(super) fn push_msg(o: &mut Object<'_>, key: &str, msg: Option<MsgId>) {
    match msg {
        Some(m) => o.list(key, [m.client.0, m.conn.0, m.seq], |out, n| push_number(out, n.into())),
        None => o.maybe(key, None),
    }
}

fn push_pair(out: &mut String, a: u16, b: u16) {
    push_list(out, [a, b], &mut |out, n| push_number(out, n.into()));
}

fn push_route(out: &mut String, route: &RouteEntry, symbols: &Symbols) {
    push_object(out, |o| {
        o.maybe("remote", route.remote.map(|n| n.0.into()));
        o.maybe("pool", route.pool.map(u64::from));
        o.name("account", symbols.text(route.account));
    });
}

fn push_interest(out: &mut String, entry: &InterestEntry, symbols: &Symbols) {
    push_object(out, |o| {
        o.name("account", symbols.text(entry.account));
        o.name("subject", symbols.text(entry.subject));
        o.name("queue", symbols.text(entry.queue));
        o.number("weight", entry.weight.into());
        match entry.holder {
            Holder::Local => o.text("holder", "local"),
            Holder::Remote(node) => o.number("holder", node.0.into()),
            Holder::Unknown => o.text("holder", "unknown"),
        }
    });
}

fn push_client(out: &mut String, entry: &ClientEntry) {
    push_object(out, |o| {
        o.maybe("client", entry.client.map(|c| c.0.into()));
        o.number("subs", entry.subs);
        o.number("pending", entry.pending);
        o.number("in_msgs", entry.in_msgs);
        o.number("in_bytes", entry.in_bytes);
        o.number("out_msgs", entry.out_msgs);
        o.number("out_bytes", entry.out_bytes);
    });
}

fn counters(counters: &NodeCounters, o: &mut Object<'_>) {
    for (key, value) in counters.fields() {
        o.number(key, value);
    }
}

impl NodeCounters {
    /// All counters with their names in files.
    #[must_use]
    pub const fn fields(&self) -> [(&'static str, u64); 29] {
        [
            ("connections", self.connections),
            ("routes", self.routes),
            ("remotes", self.remotes),
            ("in_msgs", self.in_msgs),
            ("out_msgs", self.out_msgs),
            ("in_client_msgs", self.in_client_msgs),
            ("out_client_msgs", self.out_client_msgs),
            ("slow_clients", self.slow_clients),
            ("slow_routes", self.slow_routes),
            ("stale_clients", self.stale_clients),
            ("stale_routes", self.stale_routes),
            ("stalls", self.stalls),
            ("lost_on_close", self.lost_on_close),
            ("in_bytes", self.in_bytes),
            ("out_bytes", self.out_bytes),
            ("in_client_bytes", self.in_client_bytes),
            ("out_client_bytes", self.out_client_bytes),
            ("subscriptions", self.subscriptions),
            ("interest", self.interest),
            ("inserts", self.inserts),
            ("removes", self.removes),
            ("route_subs", self.route_subs),
            ("route_in_msgs", self.route_in_msgs),
            ("route_out_msgs", self.route_out_msgs),
            ("pending", self.pending),
            ("links", self.links),
            ("timers", self.timers),
            ("targets", self.targets),
            ("dials", self.dials),
        ]
    }
}

fn header_line(header: &Header, line: &mut String) {
    push_object(line, |o| {
        o.text("schema", SCHEMA_NAME);
        o.text("scenario", &header.scenario);
        o.number("seed", header.seed);
        o.text("engine", &header.engine);
        o.list("regions", &header.regions, |out, region| {
            push_object(out, |o| {
                o.text("name", &region.name);
                o.object("link", |o| link_fields(&region.link, o));
            });
        });
        o.list("nodes", &header.nodes, |out, node| {
            push_object(out, |o| {
                o.text("name", &node.name);
                o.number("region", node.region.0.into());
                o.text("cluster", &node.cluster);
                o.number("pool_size", node.pool_size.into());
                o.text("url", &node.url);
                o.flag("advertise", node.advertise);
                o.number("max_pending", node.max_pending);
                o.object("limits", |o| limits_fields(&node.limits, o));
            });
        });
        o.list("paths", &header.paths, |out, path| {
            push_object(out, |o| {
                o.number("a", path.a.0.into());
                o.number("b", path.b.0.into());
                o.object("link", |o| link_fields(&path.link, o));
            });
        });
        o.list("clients", &header.clients, |out, c| push_object(out, |o| client_fields(c, o)));
        super::stream::write_infos(&header.streams, &header.consumers, o);
        o.list("guarantees", &header.guarantees, |out, g| {
            push_object(out, |o| guarantee_fields(g, o));
        });
        o.object("bounds", |o| bounds_fields(&header.bounds, o));
        o.number("window", header.window);
        if !header.buffered.is_empty() {
            o.list("buffered", &header.buffered, |out, subject| push_text(out, subject));
            o.flag("buffers_have_limits", header.buffers_forget);
        }
        if let Some(core) = &header.core {
            o.object("core", |o| {
                o.list("nodes", &core.nodes, |out, node| push_number(out, node.0.into()));
                o.list("clients", &core.clients, |out, client| push_number(out, client.0.into()));
                o.list("left", &core.left, |out, fault| push_number(out, (*fault).into()));
            });
        }
        if !header.unrecoverable.is_empty() {
            o.list("unrecoverable", &header.unrecoverable, |out, one| {
                push_object(out, |o| unrecoverable_fields(*one, o));
            });
        }
    });
    line.push('\n');
}

fn link_fields(link: &LinkInfo, o: &mut Object<'_>) {
    o.text("name", &link.name);
    o.number("latency_ns", link.latency_ns);
    o.number("jitter_ns", link.jitter_ns);
    o.number("bandwidth", link.bandwidth);
}

fn limits_fields(limits: &NodeLimits, o: &mut Object<'_>) {
    o.maybe("max_connections", limits.max_connections);
    o.number("max_payload", limits.max_payload);
    o.number("write_deadline_ns", limits.write_deadline_ns);
    if limits.drops {
        o.flag("drops", true);
    }
    o.number("lame_duck_grace_ns", limits.lame_duck_grace_ns);
    o.number("lame_duck_ns", limits.lame_duck_ns);
    if let Some(buffer) = limits.buffer {
        o.object("buffer", |o| {
            o.number("max_bytes", buffer.max_bytes);
            o.maybe("max_msgs", buffer.max_msgs);
            o.flag("refuses", buffer.refuses);
        });
    }
}

fn client_fields(client: &ClientInfo, o: &mut Object<'_>) {
    o.text("name", &client.name);
    o.number("region", client.region.0.into());
    o.text("role", &client.role);
    o.flag("no_echo", client.no_echo);
    if client.no_headers {
        o.flag("no_headers", true);
    }
    o.flag("slow", client.slow);
}

fn guarantee_fields(guarantee: &GuaranteeInfo, o: &mut Object<'_>) {
    o.text("id", &guarantee.id);
    o.text("kind", &guarantee.kind);
    o.name("scope", &guarantee.scope);
    o.name("during", &guarantee.during);
    o.maybe("within_ns", guarantee.within_ns);
    o.maybe("grace_ns", guarantee.grace_ns);
    o.maybe("p99_ns", guarantee.p99_ns);
    o.maybe("success_ppm", guarantee.success_ppm.map(u64::from));
    o.maybe("min_ppm", guarantee.min_ppm.map(u64::from));
    o.number("line", guarantee.line.into());
}

fn unrecoverable_fields(one: Unrecoverable, o: &mut Object<'_>) {
    match one.what {
        Lost::Routes(a, b) => {
            o.list("nodes", [a, b], |out, node| push_number(out, node.0.into()));
        }
        Lost::Connection(client) => o.number("client", client.0.into()),
    }
    o.text("why", one.why.name());
}

fn bounds_fields(bounds: &Bounds, o: &mut Object<'_>) {
    o.list("phases_ns", bounds.phases_ns, push_number);
    o.number("rtt_max_ns", bounds.rtt_max_ns);
    o.number("interest_ns", bounds.interest_ns);
    o.number("routes_ns", bounds.routes_ns);
    o.number("clients_ns", bounds.clients_ns);
    o.number("tcp_timeout_ns", bounds.tcp_timeout_ns);
    if bounds.fast_ppm > 0 {
        o.number("fast_ppm", bounds.fast_ppm.into());
    }
    if bounds.lag_ns > 0 {
        o.number("lag_ns", bounds.lag_ns);
    }
}
