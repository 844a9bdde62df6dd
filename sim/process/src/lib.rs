//! What the engine `process` stands on: real processes, and a network of loopback sockets whose
//! faults are ours.
//!
//! Nothing here knows scenarios, plans or NATS. Servers are processes that listen on loopback; each
//! is at a [`Place`], and so is each group of clients. Servers reach each other through *doors*,
//! listeners of [`Net`] that stand for them: it looks up in the kernel's tables which process
//! called, so that every connection has two known places, whoever told the caller of the door.
//! Between two places there is a *way* in each direction, and whatever happens to bytes happens
//! there.
//!
//! ```text
//!   server ── socket ──┐                                            ┌── socket ── server
//!                      │ end ═ pipe ═► way a→b ═════════════► end   │
//!              (door)  │ end ◄═════════════ way b→a ◄═ pipe ═ end   │ (its real port)
//!   client ── memory ──┘                                            └── socket ── server
//! ```
//!
//! One thread owns all of it and calls [`Net::step`]. So what a fault changes is changed between two
//! steps, and no byte is under way in a place that the fault does not see.
//!
//! | module | holds |
//! |---|---|
//! | `clock` | nanoseconds since the start of a run |
//! | `net`, `conn`, `pipe`, `ways`, `doors` | the network |
//! | `poller` | waiting for sockets, and for a time to the nanosecond |
//! | `fetch` | asking a server's monitoring port, within the same loop |
//! | `kernel` | what the kernel knows: whose a socket is, how a process is |
//! | `process` | starting, signalling and ending servers |
//! | `folder` | the folder of a run, and what is left of earlier ones |
//! | `keeper` | a server dies with whoever started it |
//! | `interrupt` | Ctrl-C |
#![forbid(unsafe_code)]

mod clock;
mod conn;
mod doors;
mod fetch;
mod folder;
mod interrupt;
mod keeper;
pub mod kernel;
mod net;
mod pipe;
mod poller;
mod process;
mod ways;

pub use clock::Clock;
pub use conn::{ConnId, Side};
pub use doors::Door;
pub use folder::{Left, RunFolder};
pub use interrupt::Interrupt;
pub use keeper::{Keeper, keep};
pub use net::{Event, Net, Options, Parting};
pub use process::{Process, Program, Signal, SpawnError};
pub use ways::{Degrade, Place, Slice, Way, WaySetup, Ways};
