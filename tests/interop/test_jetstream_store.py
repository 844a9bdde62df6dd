"""What is left after a restart, a crash, and other troubles of the store.

Restarts are compared with the real server like everything else; crashes and what Causeway promises beyond it are tests of each
kind of server.
"""

import base64
import contextlib
import datetime
import json
import threading
import time

import pytest

from differential import differential, rows
from harness import HarnessError, NotBetter, poll
from jetstream import Connection, Side, jetstream_options

SECOND = 10**9
MS = 10**6
LONG = 30 * SECOND
# When a consumer was last used: after a restart nats-server has forgotten it.
LAST_ACTIVE = '"last_active":"<time>"'

# Acknowledged before a server is killed.
BEFORE_THE_KILL = 300
KINDS = pytest.mark.parametrize("kind", ["causeway", "nats-server"])


# ---- restarts


@differential
@pytest.mark.parametrize(
    "config",
    rows(
        ("plain", {}),
        ("compressed", {"compression": "s2"}),
        ("limited", {"max_msgs": 5, "max_msgs_per_subject": 3}),
        (
            "everything allowed",
            {
                "allow_rollup_hdrs": True,
                "allow_msg_ttl": True,
                "allow_direct": True,
                "allow_atomic": True,
            },
        ),
        ("async", {"persist_mode": "async"}),
        (
            "described",
            {
                "description": "<ü>",
                "metadata": {"a": "b"},
                "consumer_limits": {"max_ack_pending": 5},
            },
        ),
    ),
)
@pytest.mark.parametrize("sealed", [False, True], ids=["", "sealed"])
def test_stream_survives(js, config, sealed):
    js.stream("S", storage="file", **config)
    js.publish("s.a", b"payload", H="v", Nats_Msg_Id="id")
    js.fill("s.b", 6)
    js.publish("s.c", b"\x00\xff" * 500)
    js.api("STREAM.MSG.DELETE.S", {"seq": 3})
    js.api("STREAM.MSG.DELETE.S", {"seq": 8})
    js.update("S", storage="file", sealed=True, **config) if sealed else None
    js.restart()
    js.api("STREAM.NAMES")
    js.info("S", {"subjects_filter": ">", "deleted_details": True})
    for seq in range(1, 9):
        js.api("STREAM.MSG.GET.S", {"seq": seq})
    js.publish("s.a", b"again", Nats_Msg_Id="id")
    js.publish("s.a", b"next", Nats_Expected_Last_Sequence="8")
    js.info("S")


@differential
def test_memory_streams_go(js):
    js.stream("M")
    js.fill("m.a", 3)
    js.stream("F", storage="file")
    js.consumer("F", "M", mem_storage=True)
    js.consumer("F", "C")
    js.restart()
    js.api("STREAM.LIST")
    js.info("M")
    js.api("CONSUMER.NAMES.F")


@differential
def test_empty_streams_survive(js):
    """The next sequence number is as before, whatever was removed."""
    js.stream("S", storage="file")
    js.stream("T", storage="file", first_seq=100)
    js.stream("U", storage="file")
    js.fill("s.a", 5)
    js.api("STREAM.PURGE.S")
    js.fill("u.a", 3)
    for seq in (3, 2, 1):
        js.api("STREAM.MSG.DELETE.U", {"seq": seq})
    js.restart()
    for name in "STU":
        js.info(name)
        js.publish(f"{name.lower()}.a", b"x")
    js.restart()
    for name in "STU":
        js.info(name)


@differential
def test_deleted_streams_stay_away(js):
    js.stream("S", storage="file")
    js.fill("s.a", 3)
    js.consumer("S", "C")
    js.stream("T", storage="file")
    js.consumer("T", "C")
    js.consumer("T", "D")
    js.api("CONSUMER.DELETE.T.C")
    js.api("STREAM.DELETE.S")
    js.restart()
    js.api("STREAM.NAMES")
    js.api("CONSUMER.NAMES.T")
    js.stream("S", storage="file")


