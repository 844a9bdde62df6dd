//! C16: a client that does not take what waits for it is cut off after the write deadline, and one
//! that does is not.
//!
//! nats-server's deadline is for a batch: what waits when it begins must be gone in time, and then
//! the next one begins. So whoever was cut off for it had taken less than a batch since. That is
//! seen from what the client has received: no more than what may wait for it, and what was in the
//! network. And when more waits than the network holds, and the client gets nothing at all, then
//! the batch at hand ends within one deadline, and the next one cannot end.

use std::collections::VecDeque;

use super::bounded_memory::LINES_BYTES;
use super::outcome::Pen;
use super::scope::Scope;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{FaultKind, Header, Kind};
use crate::ids::{ClientId, ConnNo, NodeId};
use crate::units::SECOND;

pub(super) struct WriteDeadlineExact {
    scope: Scope,
    /// Of those that read slowly or not at all; the others have nothing waiting.
    readers: Vec<Option<Reader>>,
    /// The longest deadline of any node.
    longest_ns: u64,
    /// Some configuration has changed: nobody's deadline is known any more.
    changed: bool,
    /// The earliest time by which somebody must have been cut off.
    due: Option<u64>,
}

#[derive(Debug, Default)]
struct Reader {
    /// What it received lately: when, and how much.
    received: VecDeque<(u64, u64)>,
    /// Much waits for it, and it has received nothing since.
    stuck: Option<Stuck>,
}

#[derive(Clone, Copy, Debug)]
struct Stuck {
    i: usize,
    node: NodeId,
    conn: ConnNo,
    due: u64,
}

impl WriteDeadlineExact {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let readers = params.header.clients.iter().map(|c| c.slow.then(Reader::default));
        let readers = readers.collect();
        let deadlines = params.header.nodes.iter().map(|node| node.limits.write_deadline_ns);
        Self {
            scope: params.scope.clone(),
            readers,
            longest_ns: deadlines.max().unwrap_or(0),
            changed: false,
            due: None,
        }
    }

    fn reader(&mut self, client: ClientId) -> Option<&mut Reader> {
        self.readers.get_mut(client.0 as usize)?.as_mut()
    }

    fn backlog(
        &mut self,
        view: &View<'_>,
        node: NodeId,
        client: ClientId,
        pending: u64,
        pen: &Pen<'_>,
    ) {
        let header = &view.history.header;
        let absorbed = header.window + view.largest_message() + LINES_BYTES;
        let Some(conn) = view.current_conn(client).map(|conn| conn.no) else { return };
        let due = pen.t.saturating_add(bound_ns(header, node));
        let Some(reader) = self.reader(client).filter(|_| pending > absorbed) else { return };
        if reader.stuck.is_none() {
            reader.stuck = Some(Stuck { i: pen.i, node, conn, due });
            self.due = Some(self.due.map_or(due, |other| other.min(due)));
        }
    }

    fn cut(&mut self, view: &View<'_>, node: NodeId, client: ClientId, pen: &mut Pen<'_>) {
        let deadline_ns = view.history.header.nodes[usize::from(node.0)].limits.write_deadline_ns;
        let header = &view.history.header;
        // A clock that is fast makes it shorter.
        let deadline_ns = deadline_ns - deadline_ns / 1_000_000 * u64::from(header.bounds.fast_ppm);
        let info = &header.nodes[usize::from(node.0)];
        let most = info.max_pending + view.largest_message() + LINES_BYTES + header.window;
        let since = pen.t.saturating_sub(deadline_ns);
        let Some(reader) = self.reader(client) else { return };
        let taken: u64 =
            reader.received.iter().filter(|(t, _)| *t > since).map(|(_, bytes)| bytes).sum();
        if taken <= most {
            pen.held();
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let story = format!(
                "{} cut {} off by its write deadline, although it had received {taken} bytes \
                    within that time: more than could wait for it.",
                info.name, header.clients[client.0 as usize].name
            );
            (story, vec![i])
        });
    }
}

/// From much waiting to being cut off: the batch at hand, the next one, and slack for slow clocks.
fn bound_ns(header: &Header, node: NodeId) -> u64 {
    let deadline_ns = header.nodes[usize::from(node.0)].limits.write_deadline_ns;
    deadline_ns.saturating_mul(2).saturating_add(deadline_ns / 4).saturating_add(SECOND)
}

