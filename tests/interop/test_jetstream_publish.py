"""What publishing to a stream does: checks and their order, limits, and the features of headers, compared with the real server."""

import itertools
import json

import pytest

from differential import differential, rows

STORAGES = pytest.mark.parametrize("storage", ["memory", "file"])


def state(js, stream):
    """Everything of a stream's content that a client can see."""
    js.info(stream, {"subjects_filter": ">", "deleted_details": True})


def content(js, stream, up_to):
    """The messages of a stream by sequence, as they are stored."""
    for seq in range(1, up_to + 1):
        js.api(f"STREAM.MSG.GET.{stream}", {"seq": seq})


# ---- checks and their order

# Each breaks one rule in most streams: (name, headers, payload).
FAULTS = [
    ("stream", {"Nats-Expected-Stream": "OTHER"}, b""),
    ("ttl", {"Nats-TTL": "10s"}, b""),
    ("bad ttl", {"Nats-TTL": "soon"}, b""),
    ("subject sequence", {"Nats-Expected-Last-Subject-Sequence": "99"}, b""),
    ("bad subject sequence", {"Nats-Expected-Last-Subject-Sequence": "x"}, b""),
    ("subject without sequence", {"Nats-Expected-Last-Subject-Sequence-Subject": "s.a"}, b""),
    ("sequence", {"Nats-Expected-Last-Sequence": "99"}, b""),
    ("bad sequence", {"Nats-Expected-Last-Sequence": "x"}, b""),
    ("last id", {"Nats-Expected-Last-Msg-Id": "other"}, b""),
    ("duplicate", {"Nats-Msg-Id": "first"}, b""),
    ("rollup", {"Nats-Rollup": "all"}, b""),
    ("bad rollup", {"Nats-Rollup": "some"}, b""),
    ("increment", {"Nats-Incr": "1"}, b""),
    ("bad increment", {"Nats-Incr": "one"}, b""),
    ("source", {"Nats-Stream-Source": "S 1 > > s.a"}, b""),
    ("schedule", {"Nats-Schedule": "@at 2999-01-01T00:00:00Z", "Nats-Schedule-Target": "s.x"}, b""),
    ("bad schedule", {"Nats-Schedule": "some day", "Nats-Schedule-Target": "s.x"}, b""),
    ("batch", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1"}, b""),
    ("api level", {"Nats-Required-Api-Level": "99"}, b""),
    ("large", {}, b"x" * 400),
]
STREAMS = rows(
    ("plain", {"max_msg_size": 300}),
    ("file", {"max_msg_size": 300, "storage": "file"}),
    ("all allowed", {"max_msg_size": 300, "allow_msg_ttl": True, "allow_rollup_hdrs": True, "allow_atomic": True}),
    ("counter", {"max_msg_size": 300, "allow_msg_counter": True}),
    ("schedules", {"max_msg_size": 300, "allow_msg_schedules": True, "allow_msg_ttl": True}),
    ("full", {"max_msg_size": 300, "discard": "new", "max_msgs": 1}),
    ("full per subject", {"max_msgs_per_subject": 1, "discard": "new", "discard_new_per_subject": True}),
    ("deny purge", {"deny_purge": True}),
    ("interest without consumers", {"retention": "interest", "max_msg_size": 300}),
)


@differential
@pytest.mark.parametrize("config", STREAMS)
@pytest.mark.parametrize("first", FAULTS, ids=[name for name, *_ in FAULTS])
def test_order_of_checks(js, config, first):
    """Every fault with every other: the answer says which is noticed first."""
    js.stream("S", **config)
    js.publish("s.a", b"", Nats_Msg_Id="first", **({"Nats_Incr": "1"} if "allow_msg_counter" in config else {}))
    for _, headers, payload in FAULTS:
        js.ask("s.a", first[2] or payload, first[1] | headers or None)
    state(js, "S")


@differential
@pytest.mark.parametrize(
    "headers",
    rows(
        ("right stream", {"Nats-Expected-Stream": "S"}),
        ("empty stream", {"Nats-Expected-Stream": ""}),
        ("right sequence", {"Nats-Expected-Last-Sequence": "2"}),
        ("sequence 0", {"Nats-Expected-Last-Sequence": "0"}),
        ("sequence negative", {"Nats-Expected-Last-Sequence": "-1"}),
        ("right subject sequence", {"Nats-Expected-Last-Subject-Sequence": "1"}),
        ("subject sequence 0", {"Nats-Expected-Last-Subject-Sequence": "0"}),
        ("of another subject", {"Nats-Expected-Last-Subject-Sequence": "2",
                                "Nats-Expected-Last-Subject-Sequence-Subject": "s.b"}),
        ("of a wildcard", {"Nats-Expected-Last-Subject-Sequence": "2",
                           "Nats-Expected-Last-Subject-Sequence-Subject": "s.*"}),
        ("of an unknown subject", {"Nats-Expected-Last-Subject-Sequence": "0",
                                   "Nats-Expected-Last-Subject-Sequence-Subject": "s.x"}),
        ("of a subject outside", {"Nats-Expected-Last-Subject-Sequence": "0",
                                  "Nats-Expected-Last-Subject-Sequence-Subject": "x"}),
        ("of a bad subject", {"Nats-Expected-Last-Subject-Sequence": "0",
                              "Nats-Expected-Last-Subject-Sequence-Subject": "s..x"}),
        ("right id", {"Nats-Expected-Last-Msg-Id": "two"}),
        ("empty id", {"Nats-Expected-Last-Msg-Id": ""}),
        ("old id", {"Nats-Expected-Last-Msg-Id": "one"}),
        ("duplicate", {"Nats-Msg-Id": "one"}),
        ("long id", {"Nats-Msg-Id": "x" * 5000}),
        ("both sequences", {"Nats-Expected-Last-Sequence": "2", "Nats-Expected-Last-Subject-Sequence": "1"}),
        ("lower case", {"nats-expected-stream": "OTHER"}),
    ),
)  # fmt: skip
def test_expectations(js, headers):
    js.stream("S")
    js.publish("s.a", b"1", Nats_Msg_Id="one")
    js.publish("s.b", b"2", Nats_Msg_Id="two")
    js.ask("s.a", b"3", headers)
    js.ask("s.a", b"4", headers)
    state(js, "S")


@differential
def test_expectations_of_empty_streams(js):
    js.stream("S")
    for header, value in (("Nats-Expected-Last-Sequence", "1"), ("Nats-Expected-Last-Msg-Id", "x"),
                          ("Nats-Expected-Last-Subject-Sequence", "1"), ("Nats-Expected-Last-Sequence", "0")):  # fmt: skip
        js.ask("s.a", b"", {header: value})
    js.api("STREAM.PURGE.S")
    js.ask("s.a", b"", {"Nats-Expected-Last-Sequence": "0"})
    js.ask("s.a", b"", {"Nats-Expected-Last-Sequence": "1"})
    js.ask("s.b", b"", {"Nats-Expected-Last-Subject-Sequence": "0"})


@differential
def test_no_stream(js):
    js.publish("nowhere", b"x")
    js.stream("S", no_ack=True)
    js.unanswered("s.a", b"x")
    js.unanswered("s.a", b"x", {"Nats-Expected-Stream": "OTHER"})
    js.info("S")


@differential
def test_publish_without_reply(js):
    js.stream("S")
    js.connection.publish("s.a", b"one")
    js.connection.publish("s.b", b"two", headers={"A": "b"})
    js.publish("s.c", b"three")
    content(js, "S", 3)
    state(js, "S")


@differential
@STORAGES
def test_sizes(js, storage):
    """Accounting of bytes, and the limit of a message: with headers and without."""
    js.stream("S", storage=storage, max_msg_size=100)
    for size in (0, 1, 99, 100, 101):
        js.publish("s.a", b"x" * size)
    for size in (0, 1, 60, 80, 100):
        js.publish("s.long.subject", b"x" * size, Header="value")
    js.publish("s.a", b"", H="x" * 65536)
    js.info("S")


@differential
def test_headers_too_large(js):
    js.stream("S")
    for size in (65000, 65500, 65536, 70000):
        js.publish("s.a", b"", H="x" * size)
    js.info("S")


# ---- deduplication


@differential
@STORAGES
def test_duplicates(js, storage):
    js.stream("S", storage=storage)
    js.publish("s.a", b"1", Nats_Msg_Id="id")
    js.publish("s.b", b"2", Nats_Msg_Id="id")
    js.publish("s.a", b"3", Nats_Msg_Id="ID")
    js.publish("s.a", b"4", Nats_Msg_Id="")
    js.api("STREAM.MSG.DELETE.S", {"seq": 1})
    js.publish("s.a", b"5", Nats_Msg_Id="id")
    js.api("STREAM.PURGE.S")
    js.publish("s.a", b"6", Nats_Msg_Id="id")
    state(js, "S")


@differential
def test_duplicate_window_ends(js):
    js.stream("S", duplicate_window=100 * 10**6)
    js.publish("s.a", b"1", Nats_Msg_Id="id")
    js.publish("s.a", b"1", Nats_Msg_Id="id")
    while js.request("s.a", b"2", {"Nats-Msg-Id": "id"}).json.get("duplicate"):
        pass
    js.info("S")


@differential
def test_duplicates_without_window(js):
    js.stream("S", duplicate_window=0, max_age=10**9)
    js.publish("s.a", b"1", Nats_Msg_Id="id")
    js.publish("s.a", b"1", Nats_Msg_Id="id")
    js.update("S", duplicate_window=10**9, max_age=10**9)
    js.publish("s.a", b"1", Nats_Msg_Id="id")


# ---- limits


LIMITS = rows(
    ("messages", {"max_msgs": 3}),
    ("bytes", {"max_bytes": 100}),
    ("per subject", {"max_msgs_per_subject": 2}),
    ("messages and per subject", {"max_msgs": 4, "max_msgs_per_subject": 1}),
    ("bytes and messages", {"max_bytes": 150, "max_msgs": 2}),
    ("one byte", {"max_bytes": 1}),
)


@differential
@STORAGES
@pytest.mark.parametrize(
    "discard", [{"discard": "old"}, {"discard": "new"}, {"discard": "new", "discard_new_per_subject": True}],
    ids=["old", "new", "new per subject"],
)  # fmt: skip
@pytest.mark.parametrize("limits", LIMITS)
def test_limits(js, storage, discard, limits):
    js.stream("S", storage=storage, **discard, **limits)
    for number in range(6):
        js.publish(f"s.{'ab'[number % 2]}", b"x" * number)
    js.publish("s.a", b"x" * 200)
    js.publish("s.c", b"", Nats_Rollup="sub")
    state(js, "S")
    js.api("STREAM.PURGE.S")
    js.publish("s.a", b"x")
    state(js, "S")


@differential
@STORAGES
def test_age(js, storage):
    js.stream("S", storage=storage, max_age=150 * 10**6)
    js.fill("s.a", 3)
    js.wait_stream("S", lambda s: s["messages"] == 0, "the end of all messages")
    state(js, "S")
    js.publish("s.a", b"more")
    js.update("S", storage=storage, max_age=0)
    js.publish("s.a", b"more")
    js.update("S", storage=storage, max_age=100 * 10**6)
    js.wait_stream("S", lambda s: s["messages"] == 0, "the end of all messages")
    state(js, "S")


# ---- rollups


@differential
@STORAGES
def test_rollup(js, storage):
    js.stream("S", storage=storage, allow_rollup_hdrs=True)
    for subject in ("s.a", "s.b", "s.a", "s.b"):
        js.publish(subject, b"x")
    js.publish("s.a", b"sub", Nats_Rollup="sub")
    state(js, "S")
    js.publish("s.a", b"some", Nats_Rollup="some")
    js.publish("s.a", b"empty", Nats_Rollup="")
    js.publish("s.a", b"capital", Nats_Rollup="ALL")
    state(js, "S")
    js.fill("s.b", 2)
    js.publish("s.c", b"all", Nats_Rollup="all")
    state(js, "S")


# ---- transforms and republishing


@differential
@pytest.mark.parametrize(
    "src, dest",
    rows(
        ("wildcards", "s.*.*", "t.{{wildcard(2)}}.{{wildcard(1)}}"),
        ("old wildcards", "s.*.*", "t.$2.$1"),
        ("all", ">", "t.>"),
        ("all of a prefix", "s.>", "t.u.>"),
        ("partition", "s.*.*", "t.{{wildcard(1)}}.{{partition(5,1,2)}}.{{wildcard(2)}}"),
        ("split", "s.*.*", "t.{{split(1,-)}}.{{wildcard(2)}}"),
        ("split from", "s.*.*", "t.{{SplitFromLeft(1,2)}}.{{SplitFromRight(2,1)}}"),
        ("slice", "s.*.*", "t.{{SliceFromLeft(1,2)}}.{{SliceFromRight(2,2)}}"),
        ("left and right", "s.*.*", "t.{{Left(1,2)}}.{{Right(2,2)}}"),
        ("literal", "s.x.y", "t"),
    ),
)
def test_transform(js, src, dest):
    js.stream("S", subject_transform={"src": src, "dest": dest})
    for subject in ("s.x.y", "s.one-two-three.abcdef", "s.a", "s.-.--", "s.1.2.3"):
        js.publish(subject, subject.encode(), Nats_Expected_Last_Subject_Sequence="0")
        js.publish(subject, subject.encode(), Nats_Msg_Id=subject)
    state(js, "S")
    content(js, "S", 5)


@differential
@pytest.mark.parametrize(
    "republish",
    rows(
        ("all", {"dest": "r.>"}),
        ("some", {"src": "s.a.*", "dest": "r.{{wildcard(1)}}"}),
        ("headers", {"src": "s.>", "dest": "r.>", "headers_only": True}),
    ),
)
def test_republish(js, republish):
    js.stream("S", republish=republish)
    inbox = js.inbox("r.>")
    for subject in ("s.a.b", "s.a.c", "s.a.b", "s.x"):
        js.publish(subject, b"payload", Mine="kept")
        js.publish(subject, b"")
    js.publish("s.a.b", b"once", Nats_Msg_Id="1")
    js.publish("s.a.b", b"twice", Nats_Msg_Id="1")
    js.barrier()
    js.take(inbox, len(inbox.queue))


# ---- time to live, and markers


@differential
@pytest.mark.parametrize(
    "value",
    ["1", "1s", "60", "1h", "1h2m3s", "1500ms", "0", "0s", "500ms", "-1", "-1s", "never", "NEVER", "", "1.5", "1d", "x", "1us"],
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
    state(js, "S")
    content(js, "S", 4)


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
    content(js, "S", last)


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
    for value in ("1", "+2", "-5", "0", "99999999999999999999999999", "-0", "01", "1.5", "x", "", "+", " 1", "1 "):
        js.publish("s.a", b"", Nats_Incr=value)
    js.publish("s.a", b"payload", Nats_Incr="1")
    js.publish("s.a", b"")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Msg_Id="1")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Msg_Id="1")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Rollup="sub")
    js.publish("s.b", b"", Nats_Incr="7", Nats_Expected_Last_Subject_Sequence="99")
    content(js, "S", 8)
    js.api("STREAM.MSG.DELETE.S", {"seq": 6})
    js.publish("s.a", b"", Nats_Incr="1")
    state(js, "S")


