"""nats-py, as the tests use it: connections that collect instead of printing."""

import asyncio
import contextlib

import nats

from harness import PATIENCE, HarnessError


class Client:
    """A nats-py connection with what it was told besides messages."""

    def __init__(self):
        self.errors = []
        self.events = []
        self.nc = None

    async def connect(self, *servers, **options):
        async def on_error(error):
            self.errors.append(error)

        def event(name):
            async def note():
                self.events.append(name)

            return note

        # One attempt, unless the test is about reconnecting: a refused connection is a failure.
        options.setdefault("allow_reconnect", False)
        options.setdefault("max_reconnect_attempts", 1)
        self.nc = await nats.connect(
            servers=[getattr(server, "url", server) for server in servers],
            error_cb=on_error,
            disconnected_cb=event("disconnected"),
            reconnected_cb=event("reconnected"),
            closed_cb=event("closed"),
            discovered_server_cb=event("discovered"),
            lame_duck_mode_cb=event("lame_duck"),
            connect_timeout=10,
            **options,
        )
        return self

    async def inbox(self, subject, queue="", max_msgs=0):
        """A subscription that the server has; what arrives is kept in an `Inbox`."""
        inbox = Inbox(self, subject)
        inbox.sub = await self.nc.subscribe(subject, queue=queue, cb=inbox.put)
        if max_msgs:
            await inbox.sub.unsubscribe(max_msgs)
        await self.nc.flush(PATIENCE)
        return inbox

    async def close(self):
        with contextlib.suppress(Exception):
            await self.nc.close()


class Inbox:
    """The messages of one subscription, in order of arrival."""

    def __init__(self, client, subject):
        self.client = client
        self.subject = subject
        self.msgs = []
        self.sub = None
        self._arrived = asyncio.Event()

    async def put(self, msg):
        self.msgs.append(msg)
        self._arrived.set()

    @property
    def payloads(self):
        return [msg.data for msg in self.msgs]

    async def wait(self, count, timeout=PATIENCE):
        """Waits until at least `count` messages are here."""

        async def enough():
            while len(self.msgs) < count:
                self._arrived.clear()
                await self._arrived.wait()

        try:
            await asyncio.wait_for(enough(), timeout)
        except asyncio.TimeoutError:
            raise HarnessError(
                f"{self.subject}: {len(self.msgs)} of {count} messages after {timeout} s"
            ) from None
        return self.msgs


class Clients:
    """Connections that are closed together: `async with Clients() as c: await c.to(server)`."""

    def __init__(self):
        self.open = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.gather(*(client.close() for client in self.open))

    async def to(self, *servers, **options):
        client = Client()
        self.open.append(client)
        return await client.connect(*servers, **options)
