"""Servers as processes: configuration, start, wait, stop, what they say about themselves.

A `Server` is one process of either kind (our broker or the real nats-server) with a configuration
file in a folder of its own. Everything here waits by polling a condition under a generous
deadline; the deadline is never what a test asserts.
"""

import asyncio
import atexit
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# Long enough for a loaded two-core machine; a test that reaches it has failed anyway.
PATIENCE = 30.0
POLL_EVERY = 0.01

LOOPBACK = "127.0.0.1"


class HarnessError(AssertionError):
    """A server did not do what the test needs as a precondition."""


class NotBetter(AssertionError):
    """The broker does no better than nats-server 2.15.1 where Causeway promises to.

    The one exception that a `better_than_nats` test may end with on the real server.
    """


# ---------------------------------------------------------------------------------------------
# The two binaries


@dataclasses.dataclass(frozen=True)
class Binary:
    """A broker executable in one of the two roles of a test."""

    role: str  # "causeway" or "nats-server"
    path: pathlib.Path

    @property
    def is_real(self):
        """True when this is the real nats-server, whatever role it plays."""
        return digest(self.path) == digest(peer_path())


def causeway():
    """The broker under test. It may be the real server: that is how the tests test themselves."""
    return Binary("causeway", required_path("CAUSEWAY_BIN"))


def nats_server():
    """The real nats-server that answers are compared with."""
    return Binary("nats-server", peer_path())


def peer_path():
    return required_path("NATS_SERVER_BIN")


def required_path(variable):
    value = os.environ.get(variable)
    if not value:
        raise HarnessError(f"{variable} is not set: start the tests with tests/interop/run")
    path = pathlib.Path(value)
    if not os.access(path, os.X_OK):
        raise HarnessError(f"{variable}={value} is not an executable")
    return path


@functools.cache
def digest(path):
    """SHA-256 of a file; remembered, since both binaries are large and do not change."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------------------------------------
# Waiting


def poll(condition, what, timeout=PATIENCE):
    """Calls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise HarnessError(f"waited {timeout:.0f} s for: {describe(what)}")
        time.sleep(POLL_EVERY)


async def apoll(condition, what, timeout=PATIENCE):
    """`poll` for coroutines: the event loop, and so the clients, keep running meanwhile."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise HarnessError(f"waited {timeout:.0f} s for: {describe(what)}")
        await asyncio.sleep(POLL_EVERY)


def describe(what):
    return what() if callable(what) else what


# ---------------------------------------------------------------------------------------------
# Ports

_leases = {}


def free_port():
    """A TCP port that no other test of any run on this machine uses.

    Ports come from below the range the kernel gives to outgoing connections, so that no client
    socket can take one between the choice and the listen. A lock on a file per port keeps
    parallel runs apart; it ends with this process. The port stays ours for restarts.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range") as range_file:
        lowest_outgoing = int(range_file.read().split()[0])
    candidates = range(max(lowest_outgoing - 20000, 2048), lowest_outgoing)
    folder = pathlib.Path(tempfile.gettempdir()) / "causeway-interop-ports"
    folder.mkdir(exist_ok=True)
    for _ in range(1000):
        port = random.SystemRandom().choice(candidates)
        if port not in _leases and lease(folder / str(port), port) and listenable(port):
            return port
    raise HarnessError("no free port found")


