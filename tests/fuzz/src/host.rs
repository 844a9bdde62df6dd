//! A host of one node, with connections that are perfect and whose other ends only listen.
//!
//! It asserts what a host may rely on: the documentation of `causeway_core::Effects` and of the run
//! loop. Writing and feeding in pieces of any size is allowed, and the bytes that come out must not
//! depend on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use causeway_core::config::NodeConfig;
use causeway_core::link::rx::RxBuf;
use causeway_core::{
    CloseCause, Command, Effects, HostCmd, Input, LinkCmd, LinkId, Mono, Node, Now, Origin, Wall,
};

/// Turns of one [`Host::settle`]; far more than anything takes that comes to rest.
const TURNS_MAX: usize = 1_000_000;

/// Timers that [`Host::let_time_pass`] waits for.
const TIMERS: usize = 24;

/// The invariants of the node are checked once in so many rests, and before time passes: it takes
/// longer than most inputs.
const CHECK_EVERY: usize = 16;

/// A node and its connections.
pub(crate) struct Host {
    pub(crate) node: Node,
    fx: Effects,
    rx: RxBuf,
    now: Now,
    lines: BTreeMap<LinkId, Line>,
    commands: VecDeque<LinkCmd>,
    dirty: VecDeque<LinkId>,
    paused: BTreeSet<LinkId>,
    /// Bytes of one write.
    write_bytes: usize,
    /// The connection that the next dial leads to.
    dialled: Option<LinkId>,
    exited: bool,
    /// How often everything was carried out.
    rests: usize,
}

/// One connection, as the host sees it.
#[derive(Default)]
struct Line {
    /// Everything that was written to it.
    written: Vec<u8>,
    state: State,
    /// The node did not wait for its last bytes to be written.
    cut: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Open,
    /// The node has asked for the end; from then on its queue only gets shorter.
    Closing {
        pending: u64,
    },
    Closed,
}

/// What came out of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) bytes: Vec<u8>,
    /// Some of the bytes were perhaps dropped at the end.
    pub(crate) cut: bool,
    /// The node closed it.
    pub(crate) closed: bool,
}

impl Host {
    pub(crate) fn new(config: NodeConfig, write_bytes: usize) -> Self {
        let now = Now { mono: Mono(1_000), wall: Wall(1_000_000_000) };
        Self {
            node: Node::new(Arc::new(config), [7; 32], now),
            fx: Effects::default(),
            rx: RxBuf::new(1 << 16),
            now,
            lines: BTreeMap::new(),
            commands: VecDeque::new(),
            dirty: VecDeque::new(),
            paused: BTreeSet::new(),
            write_bytes,
            dialled: None,
            exited: false,
            rests: 0,
        }
    }

    /// A new connection on one of the listeners.
    pub(crate) fn accept(&mut self, origin: Origin) -> LinkId {
        let link = self.line();
        self.open(link, origin);
        self.settle();
        link
    }

    /// A new connection that the node dials.
    pub(crate) fn dialled(&mut self) -> LinkId {
        let link = self.line();
        self.dialled = Some(link);
        self.settle();
        assert_eq!(self.dialled, None, "a configured route is dialled at once");
        link
    }

    fn line(&mut self) -> LinkId {
        let slot = u32::try_from(self.lines.len() + 1).unwrap_or(u32::MAX);
        let link = LinkId { slot, generation: 3 };
        self.lines.insert(link, Line::default());
        link
    }

