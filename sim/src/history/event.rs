//! The events of a history.

use super::{BufferEvent, StreamEvent, Sym};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, RegionId, Sid, WireConn};

/// One thing that was observed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// When, in nanoseconds since the start of the run.
    pub t: u64,
    /// What.
    pub kind: Kind,
}

/// What was observed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The run enters a phase.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// A fault begins or ends.
    Fault(Box<Fault>),
    /// A node's process runs.
    NodeUp {
        /// Which.
        node: NodeId,
        /// How often it was started, from 1.
        incarnation: u32,
        /// Connections per peer, if that is not what the header says.
        pool_size: Option<u32>,
    },
    /// A node's process has ended.
    NodeDown {
        /// Which.
        node: NodeId,
        /// By what.
        how: NodeDownHow,
    },
    /// A client finished its handshake (the PONG after CONNECT came back).
    ClientConnected {
        /// Who.
        client: ClientId,
        /// Which of its connections.
        conn: ConnNo,
        /// To which node.
        node: NodeId,
    },
    /// A client's connection, or its attempt to make one, has ended.
    ClientClosed {
        /// Who.
        client: ClientId,
        /// Which of its connections; an attempt that failed has used up its number too.
        conn: ConnNo,
        /// Why, as the client saw it: `closed by plan`, `eof`, `reset`, `timed out`,
        /// `refused`, `stale`, `error: ...`.
        reason: Sym,
    },
    /// A client sent SUB.
    SubSent {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The subscription.
        sid: Sid,
        /// What it asks for; may hold wildcards.
        subject: Sym,
        /// The queue group, or none.
        queue: Sym,
        /// Auto-unsubscribe after this many (an UNSUB that was sent along); 0 is never.
        max: u32,
    },
    /// The PONG of a PING sent after SUB came back: the client's own node knows the subscription
    /// (the others may not yet).
    SubReady {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The subscription.
        sid: Sid,
    },
    /// A client sent UNSUB.
    UnsubSent {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The subscription.
        sid: Sid,
        /// After this many deliveries in all; 0 is now.
        max: u32,
    },
    /// The PONG of a PING sent after UNSUB came back. With `max` 0 nothing more may be delivered.
    UnsubReady {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The subscription.
        sid: Sid,
    },
    /// A client published.
    PubSent {
        /// Who, on which connection, and the message's number.
        msg: MsgId,
        /// Where to.
        subject: Sym,
        /// Where answers go, or none.
        reply: Sym,
        /// Bytes of `size` that are the header; 0 if there is none.
        header: u32,
        /// Bytes of header and payload.
        size: u32,
        /// Hash of header and payload.
        hash: u64,
    },
    /// The PONG of a PING that was sent after publishing: the client's node has processed all
    /// messages of this connection up to `upto`.
    PubFlushed {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The number of the last message.
        upto: u32,
    },
    /// The server told a client that it did not take one of its messages: a buffer for another
    /// server had no room for it. It names the subject only; answers come in order, so the message is
    /// one behind the last PING that was answered by then, and before the next.
    PubRefused {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The subject of the message.
        subject: Sym,
        /// The number of the first message that it may be, of those on this subject.
        first: u32,
        /// That of the last; if both are the same, it is this one.
        last: u32,
        /// What the server said.
        text: Sym,
    },
    /// An operation of the plan could not be done because the client was not connected (clients do
    /// not buffer).
    OpDropped {
        /// Who.
        client: ClientId,
        /// What.
        what: DropWhat,
        /// Where to.
        subject: Sym,
        /// How many messages that would have been; 1 for requests.
        count: u32,
    },
    /// A client received a message.
    Delivered {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// For which subscription.
        sid: Sid,
        /// The subject as delivered.
        subject: Sym,
        /// The reply subject as delivered, or none.
        reply: Sym,
        /// The identity that the payload carries; `None` if there is none, which no message of the
        /// simulator's clients explains.
        msg: Option<MsgId>,
        /// Bytes of header and payload.
        size: u32,
        /// Hash of header and payload.
        hash: u64,
    },
    /// A client received the 503 status: its node knew nobody for this request.
    NoResponders {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// The request's subject, as the status names it; none if it does not.
        subject: Sym,
        /// The request that it answers.
        request: MsgId,
    },
    /// A request got its first answer.
    RequestDone {
        /// The request.
        request: MsgId,
        /// The answer's identity.
        answer: Option<MsgId>,
    },
    /// A request got no answer in time, or its connection was lost.
    RequestTimeout {
        /// The request.
        request: MsgId,
        /// The connection was lost before the time was up.
        disconnected: bool,
    },
    /// The server sent -ERR, or bytes that no server may send.
    ClientError {
        /// Who.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// To which node, handshake or not.
        node: NodeId,
        /// The text.
        text: Sym,
    },
    /// A node registered a route.
    RouteUp {
        /// Who says so.
        node: NodeId,
        /// The peer.
        remote: NodeId,
        /// Slot in the pool; `None` for a dedicated route or without pooling.
        pool: Option<u32>,
        /// The account of a dedicated route, or none.
        account: Sym,
        /// The node's own number of the connection.
        cid: u64,
    },
    /// A route that was up has ended.
    RouteDown {
        /// Who says so.
        node: NodeId,
        /// The peer.
        remote: NodeId,
        /// The node's own number of the connection.
        cid: u64,
        /// Why.
        reason: Sym,
    },
    /// A node cut a client or a route off because it was slow.
    SlowConsumer {
        /// Who says so.
        node: NodeId,
        /// The client, unless it was a route.
        client: Option<ClientId>,
        /// Bytes that waited for it.
        pending: u64,
        /// The limit that was passed; 0 if it was the write deadline.
        limit: u64,
    },
    /// More bytes wait for a client than ever before on this connection: another quarter of the
    /// node's `max_pending` is full, or it is exceeded.
    Backlog {
        /// Who says so.
        node: NodeId,
        /// The client.
        client: ClientId,
        /// Bytes that wait for it.
        pending: u64,
    },
    /// A node dials a route.
    Dial {
        /// Who.
        node: NodeId,
        /// Whom, as `host:port`.
        target: Sym,
    },
    /// A node told a client of the servers that there are (INFO).
    Servers {
        /// Whom.
        client: ClientId,
        /// On which connection.
        conn: ConnNo,
        /// Their addresses, separated by blanks, sorted; none if it named none.
        urls: Sym,
    },
    /// A node told another about interest (RS+, RS-, LS+, LS-).
    WireSub {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// On which connection.
        conn: WireConn,
        /// The account.
        account: Sym,
        /// The subject; may hold wildcards.
        subject: Sym,
        /// The queue group, or none.
        queue: Sym,
        /// How many members; 1 for plain interest, 0 when it ends.
        weight: u32,
    },
    /// The receiver of a [`WireSub`](Self::WireSub) has been handed the line.
    WireSubSeen {
        /// The number of the event it belongs to.
        sub: u64,
    },
    /// A node sent a message to another (RMSG, HMSG).
    WireMsg {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// On which connection.
        conn: WireConn,
        /// The account.
        account: Sym,
        /// The subject.
        subject: Sym,
        /// The queue groups that are to deliver it, separated by spaces, or none.
        queues: Sym,
        /// The identity that the payload carries.
        msg: Option<MsgId>,
        /// Its sequence in the sender's buffer, if it came out of that.
        kept: Option<u64>,
    },
    /// The receiver of a [`WireMsg`](Self::WireMsg) has been handed all of it.
    WireMsgSeen {
        /// The number of the event it belongs to.
        sent: u64,
    },
    /// A connection between nodes was opened: the tap begins.
    WireOpened {
        /// Who dialled.
        from: NodeId,
        /// Who accepted.
        to: NodeId,
        /// The connection.
        conn: WireConn,
    },
    /// A connection between nodes is gone at one end: what `node` was told over it is void.
    WireClosed {
        /// Who noticed.
        node: NodeId,
        /// The peer.
        peer: NodeId,
        /// The connection.
        conn: WireConn,
    },
    /// Bytes on a connection between nodes that are not the route protocol.
    WireError {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// On which connection.
        conn: WireConn,
        /// What is wrong.
        text: Sym,
    },
    /// Something became of messages that a node keeps for another.
    Buffer(BufferEvent),
    /// A line that a node wrote into its log.
    Said {
        /// Who.
        node: NodeId,
        /// What.
        text: Sym,
    },
    /// Something that a client saw of a stream.
    Stream(Box<StreamEvent>),
    /// The state of a node, asked for at the end of quiesce and of drain.
    Snapshot(Box<Snapshot>),
    /// The run is over.
    End,
}

