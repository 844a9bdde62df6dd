//! What is left out: the end, clients, nodes and regions, faults, operations, promises.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::{client_ids, node_ids, with_faults, with_members, with_ops};
use super::search::Search;
use super::{Signature, times, values};
use crate::guarantee;
use crate::history::{FaultKind, GuaranteeInfo};
use crate::ids::{ClientId, NodeId};
use crate::plan::{FaultAction, Op, Plan, Sides, Site};

/// So many other seeds of the noise are tried when leaving something out makes the failure vanish.
const OTHER_SEEDS: u64 = 16;

impl Search<'_> {
    /// Leaves out what can be left out.
    pub(super) fn structure(&mut self) {
        self.end_sooner();
        // Noise makes the same edit work once and fail once, so it goes early.
        self.calm_networks();
        self.fewer_clients();
        self.fewer_nodes();
        self.fewer_faults();
        self.fewer_healed();
        self.fewer_perturbations();
        self.fewer_operations();
        self.end_sooner();
        self.fewer_sites();
        self.fewer_promises();
    }

    /// Nothing is done after the failure has shown.
    fn end_sooner(&mut self) {
        let fails_at = self.fails_at();
        for patience in [0, 1, 10] {
            let until = fails_at.saturating_add(patience * crate::units::SECOND);
            let cut = self.change(|plan| {
                plan.ops.retain(|op| op.at <= until);
                plan.faults.retain(|fault| fault.at <= until);
                plan.renumber();
                times::settle(plan);
            });
            if cut {
                break;
            }
        }
        self.change(times::settle);
    }

    fn fewer_clients(&mut self) {
        let plan = self.plan().clone();
        let nodes = node_ids(&plan);
        // By their tables first: those of one table do the same.
        let mut tables: BTreeMap<&str, Vec<ClientId>> = BTreeMap::new();
        for (id, client) in (0..).map(ClientId).zip(&plan.clients) {
            let table = client.name.rsplit_once('/').map_or(client.name.as_str(), |(name, _)| name);
            tables.entry(table).or_default().push(id);
        }
        self.leave_out(tables.into_values().collect(), |kept| {
            with_members(&plan, &nodes, &kept.iter().flatten().copied().collect())
        });
        let plan = self.plan().clone();
        self.leave_out(client_ids(&plan).into_iter().collect(), |kept| {
            with_members(&plan, &nodes, &kept.iter().copied().collect())
        });
    }

    fn fewer_nodes(&mut self) {
        let plan = self.plan().clone();
        let clients = client_ids(&plan);
        let mut regions: BTreeMap<u16, Vec<NodeId>> = BTreeMap::new();
        for (id, node) in (0..).map(NodeId).zip(&plan.nodes) {
            regions.entry(node.region.0).or_default().push(id);
        }
        self.leave_out(regions.into_values().collect(), |kept| {
            with_members(&plan, &kept.iter().flatten().copied().collect(), &clients)
        });
        let plan = self.plan().clone();
        let clients = client_ids(&plan);
        // From the last: the first node of a region is the one that others are told to dial.
        self.leave_out(node_ids(&plan).into_iter().rev().collect(), |kept| {
            with_members(&plan, &kept.iter().copied().collect(), &clients)
        });
        for client in 0..self.plan().clients.len() {
            self.one_node_for(client);
        }
    }

    /// A client that has a choice of nodes gets one.
    fn one_node_for(&mut self, client: usize) {
        let nodes = self.plan().clients[client].nodes.clone();
        if nodes.len() > 1 {
            let _enough =
                nodes.iter().any(|node| self.change(|p| p.clients[client].nodes = vec![*node]));
        }
    }

    fn fewer_faults(&mut self) {
        let plan = self.plan().clone();
        let mut families: BTreeMap<FaultKind, Vec<usize>> = BTreeMap::new();
        for (at, fault) in plan.faults.iter().enumerate() {
            families.entry(fault.action.kind()).or_default().push(at);
        }
        self.leave_out(families.into_values().collect(), |kept| {
            let mut kept: Vec<usize> = kept.iter().flatten().copied().collect();
            kept.sort_unstable();
            Some(with_faults(&plan, &kept))
        });
        let plan = self.plan().clone();
        let all = (0..plan.faults.len()).collect();
        self.leave_out(all, |kept| Some(with_faults(&plan, kept)));
    }

    /// Everybody is healed; or else the core has fewer nodes.
    fn fewer_healed(&mut self) {
        let Some(core) = self.plan().core.clone() else { return };
        let plan = self.plan().clone();
        let lifted: Vec<usize> =
            (0..plan.faults.len()).filter(|at| !plan.faults[*at].stays()).collect();
        if self.attempt(Plan { core: None, ..with_faults(&plan, &lifted) }) {
            return;
        }
        self.leave_out(core, |kept| {
            (!kept.is_empty()).then(|| Plan { core: Some(kept.to_vec()), ..plan.clone() })
        });
    }

    fn fewer_perturbations(&mut self) {
        let plan = self.plan().clone();
        self.leave_out(plan.perturb.clone(), |kept| {
            Some(Plan { perturb: kept.to_vec(), ..plan.clone() })
        });
    }

    fn fewer_operations(&mut self) {
        let plan = self.plan().clone();
        self.leave_out(work(&plan), |kept| Some(with_work(&plan, kept.iter().flatten())));
        // One by one, those of a client side by side, so that halves are halves of a client's work.
        let plan = self.plan().clone();
        self.leave_out(work(&plan).concat(), |kept| Some(with_work(&plan, kept)));
    }

    /// Faults hit fewer places.
    fn fewer_sites(&mut self) {
        for fault in 0..self.plan().faults.len() {
            for first in [true, false] {
                let Some(side) = side(self.plan(), fault, first).cloned() else { continue };
                let plan = self.plan().clone();
                self.leave_out(side, |kept| {
                    if kept.is_empty() {
                        return None;
                    }
                    let mut candidate = plan.clone();
                    *side_mut(&mut candidate, fault, first)? = kept.to_vec();
                    Some(candidate)
                });
            }
        }
    }

    /// What broke is what the plan is about. Every guarantee is checked whether it is asked for or
    /// not; a line that weakens one stays.
    fn fewer_promises(&mut self) {
        let mut candidate = self.plan().clone();
        candidate.guarantees.retain(weakens);
        for guarantee in &mut candidate.guarantees {
            guarantee.line = 0;
        }
        if candidate == *self.plan() {
            return;
        }
        if !self.attempt_if_nothing_new(candidate)
            && let Signature::Broken { guarantee, .. } = self.wanted()
        {
            let wanted = *guarantee;
            self.change(|plan| {
                let is_wanted = |g: &GuaranteeInfo| {
                    guarantee::find(&g.kind).is_some_and(|spec| spec.id == wanted)
                };
                plan.guarantees.retain(|g| weakens(g) || is_wanted(g));
            });
        }
    }

    /// Leaves out one thing at a time and lets the noise be another. Whether that helped.
    pub(super) fn with_other_noise(&mut self) -> bool {
        let plan = self.plan().clone();
        let (nodes, clients) = (node_ids(&plan), client_ids(&plan));
        let without_node = nodes.iter().map(|id| {
            let mut rest = nodes.clone();
            rest.remove(id);
            with_members(&plan, &rest, &clients)
        });
        let without_client = clients.iter().map(|id| {
            let mut rest = clients.clone();
            rest.remove(id);
            with_members(&plan, &nodes, &rest)
        });
        let without_fault = (0..plan.faults.len()).map(|out| {
            let rest: Vec<usize> = (0..plan.faults.len()).filter(|at| *at != out).collect();
            Some(with_faults(&plan, &rest))
        });
        let mut calm = plan.clone();
        values::calm(&mut calm);
        let calm = Some(calm).filter(|calm| *calm != plan);
        let candidates: Vec<Plan> = without_node
            .chain(without_client)
            .chain(without_fault)
            .chain([calm])
            .flatten()
            .collect();
        // Each seed for all candidates: one that fails with many seeds is found by the first.
        (0..OTHER_SEEDS).any(|seed| {
            candidates.iter().any(|candidate| {
                candidate.seed != seed && self.attempt(Plan { seed, ..candidate.clone() })
            })
        })
    }
}

