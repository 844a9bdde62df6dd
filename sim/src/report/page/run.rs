//! A run as data of a report.

use std::io;

use super::depth::{DEPTHS, depths};
use super::difference::Difference;
use super::ends::ends;
use super::head::{self, Commands, Goal, Guarantee, Head};
use super::kinds::KINDS;
use super::lanes::Lanes;
use super::names::{Messages, Texts};
use super::rates::{Buckets, rates};
use super::row::{Rows, crosses};
use super::sample::{ROWS_MAX, choose};
use super::spans::{SPANS, spans};
use crate::history::{History, Kind};
use crate::report::{hex, timeline};
use crate::run::RunEnd;
use crate::verdict::{SeedRun, Verdict};
use causeway_reports::{Code, Data, Table};

/// Packed, a run has at most so many bytes, which are 2 MiB in base64.
const PACKED_MAX: usize = 3 << 19;

/// With fewer rows nothing could be seen.
const ROWS_LEAST: usize = 1_000;

/// Plans that are longer than this are not in the page; its faults are, always.
const PLAN_MAX: usize = 64 << 10;

/// Lines of the told story.
const STORY_LINES: usize = 60;

/// A run, and what a reader wants to know beside it.
#[derive(Clone, Copy, Debug)]
pub struct RunPage<'a> {
    /// What was observed.
    pub history: &'a History,
    /// What was found.
    pub run: &'a SeedRun,
    /// What the scenario is about.
    pub about: &'a str,
    /// The server that the engine ran, if it ran real ones.
    pub server: Option<&'a str>,
    /// The scenario's coverage goals, as [`SeedRun::goals`] has them.
    pub goals: &'a [&'a str],
    /// The text of its plan.
    pub plan: &'a str,
    /// It is a minimised one.
    pub minimal: bool,
    /// How it differs from the nearest run that did not fail.
    pub difference: Option<&'a Difference>,
    /// What to paste.
    pub commands: &'a Commands,
}

impl<'a> RunPage<'a> {
    /// What a history alone says.
    #[must_use]
    pub const fn of_history(
        history: &'a History,
        run: &'a SeedRun,
        commands: &'a Commands,
    ) -> Self {
        Self {
            history,
            run,
            about: "",
            server: None,
            goals: &[],
            plan: "",
            minimal: false,
            difference: None,
            commands,
        }
    }
}

/// The data of a run, packed. The same bytes for the same run.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn run_data(page: RunPage<'_>) -> io::Result<Vec<u8>> {
    let mut rows_max = ROWS_MAX;
    loop {
        let packed = data(page, rows_max).packed()?;
        if packed.len() <= PACKED_MAX || rows_max < ROWS_LEAST {
            return Ok(packed);
        }
        rows_max /= 2;
    }
}

