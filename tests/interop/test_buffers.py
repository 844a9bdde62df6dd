"""Link buffers: what is published while a region is cut off is there when it is back.

Two regions with the configuration the project started from, and `server_name`, `jetstream` and
`cluster { buffer }` beside it. nats-server has nothing like it, so there is no reference here.

`CAUSEWAY_OUTAGE=60` makes the outages that long, in seconds, and publishes under load meanwhile.
"""

import asyncio
import json
import os
import urllib.request

import pytest

from clients import Clients
from faultproxy import FaultProxy
from harness import LOOPBACK, PATIENCE, apoll, poll

REGION = """listen: {port}
http: {http}
server_name: NAME

jetstream {
  store_dir: "STORE"
}

cluster {
  listen: {cluster_port}
  routes = [
    "nats://PEER"
  ]
  buffer {
    subjects: [ "orders.>" ]
    LIMITS
  }
}

# ... other settings
"""

OUTAGE = float(os.environ.get("CAUSEWAY_OUTAGE", "2"))
# Messages of one publisher in a second of outage.
RATE = 2000 if OUTAGE > 10 else 200
PAYLOAD = b"x" * (512 if OUTAGE > 10 else 16)


class Regions:
    """Two regions, each dialling the other through a proxy."""

    def __init__(self, fleet, binary, limits=""):
        self.us = fleet.server(binary, "us-east-1")
        self.eu = fleet.server(binary, "eu-west-2")
        self.proxies = {
            "us-east-1": fleet.keep(FaultProxy(self.eu.cluster_port)),
            "eu-west-2": fleet.keep(FaultProxy(self.us.cluster_port)),
        }
        self.servers = [self.us, self.eu]
        for server in self.servers:
            peer = f"{LOOPBACK}:{self.proxies[server.name].port}"
            text = REGION.replace("NAME", server.name).replace("PEER", peer)
            text = text.replace("STORE", str(server.folder / "store"))
            server.config = text.replace("LIMITS", limits)
            server.start()
        self.wait_up()

    def wait_up(self):
        poll(
            lambda: all(self.buffer(server)["state"] == "up" for server in self.servers),
            "both regions to be joined",
        )

    def buffer(self, server):
        """What a server keeps for the other one."""
        url = f"http://{LOOPBACK}:{server.http}/bufferz"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            buffers = json.load(answer)["buffers"]
        return buffers[0] if buffers else {"state": "none", "messages": 0, "interest": 0}

    def cut(self):
        for proxy in self.proxies.values():
            proxy.down()

    def heal(self):
        for proxy in self.proxies.values():
            proxy.accept()

    async def known(self, count):
        """Waits until each region has heard of so many subjects that the other one wants."""
        await apoll(
            lambda: all(self.buffer(server)["interest"] == count for server in self.servers),
            "interest to be known",
        )

    async def drained(self):
        await apoll(
            lambda: all(self.buffer(server)["messages"] == 0 for server in self.servers),
            "buffers to be empty",
            PATIENCE + OUTAGE,
        )


