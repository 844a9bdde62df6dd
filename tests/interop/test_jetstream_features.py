"""Features that headers of messages ask for: times to live, counters, batches, schedules; compared with the real server."""

import pytest

from differential import differential, rows

STORAGES = pytest.mark.parametrize("storage", ["memory", "file"])


# ---- time to live, and markers


@differential
@pytest.mark.parametrize(
    "value",
    [
        "1",
        "1s",
        "60",
        "1h",
        "1h2m3s",
        "1500ms",
        "0",
        "0s",
        "500ms",
        "-1",
        "-1s",
        "never",
        "NEVER",
        "",
        "1.5",
        "1d",
        "x",
        "1us",
    ],
    ids=repr,
)
def test_ttl_values(js, value):
    js.stream("S", allow_msg_ttl=True)
    js.publish("s.a", b"1", Nats_TTL=value)
    js.publish("s.b", b"2", Nats_TTL=value)
    js.update("S", allow_msg_ttl=True, max_age=10**12)
    js.info("S")


@differential
@STORAGES
def test_ttl(js, storage):
    js.stream("S", storage=storage, allow_msg_ttl=True, max_age=1500 * 10**6)
    js.publish("s.a", b"short", Nats_TTL="1s")
    js.publish("s.a", b"by age")
    js.publish("s.b", b"kept", Nats_TTL="never")
    js.publish("s.c", b"long", Nats_TTL="1h")
    js.wait_stream("S", lambda s: s["messages"] == 1, "the end of all messages but one")
    js.state("S")
    js.content("S", 4)


# Where many messages of a subject are kept, none lives for less than a marker would.
MARKERS = rows(
    ("one per subject", {"subject_delete_marker_ttl": 10**10, "max_msgs_per_subject": 1}, 6),
    ("many", {"subject_delete_marker_ttl": 2 * 10**9}, 5),
)


@differential
@STORAGES
@pytest.mark.parametrize("config, last", MARKERS)
def test_markers(js, storage, config, last):
    js.stream("S", storage=storage, allow_msg_ttl=True, **config)
    js.publish("s.a", b"1", Nats_TTL="1s")
    js.publish("s.b", b"2", Nats_TTL="never")
    js.publish("s.c", b"3")
    js.publish("s.b", b"4", Nats_TTL="1")
    js.api("STREAM.MSG.DELETE.S", {"seq": 3})
    js.wait_stream("S", lambda s: s["last_seq"] == last and s["messages"] == 2, "the markers")
    js.content("S", last)


@differential
def test_markers_of_age(js):
    js.stream("S", subject_delete_marker_ttl=10**9, max_age=10**9)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, ack_policy="none")
    for payload in (b"1", b"2"):
        js.publish("s.a", payload)
        js.take(inbox)
    js.take(inbox)
    js.wait_stream("S", lambda s: s["messages"] == 0, "the end of the marker")
    js.info("S")


# ---- counters


@differential
@STORAGES
def test_counter(js, storage):
    js.stream("S", storage=storage, allow_msg_counter=True, allow_direct=True)
    for value in (
        "1",
        "+2",
        "-5",
        "0",
        "99999999999999999999999999",
        "-0",
        "01",
        "1.5",
        "x",
        "",
        "+",
        " 1",
        "1 ",
    ):
        js.publish("s.a", b"", Nats_Incr=value)
    js.publish("s.a", b"payload", Nats_Incr="1")
    js.publish("s.a", b"")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Msg_Id="1")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Msg_Id="1")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Rollup="sub")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Expected_Last_Subject_Sequence="99")
    js.content("S", 8)
    js.api("STREAM.MSG.DELETE.S", {"seq": 6})
    js.publish("s.a", b"", Nats_Incr="1")
    js.state("S")


# ---- atomic batches


