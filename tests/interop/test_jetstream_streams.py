"""Streams through the API: what each request is answered, compared with the real server.

Create, update, delete, infos, lists, purges, single messages; every error of a configuration or a request. What publishing does
is in test_jetstream_publish.py.
"""

import json

import pytest

from differential import differential, rows
from harness import poll

STREAMS_OF_PAGES = 260  # more streams than one page of STREAM.LIST has


# ---- the API as such


@differential
def test_account_info(js):
    js.api("INFO")
    js.stream("S", storage="file")
    js.fill("s.a", 3)
    js.stream("M")
    js.consumer("S", "C")
    js.api("INFO")
    js.api("INFO", {"anything": 1})


@differential
def test_api_counts(js):
    before = js.quiet_api("INFO")["api"]
    js.stream("S")
    js.info("S")
    js.info("NONE")
    js.api("STREAM.CREATE.T", b"hello")
    js.unanswered("$JS.API.STREAM.BOGUS")
    after = js.quiet_api("INFO")["api"]
    js.note({key: after[key] - before[key] for key in ("total", "errors")})


@differential(config="domain")
def test_domain(js):
    js.note({key: js.connection.info.get(key) for key in ("jetstream", "domain")})
    js.stream("S")
    js.publish("s.a", b"one")
    js.info("S")
    js.api("STREAM.LIST")
    js.ask("$JS.hub.API.STREAM.NAMES")
    js.ask("$JS.other.API.STREAM.NAMES")
    js.update("S", max_msgs=7)
    js.consumer("S", "C")
    inbox = js.inbox()
    js.connection.publish("$JS.hub.API.CONSUMER.MSG.NEXT.S.C", b"1", inbox.subject)
    js.take(inbox)


@differential
@pytest.mark.parametrize(
    "subject, body",
    rows(
        ("unknown", "$JS.API.BOGUS", b""),
        ("unknown of stream", "$JS.API.STREAM.BOGUS", b""),
        ("unknown of a stream", "$JS.API.STREAM.BOGUS.S", b""),
        ("create without name", "$JS.API.STREAM.CREATE", b"{}"),
        ("info of two tokens", "$JS.API.STREAM.INFO.a.b", b""),
        ("meta stepdown without system account", "$JS.API.META.LEADER.STEPDOWN", b""),
        ("account purge without system account", "$JS.API.ACCOUNT.PURGE.A", b""),
        ("server remove without system account", "$JS.API.SERVER.REMOVE", b"{}"),
    ),
)
def test_unanswered(js, subject, body):
    js.unanswered(subject, body)


@differential
@pytest.mark.parametrize(
    "name, body",
    rows(
        ("create: no JSON", "STREAM.CREATE.S", b"hello"),
        ("create: nothing", "STREAM.CREATE.S", b""),
        ("create: cut", "STREAM.CREATE.S", b'{"name":"S"'),
        ("create: wrong type", "STREAM.CREATE.S", b'{"name":5}'),
        ("create: wrong enum", "STREAM.CREATE.S", b'{"name":"S","retention":"forever"}'),
        ("create: wrong storage", "STREAM.CREATE.S", b'{"name":"S","storage":"paper"}'),
        ("create: wrong discard", "STREAM.CREATE.S", b'{"name":"S","discard":"some"}'),
        ("create: wrong compression", "STREAM.CREATE.S", b'{"name":"S","compression":"zip"}'),
        ("create: wrong persist mode", "STREAM.CREATE.S", b'{"name":"S","persist_mode":"later"}'),
        ("create: unknown field", "STREAM.CREATE.S", b'{"name":"S","bogus":1}'),
        ("create: null", "STREAM.CREATE.S", b"null"),
        ("create: list", "STREAM.CREATE.S", b"[]"),
        ("create: number", "STREAM.CREATE.S", b"1"),
        ("create: float", "STREAM.CREATE.S", b'{"name":"S","max_msgs":1.5}'),
        ("create: too large", "STREAM.CREATE.S", b'{"name":"S","max_msgs":9223372036854775808}'),
        ("create: trailing", "STREAM.CREATE.S", b'{"name":"S"} x'),
        ("create: other name", "STREAM.CREATE.S", b'{"name":"T"}'),
        ("create: field in capitals", "STREAM.CREATE.S", b'{"NAME":"S","Storage":"memory"}'),
        ("create: twice a field", "STREAM.CREATE.S", b'{"name":"T","name":"S","storage":"memory"}'),
        ("update: none", "STREAM.UPDATE.S", b'{"name":"S"}'),
        ("update: no JSON", "STREAM.UPDATE.S", b"hello"),
        ("info: none", "STREAM.INFO.S", b""),
        ("info: no JSON", "STREAM.INFO.S", b"hello"),
        ("delete: none", "STREAM.DELETE.S", b""),
        ("delete: body", "STREAM.DELETE.S", b"{}"),
        ("purge: none", "STREAM.PURGE.S", b""),
        ("names: no JSON", "STREAM.NAMES", b"hello"),
        ("names: unknown field", "STREAM.NAMES", b'{"bogus":1}'),
        ("list: no JSON", "STREAM.LIST", b"hello"),
        ("get: none", "STREAM.MSG.GET.S", b'{"seq":1}'),
        ("get: no JSON", "STREAM.MSG.GET.S", b"hello"),
        ("get: nothing", "STREAM.MSG.GET.S", b""),
        ("remove: none", "STREAM.MSG.DELETE.S", b'{"seq":1}'),
        ("remove: nothing", "STREAM.MSG.DELETE.S", b""),
        ("peer remove", "STREAM.PEER.REMOVE.S", b'{"peer":"x"}'),
        ("snapshot: none", "STREAM.SNAPSHOT.S", b'{"deliver_subject":"x"}'),
        ("snapshot: no JSON", "STREAM.SNAPSHOT.S", b"hello"),
        ("restore: no JSON", "STREAM.RESTORE.S", b"hello"),
        ("restore: other name", "STREAM.RESTORE.S", b'{"config":{"name":"T"},"state":{}}'),
        ("cancel move", "STREAM.CANCEL_MOVE.S", b""),
        ("stepdown", "STREAM.LEADER.STEPDOWN.S", b""),
        ("consumer names: none", "CONSUMER.NAMES.S", b""),
        ("consumer list: none", "CONSUMER.LIST.S", b""),
        ("consumer info: none", "CONSUMER.INFO.S.C", b""),
        ("consumer create: none", "CONSUMER.CREATE.S.C", b'{"stream_name":"S","config":{}}'),
    ),
)
def test_request_without_stream(js, name, body):
    """Requests that fail, or make a stream: also the shape of the error replies."""
    js.api(name, body)


