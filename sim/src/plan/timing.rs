//! When the phases begin and by when things must have happened: from the networks and the timers of
//! nodes and clients, never from a constant that happened to work.

use causeway_core::limits;

use super::clock::{mono_ppm, stretched};
use super::{ConnsFault, FaultAction, LinkPlan, Plan, Setting};
use crate::history::{Bounds, FaultKind};
use crate::units::{MS, SECOND};

/// nats-server's default.
pub(crate) const POOL_SIZE: u64 = 3;

/// Clients connect within this time at the beginning of the phase `warm`.
pub(super) const CONNECT_SPREAD_NS: u64 = 500 * MS;

/// A client gives up dialling after this.
pub const CLIENT_DIAL_TIMEOUT_NS: u64 = 2 * SECOND;

/// Unanswered pings after which a client gives up its connection.
pub(crate) const CLIENT_PINGS_MAX: u32 = 2;

/// What nodes say to each other when they meet may fill a window smaller than this.
const SMALL_WINDOW_BYTES: u64 = 64 << 10;

/// TCP's handshake, ours, and a ping, in round trips.
const HANDSHAKE_RTTS: u64 = 3;

/// For everything that is not counted below: turns, chunking, a second try.
const SLACK_NS: u64 = 500 * MS;

/// The first retransmission comes after this, the next after twice as long, and so on. RFC 6298
/// asks for a second at least; Linux uses 200 ms.
pub(crate) const RETRANSMIT_NS: u64 = 200 * MS;

/// Bounds without phases: what the networks and timers say.
pub(crate) fn bounds(plan: &Plan) -> Bounds {
    let rtt = round_trip(plan);
    // TCP's handshake, ours, a ping; then the other connections of the pool and the account's, all
    // at once; and the same again, because gossip comes first.
    let handshakes = rtt.saturating_mul(HANDSHAKE_RTTS).saturating_mul(4);
    let probe = nanos(limits::ROUTE_PROBE_TIMEOUT).max(u64::from(limits::ROUTE_PROBE_RTTS) * rtt);
    // A probe that had to wait behind data has more time for its answer, and so has one beside which
    // much moves.
    let beside = |fault: &super::FaultPlan| {
        matches!(fault.action, FaultAction::Conns { what: ConnsFault::Rebind, .. })
    };
    let patient = sockets_fill(plan) || plan.faults.iter().any(beside);
    let probe = probe * if patient { u64::from(limits::ROUTE_PROBE_FULL) } else { 1 };
    let backoff = plan.nodes.iter().any(|n| n.config.number(Setting::ConnectBackoff) == Some(1));
    let redial = if backoff { limits::ROUTE_RECONNECT_MAX } else { limits::ROUTE_RECONNECT };
    let timers =
        unnoticed(plan) + probe + nanos(redial) + 100 * MS + nanos(limits::ROUTE_DIAL_TIMEOUT);
    // The slowest clock takes longest.
    let (slower_ppm, fast_ppm) = mono_ppm(plan);
    let routes = stretched(timers, slower_ppm) + handshakes + SLACK_NS;
    let slowest = |of: fn(&super::ClientPlan) -> u64| plan.clients.iter().map(of).max();
    let pings = slowest(|c| c.ping_ns).unwrap_or(0) * u64::from(CLIENT_PINGS_MAX + 1);
    let waits = slowest(|c| c.wait_ns + c.jitter_ns).unwrap_or(0);
    Bounds {
        phases_ns: [0; 7],
        rtt_max_ns: rtt,
        interest_ns: rtt + SLACK_NS,
        routes_ns: routes,
        clients_ns: pings + waits + CLIENT_DIAL_TIMEOUT_NS + 6 * rtt + SLACK_NS,
        tcp_timeout_ns: plan.network.tcp_timeout_ns,
        fast_ppm,
        lag_ns: 0,
    }
}

