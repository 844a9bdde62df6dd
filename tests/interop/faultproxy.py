"""A TCP proxy that can do to a link what networks do: cut, refuse, stall, delay, half-open.

The proxy runs in a thread of its own, so that a test may block, or run an event loop, while
bytes pass. Bytes are never lost or changed on a connection that lives: as with real TCP, a fault
is delay or a broken connection.
"""

import asyncio
import contextlib
import dataclasses
import socket
import struct
import threading
import time

from harness import LOOPBACK, free_port

READ_SIZE = 64 * 1024
TO_SERVER = "to_server"  # from the side that dialled the proxy
TO_DIALLER = "to_dialler"  # from the server behind the proxy
DIRECTIONS = (TO_SERVER, TO_DIALLER)


@dataclasses.dataclass
class Record:
    """What one connection carried, whether or not it reached the other side."""

    opened: float
    to_server: bytearray = dataclasses.field(default_factory=bytearray)
    to_dialler: bytearray = dataclasses.field(default_factory=bytearray)


class FaultProxy:
    """Forwards connections made to `port` to `target`, until told otherwise.

    New connections: `accept()`, `refuse()` (the port is closed), `reject()` (accepted, then
    reset: the attempt can be seen in `attempts`). Live connections: `cut(rst)`,
    `half_close(direction)`, `vanish(direction)`, `stall(directions)`, `resume()`.
    Any time: `delay(seconds, directions)`.
    """

    def __init__(self, target, port=None):
        self.target = (LOOPBACK, target)
        self.port = port or free_port()
        self.attempts = []  # monotonic time of each connection seen, forwarded or rejected
        self.records = []  # one Record per forwarded connection, oldest first
        self._delays = dict.fromkeys(DIRECTIONS, 0.0)
        self._rejecting = False
        self._connections = set()
        self._listener = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._do(self._open_listener)

    @property
    def url(self):
        return f"nats://{LOOPBACK}:{self.port}"

    # ---- the link as a whole

    def down(self, rst=True):
        """The link is gone: live connections end, new ones are refused."""
        self.refuse()
        self.cut(rst)

    def up(self):
        """The link is usable again. Returns the moment from which that is true."""
        self.accept()
        return time.monotonic()

    # ---- new connections

    def accept(self):
        self._do(self._open_listener)

    def refuse(self):
        self._do(self._close_listener)

    def reject(self):
        """Every new connection is reset as soon as it is made."""
        self._do(self._open_listener, True)

    # ---- live connections

    def cut(self, rst=True):
        """Ends every connection at both sides, with RST or with FIN."""
        self._do(self._cut, rst)

    def vanish(self, direction, rst=True):
        """Ends only the half that faces the receiver of `direction`; the other side hears nothing.

        This is a half-open connection: one side has lost it, the other still believes in it.
        """
        self._do(self._vanish, direction, rst)

    def half_close(self, direction):
        """Sends FIN in one direction; the other direction keeps working."""
        self._do(self._half_close, direction)

    def stall(self, *directions):
        """A black hole: connections stay, nothing passes, new ones get no byte."""
        self._do(self._set_stalled, directions or DIRECTIONS, True)

    def resume(self):
        """Ends a stall; what was sent meanwhile arrives, as TCP would retransmit it."""
        self._do(self._set_stalled, DIRECTIONS, False)
        return time.monotonic()

    def delay(self, seconds, *directions):
        """Latency from now on, per direction."""
        self._do(self._delays.update, dict.fromkeys(directions or DIRECTIONS, seconds))

    @property
    def live(self):
        """Number of connections that are being forwarded."""
        return sum(not connection.vanished for connection in list(self._connections))

    def recorded(self, direction):
        """All bytes of one direction, connection after connection."""
        return b"".join(bytes(getattr(record, direction)) for record in list(self.records))

    def close(self):
        if self._thread.is_alive():
            self._do(self._cut, True)
            self._do(self._close_listener)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    # ---- inside the thread

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._unstalled = {direction: asyncio.Event() for direction in DIRECTIONS}
        for event in self._unstalled.values():
            event.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _do(self, function, *args):
        """Runs `function` in the proxy's thread and waits for it."""

        async def call():
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    def _open_listener(self, rejecting=False):
        self._rejecting = rejecting
        if self._listener is None:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((LOOPBACK, self.port))
            self._listener.listen(128)
            self._listener.setblocking(False)
            self._loop.add_reader(self._listener, self._accept_ready)

    def _close_listener(self):
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept_ready(self):
        while self._listener is not None:
            try:
                dialler, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            self.attempts.append(time.monotonic())
            if self._rejecting:
                close_now(dialler, rst=True)
            else:
                self._loop.create_task(self._forward(dialler))

    async def _forward(self, dialler):
        server = socket.socket()
        for sock in (dialler, server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self, dialler, server)
        self._connections.add(connection)
        await connection.run()
        if not connection.vanished:
            connection.end(rst=False)
            self._connections.discard(connection)

    def _cut(self, rst):
        for connection in list(self._connections):
            connection.end(rst)
            self._connections.discard(connection)

    def _vanish(self, direction, rst):
        for connection in self._connections:
            connection.vanish(direction, rst)

    def _half_close(self, direction):
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.receiver(direction).shutdown(socket.SHUT_WR)

    def _set_stalled(self, directions, stalled):
        for direction in directions:
            event = self._unstalled[direction]
            event.clear() if stalled else event.set()


