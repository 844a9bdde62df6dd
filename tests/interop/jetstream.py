"""One side of a comparison: a raw client that speaks JetStream and keeps a transcript.

`Side` is a connection to one server, with the API, publishing and consuming as methods. Whatever is asked and whatever comes
back is put into its transcript in a comparable form: as it was on the wire, byte for byte, except for what differs between any
two runs (times, ids, random names; `comparable` has the list). Nothing here waits for time to pass: a reply is waited for, and
that none comes is known from the reply to a later question.
"""

import base64
import collections
import contextlib
import dataclasses
import datetime
import json
import os
import re

from harness import LOOPBACK, HarnessError, poll
from speaker import Speaker

# A reply that takes longer is missing. Less than elsewhere: a server that is being built misses many.
REPLY_PATIENCE = float(os.environ.get("INTEROP_REPLY_PATIENCE", 10))

CONNECT = {"verbose": False, "protocol": 1, "headers": True, "no_responders": True, "name": "side"}
API = "$JS.API."
# nats-server answers so to a stream in files that comes right after one of its name was deleted: it is asked once more.
STORE_NOT_CREATED = b'"err_code":10049,"description":"error creating store for stream"'
STATUS = re.compile(rb"NATS/1\.0 (\d\d\d)")


# ---------------------------------------------------------------------------------------------
# What differs between any two runs


HEADERS_IN_JSON = re.compile(r'"hdrs":"([A-Za-z0-9+/=]+)"')
NOW_TIME = re.compile(r"\b(20\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z")
REPLACED = [
    # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
    (re.compile(r"(\$JS\.ACK\.[^.\s]+\.[^.\s]+\.\d+\.\d+\.\d+)\.\d{19}\.(\d+)"), r"\1.<time>.\2"),
    (re.compile(r"(\$JS\.FC\.[^.\s]+\.[^.\s]+)\.\w+"), r"\1.<random>"),
    (re.compile(r'("(?:active|ack_time|pause_remaining|leader_since|rtt)":\s*)-?\d+'), r"\1<ns>"),
    (re.compile(r'("(?:server_id|pinned_client_id|pinned_id)":\s*)"\w+"'), r'\1"<id>"'),
    # How often tests poll depends on the moment.
    (
        re.compile(r'("api":\s*\{"level":\s*\d+,\s*"total":\s*)\d+(,\s*"errors":\s*)\d+'),
        r"\1<count>\2<count>",
    ),
    (re.compile(r'("id":\s*)"\w{22}"'), r'\1"<id>"'),
    (re.compile(r"(Nats-Pin-Id: )\w{22}"), r"\1<id>"),
    # The identity of the stream that a message came from, at the end of the header.
    (re.compile(r"(Nats-Stream-Source: [^\r\n]* )\w{8}(?=\\r|\r|\n|$)"), r"\1<identity>"),
    (re.compile(r"(\$JS\.(?:M|S)\.)\w{8}\b"), r"\1<random>"),
    # Ours knows at once that an origin is not there, nats-server when it has asked, and it does not say that nobody answers.
    (
        re.compile(
            r'("active":<ns>),"error":\{"code":\d+,"err_code":(?:10059|10029|10045),"description":"(?:stream not found|no responders)"\}'
        ),
        r"\1",
    ),
    # A mirror of nats-server shows its filter when it has begun.
    (re.compile(r'("mirror":\{"name":"\w+","lag":0,"active":<ns>),"filter_subject":"[^"]*"'), r"\1"),
]


def comparable(text):
    """A text of the wire without what differs between any two runs."""
    this_year = datetime.datetime.now(datetime.timezone.utc).year
    # Times that a test asks for are of other years, and stay.
    text = NOW_TIME.sub(lambda m: "<time>" if abs(int(m[1]) - this_year) <= 1 else m[0], text)
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    return text


def printable(data):
    """Bytes as a text of one line."""
    return data.decode("latin-1").replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def shown(data):
    """A payload in the transcript; a large one by its length and ends."""
    text = printable(data)
    large = len(text) > 300 and not text.startswith("{")
    return f"{text[:40]}...{text[-40:]} ({len(data)} bytes)" if large else text


def plain(value):
    """What nats-py hands out, for JSON."""
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime.datetime):
        return (
            value.astimezone(datetime.timezone.utc)
            .strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            .replace("000Z", "001Z")
        )
    return shown(value) if isinstance(value, bytes) else str(value)


# ---------------------------------------------------------------------------------------------
# Messages


