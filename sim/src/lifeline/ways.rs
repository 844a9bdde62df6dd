//! What nodes knew of each other, from when to when: routes, interest, whether they ran.

use std::collections::BTreeMap;

use causeway_wire::subject;

use crate::guarantee::Table;
use crate::history::{FaultKind, History, Kind, Sym};
use crate::ids::{NodeId, WireConn};

/// From when to when; the end is not part of it.
type Span = (u64, u64);

/// Who was told, by whom, of what.
type Told = (NodeId, NodeId, Sym, Sym);

/// A subject, a queue group or none, and from when to when somebody knew of it.
type Heard = (Sym, Sym, Span);

/// What nodes knew.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// When a node had at least one route to another.
    routes: BTreeMap<(NodeId, NodeId), Vec<Span>>,
    /// When it lost one of them, ascending.
    lost: BTreeMap<(NodeId, NodeId), Vec<u64>>,
    /// When a node knew that another wants a subject, perhaps for a queue group.
    heard: BTreeMap<(NodeId, NodeId), Vec<Heard>>,
    /// When processes ended, and at which event.
    downs: BTreeMap<NodeId, Vec<(u64, usize)>>,
    /// When an end of a connection between nodes was gone, and at which event.
    closed: Table<WireConn, (u64, usize)>,
    /// Faults between two nodes: from when to when, and the event that begins it.
    faults: BTreeMap<(NodeId, NodeId), Vec<(Span, usize)>>,
}

impl Ways {
    pub(super) fn new(history: &History) -> Self {
        let mut reading = Reading::of(history);
        for (i, event) in history.events.iter().enumerate() {
            reading.read(i, event.t, &event.kind);
        }
        reading.finish()
    }

    /// Whether a node had a route to another at some time in a span.
    pub(super) fn had_route(&self, node: NodeId, remote: NodeId, (since, until): Span) -> bool {
        let spans = self.routes.get(&(node, remote)).map_or(&[][..], Vec::as_slice);
        spans.iter().any(|(from, to)| *from <= until && since < *to)
    }

    /// When a node lost its last route to another, the first time since then.
    pub(super) fn route_end(&self, node: NodeId, remote: NodeId, since: u64) -> Option<u64> {
        let spans = self.routes.get(&(node, remote))?;
        spans.iter().map(|(_, to)| *to).find(|to| *to >= since && *to < u64::MAX)
    }

    /// When a node lost any of its routes to another, the first time since then: another may have taken its
    /// place in the same moment.
    pub(super) fn any_route_end(&self, node: NodeId, remote: NodeId, since: u64) -> Option<u64> {
        self.lost.get(&(node, remote))?.iter().copied().find(|t| *t >= since)
    }

    /// Whether a node knew, during all of a span, that another wants a subject.
    pub(super) fn knew(
        &self,
        history: &History,
        (node, remote): (NodeId, NodeId),
        of: Sym,
        (since, until): Span,
    ) -> bool {
        let heard = self.heard.get(&(node, remote)).map_or(&[][..], Vec::as_slice);
        let literal = history.text(of).as_bytes();
        heard.iter().any(|(pattern, _, (from, to))| {
            *from <= since
                && until < *to
                && subject::matches(history.text(*pattern).as_bytes(), literal)
        })
    }

    /// The first end of a process since a time, up to another.
    pub(super) fn down(&self, node: NodeId, (since, until): Span) -> Option<(u64, usize)> {
        let downs = self.downs.get(&node)?;
        downs.iter().copied().find(|(t, _)| (since..=until).contains(t))
    }

    /// When the first end of a connection between nodes was gone.
    pub(super) fn closed(&self, conn: WireConn) -> Option<(u64, usize)> {
        self.closed.get(&conn).copied()
    }

    /// A fault that lay between two nodes at some time in a span.
    pub(super) fn fault(&self, a: NodeId, b: NodeId, (since, until): Span) -> Option<usize> {
        let between = [(a, b), (b, a)];
        let faults = between.iter().filter_map(|pair| self.faults.get(pair)).flatten();
        let hits = faults.filter(|((from, to), _)| *from <= until && since < *to);
        hits.map(|(_, event)| *event).min()
    }
}

/// What is open while a history is read.
struct Reading<'h> {
    history: &'h History,
    ways: Ways,
    routes: BTreeMap<(NodeId, NodeId), (u32, u64)>,
    /// The events that told something, for when it is heard.
    heard: BTreeMap<(Told, WireConn), u64>,
    faults: BTreeMap<u32, (u64, usize)>,
}

