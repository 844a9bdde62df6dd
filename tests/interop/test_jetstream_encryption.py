"""Streams and buffers that are encrypted: nothing of them is in a file as it is, and nothing is lost by a wrong key.

What is in no file is looked for with both servers. What a server does without the right key is Causeway's alone: nats-server
starts, and has lost its streams.
"""

import base64
import signal

import pytest

from jetstream import Side, jetstream_options

KINDS = pytest.mark.parametrize("kind", ["causeway", "nats-server"])
CAUSEWAY = pytest.mark.parametrize("kind", ["causeway"])
CIPHERS = pytest.mark.parametrize("cipher", ["chacha", "aes"])

# Nothing that is stored may be found by these.
SUBJECT = "patients.4711"
PAYLOAD = b"blood group zero, and nobody's business"
NAMES = ["causeway.keys", "causeway.keys.copy"]


class Encrypted:
    """A server with a store of its own, started again and again with other keys."""

    def __init__(self, fleet, binary, folder):
        self.server = fleet.server(binary)
        self.store = folder / "store"
        self.side = None

    def configure(self, extra):
        self.server.options = jetstream_options(self.store, extra)

    def start(self, extra):
        self.stop()
        self.configure(extra)
        self.server.start()
        self.side = Side(self.server)
        return self.side

    def stop(self):
        if self.side is not None:
            self.side.close()
            self.side = None
            self.server.stop()

    def refusal(self, extra):
        """Starts in vain: the last line of the log, without its time."""
        self.stop()
        self.configure(extra)
        self.server.start(wait=False)
        assert self.server.wait_exit() == 1
        return self.server.log.strip().splitlines()[-1].split("[FTL] ", 1)[-1]

    def files(self):
        return [path for path in self.store.rglob("*") if path.is_file()]

    def secrets_in_files(self):
        secrets = [SUBJECT.encode(), PAYLOAD, b"worker-of-patients"]
        found = []
        for path in self.files():
            content = path.read_bytes()
            found += [(path.name, secret) for secret in secrets if secret in content]
        return found


@pytest.fixture
def encrypted(fleet, binary, jetstream, tmp_path):
    encrypted = Encrypted(fleet, binary, tmp_path)
    yield encrypted
    encrypted.stop()


def fill(side, stream="S", count=50):
    config = {"name": stream, "subjects": [f"{SUBJECT}.{stream}"], "storage": "file"}
    side.quiet_api(f"STREAM.CREATE.{stream}", config)
    side.quiet_api(
        f"CONSUMER.CREATE.{stream}.C",
        {
            "stream_name": stream,
            "config": {"name": "C", "ack_policy": "explicit", "description": "worker-of-patients"},
        },
    )
    for _ in range(count):
        side.request(f"{SUBJECT}.{stream}", PAYLOAD)


def messages(side, stream="S"):
    """How many messages there are, and whether the last one is what was published."""
    state = side.quiet_api(f"STREAM.INFO.{stream}")["state"]
    last = side.quiet_api(f"STREAM.MSG.GET.{stream}", {"seq": state["last_seq"]})["message"]
    assert base64.b64decode(last["data"]) == PAYLOAD
    assert last["subject"] == f"{SUBJECT}.{stream}"
    return state["messages"]


@KINDS
@CIPHERS
def test_nothing_is_in_a_file_as_it_is(encrypted, kind, cipher):
    fill(encrypted.start(f'key: "correct horse"\ncipher: {cipher}\n'))
    encrypted.server.wait_log("Encryption:")
    assert encrypted.secrets_in_files() == []
    encrypted.stop()
    assert encrypted.secrets_in_files() == []
    side = encrypted.start(f'key: "correct horse"\ncipher: {cipher}\n')
    assert messages(side) == 50
    assert side.quiet_api("CONSUMER.INFO.S.C")["num_pending"] == 50


@CAUSEWAY
def test_without_a_key_it_is(encrypted, kind):
    """That the test above would notice."""
    fill(encrypted.start(""))
    encrypted.stop()
    assert {secret for _, secret in encrypted.secrets_in_files()} >= {SUBJECT.encode(), PAYLOAD}
    assert not [path for path in encrypted.files() if path.name in NAMES]


