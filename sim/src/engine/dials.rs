//! Dialling: names, SYN and its answer, refusals and time-outs.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use causeway_core::{DialId, Duration, Origin};

use super::Engine;
use super::host::Opening;
use super::names::{CLIENT_PORT, Target};
use super::waiting::Held;
use super::wires::{Owner, UNTOLD};
use crate::client::Ending;
use crate::history::Kind;
use crate::ids::{ClientId, NodeId};
use crate::net::{Place, Side};
use crate::plan::{CLIENT_DIAL_TIMEOUT_NS, Site};
use crate::queue::Due;
use crate::rng::Stream;
use crate::units::SECOND;

/// TCP sends SYN again after this, then after twice as long, and so on.
const SYN_AGAIN_NS: u64 = SECOND;

/// All dials that are under way.
#[derive(Debug, Default)]
pub(super) struct Dials {
    last: u32,
    by_number: BTreeMap<u32, Dial>,
}

#[derive(Debug)]
struct Dial {
    caller: Caller,
    /// Those that are still to be tried, the next at the end.
    targets: Vec<Target>,
    /// Only its answer counts if there is none.
    target: Target,
    port: u16,
    from: SocketAddr,
    pause: u64,
    state: State,
    /// It waits until a fault is over.
    held: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Caller {
    Node(NodeId, DialId),
    Client(ClientId),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// SYN is lost; another follows.
    Lost,
    /// SYN is on its way.
    Calling,
    /// The answer is on its way.
    Answered(Answer),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    Accepted,
    Refused,
    NoSuchHost,
    /// The name stands for the caller alone.
    Itself,
}

impl Engine<'_> {
    pub(super) fn node_dials(
        &mut self,
        id: NodeId,
        dial: DialId,
        host: &str,
        port: u16,
        timeout: Duration,
    ) {
        let wanted = self.rec.intern(&format!("{host}:{port}"));
        self.rec.event(Kind::Dial { node: id, target: wanted });
        let own_port =
            self.hosts[usize::from(id.0)].process.as_ref().map(|process| process.route_port);
        let mut targets = self.names.resolve(host);
        let nobody = targets.is_empty();
        targets.retain(|target| {
            target.node != id || Some(port) != own_port || !self.names.is_there(*target)
        });
        let itself = targets.is_empty() && !nobody;
        let incarnation = u64::from(self.hosts[usize::from(id.0)].incarnation);
        let of = [u64::from(id.0), incarnation, dial.0];
        Stream::new(self.plan.seed, "dial", &of).shuffle(&mut targets);
        let from = self.names.node_calls_from(id);
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.dial(Caller::Node(id, dial), targets, itself, port, from, nanos);
    }

    pub(super) fn client_dials(&mut self, client: ClientId, node: NodeId) -> u32 {
        let from = self.names.client_calls_from(client);
        let caller = Caller::Client(client);
        self.dial(
            caller,
            vec![self.names.target(node)],
            false,
            CLIENT_PORT,
            from,
            CLIENT_DIAL_TIMEOUT_NS,
        )
    }

    fn dial(
        &mut self,
        caller: Caller,
        mut targets: Vec<Target>,
        itself: bool,
        port: u16,
        from: SocketAddr,
        timeout: u64,
    ) -> u32 {
        self.dials.last += 1;
        let number = self.dials.last;
        let first = targets.pop();
        let target = first.unwrap_or_else(|| self.names.target(NodeId(0)));
        let state = match (first, itself) {
            (Some(_), _) => State::Lost,
            (None, true) => State::Answered(Answer::Itself),
            (None, false) => State::Answered(Answer::NoSuchHost),
        };
        let dial =
            Dial { caller, targets, target, port, from, pause: SYN_AGAIN_NS, state, held: false };
        self.dials.by_number.insert(number, dial);
        let over = match caller {
            Caller::Node(node, _) => self.hosts[usize::from(node.0)].clock.after(self.now, timeout),
            Caller::Client(_) => self.now.saturating_add(timeout),
        };
        self.queue.push(over, Due::DialTimeout(number));
        if first.is_some() {
            self.call(number);
        } else {
            self.queue.push(self.now, Due::SynAck(number));
        }
        number
    }

    fn places(&self, number: u32) -> Option<[Place; 2]> {
        let dial = self.dials.by_number.get(&number)?;
        let from = match dial.caller {
            Caller::Node(node, _) => Site::Node(node),
            Caller::Client(client) => Site::Clients(self.plan.clients[client.0 as usize].region),
        };
        Some([self.net.links.place(from), self.net.links.place(Site::Node(dial.target.node))])
    }

    /// Sends SYN.
    fn call(&mut self, number: u32) {
        let Some([here, there]) = self.places(number) else { return };
        if self.net.links.is_cut(here, there) {
            self.call_again(number);
            return;
        }
        let at = self.now + self.net.links.latency(here, there);
        if let Some(dial) = self.dials.by_number.get_mut(&number) {
            dial.state = State::Calling;
            self.queue.push(at, Due::Syn(number));
        }
    }

    fn call_again(&mut self, number: u32) {
        if let Some(dial) = self.dials.by_number.get_mut(&number) {
            dial.state = State::Lost;
            let at = self.now.saturating_add(dial.pause);
            dial.pause = dial.pause.saturating_mul(2);
            self.queue.push(at, Due::Syn(number));
        }
    }

