"""What the runners of other projects' test suites share: a server in front, a process per test, a table.

A suite is a list of `Case`s: a name and a command that runs this one test. `Suite.run` runs each in a process of its own, in a
network and process table of its own where the system allows it (the suites use fixed ports, and leave servers behind when they
fail), prints a line for each, and at the end a table; the results are written as JSON, too.

Cases that cannot pass are listed with reasons in a file beside the runner (`Exclusions`). They are neither run nor counted as
passed; `--all` runs them like the others.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# A test that takes longer is stuck. The slowest of either suite takes a minute and a half on a busy machine.
TEST_TIMEOUT_S = 240.0
# More failures than this are no matter of chance.
MOST_TRIED_AGAIN = 20
# What is shown of a failure in the table; the whole is in the results.
SUMMARY_CHARS = 180

PASSED, FAILED, EXCLUDED = "passed", "failed", "excluded"

# A server that listens everywhere advertises only addresses that are not loopback ones: the device gets one, of the range kept
# for documentation. Some tests want localhost to have an IPv6 address.
NAMESPACE = (
    "ip link set lo up && ip addr add 192.0.2.1/32 dev lo"
    " && printf '127.0.0.1 localhost\\n::1 localhost\\n' >\"$TMPDIR/hosts\""
    ' && mount --bind "$TMPDIR/hosts" /etc/hosts && exec "$@"'
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One test of a suite."""

    name: str
    command: list
    folder: pathlib.Path
    env: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Result:
    """How a case ended; `reason` is why it failed or is excluded."""

    name: str
    outcome: str
    seconds: float = 0.0
    reason: str = ""
    output: str = ""
    tries: int = 1


class Exclusions:
    """Lines `pattern kind: reason`; the pattern is a shell pattern over the whole name of a test."""

    def __init__(self, path):
        self.rules = []
        self.used = set()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            pattern, _, reason = line.partition(" ")
            if not re.match(r"\s*[a-z-]+: \S", reason):
                raise SystemExit(f"{path}:{number}: not `pattern kind: reason`: {line!r}")
            self.rules.append((pattern, reason.strip()))

    def reason(self, name):
        """Why a test is excluded, or None."""
        for pattern, reason in self.rules:
            if fnmatch.fnmatchcase(name, pattern):
                self.used.add(pattern)
                return reason
        return None

    def unused(self):
        """Patterns that matched no test: left over from another version of the suite."""
        return [pattern for pattern, _ in self.rules if pattern not in self.used]


