"""Mixed clusters while they change: restarts, pools, names, authorization, lame duck, newcomers."""

import asyncio
import json
import signal
import time

import pytest

import cluster
from clients import Clients
from cluster import agree_on_a_name, everybody_hears_everybody, interest, unique
from faultproxy import TO_SERVER, FaultProxy
from harness import apoll, free_port, poll, wait_mesh
from speaker import CONNECT, Speaker


def four(causeway, nats_server):
    return [("c1", causeway), ("n1", nats_server), ("c2", causeway), ("n2", nats_server)]


def two(causeway, nats_server):
    return [("c1", causeway), ("n1", nats_server)]


# ---------------------------------------------------------------------------------------------
# Restarts


@pytest.mark.parametrize("crash", [False, True], ids=["graceful", "crash"])
@pytest.mark.parametrize("topology", ["explicit", 0, 1], ids=["explicit", "seed-c1", "seed-n1"])
async def test_restart_of_each_server(fleet, causeway, nats_server, topology, crash):
    """Each server in turn goes and comes back at the same ports; the plane is whole again."""
    servers = cluster.build(fleet, four(causeway, nats_server), topology)
    await asyncio.to_thread(cluster.start, servers, 4)
    for server in servers:
        others = [s for s in servers if s is not server]
        subject = unique("survivor")
        async with Clients() as clients:
            survivors = [await (await clients.to(s)).inbox(subject) for s in others]
            await asyncio.to_thread(server.kill if crash else server.stop)
            # Those that stay serve each other while it is away.
            await asyncio.to_thread(wait_mesh, others)
            await everybody_hears_everybody(others)
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(wait_mesh, servers)
            # Subscriptions that were there before are known to the one that came back.
            await interest([server], {server: {(subject, ""): len(others)}})
            await (await clients.to(server)).nc.publish(subject, b"back")
            for inbox in survivors:
                await inbox.wait(1)
                assert inbox.payloads == [b"back"]
        await everybody_hears_everybody(servers)


@pytest.mark.parametrize("topology", ["explicit", 0, 1], ids=["explicit", "seed-c1", "seed-n1"])
async def test_restart_at_new_ports(fleet, causeway, nats_server, topology):
    """A server that comes back elsewhere is found by gossip; nobody keeps the old address.

    It then moves back, since the other configurations still name the first address.
    """
    servers = cluster.build(fleet, four(causeway, nats_server), topology)
    await asyncio.to_thread(cluster.start, servers, 4)
    for index, server in enumerate(servers):
        if index == topology:
            continue  # the only listed server has to stay where it is
        home = server.port, server.http, server.cluster_port
        for ports in ((free_port(), free_port(), free_port()), home):
            await asyncio.to_thread(server.stop)
            server.port, server.http, server.cluster_port = ports
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(wait_mesh, servers)
            await everybody_hears_everybody(servers)
            await advertised(servers)


async def advertised(servers):
    """Waits until every server tells clients of exactly these servers."""
    addresses = {f"127.0.0.1:{s.port}" for s in servers}
    for peer in servers:
        urls = lambda peer=peer: set(peer.json("/varz").get("connect_urls", []))
        await apoll(
            lambda: urls() == addresses, lambda: f"{peer!r} to advertise {addresses}: {urls()}"
        )


async def test_whole_cluster_restarts(fleet, causeway, nats_server):
    servers = cluster.build(fleet, four(causeway, nats_server))
    await asyncio.to_thread(cluster.start, servers, 4)
    for _ in range(2):
        for server in servers:
            server.kill()
        await asyncio.to_thread(cluster.start, servers, 4)
        await everybody_hears_everybody(servers)


@pytest.mark.parametrize("late", [0, 1, 2, 3], ids=["c1", "n1", "c2", "n2"])
async def test_newcomer_is_gossiped(fleet, causeway, nats_server, late):
    """One joins late, knowing a single member: all others get to know it, and their clients too."""
    binaries = four(causeway, nats_server)
    seed = (late + 1) % 4
    servers = cluster.build(fleet, binaries, seed)
    early = [s for i, s in enumerate(servers) if i != late]
    await asyncio.to_thread(cluster.start, early, 4)
    watchers = {}
    for server in early:
        watchers[server] = fleet.keep(Speaker(server.address, read_info=True))
        watchers[server].send(CONNECT)
        watchers[server].ping()
    await asyncio.to_thread(cluster.start, [servers[late]])
    await asyncio.to_thread(wait_mesh, servers, 4)
    newcomer = f"127.0.0.1:{servers[late].port}"
    for server, watcher in watchers.items():
        info = await asyncio.to_thread(read_info, watcher, lambda i: newcomer in i["connect_urls"])
        assert info["connect_urls"][0] == f"127.0.0.1:{server.port}", "own address comes first"
        assert len(info["connect_urls"]) == 4
    await everybody_hears_everybody(servers)

    await asyncio.to_thread(servers[late].stop)
    for watcher in watchers.values():
        gone = lambda i: newcomer not in i["connect_urls"]
        info = await asyncio.to_thread(read_info, watcher, gone)
        assert len(info["connect_urls"]) == 3


