"""Consumers through the API, and what they deliver, compared with the real server.

Create, update, delete, lists; which messages by which policy and filter. How they are delivered is in test_jetstream_delivery.py.
Where a test wants a count of pending messages, they are there before
the consumer is: a consumer hears of later ones after their publisher does.
"""

import pytest

from differential import differential, rows
from harness import poll

SECOND = 10**9
MS = 10**6
# A pull request that nothing but its messages may end.
LONG = 30 * SECOND


# ---- create, update, delete


CONFIGS = rows(
    ("plain", {}),
    ("no acks", {"ack_policy": "none"}),
    ("ack all", {"ack_policy": "all"}),
    ("default acks", {"ack_policy": None}),
    ("everything", {"description": "d", "ack_wait": SECOND, "max_deliver": 3, "max_ack_pending": 7, "max_waiting": 5,
                    "sample_freq": "50%", "max_batch": 10, "max_expires": SECOND, "max_bytes": 1000,
                    "inactive_threshold": 60 * SECOND, "headers_only": True, "mem_storage": True, "num_replicas": 1,
                    "metadata": {"a": "b"}}),
    ("last", {"deliver_policy": "last"}),
    ("new", {"deliver_policy": "new"}),
    ("from 2", {"deliver_policy": "by_start_sequence", "opt_start_seq": 2}),
    ("from 99", {"deliver_policy": "by_start_sequence", "opt_start_seq": 99}),
    ("from a time", {"deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z"}),
    ("from a time to come", {"deliver_policy": "by_start_time", "opt_start_time": "2999-01-01T00:00:00Z"}),
    ("last per subject", {"deliver_policy": "last_per_subject", "filter_subject": "s.*"}),
    ("last per subject of several", {"deliver_policy": "last_per_subject", "filter_subjects": ["s.a", "s.b"]}),
    ("filter", {"filter_subject": "s.a"}),
    ("filter of nothing", {"filter_subject": "x"}),
    ("filters", {"filter_subjects": ["s.a", "s.b"]}),
    ("one filter in a list", {"filter_subjects": ["s.a"]}),
    ("no filters", {"filter_subjects": []}),
    ("replay original", {"replay_policy": "original"}),
    ("backoff", {"backoff": [SECOND, 2 * SECOND], "max_deliver": 3}),
    ("backoff and wait", {"backoff": [SECOND, 2 * SECOND], "max_deliver": 3, "ack_wait": 5 * SECOND}),
    ("backoff without limit", {"backoff": [SECOND]}),
    ("unlimited pending", {"max_ack_pending": -1}),
    ("deliver once", {"max_deliver": 1}),
    ("deliver -5", {"max_deliver": -5}),
    ("deliver 0", {"max_deliver": 0}),
    ("sample number", {"sample_freq": "30"}),
    ("paused", {"pause_until": "2999-01-01T00:00:00Z"}),
    ("paused before", {"pause_until": "2020-01-01T00:00:00Z"}),
    ("push", {"deliver_subject": "d.C"}),
    ("push in a group", {"deliver_subject": "d.C", "deliver_group": "g"}),
    ("push with all", {"deliver_subject": "d.C", "flow_control": True, "idle_heartbeat": SECOND, "rate_limit_bps": 1000}),
    ("push with heartbeat", {"deliver_subject": "d.C", "idle_heartbeat": 100 * MS}),
    ("overflow", {"priority_groups": ["g"], "priority_policy": "overflow"}),
    ("pinned", {"priority_groups": ["g"], "priority_policy": "pinned_client"}),
    ("pinned with timeout", {"priority_groups": ["g"], "priority_policy": "pinned_client", "priority_timeout": SECOND}),
    ("prioritized", {"priority_groups": ["g"], "priority_policy": "prioritized"}),
    ("flow control acks", {"ack_policy": "flow_control", "deliver_subject": "d.C", "flow_control": True,
                           "idle_heartbeat": SECOND}),
    ("own metadata of the server", {"metadata": {"_nats.ver": "x", "_nats.y": "z"}}),
    # What is refused.
    ("wrong ack policy", {"ack_policy": "some"}),
    ("wrong deliver policy", {"deliver_policy": "some"}),
    ("wrong replay policy", {"replay_policy": "some"}),
    ("wrong priority policy", {"priority_policy": "some"}),
    ("last without filter", {"deliver_policy": "last_per_subject"}),
    ("start without sequence", {"deliver_policy": "by_start_sequence"}),
    ("start without time", {"deliver_policy": "by_start_time"}),
    ("sequence with all", {"opt_start_seq": 2}),
    ("sequence with last", {"deliver_policy": "last", "opt_start_seq": 2}),
    ("sequence with new", {"deliver_policy": "new", "opt_start_seq": 2}),
    ("sequence with time", {"deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z", "opt_start_seq": 2}),
    ("time with all", {"opt_start_time": "2020-01-01T00:00:00Z"}),
    ("time with sequence", {"deliver_policy": "by_start_sequence", "opt_start_seq": 2,
                            "opt_start_time": "2020-01-01T00:00:00Z"}),
    ("both filters", {"filter_subject": "s.a", "filter_subjects": ["s.b"]}),
    ("equal filters", {"filter_subjects": ["s.a", "s.a"]}),
    ("overlapping filters", {"filter_subjects": ["s.a", "s.*"]}),
    ("empty filter of several", {"filter_subjects": ["s.a", ""]}),
    ("bad filter", {"filter_subject": "s..a"}),
    ("bad filters", {"filter_subjects": ["s..a", "s.b"]}),
    ("backoff longer than deliveries", {"backoff": [SECOND, SECOND], "max_deliver": 1}),
    ("backoff negative", {"backoff": [-1], "max_deliver": 3}),
    ("negative wait", {"ack_wait": -1}),
    ("negative pending", {"max_ack_pending": -5}),
    ("negative waiting", {"max_waiting": -1}),
    ("negative threshold", {"inactive_threshold": -1}),
    ("negative batch", {"max_batch": -1}),
    ("negative expires", {"max_expires": -1}),
    ("short expires", {"max_expires": 1000}),
    ("negative bytes", {"max_bytes": -1}),
    ("long description", {"description": "x" * 4097}),
    ("large metadata", {"metadata": {"k": "v" * 131072}}),
    ("bad sample", {"sample_freq": "often"}),
    ("sample over 100", {"sample_freq": "101"}),
    ("replicas 3", {"num_replicas": 3}),
    ("replicas negative", {"num_replicas": -1}),
    ("other name", {"name": "D"}),
    ("other durable", {"durable_name": "D"}),
    ("both names", {"name": "C", "durable_name": "D"}),
    ("ephemeral", {"durable_name": None, "name": "C"}),
    ("direct", {"direct": True}),
    ("pull with heartbeat", {"idle_heartbeat": SECOND}),
    ("pull with flow control", {"flow_control": True}),
    ("pull with rate limit", {"rate_limit_bps": 1000}),
    ("pull with group", {"deliver_group": "g"}),
    ("push to a wildcard", {"deliver_subject": "d.*"}),
    ("push to a bad subject", {"deliver_subject": "d..x"}),
    ("push to itself", {"deliver_subject": "s.x"}),
    ("push with waiting", {"deliver_subject": "d.C", "max_waiting": 5}),
    ("push with batch", {"deliver_subject": "d.C", "max_batch": 5}),
    ("push with flow control alone", {"deliver_subject": "d.C", "flow_control": True}),
    ("push with short heartbeat", {"deliver_subject": "d.C", "idle_heartbeat": 10 * MS}),
    ("push with priority", {"deliver_subject": "d.C", "priority_groups": ["g"], "priority_policy": "overflow"}),
    ("push with bad group", {"deliver_subject": "d.C", "deliver_group": "a b"}),
    ("flow control acks by pull", {"ack_policy": "flow_control"}),
    ("flow control acks with wait", {"ack_policy": "flow_control", "deliver_subject": "d.C", "flow_control": True,
                                     "idle_heartbeat": SECOND, "ack_wait": SECOND}),
    ("flow control acks with backoff", {"ack_policy": "flow_control", "deliver_subject": "d.C", "flow_control": True,
                                        "idle_heartbeat": SECOND, "backoff": [SECOND], "max_deliver": 3}),
    ("flow control acks with slow heartbeat", {"ack_policy": "flow_control", "deliver_subject": "d.C",
                                               "flow_control": True, "idle_heartbeat": 5 * SECOND}),
    ("priority without group", {"priority_policy": "overflow"}),
    ("priority with two groups", {"priority_groups": ["g", "h"], "priority_policy": "overflow"}),
    ("priority with an empty group", {"priority_groups": [""], "priority_policy": "overflow"}),
    ("priority with a bad group", {"priority_groups": ["a b"], "priority_policy": "overflow"}),
    ("priority with a long group", {"priority_groups": ["g" * 17], "priority_policy": "overflow"}),
    ("group without priority", {"priority_groups": ["g"]}),
    ("priority timeout without pin", {"priority_groups": ["g"], "priority_policy": "overflow", "priority_timeout": SECOND}),
    ("priority without acks", {"priority_groups": ["g"], "priority_policy": "overflow", "ack_policy": "none"}),
    ("no acks with wait", {"ack_policy": "none", "ack_wait": SECOND}),
    ("no acks with deliveries", {"ack_policy": "none", "max_deliver": 3}),
    ("no acks with pending", {"ack_policy": "none", "max_ack_pending": 3}),
)  # fmt: skip