@differential(config="lenient")
def test_lenient(js):
    js.api("STREAM.CREATE.S", b'{"name":"S","storage":"memory","bogus":1}')
    js.api("CONSUMER.CREATE.S.C", b'{"stream_name":"S","config":{"name":"C","bogus":1}}')
    js.api("STREAM.NAMES", b'{"bogus":1}')
    js.api("STREAM.CREATE.T", b'{"name":"T"')


@differential
@pytest.mark.parametrize("level", ["0", "1", "5", "6", "-1", "x", ""])
def test_required_level(js, level):
    js.stream("S", allow_direct=True)
    js.consumer("S", "C")
    headers = {"Nats-Required-Api-Level": level}
    js.api("STREAM.INFO.S", b"", headers)
    js.api("INFO", b"", headers)
    js.ask("$JS.API.DIRECT.GET.S", b'{"seq":1}', headers)
    inbox = js.pull("S", "C", {"no_wait": True}, headers=headers)
    js.until_status(inbox)


# ---- create


CONFIGS = rows(
    ("plain", {}),
    ("file", {"storage": "file"}),
    ("default subjects", {"subjects": None}),
    ("empty subjects", {"subjects": []}),
    ("several subjects", {"subjects": ["a", "b.*", "c.>"]}),
    ("html in subject", {"subjects": ["a&b", "c<d"]}),
    ("unicode", {"subjects": ["ü.日本"], "description": "naïve \u2028 日本 \u0001 \"quoted\" \\ <b>&"}),
    ("everything limited", {"max_msgs": 10, "max_bytes": 1000, "max_age": 10**9, "max_msg_size": 100,
                            "max_msgs_per_subject": 3, "max_consumers": 2}),
    ("zero limits", {"max_msgs": 0, "max_bytes": 0, "max_msg_size": 0, "max_msgs_per_subject": 0, "max_consumers": 0}),
    ("negative limits", {"max_msgs": -5, "max_bytes": -5, "max_msg_size": -5, "max_msgs_per_subject": -5,
                         "max_consumers": -5}),
    ("interest", {"retention": "interest"}),
    ("work queue", {"retention": "workqueue"}),
    ("discard new", {"discard": "new", "max_msgs": 1}),
    ("discard new per subject", {"discard": "new", "max_msgs_per_subject": 1, "discard_new_per_subject": True}),
    ("no ack", {"no_ack": True}),
    ("duplicate window", {"duplicate_window": 5 * 10**9}),
    ("duplicate window of a short age", {"max_age": 10**9}),
    ("compression", {"storage": "file", "compression": "s2"}),
    ("first sequence", {"first_seq": 100}),
    ("transform", {"subject_transform": {"src": "s.*", "dest": "t.{{wildcard(1)}}"}}),
    ("transform of all", {"subject_transform": {"src": "", "dest": "t.>"}}),
    ("republish", {"republish": {"src": "s.*", "dest": "r.{{wildcard(1)}}", "headers_only": True}}),
    ("republish everything", {"republish": {"dest": "r.>"}}),
    ("direct", {"allow_direct": True}),
    ("rollup", {"allow_rollup_hdrs": True}),
    ("deny", {"deny_delete": True, "deny_purge": True}),
    ("ttl", {"allow_msg_ttl": True}),
    ("markers", {"allow_msg_ttl": True, "subject_delete_marker_ttl": 10**9}),
    ("markers alone", {"subject_delete_marker_ttl": 10**9}),
    ("counter", {"allow_msg_counter": True}),
    ("counter with direct", {"allow_msg_counter": True, "allow_direct": True}),
    ("atomic", {"allow_atomic": True}),
    ("batched", {"allow_batched": True}),
    ("schedules", {"allow_msg_schedules": True}),
    ("async", {"storage": "file", "persist_mode": "async"}),
    ("persist default", {"storage": "file", "persist_mode": "default"}),
    ("consumer limits", {"consumer_limits": {"inactive_threshold": 10**9, "max_ack_pending": 10}}),
    ("metadata", {"metadata": {"b": "2", "a": "1", "<x>": "&"}}),
    ("own metadata of the server", {"metadata": {"_nats.ver": "0.0.1", "_nats.level": "9", "_nats.x": "y"}}),
    ("placement tags", {"placement": {"tags": ["a"]}}),
    ("placement cluster", {"placement": {"cluster": "c"}}),
    ("placement preferred", {"placement": {"preferred": "p"}}),
    ("replicas 0", {"num_replicas": 0}),
    ("pedantic", {"pedantic": True}),
    ("mirror of nothing", {"subjects": None, "mirror": {"name": "NONE"}}),
    ("source of nothing", {"sources": [{"name": "NONE"}]}),
    ("sources only", {"subjects": None, "sources": [{"name": "NONE"}]}),
    # What is refused.
    ("replicas 3", {"num_replicas": 3}),
    ("replicas 6", {"num_replicas": 6}),
    ("replicas negative", {"num_replicas": -1}),
    ("two equal subjects", {"subjects": ["a", "a"]}),
    ("two overlapping subjects", {"subjects": ["a.*", "a.b"]}),
    ("bad subject", {"subjects": ["a..b"]}),
    ("empty subject", {"subjects": [""]}),
    ("subject with a space", {"subjects": ["a b"]}),
    ("subject of all", {"subjects": [">"]}),
    ("subject of the API", {"subjects": ["$JS.API.>"]}),
    ("subject of JetStream", {"subjects": ["$JS.>"]}),
    ("subject of the system", {"subjects": ["$SYS.>"]}),
    ("name with a dot", {"name": "S.T"}),
    ("long description", {"description": "x" * 4097}),
    ("longest description", {"description": "x" * 4096}),
    ("large metadata", {"metadata": {"k": "v" * 131072}}),
    ("short age", {"max_age": 10**6}),
    ("negative age", {"max_age": -1}),
    ("duplicate window over age", {"max_age": 10**9, "duplicate_window": 2 * 10**9}),
    ("duplicate window short", {"duplicate_window": 10**6}),
    ("duplicate window negative", {"duplicate_window": -1}),
    ("discard per subject without new", {"max_msgs_per_subject": 1, "discard_new_per_subject": True}),
    ("discard per subject without limit", {"discard": "new", "discard_new_per_subject": True}),
    ("sealed", {"sealed": True}),
    ("rollup with deny purge", {"allow_rollup_hdrs": True, "deny_purge": True}),
    ("mirror direct without mirror", {"mirror_direct": True}),
    ("mirror with subjects", {"mirror": {"name": "O"}}),
    ("mirror and sources", {"subjects": None, "mirror": {"name": "O"}, "sources": [{"name": "P"}]}),
    ("mirror of itself", {"subjects": None, "mirror": {"name": "S"}}),
    ("mirror without name", {"subjects": None, "mirror": {"name": ""}}),
    ("mirror with bad name", {"subjects": None, "mirror": {"name": "a.b"}}),
    ("mirror with filter and transforms", {"subjects": None, "mirror": {
        "name": "O", "filter_subject": "a", "subject_transforms": [{"src": "a", "dest": "b"}]}}),
    ("mirror with bad filter", {"subjects": None, "mirror": {"name": "O", "filter_subject": "a..b"}}),
    ("mirror with overlapping transforms", {"subjects": None, "mirror": {"name": "O", "subject_transforms": [
        {"src": "a.*", "dest": "b.{{wildcard(1)}}"}, {"src": "a.b", "dest": "c"}]}}),
    ("mirror with start sequence and time", {"subjects": None, "mirror": {
        "name": "O", "opt_start_seq": 1, "opt_start_time": "2020-01-01T00:00:00Z"}}),
    ("mirror with first sequence", {"subjects": None, "first_seq": 5, "mirror": {"name": "O"}}),
    ("mirror with dedupe", {"subjects": None, "duplicate_window": 10**9, "mirror": {"name": "O"}}),
    ("mirror with markers", {"subjects": None, "subject_delete_marker_ttl": 10**9, "mirror": {"name": "O"}}),
    ("mirror with counter", {"subjects": None, "allow_msg_counter": True, "mirror": {"name": "O"}}),
    ("mirror with atomic", {"subjects": None, "allow_atomic": True, "mirror": {"name": "O"}}),
    ("mirror with batched", {"subjects": None, "allow_batched": True, "mirror": {"name": "O"}}),
    ("mirror with schedules", {"subjects": None, "allow_msg_schedules": True, "mirror": {"name": "O"}}),
    ("mirror with transform", {"subjects": None, "subject_transform": {"src": "a", "dest": "b"},
                               "mirror": {"name": "O"}}),
    ("mirror with republish", {"subjects": None, "republish": {"src": ">", "dest": "r.>"}, "mirror": {"name": "O"}}),
    ("mirror external", {"subjects": None, "mirror": {"name": "O", "external": {"api": "$JS.x.API", "deliver": ""}}}),
    ("mirror external prefix bad", {"subjects": None, "mirror": {
        "name": "O", "external": {"api": "a..b", "deliver": ""}}}),
    ("mirror external prefix with wildcard", {"subjects": None, "mirror": {
        "name": "O", "external": {"api": "a.>", "deliver": ""}}}),
    ("mirror external deliver overlap", {"subjects": None, "mirror": {
        "name": "O", "external": {"api": "$JS.x.API", "deliver": "$JS.API.x"}}}),
    ("sources twice the same", {"sources": [{"name": "O"}, {"name": "O"}]}),
    ("source with filter", {"sources": [{"name": "O", "filter_subject": "a"}]}),
    ("source of itself", {"sources": [{"name": "S"}]}),
    ("source with bad name", {"sources": [{"name": "a.b"}]}),
    ("source with counter", {"allow_msg_counter": True, "sources": [{"name": "O"}]}),
    ("source with counter and rollup", {"allow_msg_counter": True, "allow_rollup_hdrs": True, "sources": [{"name": "O"}]}),
    ("source with counter and discard new", {"allow_msg_counter": True, "discard": "new", "max_msgs": 1, "sources": [{"name": "O"}]}),
    ("source with counter external", {"allow_msg_counter": True, "subjects": None, "sources": [
        {"name": "O", "external": {"api": "$JS.x.API", "deliver": ""}}]}),
    ("source with schedules", {"allow_msg_schedules": True, "sources": [{"name": "O"}]}),
    ("source with bad transform", {"sources": [{"name": "O", "subject_transforms": [{"src": "a.*", "dest": "b.{{bogus(1)}}"}]}]}),
    ("source with filter and transforms", {"sources": [{"name": "O", "filter_subject": "x", "subject_transforms": [
        {"src": "a.*", "dest": "b.{{wildcard(1)}}"}]}]}),
    ("source transforms overlap", {"sources": [{"name": "O", "subject_transforms": [
        {"src": "a.*", "dest": "b.{{wildcard(1)}}"}, {"src": "a.b", "dest": "c"}]}]}),
    ("source with start sequence and time", {"sources": [
        {"name": "O", "opt_start_seq": 1, "opt_start_time": "2020-01-01T00:00:00Z"}]}),
    ("transform: bad source", {"subject_transform": {"src": "s..x", "dest": "t"}}),
    ("transform: bad destination", {"subject_transform": {"src": "s.*", "dest": "t..x"}}),
    ("transform: unknown function", {"subject_transform": {"src": "s.*", "dest": "t.{{bogus(1)}}"}}),
    ("transform: too many wildcards", {"subject_transform": {"src": "s.*", "dest": "t.{{wildcard(2)}}"}}),
    ("transform: partition", {"subject_transform": {"src": "s.*", "dest": "t.{{partition(3,1)}}"}}),
    ("transform: all functions", {"subject_transform": {
        "src": "s.*.*", "dest": "t.{{split(1,-)}}.{{slice(2,2)}}.{{left(1,2)}}.{{right(1,2)}}"}}),
    ("transform: old wildcard", {"subject_transform": {"src": "s.*", "dest": "t.$1"}}),
    ("transform: lost wildcard", {"subject_transform": {"src": "s.*.*", "dest": "t.{{wildcard(1)}}"}}),
    ("republish: cycle", {"republish": {"src": "s.*", "dest": "s.x.{{wildcard(1)}}"}}),
    ("republish: bad destination", {"republish": {"src": "s.*", "dest": "r..x"}}),
    ("republish: no destination", {"republish": {"src": "s.*", "dest": ""}}),
    ("republish: source outside", {"republish": {"src": "x.*", "dest": "r.{{wildcard(1)}}"}}),
    ("markers short", {"allow_msg_ttl": True, "subject_delete_marker_ttl": 10**8}),
    ("markers negative", {"allow_msg_ttl": True, "subject_delete_marker_ttl": -1}),
    ("markers with deny purge", {"subject_delete_marker_ttl": 10**9, "deny_purge": True}),
    ("counter with discard new", {"allow_msg_counter": True, "discard": "new", "max_msgs": 1}),
    ("counter with ttl", {"allow_msg_counter": True, "allow_msg_ttl": True}),
    ("counter with interest", {"allow_msg_counter": True, "retention": "interest"}),
    ("counter with schedules", {"allow_msg_counter": True, "allow_msg_schedules": True}),
    ("async in memory", {"persist_mode": "async"}),
    ("async with atomic", {"storage": "file", "persist_mode": "async", "allow_atomic": True}),
    ("async with batched", {"storage": "file", "persist_mode": "async", "allow_batched": True}),
    ("schedules with direct", {"allow_msg_schedules": True, "allow_direct": True}),
    ("schedules with deny purge", {"allow_msg_schedules": True, "deny_purge": True}),
    ("consumer limits negative", {"consumer_limits": {"inactive_threshold": -1}}),
    ("consumer limits with work queue", {"retention": "workqueue", "consumer_limits": {"max_ack_pending": 5}}),
    ("transform and sources", {"subject_transform": {"src": "s.*", "dest": "t.{{wildcard(1)}}"}, "sources": [{"name": "O"}]}),
    ("pedantic with a short age", {"pedantic": True, "max_age": 10**9, "duplicate_window": 2 * 10**9}),
    ("pedantic with a dedupe default", {"pedantic": True, "max_age": 10**9}),
    ("pedantic with markers", {"pedantic": True, "subject_delete_marker_ttl": 10**9}),
    ("pedantic with zero limits", {"pedantic": True, "max_msgs": 0, "max_consumers": 0}),
    ("pedantic mirror", {"pedantic": True, "subjects": None, "mirror": {"name": "O"}}),
)  # fmt: skip


