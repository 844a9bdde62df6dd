"""The same script to the real server and to ours; their transcripts must be the same.

    @differential
    def test_purge(js):
        js.stream("S")
        js.fill("s.a", 3)
        js.api("STREAM.PURGE.S", {"keep": 1})

The script is run against both servers at the same time, each time with a `Side` (jetstream.py) of its own, or as a coroutine
that drives nats-py and notes what it saw. No expected text stands in a script: the real server is the expectation.
"""

import asyncio
import concurrent.futures
import functools
import inspect
import itertools
import os
import textwrap

import pytest

from harness import Fleet, HarnessError, poll
from jetstream import Side, jetstream_options

# A script that takes longer is stuck.
SCRIPT_PATIENCE = 90.0
# Side by side: the width of each column.
COLUMN = 88
# Of our server's log, after a failure.
LOG_LINES = 15

# Configurations by name: (inside the jetstream block, or None for a server without; after it).
CONFIGS = {
    "default": ("", ""),
    "off": (None, ""),
    "domain": ("  domain: hub\n", ""),
    "lenient": ("  strict: false\n", ""),
    "small": ("  max_mem: 1MB\n  max_file: 1MB\n", ""),
    "requests": (
        "  limits { max_request_batch: 10, max_ha_assets: 10, duplicate_window: 60s, max_ack_pending: 500 }\n",
        "",
    ),
    "accounts": (
        "",
        """
no_auth_user: a
accounts {
  A {
    users: [{ user: a, password: a }]
    jetstream: {
      max_mem: 1MB, max_file: 1MB, max_streams: 3, max_consumers: 2, max_ack_pending: 100
      memory_max_stream_bytes: 2048, store_max_stream_bytes: 4096, max_stream_bytes: true
    }
  }
  B { users: [{ user: b, password: b }] }
}
""",
    ),
}


class Pair:
    """The real server and ours with one configuration."""

    def __init__(self, folder, binaries, config):
        self.fleet = Fleet(folder)
        inside, after = CONFIGS[config]
        self.servers = []
        self.stores = []
        for number, binary in enumerate(binaries):
            self.stores.append(folder / f"store-{number}")
            block = "" if inside is None else jetstream_options(self.stores[-1], inside)
            # One name for both: it stands in replies.
            self.servers.append(self.fleet.start(binary, "same-name", options=block + after))

    def compare(self, script):
        """Runs a script against both; fails with the transcripts side by side if they differ."""
        sides = [Side(server) for server in self.servers]
        try:
            with concurrent.futures.ThreadPoolExecutor(2) as both:
                errors = list(both.map(lambda side: run(script, side), sides))
            expected, got = (side.lines for side in sides)
            if os.environ.get("INTEROP_SHOW"):
                print("\n".join(["", *expected]))
            if errors[0]:
                raise HarnessError(
                    f"the reference cannot do this: {errors[0]!r}\n{side_by_side(expected, got)}"
                ) from errors[0]
            if expected != got:
                pytest.fail(side_by_side(expected, got), pytrace=False)
            for side, store in zip(sides, self.stores):
                side.clean()
                if side.server.binary.is_real:
                    # It answers before the folder of a deleted stream is gone (it is renamed, then removed), and a new stream of
                    # that name that comes too early finds messages in it.
                    poll(
                        lambda: not list(store.glob("jetstream/*/streams/*")),
                        f"the end of deletions in {store}",
                    )
        finally:
            for side in sides:
                side.close()

    def close(self):
        self.fleet.close()


def run(script, side):
    """Runs a script; an error ends its transcript, and is returned."""
    try:
        if inspect.iscoroutinefunction(script):
            asyncio.run(asyncio.wait_for(script(side), SCRIPT_PATIENCE))
        else:
            script(side)
    except Exception as error:
        side.note(f"! {type(error).__name__}: {error}".split("\n")[0])
        return error
    return None


class Pairs:
    """The pairs of one test process, by configuration: started when first asked for."""

    def __init__(self, factory, binaries):
        self.factory = factory
        self.binaries = binaries
        self.pairs = {}
        self.last_log = ""

    def report(self):
        """The end of our server's log in the comparison that failed last."""
        return self.last_log

    def compare(self, config, script):
        if config not in self.pairs:
            self.pairs[config] = Pair(self.factory.mktemp(config), self.binaries, config)
        try:
            self.pairs[config].compare(script)
        except BaseException:
            # What a failure leaves behind must not become the next test's.
            pair = self.pairs.pop(config)
            self.last_log = pair.servers[1].log_tail(LOG_LINES)
            pair.close()
            raise

    def close(self):
        for pair in self.pairs.values():
            pair.close()


def differential(script=None, *, config="default"):
    """Makes a test of a script. Its parameters after the first are pytest's, as usual."""

    def decorate(script):
        def test(pairs, **arguments):
            pairs.compare(config, functools.partial(script, **arguments))

        _, *parameters = inspect.signature(script).parameters.values()
        own = inspect.Parameter("pairs", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        test.__signature__ = inspect.Signature([own, *parameters])
        test.__name__, test.__doc__, test.__module__ = (
            script.__name__,
            script.__doc__,
            script.__module__,
        )
        test.pytestmark = getattr(script, "pytestmark", [])
        return test

    return decorate(script) if script else decorate


def rows(*table):
    """Parameters `name, *values` for pytest: the first of each row is the id of the test."""
    return [pytest.param(*values, id=name) for name, *values in table]


# ---------------------------------------------------------------------------------------------
# Showing a difference


def side_by_side(expected, got):
    """Both transcripts in two columns: what is the same shortly, what differs in full from where it does."""
    rows = [f"{'nats-server':{COLUMN}} | causeway"]
    differing = 0
    for left, right in itertools.zip_longest(expected, got, fillvalue=""):
        if left == right:
            rows.append(f"{shorten(left):{COLUMN}} |")
            continue
        differing += 1
        rows.append("-" * COLUMN + "-+-" + "-" * COLUMN)
        start = max(0, common_start(left, right) - COLUMN // 2)
        lead = f"(same up to character {start}) ..." if start else ""
        wrapped = [
            textwrap.wrap(lead + text[start:], COLUMN, drop_whitespace=False)
            for text in (left, right)
        ]
        for one, other in itertools.zip_longest(*wrapped, fillvalue=""):
            rows.append(f"{one:{COLUMN}} | {other}")
        rows.append("-" * COLUMN + "-+-" + "-" * COLUMN)
    return "\n".join([f"{differing} lines of {len(expected)} differ", *rows])


def shorten(text):
    return text if len(text) <= COLUMN else f"{text[: COLUMN - 3]}..."


def common_start(one, other):
    return next(
        (i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other))
    )
