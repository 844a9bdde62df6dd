"""What publishing to a stream does: checks and their order, limits, and the features of headers, compared with the real server."""

import itertools

import pytest

from differential import differential, rows

STORAGES = pytest.mark.parametrize("storage", ["memory", "file"])


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
    (
        "all allowed",
        {
            "max_msg_size": 300,
            "allow_msg_ttl": True,
            "allow_rollup_hdrs": True,
            "allow_atomic": True,
        },
    ),
    ("counter", {"max_msg_size": 300, "allow_msg_counter": True}),
    ("schedules", {"max_msg_size": 300, "allow_msg_schedules": True, "allow_msg_ttl": True}),
    ("full", {"max_msg_size": 300, "discard": "new", "max_msgs": 1}),
    (
        "full per subject",
        {"max_msgs_per_subject": 1, "discard": "new", "discard_new_per_subject": True},
    ),
    ("deny purge", {"deny_purge": True}),
    ("interest without consumers", {"retention": "interest", "max_msg_size": 300}),
)


@differential
@pytest.mark.parametrize("config", STREAMS)
@pytest.mark.parametrize("first", FAULTS, ids=[name for name, *_ in FAULTS])
def test_order_of_checks(js, config, first):
    """Every fault with every other: the answer says which is noticed first."""
    js.stream("S", **config)
    js.publish(
        "s.a",
        b"",
        Nats_Msg_Id="first",
        **({"Nats_Incr": "1"} if "allow_msg_counter" in config else {}),
    )
    for _, headers, payload in FAULTS:
        js.ask("s.a", first[2] or payload, first[1] | headers or None)
    js.state("S")


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
    js.state("S")


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
    js.content("S", 3)
    js.state("S")


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
    js.state("S")


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
    js.state("S")
    js.api("STREAM.PURGE.S")
    js.publish("s.a", b"x")
    js.state("S")


@differential
@STORAGES
def test_age(js, storage):
    js.stream("S", storage=storage, max_age=150 * 10**6)
    js.fill("s.a", 3)
    js.wait_stream("S", lambda s: s["messages"] == 0, "the end of all messages")
    js.state("S")
    js.publish("s.a", b"more")
    js.update("S", storage=storage, max_age=0)
    js.publish("s.a", b"more")
    js.update("S", storage=storage, max_age=100 * 10**6)
    js.wait_stream("S", lambda s: s["messages"] == 0, "the end of all messages")
    js.state("S")


# ---- rollups


@differential
@STORAGES
def test_rollup(js, storage):
    js.stream("S", storage=storage, allow_rollup_hdrs=True)
    for subject in ("s.a", "s.b", "s.a", "s.b"):
        js.publish(subject, b"x")
    js.publish("s.a", b"sub", Nats_Rollup="sub")
    js.state("S")
    js.publish("s.a", b"some", Nats_Rollup="some")
    js.publish("s.a", b"empty", Nats_Rollup="")
    js.publish("s.a", b"capital", Nats_Rollup="ALL")
    js.state("S")
    js.fill("s.b", 2)
    js.publish("s.c", b"all", Nats_Rollup="all")
    js.state("S")


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
    js.state("S")
    js.content("S", 5)


@differential
@pytest.mark.parametrize(
    "republish, count",
    rows(
        ("all", {"dest": "r.>"}, 9),
        ("some", {"src": "s.a.*", "dest": "r.{{wildcard(1)}}"}, 7),
        ("headers", {"src": "s.>", "dest": "r.>", "headers_only": True}, 9),
    ),
)
def test_republish(js, republish, count):
    js.stream("S", republish=republish)
    inbox = js.inbox("r.>")
    for subject in ("s.a.b", "s.a.c", "s.a.b", "s.x"):
        js.publish(subject, b"payload", Mine="kept")
        js.publish(subject, b"")
    js.publish("s.a.b", b"once", Nats_Msg_Id="1")
    js.publish("s.a.b", b"twice", Nats_Msg_Id="1")
    js.take(inbox, count)
    js.nothing(inbox)


# ---- retention by interest


@differential
@STORAGES
def test_interest(js, storage):
    js.stream("S", storage=storage, retention="interest")
    js.publish("s.a", b"nobody")
    js.state("S")
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
    js.state("S")


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
    js.state("S")
    js.ack(first, b"+TERM done")
    js.ack(third, b"-NAK")
    js.state("S")
    js.publish("s.b", b"x")
    js.state("S")


def test_faults_are_told_apart():
    """Two faults with the same headers would test nothing."""
    for one, other in itertools.combinations(FAULTS, 2):
        assert one[1:] != other[1:], (one[0], other[0])
