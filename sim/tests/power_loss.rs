//! The power of a node that keeps a stream fails at every moment of a small piece of work, once in each
//! run: while the stream is made, and while messages are stored, given out and acknowledged.
//!
//! No operation of a disk takes less than six microseconds, so a step of five puts a power loss into each
//! one that there is. `store_torture` does the same with the log alone and every write cut at every
//! sector; here it is the whole broker, and clients say what they were told.

use causeway_sim::guarantee::{judge, kinds};
use causeway_sim::history::{History, Kind, StreamEvent};
use causeway_sim::plan::{Plan, plan};
use causeway_sim::run::{RunOptions, run};
use causeway_sim::scenario::Scenario;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// Nanoseconds between two moments: less than the shortest operation takes.
const STEP: u64 = 5 * US;

const SCENARIO: &str = r#"
schema = 1
name = "small-work"

[run]
duration = "200ms"

[link.l]
latency = "50us"

[region.a]
nodes = 1
link = "l"

[jetstream]

[[stream]]
name = "S"
subjects = ["s.>"]
retention = "workqueue"

[[consumer]]
name = "w"
stream = "S"
ack_wait = "500ms"

[[client]]
id = "pub"
at = "region:a"
role = "publish"
subject = "s.{i%3}"
every = "300us"
stop_after = 8
ack = true

[[client]]
id = "worker"
at = "node:a/1"
role = "consume"
stream = "S"
batch = 4
hold = "100us"
double = 1.0

[[fault]]
at = "10ms"
for = "20ms"
kind = "power_loss"
on = "node:a/1"

[guarantee.loss]
kind = "no_acked_loss"

[guarantee.dense]
kind = "stream_seq_dense"

[guarantee.once]
kind = "exactly_once"

[guarantee.recount]
kind = "stream_equals_log"

[guarantee.queue]
kind = "workqueue_removes_acked_only"

[guarantee.delivered]
kind = "consumer_delivers_all"

[guarantee.final]
kind = "no_redelivery_after_double_ack"
"#;

fn expanded() -> Plan {
    let scenario = Scenario::parse("f.toml", SCENARIO, &kinds());
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    plan(&scenario, 1).unwrap_or_else(|error| panic!("{error}"))
}

/// The times of the events about streams that `which` chooses.
fn times(history: &History, which: impl Fn(&StreamEvent) -> bool) -> Vec<u64> {
    let chosen = |kind: &Kind| matches!(kind, Kind::Stream(event) if which(event));
    history.events.iter().filter(|event| chosen(&event.kind)).map(|event| event.t).collect()
}

/// The power fails at this time. How many acknowledged messages were looked for, and whether somebody was
/// not told what became of one.
fn fails_at(plan: &Plan, t: u64) -> (u64, bool) {
    let mut plan = plan.clone();
    plan.faults[0].at = t;
    let outcome = run(&plan, RunOptions::default());
    let judged = judge(&outcome.history).unwrap_or_else(|error| panic!("{error}"));
    for j in &judged {
        assert_eq!(j.findings.broken, 0, "{} at {t} ns:\n{}", j.spec.id, plan.write());
    }
    let lost = judged.iter().find(|j| j.spec.id == "no_acked_loss");
    let unknown = times(&outcome.history, |event| matches!(event, StreamEvent::Unknown { .. }));
    (lost.map_or(0, |j| j.findings.checked + j.findings.excused), !unknown.is_empty())
}

#[test]
fn at_every_moment_of_a_small_piece_of_work() {
    let mut plan = expanded();
    let calm = {
        let mut calm = plan.clone();
        calm.faults.clear();
        run(&calm, RunOptions::default()).history
    };
    let made = times(&calm, |event| matches!(event, StreamEvent::Made { .. }))[0];
    let stored = times(&calm, |event| matches!(event, StreamEvent::Sent { .. }));
    let done = times(&calm, |event| matches!(event, StreamEvent::Confirmed { .. }));
    let work = stored[0]..*done.last().unwrap_or(&0) + MS / 2;
    assert!(work.end > work.start + 2 * MS, "{work:?}");
    plan.faults.truncate(1);
    // Whoever is to make a stream must have been told so.
    let asked = plan.ops.iter().map(|op| op.at).filter(|t| *t < made).max().unwrap_or(0);
    let making = asked + 1..made + MS / 2;
    // Of a stream that comes late nothing may have been asked in time.
    for t in making.step_by(STEP as usize) {
        fails_at(&plan, t);
    }
    let (mut runs, mut in_doubt) = (0, 0);
    for t in work.step_by(STEP as usize) {
        let (looked_for, unknown) = fails_at(&plan, t);
        assert!(looked_for > 0, "nothing was judged at {t} ns");
        runs += 1;
        in_doubt += u32::from(unknown);
    }
    assert!(runs > 500 && in_doubt > runs / 10, "{in_doubt} of {runs}");
}
