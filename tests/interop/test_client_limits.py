"""The client port where one script on one connection is not enough.

Time-outs, tables that are full, slow readers, wrong ports, several connections, and peers that
misbehave while others work. Each test runs on both servers with the same assertions; where the
whole answer matters, the two answers are compared.
"""

import socket
import threading

import pytest

from client_scripts import HDR
from cluster import routes_text
from harness import LOOPBACK, PATIENCE, poll, wait_mesh
from speaker import CONNECT, Speaker
from transcript import difference, normalise

KINDS = pytest.mark.parametrize("kind", ["causeway", "nats-server"])
QUIET = b'CONNECT {"verbose":false}\r\n'


@pytest.fixture
def both(fleet, causeway, nats_server):
    """A function: options -> (the real server, ours), started with them."""

    def start(options="", **more):
        more = {"options": options, **more}
        return [fleet.start(binary, "same-name", **more) for binary in (nats_server, causeway)]

    return start


def same(servers, run, keep_pings=False):
    """Runs `run(server)` on the real server and ours; what the clients got must be the same."""
    expected, got = [
        [normalise(bytes(s.received), keep_pings) + [f"closed: {s.closed}"] for s in run(server)]
        for server in servers
    ]
    for expected_one, got_one in zip(expected, got, strict=True):
        assert got_one == expected_one, difference(expected_one, got_one)


# ---------------------------------------------------------------------------------------------
# INFO

INFO_OPTIONS = {
    "defaults": {},
    "auth": {"options": "authorization { user: a, password: b }"},
    "auth, nobody told": {"options": "authorization { token: t }\nmax_payload: 4KB"},
    "no headers": {"options": "no_header_support: true"},
    "cluster": {"cluster": "name: C1"},
    "cluster not advertised": {"cluster": "name: C1\n no_advertise: true"},
    "client_advertise": {"cluster": "name: C1", "options": 'client_advertise: "example.org:4333"'},
    "client_advertise, no port": {
        "cluster": "name: C1",
        "options": "client_advertise: example.org",
    },
    "unnamed cluster": {"cluster": ""},
    "any address": {"config": "listen: 0.0.0.0:{port}\nserver_name: same-name\n"},
    "any address, cluster": {
        "config": "port: {port}\nserver_name: same-name\n"
        "cluster { name: C1, port: {cluster_port} }\n"
    },
    "host and port": {"config": "host: localhost\nport: {port}\nserver_name: same-name\n"},
    "unnamed server": {"config": "listen: 127.0.0.1:{port}\n"},
}


@pytest.mark.parametrize("label", INFO_OPTIONS)
def test_info(both, label):
    """Fields, their order, their values and their types; the shape only where ids are random."""

    def run(server):
        with Speaker(server.address, read_info=True) as client:
            return [client]

    same(both(**INFO_OPTIONS[label]), run)


# ---------------------------------------------------------------------------------------------
# Limits on connections and time


def test_max_connections(both):
    """One too many is told so, after INFO, and closed; a place that becomes free can be taken."""

    def run(server):
        seated = [Speaker(server.address, read_info=True) for _ in range(2)]
        for client in seated:
            client.send(CONNECT)
            client.ping()
        extra = Speaker(server.address)
        extra.read_until_closed()
        seated[0].close()
        return [seated[1], extra, taken(server)]

    same(both("max_connections: 2"), run)


def taken(server):
    """A connection made as soon as there is a place for it."""

    def attempt():
        client = Speaker(server.address, read_info=True)
        client.send(QUIET + b"PING\r\n")
        client.read_until(b"PONG\r\n")
        return client if not client.closed else None

    return poll(attempt, "a free place")


def test_authentication_timeout(both):
    """Silence, half a line, or a line without its end: all are closed after the timeout."""

    def run(server):
        said = [b"", b"CONN", b'CONNECT {"user":"a"', b"PIN"]
        clients = [Speaker(server.address, read_info=True) for _ in said]
        for client, data in zip(clients, said):
            client.send(data)
        for client in clients:
            client.read_until_closed()
        return clients

    same(both("authorization { user: a, password: b, timeout: 0.5 }"), run)


