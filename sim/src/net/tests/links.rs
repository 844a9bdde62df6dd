//! What links do to delays and queues.

use super::*;
use crate::scenario::Dist;

#[test]
fn a_full_queue_holds_its_writer_until_there_is_room() {
    let narrow = LinkPlan { bandwidth: 10_000, queue: 200, ..link() };
    let mut world = World::new(narrow, Chunking::Off);
    world.run_until(SECOND);
    world.write(900);
    assert_eq!(world.written, 200, "the window alone would take all");
    world.run_until(SECOND + 50 * MS);
    assert!((500..=700).contains(&world.written), "{}", world.written);
    world.run_until(2 * SECOND);
    assert_eq!((world.written, world.read), (900, 900));
    // A byte takes 0.1 ms, and the link is never idle.
    let last = world.reads.last().map(|(at, _)| *at);
    assert_eq!(last, Some(SECOND + 90 * MS + LATENCY));
}

#[test]
fn a_queue_is_asked_for_room_once_at_a_time() {
    let narrow = LinkPlan { bandwidth: 10_000, queue: 200, ..link() };
    let mut world = World::new(narrow, Chunking::Off);
    world.run_until(SECOND);
    for _ in 0..10 {
        world.write(50);
    }
    let mut asked = 0;
    while let Some((at, due)) = world.queue.pop() {
        asked += u32::from(matches!(due, Due::Space(..)));
        world.now = at;
        if !matches!(due, Due::Space(..)) {
            world.step(at, due);
        }
    }
    // Once for the queue, once because the reader has taken all there was.
    assert_eq!(asked, 2);
}

#[test]
fn each_pair_has_a_bias_of_its_own_for_good() {
    let biased = LinkPlan { bias_ns: 5 * MS, ..link() };
    let latencies = |seed: u64| {
        let links = Links::of(&Plan { seed, ..plan(biased.clone()) });
        let [a, b] = [0, 1].map(|n| links.place(Site::Node(NodeId(n))));
        let clients = links.place(Site::Clients(RegionId(0)));
        [links.latency(a, b), links.latency(b, a), links.latency(clients, b)]
    };
    let one = latencies(1);
    assert!(one.iter().all(|ns| (LATENCY..=LATENCY + 5 * MS).contains(ns)), "{one:?}");
    assert!(one[0] != one[1] && one[0] != one[2], "{one:?}");
    assert_eq!(latencies(1), one);
    assert_ne!(latencies(2), one);
}

#[test]
fn nothing_takes_longer_than_a_plan_counts_on() {
    for dist in Dist::ALL {
        let link = LinkPlan { jitter_ns: 3 * MS, bias_ns: 2 * MS, dist, ..link() };
        let most = link.latency_ns + link.added_ns();
        let mut links = Links::of(&plan(link));
        let [a, b] = [0, 1].map(|n| links.place(Site::Node(NodeId(n))));
        let mut noise = Stream::new(1, "t", &[]);
        let slowest = (0..20_000).map(|_| links.arrival(0, a, b, 1, &mut noise)).max();
        assert!(slowest.is_some_and(|slowest| slowest <= most), "{dist:?}: {slowest:?} {most}");
    }
}