@differential
@pytest.mark.parametrize("config", CONFIGS)
def test_create(js, config):
    """The reply, an equal creation once more, and what is there then."""
    js.stream("S", **config)
    js.stream("S", **config)
    js.info("S")
    js.api("STREAM.NAMES")


@differential
@pytest.mark.parametrize("subject", [">", "$JS.EVENT.ADVISORY.>", "$SYS.ACCOUNT.>", "*.>"])
def test_create_of_what_the_server_says(js, subject):
    """Streams that take what servers publish: how many messages they hold depends on the moment."""
    config = {"name": "S", "subjects": [subject], "storage": "memory", "no_ack": True}
    reply = js.quiet_api("STREAM.CREATE.S", config)
    js.note(subject, reply.get("config"), reply.get("error"))
    js.api("STREAM.NAMES")


@differential
@pytest.mark.parametrize(
    "name",
    [
        "A-b_C9",
        "ä",
        "a b",
        "a*",
        "a>",
        "a/b",
        "a\\b",
        "x" * 255,
        "x" * 256,
        "a\tb",
        "a\u0000b",
        "a$b",
        "a{b",
    ],
    ids=lambda name: repr(name)[:20],
)
def test_stream_names(js, name):
    if not set(" \t") & set(name):
        js.api(f"STREAM.CREATE.{name}", {"name": name, "storage": "memory"})
    js.api("STREAM.CREATE.S", {"name": name, "storage": "memory"})


