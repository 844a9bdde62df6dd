//! Abstracts that are broken on purpose, and what is said of them.

use super::abstracts::class;
use super::*;
use crate::guarantee;
use crate::history::{FaultKind, History};
use crate::ids::{ClientId, NodeId};
use crate::plan::{Plan, Setting, plan};
use crate::run::{RunOptions, run};
use crate::scenario::Scenario;
use crate::verdict::Exit;

const WORLD: &str = r#"
schema = 1
name = "small"
[run]
duration = "4s"
[link.lan]
latency = "100us"
[link.sea]
latency = "10ms"
[region.a]
nodes = 2
link = "lan"
[region.b]
nodes = 1
link = "lan"
[[path]]
between = ["a", "b"]
link = "sea"
[[client]]
id = "talk"
at = "region:a"
role = "publish"
subject = "news"
rate = 20
[[client]]
id = "hear"
at = "all"
count = 2
role = "subscribe"
subject = "news"
ping = "500ms"
[[client]]
id = "work"
at = "all"
count = 3
role = "subscribe"
subject = "news"
queue = "q"
ping = "500ms"
[[client]]
id = "ask"
at = "region:a"
role = "request"
subject = "time"
rate = 10
[[client]]
id = "tell"
at = "region:b"
role = "serve"
subject = "time"
"#;

fn plan_with(more: &str) -> Plan {
    let text = format!("{WORLD}{more}\n[guarantee.once]\nkind = \"no_duplicates\"\n");
    plan_of(&text)
}

fn plan_of(text: &str) -> Plan {
    let kinds = guarantee::kinds();
    let scenario = Scenario::parse("small.toml", text, &kinds).unwrap_or_else(|e| panic!("{e}"));
    plan(&scenario, 1).unwrap_or_else(|e| panic!("{e}"))
}

/// The regions lose each other for so long, in a longer run.
fn cut(lasts: &str) -> Plan {
    let world = WORLD.replace("duration = \"4s\"", "duration = \"13s\"");
    plan_of(&format!(
        "{world}[[fault]]\nat = \"1500ms\"\nfor = \"{lasts}\"\nkind = \"partition\"\n\
         between = [\"region:a\", \"region:b\"]\n[guarantee.once]\nkind = \"no_duplicates\"\n"
    ))
}

fn history(plan: &Plan) -> History {
    run(plan, RunOptions::default()).history
}

/// A plan, what it comes to, and a copy of that which a test may break.
struct Case {
    plan: Plan,
    one: Abstract,
    other: Abstract,
    patience: Patience,
}

impl Case {
    fn of(plan: Plan) -> Self {
        let history = history(&plan);
        let one = Abstract::of(&Intent::of(&plan), &history).unwrap();
        let other = Abstract { engine: "other".to_owned(), ..one.clone() };
        let patience = Patience::of([&history.header.bounds]);
        Self { plan, one, other, patience }
    }

    fn calm() -> Self {
        Self::of(plan_with(""))
    }

    fn verdict(&self) -> Verdict {
        let intent = Intent::of(&self.plan);
        compare(&intent, self.patience, &[self.one.clone(), self.other.clone()])
    }

    /// What is said of the difference, in words.
    fn said(&self) -> Vec<String> {
        let engines = ["pure".to_owned(), "other".to_owned()];
        let verdict = self.verdict();
        verdict.disagreements.iter().map(|one| one.words(&self.plan, &engines)).collect()
    }

    fn client(&self, name: &str) -> ClientId {
        let at = self.plan.clients.iter().position(|client| client.name == name).unwrap();
        ClientId(at as u32)
    }

    /// A subscription of a client, and a message that it got.
    fn got(&self, hearer: &str, talker: &str, number: u32) -> (Receiver, Message) {
        let (hearer, message) = (self.client(hearer), Message::Sent(self.client(talker), number));
        let of = |(receiver, got): &&(Receiver, Message)| {
            *got == message && matches!(receiver, Receiver::Sub(client, _) if *client == hearer)
        };
        *self.one.delivered.keys().find(of).unwrap()
    }
}

#[test]
fn what_is_the_same_agrees() {
    let case = Case::calm();
    let verdict = case.verdict();
    assert_eq!(verdict.disagreements, []);
    let Compared { settled, fates, counts, .. } = verdict.compared;
    assert!(settled > 200 && fates > 20 && counts > 8, "{:?}", verdict.compared);
    assert!(case.one.late.is_empty());
    assert!(case.one.fates.values().all(|fate| *fate == Fate::Answered));
    assert!(case.one.connections.values().all(|times| *times == 1));
    assert_eq!(case.one.meetings.len(), 6);
    assert!(case.one.meetings.values().all(|times| *times == 1));
}

#[test]
fn a_delivery_that_one_does_not_have_is_named() {
    let mut case = Case::calm();
    case.other.delivered.remove(&case.got("hear/1", "talk/1", 60));
    assert_eq!(
        case.said(),
        ["subscription 2 of hear/1 got message 60 of talk/1: pure once, other never"]
    );
}