@dataclasses.dataclass(frozen=True)
class Message:
    """One MSG or HMSG."""

    subject: str
    reply: str
    head: bytes  # the header block, with its version line; empty when there is none
    payload: bytes

    @property
    def status(self):
        """The status code of a header-only message, or 0."""
        match = STATUS.match(self.head)
        return int(match[1]) if match else 0

    @property
    def json(self):
        return json.loads(self.payload)

    def header(self, name):
        for line in self.head.decode("latin-1").split("\r\n"):
            key, _, value = line.partition(":")
            if key == name:
                return value.strip()
        return None

    def __str__(self):
        parts = [self.subject]
        if self.reply:
            parts.append(f"reply {self.reply}")
        if self.head:
            parts.append(f"[{printable(self.head)}]")
        return " ".join([*parts, shown(self.payload)])


class Subscription:
    """What came on one subscription and has not been taken yet."""

    def __init__(self, sid, subject):
        self.sid = sid
        self.subject = subject
        self.queue = collections.deque()


def header_block(headers):
    """The header block of a publish; `headers` is a dict or a list of pairs."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    lines = "".join(f"{key}: {value}\r\n" for key, value in pairs)
    return f"NATS/1.0\r\n{lines}\r\n".encode()


class Connection:
    """A client connection that hands out messages by subscription."""

    def __init__(self, address, **options):
        self.speaker = Speaker(address)
        self.sock = self.speaker.sock
        self.sock.settimeout(REPLY_PATIENCE)
        self.file = self.sock.makefile("rb")
        self.info = json.loads(self.file.readline()[5:])
        self.subscriptions = {}
        self.pongs = 0
        self.sock.sendall(b"CONNECT " + json.dumps(CONNECT | options).encode() + b"\r\n")

    def close(self):
        self.file.close()
        self.speaker.close()

    def subscribe(self, subject, queue=""):
        sid = str(len(self.subscriptions) + 1)
        subscription = Subscription(sid, subject)
        self.subscriptions[sid] = subscription
        self.sock.sendall(f"SUB {subject} {queue} {sid}\r\n".encode())
        return subscription

    def unsubscribe(self, subscription):
        self.sock.sendall(f"UNSUB {subscription.sid}\r\n".encode())

    def publish(self, subject, payload=b"", reply="", headers=None):
        block = header_block(headers) if headers else b""
        verb = f"HPUB {subject} {reply} {len(block)} " if block else f"PUB {subject} {reply} "
        line = f"{verb}{len(block) + len(payload)}\r\n".encode()
        self.sock.sendall(line + block + payload + b"\r\n")

    def ping(self):
        """A round trip: everything sent before has been read by the server."""
        wanted = self.pongs + 1
        self.sock.sendall(b"PING\r\n")
        while self.pongs < wanted:
            self.read("a PONG")

    def take(self, subscription, what):
        """The next message of a subscription."""
        while not subscription.queue:
            self.read(what)
        return subscription.queue.popleft()

    def read(self, what):
        """Reads one line of the protocol, and a message with it."""
        try:
            line = self.file.readline()
        except TimeoutError:
            raise HarnessError(f"waited {REPLY_PATIENCE:.0f} s for {what}") from None
        verb, *words = line.decode("latin-1").split()
        if verb in ("MSG", "HMSG"):
            self._deliver(verb, words)
        elif verb == "PONG":
            self.pongs += 1
        elif verb == "PING":
            self.sock.sendall(b"PONG\r\n")
        elif verb not in ("INFO", "+OK"):
            raise HarnessError(f"the server says {line!r} where {what} was expected")

    def _deliver(self, verb, words):
        size = int(words[-1])
        head = int(words[-2]) if verb == "HMSG" else 0
        subject, sid, *reply = words[: len(words) - (2 if verb == "HMSG" else 1)]
        data = self.file.read(size + 2)[:-2]
        message = Message(subject, reply[0] if reply else "", data[:head], data[head:])
        self.subscriptions[sid].queue.append(message)


# ---------------------------------------------------------------------------------------------
# A side


class Side:
    """One server of a comparison, a connection to it, and what was said."""

    def __init__(self, server, answers="_ANSWER"):
        self.server = server
        self.answers_to = answers  # of two servers in one cluster, each side needs its own
        self.connection = Connection(server.address)
        self.lines = []
        self.names = []  # (random text, what stands for it)
        self.hidden = []  # members of JSON objects
        self.inboxes = 0
        self.answers = self.connection.subscribe(f"{self.answers_to}.*")
        self.last_request = 0

    def close(self):
        self.connection.close()

    def reconnect(self, **options):
        """A new connection; the options are those of CONNECT."""
        self.close()
        self.connection = Connection(self.server.address, **options)
        self.answers = self.connection.subscribe(f"{self.answers_to}.*")

    def restart(self, kill=False, meanwhile=lambda: None):
        """Stops the server, or kills it as a crash would, and starts it again with what it has stored."""
        self.note("restart", "by kill" if kill else "")
        if kill:
            self.server.kill()
        else:
            self.server.stop()
        meanwhile()
        self.server.start()
        self.reconnect()

    # ---- the transcript

    def note(self, *values):
        """Puts something into the transcript; messages, bytes, texts, or anything that JSON can hold.

        Header blocks inside JSON are decoded, since something in them may be random.
        """
        text = " ".join(self._text(value) for value in values)
        text = HEADERS_IN_JSON.sub(lambda m: f'"hdrs":[{printable(base64.b64decode(m[1]))}]', text)
        for random, name in self.names:
            text = text.replace(random, name)
        text = comparable(text)
        for member in self.hidden:
            text = text.replace("," + member, "")
        self.lines.append(text)

    def hide(self, member):
        """From now on this member of JSON objects is left out of the transcript: only one of the two has it, and rightly."""
        self.hidden.append(member)

    @staticmethod
    def _text(value):
        if isinstance(value, (str, Message)):
            return str(value)
        return shown(value) if isinstance(value, bytes) else json.dumps(value, default=plain)

    def alias(self, random, name):
        """From now on `name` stands in the transcript for a text that the server chose by chance."""
        self.names.append((random, name))
        return random

    # ---- requests

    def request(self, subject, payload=b"", headers=None):
        """A request that is answered; neither is noted."""
        self.last_request += 1
        reply = f"{self.answers_to}.{self.last_request}"
        self.connection.publish(subject, payload, reply, headers)
        while True:
            message = self.connection.take(self.answers, f"the reply to {subject}")
            if message.subject == reply:
                return message

    def ask(self, subject, body=b"", headers=None):
        """A request with its reply; both are noted."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.note(">", subject, *([printable(header_block(headers))] if headers else []), payload)
        answer = self.request(subject, payload, headers)
        while STORE_NOT_CREATED in answer.payload and self.server.binary.is_real:
            answer = self.request(subject, payload, headers)
        self.note("<", dataclasses.replace(answer, subject="reply"))
        return answer

    def api(self, name, body=b"", headers=None):
        """A request to the JetStream API; the reply as JSON, or None if it is a status."""
        answer = self.ask(API + name, body, headers)
        return answer.json if answer.payload.startswith(b"{") else None

    def quiet_api(self, name, body=None):
        """The same, unnoted: to clean up, or to poll. Nothing from a server without JetStream."""
        answer = self.request(API + name, json.dumps(body).encode() if body is not None else b"")
        return answer.json if answer.payload else {}

    def unanswered(self, subject, body=b"", headers=None):
        """A request that must get no reply; that it got one is noted."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        inbox = self.inbox()
        self.note(">", subject, payload)
        self.connection.publish(subject, payload, inbox.subject, headers)
        self.barrier()
        self.note("< replies:", len(inbox.queue), *inbox.queue)

    def barrier(self):
        """When this returns the server has handled what was sent, and what it said about it is here."""
        self.request(API + "STREAM.NAMES")
        self.connection.ping()

    # ---- streams

    def stream(self, stream, **config):
        """Creates a stream; by default in memory, with its name in lower case and anything below as subject."""
        config = {"name": stream, "subjects": [f"{stream.lower()}.>"], "storage": "memory"} | config
        return self.api(
            f"STREAM.CREATE.{stream}", {k: v for k, v in config.items() if v is not None}
        )

    def update(self, stream, **config):
        config = {"name": stream, "subjects": [f"{stream.lower()}.>"], "storage": "memory"} | config
        return self.api(
            f"STREAM.UPDATE.{stream}", {k: v for k, v in config.items() if v is not None}
        )

    def info(self, stream, body=b""):
        return self.api(f"STREAM.INFO.{stream}", body)

    def state(self, stream):
        """Everything of a stream's content that its info tells."""
        self.info(stream, {"subjects_filter": ">", "deleted_details": True})

    def content(self, stream, up_to):
        """The messages of a stream by sequence, as they are stored."""
        for seq in range(1, up_to + 1):
            self.api(f"STREAM.MSG.GET.{stream}", {"seq": seq})

    def publish(self, subject, payload=b"", **headers):
        """Publishes with headers (underscores stand for dashes) and waits for the acknowledgement."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.ask(subject, payload, named or None)

    def fill(self, subject, count, **headers):
        """`count` acknowledged messages 1, 2, 3 ... ; only the last acknowledgement is noted."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        for number in range(1, count + 1):
            answer = self.request(subject, str(number).encode(), named or None)
        self.note(
            f"{count} messages on {subject}, the last:",
            dataclasses.replace(answer, subject="reply"),
        )

    # ---- consumers

    def consumer(self, stream, consumer, **config):
        """Creates a durable consumer; by default with explicit acknowledgement."""
        config = {"durable_name": consumer, "ack_policy": "explicit"} | config
        body = {"stream_name": stream, "config": {k: v for k, v in config.items() if v is not None}}
        return self.api(f"CONSUMER.CREATE.{stream}.{consumer}", body)

    def consumer_info(self, stream, consumer, **settled):
        """The info of a consumer; with `settled`, as soon as these fields have these values, or have not had them for long.

        A consumer hears of messages after their publisher does.
        """
        with contextlib.suppress(HarnessError):
            self.wait_consumer(
                stream,
                consumer,
                lambda info: all(info.get(k) == v for k, v in settled.items()),
                settled,
            )
        return self.api(f"CONSUMER.INFO.{stream}.{consumer}")

    def inbox(self, subject=None, queue=""):
        """A subscription; by default on a subject of its own."""
        self.inboxes += 1
        subscription = self.connection.subscribe(subject or f"_INBOX.{self.inboxes}", queue)
        self.connection.ping()
        return subscription

    def pull(self, stream, consumer, body=b"", inbox=None, headers=None):
        """Sends a pull request; what it brings comes into the inbox returned."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        inbox = inbox or self.inbox()
        self.note("pull", stream, consumer, payload)
        self.connection.publish(
            f"{API}CONSUMER.MSG.NEXT.{stream}.{consumer}", payload, inbox.subject, headers
        )
        return inbox

    def take(self, inbox, count=1):
        """The next messages of an inbox, noted; returns them."""
        taken = []
        for number in range(1, count + 1):
            taken.append(
                self.connection.take(inbox, f"message {number} of {count} on {inbox.subject}")
            )
            self.note("<", taken[-1])
        return taken

    def until_status(self, inbox, *codes):
        """The next messages of an inbox, up to one with a status (other than a heartbeat, unless asked for)."""
        taken = []
        while not taken or not taken[-1].status or (taken[-1].status == 100 and 100 not in codes):
            taken += self.take(inbox)
        return taken

    def nothing(self, inbox):
        """That nothing more came to an inbox is noted; or what did."""
        self.barrier()
        self.note("< nothing more" if not inbox.queue else "< more:", *inbox.queue)

    def ack(self, message, payload=b"", wait=True):
        """Acknowledges; with `wait`, until the server has taken it. The reply is noted."""
        if wait:
            self.note("ack", payload, "of", message.reply)
            self.note(
                "<", dataclasses.replace(self.request(message.reply, payload), subject="reply")
            )
        else:
            self.note("ack without reply", payload, "of", message.reply)
            self.connection.publish(message.reply, payload)

    # ---- conditions

    def wait_stream(self, stream, condition, what):
        """Polls a stream's state until the condition holds."""
        poll(
            lambda: condition(self.quiet_api(f"STREAM.INFO.{stream}")["state"]),
            what,
            REPLY_PATIENCE,
        )

    def wait_consumer(self, stream, consumer, condition, what):
        """Polls a consumer's info until the condition holds."""
        poll(
            lambda: condition(self.quiet_api(f"CONSUMER.INFO.{stream}.{consumer}")),
            what,
            REPLY_PATIENCE,
        )

    def clean(self):
        """Deletes all streams."""
        while names := self.quiet_api("STREAM.NAMES").get("streams"):
            for name in names:
                self.request(f"{API}STREAM.DELETE.{name}")


def jetstream_options(folder, extra=""):
    """The configuration of a server that stores in `folder`."""
    return f'jetstream {{\n  store_dir: "{folder}"\n{extra}}}\n'


def listens_with_jetstream(server):
    """Whether the INFO line of a server says that it has JetStream."""
    connection = Connection((LOOPBACK, server.port))
    connection.close()
    return connection.info.get("jetstream", False)
