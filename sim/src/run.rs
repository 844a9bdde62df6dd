//! The door to the engines: a plan goes in, a history comes out.

use std::ops::ControlFlow;

use crate::history::History;
use crate::plan::Plan;
use crate::process::Server;

pub use crate::engine::run;

/// An engine: it takes plans and gives histories.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// Its name on the command line and in histories.
    pub name: &'static str,
    /// Whether it can keep its promise that equal seeds give equal runs, in this build; if not, why
    /// not and what to do.
    pub ready: fn() -> Result<(), String>,
    /// It runs real servers in real time: it needs one, no two runs are the same, and machines have
    /// no time for two at once.
    pub real: bool,
    /// Runs a plan. Never fails, but may end early: see [`RunEnd`].
    pub run: fn(&Plan, RunOptions<'_>) -> RunOutcome,
}

/// The engine that every program has.
pub const PURE: Engine = Engine { name: "pure", ready: || Ok(()), run, real: false };

/// How to run a plan.
#[derive(Default)]
pub struct RunOptions<'a> {
    /// Leave out the events of the wire taps (`wire_*`), which only some guarantees need.
    pub without_wire: bool,
    /// End the run before the event with this number (see [`RunOutcome::steps`]).
    pub until_step: Option<u64>,
    /// The server that an engine with real ones runs.
    pub server: Option<&'a Server>,
    /// Called for every step, in order, before it is carried out.
    pub watch: Option<&'a mut dyn Watch>,
}

/// Somebody who looks over the engine's shoulder. Nothing that it does changes the run, except
/// ending it.
pub trait Watch {
    /// The number of steps between two calls of [`checkpoint`](Self::checkpoint); 0 is never.
    fn interval(&self) -> u64 {
        0
    }

    /// The rolling hash after `step` steps. Two runs of one plan must agree at every one.
    fn checkpoint(&mut self, step: u64, hash: u64) -> ControlFlow<()> {
        let _ = (step, hash);
        ControlFlow::Continue(())
    }

    /// Whether [`line`](Self::line) is wanted: it costs time.
    fn wants_lines(&self) -> bool {
        false
    }

    /// One step in words: its number, its time in nanoseconds, and what happens.
    fn line(&mut self, step: u64, t: u64, text: &str) {
        let _ = (step, t, text);
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// What was observed.
    pub history: History,
    /// The rolling hash over every step and every byte moved. Equal for equal plans, in every
    /// build, on every machine.
    pub trace_hash: u64,
    /// Steps: things taken from the event heap.
    pub steps: u64,
    /// Broker events: frames that nodes were sent by clients and by each other, and messages that
    /// were delivered to clients.
    pub broker_events: u64,
    /// Simulated time that passed, in nanoseconds.
    pub sim_ns: u64,
    /// What the plan holds and the engine cannot do. Whatever else was found, such a run does not
    /// show that the guarantees hold.
    pub gaps: Vec<String>,
    /// What faults of the plan waited for in vain.
    pub never_came: Vec<String>,
    /// How it ended.
    pub end: RunEnd,
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunEnd {
    /// It reached the end of its plan.
    Complete,
    /// [`RunOptions::until_step`] or the watcher ended it.
    Cut,
    /// A node, or the engine itself, panicked: a bug. The history holds what happened before.
    Panicked {
        /// The panic's message and place.
        message: String,
    },
    /// A run in real time was given up, because the machine did not keep up with it: what it shows
    /// says nothing for the broker, and nothing against it.
    TooSlow {
        /// What was late.
        message: String,
    },
    /// Something that must come to an end did not: a loop without progress of time.
    Stuck {
        /// What.
        message: String,
    },
}
