//! What happened, as values: the host turns them into log lines, the simulator into a trace.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use causeway_store::Finding;
use causeway_store::disk::DiskError;

use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::link::LinkKind;
use crate::monitor::buffer::Dropped;
use crate::time::Duration;

/// Which trace events are wanted. Kinds that nobody wants are not built.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TraceMask {
    /// Level debug: connections created and closed, pings, gossip.
    pub debug: bool,
    /// Every protocol operation in and out (`-V`): [`TraceEvent::Protocol`].
    pub protocol: bool,
    /// What becomes of single messages: [`TraceEvent::Message`].
    pub messages: bool,
}

/// Who a log line is about: `IP:PORT - cid:N - "v1:go:name" - "$G/user:name"`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LinkLabel {
    /// The link.
    pub link: LinkId,
    /// Its kind.
    pub kind: LinkKind,
    /// The connection id (`cid:`, `rid:`): counts up per server, over all kinds.
    pub cid: u64,
    /// The peer's address.
    pub peer: SocketAddr,
    /// For clients that said so in CONNECT: `v<version>:<lang>:<name>`; for routes the remote's name.
    pub name: Option<String>,
    /// For clients that named a user or a token: `<account>/user:<name>`, `<account>/token`.
    pub user: Option<String>,
}

/// Which way a traced operation went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From the peer (`<<-`).
    In,
    /// To the peer (`->>`).
    Out,
    /// Inside (`<->`), for example the removal of a subscription that reached its maximum.
    Internal,
}

/// One event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TraceEvent {
    /// A connection was accepted or dialled (debug).
    LinkOpened {
        /// Who.
        who: LinkLabel,
    },
    /// A connection ended.
    LinkClosed {
        /// Who.
        who: LinkLabel,
        /// Why.
        reason: CloseReason,
        /// For routes: the remote server's name, once known.
        remote: Option<String>,
    },
    /// A route completed its handshake and carries traffic.
    RouteRegistered {
        /// Who.
        who: LinkLabel,
        /// The remote server's id.
        remote_id: String,
        /// The remote server's name.
        remote_name: String,
        /// Its slot in the pool, or `None` for a dedicated account route.
        pool_index: Option<u32>,
        /// The account of a dedicated route.
        account: Option<String>,
    },
    /// A route turned out to be a second connection for an occupied slot, or to ourselves (debug).
    RouteDuplicate {
        /// Who.
        who: LinkLabel,
        /// The remote server's id.
        remote_id: String,
    },
    /// A route's peer told of a server that we are not connected to, and we will dial it (debug).
    RouteDiscovered {
        /// The address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A dial for a route failed.
    DialFailed {
        /// The address.
        host: String,
        /// The port.
        port: u16,
        /// Attempts so far, from 1.
        attempt: u32,
        /// Why.
        error: String,
    },
    /// A peer offered wrong credentials, or none.
    AuthenticationFailed {
        /// Who.
        who: LinkLabel,
        /// The user it named, if any.
        user: Option<String>,
    },
    /// A peer broke the protocol or a limit; the text names thing, limit and value.
    PeerFault {
        /// Who.
        who: LinkLabel,
        /// The error's text.
        text: String,
    },
    /// A receiver did not keep up and is cut off.
    SlowConsumer {
        /// Who.
        who: LinkLabel,
        /// Pending bytes at that moment.
        pending: u64,
        /// The limit that was exceeded: bytes for pending, or `None` for the write deadline.
        max_pending: Option<u64>,
        /// The write deadline that passed, if it was that.
        deadline: Option<Duration>,
    },
    /// This node entered lame duck mode.
    LameDuck,
    /// The cluster's name is settled: given, taken from a peer, or made up.
    ClusterName {
        /// The name.
        name: String,
    },
    /// All streams have been read from the disk.
    StreamsReady {
        /// How many there are.
        streams: u64,
    },
    /// The directory of an account's streams cannot be read.
    StoreUnreadable {
        /// Why.
        error: DiskError,
    },
    /// Something about the files of a stream is not as it should be.
    StreamDamaged {
        /// Its directory.
        dir: String,
        /// What.
        finding: Finding,
    },
    /// A directory of a stream does not say what the stream was. It is left as it is.
    StreamUnknown {
        /// The directory.
        dir: String,
    },
    /// Something happened to a buffer for another server.
    Buffer(BufferEvent),
    /// Something became of a message that is kept for another server.
    Message(MessageEvent),
    /// One protocol operation (`-V`). Secrets in CONNECT are already redacted.
    Protocol {
        /// Who.
        who: LinkLabel,
        /// Which way.
        direction: Direction,
        /// The operation without CRLF: `PUB foo 2`, `MSG_PAYLOAD: ["hi"]`.
        text: Vec<u8>,
    },
}

