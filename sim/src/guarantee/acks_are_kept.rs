//! K3a: what was acknowledged a while ago does not come again.
//!
//! Nobody confirms a plain acknowledgement. It has arrived when its client's connection has stayed for
//! long enough and nothing was wrong anywhere meanwhile; then the consumer has a moment to note it,
//! while nothing is wrong with its disk. What is noted holds whatever becomes of the process
//! afterwards. Acknowledgements of which that is not sure are left out.

use std::collections::{BTreeMap, VecDeque};

use super::outcome::Pen;
use super::scope::Scope;
use super::settled::delivery_bound_ns;
use super::streams;
use super::view::View;
use super::{Checker, Params, Topic};
use crate::history::{Answered, Fault, FaultKind, Kind, StreamEvent};
use crate::ids::{ClientId, ConsumerNo, NodeId};
use crate::units::SECOND;

/// A consumer notes what it has been told ten times a second, and a disk takes its time.
const NOTED_NS: u64 = SECOND;

pub(super) struct AcksAreKept {
    scope: Scope,
    /// An acknowledgement has arrived after this time.
    arrives_ns: u64,
    rtt_ns: u64,
    interest_ns: u64,
    /// Those that may be noted soon, the oldest first.
    waiting: VecDeque<Given>,
    /// Those that must be noted.
    kept: BTreeMap<(ConsumerNo, u64), Kept>,
    disks: BTreeMap<NodeId, Disk>,
}

/// An acknowledgement that was sent.
#[derive(Clone, Copy, Debug)]
struct Given {
    i: usize,
    t: u64,
    client: ClientId,
    consumer: ConsumerNo,
    seq: u64,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    given: Given,
    since_t: u64,
    /// Its process has died since, and the consumer was looked at afterwards.
    tested: bool,
}

/// What is wrong with the disk of a node.
#[derive(Clone, Copy, Debug, Default)]
struct Disk {
    faults: u32,
    /// Something was wrong since the process was started: it may have given up a stream for that.
    disturbed: bool,
}

impl AcksAreKept {
    pub(super) fn new(params: &Params<'_>) -> Self {
        let bounds = &params.header.bounds;
        Self {
            scope: params.scope.clone(),
            arrives_ns: delivery_bound_ns(params.header),
            rtt_ns: bounds.rtt_max_ns,
            interest_ns: bounds.interest_ns,
            waiting: VecDeque::new(),
            kept: BTreeMap::new(),
            disks: BTreeMap::new(),
        }
    }

    /// Whether nothing was wrong since the acknowledgement was sent.
    fn has_arrived(&self, view: &View<'_>, given: &Given) -> bool {
        let quiet = view.network.quiet_since();
        let quiet = quiet.is_some_and(|since| since.saturating_add(self.interest_ns) <= given.t);
        let conn = view.current_conn(given.client);
        let stayed =
            conn.is_some_and(|conn| conn.opened_t <= given.t && view.access_was_free(conn));
        let consumer = view.streams.consumer(given.consumer);
        let node = view.streams.stream(consumer.stream).node;
        let disturbed = self.disks.get(&node).is_some_and(|disk| disk.disturbed);
        quiet && stayed && !disturbed && is_known(view, given)
    }

    fn disk(&mut self, fault: &Fault) {
        for node in &fault.nodes {
            let disk = self.disks.entry(*node).or_default();
            disk.faults = if fault.on { disk.faults + 1 } else { disk.faults.saturating_sub(1) };
            disk.disturbed = true;
        }
    }

    fn started(&mut self, node: NodeId) {
        if let Some(disk) = self.disks.get_mut(&node) {
            disk.disturbed = disk.faults > 0;
        }
    }

    /// A consumer gives a message out.
    fn given_again(&self, view: &View<'_>, no: ConsumerNo, seq: u64, pen: &mut Pen<'_>) {
        let Some(Kept { given, since_t, .. }) = self.kept.get(&(no, seq)).copied() else { return };
        let stream = view.streams.consumer(no).stream;
        if pen.t <= since_t + self.rtt_ns + SECOND
            || view.streams.consumer_may_forget(no, (given.t, since_t))
        {
            return pen.excused();
        }
        let i = pen.i;
        let first_i = view.streams.consumer(no).given.get(&seq).map_or(i, |given| given.first_i);
        pen.broken(view, || {
            let name = streams::consumer_name(view, no);
            let node = view.streams.stream(stream).node;
            let node = &view.history.header.nodes[usize::from(node.0)].name;
            let story = format!(
                "Consumer {name} gave out sequence {seq} again, which had been acknowledged to \
                    {node} for {} ms, with nothing wrong anywhere.",
                (since_t - given.t) / 1_000_000
            );
            (story, vec![first_i, given.i, i])
        });
    }