# ---- atomic batches


def batch(js, identifier, *messages, commit=None, commit_value="1"):
    """Publishes a batch; every message is asked, since members are answered, too."""
    for number, (subject, payload, *headers) in enumerate(messages, 1):
        named = {"Nats-Batch-Id": identifier, "Nats-Batch-Sequence": str(number), **(headers[0] if headers else {})}
        if commit == number:
            named["Nats-Batch-Commit"] = commit_value
        js.ask(subject, payload, named)


@differential
@STORAGES
def test_atomic_batch(js, storage):
    js.stream("S", storage=storage, allow_atomic=True, allow_direct=True)
    js.publish("s.x", b"before")
    batch(js, "one", ("s.a", b"1"), ("s.b", b"2"), ("s.a", b"3"), commit=3)
    state(js, "S")
    batch(js, "eob", ("s.a", b"4"), ("s.a", b"5"), ("s.a", b"not stored"), commit=3, commit_value="eob")
    batch(js, "single", ("s.a", b"6"), commit=1)
    batch(js, "single eob", ("s.a", b"none"), commit=1, commit_value="eob")
    batch(js, "bad commit", ("s.a", b"6"), ("s.a", b"7"), commit=2, commit_value="2")
    batch(js, "bad commit", ("s.a", b"6"), ("s.a", b"7"), commit=2)
    content(js, "S", 9)
    state(js, "S")


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
    js.ask("s.a", b"2", {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "2", "Nats-Batch-Commit": "1"})
    state(js, "S")


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
    batch(js, "b", ("s.a", b"1", {"Nats-Msg-Id": "in batch"}), ("s.a", b"2", second), ("s.a", b"3"), commit=3)
    state(js, "S")


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
        answer = js.request("s.a", b"", {"Nats-Batch-Id": f"many-{number}", "Nats-Batch-Sequence": "1"})
        if number > 48:
            js.note(number, answer.head, answer.payload)
    js.take(inbox)
    js.info("S")


