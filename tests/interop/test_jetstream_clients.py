"""nats-py on top of JetStream: key-value and object stores, ordered consumers, subscriptions; compared with the real server.

Each script drives the client against both servers, and notes what the client made of it.
"""

import asyncio
import contextlib
import datetime
import hashlib

import nats
from nats.js import api

from differential import differential
from harness import apoll

# How long a client waits for what must come, and for what must not.
LONG, SHORT = 10, 0.1


@contextlib.asynccontextmanager
async def client(js):
    """A connection of nats-py to the server of a side, and its JetStream context."""
    connection = await nats.connect(js.server.url, allow_reconnect=False)
    try:
        yield connection, connection.jetstream(timeout=LONG)
    finally:
        await connection.close()


async def attempt(js, what, doing):
    """Notes what an operation returns, or how it fails."""
    try:
        value = await doing
    except Exception as error:
        text = str(error) if isinstance(error, nats.js.errors.APIError) else ""
        value = f"! {type(error).__name__} {text}"
    js.note(what, value)
    return value


async def configured(context, config):
    """Creates a bucket; the name of what the client made of it."""
    return type(await context.create_key_value(**config)).__name__


def entry(e):
    return e and [e.key, e.value, e.revision, e.delta, e.operation, e.bucket]


async def watched(js, watcher, count=None):
    """Notes the updates of a watcher: up to the end of what is there already, or so many."""
    number = 0
    while count is None or number < count:
        update = await watcher.updates(timeout=LONG)
        js.note("update", entry(update))
        if update is None and count is None:
            break
        number += 1
    await watcher.stop()


# ---- key-value stores


@differential
async def test_kv_values(js):
    async with client(js) as (_, context):
        kv = await context.create_key_value(bucket="B", history=3)
        await attempt(js, "get", kv.get("a"))
        for value in (b"1", b"2", b"3", b"4", b""):
            await attempt(js, "put", kv.put("a", value))
        js.note("get", entry(await kv.get("a")))
        js.note("get 3", entry(await kv.get("a", revision=3)))
        await attempt(js, "get 1", kv.get("a", revision=1))
        await attempt(js, "get 99", kv.get("a", revision=99))
        await attempt(js, "create", kv.create("a", b"x"))
        await attempt(js, "create", kv.create("b", b"x"))
        await attempt(js, "update", kv.update("b", b"y", last=6))
        await attempt(js, "update", kv.update("b", b"z", last=6))
        await attempt(js, "update of nothing", kv.update("c", b"z", last=1))
        await attempt(js, "delete", kv.delete("b"))
        await attempt(js, "get", kv.get("b"))
        await attempt(js, "create", kv.create("b", b"again"))
        await attempt(js, "delete with revision", kv.delete("b", last=3))
        await attempt(js, "delete with revision", kv.delete("b", last=9))
        await attempt(js, "purge", kv.purge("a"))
        js.note("history", [entry(e) for e in await kv.history("a")])
        await attempt(js, "bad key", kv.put("a b", b"x"))
        js.info("KV_B", {"subjects_filter": ">"})


@differential
async def test_kv_configurations(js):
    async with client(js) as (_, context):
        for config in (
            {"bucket": "A"},
            {
                "bucket": "B",
                "history": 64,
                "ttl": 3600,
                "description": "d",
                "max_value_size": 10,
                "max_bytes": 1000,
            },
            {"bucket": "C", "storage": "memory", "direct": True},
            {"bucket": "D", "history": 65},
            {"bucket": "E", "replicas": 3},
            {"bucket": "F", "republish": api.RePublish(src=">", dest="r.>")},
            {"bucket": "A", "history": 2},
            {"bucket": "G", "ttl": 60},
        ):
            await attempt(js, config["bucket"], configured(context, config))
            js.info(f"KV_{config['bucket']}")
        kv = await context.key_value("B")
        await attempt(js, "too large", kv.put("a", b"x" * 11))
        for number in range(30):
            await attempt(js, "put", kv.put(f"k{number % 7}", b"x"))
        js.info("KV_B", {"subjects_filter": ">"})
        status = await kv.status()
        js.note(status.bucket, status.values, status.history, status.ttl)
        await attempt(js, "delete", context.delete_key_value("B"))
        await attempt(js, "none", context.key_value("B"))


