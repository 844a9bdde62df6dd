//! The table against a naive model, under random operations; and what a single case shows best.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;

use super::*;

const CLIENTS: u32 = 3;
const ROUTES: u32 = 3;
const CACHE: CacheLimits = CacheLimits { entries: 4, bytes: 16 << 10 };

/// Subject, queue group.
type Key = (Vec<u8>, Option<Vec<u8>>);

/// An announcement, owned.
type Told = (Vec<u8>, Option<Vec<u8>>, u32);

fn owned(announcement: Announcement<'_>) -> Told {
    let Announcement { subject, queue, members } = announcement;
    (subject.to_vec(), queue.map(<[u8]>::to_vec), members)
}

/// Token by token, straight from the rules.
fn naive_match(pattern: &[u8], subject: &[u8]) -> bool {
    let pattern: Vec<&[u8]> = pattern.split(|byte| *byte == b'.').collect();
    let subject: Vec<&[u8]> = subject.split(|byte| *byte == b'.').collect();
    let valid = pattern.iter().all(|token| !token.is_empty())
        && pattern.iter().rev().skip(1).all(|token| *token != b">");
    if !valid || subject.iter().any(|token| token.is_empty()) {
        return false;
    }
    for (position, token) in pattern.iter().enumerate() {
        match (*token, subject.get(position)) {
            (b">", Some(_)) => return true,
            (b"*", Some(_)) => {}
            (literal, Some(token)) if literal == *token => {}
            (_, _) => return false,
        }
    }
    pattern.len() == subject.len()
}

/// Who gets a message: (link, sid, prefix) of locals, remotes, and both by queue name. Members of
/// a group are sorted: their order has a test of its own.
#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    locals: Vec<(u32, Vec<u8>, Vec<u8>)>,
    remotes: Vec<u32>,
    groups: BTreeMap<Vec<u8>, Members>,
}

type Members = (Vec<(u32, Vec<u8>, Vec<u8>)>, Vec<(u32, u32)>);

impl Outcome {
    fn of(interest: &Interest, plan: &Plan) -> Self {
        let local = |local: &Local| {
            assert_eq!(interest.subscription(local.sub).link(), local.link);
            (local.link, interest.sid(local.sub).to_vec(), plan.prefix(local).concat())
        };
        let sorted = |locals: &[Local]| {
            let mut locals: Vec<_> = locals.iter().map(local).collect();
            locals.sort();
            locals
        };
        assert!(plan.groups.is_sorted_by(|one, next| one.name < next.name), "groups by name");
        let members = |group: &Group| (sorted(&group.locals), group.remotes.clone());
        Self {
            locals: sorted(&plan.locals),
            remotes: plan.remotes.clone(),
            groups: plan.groups.iter().map(|each| (each.name.clone(), members(each))).collect(),
        }
    }
}

/// What the table ought to do, with nothing clever in it.
#[derive(Debug, Default)]
struct Model {
    /// By link and sid.
    locals: BTreeMap<(u32, Vec<u8>), Key>,
    /// Weight by link and key.
    remotes: BTreeMap<(u32, Key), u32>,
}

impl Model {
    fn members(&self, key: &Key) -> u32 {
        self.locals.values().filter(|each| *each == key).count() as u32
    }

    /// What is to be told after a local subscription to `key` came or went.
    fn told(&self, key: &Key, came: bool) -> Vec<Told> {
        let (subject, queue) = key.clone();
        let members = self.members(key);
        if queue.is_some() || members == u32::from(came) {
            vec![(subject, queue, members)]
        } else {
            Vec::new()
        }
    }

