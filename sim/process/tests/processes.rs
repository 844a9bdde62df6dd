//! Processes, folders of runs, and what is left of runs that were killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use causeway_sim_process::{Left, Process, Program, RunFolder, Signal, kernel};

const PATIENCE: Duration = Duration::from_secs(30);

fn patiently(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the next run finds. A process that another test is just starting may hold the lock until it
/// has become another program.
fn next_run_finds(home: &Path) -> Left {
    let mut left = Left::default();
    patiently("a run that is over", || {
        left = RunFolder::create(home).unwrap().1;
        left.runs > 0
    });
    left
}

fn sleeper(folder: &RunFolder) -> Process {
    let words = [OsString::from("300")];
    let log = folder.path().join("log");
    let program = Program { path: Path::new("sleep"), arguments: &words, environment: &[] };
    Process::start(None, program, folder, &log).unwrap()
}

#[test]
fn a_process_is_paused_goes_on_and_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let (folder, left) = RunFolder::create(home.path()).unwrap();
    assert_eq!(left, Left::default());
    let mut process = sleeper(&folder);
    assert!(!process.is_paused());
    process.signal(Signal::STOP).unwrap();
    patiently("the pause", || process.is_paused());
    process.signal(Signal::CONT).unwrap();
    patiently("the end of it", || !process.is_paused());
    assert!(process.ended().unwrap().is_none());
    process.signal(Signal::STOP).unwrap();
    // One that stands still can be killed, too.
    assert!(process.kill().unwrap());
    assert!(process.signal(Signal::CONT).is_err() && !process.is_paused());
    assert!(kernel::process_state(process.pid()).is_none());
}

#[test]
fn what_is_dropped_is_gone_with_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let (folder, _) = RunFolder::create(home.path()).unwrap();
    let process = sleeper(&folder);
    let (pid, path) = (process.pid(), folder.path().to_owned());
    drop((process, folder));
    assert!(kernel::process_state(pid).is_none() && !path.exists());
}

#[test]
fn a_run_that_goes_on_is_left_alone_and_one_that_is_over_is_cleaned_up() {
    let home = tempfile::tempdir().unwrap();
    let (alive, _) = RunFolder::create(home.path()).unwrap();
    let mut process = sleeper(&alive);
    let (other, left) = RunFolder::create(home.path()).unwrap();
    assert_eq!(left.runs, 0);
    // It loses its lock and leaves all behind, as if it had been killed.
    let path = alive.keep();
    assert_eq!(next_run_finds(home.path()), Left { runs: 1, processes: 1 });
    patiently("the end", || process.ended().unwrap().is_some());
    assert!(!path.exists() && other.path().exists());
}

#[test]
fn a_number_that_was_given_to_another_process_is_not_enough() {
    let home = tempfile::tempdir().unwrap();
    let (folder, _) = RunFolder::create(home.path()).unwrap();
    let mut process = sleeper(&folder);
    std::fs::write(folder.path().join("pids"), format!("{} 1\nnonsense\n", process.pid())).unwrap();
    let _path = folder.keep();
    assert_eq!(next_run_finds(home.path()), Left { runs: 1, processes: 0 });
    assert!(process.ended().unwrap().is_none());
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (folder, _) = RunFolder::create(home.path()).unwrap();
    let path = Path::new("/nowhere/server");
    let program = Program { path, arguments: &[], environment: &[] };
    let error = Process::start(None, program, &folder, &folder.path().join("log"));
    let text = error.unwrap_err().to_string();
    assert!(text.starts_with("cannot start /nowhere/server: "), "{text}");
}
