//! To what a scenario confines a guarantee.
//!
//! | written | covers |
//! |---|---|
//! | nothing, or `all` | everything |
//! | `client:NAME` | what the clients of that name send and receive |
//! | `region:NAME` | its nodes, and what its clients send and receive |
//! | `node:REGION/N` | that node, and what goes in or out through it |
//! | `path:A/B` | what goes from one of two regions to the other |
//! | `stream:NAME` | a stream, and its consumers |

use super::view::{MsgRef, Sub, View};
use crate::history::Header;
use crate::ids::{ClientId, NodeId, RegionId, StreamNo};

/// To what a guarantee is confined.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// To nothing.
    Everything,
    /// To the clients that are `true`.
    Clients(Vec<bool>),
    Region(RegionId),
    Node(NodeId),
    Path(RegionId, RegionId),
    Stream(StreamNo),
}

impl Scope {
    /// Reads a scope. The error says what in it does not exist.
    pub(crate) fn parse(text: &str, header: &Header) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text == "all" {
            return Ok(Self::Everything);
        }
        let (what, name) = text.split_once(':').ok_or_else(|| {
            format!("`{text}` is no scope: write client:, region:, node:, path: or stream:")
        })?;
        match what {
            "client" => Self::clients(name, header),
            "region" => region(name, header).map(Self::Region),
            "node" => {
                let at = header.nodes.iter().position(|node| node.name == name);
                let at = at.ok_or_else(|| format!("there is no node `{name}`"))?;
                Ok(Self::Node(NodeId(at as u16)))
            }
            "path" => {
                let (a, b) = name
                    .split_once('/')
                    .ok_or_else(|| format!("`{text}` is no path: write path:A/B"))?;
                Ok(Self::Path(region(a, header)?, region(b, header)?))
            }
            "stream" => {
                let at = header.streams.iter().position(|stream| stream.name == name);
                let at = at.ok_or_else(|| format!("there is no stream `{name}`"))?;
                Ok(Self::Stream(StreamNo(at as u16)))
            }
            _ => Err(format!(
                "`{what}:` is no scope: write client:, region:, node:, path: or stream:"
            )),
        }
    }

    fn clients(name: &str, header: &Header) -> Result<Self, String> {
        let is_one = |client: &str| {
            client == name || client.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))
        };
        let clients: Vec<bool> = header.clients.iter().map(|c| is_one(&c.name)).collect();
        if clients.contains(&true) {
            Ok(Self::Clients(clients))
        } else {
            Err(format!("there is no client `{name}`"))
        }
    }

    /// Whether a message on its way to a subscription is meant.
    pub(crate) fn covers_delivery(&self, view: &View<'_>, msg: MsgRef, sub: &Sub) -> bool {
        let publisher = view.conn(msg.conn);
        match self {
            Self::Everything => true,
            Self::Clients(_) | Self::Region(_) => {
                self.covers_client(view, publisher.client) || self.covers_client(view, sub.client)
            }
            Self::Node(node) => publisher.node == Some(*node) || view.node_of(sub) == Some(*node),
            Self::Path(..) => match (publisher.node, view.node_of(sub)) {
                (Some(from), Some(to)) => self.covers_pair(view, from, to),
                (_, None) | (None, _) => false,
            },
            Self::Stream(_) => false,
        }
    }

    /// Whether what happens to a client is meant.
    pub(crate) fn covers_client(&self, view: &View<'_>, client: ClientId) -> bool {
        match self {
            Self::Everything => true,
            Self::Clients(clients) => clients[client.0 as usize],
            Self::Region(region) => view.region_of(client) == *region,
            Self::Node(node) => {
                view.current_conn(client).is_some_and(|conn| conn.node == Some(*node))
            }
            Self::Path(..) | Self::Stream(_) => false,
        }
    }

    /// Whether what happens to a stream is meant.
    pub(super) fn covers_stream(&self, view: &View<'_>, stream: StreamNo) -> bool {
        let node = view.streams.stream(stream).node;
        match self {
            Self::Everything => true,
            Self::Stream(one) => *one == stream,
            Self::Region(region) => view.network.region_of(node) == *region,
            Self::Node(one) => *one == node,
            Self::Clients(_) | Self::Path(..) => false,
        }
    }

    /// Whether what happens between two nodes is meant.
    pub(crate) fn covers_pair(&self, view: &View<'_>, a: NodeId, b: NodeId) -> bool {
        let (region_a, region_b) = (view.network.region_of(a), view.network.region_of(b));
        match self {
            Self::Everything => true,
            Self::Clients(_) | Self::Stream(_) => false,
            Self::Region(region) => region_a == *region || region_b == *region,
            Self::Node(node) => a == *node || b == *node,
            Self::Path(x, y) => {
                (region_a, region_b) == (*x, *y) || (region_b, region_a) == (*x, *y)
            }
        }
    }

    /// Whether what happens to a node is meant.
    pub(crate) fn covers_node(&self, view: &View<'_>, node: NodeId) -> bool {
        match self {
            Self::Everything => true,
            Self::Clients(_) | Self::Path(..) | Self::Stream(_) => false,
            Self::Region(region) => view.network.region_of(node) == *region,
            Self::Node(one) => *one == node,
        }
    }
}

fn region(name: &str, header: &Header) -> Result<RegionId, String> {
    let at = header.regions.iter().position(|region| region.name == name);
    at.map(|at| RegionId(at as u16)).ok_or_else(|| format!("there is no region `{name}`"))
}