impl Kind {
    /// The message that it is about, if it is about one.
    #[must_use]
    pub fn message(&self) -> Option<MsgId> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are about none")]
        match self {
            Self::PubSent { msg, .. }
            | Self::NoResponders { request: msg, .. }
            | Self::RequestDone { request: msg, .. }
            | Self::RequestTimeout { request: msg, .. } => Some(*msg),
            Self::PubRefused { client, conn, first, last, .. } if first == last => {
                Some(MsgId { client: *client, conn: *conn, seq: *first })
            }
            Self::Delivered { msg, .. } | Self::WireMsg { msg, .. } => *msg,
            Self::Buffer(event) => event.msg(),
            Self::Stream(event) => match &**event {
                StreamEvent::Sent { msg, .. }
                | StreamEvent::Acked { msg, .. }
                | StreamEvent::Refused { msg, .. }
                | StreamEvent::Unknown { msg }
                | StreamEvent::Added { msg, .. }
                | StreamEvent::Told { msg, .. }
                | StreamEvent::Batch { first: msg, .. } => Some(*msg),
                StreamEvent::Given { msg, .. }
                | StreamEvent::Got { msg, .. }
                | StreamEvent::Stored { msg, .. } => *msg,
                _ => None,
            },
            _ => None,
        }
    }
}

