//! The program as its users meet it: words in, words out, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;

use causeway_sim::history::{
    ClientInfo, Event, GuaranteeInfo, Header, History, Kind, LinkInfo, NodeInfo, NodeLimits,
    RegionInfo, Sym,
};
use causeway_sim::ids::{ClientId, ConnNo, MsgId, NodeId, RegionId, Sid};

use self::kit::{Place, Ran, SCENARIO};

mod kit;

/// One node, one client that is subscribed to what it publishes; its one message is delivered so
/// often.
fn history(copies: u32, asked: &[&str]) -> History {
    let mut history = History::default();
    let subject = history.symbols.intern("a");
    history.header = Header {
        scenario: "by-hand".to_owned(),
        seed: 7,
        engine: "pure".to_owned(),
        regions: vec![RegionInfo { name: "east".to_owned(), link: LinkInfo::default() }],
        nodes: vec![NodeInfo {
            name: "east/1".to_owned(),
            region: RegionId(0),
            cluster: "c1".to_owned(),
            pool_size: 3,
            url: "10.0.0.1:4222".to_owned(),
            advertise: true,
            max_pending: 64 << 20,
            limits: NodeLimits::default(),
        }],
        clients: vec![ClientInfo {
            name: "both/1".to_owned(),
            region: RegionId(0),
            role: "publish".to_owned(),
            no_echo: false,
            no_headers: false,
            slow: false,
        }],
        guarantees: asked
            .iter()
            .map(|&kind| GuaranteeInfo {
                id: kind.to_owned(),
                kind: kind.to_owned(),
                ..GuaranteeInfo::default()
            })
            .collect(),
        ..Header::default()
    };
    let (client, conn, sid) = (ClientId(0), ConnNo(1), Sid(1));
    let (msg, none) = (MsgId { client, conn, seq: 1 }, Sym::NONE);
    let (size, hash) = (16, 5);
    let mut kinds = vec![
        Kind::NodeUp { node: NodeId(0), incarnation: 1, pool_size: None },
        Kind::ClientConnected { client, conn, node: NodeId(0) },
        Kind::SubSent { client, conn, sid, subject, queue: none, max: 0 },
        Kind::SubReady { client, conn, sid },
        Kind::PubSent { msg, subject, reply: none, header: 0, size, hash },
    ];
    for _ in 0..copies {
        let msg = Some(msg);
        kinds.push(Kind::Delivered { client, conn, sid, subject, reply: none, msg, size, hash });
    }
    kinds.push(Kind::End);
    history.events = (0..).zip(kinds).map(|(t, kind)| Event { t: t * 1_000_000, kind }).collect();
    history
}

#[test]
fn exit_0_when_all_that_was_asked_for_held() {
    let place = Place::new("exit0");
    let file = place.history("h.jsonl", &history(1, &["no_duplicates"]));
    place
        .run(&["check", &file])
        .ends(0)
        .says("h.jsonl: by-hand, seed 7, 7 events")
        .says("held         no_duplicates       checked 1 time\n");
}