@differential
@STORAGES
def test_atomic_batch_over_limits(js, storage):
    js.stream("S", storage=storage, allow_atomic=True, discard="new", max_msgs=2)
    batch(js, "b", ("s.a", b"1"), ("s.a", b"2"), ("s.a", b"3"), commit=3)
    state(js, "S")
    js.update("S", storage=storage, allow_atomic=True, max_msgs=2)
    batch(js, "c", ("s.a", b"1"), ("s.a", b"2"), ("s.a", b"3"), commit=3)
    state(js, "S")


# ---- fast batches


def fast(js, inbox, number, operation, subject="s.a", payload=b"x", flow=2, gap="fail", headers=None, identifier="id"):
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
    state(js, "S")
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
    js.barrier()
    js.take(inbox, len(inbox.queue))
    state(js, "S")


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
    state(js, "S")


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
        state(js, "S")
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
    content(js, "S", 2)
    state(js, "S")
    js.publish("s.often", b"again", Nats_Schedule="@every 1s", Nats_Schedule_Target="s.out2")
    js.wait_stream("S", lambda s: s["last_seq"] == 4, "the message of the schedule")
    js.api("STREAM.MSG.GET.S", {"seq": 4})
    js.publish("s.done", b"", Nats_Schedule_Next="purge", Nats_Scheduler="s.often")
    js.info("S", {"subjects_filter": ">"})