def batch(js, identifier, *messages, commit=None, commit_value="1"):
    """Publishes a batch; every message is asked, since members are answered, too."""
    for number, (subject, payload, *headers) in enumerate(messages, 1):
        named = {
            "Nats-Batch-Id": identifier,
            "Nats-Batch-Sequence": str(number),
            **(headers[0] if headers else {}),
        }
        if commit == number:
            named["Nats-Batch-Commit"] = commit_value
        js.ask(subject, payload, named)


@differential
@STORAGES
def test_atomic_batch(js, storage):
    js.stream("S", storage=storage, allow_atomic=True, allow_direct=True)
    js.publish("s.x", b"before")
    batch(js, "one", ("s.a", b"1"), ("s.b", b"2"), ("s.a", b"3"), commit=3)
    js.state("S")
    batch(
        js,
        "eob",
        ("s.a", b"4"),
        ("s.a", b"5"),
        ("s.a", b"not stored"),
        commit=3,
        commit_value="eob",
    )
    batch(js, "single", ("s.a", b"6"), commit=1)
    batch(js, "single eob", ("s.a", b"none"), commit=1, commit_value="eob")
    batch(js, "bad commit", ("s.a", b"6"), ("s.a", b"7"), commit=2, commit_value="2")
    batch(js, "bad commit", ("s.a", b"6"), ("s.a", b"7"), commit=2)
    js.content("S", 9)
    js.state("S")


@differential
@pytest.mark.parametrize(
    "headers",
    rows(
        ("no sequence", {"Nats-Batch-Id": "b"}),
        ("sequence 0", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "0"}),
        ("sequence 2", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "2"}),
        ("bad sequence", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "x"}),
        ("long id", {"Nats-Batch-Id": "b" * 65, "Nats-Batch-Sequence": "1"}),
        ("longest id", {"Nats-Batch-Id": "b" * 64, "Nats-Batch-Sequence": "1"}),
        ("empty id", {"Nats-Batch-Id": "", "Nats-Batch-Sequence": "1"}),
        ("sequence without id", {"Nats-Batch-Sequence": "1"}),
        ("commit without id", {"Nats-Batch-Commit": "1"}),
        ("last id", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1",
                     "Nats-Expected-Last-Msg-Id": "x"}),
        ("level", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Required-Api-Level": "99"}),
    ),
)  # fmt: skip
def test_atomic_batch_headers(js, headers):
    js.stream("S", allow_atomic=True)
    js.stream("N")
    js.ask("s.a", b"1", headers)
    js.ask("n.a", b"1", headers)
    js.ask(
        "s.a", b"2", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "2", "Nats-Batch-Commit": "1"}
    )
    js.state("S")


@differential
@pytest.mark.parametrize(
    "second",
    rows(
        ("gap", {"Nats-Batch-Sequence": "3"}),
        ("again", {"Nats-Batch-Sequence": "1"}),
        ("last sequence", {"Nats-Expected-Last-Sequence": "1"}),
        ("subject sequence", {"Nats-Expected-Last-Subject-Sequence": "99"}),
        ("subject sequence in batch", {"Nats-Expected-Last-Subject-Sequence": "2"}),
        ("duplicate", {"Nats-Msg-Id": "before"}),
        ("duplicate in batch", {"Nats-Msg-Id": "in batch"}),
        ("rollup", {"Nats-Rollup": "sub"}),
        ("ttl", {"Nats-TTL": "1h"}),
        ("other stream", {"Nats-Expected-Stream": "OTHER"}),
        ("increment", {"Nats-Incr": "1"}),
    ),
)
def test_atomic_batch_members(js, second):
    """The second message of a batch has something special."""
    js.stream("S", allow_atomic=True)
    js.publish("s.a", b"before", Nats_Msg_Id="before")
    batch(
        js,
        "b",
        ("s.a", b"1", {"Nats-Msg-Id": "in batch"}),
        ("s.a", b"2", second),
        ("s.a", b"3"),
        commit=3,
    )
    js.state("S")