    fn outcome(&self, subject: &[u8]) -> Outcome {
        let mut outcome = Outcome::default();
        for ((link, sid), (pattern, queue)) in &self.locals {
            if naive_match(pattern, subject) {
                let prefix = [b"HMSG ", subject, b" ", sid, b" "].concat();
                let local = (*link, sid.clone(), prefix);
                match queue {
                    None => outcome.locals.push(local),
                    Some(queue) => outcome.groups.entry(queue.clone()).or_default().0.push(local),
                }
            }
        }
        let mut remotes = BTreeSet::new();
        for ((link, (pattern, queue)), weight) in &self.remotes {
            if naive_match(pattern, subject) {
                match queue {
                    None => drop(remotes.insert(*link)),
                    Some(queue) if *weight > 0 => {
                        let group = outcome.groups.entry(queue.clone()).or_default();
                        match group.1.iter_mut().find(|(of, _)| of == link) {
                            Some((_, sum)) => *sum += weight,
                            None => group.1.push((*link, *weight)),
                        }
                    }
                    Some(_) => {}
                }
            }
        }
        outcome.remotes = remotes.into_iter().collect();
        outcome.locals.sort();
        outcome.groups.values_mut().for_each(|(locals, _)| locals.sort());
        outcome
    }

    fn local_interest(&self) -> Vec<Told> {
        let keys: BTreeSet<&Key> = self.locals.values().collect();
        let told = |key: &&Key| {
            let members = if key.1.is_some() { self.members(key) } else { 1 };
            (key.0.clone(), key.1.clone(), members)
        };
        keys.iter().map(told).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe {
        client: u32,
        key: Key,
        sid: Vec<u8>,
    },
    /// One of the model's, by its place.
    Unsubscribe(usize),
    DropClient(u32),
    RemoteSubscribe {
        route: u32,
        key: Key,
        weight: u32,
    },
    RemoteUnsubscribe {
        route: u32,
        key: Key,
    },
    /// One that is there, by its place.
    RemoteForget(usize),
    DropRemote(u32),
    Publish {
        subject: Vec<u8>,
        times: u32,
        hold: bool,
    },
}

fn token() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        12 => Just("a"),
        6 => Just("b"),
        1 => Just("c*"),
        1 => Just("a-token-that-is-rather-long"),
    ]
}

/// Mostly valid, with wildcards among them.
fn pattern() -> impl Strategy<Value = Vec<u8>> {
    let star = prop_oneof![5 => token(), 2 => Just("*")];
    let tokens = prop::collection::vec(star, 1..4);
    let ending = prop_oneof![6 => Just(""), 2 => Just(".>"), 1 => Just("only >"), 1 => Just("odd")];
    (tokens, ending).prop_map(|(tokens, ending)| match ending {
        "only >" => b">".to_vec(),
        "odd" => format!("{}.>.a..b", tokens.join(".")).into_bytes(),
        ending => format!("{}{ending}", tokens.join(".")).into_bytes(),
    })
}

/// Mostly valid, with literal `*` and `>` and empty tokens among them.
fn subject() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop_oneof![30 => token(), 1 => Just("*"), 1 => Just(">"), 1 => Just("")];
    prop::collection::vec(odd, 1..4).prop_map(|tokens| tokens.join(".").into_bytes())
}

fn key() -> impl Strategy<Value = Key> {
    let queue = prop_oneof![
        3 => Just(None),
        2 => Just(Some(b"q".to_vec())),
        1 => Just(Some(b"workers-with-a-name-of-some-length".to_vec())),
    ];
    (pattern(), queue)
}

fn step() -> impl Strategy<Value = Step> {
    let sid = prop_oneof![4 => 1..6_u32, 1 => 4_000_000_000..4_000_000_003_u32]
        .prop_map(|number| format!("{number}{}", if number > 9 { "-long" } else { "" }))
        .prop_map(String::into_bytes);
    let subscribe = (0..CLIENTS, key(), sid);
    let publish = (subject(), 1..4_u32, any::<bool>());
    prop_oneof![
        8 => subscribe.prop_map(|(client, key, sid)| Step::Subscribe { client, key, sid }),
        5 => any::<usize>().prop_map(Step::Unsubscribe),
        1 => (0..CLIENTS).prop_map(Step::DropClient),
        4 => (0..ROUTES, key(), 0..4_u32)
            .prop_map(|(route, key, weight)| Step::RemoteSubscribe { route, key, weight }),
        1 => (0..ROUTES, key()).prop_map(|(route, key)| Step::RemoteUnsubscribe { route, key }),
        2 => any::<usize>().prop_map(Step::RemoteForget),
        1 => (0..ROUTES).prop_map(Step::DropRemote),
        12 => publish
            .prop_map(|(subject, times, hold)| Step::Publish { subject, times, hold }),
    ]
}

