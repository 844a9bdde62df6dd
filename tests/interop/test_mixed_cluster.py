"""Two causeways and two real nats-servers in one cluster: messages in all directions.

The tests share one running cluster per topology; each uses subjects of its own. What needs its
own cluster (restarts, pools, names, authorization, lame duck) is in test_mixed_lifecycle.py.
"""

import asyncio
import os

import nats.errors
import pytest

import cluster
from clients import Clients
from cluster import everybody, interest, unique
from harness import apoll, poll
from speaker import Speaker

TOPOLOGIES = {"explicit": "explicit", "gossip-from-causeway": 0, "gossip-from-nats-server": 1}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in TOPOLOGIES],
)
def mesh(request, module_fleet, causeway, nats_server):
    binaries = [("c1", causeway), ("n1", nats_server), ("c2", causeway), ("n2", nats_server)]
    servers = cluster.build(module_fleet, binaries, TOPOLOGIES[request.param])
    yield cluster.start(servers, connections=4)
    for server in servers:
        server.stop()


async def test_plain_and_wildcard_subscriptions(mesh):
    await cluster.everybody_hears_everybody(mesh, count=50)


async def test_only_what_matches_is_delivered(mesh):
    prefix = unique("match")
    patterns = [f"{prefix}.a", f"{prefix}.*", f"{prefix}.a.>", f"{prefix}.*.b", f"{prefix}.*.*.c"]
    published = {
        f"{prefix}.a": [f"{prefix}.a", f"{prefix}.*"],
        f"{prefix}.z": [f"{prefix}.*"],
        f"{prefix}.a.b": [f"{prefix}.a.>", f"{prefix}.*.b"],
        f"{prefix}.z.b": [f"{prefix}.*.b"],
        f"{prefix}.a.b.c": [f"{prefix}.a.>", f"{prefix}.*.*.c"],
        f"{prefix}.A": [f"{prefix}.*"],
        f"{prefix}": [],
        f"{prefix}.z.z": [],
    }
    async with Clients() as clients:
        inboxes = {}
        for server in mesh:
            client = await clients.to(server)
            for pattern in patterns:
                inboxes[server, pattern] = await client.inbox(pattern)
        ends = [await (await clients.to(s)).inbox(f"{prefix}-end") for s in mesh]
        await interest(mesh, everybody(mesh, [*patterns, f"{prefix}-end"]))
        for server in mesh:
            publisher = await clients.to(server)
            for subject in [*published, f"{prefix}-end"]:
                await publisher.nc.publish(subject, server.name.encode())
            await publisher.nc.flush()
        # The end mark of each publisher comes after everything it sent, to every server.
        for end in ends:
            await end.wait(len(mesh))
        for (server, pattern), inbox in inboxes.items():
            wanted = [s for s, takers in published.items() if pattern in takers] * len(mesh)
            await inbox.wait(len(wanted))
            assert sorted(m.subject for m in inbox.msgs) == sorted(wanted), (server, pattern)


async def publish_numbered(clients, servers, subject, count):
    """`count` messages from each server; the payloads are distinct."""
    sent = []
    for server in servers:
        publisher = await clients.to(server)
        for number in range(count):
            payload = b"%s:%d" % (server.name.encode(), number)
            await publisher.nc.publish(subject, payload)
            sent.append(payload)
        await publisher.nc.flush()
    return sorted(sent)


async def delivered(inboxes, count, what):
    """Waits until the inboxes hold `count` messages together; returns the payloads, sorted."""
    total = lambda: sum(len(inbox.msgs) for inbox in inboxes)
    await apoll(lambda: total() >= count, lambda: f"{what}: {total()} of {count}")
    return sorted(payload for inbox in inboxes for payload in inbox.payloads)