#[test]
fn exit_1_when_a_guarantee_broke() {
    let place = Place::new("exit1");
    let file = place.history("h.jsonl", &history(2, &[]));
    let ran = place.run(&["check", &file]).ends(1);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn exit_2_when_arguments_scenario_plan_or_history_are_wrong() {
    let place = Place::new("exit2");
    for args in [
        &[][..],
        &["fly"],
        &["run"],
        &["run", "x.toml", "--seeds", "7"],
        &["run", "x.toml", "--seed", "7", "--seeds", "1..2"],
        &["run", "x.toml", "--budget", "soon"],
        &["run", "x.toml", "--shard", "3/2"],
        &["run", "x.toml", "--jobs", "0"],
    ] {
        place.run(args).ends(2).complains("");
    }
    place.run(&["run", "missing.toml"]).ends(2).complains("error: cannot read missing.toml");
    place.run(&["check", "missing.jsonl"]).ends(2).complains("cannot read the history");
    place.run(&["replay", "missing.toml"]).ends(2).complains("error: cannot read missing.toml");
    place.run(&["list", "."]).ends(2).complains("there is no scenario in .");

    place.file("empty.jsonl", "");
    place.run(&["check", "empty.jsonl"]).ends(2).complains("there is no header");
    place.file("not.jsonl", "hello\n");
    place.run(&["check", "not.jsonl"]).ends(2).complains("line 1");
    let file = place.history("odd.jsonl", &history(1, &["make_coffee"]));
    place.run(&["check", &file]).ends(2).complains("there is no guarantee of kind `make_coffee`");

    let mut broken_off = history(1, &[]);
    broken_off.events.pop();
    let file = place.history("off.jsonl", &broken_off);
    place.run(&["check", &file]).ends(2).complains("line 7: the history breaks off");

    place.file("not.plan", "causeway-plan 1\nnonsense\n");
    place.run(&["replay", "not.plan"]).ends(2).complains("plan, line 2");
    place.file("small.toml", SCENARIO);
    place.run(&["replay", "small.toml"]).ends(2).complains("say which seed with --seed N");
}

#[test]
fn exit_2_when_the_engine_is_not_in_this_program() {
    let place = Place::new("engines");
    let file = place.file("small.toml", SCENARIO);
    for command in ["run", "replay", "selfcheck"] {
        let ask = |engine| place.run(&[command, &file, "--seed", "1", "--engine", engine]).ends(2);
        ask("turmoil").complains("built without the engine `turmoil`").complains("help: ");
        ask("turmoli").complains("there is no engine `turmoli`").complains("did you mean");
    }
    assert_eq!(place.names("out"), [""; 0], "nothing was run");
    place.run(&["run", &file, "--seed", "1", "--engine", "pure"]).ends(0);
}

#[test]
fn exit_2_points_at_the_place_in_the_scenario_and_runs_nothing() {
    let place = Place::new("exit2b");
    place.file("small.toml", SCENARIO);
    place.file("wrong.toml", SCENARIO.replace("no_duplicates", "no_duplicate"));
    place
        .run(&["run", "small.toml", "wrong.toml"])
        .ends(2)
        .complains("error: there is no guarantee of kind `no_duplicate`")
        .complains("wrong.toml:")
        .complains("kind = \"no_duplicate\"")
        .complains("no_duplicates");
    assert_eq!(place.names(""), ["small.toml", "wrong.toml"]);

    place.file("goal.toml", SCENARIO.replace("fault:partition", "fault:flood"));
    place
        .run(&["run", "goal.toml"])
        .ends(2)
        .complains("there is no fault `flood`")
        .complains("goal.toml:57:15")
        .complains("^^^^^^^^^^^");
}

#[test]
fn exit_3_when_the_recorder_contradicts_itself() {
    let place = Place::new("exit3");
    let mut wrong = history(1, &[]);
    wrong.events.swap(0, 1);
    let file = place.history("h.jsonl", &wrong);
    place.run(&["check", &file]).ends(3).complains("line 3: event 1: its time 0 is before");
}

#[test]
fn exit_3_when_a_run_does_not_come_to_an_end() {
    let place = Place::new("exit3b");
    place.file("small.toml", SCENARIO);
    let ran = place
        .run(&["run", "small.toml", "--seed", "1", "--max-steps", "50", "--out", "o"])
        .ends(3)
        .says("FAILED seed 1\n  replay:     ")
        .says("the harness failed: the run did not come to an end: more than 50 steps")
        .says("The harness itself failed, so the result says nothing about the broker.");
    // The replay command comes first, and works.
    let replay = ran.after("replay:").to_owned();
    let words: Vec<&str> = replay.split(' ').skip(1).collect();
    assert_eq!(words, ["replay", "small.toml", "--seed", "1"]);
    place.run(&words).ends(0);
}

#[test]
fn exit_4_when_what_was_asked_for_was_never_put_to_the_test() {
    let place = Place::new("exit4");
    let file = place.history("h.jsonl", &history(1, &["one_hop"]));
    place
        .run(&["check", &file])
        .ends(4)
        .says("NOT CHECKED  one_hop")
        .says("the scenario asks for it, and it was never put to the test");
}

#[test]
fn exit_4_when_a_coverage_goal_was_not_reached() {
    let place = Place::new("exit4b");
    place.file("goal.toml", SCENARIO.replace("delivered during heal", "slow_consumer"));
    place
        .run(&["run", "goal.toml", "--seed", "1"])
        .ends(4)
        .says("NOT REACHED  slow_consumer: in 0 of 1 seed\n")
        .says("something that the scenario asks for was never put to the test");
}

#[test]
fn exit_5_when_there_was_no_time_to_run_anything() {
    let place = Place::new("exit5");
    place.file("small.toml", SCENARIO);
    place
        .run(&["run", "small.toml", "--budget", "0"])
        .ends(5)
        .says("3 seeds left out, because the time was up")
        .says("Only 0 seeds could be run, too few to say.");
}

#[test]
fn help_names_every_command_and_exit_code() {
    let place = Place::new("help");
    let ran = place.run(&["--help"]).ends(0);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_run_ends_with_a_verdict_for_each_guarantee_and_the_folder() {
    let place = Place::new("run");
    place.file("small.toml", SCENARIO);
    let ran = place.run(&["run", "small.toml", "--jobs", "2"]).ends(0);
    for text in [
        "held         unchanged",
        "held         once",
        "reached      fault:partition: in 3 of 3 seeds",
    ] {
        assert!(ran.out.contains(text), "`{text}` is not in\n{}", ran.out);
    }
    assert_eq!(ran.out.lines().last(), Some("report: out/small-0..3"));
    assert!(ran.err.contains("small: 3 of 3 seeds, 0 failed"), "{}", ran.err);
    assert_eq!(place.names("out/small-0..3"), ["report.html", "report.md", "summary.json"]);
    let summary: serde_json::Value =
        serde_json::from_str(&place.read("out/small-0..3/summary.json")).unwrap();
    assert_eq!(summary["schema"], "causeway.summary/1");
    assert_eq!(summary["exit_code"], 0);
    assert_eq!(summary["runs"].as_array().unwrap().len(), 3);
    assert!(summary["totals"]["broker_events"].as_u64().unwrap() > 100);
    let report = place.read("out/small-0..3/report.md");
    assert!(report.starts_with("# small: held\n"), "{report}");
}

#[test]
fn jobs_and_shards_change_nothing_but_who_does_the_work() {
    let place = Place::new("jobs");
    place.file("small.toml", SCENARIO);
    let digest = |jobs: &str| {
        let ran = place.run(&["run", "small.toml", "--seeds", "0..6", "--jobs", jobs]).ends(0);
        ran.after("digest:").to_owned()
    };
    assert_eq!(digest("1"), digest("3"));
    let mut seeds = Vec::new();
    for shard in ["1/2", "2/2"] {
        let out = format!("shard-{}", &shard[..1]);
        place
            .run(&["run", "small.toml", "--seeds", "0..5", "--shard", shard, "--out", &out])
            .ends(0);
        let summary = place.read(&format!("{out}/summary.json"));
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        seeds.extend(
            summary["runs"].as_array().unwrap().iter().map(|r| r["seed"].as_u64().unwrap()),
        );
    }
    seeds.sort_unstable();
    assert_eq!(seeds, [0, 1, 2, 3, 4]);
}

#[test]
fn a_single_seed_leaves_everything_that_is_needed_to_look_at_it_again() {
    let place = Place::new("single");
    place.file("small.toml", SCENARIO);
    let ran = place.run(&["run", "small.toml", "--seed", "2", "--out", "o"]).ends(0);
    assert_eq!(
        place.names("o"),
        [
            "report.html",
            "report.md",
            "seed-2.history.jsonl",
            "seed-2.plan",
            "seed-2.story.md",
            "summary.json"
        ]
    );
    let story = place.read("o/seed-2.story.md");
    assert!(story.contains("fault: ") && story.contains("fault over: "), "{story}");

    // The scenario with its seed, the plan, and the recorded history all say the same.
    let of_scenario = place.run(&["replay", "small.toml", "--seed", "2"]).ends(0);
    let of_plan = place.run(&["replay", "o/seed-2.plan", "--out", "p"]).ends(0);
    assert_eq!(of_scenario.after("trace hash:"), of_plan.after("trace hash:"));
    assert!(story.contains(of_plan.after("trace hash:")));
    assert_eq!(place.read("o/seed-2.history.jsonl"), place.read("p/seed-2.history.jsonl"));
    assert_eq!(place.read("o/seed-2.plan"), place.read("p/seed-2.plan"));
    let checked = place.run(&["check", "o/seed-2.history.jsonl"]).ends(0);
    let times = |ran: &Ran| ran.after("held         once").to_owned();
    assert_eq!(times(&checked), times(&ran));
    place.run(&["replay", "o/seed-2.plan", "--seed", "2"]).ends(2).complains("leave --seed out");
}

/// The pieces of data in a page, by name.
fn pieces(page: &str) -> Vec<(String, String)> {
    let pieces = page.split("class=\"causeway-data\" id=\"data-").skip(1);
    pieces
        .map(|piece| {
            let (name, rest) = piece.split_once("\">").unwrap();
            (name.to_owned(), rest.split_once("</script>").unwrap().0.to_owned())
        })
        .collect()
}

#[test]
fn a_page_holds_the_batch_and_a_run_and_equal_seeds_give_equal_pages() {
    let place = Place::new("page");
    place.file("small.toml", SCENARIO);
    let page = |seeds: &[&str]| {
        place.run(&[&["run", "small.toml", "--out", "o"], seeds].concat()).ends(0);
        pieces(&place.read("o/report.html"))
    };
    let batch = page(&["--seeds", "0..3", "--jobs", "2"]);
    let names: Vec<&str> = batch.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["batch", "run-0", "speed"]);
    let again = page(&["--seeds", "0..3", "--jobs", "1"]);
    assert!(batch[..2] == again[..2], "only the speed differs from time to time");
    let one = page(&["--seed", "0"]);
    let names: Vec<&str> = one.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["run-0"]);
    assert!(one == page(&["--seed", "0"]), "the same seed gives the same page, byte for byte");
}