class Stream:
    """A publisher, and what it has flushed."""

    def __init__(self, client, subject):
        self.client = client
        self.subject = subject
        self.flushed = []

    async def publish(self, count):
        """Publishes so many messages and gets them acknowledged, as PONG does."""
        batch = [b"%d %s" % (len(self.flushed) + at, PAYLOAD) for at in range(count)]
        for payload in batch:
            await self.client.nc.publish(self.subject, payload)
        await self.client.nc.flush(PATIENCE)
        self.flushed += batch

    async def during(self, seconds):
        """A steady flow for so long."""
        for _ in range(max(int(seconds * 10), 1)):
            await self.publish(RATE // 10)
            await asyncio.sleep(0.1)


def assert_once_in_order(inbox, stream):
    assert inbox.payloads == stream.flushed


@pytest.fixture
def regions(fleet, causeway):
    return Regions(fleet, causeway)


async def test_both_directions_are_replayed_once_and_in_order(regions):
    async with Clients() as clients:
        us, eu = [await clients.to(server) for server in regions.servers]
        in_us, in_eu = await us.inbox("orders.eu.*"), await eu.inbox("orders.us.*")
        await regions.known(1)
        from_us, from_eu = Stream(us, "orders.us.1"), Stream(eu, "orders.eu.1")
        await asyncio.gather(from_us.publish(50), from_eu.publish(50))
        regions.cut()
        await asyncio.gather(from_us.during(OUTAGE), from_eu.during(OUTAGE))
        regions.heal()
        await asyncio.gather(from_us.publish(50), from_eu.publish(50))
        await regions.drained()
        await in_eu.wait(len(from_us.flushed))
        await in_us.wait(len(from_eu.flushed))
        assert_once_in_order(in_eu, from_us)
        assert_once_in_order(in_us, from_eu)


async def test_who_is_killed_goes_on_keeping(regions):
    """The publishing server is killed in the outage, and has not seen its peer since."""
    async with Clients() as clients:
        eu = await clients.to(regions.eu)
        inbox = await eu.inbox("orders.us.*")
        us = await clients.to(regions.us)
        await apoll(lambda: regions.buffer(regions.us)["interest"] == 1, "interest to be known")
        first = Stream(us, "orders.us.1")
        regions.cut()
        await first.during(OUTAGE / 2)
        regions.us.kill()
        regions.us.start()
        us = await clients.to(regions.us)
        second = Stream(us, "orders.us.2")
        await second.during(OUTAGE / 2)
        regions.heal()
        await regions.drained()
        await inbox.wait(len(first.flushed) + len(second.flushed))
        assert inbox.payloads == first.flushed + second.flushed


async def test_who_was_killed_gets_everything_when_its_clients_are_back(regions):
    """The subscribing server is killed in the outage: its clients have to come back first."""
    async with Clients() as clients:
        us = await clients.to(regions.us)
        eu = await clients.to(regions.eu)
        before = await eu.inbox("orders.us.*")
        await apoll(lambda: regions.buffer(regions.us)["interest"] == 1, "interest to be known")
        stream = Stream(us, "orders.us.1")
        await stream.publish(20)
        await before.wait(20)
        await regions.drained()
        regions.cut()
        await stream.during(OUTAGE / 2)
        regions.eu.kill()
        regions.eu.start()
        await stream.during(OUTAGE / 2)
        regions.heal()
        await apoll(
            lambda: regions.buffer(regions.us)["state"] == "awaiting", "subscribers to be awaited"
        )
        eu = await clients.to(regions.eu)
        after = await eu.inbox("orders.us.*")
        await regions.drained()
        await after.wait(len(stream.flushed) - 20)
        assert before.payloads + after.payloads == stream.flushed


async def test_a_full_buffer_tells_the_publisher_and_keeps_its_connection(fleet, causeway):
    regions = Regions(fleet, causeway, "max_msgs: 10")
    async with Clients() as clients:
        us, eu = [await clients.to(server) for server in regions.servers]
        inbox = await eu.inbox("orders.us.*")
        await apoll(lambda: regions.buffer(regions.us)["interest"] == 1, "interest to be known")
        regions.cut()
        for number in range(12):
            await us.nc.publish("orders.us.1", b"%d" % number)
        await us.nc.flush(PATIENCE)
        await apoll(lambda: len(us.errors) == 2, "two refusals")
        text = 'permissions violation for publish to "orders.us.1": the buffer for "eu-west-2" is full'
        assert all(text in str(error).lower() for error in us.errors), us.errors
        assert us.nc.is_connected
        regions.heal()
        await regions.drained()
        await us.nc.publish("orders.us.1", b"more")
        await inbox.wait(11)
        assert inbox.payloads == [b"%d" % number for number in range(10)] + [b"more"]
