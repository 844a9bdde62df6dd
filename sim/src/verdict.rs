//! What a set of runs has shown: for each guarantee held, broken or not checked, and how a program
//! should end.

use std::collections::BTreeSet;

use crate::guarantee::{Judged, Spec, Took, Violation};
use crate::history::{History, Kind, Why};
use crate::plan::Family;
use crate::run::RunEnd;
use crate::shrink::findings;

/// What one seed has shown. It is kept for every seed, so it does not hold the history.
#[derive(Clone, Debug)]
pub struct SeedRun {
    /// The seed.
    pub seed: u64,
    /// The rolling hash over everything that happened.
    pub trace_hash: u64,
    /// Steps of the engine.
    pub steps: u64,
    /// Frames that nodes took, and messages that were delivered.
    pub broker_events: u64,
    /// Simulated time, in nanoseconds.
    pub sim_ns: u64,
    /// Events in the history.
    pub history_events: u64,
    /// How the run ended.
    pub end: RunEnd,
    /// What was found, by guarantee; empty if the history could not be judged.
    pub judged: Vec<Judged>,
    /// Why the history could not be judged.
    pub unjudged: Option<String>,
    /// What the plan holds and the engine cannot do: the run says nothing about it.
    pub gaps: Vec<String>,
    /// What faults of the plan waited for in vain.
    pub never_came: Vec<String>,
    /// For each coverage goal, whether it was reached.
    pub goals: Vec<bool>,
    /// What its failure is, if it failed: seeds with the same words failed for the same reason, as far
    /// as can be told.
    pub signature: Option<String>,
    /// The families of faults that it saw.
    pub families: BTreeSet<Family>,
    /// What was observed, if it cannot be had by another run and somebody may want to look at it.
    pub kept: Option<Box<History>>,
}

impl SeedRun {
    /// A run of which there is nothing but its history, and what guarantees have made of that.
    #[must_use]
    pub fn of_history(history: &History, judged: Vec<Judged>) -> Self {
        let mut run = Self {
            seed: history.header.seed,
            trace_hash: 0,
            steps: 0,
            broker_events: 0,
            sim_ns: history.events.last().map_or(0, |event| event.t),
            history_events: history.events.len() as u64,
            end: RunEnd::Complete,
            judged,
            unjudged: None,
            gaps: Vec::new(),
            never_came: Vec::new(),
            goals: Vec::new(),
            signature: None,
            families: BTreeSet::new(),
            kept: None,
        };
        run.remember(history);
        run
    }

    /// Takes from the history what is told of every seed, and cannot be told when the history is gone.
    pub fn remember(&mut self, history: &History) {
        let first = findings(self, history).into_iter().next();
        self.signature = first.map(|finding| finding.signature.to_string());
        for event in &history.events {
            if let Kind::Fault(fault) = &event.kind {
                self.families.insert(Family::of(fault.kind));
            }
        }
    }

    /// What is wrong with the harness itself, if anything: the broker is not to blame for it.
    #[must_use]
    pub fn harness_fault(&self) -> Option<String> {
        if let Some(why) = &self.unjudged {
            return Some(format!("the history contradicts itself: {why}"));
        }
        match &self.end {
            RunEnd::Complete | RunEnd::Cut | RunEnd::TooSlow { .. } => None,
            // A node's panic is in the history, and breaks a guarantee; a broker that multiplies
            // messages without end breaks several.
            RunEnd::Panicked { .. } | RunEnd::Stuck { .. } if self.broke() => None,
            RunEnd::Panicked { message } => Some(format!("the engine panicked: {message}")),
            RunEnd::Stuck { message } => Some(format!("the run did not come to an end: {message}")),
        }
    }

    /// Whether something did not come back that no broker could have brought back, and nothing else
    /// is wrong.
    #[must_use]
    pub fn is_unrecoverable(&self) -> bool {
        !self.failed() && self.judged.iter().any(|judged| judged.findings.unrecoverable > 0)
    }

    /// Whether a guarantee broke.
    #[must_use]
    pub fn broke(&self) -> bool {
        self.judged.iter().any(|judged| judged.findings.broken > 0)
    }

    /// Whether there is something to look at.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.broke() || self.harness_fault().is_some()
    }
}

/// What became of a guarantee.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// It was put to the test and held every time.
    Held,
    /// It was put to the test and did not hold.
    Broken,
    /// It was never put to the test, so nothing is known.
    NotChecked,
}

impl Status {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::NotChecked => "not checked",
        }
    }

    /// The word for it in files.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::NotChecked => "not_checked",
        }
    }
}

/// How a program should end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Every guarantee that was put to the test held, and all that had to be were.
    Held,
    /// A guarantee broke.
    Broken,
    /// The scenario or the arguments are wrong; nothing was run.
    Usage,
    /// The harness failed, or a run was not deterministic.
    Harness,
    /// Required coverage was not reached.
    Coverage,
    /// Too little was run to say.
    Inconclusive,
}

