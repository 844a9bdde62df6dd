"""The process contract: flags, exit codes, files, signals, log lines.

Both binaries are started under the name `nats-server`, as a drop-in is: messages and file names
carry it. Most tests run on both with the same assertions; texts are compared with each other.
"""

import json
import os
import re
import signal
import stat
import subprocess

import pytest

import config_cases
from harness import LOOPBACK, PATIENCE, Binary, Fleet, NotBetter, free_port, poll, wait_mesh
from speaker import CONNECT, Speaker

KINDS = pytest.mark.parametrize("kind", ["causeway", "nats-server"])
QUIET = b'CONNECT {"verbose":false}\r\n'


def as_nats_server(binary, folder):
    """The binary under the name that tools look for."""
    link = folder / "bin" / "nats-server"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(binary.path.resolve())
    return Binary(binary.role, link)


@pytest.fixture
def binary(kind, tmp_path, causeway, nats_server):
    return as_nats_server(causeway if kind == "causeway" else nats_server, tmp_path)


@pytest.fixture
def run(tmp_path, causeway, nats_server):
    """A function: (kind, arguments) -> (exit code, stdout, stderr), in a folder per kind."""

    def execute(kind, *arguments, files=None, environment=None):
        binary = causeway if kind == "causeway" else nats_server
        folder = tmp_path / kind
        link = as_nats_server(binary, folder)
        for name, text in (files or {}).items():
            (folder / name).write_bytes(text.encode())
        result = subprocess.run(
            [link.path, *arguments],
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return result.returncode, result.stdout, result.stderr

    return execute


# ---------------------------------------------------------------------------------------------
# Commands that end at once


SHORT_COMMANDS = {
    "-v": ["-v"],
    "--version": ["--version"],
    "-version": ["-version"],
    "version": ["version"],
    "-v=true": ["-v=true"],
    "unknown command": ["frobnicate"],
    "word after flags": ["-D", "frobnicate"],
    "-t without a file": ["-t"],
    "-t, no such file": ["-t", "-c", "missing.conf"],
    "no such file": ["-c", "missing.conf"],
    "routes without cluster": ["--routes", "nats://127.0.0.1:1"],
    "signal to nobody": ["-sl", "reload=99999999"],
    "signal by a missing pid file": ["-sl", "reload=missing.pid"],
    "unknown signal": ["--signal", "frobnicate=1"],
    "name with a space": ["--server_name", "a b", "-p", "-1"],
}


@pytest.mark.parametrize("label", SHORT_COMMANDS)
def test_short_commands(run, label):
    """Same exit code, same words, on the same streams."""
    arguments = SHORT_COMMANDS[label]
    assert run("causeway", *arguments) == run("nats-server", *arguments)


def test_version_line(run):
    assert run("causeway", "-v") == (0, "nats-server: v2.15.1\n", "")


@pytest.mark.parametrize("flag", ["-h", "--help", "-help", "help"])
def test_help(run, flag):
    """Our own words, but every flag of the real server's usage text is there."""
    code, text, errors = run("causeway", flag)
    _, real_text, _ = run("nats-server", flag)
    assert (code, errors) == (0, "")
    assert "Usage: nats-server [options]" in text
    flags = re.findall(r"(?<![\w<-])-{1,2}[A-Za-z][\w_]*", real_text)
    assert len(flags) > 50
    assert [f for f in sorted(set(flags)) if not re.search(re.escape(f) + r"(?!\w)", text)] == []


def test_help_tls(run):
    code, text, errors = run("causeway", "--help_tls")
    assert (code, errors) == (0, "")
    assert "cert_file" in text and "key_file" in text


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["-nope"], "flag provided but not defined: -nope"),
        (["--nope=1"], "flag provided but not defined: -nope"),
        (["-DX"], "flag provided but not defined: -DX"),
        (["-p"], "flag needs an argument: -p"),
        (["--port"], "flag needs an argument: -port"),
        (["-p", "x"], 'invalid value "x" for flag -p: parse error'),
        (["-D=maybe"], 'invalid boolean value "maybe" for -D: parse error'),
        (["---p", "1"], "bad flag syntax: ---p"),
        (["-=1"], "bad flag syntax: -=1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@KINDS
def test_wrong_flags(run, kind, arguments, error):
    """Go's flag package: the reason on stderr, the usage on stdout, and exit code 0."""
    code, text, errors = run(kind, *arguments)
    assert (code, errors) == (0, error + "\n")
    assert "Usage: nats-server [options]" in text


# ---------------------------------------------------------------------------------------------
# -t


def check(run, kind, text):
    files = {"case.conf": text, **config_cases.FILES}
    return run(kind, "-t", "-c", "case.conf", files=files, environment=config_cases.ENVIRONMENT)


@pytest.mark.parametrize("label", config_cases.GOOD)
def test_good_configuration(run, label):
    """Accepted, and the digest shows that every value was read alike."""
    code, out, errors = check(run, "causeway", config_cases.GOOD[label])
    assert (code, out, errors) == check(run, "nats-server", config_cases.GOOD[label])
    assert code == 0, errors
    digest = r"nats-server: configuration file case\.conf is valid \(sha256:[0-9a-f]{64}\)\n"
    assert re.fullmatch(digest, errors)


@pytest.mark.parametrize("label", config_cases.BAD)
def test_bad_configuration(run, label):
    code, out, errors = check(run, "causeway", config_cases.BAD[label])
    expected_code, _, expected_errors = check(run, "nats-server", config_cases.BAD[label])
    # Several errors come in the order of a Go map, which is any order.
    lines = lambda text: sorted(text.removeprefix("nats-server: ").splitlines())
    assert lines(errors) == lines(expected_errors)
    assert errors.startswith("nats-server: ")
    assert (code, out) == (expected_code, "")


@pytest.mark.parametrize("label", config_cases.WRONG_TYPE)
def test_wrong_type(run, label):
    """Refused at the same line; the real server's words are a panic text that nobody reads."""
    code, _, errors = check(run, "causeway", config_cases.WRONG_TYPE[label])
    expected_code, _, expected_errors = check(run, "nats-server", config_cases.WRONG_TYPE[label])
    assert code == expected_code == 1
    place = lambda text: re.match(r"nats-server: case\.conf:\d+:\d+: ", text)
    assert place(errors) and place(errors)[0] == place(expected_errors)[0]


@pytest.mark.parametrize("label", config_cases.INVALID)
def test_invalid_at_start(run, label):
    """Values that contradict each other are refused by the start, in the same words."""
    files = {"case.conf": "port: -1\n" + config_cases.INVALID[label]}
    expected = run("nats-server", "-c", "case.conf", files=files)
    assert run("causeway", "-c", "case.conf", files=files) == expected
    assert expected[0] == 1


@pytest.mark.better_than_nats
@pytest.mark.parametrize("label", config_cases.INVALID)
@pytest.mark.parametrize("kind", ["causeway", "nats-server"])
def test_invalid_is_found_by_testing(run, kind, label):
    """-t finds them, too: who tests a file wants to know whether a server starts with it.

    The real server's -t calls these files valid.
    """
    text = "port: -1\n" + config_cases.INVALID[label]
    found = check(run, kind, text)
    if found[0] == 0:
        raise NotBetter(f"called valid: {found}")
    assert found == run(kind, "-c", "case.conf", files={"case.conf": text})


# ---------------------------------------------------------------------------------------------
# Flags that shape the server


def flag_server(fleet, binary, *arguments, options=""):
    """A server with the monitoring port from the file and everything else from flags."""
    config = f'host: {LOOPBACK}\nport: {{port}}\nhttp: "{LOOPBACK}:{{http}}"\n{options}\n'
    return fleet.start(binary, config=config, args=[str(a) for a in arguments])


def first_info(server, port=None):
    with Speaker((LOOPBACK, port or server.port), read_info=True) as client:
        return json.loads(bytes(client.received)[5:])


@pytest.mark.parametrize(
    "spelling",
    [
        ["-p", "PORT"],
        ["-p=PORT"],
        ["--p", "PORT"],
        ["--port", "PORT"],
        ["--port=PORT"],
        ["-port=PORT"],
    ],
    ids=" ".join,
)
@KINDS
def test_spellings_of_a_flag(fleet, binary, kind, spelling):
    """And: a flag wins over the file."""
    port = free_port()
    server = flag_server(fleet, binary, *[word.replace("PORT", str(port)) for word in spelling])
    assert first_info(server, port)["port"] == port
    assert server.json("/varz")["port"] == port


@pytest.mark.parametrize("flag", ["-a", "--addr", "--net"])
@KINDS
def test_address_flags(fleet, binary, kind, flag):
    server = flag_server(fleet, binary, flag, "localhost")
    assert first_info(server)["host"] == "localhost"


@pytest.mark.parametrize("flag", ["-n", "--name", "--server_name"])
@KINDS
def test_name_flags(fleet, binary, kind, flag):
    server = flag_server(fleet, binary, flag, "by-flag", options="server_name: by-file")
    assert first_info(server)["server_name"] == "by-flag"
    assert server.json("/varz")["server_name"] == "by-flag"


@pytest.mark.parametrize("flag", ["-m", "--http_port"])
@KINDS
def test_monitoring_port_flags(fleet, binary, kind, flag):
    server = fleet.server(binary, config=f"listen: {LOOPBACK}:{{port}}\n")
    server.args = [flag, str(server.http)]
    server.start()
    assert server.json("/varz")["http_port"] == server.http


@KINDS
def test_user_flags(fleet, binary, kind):
    server = flag_server(fleet, binary, "--user", "u", "--pass", "p")
    assert first_info(server)["auth_required"] is True
    assert login(server, b'"user":"u","pass":"p"') == b"PONG\r\n"
    assert b"Authorization Violation" in login(server, b'"user":"u","pass":"x"')


@KINDS
def test_token_flag(fleet, binary, kind):
    server = flag_server(fleet, binary, "--auth", "tok")
    assert login(server, b'"auth_token":"tok"') == b"PONG\r\n"
    assert b"Authorization Violation" in login(server, b'"auth_token":"x"')


def login(server, fields):
    with Speaker(server.address, read_info=True) as client:
        client.take()
        client.send(b'CONNECT {"verbose":false,%s}\r\nPING\r\n' % fields)
        return client.read_until(b"\r\n")


@KINDS
def test_cluster_flags(fleet, binary, kind):
    """--cluster, --cluster_name and --routes without any file option for it."""
    one = fleet.server(binary)
    one.args = ["--cluster", f"nats://{LOOPBACK}:{one.cluster_port}", "--cluster_name", "FLAGS"]
    one.start()
    two = fleet.server(binary)
    listen = f"nats://{LOOPBACK}:{two.cluster_port}"
    two.args = [f"--cluster_listen={listen}", "--cluster_name=FLAGS", f"--routes={one.route_url}"]
    two.start()
    poll(lambda: one.routes() and two.routes(), "a route made by flags")
    assert one.json("/varz")["cluster"]["name"] == "FLAGS"
    assert two.json("/varz")["cluster"]["urls"] == [f"{LOOPBACK}:{one.cluster_port}"]


@KINDS
def test_advertise_flags(fleet, binary, kind):
    """What clients are told of a server is what it advertises; or nothing at all."""
    plain = fleet.start(binary, cluster="name: C")
    named = fleet.server(binary, cluster=f"name: C\n routes: [{plain.route_url}]")
    named.args = ["--client_advertise", "example.org:4999"]
    quiet = fleet.server(binary, cluster=f"name: C\n routes: [{plain.route_url}]")
    quiet.args = ["--no_advertise"]
    named.start()
    quiet.start()
    wait_mesh([plain, named, quiet], 4)
    own = f"{LOOPBACK}:{plain.port}"
    urls = lambda server: first_info(server).get("connect_urls")
    poll(lambda: urls(plain) == [own, "example.org:4999"], lambda: f"{urls(plain)}")
    poll(lambda: urls(named) == ["example.org:4999", own], lambda: f"{urls(named)}")
    assert urls(quiet) is None


@KINDS
def test_random_ports(fleet, binary, kind):
    """Port -1 is any free port, and the log says which."""
    server = fleet.start(binary, config=f"listen: {LOOPBACK}:-1\n")
    port = int(re.search(r"Listening for client connections on 127\.0\.0\.1:(\d+)", server.log)[1])
    assert first_info(server, port)["port"] == port


@KINDS
def test_starts_without_a_file(fleet, binary, kind):
    server = fleet.server(binary)
    server.use_file = False
    server.args = ["-a", LOOPBACK, "-p", str(server.port), "-m", str(server.http)]
    server.start()
    assert server.json("/varz")["max_payload"] == 1048576
    assert "Using configuration file" not in server.log


@pytest.mark.parametrize(
    "flag, debug, trace",
    [
        ([], False, False),
        (["-D"], True, False),
        (["-V"], False, True),
        (["-DV"], True, True),
        (["-DVV"], True, True),
        (["-VV"], False, True),
        (["--debug", "--trace"], True, True),
        (["-D=false"], False, False),
        (["-D=true"], True, False),
        (["-DV=false"], False, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@KINDS
def test_logging_levels(fleet, binary, kind, flag, debug, trace):
    server = flag_server(fleet, binary, *flag)
    with Speaker(server.address, read_info=True) as client:
        client.send(QUIET + b"PUB some.subject 2\r\nhi\r\n")
        client.ping()
    if trace:
        server.wait_log("<<- [PUB some.subject 2]")
    if debug:
        server.wait_log("[DBG]")
    server.stop()
    assert ("[DBG]" in server.log) == debug
    assert ("[TRC]" in server.log) == trace


# ---------------------------------------------------------------------------------------------
# Files


@KINDS
def test_pid_file(fleet, binary, kind, tmp_path):
    """Digits and nothing else, readable by the owner alone: reloaders parse it strictly."""
    path = tmp_path / "server.pid"
    server = flag_server(fleet, binary, "-P", path)
    poll(path.exists, "the pid file")
    assert path.read_bytes() == str(server.pid).encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@KINDS
def test_pid_file_of_the_configuration(fleet, binary, kind, tmp_path):
    path = tmp_path / "conf.pid"
    server = flag_server(fleet, binary, options=f'pid_file: "{path}"')
    poll(path.exists, "the pid file")
    assert path.read_text() == str(server.pid)


@KINDS
def test_ports_file(fleet, binary, kind, tmp_path):
    """What test harnesses read when they start with random ports; gone when the server is."""
    folder = tmp_path / "ports"
    folder.mkdir()
    config = f'listen: {LOOPBACK}:-1\nhttp: "{LOOPBACK}:-1"\n'
    config += f'cluster {{ name: C, listen: "{LOOPBACK}:-1" }}\n'
    server = fleet.start(binary, config=config, args=["--ports_file_dir", str(folder)])
    path = folder / f"nats-server_{server.pid}.ports"
    ports = poll(lambda: path.exists() and read_json(path), "the ports file")
    assert set(ports) == {"nats", "monitoring", "cluster"}
    schemes = {"nats": "nats", "monitoring": "http", "cluster": "nats"}
    for name, scheme in schemes.items():
        (url,) = ports[name]
        port = re.fullmatch(rf"{scheme}://127\.0\.0\.1:(\d+)", url)[1]
        assert f"127.0.0.1:{port}" in server.log
    server.stop()
    assert not path.exists()


def read_json(path):
    """The file's content, or nothing while it is being written."""
    try:
        return json.loads(path.read_text())
    except ValueError:
        return None


@KINDS
def test_log_file_and_reopening(fleet, binary, kind, tmp_path):
    """SIGUSR1 after a rename: new lines go to a new file at the old place."""
    path = tmp_path / "server.log"
    server = flag_server_logging_to(fleet, binary, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.rename(tmp_path / "server.log.1")
    server.signal(signal.SIGUSR1)
    poll(lambda: path.exists() and "File log re-opened" in path.read_text(), "a new log file")
    old = (tmp_path / "server.log.1").read_text()
    assert "Server is ready" in old and 'Trapped "user defined signal 1" signal' in old
    assert server.stop() == 0
    assert "Server Exiting.." in path.read_text()
    assert server.log == "", "nothing goes to stderr beside the file"


def flag_server_logging_to(fleet, binary, path, options=""):
    config = f'listen: {LOOPBACK}:{{port}}\nhttp: "{LOOPBACK}:{{http}}"\n{options}'
    server = fleet.server(binary, config=config, args=["-l", str(path)])
    server.start(wait=False)
    poll(lambda: path.exists() and "Server is ready" in path.read_text(), "the log file")
    return server


@KINDS
def test_log_rotation(fleet, binary, kind, tmp_path):
    """A file over the limit is renamed with a time stamp, and only so many are kept."""
    path = tmp_path / "rot.log"
    options = "logfile_size_limit: 3000\nlogfile_max_num: 3\ntrace: true\n"
    server = flag_server_logging_to(fleet, binary, path, options)
    backups = lambda: sorted(tmp_path.glob("rot.log.*"))
    seen = set()

    def rotated_often():
        with Speaker(server.address, read_info=True) as client:
            client.send(QUIET + b"PUB a 50\r\n" + b"x" * 50 + b"\r\n")
            client.ping()
        seen.update(backups())
        return len(seen) >= 4

    poll(rotated_often, "four rotations")
    # The limit counts the live file as well.
    poll(lambda: len(backups()) == 2, lambda: f"old files to be removed: {backups()}")
    stamp = r"rot\.log\.\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d{9}"
    assert all(re.fullmatch(stamp, backup.name) for backup in seen)


# ---------------------------------------------------------------------------------------------
# Log lines

LINE = re.compile(
    r"\[(\d+)\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} )?\[(INF|ERR|WRN|DBG|TRC|FTL)\] (.*)"
)

START = [
    r"Starting nats-server",
    r"  Version:  2\.15\.1",
    r"  Git:      \[.+\]",
    r"  Cluster:  LOGGED",
    r"  Name:     log-lines",
    r"  ID:       N[A-Z2-7]{55}",
    r"Using configuration file: .*server\.conf \(sha256:[0-9a-f]{64}\)",
    r"Starting http monitor on 127\.0\.0\.1:\d+",
    r"Listening for client connections on 127\.0\.0\.1:\d+",
    r"Server is ready",
    r"Cluster name is LOGGED",
    r"Listening for route connections on 127\.0\.0\.1:\d+",
]


@KINDS
def test_start_and_stop_lines(fleet, binary, kind):
    """Everything that is logged from the start to the end of an idle server, in order."""
    server = fleet.start(binary, "log-lines", cluster="name: LOGGED")
    assert server.stop() == 0
    lines = [LINE.fullmatch(line) for line in server.log.splitlines()]
    assert all(lines), server.log
    assert {m[3] for m in lines} == {"INF"}
    expected = START + [
        r'Trapped "terminated" signal',
        r"Initiating Shutdown\.\.\.",
        r"Server Exiting\.\.",
    ]
    texts = [m[4] for m in lines]
    assert len(texts) == len(expected), texts
    for text, pattern in zip(texts, expected):
        assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(
    "options, shape",
    [
        ("", r"\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] .*"),
        ("logtime: false", r"\[\d+\] \[INF\] .*"),
        ("logtime_utc: true", r"\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] .*"),
    ],
    ids=["default", "logtime", "logtime_utc"],
)
@KINDS
def test_shape_of_log_lines(fleet, binary, kind, options, shape):
    server = fleet.start(binary, options=options)
    pid = server.pid
    server.stop()
    for line in server.log.splitlines():
        assert re.fullmatch(shape, line), line
        assert line.startswith(f"[{pid}] ")


TRACED = (
    b'CONNECT {"verbose":false,"user":"u","pass":"sekret","auth_token":"sekret2","headers":true,'
    b'"name":"tracer","lang":"python","version":"1.2"}\r\n'
    b"SUB foo q 1\r\nUNSUB 1 5\r\nPUB foo re 2\r\nhi\r\nHPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    b'UNSUB 1\r\nPUB quiet 5\r\n"\\\x01\r\n\r\nSUB a..b 2\r\nPONG\r\n'
)


def test_trace_lines(fleet, tmp_path, causeway, nats_server):
    """The same traffic gives the same trace, secrets hidden."""
    traces = []
    for binary in (nats_server, causeway):
        server = fleet.start(binary, options="trace: true")
        with Speaker(server.address, read_info=True) as client:
            client.send(TRACED)
            client.ping()
        server.wait_log("[PONG]")
        server.stop()
        assert "sekret" not in server.log
        lines = [LINE.fullmatch(line) for line in server.log.splitlines()]
        texts = [m[4] for m in lines if m[3] == "TRC"]
        traces.append([re.sub(r"127\.0\.0\.1:\d+ - cid:\d+", "ADDR - cid:N", t) for t in texts])
    assert traces[1] == traces[0]
    assert any("<<- [PUB foo re 2]" in text for text in traces[0])


@KINDS
def test_long_payloads_in_a_trace_are_cut(fleet, binary, kind):
    server = fleet.start(binary, options="trace: true\nmax_traced_msg_len: 10")
    with Speaker(server.address, read_info=True) as client:
        client.send(QUIET + b"PUB a 20\r\n01234567890123456789\r\n")
        client.ping()
    server.wait_log('<<- MSG_PAYLOAD: ["0123456789..."]')


@KINDS
def test_connection_lines(fleet, binary, kind):
    """What is logged about clients that fail: operators grep for it."""
    server = fleet.start(binary, options="authorization { user: a, password: b }\nmax_payload: 100")
    with Speaker(server.address, read_info=True) as client:
        client.send(b'CONNECT {"user":"a","pass":"wrong"}\r\n')
        client.read_until_closed()
    server.wait_log('authentication error - User "a"')
    with Speaker(server.address, read_info=True) as client:
        client.send(b'CONNECT {"verbose":false,"user":"a","pass":"b"}\r\nPUB x 200\r\n')
        client.read_until_closed()
    server.wait_log("maximum payload exceeded: 200 vs 100")
    errors = [m[4] for m in map(LINE.fullmatch, server.log.splitlines()) if m[3] == "ERR"]
    assert all(re.match(r"127\.0\.0\.1:\d+ - cid:\d+ - ", text) for text in errors), errors


@KINDS
def test_route_lines(fleet, binary, kind):
    one = fleet.start(binary, "one", cluster="name: C")
    two = fleet.start(binary, "two", cluster=f"name: C\n routes: [{one.route_url}]")
    one.wait_log("Route connection created")
    two.wait_log("Route connection created")
    poll(lambda: len(one.routes()) == len(two.routes()) > 0, "the route")
    two.stop()
    one.wait_log("Router connection closed: ")
    assert re.search(
        r"127\.0\.0\.1:\d+ - rid:\d+ - Router connection closed: .* - Remote: two", one.log
    )


# ---------------------------------------------------------------------------------------------
# Exit codes and signals


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
@pytest.mark.parametrize("clients", [0, 3])
@KINDS
def test_shutdown_signals(fleet, binary, kind, sig, clients):
    """Exit code 0; clients just see the end of their connection."""
    server = fleet.start(binary)
    connected = [Speaker(server.address, read_info=True) for _ in range(clients)]
    for client in connected:
        client.send(CONNECT)
        client.ping()
        client.take()
    assert server.stop(sig) == 0
    name = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminated"}[sig]
    assert f'Trapped "{name}" signal' in server.log
    assert server.log.rstrip().endswith("Server Exiting..")
    for client in connected:
        assert b"-ERR" not in client.read_until_closed()
        client.close()


@KINDS
def test_port_in_use(fleet, binary, kind):
    """Two servers on one port: the second says which, and ends with 1."""
    first = fleet.start(binary, cluster="name: C")
    texts = {
        "port": '[FTL] Error listening on port: {0}:{1}, "listen tcp {0}:{1}: {2}"',
        "cluster_port": "[FTL] Error listening on router port: {1} - listen tcp {0}:{1}: {2}",
    }
    for field, text in texts.items():
        second = fleet.server(binary, cluster="name: C")
        setattr(second, field, getattr(first, field))
        second.start(wait=False)
        assert second.wait_exit() == 1
        reason = "bind: address already in use"
        assert text.format(LOOPBACK, getattr(first, field), reason) in second.log
    assert first.alive


@KINDS
def test_restart_at_the_same_port_at_once(fleet, binary, kind):
    """Connections in TIME_WAIT are no obstacle."""
    server = fleet.start(binary)
    for _ in range(5):
        clients = [Speaker(server.address, read_info=True) for _ in range(20)]
        server.restart()
        for client in clients:
            client.close()
    assert first_info(server)["port"] == server.port


def reload(server, *, expect="Reloaded server configuration"):
    """Writes the changed configuration and waits until this reload has been reported."""
    server.config_path.write_text(server.render())
    before = server.log.count(expect)
    server.signal(signal.SIGHUP)
    poll(lambda: server.log.count(expect) > before, lambda: f"{expect}\n{server.log_tail()}")


@KINDS
def test_reload_of_logging(fleet, binary, kind):
    server = fleet.start(binary)
    client = Speaker(server.address, read_info=True)
    client.send(QUIET + b"PUB before 0\r\n\r\n")
    client.ping()
    server.options = "debug: true\ntrace: true"
    reload(server)
    assert 'Trapped "hangup" signal' in server.log
    assert "Reloaded: debug = true" in server.log and "Reloaded: trace = true" in server.log
    assert re.search(r"Reloaded server configuration \(sha256:[0-9a-f]{64}\)", server.log)
    client.send(b"PUB after 0\r\n\r\n")
    client.ping()
    server.wait_log("<<- [PUB after 0]")
    assert "before" not in server.log
    client.close()


@KINDS
def test_reload_of_a_broken_file_changes_nothing(fleet, binary, kind):
    server = fleet.start(binary, options="max_payload: 1000")
    with Speaker(server.address, read_info=True) as client:
        client.send(CONNECT)
        client.ping()
        server.options = "max_payload: 2000\nbogus: 1"
        reload(server, expect="Failed to reload server configuration")
        server.options = "max_payload: {"
        reload(server, expect="Failed to reload server configuration")
        assert server.json("/varz")["max_payload"] == 1000
        client.ping()


@KINDS
def test_reload_of_what_cannot_change(fleet, binary, kind):
    server = fleet.start(binary, "fixed")
    server.name = "changed"
    server.options = "debug: true"
    reload(server, expect="config reload not supported for ServerName")
    assert server.json("/varz")["server_name"] == "fixed"
    assert "[DBG]" not in server.log, "nothing of a refused reload is applied"


@KINDS
def test_reload_of_the_payload_limit(fleet, binary, kind):
    """It holds for the connections that are there, too."""
    server = fleet.start(binary, options="max_payload: 1000")
    with Speaker(server.address, read_info=True) as client:
        client.send(CONNECT)
        client.ping()
        server.options = "max_payload: 2000"
        reload(server)
        assert "Reloaded: max_payload = 2000" in server.log
        assert first_info(server)["max_payload"] == 2000
        client.send(b"SUB a 1\r\nPUB a 1500\r\n" + b"x" * 1500 + b"\r\n")
        client.ping()
        assert b"MSG a 1 1500\r\n" in bytes(client.received)


@KINDS
def test_reload_of_users(fleet, binary, kind):
    """A client whose password is gone is sent away; one whose user stays is not."""
    users = (
        "authorization {{ users: [ {{user: stays, password: s}}, {{user: goes, password: {}}} ] }}"
    )
    server = fleet.start(binary, options=users.format("old"))
    stays, goes = (Speaker(server.address, read_info=True) for _ in range(2))
    stays.send(b'CONNECT {"verbose":false,"user":"stays","pass":"s"}\r\n')
    goes.send(b'CONNECT {"verbose":false,"user":"goes","pass":"old"}\r\n')
    stays.ping()
    goes.ping()
    server.options = users.format("new")
    reload(server)
    assert b"-ERR 'Authorization Violation'" in goes.read_until_closed()
    stays.ping()
    assert login(server, b'"user":"goes","pass":"new"') == b"PONG\r\n"
    stays.close()
    goes.close()


@KINDS
def test_reload_of_the_connection_limit(fleet, binary, kind):
    server = fleet.start(binary, options="max_connections: 5")
    clients = [Speaker(server.address, read_info=True) for _ in range(5)]
    for client in clients:
        client.send(CONNECT)
        client.ping()
    server.options = "max_connections: 2"
    reload(server)
    poll(lambda: server.json("/varz")["connections"] == 2, "the excess to be closed")
    closed = 0
    for client in clients:
        client.read_until_quiet()
        closed += client.closed
        if client.closed:
            assert b"-ERR 'maximum connections exceeded'" in bytes(client.received)
        client.close()
    assert closed == 3


@KINDS
def test_reload_of_routes(fleet, binary, kind):
    """A route that is added is dialled; one that is removed is closed."""
    one = fleet.start(binary, "one", cluster="name: C")
    two = fleet.start(binary, "two", cluster="name: C\n routes: []")
    two.cluster = f"name: C\n routes: [{one.route_url}]"
    reload(two)
    # All of it: the real server goes on to open the rest of the pool if it is told off meanwhile.
    wait_mesh([one, two], 4)
    two.cluster = "name: C\n routes: []"
    reload(two)
    poll(lambda: not one.routes() and not two.routes(), "the route to be closed")


# ---------------------------------------------------------------------------------------------
# --signal


@pytest.mark.parametrize("by", ["pid", "pid file"])
@pytest.mark.parametrize(
    "command, trapped, code",
    [("quit", "interrupt", 0), ("term", "terminated", 0), ("stop", None, -signal.SIGKILL)],
    ids=["quit", "term", "stop"],
)
@KINDS
def test_signal_flag_ends_a_server(fleet, binary, run, kind, tmp_path, by, command, trapped, code):
    path = tmp_path / "server.pid"
    server = flag_server(fleet, binary, "-P", path)
    poll(path.exists, "the pid file")
    target = server.pid if by == "pid" else path
    assert run(kind, "--signal", f"{command}={target}") == (0, "", "")
    assert server.wait_exit() == code
    assert trapped is None or f'Trapped "{trapped}" signal' in server.log


@pytest.mark.parametrize(
    "command, line",
    [
        ("reload", "Reloaded server configuration"),
        ("reopen", 'Trapped "user defined signal 1" signal'),
        ("ldm", "Entering lame duck mode, stop accepting new clients"),
    ],
)
@pytest.mark.parametrize("flag", ["-sl", "--sl", "--signal"])
@KINDS
def test_signal_flag_commands(fleet, binary, run, kind, flag, command, line):
    server = flag_server(fleet, binary)
    assert run(kind, f"{flag}={command}={server.pid}") == (0, "", "")
    server.wait_log(line)


@KINDS
def test_signal_flag_with_several_servers(fleet, binary, run, kind):
    """Without a pid there must be exactly one; otherwise all are listed and none is signalled."""
    servers = [flag_server(fleet, binary) for _ in range(2)]
    code, out, errors = run(kind, "-sl", "reload")
    assert (code, out) == (1, "")
    head, *pids = errors.splitlines()
    assert head == "nats-server: multiple nats-server processes running:"
    assert {str(server.pid) for server in servers} <= set(pids)
    assert all("Trapped" not in server.log for server in servers)


@KINDS
def test_unknown_signal_is_refused(fleet, binary, run, kind):
    server = flag_server(fleet, binary)
    code, out, errors = run(kind, "-sl", f"frobnicate={server.pid}")
    assert (code, out) == (1, "")
    assert 'unknown signal "frobnicate"' in errors
    assert server.alive


# ---------------------------------------------------------------------------------------------
# Under its own name


def test_own_name(causeway, tmp_path):
    """`causeway` as such takes the same flags; the version line may carry its own name."""
    result = subprocess.run([causeway.path, "-v"], capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 0
    assert re.fullmatch(r"(causeway|nats-server): v\d+\.\d+\.\d+.*\n", result.stdout)
    fleet = Fleet(tmp_path)
    try:
        server = fleet.start(causeway)
        assert server.stop() == 0
    finally:
        fleet.close()
