//! Links between places: how long bytes take, and whether they pass at all.

use super::delay::spread;
use crate::ids::{NodeId, RegionId};
use crate::plan::{LinkPlan, Plan, RETRANSMIT_NS, Site};
use crate::rng::Stream;
use crate::scenario::Dist;
use crate::units::SECOND;

/// A place in the network: an index over all nodes, and behind them the clients of each region.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place(pub(crate) u16);

/// The state of all links.
#[derive(Debug)]
pub(crate) struct Links {
    nodes: u16,
    places: usize,
    /// By sender, then receiver.
    cells: Vec<Cell>,
    lanes: Vec<Lane>,
}

/// One direction between two places.
#[derive(Clone, Debug)]
struct Cell {
    latency_ns: u64,
    jitter_ns: u64,
    dist: Dist,
    loss_ppm: u32,
    /// Where its bytes queue.
    lane: usize,
    /// Faults that cut it.
    cuts: u32,
    /// Faults that let everything wait.
    holds: u32,
    /// Faults that refuse new connections.
    refusals: u32,
    /// Faults that end new connections at once.
    hang_ups: u32,
    degraded: Vec<(u32, Degrade)>,
    sliced: Vec<Slice>,
}

/// A queue of bytes: one direction between two regions, or between two places of one region.
#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Bytes per second; 0 is unlimited.
    bandwidth: u64,
    /// Bytes that may wait; 0 is unlimited.
    queue: u64,
    /// When what was sent so far has left.
    busy_until: u64,
}

impl Lane {
    fn of(link: Option<&LinkPlan>) -> Self {
        let (bandwidth, queue) = link.map_or((0, 0), |link| (link.bandwidth, link.queue));
        // Without bandwidth nothing waits.
        Self { bandwidth, queue: if bandwidth > 0 { queue } else { 0 }, busy_until: 0 }
    }

    /// Bytes that have not left.
    fn waiting(&self, now: u64) -> u64 {
        let busy = u128::from(self.busy_until.saturating_sub(now));
        let bytes = busy * u128::from(self.bandwidth) / u128::from(SECOND);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// What a fault adds to a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Degrade {
    pub(crate) latency_ns: u64,
    pub(crate) jitter_ns: u64,
    pub(crate) loss_ppm: u32,
    /// Bytes per second instead; 0 leaves it.
    pub(crate) bandwidth: u64,
}

/// Why nothing arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// It is lost, and TCP sends it again.
    Cut,
    /// It waits.
    Hold,
}

/// How a fault cuts what arrives into pieces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Slice {
    /// The fault's number.
    pub(crate) fault: u32,
    /// Bytes of a piece at most.
    pub(crate) bytes: u64,
    /// Between two pieces, in nanoseconds.
    pub(crate) every_ns: u64,
}

impl Links {
    /// The links of a plan: inside of regions, and along paths. Regions without a path between
    /// them cannot reach each other.
    pub(crate) fn of(plan: &Plan) -> Self {
        let nodes = u16::try_from(plan.nodes.len()).unwrap_or(u16::MAX);
        let regions = plan.regions.len();
        let places = plan.nodes.len() + regions;
        let mut links = Self { nodes, places, cells: Vec::new(), lanes: Vec::new() };
        // Lanes between regions come first, by sender and receiver.
        for from in 0..regions {
            for to in 0..regions {
                links.lanes.push(Lane::of(link_between(plan, from, to)));
            }
        }
        for from in 0..places {
            for to in 0..places {
                let (here, there) = (region_of(plan, from), region_of(plan, to));
                links.add_cell(plan, here, there);
                if let Some(link) = link_between(plan, here, there).filter(|link| link.bias_ns > 0)
                    && let Some(cell) = links.cells.last_mut()
                {
                    let of = [from as u64, to as u64];
                    let bias = Stream::new(plan.seed, "net.bias", &of).between(0, link.bias_ns);
                    cell.latency_ns = cell.latency_ns.saturating_add(bias);
                }
            }
        }
        links
    }

