"""Copies of streams: `STREAM.SNAPSHOT` and `STREAM.RESTORE`, compared with the real server, and from one to the other."""

import dataclasses
import json
import random

import pytest

import harness
from differential import differential
from jetstream import API, Side, jetstream_options

STORAGES = pytest.mark.parametrize("storage", ["memory", "file"])
LONG = 10**15
BINARIES = {"causeway": harness.causeway, "nats-server": harness.nats_server}


def snapshot(js, stream, ack=True, **options):
    """Asks for a copy; the answer as JSON, and the bytes. The end is noted."""
    inbox = js.inbox()
    answer = js.api(f"STREAM.SNAPSHOT.{stream}", {"deliver_subject": inbox.subject} | options)
    data = b""
    while True:
        chunk = js.connection.take(inbox, "a chunk")
        if not chunk.payload:
            js.note("< end", chunk.head if chunk.status != 204 else b"")
            return answer, data
        data += chunk.payload
        if ack and chunk.reply:
            js.connection.publish(chunk.reply)


def restore(js, stream, copy, size=64 << 10, **config):
    """Sends a copy back; the last answer as JSON. Only that is noted, and answers that are not empty."""
    answer, data = copy
    body = {"config": answer["config"] | config, "state": answer["state"]}
    begun = js.request(f"{API}STREAM.RESTORE.{stream}", json.dumps(body).encode()).json
    for at in range(0, len(data), size):
        reply = js.request(begun["deliver_subject"], data[at : at + size])
        if reply.payload:
            js.note("< chunk", dataclasses.replace(reply, subject="reply"))
            return reply.json
    final = js.request(begun["deliver_subject"], b"")
    js.note("< end", dataclasses.replace(final, subject="reply"))
    return final.json


def fill(js, storage):
    """A stream with a bit of everything."""
    js.stream("S", storage=storage, allow_msg_ttl=True, allow_direct=True)
    js.fill("s.a", 3)
    js.publish("s.b", b"with header", Nats_Msg_Id="id", Mine="x")
    js.publish("s.b", b"for a while", Nats_TTL="1h")
    js.publish("s.c", b"x" * 300_000)
    js.fill("s.d", 3)
    js.api("STREAM.MSG.DELETE.S", {"seq": 2})
    js.api("STREAM.MSG.DELETE.S", {"seq": 9})
    js.consumer("S", "C", ack_wait=LONG)
    js.consumer("S", "ALL", ack_policy="all", filter_subject="s.a")
    inbox = js.pull("S", "C", {"batch": 4})
    messages = js.take(inbox, 4)
    js.ack(messages[0])
    js.ack(messages[2])
    js.pull("S", "ALL", {"batch": 1}, inbox)
    js.take(inbox)
    js.consumer_info("S", "C", num_ack_pending=2)


def look(js):
    """Everything that is to be as it was."""
    js.state("S")
    js.content("S", 9)
    for name in ("C", "ALL"):
        info = js.quiet_api(f"CONSUMER.INFO.S.{name}")
        # The real server's copies do not say when that was.
        for position in (info["delivered"], info["ack_floor"]):
            position.pop("last_active", None)
        js.note("<", info)


def use(js):
    """It goes on where it was."""
    js.publish("s.e", b"new")
    inbox = js.pull("S", "C", {"batch": 9, "no_wait": True})
    js.until_status(inbox, 404, 408)


@differential
@STORAGES
def test_snapshot_and_restore(js, storage):
    fill(js, storage)
    copy = snapshot(js, "S", chunk_size=4096)
    look(js)
    js.api("STREAM.DELETE.S")
    restore(js, "S", copy)
    look(js)
    use(js)


@differential
def test_without_consumers(js):
    fill(js, "memory")
    copy = snapshot(js, "S", no_consumers=True)
    js.api("STREAM.DELETE.S")
    restore(js, "S", copy)
    js.state("S")
    js.api("CONSUMER.NAMES.S")


@differential
@STORAGES
def test_empty_stream(js, storage):
    js.stream("S", storage=storage)
    js.fill("s.a", 5)
    js.api("STREAM.PURGE.S")
    copy = snapshot(js, "S")
    js.api("STREAM.DELETE.S")
    restore(js, "S", copy)
    js.state("S")
    js.publish("s.a", b"6")