# ---- direct get


DIRECT = [
    {}, {"seq": 1}, {"seq": 3}, {"seq": 2}, {"seq": 99}, {"seq": 0}, {"last_by_subj": "s.a"}, {"last_by_subj": "s.*"},
    {"last_by_subj": "x"}, {"next_by_subj": "s.a"}, {"next_by_subj": "s.a", "seq": 2}, {"next_by_subj": "s.*", "seq": 99},
    {"next_by_subj": "s.b", "seq": 3}, {"seq": 1, "no_hdr": True}, {"last_by_subj": "s.a", "seq": 1},
    {"batch": 1}, {"batch": 3, "seq": 1}, {"batch": 99, "seq": 1}, {"batch": 2, "next_by_subj": "s.a"},
    {"batch": 2, "seq": 3, "next_by_subj": "s.*"}, {"batch": 2, "last_by_subj": "s.a"}, {"batch": -1, "seq": 1},
    {"batch": 9, "seq": 1, "max_bytes": 1}, {"batch": 9, "seq": 1, "max_bytes": 90}, {"batch": 9, "seq": 99},
    {"batch": 9, "seq": 1, "next_by_subj": "x"}, {"max_bytes": 90, "seq": 1},
    {"batch": 9, "start_time": "2020-01-01T00:00:00Z"}, {"batch": 9, "start_time": "2999-01-01T00:00:00Z"},
    {"batch": 9, "start_time": "2020-01-01T00:00:00Z", "seq": 1}, {"start_time": "2020-01-01T00:00:00Z"},
    {"batch": 9, "start_time": "2020-01-01T00:00:00Z", "next_by_subj": "s.b"},
    {"multi_last": ["s.a"]}, {"multi_last": ["s.a", "s.b"]}, {"multi_last": ["s.*"]}, {"multi_last": [">"]},
    {"multi_last": ["x"]}, {"multi_last": []}, {"multi_last": ["s.a", "s.*"]}, {"multi_last": ["s.>"], "batch": 1},
    {"multi_last": [">"], "up_to_seq": 3}, {"multi_last": [">"], "up_to_seq": 1}, {"multi_last": [">"], "up_to_seq": 99},
    {"multi_last": [">"], "up_to_time": "2020-01-01T00:00:00Z"}, {"multi_last": [">"], "up_to_time": "2999-01-01T00:00:00Z"},
    {"multi_last": [">"], "up_to_seq": 3, "up_to_time": "2999-01-01T00:00:00Z"}, {"multi_last": ["s.a"], "seq": 1},
    {"multi_last": ["s.a"], "next_by_subj": "s.a"}, {"up_to_seq": 3}, {"multi_last": [">"], "max_bytes": 1},
    {"multi_last": ["s..a"]}, {"multi_last": ["s.a"], "no_hdr": True}, {"batch": 2, "seq": 1, "no_hdr": True}, {"bogus": 1},
]  # fmt: skip