@differential
def test_overlap(js):
    js.stream("A", subjects=["a.*", "b"])
    for subjects in (["a.1"], ["a.>"], ["*"], ["*.*"], ["b"], ["c", "b"], ["c"]):
        js.stream("B", subjects=subjects)
    js.stream("A", subjects=["a.*"])
    js.update("B", subjects=["a.1"])
    js.update("A", subjects=["b", "c"])


@differential
@pytest.mark.parametrize("config", CONFIGS)
def test_update(js, config):
    """Every configuration as an update of a plain stream with messages."""
    js.stream("S")
    js.stream("O")
    js.fill("s.a", 3)
    js.update("S", **config)
    js.info("S")


FROM = rows(
    ("sealed", {"sealed": True}),
    ("unsealed", {"sealed": False}),
    ("fewer messages", {"max_msgs": 2}),
    ("fewer bytes", {"max_bytes": 60}),
    ("fewer per subject", {"max_msgs_per_subject": 1}),
    ("smaller messages", {"max_msg_size": 1}),
    ("one consumer", {"max_consumers": 1}),
    ("other subjects", {"subjects": ["x"]}),
    ("no deny delete", {"deny_delete": False}),
    ("no deny purge", {"deny_purge": False}),
    ("no ttl", {"allow_msg_ttl": False}),
    ("no schedules", {"allow_msg_schedules": False}),
    ("no rollup", {"allow_rollup_hdrs": False}),
    ("no direct", {"allow_direct": False}),
    ("file", {"storage": "file"}),
    ("interest", {"retention": "interest"}),
    ("work queue", {"retention": "workqueue"}),
    ("other first sequence", {"first_seq": 9}),
    ("counter", {"allow_msg_counter": True}),
    ("other name", {"name": "T"}),
    ("new mirror", {"subjects": None, "mirror": {"name": "O"}}),
    ("other metadata", {"metadata": {"a": "b"}}),
    ("consumer limits", {"consumer_limits": {"max_ack_pending": 1}}),
)


