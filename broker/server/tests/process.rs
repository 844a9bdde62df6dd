//! The binary as a process: arguments, exit codes, texts, signals, files. The expected texts are
//! those of nats-server 2.15.1.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything takes on a loaded machine; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn causeway(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn patiently(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running process with a configuration file and a log file in a folder of its own.
struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    fn start(config: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.conf");
        fs::write(&file, format!("listen: \"127.0.0.1:-1\"\n{config}\n")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .args(["-c", file.to_str().unwrap(), "-l"])
            .arg(folder.path().join("log"))
            .arg("-P")
            .arg(folder.path().join("pid"))
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let process = Self { child, folder };
        process.wait_log("Server is ready");
        process
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn wait_log(&self, line: &str) {
        patiently(line, || self.log().contains(line));
    }

    fn configure(&self, config: &str) {
        let text = format!("listen: \"127.0.0.1:-1\"\n{config}\n");
        fs::write(self.path("server.conf"), text).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn port(&self) -> u16 {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("Listening for client")).unwrap();
        line.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Waits for the end, and gives the exit code and the log.
    fn end(mut self) -> (i32, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code().unwrap(), self.log());
            }
            assert!(start.elapsed() < PATIENCE, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A log line without its process and time.
fn bare(line: &str) -> &str {
    line.find("] [").map_or_else(
        || line.get(line.find(" [").map_or(0, |at| at + 1)..).unwrap_or(line),
        |at| &line[at + 2..],
    )
}

#[test]
fn version_help_and_errors_read_as_nats_servers() {
    for args in [["-v"], ["--version"], ["version"]] {
        let output = causeway(&args);
        assert_eq!(text(&output.stdout), "nats-server: v2.15.1\n");
        assert_eq!(output.status.code(), Some(0));
    }
    let help = causeway(&["--help"]);
    assert!(text(&help.stdout).contains("--signal <signal>"), "{}", text(&help.stdout));
    assert_eq!(help.status.code(), Some(0));
    let unknown = causeway(&["--nope"]);
    assert_eq!(text(&unknown.stderr), "flag provided but not defined: -nope\n");
    assert!(text(&unknown.stdout).contains("Server Options:"));
    assert_eq!(unknown.status.code(), Some(0), "as with nats-server");
    let command = causeway(&["foo"]);
    assert_eq!(text(&command.stderr), "nats-server: unrecognized command: \"foo\"\n");
    assert_eq!(command.status.code(), Some(1));
    let signal = causeway(&["-sl", "foo"]);
    assert_eq!(text(&signal.stderr), "nats-server: unknown signal \"foo\"\n");
    assert_eq!(signal.status.code(), Some(1));
    let pid = causeway(&["-sl", "reload=nobody"]);
    assert_eq!(text(&pid.stderr), "nats-server: invalid pid: nobody\n");
}

#[test]
fn a_configuration_can_be_tested() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.conf");
    let test = |content: &str| {
        fs::write(&file, content).unwrap();
        let output = causeway(&["-t", "-c", file.to_str().unwrap()]);
        (output.status.code().unwrap(), text(&output.stderr).to_owned())
    };
    let name = file.display();
    let (code, verdict) = test("port: 4222\n");
    assert_eq!(code, 0);
    let expected = format!("nats-server: configuration file {name} is valid (sha256:");
    assert!(verdict.starts_with(&expected) && verdict.ends_with(")\n"), "{verdict}");
    let (code, verdict) = test("port: 4222\nbogus: 1\n");
    assert_eq!(code, 1);
    assert!(verdict.starts_with(&format!("nats-server: {name}:2:1: unknown field \"bogus\"")));
}

#[test]
fn a_taken_port_ends_the_start() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let output = causeway(&["-a", "127.0.0.1", "-p", &port.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let log = text(&output.stderr);
    let line = format!(
        "[FTL] Error listening on port: 127.0.0.1:{port}, \"listen tcp 127.0.0.1:{port}: bind: \
         address already in use\"\n"
    );
    assert!(log.ends_with(&line), "{log}");
}

#[test]
fn it_starts_and_stops_in_the_expected_words() {
    let ports = tempfile::tempdir().unwrap();
    let config = "http: \"127.0.0.1:-1\"\ncluster { name: C, listen: \"127.0.0.1:-1\" }";
    let process = Process::start(config, &["--ports_file_dir", ports.path().to_str().unwrap()]);
    process.wait_log("Listening for route connections on 127.0.0.1:");
    assert_eq!(
        fs::read_to_string(process.path("pid")).unwrap(),
        process.child.id().to_string(),
        "digits and nothing else"
    );
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&process.path("pid")), 0o600);
    assert_eq!(mode(&process.path("log")) & !0o640, 0);
    let ports_file = ports.path().join(format!("causeway_{}.ports", process.child.id()));
    let listed = fs::read_to_string(&ports_file).unwrap();
    let wanted = format!("{{\"nats\":[\"nats://127.0.0.1:{}\"],\"monitoring\":", process.port());
    assert!(listed.starts_with(&wanted), "{listed}");
    process.signal(Signal::TERM);
    let (code, log) = process.end();
    assert_eq!(code, 0);
    assert!(!ports_file.exists());
    let mut lines = log.lines().map(bare);
    for start in [
        "[INF] Starting nats-server",
        "[INF]   Version:  2.15.1",
        "[INF]   Git:      [",
        "[INF]   Cluster:  C",
        "[INF]   Name:     N",
        "[INF]   ID:       N",
        "[INF] Using configuration file: ",
        "[INF] Starting http monitor on 127.0.0.1:",
        "[INF] Listening for client connections on 127.0.0.1:",
        "[INF] Server is ready",
        "[INF] Cluster name is C",
        "[INF] Listening for route connections on 127.0.0.1:",
        "[INF] Trapped \"terminated\" signal",
        "[INF] Initiating Shutdown...",
        "[INF] Server Exiting..",
    ] {
        let line = lines.next().unwrap_or_default();
        assert!(line.starts_with(start), "{line:?} instead of {start:?} in\n{log}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_reload_changes_what_it_can_and_refuses_the_rest() {
    let process = Process::start("max_payload: 1000", &[]);
    let mut client = BufReader::new(TcpStream::connect(("127.0.0.1", process.port())).unwrap());
    client.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    assert!(line.contains("\"max_payload\":1000"), "{line}");
    process.configure("max_payload: 2000\ndebug: true");
    process.signal(Signal::HUP);
    process.wait_log("[INF] Reloaded: debug = true\n");
    process.wait_log("[INF] Reloaded: max_payload = 2000\n");
    process.wait_log("[INF] Reloaded server configuration (sha256:");
    // The new limit holds for a connection that was there before.
    let message = format!("CONNECT {{}}\r\nPUB a 1500\r\n{}\r\nPING\r\n", "x".repeat(1500));
    client.get_mut().write_all(message.as_bytes()).unwrap();
    loop {
        line.clear();
        client.read_line(&mut line).unwrap();
        assert!(!line.starts_with("-ERR"), "{line}");
        if line == "PONG\r\n" {
            break;
        }
    }
    process.configure("max_payload: oops");
    process.signal(Signal::HUP);
    process.wait_log("[ERR] Failed to reload server configuration: ");
    process.configure("max_payload: 2000\nserver_name: other");
    process.signal(Signal::HUP);
    process.wait_log("config reload not supported for ServerName: old=, new=other");
    client.get_mut().write_all(b"PING\r\n").unwrap();
    process.signal(Signal::INT);
    let (code, log) = process.end();
    assert_eq!(code, 0);
    assert!(log.contains("[INF] Trapped \"interrupt\" signal\n"), "{log}");
}

#[test]
fn the_log_file_is_reopened_on_request() {
    let process = Process::start("", &[]);
    fs::rename(process.path("log"), process.path("log.old")).unwrap();
    process.signal(Signal::USR1);
    process.wait_log("[INF] File log re-opened\n");
    let old = fs::read_to_string(process.path("log.old")).unwrap();
    assert!(old.ends_with("[INF] Trapped \"user defined signal 1\" signal\n"), "{old}");
}

/// Whoever finds the pid file may use it at once. The test does not sleep while it looks for it, so
/// that the signal comes as early as one can.
#[test]
fn a_signal_right_after_the_pid_file_is_obeyed() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (pid, log) = (folder.path().join("pid"), folder.path().join("log"));
        let child = Command::new(env!("CARGO_BIN_EXE_causeway"))
            .args(["-a", "127.0.0.1", "-p", "-1", "-P", pid.to_str().unwrap(), "-l"])
            .arg(&log)
            .spawn()
            .unwrap();
        let process = Process { child, folder };
        let start = Instant::now();
        while fs::metadata(&pid).map_or(0, |pid| pid.len()) == 0 {
            assert!(start.elapsed() < PATIENCE, "no pid file: {}", process.log());
            std::thread::yield_now();
        }
        process.signal(Signal::TERM);
        let (code, log) = process.end();
        assert_eq!(code, 0, "{log}");
        assert!(log.contains("[INF] Trapped \"terminated\" signal\n"), "{log}");
    }
}

#[test]
fn a_lame_duck_is_called_by_its_pid_file() {
    let process = Process::start("", &[]);
    let signal = format!("ldm={}", process.path("pid").display());
    let output = causeway(&["-sl", &signal]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let (code, log) = process.end();
    assert_eq!(code, 0);
    assert!(log.contains("[INF] Entering lame duck mode, stop accepting new clients\n"), "{log}");
}

#[test]
fn a_termination_does_not_cut_lame_duck_short() {
    let process = Process::start("lame_duck_duration: 30s\nlame_duck_grace_period: 1s", &[]);
    let mut client = TcpStream::connect(("127.0.0.1", process.port())).unwrap();
    let mut greeting = [0; 5];
    client.read_exact(&mut greeting).unwrap();
    process.signal(Signal::USR2);
    process.wait_log("Entering lame duck mode");
    process.signal(Signal::TERM);
    process.wait_log("Trapped \"terminated\" signal");
    client.write_all(b"PING\r\n").unwrap();
    let mut rest = Vec::new();
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    patiently("the answer", || {
        let mut part = [0; 512];
        let bytes = client.read(&mut part).unwrap_or(0);
        rest.extend_from_slice(&part[..bytes]);
        text(&rest).contains("PONG\r\n")
    });
    process.signal(Signal::INT);
    assert_eq!(process.end().0, 0);
}

/// Without file descriptors nobody new gets in, and who is in is served.
#[test]
fn running_out_of_descriptors_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let command = format!(
        "ulimit -n 30; exec {} -a 127.0.0.1 -p -1 -l {}",
        env!("CARGO_BIN_EXE_causeway"),
        log.display()
    );
    let child = Command::new("sh").args(["-c", &command]).spawn().unwrap();
    let process = Process { child, folder };
    process.wait_log("Server is ready");
    let connect = || TcpStream::connect(("127.0.0.1", process.port())).unwrap();
    let mut first = connect();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut crowd: Vec<TcpStream> = (0..40).map(|_| connect()).collect();
    process.wait_log("[ERR] Temporary Client Accept Error(");
    first.write_all(b"PING\r\n").unwrap();
    let mut answer = Vec::new();
    while !text(&answer).contains("PONG\r\n") {
        let mut part = [0; 512];
        let bytes = first.read(&mut part).unwrap();
        assert_ne!(bytes, 0, "closed after {}", text(&answer));
        answer.extend_from_slice(&part[..bytes]);
    }
    crowd.truncate(1);
    // Now there is room again.
    let mut late = connect();
    late.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut greeting = [0; 5];
    late.read_exact(&mut greeting).unwrap();
    assert_eq!(text(&greeting), "INFO ");
    process.signal(Signal::TERM);
    assert_eq!(process.end().0, 0);
}
