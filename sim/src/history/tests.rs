//! What is written is what is read.

use super::*;
use crate::ids::{ClientId, ConnNo, ConsumerNo, MsgId, NodeId, RegionId, Sid, StreamNo, WireConn};

fn stream_infos() -> Vec<StreamInfo> {
    let (name, config) = ("S".to_owned(), "{\"name\":\"S\"}".to_owned());
    vec![StreamInfo { name, node: NodeId(1), config, sync_ns: 7 }]
}

fn consumer_infos() -> Vec<ConsumerInfo> {
    let (name, config) = ("w".to_owned(), "{}".to_owned());
    vec![ConsumerInfo { name, stream: StreamNo(0), config, worked: true }]
}

fn header() -> Header {
    let link =
        |name: &str| LinkInfo { name: name.to_owned(), latency_ns: 1, jitter_ns: 2, bandwidth: 3 };
    Header {
        scenario: "s\"1".to_owned(),
        seed: u64::MAX,
        engine: "pure".to_owned(),
        regions: vec![RegionInfo { name: "a".to_owned(), link: link("lan") }],
        nodes: vec![NodeInfo {
            name: "a/1".to_owned(),
            region: RegionId(0),
            cluster: "c".to_owned(),
            pool_size: 3,
            url: "10.0.0.1:4222".to_owned(),
            advertise: true,
            max_pending: 64,
            limits: NodeLimits {
                max_connections: Some(1),
                max_payload: 2,
                ..NodeLimits::default()
            },
        }],
        paths: vec![PathInfo { a: RegionId(0), b: RegionId(1), link: link("wan") }],
        clients: vec![ClientInfo {
            name: "p/1".to_owned(),
            region: RegionId(0),
            role: "publish".to_owned(),
            no_echo: true,
            no_headers: true,
            slow: false,
        }],
        streams: stream_infos(),
        consumers: consumer_infos(),
        guarantees: vec![
            GuaranteeInfo { id: "x".to_owned(), kind: "k".to_owned(), ..Default::default() },
            GuaranteeInfo {
                id: "y".to_owned(),
                kind: "k".to_owned(),
                scope: "client:p".to_owned(),
                during: "partition".to_owned(),
                within_ns: Some(1),
                grace_ns: Some(2),
                p99_ns: Some(3),
                success_ppm: Some(4),
                min_ppm: Some(5),
                line: 6,
            },
        ],
        window: 7,
        bounds: Bounds {
            phases_ns: [0, 1, 2, 3, 4, 5, 6],
            rtt_max_ns: 7,
            interest_ns: 8,
            routes_ns: 9,
            clients_ns: 10,
            tcp_timeout_ns: 11,
            fast_ppm: 12,
            lag_ns: 13,
        },
        buffered: vec!["orders.>".to_owned()],
        buffers_forget: true,
        core: Some(Core { nodes: vec![NodeId(0)], clients: vec![ClientId(0)], left: vec![3, 5] }),
        unrecoverable: vec![
            Unrecoverable { what: Lost::Routes(NodeId(0), NodeId(1)), why: Why::NoRoute },
            Unrecoverable { what: Lost::Connection(ClientId(0)), why: Why::NoServer },
        ],
    }
}

fn snapshot(subject: Sym, account: Sym) -> Snapshot {
    let (remote, none) = (NodeId(1), Sym::NONE);
    Snapshot {
        node: NodeId(0),
        phase: Phase::Quiesce,
        routes: vec![
            RouteEntry { remote: None, pool: None, account },
            RouteEntry { remote: Some(remote), pool: Some(2), account: none },
        ],
        interest: [Holder::Local, Holder::Remote(remote), Holder::Unknown]
            .map(|holder| InterestEntry { account, subject, queue: none, weight: 7, holder })
            .to_vec(),
        clients: vec![
            ClientEntry { client: None, subs: 1, ..Default::default() },
            ClientEntry {
                client: Some(ClientId(1)),
                subs: 2,
                pending: 3,
                in_msgs: 4,
                in_bytes: 5,
                out_msgs: 6,
                out_bytes: 7,
            },
        ],
        urls: account,
        counters: NodeCounters {
            connections: 1,
            lost_on_close: 13,
            dials: 9,
            ..Default::default()
        },
    }
}

