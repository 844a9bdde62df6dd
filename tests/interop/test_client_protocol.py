"""The client port, byte for byte: the same script to the real server and to ours.

The scripts are in client_scripts.py. Each is sent whole, one byte at a time, and in random pieces;
the answers are compared after replacing ids, ports and nonces. What needs more than one
connection, time or a full table is in test_client_limits.py.
"""

import concurrent.futures
import zlib

import pytest

from client_scripts import STRICTER, TABLES, WHY_STRICTER
from harness import Fleet, NotBetter
from speaker import Speaker, random_pieces, single_bytes, whole
from transcript import difference, normalise

# Between single bytes, so that the server reads most of them one by one.
PAUSE = 0.00005
# Longer scripts are not sent byte by byte: their point is size, and it would take minutes.
SINGLE_BYTES_MOST = 1500


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory, nats_server, causeway):
    """The real server and ours, both with the configuration of the table asked for."""
    fleet = Fleet(tmp_path_factory.mktemp(request.param))
    options = TABLES[request.param][0]
    real = fleet.start(nats_server, "same-name", options=options)
    ours = fleet.start(causeway, "same-name", options=options)
    yield real, ours
    assert real.alive and ours.alive, fleet.report()
    fleet.close()


def pytest_generate_tests(metafunc):
    """One test per script and way of cutting it, in the table that it belongs to."""
    if "script" in metafunc.fixturenames:
        params = []
        for table, (_, scripts) in TABLES.items():
            for script in scripts:
                for cut in ("whole", "bytes", "pieces"):
                    if cut != "bytes" or len(script.send) <= SINGLE_BYTES_MOST:
                        marks = [pytest.mark.xdist_group(table)]
                        if script.cut_matters and cut != "whole":
                            marks.append(pytest.mark.better_than_nats(luck=script.cut_matters))
                        name = f"{script.name}-{cut}".replace("\\", "/")
                        params.append(pytest.param(table, script, cut, id=name, marks=marks))
        metafunc.parametrize(("pair", "script", "cut"), params, indirect=["pair"], scope="module")


def pieces(data, cut):
    if cut == "whole":
        return whole(data)
    if cut == "bytes":
        return single_bytes(data)
    return random_pieces(data, seed=zlib.crc32(data))


def answer(server, script, cut):
    """Runs a script; returns (what came back, whether the server closed)."""
    tail = b"PING\r\nPING\r\n" if script.tail == "ping" else b""
    with Speaker(server.address) as speaker:
        speaker.read_until(b"\r\n")
        speaker.send_pieces(pieces(script.send + tail, cut), 0 if cut == "whole" else PAUSE)
        if script.tail == "ping":
            speaker.read_until(b"PONG\r\n", script.pongs + 2)
        elif script.tail == "fin":
            speaker.finish()
            speaker.read_until_closed()
        else:
            speaker.read_until_quiet()
        return bytes(speaker.received), speaker.closed


def test_same_answer(pair, script, cut):
    real, ours = pair
    own_whole = script.cut_matters and cut != "whole"
    reference = (ours, script, "whole") if own_whole else (real, script, cut)
    # Two at once on one server could get each other's messages: then one after the other.
    with concurrent.futures.ThreadPoolExecutor(1 if own_whole else 2) as both:
        futures = [both.submit(answer, *run) for run in (reference, (ours, script, cut))]
        (expected, expected_closed), (got, got_closed) = [f.result() for f in futures]
    expected_lines, got_lines = normalise(expected), normalise(got)
    if own_whole:
        if (got_lines, got_closed) != (expected_lines, expected_closed):
            raise NotBetter(f"the answer depends on the cut: {expected!r} or {got!r}")
        return
    assert got_lines == expected_lines, difference(expected_lines, got_lines)
    closing = {True: "closed the connection", False: "left the connection open"}
    assert got_closed == expected_closed, (
        f"nats-server {closing[expected_closed]}, causeway {closing[got_closed]}\nafter {got!r}"
    )


@pytest.fixture(scope="module")
def one(kind, tmp_path_factory, nats_server, causeway):
    """A server of one kind."""
    fleet = Fleet(tmp_path_factory.mktemp(kind))
    server = fleet.start(causeway if kind == "causeway" else nats_server)
    yield server
    assert server.alive, fleet.report()
    fleet.close()


@pytest.mark.better_than_nats
@pytest.mark.parametrize("refused", STRICTER, ids=lambda refused: refused.name)
@pytest.mark.parametrize("kind", ["causeway", "nats-server"], scope="module")
def test_refuses_what_nats_takes(one, kind, refused):
    """Lines without end and line ends inside of lines end the connection, however they are cut."""
    # What the real server makes of a carriage return inside a line depends on the cut.
    for cut in ("whole",) if kind == "nats-server" else ("whole", "pieces"):
        with Speaker(one.address, read_info=True) as speaker:
            speaker.take()
            speaker.send_pieces(pieces(refused.send + b"PING\r\n", cut), PAUSE)
            speaker.read_until(b"PONG\r\n")
            if (bytes(speaker.received), speaker.closed) != (refused.answer, True):
                raise NotBetter(f"{WHY_STRICTER[refused.why]}: {bytes(speaker.received)!r}")