def test_no_authentication_timeout_once_connected(both):
    def run(server):
        client = Speaker(server.address, read_info=True)
        client.send(b'CONNECT {"verbose":false,"user":"a","pass":"b"}\r\nPING\r\n')
        client.read_until_quiet(quiet=1.0)
        client.ping()
        return [client]

    same(both("authorization { user: a, password: b, timeout: 0.3 }"), run)


def test_no_timeout_without_authentication(both):
    def run(server):
        client = Speaker(server.address, read_info=True)
        client.read_until_quiet(quiet=2.5)
        client.send(QUIET)
        client.ping()
        return [client]

    same(both(), run)


@pytest.mark.parametrize("ping_max", [1, 2, 4])
def test_stale_connection(both, ping_max):
    """A client that answers no PING gets so many, then the reason, then the end."""

    def run(server):
        client = Speaker(server.address, read_info=True)
        client.send(CONNECT)
        client.read_until_closed()
        return [client]

    same(both(f'ping_interval: "200ms"\nping_max: {ping_max}'), run, keep_pings=True)


@KINDS
def test_answering_client_is_not_stale(fleet, binary, kind):
    # A second, so that a busy machine lets the answer through in time.
    server = fleet.start(binary, options='ping_interval: "1s"\nping_max: 1')
    with Speaker(server.address, read_info=True) as client:
        client.send(CONNECT)
        for pings in range(1, 4):
            client.read_until(b"PING\r\n", pings)
            client.send(b"PONG\r\n")
        assert not client.closed
        client.ping()


@KINDS
def test_lame_control_bytes_do_not_keep_a_stale_client(fleet, binary, kind):
    """A client that only talks is asked less often, but one that hangs mid-line is dropped."""
    server = fleet.start(binary, options='ping_interval: "200ms"\nping_max: 1')
    with Speaker(server.address, read_info=True) as client:
        client.send(CONNECT + b"SUB a")
        assert b"-ERR 'Stale Connection'" in client.read_until_closed()


# ---------------------------------------------------------------------------------------------
# Slow consumers


@pytest.mark.parametrize(
    "options, text, reason",
    [
        ("max_pending: 1MB\nmax_payload: 64KB", "MaxPending of", "Slow Consumer (Pending Bytes)"),
        ('write_deadline: "300ms"', "WriteDeadline of", "Slow Consumer (Write Deadline)"),
    ],
    ids=["pending-bytes", "write-deadline"],
)
@KINDS
def test_slow_consumer_is_closed_alone(fleet, binary, kind, options, text, reason):
    """Who does not read is dropped, without a word, and nobody else notices."""
    server = fleet.start(binary, options=options)
    slow = Speaker(server.address, read_info=True, receive_buffer=4096)
    slow.send(CONNECT + b"SUB flood slow\r\n")
    slow.ping()
    with Speaker(server.address, read_info=True) as good:
        good.send(CONNECT + b"SUB flood.end good\r\n")
        good.ping()
        body = b"x" * 60000

        def dropped():
            good.send(b"PUB flood %d\r\n%s\r\n" % (len(body), body))
            good.ping()
            good.take()
            return server.json("/varz")["slow_consumers"]

        poll(dropped, "the slow consumer to be counted")
        assert f"Slow Consumer Detected: {text}" in server.log
        good.send(b"PUB flood.end 2\r\nok\r\n")
        good.read_until(b"MSG flood.end good 2\r\nok\r\n")
        closed = server.json("/connz?state=closed")["connections"]
        assert [c["reason"] for c in closed] == [reason]
        # The real server may count one consumer twice, for two messages that met the full queue.
        assert server.json("/varz")["slow_consumer_stats"]["clients"] >= 1
        assert b"-ERR" not in slow.read_until_closed()
        poll(lambda: server.json("/varz")["connections"] == 1, "the slow consumer to be gone")
    slow.close()