def filled(js, **config):
    js.stream("S", **config)
    for subject in ("s.a", "s.b", "s.a", "s.c"):
        js.publish(subject, subject.encode(), H="v")


@differential
@pytest.mark.parametrize("config", CONFIGS)
def test_create(js, config):
    """The reply, an equal creation once more, creation only, and what is there then."""
    filled(js)
    js.consumer("S", "C", **config)
    js.consumer("S", "C", **config)
    merged = {"durable_name": "C", "ack_policy": "explicit"} | config
    for action in ("create", "update", "bogus"):
        js.api("CONSUMER.CREATE.S.C", {"stream_name": "S", "action": action, "config": {
            key: value for key, value in merged.items() if value is not None}})  # fmt: skip
    js.consumer_info("S", "C")
    js.api("CONSUMER.NAMES.S")
    js.api("CONSUMER.LIST.S")


@differential
@pytest.mark.parametrize("config", CONFIGS)
def test_update(js, config):
    """Every configuration as an update of a plain consumer with a delivered message."""
    filled(js)
    js.consumer("S", "C")
    js.take(js.pull("S", "C"))
    js.consumer("S", "C", **config)
    js.consumer_info("S", "C")


@differential
@pytest.mark.parametrize("config", CONFIGS)
def test_update_of_push(js, config):
    filled(js)
    js.consumer("S", "C", deliver_subject="d.C", ack_policy="all", filter_subject="s.a")
    js.consumer(
        "S",
        "C",
        **({"deliver_subject": "d.C", "ack_policy": "all", "filter_subject": "s.a"} | config),
    )
    js.consumer_info("S", "C")