/// The table and the model side by side.
struct Pair {
    interest: Interest,
    clients: Vec<SidIndex>,
    routes: Vec<RemoteIndex>,
    model: Model,
    /// Plans kept as links keep them.
    held: Vec<Rc<Plan>>,
    /// Everything that was announced or planned, for comparing two runs.
    story: Vec<String>,
}

impl Pair {
    fn new(hash_key: u64) -> Self {
        Self {
            interest: Interest::with_cache(hash_key, b"ACC", CACHE),
            clients: (0..CLIENTS).map(|_| SidIndex::default()).collect(),
            routes: (0..ROUTES).map(|_| RemoteIndex::default()).collect(),
            model: Model::default(),
            held: Vec::new(),
            story: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Subscribe { client, key, sid } => self.subscribe(*client, key, sid),
            Step::Unsubscribe(which) => self.unsubscribe(*which),
            Step::DropClient(client) => self.drop_client(*client),
            Step::RemoteSubscribe { route, key, weight } => {
                self.remote_subscribe(*route, key, *weight);
            }
            Step::RemoteUnsubscribe { route, key } => self.remote_unsubscribe(*route, key),
            Step::RemoteForget(which) => {
                let count = self.model.remotes.len().max(1);
                if let Some((route, key)) = self.model.remotes.keys().nth(which % count).cloned() {
                    self.remote_unsubscribe(route - CLIENTS, &key);
                }
            }
            Step::DropRemote(route) => {
                self.interest.drop_remote(&mut self.routes[*route as usize]);
                self.model.remotes.retain(|(link, _), _| *link != CLIENTS + route);
            }
            Step::Publish { subject, times, hold } => {
                (0..*times).for_each(|_| self.publish(subject, *hold));
            }
        }
        self.check();
    }

    fn subscribe(&mut self, client: u32, key: &Key, sid: &[u8]) {
        let mut told = Vec::new();
        let index = &mut self.clients[client as usize];
        let queue = key.1.as_deref();
        let announce = &mut |each: Announcement<'_>| told.push(owned(each));
        let id = self.interest.subscribe(index, client, &key.0, queue, sid, announce);
        let place = (client, sid.to_vec());
        assert_eq!(id.is_none(), self.model.locals.contains_key(&place), "the first one stays");
        let mut expected = Vec::new();
        if let Some(id) = id {
            self.model.locals.insert(place, key.clone());
            expected = self.model.told(key, true);
            assert_eq!(self.interest.find(index, sid), Some(id));
            let found = (self.interest.subject(id), self.interest.queue(id));
            assert_eq!(found, (&*key.0, queue));
            assert_eq!(self.interest.sid(id), sid);
            let subscription = self.interest.subscription_mut(id);
            assert_eq!((subscription.delivered, subscription.max), (0, 0));
            subscription.delivered = 1;
            subscription.max = 2;
        }
        self.tell(&told, &expected);
    }

    fn unsubscribe(&mut self, which: usize) {
        let count = self.model.locals.len().max(1);
        let Some((place, key)) = self.model.locals.iter().nth(which % count) else { return };
        let (place, key) = (place.clone(), key.clone());
        let mut told = Vec::new();
        let index = &mut self.clients[place.0 as usize];
        let id = self.interest.find(index, &place.1).unwrap();
        self.interest.unsubscribe(index, id, &mut |each| told.push(owned(each)));
        assert_eq!(self.interest.find(index, &place.1), None);
        self.model.locals.remove(&place);
        let expected = self.model.told(&key, false);
        self.tell(&told, &expected);
    }

