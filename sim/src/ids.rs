//! Identities of a run. All of them are indices into the lists of the history's header, so a
//! checker can use them to index its own tables.

use std::fmt;

/// A node: an index into [`Header::nodes`](crate::history::Header::nodes).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId(pub u16);

/// A region: an index into [`Header::regions`](crate::history::Header::regions).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RegionId(pub u16);

/// A client: an index into [`Header::clients`](crate::history::Header::clients).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(pub u32);

/// Which connection of a client, counted from 1. It grows with every reconnect.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConnNo(pub u32);

/// A TCP connection between two nodes; every connection of a run has its own number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WireConn(pub u32);

/// A stream: an index into [`Header::streams`](crate::history::Header::streams).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamNo(pub u16);

/// A consumer: an index into [`Header::consumers`](crate::history::Header::consumers).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ConsumerNo(pub u16);

/// A client's subscription id, as in SUB and MSG. A client never uses one twice on one connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sid(pub u32);

/// The identity of a published message. It travels in the payload, so a delivery can be judged
/// against what was sent.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MsgId {
    /// Who published it.
    pub client: ClientId,
    /// On which of its connections.
    pub conn: ConnNo,
    /// The number of the message on that connection, from 1, without gaps.
    pub seq: u32,
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.client.0, self.conn.0, self.seq)
    }
}
