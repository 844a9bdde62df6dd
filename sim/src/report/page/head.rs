//! What of a run is small: the head of its data, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::difference::Difference;
use super::ends::CauseInfo;
use super::kinds::KindInfo;
use super::lanes::Lane;
use super::rates::Buckets;
use super::sample::Sampling;
use crate::guarantee::{Judged, Took, Violation, Witness};
use crate::history::{Fault, GuaranteeInfo, Header, History, Kind, LinkInfo, Phase};
use crate::plan::Family;
use crate::report::{Line, quoted};

/// Commands that a reader can paste.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Commands {
    /// Runs it again.
    pub replay: String,
    /// Looks for a smaller plan with the same failure; empty if nothing failed.
    pub minimise: String,
    /// Says what became of a message; `MESSAGE` stands for its name.
    pub explain: String,
    /// Writes the run as a trace for Perfetto.
    pub trace: String,
}

impl Commands {
    /// Those for a run whose history stands in a folder, with the command that runs it again.
    #[must_use]
    pub fn of_run(program: &str, replay: String, folder: &std::path::Path, seed: u64) -> Self {
        let history = folder.join(format!("seed-{seed}.history.jsonl"));
        let file = quoted(&history.display().to_string());
        Self { replay, ..Self::of_history(program, &file) }
    }

    /// Those for a history of which nothing else is known. `file` is a word as a shell takes it.
    #[must_use]
    pub fn of_history(program: &str, file: &str) -> Self {
        let program = quoted(program);
        Self {
            replay: format!("{program} check {file}"),
            minimise: String::new(),
            explain: format!("{program} explain {file} --message MESSAGE"),
            trace: format!("{program} export {file} --as trace"),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Head<'h> {
    pub(super) version: &'static str,
    pub(super) scenario: &'h str,
    pub(super) about: &'h str,
    pub(super) seed: u64,
    pub(super) engine: &'h str,
    pub(super) server: Option<&'h str>,
    pub(super) trace_hash: String,
    pub(super) verdict: &'static str,
    pub(super) end: &'static str,
    pub(super) end_words: String,
    pub(super) end_ns: u64,
    pub(super) steps: u64,
    pub(super) broker_events: u64,
    pub(super) history_events: u64,
    pub(super) guarantees: Vec<Guarantee<'h>>,
    pub(super) goals: Vec<Goal<'h>>,
    pub(super) notes: Vec<String>,
    pub(super) regions: Vec<Region<'h>>,
    pub(super) paths: Vec<Path<'h>>,
    pub(super) lanes: Vec<Lane<'h>>,
    pub(super) minimal: bool,
    pub(super) plan: &'h str,
    pub(super) difference: Option<&'h Difference>,
    pub(super) phases: Vec<PhaseSpan>,
    pub(super) faults: Vec<FaultSpan<'h>>,
    pub(super) snapshots: Vec<Looked>,
    pub(super) story: Vec<StoryLine>,
    pub(super) commands: &'h Commands,
    pub(super) buckets: Buckets,
    pub(super) sampling: Sampling,
    pub(super) kinds: &'static [KindInfo],
    pub(super) causes: Vec<CauseInfo>,
    pub(super) spans: &'static [&'static str],
    pub(super) depths: &'static [&'static str],
    pub(super) texts: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Guarantee<'h> {
    id: &'h str,
    name: &'h str,
    code: &'h str,
    sentence: &'h str,
    unit: &'h str,
    timing: &'h str,
    required: bool,
    line: u32,
    declared: Option<Declared<'h>>,
    status: &'static str,
    checked: u64,
    broken: u64,
    excused: u64,
    unrecoverable: u64,
    bound_ns: Option<u64>,
    closest: Option<Closest>,
    first: Option<First<'h>>,
    first_unrecoverable: Option<First<'h>>,
    why_unrecoverable: Option<&'static str>,
}

