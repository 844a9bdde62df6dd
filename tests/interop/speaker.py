"""A client that sends exactly the bytes it is told to, and tells exactly what came back."""

import contextlib
import random
import select
import socket
import struct
import time

from harness import PATIENCE

# No answer for this long means that none is coming. Only used where a server is expected to
# stay silent; everything else waits for a mark in the answer, or for the end of the connection.
QUIET = 0.25

CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"protocol":1,"headers":true}\r\n'


class Speaker:
    """A raw TCP connection to a server."""

    def __init__(self, address, read_info=False, receive_buffer=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.closed = False  # the peer has ended the connection
        if read_info:
            self.read_until(b"\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- sending

    def send(self, data):
        """Sends what the peer will take; one that has hung up is no error here."""
        try:
            self.sock.sendall(data)
        except (ConnectionError, TimeoutError):
            return

    def send_pieces(self, pieces, pause=0.0):
        """Sends the pieces as packets of their own, as well as a socket can.

        The pause is pacing, so that the receiver reads most of them one by one; nothing is
        waited for. Stops when the peer has hung up.
        """
        for piece in pieces:
            try:
                self.sock.sendall(piece)
            except (ConnectionError, TimeoutError):
                return
            if pause:
                time.sleep(pause)

    def finish(self):
        """Half-closes: the peer sees the end of our bytes, and may still answer."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    # ---- receiving

    def read_until(self, mark, count=1, timeout=PATIENCE):
        """Reads until `mark` has come `count` times in all, or the peer closes, or time is up."""
        deadline = time.monotonic() + timeout
        while self.received.count(mark) < count and not self.closed:
            if not self._read(deadline):
                break
        return bytes(self.received)

    def read_until_closed(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not self.closed and self._read(deadline):
            pass
        return bytes(self.received)

    def read_until_quiet(self, quiet=QUIET, timeout=PATIENCE):
        """Reads until nothing has come for `quiet` seconds, or the peer closes, or time is up."""
        deadline = time.monotonic() + timeout
        while not self.closed and self._read(min(deadline, time.monotonic() + quiet)):
            pass
        return bytes(self.received)

    def take(self):
        """What has been received since the last take."""
        data = bytes(self.received)
        self.received.clear()
        return data

    def ping(self):
        """One round trip: everything sent before has been handled."""
        before = self.received.count(b"PONG\r\n")
        self.send(b"PING\r\n")
        self.read_until(b"PONG\r\n", before + 1)
        assert self.received.count(b"PONG\r\n") > before, f"no PONG: {bytes(self.received)!r}"
        return self

    def _read(self, deadline):
        """One read; false when the deadline passes first."""
        # Not `select`, which knows the first 1,024 descriptors of a process only.
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionError:
            data = b""
        if data:
            self.received.extend(data)
        else:
            self.closed = True
        return True

    # ---- end

    def close(self):
        self.sock.close()

    def reset(self):
        """Hangs up with RST, as a crashed or firewalled client would."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def whole(data):
    return [data]


def single_bytes(data):
    return [data[i : i + 1] for i in range(len(data))]


def random_pieces(data, seed):
    """Cuts at random places, the same for the same seed; small pieces are likelier."""
    rng = random.Random(seed)
    pieces, start = [], 0
    while start < len(data):
        size = min(1 + int(rng.expovariate(1 / 7)), len(data) - start)
        pieces.append(data[start : start + size])
        start += size
    return pieces