def lease(path, port):
    file = open(path, "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    _leases[port] = file
    return True


def listenable(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


# ---------------------------------------------------------------------------------------------
# Servers

_running = set()


@atexit.register
def kill_leftovers():
    """Fixtures stop what they started; this is for an interpreter that ends without them."""
    for server in list(_running):
        server.kill()


class Server:
    """One broker process.

    `options` is configuration text put at the end of the file; `cluster` is the text inside the
    cluster block (its `listen` is added here). The ports are chosen once, so that a restart
    comes back at the same place. `config` replaces the whole generated file; it may use
    {port}, {http} and {cluster_port}.
    """

    def __init__(self, binary, folder, name=None, options="", cluster=None, config=None, args=()):
        self.binary = binary
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.cluster = cluster
        self.config = config
        self.args = list(args)
        self.port = free_port()
        self.http = free_port()
        self.cluster_port = free_port()
        self.process = None
        self.starts = 0
        self.use_file = True  # False: only flags, for tests that start without a file

    def __repr__(self):
        return f"<{self.binary.role} {self.name or self.port}>"

    # ---- addresses

    @property
    def address(self):
        return (LOOPBACK, self.port)

    @property
    def url(self):
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def route_url(self):
        return f"nats://{LOOPBACK}:{self.cluster_port}"

    # ---- life

    def start(self, wait=True):
        """Starts the process; with `wait`, returns when every listener is open."""
        assert self.process is None, f"{self!r} already runs"
        self.starts += 1
        self.config_path.write_text(self.render())
        file = ["-c", str(self.config_path)] if self.use_file else []
        command = [str(self.binary.path), *file, *self.args]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        _running.add(self)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        self.wait_log("Server is ready")
        if re.search(r"^\s*cluster\b", self.config_path.read_text(), re.MULTILINE):
            self.wait_log("Listening for route connections on ")

    def stop(self, sig=signal.SIGTERM, timeout=PATIENCE):
        """Ends the process with a signal and returns its exit code."""
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(sig)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HarnessError(f"{self!r} ignored {sig.name}\n{self.log_tail()}") from None
        self.forget()
        return code

    def kill(self):
        """Ends the process at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.forget()

    def wait_exit(self, timeout=PATIENCE):
        """Waits for a process that ends by itself; its exit code."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{self!r} did not exit\n{self.log_tail()}") from None
        self.forget()
        return code

    def forget(self):
        self.process = None
        _running.discard(self)

    def restart(self):
        """Stops and starts again, at the same ports with the same file."""
        self.stop()
        return self.start()

    def signal(self, sig):
        self.process.send_signal(sig)

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    # ---- configuration

    @property
    def config_path(self):
        return self.folder / "server.conf"

    def render(self):
        if self.config is not None:
            ports = {"port": self.port, "http": self.http, "cluster_port": self.cluster_port}
            return re.sub(r"\{(port|http|cluster_port)\}", lambda m: str(ports[m[1]]), self.config)
        lines = [f'listen: "{LOOPBACK}:{self.port}"', f'http: "{LOOPBACK}:{self.http}"']
        if self.name:
            lines.append(f"server_name: {self.name}")
        if self.cluster is not None:
            lines.append(f'cluster {{\n  listen: "{LOOPBACK}:{self.cluster_port}"')
            lines.append(f"{self.cluster}\n}}")
        return "\n".join([*lines, self.options, ""])

    # ---- log

    @property
    def log_path(self):
        return self.folder / f"log.{self.starts}"

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=60):
        tail = "\n".join(self.log.splitlines()[-lines:])
        return f"--- {self!r} {self.log_path}\n{tail}"

    def wait_log(self, text, timeout=PATIENCE):
        """Waits until the log of this start contains `text`; fails at once if the process ends."""

        def found():
            ended = not self.alive
            if text in self.log:
                return True
            if ended:
                raise HarnessError(f"{self!r} exited before {text!r}\n{self.log_tail()}")
            return False

        poll(found, lambda: f"{text!r} in the log of {self!r}\n{self.log_tail()}", timeout)

    # ---- monitoring

    def get(self, path):
        """GET on the monitoring port, without following redirects: (status, headers, body)."""
        request = urllib.request.Request(f"http://{LOOPBACK}:{self.http}{path}")
        try:
            with _no_redirects.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def json(self, path):
        status, _, body = self.get(path)
        assert status == 200, f"{self!r} {path}: {status} {body!r}"
        return json.loads(body)

    def routes(self):
        """The route connections of this server, as /routez lists them; none when it is down."""
        try:
            return self.json("/routez").get("routes", [])
        except OSError:
            return []

    def routed_ids(self):
        """Server ids of the peers that at least one route leads to."""
        return {route["remote_id"] for route in self.routes()}

    def server_id(self):
        return self.json("/varz")["server_id"]

    def remote_interest(self):
        """What peers have told this server they want: a sorted list of (subject, queue, peer)."""
        listed = []
        for route in self.json("/routez?subs=detail").get("routes", []):
            for sub in route.get("subscriptions_list_detail", []):
                listed.append((sub["subject"], sub.get("qgroup", ""), route["remote_id"]))
        return sorted(listed)