async def test_queue_group_gets_each_message_once(mesh):
    """A group over all servers, one over two, and a plain subscription, on the same subject."""
    subject = unique("jobs") + ".new"
    c1, n1, c2, n2 = mesh
    async with Clients() as clients:
        wide = [await (await clients.to(s)).inbox(subject, queue="wide") for s in mesh]
        narrow = [await (await clients.to(s)).inbox(subject, queue="narrow") for s in (c2, n2)]
        plain = await (await clients.to(n1)).inbox(subject)
        wanted = everybody(mesh, [subject], queue="wide")
        for server in mesh:
            wanted[server][subject, "narrow"] = 1 if server in (c2, n2) else 2
            wanted[server][subject, ""] = 0 if server is n1 else 1
        await interest(mesh, wanted)

        sent = await publish_numbered(clients, mesh, subject, 100)
        assert await delivered(wide, len(sent), "wide") == sent
        assert await delivered(narrow, len(sent), "narrow") == sent
        assert await delivered([plain], len(sent), "plain") == sent
        for inbox in [*wide, *narrow]:
            assert inbox.msgs, "every member gets a share, wherever it is"


async def test_queue_share_follows_the_number_of_members(mesh):
    """Three members on one server and one on another: about three quarters go to the three."""
    c1, n1, c2, n2 = mesh
    for publisher, many, one in ((c1, n1, c2), (n1, c1, n2), (c1, c2, n2), (n1, n2, c2)):
        subject = unique("share")
        async with Clients() as clients:
            three = [await (await clients.to(many)).inbox(subject, queue="q") for _ in range(3)]
            single = await (await clients.to(one)).inbox(subject, queue="q")
            await interest([publisher], {publisher: {(subject, "q"): 2}})
            # Interest says one line per server and group; the weight follows in further lines.
            await queue_weight(publisher, many, subject, 3)
            sent = await publish_numbered(clients, [publisher], subject, 1000)
            assert await delivered([*three, single], len(sent), subject) == sent
            # 250 expected, standard deviation 14.
            assert 170 < len(single.msgs) < 330, f"{publisher} {many} {one}"
            assert all(len(inbox.msgs) > 170 for inbox in three)


async def queue_weight(server, peer, subject, weight):
    """Waits until `server` knows that `peer` has so many members.

    Monitoring shows a remote queue subscription once, whatever its weight. But interest lines of
    one account travel in order, so a marker subscribed later on `peer` arrives later.
    """
    marker = unique(f"marker-{weight}")
    async with Clients() as clients:
        await (await clients.to(peer)).inbox(marker)
        await interest([server], {server: {(marker, ""): 1}})


async def test_queue_interest_after_members_leave(mesh):
    subject = unique("leave")
    c1, n1, c2, n2 = mesh
    async with Clients() as clients:
        members = {s: await (await clients.to(s)).inbox(subject, queue="q") for s in mesh}
        await interest(mesh, everybody(mesh, [subject], queue="q"))
        stayed, gone = list(mesh), []
        for leaver, politely in ((c1, True), (n1, False), (n2, True)):
            if politely:
                await members[leaver].sub.unsubscribe()
                await members[leaver].client.nc.flush()
            else:
                await members[leaver].client.nc.close()
            stayed.remove(leaver)
            gone.append(leaver)
            knows = lambda s: {(subject, "q"): sum(peer is not s for peer in stayed)}
            await interest(mesh, {s: knows(s) for s in mesh})
            before = {s: len(members[s].msgs) for s in mesh}
            publishers = [c1, n1, c2, n2]
            sent = await publish_numbered(clients, publishers, subject, 25)
            total = sum(before[s] for s in stayed) + len(sent)
            await delivered([members[s] for s in stayed], total, subject)
            fresh = sorted(p for s in stayed for p in members[s].payloads[before[s] :])
            assert fresh == sent
            assert all(len(members[s].msgs) == before[s] for s in gone)


