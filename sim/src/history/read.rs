//! Reads the JSON lines that [`History::write_to`] writes.

use std::io::BufRead;

use serde_json::Value;

use super::header::SCHEMA_BEFORE;
use super::{
    Bounds, BufferRoom, ClientEntry, ClientInfo, Core, DropWhat, Event, Fault, FaultKind,
    GuaranteeInfo, Header, History, Holder, InterestEntry, Kind, LinkInfo, Lost, NodeCounters,
    NodeDownHow, NodeInfo, NodeLimits, PathInfo, Phase, RegionInfo, RouteEntry, SCHEMA_NAME,
    Snapshot, Sym, Symbols, Unrecoverable, Why,
};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, RegionId, Sid, WireConn};

/// Why a file is not a history.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the history: {0}")]
    Io(#[from] std::io::Error),
    /// A line is not JSON.
    #[error("line {line}: {source}")]
    Json {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line is JSON, but not a line of a history.
    #[error("line {line}: {what}")]
    Shape {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl History {
    /// Reads a whole history.
    ///
    /// # Errors
    /// [`ReadError`] for the first line that is wrong: not JSON, an unknown kind, a key that is
    /// missing or has another type, a number out of range, an event whose number is not its place.
    pub fn read_from(input: impl BufRead) -> Result<Self, ReadError> {
        let mut history = Self::default();
        for (at, text) in input.lines().enumerate() {
            let line = at + 1;
            let text = text?;
            let value: Value =
                serde_json::from_str(&text).map_err(|source| ReadError::Json { line, source })?;
            let shape = |what| ReadError::Shape { line, what };
            if at == 0 {
                history.header = header(Row(&value)).map_err(shape)?;
                continue;
            }
            let i: u64 = Row(&value).number("i").map_err(shape)?;
            if i != history.events.len() as u64 {
                return Err(shape(format!("event {i} is at place {}", history.events.len())));
            }
            let event = event(Row(&value), &mut history.symbols).map_err(shape)?;
            history.events.push(event);
        }
        if history.header.engine.is_empty() {
            return Err(ReadError::Shape { line: 1, what: "there is no header".to_owned() });
        }
        Ok(history)
    }
}

pub(super) type Field<T> = Result<T, String>;

/// A JSON object whose fields are asked for by name.
#[derive(Clone, Copy)]
pub(super) struct Row<'a>(pub(super) &'a Value);

impl<'a> Row<'a> {
    fn get(self, key: &str) -> Field<&'a Value> {
        self.0.get(key).ok_or_else(|| format!("`{key}` is missing"))
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.0.get(key).is_some()
    }

    pub(super) fn number<T: TryFrom<u64>>(self, key: &str) -> Field<T> {
        number(self.get(key)?).ok_or_else(|| format!("`{key}` is not a number in range"))
    }

    pub(super) fn maybe<T: TryFrom<u64>>(self, key: &str) -> Field<Option<T>> {
        if self.get(key)?.is_null() { Ok(None) } else { self.number(key).map(Some) }
    }

    pub(super) fn flag(self, key: &str) -> Field<bool> {
        self.get(key)?.as_bool().ok_or_else(|| format!("`{key}` is not true or false"))
    }

    pub(super) fn text(self, key: &str) -> Field<&'a str> {
        self.get(key)?.as_str().ok_or_else(|| format!("`{key}` is not a text"))
    }

    /// Text, where `null` is the empty one.
    fn name(self, key: &str) -> Field<&'a str> {
        if self.get(key)?.is_null() { Ok("") } else { self.text(key) }
    }

    pub(super) fn sym(self, key: &str, symbols: &mut Symbols) -> Field<Sym> {
        Ok(symbols.intern(self.name(key)?))
    }

    pub(super) fn list<T>(
        self,
        key: &str,
        mut each: impl FnMut(&'a Value) -> Field<T>,
    ) -> Field<Vec<T>> {
        let items = self.get(key)?.as_array().ok_or_else(|| format!("`{key}` is not a list"))?;
        items.iter().map(|item| each(item).map_err(|e| format!("in `{key}`: {e}"))).collect()
    }

    fn row(self, key: &str) -> Field<Self> {
        self.get(key).map(Row)
    }

    pub(super) fn one_of<T: Copy>(
        self,
        key: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Field<T> {
        let text = self.text(key)?;
        let found = all.iter().copied().find(|item| name(*item) == text);
        found.ok_or_else(|| format!("`{key}` is `{text}`, which is not known"))
    }

    pub(super) fn node(self, key: &str) -> Field<NodeId> {
        self.number(key).map(NodeId)
    }

    pub(super) fn client(self) -> Field<ClientId> {
        self.number("client").map(ClientId)
    }

    fn conn(self) -> Field<ConnNo> {
        self.number("conn").map(ConnNo)
    }

    fn wire(self) -> Field<WireConn> {
        self.number("conn").map(WireConn)
    }

    fn sid(self) -> Field<Sid> {
        self.number("sid").map(Sid)
    }

    pub(super) fn maybe_msg(self, key: &str) -> Field<Option<MsgId>> {
        if self.get(key)?.is_null() { Ok(None) } else { self.msg(key).map(Some) }
    }

    pub(super) fn msg(self, key: &str) -> Field<MsgId> {
        let parts =
            self.list(key, |v| number::<u32>(v).ok_or_else(|| "not a number".to_owned()))?;
        match parts[..] {
            [client, conn, seq] => Ok(MsgId { client: ClientId(client), conn: ConnNo(conn), seq }),
            _ => Err(format!("`{key}` has not three parts")),
        }
    }
}

fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64().and_then(|n| T::try_from(n).ok())
}