impl Exit {
    /// The exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Broken => 1,
            Self::Usage => 2,
            Self::Harness => 3,
            Self::Coverage => 4,
            Self::Inconclusive => 5,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::Usage => "usage",
            Self::Harness => "harness",
            Self::Coverage => "coverage",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// The graver of two: a harness that failed, then wrong arguments, a broken guarantee, missing
    /// coverage, too little.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if self.gravity() >= other.gravity() { self } else { other }
    }

    const fn gravity(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Inconclusive => 1,
            Self::Coverage => 2,
            Self::Broken => 3,
            Self::Usage => 4,
            Self::Harness => 5,
        }
    }
}

/// One guarantee over all seeds.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub spec: &'static Spec,
    /// The scenario's name for it.
    pub name: String,
    /// The scenario asks for it.
    pub required: bool,
    /// The line of the scenario file that does; 0 if none.
    pub line: u32,
    /// The longest bound that was applied, in nanoseconds.
    pub bound_ns: Option<u64>,
    /// The case that held and was closest to a bound of its own.
    pub closest: Option<Took>,
    /// How often it was put to the test.
    pub checked: u64,
    /// How often it did not hold.
    pub broken: u64,
    /// How often the promise did not cover the case.
    pub excused: u64,
    /// How often it did not hold where no broker could have made it hold.
    pub unrecoverable: u64,
    /// The first seed in which that was so, what happened, and why nobody could help it.
    pub first_unrecoverable: Option<(u64, Violation, Why)>,
    /// Seeds in which it was put to the test and held.
    pub seeds_held: u64,
    /// Seeds in which it broke.
    pub seeds_broken: u64,
    /// Seeds in which it was not put to the test.
    pub seeds_not_checked: u64,
    /// The first seed in which it broke, and how.
    pub first: Option<(u64, Violation)>,
}

impl Row {
    /// What became of it.
    #[must_use]
    pub const fn status(&self) -> Status {
        if self.broken > 0 {
            Status::Broken
        } else if self.checked > 0 {
            Status::Held
        } else {
            Status::NotChecked
        }
    }

    /// The scenario asks for it, and it was never put to the test.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        self.required && self.checked == 0
    }

    fn new(judged: &Judged) -> Self {
        Self {
            spec: judged.spec,
            name: judged.name.clone(),
            required: judged.required,
            line: judged.line,
            bound_ns: None,
            closest: None,
            checked: 0,
            broken: 0,
            excused: 0,
            unrecoverable: 0,
            first_unrecoverable: None,
            seeds_held: 0,
            seeds_broken: 0,
            seeds_not_checked: 0,
            first: None,
        }
    }

    fn add(&mut self, seed: u64, judged: &Judged) {
        let findings = &judged.findings;
        self.bound_ns = self.bound_ns.max(judged.bound_ns);
        self.closest = Took::closer(self.closest, findings.closest);
        self.checked += findings.checked;
        self.broken += findings.broken;
        self.excused += findings.excused;
        self.unrecoverable += findings.unrecoverable;
        if let (None, Some((violation, why))) =
            (&self.first_unrecoverable, &findings.first_unrecoverable)
        {
            self.first_unrecoverable = Some((seed, violation.clone(), *why));
        }
        match (findings.broken, findings.checked) {
            (0, 0) => self.seeds_not_checked += 1,
            (0, _) => self.seeds_held += 1,
            (_, _) => self.seeds_broken += 1,
        }
        if let (None, Some(violation)) = (&self.first, &findings.first) {
            self.first = Some((seed, violation.clone()));
        }
    }
}

/// What a set of runs of one scenario has shown.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The guarantees, in the catalogue's order.
    pub rows: Vec<Row>,
    /// Coverage goals, and in how many seeds each was reached.
    pub goals: Vec<(String, u64)>,
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that were not run because the time was up.
    pub seeds_left_out: u64,
    /// Seeds with something wrong with the harness itself, and what.
    pub harness_faults: Vec<(u64, String)>,
    /// What the engine could not do in some seed: nothing that held says that it would hold then.
    pub gaps: BTreeSet<String>,
    /// Seeds in which something did not come back that no broker could have brought back: they say
    /// nothing for the broker, and nothing against it.
    pub seeds_unrecoverable: u64,
    /// Seeds in which a fault waited for something in vain.
    pub seeds_in_vain: u64,
    /// The first of them, and what it was.
    pub in_vain: Option<(u64, String)>,
    /// Sums over all seeds.
    pub totals: Totals,
}

/// Sums over all seeds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Steps of the engine.
    pub steps: u64,
    /// Frames that nodes took, and messages that were delivered.
    pub broker_events: u64,
    /// Simulated time, in nanoseconds.
    pub sim_ns: u64,
    /// Events in the histories.
    pub history_events: u64,
}