/// How long a connection may be dead before that is asked whose answer does not come in the time
/// for a probe. What breaks a way is noticed on the connection that is watched, and then the others
/// are asked; what breaks a single connection that nobody uses is noticed when it is its turn.
fn unnoticed(plan: &Plan) -> u64 {
    let one_alone = |fault: &super::FaultPlan| matches!(fault.action, FaultAction::Conns { .. });
    if plan.faults.iter().any(one_alone) {
        nanos(limits::ROUTE_SPARE_IDLE)
    } else {
        nanos(limits::ROUTE_PROBE_IDLE)
    }
}

/// Whether a socket may be full although nothing is wrong with its peer: what passes is limited, or
/// delayed and then let go.
fn sockets_fill(plan: &Plan) -> bool {
    let mut links = plan.regions.iter().map(|r| &r.link).chain(plan.paths.iter().map(|p| &p.link));
    links.any(|link| link.bandwidth > 0)
        || plan.network.window < SMALL_WINDOW_BYTES
        || plan.faults.iter().any(|fault| {
            // Whoever writes to somebody silent for long enough fills any socket.
            let kind = fault.action.kind();
            let for_good = fault.stays() && (kind.cuts() || kind == FaultKind::PowerLoss);
            holds_bytes_up(&fault.action) || for_good
        })
}

fn holds_bytes_up(action: &FaultAction) -> bool {
    matches!(action, FaultAction::Degrade { bandwidth, .. } if *bandwidth > 0)
        || matches!(
            action,
            FaultAction::Conns { what: ConnsFault::Hold | ConnsFault::Slice { .. }, .. }
        )
        || matches!(action, FaultAction::Host(host) if host.delays_inputs())
}

/// How long the nodes need to find each other after the last one has started.
pub(crate) fn boot_ns(bounds: &Bounds) -> u64 {
    let started = nanos(limits::ROUTE_RECONNECT) + nanos(limits::ROUTE_DIAL_TIMEOUT) + 200 * MS;
    started + 24 * bounds.rtt_max_ns + SLACK_NS
}

/// How long clients need to connect and subscribe.
pub(crate) fn warm_ns(bounds: &Bounds) -> u64 {
    CONNECT_SPREAD_NS + 4 * bounds.rtt_max_ns + bounds.interest_ns
}

/// How long the end of all faults and of all work may take to reach everybody.
pub(crate) fn settle_ns(plan: &Plan, bounds: &Bounds) -> u64 {
    let quiet = 2 * bounds.interest_ns;
    if plan.faults.is_empty() { quiet } else { quiet + bounds.routes_ns + bounds.clients_ns }
}

/// How long clients need to leave.
pub(crate) fn drain_ns(bounds: &Bounds) -> u64 {
    2 * bounds.interest_ns + 4 * bounds.rtt_max_ns
}

/// The longest round trip of one segment: of the slowest path, with the slowest degradation, with
/// three retransmissions where segments are lost.
fn round_trip(plan: &Plan) -> u64 {
    let links = plan.regions.iter().map(|r| &r.link).chain(plan.paths.iter().map(|p| &p.link));
    let added = plan.faults.iter().map(|fault| match &fault.action {
        FaultAction::Degrade { latency_ns, jitter_ns, .. } => latency_ns + jitter_ns,
        FaultAction::Host(host) => host.delay_ns(),
        FaultAction::Cut { .. }
        | FaultAction::Conns { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Crash(_)
        | FaultAction::Stop(_)
        | FaultAction::LameDuck(_)
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_) => 0,
    });
    2 * (links.map(one_way).max().unwrap_or(0) + added.max().unwrap_or(0))
}

fn one_way(link: &LinkPlan) -> u64 {
    let lost = if link.loss_ppm > 0 { 7 * RETRANSMIT_NS } else { 0 };
    // What fits into the queue waits for what is before it.
    let queued = link.queue.saturating_mul(SECOND).checked_div(link.bandwidth).unwrap_or(0);
    link.latency_ns.saturating_add(link.added_ns()).saturating_add(lost).saturating_add(queued)
}

fn nanos(duration: causeway_core::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