/// What became of messages that are kept for another server, one by one: for those who tell the story
/// of each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MessageEvent {
    /// A message was put into the buffer for a peer.
    Kept {
        /// The peer's name.
        peer: String,
        /// Its sequence there.
        seq: u64,
        /// The first bytes of its payload.
        payload: Vec<u8>,
        /// Messages in the buffer now.
        messages: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Messages left the buffer for a peer.
    Left {
        /// The peer's name.
        peer: String,
        /// The sequence of the first.
        first: u64,
        /// That of the last.
        last: u64,
        /// Why.
        why: Leave,
        /// Messages in the buffer now.
        messages: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A buffer did not take a message, so nobody got it.
    Refused {
        /// The peer's name.
        peer: String,
        /// The first bytes of its payload.
        payload: Vec<u8>,
    },
    /// What came out of a peer's buffer had come before, and was passed over.
    Repeated {
        /// The peer's name.
        peer: String,
        /// Its sequence there.
        seq: u64,
    },
}

/// Why a message leaves a buffer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leave {
    /// The peer has it, and has said so.
    Acknowledged,
    /// Newer ones needed its room (`overflow: drop_oldest`).
    Overflow,
    /// It had reached `max_age`.
    Age,
    /// The peer did not want its subject any more when it came back.
    Unwanted,
    /// It was damaged on the disk.
    Damaged,
}

/// What happened to a buffer for another server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BufferEvent {
    /// A directory of a buffer cannot be read, or does not say what it was. It is left as it is.
    Unreadable {
        /// The directory.
        dir: String,
    },
    /// The disk has failed: nothing is kept for this peer until the server is started again.
    Failed {
        /// The peer's name.
        peer: String,
    },
    /// Nothing is kept for this peer while it is away: it is another kind of server, or has no
    /// buffers itself.
    NotKept {
        /// The peer's name.
        peer: String,
    },
    /// This peer has no name of its own: after it is started again, it is not recognised.
    Unnamed {
        /// The peer's name, which is its id.
        peer: String,
    },
    /// The connection that carried a peer's buffer is gone: from now on messages are kept.
    CutOff {
        /// The peer's name.
        peer: String,
        /// Subjects, or subjects and queue groups, that it wants.
        interest: u64,
        /// Messages that it has not said it has.
        messages: u64,
    },
    /// The peer is back, or has come for the first time.
    Back {
        /// The peer's name.
        peer: String,
        /// Messages that wait for it.
        messages: u64,
        /// Subjects that nobody has come back for yet.
        awaited: u64,
    },
    /// The peer has everything that was there when it came back.
    CaughtUp {
        /// The peer's name.
        peer: String,
        /// How many messages that were.
        messages: u64,
        /// Since it was back.
        took: Duration,
    },
    /// Messages were dropped or refused since the last such event.
    Losses {
        /// The peer's name.
        peer: String,
        /// How many were dropped.
        dropped: Dropped,
        /// How many were refused.
        refused: u64,
    },
    /// The peer has been away for longer than anything is kept: its buffer is given up.
    Forgotten {
        /// The peer's name.
        peer: String,
    },
}
