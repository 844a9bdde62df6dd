//! How far counts may be apart, and why.
//!
//! | count | is the same | may be one more or less for each |
//! |---|---|---|
//! | connections of a client | if nothing comes between it and its nodes, or only for so short that it does not notice, or one thing that is sudden: a crash, a stop, a reset | fault between them that is not, and each after the first |
//! | meetings of two nodes | if nothing parts them, or a cut that is clearly short or long, or one's process is gone for seconds | other fault |
//!
//! A *meeting* begins when a node has a route to a peer that it had none to for longer than a moment. How
//! many connections a pool has, and which of two that crossed is kept, is not counted: that is settled in a
//! moment that no two engines share. After a reset both dial at once, so whether they were apart for longer
//! than a moment is left open.
//!
//! The connections of a client that cannot keep up are not compared: a kernel keeps megabytes more for
//! it than a plan's window, so a real node may never see what a simulated one cuts it off for.

use super::abstracts::MOMENT_NS;
use super::doubt::{Cut, Doubts, is_sudden, parts};
use super::intent::{Intent, Sending};
use crate::history::FaultKind;
use crate::ids::{ClientId, NodeId};
use crate::plan::{FaultAction, FaultPlan, Setting};
use crate::units::SECOND;

/// How far counts may be apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Band {
    /// The most by which the greatest may exceed the least.
    pub width: u32,
}

impl Band {
    /// All counts are the same.
    pub const EXACT: Self = Self { width: 0 };

    /// Whether counts are within.
    #[must_use]
    pub fn holds(self, counts: impl IntoIterator<Item = u32> + Clone) -> bool {
        let most = counts.clone().into_iter().max().unwrap_or(0);
        let least = counts.into_iter().min().unwrap_or(0);
        most - least <= self.width
    }

    fn of(faults: impl Iterator<Item = u32>) -> Self {
        Self { width: faults.sum() }
    }
}

/// Of the connections of a client; `None` if nothing can be said of them.
pub(super) fn connections(
    doubts: &Doubts<'_>,
    intent: &Intent<'_>,
    client: ClientId,
) -> Option<Band> {
    if doubts.cannot_keep_up(client) {
        return None;
    }
    let hit = |fault: &&FaultPlan| {
        doubts.touches(fault, client, client).access
            && doubts.cut_off(fault, client, client) != Cut::Nothing
    };
    let mut before = false;
    Some(Band::of(intent.plan.faults.iter().filter(hit).map(|fault| {
        // After the first it may be elsewhere.
        let first = !std::mem::replace(&mut before, true);
        u32::from(!(first && is_sudden(fault)))
    })))
}

/// Of the meetings of two nodes.
pub(super) fn meetings(doubts: &Doubts<'_>, intent: &Intent<'_>, a: NodeId, b: NodeId) -> Band {
    let parting = intent.plan.faults.iter().filter(|fault| parts(fault, a, b));
    Band::of(parting.map(|fault| match doubts.cut(fault) {
        Cut::Nothing | Cut::AllAfter(_) => 0,
        Cut::Some => u32::from(!is_gone_for_long(fault)),
    }))
}

/// Whether a process is there again only when everybody has noticed.
const fn is_gone_for_long(fault: &FaultPlan) -> bool {
    matches!(fault.action.kind(), FaultKind::Crash) && fault.lasts >= 2 * MOMENT_NS
}

/// What a line and a subject add to a payload, at most.
const FRAME_BYTES: u64 = 128;

/// Who reads as it comes reads this fast.
const FAST: u64 = 1 << 30;

/// Whether a client may be sent more than it reads in time: more than half of what its node keeps for
/// it, for longer than half of its write deadline, or something that it has not read by the end.
pub(super) fn cannot_keep_up(intent: &Intent<'_>, id: ClientId) -> bool {
    let plan = intent.plan;
    let Some(client) = plan.clients.get(id.0 as usize) else { return false };
    let stops = stops(intent, id);
    if client.read_rate == 0 && stops.is_empty() {
        return false;
    }
    let rate = if client.read_rate == 0 { FAST } else { client.read_rate };
    let (room, deadline) = allowed(intent, id);
    let mut sent = sent_to(intent, id);
    sent.sort_unstable();
    // When it will have read all that it was sent so far.
    let mut free_at = 0;
    let mut most_waits_ns = 0;
    for (at, bytes) in sent {
        let takes = (u128::from(bytes) * u128::from(SECOND) / u128::from(rate)) as u64;
        free_at = reads_on(&stops, free_at.max(at)).saturating_add(takes);
        most_waits_ns = most_waits_ns.max(free_at - at);
    }
    let most_waits = (u128::from(most_waits_ns) * u128::from(rate) / u128::from(SECOND)) as u64;
    let stuffed = client.read_rate > 0 && most_waits > room / 2;
    stuffed || most_waits_ns > deadline / 2 || free_at > intent.end()
}

/// When a client stops reading, and until when.
fn stops(intent: &Intent<'_>, id: ClientId) -> Vec<(u64, u64)> {
    let stops = |fault: &&FaultPlan| matches!(&fault.action, FaultAction::StopReading(clients) if clients.contains(&id));
    let faults = intent.plan.faults.iter().filter(stops);
    faults.map(|fault| (fault.at, fault.end())).collect()
}

fn reads_on(stops: &[(u64, u64)], at: u64) -> u64 {
    stops.iter().fold(at, |at, (from, to)| if (*from..*to).contains(&at) { *to } else { at })
}

/// What the nodes of a client keep for it at least, and how long they wait for it.
fn allowed(intent: &Intent<'_>, id: ClientId) -> (u64, u64) {
    let plan = intent.plan;
    let nodes = plan.clients[id.0 as usize].nodes.iter();
    let all = nodes.filter_map(|node| plan.nodes.get(usize::from(node.0)));
    let (mut room, mut deadline) = (causeway_core::limits::PENDING_BYTES, 10 * SECOND);
    for node in all {
        room = room.min(node.config.number(Setting::MaxPending).unwrap_or(room));
        deadline = deadline.min(node.config.number(Setting::WriteDeadline).unwrap_or(deadline));
    }
    (room, deadline)
}

/// When how many bytes are on their way to a client, if it gets all that its groups are sent.
fn sent_to(intent: &Intent<'_>, id: ClientId) -> Vec<(u64, u64)> {
    let bytes = |sending: &Sending| {
        let one = u64::from(sending.size) + FRAME_BYTES;
        let wants = intent.audience(sending.subject).filter(|one| one.client == id).count();
        (sending.at, one * wants as u64)
    };
    intent.sendings.values().flatten().map(bytes).filter(|(_, bytes)| *bytes > 0).collect()
}