@differential
@pytest.mark.parametrize("change", FROM)
def test_update_of_much(js, change):
    """Changes of a stream that has many settings, messages and consumers."""
    first = {
        "deny_delete": True, "deny_purge": True, "allow_msg_ttl": True, "allow_msg_schedules": False,
        "allow_direct": True, "metadata": {"k": "v"}, "max_msgs": 100, "description": "much",
    }  # fmt: skip
    js.stream("O")
    js.stream("S", **first)
    js.fill("s.a", 3)
    js.fill("s.b", 3)
    js.consumer("S", "C", max_ack_pending=5)
    js.update("S", **(first | change))
    js.info("S", {"subjects_filter": ">"})
    js.api("STREAM.LIST")


@differential
@pytest.mark.parametrize(
    "first, change",
    rows(
        ("sealed stays", {"sealed": False}, {"sealed": True}),
        ("schedules stay", {"allow_msg_schedules": True}, {"allow_msg_schedules": False}),
        ("interest to limits", {"retention": "interest"}, {"retention": "limits"}),
        ("work queue to limits", {"retention": "workqueue"}, {"retention": "limits"}),
        ("counter stays", {"allow_msg_counter": True}, {"allow_msg_counter": False}),
        ("atomic goes", {"allow_atomic": True}, {"allow_atomic": False}),
        ("batched goes", {"allow_batched": True}, {"allow_batched": False}),
        ("mirror goes", {"subjects": None, "mirror": {"name": "O"}}, {"subjects": ["s.>"]}),
        ("mirror changes", {"subjects": None, "mirror": {"name": "O"}}, {"subjects": None, "mirror": {"name": "P"}}),
        ("source goes", {"sources": [{"name": "O"}]}, {}),
        ("source comes", {}, {"sources": [{"name": "O"}]}),
        ("markers go", {"subject_delete_marker_ttl": 10**9}, {"subject_delete_marker_ttl": 0}),
        ("transform goes", {"subject_transform": {"src": "s.a", "dest": "t.a"}}, {}),
        ("transform changes", {"subject_transform": {"src": "s.a", "dest": "t.a"}},
         {"subject_transform": {"src": "s.a", "dest": "t.b"}}),
        ("republish goes", {"republish": {"src": "s.*", "dest": "r.{{wildcard(1)}}"}}, {}),
        ("compression goes", {"storage": "file", "compression": "s2"}, {"storage": "file"}),
        ("async goes", {"storage": "file", "persist_mode": "async"}, {"storage": "file"}),
        ("no ack comes", {}, {"no_ack": True}),
        ("discard new", {"max_msgs": 1}, {"max_msgs": 1, "discard": "new"}),
    ),
)  # fmt: skip
def test_update_from(js, first, change):
    js.stream("O")
    js.stream("P")
    js.stream("S", **first)
    js.update("S", **change)
    js.update("S", **first)
    js.info("S")