async def test_queue_is_known_by_its_name_across_subjects(mesh):
    """Members on a literal and on a wildcard subject form one group."""
    prefix = unique("byname")
    c1, n1, c2, n2 = mesh
    async with Clients() as clients:
        members = [
            await (await clients.to(c1)).inbox(f"{prefix}.x", queue="q"),
            await (await clients.to(n1)).inbox(f"{prefix}.*", queue="q"),
            await (await clients.to(n2)).inbox(f"{prefix}.>", queue="q"),
        ]
        holders = {f"{prefix}.x": c1, f"{prefix}.*": n1, f"{prefix}.>": n2}
        wanted = {
            s: {(subject, "q"): int(holder is not s) for subject, holder in holders.items()}
            for s in mesh
        }
        await interest(mesh, wanted)
        sent = await publish_numbered(clients, mesh, f"{prefix}.x", 50)
        assert await delivered(members, len(sent), prefix) == sent
        assert all(member.msgs for member in members)


async def test_request_reply_between_every_pair(mesh):
    prefix = unique("svc")
    async with Clients() as clients:
        for server in mesh:
            responder = await clients.to(server)

            async def answer(msg, name=server.name):
                await msg.respond(name.encode() + b" got " + msg.data)

            await responder.nc.subscribe(f"{prefix}.{server.name}", cb=answer)
            await responder.nc.flush()
        subjects = {s: f"{prefix}.{s.name}" for s in mesh}
        wanted = {s: {(subjects[p], ""): int(p is not s) for p in mesh} for s in mesh}
        await interest(mesh, wanted)
        for server in mesh:
            asker = await clients.to(server)
            for peer in mesh:
                for number in range(5):
                    text = b"%d" % number
                    reply = await asker.nc.request(subjects[peer], text, timeout=10)
                    assert reply.data == peer.name.encode() + b" got " + text


async def test_request_to_a_queue_of_services(mesh):
    """Each request gets one answer, and every instance works."""
    subject = unique("pool")
    async with Clients() as clients:
        served = dict.fromkeys([s.name for s in mesh], 0)
        for server in mesh:

            async def answer(msg, name=server.name):
                served[name] += 1
                await msg.respond(msg.data)

            client = await clients.to(server)
            await client.nc.subscribe(subject, queue="workers", cb=answer)
            await client.nc.flush()
        await interest(mesh, everybody(mesh, [subject], queue="workers"))
        for server in mesh:
            asker = await clients.to(server)
            replies = await asyncio.gather(
                *(asker.nc.request(subject, b"%d" % n, timeout=10) for n in range(50))
            )
            assert [r.data for r in replies] == [b"%d" % n for n in range(50)]
        assert sum(served.values()) == 50 * len(mesh)
        assert all(served.values()), served


HEADERS = {"Plain": "v", "Empty": "", "Spaced": "a  b", "UTF": "żółć", "Long": "x" * 3000}


async def test_headers_cross_unchanged(mesh):
    subject = unique("hdr")
    async with Clients() as clients:
        inboxes = [await (await clients.to(s)).inbox(subject) for s in mesh]
        await interest(mesh, everybody(mesh, [subject]))
        for server in mesh:
            publisher = await clients.to(server)
            await publisher.nc.publish(subject, server.name.encode(), headers=HEADERS)
            await publisher.nc.publish(subject, b"", headers={"Only": "headers"})
            await publisher.nc.publish(subject, b"none")
            await publisher.nc.flush()
        for inbox in inboxes:
            await inbox.wait(3 * len(mesh))
            by_payload = {}
            for msg in inbox.msgs:
                by_payload.setdefault(msg.data, []).append(msg.headers)
            for server in mesh:
                assert by_payload[server.name.encode()] == [HEADERS]
            assert by_payload[b""] == [{"Only": "headers"}] * len(mesh)
            assert by_payload[b"none"] == [None] * len(mesh)