@differential
@pytest.mark.parametrize("retention", ["interest", "workqueue"])
@pytest.mark.parametrize("config", CONFIGS)
def test_create_of_retention(js, retention, config):
    """What streams that remove by acknowledgement allow."""
    js.stream("S", retention=retention)
    js.consumer("S", "C", **config)
    js.consumer("S", "E", filter_subject="s.a")
    js.api("CONSUMER.NAMES.S")


@differential
@pytest.mark.parametrize(
    "config",
    rows(
        ("pedantic wait", {"pedantic": True, "config": {"durable_name": "C", "ack_policy": "none", "ack_wait": SECOND}}),
        ("pedantic backoff", {"pedantic": True, "config": {
            "durable_name": "C", "ack_policy": "explicit", "backoff": [SECOND], "ack_wait": 5 * SECOND, "max_deliver": 2}}),
        ("pedantic filters", {"pedantic": True, "config": {"durable_name": "C", "filter_subjects": ["s.a"]}}),
        ("unknown field", {"bogus": 1, "config": {"durable_name": "C"}}),
        ("unknown field inside", {"config": {"durable_name": "C", "bogus": 1}}),
        ("no config", {}),
        ("other stream", {"stream_name": "OTHER", "config": {"durable_name": "C"}}),
        ("no stream", {"stream_name": "", "config": {"durable_name": "C"}}),
    ),
)  # fmt: skip
def test_create_requests(js, config):
    filled(js)
    js.api("CONSUMER.CREATE.S.C", {"stream_name": "S"} | config)
    js.api("CONSUMER.NAMES.S")