@differential
def test_sealed(js):
    js.stream("S", max_age=10**12, discard="old", allow_rollup_hdrs=True)
    js.fill("s.a", 2)
    js.update("S", max_age=10**12, sealed=True)
    js.publish("s.a", b"more")
    js.api("STREAM.PURGE.S")
    js.api("STREAM.MSG.DELETE.S", {"seq": 1})
    js.update("S", sealed=False)
    js.api("STREAM.MSG.GET.S", {"seq": 1})
    js.info("S")
    js.api("STREAM.DELETE.S")


@differential
def test_denied(js):
    js.stream("S", deny_delete=True, deny_purge=True)
    js.fill("s.a", 2)
    js.api("STREAM.PURGE.S")
    js.api("STREAM.PURGE.S", {"keep": 1})
    js.api("STREAM.MSG.DELETE.S", {"seq": 1})
    js.update("S", deny_delete=False)
    js.update("S", deny_purge=False)
    js.info("S")


# ---- lists


@differential
def test_lists(js):
    js.api("STREAM.NAMES")
    js.api("STREAM.LIST")
    for name in ("C", "a", "B", "b1"):
        js.stream(name, subjects=[f"{name}.x", "all." + name])
    js.fill("a.x", 2)
    for body in ({}, {"offset": 1}, {"offset": 4}, {"offset": 99}, {"offset": -1}, {"subject": "a.x"}, {"subject": "*.x"},
                 {"subject": "all.>"}, {"subject": ">"}, {"subject": "none"}, {"subject": "a..b"}, {"subject": ""},
                 {"subject": "*.x", "offset": 1}):  # fmt: skip
        js.api("STREAM.NAMES", body)
        js.api("STREAM.LIST", body)


@differential
def test_pages(js):
    """More streams and consumers than one page has."""
    for number in range(STREAMS_OF_PAGES):
        js.connection.publish(
            f"$JS.API.STREAM.CREATE.P{number:03}",
            json.dumps({"name": f"P{number:03}", "storage": "memory"}).encode(),
            "_ANSWER.0",
        )
    poll(lambda: js.quiet_api("STREAM.NAMES")["total"] == STREAMS_OF_PAGES, "all streams")
    for offset in (0, 255, 256, 260, 300):
        page = js.quiet_api("STREAM.LIST", {"offset": offset})
        names = [info["config"]["name"] for info in page.pop("streams")]
        js.note(offset, page, len(names), names[:2], names[-2:])
        names = js.quiet_api("STREAM.NAMES", {"offset": offset})
        js.note(offset, names)


