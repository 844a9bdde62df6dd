"""Streams of two regions: causeways with a domain each, joined by a route. Mirrors and sources follow across it, and go on by
themselves when the other side was killed or the link was cut."""

import time

import pytest

from faultproxy import FaultProxy
from harness import LOOPBACK, poll, wait_mesh
from jetstream import Side

PATIENCE = 30.0
# From the route being there to the copy having what it lacks. On one machine the round trip is nothing; what is left is the time of a
# loaded machine. nats-server needs up to 40 s.
RESUME_BOUND = 1.0

REGION = """listen: "127.0.0.1:{port}"
http: "127.0.0.1:{http}"
server_name: NAME
jetstream { store_dir: "STORE", domain: NAME }
cluster {
  name: atlantic
  listen: "127.0.0.1:{cluster_port}"
  routes = [ "nats://PEER" ]
}
"""


def external(domain):
    return {"api": f"$JS.{domain}.API", "deliver": ""}


class Regions:
    """East and west; the route between them goes through a proxy."""

    def __init__(self, fleet, causeway, folder):
        self.servers = {name: fleet.server(causeway, name) for name in ("east", "west")}
        east, west = self.servers.values()
        self.proxy = fleet.keep(FaultProxy(west.cluster_port))
        for server, peer in ((east, f"{LOOPBACK}:{self.proxy.port}"), (west, None)):
            config = REGION.replace("NAME", server.name).replace("STORE", str(folder / server.name))
            config = config.replace("PEER", peer) if peer else config.replace('  routes = [ "nats://PEER" ]\n', "")
            server.config = config
            server.start()
        self.sides = {}
        self.meet()

    def meet(self):
        wait_mesh(list(self.servers.values()))
        for name, server in self.servers.items():
            if name in self.sides:
                self.sides[name].reconnect()
            else:
                self.sides[name] = Side(server, f"_ANSWER_{name}")

    def side(self, name):
        return self.sides[name]

    def count(self, side, stream):
        return self.side(side).quiet_api(f"STREAM.INFO.{stream}")["state"]["messages"]

    def wait_count(self, side, stream, count):
        """Waits until a stream has so many messages; how long that took."""
        begin = time.monotonic()
        poll(lambda: self.count(side, stream) == count, lambda: self.side(side).quiet_api(f"STREAM.INFO.{stream}"), PATIENCE)
        return time.monotonic() - begin

    def contents(self, side, stream):
        """All messages of a stream: sequence, subject, payload, time."""
        state = self.side(side).quiet_api(f"STREAM.INFO.{stream}")["state"]
        got = [self.side(side).quiet_api(f"STREAM.MSG.GET.{stream}", {"seq": seq})["message"] for seq in range(1, state["last_seq"] + 1)]
        return [(m["seq"], m["subject"], m.get("data"), m["time"]) for m in got]

    def close(self):
        for side in self.sides.values():
            side.close()


@pytest.fixture
def regions(fleet, causeway, jetstream, tmp_path):
    both = Regions(fleet, causeway, tmp_path)
    yield both
    both.close()


def test_mirror_in_another_region(regions):
    east, west = regions.side("east"), regions.side("west")
    east.stream("ORDERS", storage="file")
    west.stream("COPY", subjects=None, storage="file", mirror={"name": "ORDERS", "external": external("east")})
    east.fill("orders.a", 20)
    regions.wait_count("west", "COPY", 20)
    assert regions.contents("west", "COPY") == regions.contents("east", "ORDERS")
    # It knows how far it is, and monitoring says so.
    info = west.quiet_api("STREAM.INFO.COPY")["mirror"]
    assert (info["name"], info["lag"], info["external"]["api"]) == ("ORDERS", 0, "$JS.east.API")
    shown = regions.servers["west"].json("/jsz?streams=true")["account_details"][0]["stream_detail"][0]["mirror"]
    assert (shown["name"], shown["lag"]) == ("ORDERS", 0) and shown["active"] >= 0
    # Nobody sees its consumer.
    assert east.quiet_api("CONSUMER.NAMES.ORDERS")["total"] == 0


@pytest.mark.parametrize("killed", ["east", "west"])
def test_mirror_goes_on_after_a_kill(regions, killed, note):
    east, west = regions.side("east"), regions.side("west")
    east.stream("ORDERS", storage="file")
    west.stream("COPY", subjects=None, storage="file", mirror={"name": "ORDERS", "external": external("east")})
    total = 0
    for _ in range(3):
        east.fill("orders.a", 10)
        total += 10
        if killed == "west":
            regions.servers["west"].kill()
            east.fill("orders.a", 10)
            total += 10
        else:
            regions.servers["east"].kill()
        regions.servers[killed].start()
        regions.meet()
        took = regions.wait_count("west", "COPY", total)
        assert took < RESUME_BOUND, f"{took:.3f} s"
        note("resume_ms", round(took * 1000))
    assert regions.contents("west", "COPY") == regions.contents("east", "ORDERS")


def test_mirror_goes_on_when_the_link_is_back(regions, note):
    east, west = regions.side("east"), regions.side("west")
    east.stream("ORDERS", storage="file")
    west.stream("COPY", subjects=None, storage="file", mirror={"name": "ORDERS", "external": external("east")})
    total = 0
    for _ in range(4):
        regions.proxy.down()
        poll(lambda: "error" in west.quiet_api("STREAM.INFO.COPY")["mirror"], "that the mirror knows", PATIENCE)
        east.fill("orders.a", 5)
        total += 5
        regions.proxy.up()
        wait_mesh(list(regions.servers.values()))
        took = regions.wait_count("west", "COPY", total)
        assert took < RESUME_BOUND, f"{took:.3f} s"
        note("resume_ms", round(took * 1000))
    assert "error" not in west.quiet_api("STREAM.INFO.COPY")["mirror"]


def test_regions_source_each_other(regions):
    for here, there in (("east", "west"), ("west", "east")):
        side = regions.side(here)
        side.stream("OWN", subjects=[f"{here}.>"], storage="file", sources=[
            {"name": "OWN", "external": external(there), "filter_subject": f"{there}.>"}])  # fmt: skip
    count = 0
    for kill in (None, "east", "west"):
        if kill:
            regions.servers[kill].kill()
            other = "west" if kill == "east" else "east"
            regions.side(other).fill(f"{other}.a", 3)
            count += 3
            regions.servers[kill].start()
            regions.meet()
        for here in ("east", "west"):
            regions.side(here).fill(f"{here}.a", 4)
        count += 8
        for here in ("east", "west"):
            regions.wait_count(here, "OWN", count)
    both = [sorted((subject, data) for _, subject, data, _ in regions.contents(side, "OWN")) for side in ("east", "west")]
    assert both[0] == both[1]
