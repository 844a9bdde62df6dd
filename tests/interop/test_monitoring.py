"""The HTTP monitoring port: /varz /connz /routez /subsz /healthz as exporters and tools read them.

Both servers get the same workload and are asked the same questions. Documents are compared by
their fields, the order of the fields and JSON types; error answers by status, headers and text;
counters by value.
"""

import concurrent.futures
import http.client
import json
import re

import pytest

from cluster import routes_text
from harness import LOOPBACK, NotBetter, poll, wait_mesh
from speaker import Speaker

KINDS = pytest.mark.parametrize("kind", ["causeway", "nats-server"])

# Fields in which the two may differ, and why. A path is made of the keys; list items have none.
EXCEPTIONS = {}

CONNECT = (
    b'CONNECT {"verbose":false,"protocol":1,"headers":true,"no_responders":true,'
    b'"name":"%s","lang":"python3","version":"1.2.3"}\r\n'
)
HDR = b"NATS/1.0\r\nA: b\r\n\r\n"


class Workload:
    """Known traffic on one server: three clients, of which one has left.

    alice subscribes to a.> and a.b (queue q); bob publishes 10 messages of 100 bytes to a.b, one
    with 18 bytes of headers and 2 of payload, and 5 of 3 bytes to where nobody listens; carol
    publishes one message of 7 bytes to a.c and leaves.
    """

    def __init__(self, server):
        self.server = server
        self.alice, self.bob, self.carol = (self.connect(n) for n in (b"alice", b"bob", b"carol"))
        self.alice.send(b"SUB a.> 1\r\nSUB a.b q 2\r\n")
        self.alice.ping()
        self.bob.send((b"PUB a.b 100\r\n" + b"x" * 100 + b"\r\n") * 10)
        self.bob.send(b"HPUB a.b 18 20\r\n" + HDR + b"hi\r\n")
        self.bob.send(b"PUB nobody 3\r\nabc\r\n" * 5)
        self.bob.ping()
        self.carol.send(b"PUB a.c 7\r\n1234567\r\n")
        self.carol.ping()
        # The real server takes what it has written off its account a moment after it was received.
        written = lambda: not any(c["pending_bytes"] for c in server.json("/connz")["connections"])
        poll(written, "nothing to be pending")
        self.carol.close()
        self.alice.ping()
        # The real server counts what it has read, and who has left, a moment after it has answered.
        poll(lambda: server.json("/varz")["in_msgs"] >= 17, "all messages to be counted")
        poll(lambda: server.json("/varz")["connections"] == 2, "carol to be gone")
        gone = lambda: server.json("/connz?state=closed")["total"] >= 1
        poll(gone, "carol to be among those that left")

    def connect(self, name):
        client = Speaker(self.server.address, read_info=True)
        client.send(CONNECT % name)
        return client.ping()

    def close(self):
        self.alice.close()
        self.bob.close()


@pytest.fixture(scope="module")
def alone(module_fleet, causeway, nats_server):
    """The real server and ours, each alone, with the same workload done."""
    servers = [
        module_fleet.start(b, "mon", options="max_payload: 2MB") for b in (nats_server, causeway)
    ]
    for server in servers:
        module_fleet.keep(Workload(server))
    return servers


@pytest.fixture(scope="module")
def clustered(module_fleet, causeway, nats_server):
    """One server of a cluster of two of each kind, with the same workload on both members."""
    observed = []
    for binary in (nats_server, causeway):
        one = module_fleet.server(binary, "one", cluster="  name: MON")
        text = "  name: MON\n" + routes_text([one.route_url])
        two = module_fleet.server(binary, "two", cluster=text)
        one.start()
        two.start()
        wait_mesh([one, two], 4)
        for server in (one, two):
            module_fleet.keep(Workload(server))
        interest = lambda: {s for s, _, _ in two.remote_interest()} >= {"a.>", "a.b"}
        poll(interest, "interest on the other member")
        observed.append(two)
    return observed


# ---------------------------------------------------------------------------------------------
# Documents: fields, order, types