@differential
def test_subjects_of_info(js):
    js.stream("S")
    for subject, count in (("s.b", 2), ("s.a.x", 1), ("s.a", 3)):
        js.fill(subject, count)
    for body in ({"subjects_filter": ">"}, {"subjects_filter": "s.*"}, {"subjects_filter": "s.a"}, {"subjects_filter": "x"},
                 {"subjects_filter": ">", "offset": 1}, {"subjects_filter": ">", "offset": 9}, {"offset": 1},
                 {"subjects_filter": "s..a"}, {"deleted_details": True}):  # fmt: skip
        js.info("S", body)


@differential
@pytest.mark.parametrize("storage", ["memory", "file"])
def test_deleted_details(js, storage):
    js.stream("S", storage=storage)
    js.fill("s.a", 9)
    for seq in (3, 5, 4, 1, 9):
        js.api("STREAM.MSG.DELETE.S", {"seq": seq})
    js.info("S", {"deleted_details": True})
    js.info("S")
    js.api("STREAM.LIST")


# ---- purge


@differential
@pytest.mark.parametrize("storage", ["memory", "file"])
@pytest.mark.parametrize(
    "body",
    rows(
        ("all", b""),
        ("empty object", {}),
        ("filter", {"filter": "s.a"}),
        ("filter with wildcard", {"filter": "s.*"}),
        ("filter of nothing", {"filter": "x"}),
        ("filter invalid", {"filter": "s..a"}),
        ("seq", {"seq": 4}),
        ("seq 1", {"seq": 1}),
        ("seq beyond", {"seq": 99}),
        ("keep", {"keep": 2}),
        ("keep 0", {"keep": 0}),
        ("keep many", {"keep": 99}),
        ("seq and keep", {"seq": 3, "keep": 1}),
        ("filter and seq", {"filter": "s.a", "seq": 4}),
        ("filter and keep", {"filter": "s.a", "keep": 1}),
        ("filter, seq and keep", {"filter": "s.a", "seq": 4, "keep": 1}),
        ("negative", {"keep": -1}),
        ("text", b"hello"),
        ("unknown field", {"bogus": 1}),
    ),
)
def test_purge(js, storage, body):
    js.stream("S", storage=storage)
    js.consumer("S", "C", filter_subject="s.a")
    for _ in range(3):
        js.fill("s.a", 1)
        js.fill("s.b", 1)
    js.consumer_info("S", "C", num_pending=3)
    js.api("STREAM.PURGE.S", body)
    js.info("S", {"subjects_filter": ">", "deleted_details": True})
    js.consumer_info("S", "C")
    js.publish("s.a", b"next")
    js.info("S")


# ---- single messages


@differential
@pytest.mark.parametrize("storage", ["memory", "file"])
def test_message_get(js, storage):
    js.stream("S", storage=storage)
    js.publish("s.a", b"one")
    js.publish("s.b", b"two", X="y", Nats_Msg_Id="id")
    js.publish("s.a", b"")
    js.publish("s.c", b"\x00\xff bytes")
    js.api("STREAM.MSG.DELETE.S", {"seq": 1})
    for body in ({"seq": 2}, {"seq": 1}, {"seq": 3}, {"seq": 4}, {"seq": 0}, {"seq": 99}, {"seq": 2, "no_hdr": True},
                 {"last_by_subj": "s.a"}, {"last_by_subj": "s.*"}, {"last_by_subj": ">"}, {"last_by_subj": "x"},
                 {"last_by_subj": "s.a", "seq": 1}, {"next_by_subj": "s.a"}, {"next_by_subj": "s.*", "seq": 3},
                 {"next_by_subj": "s.a", "seq": 4}, {"next_by_subj": "s.>", "seq": 1}, {}, {"batch": 2, "seq": 1},
                 {"multi_last": ["s.a"]}, {"next_by_subj": "s.a", "last_by_subj": "s.b"}, {"bogus": 1},
                 {"start_time": "2020-01-01T00:00:00Z"}, {"seq": 2, "max_bytes": 3}):  # fmt: skip
        js.api("STREAM.MSG.GET.S", body)


@differential
@pytest.mark.parametrize("storage", ["memory", "file"])
def test_message_delete(js, storage):
    js.stream("S", storage=storage)
    js.fill("s.a", 5)
    for body in ({"seq": 2}, {"seq": 2}, {"seq": 99}, {"seq": 0}, {}, {"seq": 3, "no_erase": True}, {"seq": 1}, {"seq": 5},
                 {"seq": 4}, {"seq": -1}, {"bogus": 1}):  # fmt: skip
        js.api("STREAM.MSG.DELETE.S", body)
    js.info("S", {"deleted_details": True})
    js.publish("s.a", b"next")
    js.info("S")