def infos(speaker):
    """Every INFO a raw client has got, oldest first."""
    lines = bytes(speaker.received).split(b"\r\n")[:-1]
    return [json.loads(line[5:]) for line in lines if line.startswith(b"INFO ")]


def read_info(speaker, wanted):
    """Reads until the latest INFO satisfies `wanted`, answering pings; returns it."""

    def latest():
        speaker.read_until_quiet(quiet=0.02, timeout=0.1)
        known = infos(speaker)
        return known and wanted(known[-1]) and known[-1]

    return poll(latest, lambda: f"INFO with {wanted}: {infos(speaker)[-1:]}")


@pytest.mark.parametrize("kind", ["causeway", "nats-server"])
async def test_route_to_oneself_is_given_up(fleet, binary, kind):
    """The same list on every server: one's own address, one's name, and a way round to oneself."""
    server = fleet.server(binary, "s1")
    around = fleet.keep(FaultProxy(server.cluster_port))
    by_name = f"nats://localhost:{server.cluster_port}"
    listed = cluster.routes_text([server.route_url, by_name, around.url])
    server.cluster = "  name: MIX\n" + listed
    await asyncio.to_thread(server.start)
    await apoll(lambda: around.attempts, "a dial")
    # At most once for the pool and once for the system account, whatever happens next.
    over = time.monotonic() + 3
    await apoll(lambda: time.monotonic() > over, "the end of the watch")
    assert len(around.attempts) <= 2
    assert server.routes() == []
    assert "Error trying to connect" not in server.log
    # It has not given up others.
    guest = fleet.server(binary, "s2")
    guest.cluster = "  name: MIX\n" + cluster.routes_text([server.route_url])
    await asyncio.to_thread(guest.start)
    await asyncio.to_thread(wait_mesh, [server, guest], 4)
    await everybody_hears_everybody([server, guest])


# ---------------------------------------------------------------------------------------------
# Pools and pinned accounts


@pytest.mark.parametrize(
    "pool_size, connections",
    [(1, 2), (3, 4), (5, 6), (-1, 1)],
    ids=["one", "three", "five", "none"],
)
async def test_pool_sizes(fleet, causeway, nats_server, pool_size, connections):
    """So many shared connections and one for the system account; -1 is the old single route."""
    servers = cluster.build(
        fleet, four(causeway, nats_server), extra=lambda _: f"  pool_size: {pool_size}"
    )
    await asyncio.to_thread(cluster.start, servers, connections)
    await everybody_hears_everybody(servers)
    for server in servers:
        accounts = [route.get("account", "") for route in server.routes()]
        assert accounts.count("$SYS") == (0 if pool_size < 0 else 3)
        assert accounts.count("") == 3 * abs(pool_size)


@pytest.mark.parametrize(
    "c, n", [(1, 3), (3, 1), (3, 5), (-1, 3), (3, -1)], ids=lambda size: str(size)
)
async def test_pool_sizes_that_differ(fleet, causeway, nats_server, c, n):
    """As during a rolling change of the configuration: the pair still agrees on something."""
    sizes = [c, n, c, n]
    servers = cluster.build(
        fleet, four(causeway, nats_server), extra=lambda i: f"  pool_size: {sizes[i]}"
    )
    await asyncio.to_thread(cluster.start, servers)
    await everybody_hears_everybody(servers)