    /// SYN arrives, or is sent again.
    pub(super) fn syn(&mut self, number: u32) {
        let Some([here, there]) = self.places(number) else { return };
        let Some(dial) = self.dials.by_number.get(&number) else { return };
        let (state, target, port) = (dial.state, dial.target, dial.port);
        match state {
            State::Lost => self.call(number),
            State::Calling => {
                let links = &self.net.links;
                // An address that leads to nobody does not answer.
                let gone = !self.names.is_there(target);
                if gone || links.is_cut(here, there) || links.is_cut(there, here) {
                    self.call_again(number);
                    return;
                }
                if links.is_held(here, there) {
                    self.hold_dial(number);
                    return;
                }
                let refused = links.refuses(here, there) || !self.listens(target.node, port);
                let at = self.now + links.latency(there, here);
                let answer = if refused { Answer::Refused } else { Answer::Accepted };
                if let Some(dial) = self.dials.by_number.get_mut(&number) {
                    dial.state = State::Answered(answer);
                    self.queue.push(at, Due::SynAck(number));
                }
            }
            State::Answered(_) => {}
        }
    }

    /// The answer to SYN arrives.
    pub(super) fn syn_ack(&mut self, number: u32) {
        let Some([here, there]) = self.places(number) else { return };
        let Some(dial) = self.dials.by_number.get_mut(&number) else { return };
        let State::Answered(answer) = dial.state else { return };
        if answer == Answer::NoSuchHost {
            self.give_up(number, "no such host", Ending::Refused);
        } else if answer == Answer::Itself {
            if let Some(Dial { caller: Caller::Node(node, id), .. }) =
                self.dials.by_number.remove(&number)
            {
                self.dialled_itself(node, id);
            }
        } else if self.net.links.is_cut(there, here) {
            self.call_again(number);
        } else if self.net.links.is_held(there, here) {
            self.hold_dial(number);
        } else if answer == Answer::Accepted {
            self.established(number, [here, there]);
        } else if let Some(next) = dial.targets.pop() {
            dial.target = next;
            dial.pause = SYN_AGAIN_NS;
            self.call(number);
        } else {
            self.give_up(number, "connection refused", Ending::Refused);
        }
    }

    fn hold_dial(&mut self, number: u32) {
        if let Some(dial) = self.dials.by_number.get_mut(&number) {
            dial.held = true;
        }
    }

    /// Something is held no longer: dials that wait look whether it was for that.
    pub(super) fn dials_go_on(&mut self) {
        for (number, dial) in &mut self.dials.by_number {
            if std::mem::take(&mut dial.held) {
                let due = match dial.state {
                    State::Lost | State::Calling => Due::Syn(*number),
                    State::Answered(_) => Due::SynAck(*number),
                };
                self.queue.push(self.now, due);
            }
        }
    }

    pub(super) fn dial_timeout(&mut self, number: u32) {
        self.give_up(number, "i/o timeout", Ending::TimedOut);
    }

    fn give_up(&mut self, number: u32, error: &str, ending: Ending) {
        let Some(dial) = self.dials.by_number.remove(&number) else { return };
        match dial.caller {
            Caller::Node(node, id) => self.dial_failed(node, id, error),
            Caller::Client(client) => self.client_closed(client, ending),
        }
    }

    fn established(&mut self, number: u32, places: [Place; 2]) {
        let Some(dial) = self.dials.by_number.remove(&number) else { return };
        let peer = SocketAddr::new(dial.target.ip, dial.port);
        let client = match dial.caller {
            Caller::Node(..) => None,
            Caller::Client(client) => Some(client),
        };
        let listener =
            Owner::Listener { node: dial.target.node, port: dial.port, peer: dial.from, client };
        match dial.caller {
            Caller::Node(node, id) => {
                let incarnation = u64::from(self.hosts[usize::from(node.0)].incarnation);
                let key = [0, u64::from(node.0), incarnation, id.0];
                // The slot is given when the node is told.
                let owner = Owner::Node { node, slot: UNTOLD };
                let owners = [owner, listener];
                let conn = self.net.open(self.now, places, owners, &key, &mut self.queue);
                self.wire_opened(conn, node, dial.target.node);
                let (side, origin, local) = (Side::Dialler, Origin::Dialled(id), dial.from);
                let opening = Opening { conn, side, origin, peer, local, client: None };
                if self.is_occupied(node) {
                    self.wait(node, Held::Opened(opening));
                } else {
                    self.opened(node, opening);
                }
            }
            Caller::Client(client) => {
                let slot = &mut self.clients[client.0 as usize];
                slot.dials += 1;
                let key = [1, u64::from(client.0), slot.dials];
                let owners = [Owner::Client(client), listener];
                let conn = self.net.open(self.now, places, owners, &key, &mut self.queue);
                self.wire_untapped(conn);
                self.client_opened(client, conn);
            }
        }
    }

    /// The node that is to learn what has become of its dial, unless the news is that it succeeded:
    /// for this the kernel does not need the process.
    pub(super) fn dial_concerns(&self, number: u32, timed_out: bool) -> Option<NodeId> {
        let dial = self.dials.by_number.get(&number)?;
        let Caller::Node(node, _) = dial.caller else { return None };
        let kernel = !timed_out && matches!(dial.state, State::Answered(Answer::Accepted));
        (!kernel).then_some(node)
    }

    /// A client does not want its dial any more.
    pub(super) fn cancel_dial(&mut self, number: u32) {
        self.dials.by_number.remove(&number);
    }

    /// A process has ended, and with it its dials.
    pub(super) fn dials_of_node_end(&mut self, id: NodeId) {
        self.dials
            .by_number
            .retain(|_, dial| !matches!(dial.caller, Caller::Node(n, _) if n == id));
    }

    pub(super) fn dial_words(&self, number: u32) -> String {
        let Some(dial) = self.dials.by_number.get(&number) else { return format!("{number}") };
        let from = match dial.caller {
            Caller::Node(node, _) => self.plan.node_name(node),
            Caller::Client(client) => self.plan.client_name(client),
        };
        format!("{from} -> {}:{}", self.plan.node_name(dial.target.node), dial.port)
    }
}