@differential
def test_create_subjects(js):
    """The older forms, and those with the filter in the subject."""
    filled(js)
    durable = {"stream_name": "S", "config": {"durable_name": "C", "ack_policy": "explicit"}}
    filtered = {
        "stream_name": "S",
        "config": {"durable_name": "F", "ack_policy": "explicit", "filter_subject": "s.a"},
    }
    several = {
        "stream_name": "S",
        "config": {"durable_name": "F", "ack_policy": "explicit", "filter_subjects": ["s.a"]},
    }
    for name, body in (
        ("CONSUMER.DURABLE.CREATE.S.C", durable),
        ("CONSUMER.DURABLE.CREATE.S.D", durable),
        ("CONSUMER.DURABLE.CREATE.S.C", {"stream_name": "S", "config": {"ack_policy": "explicit"}}),
        ("CONSUMER.DURABLE.CREATE.S.C", b"hello"),
        ("CONSUMER.CREATE.S.D", durable),
        ("CONSUMER.CREATE.S.F.s.a", filtered),
        ("CONSUMER.CREATE.S.F.s.b", filtered),
        ("CONSUMER.CREATE.S.C.s.a", durable),
        ("CONSUMER.CREATE.S.F.s.a", several),
        ("CONSUMER.CREATE.S.F", filtered),
        ("CONSUMER.CREATE.S", filtered),
        ("CONSUMER.CREATE.S.C", b"hello"),
        ("CONSUMER.CREATE.S.C", b""),
        ("CONSUMER.CREATE.NONE.C", durable),
        ("CONSUMER.CREATE.T.C", durable),
    ):
        js.api(name, body)
    js.api("CONSUMER.NAMES.S")


@differential
def test_ephemeral(js):
    filled(js)
    reply = js.quiet_api(
        "CONSUMER.CREATE.S", {"stream_name": "S", "config": {"ack_policy": "explicit"}}
    )
    name = js.alias(reply["name"], "<ephemeral>")
    js.note(len(name), reply)
    js.take(js.pull("S", name))
    js.consumer_info("S", name)
    js.api("CONSUMER.NAMES.S")
    js.api(f"CONSUMER.DELETE.S.{name}")
    js.consumer_info("S", name)


@differential
@pytest.mark.parametrize(
    "name", ["A-b_C9", "ä", "a b", "a*", "a>", "a/b", "a\\b", "x" * 255, "x" * 256, ""], ids=ascii
)
def test_consumer_names(js, name):
    js.stream("S")
    if name and not set(" *>") & set(name):
        js.consumer("S", name)
    js.api("CONSUMER.CREATE.S.C", {"stream_name": "S", "config": {"name": name}})
    js.api(
        "CONSUMER.CREATE.S", {"stream_name": "S", "config": {"durable_name": name}}
    ) if name else None
    js.api("CONSUMER.DURABLE.CREATE.S.C", {"stream_name": "S", "config": {"durable_name": name}})


@differential
def test_lists(js):
    js.stream("S")
    for name in ("C", "a", "B"):
        js.consumer("S", name)
    for body in (
        b"",
        {},
        {"offset": 1},
        {"offset": 3},
        {"offset": 99},
        {"offset": -1},
        {"bogus": 1},
        b"hello",
    ):
        js.api("CONSUMER.NAMES.S", body)
        js.api("CONSUMER.LIST.S", body)
    js.api("CONSUMER.INFO.S.C", b"{}")
    js.api("CONSUMER.INFO.S.NONE")
    js.api("CONSUMER.DELETE.S.C", b"{}")
    js.api("CONSUMER.DELETE.S.C")
    js.api("CONSUMER.DELETE.S.C")
    js.api("CONSUMER.LEADER.STEPDOWN.S.a")
    js.info("S")


@differential
def test_max_consumers(js):
    js.stream("S", max_consumers=1)
    js.consumer("S", "A")
    js.consumer("S", "B")
    js.consumer("S", "A", description="other")
    js.api("CONSUMER.DELETE.S.A")
    js.consumer("S", "B")


@differential
def test_limits_of_the_stream(js):
    js.stream("S", consumer_limits={"max_ack_pending": 10, "inactive_threshold": 60 * SECOND})
    js.consumer("S", "A")
    js.update("S", consumer_limits={"max_ack_pending": 5})
    js.consumer("S", "B", max_ack_pending=11)
    js.consumer("S", "C", inactive_threshold=61 * SECOND)
    js.consumer("S", "D", max_ack_pending=-1)
    js.consumer("S", "E", ack_policy="none")