@pytest.mark.parametrize("pool_size", [3, 1])
async def test_pinned_account(fleet, causeway, nats_server, pool_size):
    """An account with connections of its own: its lines carry no account name on the wire."""
    servers = cluster.build(
        fleet,
        four(causeway, nats_server),
        extra=lambda _: f'  pool_size: {pool_size}\n  accounts: ["$G"]',
    )
    await asyncio.to_thread(cluster.start, servers, pool_size + 2)
    await everybody_hears_everybody(servers)
    for server in servers:
        accounts = sorted(route.get("account", "") for route in server.routes())
        assert accounts == sorted(["$G", "$SYS", *[""] * pool_size] * 3)
    await asyncio.to_thread(servers[0].restart)
    await asyncio.to_thread(wait_mesh, servers, pool_size + 2)
    await asyncio.to_thread(servers[1].restart)
    await asyncio.to_thread(wait_mesh, servers, pool_size + 2)
    await everybody_hears_everybody(servers)


@pytest.mark.parametrize("mode", ["accept", "s2_fast", "s2_auto", "off"])
async def test_peer_that_would_compress(fleet, causeway, nats_server, mode):
    """Whatever the real servers offer for compression, a causeway with defaults can join them."""
    servers = cluster.build(
        fleet,
        four(causeway, nats_server),
        extra=lambda i: f"  compression: {mode}" if i % 2 else "",
    )
    await asyncio.to_thread(cluster.start, servers, 4)
    await everybody_hears_everybody(servers)


# ---------------------------------------------------------------------------------------------
# Cluster names


async def test_unnamed_servers_agree_on_a_name(fleet, causeway, nats_server):
    servers = cluster.build(fleet, four(causeway, nats_server), name=None)
    await asyncio.to_thread(cluster.start, servers, 4)
    await asyncio.to_thread(agree_on_a_name, servers, 4)
    await everybody_hears_everybody(servers)


@pytest.mark.parametrize("named", [0, 1], ids=["causeway", "nats-server"])
@pytest.mark.parametrize("dialler", [0, 1], ids=["causeway-dials", "nats-server-dials"])
async def test_a_given_name_wins_between_two(fleet, causeway, nats_server, named, dialler):
    """One server has a name; the unnamed one takes it, whoever dials."""
    servers = cluster.build(fleet, two(causeway, nats_server), topology=1 - dialler, name=None)
    servers[named].cluster += "\n  name: GIVEN"
    await asyncio.to_thread(cluster.start, servers, 4)
    assert await asyncio.to_thread(agree_on_a_name, servers, 4) == {"GIVEN"}
    await everybody_hears_everybody(servers)


@pytest.mark.parametrize("named", [0, 1], ids=["causeway", "nats-server"])
async def test_a_given_name_wins_among_four(fleet, causeway, nats_server, named):
    """As before with three unnamed ones, which compare names among themselves as well."""
    servers = cluster.build(fleet, four(causeway, nats_server), name=None)
    servers[named].cluster += "\n  name: GIVEN"
    await asyncio.to_thread(cluster.start, servers, 4)
    assert await asyncio.to_thread(agree_on_a_name, servers, 4) == {"GIVEN"}
    await everybody_hears_everybody(servers)


def no_route_stands(dialler, acceptor):
    # The dialler may show the attempt it is just making.
    poll(lambda: dialler.routes() == [], "no route")
    assert acceptor.routes() == []


@pytest.mark.parametrize("dialler", ["causeway", "nats-server"])
def test_names_that_differ_are_rejected(fleet, causeway, nats_server, dialler):
    """The acceptor says why and closes; no message crosses; both keep serving."""
    ours = fleet.server(causeway, "c1")
    theirs = fleet.server(nats_server, "n1")
    from_, to = (ours, theirs) if dialler == "causeway" else (theirs, ours)
    proxy = fleet.keep(FaultProxy(to.cluster_port))
    from_.cluster = "  name: C1\n" + cluster.routes_text([proxy.url])
    to.cluster = "  name: C2"
    to.start()
    from_.start()
    text = b'Rejecting connection, cluster name "C1" does not match "C2"'
    poll(lambda: text in proxy.recorded("to_dialler"), "the reason on the wire")
    # The dialler keeps trying, and is told again; it never gets in.
    poll(lambda: proxy.recorded("to_dialler").count(text) >= 2, "a second attempt")
    no_route_stands(from_, to)
    for server in (ours, theirs):
        with Speaker(server.address, read_info=True) as client:
            client.send(CONNECT + b"SUB a 1\r\nPUB a 2\r\nhi\r\n")
            assert b"MSG a 1 2\r\nhi\r\n" in client.read_until(b"hi\r\n")