def outline(value, path=""):
    """A document's shape: {path: type}; an object is its fields in their order.

    The objects of a list may differ in the fields that they leave out, so that a list has a set
    of shapes.
    """
    shapes = {}

    def add(where, shape):
        shapes.setdefault(where, set()).add(shape)

    if isinstance(value, dict):
        add(path or "/", " ".join(value))
        items = [(f"{path}/{key}", item) for key, item in value.items()]
    elif isinstance(value, list):
        add(path, "list" if value else "empty list")
        items = [(f"{path}[]", item) for item in value]
    else:
        kinds = {bool: "bool", int: "number", float: "number", str: "string"}
        add(path, kinds.get(type(value), "null"))
        items = []
    for where, item in items:
        for key, inner in outline(item, where).items():
            shapes.setdefault(key, set()).update(inner)
    return shapes


def without_services(document):
    """Without the interest of the system account in /routez.

    The real server's own services listen there; ours has none of them yet, so its dedicated route
    of that account carries no interest and has no list of it.
    """
    routes = document.get("routes")  # in /varz it is a number
    for route in routes if isinstance(routes, list) else []:
        if route.get("account") == "$SYS":
            route.pop("subscriptions_list", None)
            route.pop("subscriptions_list_detail", None)
    return document


def compare_outlines(real, ours, path):
    expected, got = (outline(without_services(server.json(path))) for server in (real, ours))
    for field, reason in EXCEPTIONS.get(path.partition("?")[0], {}).items():
        assert reason, "an exception has a reason"
        expected.pop(field, None)
        got.pop(field, None)
    assert got == expected


DOCUMENTS = [
    "/varz",
    "/connz",
    "/connz?subs=1",
    "/connz?subs=detail",
    "/connz?auth=1",
    "/connz?auth=1&subs=detail",
    "/connz?state=closed",
    "/connz?state=closed&subs=1",
    "/connz?state=closed&subs=detail&auth=true",
    "/connz?state=any",
    "/connz?limit=1",
    "/connz?cid=999",
    "/routez",
    "/routez?subs=1",
    "/routez?subs=detail",
    "/subsz",
    "/subscriptionsz",
    "/subsz?subs=1",
    "/subsz?subs=1&acc=$G",
    "/subsz?subs=1&test=a.b",
    "/subsz?subs=1&limit=0&acc=$G",
    "/healthz",
    "/healthz?js-enabled-only=true",
    "/healthz?js-server-only=true",
    "/healthz?js-enabled=true",
    "/healthz?details=true",
]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_fields_of_a_server_alone(alone, path):
    compare_outlines(*alone, path)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_fields_of_a_cluster_member(clustered, path):
    compare_outlines(*clustered, path)


@pytest.mark.parametrize(
    "options",
    [
        "authorization { user: a, password: b, timeout: 3 }",
        "authorization { token: t }",
        "http_base_path: /nats",
        "debug: true\ntrace: true\nmax_connections: 7\nmax_subscriptions: 8",
        "cluster { name: C, port: -1, pool_size: -1, no_advertise: true }",
        'cluster { name: C, port: -1, authorization { user: u, password: p }, advertise: "h:1" }',
        'write_deadline: "3s"\nping_interval: "7s"\nping_max: 5\nlame_duck_duration: "31s"',
        "client_advertise: example.org",
        "no_header_support: true\nmax_control_line: 8KB\nmax_pending: 128MB",
    ],
)
def test_varz_shows_the_options(fleet, causeway, nats_server, options):
    """With options set: the same fields, and the same values for all that is configuration."""
    real, ours = (fleet.start(b, "opts", options=options) for b in (nats_server, causeway))
    prefix = "/nats" if "base_path" in options else ""
    expected, got = real.json(f"{prefix}/varz"), ours.json(f"{prefix}/varz")
    assert outline(got) == outline(expected)
    for document in (expected, got):
        for key in MEASURED:
            document.pop(key, None)
        document.get("cluster", {}).pop("cluster_port", None)
    assert got == expected


# What a server measures or chooses at start; everything else in /varz comes from its options.
MEASURED = """server_id git_commit go port http_port start now uptime mem cpu subscriptions
http_req_stats config_load_time config_digest""".split()


def test_documents_are_printed_alike(alone):
    """Two spaces per level, one field per line; /healthz on one line. Some tools read by line."""
    for server in alone:
        for path in ("/varz", "/connz?subs=1", "/subsz", "/routez"):
            body = server.get(path)[2].decode()
            printed = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
            for character in "<>&":
                printed = printed.replace(character, f"\\u{ord(character):04x}")
            assert body == printed
        assert server.get("/healthz")[2] == b'{"status":"ok"}'