impl Verdict {
    /// Adds up what the seeds have shown, in the order given.
    #[must_use]
    pub fn of(runs: &[SeedRun], goals: &[&str], seeds_left_out: u64) -> Self {
        let mut verdict = Self {
            rows: Vec::new(),
            goals: goals.iter().map(|&goal| (goal.to_owned(), 0)).collect(),
            seeds: runs.len() as u64,
            seeds_left_out,
            harness_faults: Vec::new(),
            gaps: BTreeSet::new(),
            seeds_unrecoverable: 0,
            seeds_in_vain: 0,
            in_vain: None,
            totals: Totals::default(),
        };
        for run in runs {
            verdict.add(run);
        }
        verdict
    }

    /// Takes note that what was run is not what the scenario describes: guarantees that were not put
    /// to the test are no failure.
    pub fn ask_for_nothing(&mut self) {
        for row in &mut self.rows {
            row.required = false;
        }
    }

    /// How a program should end that has only this verdict to go by.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let missing = self.rows.iter().any(Row::is_missing)
            || self.goals.iter().any(|(_, reached)| *reached == 0);
        if !self.harness_faults.is_empty() {
            Exit::Harness
        } else if self.rows.iter().any(|row| row.status() == Status::Broken) {
            Exit::Broken
        } else if self.seeds == 0
            || !self.gaps.is_empty()
            || self.seeds_in_vain == self.seeds
            || self.seeds_unrecoverable == self.seeds
            || (missing && self.seeds_left_out > 0)
        {
            // The seeds that were left out, or an engine that can do it all, might have reached it;
            // and what a fault waits for in vain in every seed, or what every plan makes impossible, was
            // never put to the test.
            Exit::Inconclusive
        } else if missing {
            Exit::Coverage
        } else {
            Exit::Held
        }
    }

    /// What did not come back first that no broker could have brought back: the seed, what happened,
    /// and why nobody could help it.
    #[must_use]
    pub fn first_unrecoverable(&self) -> Option<&(u64, Violation, Why)> {
        let all = self.rows.iter().filter_map(|row| row.first_unrecoverable.as_ref());
        all.min_by_key(|(seed, ..)| *seed)
    }

    fn add(&mut self, run: &SeedRun) {
        if let Some(fault) = run.harness_fault() {
            self.harness_faults.push((run.seed, fault));
        }
        self.gaps.extend(run.gaps.iter().cloned());
        if let RunEnd::TooSlow { message } = &run.end {
            self.gaps.insert(message.clone());
        }
        self.seeds_unrecoverable += u64::from(run.is_unrecoverable());
        if let Some(what) = run.never_came.first() {
            self.seeds_in_vain += 1;
            self.in_vain.get_or_insert((run.seed, what.clone()));
        }
        for (at, judged) in run.judged.iter().enumerate() {
            // All seeds of a scenario have the same guarantees in the same order.
            if at == self.rows.len() {
                self.rows.push(Row::new(judged));
            }
            self.rows[at].add(run.seed, judged);
        }
        for ((_, reached), now) in self.goals.iter_mut().zip(&run.goals) {
            *reached += u64::from(*now);
        }
        self.totals.steps += run.steps;
        self.totals.broker_events += run.broker_events;
        self.totals.sim_ns += run.sim_ns;
        self.totals.history_events += run.history_events;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::guarantee::judge;
    use crate::guarantee::testkit::{EAST_1, Script};

    /// A run in which one message was delivered `copies` times.
    pub(crate) fn seed_run(seed: u64, copies: u32, asked: Option<&str>) -> SeedRun {
        let mut s = Script::running();
        let client = s.client("both/1", EAST_1);
        s.sub(client, 1, "a", "");
        let msg = s.publish(client, "a");
        for _ in 0..copies {
            s.deliver(client, 1, msg);
        }
        if let Some(kind) = asked {
            s.ask(kind);
        }
        SeedRun {
            seed,
            trace_hash: 0xabc,
            steps: 10,
            broker_events: 100,
            sim_ns: 1_000,
            history_events: s.history.events.len() as u64,
            end: RunEnd::Complete,
            judged: judge(&s.history).unwrap(),
            unjudged: None,
            gaps: Vec::new(),
            never_came: Vec::new(),
            goals: vec![copies > 0],
            signature: None,
            families: BTreeSet::new(),
            kept: None,
        }
    }

    fn row<'a>(verdict: &'a Verdict, id: &str) -> &'a Row {
        verdict.rows.iter().find(|row| row.spec.id == id).unwrap()
    }

    #[test]
    fn seeds_are_added_up() {
        let runs = [
            seed_run(3, 1, None),
            seed_run(4, 2, None),
            seed_run(5, 0, None),
            seed_run(6, 3, None),
        ];
        let verdict = Verdict::of(&runs, &["delivered"], 0);
        let once = row(&verdict, "no_duplicates");
        assert_eq!((once.checked, once.broken), (1 + 2 + 3, 1 + 2));
        assert_eq!((once.seeds_held, once.seeds_broken, once.seeds_not_checked), (1, 2, 1));
        assert_eq!(once.status(), Status::Broken);
        assert_eq!(once.first.as_ref().unwrap().0, 4);
        assert_eq!(row(&verdict, "nothing_unexpected").status(), Status::Held);
        assert_eq!(row(&verdict, "one_hop").status(), Status::NotChecked);
        assert_eq!(verdict.goals, [("delivered".to_owned(), 3)]);
        assert_eq!((verdict.totals.steps, verdict.totals.broker_events), (40, 400));
        assert_eq!(verdict.exit(), Exit::Broken);
    }

    #[test]
    fn each_way_to_end() {
        let held = seed_run(0, 1, Some("no_duplicates"));
        let missing = seed_run(0, 1, Some("one_hop"));
        let exit = |runs: &[SeedRun], goals: &[&str], left| Verdict::of(runs, goals, left).exit();
        for left in [0, 7] {
            assert_eq!(exit(std::slice::from_ref(&held), &["g"], left), Exit::Held);
        }
        for (left, expected) in [(0, Exit::Coverage), (1, Exit::Inconclusive)] {
            assert_eq!(exit(std::slice::from_ref(&missing), &[], left), expected);
        }
        assert_eq!(exit(&[seed_run(0, 0, None)], &["g"], 0), Exit::Coverage);
        assert_eq!(exit(&[], &[], 1), Exit::Inconclusive);
        let gaps = vec!["fault 0: loss".to_owned()];
        let kinder = SeedRun { gaps: gaps.clone(), ..held.clone() };
        assert_eq!(exit(&[held.clone(), kinder], &[], 0), Exit::Inconclusive);
        let waits = SeedRun { never_came: vec!["`up(a/1)==0`".to_owned()], ..held.clone() };
        assert_eq!(exit(&[held.clone(), waits.clone()], &[], 0), Exit::Held);
        assert_eq!(exit(&[waits.clone(), waits.clone()], &[], 0), Exit::Inconclusive);
        let verdict = Verdict::of(&[held.clone(), waits], &[], 0);
        assert_eq!((verdict.seeds_in_vain, verdict.in_vain.map(|(seed, _)| seed)), (1, Some(0)));
        let lost = |mut run: SeedRun| {
            run.judged[0].findings.unrecoverable = 2;
            run
        };
        let (amber, held_too) = (lost(held.clone()), held.clone());
        assert!(amber.is_unrecoverable() && !amber.failed());
        assert_eq!(exit(&[held_too, amber.clone()], &[], 0), Exit::Held);
        assert_eq!(exit(&[amber.clone(), amber], &[], 0), Exit::Inconclusive);
        // What else broke is no better for it.
        assert_eq!(exit(&[lost(seed_run(0, 2, None))], &[], 0), Exit::Broken);
        let broken = SeedRun { gaps, ..seed_run(0, 2, None) };
        assert_eq!(exit(&[broken], &[], 0), Exit::Broken);
        let stuck = SeedRun { end: RunEnd::Stuck { message: "x".to_owned() }, ..held.clone() };
        assert_eq!(exit(&[stuck], &[], 0), Exit::Harness);
        let late = RunEnd::TooSlow { message: "x".to_owned() };
        assert_eq!(exit(&[SeedRun { end: late, ..held.clone() }], &[], 0), Exit::Inconclusive);
        let unjudged =
            SeedRun { unjudged: Some("x".to_owned()), judged: Vec::new(), ..held.clone() };
        assert_eq!(exit(&[unjudged], &[], 0), Exit::Harness);
        let panicked = RunEnd::Panicked { message: "x".to_owned() };
        for end in [panicked.clone(), RunEnd::Stuck { message: "x".to_owned() }] {
            let blamed = SeedRun { end, ..seed_run(0, 2, None) };
            assert_eq!(exit(&[blamed], &[], 0), Exit::Broken);
        }
        assert_eq!(exit(&[SeedRun { end: panicked, ..held }], &[], 0), Exit::Harness);
    }

    #[test]
    fn the_graver_end_wins() {
        let all = [
            Exit::Held,
            Exit::Inconclusive,
            Exit::Coverage,
            Exit::Broken,
            Exit::Usage,
            Exit::Harness,
        ];
        for (at, &a) in all.iter().enumerate() {
            for (bt, &b) in all.iter().enumerate() {
                assert_eq!(a.worse(b), all[at.max(bt)]);
            }
        }
        let mut codes = all.map(Exit::code);
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
    }
}