#[test]
fn deliveries_that_follow_each_other_are_named_together() {
    let mut case = Case::calm();
    for number in [50, 51, 52, 60] {
        case.other.delivered.remove(&case.got("hear/1", "talk/1", number));
    }
    assert_eq!(
        case.said(),
        [
            "subscription 2 of hear/1 got messages 50 to 52 of talk/1: pure once, other never",
            "subscription 2 of hear/1 got message 60 of talk/1: pure once, other never",
        ]
    );
}

#[test]
fn a_delivery_that_comes_twice_is_named_even_if_it_is_in_doubt() {
    for number in [1, 60] {
        let mut case = Case::calm();
        let key = case.got("hear/2", "talk/1", number);
        case.other.delivered.insert(key, 2);
        let expected = format!(
            "subscription 2 of hear/2 got message {number} of talk/1: pure once, other 2 times"
        );
        assert_eq!(case.said(), [expected]);
    }
}

#[test]
fn deliveries_that_are_swapped_are_named() {
    // The swap is made in the history: the notebook of another engine might hold it so.
    let mut case = Case::calm();
    let mut history = history(&case.plan);
    let hearer = case.client("hear/1");
    let talker = case.client("talk/1");
    let of = |seq: u32| {
        move |event: &crate::history::Event| {
            matches!(&event.kind, crate::history::Kind::Delivered { client, msg: Some(msg), .. }
                if *client == hearer && msg.client == talker && msg.seq == seq)
        }
    };
    let (a, b) = (
        history.events.iter().position(of(60)).unwrap(),
        history.events.iter().position(of(61)).unwrap(),
    );
    let first = history.events.remove(a);
    history.events.insert(b, first);
    case.other = Abstract::of(&Intent::of(&case.plan), &history).unwrap();
    assert_eq!(
        case.said(),
        [
            "subscription 2 of hear/1 got message 60 of talk/1: pure in order, other behind a later one"
        ]
    );
}

#[test]
fn it_is_the_group_that_gets_a_message_and_not_its_member() {
    let case = Case::calm();
    let groups = |case: &Case| -> usize {
        let of = |receiver: &Receiver| matches!(receiver, Receiver::Group(..));
        case.one
            .delivered
            .iter()
            .filter(|((receiver, _), times)| of(receiver) && **times == 1)
            .count()
    };
    assert!(groups(&case) > 60);
}

#[test]
fn an_error_that_one_was_told_is_named_by_its_class() {
    let mut case = Case::calm();
    let client = case.client("hear/1");
    let told = case.other.errors.entry(client).or_default();
    told.insert(class("'Permissions Violation for Publish to \"a.b\"'"));
    assert_eq!(case.said(), ["hear/1 was told: pure nothing, other permissions violation"]);
}

#[test]
fn what_somebody_is_told_who_is_sent_away_amid_a_message_may_be_lost() {
    let mut plan = plan_with("");
    for node in &mut plan.nodes {
        node.config.numbers.push((Setting::MaxPayload, 8));
    }
    let mut case = Case::of(plan);
    let talker = case.client("talk/1");
    assert!(case.one.errors[&talker].contains("maximum payload violation"));
    case.other.errors.remove(&talker);
    assert_eq!(case.said(), Vec::<String>::new());
    assert!(case.verdict().compared.doubts.contains_key(&Doubt::LastWords));
}

#[test]
fn what_became_of_a_request_is_named() {
    let mut case = Case::calm();
    let request = Message::Sent(case.client("ask/1"), 20);
    case.other.fates.insert(request, Fate::TimedOut);
    assert_eq!(
        case.said(),
        ["message 20 of ask/1 asked and was: pure answered, other never answered"]
    );
}

#[test]
fn a_message_that_nobody_sent_is_named() {
    let mut case = Case::calm();
    let client = case.client("hear/1");
    case.other.delivered.insert((Receiver::Nobody(client), Message::Unknown), 1);
    assert_eq!(
        case.said(),
        [
            "no subscription that hear/1 has made got a message that nobody sent: pure never, other once"
        ]
    );
}

#[test]
fn counts_are_held_to_their_bands() {
    let mut case = Case::calm();
    let client = case.client("hear/1");
    case.other.connections.insert(client, 2);
    case.other.meetings.insert((NodeId(0), NodeId(2)), 3);
    assert_eq!(
        case.said(),
        [
            "hear/1 was connected (band 0): pure once, other 2 times",
            "a/1 met b/1 (band 0): pure once, other 3 times",
        ]
    );
    // Nobody knows how often two nodes meet again that are apart for about as long as it takes to notice.
    let mut case = Case::of(cut("4s"));
    *case.other.meetings.get_mut(&(NodeId(0), NodeId(2))).unwrap() += 1;
    assert_eq!(case.said(), Vec::<String>::new());
    *case.other.meetings.get_mut(&(NodeId(0), NodeId(2))).unwrap() += 1;
    assert_eq!(case.said().len(), 1);
}

