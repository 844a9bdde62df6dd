"""Fixtures and hooks: the two binaries, fleets of servers, coroutine tests, logs of failures."""

import asyncio
import inspect
import pathlib

import pytest

import differential
import harness

# A test that takes longer is stuck; the slowest takes about 20 s.
TEST_DEADLINE = 180.0


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs tests written as coroutines, each in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), TEST_DEADLINE))
    return True


def pytest_configure(config):
    # Said before anything runs: without the peers there is nothing to test.
    harness.causeway(), harness.nats_server()


def pytest_collection_modifyitems(items):
    """A `better_than_nats` claim must fail on the real server, and at that very claim."""
    for item in items:
        mark = item.get_closest_marker("better_than_nats")
        if mark and role_under_test(item) == "real":
            luck = mark.kwargs.get("luck")
            item.add_marker(
                pytest.mark.xfail(
                    strict=luck is None,
                    raises=harness.NotBetter,
                    reason=luck or "nats-server 2.15.1 does not do this; Causeway must",
                )
            )


    mark_differences(items)


def mark_differences(items):
    """Tests listed in data/differences.txt are expected to fail, and must: each stands below the reason why, on purpose or not yet."""
    reasons, reason = {}, ""
    for line in (pathlib.Path(__file__).parent / "data" / "differences.txt").read_text().splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            reasons[line] = reason
    files = {item.nodeid.split("::")[0] for item in items}
    if len(files) == len(list(pathlib.Path(__file__).parent.glob("test_*.py"))):
        # Everything runs: none of them has been renamed.
        unknown = reasons.keys() - {item.nodeid for item in items}
        assert not unknown, f"data/differences.txt names tests that are not there: {sorted(unknown)}"
    for item in items:
        if item.nodeid in reasons and not harness.causeway().is_real:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reasons[item.nodeid]))


def role_under_test(item):
    """Which binary the claim of a test is about: "real" for nats-server in either role."""
    params = getattr(item, "callspec", None)
    kind = params.params.get("kind", "causeway") if params else "causeway"
    binary = harness.causeway() if kind == "causeway" else harness.nats_server()
    return "real" if binary.is_real else "ours"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Puts the logs of the servers beside a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if hasattr(value, "report"):
                report.sections.append(("server logs", value.report()))


def pytest_report_header():
    ours = harness.causeway()
    real = " (which is the real nats-server)" if ours.is_real else ""
    return [f"causeway: {ours.path}{real}", f"nats-server: {harness.nats_server().path}"]


def pytest_terminal_summary(terminalreporter):
    """Measured numbers are results too: they are shown even when everything passes."""
    lines = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                lines += [f"{report.nodeid}: {k} = {v}" for k, v in report.user_properties]
    if lines:
        terminalreporter.section("measured")
        for line in sorted(set(lines)):
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def causeway():
    return harness.causeway()


@pytest.fixture(scope="session")
def nats_server():
    return harness.nats_server()


@pytest.fixture
def binary(kind):
    """The binary of a test parametrized with `kind`."""
    return harness.causeway() if kind == "causeway" else harness.nats_server()


@pytest.fixture
def fleet(tmp_path):
    """Servers of one test."""
    with_cleanup = harness.Fleet(tmp_path)
    yield with_cleanup
    with_cleanup.close()


@pytest.fixture(scope="module")
def module_fleet(tmp_path_factory):
    """Servers that the tests of a module share."""
    with_cleanup = harness.Fleet(tmp_path_factory.mktemp("shared"))
    yield with_cleanup
    with_cleanup.close()


@pytest.fixture(scope="session")
def jetstream(tmp_path_factory, causeway):
    """Skips what needs JetStream, as long as the broker under test refuses to start with it. The only place that does."""
    reason = harness.jetstream_refusal(causeway, tmp_path_factory.mktemp("refusal"))
    if reason:
        pytest.skip(f"{causeway.path.name} refuses -js: {reason}")


@pytest.fixture(scope="session")
def pairs(jetstream, tmp_path_factory, nats_server, causeway):
    """The real server and ours, both with JetStream, shared by the comparisons of this process."""
    shared = differential.Pairs(tmp_path_factory, (nats_server, causeway))
    yield shared
    shared.close()


@pytest.fixture
def note(record_property):
    """Reports a measured number: it is printed at the end of the run and kept in a JUnit file."""
    return record_property
