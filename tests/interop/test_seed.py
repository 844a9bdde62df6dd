"""Two regions peered by `cluster { routes }`, with the configuration the project started from.

The files keep the shape of the original: unnamed servers and clusters, bare port numbers, an
array of route URLs on its own lines, a comment at the end. Only ports and host names differ,
because both regions live on one host.
"""

import asyncio
import time

import pytest

from clients import Clients
from cluster import agree_on_a_name
from faultproxy import DIRECTIONS, TO_SERVER, FaultProxy
from harness import LOOPBACK, NotBetter, apoll, poll, wait_interest, wait_mesh

REGION = """listen: {port}
http: {http}

cluster {
  listen: {cluster_port}
  routes = [
    "nats://PEER"
  ]
}

# ... other settings
"""

LONE_REGION = """listen: {port}
http: {http}

cluster {
  listen: {cluster_port}
}
"""

# Acceptance bound for flow over a link that has come back, beside one round trip.
RESUME_BOUND = 0.100
# Anything slower is not "resumes" by any reading; the real server needs a bit over one second.
RESUME_GENEROUS = 15.0
TRIES = 4
# How long the link stays down: longer than the quick retries right after a loss.
OUTAGE = 2.0
FAILED_DIAL = "Error trying to connect to route"


def region_config(peer_port):
    return REGION.replace("PEER", f"{LOOPBACK}:{peer_port}")


@pytest.fixture(scope="module")
def regions(module_fleet, causeway):
    """us-east and eu-west, peered directly."""
    us = module_fleet.server(causeway, "us-east-1")
    eu = module_fleet.server(causeway, "eu-west-2")
    us.config = region_config(eu.cluster_port)
    eu.config = region_config(us.cluster_port)
    us.start()
    eu.start()
    agree_on_a_name([us, eu])
    return us, eu


class Pair:
    """Two regions whose route runs through a proxy, with a client in each."""

    def __init__(self, fleet, binary, both_dial):
        self.us = fleet.server(binary, "us-east-1")
        self.eu = fleet.server(binary, "eu-west-2")
        self.to_eu = fleet.keep(FaultProxy(self.eu.cluster_port))
        self.proxies = [self.to_eu]
        self.us.config = region_config(self.to_eu.port)
        self.eu.config = LONE_REGION
        if both_dial:
            to_us = fleet.keep(FaultProxy(self.us.cluster_port))
            self.proxies.append(to_us)
            self.eu.config = region_config(to_us.port)
        self.eu.start()
        self.us.start()
        self.servers = [self.us, self.eu]
        agree_on_a_name(self.servers)

    def delay(self, seconds):
        for proxy in self.proxies:
            proxy.delay(seconds, *DIRECTIONS)

    def cut(self, rst):
        """Cuts the link and keeps it down: dials are refused."""
        for proxy in self.proxies:
            proxy.down(rst)
        poll(lambda: not any(s.routes() for s in self.servers), "both regions to see the cut")

    async def cut_async(self, rst):
        await asyncio.to_thread(self.cut, rst)

    def restore(self):
        for proxy in self.proxies:
            proxy.accept()
        return time.monotonic()


async def exchange(sender, inbox, subject, payload):
    """One message from a client to an inbox, repeated until it arrives: interest takes a moment."""

    async def repeat():
        while payload not in inbox.payloads:
            await sender.nc.publish(subject, payload)
            await sender.nc.flush()

    await asyncio.wait_for(repeat(), 30)


@pytest.mark.parametrize("direction", ["us-to-eu", "eu-to-us"])
async def test_publish_anywhere_subscribe_anywhere(regions, direction):
    here, there = regions if direction == "us-to-eu" else reversed(regions)
    async with Clients() as clients:
        near = await clients.to(here)
        far = await clients.to(there)
        literal = await far.inbox(f"orders.{direction}.new")
        wild = await far.inbox(f"orders.{direction}.*")
        full = await far.inbox(f"orders.{direction}.>")
        other = await far.inbox(f"orders.{direction}.old")
        names = [i.subject for i in (literal, wild, full, other)]
        await asyncio.to_thread(wait_interest, [here], {here: {(name, ""): 1 for name in names}})
        for number in range(200):
            await near.nc.publish(f"orders.{direction}.new", b"%d" % number)
        for inbox in (literal, wild, full):
            await inbox.wait(200)
            assert inbox.payloads == [b"%d" % n for n in range(200)]
            assert {m.subject for m in inbox.msgs} == {f"orders.{direction}.new"}
        assert other.msgs == []