/// What the scenario says of it.
#[derive(Debug, Serialize)]
struct Declared<'h> {
    scope: &'h str,
    during: &'h str,
    within_ns: Option<u64>,
    grace_ns: Option<u64>,
    p99_ns: Option<u64>,
    success_ppm: Option<u32>,
    min_ppm: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(super) struct Closest {
    took_ns: u64,
    bound_ns: u64,
    margin_ns: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct First<'h> {
    event: usize,
    t: u64,
    story: &'h str,
    witnesses: Vec<WitnessLine<'h>>,
}

#[derive(Debug, Serialize)]
struct WitnessLine<'h> {
    event: usize,
    t: u64,
    text: &'h str,
    /// The message that it is about, by number; 0 is none.
    msg: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Goal<'h> {
    pub(super) goal: &'h str,
    pub(super) reached: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Region<'h> {
    name: &'h str,
    link: Link<'h>,
}

#[derive(Debug, Serialize)]
pub(super) struct Path<'h> {
    a: u16,
    b: u16,
    link: Link<'h>,
}

#[derive(Debug, Serialize)]
struct Link<'h> {
    name: &'h str,
    latency_ns: u64,
    jitter_ns: u64,
    bandwidth: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct PhaseSpan {
    name: &'static str,
    since: u64,
    until: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct FaultSpan<'h> {
    id: u32,
    kind: &'static str,
    family: &'static str,
    text: &'h str,
    since: u64,
    /// `null` if it was never lifted, or lasts no time.
    until: Option<u64>,
    instant: bool,
    /// Lanes.
    nodes: Vec<u64>,
    /// Lanes, from and to.
    pairs: Vec<(u64, u64)>,
    /// Regions of clients, and lanes of the nodes that these cannot reach.
    clients: Vec<(u16, u64)>,
}

#[derive(Debug, Serialize)]
pub(super) struct Looked {
    t: u64,
    lane: u64,
    phase: &'static str,
    routes: usize,
    interest: usize,
    clients: usize,
    counters: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct StoryLine {
    t: u64,
    text: String,
}

impl From<Line> for StoryLine {
    fn from(line: Line) -> Self {
        Self { t: line.t, text: line.text }
    }
}

impl<'h> Guarantee<'h> {
    /// `message` gives the number of the message that an event is about.
    pub(super) fn of(
        judged: &'h Judged,
        header: &'h Header,
        message: impl Fn(usize) -> u64,
    ) -> Self {
        let (spec, findings) = (judged.spec, &judged.findings);
        let status = match (findings.broken, findings.checked) {
            (0, 0) => "not_checked",
            (0, _) => "held",
            (_, _) => "broken",
        };
        let lost = findings.first_unrecoverable.as_ref();
        let asked = |info: &&GuaranteeInfo| judged.required && info.id == judged.name;
        Self {
            id: spec.id,
            name: &judged.name,
            code: spec.code,
            sentence: spec.sentence,
            unit: spec.unit,
            timing: spec.timing.name(),
            required: judged.required,
            line: judged.line,
            declared: header.guarantees.iter().find(asked).map(Declared::of),
            status,
            checked: findings.checked,
            broken: findings.broken,
            excused: findings.excused,
            unrecoverable: findings.unrecoverable,
            bound_ns: judged.bound_ns,
            closest: findings.closest.map(Closest::of),
            first: findings.first.as_ref().map(|it| First::of(it, &message)),
            first_unrecoverable: lost.map(|(it, _)| First::of(it, &message)),
            why_unrecoverable: lost.map(|(_, why)| why.name()),
        }
    }
}

impl<'h> Declared<'h> {
    fn of(info: &'h GuaranteeInfo) -> Self {
        Self {
            scope: &info.scope,
            during: &info.during,
            within_ns: info.within_ns,
            grace_ns: info.grace_ns,
            p99_ns: info.p99_ns,
            success_ppm: info.success_ppm,
            min_ppm: info.min_ppm,
        }
    }
}

impl Closest {
    pub(super) const fn of(took: Took) -> Self {
        Self { took_ns: took.took_ns, bound_ns: took.bound_ns, margin_ns: took.margin_ns() }
    }
}

impl<'h> First<'h> {
    pub(super) fn of(violation: &'h Violation, message: &impl Fn(usize) -> u64) -> Self {
        let line =
            |w: &'h Witness| WitnessLine { event: w.i, t: w.t, text: &w.text, msg: message(w.i) };
        Self {
            event: violation.i,
            t: violation.t,
            story: &violation.story,
            witnesses: violation.witnesses.iter().map(line).collect(),
        }
    }
}

impl<'h> Link<'h> {
    fn of(link: &'h LinkInfo) -> Self {
        Self {
            name: &link.name,
            latency_ns: link.latency_ns,
            jitter_ns: link.jitter_ns,
            bandwidth: link.bandwidth,
        }
    }
}

pub(super) fn regions(header: &Header) -> Vec<Region<'_>> {
    let all = header.regions.iter();
    all.map(|region| Region { name: &region.name, link: Link::of(&region.link) }).collect()
}

