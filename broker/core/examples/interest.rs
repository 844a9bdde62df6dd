//! Costs of the interest table: memory per subscription, nanoseconds per operation.
//!
//! ```text
//! cargo run --release -p causeway-core --example interest [-- SUBSCRIPTIONS]
//! ```
//!
//! Subject mixes are those of the `wild` scenario of `bench/natsload` (60 % literal, 30 % `*`,
//! 10 % `>`), and of literal subjects of 20 bytes. Times are the best of three rounds on one core;
//! memory is what was asked of the allocator, and what glibc makes of it (16-byte steps, 8 bytes of
//! its own each).

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

extern crate alloc;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

// The table is private to the crate, so that this builds a second one from the same source.
#[path = "../src/interest/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a benchmark does not use all of it")]
mod interest;
mod monitor {
    pub(crate) use causeway_core::monitor::InterestReport;
}

use interest::{CacheLimits, Interest, RemoteIndex, SidIndex};

const CLIENTS: usize = 50;
/// Subjects that the `wild` scenario publishes to, at random.
const HOT: usize = 65_536;
const NO_CACHE: CacheLimits = CacheLimits { entries: 0, bytes: 0 };

fn main() {
    let asked = std::env::args().nth(1).and_then(|argument| argument.parse().ok());
    println!("{:<48} {:>10} {:>12}", "memory, bytes per subscription", "asked", "in glibc");
    for count in asked.map_or(vec![100_000, 1_000_000], |count| vec![count]) {
        memory(count);
    }
    for count in asked.map_or(vec![100_000, 1_000_000], |count| vec![count]) {
        println!("\n{:<48} {:>10}", format!("{count} subscriptions"), "ns");
        inserts(count);
        matches(count);
        churn(count);
    }
    println!("\n{:<48} {:>10}", "few subscriptions", "ns");
    fan_out();
    shapes();
}

fn memory(count: usize) {
    type Fill = fn(&mut Table, usize);
    let fills: [(&str, Fill); 4] = [
        ("literal subjects of 20 bytes", Table::literals),
        ("wild mix", Table::wild),
        ("literal, each in a queue group", Table::queues),
        ("literal, of a remote", Table::remote),
    ];
    for (name, fill) in fills {
        let (asked, in_glibc) = (ASKED.load(Relaxed), IN_GLIBC.load(Relaxed));
        let mut table = Table::new(CacheLimits::DEFAULT);
        fill(&mut table, count);
        let per = |before: usize, counter: &AtomicUsize| {
            (counter.load(Relaxed) - before) as f64 / count as f64
        };
        let name = format!("{name}, {count}");
        println!("{name:<48} {:>10.1} {:>12.1}", per(asked, &ASKED), per(in_glibc, &IN_GLIBC));
    }
}

fn inserts(count: usize) {
    let subjects: Vec<Vec<u8>> = (0..count).map(literal).collect();
    let sids: Vec<Vec<u8>> = (0..count).map(decimal).collect();
    let mut best = [f64::MAX; 4];
    for _ in 0..3 {
        let mut each = Table::new(CacheLimits::DEFAULT);
        let mut longest = 0_f64;
        for (number, (subject, sid)) in subjects.iter().zip(&sids).enumerate() {
            longest = longest.max(time(1, || each.subscribe(number % CLIENTS, subject, sid)));
        }
        let mut table = Table::new(CacheLimits::DEFAULT);
        let insert = time(count, || {
            for (number, (subject, sid)) in subjects.iter().zip(&sids).enumerate() {
                table.subscribe(number % CLIENTS, subject, sid);
            }
        });
        let mut wild = Table::new(CacheLimits::DEFAULT);
        let patterns: Vec<Vec<u8>> = (0..count).map(wild_pattern).collect();
        let insert_wild = time(count, || {
            for (number, (subject, sid)) in patterns.iter().zip(&sids).enumerate() {
                wild.subscribe(number % CLIENTS, subject, sid);
            }
        });
        let drop = time(count, || table.drop_clients());
        for (best, now) in best.iter_mut().zip([insert, insert_wild, drop, longest]) {
            *best = best.min(now);
        }
    }
    row("subscribe, literal (growing from empty)", best[0]);
    row("subscribe, wild mix (growing from empty)", best[1]);
    row("drop clients, per subscription", best[2]);
    row("the longest single subscribe (the table grows)", best[3]);
}