#[test]
fn a_recorded_history_is_explained_and_exported() {
    let place = Place::new("explain");
    place.file("small.toml", SCENARIO);
    place.run(&["replay", "small.toml", "--seed", "0", "--out", "o"]).ends(0);
    let history = "o/seed-0.history.jsonl";
    let all = place.run(&["explain", history]).ends(0);
    assert_eq!(all.out, "everybody got everything\n");
    let one = place.run(&["explain", history, "--message", "pub/1.1.1"]).ends(0);
    assert!(one.out.starts_with("message 0.1.1\n") && one.out.contains("delivered"), "{}", one.out);
    let of_subject = place.run(&["explain", history, "--subject", "a.b"]).ends(0);
    assert_eq!(of_subject.out, "there is no such message\n");
    let violated = place.run(&["explain", history, "--first-violation"]).ends(0);
    assert_eq!(violated.out, "there is no such message\n", "nothing broke");
    let args = ["explain", history, "--message", "nobody.1.1"];
    place.run(&args).ends(2).complains("there is no client `nobody`");
    let args = ["explain", history, "--message", "pub/1.1.9999"];
    place.run(&args).ends(2).complains("there is no message 0.1.9999");
    let exports = [("data", "data.gz"), ("trace", "perfetto.json.gz"), ("report", "report.html")];
    for (what, file) in exports {
        place.run(&["export", history, "--as", what]).ends(0);
        let written = fs::metadata(place.0.join(format!("o/seed-0.{file}"))).unwrap();
        assert!(written.len() > 1_000, "{what}");
    }
}

