//! The hot path without sockets: nanoseconds per message through one node, for each of natsload's
//! core scenarios. Under `valgrind --tool=callgrind` it counts instructions instead, which repeat
//! to a fraction of a percent: compare those.
//!
//! ```text
//! cargo run --release -p causeway-core --example hotpath [SCENARIO]
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a benchmark measures time, and stops at the first surprise"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use causeway_core::config::NodeConfig;
use causeway_core::link::rx::RxBuf;
use causeway_core::{Effects, Input, LinkId, Mono, Node, Now, Origin, Wall};

struct Bench {
    node: Node,
    fx: Effects,
    rx: RxBuf,
    links: u32,
}

impl Bench {
    fn new() -> Self {
        let node = Node::new(Arc::new(NodeConfig::default()), [1; 32], now());
        Self { node, fx: Effects::default(), rx: RxBuf::new(1 << 16), links: 0 }
    }

    fn client(&mut self, hello: &str) -> LinkId {
        self.links += 1;
        let link = LinkId { slot: self.links, generation: 0 };
        let peer: SocketAddr = "127.0.0.1:1".parse().unwrap();
        self.handle(Input::Opened { link, origin: Origin::Client, peer, local: peer });
        self.feed(link, b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
        self.feed(link, hello.as_bytes());
        link
    }

    fn feed(&mut self, link: LinkId, bytes: &[u8]) {
        for part in bytes.chunks(1 << 16) {
            self.rx.fill_from(part);
            let mut fx = std::mem::take(&mut self.fx);
            self.node.handle(now(), Input::Received { link, rx: &mut self.rx }, &mut fx);
            self.fx = fx;
            self.drain();
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let mut fx = std::mem::take(&mut self.fx);
        self.node.handle(now(), input, &mut fx);
        self.fx = fx;
        self.drain();
    }

    /// Takes everything that is to be sent, and goes on where a turn ended.
    fn drain(&mut self) {
        loop {
            let dirty: Vec<LinkId> = self.fx.wake_tx.drain(..).collect();
            self.fx.clear();
            for link in dirty {
                let bytes = self.node.tx(link).map_or(0, |tx| tx.pending());
                let bytes = usize::try_from(bytes).unwrap();
                let input = Input::Accepted { link, bytes };
                self.node.handle(now(), input, &mut self.fx);
            }
            if self.node.deadline().is_none_or(|(at, _)| at > now().mono) {
                return;
            }
            self.node.handle(now(), Input::Tick, &mut self.fx);
        }
    }
}

fn now() -> Now {
    Now { mono: Mono(1_000), wall: Wall(1_000) }
}

fn main() {
    let only = std::env::args().nth(1);
    println!("{:24} {:>12} {:>12}", "scenario", "ns/publish", "ns/delivery");
    for (name, subscribers, queue, size, publishes) in [
        ("pub 128", 0, false, 128, 2_000_000u32),
        ("pair 16", 1, false, 16, 2_000_000),
        ("pair 128", 1, false, 128, 2_000_000),
        ("pair 1024", 1, false, 1024, 500_000),
        ("queue 4", 4, true, 128, 1_000_000),
        ("fan 10", 10, false, 128, 200_000),
        ("fan 100", 100, false, 128, 30_000),
        ("fan 1000", 1000, false, 16, 5_000),
    ] {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut bench = Bench::new();
        for _ in 0..subscribers {
            bench.client(if queue { "SUB bench.s q 1\r\n" } else { "SUB bench.s 1\r\n" });
        }
        let publisher = bench.client("");
        let line = format!("PUB bench.s {size}\r\n{}\r\n", "x".repeat(size));
        let per_batch = ((1 << 16) / line.len()) as u32;
        let batch = line.repeat(per_batch as usize);
        bench.feed(publisher, batch.as_bytes());
        let start = Instant::now();
        let mut sent = 0;
        while sent < publishes {
            bench.feed(publisher, batch.as_bytes());
            sent += per_batch;
        }
        let nanos = start.elapsed().as_nanos() as u64;
        let receivers = if queue { 1 } else { subscribers.max(1) };
        let deliveries = u64::from(sent) * receivers as u64;
        println!("{name:24} {:>12} {:>12}", nanos / u64::from(sent), nanos / deliveries);
    }
}