@CAUSEWAY
def test_kill_with_a_key(encrypted, kind):
    fill(encrypted.start('key: "correct horse"\n'))
    encrypted.side.close()
    encrypted.side = None
    encrypted.server.kill()
    assert messages(encrypted.start('key: "correct horse"\n')) == 50


@CAUSEWAY
def test_what_is_there_is_read_with_a_new_key_too(encrypted, kind):
    """A store without a key gets one; what comes then is encrypted."""
    fill(encrypted.start(""))
    side = encrypted.start('key: "correct horse"\n')
    assert messages(side) == 50
    fill(side, "T")
    side = encrypted.start('key: "correct horse"\ncipher: aes\n')
    fill(side, "U")
    assert [messages(side, stream) for stream in "STU"] == [50, 50, 50]


@CAUSEWAY
def test_keys_change(encrypted, kind):
    fill(encrypted.start('key: "first"\n'))
    side = encrypted.start('key: "second"\nprev_key: "first"\n')
    assert messages(side) == 50
    assert messages(encrypted.start('key: "second"\n')) == 50
    assert "does not open" in encrypted.refusal('key: "first"\n')


@CAUSEWAY
def test_without_the_right_key_nothing_starts_and_nothing_is_lost(encrypted, kind):
    fill(encrypted.start('key: "correct horse"\n'))
    encrypted.stop()
    before = {path: path.read_bytes() for path in encrypted.files() if path.suffix != ".lock"}
    root = encrypted.store / "jetstream"
    start = "Can't start JetStream: "
    refusals = {
        'key: "wrong"\n': f'{start}jetstream "key" does not open "{root / NAMES[0]}", and neither does "prev_key"',
        "": f'{start}storage directory "{root}" is encrypted: jetstream "key" is missing',
    }
    for extra, refusal in refusals.items():
        assert encrypted.refusal(extra) == refusal
    after = {path: path.read_bytes() for path in encrypted.files() if path.suffix != ".lock"}
    assert after == before
    # Without the keys themselves there is nothing to be done, and nothing is made worse.
    kept = {name: (root / name).read_bytes() for name in NAMES}
    for name in NAMES:
        (root / name).unlink()
    assert "cannot be read without" in encrypted.refusal('key: "correct horse"\n')
    (root / NAMES[1]).write_bytes(kept[NAMES[1]])
    assert messages(encrypted.start('key: "correct horse"\n')) == 50
    assert (root / NAMES[0]).exists()


@CAUSEWAY
def test_a_reload_does_not_change_keys_nor_show_them(encrypted, kind):
    encrypted.start('key: "first-secret"\n')
    encrypted.configure('key: "other-secret"\n')
    encrypted.server.config_path.write_text(encrypted.server.render())
    encrypted.server.signal(signal.SIGHUP)
    encrypted.server.wait_log("config reload not supported for JetStreamKey")
    assert "-secret" not in encrypted.server.log


@CAUSEWAY
def test_compressed_streams_take_less_room(encrypted, kind):
    side = encrypted.start("")
    sizes = {}
    for name, compression in (("plain", "none"), ("small", "s2")):
        config = {"name": name, "subjects": [name], "storage": "file", "compression": compression}
        side.quiet_api(f"STREAM.CREATE.{name}", config)
        for number in range(300):
            side.request(name, b'{"number": %d, "text": "%s"}' % (number, b"again and " * 400))
    side = encrypted.start("")
    for name in ("plain", "small"):
        info = side.quiet_api(f"STREAM.INFO.{name}")
        sizes[name] = info["state"]["bytes"]
        got = side.quiet_api(f"STREAM.MSG.GET.{name}", {"seq": 300})["message"]["data"]
        assert base64.b64decode(got).startswith(b'{"number": 299, "text": "again and again')
        # And what comes after a restart is written as what came before.
        side.request(name, b"again and " * 400)
    encrypted.stop()
    assert sizes["plain"] == sizes["small"]

    def used(name):
        segments = (encrypted.store / "jetstream/$G/streams" / name).glob("*.seg")
        return sum(len(path.read_bytes().rstrip(b"\0")) for path in segments)

    assert used("plain") > 300 * 4000 > 10 * used("small")
