//! The engine `process`: plans run on real processes over loopback, in real time.
//!
//! Each node of a plan is a server of its own, from its own configuration file, `causeway` or
//! nats-server. Servers reach each other through doors and clients through pipes of
//! [`causeway_sim_process`], where the plan's faults happen. Clients, names, taps and the notebook
//! are those of the pure engine, so histories are judged alike. What nodes know is asked for at their
//! monitoring ports.
//!
//! ```text
//!   plan ─► engine ─► configuration files, processes ─► doors, pipes ◄─ clients
//!             ▲                                             │
//!             └──── notebook ◄──── taps, monitoring ◄───────┘
//! ```
//!
//! This is the one part of the testbed, beside the command line, that lives in real time: two runs
//! of one plan are never the same. How much later than in a simulation things may happen and be
//! noticed is said in the bounds of the history's header; a machine that is slower than that makes
//! the run inconclusive, and so does a fault of which nobody could prove that it was in force.
//!
//! | module | holds |
//! |---|---|
//! | `capability` | what this engine can produce and observe |
//! | `server` | which server runs |
//! | `engine` | the run |
//! | `nodes`, `config`, `adapt` | processes, their configuration files, and plans as nats-server can have them |
//! | `clients` | the plan's clients on pipes |
//! | `faults`, `proof` | what faults do, and whether they did |
//! | `store`, `power` | what they do to files, and what a power loss leaves of them |
//! | `wires`, `pages`, `look` | what is seen of routes and nodes |

mod adapt;
mod capability;
mod clients;
mod config;
mod engine;
mod faults;
mod look;
mod nodes;
mod pages;
mod power;
mod proof;
mod server;
mod store;
mod wires;

pub use causeway_sim_process::keep;
pub use server::{Flavour, Server, ServerError};

use causeway_sim_process::Place;

use crate::ids::{NodeId, RegionId};
use crate::plan::Site;
use crate::run::Engine;

/// The engine.
pub const ENGINE: Engine =
    Engine { name: "process", ready: || Ok(()), run: engine::run, real: true };

/// The places of clients come behind those of nodes.
const CLIENTS: u32 = 1 << 16;

const fn node_place(node: NodeId) -> Place {
    Place(node.0 as u32)
}

const fn client_place(region: RegionId) -> Place {
    Place(CLIENTS + region.0 as u32)
}

const fn place(site: Site) -> Place {
    match site {
        Site::Node(node) => node_place(node),
        Site::Clients(region) => client_place(region),
    }
}

/// The node at a place, if it is one's.
fn node_at(place: Place) -> Option<NodeId> {
    u16::try_from(place.0).ok().map(NodeId)
}
