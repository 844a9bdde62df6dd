"""What a server answered, in a form that two servers can be compared by."""

import json

# INFO fields that differ between any two servers or connections: only type and shape count.
VOLATILE = {
    "server_id": "an nkey, 56 characters",
    "server_name": "defaults to the server id",
    "git_commit": "names a build",
    "go": "names a build; ours is no Go program",
    "port": "chosen by the test",
    "client_id": "counts connections",
    "nonce": "random, 15 characters",
    "connect_urls": "hold ports",
}


# INFO fields of features that causeway does not have yet: left out on both sides.
ABSENT = {"xkey": "the public key for auth callout"}


def normalise(received, keep_pings=False):
    """Splits an answer into lines; INFO as (field, value) pairs in wire order.

    The server's own PINGs are left out unless asked for: when they come depends on the clock.
    """
    lines = []
    for line in received.split(b"\r\n"):
        if line.startswith(b"INFO "):
            lines.append(["INFO", *info_fields(line[5:])])
        elif line != b"PING" or keep_pings:
            lines.append(line.decode("latin-1"))
    return lines


def info_fields(text):
    """The fields in their order, volatile values replaced by their shape, and the line's end."""
    fields = json.loads(text, object_pairs_hook=list)
    shaped = []
    for key, value in fields:
        if key in ABSENT:
            continue
        generated = key == "cluster" and len(value) == 22
        shaped.append((key, shape(value) if key in VOLATILE or generated else value))
    return [*shaped, text[text.rindex(b"}") + 1 :].decode()]


def shape(value):
    """Type, and for random texts of a fixed length the length."""
    if isinstance(value, str):
        return f"<string of {len(value)}>" if len(value) in (15, 22, 56) else "<string>"
    if isinstance(value, list):
        return [shape(item) for item in value]
    return f"<{type(value).__name__}>"


def difference(expected, got):
    """Two answers one above the other, from the first line that differs."""
    at = 0
    while at < min(len(expected), len(got)) and expected[at] == got[at]:
        at += 1
    return "\n".join(
        [
            f"first difference at line {at}",
            *(f"  same:        {line!r}" for line in expected[max(0, at - 2) : at]),
            *(f"  nats-server: {line!r}" for line in expected[at : at + 6]),
            *(f"  causeway:    {line!r}" for line in got[at : at + 6]),
        ]
    )