@differential
async def test_kv_watch(js):
    async with client(js) as (_, context):
        kv = await context.create_key_value(bucket="B", history=2)
        await attempt(js, "keys", kv.keys())
        await watched(js, await kv.watchall())
        for key, value in (("a.b", b"1"), ("a.c", b"2"), ("d", b"3"), ("a.b", b"4")):
            await kv.put(key, value)
        await kv.delete("a.c")
        await watched(js, await kv.watchall())
        await watched(js, await kv.watchall(include_history=True))
        await watched(js, await kv.watchall(ignore_deletes=True))
        await watched(js, await kv.watchall(meta_only=True))
        await watched(js, await kv.watch("a.*"))
        await watched(js, await kv.watch("x"))
        await attempt(js, "keys", kv.keys())
        await attempt(js, "keys", kv.keys(filters=["a.>"]))
        watcher = await kv.watch("a.>")
        for _ in range(3):
            await kv.put("d", b"other")
            await kv.put("a.b", b"new")
        await watched(js, watcher, 6)


@differential
async def test_kv_purge_deletes(js):
    async with client(js) as (_, context):
        kv = await context.create_key_value(bucket="B", history=5)
        for key in "abc":
            await kv.put(key, b"1")
            await kv.put(key, b"2")
        await kv.delete("a")
        await kv.purge("b")
        await kv.purge_deletes(olderthan=-1)
        js.info("KV_B", {"subjects_filter": ">", "deleted_details": True})


@differential
async def test_kv_times_to_live(js):
    async with client(js) as (_, context):
        kv = await context.create_key_value(bucket="B", limit_marker_ttl=1.0, history=1)
        await attempt(js, "create", kv.create("a", b"1", msg_ttl=1.0))
        await attempt(js, "put", kv.put("b", b"1"))
        await attempt(js, "purge", kv.purge("b", msg_ttl=1.0))
        watcher = await kv.watchall()
        await watched(js, watcher, 4)
        js.wait_stream("KV_B", lambda s: s["messages"] == 0, "the end of the markers")
        await attempt(js, "get", kv.get("a"))
        js.info("KV_B")


@differential
async def test_kv_mirror_and_concurrent_updates(js):
    async with client(js) as (_, context):
        kv = await context.create_key_value(bucket="B")
        await kv.put("n", b"0")
        won = 0

        async def increment():
            nonlocal won
            e = await kv.get("n")
            try:
                await kv.update("n", str(int(e.value) + 1).encode(), last=e.revision)
                won += 1
            except nats.js.errors.KeyWrongLastSequenceError:
                pass

        while won < 50:
            await asyncio.gather(*(increment() for _ in range(10)))
        js.note("sum is number of successes", int((await kv.get("n")).value) == won)
        js.stream(
            "M",
            subjects=None,
            mirror={"name": "KV_B"},
            max_msgs_per_subject=1,
            mirror_direct=True,
            allow_direct=True,
        )
        last = js.quiet_api("STREAM.INFO.KV_B")["state"]["last_seq"]
        js.wait_stream("M", lambda s: s["last_seq"] == last, "the mirror")


# ---- object stores


def described(info):
    chunks = info.options.link if info.options and info.options.link else None
    return [
        info.name,
        info.description,
        info.headers,
        info.bucket,
        info.size,
        info.chunks,
        info.digest,
        info.deleted,
        chunks,
    ]