def test_same_server_name_is_not_routed(fleet, causeway, nats_server):
    """Two servers with one name cannot be told apart; the acceptor hangs up."""
    servers = cluster.build(fleet, two(causeway, nats_server), topology=0)
    for server in servers:
        server.name = "twin"
        server.start()
    poll(lambda: "duplicate name" in servers[0].log, lambda: servers[0].log_tail())
    assert servers[0].routes() == []


# ---------------------------------------------------------------------------------------------
# Authorization between servers


def with_password(url, user="ruser", password="T0pS3cr3t"):
    return url.replace("nats://", f"nats://{user}:{password}@")


async def test_cluster_authorization(fleet, causeway, nats_server):
    """Members that know the password form the mesh, gossiped members included."""
    servers = cluster.build(fleet, four(causeway, nats_server), topology=0)
    for index, server in enumerate(servers):
        server.cluster = "  name: MIX\n  authorization { user: ruser, password: T0pS3cr3t }"
        if index:
            server.cluster += "\n" + cluster.routes_text([with_password(servers[0].route_url)])
    await asyncio.to_thread(cluster.start, servers, 4)
    await everybody_hears_everybody(servers)


@pytest.mark.parametrize("dialler", ["causeway", "nats-server"])
@pytest.mark.parametrize("password", ["wrong", None])
def test_wrong_route_password(fleet, causeway, nats_server, dialler, password):
    """Refused with the usual words, and the dialler neither gives up nor runs wild."""
    ours = fleet.server(causeway, "c1")
    theirs = fleet.server(nats_server, "n1")
    from_, to = (ours, theirs) if dialler == "causeway" else (theirs, ours)
    proxy = fleet.keep(FaultProxy(to.cluster_port))
    url = with_password(proxy.url, password=password) if password else proxy.url
    from_.cluster = "  name: MIX\n" + cluster.routes_text([url])
    to.cluster = "  name: MIX\n  authorization { user: ruser, password: T0pS3cr3t }"
    to.start()
    from_.start()
    refusal = b"-ERR 'Authorization Violation'"
    poll(lambda: proxy.recorded("to_dialler").count(refusal) >= 3, "three refused attempts")
    elapsed = time.monotonic() - proxy.attempts[0]
    no_route_stands(from_, to)
    # A few rounds of four connections, then a few dials per second; the broken ones came in hundreds.
    assert len(proxy.attempts) <= 12 + 20 * elapsed


# ---------------------------------------------------------------------------------------------
# Lame duck

LAME_DUCK = 'lame_duck_grace_period: "1s"\nlame_duck_duration: "30s"'


@pytest.mark.parametrize("leaver", [0, 1], ids=["causeway", "nats-server"])
async def test_lame_duck(fleet, causeway, nats_server, leaver):
    """Told to leave, a server tells its clients and peers, lets the clients go, and exits."""
    servers = cluster.build(fleet, four(causeway, nats_server), options=lambda _: LAME_DUCK)
    await asyncio.to_thread(cluster.start, servers, 4)
    duck = servers[leaver]
    others = [s for s in servers if s is not duck]
    duck_url = f"127.0.0.1:{duck.port}"
    watchers = {}
    for server in servers:
        watchers[server] = fleet.keep(Speaker(server.address, read_info=True))
        watchers[server].send(CONNECT)
        watchers[server].ping()
        await asyncio.to_thread(read_info, watchers[server], lambda i: len(i["connect_urls"]) == 4)
    async with Clients() as clients:
        mover = await clients.to(
            duck, allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=0.05
        )
        inbox = await mover.inbox("moved")
        duck.signal(signal.SIGUSR2)

        own = await asyncio.to_thread(read_info, watchers[duck], lambda i: i.get("ldm"))
        assert duck_url not in own["connect_urls"] and len(own["connect_urls"]) == 3
        for server in others:
            lost = lambda i: duck_url not in i["connect_urls"]
            info = await asyncio.to_thread(read_info, watchers[server], lost)
            assert not info.get("ldm"), "only the leaving server says that it leaves"
        await apoll(lambda: "lame_duck" in mover.events, lambda: f"nats-py to hear: {mover.events}")
        with pytest.raises(OSError):
            Speaker(duck.address)

        await apoll(lambda: "reconnected" in mover.events, "nats-py to move")
        assert mover.nc.connected_url.netloc != duck_url
        watchers[duck].take()
        assert await asyncio.to_thread(watchers[duck].read_until_closed) == b"", "no -ERR"
        assert await asyncio.to_thread(duck.wait_exit) == 0
        await mover.nc.flush()
        home = next(s for s in others if str(s.port) in mover.nc.connected_url.netloc)
        away = [s for s in others if s is not home]
        await interest(away, {s: {("moved", ""): 1} for s in away})
        for server in others:
            await (await clients.to(server)).nc.publish("moved", server.name.encode())
        await inbox.wait(3)
        assert sorted(inbox.payloads) == sorted(s.name.encode() for s in others)
    for line in ("Entering lame duck mode, stop accepting new clients", "Server Exiting.."):
        assert line in duck.log
    await asyncio.to_thread(wait_mesh, others, 4)