#[test]
fn a_replay_can_be_traced_and_ended_early() {
    let place = Place::new("replay");
    place.file("small.toml", SCENARIO);
    let ran = place.run(&["replay", "small.toml", "--seed", "0", "--trace", "--until", "40"]);
    assert!(ran.code == 5 || ran.code == 0, "{}", ran.out);
    assert_eq!(ran.after("steps:"), "40");
    let steps = ran.out.lines().take_while(|line| !line.starts_with("small")).count();
    assert_eq!(steps, 40, "{}", ran.out);
}

#[test]
fn a_failure_is_made_small_and_the_small_plan_shows_the_same() {
    let place = Place::new("shrink");
    place.file("small.toml", SCENARIO);
    // Cut after so few steps, every run fails: it has no end.
    let run = ["run", "small.toml", "--seeds", "1..3", "--max-steps", "200", "--out", "o"];
    let ran = place.run(&run).ends(3).complains("shrinking seed 1: no end: more than # steps");
    let files = ["minimal.plan", "regression.rs", "sequence.mmd", "story.md"];
    assert_eq!(place.names("o/failures/seed-1"), files);
    assert!(!place.0.join("o/failures/seed-2").exists(), "the second is of the same kind");
    assert!(ran.out.find("replay: ") < ran.out.find("minimal: "), "{}", ran.out);
    assert!(ran.after("it shows:").starts_with("no end: more than # steps"));
    let command: Vec<&str> = ran.after("minimal:").split(' ').skip(1).collect();
    assert_eq!(command, ["replay", "o/failures/seed-1/minimal.plan"]);
    let again = [&command[..], &["--max-steps", "200"]].concat();
    place.run(&again).ends(3).says("more than 200 steps");

    // From the plan it is the same, and so often as one likes.
    let shrink = |out| ["shrink", "o/failures/seed-1.plan", "--max-steps", "200", "--out", out];
    let one = place.run(&shrink("p")).ends(3);
    place.run(&shrink("q")).ends(3);
    assert_eq!(one.after("its size:"), ran.after("its size:"));
    for file in files {
        let of = |folder: &str| place.read(&format!("{folder}/{file}"));
        assert_eq!(of("p"), of("q"), "{file}");
        assert_eq!(of("p"), of("o/failures/seed-1"), "{file}");
    }
    assert!(place.read("p/story.md").lines().count() <= 30);
    assert!(place.read("p/sequence.mmd").starts_with("sequenceDiagram\n"));

    place.run(&[&run[..], &["--no-shrink"]].concat()).ends(3);
    assert!(!place.0.join("o/failures/seed-1").exists(), "the old report is gone");
    place.run(&[&run[..], &["--shrink-budget", "0"]].concat()).ends(3);
    assert!(!place.0.join("o/failures/seed-1").exists());
    place
        .run(&["shrink", "p/minimal.plan"])
        .ends(0)
        .says("every guarantee held: nothing to shrink");
    place.run(&["shrink", "small.toml"]).ends(2).complains("small.toml is not a plan");
    place.run(&["shrink", "missing.plan"]).ends(2).complains("cannot read missing.plan");
}

