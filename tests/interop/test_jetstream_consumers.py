"""Consumers through the API, and what they deliver, compared with the real server.

Create, update, delete, lists; pull requests with every status; acknowledgements and redelivery; push with queues, heartbeats and
flow control; pauses, priority groups, resets; advisories. Where a test wants a count of pending messages, they are there before
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
    js.consumer("S", "C", **({"deliver_subject": "d.C", "ack_policy": "all", "filter_subject": "s.a"} | config))
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
    filtered = {"stream_name": "S", "config": {"durable_name": "F", "ack_policy": "explicit", "filter_subject": "s.a"}}
    several = {"stream_name": "S", "config": {"durable_name": "F", "ack_policy": "explicit", "filter_subjects": ["s.a"]}}
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
    reply = js.quiet_api("CONSUMER.CREATE.S", {"stream_name": "S", "config": {"ack_policy": "explicit"}})
    name = js.alias(reply["name"], "<ephemeral>")
    js.note(len(name), reply)
    js.take(js.pull("S", name))
    js.consumer_info("S", name)
    js.api("CONSUMER.NAMES.S")
    js.api(f"CONSUMER.DELETE.S.{name}")
    js.consumer_info("S", name)


@differential
@pytest.mark.parametrize("name", ["A-b_C9", "ä", "a b", "a*", "a>", "a/b", "a\\b", "x" * 255, "x" * 256, ""], ids=ascii)
def test_consumer_names(js, name):
    js.stream("S")
    if name and not set(" *>") & set(name):
        js.consumer("S", name)
    js.api("CONSUMER.CREATE.S.C", {"stream_name": "S", "config": {"name": name}})
    js.api("CONSUMER.CREATE.S", {"stream_name": "S", "config": {"durable_name": name}}) if name else None
    js.api("CONSUMER.DURABLE.CREATE.S.C", {"stream_name": "S", "config": {"durable_name": name}})


@differential
def test_lists(js):
    js.stream("S")
    for name in ("C", "a", "B"):
        js.consumer("S", name)
    for body in (b"", {}, {"offset": 1}, {"offset": 3}, {"offset": 99}, {"offset": -1}, {"bogus": 1}, b"hello"):
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
    js.consumer("S", "P", durable_name=None, name="P", deliver_subject="d.P", inactive_threshold=100 * MS)
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
    ("last per some subjects", {"deliver_policy": "last_per_subject", "filter_subjects": ["s.a", "s.c.*"]}),
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
    counts = {"last": 1, "new": 0, "by_start_sequence": 5, "last_per_subject": 3 if "filter_subject" in config else 2}
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


# ---- pull requests


@differential
@pytest.mark.parametrize(
    "body",
    rows(
        ("nothing", b""),
        ("number", b"2"),
        ("zero", b"0"),
        ("negative", b"-1"),
        ("spaces", b" 2 "),
        ("text", b"hello"),
        ("empty object", {}),
        ("batch", {"batch": 3}),
        ("batch 0", {"batch": 0}),
        ("batch negative", {"batch": -1}),
        ("no wait", {"batch": 9, "no_wait": True}),
        ("no wait of one", {"no_wait": True}),
        ("short", {"batch": 9, "expires": 50 * MS}),
        ("short of many bytes", {"batch": 9, "expires": 50 * MS, "max_bytes": 10000}),
        ("one shot", {"batch": 9, "expires": 50 * MS, "no_wait": True}),
        ("bytes", {"batch": 9, "max_bytes": 120, "expires": 50 * MS}),
        ("too few bytes", {"batch": 9, "max_bytes": 1}),
        ("bytes for one", {"batch": 9, "max_bytes": 60, "no_wait": True}),
        ("batch completes before bytes", {"batch": 2, "max_bytes": 10000}),
        ("bytes alone", {"max_bytes": 10000}),
        ("negative expires", {"batch": 9, "expires": -1}),
        ("heartbeat too large", {"batch": 9, "expires": SECOND, "idle_heartbeat": 600 * MS}),
        ("heartbeat without expires", {"batch": 9, "idle_heartbeat": 600 * MS}),
        ("unknown field", {"batch": 1, "bogus": 1}),
        ("cut", b'{"batch":1'),
        ("wrong type", b'{"batch":"x"}'),
        ("group", {"batch": 1, "group": "g"}),
        ("min pending", {"batch": 1, "min_pending": 1}),
        ("min ack pending", {"batch": 1, "min_ack_pending": 1}),
        ("id", {"batch": 1, "id": "x"}),
        ("priority", {"batch": 1, "priority": 3}),
        ("priority too high", {"batch": 1, "priority": 10}),
    ),
)
@pytest.mark.parametrize("messages", [0, 4])
def test_pull_request(js, body, messages):
    """One request; where it would wait, the consumer is deleted to end it."""
    js.stream("S")
    if messages:
        js.fill("s.a", messages)
    js.consumer("S", "C")
    inbox = js.pull("S", "C", body)
    js.wait_consumer("S", "C", lambda info: info["num_waiting"] or inbox.queue, "the request")
    expires = isinstance(body, dict) and body.get("expires", 0) > 0
    js.until_status(inbox) if expires and not (messages == 4 and "no_wait" in body) else None
    js.barrier()
    js.take(inbox, len(inbox.queue))
    waiting = js.consumer_info("S", "C")["num_waiting"]
    js.api("CONSUMER.DELETE.S.C")
    js.until_status(inbox) if waiting else js.nothing(inbox)


@differential
@pytest.mark.parametrize(
    "config, body",
    rows(
        ("batch", {"max_batch": 2}, {"batch": 3, "no_wait": True}),
        ("batch as number", {"max_batch": 2}, b"3"),
        ("expires", {"max_expires": SECOND}, {"batch": 1, "expires": 2 * SECOND}),
        ("no expires", {"max_expires": SECOND}, {"batch": 1, "no_wait": True}),
        ("bytes", {"max_bytes": 100}, {"batch": 1, "max_bytes": 101, "no_wait": True}),
        ("no bytes", {"max_bytes": 100}, {"batch": 1, "no_wait": True}),
    ),
)
def test_request_limits(js, config, body):
    js.stream("S")
    js.consumer("S", "C", **config)
    js.until_status(js.pull("S", "C", body))


@differential
def test_max_waiting(js):
    js.stream("S")
    js.consumer("S", "C", max_waiting=2)
    first = js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.consumer_info("S", "C", num_waiting=2)
    js.until_status(js.pull("S", "C", {"batch": 1, "expires": LONG}))
    silent = js.pull("S", "C", {"batch": 1, "expires": LONG, "idle_heartbeat": SECOND})
    js.nothing(silent)
    js.connection.unsubscribe(first)
    js.connection.ping()
    js.until_status(js.pull("S", "C", {"batch": 1, "expires": 50 * MS}))


@differential
def test_pull_ack_pending(js):
    js.stream("S")
    js.fill("s.a", 6)
    js.consumer("S", "C", max_ack_pending=2)
    inbox = js.pull("S", "C", {"batch": 5, "expires": LONG})
    for _ in range(2):
        messages = js.take(inbox, 2)
        js.nothing(inbox)
        for message in messages:
            js.ack(message)
    js.take(inbox)
    js.until_status(js.pull("S", "C", {"batch": 5, "expires": 100 * MS}))
    js.until_status(js.pull("S", "C", {"batch": 5, "no_wait": True, "expires": 100 * MS}))
    js.consumer_info("S", "C")


@differential
def test_pull_heartbeats(js):
    js.stream("S")
    js.fill("s.a", 2)
    js.consumer("S", "C")
    inbox = js.pull("S", "C", {"batch": 5, "expires": LONG, "idle_heartbeat": 100 * MS})
    js.take(inbox, 4)
    js.connection.unsubscribe(inbox)


@differential
def test_pull_of_push(js):
    js.stream("S")
    js.consumer("S", "C", deliver_subject="d.C")
    js.until_status(js.pull("S", "C"))


@differential
def test_pull_of_nothing(js):
    js.stream("S")
    js.until_status(js.pull("S", "NONE"))
    js.until_status(js.pull("NONE", "NONE"))


@differential
def test_two_requests_take_turns(js):
    js.stream("S")
    js.consumer("S", "C")
    one = js.pull("S", "C", {"batch": 3, "expires": LONG})
    two = js.pull("S", "C", {"batch": 3, "expires": LONG})
    js.consumer_info("S", "C", num_waiting=2)
    for inbox in (one, two) * 3:
        js.publish("s.a", b"x")
        js.take(inbox)


@differential
def test_request_loses_interest(js):
    js.stream("S")
    js.consumer("S", "C")
    gone = js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.consumer_info("S", "C", num_waiting=1)
    js.connection.unsubscribe(gone)
    js.connection.ping()
    there = js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.publish("s.a", b"for the second")
    js.take(there)


@differential
def test_message_too_large_for_request(js):
    js.stream("S")
    js.publish("s.a", b"small")
    js.publish("s.a", b"x" * 500)
    js.consumer("S", "C")
    js.until_status(js.pull("S", "C", {"batch": 9, "max_bytes": 300}))
    js.until_status(js.pull("S", "C", {"batch": 9, "max_bytes": 300}))
    js.consumer_info("S", "C")


# ---- acknowledgements


VERBS = [
    b"", b"+ACK", b"+OK", b"-NAK", b'-NAK {"delay":100000000}', b"-NAK 50ms", b"-NAK soon", b'-NAK {"delay":"x"}', b"+WPI",
    b"+TERM", b"+TERM with a reason", b"+NXT", b"+NXT 2", b'+NXT {"batch":2,"no_wait":true}', b"+FOO", b"ack",
]  # fmt: skip


@differential
@pytest.mark.parametrize("verb", VERBS, ids=repr)
def test_ack_verbs(js, verb):
    js.stream("S")
    js.fill("s.a", 5)
    js.consumer("S", "C", max_ack_pending=5)
    first, second = js.take(js.pull("S", "C", b"2"), 2)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.>")
    if verb.startswith(b"+NXT"):
        inbox = js.inbox()
        js.connection.publish(second.reply, verb, inbox.subject)
        js.take(inbox)
    else:
        js.ack(second, verb)
    js.consumer_info("S", "C")
    inbox = js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.take(inbox)
    js.consumer_info("S", "C")
    js.ack(first, verb) if not verb.startswith(b"+NXT") else None
    js.consumer_info("S", "C")
    js.barrier()
    js.take(advisories, len(advisories.queue))


@differential
@pytest.mark.parametrize("policy", ["none", "all", "explicit"])
def test_ack_policies(js, policy):
    js.stream("S")
    js.fill("s.a", 6)
    js.consumer("S", "C", ack_policy=policy)
    messages = js.take(js.pull("S", "C", b"5"), 5)
    js.consumer_info("S", "C")
    if policy != "none":
        for number in (2, 1, 2, 4):
            js.ack(messages[number])
            js.consumer_info("S", "C")


@differential
def test_odd_acks(js):
    """Acknowledgements of what was not delivered, of bad subjects, of what is gone."""
    js.stream("S")
    js.fill("s.a", 3)
    js.consumer("S", "C")
    (message,) = js.take(js.pull("S", "C"))
    for subject in ("$JS.ACK.S.C.1.9.9.1.0", "$JS.ACK.S.C.1.1.1", "$JS.ACK.S.NONE.1.1.1.1.0", "$JS.ACK.S.C.x.y.z.1.0",
                    "$JS.ACK.S.C.1.0.0.1.0", "$JS.ACK.NONE.C.1.1.1.1.0"):  # fmt: skip
        inbox = js.inbox()
        js.connection.publish(subject, b"", inbox.subject)
        js.barrier()
        js.note(subject, "replies:", *inbox.queue)
    js.api("STREAM.MSG.DELETE.S", {"seq": 1})
    js.ack(message)
    js.ack(message)
    js.consumer_info("S", "C")


@differential
@pytest.mark.parametrize("form", ["_.ACCOUNT.", "hub.ACCOUNT."])
def test_ack_with_domain(js, form):
    """The newer form of acknowledgement subjects, with a domain and an account, and with one token more."""
    js.stream("S")
    js.fill("s.a", 2)
    js.consumer("S", "C")
    for message, more in zip(js.take(js.pull("S", "C", b"2"), 2), ("", ".token")):
        tokens = message.reply.split(".")
        inbox = js.inbox()
        js.connection.publish(f"$JS.ACK.{form}{'.'.join(tokens[2:])}{more}", b"", inbox.subject)
        js.barrier()
        js.note("replies:", len(inbox.queue))
    js.consumer_info("S", "C")


# ---- redelivery


@differential
@pytest.mark.parametrize("storage", ["memory", "file"])
def test_redelivery(js, storage):
    js.stream("S", storage=storage)
    js.fill("s.a", 3)
    js.consumer("S", "C", ack_wait=200 * MS)
    inbox = js.pull("S", "C", {"batch": 8, "expires": LONG})
    messages = js.take(inbox, 3)
    js.ack(messages[1])
    js.take(inbox, 2)
    third = js.take(inbox, 2)
    for message in third:
        js.ack(message)
    js.consumer_info("S", "C")


@differential
@pytest.mark.parametrize("retention", ["limits", "workqueue", "interest"])
def test_max_deliver(js, retention):
    js.stream("S", retention=retention)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>")
    js.consumer("S", "C", ack_wait=150 * MS, max_deliver=2)
    js.fill("s.a", 2)
    js.consumer_info("S", "C", num_pending=2)
    inbox = js.pull("S", "C", {"batch": 5, "expires": LONG})
    js.take(inbox, 4)
    js.take(advisories, 2)
    js.wait_consumer("S", "C", lambda info: info["num_ack_pending"] == 0, "the end of both messages")
    js.consumer_info("S", "C")
    js.info("S")


@differential
def test_backoff(js):
    js.stream("S")
    js.fill("s.a", 1)
    js.consumer("S", "C", backoff=[100 * MS, 200 * MS, 100 * MS], max_deliver=4)
    inbox = js.pull("S", "C", {"batch": 5, "expires": LONG})
    js.take(inbox, 4)
    js.wait_consumer("S", "C", lambda info: info["num_ack_pending"] == 0, "the end of the message")
    js.consumer_info("S", "C")


@differential
def test_redelivery_order(js):
    """Naks come back in their order, before what is new, in spite of the limit."""
    js.stream("S")
    js.fill("s.a", 6)
    js.consumer("S", "C", max_ack_pending=4)
    messages = js.take(js.pull("S", "C", b"4"), 4)
    for number in (2, 0, 3):
        js.ack(messages[number], b"-NAK")
    js.until_status(js.pull("S", "C", {"batch": 9, "expires": 100 * MS}))
    js.consumer_info("S", "C")
    js.ack(messages[1])
    js.until_status(js.pull("S", "C", {"batch": 9, "expires": 100 * MS}))
    js.consumer_info("S", "C")


@differential
def test_progress(js):
    """Work in progress holds off redelivery."""
    js.stream("S")
    js.fill("s.a", 1)
    js.consumer("S", "C", ack_wait=300 * MS)
    inbox = js.pull("S", "C", {"batch": 5, "expires": LONG})
    (message,) = js.take(inbox)
    for _ in range(3):
        js.ack(message, b"+WPI")
    js.take(inbox)


@differential
def test_removed_messages(js):
    """What is removed while it is pending."""
    js.stream("S")
    js.fill("s.a", 6)
    js.consumer("S", "C", ack_wait=200 * MS)
    js.take(js.pull("S", "C", b"3"), 3)
    js.api("STREAM.MSG.DELETE.S", {"seq": 2})
    js.api("STREAM.MSG.DELETE.S", {"seq": 5})
    js.consumer_info("S", "C")
    js.api("STREAM.PURGE.S", {"seq": 3})
    js.consumer_info("S", "C")
    inbox = js.pull("S", "C", {"batch": 3, "expires": LONG})
    js.take(inbox, 3)
    js.api("STREAM.PURGE.S")
    js.consumer_info("S", "C")


# ---- push


@differential
def test_push_ack_pending(js):
    js.stream("S")
    js.fill("s.a", 4)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, max_ack_pending=1)
    for _ in range(4):
        (message,) = js.take(inbox)
        js.nothing(inbox)
        js.ack(message)
    js.consumer_info("S", "C")


@differential
def test_push_waits_for_interest(js):
    js.stream("S")
    js.fill("s.a", 2)
    js.consumer("S", "C", deliver_subject="d.C")
    js.consumer_info("S", "C")
    inbox = js.inbox("d.C")
    js.take(inbox, 2)
    js.consumer_info("S", "C")
    js.consumer("S", "C", deliver_subject="d.D")
    js.connection.unsubscribe(inbox)
    js.connection.ping()
    js.wait_consumer("S", "C", lambda info: not info.get("push_bound"), "no interest")
    js.consumer("S", "C", deliver_subject="d.D")
    js.consumer_info("S", "C")


@differential
def test_push_to_a_group(js):
    """Each message to one member; a plain subscription gets none."""
    js.stream("S")
    js.fill("s.a", 20)
    one, two, outside = js.inbox("d.C", "g"), js.inbox("d.C", "g"), js.inbox("d.C", "h")
    js.consumer("S", "C", deliver_subject="d.C", deliver_group="g", ack_policy="none")
    js.wait_consumer("S", "C", lambda info: info["num_pending"] == 0, "the end of all messages")
    js.connection.ping()
    for _ in range(20 - len(one.queue) - len(two.queue)):
        js.connection.read("the rest")
    js.note(len(one.queue) + len(two.queue), len(outside.queue))
    taken = sorted(map(str, [*one.queue, *two.queue]))
    js.note(*taken)
    js.consumer_info("S", "C")


@differential
def test_push_heartbeats(js):
    js.stream("S")
    js.fill("s.a", 2)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, idle_heartbeat=100 * MS, ack_policy="none")
    js.take(inbox, 4)


@differential
def test_push_flow_control(js):
    """The window stalls until the request is answered, and a heartbeat says so."""
    js.stream("S")
    for _ in range(60):
        js.request("s.a", b"x" * 65536)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, idle_heartbeat=SECOND, flow_control=True, ack_policy="none")
    received, requests = 0, 0
    while received < 60:
        message = js.connection.take(inbox, "a message or a request")
        if message.status == 0:
            received += 1
        elif message.reply:
            requests += 1
            js.note("flow control after", received, message)
            if requests > 1 or received > 60:
                js.connection.publish(message.reply)
            else:
                # Not answered at once: it comes again, or a heartbeat says that all stand still.
                stalled = message
                while message.status != 100 or message.header("Nats-Consumer-Stalled") is None:
                    message = js.connection.take(inbox, "a heartbeat of a stalled consumer")
                    received += message.status == 0
                js.note("stalled after", received, message)
                js.connection.publish(stalled.reply)
    js.note("received", received)


@differential
def test_rate_limit(js):
    js.stream("S")
    js.fill("s.a", 5)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, rate_limit_bps=8000, ack_policy="none")
    js.take(inbox, 5)


# ---- pause, reset


@differential
def test_pause(js):
    js.stream("S")
    js.fill("s.a", 3)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.PAUSE.>")
    js.consumer("S", "C")
    js.api("CONSUMER.PAUSE.S.C", {"pause_until": "2999-01-01T00:00:00Z"})
    js.consumer_info("S", "C")
    waiting = js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.nothing(waiting)
    js.api("CONSUMER.PAUSE.S.C")
    # nats-server looks at a request that waited through the pause only when something else happens.
    again = js.pull("S", "C", {"batch": 1, "expires": LONG})
    js.take(waiting)
    js.take(again)
    for body in ({"pause_until": "2020-01-01T00:00:00Z"}, {}, {"pause_until": "soon"}, {"bogus": 1}, b"hello"):
        js.api("CONSUMER.PAUSE.S.C", body)
    js.consumer_info("S", "C")
    js.api("CONSUMER.PAUSE.S.NONE", {"pause_until": "2999-01-01T00:00:00Z"})
    js.api("CONSUMER.PAUSE.NONE.C", {"pause_until": "2999-01-01T00:00:00Z"})
    js.take(advisories, 2)


@differential
def test_paused_push_has_heartbeats(js):
    js.stream("S")
    js.fill("s.a", 1)
    inbox = js.inbox()
    js.consumer("S", "C", deliver_subject=inbox.subject, idle_heartbeat=100 * MS, pause_until="2999-01-01T00:00:00Z")
    js.take(inbox, 2)
    js.api("CONSUMER.PAUSE.S.C")
    while not js.connection.take(inbox, "the message").reply:
        pass


@differential
@pytest.mark.parametrize(
    "body",
    rows(("nothing", b""), ("empty", {}), ("seq 2", {"seq": 2}), ("seq 1", {"seq": 1}), ("seq 99", {"seq": 99}),
         ("seq 0", {"seq": 0}), ("text", b"hello"), ("unknown field", {"bogus": 1})),
)  # fmt: skip
@pytest.mark.parametrize(
    "config",
    rows(
        ("all", {}),
        ("from 2", {"deliver_policy": "by_start_sequence", "opt_start_seq": 2}),
        ("new", {"deliver_policy": "new"}),
        ("filter", {"filter_subject": "s.b"}),
        ("no acks", {"ack_policy": "none"}),
        ("last per subject", {"deliver_policy": "last_per_subject", "filter_subject": "s.*"}),
    ),
)
def test_reset(js, config, body):
    js.stream("S")
    for subject in ("s.a", "s.b", "s.a", "s.b", "s.a"):
        js.publish(subject, b"x")
    js.consumer("S", "C", **config)
    taken = js.until_status(js.pull("S", "C", {"batch": 3, "no_wait": True}) if "new" in str(config) else
                            js.pull("S", "C", {"batch": 9, "no_wait": True}))  # fmt: skip
    if len(taken) > 2 and config.get("ack_policy") != "none":
        js.ack(taken[0])
    js.api("CONSUMER.RESET.S.C", body)
    js.consumer_info("S", "C")
    js.until_status(js.pull("S", "C", {"batch": 9, "no_wait": True}))


@differential
def test_reset_of_nothing(js):
    js.stream("S")
    js.unanswered("$JS.API.CONSUMER.RESET.S.C")
    js.unanswered("$JS.API.CONSUMER.RESET.NONE.C")
    js.consumer("S", "C", deliver_subject="d.C")
    js.api("CONSUMER.RESET.S.C")


# ---- priority groups


@differential
def test_overflow(js):
    js.stream("S")
    js.fill("s.a", 5)
    js.consumer("S", "C", priority_groups=["g"], priority_policy="overflow")
    js.until_status(js.pull("S", "C", {"batch": 1, "no_wait": True}))
    js.until_status(js.pull("S", "C", {"batch": 1, "no_wait": True, "group": "h"}))
    js.take(js.pull("S", "C", {"batch": 1, "no_wait": True, "group": "g", "priority": 1}))
    js.take(js.pull("S", "C", {"batch": 1, "no_wait": True, "group": "g", "id": "x"}))
    js.take(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG}))
    waiting = js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG, "min_pending": 9})
    js.nothing(waiting)
    js.take(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG, "min_pending": 2}))
    js.take(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG, "min_ack_pending": 2}))
    acking = js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG, "min_ack_pending": 9, "min_pending": 99})
    js.nothing(acking)
    js.consumer_info("S", "C")
    js.fill("s.a", 9)
    js.take(waiting)


@differential
def test_prioritized(js):
    js.stream("S")
    js.consumer("S", "C", priority_groups=["g"], priority_policy="prioritized")
    late = js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": 5})
    early = js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": 1})
    js.until_status(js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": 10}))
    js.until_status(js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": -1}))
    js.until_status(js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "min_pending": 1}))
    js.consumer_info("S", "C", num_waiting=2)
    for inbox in (early, early, late, late):
        js.publish("s.a", b"x")
        js.take(inbox)


@differential
def test_pinned(js):
    js.stream("S")
    js.fill("s.a", 8)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.*.S.C")
    js.consumer("S", "C", priority_groups=["g"], priority_policy="pinned_client", priority_timeout=LONG)
    (message,) = js.take(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG}))
    pin = message.header("Nats-Pin-Id")
    js.consumer_info("S", "C")
    other = js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG})
    js.nothing(other)
    inbox = js.inbox()
    js.connection.publish(
        "$JS.API.CONSUMER.MSG.NEXT.S.C",
        f'{{"batch":2,"group":"g","expires":{LONG},"id":"{pin}"}}'.encode(),
        inbox.subject,
    )
    js.take(inbox, 2)
    js.until_status(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG, "id": "wrong"}))
    js.api("CONSUMER.UNPIN.S.C", {"group": "h"})
    js.api("CONSUMER.UNPIN.S.C", {})
    js.api("CONSUMER.UNPIN.S.C")
    js.api("CONSUMER.UNPIN.S.C", {"group": "g"})
    js.take(other)
    js.connection.publish(
        "$JS.API.CONSUMER.MSG.NEXT.S.C",
        f'{{"batch":1,"group":"g","expires":{LONG},"id":"{pin}"}}'.encode(),
        inbox.subject,
    )
    js.take(inbox)
    js.barrier()
    js.take(advisories, len(advisories.queue))
    js.api("CONSUMER.UNPIN.S.NONE", {"group": "g"})


@differential
def test_pin_ends(js):
    js.stream("S")
    js.fill("s.a", 3)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.*.S.C")
    js.consumer("S", "C", priority_groups=["g"], priority_policy="pinned_client", priority_timeout=200 * MS)
    js.take(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG}))
    js.take(js.pull("S", "C", {"batch": 1, "group": "g", "expires": LONG}))
    js.take(advisories, 4)


# ---- advisories and metrics


@differential
def test_consumer_advisories(js):
    inbox = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.>")
    js.stream("S")
    js.consumer("S", "C")
    js.consumer("S", "C", description="changed")
    js.api("CONSUMER.DELETE.S.C")
    js.take(inbox, 2)
    js.consumer("S", "D")
    js.api("STREAM.DELETE.S")
    js.take(inbox, 2)


@differential
def test_ack_metrics(js):
    inbox = js.inbox("$JS.EVENT.METRIC.CONSUMER.ACK.>")
    js.stream("S")
    js.fill("s.a", 2)
    js.consumer("S", "C", sample_freq="100%")
    first, second = js.take(js.pull("S", "C", b"2"), 2)
    js.ack(first)
    js.take(inbox)
    js.ack(second, b"-NAK")
    (again,) = js.take(js.pull("S", "C"))
    js.ack(again)
    js.take(inbox)