GO_DURATION = re.compile(r"0s|(\d+h)?(\d+m)?(\d+(\.\d+)?(s|ms|µs|ns))")
UPTIME = re.compile(r"(\d+y)?(\d+d)?(\d+h)?(\d+m)?\d+s")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def test_formats_of_texts(alone, clustered):
    """Times and durations as Go prints them: the exporter parses them and stops at others."""
    for server in [*alone, *clustered]:
        varz = server.json("/varz")
        for key in ("start", "now", "config_load_time"):
            assert TIME.fullmatch(varz[key]), varz[key]
        assert UPTIME.fullmatch(varz["uptime"])
        assert re.fullmatch(r"N[A-Z2-7]{55}", varz["server_id"])
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", varz["config_digest"])
        connections = server.json("/connz?state=any")["connections"]
        for item in [*connections, *server.json("/routez").get("routes", [])]:
            assert UPTIME.fullmatch(item["uptime"]) and UPTIME.fullmatch(item["idle"])
            assert TIME.fullmatch(item["start"]) and TIME.fullmatch(item["last_activity"])
            assert GO_DURATION.fullmatch(item.get("rtt", "0s")), item["rtt"]
            assert item["ip"] == LOOPBACK
            if "stop" in item:
                assert TIME.fullmatch(item["stop"])


# ---------------------------------------------------------------------------------------------
# Counters


def fresh(fleet, binary):
    server = fleet.start(binary, "counted")
    idle = server.json("/varz")
    work = fleet.keep(Workload(server))
    return server, idle, work


@KINDS
def test_varz_counters(fleet, binary, kind):
    server, idle, _ = fresh(fleet, binary)
    varz = server.json("/varz")
    # 16 messages from bob, one from carol; 10*100 + 20 + 5*3 + 7 bytes of headers and payload.
    expected = {"in_msgs": 17, "in_bytes": 1042, "in_client_msgs": 17, "in_client_bytes": 1042}
    # alice gets the 11 on a.b twice and the one on a.c once.
    expected |= {"out_msgs": 23, "out_bytes": 2047, "out_client_msgs": 23, "out_client_bytes": 2047}
    expected |= {"connections": 2, "total_connections": 3, "routes": 0, "remotes": 0}
    expected |= {"slow_consumers": 0, "stale_connections": 0, "stalled_clients": 0, "leafnodes": 0}
    assert {key: varz[key] for key in expected} == expected
    assert varz["subscriptions"] == idle["subscriptions"] + 2
    assert varz["mem"] > 0 and varz["cores"] > 0


@KINDS
def test_connz_counters(fleet, binary, kind):
    server, _, _ = fresh(fleet, binary)
    document = server.json("/connz?state=any&subs=1")
    assert (document["num_connections"], document["total"]) == (3, 3)
    by_name = {c["name"]: c for c in document["connections"]}
    counters = ("in_msgs", "in_bytes", "out_msgs", "out_bytes", "subscriptions", "pending_bytes")
    counted = {name: tuple(c[key] for key in counters) for name, c in by_name.items()}
    assert counted == {
        "alice": (0, 0, 23, 2047, 2, 0),
        "bob": (16, 1035, 0, 0, 0, 0),
        "carol": (1, 7, 0, 0, 0, 0),
    }
    assert sorted(by_name["alice"]["subscriptions_list"]) == ["a.>", "a.b"]
    assert by_name["carol"]["reason"] == "Client Closed"
    for c in by_name.values():
        fixed = {"kind": "Client", "type": "nats", "lang": "python3", "version": "1.2.3"}
        assert {key: c[key] for key in fixed} == fixed
    cids = [by_name[name]["cid"] for name in ("alice", "bob", "carol")]
    assert cids == list(range(cids[0], cids[0] + 3))