@differential
def test_inactive(js):
    """An unused consumer goes, one that is used stays."""
    filled(js)
    inbox = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.DELETED.>")
    js.consumer("S", "C", inactive_threshold=200 * MS)
    js.take(inbox)
    js.consumer_info("S", "C")
    deliveries = js.inbox("d.P")
    js.consumer(
        "S", "P", durable_name=None, name="P", deliver_subject="d.P", inactive_threshold=100 * MS
    )
    js.take(deliveries, 4)
    js.connection.unsubscribe(deliveries)
    js.take(inbox)
    poll(lambda: not js.quiet_api("CONSUMER.NAMES.S")["consumers"], "the end of the consumer")


# ---- what is delivered


DELIVERY = rows(
    ("all", {}),
    ("last", {"deliver_policy": "last"}),
    ("last of a subject", {"deliver_policy": "last", "filter_subject": "s.b"}),
    ("new", {"deliver_policy": "new"}),
    ("sequence", {"deliver_policy": "by_start_sequence", "opt_start_seq": 3}),
    ("removed sequence", {"deliver_policy": "by_start_sequence", "opt_start_seq": 2}),
    ("time", {"deliver_policy": "by_start_time", "opt_start_time": "2020-01-01T00:00:00Z"}),
    ("last per subject", {"deliver_policy": "last_per_subject", "filter_subject": "s.>"}),
    (
        "last per some subjects",
        {"deliver_policy": "last_per_subject", "filter_subjects": ["s.a", "s.c.*"]},
    ),
    ("filter", {"filter_subject": "s.a"}),
    ("wildcard", {"filter_subject": "s.*"}),
    ("filters", {"filter_subjects": ["s.a", "s.c.>"]}),
    ("headers only", {"headers_only": True}),
    ("no acks", {"ack_policy": "none"}),
    ("ack all", {"ack_policy": "all"}),
    ("original", {"replay_policy": "original"}),
)


def varied(js, storage="memory"):
    """Seven messages, the second removed."""
    js.stream("S", storage=storage)
    for number, subject in enumerate(("s.a", "s.b", "s.a", "s.c.x", "s.b", "s.c.x", "s.a")):
        js.publish(subject, b"x" * number, **({"Number": str(number)} if number % 2 else {}))
    js.api("STREAM.MSG.DELETE.S", {"seq": 2})


@differential
@pytest.mark.parametrize("storage", ["memory", "file"])
@pytest.mark.parametrize("config", DELIVERY)
def test_pull_delivery(js, storage, config):
    varied(js, storage)
    js.consumer("S", "C", **config)
    taken = js.until_status(js.pull("S", "C", {"batch": 10, "no_wait": True}))
    js.consumer_info("S", "C")
    for message in taken[:-1]:
        js.ack(message) if config.get("ack_policy") != "none" else None
    js.consumer_info("S", "C")
    js.publish("s.b" if config.get("filter_subject") == "s.b" else "s.a", b"after")
    js.consumer_info("S", "C", num_pending=1)
    js.until_status(js.pull("S", "C", {"batch": 10, "no_wait": True}))
    js.consumer_info("S", "C")


@differential
@pytest.mark.parametrize("config", DELIVERY)
def test_push_delivery(js, config):
    varied(js)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, **config)
    counts = {
        "last": 1,
        "new": 0,
        "by_start_sequence": 5,
        "last_per_subject": 3 if "filter_subject" in config else 2,
    }
    count = counts.get(config.get("deliver_policy"), 6)
    if "deliver_policy" not in config and "filter" in str(config):
        count = {"s.a": 3, "s.*": 4}.get(config.get("filter_subject"), 5)
    for message in js.take(inbox, count):
        js.ack(message) if config.get("ack_policy") != "none" else None
    js.nothing(inbox)
    js.consumer_info("S", "C")


@differential
def test_update_of_filters(js):
    varied(js)
    js.consumer("S", "C", filter_subject="s.a")
    js.take(js.pull("S", "C"))
    js.consumer("S", "C", filter_subject="s.b")
    js.consumer("S", "C", filter_subjects=["s.b", "s.c.>"])
    js.take(js.pull("S", "C"))
    js.consumer("S", "C")
    js.consumer_info("S", "C")
    js.until_status(js.pull("S", "C", {"batch": 10, "no_wait": True}))