@differential
def test_atomic_batch_of_too_many(js):
    js.stream("S", allow_atomic=True)
    inbox = js.inbox("$JS.EVENT.ADVISORY.STREAM.BATCH_ABANDONED.>")
    for number in range(1, 1003):
        headers = {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": str(number)}
        answer = js.request("s.a", b"", headers)
        if number in (1, 999, 1000, 1001, 1002):
            js.note(number, answer.head, answer.payload)
    for number in range(51):
        answer = js.request(
            "s.a", b"", {"Nats-Batch-Id": f"many-{number}", "Nats-Batch-Sequence": "1"}
        )
        if number > 48:
            js.note(number, answer.head, answer.payload)
    js.take(inbox)
    js.info("S")


@differential
@STORAGES
def test_atomic_batch_over_limits(js, storage):
    js.stream("S", storage=storage, allow_atomic=True, discard="new", max_msgs=2)
    batch(js, "b", ("s.a", b"1"), ("s.a", b"2"), ("s.a", b"3"), commit=3)
    js.state("S")
    js.update("S", storage=storage, allow_atomic=True, max_msgs=2)
    batch(js, "c", ("s.a", b"1"), ("s.a", b"2"), ("s.a", b"3"), commit=3)
    js.state("S")


# ---- fast batches


def fast(
    js,
    inbox,
    number,
    operation,
    subject="s.a",
    payload=b"x",
    flow=2,
    gap="fail",
    headers=None,
    identifier="id",
):
    """Publishes one message of a fast batch."""
    reply = f"{inbox.subject[:-2]}.{identifier}.{flow}.{gap}.{number}.{operation}.$FI"
    js.note("fast", subject, reply, payload)
    js.connection.publish(subject, payload, reply, headers)


@differential
@STORAGES
@pytest.mark.parametrize("gap", ["ok", "fail"])
def test_fast_batch(js, storage, gap):
    js.stream("S", storage=storage, allow_batched=True)
    inbox = js.inbox("fast.>")
    fast(js, inbox, 1, 0, gap=gap)
    js.take(inbox)
    for number in range(2, 6):
        fast(js, inbox, number, 1, gap=gap)
    fast(js, inbox, 6, 2, gap=gap)
    while "batch" not in js.take(inbox)[0].json:
        pass
    js.state("S")
    js.nothing(inbox)


@differential
@pytest.mark.parametrize("gap", ["ok", "fail"])
def test_fast_batch_with_a_gap(js, gap):
    js.stream("S", allow_batched=True)
    inbox = js.inbox("fast.>")
    fast(js, inbox, 1, 0, gap=gap)
    js.take(inbox)
    fast(js, inbox, 4, 1, gap=gap)
    js.take(inbox)
    fast(js, inbox, 5, 3, gap=gap)
    js.take(inbox, 2)
    js.state("S")


@differential
@pytest.mark.parametrize(
    "number, operation, flow, gap",
    rows(
        ("not started", 2, 1, 2, "fail"),
        ("start at 2", 2, 0, 2, "fail"),
        ("commit at once", 1, 2, 2, "fail"),
        ("end at once", 1, 3, 2, "fail"),
        ("ping at once", 1, 4, 2, "fail"),
        ("flow 0", 1, 0, 0, "fail"),
        ("bad gap", 1, 0, 2, "maybe"),
        ("bad operation", 1, 9, 2, "fail"),
        ("bad flow", 1, 0, "x", "fail"),
    ),
)  # fmt: skip
def test_fast_batch_refused(js, number, operation, flow, gap):
    js.stream("S", allow_batched=True)
    js.stream("N")
    for subject in ("s.a", "n.a"):
        inbox = js.inbox(f"fast.{subject}.>")
        fast(js, inbox, number, operation, subject, flow=flow, gap=gap)
        js.take(inbox)
    js.state("S")


# ---- schedules


@differential
@pytest.mark.parametrize(
    "headers",
    rows(
        ("at", {"Nats-Schedule": "@at 2999-01-01T00:00:00Z", "Nats-Schedule-Target": "s.x"}),
        ("every", {"Nats-Schedule": "@every 1h", "Nats-Schedule-Target": "s.x"}),
        ("every short", {"Nats-Schedule": "@every 10ms", "Nats-Schedule-Target": "s.x"}),
        ("cron", {"Nats-Schedule": "0 0 0 1 1 *", "Nats-Schedule-Target": "s.x"}),
        ("cron of five", {"Nats-Schedule": "0 0 1 1 *", "Nats-Schedule-Target": "s.x"}),
        ("hourly", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x"}),
        ("zone", {"Nats-Schedule": "@daily", "Nats-Schedule-Target": "s.x", "Nats-Schedule-Time-Zone": "Europe/London"}),
        ("bad zone", {"Nats-Schedule": "@daily", "Nats-Schedule-Target": "s.x", "Nats-Schedule-Time-Zone": "Mars"}),
        ("zone of at", {"Nats-Schedule": "@at 2999-01-01T00:00:00Z", "Nats-Schedule-Target": "s.x",
                        "Nats-Schedule-Time-Zone": "Europe/London"}),
        ("no target", {"Nats-Schedule": "@hourly"}),
        ("target is itself", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.a"}),
        ("target outside", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "x"}),
        ("target with wildcard", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.*"}),
        ("bad target", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s..x"}),
        ("source", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x", "Nats-Schedule-Source": "s.y"}),
        ("bad source", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x", "Nats-Schedule-Source": "s.*"}),
        ("ttl", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x", "Nats-Schedule-TTL": "1h"}),
        ("bad ttl", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x", "Nats-Schedule-TTL": "soon"}),
        ("rollup", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x", "Nats-Schedule-Rollup": "sub"}),
        ("bad rollup", {"Nats-Schedule": "@hourly", "Nats-Schedule-Target": "s.x", "Nats-Schedule-Rollup": "some"}),
        ("bad", {"Nats-Schedule": "tomorrow", "Nats-Schedule-Target": "s.x"}),
        ("next without scheduler", {"Nats-Schedule-Next": "purge"}),
        ("cancel", {"Nats-Schedule-Next": "purge", "Nats-Scheduler": "s.other"}),
        ("cancel itself", {"Nats-Schedule-Next": "purge", "Nats-Scheduler": "s.a"}),
    ),
)  # fmt: skip
def test_schedule_headers(js, headers):
    for ttl in (False, True):
        js.stream("S", allow_msg_schedules=True, allow_msg_ttl=ttl)
        js.ask("s.a", b"1", headers)
        js.ask("s.a", b"2", headers)
        js.state("S")
        js.api("STREAM.MSG.GET.S", {"last_by_subj": "s.a"})
        js.api("STREAM.DELETE.S")


@differential
@STORAGES
def test_schedules_fire(js, storage):
    """One at a time that has passed, and one that repeats."""
    js.stream("S", storage=storage, allow_msg_schedules=True, allow_msg_ttl=True)
    js.publish("s.once", b"payload", Nats_Schedule="@at 2020-01-01T00:00:00Z", Nats_Schedule_Target="s.out",
               Nats_Schedule_TTL="1h", Mine="kept")  # fmt: skip
    js.wait_stream("S", lambda s: s["last_seq"] == 2, "the message of the schedule")
    js.content("S", 2)
    js.state("S")
    js.publish("s.often", b"again", Nats_Schedule="@every 1s", Nats_Schedule_Target="s.out2")
    js.wait_stream("S", lambda s: s["last_seq"] == 4, "the message of the schedule")
    js.api("STREAM.MSG.GET.S", {"seq": 4})
    js.publish("s.done", b"", Nats_Schedule_Next="purge", Nats_Scheduler="s.often")
    js.info("S", {"subjects_filter": ">"})