pub(super) fn data(page: RunPage<'_>, rows_max: usize) -> Data<Head<'_>> {
    let RunPage { history, run, .. } = page;
    let end_ns = history.events.last().map_or(0, |event| event.t);
    let all = Messages::of(history);
    let (kept, sampling) = choose(history, &all, run, rows_max);
    let buckets = Buckets::of(end_ns);
    let rates = rates(history, &all, buckets);
    let messages = all.kept(history, &kept);
    let (events, crossings, mut texts) = rows(history, &messages, &kept);
    let message_table = messages.table(history, &mut texts);
    let (ends, causes) = ends(history, &messages);
    let tables = vec![
        events,
        crossings,
        message_table,
        ends,
        spans(history),
        depths(history, buckets),
        rates.rates,
        rates.latency,
    ];
    let message_at =
        |i: usize| messages.number(history.events.get(i).and_then(|event| event.kind.message()));
    let (end, end_words) = ending(run);
    let header = &history.header;
    let lanes = Lanes::of(header);
    let head = Head {
        version: env!("CARGO_PKG_VERSION"),
        scenario: &header.scenario,
        about: page.about,
        seed: run.seed,
        engine: &header.engine,
        server: page.server,
        trace_hash: hex(run.trace_hash),
        verdict: Verdict::of(std::slice::from_ref(run), &[], 0).exit().name(),
        end,
        end_words,
        end_ns,
        steps: run.steps,
        broker_events: run.broker_events,
        history_events: history.events.len() as u64,
        guarantees: run.judged.iter().map(|it| Guarantee::of(it, header, message_at)).collect(),
        goals: (page.goals.iter().zip(&run.goals))
            .map(|(goal, reached)| Goal { goal, reached: *reached })
            .collect(),
        notes: notes(run),
        regions: head::regions(header),
        paths: head::paths(header),
        lanes: lanes.list(header),
        minimal: page.minimal,
        plan: if page.plan.len() <= PLAN_MAX { page.plan } else { "" },
        difference: page.difference,
        phases: head::phases(history),
        faults: head::faults(history),
        snapshots: head::snapshots(history),
        story: timeline(history, STORY_LINES).into_iter().map(Into::into).collect(),
        commands: page.commands,
        buckets,
        sampling,
        kinds: KINDS,
        causes,
        spans: &SPANS,
        depths: &DEPTHS,
        texts: texts.into_list(),
    };
    Data { what: "run", head, tables }
}

/// The tables of events and of what crossed between nodes, and the texts of both.
fn rows(history: &History, messages: &Messages, kept: &[bool]) -> (Table, Table, Texts) {
    let mut rows = Rows::new(history, messages);
    let mut crossings = Crossings::new(history);
    for (i, event) in history.events.iter().enumerate().filter(|(i, _)| kept[*i]) {
        if crosses(&event.kind) {
            crossings.push(i, messages, &mut rows.texts);
        } else {
            rows.push(i, event);
        }
    }
    let (events, texts) = rows.finish();
    (events, crossings.table, texts)
}

/// What the run says nothing about.
fn notes(run: &SeedRun) -> Vec<String> {
    let mut notes = run.gaps.clone();
    notes.extend(run.never_came.iter().map(|what| format!("waited for in vain: {what}")));
    notes.extend(run.unjudged.iter().map(|why| format!("the history contradicts itself: {why}")));
    notes
}

fn ending(run: &SeedRun) -> (&'static str, String) {
    match &run.end {
        RunEnd::Complete => ("complete", String::new()),
        RunEnd::Cut => ("cut", String::new()),
        RunEnd::Panicked { message } => ("panicked", message.clone()),
        RunEnd::TooSlow { message } => ("too_slow", message.clone()),
        RunEnd::Stuck { message } => ("stuck", message.clone()),
    }
}

/// What crossed connections between nodes: lines from one to the other, with a beginning and, if it
/// is known, an end.
struct Crossings<'h> {
    history: &'h History,
    lanes: Lanes,
    /// For each event that was sent, when it was handed over (plus one); 0 if it was not.
    seen: Vec<u64>,
    table: Table,
}

impl<'h> Crossings<'h> {
    fn new(history: &'h History) -> Self {
        let mut seen = vec![0; history.events.len()];
        for event in &history.events {
            if let Kind::WireSubSeen { sub: sent } | Kind::WireMsgSeen { sent } = event.kind
                && let Some(seen) = usize::try_from(sent).ok().and_then(|at| seen.get_mut(at))
            {
                *seen = event.t + 1;
            }
        }
        let columns = [
            ("event", Code::Delta),
            ("t", Code::Delta),
            ("what", Code::Plain),
            ("from", Code::Plain),
            ("to", Code::Plain),
            ("conn", Code::Plain),
            ("msg", Code::Plain),
            ("text", Code::Plain),
            ("more", Code::Plain),
            ("n", Code::Plain),
            ("took", Code::Plain),
        ];
        let lanes = Lanes::of(&history.header);
        Self { history, lanes, seen, table: Table::new("crossings", &columns) }
    }

    fn push(&mut self, i: usize, messages: &Messages, texts: &mut Texts) {
        let event = &self.history.events[i];
        let took = self.seen[i].saturating_sub(event.t);
        let mut text = |sym| texts.sym(self.history, sym);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others do not cross")]
        let row = match &event.kind {
            Kind::WireMsg { from, to, conn, subject, queues, msg, kept, .. } => {
                let (from, to) = (self.lanes.node(*from), self.lanes.node(*to));
                let (subject, queues) = (text(*subject), text(*queues));
                [
                    0,
                    from,
                    to,
                    conn.0.into(),
                    messages.number(*msg),
                    subject,
                    queues,
                    kept.unwrap_or(0),
                ]
            }
            Kind::WireSub { from, to, conn, subject, queue, weight, .. } => {
                let (from, to) = (self.lanes.node(*from), self.lanes.node(*to));
                let (subject, queue) = (text(*subject), text(*queue));
                [1, from, to, conn.0.into(), 0, subject, queue, (*weight).into()]
            }
            _ => return,
        };
        let [what, from, to, conn, msg, text, more, n] = row;
        self.table.push([i as u64, event.t, what, from, to, conn, msg, text, more, n, took]);
    }
}