def direct_get(js, subject, body):
    """Asks, and notes all that comes: a batch ends with a status, and one message is all otherwise."""
    inbox = js.inbox()
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    js.note(">", subject, payload)
    js.connection.publish(f"$JS.API.DIRECT.GET.{subject}", payload, inbox.subject)
    while True:
        (message,) = js.take(inbox)
        if message.status or message.header("Nats-Num-Pending") is None:
            break
    js.connection.unsubscribe(inbox)


@differential
@STORAGES
@pytest.mark.parametrize("body", [*DIRECT, b"", b"hello", b"[]"], ids=lambda body: str(body)[:60])
def test_direct_get(js, storage, body):
    js.stream("S", storage=storage, allow_direct=True)
    for number, subject in enumerate(("s.a", "s.b", "s.a", "s.c", "s.b")):
        js.publish(subject, b"x" * number, Number=str(number))
    js.api("STREAM.MSG.DELETE.S", {"seq": 2})
    direct_get(js, "S", body)


@differential
def test_direct_get_by_subject(js):
    js.stream("S", allow_direct=True, subjects=["s.>", "t"])
    js.publish("s.a.b", b"1")
    js.publish("t", b"", Empty="yes")
    for subject in ("s.a.b", "s.a", "t", "x"):
        direct_get(js, f"S.{subject}", b"")
    direct_get(js, "S.t", {"seq": 1})
    js.update("S", allow_direct=False, subjects=["s.>", "t"])
    js.ask("$JS.API.DIRECT.GET.S", {"seq": 1})
    js.ask("$JS.API.DIRECT.GET.S.t")
    js.ask("$JS.API.DIRECT.GET.NONE", {"seq": 1})


