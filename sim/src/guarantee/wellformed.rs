//! Whether an event speaks only of things that the header knows. Checkers index by these ids, and
//! a history may come from anywhere.

use crate::history::{Header, Holder, Kind, Lost, StreamEvent};
use crate::ids::{ClientId, MsgId, NodeId, RegionId, StreamNo};

/// Says what is wrong with an event, if anything.
pub(crate) fn check(header: &Header, kind: &Kind) -> Result<(), String> {
    let known = Known(header);
    match kind {
        Kind::Phase { .. } | Kind::End | Kind::WireSubSeen { .. } | Kind::WireMsgSeen { .. } => {
            Ok(())
        }
        Kind::Fault(fault) => {
            fault.nodes.iter().try_for_each(|&n| known.node(n))?;
            fault.pairs.iter().try_for_each(|&(a, b)| known.nodes(a, b))?;
            fault.clients.iter().try_for_each(|&(region, node)| {
                known.region(region)?;
                known.node(node)
            })
        }
        Kind::NodeUp { node, .. } | Kind::NodeDown { node, .. } => known.node(*node),
        Kind::ClientConnected { client, node, .. } => {
            known.client(*client)?;
            known.node(*node)
        }
        Kind::ClientClosed { client, .. }
        | Kind::SubSent { client, .. }
        | Kind::SubReady { client, .. }
        | Kind::UnsubSent { client, .. }
        | Kind::UnsubReady { client, .. }
        | Kind::PubFlushed { client, .. }
        | Kind::PubRefused { client, .. }
        | Kind::OpDropped { client, .. }
        | Kind::Servers { client, .. }
        | Kind::Delivered { client, .. }
        | Kind::ClientError { client, .. } => known.client(*client),
        Kind::PubSent { msg, .. } => known.message(*msg),
        Kind::NoResponders { client, request, .. } => {
            known.client(*client)?;
            known.message(*request)
        }
        Kind::RequestDone { request, .. } | Kind::RequestTimeout { request, .. } => {
            known.message(*request)
        }
        Kind::RouteUp { node, remote, .. } | Kind::RouteDown { node, remote, .. } => {
            known.nodes(*node, *remote)
        }
        Kind::Dial { node, .. } | Kind::Said { node, .. } => known.node(*node),
        Kind::Backlog { node, client, .. } => {
            known.node(*node)?;
            known.client(*client)
        }
        Kind::SlowConsumer { node, client, .. } => {
            known.node(*node)?;
            client.map_or(Ok(()), |client| known.client(client))
        }
        Kind::WireSub { from, to, .. }
        | Kind::WireMsg { from, to, .. }
        | Kind::WireOpened { from, to, .. }
        | Kind::WireError { from, to, .. } => known.nodes(*from, *to),
        Kind::WireClosed { node, peer, .. } => known.nodes(*node, *peer),
        Kind::Buffer(event) => {
            known.nodes(event.node, event.peer)?;
            event.msg().map_or(Ok(()), |msg| known.message(msg))
        }
        Kind::Stream(event) => known.stream_event(event),
        Kind::Snapshot(snapshot) => {
            known.node(snapshot.node)?;
            snapshot.routes.iter().filter_map(|r| r.remote).try_for_each(|n| known.node(n))?;
            snapshot.clients.iter().filter_map(|c| c.client).try_for_each(|c| known.client(c))?;
            snapshot.interest.iter().try_for_each(|row| match row.holder {
                Holder::Remote(node) => known.node(node),
                Holder::Local | Holder::Unknown => Ok(()),
            })
        }
    }
}

/// Says what is wrong with a header, if anything: its own indices must hold, too.
pub(crate) fn check_header(header: &Header) -> Result<(), String> {
    let known = Known(header);
    if header.nodes.len() > usize::from(u16::MAX) {
        return Err(format!("{} nodes are too many", header.nodes.len()));
    }
    header.nodes.iter().try_for_each(|node| known.region(node.region))?;
    header.clients.iter().try_for_each(|client| known.region(client.region))?;
    header.paths.iter().try_for_each(|path| {
        known.region(path.a)?;
        known.region(path.b)
    })?;
    header.streams.iter().try_for_each(|stream| known.node(stream.node))?;
    header.consumers.iter().try_for_each(|consumer| known.stream(consumer.stream))?;
    if let Some(core) = &header.core {
        core.nodes.iter().try_for_each(|&node| known.node(node))?;
        core.clients.iter().try_for_each(|&client| known.client(client))?;
    }
    header.unrecoverable.iter().try_for_each(|one| match one.what {
        Lost::Routes(a, b) => known.nodes(a, b),
        Lost::Connection(client) => known.client(client),
    })
}

struct Known<'a>(&'a Header);

impl Known<'_> {
    fn node(&self, node: NodeId) -> Result<(), String> {
        in_range(usize::from(node.0), self.0.nodes.len(), "node")
    }

    fn nodes(&self, a: NodeId, b: NodeId) -> Result<(), String> {
        self.node(a)?;
        self.node(b)
    }

    fn region(&self, region: RegionId) -> Result<(), String> {
        in_range(usize::from(region.0), self.0.regions.len(), "region")
    }

    fn client(&self, client: ClientId) -> Result<(), String> {
        in_range(client.0 as usize, self.0.clients.len(), "client")
    }

    fn stream(&self, stream: StreamNo) -> Result<(), String> {
        in_range(usize::from(stream.0), self.0.streams.len(), "stream")
    }

    fn stream_event(&self, event: &StreamEvent) -> Result<(), String> {
        event.client().map_or(Ok(()), |client| self.client(client))?;
        event.stream().map_or(Ok(()), |stream| self.stream(stream))?;
        event.consumer().map_or(Ok(()), |consumer| {
            in_range(usize::from(consumer.0), self.0.consumers.len(), "consumer")
        })
    }

    fn message(&self, msg: MsgId) -> Result<(), String> {
        self.client(msg.client)
    }
}

fn in_range(index: usize, count: usize, what: &str) -> Result<(), String> {
    if index < count { Ok(()) } else { Err(format!("there is no {what} {index}")) }
}