    fn add_cell(&mut self, plan: &Plan, here: usize, there: usize) {
        let link = link_between(plan, here, there);
        let lane = if here == there {
            self.lanes.push(Lane::of(link));
            self.lanes.len() - 1
        } else {
            here * plan.regions.len() + there
        };
        self.cells.push(Cell {
            latency_ns: link.map_or(0, |link| link.latency_ns),
            jitter_ns: link.map_or(0, |link| link.jitter_ns),
            dist: link.map_or(Dist::Uniform, |link| link.dist),
            loss_ppm: link.map_or(0, |link| link.loss_ppm),
            lane,
            cuts: u32::from(link.is_none()),
            holds: 0,
            refusals: 0,
            hang_ups: 0,
            degraded: Vec::new(),
            sliced: Vec::new(),
        });
    }

    pub(crate) const fn place(&self, site: Site) -> Place {
        match site {
            Site::Node(node) => Place(node.0),
            Site::Clients(region) => Place(self.nodes + region.0),
        }
    }

    /// All places.
    pub(crate) fn all(&self) -> impl Iterator<Item = Place> + use<> {
        (0..u16::try_from(self.places).unwrap_or(u16::MAX)).map(Place)
    }

    /// The node or the region whose clients are at a place.
    pub(crate) const fn site(&self, place: Place) -> Site {
        if place.0 < self.nodes {
            Site::Node(NodeId(place.0))
        } else {
            Site::Clients(RegionId(place.0 - self.nodes))
        }
    }

    #[inline]
    fn cell(&self, from: Place, to: Place) -> &Cell {
        &self.cells[usize::from(from.0) * self.places + usize::from(to.0)]
    }

    #[inline]
    fn cell_mut(&mut self, from: Place, to: Place) -> &mut Cell {
        &mut self.cells[usize::from(from.0) * self.places + usize::from(to.0)]
    }

    #[inline]
    pub(crate) fn is_cut(&self, from: Place, to: Place) -> bool {
        self.cell(from, to).cuts > 0
    }

    /// Whether what is sent waits until a fault is over.
    #[inline]
    pub(crate) fn is_held(&self, from: Place, to: Place) -> bool {
        self.cell(from, to).holds > 0
    }

    /// Whether what is sent arrives by itself.
    #[inline]
    pub(super) fn passes(&self, from: Place, to: Place) -> bool {
        let cell = self.cell(from, to);
        cell.cuts == 0 && cell.holds == 0
    }

    /// How what arrives is cut, if a fault cuts it: the latest one decides.
    #[inline]
    pub(super) fn slice(&self, from: Place, to: Place) -> Option<Slice> {
        self.cell(from, to).sliced.last().copied()
    }

    pub(super) fn set_slice(&mut self, from: Place, to: Place, slice: Slice, on: bool) {
        let sliced = &mut self.cell_mut(from, to).sliced;
        if on {
            sliced.push(slice);
        } else {
            sliced.retain(|other| other.fault != slice.fault);
        }
    }

    pub(crate) fn refuses(&self, from: Place, to: Place) -> bool {
        self.cell(from, to).refusals > 0
    }

    pub(crate) fn hangs_up(&self, from: Place, to: Place) -> bool {
        self.cell(from, to).hang_ups > 0
    }

    /// Least time from one place to another, as things stand.
    pub(crate) fn latency(&self, from: Place, to: Place) -> u64 {
        let cell = self.cell(from, to);
        cell.latency_ns + cell.degraded.iter().map(|(_, added)| added.latency_ns).sum::<u64>()
    }

    /// How many more bytes may wait for bandwidth on a way.
    #[inline]
    pub(super) fn room(&self, now: u64, from: Place, to: Place) -> u64 {
        let lane = &self.lanes[self.cell(from, to).lane];
        if lane.queue == 0 { u64::MAX } else { lane.queue.saturating_sub(lane.waiting(now)) }
    }

    /// When a quarter of the queue will be free.
    pub(super) fn room_at(&self, now: u64, from: Place, to: Place) -> u64 {
        let lane = &self.lanes[self.cell(from, to).lane];
        let over = lane.waiting(now).saturating_sub(lane.queue - lane.queue / 4);
        let drains = (over.saturating_mul(SECOND)).checked_div(lane.bandwidth).unwrap_or(0);
        now.saturating_add(drains).saturating_add(1)
    }