@KINDS
def test_connz_subscription_details(fleet, binary, kind):
    server, _, work = fresh(fleet, binary)
    work.alice.send(b"SUB limited 3\r\nUNSUB 3 5\r\n")
    work.alice.ping()
    (alice,) = [c for c in server.json("/connz?subs=detail")["connections"] if c["name"] == "alice"]
    details = sorted(alice["subscriptions_list_detail"], key=lambda d: d["sid"])
    for detail in details:
        assert detail.pop("cid") == alice["cid"]
    assert details == [
        {"subject": "a.>", "sid": "1", "msgs": 12},
        {"subject": "a.b", "qgroup": "q", "sid": "2", "msgs": 11},
        {"subject": "limited", "sid": "3", "msgs": 0, "max": 5},
    ]


@KINDS
def test_subsz_counters(fleet, binary, kind):
    server, _, work = fresh(fleet, binary)
    listed = server.json("/subsz?subs=1&acc=$G")
    assert listed["total"] == len(listed["subscriptions_list"]) >= 2
    ours = [(s["subject"], s.get("qgroup")) for s in listed["subscriptions_list"]]
    assert ("a.>", None) in ours and ("a.b", "q") in ours
    before = server.json("/subsz")
    work.alice.send(b"UNSUB 1\r\nSUB b 7\r\nSUB c 8\r\n")
    work.alice.ping()
    after = server.json("/subsz")
    change = {k: after[k] - before[k] for k in ("num_subscriptions", "num_inserts", "num_removes")}
    assert change == {"num_subscriptions": 1, "num_inserts": 2, "num_removes": 1}
    matching = lambda subject: server.json(f"/subsz?subs=1&test={subject}")["total"]
    assert [matching(s) for s in ("a.b", "b", "zzz")] == [1, 1, 0]


@KINDS
def test_route_counters(fleet, binary, kind):
    """What crosses a route is counted at both ends, in the right direction."""
    one = fleet.server(binary, "one", cluster="  name: RC\n  pool_size: 1")
    text = "  name: RC\n  pool_size: 1\n" + routes_text([one.route_url])
    two = fleet.server(binary, "two", cluster=text)
    one.start()
    two.start()
    wait_mesh([one, two], 2)
    work = fleet.keep(Workload(one))
    poll(lambda: {s for s, _, _ in two.remote_interest()} >= {"a.>"}, "interest")
    with Speaker(two.address, read_info=True) as sender:
        sender.send(CONNECT % b"sender" + b"PUB a.x 10\r\n0123456789\r\n" * 7)
        sender.ping()
        work.alice.read_until(b"MSG a.x 1 10\r\n", 7)
    shared = lambda server: next(r for r in server.routes() if "account" not in r)
    poll(lambda: shared(one)["in_msgs"] == 7, lambda: f"7 messages in: {shared(one)}")
    assert (shared(one)["in_bytes"], shared(one)["out_msgs"]) == (70, 0)
    assert (shared(two)["out_msgs"], shared(two)["out_bytes"]) == (7, 70)
    assert shared(two)["in_msgs"] == 0
    assert shared(two)["subscriptions"] == 2, "a.> and a.b of the other side"
    varz = one.json("/varz")
    assert (varz["routes"], varz["remotes"]) == (2, 1)
    assert varz["in_client_msgs"] == 17, "what came by the route is no client message"


@KINDS
def test_request_statistics(fleet, binary, kind):
    server = fleet.start(binary)
    for path in ("/connz", "/connz?subs=1", "/subsz", "/routez"):
        server.get(path)
    stats = server.json("/varz")["http_req_stats"]
    assert stats == {"/connz": 2, "/subsz": 1, "/routez": 1, "/varz": 1}


CLOSE_REASONS = {
    "Client Closed": lambda c: c.close(),
    "Parse Error": lambda c: c.send(b"SUB\t\r\nSUB a b c d\r\n"),
    "Protocol Violation": lambda c: c.send(b"NONSENSE\r\n"),
    "Maximum Message Payload Exceeded": lambda c: c.send(b"PUB a 200\r\n"),
    "Maximum Control Line Exceeded": lambda c: c.send(b"SUB " + b"a" * 5000 + b" 1\r\n"),
}


def test_close_reasons(fleet, causeway, nats_server):
    """/connz?state=closed says why, in the same words and in the same order."""
    told = []
    for binary in (nats_server, causeway):
        server = fleet.start(binary, options="max_payload: 100")
        for number, end in enumerate(CLOSE_REASONS.values(), 1):
            client = Speaker(server.address, read_info=True)
            client.send(b'CONNECT {"verbose":false}\r\n')
            client.ping()
            end(client)
            closed = lambda: server.json("/connz?state=closed")["total"] == number
            poll(closed, f"connection {number} to be closed")
            client.close()
        told.append([c["reason"] for c in server.json("/connz?state=closed")["connections"]])
    assert told[1] == told[0]


