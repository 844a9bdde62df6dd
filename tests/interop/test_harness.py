"""The tools that the other tests trust: a proxy that does nothing would prove nothing."""

import contextlib
import socket
import threading
import time

import pytest

from differential import Pair, side_by_side
from faultproxy import TO_DIALLER, TO_SERVER, FaultProxy
from harness import HarnessError, free_port, poll
from jetstream import comparable
from speaker import Speaker, random_pieces, single_bytes


class Echo:
    """A TCP server that sends back what it gets, and notes how each connection ended."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.ends = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.sock.accept()
                threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
                self.ends.append("fin")
            except ConnectionError:
                self.ends.append("rst")

    def close(self):
        self.sock.close()


@pytest.fixture
def echo(fleet):
    return fleet.keep(Echo())


@pytest.fixture
def proxy(fleet, echo):
    return fleet.keep(FaultProxy(echo.port))


@pytest.fixture
def client(fleet, proxy):
    """A connection through the proxy that has carried a message both ways."""
    client = fleet.keep(Speaker(("127.0.0.1", proxy.port)))
    client.send(b"hello")
    client.read_until(b"hello")
    client.take()
    return client


def test_forwards_and_records(proxy, client):
    body = bytes(range(256)) * 10000
    threading.Thread(target=client.send, args=[body], daemon=True).start()
    poll(lambda: client.read_until_quiet(0.05) == body, "the body")
    assert proxy.recorded(TO_SERVER) == proxy.recorded(TO_DIALLER) == b"hello" + body
    assert proxy.live == 1 and len(proxy.attempts) == 1


@pytest.mark.parametrize("rst", [True, False])
def test_cut(proxy, client, echo, rst):
    proxy.cut(rst)
    if rst:
        with pytest.raises(ConnectionError):
            while client.sock.recv(100):
                pass
    else:
        assert client.sock.recv(100) == b""
    poll(lambda: echo.ends == ["rst" if rst else "fin"], lambda: f"the end: {echo.ends}")
    assert proxy.live == 0


def test_refuse_reject_and_accept(proxy, client):
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        Speaker(("127.0.0.1", proxy.port))
    client.send(b"still here")
    client.read_until(b"still here")
    proxy.reject()
    with pytest.raises(ConnectionError):
        Speaker(("127.0.0.1", proxy.port)).sock.recv(1)
    assert len(proxy.attempts) == 2, "the refused one cannot be seen, the rejected one can"
    proxy.accept()
    with Speaker(("127.0.0.1", proxy.port)) as again:
        again.send(b"back")
        assert again.read_until(b"back") == b"back"


def test_down_and_up(proxy, client):
    proxy.down()
    assert client.read_until_closed() == b""
    with pytest.raises(ConnectionRefusedError):
        Speaker(("127.0.0.1", proxy.port))
    proxy.up()
    with Speaker(("127.0.0.1", proxy.port)) as again:
        again.send(b"back")
        assert again.read_until(b"back") == b"back"


@pytest.mark.parametrize("direction", [TO_SERVER, TO_DIALLER])
def test_delay(proxy, client, direction):
    proxy.delay(0.2, direction)
    begun = time.monotonic()
    for number in range(10):
        client.send(b"%d" % number)
    client.read_until(b"9")
    elapsed = time.monotonic() - begun
    assert elapsed >= 0.2, "not before the latency"
    assert elapsed < 1.5, "latency is not added up"
    assert client.take() == b"0123456789"


def test_stall_and_resume(proxy, client):
    proxy.stall()
    client.send(b"into the hole")
    assert client.read_until_quiet(0.2) == b"" and not client.closed
    fresh = Speaker(("127.0.0.1", proxy.port))
    fresh.send(b"me too")
    assert fresh.read_until_quiet(0.2) == b""
    proxy.resume()
    assert client.read_until(b"hole") == b"into the hole"
    assert fresh.read_until(b"too") == b"me too"
    fresh.close()


def test_stall_of_one_direction(proxy, client):
    proxy.stall(TO_DIALLER)
    client.send(b"there")
    poll(lambda: proxy.recorded(TO_SERVER).endswith(b"there"), "one direction to work")
    assert client.read_until_quiet(0.2) == b""
    proxy.resume()
    assert client.read_until(b"there") == b"there"


def test_half_open(proxy, client, echo):
    proxy.vanish(TO_SERVER)
    poll(lambda: echo.ends == ["rst"], "the server to lose the connection")
    client.send(b"anybody?")
    assert client.read_until_quiet(0.2) == b"" and not client.closed, "the dialler was not told"
    assert proxy.live == 0


def test_half_open_the_other_way(proxy, client, echo):
    proxy.vanish(TO_DIALLER)
    assert client.read_until_closed() == b""
    assert echo.ends == []


def test_half_close(proxy, client, echo):
    proxy.half_close(TO_SERVER)
    poll(lambda: echo.ends == ["fin"], "the server to see the end")


def test_ports_are_ours_alone():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_pieces_are_the_whole():
    data = bytes(range(256)) * 3
    assert b"".join(random_pieces(data, 1)) == b"".join(single_bytes(data)) == data
    assert random_pieces(data, 1) == random_pieces(data, 1) != random_pieces(data, 2)


def test_a_server_that_cannot_start_is_reported(fleet, causeway):
    server = fleet.server(causeway, options="bogus: 1")
    with pytest.raises(HarnessError, match="exited before"):
        server.start()


# ---- comparisons of transcripts


@pytest.fixture(scope="module")
def same_twice(tmp_path_factory, nats_server):
    """A pair of the real server and itself."""
    pair = Pair(tmp_path_factory.mktemp("same"), (nats_server, nats_server), "default")
    yield pair
    pair.close()


def test_comparison_of_the_same(same_twice):
    def script(js):
        js.stream("S")
        js.publish("s.a", b"x", Nats_TTL="1s")
        js.info("S")

    same_twice.compare(script)


@pytest.mark.parametrize(
    "difference",
    [
        lambda js, second: js.publish("s.a", b"more") if second else None,
        lambda js, second: js.publish("s.a", b"xy" if second else b"x"),
        lambda js, second: js.request("s.a", b"x") if second else None,
        lambda js, second: 1 // (not second),
    ],
    ids=["an exchange more", "another byte", "unnoted, but seen in the state", "an error"],
)
def test_comparison_finds_a_difference(same_twice, difference):
    def script(js):
        js.stream("S")
        difference(js, js.server is same_twice.servers[1])
        js.info("S")

    with pytest.raises(pytest.fail.Exception, match="differ"):
        same_twice.compare(script)
    for server in same_twice.servers:
        server.restart()  # the streams in memory go


def test_comparison_needs_the_reference(same_twice):
    def script(js):
        js.take(js.inbox()) if js.server is same_twice.servers[0] else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jetstream.REPLY_PATIENCE", 0.1)
        with pytest.raises(HarnessError, match="the reference cannot do this"):
            same_twice.compare(script)


def test_side_by_side_shows_where():
    shown = side_by_side(["same", "x" * 300 + "left"], ["same", "x" * 300 + "right", "more"])
    assert "2 lines of 2 differ" in shown
    for text in ("left", "right", "more", "same up to character 256"):
        assert text in shown


@pytest.mark.parametrize(
    "text, expected",
    [
        ('"created":"2999-01-01T00:00:00Z"', None),
        ('"pause_until":"0001-01-01T00:00:00Z"', None),
        ("$JS.ACK.S.C.1.2.3.1732780800000000001.4", "$JS.ACK.S.C.1.2.3.<time>.4"),
        ("$JS.ACK.S.C.1.2.3", None),
        ('"id":"ABCDEFGHIJKLMNOPQRSTUV"', '"id":"<id>"'),
        ('"active":-1', '"active":<ns>'),
        ('"active":12', '"active":<ns>'),
        ("Nats-Stream-Source: S 1 > > s.a AbCdEfGh\\r", "Nats-Stream-Source: S 1 > > s.a <identity>\\r"),
    ],
)
def test_comparable(text, expected):
    assert comparable(text) == (expected or text)


def test_comparable_times():
    """A time of this year is replaced, in the one form that Go prints it in: without zeros at its end."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    for fraction, replaced in (("", True), (".5", True), (".123456789", True), (".50", False), (".1234567891", False)):
        assert (comparable(f"{now}{fraction}Z") == "<time>") == replaced, fraction
