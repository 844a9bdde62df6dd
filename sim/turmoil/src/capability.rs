//! What this engine can produce, in one place.
//!
//! | of a plan | here |
//! |---|---|
//! | `partition`, `flap`, both ways | nothing passes; turmoil holds what is under way, streams hold what is written |
//! | `partition`, one way | streams hold what is written that way, and the end of the stream |
//! | `blackhole` | as a partition, and streams that were there carry nothing any more |
//! | `reset`, `refuse` | as they are |
//! | `degrade` | latency and jitter, both ways; **not** loss, bandwidth, or one way only |
//! | `crash`, `stop`, `lame_duck` | as they are; a crash is that of a process: its machine sends FIN; **not** a new address |
//! | `stop_reading`, `read_rate` | as they are |
//! | faults of connections and their bytes, of names, of machines, of operators; perturbations | **not** |
//! | faults that wait for something (`when`) | **not** |
//! | streams and buffers, and all that has to do with them | **not** |
//! | latency, jitter of networks | up to two ticks more; jitter is exponential, not even; **not** long tails, nor a bias of each pair |
//! | bandwidth of networks | unlimited; **not** a queue in front of it |
//! | loss of networks | **not** |
//! | retransmission pauses | none: what was held passes at once when a cut heals |
//! | snapshots, taps, dials | all that the guarantees need is observed |
//! | `overread` | no difference: the driver reads as it does |
//! | what waits for a client | as it is at the end of each tick, not at its highest in between |
//!
//! A plan with something that is **not** there is run all the same, without it, and its verdict is
//! at best inconclusive. Histories do not tell of faults that did not happen.

use causeway_sim::plan::{FaultAction, FaultPlan, Plan};
use causeway_sim::scenario::{Dist, Ways};

/// What the plan holds and this engine cannot do, each once.
pub(crate) fn gaps(plan: &Plan) -> Vec<String> {
    let mut gaps = Vec::new();
    let links = plan.regions.iter().map(|region| &region.link);
    for link in links.chain(plan.paths.iter().map(|path| &path.link)) {
        let parts = [
            (link.loss_ppm > 0, "loss"),
            (matches!(link.dist, Dist::Pareto | Dist::Bimodal), "long tail"),
            (link.bias_ns > 0, "bias"),
            (link.queue > 0, "queue"),
        ];
        for (_, what) in parts.into_iter().filter(|(is, _)| *is) {
            gaps.push(format!("the {what} of the network `{}`", link.name));
        }
    }
    for fault in &plan.faults {
        if fault.when.is_some() {
            gaps.push(format!("a `{}` that waits for something", fault.action.kind().name()));
        } else {
            gaps.extend(missing_in(&fault.action));
        }
    }
    if plan.ops.iter().any(|op| op.when.is_some()) {
        gaps.push("clients that wait for something".to_owned());
    }
    if plan.nodes.iter().any(|node| node.jetstream.is_some()) {
        gaps.push("streams".to_owned());
    }
    if plan.nodes.iter().any(|node| node.buffer.is_some()) {
        gaps.push("buffers".to_owned());
    }
    if !plan.perturb.is_empty() {
        gaps.push("what is to happen in the broker's code".to_owned());
    }
    gaps.sort();
    gaps.dedup();
    gaps
}

/// Whether the engine carries out a fault of a plan, if perhaps not in full.
pub(crate) const fn has_fault(fault: &FaultPlan) -> bool {
    fault.when.is_none() && has(&fault.action)
}