@differential
def test_direct_get_of_too_many(js):
    js.stream("S", allow_direct=True)
    for number in range(1025):
        js.connection.publish(f"s.{number}", b"x")
    js.wait_stream("S", lambda s: s["messages"] == 1025, "all messages")
    direct_get(js, "S", {"multi_last": ["s.*"]})
    direct_get(js, "S", {"multi_last": ["s.*"], "batch": 2})


# ---- mirrors and sources of the same server


@differential
@STORAGES
def test_mirror(js, storage):
    js.stream("O", storage=storage, allow_direct=True)
    js.fill("o.a", 5)
    js.publish("o.b", b"kept", Nats_Msg_Id="1", Nats_Expected_Last_Sequence="5", Mine="kept")
    js.api("STREAM.MSG.DELETE.O", {"seq": 3})
    js.stream("M", storage=storage, subjects=None, mirror={"name": "O"}, mirror_direct=True)
    js.wait_stream("M", lambda s: s["last_seq"] == 6, "the mirror")
    state(js, "M")
    content(js, "M", 6)
    js.publish("m", b"x")
    js.api("STREAM.PURGE.O")
    js.publish("o.a", b"after")
    js.wait_stream("M", lambda s: s["last_seq"] == 7, "the mirror")
    js.info("M")
    js.api("STREAM.NAMES", {"subject": "o.a"})


@differential
@pytest.mark.parametrize(
    "mirror",
    rows(
        ("filter", {"filter_subject": "o.a"}),
        ("start", {"opt_start_seq": 3}),
        ("time", {"opt_start_time": "2020-01-01T00:00:00Z"}),
        ("transforms", {"subject_transforms": [{"src": "o.a", "dest": "p.a"}, {"src": "o.b", "dest": "p.b"}]}),
    ),
)
def test_mirror_of_part(js, mirror):
    js.stream("O")
    for subject in ("o.a", "o.b", "o.c") * 2:
        js.publish(subject, subject.encode())
    js.publish("o.a", b"last")
    js.stream("M", subjects=None, mirror={"name": "O"} | mirror)
    js.wait_stream("M", lambda s: s["last_seq"] == 7, "the mirror")
    state(js, "M")
    content(js, "M", 7)


@differential
def test_mirror_promotion(js):
    js.stream("O")
    js.fill("o.a", 2)
    js.stream("M", subjects=None, mirror={"name": "O"})
    js.wait_stream("M", lambda s: s["last_seq"] == 2, "the mirror")
    js.update("M", subjects=["m.>"])
    js.publish("m.a", b"own")
    js.fill("o.a", 2)
    state(js, "M")