# ---- what others are told


@differential
def test_stream_advisories(js):
    inbox = js.inbox("$JS.EVENT.ADVISORY.STREAM.>")
    js.stream("S")
    js.update("S", max_msgs=5)
    js.stream("S", max_msgs=5)
    js.api("STREAM.DELETE.S")
    js.take(inbox, 3)
    js.nothing(inbox)


@differential
def test_audit(js):
    inbox = js.inbox("$JS.EVENT.ADVISORY.API")
    js.stream("S")
    js.api("STREAM.INFO.NONE")
    js.api("STREAM.NAMES", b"hello")
    for message in (js.connection.take(inbox, "an audit") for _ in range(3)):
        audit = message.json
        client = audit.pop("client")
        js.note(
            message.subject,
            audit,
            sorted(client),
            {k: client[k] for k in ("acc", "kind", "client_type")},
        )


# ---- monitoring


# What is the process's own: sizes, times, and how often was asked.
VOLATILE = ("server_id", "now", "memory", "store", "total", "errors", "id", "created", "used", "start", "uptime", "store_dir",
            "max_memory", "max_storage")  # fmt: skip


def steady(value, key=""):
    """A monitoring answer without what differs between two processes, and between ours and nats-server: it syncs always."""
    if isinstance(value, dict):
        return {k: steady(v, k) for k, v in value.items() if k != "sync_always"}
    if isinstance(value, list):
        return [steady(item) for item in value]
    return f"<{type(value).__name__}>" if key in VOLATILE else value


@differential
@pytest.mark.parametrize(
    "path",
    ["/jsz", "/jsz?accounts=true", "/jsz?streams=true", "/jsz?streams=true&consumers=true&config=true", "/jsz?acc=$G",
     "/jsz?acc=NONE", "/jsz?accounts=true&limit=0", "/jsz?limit=-1&accounts=true", "/jsz?leader-only=true",
     "/jsz?accounts=maybe"],
)  # fmt: skip
def test_jsz(js, path):
    js.stream("S", storage="file")
    js.fill("s.a", 3)
    js.consumer("S", "C")
    status, headers, body = js.server.get(path)
    # Errors end with a line break in ours: nats-top cuts the text there, and panics without.
    shown = steady(json.loads(body)) if body.startswith(b"{") else body.rstrip()
    js.note(status, headers["Content-Type"], shown)


@differential
def test_monitoring_knows_jetstream(js):
    js.stream("S", storage="file")
    js.note(steady(js.server.json("/varz")["jetstream"]))
    for path in (
        "/healthz",
        "/healthz?js-enabled-only=true",
        "/healthz?js-server-only=true",
        "/healthz?stream=S&account=$G",
    ):
        status, _, body = js.server.get(path)
        js.note(path, status, body)


# ---- limits of servers and accounts


@differential(config="accounts")
def test_account_limits(js):
    js.api("INFO")
    js.stream("S")
    js.stream("S", max_bytes=4096)
    js.stream("S", max_bytes=2048)
    js.stream("F", storage="file", max_bytes=8192)
    js.stream("F", storage="file", max_bytes=4096)
    js.update("F", storage="file", max_bytes=4097)
    js.stream("T", max_bytes=10)
    js.stream("U", max_bytes=10)
    js.consumer("S", "A", max_ack_pending=101)
    js.consumer("S", "A")
    js.consumer("S", "B", max_ack_pending=100)
    js.consumer("S", "C", max_ack_pending=1)
    js.api("INFO")


@differential(config="accounts")
def test_account_without_jetstream(js):
    js.note(js.connection.info.get("jetstream"))
    js.reconnect(user="b", **{"pass": "b"})
    js.api("INFO")
    js.api("STREAM.NAMES")
    js.api("STREAM.CREATE.S", {"name": "S"})
    js.publish("s.a", b"x")
    js.reconnect()


@differential(config="off")
def test_server_without_jetstream(js):
    js.note(js.connection.info.get("jetstream"))
    js.api("INFO")
    js.api("STREAM.CREATE.S", {"name": "S"})
    js.ask("$JS.API.STREAM.BOGUS")


@differential(config="small")
def test_server_limits(js):
    js.stream("S", max_bytes=2**20 + 1)
    js.stream("S", max_bytes=2**19)
    js.stream("T", max_bytes=2**19 + 1)
    js.stream("F", storage="file", max_bytes=2**21)
    js.stream("F", storage="file")
    js.stream("T")
    for _ in range(9):
        js.publish("t.a", b"x" * 2**17)
    js.info("T")


@differential(config="requests")
def test_limits_block(js):
    js.stream("S", duplicate_window=61 * 10**9)
    js.stream("S", max_age=0)
    js.consumer("S", "C")
    js.consumer("S", "D", max_ack_pending=501)
    js.consumer("S", "E", max_batch=11)
    js.fill("s.a", 3)
    inbox = js.pull("S", "C", {"batch": 11, "no_wait": True})
    js.until_status(inbox)
