//! Plans are made of scenarios and seeds, and are their own text.

use super::*;
use crate::hash::hash64;
use crate::scenario::Scenario;
use crate::units::SECOND;

const SMALL: &str = r#"
schema = 1
name = "small"

[run]
duration = "1s"

[network]
chunking = "off"

[link.lan]
latency = "1ms"

[link.wan]
latency = "30ms..50ms"
jitter = "5ms"
bandwidth = "1MiB/s"

[region.east]
nodes = 2
link = "lan"
config = { max_pending = "1MiB", cluster = { pool_size = "1..=3", accounts = ["A", "B"] } }

[region.west]
nodes = 1
link = "lan"

[[path]]
between = ["east", "west"]
link = "wan"

[[client]]
id = "pub"
at = "one(region:east)"
role = "publish"
subject = "a.{client}.{i%2}"
every = "250ms"
burst = 2
size = "16..=64"
headers = 0.5

[[client]]
id = "sub"
at = "region:west"
role = "subscribe"
subject = "a.>"
queue = "q"
echo = false
churn = "400ms"
max = 3
read_rate = "1KiB/s"

[[client]]
id = "ask"
at = "cluster:c1"
role = "request"
subject = "ask"
every = "500ms"
timeout = "300ms"

[[client]]
id = "serve"
at = "node:east/1"
role = "serve"
subject = "ask"
start = "100ms"
stop = "900ms"

[[fault]]
at = "100ms"
for = "200ms"
kind = "partition"
between = ["region:east", "region:west"]
direction = "forward"

[[fault]]
at = "300ms"
for = "300ms"
kind = "flap"
period = "100ms"
on = "node:east/2"

[[fault]]
at = "300ms"
for = "100ms"
kind = "crash"
on = "node:west/1"
port = "new"

[[fault]]
at = "500ms"
for = "100ms"
kind = "degrade"
between = ["node:east/1", "node:west/1"]
latency = "10ms"
loss = 0.1

[[fault]]
at = "600ms"
kind = "reset"
on = "region:west"

[[fault]]
at = "600ms"
for = "100ms"
kind = "stop_reading"
on = "client:sub"

[guarantee.order]
kind = "publisher_order"
scope = "path:east/west"
"#;

fn scenario(text: &str) -> Scenario {
    Scenario::parse("small.toml", text, &["publisher_order"]).unwrap_or_else(|e| panic!("{e}"))
}

/// With bounds that another kind of guarantee would have.
fn bounded(seed: u64) -> Plan {
    let mut plan = plan(&scenario(SMALL), seed).unwrap();
    for info in &mut plan.guarantees {
        (info.within_ns, info.success_ppm) = (Some(3 * SECOND / 2), Some(999_000));
    }
    plan
}

#[test]
fn a_plan_is_a_text_that_people_can_read() {
    insta::assert_snapshot!(bounded(1).write());
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    for seed in 0..50 {
        let made = plan(&scenario(SMALL), seed).unwrap();
        let text = made.write();
        let again = Plan::parse(&text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again.write(), text);
        // Symbols are numbered in the order of the file; all else is equal as it stands.
        assert_eq!(
            (&again.nodes, &again.faults, &again.bounds),
            (&made.nodes, &made.faults, &made.bounds)
        );
        assert_eq!(again.ops.len(), made.ops.len());
    }
}

/// These numbers are what seeds mean. A change of them is a change of every plan: make it knowingly.
#[test]
fn seeds_mean_what_they_meant() {
    let hashes: Vec<String> = (0..4)
        .map(|seed| {
            let text = bounded(seed).write();
            format!("{:016x}", hash64(0, text.as_bytes()))
        })
        .collect();
    insta::assert_snapshot!(hashes.join(" "), @"ad87c46052e9c762 37b2045c20893338 51bbdcb404e63d66 fe808950fcfe41b2");
}

#[test]
fn a_new_client_at_the_end_moves_nothing_else() {
    let more = SMALL.replace(
        "[[fault]]\nat = \"100ms\"",
        "[[client]]\nid = \"late\"\nat = \"all\"\nrole = \"subscribe\"\nsubject = \"x\"\n\n\
         [[fault]]\nat = \"100ms\"",
    );
    let (before, after) = (plan(&scenario(SMALL), 5).unwrap(), plan(&scenario(&more), 5).unwrap());
    assert_eq!((&before.nodes, &before.faults), (&after.nodes, &after.faults));
    let without: Vec<OpPlan> =
        after.ops.iter().copied().filter(|op| after.client_name(op.client) != "late/1").collect();
    assert_eq!(without, before.ops);
}

#[test]
fn steps_and_phases_are_in_order_and_work_stops_in_time() {
    for seed in 0..50 {
        let plan = plan(&scenario(SMALL), seed).unwrap();
        let [_, _, chaos, heal, quiesce, drain, end] = plan.bounds.phases_ns;
        assert!(plan.bounds.phases_ns.is_sorted() && chaos < heal && drain < end);
        assert!(plan.ops.is_sorted_by_key(|op| op.at));
        assert!(plan.faults.is_sorted_by_key(|fault| fault.at));
        for fault in &plan.faults {
            assert!(fault.at >= chaos && fault.end() <= heal);
        }
        for op in &plan.ops {
            let works = matches!(op.op, Op::Pub { .. } | Op::Request { .. });
            assert!(!works || (chaos..quiesce + SECOND / 10).contains(&op.at), "{op:?}");
        }
        assert_eq!(quiesce - chaos, SECOND);
    }
}