@KINDS
def test_fast_publisher_and_steady_reader_lose_nothing(fleet, binary, kind):
    """A reader that lags but keeps reading is not slow: the publisher is held back instead."""
    # A publisher is held back for some milliseconds at a time: a quarter of this must outlast a pause of the reader, which
    # may not get the processor for a while.
    server = fleet.start(binary, options="max_pending: 16MB\nmax_payload: 1MB")
    count, body = 8000, b"y" * 8000
    reader = Speaker(server.address, read_info=True, receive_buffer=65536)
    reader.send(CONNECT + b"SUB lag 1\r\n")
    reader.ping()
    reader.take()
    with Speaker(server.address, read_info=True) as publisher:
        publisher.send(CONNECT)
        frame = b"PUB lag %d\r\n%s\r\n" % (len(body), body)
        sender = threading.Thread(target=lambda: publisher.send(frame * count))
        sender.start()
        got, wanted = 0, len(body) * count
        while got < wanted and not reader.closed:
            reader.read_until(b"\r\n")
            got += reader.take().count(b"y")
        sender.join(PATIENCE)
        assert got == wanted
        publisher.ping()
    assert server.json("/varz")["slow_consumers"] == 0


# ---------------------------------------------------------------------------------------------
# Several connections


@KINDS
def test_headers_are_stripped_for_clients_without(fleet, binary, kind):
    server = fleet.start(binary)
    with Speaker(server.address, read_info=True) as old, Speaker(server.address, True) as new:
        old.send(QUIET + b"SUB a 1\r\nSUB b 2\r\n")
        old.ping()
        old.take()
        new.send(CONNECT + b"SUB a 9\r\nHPUB a re 18 20\r\n" + HDR + b"hi\r\n")
        new.send(b"HPUB b 18 18\r\n" + HDR + b"\r\n")
        new.ping()
        assert b"HMSG a 9 re 18 20\r\n" + HDR + b"hi\r\n" in bytes(new.received)
        assert old.read_until(b"\r\n", 4) == b"MSG a 1 re 2\r\nhi\r\nMSG b 2 0\r\n\r\n"


@KINDS
def test_no_responders_uses_one_inbox(fleet, binary, kind):
    """Two subscriptions to the reply subject: the status comes once, to either."""
    server = fleet.start(binary)
    with Speaker(server.address, read_info=True) as client:
        client.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
        client.send(b"SUB r 1\r\nSUB r 2\r\nPUB nobody r 0\r\n\r\n")
        client.ping()
        text = bytes(client.received)
        assert text.count(b"NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n") == 1
        assert text.count(b"HMSG r 1 38 38\r\n") + text.count(b"HMSG r 2 38 38\r\n") == 1


@KINDS
def test_no_responders_is_about_others(fleet, binary, kind):
    """Another connection that listens is a responder; once gone, it is none."""
    server = fleet.start(binary)
    asker = Speaker(server.address, read_info=True)
    asker.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB r 1\r\n')
    helper = Speaker(server.address, read_info=True)
    helper.send(QUIET + b"SUB svc q 1\r\n")
    helper.ping()
    asker.send(b"PUB svc r 1\r\n?\r\n")
    asker.ping()
    assert b"503" not in bytes(asker.received)
    helper.close()
    poll(lambda: server.json("/varz")["connections"] == 1, "the helper to be gone")
    asker.send(b"PUB svc r 1\r\n?\r\n")
    assert b"NATS/1.0 503" in asker.read_until(b"503")
    asker.close()


@KINDS
def test_queue_members_on_several_connections(fleet, binary, kind):
    """Each message to one member; a member that leaves with messages on the way harms nobody."""
    server = fleet.start(binary)
    members = [Speaker(server.address, read_info=True) for _ in range(4)]
    for member in members:
        member.send(CONNECT + b"SUB job q 1\r\n")
        member.ping()
        member.take()
    with Speaker(server.address, read_info=True) as publisher:
        publisher.send(CONNECT + b"".join(b"PUB job 4\r\n%04d\r\n" % n for n in range(1000)))
        publisher.ping()
        seen = []
        for member in members:
            member.ping()
            seen += [line for line in member.take().split(b"\r\n") if line.isdigit()]
        assert sorted(seen) == [b"%04d" % n for n in range(1000)]
        members[0].close()
        poll(lambda: server.json("/varz")["connections"] == 4, "the member to be gone")
        publisher.send(b"".join(b"PUB job 4\r\n%04d\r\n" % n for n in range(300)))
        publisher.ping()
        seen = []
        for member in members[1:]:
            member.ping()
            seen += [line for line in member.take().split(b"\r\n") if line.isdigit()]
        assert sorted(seen) == [b"%04d" % n for n in range(300)]
    for member in members:
        member.close()