#[test]
fn equal_seeds_give_equal_runs_in_one_process_and_in_two() {
    let place = Place::new("selfcheck");
    place.file("small.toml", SCENARIO);
    let ran = place.run(&["selfcheck", "small.toml", "--seeds", "0..5", "--jobs", "2"]).ends(0);
    assert!(ran.out.contains("5 seeds, "), "{}", ran.out);
    assert!(ran.out.contains(" 0 differences; digest "), "{}", ran.out);
    let again = place.run(&["selfcheck", "small.toml", "--seeds", "0..5", "--jobs", "1"]).ends(0);
    assert_eq!(ran.out, again.out);
}

#[test]
fn scenarios_and_guarantees_are_listed() {
    let place = Place::new("list");
    fs::create_dir(place.0.join("scenarios")).unwrap();
    place.file("scenarios/small.toml", SCENARIO);
    let ran = place.run(&["list"]).ends(0);
    insta::assert_snapshot!(ran.out);
    let ran = place.run(&["list", "--guarantees"]).ends(0);
    for spec in causeway_sim::guarantee::catalogue() {
        assert!(ran.out.contains(spec.id) && ran.out.contains(spec.sentence), "{}", spec.id);
    }
}

#[test]
fn a_new_scenario_runs_and_passes_at_once() {
    let place = Place::new("new");
    for regions in ["1", "2", "3", "5"] {
        let name = format!("first-{regions}");
        let file = format!("scenarios/{name}.toml");
        place.run(&["new", &name, "--regions", regions]).ends(0).says(&file);
        place.run(&["run", &file, "--seeds", "0..4"]).ends(0);
        assert_eq!(place.read(&file).matches("[region.").count().to_string(), regions);
    }
    let before = place.read("scenarios/first-2.toml");
    place.run(&["new", "first-2", "--regions", "3"]).ends(2).complains("is not written over");
    assert_eq!(place.read("scenarios/first-2.toml"), before);

    place.run(&["new", "other", "--out", "deep/er/x.toml"]).ends(0);
    assert!(place.read("deep/er/x.toml").starts_with("# Which question"));
    fs::create_dir(place.0.join("deep/er/schema")).unwrap();
    place.file("deep/er/schema/scenario-1.json", "{}");
    place.run(&["new", "other.toml", "--out", "deep/er/y.toml"]).ends(0);
    let with_schema = place.read("deep/er/y.toml");
    assert!(with_schema.starts_with("#:schema ./schema/scenario-1.json\n"), "{with_schema}");
    assert!(with_schema.contains("name = \"other\"\n"), "{with_schema}");
    for args in [
        &["new"][..],
        &["new", ""],
        &["new", "a/b"],
        &["new", ".."],
        &["new", "x\"\ny"],
        &["new", "x", "--regions", "0"],
        &["new", "x", "--regions", "17"],
    ] {
        place.run(args).ends(2);
    }
    place.run(&["new", "x", "--out", "deep"]).ends(2).complains("deep is there already");
    assert_eq!(place.names(""), ["deep", "out", "scenarios"]);
}

