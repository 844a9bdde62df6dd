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


def counter(js, name, **config):
    """A stream of counters; created or updated without a note."""
    config = {"name": name, "subjects": [f"{name.lower()}.>"], "storage": "memory", "allow_msg_counter": True} | config
    verb = "UPDATE" if "config" in js.quiet_api(f"STREAM.INFO.{name}") else "CREATE"
    reply = js.quiet_api(f"STREAM.{verb}.{name}", {k: v for k, v in config.items() if v is not None})
    assert "error" not in reply, reply


def add(js, subject, *increments):
    for increment in increments:
        js.publish(subject, b"", Nats_Incr=increment)


def taken(js, name, last):
    """Waits until a stream has so many messages, and shows the last of them."""
    js.wait_stream(name, lambda s: s["last_seq"] == last, f"message {last} of {name}")
    js.api(f"STREAM.MSG.GET.{name}", {"seq": last})


def into(subject):
    """A source that puts all subjects of two words under one."""
    return {"subject_transforms": [{"src": "*.*", "dest": subject}]}


@differential
@STORAGES
def test_many_sources_of_one_counter(js, storage):
    """Subjects of one stream, and streams, that become one subject; increments of its own between them."""
    counter(js, "A")
    counter(js, "B")
    add(js, "a.x", "1")
    counter(js, "S", storage=storage, sources=[{"name": "A"} | into("s.all")])
    taken(js, "S", 1)
    add(js, "a.y", "20")
    taken(js, "S", 2)
    add(js, "s.all", "300", "-1")
    add(js, "a.<&>", "+4000")
    taken(js, "S", 5)
    counter(js, "S", storage=storage, sources=[{"name": "A"} | into("s.all"), {"name": "B"} | into("s.all")])
    more = (("b.x", "-7"), ("a.y", "99999999999999999999"), ("a.x", "-1"), ("b.x", "0"))
    for last, (subject, increment) in enumerate(more, 6):
        add(js, subject, increment)
        taken(js, "S", last)
    add(js, "s.all", "0")
    add(js, "s.other", "1")
    js.content("S", 11)


@differential
def test_counters_are_not_counted_again(js):
    """A source that is named in another way is read from its beginning; what it counts is what it counts."""
    counter(js, "A")
    add(js, "a.x", "5", "-2", "4")
    counter(js, "S", subjects=None, sources=[{"name": "A"}])
    taken(js, "S", 3)
    counter(js, "S", subjects=None, sources=[{"name": "A", "filter_subject": "a.*"}])
    taken(js, "S", 6)
    add(js, "a.x", "1")
    taken(js, "S", 7)
    js.content("S", 7)


@differential
def test_counters_of_which_most_is_lost(js):
    """Only the last message of each subject is there when it is taken over; then the origin begins anew."""
    counter(js, "A", max_msgs_per_subject=1)
    add(js, "a.x", "5", "-2", "4")
    counter(js, "S", subjects=None, sources=[{"name": "A"}])
    taken(js, "S", 1)
    js.api("STREAM.PURGE.A")
    add(js, "a.x", "1")
    taken(js, "S", 2)
    # What a deleted message said is forgotten with it.
    js.api("STREAM.MSG.DELETE.S", {"seq": 2})
    add(js, "a.x", "1")
    taken(js, "S", 3)


@differential
def test_counters_of_counters(js):
    """A counter that takes in another, which takes in a third; and by way of a stream that is no counter."""
    counter(js, "A")
    counter(js, "S", sources=[{"name": "A"} | into("s.x")])
    js.quiet_api("STREAM.CREATE.P", {"name": "P", "storage": "memory", "sources": [{"name": "S"}]})
    js.quiet_api("STREAM.CREATE.M", {"name": "M", "storage": "memory", "mirror": {"name": "S"}})
    counter(js, "T", sources=[{"name": "S"}])
    counter(js, "U", sources=[{"name": "P"} | into("u.x")])
    add(js, "a.x", "5")
    for name in "SPMTU":
        taken(js, name, 1)
    add(js, "s.x", "10")
    for name in "SPMTU":
        taken(js, name, 2)
    add(js, "t.x", "100")
    add(js, "u.x", "1000")
    add(js, "a.y", "5")
    for name, last in zip("SPMTU", (3, 3, 3, 4, 4), strict=True):
        taken(js, name, last)


@differential
def test_source_that_is_no_counter(js):
    """Nothing of it is taken, and what comes after it neither."""
    js.stream("O", subjects=["o.>", "x.>"])
    js.publish("o.x", b'{"val":"3"}')
    counter(js, "A")
    add(js, "a.x", "1")
    counter(js, "S", sources=[{"name": "O"}])
    counter(js, "S", sources=[{"name": "O"}, {"name": "A"}])
    taken(js, "S", 1)
    js.state("O")
    add(js, "s.x", "1")
    add(js, "a.x", "1")
    taken(js, "S", 3)
    js.api("STREAM.PURGE.O")
    js.publish("o.y", b"")
    add(js, "a.x", "1")
    taken(js, "S", 4)


@differential
def test_counter_sources_that_a_client_has_made_up(js):
    """They are believed; and if they are nothing that can be read, the counter is broken."""
    counter(js, "A")
    counter(js, "S", sources=[{"name": "A"} | into("s.x")])
    all_made_up = ('{"A":{"a.x":"1"}}', '{"A": {"a.x": "junk", "a.a": "7"}, "0": {} }', "junk", "[]", "")
    for number, made_up in enumerate(all_made_up):
        js.publish(f"s.{number}", b"", Nats_Incr="10", Nats_Counter_Sources=made_up)
        js.publish(f"s.{number}", b"", Nats_Incr="10")
        js.publish(f"s.{number}", b"", Nats_Incr="10", Nats_Counter_Sources='{"X":{}}')
    js.quiet_api("STREAM.PURGE.S")
    last = js.quiet_api("STREAM.INFO.S")["state"]["last_seq"]
    js.publish("s.x", b"", Nats_Counter_Sources='{"A":{"a.x":"1"}}', Nats_Incr="10", More="1")
    add(js, "a.x", "5")
    taken(js, "S", last + 2)
    js.publish("s.x", b"", Nats_Counter_Sources='{"Q":{}}', Nats_Incr="10", More="1")
    taken(js, "S", last + 3)
    js.content("S", last + 3)


@differential
def test_counter_that_may_not_grow(js):
    """What a source has does not fit into a message, until it may."""
    counter(js, "A")
    counter(js, "S", max_msg_size=130, sources=[{"name": "A"} | into("s.x")])
    add(js, "a.x", "1")
    taken(js, "S", 1)
    add(js, f"a.{30 * 'x'}", "1")
    add(js, "s.x", "1")
    taken(js, "S", 2)
    counter(js, "S", sources=[{"name": "A"} | into("s.x")])
    taken(js, "S", 3)
    js.content("S", 3)


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