@KINDS
@pytest.mark.parametrize("ending", ["fin", "rst", "close"])
def test_published_before_the_end_is_delivered(fleet, binary, kind, ending):
    """What the server has read counts, however the publisher ends; a partial message does not."""
    server = fleet.start(binary)
    with Speaker(server.address, read_info=True) as listener:
        listener.send(CONNECT + b"SUB last.> 1\r\n")
        listener.ping()
        listener.take()
        publisher = Speaker(server.address, read_info=True)
        publisher.send(CONNECT + b"PUB last.one 3\r\none\r\nPUB last.two 3\r\ntwo\r\n")
        publisher.ping()
        publisher.send(b"PUB last.three 50\r\nonly a part of it")
        {"fin": publisher.finish, "rst": publisher.reset, "close": publisher.close}[ending]()
        poll(lambda: server.json("/varz")["connections"] == 1, "the publisher to be gone")
        listener.ping()
        got = b"MSG last.one 1 3\r\none\r\nMSG last.two 1 3\r\ntwo\r\n"
        assert listener.take().replace(b"PING\r\n", b"") == got + b"PONG\r\n"
        publisher.close()


@KINDS
def test_ten_thousand_subscriptions_come_and_go(fleet, binary, kind):
    server = fleet.start(binary)
    before = server.json("/subsz")["num_subscriptions"]
    with Speaker(server.address, read_info=True) as client:
        client.send(CONNECT + b"".join(b"SUB s.%d %d\r\n" % (n, n) for n in range(10000)))
        client.ping()
        assert server.json("/subsz")["num_subscriptions"] == before + 10000
        client.take()
        client.send(b"PUB s.9999 2\r\nhi\r\n")
        assert client.read_until(b"hi\r\n") == b"MSG s.9999 9999 2\r\nhi\r\n"
        client.send(b"".join(b"UNSUB %d\r\n" % n for n in range(0, 10000, 2)))
        client.ping()
        assert server.json("/subsz")["num_subscriptions"] == before + 5000
    count = lambda: server.json("/subsz")["num_subscriptions"]
    poll(lambda: count() == before, lambda: f"{before} subscriptions left, not {count()}")


# ---------------------------------------------------------------------------------------------
# Wrong ports

ROUTE_PORT = {
    "a client": CONNECT.replace(b"{", b'{"lang":"go",', 1),
    "a client, then PING": CONNECT.replace(b"{", b'{"lang":"python3",', 1) + b"PING\r\n",
    "PING first": b"PING\r\n",
    "SUB first": b"SUB a 1\r\n",
    "PUB first": b"PUB a 1\r\nx\r\n",
    "RS+ first": b"RS+ $G a\r\n",
    "RMSG first": b"RMSG $G a 1\r\nx\r\n",
    "noise": b"\x00\x01\x02\xff\r\n",
    "empty line": b"\r\n",
    "bad JSON": b"CONNECT {\r\n",
    "HTTP": b"GET /varz HTTP/1.1\r\nHost: x\r\n\r\n",
    "other cluster": b'CONNECT {"verbose":false,"name":"X","cluster":"OTHER","lnoc":true}\r\n',
    "a gateway": b'CONNECT {"verbose":false,"name":"X","gateway":"GW"}\r\n',
    "no cluster": b'CONNECT {"verbose":false,"name":"X"}\r\n',
}


@pytest.mark.parametrize("label", ROUTE_PORT)
def test_wrong_peer_on_the_route_port(both, label):
    """A client, or anything that is no member, gets the same answer as from the real server."""

    def run(server):
        client = Speaker((LOOPBACK, server.cluster_port), read_info=False)
        client.send(ROUTE_PORT[label])
        client.read_until_closed()
        # The route INFO is compared in test_route_info; here it is the refusal that counts.
        text = bytes(client.received)
        if text.startswith(b"INFO "):
            client.received = bytearray(text.partition(b"\r\n")[2])
        return [client]

    same(both(cluster="name: C1"), run)


# Fields of a route INFO that need not be there or need not be equal, and why.
ROUTE_INFO_EXCEPTIONS = {
    "compression": "what a server offers is its own choice; the peers settle on what both can",
    "ln": "2.15.1 sends it; what it means is not documented, and peers do without",
}