    fn drop_client(&mut self, client: u32) {
        let index = &mut self.clients[client as usize];
        let mut expected = Vec::new();
        for id in index.ids() {
            let place = (client, self.interest.sid(id).to_vec());
            let key = self.model.locals.remove(&place).unwrap();
            expected.extend(self.model.told(&key, false));
        }
        assert!(self.model.locals.keys().all(|(link, _)| *link != client));
        let mut told = Vec::new();
        self.interest.drop_client(index, &mut |each| told.push(owned(each)));
        assert_eq!(index.ids().count(), 0);
        self.tell(&told, &expected);
    }

    fn remote_subscribe(&mut self, route: u32, key: &Key, weight: u32) {
        let weight = if key.1.is_some() { weight } else { 1 };
        let index = &mut self.routes[route as usize];
        let queue = key.1.as_deref().map(|name| (name, weight));
        let changed = self.interest.remote_subscribe(index, CLIENTS + route, &key.0, queue);
        let before = self.model.remotes.insert((CLIENTS + route, key.clone()), weight);
        assert_eq!(changed, before != Some(weight));
    }

    fn remote_unsubscribe(&mut self, route: u32, key: &Key) {
        let index = &mut self.routes[route as usize];
        let removed = self.interest.remote_unsubscribe(index, &key.0, key.1.as_deref());
        let before = self.model.remotes.remove(&(CLIENTS + route, key.clone()));
        assert_eq!(removed, before.is_some());
    }

    fn publish(&mut self, subject: &[u8], hold: bool) {
        let plan = self.interest.plan(subject);
        assert_eq!(plan.subject, subject);
        assert_eq!(Outcome::of(&self.interest, &plan), self.model.outcome(subject));
        assert_eq!(plan.is_empty(), plan.receivers() == 0);
        assert_eq!(plan.account(), b"ACC");
        assert_eq!(plan.route_prefix(), [b"RMSG ACC ", subject, b" "].concat());
        assert_eq!(self.interest.is_current(&plan), plan.cacheable);
        let matching = self.interest.matching(subject);
        let naive = self.model.locals.values().map(|(pattern, _)| pattern);
        let naive = naive.chain(self.model.remotes.keys().map(|(_, (pattern, _))| pattern));
        let naive = naive.filter(|pattern| naive_match(pattern, subject)).count();
        assert_eq!(matching.len(), naive);
        self.story.push(format!("{:?} {:?} {:?}", plan.locals, plan.remotes, plan.groups));
        // Links keep what is worth keeping; a caller that keeps more must not be fooled either.
        if hold {
            self.held.push(plan);
        }
    }

    fn tell(&mut self, told: &[Told], expected: &[Told]) {
        assert_eq!(told, expected);
        self.story.push(format!("{told:?}"));
    }

    fn check(&mut self) {
        self.interest.check_invariants();
        let told: Vec<Told> = self.interest.local_interest().into_iter().map(owned).collect();
        assert_eq!(told, self.model.local_interest());
        let (locals, remotes) = (self.model.locals.len(), self.model.remotes.len());
        assert_eq!(self.clients.iter().map(|index| index.ids().count()).sum::<usize>(), locals);
        assert_eq!(self.routes.iter().map(RemoteIndex::len).sum::<usize>(), remotes);
        assert_eq!(self.interest.report().subscriptions, (locals + remotes) as u64);
        for id in self.interest.ids() {
            let subscription = self.interest.subscription(id);
            let expected = if subscription.is_remote() { (0, 0) } else { (1, 2) };
            assert_eq!((subscription.delivered, subscription.max), expected, "{id:?}");
        }
        let interest = &self.interest;
        self.held.retain(|plan| {
            let current = interest.is_current(plan);
            if current {
                assert_eq!(Outcome::of(interest, plan), self.model.outcome(&plan.subject));
            }
            current
        });
    }