@differential
def test_refused(js):
    js.stream("S")
    js.fill("s.a", 2)
    copy = snapshot(js, "S")
    js.api("STREAM.SNAPSHOT.S")
    js.api("STREAM.SNAPSHOT.S", {"deliver_subject": ""})
    js.api("STREAM.SNAPSHOT.S", {"deliver_subject": "x.*"})
    js.api("STREAM.SNAPSHOT.T", {"deliver_subject": "x"})
    js.api("STREAM.RESTORE.S", {"config": copy[0]["config"], "state": copy[0]["state"]})
    js.api("STREAM.RESTORE.T", {"config": copy[0]["config"], "state": copy[0]["state"]})
    js.api("STREAM.RESTORE.S")


@differential
def test_nobody_acknowledges(js):
    js.stream("S")
    # It cannot be packed into one chunk.
    js.publish("s.a", random.Random(1).randbytes(100_000))
    snapshot(js, "S", ack=False, chunk_size=1024, window_size=2048)
    js.state("S")


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize(
    "damage, text",
    [
        (lambda data: b"no archive at all, and not packed either", "not packed with S2"),
        (lambda data: data[:100] + b"\xff" + data[101:], "damaged"),
        (lambda data: data[: len(data) // 2], "truncated"),
    ],
    ids=["something else", "damaged", "cut off"],
)
def test_what_cannot_be_read(fleet, jetstream, tmp_path, damage, text, size):
    """Nothing is left of it, and why is said."""
    options = jetstream_options(tmp_path / "store")
    js = Side(fleet.start(harness.causeway(), "a", options=options))
    js.stream("S", storage="file")
    js.fill("s.a", 50)
    answer, data = snapshot(js, "S")
    js.api("STREAM.DELETE.S")
    final = restore(js, "S", (answer, damage(data)), size)
    assert text in final["error"]["description"], final
    assert final["error"]["err_code"] == 10062
    assert js.api("STREAM.NAMES")["streams"] is None
    js.stream("S", storage="file")
    js.publish("s.a", b"1")
    assert js.info("S")["state"]["last_seq"] == 1
    js.close()


@STORAGES
@pytest.mark.parametrize("origin", ["causeway", "nats-server"])
@pytest.mark.parametrize("target", ["causeway", "nats-server"])
def test_from_one_server_to_another(fleet, jetstream, tmp_path, origin, target, storage):
    """The target says and does what the origin would."""
    sides = []
    for name, kind in (("origin", origin), ("target", target)):
        options = jetstream_options(tmp_path / name)
        sides.append(Side(fleet.start(BINARIES[kind](), "same-name", options=options)))
    before, after = sides
    fill(before, storage)
    copy = snapshot(before, "S")
    restore(after, "S", copy)
    before.lines, after.lines, after.names = [], [], before.names
    after.inboxes = before.inboxes
    for side in sides:
        look(side)
        use(side)
    assert before.lines == after.lines
    for side in sides:
        side.close()


def test_a_restore_that_is_cut_off_leaves_nothing(fleet, jetstream, tmp_path):
    """The server is killed while a copy comes in."""
    options = jetstream_options(tmp_path / "store")
    js = Side(fleet.start(harness.causeway(), "a", options=options))
    js.stream("S", storage="file")
    js.fill("s.a", 500)
    answer, data = snapshot(js, "S")
    js.api("STREAM.DELETE.S")
    body = {"config": answer["config"], "state": answer["state"]}
    begun = js.request(f"{API}STREAM.RESTORE.S", json.dumps(body).encode()).json
    js.request(begun["deliver_subject"], data[: len(data) - 10])
    assert js.api("STREAM.NAMES")["streams"] is None
    js.restart(kill=True)
    assert js.api("STREAM.NAMES")["streams"] is None
    restore(js, "S", (answer, data))
    assert js.info("S")["state"]["messages"] == 500
    js.restart(kill=True)
    assert js.info("S")["state"]["messages"] == 500
    js.close()


def test_ids_are_known_after_a_restore(fleet, jetstream, tmp_path):
    """What was published before a copy is still recognised (not so with nats-server 2.15.1)."""
    options = jetstream_options(tmp_path / "store")
    js = Side(fleet.start(harness.causeway(), "a", options=options))
    js.stream("S", storage="file")
    js.publish("s.a", b"1", Nats_Msg_Id="id")
    copy = snapshot(js, "S")
    js.api("STREAM.DELETE.S")
    restore(js, "S", copy)
    assert js.publish("s.a", b"1", Nats_Msg_Id="id").json == {"stream": "S", "seq": 1, "duplicate": True}
    js.close()
