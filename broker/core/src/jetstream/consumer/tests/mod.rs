//! Consumers on a real log in memory, told of what happens step by step.

mod acks;
mod filters;
mod flow;
mod limits;
mod model;
mod operator;
mod priorities;
mod pulls;
mod restart;
mod start;
mod time;
mod world;

use alloc::string::String;

use causeway_wire::jetstream::{AckPolicy, ConsumerConfig, Nanos};

use world::World;

/// A pull consumer with explicit acks and what the API fills in.
fn pull() -> ConsumerConfig {
    ConsumerConfig {
        durable_name: String::from("C"),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Nanos::secs(30),
        max_deliver: -1,
        max_waiting: 512,
        max_ack_pending: 1000,
        ..ConsumerConfig::default()
    }
}

/// A push consumer without acks.
fn push() -> ConsumerConfig {
    ConsumerConfig {
        durable_name: String::from("C"),
        ack_policy: AckPolicy::None,
        max_deliver: -1,
        deliver_subject: String::from("push"),
        ..ConsumerConfig::default()
    }
}

/// So many messages `a` in the stream, and a consumer that they are delivered to when asked.
fn filled(config: ConsumerConfig, messages: usize) -> World {
    let mut world = World::new(config);
    world.store_all((0..messages).map(|_| "a"));
    world
}
