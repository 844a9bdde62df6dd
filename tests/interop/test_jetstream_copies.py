"""Reading without a consumer, and streams that copy others: direct gets, mirrors and sources; compared with the real server."""

import json

import pytest

from differential import differential, rows

STORAGES = pytest.mark.parametrize("storage", ["memory", "file"])


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
    js.state("M")
    js.content("M", 6)
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
        (
            "transforms",
            {"subject_transforms": [{"src": "o.a", "dest": "p.a"}, {"src": "o.b", "dest": "p.b"}]},
        ),
    ),
)
def test_mirror_of_part(js, mirror):
    js.stream("O")
    for subject in ("o.a", "o.b", "o.c") * 2:
        js.publish(subject, subject.encode())
    js.publish("o.a", b"last")
    js.stream("M", subjects=None, mirror={"name": "O"} | mirror)
    js.wait_stream("M", lambda s: s["last_seq"] == 7, "the mirror")
    js.state("M")
    js.content("M", 7)


@differential
def test_mirror_promotion(js):
    js.stream("O")
    js.fill("o.a", 2)
    js.stream("M", subjects=None, mirror={"name": "O"})
    js.wait_stream("M", lambda s: s["last_seq"] == 2, "the mirror")
    js.update("M", subjects=["m.>"])
    js.publish("m.a", b"own")
    js.fill("o.a", 2)
    js.state("M")


@differential
@STORAGES
def test_sources(js, storage):
    js.stream("O", storage=storage)
    js.stream("P", storage=storage)
    js.fill("o.a", 2)
    js.publish("o.b", b"kept", Nats_Msg_Id="1", Mine="kept")
    js.stream(
        "S", storage=storage, subjects=["own.>"], sources=[{"name": "O", "filter_subject": "o.a"}]
    )
    js.wait_stream("S", lambda s: s["last_seq"] == 2, "two messages")
    js.publish("own.a", b"own")
    # Unnoted: the order of the sources in the reply is random.
    js.quiet_api("STREAM.UPDATE.S", {"name": "S", "storage": storage, "subjects": ["own.>"], "sources": [
        {"name": "O", "filter_subject": "o.a"},
        {"name": "P", "subject_transforms": [{"src": "p.*", "dest": "q.{{wildcard(1)}}"}]},
    ]})  # fmt: skip
    js.publish("p.x", b"transformed")
    js.wait_stream("S", lambda s: s["last_seq"] == 4, "four messages")
    js.content("S", 4)
    js.fill("o.a", 1)
    js.wait_stream("S", lambda s: s["last_seq"] == 5, "five messages")
    js.content("S", 5)


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
    js.content("S", 4)


@differential
@STORAGES
def test_source_of_a_work_queue(js, storage):
    """What was taken over is acknowledged, and gone; the consumer is listed."""
    js.stream("Q", storage=storage, retention="workqueue")
    js.fill("q.a", 3)
    js.stream("S", storage=storage, subjects=None, sources=[{"name": "Q"}])
    js.wait_stream("S", lambda s: s["last_seq"] == 3, "three messages")
    js.wait_stream("Q", lambda s: s["messages"] == 0, "that they are gone")
    js.fill("q.a", 2)
    js.wait_stream("S", lambda s: s["last_seq"] == 5, "five messages")
    js.wait_stream("Q", lambda s: s["messages"] == 0, "that they are gone, too")
    js.content("S", 5)
    js.api("CONSUMER.NAMES.Q")
    js.info("Q")
    js.quiet_api("STREAM.DELETE.S")
    js.wait_stream("Q", lambda s: s["consumer_count"] == 0, "that its consumer goes with it")


@differential
def test_source_into_a_full_stream(js):
    js.stream("O")
    js.fill("o.a", 4)
    js.stream("S", subjects=None, sources=[{"name": "O"}], max_msgs=2, discard="new")
    js.wait_stream("S", lambda s: s["last_seq"] == 2, "two messages")
    js.api("STREAM.PURGE.S")
    js.wait_stream("S", lambda s: s["last_seq"] == 4, "four messages")
    js.state("S")
    js.content("S", 4)


@differential
def test_mirror_with_limits(js):
    js.stream("O")
    js.fill("o.a", 5)
    js.stream("M", subjects=None, mirror={"name": "O"}, max_msgs=2)
    js.wait_stream("M", lambda s: s["last_seq"] == 5, "the mirror")
    js.state("M")
    js.api("STREAM.MSG.DELETE.M", {"seq": 5})
    js.api("STREAM.PURGE.M")
    js.fill("o.a", 1)
    js.wait_stream("M", lambda s: s["last_seq"] == 6, "the mirror")
    js.state("M")
    js.content("M", 6)


@differential
def test_mirror_of_what_is_left(js):
    """The origin begins late and has holes; what its publishers expected of it is not asked of the mirror."""
    js.stream("O", allow_rollup_hdrs=True)
    js.fill("o.a", 3)
    js.api("STREAM.PURGE.O", {"seq": 3})
    js.publish("o.b", b"x", Nats_Expected_Stream="O", Nats_Expected_Last_Subject_Sequence="0")
    js.publish("o.a", b"rolled", Nats_Rollup="sub")
    js.publish("o.c", b"1", Nats_Msg_Id="same")
    js.api("STREAM.MSG.DELETE.O", {"seq": 4})
    js.stream("M", subjects=None, mirror={"name": "O"})
    js.wait_stream("M", lambda s: s["last_seq"] == 6, "the mirror")
    js.state("M")
    js.content("M", 6)


@differential
def test_sources_with_transforms_and_duplicates(js):
    js.stream("O")
    js.stream("P")
    js.stream(
        "S",
        subjects=None,
        duplicate_window=60_000_000_000,
        subject_transform={"src": "x.>", "dest": "y.>"},
        sources=[{"name": "O", "subject_transforms": [{"src": "o.*", "dest": "x.{{wildcard(1)}}"}]}],
    )
    js.publish("o.a", b"1", Nats_Msg_Id="one")
    js.publish("o.b", b"2")
    js.wait_stream("S", lambda s: s["last_seq"] == 2, "two messages")
    js.quiet_api("STREAM.UPDATE.S", {
        "name": "S", "storage": "memory", "duplicate_window": 60_000_000_000,
        "subject_transform": {"src": "x.>", "dest": "y.>"},
        "sources": [
            {"name": "O", "subject_transforms": [{"src": "o.*", "dest": "x.{{wildcard(1)}}"}]},
            {"name": "P"},
        ]})  # fmt: skip
    js.publish("p.a", b"1 again", Nats_Msg_Id="one")
    js.publish("p.b", b"3")
    js.wait_stream("S", lambda s: s["last_seq"] == 3, "the one that is no duplicate")
    js.content("S", 3)


@differential
def test_mirror_is_published_again(js):
    js.stream("O")
    js.stream("M", subjects=None, mirror={"name": "O"}, republish={"src": "o.>", "dest": "again.>"})
    inbox = js.inbox("again.>")
    js.publish("o.a", b"1", Mine="kept")
    js.take(inbox)
