//! The deterministic testbed: scenario -> plan -> engine -> history -> verdict.
//!
//! ```text
//! scenario::Scenario::parse(file, text, kinds)?   what the user writes
//!     plan::plan(&scenario, seed)?                the run, fully expanded: text, diffable, replayable
//!         run::run(&plan, options)                the pure engine; never fails, but may end early
//!             run::RunOutcome { history, trace_hash, .. }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`guarantee`] | what a cluster promises, and the checkers of it |
//! | [`verdict`] | what a set of runs has shown |
//! | [`report`] | what a run leaves behind for people and machines |
//! | [`coverage`] | what must have happened in at least one seed |
//! | [`history`] | what was observed in a run; guarantees are judged from it alone |
//! | [`ids`] | the identities that histories and plans speak of |
//! | [`fidelity`] | whether engines make the same of a plan |
//! | [`shrink`](mod@shrink) | makes a failing plan small |
//! | [`run`](mod@run) | how to run a plan, and what comes out |
//! | [`kit`] | what an engine outside of this crate is made of |
//! | [`process`] | the engine of real processes, in real time |
//! | [`cli`] | the command line; beside `process` the only part that knows clocks and threads |

// The command line names the library as its users do.
extern crate self as causeway_sim;

pub mod cli;
mod client;
pub mod coverage;
pub mod disk;
mod engine;
pub mod fidelity;
pub mod guarantee;
pub mod hash;
pub mod history;
pub mod ids;
pub mod kit;
pub mod lifeline;
mod net;
pub mod payload;
pub mod plan;
pub mod process;
mod queue;
pub mod report;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod units;
pub mod verdict;