def test_route_info(both):
    """What a member sees first on the route port."""

    def fields(server):
        with Speaker((LOOPBACK, server.cluster_port), read_info=True) as peer:
            (kind, *pairs, end), *_ = normalise(bytes(peer.received))
        return {k: v for k, v in pairs if k not in ROUTE_INFO_EXCEPTIONS}, end

    real, ours = both(cluster="name: C1")
    assert fields(ours) == fields(real)


ROUTE_CONNECT_ON_CLIENT_PORT = (
    b'CONNECT {"echo":true,"verbose":false,"pedantic":false,"tls_required":false,"headers":true,'
    b'"name":"NDAVEPHFLRTHHKHMFCGXW5VIRQDVQFGGXMNYGEQOZWKXXPHZ3AKAQQDC","cluster":"C1",'
    b'"lnoc":true,"ln":true}\r\n'
)


def test_route_on_the_client_port(both):
    """A member that dials a client port is just a client that soon says something unknown."""

    def run(server):
        peer = Speaker(server.address, read_info=True)
        peer.send(ROUTE_CONNECT_ON_CLIENT_PORT + b"PING\r\nRS+ $G a\r\nRMSG $G a 1\r\nx\r\n")
        peer.read_until_closed()
        return [peer]

    same(both(cluster="name: C1"), run)


@pytest.mark.parametrize("dialler", ["causeway", "nats-server"])
def test_server_that_dials_a_client_port(fleet, causeway, nats_server, dialler):
    """A route URL with the client port never becomes a route, and harms neither side."""
    ours, theirs = fleet.server(causeway, "ours"), fleet.server(nats_server, "theirs")
    from_, to = (ours, theirs) if dialler == "causeway" else (theirs, ours)
    from_.cluster = "  name: C1\n" + routes_text([f"nats://{LOOPBACK}:{to.port}"])
    to.cluster = "  name: C1"
    to.start()
    from_.start()
    # Three attempts, each closed by the one or the other.
    poll(lambda: to.json("/varz")["total_connections"] >= 3, "three attempts")
    # The dialler may show the attempt it is just making.
    poll(lambda: from_.routes() == [], "no route")
    assert to.routes() == []
    for server in (from_, to):
        with Speaker(server.address, read_info=True) as client:
            client.send(CONNECT + b"SUB a 1\r\nPUB a 1\r\nx\r\n")
            client.ping()
            assert b"MSG a 1 1\r\nx\r\n" in bytes(client.received)


@KINDS
def test_client_on_the_monitoring_port(fleet, binary, kind):
    """HTTP knows no CONNECT like ours: an HTTP error, the connection ends, monitoring goes on."""
    server = fleet.start(binary)
    with Speaker((LOOPBACK, server.http)) as client:
        client.send(CONNECT + b"PING\r\n\r\n")
        assert client.read_until_closed().startswith(b"HTTP/1.1 400 ")
    assert server.get("/healthz")[0] == 200


# ---------------------------------------------------------------------------------------------
# Never disturb another client