impl Checker for WriteDeadlineExact {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Pressure, Topic::Deliveries, Topic::Connections, Topic::Network]
    }

    fn due(&self) -> Option<u64> {
        self.due
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        let header = &view.history.header;
        for (client, reader) in (0u32..).map(ClientId).zip(&mut self.readers) {
            let Some(reader) = reader else { continue };
            let Some(stuck) = reader.stuck.take_if(|stuck| stuck.due < until) else { continue };
            let there = view.current_conn(client).filter(|conn| conn.no == stuck.conn);
            let there = there.filter(|conn| conn.closed_t.is_none() && view.access_was_free(conn));
            if there.is_none() || self.changed || !self.scope.covers_client(view, client) {
                continue;
            }
            pen.t = stuck.due;
            pen.broken(view, || {
                let story = format!(
                    "{} took nothing of what waited for it at {}, and was not cut off by the write \
                        deadline.",
                    header.clients[client.0 as usize].name,
                    header.nodes[usize::from(stuck.node.0)].name
                );
                (story, vec![stuck.i])
            });
        }
        let stuck = self.readers.iter().flatten().filter_map(|reader| reader.stuck);
        self.due = stuck.map(|stuck| stuck.due).min();
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest moves nothing")]
        match &view.history.events[pen.i].kind {
            Kind::Backlog { node, client, pending } => {
                self.backlog(view, *node, *client, *pending, pen);
            }
            Kind::Delivered { client, size, .. } => {
                let (t, longest_ns) = (pen.t, self.longest_ns);
                if let Some(reader) = self.reader(*client) {
                    reader.stuck = None;
                    let is_old = |(at, _): &mut (u64, u64)| at.saturating_add(longest_ns) < t;
                    while reader.received.pop_front_if(is_old).is_some() {}
                    reader.received.push_back((t, u64::from(*size)));
                }
            }
            Kind::SlowConsumer { node, client: Some(client), limit, .. } => {
                if *limit == 0 && !self.changed && self.scope.covers_client(view, *client) {
                    self.cut(view, *node, *client, pen);
                }
                if let Some(reader) = self.reader(*client) {
                    *reader = Reader::default();
                }
            }
            Kind::ClientClosed { client, .. } => {
                if let Some(reader) = self.reader(*client) {
                    *reader = Reader::default();
                }
            }
            Kind::Fault(fault) if fault.kind == FaultKind::Reload => self.changed = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::Kind;
    use crate::ids::ClientId;

    const ID: &str = "write_deadline_exact";

    /// 1,000 bytes may wait for a client, the network holds none, lines take 8 KiB; so 570 messages
    /// of 16 bytes are less than may be under way, and 580 are more. The deadline is a second.
    fn script(messages: usize) -> (Script, ClientId) {
        let mut s = Script::running();
        s.node(EAST_1, |node| node.limits.write_deadline_ns = 1_000_000_000);
        let client = s.client_with("slow/1", EAST_1, |info| info.slow = true);
        s.sub(client, 1, "a", "");
        s.at(2_000);
        for _ in 0..messages {
            let msg = s.publish(client, "a");
            s.deliver(client, 1, msg);
        }
        (s, client)
    }

    fn backlog(s: &mut Script, client: ClientId, pending: u64) {
        s.event(Kind::Backlog { node: EAST_1, client, pending });
    }

    fn cut(s: &mut Script, client: ClientId) {
        s.event(Kind::SlowConsumer { node: EAST_1, client: Some(client), pending: 9, limit: 0 });
    }

    #[test]
    fn holds_if_less_was_taken_within_the_deadline_than_may_wait() {
        for (messages, at) in [(570, 2_100), (0, 2_100), (5_000, 3_001)] {
            let (mut s, client) = script(messages);
            cut(s.at(at), client);
            s.judge(ID).held(1);
        }
    }

    #[test]
    fn breaks_if_more_was_taken() {
        let (mut s, client) = script(580);
        cut(s.at(2_900), client);
        assert!(s.judge(ID).broke(2_900).contains("although it had received 9280 bytes"));
    }

    #[test]
    fn breaks_if_who_takes_nothing_stays() {
        let (mut s, client) = script(1);
        backlog(s.at(3_000), client, 8_300);
        assert!(s.judge(ID).broke(6_250).contains("was not cut off by the write deadline"));
    }

    #[test]
    fn waiting_is_over_when_something_is_taken_or_the_connection_ends() {
        for what in 0..4 {
            let (mut s, client) = script(1);
            backlog(s.at(3_000), client, if what == 3 { 8_200 } else { 8_300 });
            s.at(6_000);
            match what {
                0 => cut(&mut s, client),
                1 => s.close(client, "eof"),
                2 => {
                    let msg = s.publish(client, "a");
                    s.deliver(client, 1, msg);
                }
                _ => {}
            }
            assert_eq!(s.judge(ID).findings.broken, 0, "{what}");
        }
    }

    #[test]
    fn is_not_checked_for_clients_that_read_as_it_comes() {
        let mut s = Script::running();
        let client = s.client("sub/1", EAST_1);
        cut(&mut s, client);
        s.judge(ID).vacuous();
    }
}
