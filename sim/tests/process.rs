//! The engine `process`: real servers, in real time.
//!
//! The server is the `causeway` beside the program under test; where a build of this package alone
//! has not made it, cargo does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it is about real time")]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use causeway_sim_process::kernel::process_state;

const PROGRAM: &str = env!("CARGO_BIN_EXE_causeway-sim");

/// Longer than anything takes on a loaded machine; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two regions that lose each other for a second.
const SCENARIO: &str = r#"
schema = 1
name = "short"
[run]
duration = "3s"
[link.lan]
latency = "100us"
[link.sea]
latency = "10ms"
[region.east]
nodes = 2
link = "lan"
[region.west]
nodes = 1
link = "lan"
[[path]]
between = ["east", "west"]
link = "sea"
via = "route"
[[client]]
id = "talk"
at = "all"
role = "publish"
subject = "a.{i%3}"
rate = 50
[[client]]
id = "hear"
at = "all"
role = "subscribe"
subject = "a.*"
[[fault]]
at = "500ms"
for = "1s"
kind = "partition"
between = ["region:east", "region:west"]
[guarantee.once]
kind = "no_duplicates"
[guarantee.order]
kind = "publisher_order"
[guarantee.mesh]
kind = "mesh_closure"
[guarantee.autonomy]
kind = "region_autonomy"
[guarantee.interest]
kind = "interest_completeness"
"#;

fn patiently(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn server() -> PathBuf {
    let path = Path::new(PROGRAM).with_file_name("causeway");
    if !path.is_file() {
        let made = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "causeway-server"])
            .status();
        assert!(made.unwrap().success());
    }
    path
}

/// The program in a place of its own, where its runs have their folders, too. There is one at a time:
/// each of them has servers that need the machine.
struct Place(tempfile::TempDir, #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

static ALONE: Mutex<()> = Mutex::new(());

impl Place {
    fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Self(tempfile::tempdir().unwrap(), alone);
        fs::write(place.0.path().join("short.toml"), SCENARIO).unwrap();
        place
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(self.0.path()).env("TMPDIR", self.0.path());
        command
    }

    fn run_command(&self) -> Command {
        let server = format!("causeway={}", server().display());
        let words = ["run", "short.toml", "--engine", "process", "--seed", "0"];
        let mut command = self.command(&words);
        command.args(["--out", "result", "--server", &server]);
        command
    }

    /// The folders of runs that are there.
    fn folders(&self) -> Vec<PathBuf> {
        let home = fs::read_dir(self.0.path().join("causeway-sim-process"));
        home.map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default()
    }

    /// The servers that runs have started and that are there.
    fn servers(&self) -> Vec<u32> {
        let pids = self.folders().into_iter().flat_map(|folder| {
            let text = fs::read_to_string(folder.join("pids")).unwrap_or_default();
            text.lines()
                .filter_map(|line| line.split(' ').next()?.parse().ok())
                .collect::<Vec<u32>>()
        });
        pids.filter(|pid| process_state(*pid).is_some_and(|state| state.state != 'Z')).collect()
    }
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn running(place: &Place) -> Child {
    let mut child =
        place.run_command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    patiently("three servers", || {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it has ended: {status}: {said}");
        }
        place.servers().len() == 3
    });
    child
}

#[test]
fn a_partition_of_real_servers_is_judged_and_nothing_is_left_behind() {
    let place = Place::new();
    let mut output = place.run_command().output().unwrap();
    for _ in 0..2 {
        // A machine that had something else to do has shown nothing.
        if output.status.code() == Some(5) {
            output = place.run_command().output().unwrap();
        }
    }
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for name in ["once", "order", "mesh", "autonomy", "interest"] {
        assert!(said.contains(&format!("held         {name}")), "{name}: {said}");
    }
    assert!(place.folders().is_empty() && place.servers().is_empty());
    // What was observed was kept: it cannot be had again.
    let history = place.0.path().join("result/seed-0.history.jsonl");
    let history = fs::read_to_string(history).unwrap();
    assert!(history.contains("\"engine\":\"process\""));
    for kind in ["node_up", "route_up", "fault", "delivered", "end"] {
        assert!(history.contains(&format!("\"k\":\"{kind}\"")), "{kind}");
    }
}

#[test]
fn an_interrupted_run_cleans_up_and_ends_as_the_signal_would_have_it() {
    let place = Place::new();
    let mut child = running(&place);
    let servers = place.servers();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2));
    assert!(place.folders().is_empty());
    assert!(servers.iter().all(|pid| process_state(*pid).is_none()));
}

#[test]
fn servers_of_a_killed_run_die_with_it_and_the_next_run_cleans_up() {
    let place = Place::new();
    let mut child = running(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    patiently("the servers' end", || place.servers().is_empty());
    assert_eq!(place.folders().len(), 1);
    let mut child = running(&place);
    assert_eq!(place.folders().len(), 1, "that of the run before is gone");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_server_that_is_not_there_is_said_before_anything_is_run() {
    let place = Place::new();
    let said = |words: &[&str]| {
        let all = [&["run", "short.toml", "--engine", "process"], words].concat();
        let output = place.command(&all).output().unwrap();
        (output.status.code(), text(&output))
    };
    let (code, words) = said(&["--server", "nats-server=/nowhere"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("cannot run /nowhere as a server"), "{words}");
    assert!(words.contains("--server nats-server=PATH names another"), "{words}");
    let (code, words) = said(&["--server", "kafka=/x"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("there is no server `kafka`"), "{words}");
    let output =
        place.command(&["selfcheck", "short.toml", "--engine", "process"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("no two runs of the engine `process` are the same"));
}

#[test]
fn a_plan_comes_to_the_same_on_real_processes_as_on_the_event_heap() {
    let place = Place::new();
    let server = format!("causeway={}", server().display());
    let words = ["fidelity", "short.toml", "--seed", "0", "--out", "result", "--server", &server];
    let output = place.command(&words).output().unwrap();
    let all = text(&output);
    // A machine that is too busy shows nothing; but what it shows must be the same.
    assert!(matches!(output.status.code(), Some(0 | 5)), "{all}");
    assert!(all.contains("| short 0 | "), "{all}");
    let report = fs::read_to_string(place.0.path().join("result/fidelity.md")).unwrap();
    assert!(report.contains("plans agree on pure, process: "), "{report}");
}