def test_headers_are_stripped_for_old_clients(mesh):
    """A client that does not understand headers gets the body alone, from any server."""
    subject = unique("strip").encode()
    for here in mesh:
        with Speaker(here.address, read_info=True) as old:
            old.send(b'CONNECT {"verbose":false,"headers":false}\r\nSUB %s 1\r\n' % subject)
            old.ping()
            wanted = {(subject.decode(), ""): 1}
            for there in mesh:
                if there is not here:
                    sole_interest(there, wanted)
                with Speaker(there.address, read_info=True) as modern:
                    modern.send(b'CONNECT {"verbose":false,"headers":true}\r\n')
                    block = b"NATS/1.0\r\nA: b\r\n\r\n"
                    total = len(block) + 4
                    modern.send(
                        b"HPUB %s %d %d\r\n%sbody\r\n" % (subject, len(block), total, block)
                    )
                    modern.ping()
                old.take()
                message = b"MSG %s 1 4\r\nbody\r\n" % subject
                # One more of our own, to read up to: the first must already be there or come.
                assert old.read_until(message) == message
        gone = {(subject.decode(), ""): 0}
        for there in mesh:
            sole_interest(there, gone)


def sole_interest(server, wanted):
    subjects = {subject for subject, _ in wanted}

    def known():
        listed = [(s, q) for s, q, _ in server.remote_interest() if s in subjects]
        return all(listed.count(key) == n for key, n in wanted.items())

    poll(known, lambda: f"{server!r} to know {wanted}")


async def test_no_responders(mesh):
    """503 while nobody listens anywhere; none while a listener is elsewhere; 503 again after."""
    subject = unique("nobody")
    async with Clients() as clients:
        askers = {s: await clients.to(s) for s in mesh}
        for server in mesh:
            with pytest.raises(nats.errors.NoRespondersError):
                await askers[server].nc.request(subject, b"?", timeout=10)
        for holder in mesh:
            service = await clients.to(holder)

            async def answer(msg):
                await msg.respond(b"here")

            sub = await service.nc.subscribe(subject, cb=answer)
            await service.nc.flush()
            await interest(mesh, {s: {(subject, ""): int(s is not holder)} for s in mesh})
            for server in mesh:
                assert (await askers[server].nc.request(subject, b"?", timeout=10)).data == b"here"
            await sub.unsubscribe()
            await service.nc.flush()
            await interest(mesh, {s: {(subject, ""): 0} for s in mesh})
            for server in mesh:
                with pytest.raises(nats.errors.NoRespondersError):
                    await askers[server].nc.request(subject, b"?", timeout=10)