class _Connection:
    """One forwarded connection: a pump per direction."""

    def __init__(self, proxy, dialler, server):
        self.proxy = proxy
        self.sockets = {TO_SERVER: server, TO_DIALLER: dialler}
        self.record = Record(time.monotonic())
        self.pumps = []
        self.vanished = False  # one half is gone and the other was not told
        self.ended = False

    def receiver(self, direction):
        return self.sockets[direction]

    def sender(self, direction):
        return self.sockets[TO_DIALLER if direction == TO_SERVER else TO_SERVER]

    async def run(self):
        loop = self.proxy._loop
        await self.proxy._unstalled[TO_SERVER].wait()
        try:
            await loop.sock_connect(self.receiver(TO_SERVER), self.proxy.target)
        except OSError:
            self.end(rst=True)
            return
        self.proxy.records.append(self.record)
        self.pumps = [loop.create_task(self.pump(direction)) for direction in DIRECTIONS]
        await asyncio.gather(*self.pumps, return_exceptions=True)

    async def pump(self, direction):
        """Reads at once and writes when the delay has passed, so that latency is no throttle."""
        queue = asyncio.Queue()
        writer = self.proxy._loop.create_task(self.write_delayed(direction, queue))
        try:
            while True:
                data = await self.read(direction)
                queue.put_nowait((time.monotonic() + self.proxy._delays[direction], data))
                if not data:
                    break
            await writer
        finally:
            writer.cancel()

    async def read(self, direction):
        await self.proxy._unstalled[direction].wait()
        try:
            data = await self.proxy._loop.sock_recv(self.sender(direction), READ_SIZE)
        except OSError:
            self.end(rst=True)
            raise
        getattr(self.record, direction).extend(data)
        return data

    async def write_delayed(self, direction, queue):
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.proxy._unstalled[direction].wait()
            try:
                if not data:
                    self.receiver(direction).shutdown(socket.SHUT_WR)
                    return
                await self.proxy._loop.sock_sendall(self.receiver(direction), data)
            except OSError:
                self.end(rst=True)
                return

    def vanish(self, direction, rst):
        """Drops the receiver's half; its sender is neither told nor read from any more."""
        self.vanished = True
        for pump in self.pumps:
            pump.cancel()
        self.close_socket(self.receiver(direction), rst)

    def end(self, rst):
        if not self.ended:
            self.ended = True
            for pump in self.pumps:
                pump.cancel()
            for sock in self.sockets.values():
                self.close_socket(sock, rst)

    def close_socket(self, sock, rst):
        if sock.fileno() >= 0:
            # The number may be used again before the cancelled pumps get to run.
            self.proxy._loop.remove_reader(sock)
            self.proxy._loop.remove_writer(sock)
            close_now(sock, rst)


def close_now(sock, rst):
    """Closes a socket with RST (whatever is unread or unsent is lost) or with FIN."""
    with contextlib.suppress(OSError):
        if rst:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_RDWR)
    sock.close()