def jetstream_refusal(binary, folder):
    """What a broker says when it ends instead of starting with -js; empty when it starts."""
    server = Server(binary, folder, args=["-js", "-sd", str(pathlib.Path(folder) / "store")])
    server.start(wait=False)
    try:
        poll(lambda: not server.alive or "Server is ready" in server.log, f"a start with -js\n{server.log_tail()}")
        return "" if server.alive else server.log.strip().splitlines()[-1]
    finally:
        server.kill()


class _KeepRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_no_redirects = urllib.request.build_opener(_KeepRedirects, urllib.request.ProxyHandler({}))


# ---------------------------------------------------------------------------------------------
# Groups of servers


class Fleet:
    """The servers and other resources of one test: made here, ended here."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.servers = []
        self.stack = contextlib.ExitStack()

    def server(self, binary, name=None, **options):
        """A server that is not started yet."""
        folder = self.folder / f"{len(self.servers)}-{name or binary.role}"
        server = Server(binary, folder, name=name, **options)
        self.servers.append(server)
        self.stack.callback(server.kill)
        return server

    def start(self, binary, name=None, **options):
        return self.server(binary, name, **options).start()

    def keep(self, resource):
        """Closes `resource` (anything with close()) when the test ends."""
        self.stack.callback(resource.close)
        return resource

    def close(self):
        self.stack.close()

    def report(self):
        return "\n".join(server.log_tail() for server in self.servers)


def mesh_gaps(servers):
    """Pairs without a complete set of routes: empty means that the mesh is closed.

    Both ends must list the same number of connections: while a pool is being filled, or a
    duplicate is being dropped, they differ for a moment.
    """
    ids = {server: server.server_id() for server in servers}
    counts = {}
    for server in servers:
        seen = [route["remote_id"] for route in server.routes()]
        for peer in servers:
            counts[server, peer] = seen.count(ids[peer])
    gaps = []
    for (one, other), count in counts.items():
        if one is other and count:
            gaps.append(f"{one!r} has a route to itself")
        if one is not other and (count == 0 or count != counts[other, one]):
            gaps.append(f"{one!r}->{other!r}: {count} and back {counts[other, one]}")
    return gaps


def wait_mesh(servers, connections=None, timeout=PATIENCE):
    """Waits for the full mesh; with `connections`, for exactly so many between each pair."""

    def closed():
        with contextlib.suppress(OSError):
            if mesh_gaps(servers):
                return False
            wanted = None if connections is None else connections * (len(servers) - 1)
            return wanted is None or all(len(s.routes()) == wanted for s in servers)
        return False

    def state():
        with contextlib.suppress(OSError):
            counts = {repr(s): len(s.routes()) for s in servers}
            return f"a closed mesh; gaps: {mesh_gaps(servers)}; route connections: {counts}"
        return f"a closed mesh; down: {[s for s in servers if not s.alive]}"

    poll(closed, state, timeout)


def wait_interest(servers, wanted, timeout=PATIENCE):
    """Waits until each server has learnt from its peers exactly `wanted[server]`.

    `wanted` maps a server to {(subject, queue): number of peers that want it}; only subjects
    mentioned anywhere in `wanted` are looked at.
    """
    subjects = {subject for want in wanted.values() for subject, _ in want}

    def view(server):
        counts = {}
        for subject, queue, _ in server.remote_interest():
            if subject in subjects:
                counts[subject, queue] = counts.get((subject, queue), 0) + 1
        return counts

    def converged():
        return all(
            view(server) == {key: n for key, n in wanted[server].items() if n} for server in servers
        )

    def state():
        return "interest " + "; ".join(f"{s!r} knows {view(s)} wants {wanted[s]}" for s in servers)

    poll(converged, state, timeout)