#[test]
fn the_schema_is_printed_as_it_is_committed() {
    let place = Place::new("schema");
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/schema/scenario-1.json");
    assert_eq!(place.run(&["schema"]).ends(0).out, fs::read_to_string(committed).unwrap());
}

/// A scenario with two lengths of its cut.
fn with_lengths() -> String {
    let lengths = "[param.cut]\ndefault = \"500ms\"\nvalues = [\"500ms\", \"20ms\"]\n\n[[fault]]";
    SCENARIO.replace("[[fault]]", lengths).replace("for = \"500ms\"", "for = \"${cut}\"")
}

#[test]
fn parameters_are_tried_one_by_one() {
    let place = Place::new("parameters");
    place.file("small.toml", with_lengths());
    let ran = place.run(&["run", "small.toml", "--seeds", "0..2", "--junit", "j.xml"]).ends(0);
    let ran = ran.says("small.cut=500ms (seeds 0..2)").says("small.cut=20ms (seeds 0..2)");
    assert_eq!(ran.out.matches("digest").count(), 2);
    assert!(place.read("j.xml").contains("classname=\"small.cut=20ms\""));
    assert_eq!(place.names("out"), ["small.cut-20ms-0..2", "small.cut-500ms-0..2"]);
    place.run(&["list", "small.toml"]).ends(0).says("small.cut=500ms").says("small.cut=20ms");
    let one = ["run", "small.toml", "--seed", "1", "--param", "cut=40ms"];
    place.run(&one).ends(0).says("small.cut=40ms (seeds 1)");
    place
        .run(&["replay", "small.toml", "--seed", "1", "--param", "cut=40ms", "--out", "r"])
        .ends(0)
        .says("small.cut=40ms, seed 1");
    assert!(place.read("r/seed-1.plan").contains("partition for=40ms"));
    for (param, said) in [
        ("cat=1s", "there is no parameter `cat`"),
        ("cut=1", "`1` has no unit"),
        ("cut", "`cut` is no parameter: write NAME=VALUE"),
    ] {
        place.run(&["run", "small.toml", "--param", param]).ends(2).complains(said);
    }
    // A failure says how to see it again.
    let lost = with_lengths().replace("kind = \"partition\"", "kind = \"blackhole\"");
    let wrong = lost.replace(
        "kind = \"no_duplicates\"",
        "kind = \"no_duplicates\"\n\n\
        [guarantee.all]\nkind = \"delivery_ratio\"\nmin = 1.0",
    );
    place.file("wrong.toml", wrong);
    place
        .run(&["run", "wrong.toml", "--seed", "1", "--no-shrink"])
        .ends(1)
        .says("replay wrong.toml --seed 1 --param cut=500ms");
    let checked = ["selfcheck", "small.toml", "--seeds", "0..2", "--param", "cut=30ms"];
    place.run(&checked).ends(0);
}

#[test]
fn a_run_with_more_steps_than_the_scenario_allows_is_told_apart() {
    let place = Place::new("max-events");
    let with = |most: &str| {
        SCENARIO.replace("duration = \"4s\"", &format!("duration = \"40s\"\nmax_events = {most}"))
    };
    place.file("small.toml", with("1000"));
    place
        .run(&["run", "small.toml", "--seeds", "0..2", "--out", "o"])
        .ends(3)
        .says("the harness failed: the run did not come to an end: more than 1000 steps");
    // Who runs it knows better.
    let more = ["run", "small.toml", "--seeds", "0..2", "--max-steps", "1000000", "--out", "o2"];
    place.run(&more).ends(0);
    place.file("small.toml", with("1000000"));
    place.run(&["run", "small.toml", "--seeds", "0..2", "--out", "o3"]).ends(0);
    place.file("small.toml", with("999"));
    let wrong = ["run", "small.toml", "--seeds", "0..2", "--out", "o4"];
    place.run(&wrong).ends(2).complains("this is at least 1000");
    assert!(!place.0.join("o4").exists(), "nothing is run");
}