/// The operations of each client that can be left out, by their places. A client without its
/// CONNECT is a client less, which is another edit.
fn work(plan: &Plan) -> Vec<Vec<usize>> {
    let mut work = vec![Vec::new(); plan.clients.len()];
    for (at, op) in plan.ops.iter().enumerate() {
        if op.op != Op::Connect
            && let Some(of_client) = work.get_mut(op.client.0 as usize)
        {
            of_client.push(at);
        }
    }
    work
}

/// The plan with its CONNECTs and these other operations.
fn with_work<'a>(plan: &Plan, kept: impl IntoIterator<Item = &'a usize>) -> Plan {
    let mut places: BTreeSet<usize> = kept.into_iter().copied().collect();
    let connects = plan.ops.iter().enumerate().filter(|(_, op)| op.op == Op::Connect);
    places.extend(connects.map(|(at, _)| at));
    with_ops(plan, &places)
}

/// Whether a line asks for something else than what is checked anyway.
fn weakens(info: &GuaranteeInfo) -> bool {
    let GuaranteeInfo { scope, during, within_ns, grace_ns, success_ppm, .. } = info;
    // This one is about partitions whatever is said.
    let always = matches!(during.as_str(), "" | "always") || info.kind == "region_autonomy";
    !scope.is_empty()
        || !always
        || within_ns.is_some()
        || grace_ns.is_some()
        || success_ppm.is_some_and(|ppm| ppm < crate::units::ONE_PPM)
}

fn side(plan: &Plan, fault: usize, first: bool) -> Option<&Vec<Site>> {
    let sides = plan.faults.get(fault)?.action.sides()?;
    Some(if first { &sides.a } else { &sides.b })
}

fn side_mut(plan: &mut Plan, fault: usize, first: bool) -> Option<&mut Vec<Site>> {
    let sides: &mut Sides = match &mut plan.faults.get_mut(fault)?.action {
        FaultAction::Cut { between, .. }
        | FaultAction::Conns { between, .. }
        | FaultAction::Degrade { between, .. } => between,
        FaultAction::Reset(between) | FaultAction::Refuse(between) => between,
        FaultAction::Crash(_)
        | FaultAction::Stop(_)
        | FaultAction::LameDuck(_)
        | FaultAction::Dns(_)
        | FaultAction::StopReading(_)
        | FaultAction::Host(_) => return None,
    };
    Some(if first { &mut sides.a } else { &mut sides.b })
}