/// One event of every kind, and some in two shapes.
pub(crate) fn kinds(symbols: &mut Symbols) -> Vec<Kind> {
    let (node, remote, to) = (NodeId(0), NodeId(1), NodeId(1));
    let (client, conn, sid) = (ClientId(1), ConnNo(2), Sid(3));
    let wire = WireConn(9);
    let msg = MsgId { client, conn, seq: 4 };
    let [subject, reply, queue] = ["a.*", "box", "q\u{e9}"].map(|text| symbols.intern(text));
    let none = Sym::NONE;
    let mut kinds: Vec<Kind> = Phase::ALL.map(|phase| Kind::Phase { phase }).to_vec();
    kinds.extend(FaultKind::ALL.map(|kind| {
        Kind::Fault(Box::new(Fault {
            id: 1,
            on: true,
            kind,
            text: "cut\n\"it\"".to_owned(),
            nodes: vec![node],
            pairs: vec![(node, to), (to, node)],
            clients: vec![(RegionId(0), to)],
        }))
    }));
    kinds.extend(NodeDownHow::ALL.map(|how| Kind::NodeDown { node, how }));
    kinds.extend(DropWhat::ALL.map(|what| Kind::OpDropped { client, what, subject, count: 2 }));
    kinds.extend([
        Kind::NodeUp { node, incarnation: 2, pool_size: None },
        Kind::NodeUp { node, incarnation: 3, pool_size: Some(0) },
        Kind::ClientConnected { client, conn, node },
        Kind::ClientClosed { client, conn, reason: reply },
        Kind::SubSent { client, conn, sid, subject, queue: none, max: 0 },
        Kind::SubReady { client, conn, sid },
        Kind::UnsubSent { client, conn, sid, max: 5 },
        Kind::UnsubReady { client, conn, sid },
        Kind::PubSent { msg, subject, reply: none, header: 3, size: 16, hash: u64::MAX },
        Kind::PubFlushed { client, conn, upto: 4 },
        Kind::PubRefused { client, conn, subject, first: 4, last: 4, text: reply },
        Kind::PubRefused { client, conn, subject, first: 2, last: 4, text: reply },
        Kind::Delivered { client, conn, sid, subject, reply, msg: None, size: 0, hash: 1 },
        Kind::Delivered { client, conn, sid, subject, reply, msg: Some(msg), size: 0, hash: 1 },
        Kind::NoResponders { client, conn, subject: none, request: msg },
        Kind::RequestDone { request: msg, answer: None },
        Kind::RequestTimeout { request: msg, disconnected: true },
        Kind::ClientError { client, conn, node, text: subject },
        Kind::RouteUp { node, remote, pool: None, account: queue, cid: 8 },
        Kind::RouteUp { node, remote, pool: Some(0), account: none, cid: 8 },
        Kind::RouteDown { node, remote, cid: 8, reason: subject },
        Kind::SlowConsumer { node, client: None, pending: 1, limit: 2 },
        Kind::SlowConsumer { node, client: Some(client), pending: 1, limit: 0 },
        Kind::Backlog { node, client, pending: 7 },
        Kind::Dial { node, target: subject },
        Kind::Servers { client, conn, urls: reply },
        Kind::WireSub { from: node, to, conn: wire, account: reply, subject, queue, weight: 0 },
        Kind::WireSubSeen { sub: 3 },
        Kind::WireMsg {
            from: node,
            to,
            conn: wire,
            account: reply,
            subject,
            queues: queue,
            msg: Some(msg),
            kept: Some(3),
        },
        Kind::WireMsgSeen { sent: 9 },
        Kind::Said { node, text: subject },
        Kind::WireOpened { from: node, to, conn: wire },
        Kind::WireClosed { node, peer: to, conn: wire },
        Kind::WireError { from: node, to, conn: wire, text: reply },
        Kind::Snapshot(Box::new(snapshot(subject, reply))),
        Kind::End,
    ]);
    kinds.extend(buffer_events(msg).map(|what| Kind::Buffer(BufferEvent { node, peer: to, what })));
    kinds.extend(stream_events(subject, client).map(|event| Kind::Stream(Box::new(event))));
    kinds
}

fn buffer_events(msg: MsgId) -> [BufferWhat; 4] {
    [
        BufferWhat::Kept { seq: 1, msg: Some(msg), messages: 2, bytes: 3 },
        BufferWhat::Left { first: 1, last: 2, why: LeftWhy::Age, messages: 0, bytes: 0 },
        BufferWhat::Refused { msg: None },
        BufferWhat::Repeated { seq: 7 },
    ]
}

#[test]
fn the_version_before_is_read() {
    let text = written(&history()).replacen("causeway-history-2", "causeway-history-1", 1);
    assert!(History::read_from(text.as_bytes()).is_ok());
}