@differential
def test_consumer_survives(js):
    js.stream("S", storage="file")
    js.fill("s.a", 8)
    js.consumer("S", "C", ack_wait=LONG, max_deliver=5, description="d", metadata={"a": "b"})
    js.consumer("S", "N", ack_policy="none")
    js.consumer("S", "A", ack_policy="all")
    js.consumer("S", "P", deliver_subject="d.P", pause_until="2999-01-01T00:00:00Z")
    taken = js.take(js.pull("S", "C", b"5"), 5)
    for number in (0, 1, 3):
        js.ack(taken[number])
    js.ack(taken[2], b"-NAK")
    js.take(js.pull("S", "C"))
    js.take(js.pull("S", "N", b"2"), 2)
    taken = js.take(js.pull("S", "A", b"4"), 4)
    js.ack(taken[2])
    js.restart()
    js.hide(LAST_ACTIVE)
    for name in "CNAP":
        js.consumer_info("S", name)
        js.until_status(js.pull("S", name, {"batch": 2, "no_wait": True, "max_bytes": 10000}))
        js.consumer_info("S", name)


@differential
def test_work_queue_survives(js):
    js.stream("S", storage="file", retention="workqueue")
    js.fill("s.a", 4)
    js.consumer("S", "C")
    first, _, third = js.take(js.pull("S", "C", b"3"), 3)
    js.ack(first)
    js.ack(third)
    js.restart()
    js.hide(LAST_ACTIVE)
    js.info("S", {"deleted_details": True})
    js.consumer_info("S", "C")


@differential
def test_time_passes_while_stopped(js):
    """Ages, times to live and deadlines of acknowledgements end while nobody runs."""
    js.stream("A", storage="file", max_age=500 * MS)
    js.stream("T", storage="file", allow_msg_ttl=True)
    js.stream("W", storage="file")
    js.fill("w.a", 1)
    js.consumer("W", "C", ack_wait=300 * MS)
    js.fill("a.a", 2)
    js.publish("t.a", b"short", Nats_TTL="1s")
    js.publish("t.a", b"long", Nats_TTL="1h")
    js.take(js.pull("W", "C"))
    created = js.quiet_api("STREAM.INFO.T")["state"]["first_ts"]

    def until_over():
        # The clock of the stream says when, and no server is there to ask.
        end = datetime.datetime.fromisoformat(created[:26].rstrip("Z") + "+00:00").timestamp() + 1.2
        poll(lambda: time.time() > end, "the end of all deadlines")

    js.restart(meanwhile=until_over)
    for name in "AT":
        js.wait_stream(name, lambda s: s["messages"] <= 1, "what is over")
        js.info(name)
    js.take(js.pull("W", "C", {"batch": 1, "expires": LONG}))


@differential
def test_counter_and_batches_survive(js):
    js.stream("S", storage="file", allow_msg_counter=True, allow_direct=True)
    js.publish("s.a", b"", Nats_Incr="5")
    js.stream("B", storage="file", allow_atomic=True)
    for number, commit in ((1, None), (2, "1")):
        headers = {"Nats-Batch-Id": "whole", "Nats-Batch-Sequence": str(number)} | (
            {"Nats-Batch-Commit": commit} if commit else {}
        )
        js.ask("b.a", str(number).encode(), headers)
    js.ask("b.a", b"lost", {"Nats-Batch-Id": "open", "Nats-Batch-Sequence": "1"})
    js.restart()
    js.publish("s.a", b"", Nats_Incr="5")
    js.info("B")
    js.ask(
        "b.a",
        b"lost",
        {"Nats-Batch-Id": "open", "Nats-Batch-Sequence": "2", "Nats-Batch-Commit": "1"},
    )
    js.info("B")


@differential
@pytest.mark.parametrize("kill", [False, True])
def test_sourced_counters_survive(js, kill):
    """After a restart nothing is counted twice, and what was counted before is known."""
    names = {"A": ["a.>"], "B": ["b.>"], "S": ["s.>"]}
    sources = [{"name": name, "subject_transforms": [{"src": "*.*", "dest": "s.x"}]} for name in "AB"]
    for name, subjects in names.items():
        config = {"name": name, "subjects": subjects, "storage": "file", "allow_msg_counter": True}
        # nats-server lists sources in any order.
        js.quiet_api(f"STREAM.CREATE.{name}", config | ({"sources": sources} if name == "S" else {}))

    def add(subject, increment, last):
        js.publish(subject, b"", Nats_Incr=increment)
        js.wait_stream("S", lambda s: s["last_seq"] == last, f"message {last}")

    add("a.x", "1", 1)
    add("b.x", "20", 2)
    add("s.x", "300", 3)
    js.restart(kill=kill)
    js.wait_stream("S", lambda s: s["last_seq"] == 3, "what was there")
    add("b.x", "-3", 4)
    js.restart(kill=kill)
    add("s.x", "1000", 5)
    add("a.x", "5", 6)
    for seq in range(1, 7):
        js.api("STREAM.MSG.GET.S", {"seq": seq})