def arguments(description):
    """The command line that the runners have in common."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", type=executable, metavar="BINARY", help="the server to test")
    parser.add_argument(
        "--only", action="append", metavar="PATTERN", help="tests whose name matches; repeatable"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="tests at once (2)")
    parser.add_argument(
        "--timeout", type=float, default=TEST_TIMEOUT_S, metavar="S", help="for one test (240)"
    )
    parser.add_argument("--all", action="store_true", help="also the excluded tests")
    parser.add_argument("--list", action="store_true", help="the names of the tests, and stop")
    parser.add_argument(
        "--results", type=pathlib.Path, metavar="FILE", help="where to write the results as JSON"
    )
    parser.add_argument(
        "--work", type=pathlib.Path, metavar="DIR", help="kept between runs (target/suites)"
    )
    return parser


def executable(text):
    path = pathlib.Path(text).resolve()
    if not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"{text} is not an executable")
    return path


def work_folder(options, name):
    """Where a suite keeps what it has built."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folder = (options.work or target / "suites").resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Suite:
    """Runs the cases of a suite against one server."""

    def __init__(self, name, options, exclusions, summary):
        self.name = name
        self.options = options
        self.exclusions = exclusions
        self.summary = summary  # the first line of a failure, from the output of a test
        self.isolated = namespaces_work()

    def run(self, cases):
        """Runs what was asked for; the exit status of the runner."""
        options = self.options
        cases = list(cases)
        if options.only:
            cases = [
                c for c in cases if any(fnmatch.fnmatchcase(c.name, f"*{p}*") for p in options.only)
            ]
        if options.list:
            for case in cases:
                print(case.name, *filter(None, [self.exclusions.reason(case.name)]), sep="\t")
            return 0
        if not options.server:
            raise SystemExit("--server is needed to run tests")
        jobs = options.jobs if self.isolated else 1
        if not self.isolated:
            print(
                "note: no namespaces here: one test at a time, on the ports of this machine",
                file=sys.stderr,
            )
        results = []
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as scratch:
            shim = self.server_in_front(pathlib.Path(scratch))
            with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
                for result in pool.map(lambda case: self.run_case(case, shim, scratch), cases):
                    results.append(result)
                    print(f"{result.outcome:8} {result.seconds:6.1f} s  {result.name}", flush=True)
            self.try_again(cases, results, shim, scratch)
        return self.conclude(results)

    def try_again(self, cases, results, shim, scratch):
        """Runs what failed once more, alone: some of these tests count on a machine that does nothing else."""
        failed = [at for at, result in enumerate(results) if result.outcome == FAILED]
        for at in failed if len(failed) <= MOST_TRIED_AGAIN else []:
            result = self.run_case(cases[at], shim, scratch)
            result.tries = 2
            results[at] = result
            print(
                f"{result.outcome:8} {result.seconds:6.1f} s  {result.name} (second try)",
                flush=True,
            )

    def server_in_front(self, scratch):
        """A folder with nothing but `nats-server`: it becomes the first of PATH."""
        shim = scratch / "bin"
        shim.mkdir()
        # A script rather than a link: the server keeps its own name and process id.
        (shim / "nats-server").write_text(f'#!/bin/sh\nexec "{self.options.server}" "$@"\n')
        (shim / "nats-server").chmod(0o755)
        return shim

    def run_case(self, case, shim, scratch):
        reason = self.exclusions.reason(case.name)
        if reason and not self.options.all:
            return Result(case.name, EXCLUDED, reason=reason)
        folder = tempfile.mkdtemp(dir=scratch)
        env = os.environ | case.env | {"TMPDIR": folder, "PATH": f"{shim}:{os.environ['PATH']}"}
        command = case.command
        if self.isolated:
            unshare = ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc"]
            command = [*unshare, "sh", "-c", NAMESPACE, "sh", *command]
        started = time.monotonic()
        code, output = run_bounded(command, case.folder, env, self.options.timeout)
        seconds = time.monotonic() - started
        shutil.rmtree(folder, ignore_errors=True)
        if code == 0:
            return Result(case.name, PASSED, seconds)
        reason = (
            self.summary(output)
            if code is not None
            else f"no end after {self.options.timeout:.0f} s"
        )
        return Result(case.name, FAILED, seconds, reason, output)

    def conclude(self, results):
        counts = {o: sum(r.outcome == o for r in results) for o in (PASSED, FAILED, EXCLUDED)}
        if self.options.results:
            document = {
                "suite": self.name,
                "server": str(self.options.server),
                "counts": counts,
                "results": [dataclasses.asdict(r) for r in results],
            }
            self.options.results.write_text(json.dumps(document, indent=1) + "\n")
        second = [
            result.name for result in results if result.outcome == PASSED and result.tries > 1
        ]
        if second:
            print("\npassed only when alone:", *second, sep="\n  ")
        for outcome in (EXCLUDED, FAILED):
            if counts[outcome]:
                print(f"\n{outcome}:")
            for result in results:
                if result.outcome == outcome:
                    print(f"  {result.name}\n      {result.reason[:SUMMARY_CHARS]}")
        groups = sorted({group(r.name) for r in results})
        if not self.options.only:
            for pattern in self.exclusions.unused():
                if group(pattern) in groups:
                    print(f"note: the exclusion {pattern} matches no test")
        print(f"\n{'':28} {'passed':>8} {'failed':>8} {'excluded':>8}")
        for name in groups:
            own = [r.outcome for r in results if group(r.name) == name]
            print(f"{name:28} {own.count(PASSED):8} {own.count(FAILED):8} {own.count(EXCLUDED):8}")
        print(
            f"{self.name}: {counts[PASSED]} passed, {counts[FAILED]} failed, {counts[EXCLUDED]} skipped"
        )
        return 0 if results and not counts[FAILED] else 1


def group(name):
    """The file or class that a test belongs to."""
    return name.split("::")[0]


def run_bounded(command, folder, env, timeout):
    """Runs a command to its end, or kills it with all its children: (exit code or None, output)."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        # What the test has started and left lives in its session.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        return code, output.read().decode(errors="replace")


def namespaces_work():
    """Whether a test can have a network and a process table of its own."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    trial = [
        "unshare",
        "-n",
        "-m",
        "-p",
        "-f",
        "--kill-child",
        "--mount-proc",
        "ip",
        "link",
        "set",
        "lo",
        "up",
    ]
    return subprocess.run(trial, capture_output=True).returncode == 0
