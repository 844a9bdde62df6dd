//! The broker as a state machine: links, interest, accounts, cluster.
//!
//! A [`Node`] is one shard of a server. It knows no sockets, files, threads, clocks or OS random
//! sources: a host (the tokio driver of the `server` crate, or a simulator) feeds it [`Input`]s and
//! carries out its [`Effects`]. The same inputs with the same seed give the same effects and the
//! same bytes, on any machine.
//!
//! # The run loop
//!
//! ```text
//! loop {
//!     wait for: a readable socket | a writable one with pending bytes | the deadline | a command
//!     now = both clocks, once
//!     node.handle(now, input, &mut fx)
//!     for cmd in fx.links, fx.host     -> carry out
//!     for link in fx.wake_tx           -> write node.tx(link), then handle(Accepted { link, bytes })
//!     fx.clear()
//!     arm the timer at node.deadline()
//! }
//! ```
//!
//! * [`Node::handle`] never blocks and never panics, whatever the input.
//! * The host drains all of `fx` before the next `handle` of the same node. `Accepted` is an input
//!   like any other: it has effects of its own (a stalled producer resumes).
//! * `now.mono` never decreases; several inputs may share one `now`.
//! * After [`LinkCmd::Close`] the host writes what is left (if it may linger), closes, and answers
//!   [`Input::Closed`]; it answers exactly once for each link that was opened, whoever closed.
//! * Bounded work: one call appends at most about [`limits::TURN_OUTPUT_BYTES`]; the rest of the
//!   input continues on the next [`Input::Tick`], which [`Node::deadline`] then asks for at once.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[macro_use]
mod perturb;

mod account;
mod buffer;
mod cluster;
pub mod config;
mod effects;
mod fault;
mod ids;
mod input;
mod interest;
mod jetstream;
pub mod limits;
pub mod link;
pub mod monitor;
mod node;
mod rng;
mod time;
mod timers;
mod trace;

pub use causeway_store as store;
pub use causeway_store::disk;
pub use effects::{Effects, HostCmd, LinkCmd};
pub use fault::CloseReason;
pub use ids::{AccountId, DialId, LinkId, ShardId};
pub use input::{CloseCause, Command, Input, Origin};
pub use node::{Node, TimerKind};
#[cfg(feature = "perturb")]
pub use perturb::PerturbSite;
pub use time::{Duration, Mono, Now, Wall};
pub use trace::{BufferEvent, Direction, Leave, LinkLabel, MessageEvent, TraceEvent, TraceMask};

#[cfg(test)]
mod tests;