pub(super) fn paths(header: &Header) -> Vec<Path<'_>> {
    header
        .paths
        .iter()
        .map(|path| Path { a: path.a.0, b: path.b.0, link: Link::of(&path.link) })
        .collect()
}

/// The phases that began, each until the next or the end.
pub(super) fn phases(history: &History) -> Vec<PhaseSpan> {
    let mut phases: Vec<PhaseSpan> = Vec::new();
    let mut begin = |phase: Phase, t: u64| {
        if let Some(last) = phases.last_mut() {
            last.until = t;
        }
        phases.push(PhaseSpan { name: phase.name(), since: t, until: t });
    };
    for event in &history.events {
        if let Kind::Phase { phase } = &event.kind {
            begin(*phase, event.t);
        }
    }
    if let (Some(last), Some(end)) = (phases.last_mut(), history.events.last()) {
        last.until = end.t;
    }
    phases
}

/// The faults, in the order in which they began.
pub(super) fn faults(history: &History) -> Vec<FaultSpan<'_>> {
    let lanes = super::lanes::Lanes::of(&history.header);
    let mut faults: Vec<FaultSpan<'_>> = Vec::new();
    let span = |fault: &'_ Fault, since: u64| FaultSpan {
        id: fault.id,
        kind: fault.kind.name(),
        family: Family::of(fault.kind).name(),
        text: "",
        since,
        until: None,
        instant: fault.kind.is_instant(),
        nodes: fault.nodes.iter().map(|node| lanes.node(*node)).collect(),
        pairs: fault.pairs.iter().map(|(a, b)| (lanes.node(*a), lanes.node(*b))).collect(),
        clients: fault.clients.iter().map(|(region, node)| (region.0, lanes.node(*node))).collect(),
    };
    for event in &history.events {
        let Kind::Fault(fault) = &event.kind else { continue };
        if fault.on {
            faults.push(FaultSpan { text: &fault.text, ..span(fault, event.t) });
        } else if let Some(begun) =
            faults.iter_mut().rev().find(|it| it.id == fault.id && it.until.is_none())
        {
            begun.until = Some(event.t);
        }
    }
    faults
}

/// What nodes said about themselves.
pub(super) fn snapshots(history: &History) -> Vec<Looked> {
    let lanes = super::lanes::Lanes::of(&history.header);
    let looked = |event: &crate::history::Event| {
        let Kind::Snapshot(snapshot) = &event.kind else { return None };
        Some(Looked {
            t: event.t,
            lane: lanes.node(snapshot.node),
            phase: snapshot.phase.name(),
            routes: snapshot.routes.len(),
            interest: snapshot.interest.len(),
            clients: snapshot.clients.len(),
            counters: snapshot.counters.fields().into_iter().collect(),
        })
    };
    history.events.iter().filter_map(looked).collect()
}