/// The parts of a run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Nodes start and find each other.
    Boot,
    /// Clients connect and subscribe.
    Warm,
    /// Clients work; faults come and go. The scenario's time zero.
    Chaos,
    /// The last fault is lifted; clients go on working.
    Heal,
    /// Clients stop publishing; what is under way arrives.
    Quiesce,
    /// Clients unsubscribe and leave.
    Drain,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Boot, Self::Warm, Self::Chaos, Self::Heal, Self::Quiesce, Self::Drain];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Warm => "warm",
            Self::Chaos => "chaos",
            Self::Heal => "heal",
            Self::Quiesce => "quiesce",
            Self::Drain => "drain",
        }
    }
}

/// A fault that begins or ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Its number in the plan, from 0. The end has the number of the beginning.
    pub id: u32,
    /// It begins (`true`) or ends. What lasts no time, as a reset, only begins.
    pub on: bool,
    /// What kind.
    pub kind: FaultKind,
    /// In words, as in the plan.
    pub text: String,
    /// Nodes that it hits as a whole (crash, stop, lame duck), sorted.
    pub nodes: Vec<NodeId>,
    /// Directed pairs of nodes between which it cuts or disturbs traffic, sorted.
    pub pairs: Vec<(NodeId, NodeId)>,
    /// Nodes that clients of a region cannot reach, sorted: (region of the clients, node).
    pub clients: Vec<(RegionId, NodeId)>,
}

/// The kinds of faults. Their names are those of the scenario format.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FaultKind {
    /// Nothing passes; connections stay, their bytes wait; they break when TCP gives up.
    Partition,
    /// Nothing passes, and connections that were there when it began stay dead and silent for ever.
    Blackhole,
    /// Everything waits, and comes at once when it ends.
    Hold,
    /// One end of existing connections is reset, once; the other does not know.
    HalfOpen,
    /// Existing connections break in the middle of what is sent.
    CutStream,
    /// What arrives is read in small pieces.
    Slice,
    /// One side has another address, once; existing connections lead nowhere.
    Rebind,
    /// New connections are made and ended at once; existing ones stay.
    HangUp,
    /// The name service gives wrong answers.
    Dns,
    /// Existing connections are reset, once.
    Reset,
    /// New connections are refused; existing ones stay.
    Refuse,
    /// Bytes take longer.
    Degrade,
    /// A process dies at once; when the fault ends, it starts again.
    Crash,
    /// A process is asked to stop; when the fault ends, it starts again.
    Stop,
    /// A process enters lame duck mode; when the fault ends, it starts again.
    LameDuck,
    /// A client stops reading; when the fault ends, it goes on.
    StopReading,
    /// A process neither reads nor runs timers; when the fault ends, it goes on.
    Pause,
    /// Every input of a process takes time.
    SlowCpu,
    /// A machine is off at once and tells nobody; when the fault ends, it starts again.
    PowerLoss,
    /// A process ends and is started again at once.
    Restart,
    /// The clocks of machines are wrong. Nobody may notice.
    Clock,
    /// A node is not there until now.
    Join,
    /// A node goes for good.
    Leave,
    /// A process is given another configuration.
    Reload,
    /// A process ends, and one of another release is started at once.
    Upgrade,
    /// Something is wrong with disks.
    Disk,
}

