"""How consumers deliver, compared with the real server.

Pull requests with every status; acknowledgements and redelivery; push with queues, heartbeats and flow control; pauses, priority
groups, resets; advisories.
"""

import pytest

from differential import differential, rows

SECOND = 10**9
MS = 10**6
# A pull request that nothing but its messages may end.
LONG = 30 * SECOND


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
    ends = expires and not (messages == 4 and "no_wait" in body)
    taken = js.until_status(inbox) if ends else []

    def all_here(info):
        here = sum(not message.status for message in [*taken, *inbox.queue])
        return info["delivered"]["consumer_seq"] == here

    js.wait_consumer("S", "C", all_here, "what was delivered")
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
@pytest.mark.parametrize("messages", [2, 3, 5])
def test_one_shot_ack_pending(js, messages):
    """A request that does not wait, and hears heartbeats, where no more may be delivered before something is acknowledged."""
    js.stream("S")
    js.fill("s.a", messages)
    js.consumer("S", "C", max_ack_pending=3)
    body = {"batch": 4, "no_wait": True, "expires": 900 * MS, "idle_heartbeat": 400 * MS}
    js.until_status(js.pull("S", "C", body), 100)
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
    js.take(advisories, 2 if verb[:4] in (b"-NAK", b"+TER") else 0)
    js.nothing(advisories)


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
        # Acknowledgements of a consumer are handled in their order: what is answered is here then.
        js.request(message.reply, b"+WPI")
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
        js.request(message.reply, b"+WPI")
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
    js.wait_consumer(
        "S", "C", lambda info: info["num_ack_pending"] == 0, "the end of both messages"
    )
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


@differential
@pytest.mark.parametrize("policy", ["explicit", "all", "none"])
def test_positions_of_a_filter(js, policy):
    """What a consumer that looks for one subject says of where it is: messages that are not for it are behind it, too."""
    js.stream("S")
    js.consumer("S", "C", filter_subject="s.b", ack_policy=policy)
    for subject in ("s.a", "s.b", "s.a", "s.a", "s.b", "s.a"):
        js.fill(subject, 1)
    for _ in range(3):
        messages = js.take(js.pull("S", "C", {"batch": 1, "no_wait": True}))
        js.consumer_info("S", "C")
        if policy != "none" and not messages[0].status:
            js.ack(messages[0])
            js.consumer_info("S", "C", num_ack_pending=0)
    js.fill("s.a", 3)
    js.consumer_info("S", "C")
    js.take(js.pull("S", "C", {"batch": 1, "no_wait": True}))
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
    js.consumer(
        "S",
        "C",
        deliver_subject=inbox.subject,
        idle_heartbeat=SECOND,
        flow_control=True,
        ack_policy="none",
    )
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
    for body in (
        {"pause_until": "2020-01-01T00:00:00Z"},
        {},
        {"pause_until": "soon"},
        {"bogus": 1},
        b"hello",
    ):
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
    js.consumer(
        "S",
        "C",
        deliver_subject=inbox.subject,
        idle_heartbeat=100 * MS,
        pause_until="2999-01-01T00:00:00Z",
    )
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
    acking = js.pull(
        "S",
        "C",
        {"batch": 1, "group": "g", "expires": LONG, "min_ack_pending": 9, "min_pending": 99},
    )
    js.nothing(acking)
    js.consumer_info("S", "C")
    js.fill("s.a", 9)
    # How many are pending by then depends on the moment.
    js.note(js.connection.take(waiting, "a message").payload)


@differential
def test_prioritized(js):
    js.stream("S")
    js.consumer("S", "C", priority_groups=["g"], priority_policy="prioritized")
    late = js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": 5})
    early = js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": 1})
    js.until_status(js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": 10}))
    js.until_status(js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "priority": -1}))
    js.until_status(
        js.pull("S", "C", {"batch": 2, "group": "g", "expires": LONG, "min_pending": 1})
    )
    js.consumer_info("S", "C", num_waiting=2)
    for inbox in (early, early, late, late):
        js.publish("s.a", b"x")
        js.take(inbox)


@differential
def test_pinned(js):
    js.stream("S")
    js.fill("s.a", 8)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.*.S.C")
    js.consumer(
        "S", "C", priority_groups=["g"], priority_policy="pinned_client", priority_timeout=LONG
    )
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
    js.take(advisories, 4)
    js.api("CONSUMER.UNPIN.S.NONE", {"group": "g"})


@differential
def test_pin_ends(js):
    js.stream("S")
    js.fill("s.a", 3)
    advisories = js.inbox("$JS.EVENT.ADVISORY.CONSUMER.*.S.C")
    js.consumer(
        "S", "C", priority_groups=["g"], priority_policy="pinned_client", priority_timeout=200 * MS
    )
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