    /// When bytes that are sent now arrive.
    #[inline]
    pub(crate) fn arrival(
        &mut self,
        now: u64,
        from: Place,
        to: Place,
        bytes: u64,
        noise: &mut Stream,
    ) -> u64 {
        let cell = &self.cells[usize::from(from.0) * self.places + usize::from(to.0)];
        let lane = &mut self.lanes[cell.lane];
        let (mut latency, mut jitter) = (cell.latency_ns, cell.jitter_ns);
        let (mut loss_ppm, mut bandwidth) = (cell.loss_ppm, lane.bandwidth);
        for (_, added) in &cell.degraded {
            latency += added.latency_ns;
            jitter += added.jitter_ns;
            loss_ppm = loss_ppm.saturating_add(added.loss_ppm);
            if added.bandwidth > 0 {
                bandwidth = added.bandwidth;
            }
        }
        let mut departure = now;
        if let Some(taken) = bytes.saturating_mul(SECOND).checked_div(bandwidth) {
            departure = now.max(lane.busy_until) + taken;
            lane.busy_until = departure;
        }
        let mut arrival = departure + latency + spread(cell.dist, latency, jitter, noise);
        if loss_ppm > 0 {
            let mut pause = RETRANSMIT_NS;
            for _ in 0..LOSSES_MAX {
                if !noise.chance_ppm(loss_ppm) {
                    break;
                }
                arrival += pause;
                pause *= 2;
            }
        }
        arrival
    }

    /// One more fault stops this; says whether it is the first.
    pub(super) fn stop(&mut self, from: Place, to: Place, stop: Stop) -> bool {
        let first = self.passes(from, to);
        *self.stops(from, to, stop) += 1;
        first
    }

    /// One fault less stops this; says whether it was the last.
    pub(super) fn go_on(&mut self, from: Place, to: Place, stop: Stop) -> bool {
        let passed = self.passes(from, to);
        let stops = self.stops(from, to, stop);
        *stops = stops.saturating_sub(1);
        !passed && self.passes(from, to)
    }

    fn stops(&mut self, from: Place, to: Place, stop: Stop) -> &mut u32 {
        let cell = self.cell_mut(from, to);
        match stop {
            Stop::Cut => &mut cell.cuts,
            Stop::Hold => &mut cell.holds,
        }
    }

    pub(crate) fn refuse(&mut self, from: Place, to: Place, on: bool) {
        count_fault(&mut self.cell_mut(from, to).refusals, on);
    }

    pub(crate) fn hang_up(&mut self, from: Place, to: Place, on: bool) {
        count_fault(&mut self.cell_mut(from, to).hang_ups, on);
    }

    pub(crate) fn degrade(&mut self, from: Place, to: Place, fault: u32, added: Option<Degrade>) {
        let cell = self.cell_mut(from, to);
        match added {
            Some(added) => cell.degraded.push((fault, added)),
            None => cell.degraded.retain(|(id, _)| *id != fault),
        }
    }
}

/// A segment is lost at most so often in a row: the bounds of a plan count on it.
const LOSSES_MAX: u32 = 3;

/// One more fault of a kind, or one fewer.
const fn count_fault(faults: &mut u32, on: bool) {
    *faults = if on { *faults + 1 } else { faults.saturating_sub(1) };
}

fn region_of(plan: &Plan, place: usize) -> usize {
    match plan.nodes.get(place) {
        Some(node) => usize::from(node.region.0),
        None => place - plan.nodes.len(),
    }
}

fn link_between(plan: &Plan, a: usize, b: usize) -> Option<&LinkPlan> {
    if a == b {
        return plan.regions.get(a).map(|region| &region.link);
    }
    let joins = |x: RegionId, y: RegionId| (usize::from(x.0), usize::from(y.0)) == (a, b);
    let found = plan.paths.iter().find(|path| joins(path.a, path.b) || joins(path.b, path.a));
    found.map(|path| &path.link)
}
