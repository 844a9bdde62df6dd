//! Tests of the node as a whole, through one door: a [`World`] of nodes and raw clients on
//! in-memory connections, with time that stands still until it is told to move.

mod batches;
mod buffers;
mod client;
mod cluster;
mod counters;
mod disk;
mod flow;
mod log;
mod mirrors;
mod probe;
mod reload;
mod resume;
mod run;
mod streams;
mod world;

use world::World;