# ---------------------------------------------------------------------------------------------
# Parameters of /connz


def names(server, query):
    return [c["name"] for c in server.json(f"/connz?{query}")["connections"]]


@pytest.mark.parametrize(
    "query",
    [
        *[f"sort={key}" for key in "cid start subs pending msgs_to msgs_from".split()],
        *[f"sort={key}" for key in "bytes_to bytes_from last idle uptime rtt".split()],
        "sort=stop&state=closed",
        "sort=reason&state=closed",
        "sort=stop",
        "sort=reason",
        "sort=uptime&state=closed",
        "state=open",
        "state=closed",
        "state=any",
        "state=all",
        "limit=1",
        "limit=1&offset=1",
        "offset=1",
        "offset=100",
        "limit=0",
        "limit=-1",
        "offset=-1",
        "auth=1&user=nobody",
        "acc=$G",
        "acc=nope",
        "filter_subject=a.b",
        "mqtt_client=x",
    ],
)
def test_connz_parameters(alone, query):
    """Which connections, how many in all, and what is echoed of the request."""
    answers = []
    for server in alone:
        status, _, body = server.get(f"/connz?{query}")
        if status != 200:
            answers.append((status, body.rstrip(b"\n")))
            continue
        document = json.loads(body)
        listed = [c["name"] for c in document["connections"] or []]
        # Where the key is a time or the same for all, the order is not what is asked about.
        if any(
            word in query for word in ("rtt", "idle", "last", "pending", "reason", "any", "all")
        ):
            listed.sort()
        counts = [document[k] for k in ("num_connections", "total", "offset", "limit")]
        answers.append((listed, counts))
    assert answers[1] == answers[0]


@pytest.mark.parametrize(
    "key, first", [("subs", "alice"), ("msgs_to", "alice"), ("msgs_from", "bob")]
)
def test_connz_sorts_by_value(alone, key, first):
    for server in alone:
        assert names(server, f"sort={key}")[0] == first


@pytest.mark.parametrize("yes", ["1", "t", "T", "TRUE", "true", "True"])
@pytest.mark.parametrize("no", ["0", "f", "F", "FALSE", "false", "False", ""])
def test_spellings_of_booleans(alone, yes, no):
    """As Go's ParseBool takes them; nats-top asks with 1."""
    for server in alone:
        subscribed = server.json(f"/connz?subs={yes}")["connections"][0]
        assert "subscriptions_list" in subscribed
        plain = server.json(f"/connz?subs={no}")["connections"][0]
        assert "subscriptions_list" not in plain


def test_connz_by_cid(alone):
    for server in alone:
        for name in ("alice", "bob"):
            (cid,) = [c["cid"] for c in server.json("/connz")["connections"] if c["name"] == name]
            assert names(server, f"cid={cid}") == [name]


# ---------------------------------------------------------------------------------------------
# HTTP

REQUESTS = [
    "/",
    "//varz",
    "//varz?a=b",
    "/./varz",
    "/x/../varz",
    "/varz/",
    "/connz/",
    "/healthz/",
    "/VARZ",
    "/nope",
    "/varz/nope",
    "/varz?unknown=1",
    "/varz?callback=f",
    "/connz?sort=nope",
    "/connz?limit=x",
    "/connz?limit=99999999999999999999",
    "/connz?offset=x",
    "/connz?state=nope",
    "/connz?subs=maybe",
    "/connz?auth=maybe",
    "/connz?cid=x",
    "/connz?cid=-1",
    "/subsz?limit=x",
    "/subsz?offset=x",
    "/subsz?subs=maybe",
    "/subsz?test=a..b",
    "/subsz?test=*",
    "/subscriptionsz?limit=x",
    "/routez?subs=maybe",
    "/healthz",
    "/healthz?js-enabled-only=true",
    "/healthz?js-enabled=true",
    "/healthz?js-server-only=true",
    "/healthz?js-enabled=maybe",
    "/healthz?js-enabled-only=maybe",
    "/healthz?js-server-only=maybe",
    "/healthz?details=maybe",
    "/healthz?details=true",
]