@differential
@STORAGES
def test_sources(js, storage):
    js.stream("O", storage=storage)
    js.stream("P", storage=storage)
    js.fill("o.a", 2)
    js.publish("o.b", b"kept", Nats_Msg_Id="1", Mine="kept")
    js.stream("S", storage=storage, subjects=["own.>"], sources=[{"name": "O", "filter_subject": "o.a"}])
    js.wait_stream("S", lambda s: s["last_seq"] == 2, "two messages")
    js.publish("own.a", b"own")
    # Unnoted: the order of the sources in the reply is random.
    js.quiet_api("STREAM.UPDATE.S", {"name": "S", "storage": storage, "subjects": ["own.>"], "sources": [
        {"name": "O", "filter_subject": "o.a"},
        {"name": "P", "subject_transforms": [{"src": "p.*", "dest": "q.{{wildcard(1)}}"}]},
    ]})  # fmt: skip
    js.publish("p.x", b"transformed")
    js.wait_stream("S", lambda s: s["last_seq"] == 4, "four messages")
    content(js, "S", 4)
    js.fill("o.a", 1)
    js.wait_stream("S", lambda s: s["last_seq"] == 5, "five messages")
    content(js, "S", 5)


@differential
def test_sourced_counters(js):
    js.stream("A", allow_msg_counter=True, allow_direct=True)
    js.stream("B", allow_msg_counter=True, allow_direct=True)
    js.publish("a.x", b"", Nats_Incr="3")
    js.publish("b.x", b"", Nats_Incr="4")
    transform = [[{"src": f"{name}.>", "dest": "sum.>"}] for name in "ab"]
    js.stream("S", subjects=["sum.>"], allow_msg_counter=True, allow_direct=True,
              sources=[{"name": "A", "subject_transforms": transform[0]}])  # fmt: skip
    js.wait_stream("S", lambda s: s["last_seq"] == 1, "the first")
    js.quiet_api("STREAM.UPDATE.S", {
        "name": "S", "subjects": ["sum.>"], "storage": "memory", "allow_msg_counter": True, "allow_direct": True, "sources": [
            {"name": "A", "subject_transforms": transform[0]}, {"name": "B", "subject_transforms": transform[1]}]})  # fmt: skip
    js.wait_stream("S", lambda s: s["last_seq"] == 2, "the second")
    js.publish("sum.x", b"", Nats_Incr="10")
    js.publish("a.x", b"", Nats_Incr="-1")
    js.wait_stream("S", lambda s: s["last_seq"] == 4, "the fourth")
    content(js, "S", 4)


# ---- retention by interest


@differential
@STORAGES
def test_interest(js, storage):
    js.stream("S", storage=storage, retention="interest")
    js.publish("s.a", b"nobody")
    state(js, "S")
    js.consumer("S", "A", filter_subject="s.a")
    js.consumer("S", "B")
    js.publish("s.a", b"two")
    js.publish("s.b", b"one")
    for consumer, count in (("A", 1), ("B", 2)):
        js.consumer_info("S", consumer, num_pending=count)
        inbox = js.pull("S", consumer, {"batch": count, "expires": 10**10})
        for message in js.take(inbox, count):
            js.ack(message)
        js.info("S")
    js.publish("s.c", b"left")
    js.api("CONSUMER.DELETE.S.B")
    js.wait_stream("S", lambda s: s["messages"] == 0, "nobody wants it")
    state(js, "S")


@differential
@STORAGES
def test_work_queue(js, storage):
    js.stream("S", storage=storage, retention="workqueue")
    js.fill("s.a", 3)
    js.consumer("S", "A", ack_policy="none")
    js.consumer("S", "A", deliver_policy="new")
    js.consumer("S", "A", filter_subject="s.a")
    js.consumer("S", "B", filter_subject="s.*")
    js.consumer("S", "B")
    js.consumer("S", "B", filter_subject="s.b", ack_policy="all")
    inbox = js.pull("S", "A", {"batch": 3, "expires": 10**10})
    first, second, third = js.take(inbox, 3)
    js.ack(second)
    state(js, "S")
    js.ack(first, b"+TERM done")
    js.ack(third, b"-NAK")
    state(js, "S")
    js.publish("s.b", b"x")
    state(js, "S")


def test_faults_are_told_apart():
    """Two faults with the same headers would test nothing."""
    for one, other in itertools.combinations(FAULTS, 2):
        assert one[1:] != other[1:], (one[0], other[0])