fn matches(count: usize) {
    let mut table = Table::new(NO_CACHE);
    table.wild(count);
    let subjects = wild_subjects(count, HOT);
    let mut found = 0;
    row(
        "match, wild mix, 65,536 subjects, no cache",
        best_of_three(HOT, || found = table.publish_all(&subjects)),
    );
    row(
        "match, wild mix, 100 subjects, no cache",
        best_of_three(HOT, || {
            for _ in 0..HOT / 100 {
                table.publish_all(&subjects[..100]);
            }
        }),
    );
    let expected: usize =
        subjects.iter().map(|subject| table.interest.matching(subject).len()).sum();
    assert_eq!(found, expected, "what matches is found");
    table.interest = table.with_cache(CacheLimits::DEFAULT, count);
    let name = "match, wild mix, 65,536 subjects, with cache";
    row(name, best_of_three(HOT, || found = table.publish_all(&subjects)));
    assert_eq!(found, expected, "what matches is found in the cache");
    let name = "match, wild mix, 100 subjects, cached";
    row(
        name,
        best_of_three(HOT, || {
            for _ in 0..HOT / 100 {
                table.publish_all(&subjects[..100]);
            }
        }),
    );
    let plan = table.interest.plan(&subjects[0]);
    let current = best_of_three(HOT, || {
        for _ in 0..HOT {
            black_box(table.interest.is_current(black_box(&plan)));
        }
    });
    row("is_current of a plan kept by a link", current);
    let mut literals = Table::new(NO_CACHE);
    literals.literals(count);
    let subjects: Vec<Vec<u8>> = (0..HOT).map(|at| literal(at * 7919 % count)).collect();
    let name = "match, literal, 65,536 subjects, no cache";
    row(name, best_of_three(HOT, || found = literals.publish_all(&subjects)));
    assert_eq!(found, HOT, "each has one subscriber");
}

/// A subscription comes and goes after each publish to one of 100 cached subjects.
fn churn(count: usize) {
    let mut table = Table::new(CacheLimits::DEFAULT);
    table.wild(count);
    let hot = wild_subjects(count, 100);
    type Subject = fn(usize) -> Vec<u8>;
    let others: [(&str, Subject); 4] = [
        ("an inbox", |at| format!("_INBOX.{at:022}.1").into_bytes()),
        ("an inbox wildcard", |at| format!("_INBOX.{at:022}.*").into_bytes()),
        ("w.<n>.*.q", |at| format!("w.{at}.*.q").into_bytes()),
        ("w.*.q", |_| b"w.*.q".to_vec()),
    ];
    for (name, other) in others {
        let subjects: Vec<Vec<u8>> = (0..HOT).map(other).collect();
        let mut index = SidIndex::default();
        let mut hits = 0;
        let both = best_of_three(HOT, || {
            let before = table.interest.report().cache_hits;
            for (at, subject) in subjects.iter().enumerate() {
                black_box(table.interest.plan(&hot[at % 100]));
                let added =
                    table.interest.subscribe(&mut index, 99, subject, None, b"1", &mut |_| {});
                let id = added.expect("the sid is free");
                table.interest.unsubscribe(&mut index, id, &mut |_| {});
            }
            hits = table.interest.report().cache_hits - before;
        });
        let percent = hits * 100 / HOT as u64;
        row(&format!("publish + SUB + UNSUB {name} ({percent} % hits)"), both);
    }
}

fn fan_out() {
    for receivers in [1, 10, 1000] {
        let mut table = Table::new(NO_CACHE);
        for number in 0..receivers {
            table.subscribe(number % CLIENTS, b"fan.out", &decimal(number));
        }
        for (group, client) in [(&b"g"[..], 0), (b"h", 1), (b"g", 2)] {
            let index = &mut table.indexes[client];
            table.interest.subscribe(index, 0, b"fan.*", Some(group), b"member", &mut |_| {});
        }
        table.interest.remote_subscribe(&mut table.route, 60, b"fan.>", Some((b"g", 2)));
        let subjects = vec![b"fan.out".to_vec(); 100_000 / receivers];
        let each = best_of_three(subjects.len(), || {
            black_box(table.publish_all(&subjects));
        });
        row(&format!("match with {receivers} receivers, 2 groups, no cache"), each);
        let before = ALLOCATIONS.load(Relaxed);
        table.publish_all(&subjects);
        assert_eq!(ALLOCATIONS.load(Relaxed), before, "a match allocates nothing");
        table.interest = Interest::new(1, b"$G");
        table.indexes.fill_with(SidIndex::default);
        for number in 0..receivers {
            table.subscribe(number % CLIENTS, b"fan.out", &decimal(number));
        }
        let each = best_of_three(subjects.len(), || {
            black_box(table.publish_all(&subjects));
        });
        row(&format!("match with {receivers} receivers, cached"), each);
    }
}