impl<'h> Reading<'h> {
    fn of(history: &'h History) -> Self {
        Self {
            history,
            ways: Ways::default(),
            routes: BTreeMap::new(),
            heard: BTreeMap::new(),
            faults: BTreeMap::new(),
        }
    }

    fn read(&mut self, i: usize, t: u64, kind: &Kind) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing of it")]
        match kind {
            Kind::NodeDown { node, .. } => {
                self.ways.downs.entry(*node).or_default().push((t, i));
                self.forget(*node, t);
            }
            Kind::RouteUp { node, remote, .. } => {
                let (count, since) = self.routes.entry((*node, *remote)).or_insert((0, t));
                if *count == 0 {
                    *since = t;
                }
                *count += 1;
            }
            Kind::RouteDown { node, remote, .. } => {
                self.ways.lost.entry((*node, *remote)).or_default().push(t);
                self.route_down(*node, *remote, t);
            }
            Kind::WireSubSeen { sub } => self.heard(*sub, t),
            Kind::WireClosed { node, conn, .. } => {
                let first = self.ways.closed.entry(*conn).or_insert((t, i));
                *first = (*first).min((t, i));
                self.void(t, |(to, ..), on| to == node && on == conn);
            }
            Kind::Fault(fault) if fault.on => {
                self.faults.insert(fault.id, (t, i));
                if fault.kind.is_instant() {
                    self.lifted(fault, t + 1);
                }
            }
            Kind::Fault(fault) => self.lifted(fault, t),
            _ => {}
        }
    }

    fn lifted(&mut self, fault: &crate::history::Fault, t: u64) {
        let Some((since, event)) = self.faults.remove(&fault.id) else { return };
        let kinds = [FaultKind::Clock, FaultKind::Disk, FaultKind::StopReading];
        if !kinds.contains(&fault.kind) {
            for pair in &fault.pairs {
                self.ways.faults.entry(*pair).or_default().push(((since, t), event));
            }
        }
    }

    fn route_down(&mut self, node: NodeId, remote: NodeId, t: u64) {
        let Some((count, since)) = self.routes.get_mut(&(node, remote)) else { return };
        let last = *count == 1;
        *count = count.saturating_sub(1);
        if last {
            self.ways.routes.entry((node, remote)).or_default().push((*since, t));
            // With the last route goes what was told over any; sockets may linger.
            self.void(t, |(to, from, ..), _| (*to, *from) == (node, remote));
        }
    }

    /// A process has ended: it knows nothing any more.
    fn forget(&mut self, node: NodeId, t: u64) {
        for ((of, remote), (count, since)) in &mut self.routes {
            if *of == node && *count > 0 {
                self.ways.routes.entry((*of, *remote)).or_default().push((*since, t));
                *count = 0;
            }
        }
        self.void(t, |(to, ..), _| *to == node);
    }

    /// A line of interest has arrived.
    fn heard(&mut self, sub: u64, t: u64) {
        let event = usize::try_from(sub).ok().and_then(|at| self.history.events.get(at));
        let Some(Kind::WireSub { from, to, conn, subject, queue, weight, .. }) =
            event.map(|event| &event.kind)
        else {
            return;
        };
        let key = ((*to, *from, *subject, *queue), *conn);
        match weight {
            0 => {
                let span = self.heard.remove(&key).map(|since| (*subject, *queue, (since, t)));
                self.ways.heard.entry((*to, *from)).or_default().extend(span);
            }
            _ => drop(self.heard.entry(key).or_insert(t)),
        }
    }

    fn void(&mut self, t: u64, is: impl Fn(&Told, &WireConn) -> bool) {
        let heard = &mut self.ways.heard;
        self.heard.retain(|(told, conn), since| {
            let ends = is(told, conn);
            if ends {
                let (to, from, subject, queue) = *told;
                heard.entry((to, from)).or_default().push((subject, queue, (*since, t)));
            }
            !ends
        });
    }

    fn finish(mut self) -> Ways {
        self.void(u64::MAX, |_, _| true);
        for (pair, (count, since)) in std::mem::take(&mut self.routes) {
            if count > 0 {
                self.ways.routes.entry(pair).or_default().push((since, u64::MAX));
            }
        }
        let history = self.history;
        for (_, (since, event)) in std::mem::take(&mut self.faults) {
            if let Kind::Fault(fault) = &history.events[event].kind {
                for pair in &fault.pairs {
                    self.ways.faults.entry(*pair).or_default().push(((since, u64::MAX), event));
                }
            }
        }
        self.ways
    }
}