impl FaultKind {
    /// All.
    pub const ALL: [Self; 26] = [
        Self::Partition,
        Self::Blackhole,
        Self::Hold,
        Self::HalfOpen,
        Self::CutStream,
        Self::Slice,
        Self::Rebind,
        Self::HangUp,
        Self::Dns,
        Self::Reset,
        Self::Refuse,
        Self::Degrade,
        Self::Crash,
        Self::Stop,
        Self::LameDuck,
        Self::StopReading,
        Self::Pause,
        Self::SlowCpu,
        Self::PowerLoss,
        Self::Restart,
        Self::Clock,
        Self::Join,
        Self::Leave,
        Self::Reload,
        Self::Upgrade,
        Self::Disk,
    ];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Blackhole => "blackhole",
            Self::Hold => "hold",
            Self::HalfOpen => "half_open",
            Self::CutStream => "cut_stream",
            Self::Slice => "slice",
            Self::Rebind => "rebind",
            Self::HangUp => "hang_up",
            Self::Dns => "dns",
            Self::Reset => "reset",
            Self::Refuse => "refuse",
            Self::Degrade => "degrade",
            Self::Crash => "crash",
            Self::Stop => "stop",
            Self::LameDuck => "lame_duck",
            Self::StopReading => "stop_reading",
            Self::Pause => "pause",
            Self::SlowCpu => "slow_cpu",
            Self::PowerLoss => "power_loss",
            Self::Restart => "restart",
            Self::Clock => "clock",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Reload => "reload",
            Self::Upgrade => "upgrade",
            Self::Disk => "disk",
        }
    }

    /// Whether it is no excuse for anything that happens between nodes: they must not notice, or it
    /// is a matter of one client alone.
    #[must_use]
    pub const fn excuses_nothing(self) -> bool {
        matches!(self, Self::StopReading | Self::Clock | Self::Disk)
    }

    /// Whether its nodes are asked to leave: until they are started again they may end by themselves.
    #[must_use]
    pub const fn asks_to_leave(self) -> bool {
        matches!(self, Self::LameDuck | Self::Stop | Self::Restart | Self::Leave | Self::Upgrade)
    }

    /// Whether nothing passes between its pairs while it lasts.
    #[must_use]
    pub const fn cuts(self) -> bool {
        matches!(self, Self::Partition | Self::Blackhole | Self::Hold)
    }

    /// Whether it lasts no time: it only begins, or its beginning and its end are two moments and
    /// nothing is wrong between them.
    #[must_use]
    pub const fn is_instant(self) -> bool {
        matches!(self, Self::Reset | Self::HalfOpen | Self::Rebind | Self::Join | Self::Reload)
    }

    /// Whether it leaves connections behind that look alive and are not.
    #[must_use]
    pub const fn leaves_dead_connections(self) -> bool {
        matches!(self, Self::Blackhole | Self::Rebind)
    }
}

/// How a node's process ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum NodeDownHow {
    /// The plan killed it.
    Killed,
    /// It ended by itself, having been asked to.
    Exited,
    /// It panicked: a bug.
    Panicked,
}

impl NodeDownHow {
    /// All.
    pub const ALL: [Self; 3] = [Self::Killed, Self::Exited, Self::Panicked];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Exited => "exited",
            Self::Panicked => "panicked",
        }
    }

    /// What a sentence says of the node.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Killed => "is killed",
            Self::Exited => "ends",
            Self::Panicked => "panics",
        }
    }
}

/// What a client could not do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DropWhat {
    /// Publish.
    Publish,
    /// Request.
    Request,
}