fn pair(value: &Value) -> Field<(u16, u16)> {
    let items = value.as_array().map(Vec::as_slice);
    match items {
        Some([a, b]) => number(a).zip(number(b)).ok_or_else(|| "not a pair of numbers".to_owned()),
        _ => Err("not a pair".to_owned()),
    }
}

fn event(row: Row<'_>, symbols: &mut Symbols) -> Field<Event> {
    let k = row.text("k")?;
    let found = match k.split('_').next() {
        Some("wire") => wire_kind(k, row, symbols)?,
        Some("buffer") => super::buffer::read(k, row)?.map(Kind::Buffer),
        Some("stream") => super::stream::read(k, row, symbols)?,
        Some("sub" | "unsub" | "pub" | "delivered" | "no" | "request") => {
            message_kind(k, row, symbols)?
        }
        _ => other_kind(k, row, symbols)?,
    };
    let kind = found.ok_or_else(|| format!("kind `{k}` is not known"))?;
    Ok(Event { t: row.number("t")?, kind })
}

fn other_kind(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<Kind>> {
    Ok(Some(match k {
        "phase" => Kind::Phase { phase: row.one_of("phase", &Phase::ALL, Phase::name)? },
        "fault" => Kind::Fault(Box::new(fault(row)?)),
        "node_up" => Kind::NodeUp {
            node: row.node("node")?,
            incarnation: row.number("incarnation")?,
            pool_size: if row.has("pool_size") { Some(row.number("pool_size")?) } else { None },
        },
        "node_down" => Kind::NodeDown {
            node: row.node("node")?,
            how: row.one_of("how", &NodeDownHow::ALL, NodeDownHow::name)?,
        },
        "connected" => Kind::ClientConnected {
            client: row.client()?,
            conn: row.conn()?,
            node: row.node("node")?,
        },
        "closed" => Kind::ClientClosed {
            client: row.client()?,
            conn: row.conn()?,
            reason: row.sym("reason", symbols)?,
        },
        "op_dropped" => Kind::OpDropped {
            client: row.client()?,
            what: row.one_of("what", &DropWhat::ALL, DropWhat::name)?,
            subject: row.sym("subject", symbols)?,
            count: row.number("count")?,
        },
        "client_error" => Kind::ClientError {
            client: row.client()?,
            conn: row.conn()?,
            node: row.node("node")?,
            text: row.sym("text", symbols)?,
        },
        "route_up" => Kind::RouteUp {
            node: row.node("node")?,
            remote: row.node("remote")?,
            pool: row.maybe("pool")?,
            account: row.sym("account", symbols)?,
            cid: row.number("cid")?,
        },
        "route_down" => Kind::RouteDown {
            node: row.node("node")?,
            remote: row.node("remote")?,
            cid: row.number("cid")?,
            reason: row.sym("reason", symbols)?,
        },
        "slow_consumer" => Kind::SlowConsumer {
            node: row.node("node")?,
            client: row.maybe("client")?.map(ClientId),
            pending: row.number("pending")?,
            limit: row.number("limit")?,
        },
        "backlog" => Kind::Backlog {
            node: row.node("node")?,
            client: row.client()?,
            pending: row.number("pending")?,
        },
        "dial" => Kind::Dial { node: row.node("node")?, target: row.sym("target", symbols)? },
        "servers" => Kind::Servers {
            client: row.client()?,
            conn: row.conn()?,
            urls: row.sym("urls", symbols)?,
        },
        "snapshot" => Kind::Snapshot(Box::new(snapshot(row, symbols)?)),
        "said" => Kind::Said { node: row.node("node")?, text: row.sym("text", symbols)? },
        "end" => Kind::End,
        _ => return Ok(None),
    }))
}

fn message_kind(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<Kind>> {
    Ok(Some(match k {
        "sub" => Kind::SubSent {
            client: row.client()?,
            conn: row.conn()?,
            sid: row.sid()?,
            subject: row.sym("subject", symbols)?,
            queue: row.sym("queue", symbols)?,
            max: row.number("max")?,
        },
        "sub_ready" => Kind::SubReady { client: row.client()?, conn: row.conn()?, sid: row.sid()? },
        "unsub" => Kind::UnsubSent {
            client: row.client()?,
            conn: row.conn()?,
            sid: row.sid()?,
            max: row.number("max")?,
        },
        "unsub_ready" => {
            Kind::UnsubReady { client: row.client()?, conn: row.conn()?, sid: row.sid()? }
        }
        "pub" => Kind::PubSent {
            msg: row.msg("msg")?,
            subject: row.sym("subject", symbols)?,
            reply: row.sym("reply", symbols)?,
            header: if row.has("header") { row.number("header")? } else { 0 },
            size: row.number("size")?,
            hash: row.number("hash")?,
        },
        "pub_flushed" => {
            Kind::PubFlushed { client: row.client()?, conn: row.conn()?, upto: row.number("upto")? }
        }
        "pub_refused" => Kind::PubRefused {
            client: row.client()?,
            conn: row.conn()?,
            subject: row.sym("subject", symbols)?,
            first: row.number("first")?,
            last: row.number("last")?,
            text: row.sym("text", symbols)?,
        },
        "delivered" => Kind::Delivered {
            client: row.client()?,
            conn: row.conn()?,
            sid: row.sid()?,
            subject: row.sym("subject", symbols)?,
            reply: row.sym("reply", symbols)?,
            msg: row.maybe_msg("msg")?,
            size: row.number("size")?,
            hash: row.number("hash")?,
        },
        "no_responders" => Kind::NoResponders {
            client: row.client()?,
            conn: row.conn()?,
            subject: row.sym("subject", symbols)?,
            request: row.msg("request")?,
        },
        "request_done" => {
            Kind::RequestDone { request: row.msg("request")?, answer: row.maybe_msg("answer")? }
        }
        "request_timeout" => Kind::RequestTimeout {
            request: row.msg("request")?,
            disconnected: row.flag("disconnected")?,
        },
        _ => return Ok(None),
    }))
}

fn wire_kind(k: &str, row: Row<'_>, symbols: &mut Symbols) -> Field<Option<Kind>> {
    Ok(Some(match k {
        "wire_sub" => Kind::WireSub {
            from: row.node("from")?,
            to: row.node("to")?,
            conn: row.wire()?,
            account: row.sym("account", symbols)?,
            subject: row.sym("subject", symbols)?,
            queue: row.sym("queue", symbols)?,
            weight: row.number("weight")?,
        },
        "wire_sub_seen" => Kind::WireSubSeen { sub: row.number("sub")? },
        "wire_msg" => Kind::WireMsg {
            from: row.node("from")?,
            to: row.node("to")?,
            conn: row.wire()?,
            account: row.sym("account", symbols)?,
            subject: row.sym("subject", symbols)?,
            queues: row.sym("queues", symbols)?,
            msg: row.maybe_msg("msg")?,
            kept: if row.has("kept") { Some(row.number("kept")?) } else { None },
        },
        "wire_msg_seen" => Kind::WireMsgSeen { sent: row.number("sent")? },
        "wire_opened" => {
            Kind::WireOpened { from: row.node("from")?, to: row.node("to")?, conn: row.wire()? }
        }
        "wire_closed" => {
            Kind::WireClosed { node: row.node("node")?, peer: row.node("peer")?, conn: row.wire()? }
        }
        "wire_error" => Kind::WireError {
            from: row.node("from")?,
            to: row.node("to")?,
            conn: row.wire()?,
            text: row.sym("text", symbols)?,
        },
        _ => return Ok(None),
    }))
}

fn fault(row: Row<'_>) -> Field<Fault> {
    Ok(Fault {
        id: row.number("id")?,
        on: row.flag("on")?,
        kind: row.one_of("fault", &FaultKind::ALL, FaultKind::name)?,
        text: row.text("text")?.to_owned(),
        nodes: row.list("nodes", |v| {
            number(v).map(NodeId).ok_or_else(|| "not the number of a node".to_owned())
        })?,
        pairs: row.list("pairs", |v| pair(v).map(|(a, b)| (NodeId(a), NodeId(b))))?,
        clients: row.list("clients", |v| pair(v).map(|(r, n)| (RegionId(r), NodeId(n))))?,
    })
}

fn snapshot(row: Row<'_>, symbols: &mut Symbols) -> Field<Snapshot> {
    let routes = row.list("routes", |v| {
        let row = Row(v);
        Ok(RouteEntry {
            remote: row.maybe("remote")?.map(NodeId),
            pool: row.maybe("pool")?,
            account: row.sym("account", symbols)?,
        })
    })?;
    let interest = row.list("interest", |v| {
        let row = Row(v);
        let holder = match row.get("holder")?.as_str() {
            Some("local") => Holder::Local,
            Some("unknown") => Holder::Unknown,
            Some(text) => return Err(format!("`holder` is `{text}`, which is not known")),
            None => Holder::Remote(row.node("holder")?),
        };
        Ok(InterestEntry {
            account: row.sym("account", symbols)?,
            subject: row.sym("subject", symbols)?,
            queue: row.sym("queue", symbols)?,
            weight: row.number("weight")?,
            holder,
        })
    })?;
    Ok(Snapshot {
        node: row.node("node")?,
        phase: row.one_of("phase", &Phase::ALL, Phase::name)?,
        routes,
        interest,
        clients: row.list("clients", |v| client_entry(Row(v)))?,
        urls: row.sym("urls", symbols)?,
        counters: counters(row.row("counters")?)?,
    })
}

fn client_entry(row: Row<'_>) -> Field<ClientEntry> {
    Ok(ClientEntry {
        client: row.maybe("client")?.map(ClientId),
        subs: row.number("subs")?,
        pending: row.number("pending")?,
        in_msgs: row.number("in_msgs")?,
        in_bytes: row.number("in_bytes")?,
        out_msgs: row.number("out_msgs")?,
        out_bytes: row.number("out_bytes")?,
    })
}

fn counters(row: Row<'_>) -> Field<NodeCounters> {
    Ok(NodeCounters {
        connections: row.number("connections")?,
        routes: row.number("routes")?,
        remotes: row.number("remotes")?,
        in_msgs: row.number("in_msgs")?,
        out_msgs: row.number("out_msgs")?,
        in_client_msgs: row.number("in_client_msgs")?,
        out_client_msgs: row.number("out_client_msgs")?,
        slow_clients: row.number("slow_clients")?,
        slow_routes: row.number("slow_routes")?,
        stale_clients: row.number("stale_clients")?,
        stale_routes: row.number("stale_routes")?,
        stalls: row.number("stalls")?,
        lost_on_close: row.number("lost_on_close")?,
        in_bytes: row.number("in_bytes")?,
        out_bytes: row.number("out_bytes")?,
        in_client_bytes: row.number("in_client_bytes")?,
        out_client_bytes: row.number("out_client_bytes")?,
        subscriptions: row.number("subscriptions")?,
        interest: row.number("interest")?,
        inserts: row.number("inserts")?,
        removes: row.number("removes")?,
        route_subs: row.number("route_subs")?,
        route_in_msgs: row.number("route_in_msgs")?,
        route_out_msgs: row.number("route_out_msgs")?,
        pending: row.number("pending")?,
        links: row.number("links")?,
        timers: row.number("timers")?,
        targets: row.number("targets")?,
        dials: row.number("dials")?,
    })
}

fn header(row: Row<'_>) -> Field<Header> {
    let schema = row.text("schema")?;
    if schema != SCHEMA_NAME && schema != SCHEMA_BEFORE {
        return Err(format!("the format is `{schema}`; this program reads `{SCHEMA_NAME}`"));
    }
    let (streams, consumers) = super::stream::read_infos(row)?;
    Ok(Header {
        streams,
        consumers,
        scenario: row.text("scenario")?.to_owned(),
        seed: row.number("seed")?,
        engine: row.text("engine")?.to_owned(),
        regions: row.list("regions", |v| {
            let row = Row(v);
            Ok(RegionInfo { name: row.text("name")?.to_owned(), link: link(row.row("link")?)? })
        })?,
        nodes: row.list("nodes", |v| node(Row(v)))?,
        paths: row.list("paths", |v| {
            let row = Row(v);
            let link = link(row.row("link")?)?;
            Ok(PathInfo { a: RegionId(row.number("a")?), b: RegionId(row.number("b")?), link })
        })?,
        clients: row.list("clients", |v| client(Row(v)))?,
        guarantees: row.list("guarantees", |v| guarantee(Row(v)))?,
        bounds: bounds(row.row("bounds")?)?,
        window: row.number("window")?,
        buffered: if row.has("buffered") {
            let text = |v: &'_ Value| v.as_str().map(str::to_owned).ok_or("a subject".to_owned());
            row.list("buffered", text)?
        } else {
            Vec::new()
        },
        buffers_forget: row.has("buffered") && row.flag("buffers_have_limits")?,
        core: if row.has("core") { Some(core(row.row("core")?)?) } else { None },
        unrecoverable: if row.has("unrecoverable") {
            row.list("unrecoverable", |v| unrecoverable(Row(v)))?
        } else {
            Vec::new()
        },
    })
}

fn core(row: Row<'_>) -> Field<Core> {
    Ok(Core {
        nodes: row.list("nodes", |v| whole(v).map(NodeId))?,
        clients: row.list("clients", |v| whole(v).map(ClientId))?,
        left: row.list("left", whole)?,
    })
}

fn whole<T: TryFrom<u64>>(value: &Value) -> Field<T> {
    number(value).ok_or_else(|| "not a number".to_owned())
}

fn unrecoverable(row: Row<'_>) -> Field<Unrecoverable> {
    let name = row.text("why")?;
    let why = Why::ALL.into_iter().find(|why| why.name() == name);
    let why = why.ok_or_else(|| format!("`{name}` is no reason"))?;
    let what = if row.has("client") {
        Lost::Connection(ClientId(row.number("client")?))
    } else {
        let nodes = row.list("nodes", |v| whole(v).map(NodeId))?;
        let &[a, b] = nodes.as_slice() else { return Err("`nodes` are not two".to_owned()) };
        Lost::Routes(a, b)
    };
    Ok(Unrecoverable { what, why })
}

fn link(row: Row<'_>) -> Field<LinkInfo> {
    Ok(LinkInfo {
        name: row.text("name")?.to_owned(),
        latency_ns: row.number("latency_ns")?,
        jitter_ns: row.number("jitter_ns")?,
        bandwidth: row.number("bandwidth")?,
    })
}

fn node(row: Row<'_>) -> Field<NodeInfo> {
    Ok(NodeInfo {
        name: row.text("name")?.to_owned(),
        region: RegionId(row.number("region")?),
        cluster: row.text("cluster")?.to_owned(),
        pool_size: row.number("pool_size")?,
        url: row.text("url")?.to_owned(),
        advertise: row.flag("advertise")?,
        max_pending: row.number("max_pending")?,
        limits: limits(row.row("limits")?)?,
    })
}

fn limits(row: Row<'_>) -> Field<NodeLimits> {
    Ok(NodeLimits {
        max_connections: row.maybe("max_connections")?,
        max_payload: row.number("max_payload")?,
        write_deadline_ns: row.number("write_deadline_ns")?,
        drops: row.has("drops") && row.flag("drops")?,
        lame_duck_grace_ns: row.number("lame_duck_grace_ns")?,
        lame_duck_ns: row.number("lame_duck_ns")?,
        buffer: if row.has("buffer") { Some(buffer_room(row.row("buffer")?)?) } else { None },
    })
}

fn buffer_room(row: Row<'_>) -> Field<BufferRoom> {
    Ok(BufferRoom {
        max_bytes: row.number("max_bytes")?,
        max_msgs: row.maybe("max_msgs")?,
        refuses: row.flag("refuses")?,
    })
}

fn client(row: Row<'_>) -> Field<ClientInfo> {
    Ok(ClientInfo {
        name: row.text("name")?.to_owned(),
        region: RegionId(row.number("region")?),
        role: row.text("role")?.to_owned(),
        no_echo: row.flag("no_echo")?,
        no_headers: row.has("no_headers") && row.flag("no_headers")?,
        slow: row.flag("slow")?,
    })
}

fn guarantee(row: Row<'_>) -> Field<GuaranteeInfo> {
    Ok(GuaranteeInfo {
        id: row.text("id")?.to_owned(),
        kind: row.text("kind")?.to_owned(),
        scope: row.name("scope")?.to_owned(),
        during: row.name("during")?.to_owned(),
        within_ns: row.maybe("within_ns")?,
        grace_ns: row.maybe("grace_ns")?,
        p99_ns: row.maybe("p99_ns")?,
        success_ppm: row.maybe("success_ppm")?,
        min_ppm: row.maybe("min_ppm")?,
        line: row.number("line")?,
    })
}

fn bounds(row: Row<'_>) -> Field<Bounds> {
    let phases = row.list("phases_ns", |v| number(v).ok_or_else(|| "not a number".to_owned()))?;
    Ok(Bounds {
        phases_ns: phases.try_into().map_err(|_| "`phases_ns` has not 7 entries".to_owned())?,
        rtt_max_ns: row.number("rtt_max_ns")?,
        interest_ns: row.number("interest_ns")?,
        routes_ns: row.number("routes_ns")?,
        clients_ns: row.number("clients_ns")?,
        tcp_timeout_ns: row.number("tcp_timeout_ns")?,
        fast_ppm: if row.has("fast_ppm") { row.number("fast_ppm")? } else { 0 },
        lag_ns: if row.has("lag_ns") { row.number("lag_ns")? } else { 0 },
    })
}
