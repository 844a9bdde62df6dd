//! `--signal command[=target]`: tells a running server something.

use std::fs;

use causeway_config::SignalCommand;
use rustix::process::{Pid, Signal, kill_process};

/// Servers are looked for under both names.
const NAMES: [&str; 2] = ["nats-server", "causeway"];

/// Why nothing was sent, or not to all. The texts are nats-server's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignalError {
    #[error("invalid pid: {0}")]
    InvalidPid(String),
    #[error("no nats-server processes running")]
    NoneRunning,
    #[error("multiple nats-server processes running:{}", lines(.0))]
    SeveralRunning(Vec<i32>),
    #[error("unable to resolve pid, try providing one")]
    Unresolved,
    /// One line for each process, each after a line break.
    #[error("{0}")]
    NotSent(String),
}

fn lines(pids: &[i32]) -> String {
    pids.iter().map(|pid| format!("\n{pid}")).collect()
}

/// Sends it. `target` is a process id, the path of a file with one in it, the beginning of process
/// ids followed by `*`, or empty for the only server that runs.
pub(super) fn send(command: SignalCommand, target: &str) -> Result<(), SignalError> {
    let target = content_of_file(target).unwrap_or_else(|| target.to_owned());
    let pids = select(&target, running)?;
    let failures: String = pids
        .into_iter()
        .filter_map(|pid| {
            let number = Pid::from_raw(pid)?;
            let error = kill_process(number, signal(command)).err()?;
            let error = crate::driver::error_text(&error.into());
            Some(format!("\nsignal \"{command}\" {pid}: {error}"))
        })
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(SignalError::NotSent(failures)) }
}

const fn signal(command: SignalCommand) -> Signal {
    match command {
        SignalCommand::Stop => Signal::KILL,
        SignalCommand::Quit => Signal::INT,
        SignalCommand::Term => Signal::TERM,
        SignalCommand::Reopen => Signal::USR1,
        SignalCommand::Reload => Signal::HUP,
        SignalCommand::LameDuck => Signal::USR2,
    }
}

fn content_of_file(target: &str) -> Option<String> {
    let content = fs::read_to_string(target).ok()?;
    Some(content.trim().to_owned())
}

/// The processes that `target` means, among those that run.
fn select(
    target: &str,
    running: impl Fn() -> Result<Vec<i32>, SignalError>,
) -> Result<Vec<i32>, SignalError> {
    let (number, pattern) = match target.strip_suffix('*') {
        Some(number) => (number, true),
        None => (target, false),
    };
    let exact = match number {
        "" => None,
        digits => match digits.parse::<i32>() {
            Ok(pid) if pid > 0 => Some(pid),
            Ok(_) | Err(_) => return Err(SignalError::InvalidPid(digits.to_owned())),
        },
    };
    if let (Some(pid), false) = (exact, pattern) {
        return Ok(vec![pid]);
    }
    let mut pids = running()?;
    if pids.is_empty() {
        return Err(SignalError::NoneRunning);
    }
    if pids.len() > 1 && !pattern {
        return Err(SignalError::SeveralRunning(pids));
    }
    pids.retain(|pid| pid.to_string().starts_with(number));
    Ok(pids)
}

/// Processes of either name, without this one. Read from `/proc`, so that a container without
/// `pgrep` can do it.
fn running() -> Result<Vec<i32>, SignalError> {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let entries = fs::read_dir("/proc").map_err(|_| SignalError::Unresolved)?;
    let server = |pid: &i32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        NAMES.iter().any(|known| name.trim_end().starts_with(known))
    };
    let mut pids: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own)
        .filter(server)
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select_among(target: &str, pids: &[i32]) -> Result<Vec<i32>, String> {
        select(target, || Ok(pids.to_vec())).map_err(|error| error.to_string())
    }

    #[test]
    fn targets_are_found_as_nats_server_finds_them() {
        assert_eq!(select_among("77", &[]), Ok(vec![77]), "a number needs no search");
        assert_eq!(select_among("", &[5]), Ok(vec![5]));
        assert_eq!(select_among("12*", &[12, 123, 5]), Ok(vec![12, 123]));
        assert_eq!(select_among("*", &[12, 5]), Ok(vec![12, 5]));
        assert_eq!(
            select_among("", &[5, 6]),
            Err("multiple nats-server processes running:\n5\n6".to_owned())
        );
        assert_eq!(select_among("", &[]), Err("no nats-server processes running".to_owned()));
        assert_eq!(select_among("abc", &[]), Err("invalid pid: abc".to_owned()));
        assert_eq!(select_among("-1", &[]), Err("invalid pid: -1".to_owned()));
    }

    #[test]
    fn what_cannot_be_signalled_is_reported() {
        // Process ids end far below this.
        let error = send(SignalCommand::Reload, "2147483647").unwrap_err();
        assert_eq!(error.to_string(), "\nsignal \"reload\" 2147483647: no such process");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        fs::write(&file, "2147483646\n").unwrap();
        let error = send(SignalCommand::LameDuck, file.to_str().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "\nsignal \"ldm\" 2147483646: no such process");
    }
}
