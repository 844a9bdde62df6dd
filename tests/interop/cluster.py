"""Clusters of several servers and the questions every cluster test asks of them."""

import asyncio
import itertools
import json

from clients import Clients
from harness import Server, poll, wait_interest, wait_mesh
from speaker import Speaker

_unique = itertools.count()


def unique(prefix):
    """A subject prefix that no other test on the same servers uses."""
    return f"{prefix}{next(_unique)}"


def routes_text(urls):
    return "  routes = [\n" + "".join(f'    "{url}"\n' for url in urls) + "  ]"


def build(fleet, binaries, topology="explicit", name="MIX", extra=None, options=None):
    """Servers of one cluster, not started. Returns them in the order of `binaries`.

    `binaries` is a list of (server name, Binary). With topology "explicit" each lists all,
    itself included, as the Helm chart does; otherwise `topology` is the index of the server that
    alone is listed, by all the others. `extra` and `options` are functions from a server's index
    to text for its cluster block and for the end of its file.
    """
    servers = [fleet.server(binary, label) for label, binary in binaries]
    for index, server in enumerate(servers):
        lines = [f"  name: {name}"] if name else []
        if topology == "explicit":
            lines.append(routes_text(s.route_url for s in servers))
        elif index != topology:
            lines.append(routes_text([servers[topology].route_url]))
        if extra:
            lines.append(extra(index))
        server.cluster = "\n".join(lines)
        server.options = options(index) if options else ""
    return servers


def start(servers, connections=None):
    """Starts all at once, as an orchestrator would, and waits for the full mesh."""
    for server in servers:
        server.start(wait=False)
    for server in servers:
        server.wait_ready()
    wait_mesh(servers, connections)
    return servers


def agree_on_a_name(servers, connections=None):
    """Waits until all tell clients the same cluster name and the mesh is closed; {the name}.

    Unnamed servers form a mesh at once, then drop it to change names, then form it again.
    /varz is not asked: a real server goes on showing the name it has given up.
    """

    def names():
        found = set()
        for server in servers:
            with Speaker(server.address, read_info=True) as client:
                found.add(json.loads(bytes(client.received)[5:])["cluster"])
        return found

    poll(lambda: len(names()) == 1, lambda: f"one cluster name: {names()}")
    wait_mesh(servers, connections)
    return names()


def everybody(servers: list[Server], subjects, queue=""):
    """`wait_interest` table: each server hears of each subject from every other server."""
    others = len(servers) - 1
    return {s: {(subject, queue): others for subject in subjects} for s in servers}


async def interest(servers, wanted):
    await asyncio.to_thread(wait_interest, servers, wanted)


def publisher_streams(inbox):
    """The numbers an inbox got, by publisher, in order: {name: [0, 1, ...]}."""
    streams = {}
    for payload in inbox.payloads:
        name, number = payload.decode().rsplit(":", 1)
        streams.setdefault(name, []).append(int(number))
    return streams


async def everybody_hears_everybody(servers, count=20, **options):
    """Each server's client publishes; a client of each server gets all of it, once, in order."""
    prefix = unique("all")
    subject, patterns = f"{prefix}.x.y", [f"{prefix}.x.y", f"{prefix}.*.y", f"{prefix}.>"]
    async with Clients() as clients:
        inboxes = []
        for server in servers:
            client = await clients.to(server, **options)
            inboxes += [await client.inbox(pattern) for pattern in patterns]
        await interest(servers, everybody(servers, patterns))
        for server in servers:
            publisher = await clients.to(server, **options)
            for number in range(count):
                await publisher.nc.publish(subject, b"%s:%d" % (server.name.encode(), number))
            await publisher.nc.flush()
        expected = {server.name: list(range(count)) for server in servers}
        for inbox in inboxes:
            await inbox.wait(count * len(servers))
            assert publisher_streams(inbox) == expected, inbox.subject
            assert {msg.subject for msg in inbox.msgs} == {subject}
    await interest(servers, {server: {(p, ""): 0 for p in patterns} for server in servers})