/// Whether the engine carries out a fault, if perhaps not in full.
pub(crate) const fn has(action: &FaultAction) -> bool {
    match action {
        FaultAction::Conns { .. } | FaultAction::Dns(_) | FaultAction::Host(_) => false,
        FaultAction::Cut { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::Degrade { .. }
        | FaultAction::Crash(_)
        | FaultAction::Stop(_)
        | FaultAction::LameDuck(_)
        | FaultAction::StopReading(_) => true,
    }
}

fn missing_in(action: &FaultAction) -> Vec<String> {
    match action {
        FaultAction::Degrade { between, loss_ppm, bandwidth, .. } => {
            let parts = [
                (*loss_ppm > 0, "the loss of a `degrade`"),
                (*bandwidth > 0, "the bandwidth of a `degrade`"),
                (between.ways != Ways::Both, "a `degrade` one way"),
            ];
            parts.into_iter().filter(|(is, _)| *is).map(|(_, what)| what.to_owned()).collect()
        }
        FaultAction::Crash(process)
        | FaultAction::Stop(process)
        | FaultAction::LameDuck(process) => {
            let what = || format!("the new address of a `{}`", action.kind().name());
            process.new_address.then(what).into_iter().collect()
        }
        FaultAction::Conns { .. } | FaultAction::Dns(_) | FaultAction::Host(_) => {
            vec![format!("the fault `{}`", action.kind().name())]
        }
        FaultAction::Cut { .. }
        | FaultAction::Reset(_)
        | FaultAction::Refuse(_)
        | FaultAction::StopReading(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_sim::ids::{NodeId, RegionId};
    use causeway_sim::plan::{
        HostFault, HostWhat, LinkPlan, NamesPlan, ProcessPlan, RegionPlan, Sides, Site,
    };

    fn plan(loss_ppm: u32, faults: Vec<FaultAction>) -> Plan {
        let link =
            LinkPlan { name: "lan".to_owned(), loss_ppm, bandwidth: 9, ..LinkPlan::default() };
        let fault = |action| FaultPlan { id: 0, at: 0, lasts: 1, action, when: None };
        Plan {
            regions: vec![RegionPlan { name: "east".to_owned(), link }],
            faults: faults.into_iter().map(fault).collect(),
            ..Plan::default()
        }
    }

    fn degrade(ways: Ways, loss_ppm: u32, bandwidth: u64) -> FaultAction {
        let between =
            Sides { a: vec![Site::Node(NodeId(0))], b: vec![Site::Clients(RegionId(0))], ways };
        FaultAction::Degrade { between, latency_ns: 1, jitter_ns: 1, loss_ppm, bandwidth }
    }

    fn crash(new_address: bool) -> FaultAction {
        FaultAction::Crash(ProcessPlan { nodes: vec![NodeId(0)], new_port: true, new_address })
    }

    fn pause() -> FaultAction {
        FaultAction::Host(HostFault { nodes: vec![NodeId(0)], what: HostWhat::Pause })
    }

    #[test]
    fn what_is_missing_of_a_fault_is_all_or_a_part() {
        assert!(has(&crash(true)));
        assert!(!has(&pause()));
    }

    #[test]
    fn what_is_missing_of_networks_is_named() {
        let mut plan = plan(0, vec![]);
        let link = &mut plan.regions[0].link;
        (link.dist, link.bias_ns, link.queue) = (Dist::Pareto, 1, 1);
        let expected = ["bias", "long tail", "queue"];
        assert_eq!(gaps(&plan), expected.map(|what| format!("the {what} of the network `lan`")));
        plan.regions[0].link = LinkPlan { dist: Dist::Normal, ..LinkPlan::default() };
        assert!(gaps(&plan).is_empty());
    }

    #[test]
    fn nothing_is_kept_here() {
        let text = include_str!(
            "../../../scenarios/regressions/too-many-of-a-key-after-a-torn-batch.plan"
        );
        let named = |text: &str| {
            let gaps = gaps(&Plan::parse(text).unwrap());
            ["buffers", "streams"].map(|what| gaps.contains(&what.to_owned()))
        };
        assert_eq!(named(text), [false, true]);
        assert_eq!(named(&text.replace("domain=east", "domain=east buffer=a.>")), [true, true]);
    }

    #[test]
    fn what_is_missing_is_named_once() {
        for (plan, expected) in [
            (plan(0, vec![degrade(Ways::Both, 0, 0)]), vec![]),
            (plan(5, vec![]), vec!["the loss of the network `lan`"]),
            (
                plan(0, vec![degrade(Ways::Both, 1, 0), degrade(Ways::Both, 2, 0)]),
                vec!["the loss of a `degrade`"],
            ),
            (
                plan(0, vec![degrade(Ways::Forward, 0, 7)]),
                vec!["a `degrade` one way", "the bandwidth of a `degrade`"],
            ),
            (plan(0, vec![FaultAction::StopReading(vec![])]), vec![]),
            (plan(0, vec![crash(false)]), vec![]),
            (plan(0, vec![crash(true)]), vec!["the new address of a `crash`"]),
            (
                plan(0, vec![pause(), FaultAction::Dns(NamesPlan { nodes: vec![], old: true })]),
                vec!["the fault `dns`", "the fault `pause`"],
            ),
        ] {
            assert_eq!(gaps(&plan), expected);
        }
    }
}