async def test_queue_group_spans_the_regions(regions):
    us, eu = regions
    async with Clients() as clients:
        publisher = await clients.to(us)
        members = [await (await clients.to(s)).inbox("jobs.*", queue="workers") for s in regions]
        await asyncio.to_thread(wait_interest, [us], {us: {("jobs.*", "workers"): 1}})
        for number in range(400):
            await publisher.nc.publish("jobs.build", b"%d" % number)
        total = lambda: sum(len(member.msgs) for member in members)
        await apoll(lambda: total() >= 400, lambda: f"400 jobs, got {total()}")
        got = sorted(int(p) for member in members for p in member.payloads)
        assert got == list(range(400)), "each job goes to exactly one worker"
        assert all(member.msgs for member in members), "both regions take work"


async def test_request_reply_and_headers_cross_the_link(regions):
    us, eu = regions
    async with Clients() as clients:
        asker = await clients.to(us)
        responder = await clients.to(eu)

        async def answer(msg):
            await msg.respond(msg.data[::-1] + msg.headers["Order"].encode())

        await responder.nc.subscribe("svc.reverse", cb=answer)
        await responder.nc.flush()
        await asyncio.to_thread(wait_interest, [us], {us: {("svc.reverse", ""): 1}})
        for number in range(50):
            reply = await asker.nc.request(
                "svc.reverse", b"abc", timeout=10, headers={"Order": f"o{number}"}
            )
            assert reply.data == b"cba" + b"o%d" % number


def test_routez_shows_the_route(regions):
    us, eu = regions
    for here, there in ((us, eu), (eu, us)):
        routez = here.json("/routez")
        assert routez["num_routes"] == len(routez["routes"]) > 0
        assert {r["remote_id"] for r in routez["routes"]} == {there.server_id()}
        poll(lambda: here.json("/varz")["remotes"] == 1, "one remote to be counted")


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_each_region_serves_its_own_while_the_link_is_cut(fleet, causeway, how):
    pair = await asyncio.to_thread(Pair, fleet, causeway, True)
    async with Clients() as clients:
        inboxes, locals_ = {}, {}
        for server in pair.servers:
            locals_[server] = await clients.to(server)
            inboxes[server] = await (await clients.to(server)).inbox("orders.>")
        await exchange(locals_[pair.us], inboxes[pair.eu], "orders.before", b"before")
        await pair.cut_async(rst=how == "rst")

        for server in pair.servers:
            inbox = inboxes[server]
            seen = len(inbox.msgs)
            for number in range(100):
                await locals_[server].nc.publish(f"orders.{server.name}", b"%d" % number)
            await inbox.wait(seen + 100)
            assert inbox.payloads[seen:] == [b"%d" % n for n in range(100)]
            assert inbox.msgs[-1].subject == f"orders.{server.name}"

        pair.restore()
        await asyncio.to_thread(wait_mesh, pair.servers)
        await exchange(locals_[pair.us], inboxes[pair.eu], "orders.after", b"us says hello")
        await exchange(locals_[pair.eu], inboxes[pair.us], "orders.after", b"eu says hello")
        for server in pair.servers:
            assert "disconnected" not in locals_[server].events, "no client lost its own region"


async def time_to_resume(pair, us, eu, number):
    """Cuts, restores and returns seconds until traffic flows: {"us-to-eu": s, "eu-to-us": s}.

    The outage lasts long enough for the first hasty dials to be over. Where the logs tell of failed
    dials, the link comes back just after some: the worst moment for a broker that dials at fixed
    intervals, and so, with one dialling side, not a matter of luck.
    """
    senders = {"us-to-eu": us, "eu-to-us": eu}
    receivers = {"us-to-eu": eu, "eu-to-us": us}
    subjects = {name: f"flow.{name}.{number}" for name in senders}
    inboxes = {name: await receivers[name].inbox(subjects[name]) for name in senders}
    for name in senders:
        await exchange(senders[name], inboxes[name], subjects[name], b"probe")
    await pair.cut_async(rst=True)
    await outage(pair)
    before = {name: len(inbox.msgs) for name, inbox in inboxes.items()}
    restored = pair.restore()

    resumed = {}
    while len(resumed) < len(senders) and time.monotonic() < restored + RESUME_GENEROUS:
        for name in senders:
            await senders[name].nc.publish(subjects[name], b"x")
            await senders[name].nc.flush()
            if name not in resumed and len(inboxes[name].msgs) > before[name]:
                resumed[name] = time.monotonic() - restored
    assert len(resumed) == len(senders), f"flow did not resume, only {resumed}"
    await asyncio.to_thread(wait_mesh, pair.servers)
    for inbox in inboxes.values():
        await inbox.sub.unsubscribe()
    return resumed