def bad_peers(server):
    """Ways to misbehave; each is done over and over while good clients work."""
    to_client, to_route = server.address, (LOOPBACK, server.cluster_port)

    def throw(data, address=to_client, ending="close"):
        def once():
            with Speaker(address) as peer:
                peer.sock.settimeout(1)
                peer.send(data)
                if ending == "rst":
                    peer.reset()
                elif ending == "read":
                    peer.read_until_closed(1)

        return once

    def connect_and_vanish():
        sock = socket.create_connection(to_client)
        sock.close()

    def hoard():
        peers = [Speaker(to_client) for _ in range(20)]
        for peer in peers:
            peer.send(QUIET + b"SUB > 1\r\n")
        for peer in peers:
            peer.reset()

    return {
        "noise": throw(bytes(range(256)) * 64, ending="read"),
        "noise on the route port": throw(bytes(range(256)) * 16, to_route, "read"),
        "oversize line": throw(b"SUB " + b"a" * 100000, ending="read"),
        "oversize payload": throw(QUIET + b"PUB a 100000000\r\n" + b"x" * 5000, ending="read"),
        "payload without an end": throw(QUIET + b"PUB good 10\r\n0123456789xx", ending="read"),
        "reset in a payload": throw(QUIET + b"PUB good 1000000\r\n" + b"x" * 50000, ending="rst"),
        "bad subjects": throw(QUIET + b"SUB a..b 1\r\nSUB .. 2\r\nPUB a..b 0\r\n\r\n"),
        "server talk": throw(QUIET + b"RMSG $G good 1\r\nx\r\n", ending="read"),
        "fake route": throw(ROUTE_CONNECT_ON_CLIENT_PORT + b"RS+ $G good\r\n", to_route, "rst"),
        "connect and vanish": connect_and_vanish,
        "deep JSON": throw(b'CONNECT {"a":' + b"[" * 3000 + b"\r\n", ending="read"),
        "greedy subscribers": hoard,
        "HTTP": throw(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789", ending="read"),
    }


@KINDS
def test_bad_peers_disturb_nobody(fleet, binary, kind):
    """While peers misbehave in every way, a good pair gets everything, once and in order."""
    server = fleet.start(binary, cluster="name: C1", options="max_payload: 1MB")
    stop, done, failures = threading.Event(), {}, []

    def hammer(label, misbehave):
        while not stop.is_set():
            try:
                misbehave()
                done[label] = done.get(label, 0) + 1
            except OSError:
                pass  # the server hung up first
            except Exception as error:  # reported below, in the main thread
                failures.append((label, error))
                return

    threads = [threading.Thread(target=hammer, args=item) for item in bad_peers(server).items()]
    listener = Speaker(server.address, read_info=True)
    listener.send(CONNECT + b"SUB good.data 1\r\n")
    listener.ping()
    publisher = Speaker(server.address, read_info=True)
    publisher.send(CONNECT)
    publisher.ping()
    listener.take()
    for thread in threads:
        thread.start()
    sent = 0
    try:
        # At least so many, and until every kind of bad peer has had several turns.
        while sent < 20000 or min([done.get(label, 0) for label in bad_peers(server)]) < 5:
            batch = range(sent, sent + 100)
            publisher.send(b"".join(b"PUB good.data 8\r\n%08d\r\n" % n for n in batch))
            publisher.ping()
            publisher.take()
            sent += 100
            assert not failures, failures
            assert sent < 5_000_000, f"some bad peer never gets its turn: {done}"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    expected = b"".join(b"MSG good.data 1 8\r\n%08d\r\n" % n for n in range(sent))
    listener.ping()
    got = bytes(listener.received).replace(b"PING\r\n", b"").replace(b"PONG\r\n", b"")
    assert got == expected
    assert server.alive and "panic" not in server.log
    listener.close()
    publisher.close()
    gone = lambda: server.json("/varz")["connections"] == 0
    poll(gone, lambda: f"bad peers to be let go: {server.json('/varz')['connections']}")
    poll(lambda: not server.routes(), "fake routes to be gone")


@KINDS
def test_bad_peers_do_not_break_routes(fleet, binary, kind):
    """The same noise on both members of a cluster: the route stays and carries everything."""
    one = fleet.server(binary, "one", cluster="  name: C1")
    two = fleet.server(binary, "two", cluster=f"  name: C1\n{routes_text([one.route_url])}")
    one.start()
    two.start()
    wait_mesh([one, two], 4)
    rids = {route["rid"] for route in two.routes()}
    with Speaker(two.address, read_info=True) as listener, Speaker(one.address, True) as publisher:
        listener.send(CONNECT + b"SUB far 1\r\n")
        listener.ping()
        listener.take()
        publisher.send(CONNECT)
        poll(lambda: ("far", "") in [(s, q) for s, q, _ in one.remote_interest()], "interest")
        for number in range(20):
            for server in (one, two):
                for label, misbehave in bad_peers(server).items():
                    if label != "greedy subscribers":
                        try:
                            misbehave()
                        except OSError:
                            pass
                publisher.send(b"PUB far 2\r\n%02d\r\n" % number)
                publisher.ping()
        listener.read_until(b"MSG far 1 2\r\n19\r\n", 2)
        got = bytes(listener.received).replace(b"PING\r\n", b"")
        assert got == b"".join((b"MSG far 1 2\r\n%02d\r\n" % n) * 2 for n in range(20))
    assert {route["rid"] for route in two.routes()} == rids, "no route was lost"
