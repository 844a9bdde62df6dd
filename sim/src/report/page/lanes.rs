//! Who has a line of its own in diagrams, and its number.

use serde::Serialize;

use crate::history::Header;
use crate::ids::{ClientId, ConsumerNo, NodeId, StreamNo};

/// The line of what is nobody's own: phases, faults. Also nobody, as a peer.
pub(super) const RUN: u64 = 0;

/// The numbers of the lines: the run, then nodes, clients, streams and consumers in the header's order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    nodes: u64,
    clients: u64,
    streams: u64,
}

/// A line, as the page knows it.
#[derive(Debug, Serialize)]
pub(super) struct Lane<'h> {
    name: &'h str,
    kind: &'static str,
    /// The region, if it stands in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<u16>,
    /// What a client does.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'h str>,
    /// A node's cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'h str>,
    /// The line to which it belongs: a stream's node, a consumer's stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
}

impl Lanes {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            nodes: header.nodes.len() as u64,
            clients: header.clients.len() as u64,
            streams: header.streams.len() as u64,
        }
    }

    pub(super) fn node(self, node: NodeId) -> u64 {
        1 + u64::from(node.0)
    }

    pub(super) fn client(self, client: ClientId) -> u64 {
        1 + self.nodes + u64::from(client.0)
    }

    pub(super) fn stream(self, stream: StreamNo) -> u64 {
        1 + self.nodes + self.clients + u64::from(stream.0)
    }

    pub(super) fn consumer(self, consumer: ConsumerNo) -> u64 {
        1 + self.nodes + self.clients + self.streams + u64::from(consumer.0)
    }

    /// All lines, in the order of their numbers.
    pub(super) fn list(self, header: &Header) -> Vec<Lane<'_>> {
        let lane =
            |name, kind| Lane { name, kind, region: None, role: None, cluster: None, of: None };
        let mut all = vec![lane("", "run")];
        all.extend(header.nodes.iter().map(|node| Lane {
            region: Some(node.region.0),
            cluster: Some(&node.cluster),
            ..lane(&node.name, "node")
        }));
        all.extend(header.clients.iter().map(|client| Lane {
            region: Some(client.region.0),
            role: Some(&client.role),
            ..lane(&client.name, "client")
        }));
        all.extend(header.streams.iter().map(|stream| Lane {
            of: Some(self.node(stream.node)),
            ..lane(&stream.name, "stream")
        }));
        all.extend(header.consumers.iter().map(|consumer| Lane {
            of: Some(self.stream(consumer.stream)),
            ..lane(&consumer.name, "consumer")
        }));
        all
    }
}