async def outage(pair):
    """Lets time pass while the link is down, and returns just after a burst of failed dials.

    The real server dials once a second for each connection that it has lost, all within 100 ms.
    """
    over = time.monotonic() + OUTAGE
    dials, last_dial = None, None

    def burst_has_ended():
        nonlocal dials, last_dial
        now = time.monotonic()
        count = sum(server.log.count(FAILED_DIAL) for server in pair.servers)
        if now < over or dials is None:
            dials = count
        elif count > dials:
            dials, last_dial = count, now
        quiet = last_dial is not None and now - last_dial > 0.150
        return quiet or now > over + 2.5

    await apoll(burst_has_ended, "the end of the outage")


async def best_resume(pair, rtt, note):
    """The best of several tries of the slower direction; all of them are reported."""
    pair.delay(rtt / 2)
    async with Clients() as clients:
        us, eu = await clients.to(pair.us), await clients.to(pair.eu)
        tries = [await time_to_resume(pair, us, eu, number) for number in range(TRIES)]
    for direction in ("us-to-eu", "eu-to-us"):
        note(f"ms to resume {direction}", [round(t[direction] * 1000) for t in tries])
    return min(max(t.values()) for t in tries)


@pytest.mark.parametrize("rtt_ms", [0, 40])
@pytest.mark.parametrize("kind", ["causeway", "nats-server"])
@pytest.mark.better_than_nats
async def test_flow_resumes_at_once_one_side_dials(fleet, binary, kind, rtt_ms, note):
    """One region lists the other. The link returns just after a failed dial."""
    pair = await asyncio.to_thread(Pair, fleet, binary, False)
    best = await best_resume(pair, rtt_ms / 1000, note)
    if best > rtt_ms / 1000 + RESUME_BOUND:
        raise NotBetter(f"flow resumed after {best * 1000:.0f} ms at best, RTT {rtt_ms} ms")


@pytest.mark.parametrize("rtt_ms", [0, 40])
@pytest.mark.better_than_nats(luck="two diallers: one of them may just be due")
async def test_flow_resumes_at_once_seed_files(fleet, causeway, rtt_ms, note):
    """Both regions list each other, as the seed has it."""
    pair = await asyncio.to_thread(Pair, fleet, causeway, True)
    best = await best_resume(pair, rtt_ms / 1000, note)
    if best > rtt_ms / 1000 + RESUME_BOUND:
        raise NotBetter(f"flow resumed after {best * 1000:.0f} ms at best, RTT {rtt_ms} ms")


async def test_black_hole_that_ends_loses_nothing(fleet, causeway):
    """A stall shorter than any liveness limit is only delay: nothing lost, doubled or moved."""
    pair = await asyncio.to_thread(Pair, fleet, causeway, False)
    async with Clients() as clients:
        us, eu = await clients.to(pair.us), await clients.to(pair.eu)
        inbox = await eu.inbox("stalled.>")
        await exchange(us, inbox, "stalled.probe", b"probe")
        seen = len(inbox.msgs)
        passed = len(pair.to_eu.recorded(TO_SERVER))
        pair.to_eu.stall()
        for number in range(500):
            await us.nc.publish("stalled.data", b"%d" % number)
        await us.nc.flush()
        assert len(pair.to_eu.recorded(TO_SERVER)) - passed < 64 * 1024 * pair.to_eu.live
        pair.to_eu.resume()
        await inbox.wait(seen + 500)
        got = [m.data for m in inbox.msgs[seen:] if m.subject == "stalled.data"]
        assert got == [b"%d" % n for n in range(500)]