@differential
def test_schedule_survives(js):
    js.stream("S", storage="file", allow_msg_schedules=True)
    js.publish(
        "s.a", b"later", Nats_Schedule="@at 2199-01-01T00:00:00Z", Nats_Schedule_Target="s.x"
    )
    js.publish("s.b", b"often", Nats_Schedule="@every 1s", Nats_Schedule_Target="s.y")
    js.restart()
    js.wait_stream("S", lambda s: s["last_seq"] >= 3, "the schedule")
    js.api("STREAM.MSG.GET.S", {"seq": 1})
    js.api("STREAM.MSG.GET.S", {"seq": 3})


@differential
def test_mirror_and_source_survive(js):
    js.stream("O", storage="file")
    js.fill("o.a", 3)
    js.stream("M", storage="file", subjects=None, mirror={"name": "O"})
    js.stream("S", storage="file", subjects=None, sources=[{"name": "O"}])
    for name in "MS":
        js.wait_stream(name, lambda s: s["last_seq"] == 3, "three messages")
    js.restart()
    js.fill("o.a", 2)
    for name in "MS":
        js.wait_stream(name, lambda s: s["last_seq"] == 5, "five messages")
        for seq in range(1, 6):
            js.api(f"STREAM.MSG.GET.{name}", {"seq": seq})


@differential
def test_waiting_requests_are_told(js):
    js.stream("S")
    js.consumer("S", "C")
    inbox = js.pull("S", "C", {"batch": 5, "expires": LONG})
    js.consumer_info("S", "C", num_waiting=1)
    js.server.stop()
    js.until_status(inbox)
    js.restart()


# ---- crashes


@pytest.fixture
def stored(fleet, binary, jetstream, tmp_path):
    """A server of one kind with a store, and a side of it."""
    server = fleet.start(binary, options=jetstream_options(tmp_path / "store"))
    side = Side(server)
    yield side
    side.close()


class Publisher(threading.Thread):
    """Publishes one after the other as fast as acknowledgements come, until the server is gone."""

    def __init__(self, server, subject):
        super().__init__()
        self.subject = subject
        self.connection = Connection(server.address)
        self.answers = self.connection.subscribe("_ACK.*")
        self.sent = 0
        self.acked = {}  # number of the message -> its sequence

    def run(self):
        with contextlib.suppress(OSError, HarnessError, ValueError):
            while True:
                self.sent += 1
                self.connection.publish(
                    self.subject, payload(self.sent), "_ACK.1", {"Nats-Msg-Id": str(self.sent)}
                )
                self.acked[self.sent] = self.connection.take(
                    self.answers, "an acknowledgement"
                ).json["seq"]


def payload(number):
    return f"message {number} ".encode() * (1 + number % 40)


@KINDS
def test_kill_while_publishing(stored, kind):
    """What was acknowledged before a kill is there after it, as it was; what was not is there once or not at all."""
    for kill in range(3):
        name = f"S{kill}"
        stored.quiet_api(f"STREAM.CREATE.{name}", {"name": name, "storage": "file"})
        publisher = Publisher(stored.server, name)
        publisher.start()
        poll(
            lambda: len(publisher.acked) >= BEFORE_THE_KILL or not publisher.is_alive(),
            "acknowledgements",
        )
        assert publisher.is_alive(), "the publisher ended before the kill"
        stored.restart(kill=True)
        publisher.join()
        publisher.connection.close()
        last = max(publisher.acked)
        assert list(publisher.acked.values()) == list(range(1, last + 1))
        state = stored.quiet_api(f"STREAM.INFO.{name}")["state"]
        assert state["last_seq"] in (last, last + 1), (last, state)
        assert state["messages"] == state["last_seq"], state
        for seq in range(1, state["last_seq"] + 1):
            got = stored.quiet_api(f"STREAM.MSG.GET.{name}", {"seq": seq})["message"]["data"]
            assert base64.b64decode(got) == payload(seq), (seq, got)
        # The one that was not acknowledged, again: a duplicate if it had been stored.
        stored.request(name, payload(last + 1), {"Nats-Msg-Id": str(last + 1)})
        assert stored.quiet_api(f"STREAM.INFO.{name}")["state"]["last_seq"] == last + 1


