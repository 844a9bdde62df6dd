"""The configuration of JetStream: `-t` and the start, with the verdict, the digest and the words of the real server."""

import re
import subprocess

import pytest

from harness import LOOPBACK, PATIENCE, HarnessError, free_port
from jetstream import Connection

# Accepted or refused as by the real server; several errors come in any order.
TEXTS = {
    "bare": "jetstream {}\n",
    "true": "jetstream: true\n",
    "false": "jetstream: false\n",
    "enabled": "jetstream: enabled\n",
    "disabled": "jetstream: disabled\n",
    "upper case": "jetstream: ENABLED\n",
    "other word": "jetstream: maybe\n",
    "number": "jetstream: 1\n",
    "list": "jetstream: [a]\n",
    "everything": (
        "jetstream {\n  store_dir: /tmp/x\n  max_mem: 1GB\n  max_file: 10GB\n  domain: hub\n  strict: false\n"
        "  sync_interval: 1m\n  unique_tag: az\n  max_outstanding_catchup: 32M\n}\n"
    ),
    "long names": "jetstream {\n  max_memory_store: 64MiB\n  max_file_store: 10GiB\n  storedir: /tmp/x\n}\n",
    "short names": "jetstream {\n  max_mem_store: 1G\n  store: /tmp/x\n  dir: /tmp/y\n}\n",
    "numbers": "jetstream {\n  max_mem: 1000000\n  max_file: -1\n}\n",
    "switched off": "jetstream {\n  enabled: false\n  store_dir: /tmp/x\n}\n",
    "always synced": "jetstream {\n  sync_interval: always\n}\n",
    "sync of a word": "jetstream {\n  sync_interval: often\n}\n",
    "sync of a number": "jetstream {\n  sync_interval: 5\n}\n",
    "limits": (
        "jetstream {\n  limits {\n    max_ack_pending: 10\n    max_ha_assets: 5\n    max_request_batch: 7\n"
        "    duplicate_window: 10s\n  }\n}\n"
    ),
    "unknown limit": "jetstream {\n  limits { bogus: 1 }\n}\n",
    "limits of a word": "jetstream {\n  limits: none\n}\n",
    "batch limits": (
        "jetstream {\n  limits {\n    batch { max_inflight_per_stream: 1, max_inflight_total: 2, max_msgs: 3, timeout: 4s }\n"
        "  }\n}\n"
    ),
    "queue limits": "jetstream {\n  request_queue_limit: 5\n  info_queue_limit: 6\n}\n",
    "unknown field": "jetstream {\n  bogus: 1\n}\n",
    "two unknown fields": "jetstream {\n  bogus: 1\n  other: 2\n}\n",
    "domain with a dot": "jetstream {\n  domain: a.b\n}\n",
    "empty domain": 'jetstream {\n  domain: ""\n}\n',
    "domain with a space": 'jetstream {\n  domain: "a b"\n}\n',
    "domain with a wildcard": 'jetstream {\n  domain: "a*"\n}\n',
    "unit of none": "jetstream {\n  max_mem: 1XB\n}\n",
    "negative": "jetstream {\n  max_mem: -5\n}\n",
    "store of a number": "jetstream {\n  store_dir: 5\n}\n",
    "store of its own": "store_dir: /tmp/x\njetstream: enabled\n",
    "cipher": "jetstream {\n  cipher: aes\n  key: secret\n}\n",
    "other cipher": "jetstream {\n  cipher: rot13\n  key: secret\n}\n",
    "cluster without name": "jetstream {}\ncluster { port: 6222 }\n",
    "cluster without server name": "jetstream {}\ncluster { name: C, port: 6222 }\n",
    "cluster": "jetstream {}\nserver_name: S\ncluster { name: C, port: 6222 }\n",
    "account": "jetstream {}\naccounts { A { users: [{user: a, password: a}], jetstream: enabled } }\n",
    "account off": "jetstream {}\naccounts { A { users: [{user: a, password: a}], jetstream: disabled } }\n",
    "account with limits": (
        "jetstream {}\naccounts { A { users: [{user: a, password: a}], jetstream {\n"
        "  max_mem: 1M, max_file: 2M, max_streams: 3, max_consumers: 4, max_ack_pending: 5,\n"
        "  memory_max_stream_bytes: 6, store_max_stream_bytes: 7, max_stream_bytes: true\n} } }\n"
    ),
    "account with an unknown limit": (
        "jetstream {}\naccounts { A { users: [{user: a, password: a}], jetstream { bogus: 1 } } }\n"
    ),
    "account with a word": (
        "jetstream {}\naccounts { A { users: [{user: a, password: a}], jetstream: maybe } }\n"
    ),
    "account without a server": "accounts { A { users: [{user: a, password: a}], jetstream: enabled } }\n",
    "account beyond the server": (
        "jetstream { max_mem: 1M }\n"
        "accounts { A { users: [{user: a, password: a}], jetstream { max_mem: 2M } } }\n"
    ),
    "system account": (
        "jetstream {}\nsystem_account: SYS\n"
        "accounts { SYS { users: [{user: s, password: s}], jetstream: enabled } }\n"
    ),
    "features": "jetstream {}\nfeature_flags { js_ack_fc_v2: true }\n",
    "max_payload": "jetstream {}\nmax_payload: 128KB\n",
}  # fmt: skip


def run(binary, folder, *args):
    """Runs a binary to its end; (exit code, lines of output in order of the alphabet)."""
    command = [str(binary.path.resolve()), *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    # The first of several errors has the name of the program before it, whichever it is.
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, sorted(re.sub(r"^[\w.-]+: ", "", line) for line in lines)


@pytest.mark.parametrize("label", TEXTS)
def test_checked(tmp_path, jetstream, causeway, nats_server, label):
    """The same words, and for what is accepted the same digest of all values. A panic's text is nobody's model."""
    (tmp_path / "case.conf").write_text(TEXTS[label])
    expected = run(nats_server, tmp_path, "-t", "-c", "case.conf")
    got = run(causeway, tmp_path, "-t", "-c", "case.conf")
    if any("interface conversion" in line for line in expected[1]):
        assert got[0] == expected[0]
    else:
        assert got == expected


FLAGS = [
    ["-js", "-sd", "store"],
    ["--jetstream", "--store_dir", "store"],
    ["-js=true", "-sd=store"],
    ["-sd", "store"],
    ["-js", "--js_domain", "hub", "-sd", "store"],
]


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_flags(fleet, jetstream, causeway, nats_server, flags):
    """What INFO says, and where the store is, with these flags alone."""
    seen = []
    for binary in (nats_server, causeway):
        server = fleet.server(binary, args=[*flags, "-p", str(free_port()), "-a", LOOPBACK])
        server.use_file = False
        server.port = int(server.args[-3])
        try:
            server.start()
        except HarnessError:
            seen.append([server.log.splitlines()[-1].split("] ", 2)[-1]])
            continue
        connection = Connection(server.address)
        info = {key: connection.info.get(key) for key in ("jetstream", "domain")}
        connection.close()
        store = "Store Directory:" in server.log
        seen.append([info, store, sorted(path.name for path in server.folder.iterdir())])
        server.stop()
    assert seen[0] == seen[1]