    /// Takes everything out again, and expects nothing to be left.
    fn drain(&mut self) {
        for client in 0..CLIENTS {
            self.apply(&Step::DropClient(client));
        }
        for route in 0..ROUTES {
            self.apply(&Step::DropRemote(route));
        }
        assert!(self.interest.local_interest().is_empty());
        assert_eq!(self.interest.patterns.iter().count(), 0);
        assert!(self.interest.subscriptions.is_empty() && self.interest.queues.entries.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Every operation, in any order: same plans, same announcements, and no plan that is out of
    /// date passes for current. With two keys, to the byte the same.
    #[test]
    fn behaves_like_the_model(
        steps in prop::collection::vec(step(), 1..120),
        keys in any::<(u64, u64)>(),
    ) {
        let (mut one, mut other) = (Pair::new(keys.0), Pair::new(keys.1));
        for step in &steps {
            one.apply(step);
            other.apply(step);
        }
        one.drain();
        other.drain();
        prop_assert_eq!(&one.story, &other.story);
    }
}

/// A table of one client, for cases by hand.
struct Single {
    interest: Interest,
    index: SidIndex,
}

impl Single {
    fn new() -> Self {
        Self { interest: Interest::new(1, b"$G"), index: SidIndex::default() }
    }

    fn subscribe(&mut self, subject: &str, queue: Option<&str>, sid: &str) -> SubId {
        let (subject, queue) = (subject.as_bytes(), queue.map(str::as_bytes));
        let index = &mut self.index;
        self.interest.subscribe(index, 7, subject, queue, sid.as_bytes(), &mut |_| {}).unwrap()
    }

    fn unsubscribe(&mut self, id: SubId) {
        self.interest.unsubscribe(&mut self.index, id, &mut |_| {});
    }
}

#[test]
fn the_second_sight_of_a_subject_is_cached() {
    let mut table = Single::new();
    table.subscribe("foo", None, "1");
    let cached: Vec<bool> = (0..3).map(|_| table.interest.plan(b"foo").cacheable).collect();
    assert_eq!(cached, [false, true, true]);
    let report = table.interest.report();
    assert_eq!((report.cached, report.matches, report.cache_hits), (1, 3, 1));
    assert_eq!((report.max_fanout, report.total_fanout, report.inserts), (1, 1, 1));
}

/// Subscribing elsewhere while publishing leaves the cache alone: nats-server's per-connection
/// cache falls with every change in the account.
#[test]
fn a_change_invalidates_what_it_concerns() {
    let mut table = Single::new();
    table.subscribe("a.b.>", None, "1");
    let cases = [
        ("a.b.c", false),
        ("x.y", true),
        ("a.b", true),
        ("a.b.d", true),
        ("x.*", true),
        ("a.x.*", true),
        ("a.b.c.*", false),
        ("a.b.*", false),
        ("a.*", false),
        ("*.z", false),
        (">", false),
    ];
    for (change, survives) in cases {
        (0..2).for_each(|_| drop(table.interest.plan(b"a.b.c")));
        let plan = table.interest.plan(b"a.b.c");
        assert!(table.interest.is_current(&plan));
        let id = table.subscribe(change, None, "2");
        assert_eq!(table.interest.is_current(&plan), survives, "after SUB {change}");
        let plan = table.interest.plan(b"a.b.c");
        assert!(table.interest.is_current(&plan), "the subject keeps its place in the cache");
        table.unsubscribe(id);
        assert_eq!(table.interest.is_current(&plan), survives, "after UNSUB {change}");
    }
}

#[test]
fn a_held_plan_keeps_its_contents_when_the_next_one_is_made() {
    let mut table = Single::new();
    table.subscribe("a", None, "1");
    let first = table.interest.plan(b"a");
    let second = table.interest.plan(b"b");
    assert_eq!((first.subject.as_slice(), second.subject.as_slice()), (&b"a"[..], &b"b"[..]));
    assert_eq!((first.locals.len(), second.locals.len()), (1, 0));
}

#[test]
fn receivers_come_in_the_order_of_subscription() {
    let mut table = Single::new();
    let ids: Vec<SubId> =
        ["5", "3", "4", "1"].iter().map(|sid| table.subscribe("a", None, sid)).collect();
    let members: Vec<SubId> =
        ["9", "8", "7"].iter().map(|sid| table.subscribe("*", Some("q"), sid)).collect();
    let member = table.subscribe("a", Some("q"), "6");
    let plan = table.interest.plan(b"a");
    assert_eq!(plan.locals.iter().map(|local| local.sub).collect::<Vec<_>>(), ids);
    let in_group: Vec<SubId> = plan.groups[0].locals.iter().map(|local| local.sub).collect();
    assert_eq!(in_group, [&[member], &members[..]].concat(), "by pattern, as nats-server has it");
}

/// nats-server lists a remote once per member for each matching subject, so weights add up
/// (`sublist.go`, `addNodeToResults`).
#[test]
fn weights_of_one_remote_add_up_and_stay_in_range() {
    let mut table = Single::new();
    let mut route = RemoteIndex::default();
    let mut say = |table: &mut Single, subject: &str, weight: u32| {
        let queue = Some((&b"q"[..], weight));
        table.interest.remote_subscribe(&mut route, 3, subject.as_bytes(), queue)
    };
    assert!(say(&mut table, "a.b", 2));
    assert!(say(&mut table, "a.*", 3));
    assert!(!say(&mut table, "a.*", 3), "nothing new");
    assert_eq!(table.interest.plan(b"a.b").groups[0].remotes, [(3, 5)]);
    assert!(say(&mut table, "a.*", u32::MAX));
    table.subscribe("a.>", Some("q"), "1");
    let plan = table.interest.plan(b"a.b");
    assert_eq!(plan.groups[0].remotes, [(3, u32::MAX - 1)], "with the local member: u32::MAX");
    assert!(say(&mut table, "a.*", 0));
    assert!(say(&mut table, "a.b", 0));
    assert_eq!(table.interest.plan(b"a.b").groups[0].remotes, [], "weight 0 is never chosen");
}

#[test]
fn many_receivers_of_a_long_subject_share_its_text() {
    let mut table = Single::new();
    for sid in 0..2000 {
        table.subscribe(">", None, &format!("{sid}"));
    }
    let subject = vec![b'x'; 4000];
    let plan = table.interest.plan(&subject);
    assert_eq!(plan.locals.len(), 2000);
    assert!(plan.bytes() < 1 << 20, "2,000 prefixes of 4 KB take {} bytes", plan.bytes());
    for (sid, local) in plan.locals.iter().enumerate() {
        let expected = [b"HMSG ", &*subject, format!(" {sid} ").as_bytes()].concat();
        assert_eq!(plan.prefix(local).concat(), expected);
        assert!(plan.prefix(local)[0].len() > 1);
    }
}

#[test]
fn ids_of_removed_subscriptions_are_reused() {
    let mut table = Single::new();
    let ids: Vec<SubId> = (0..3).map(|sid| table.subscribe("a", None, &format!("{sid}"))).collect();
    table.unsubscribe(ids[1]);
    assert_eq!(table.subscribe("b", None, "x"), ids[1]);
    assert_eq!(table.interest.ids().collect::<Vec<_>>(), ids);
    assert_eq!(table.index.ids().collect::<Vec<_>>(), ids);
    let mut route = RemoteIndex::default();
    table.interest.remote_subscribe(&mut route, 3, b"a", None);
    let remote: Vec<SubId> = route.ids().collect();
    assert_eq!(remote.len(), 1);
    assert_eq!(table.interest.subscription(remote[0]).weight(), 1);
    assert_eq!(table.interest.sid(remote[0]), b"");
}