/// The worst mix for this table: every shape in use at once, none of which matches.
fn shapes() {
    for tokens in [4, 6, 8] {
        let mut table = Table::new(NO_CACHE);
        for stars in 0..1_u32 << tokens {
            let name = |at| if stars >> at & 1 == 1 { "*" } else { "none" };
            let pattern: Vec<&str> = (0..tokens).map(name).collect();
            if stars + 1 < 1 << tokens {
                table.subscribe(0, pattern.join(".").as_bytes(), &decimal(stars as usize));
            }
        }
        let subjects = vec![vec!["some"; tokens].join(".").into_bytes(); 10_000];
        let each = best_of_three(subjects.len(), || {
            black_box(table.publish_all(&subjects));
        });
        row(&format!("miss, {tokens} tokens, all {} shapes in use", 1 << tokens), each);
    }
}

struct Table {
    interest: Interest,
    indexes: Vec<SidIndex>,
    route: RemoteIndex,
}

impl Table {
    fn new(limits: CacheLimits) -> Self {
        Self {
            interest: Interest::with_cache(1, b"$G", limits),
            indexes: (0..CLIENTS).map(|_| SidIndex::default()).collect(),
            route: RemoteIndex::default(),
        }
    }

    fn with_cache(&mut self, limits: CacheLimits, count: usize) -> Interest {
        let mut other = Self::new(limits);
        other.wild(count);
        std::mem::swap(&mut self.indexes, &mut other.indexes);
        other.interest
    }

    fn subscribe(&mut self, client: usize, subject: &[u8], sid: &[u8]) {
        let index = &mut self.indexes[client];
        let link = client as u32;
        let added = self.interest.subscribe(index, link, subject, None, sid, &mut |_| {});
        assert!(added.is_some());
    }

    fn literals(&mut self, count: usize) {
        (0..count).for_each(|at| self.subscribe(at % CLIENTS, &literal(at), &decimal(at)));
    }

    fn wild(&mut self, count: usize) {
        (0..count).for_each(|at| self.subscribe(at % CLIENTS, &wild_pattern(at), &decimal(at)));
        for at in 0..16 {
            let pattern = format!("w.*.{at}.z");
            self.subscribe(at % CLIENTS, pattern.as_bytes(), &decimal(count + at));
        }
    }

    fn queues(&mut self, count: usize) {
        for at in 0..count {
            let index = &mut self.indexes[at % CLIENTS];
            let (subject, queue) = (literal(at), Some(&b"workers"[..]));
            self.interest.subscribe(index, 1, &subject, queue, &decimal(at), &mut |_| {});
        }
    }

    fn remote(&mut self, count: usize) {
        for at in 0..count {
            self.interest.remote_subscribe(&mut self.route, 1, &literal(at), None);
        }
    }

    fn drop_clients(&mut self) {
        for index in &mut self.indexes {
            self.interest.drop_client(index, &mut |_| {});
        }
    }

    /// Publishes once to each, and says how many deliveries that makes.
    fn publish_all(&mut self, subjects: &[Vec<u8>]) -> usize {
        subjects.iter().map(|subject| self.interest.plan(subject).receivers()).sum()
    }
}

fn literal(at: usize) -> Vec<u8> {
    format!("orders.eu.{at:010}").into_bytes()
}

fn decimal(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn wild_pattern(at: usize) -> Vec<u8> {
    match at % 10 {
        0..=5 => format!("w.{at}.{}.x", at % 7),
        6..=8 => format!("w.{at}.*.y"),
        _ => format!("w.{at}.>"),
    }
    .into_bytes()
}

fn wild_subjects(count: usize, how_many: usize) -> Vec<Vec<u8>> {
    let mut state = 88_172_645_463_325_252_u64;
    (0..how_many)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let leaf = ["x", "x", "y", "z"][(state >> 40) as usize % 4];
            format!("w.{}.{}.{leaf}", state as usize % count, (state >> 32) % 16).into_bytes()
        })
        .collect()
}

fn row(name: &str, nanos: f64) {
    println!("{name:<48} {nanos:>10.1}");
}

fn best_of_three(operations: usize, mut run: impl FnMut()) -> f64 {
    (0..3).map(|_| time(operations, &mut run)).fold(f64::MAX, f64::min)
}

fn time(operations: usize, run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64 / operations as f64
}

/// Bytes in use as asked for, and as glibc's allocator rounds them.
static ASKED: AtomicUsize = AtomicUsize::new(0);
static IN_GLIBC: AtomicUsize = AtomicUsize::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

const fn in_glibc(bytes: usize) -> usize {
    let chunk = (bytes + 8).next_multiple_of(16);
    if chunk < 32 { 32 } else { chunk }
}

// SAFETY: everything is passed on to the system's allocator; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        ASKED.fetch_add(layout.size(), Relaxed);
        IN_GLIBC.fetch_add(in_glibc(layout.size()), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ASKED.fetch_sub(layout.size(), Relaxed);
        IN_GLIBC.fetch_sub(in_glibc(layout.size()), Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