#[test]
fn a_link_stands_in_the_plan_with_what_is_unusual() {
    let usual = plan(&scenario(SMALL), 1).unwrap().write();
    assert!(!usual.contains("dist=") && !usual.contains("bias=") && !usual.contains("queue=6"));
    for (dist, longest_ms) in [("normal", 9), ("pareto", 104), ("bimodal", 20)] {
        let with =
            format!("jitter = \"5ms\"\ndist = \"{dist}\"\nbias = \"4ms\"\nqueue = \"64KiB\"");
        let made = plan(&scenario(&SMALL.replace("jitter = \"5ms\"", &with)), 1).unwrap();
        let text = made.write();
        let unusual = format!("dist={dist} bias=4ms queue=65536");
        assert!(text.contains(&unusual), "{text}");
        let again = Plan::parse(&text).unwrap();
        assert_eq!(again.paths, made.paths);
        assert_eq!(again.bounds, made.bounds);
        // The queue alone takes 62.5 ms each way.
        let most = made.paths[0].link.latency_ns + longest_ms * 1_000_000 + 62_500_000;
        assert!(made.bounds.rtt_max_ns >= 2 * most, "{dist}: {:?}", made.bounds);
        assert_eq!(made.header("x").paths[0].link.jitter_ns, made.paths[0].link.added_ns());
        let wrong = |from: &str, to: &str| Plan::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(wrong("dist=", "dist=x").message.ends_with("is not known"));
        assert!(wrong("queue=", "queue=x").message.ends_with("not a number"));
    }
}

#[test]
fn the_last_message_of_a_publisher_is_flushed() {
    let plan = plan(&scenario(SMALL), 3).unwrap();
    let last = plan.ops.iter().rev().find_map(|op| match op.op {
        Op::Pub { flush, .. } => Some(flush),
        Op::Connect
        | Op::Close
        | Op::Sub { .. }
        | Op::Unsub { .. }
        | Op::Request { .. }
        | Op::Stream(_) => None,
    });
    assert_eq!(last, Some(true));
}

#[test]
fn pool_sizes_mean_what_they_mean_to_a_server() {
    for (given, expected) in [("-1", 0), ("\"-7\"", 0), ("0", 3), ("1", 1), ("\"2..=2\"", 2)] {
        let text = SMALL.replace(
            "pool_size = \"1..=3\", accounts = [\"A\", \"B\"]",
            &format!("pool_size = {given}"),
        );
        let plan = plan(&scenario(&text), 1).unwrap();
        assert_eq!(plan.nodes[0].config.number(Setting::PoolSize), Some(expected), "{given}");
        assert_eq!(Plan::parse(&plan.write()).map(|p| p.write()), Ok(plan.write()));
    }
}

/// What the first seed says for which the scenario makes no sense.
fn refusal(text: &str) -> String {
    let scenario = scenario(text);
    (0..100)
        .find_map(|seed| plan(&scenario, seed).err())
        .map_or_else(String::new, |e| e.to_string())
}

#[test]
fn what_only_a_seed_can_show_is_said_with_the_seed() {
    let overlap = SMALL.replace(
        "[\"region:east\", \"region:west\"]\ndirection",
        "[\"one(region:east)\", \"node:east/1\"]\ndirection",
    );
    let error = refusal(&overlap);
    insta::assert_snapshot!(error, @r#"
    error: `east/1` is on both sides of the fault
     --> small.toml:72
      = help: with seed 0
    "#);
    let nobody = SMALL.replace("on = \"node:east/2\"", "on = \"node:east/2 - one(region:east)\"");
    let error = refusal(&nobody);
    insta::assert_snapshot!(error, @r#"
    error: `node:east/2 - one(region:east)` means nobody
     --> small.toml:79
      = help: with seed 0
    "#);
}

#[test]
fn what_is_no_plan_is_refused_with_its_line() {
    let text = plan(&scenario(SMALL), 1).unwrap().write();
    let wrong = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Plan::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
    };
    assert_eq!(
        wrong("plan 1\n", "plan 2\n"),
        "plan, line 1: a plan of this version begins with `causeway-plan 1`"
    );
    assert_eq!(wrong("region=west", "region=wset"), "plan, line 9: there is no region `wset`");
    assert!(wrong("chunking=off", "chunking=of").ends_with("`chunking=of` is not known"));
    assert!(wrong("routes=east/1,@west", "routes=east/9").ends_with("there is no node `east/9`"));
    assert!(wrong(" connect", " conect").ends_with("a client cannot `conect`"));
    assert!(wrong(" connect", " connect now").ends_with("`now` is not known here"));
    assert!(wrong("sub 2 ", "sub 1 ").contains("a number from 2"));
    assert!(wrong(" count=2", " count=100001").ends_with("`count=100001`: at most 100000"));
    assert!(wrong(" size=", " size=4294967295 x=").ends_with("at most 67108864 bytes"));
    assert!(wrong(" pool_size=", " pool_size=257 x=").ends_with("`pool_size=257`: at most 256"));
    assert!(
        wrong("partition for=200ms", "partition for=0s").ends_with("how long it lasts: `for=`")
    );
    assert!(wrong("bounds", "# bounds").ends_with("the plan has no `bounds`"));
    assert!(Plan::parse("").unwrap_err().to_string().ends_with("the plan is empty"));
    let mut lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    lines.swap(count - 1, count - 2);
    let last = lines[count - 2].split(' ').next();
    if last != lines[count - 1].split(' ').next() {
        let error = Plan::parse(&lines.join("\n")).unwrap_err().to_string();
        assert!(error.ends_with("the steps are not in order of time"));
    }
}