@differential
async def test_objects(js):
    async with client(js) as (_, context):
        store = await context.create_object_store("B")
        await attempt(js, "list", store.list())
        for name, size in (("empty", 0), ("small", 10), ("chunks", 300000), ("ü/ b", 131072)):
            data = hashlib.sha256(name.encode()).digest() * (size // 32 + 1)
            js.note("put", described(await store.put(name, data[:size])))
            got = await store.get(name)
            js.note("get", hashlib.sha256(got.data).hexdigest(), described(got.info))
        js.note("put", described(await store.put("small", b"other")))
        js.note("info", described(await store.get_info("small")))
        await attempt(js, "get", store.get("none"))
        for name in ("small", "renamed"):
            await attempt(
                js,
                "update",
                store.update_meta(
                    "small", api.ObjectMeta(name=name, description="d", headers={"a": "b"})
                ),
            )
        js.note("list", sorted(described(info) for info in await store.list()))
        await store.delete("chunks")
        await attempt(js, "get", store.get("chunks"))
        js.note("deleted", described(await store.get_info("chunks", show_deleted=True)))
        state = js.quiet_api("STREAM.INFO.OBJ_B")["state"]
        js.note(state["messages"], state["last_seq"], state["num_deleted"])
        await store.seal()
        await attempt(js, "sealed", store.put("more", b"x"))
        status = await store.status()
        js.note(status.sealed, status.bucket)
        await attempt(js, "delete", context.delete_object_store("B"))
        await attempt(js, "none", context.object_store("B"))


@differential
async def test_object_watch(js):
    async with client(js) as (_, context):
        store = await context.create_object_store("B")
        await store.put("a", b"1")
        watcher = await store.watch()
        js.note(described(await watcher.updates(timeout=LONG)))
        js.note(await watcher.updates(timeout=LONG))
        await store.put("b", b"2")
        await store.delete("a")
        for _ in range(2):
            js.note(described(await watcher.updates(timeout=LONG)))
        await watcher.stop()


# ---- subscriptions


@differential
async def test_ordered_consumer(js):
    async with client(js) as (_, context):
        await context.add_stream(name="S", subjects=["s.>"])
        for number in range(500):
            await context.publish(f"s.{number % 3}", str(number).encode() * 50)
        sub = await context.subscribe("s.*", ordered_consumer=True)
        sums = hashlib.sha256()
        for _ in range(500):
            message = await sub.next_msg(timeout=LONG)
            sums.update(message.data)
        meta = message.metadata
        js.note(
            sums.hexdigest(),
            meta.sequence.stream,
            meta.sequence.consumer,
            meta.num_pending,
            meta.num_delivered,
        )
        filtered = await context.subscribe(
            "s.1", ordered_consumer=True, deliver_policy=api.DeliverPolicy.LAST
        )
        message = await filtered.next_msg(timeout=LONG)
        js.note(message.subject, message.data[:5], message.metadata.sequence.stream)
        info = await sub.consumer_info()
        js.note(info.config.ack_policy, info.config.flow_control, info.config.idle_heartbeat, info.config.mem_storage,
                info.num_pending, info.push_bound)  # fmt: skip


@differential
async def test_ordered_consumer_starts_again(js):
    """Its consumer is deleted under it: it makes another, and loses nothing."""
    async with client(js) as (_, context):
        await context.add_stream(name="S", subjects=["s.>"])
        for number in range(100):
            await context.publish("s.a", str(number).encode())
        sub = await context.subscribe("s.*", ordered_consumer=True, idle_heartbeat=0.2)
        seen = [(await sub.next_msg(timeout=LONG)).data for _ in range(100)]
        name = (await sub.consumer_info()).name
        await context.delete_consumer("S", name)
        for number in range(100, 110):
            await context.publish("s.a", str(number).encode())
        seen += [(await sub.next_msg(timeout=LONG)).data for _ in range(10)]
        js.note(seen == [str(number).encode() for number in range(110)])


@differential
async def test_pull_subscription(js):
    async with client(js) as (_, context):
        await context.add_stream(name="S", subjects=["s.>"])
        for number in range(20):
            await context.publish("s.a", str(number).encode(), headers={"N": str(number)})
        sub = await context.pull_subscribe(
            "s.a", durable="C", config=api.ConsumerConfig(ack_wait=0.3, max_ack_pending=15)
        )
        messages = await sub.fetch(10, timeout=LONG)
        js.note(
            [
                (m.data, m.headers, m.metadata.sequence.stream, m.metadata.num_pending)
                for m in messages
            ]
        )
        for message in messages[:5]:
            await message.ack_sync(timeout=LONG)
        await messages[5].nak(delay=0.05)
        await messages[6].term()
        await messages[7].in_progress()
        await attempt(js, "twice", messages[0].ack())
        again = await sub.fetch(1, timeout=LONG)
        js.note([(m.data, m.metadata.num_delivered) for m in again])
        await attempt(
            js, "none", (await context.pull_subscribe("s.b", durable="D")).fetch(1, timeout=SHORT)
        )
        js.note(sorted((await context.consumer_info("S", "C")).config.filter_subject))


@differential
async def test_queue_subscriptions(js):
    async with client(js) as (_, context):
        await context.add_stream(name="S", subjects=["s.>"])
        got = []

        async def keep(message):
            got.append(message.data)
            await message.ack()

        for _ in range(3):
            await context.subscribe("s.a", queue="g", durable="g", cb=keep, manual_ack=True)
        for number in range(60):
            await context.publish("s.a", str(number).encode())
        await apoll(lambda: len(got) >= 60, "all messages")
        js.note(sorted(got, key=int))
        await attempt(js, "other queue", context.subscribe("s.a", queue="h", durable="g"))
        info = await context.consumer_info("S", "g")
        js.note(info.config.deliver_group, info.num_pending, info.delivered.consumer_seq)


@differential
async def test_publish_async(js):
    async with client(js) as (_, context):
        await context.add_stream(name="S", subjects=["s.>"], storage="memory")
        futures = [
            await context.publish_async("s.a", str(number).encode()) for number in range(1000)
        ]
        await context.publish_async_completed()
        js.note([(await future).seq for future in futures] == list(range(1, 1001)))
        await attempt(js, "no stream", context.publish("nowhere", b"x"))
        await attempt(js, "wrong stream", context.publish("s.a", b"x", stream="OTHER"))
        js.info("S")


@differential
async def test_management(js):
    async with client(js) as (_, context):
        await attempt(js, "none", context.stream_info("S"))
        info = await context.add_stream(name="S", subjects=["s.a", "s.b"])
        js.note(info.config, info.did_create)
        await attempt(js, "bad", context.add_stream(name="T", subjects=["s.a"]))
        await attempt(js, "bad", context.add_stream(name="T", num_replicas=3))
        await context.publish("s.a", b"1", headers={"A": "b"})
        js.note("find", await context.find_stream_name_by_subject("s.b"))
        await attempt(js, "find", context.find_stream_name_by_subject("x"))
        message = await context.get_msg("S", 1)
        js.note(message.subject, message.data, message.headers)
        await attempt(js, "get", context.get_msg("S", 9))
        js.note("list", [info.config.name for info in await context.streams_info()])
        await context.add_consumer("S", durable_name="C", ack_policy="explicit")
        until = datetime.datetime(2999, 1, 1, tzinfo=datetime.timezone.utc)
        js.note((await context.pause_consumer("S", "C", pause_until=until.isoformat())).paused)
        js.note(
            (await context.consumer_info("S", "C")).paused,
            (await context.resume_consumer("S", "C")).paused,
        )
        js.note(
            "purge", await context.purge_stream("S"), "delete", await context.delete_stream("S")
        )
        account = await context.account_info()
        js.note(account.streams, account.consumers, account.limits)