@pytest.mark.parametrize("kind", ["causeway", "nats-server"])
def test_lame_duck_without_clients_exits_at_once(fleet, binary):
    """Neither the grace period nor the duration is waited for when nobody is connected."""
    server = fleet.start(
        binary, "duck", options='lame_duck_grace_period: "5m"\nlame_duck_duration: "10m"'
    )
    server.signal(signal.SIGUSR2)
    assert server.wait_exit() == 0


# ---------------------------------------------------------------------------------------------
# Routes on the wire


@pytest.mark.parametrize("dialler", ["causeway", "nats-server"])
async def test_nothing_crosses_without_interest(fleet, causeway, nats_server, dialler):
    """A message that nobody on the other side wants leaves no byte on the link."""
    ours = fleet.server(causeway, "c1")
    theirs = fleet.server(nats_server, "n1")
    from_, to = (ours, theirs) if dialler == "causeway" else (theirs, ours)
    proxy = fleet.keep(FaultProxy(to.cluster_port))
    from_.cluster = "  name: MIX\n" + cluster.routes_text([proxy.url])
    to.cluster = "  name: MIX"
    to.start()
    from_.start()
    await asyncio.to_thread(wait_mesh, [ours, theirs], 4)
    async with Clients() as clients:
        for here, there in ((ours, theirs), (theirs, ours)):
            local = await (await clients.to(here)).inbox("wanted-here")
            remote = await (await clients.to(there)).inbox("wanted-there")
            await interest([here], {here: {("wanted-there", ""): 1}})
            publisher = await clients.to(here)
            for number in range(100):
                await publisher.nc.publish("wanted-here", b"SECRET-%d" % number)
            await publisher.nc.publish("wanted-there", b"PUBLIC-" + here.name.encode())
            await local.wait(100)
            await remote.wait(1)
            await local.sub.unsubscribe()
            await remote.sub.unsubscribe()
    crossed = proxy.recorded("to_server") + proxy.recorded("to_dialler")
    assert b"PUBLIC-c1" in crossed and b"PUBLIC-n1" in crossed
    assert b"SECRET" not in crossed
    assert b"RMSG $G wanted-there 9\r\nPUBLIC-" in crossed
    assert crossed.count(b"RS+ $G wanted-here\r\n") == 2, "interest is told once per holder"


async def test_one_copy_per_server(fleet, causeway, nats_server):
    """Many subscribers over there, plain and queue: the message crosses the link once."""
    ours = fleet.server(causeway, "c1")
    theirs = fleet.server(nats_server, "n1")
    proxy = fleet.keep(FaultProxy(theirs.cluster_port))
    ours.cluster = "  name: MIX\n" + cluster.routes_text([proxy.url])
    theirs.cluster = "  name: MIX"
    theirs.start()
    ours.start()
    await asyncio.to_thread(wait_mesh, [ours, theirs], 4)
    async with Clients() as clients:
        far = await clients.to(theirs)
        patterns = [("one.two", ""), ("one.*", ""), ("one.>", ""), ("one.two", "q"), ("*.two", "p")]
        inboxes = [await far.inbox(subject, queue=queue) for subject, queue in patterns * 2]
        await interest([ours], {ours: dict.fromkeys(patterns, 1)})
        near = await clients.to(ours)
        await near.nc.publish("one.two", b"UNIQUE-BODY")
        await apoll(
            lambda: sum(len(i.msgs) for i in inboxes) >= 8, "six plain, two queue deliveries"
        )
        end = await far.inbox("end")
        await interest([ours], {ours: {("end", ""): 1}})
        await near.nc.publish("end", b"")
        await end.wait(1)
        assert sum(len(i.msgs) for i in inboxes) == 8
    crossed = proxy.recorded(TO_SERVER)
    assert crossed.count(b"UNIQUE-BODY") == 1
