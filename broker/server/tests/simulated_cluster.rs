//! Three servers in one cluster, each a real driver, on a simulated network: messages cross, the
//! network comes apart in several ways, the parts go on by themselves, and after the repair
//! messages cross in all directions again. The same seed gives the same events, times and bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod simnet;

use std::cell::Cell;
use std::rc::Rc;

use simnet::forest::{Forest, SERVERS, simulate};
use simnet::people::{EVERYTHING, People};

/// What somebody at alder comes to want while alder is alone.
const LATE: &str = "late.*";

/// The people of a story, and the servers they are at.
struct Story {
    forest: Forest,
    people: People,
}

impl Story {
    async fn begin(servers: &[&'static str], forest: Forest) -> Self {
        let people = People::gather(servers, &forest).await;
        Self { forest, people }
    }

    /// Waits until these servers have all connections to each other and to nobody else, and each
    /// knows what the people at the others want.
    async fn become_one_part(&self, what: &str, servers: &[&str]) {
        let ready = || {
            self.forest.are_one_part(servers)
                && servers.iter().all(|server| {
                    let mut others = servers.iter().filter(|other| *other != server);
                    others.all(|other| self.forest.knows_interest(server, other, EVERYTHING))
                })
        };
        self.forest.until(what, ready).await;
    }

    /// The three servers are whole, and what is published at any one reaches all.
    async fn everything_flows(&mut self, what: &str) {
        self.become_one_part(&format!("{what}: the mesh is whole"), &SERVERS).await;
        self.people.flow(&format!("{what}: all have it"), &SERVERS, &SERVERS).await;
    }

    /// An outage that TCP survives: what was under way arrives, in order, and nothing is lost.
    async fn hold(&mut self) {
        turmoil::hold("alder", "birch");
        let first = self.people.flow("cedar has it", &["alder", "birch"], &["cedar"]).await;
        let (of_alder, of_birch): (Vec<_>, Vec<_>) =
            first.iter().cloned().partition(|(subject, _)| subject == "news.alder");
        assert!(!self.people.have_any("birch", &of_alder), "nobody passes it on");
        assert!(!self.people.have_any("alder", &of_birch), "nobody passes it on");
        turmoil::release("alder", "birch");
        self.people.arrival("what was held arrives", &first, &SERVERS).await;
    }

    /// An outage that TCP does not survive: alder is alone, and both parts work on.
    async fn partition(&mut self) {
        turmoil::partition("alder", "birch");
        turmoil::partition("alder", "cedar");
        self.become_one_part("alder is alone", &["alder"]).await;
        self.become_one_part("birch and cedar are left", &["birch", "cedar"]).await;
        let alone = self.people.flow("alder serves itself", &["alder"], &["alder"]).await;
        let rest = ["birch", "cedar"];
        let pair = self.people.flow("birch and cedar serve each other", &rest, &rest).await;
        // Interest that begins while nobody can be told.
        self.people.subscribe("alder", LATE).await;

        turmoil::repair("alder", "birch");
        turmoil::repair("alder", "cedar");
        self.everything_flows("after the partition").await;
        let known = || rest.iter().all(|server| self.forest.knows_interest(server, "alder", LATE));
        self.forest.until("the late interest is known", known).await;
        let late = [self.people.publish("birch", "late"), self.people.publish("cedar", "late")];
        self.people.arrival("the late interest is served", &late, &["alder"]).await;
        for server in rest {
            assert!(!self.people.have_any(server, &alone), "nobody stored it");
            assert!(!self.people.have_any(server, &late), "nobody wanted it there");
        }
        assert!(!self.people.have_any("alder", &pair), "nobody stored it");
    }

    /// One direction of one link is dead: both of its ends find out, and the third serves both.
    async fn one_way_partition(&mut self) {
        turmoil::partition_oneway("birch", "cedar");
        let apart = || {
            let (birch, cedar) = (self.forest.lanes("birch"), self.forest.lanes("cedar"));
            !birch.iter().any(|lane| lane.starts_with("cedar"))
                && !cedar.iter().any(|lane| lane.starts_with("birch"))
        };
        self.forest.until("birch and cedar have lost each other", apart).await;
        self.people.flow("alder reaches all", &["alder"], &SERVERS).await;
        self.people.flow("birch reaches alder", &["birch"], &["alder", "birch"]).await;
        self.people.flow("cedar reaches alder", &["cedar"], &["alder", "cedar"]).await;
        turmoil::repair_oneway("birch", "cedar");
        self.everything_flows("after the outage of one direction").await;
    }

    /// Half a close is enough: the server closes its side, and the others forget who was there.
    async fn departure(&mut self) {
        self.people.leave("cedar");
        self.forest.until("cedar lets go", || self.people.lost() == ["cedar"]).await;
        let forgotten = |server| !self.forest.knows_interest(server, "cedar", EVERYTHING);
        let both = || forgotten("alder") && forgotten("birch");
        self.forest.until("nobody at cedar wants anything", both).await;
        self.people.flow("the others go on", &["alder", "birch"], &["alder", "birch"]).await;
    }
}

/// Runs the story under a seed, and gives what happened.
fn story(seed: u64) -> Vec<String> {
    let forest = Forest::default();
    let mut sim = simulate(seed, &forest);
    let seen = forest.clone();
    sim.client("people", async move {
        let mut story = Story::begin(&SERVERS, seen).await;
        story.everything_flows("at first").await;
        story.hold().await;
        story.partition().await;
        story.one_way_partition().await;
        assert_eq!(story.people.lost(), [""; 0], "the people's own connections are untouched");
        story.departure().await;
        story.people.check_order();
        Ok(())
    });
    if let Err(error) = sim.run() {
        panic!("seed {seed}: {error}\n{:#?}", forest.history());
    }
    drop(sim);
    forest.check_trouble();
    forest.history()
}

#[test]
fn three_servers_lose_and_find_each_other() {
    for seed in 1..=5 {
        let history = story(seed);
        let stale = history.iter().filter(|line| line.contains("StaleConnection")).count();
        assert!(stale > 0, "nothing but silence tells of a partition: {history:#?}");
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [7, 8] {
        let (one, two) = (story(seed), story(seed));
        assert!(one.len() > 20, "{one:?}");
        for (number, (a, b)) in one.iter().zip(&two).enumerate() {
            assert_eq!(a, b, "line {number} of seed {seed}");
        }
        assert_eq!(one.len(), two.len());
    }
    assert_ne!(story(7), story(8), "another seed is another history");
}

/// What the simulation is to do with a server, for the people.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    Crash,
    Bounce,
}

#[test]
fn a_crashed_server_comes_back() {
    let forest = Forest::default();
    let mut sim = simulate(3, &forest);
    let wish = Rc::new(Cell::new(Wish::Nothing));
    let (wished, seen) = (Rc::clone(&wish), forest.clone());
    sim.client("people", async move {
        let mut story = Story::begin(&SERVERS, seen).await;
        story.everything_flows("at first").await;
        wished.set(Wish::Crash);
        let rest = ["alder", "birch"];
        story.become_one_part("cedar is gone", &rest).await;
        story.people.flow("the others go on", &rest, &rest).await;
        wished.set(Wish::Bounce);
        story.forest.until("cedar is back", || !story.forest.lanes("cedar").is_empty()).await;
        story.people.join("cedar").await;
        story.everything_flows("at last").await;
        story.people.check_order();
        assert_eq!(story.people.lost(), ["cedar"]);
        Ok(())
    });
    while !sim.step().unwrap() {
        match wish.replace(Wish::Nothing) {
            Wish::Nothing => {}
            Wish::Crash => sim.crash("cedar"),
            Wish::Bounce => sim.bounce("cedar"),
        }
    }
    drop(sim);
    forest.check_trouble();
    let registered = |line: &&String| line.contains("RouteRegistered");
    assert!(forest.history().iter().filter(registered).count() > 3);
}