@pytest.mark.parametrize("path", REQUESTS)
def test_answers(alone, path):
    """Status, headers that clients look at, and the text of errors."""
    answers = []
    for server in alone:
        status, headers, body = server.get(path)
        looked_at = ("Content-Type", "Location", "Access-Control-Allow-Origin")
        text = body.rstrip(b"\n") if status != 200 or "healthz" in path else b""
        answers.append((status, [headers[name] for name in looked_at], text))
    assert answers[1] == answers[0]


@pytest.mark.parametrize(
    "path",
    ["/connz?sort=nope", "/connz?limit=x", "/subsz?test=*", "/healthz?details=maybe", "/nope"],
)
@pytest.mark.better_than_nats(luck="some error texts of the real server do end with a newline")
def test_error_texts_end_with_a_newline(alone, path):
    """nats-top cuts an error text at its first newline and crashes where there is none."""
    _, ours = alone
    status, _, body = ours.get(path)
    assert status >= 400
    if not body.endswith(b"\n"):
        raise NotBetter(f"{body!r} has no newline")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_any_method_answers(alone, method):
    for server in alone:
        connection = http.client.HTTPConnection(LOOPBACK, server.http, timeout=30)
        connection.request(method, "/varz")
        answer = connection.getresponse()
        body = answer.read()
        assert (answer.status, answer.getheader("Content-Type")) == (200, "application/json")
        assert (method == "HEAD") == (body == b"")
        connection.close()


def test_connections_are_kept_alive(alone):
    """A scraper may send many requests on one connection."""
    for server in alone:
        connection = http.client.HTTPConnection(LOOPBACK, server.http, timeout=30)
        for path in ("/varz", "/connz", "/nope", "/healthz", "/subsz"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == (404 if path == "/nope" else 200)
            assert connection.sock is not None, "still open"
        connection.close()


@pytest.mark.parametrize(
    "noise",
    [b"\x00\xff" * 50, b"GET\r\n\r\n", b"GET /varz\r\n\r\n", b"GET /varz HTTP/9.9\r\n\r\n"]
    + [b"GET /varz HTTP/1.1\r\n\r\n", b"GET /varz HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n"],
)
def test_http_noise(alone, noise):
    """What is no HTTP gets an error or the end, and the next request an answer."""
    for server in alone:
        with Speaker((LOOPBACK, server.http)) as client:
            client.send(noise)
            client.finish()
            text = client.read_until_closed()
            assert text == b"" or text.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b"HTTP/1.0 "))
        assert server.get("/healthz")[0] == 200


def test_index_page_links_the_endpoints(alone):
    for server in alone:
        status, headers, body = server.get("/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        for path in (b"varz", b"connz", b"routez", b"subsz", b"healthz"):
            assert path in body


@KINDS
def test_base_path(fleet, binary, kind):
    server = fleet.start(binary, options="http_base_path: /nats/mon")
    for path in ("varz", "connz", "routez", "subsz", "healthz"):
        assert server.get(f"/nats/mon/{path}")[0] == 200
        assert server.get(f"/{path}")[0] == 404
    assert server.json("/nats/mon/varz")["http_base_path"] == "/nats/mon"


@KINDS
def test_no_monitoring_unless_asked(fleet, binary, kind):
    server = fleet.start(binary, config=f"listen: {LOOPBACK}:{{port}}\n")
    with pytest.raises(OSError):
        server.get("/varz")


@KINDS
def test_monitoring_under_load(fleet, binary, kind):
    """Many scrapers during traffic: every answer is whole, and counters only grow."""
    server = fleet.start(binary)
    publisher = Speaker(server.address, read_info=True)
    publisher.send(CONNECT % b"load" + b"SUB load 1\r\n")
    publisher.ping()

    def scrape(_):
        counts = [server.json("/varz")["in_msgs"] for _ in range(20)]
        server.json("/connz?subs=detail")
        server.json("/subsz?subs=1")
        return counts == sorted(counts)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        scrapers = [pool.submit(scrape, n) for n in range(16)]
        while not all(s.done() for s in scrapers):
            publisher.send(b"PUB load 5\r\n12345\r\n" * 100)
            publisher.ping()
            publisher.take()
        assert all(s.result() for s in scrapers)
    publisher.close()