    /// A consumer is looked at: what it had to keep through the end of its process it has kept.
    fn looked_at(&mut self, view: &View<'_>, no: ConsumerNo, pen: &mut Pen<'_>) {
        let stream = view.streams.consumer(no).stream;
        let down = &view.streams.machine(view.streams.stream(stream).node).down;
        let Some(down_t) = down.last() else { return };
        for (_, kept) in self.kept.range_mut((no, 0)..=(no, u64::MAX)) {
            if *down_t > kept.since_t && !core::mem::replace(&mut kept.tested, true) {
                pen.held();
            }
        }
    }
}

/// Whether the consumer knows the delivery that is acknowledged: what a process has given out just
/// before it died the next one may not.
fn is_known(view: &View<'_>, given: &Given) -> bool {
    let consumer = view.streams.consumer(given.consumer);
    let machine = view.streams.machine(view.streams.stream(consumer.stream).node);
    let delivered = consumer.given.get(&given.seq).map_or(0, |given| given.last_t);
    machine.down.last().is_none_or(|down_t| *down_t < delivered)
}

impl Checker for AcksAreKept {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Streams, Topic::Network]
    }

    fn due(&self) -> Option<u64> {
        self.waiting.front().map(|given| given.t + self.arrives_ns + NOTED_NS)
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, _: &mut Pen<'_>) {
        let wait_ns = self.arrives_ns + NOTED_NS;
        while let Some(given) = self.waiting.pop_front_if(|given| given.t + wait_ns < until) {
            if self.has_arrived(view, &given) {
                let kept = Kept { given, since_t: given.t + wait_ns, tested: false };
                self.kept.entry((given.consumer, given.seq)).or_insert(kept);
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only acknowledgements and what follows count"
    )]
    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let event = match &view.history.events[pen.i].kind {
            Kind::Fault(fault) if fault.kind == FaultKind::Disk => return self.disk(fault),
            Kind::NodeUp { node, .. } => return self.started(*node),
            Kind::Stream(event) => event,
            _ => return,
        };
        let Some(no) = event.consumer() else { return };
        if !self.scope.covers_stream(view, view.streams.consumer(no).stream) {
            return;
        }
        let acked = [Answered::Ack, Answered::AckAndWait, Answered::Term];
        match **event {
            StreamEvent::Answered { client, consumer, seq, how, .. } if acked.contains(&how) => {
                self.waiting.push_back(Given { i: pen.i, t: pen.t, client, consumer, seq });
            }
            StreamEvent::Given { seq, .. } => self.given_again(view, no, seq, pen),
            StreamEvent::ConsumerState(_) => self.looked_at(view, no, pen),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::{Answered, ConsumerState, FaultKind, NodeDownHow};
    use crate::ids::ClientId;

    const ID: &str = "acks_are_kept";

    /// Something was acknowledged at ten seconds.
    fn acknowledged() -> (Script, ClientId) {
        let mut s = Script::running();
        s.stream("S", EAST_1, "{}");
        s.consumer("w", 0, r#"{"ack_policy":"explicit"}"#);
        let client = s.client("work/1", EAST_1);
        s.at(10_000).given(client, 0, 4, 1);
        s.answered(client, 0, 4, Answered::Ack);
        (s, client)
    }

    fn restarted_at(s: &mut Script, client: ClientId, ms: u64) {
        s.at(ms).node_down(EAST_1, NodeDownHow::Killed);
        s.close(client, "reset");
        s.at(ms + 500).node_up(EAST_1, 2);
        s.connect(client, EAST_1);
    }

    #[test]
    fn what_was_acknowledged_long_before_the_process_died_does_not_come_again() {
        let (mut s, client) = acknowledged();
        restarted_at(&mut s, client, 30_000);
        let mut again = s.clone();
        s.at(32_000).consumer_state(ConsumerState::default());
        s.judge(ID).held(1);
        again.at(32_000).given(client, 0, 4, 2);
        again.judge(ID).broke(32_000);
    }

    #[test]
    fn what_had_no_time_to_be_noted_may() {
        let (mut s, client) = acknowledged();
        restarted_at(&mut s, client, 10_050);
        s.at(32_000).given(client, 0, 4, 2);
        s.judge(ID).vacuous();
    }

    #[test]
    fn what_may_not_have_arrived_may() {
        let (mut s, client) = acknowledged();
        s.at(10_010).close(client, "reset");
        s.at(11_000).connect(client, EAST_1);
        restarted_at(&mut s, client, 30_000);
        s.at(32_000).given(client, 0, 4, 2);
        s.judge(ID).vacuous();
    }

    #[test]
    fn what_a_bad_disk_could_not_take_may() {
        let (mut s, client) = acknowledged();
        s.at(10_010).fault(FaultKind::Disk, true, vec![EAST_1], Vec::new());
        restarted_at(&mut s, client, 30_000);
        s.at(32_000).given(client, 0, 4, 2);
        s.judge(ID).vacuous();
    }
}