@KINDS
def test_kill_after_changes(stored, kind):
    """Deletes, purges and configurations that were answered hold after a kill."""
    stored.quiet_api("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "storage": "file"})
    for number in range(1, 21):
        stored.request(f"s.{number % 2}", payload(number))
    stored.quiet_api("STREAM.MSG.DELETE.S", {"seq": 7})
    stored.quiet_api("STREAM.PURGE.S", {"seq": 4})
    stored.quiet_api("STREAM.PURGE.S", {"filter": "s.0", "keep": 2})
    stored.quiet_api(
        "STREAM.UPDATE.S", {"name": "S", "subjects": ["s.>"], "storage": "file", "max_msgs": 10}
    )
    before = stored.quiet_api("STREAM.INFO.S", {"deleted_details": True, "subjects_filter": ">"})
    stored.restart(kill=True)
    after = stored.quiet_api("STREAM.INFO.S", {"deleted_details": True, "subjects_filter": ">"})
    for part in ("config", "state"):
        assert json.dumps(after[part], sort_keys=True) == json.dumps(before[part], sort_keys=True)
    assert stored.request("s.a", b"x").json["seq"] == before["state"]["last_seq"] + 1


@KINDS
@pytest.mark.better_than_nats(
    luck="nats-server writes the state of consumers some time after it has answered"
)
def test_kill_after_acks(stored, kind):
    """An acknowledgement that was answered is not forgotten by a kill."""
    stored.quiet_api("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "storage": "file"})
    for number in range(1, 21):
        stored.request("s.a", payload(number))
    stored.consumer("S", "C", ack_wait=LONG)
    for message in stored.take(stored.pull("S", "C", b"10"), 10):
        stored.ack(message)
    stored.restart(kill=True)
    info = stored.quiet_api("CONSUMER.INFO.S.C")
    if (info["ack_floor"]["stream_seq"], info["num_ack_pending"], info["num_pending"]) != (
        10,
        0,
        10,
    ):
        raise NotBetter(f"after ten answered acknowledgements: {info}")


# ---- the store directory


@KINDS
def test_log_lines_that_tools_read(fleet, binary, jetstream, tmp_path, kind):
    """The test suites of clients find the store directory of a server in its log."""
    server = fleet.server(binary, args=["-js", "-sd", str(tmp_path / "store")])
    server.start()
    for text in (
        "Starting JetStream",
        "Store Directory:",
        str(tmp_path / "store"),
        "Listening for client connections on ",
    ):
        assert text in server.log, server.log
    assert f'"{tmp_path / "store"}' in server.log


@KINDS
def test_store_that_is_a_file(fleet, binary, jetstream, tmp_path, kind):
    """A server whose store cannot be made ends, and says why."""
    (tmp_path / "store").write_text("in the way")
    server = fleet.server(binary, options=jetstream_options(tmp_path / "store"))
    server.start(wait=False)
    assert server.wait_exit() == 1
    assert "Can't start JetStream: storage directory is not a directory" in server.log_tail()


@KINDS
@pytest.mark.better_than_nats
def test_two_servers_on_one_store(fleet, binary, jetstream, tmp_path, kind):
    """A second server on the same store is refused; the first goes on."""
    first = fleet.start(binary, options=jetstream_options(tmp_path / "store"))
    side = Side(first)
    side.quiet_api("STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "storage": "file"})
    second = fleet.server(binary, options=jetstream_options(tmp_path / "store"))
    second.start(wait=False)
    poll(lambda: not second.alive or "Server is ready" in second.log, "the second server")
    if second.alive:
        raise NotBetter("two servers write to one store")
    assert second.wait_exit() == 1
    assert str(tmp_path / "store") in second.log, second.log
    assert side.request("s.a", b"x").json["seq"] == 1
    side.close()
    # The lock goes with its holder, even with one that is killed.
    first.kill()
    third = fleet.start(binary, options=jetstream_options(tmp_path / "store"))
    with contextlib.closing(Side(third)) as side:
        assert side.quiet_api("STREAM.INFO.S")["state"]["messages"] == 1