async def test_auto_unsubscribe_across_servers(mesh):
    """Never more than asked for, and the interest is withdrawn everywhere afterwards."""
    for holder in mesh:
        subject, end = unique("auto"), unique("auto-end")
        async with Clients() as clients:
            client = await clients.to(holder)
            limited = await client.inbox(subject, max_msgs=7)
            marks = await client.inbox(end)
            others = [s for s in mesh if s is not holder]
            await interest(others, {s: {(subject, ""): 1, (end, ""): 1} for s in others})
            for server in others:
                publisher = await clients.to(server)
                for number in range(10):
                    await publisher.nc.publish(subject, b"%d" % number)
                await publisher.nc.publish(end, b"")
                await publisher.nc.flush()
            await marks.wait(len(others))
            assert len(limited.msgs) == 7
            await interest(others, {s: {(subject, ""): 0} for s in others})


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4095, 4096, 65535, 65536, 1 << 20])
async def test_payload_sizes(mesh, size):
    """Any bytes, up to the limit, between every pair."""
    subject = unique("size")
    body = (b"\r\nPUB x 1\r\n" + os.urandom(4096)) * (size // 4096 + 1)
    body = body[:size]
    async with Clients() as clients:
        inboxes = [await (await clients.to(s)).inbox(subject) for s in mesh]
        await interest(mesh, everybody(mesh, [subject]))
        for server in mesh:
            publisher = await clients.to(server)
            await publisher.nc.publish(subject, body, reply=server.name)
            await publisher.nc.flush()
        for inbox in inboxes:
            await inbox.wait(len(mesh))
            assert sorted(m.reply for m in inbox.msgs) == sorted(s.name for s in mesh)
            assert all(m.data == body for m in inbox.msgs)


async def test_many_publishers_keep_their_order(mesh):
    """Concurrent streams from every server to every server: each in order, none lost or doubled."""
    subject = unique("order")
    count = 1000
    async with Clients() as clients:
        inboxes = [await (await clients.to(s)).inbox(subject) for s in mesh]
        await interest(mesh, everybody(mesh, [subject]))

        async def stream(server, label):
            publisher = await clients.to(server)
            for number in range(count):
                await publisher.nc.publish(subject, b"%s:%d" % (label, number))
                if number % 100 == 0:
                    await publisher.nc.flush()
            await publisher.nc.flush()

        labels = {f"{s.name}-{n}": s for s in mesh for n in range(2)}
        await asyncio.gather(*(stream(s, label.encode()) for label, s in labels.items()))
        for inbox in inboxes:
            await inbox.wait(count * len(labels))
            assert cluster.publisher_streams(inbox) == dict.fromkeys(labels, list(range(count)))


async def test_interest_under_churn(mesh):
    """Quick subscribe/unsubscribe of the same subjects: the last state is the one that holds."""
    prefix = unique("churn")
    subjects = [f"{prefix}.{n}" for n in range(40)]
    async with Clients() as clients:
        churners = [await clients.to(s) for s in mesh]
        kept = {s: set() for s in mesh}
        for round_ in range(6):
            for server, churner in zip(mesh, churners):
                for number, subject in enumerate(subjects):
                    if round_ == 5 and number % 3 == 0:
                        await churner.nc.subscribe(subject)
                        kept[server].add(subject)
                    else:
                        sub = await churner.nc.subscribe(subject, queue="q" if number % 2 else "")
                        await sub.unsubscribe()
                await churner.nc.flush()
        wanted = {}
        for server in mesh:
            wanted[server] = {}
            for subject in subjects:
                wanted[server][subject, ""] = sum(
                    subject in kept[peer] for peer in mesh if peer is not server
                )
                wanted[server][subject, "q"] = 0
        await interest(mesh, wanted)


async def test_interest_goes_when_a_client_dies(mesh):
    """A connection that is reset leaves no interest behind, plain or queue."""
    subject = unique("dies")
    async with Clients() as clients:
        del clients
        for holder in mesh:
            others = [s for s in mesh if s is not holder]
            speaker = Speaker(holder.address, read_info=True)
            speaker.send(
                b'CONNECT {"verbose":false}\r\n'
                b"SUB %s 1\r\nSUB %s q 2\r\nSUB %s q 3\r\n" % ((subject.encode(),) * 3)
            )
            speaker.ping()
            await interest(others, {s: {(subject, ""): 1, (subject, "q"): 1} for s in others})
            speaker.reset()
            await interest(others, {s: {(subject, ""): 0, (subject, "q"): 0} for s in others})


async def test_echo_off_still_reaches_others(mesh):
    subject = unique("echo")
    for home in mesh:
        async with Clients() as clients:
            quiet = await clients.to(home, no_echo=True)
            own = await quiet.inbox(subject)
            inboxes = [await (await clients.to(s)).inbox(subject) for s in mesh]
            wanted = everybody(mesh, [subject])
            await interest(mesh, wanted)
            await quiet.nc.publish(subject, b"hello")
            await quiet.nc.flush()
            for inbox in inboxes:
                await inbox.wait(1)
            outsider = await clients.to(mesh[0] if home is not mesh[0] else mesh[1])
            await outsider.nc.publish(subject, b"other")
            await own.wait(1)
            assert own.payloads == [b"other"]
        await interest(mesh, {s: {(subject, ""): 0} for s in mesh})


async def test_nothing_is_left_over(mesh):
    """After the clients have gone, no peer claims interest outside the system account."""

    def leftovers():
        left = {}
        for server in mesh:
            subjects = [s for s, _, _ in server.remote_interest() if not s.startswith("$SYS.")]
            if subjects:
                left[server] = subjects
        return left

    await apoll(lambda: not leftovers(), lambda: f"interest to go: {leftovers()}")