    fn open(&mut self, link: LinkId, origin: Origin) {
        let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 6222);
        let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4222);
        self.handle(Input::Opened { link, origin, peer, local });
    }

    /// Bytes from the other end, in pieces of these sizes, over and over. An eager host reads
    /// several times before it carries out what the node has asked for.
    pub(crate) fn feed(&mut self, link: LinkId, mut bytes: &[u8], sizes: &[usize], eager: bool) {
        let mut sizes = sizes.iter().cycle().enumerate();
        while !bytes.is_empty() && self.lines[&link].state != State::Closed {
            let (turn, size) = sizes.next().unwrap_or((0, &usize::MAX));
            let size = self.rx.fill_from(&bytes[..bytes.len().min(*size)]);
            bytes = &bytes[size..];
            self.receive(link);
            if !eager || turn % 4 == 3 {
                self.settle();
            }
        }
        self.settle();
    }

    pub(crate) fn outcome(&self, link: LinkId) -> Outcome {
        let Line { written, state, cut } = &self.lines[&link];
        Outcome { bytes: written.clone(), cut: *cut, closed: *state == State::Closed }
    }

    /// Waits for the next few timers.
    pub(crate) fn let_time_pass(&mut self) {
        self.node.check_invariants();
        for _ in 0..TIMERS {
            let Some((at, _)) = self.node.deadline() else { return };
            self.wait_until(at);
            self.handle(Input::Tick);
            self.settle();
        }
    }

    /// The other end is gone, if the connection has not been closed yet; and what may still come
    /// for it afterwards has no effect.
    pub(crate) fn hang_up(&mut self, link: LinkId) {
        if self.lines[&link].state != State::Closed {
            self.finish(link, CloseCause::Eof);
            self.settle();
        }
        self.rx.fill_from(b"PING\r\nSUB a 1\r\n");
        self.receive(link);
        self.handle(Input::Accepted { link, bytes: 5 });
        self.handle(Input::Verified { link, ok: true });
        self.handle(Input::Closed { link, cause: CloseCause::Requested });
        assert!(self.commands.is_empty() && self.dirty.is_empty(), "the connection is gone");
    }

    /// Ends the node, which closes what is open and then asks for the end of the process.
    pub(crate) fn shut_down(&mut self) {
        self.handle(Input::Command(Command::Shutdown));
        self.settle();
        assert!(self.lines.values().all(|line| line.state == State::Closed));
        assert!(self.exited);
        self.node.check_invariants();
        let report = self.node.server_report();
        assert_eq!((report.connections, report.routes, report.subscriptions), (0, 0, 0));
    }

    /// Carries out everything that the node asks for, until it asks for nothing more.
    fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            if let Some(command) = self.commands.pop_front() {
                self.carry_out(command);
            } else if let Some(link) = self.dirty.pop_front() {
                self.write(link);
            } else {
                match self.node.deadline() {
                    Some((at, _)) if at <= self.now.mono || !self.paused.is_empty() => {
                        self.wait_until(at);
                        self.handle(Input::Tick);
                    }
                    Some(_) | None => {
                        assert!(self.paused.is_empty(), "a paused link has a deadline");
                        self.rests += 1;
                        if self.rests.is_multiple_of(CHECK_EVERY) {
                            self.node.check_invariants();
                        }
                        return;
                    }
                }
            }
        }
        panic!("the node does not come to rest");
    }

    fn wait_until(&mut self, at: Mono) {
        let step = at.0.saturating_sub(self.now.mono.0);
        self.now.mono.0 += step;
        self.now.wall.0 += i64::try_from(step).unwrap_or(i64::MAX / 2);
    }

    /// What is in the receive buffer came from this connection.
    fn receive(&mut self, link: LinkId) {
        self.node.handle(self.now, Input::Received { link, rx: &mut self.rx }, &mut self.fx);
        assert!(self.rx.received().is_empty(), "the node takes everything");
        self.take_effects();
    }

    fn handle(&mut self, input: Input<'_>) {
        self.node.handle(self.now, input, &mut self.fx);
        self.take_effects();
    }

    /// Notes what the node asks for, and checks that it may.
    fn take_effects(&mut self) {
        assert!(self.fx.shards.is_empty(), "there is one shard");
        for link in self.fx.wake_tx.drain(..) {
            assert!(self.lines[&link].state != State::Closed, "{link:?} is closed");
            self.dirty.push_back(link);
        }
        for command in &self.fx.links {
            if let LinkCmd::Close { link, .. } = command
                && let Some(line) = self.lines.get_mut(link)
            {
                assert!(line.state == State::Open, "{link:?} is closed twice");
                let pending = self.node.tx(*link).map_or(0, |queue| queue.pending());
                line.state = State::Closing { pending };
                self.paused.remove(link);
            }
        }
        self.commands.extend(self.fx.links.drain(..));
        self.exited |= self.fx.host.contains(&HostCmd::Exit);
        self.fx.clear();
        for (link, line) in &mut self.lines {
            if let State::Closing { pending } = &mut line.state {
                let now = self.node.tx(*link).map_or(0, |queue| queue.pending());
                assert!(now <= *pending, "{link:?} is closing, and something was added");
                *pending = now;
            }
        }
    }

    fn carry_out(&mut self, command: LinkCmd) {
        match command {
            LinkCmd::Dial { dial, timeout, .. } => {
                assert!(timeout > Duration::ZERO);
                match self.dialled.take() {
                    Some(link) => self.open(link, Origin::Dialled(dial)),
                    None => self.handle(Input::DialFailed { dial, error: "nobody is there" }),
                }
            }
            LinkCmd::Close { link, linger } if linger.is_zero() => {
                if let Some(line) = self.lines.get_mut(&link) {
                    line.cut = true;
                }
                self.finish(link, CloseCause::Requested);
            }
            LinkCmd::Close { link, .. } => self.dirty.push_back(link),
            LinkCmd::PauseRead { link } => {
                if self.lines[&link].state == State::Open {
                    self.paused.insert(link);
                }
            }
            LinkCmd::ResumeRead { link } => {
                self.paused.remove(&link);
            }
            LinkCmd::VerifyPassword { link, hash, password } => {
                let ok = hash.ends_with(&password);
                self.handle(Input::Verified { link, ok });
            }
        }
    }

    /// Writes some of what is to be sent; closes when a closing connection has nothing left.
    fn write(&mut self, link: LinkId) {
        let Some(line) = self.lines.get_mut(&link) else { return };
        let Some(queue) = self.node.tx(link) else { return };
        let chunks: Vec<&[u8]> = queue.chunks().collect();
        let bytes = chunks.concat();
        assert_eq!(bytes.len() as u64, queue.pending());
        if bytes.is_empty() {
            if let State::Closing { .. } = line.state {
                self.finish(link, CloseCause::Requested);
            }
            return;
        }
        let taken = bytes.len().min(self.write_bytes);
        line.written.extend_from_slice(&bytes[..taken]);
        self.handle(Input::Accepted { link, bytes: taken });
        self.dirty.push_back(link);
    }

    fn finish(&mut self, link: LinkId, cause: CloseCause) {
        let Some(line) = self.lines.get_mut(&link) else { return };
        if line.state == State::Closed {
            return;
        }
        line.state = State::Closed;
        self.paused.remove(&link);
        self.handle(Input::Closed { link, cause });
        assert!(self.node.tx(link).is_none(), "a closed connection has no queue");
    }
}