fn stream_events(subject: Sym, client: ClientId) -> [StreamEvent; 29] {
    let (stream, consumer) = (StreamNo(0), ConsumerNo(0));
    let msg = MsgId { client, conn: STORED, seq: 9 };
    let sent = |expect| StreamEvent::Sent {
        msg,
        attempt: 2,
        stream,
        subject,
        size: 16,
        hash: u64::MAX,
        id: true,
        expect,
        delete: false,
    };
    let given = |msg| StreamEvent::Given {
        client,
        consumer,
        seq: 1,
        consumer_seq: 2,
        times: 3,
        pending: 4,
        subject,
        msg,
        size: 5,
        hash: 6,
    };
    let answered = |how| StreamEvent::Answered { client, consumer, seq: 1, consumer_seq: 2, how };
    let [ack, wait, nak, term] = Answered::ALL.map(answered);
    [
        StreamEvent::Made { stream },
        StreamEvent::ConsumerMade { consumer },
        sent(None),
        sent(Some(3)),
        StreamEvent::Acked { msg, seq: 1, duplicate: true, name: subject },
        StreamEvent::Refused { msg, code: 503, text: subject },
        StreamEvent::Unknown { msg },
        StreamEvent::Batch { stream, first: msg, count: 3 },
        StreamEvent::Added { msg, add: 5 },
        StreamEvent::Told { msg, value: u64::MAX },
        StreamEvent::Value { stream, seq: 1, value: 7 },
        given(None),
        given(Some(msg)),
        ack,
        wait,
        nak,
        term,
        StreamEvent::Confirmed { client, consumer, seq: 1 },
        StreamEvent::Read { client, call: 1, stream, subject },
        StreamEvent::Got { client, call: 1, seq: 0, msg: None },
        StreamEvent::Untold { client, call: 2 },
        StreamEvent::State(StreamState {
            messages: 1,
            bytes: 2,
            lost: 3,
            asked: 4,
            ..Default::default()
        }),
        StreamEvent::Stored { stream, seq: 1, subject, msg: Some(msg), size: 2, hash: 3 },
        StreamEvent::Hole { stream, seq: 1, code: 404 },
        StreamEvent::Audited { stream },
        StreamEvent::Damaged { stream, what: subject, first: 2, last: u64::MAX },
        StreamEvent::Vanished { stream },
        StreamEvent::ConsumerState(ConsumerState { floor: 1, pending: 2, ..Default::default() }),
        StreamEvent::ApiError { client, about: subject, code: 1, text: subject },
    ]
}

pub(crate) fn history() -> History {
    let mut symbols = Symbols::default();
    let kinds = kinds(&mut symbols);
    let events = (0..).zip(kinds).map(|(t, kind)| Event { t, kind }).collect();
    History { header: header(), events, symbols }
}

fn written(history: &History) -> String {
    let mut out = Vec::new();
    history.write_to(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_history_is_read_as_it_was_written() {
    let history = history();
    let text = written(&history);
    let again = History::read_from(text.as_bytes()).unwrap();
    assert_eq!(again.header, history.header);
    // Symbols are numbered in the order of the file, so the texts are what must agree.
    assert_eq!(written(&again), text);
    assert_eq!(again.events.len(), history.events.len());
}

#[test]
fn every_line_is_an_object_that_begins_with_number_time_and_kind() {
    let history = history();
    for (i, line) in written(&history).lines().skip(1).enumerate() {
        let name = history.events[i].kind.name();
        let begin = format!("{{\"i\":{i},\"t\":{i},\"k\":\"{name}\"");
        assert!(line.starts_with(&begin), "{line}");
    }
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    let text = written(&history());
    let wrong = |text: &str| History::read_from(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(wrong(""), "line 1: there is no header");
    assert!(wrong("{\n").starts_with("line 1: "));
    assert_eq!(wrong("{}\n"), "line 1: `schema` is missing");
    let other = text.replacen("causeway-history-2", "causeway-history-9", 1);
    assert!(wrong(&other).contains("this program reads `causeway-history-2`"));
    let lines: Vec<&str> = text.lines().collect();
    let swapped = [lines[0], lines[2], lines[1]].join("\n");
    assert_eq!(wrong(&swapped), "line 2: event 1 is at place 0");
    for (from, to, what) in [
        ("\"phase\":\"boot\"", "\"phase\":\"bot\"", "`phase` is `bot`, which is not known"),
        ("\"k\":\"phase\"", "\"k\":\"phrase\"", "kind `phrase` is not known"),
        ("\"t\":0", "\"t\":-1", "`t` is not a number in range"),
    ] {
        let changed = lines[1].replacen(from, to, 1);
        assert_eq!(wrong(&[lines[0], &changed].join("\n")), format!("line 2: {what}"));
    }
}
