//! The engine `turmoil`: plans run through the server's own driver, on turmoil's simulated sockets
//! and clock.
//!
//! The pure engine hosts the core itself, so it can say nothing about the driver: wake-ups, closing
//! one side, back-pressure, shutdown. Here each node is a simulated machine that runs
//! [`causeway_server`]'s driver on tokio, with simulated sockets below and nothing else replaced. The
//! same plans, clients, taps and guarantees judge it.
//!
//! ```text
//!   plan ─► engine, tick by tick ─► world: notebook, ways, connections ◄─ streams ◄─ driver, clients
//!                     │                                                       │
//!                     └────────── turmoil: hosts, clock, sockets ◄────────────┘
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `capability` | what this engine can produce |
//! | `ready` | whether this build is deterministic |
//! | `engine` | the run, and what faults do |
//! | `world` | what all machines share |
//! | `roads`, `conns` | the state of ways between places, and of connections |
//! | `net`, `stream`, `pump` | the network that driver and clients see |
//! | `node`, `client` | what the machines run |
#![forbid(unsafe_code)]

mod capability;
mod client;
mod conns;
mod engine;
mod net;
mod node;
mod pump;
mod ready;
mod roads;
mod stream;
mod world;

use causeway_sim::run::Engine;

/// The engine.
pub const ENGINE: Engine =
    Engine { name: "turmoil", ready: ready::ready, run: engine::run, real: false };