#[test]
fn a_cut_that_nobody_notices_leaves_no_doubt() {
    let case = Case::of(cut("1s"));
    let verdict = case.verdict();
    let doubts = verdict.compared.doubts.keys();
    let faults = doubts.filter(|doubt| !matches!(doubt, Doubt::ReceiverComes | Doubt::SenderComes));
    assert_eq!(faults.count(), 0, "{:?}", verdict.compared.doubts);
    // And indeed nothing is lost.
    let lost = case.one.delivered.iter().filter(|(_, times)| **times != 1).count();
    assert_eq!(lost, 0);
}

#[test]
fn the_middle_of_a_long_cut_is_settled_and_its_ends_are_not() {
    let mut case = Case::of(cut("9s"));
    let at = |case: &Case, seconds: f64| {
        let begins = case.plan.faults[0].at;
        let intent = Intent::of(&case.plan);
        let sent = &intent.sendings[&case.client("talk/1")];
        let due = begins + (seconds * 1e9) as u64;
        sent.iter().position(|sending| sending.at >= due).unwrap() as u32 + 1
    };
    // Nobody over there gets what is sent while nobody has a route.
    let far = case.plan.clients.iter().position(|client| client.region.0 == 1).unwrap();
    let sid = Intent::of(&case.plan)
        .listenings
        .iter()
        .find(|one| one.client.0 == far as u32)
        .unwrap()
        .sid;
    let talker = case.client("talk/1");
    let key = |number| (Receiver::Sub(ClientId(far as u32), sid), Message::Sent(talker, number));
    let (begins, middle, over) = (at(&case, 0.0), at(&case, 8.0), at(&case, 9.1));
    assert_eq!(case.one.delivered.get(&key(middle)), None);
    case.other.delivered.insert(key(begins), 1);
    case.other.delivered.insert(key(middle), 1);
    case.other.delivered.insert(key(over), 1);
    let said = case.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(&format!("got message {middle} of talk/1: pure never, other once")));
    let doubts = case.verdict().compared.doubts;
    assert!(doubts.contains_key(&Doubt::Begins(FaultKind::Partition)), "{doubts:?}");
    assert!(doubts.contains_key(&Doubt::Over(FaultKind::Partition)), "{doubts:?}");
}

#[test]
fn who_is_sent_more_than_it_can_read_is_left_to_timing() {
    let slow = |rate: &str| {
        plan_with(&format!(
            "[[client]]\nid = \"slow\"\nat = \"region:a\"\nrole = \"subscribe\"\n\
             subject = \"news\"\nread_rate = \"{rate}\"\n"
        ))
    };
    let doubts = |plan: Plan| Case::of(plan).verdict().compared.doubts;
    assert!(!doubts(slow("64KiB/s")).contains_key(&Doubt::Slow));
    assert!(doubts(slow("100B/s")).contains_key(&Doubt::Slow));
}

#[test]
fn a_history_of_half_of_a_plan_is_none_of_it() {
    let plan = plan_with("");
    let mut history = history(&plan);
    history.events.truncate(history.events.len() / 2);
    let error = Abstract::of(&Intent::of(&plan), &history).unwrap_err();
    assert!(error.starts_with("the plan has "), "{error}");
}

#[test]
fn errors_have_classes() {
    for (text, expected) in [
        ("'Unknown Protocol Operation'", "unknown protocol operation"),
        ("'Permissions Violation for Subscription to \"x\"'", "permissions violation"),
        ("maximum payload exceeded: 17 vs 9", "maximum payload exceeded"),
        ("message 12 is too long", "message is too long"),
    ] {
        assert_eq!(class(text), expected);
    }
}

#[test]
fn a_report_says_all_of_it() {
    let mut case = Case::calm();
    case.other.delivered.remove(&case.got("hear/1", "talk/1", 60));
    let engines = vec!["pure".to_owned(), "other".to_owned()];
    let bad = Row::of("small 1".to_owned(), &case.plan, &engines, &case.verdict());
    let good = Case::of(cut("9s"));
    let good = Row::of("small 2".to_owned(), &good.plan, &engines, &good.verdict());
    let all = Fidelity::new(engines.clone(), vec![good.clone(), bad]);
    assert_eq!(all.exit(), Exit::Broken);
    assert!(all.sum().starts_with("1 of 2 plans agree on pure, other: "), "{}", all.sum());
    let text = all.markdown();
    assert!(text.contains("| 1 disagreement |"), "{text}");
    assert!(text.contains("* disagreement: small 1: subscription 2 of hear/1 got message 60 "));
    assert!(text.contains("| a partition begins | "), "{text}");
    assert_eq!(Fidelity::new(engines, vec![good]).exit(), Exit::Held);
}

#[test]
fn a_plan_that_settles_nothing_shows_nothing() {
    let case = Case::calm();
    let row = Row::of("empty".to_owned(), &case.plan, &[], &Verdict::default());
    let all = Fidelity::new(vec![], vec![row]);
    assert_eq!(all.exit(), Exit::Inconclusive);
    assert_eq!(Fidelity::new(vec![], vec![]).exit(), Exit::Inconclusive);
}