impl DropWhat {
    /// All.
    pub const ALL: [Self; 2] = [Self::Publish, Self::Request];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Request => "request",
        }
    }
}

/// What a node says about itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// Who.
    pub node: NodeId,
    /// In which phase.
    pub phase: Phase,
    /// Its routes, sorted.
    pub routes: Vec<RouteEntry>,
    /// Its interest tables, sorted.
    pub interest: Vec<InterestEntry>,
    /// Its client connections as it reports them, sorted.
    pub clients: Vec<ClientEntry>,
    /// The servers that it tells clients of, separated by blanks, sorted.
    pub urls: Sym,
    /// Its counters.
    pub counters: NodeCounters,
}

/// A client connection of a node, as the node reports it.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct ClientEntry {
    /// The client; `None` if the address is not that of one.
    pub client: Option<ClientId>,
    /// How many subscriptions it has.
    pub subs: u64,
    /// Bytes that wait for it.
    pub pending: u64,
    /// Messages from it.
    pub in_msgs: u64,
    /// Bytes of their headers and payloads.
    pub in_bytes: u64,
    /// Messages to it.
    pub out_msgs: u64,
    /// Bytes of their headers and payloads.
    pub out_bytes: u64,
}

/// A route of a node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RouteEntry {
    /// The peer; `None` if the node names one that the simulator does not know.
    pub remote: Option<NodeId>,
    /// Slot in the pool; `None` for a dedicated route or without pooling.
    pub pool: Option<u32>,
    /// The account of a dedicated route, or none.
    pub account: Sym,
}

/// One row of a node's interest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InterestEntry {
    /// The account.
    pub account: Sym,
    /// The subject.
    pub subject: Sym,
    /// The queue group, or none.
    pub queue: Sym,
    /// Members: local subscriptions that are alike are added up, a remote's queue weight is taken
    /// as it stands, plain remote interest is 1.
    pub weight: u32,
    /// Whose it is.
    pub holder: Holder,
}

/// Whose interest a row is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Holder {
    /// Clients of the node itself.
    Local,
    /// A peer told about it.
    Remote(NodeId),
    /// Somebody that the simulator does not know.
    Unknown,
}

/// Counters of a node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NodeCounters {
    /// Open client connections.
    pub connections: u64,
    /// Open route connections.
    pub routes: u64,
    /// Distinct peers behind them.
    pub remotes: u64,
    /// Messages received from clients and routes.
    pub in_msgs: u64,
    /// Messages sent to clients and routes.
    pub out_msgs: u64,
    /// Messages received from clients.
    pub in_client_msgs: u64,
    /// Messages sent to clients.
    pub out_client_msgs: u64,
    /// Clients cut for slowness.
    pub slow_clients: u64,
    /// Routes cut for slowness.
    pub slow_routes: u64,
    /// Clients cut as stale.
    pub stale_clients: u64,
    /// Routes cut as stale.
    pub stale_routes: u64,
    /// Times a fast producer was stalled.
    pub stalls: u64,
    /// Bytes lost with closed routes.
    pub lost_on_close: u64,
    /// Bytes of the messages received from clients and routes.
    pub in_bytes: u64,
    /// Bytes of the messages sent to clients and routes.
    pub out_bytes: u64,
    /// Bytes of the messages received from clients.
    pub in_client_bytes: u64,
    /// Bytes of the messages sent to clients.
    pub out_client_bytes: u64,
    /// Subscriptions and remote interest, as the server as a whole reports them.
    pub subscriptions: u64,
    /// The same, as the interest table reports them.
    pub interest: u64,
    /// Entries ever put into the interest table.
    pub inserts: u64,
    /// Entries ever taken out of it.
    pub removes: u64,
    /// Interest that was told over routes, as these report it.
    pub route_subs: u64,
    /// Messages received over the routes that are open, as these report it.
    pub route_in_msgs: u64,
    /// Messages sent over the routes that are open, as these report it.
    pub route_out_msgs: u64,
    /// Bytes that wait to be written, to anybody.
    pub pending: u64,
    /// Connections of any kind and in any state.
    pub links: u64,
    /// Timers in the heap, outdated ones with them.
    pub timers: u64,
    /// Addresses at which a server is wanted.
    pub targets: u64,
    /// Dials under way.
    pub dials: u64,
}
