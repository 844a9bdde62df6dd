#!/usr/bin/env python3
"""Asks a real nats-server for the expected answers in data/*.txt and writes them into the files.

    capture.py NATS_SERVER data/grammar.txt data/options.txt

Run it when the version to be compatible with changes, and read the difference. See data/README.md
for the format. Errors are sorted, because nats-server reports them in a random order.
"""

import os
import subprocess
import sys
import tempfile

VISIBLE = {"␀": "\0", "␍": "\r", "␉": "\t", "␠": " "}


def real(text):
    """The bytes that a text in the file stands for."""
    for symbol, char in VISIBLE.items():
        text = text.replace(symbol, char)
    out = b""
    while "⟦" in text:
        before, _, rest = text.partition("⟦")
        digits, _, text = rest.partition("⟧")
        out += before.encode() + bytes.fromhex(digits)
    out += text.encode()
    return out[: out.index("␄".encode())] if "␄".encode() in out else out


def visible(data):
    return data.decode("utf-8", "replace").replace("\0", "␀").replace("\r", "␍")


def answer(server, files, env):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(real(text))
        command = [os.path.abspath(server), "-t", "-c", "c.conf"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=60)
        text = visible(done.stderr).removeprefix("nats-server: ")
        return sorted(line for line in text.split("\n") if line)


def main():
    server, *paths = sys.argv[1:]
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            head, *cases = file.read().split("\n### ")
        out = [head]
        for case in cases:
            given, *answers = case.rstrip("\n").split("\n=== ")
            title, _, body = given.partition("\n")
            files, env, name = {"c.conf": ""}, {}, "c.conf"
            for line in body.split("\n"):
                if line.startswith("--- file "):
                    name = line.removeprefix("--- file ")
                    files[name] = ""
                elif line.startswith("--- env "):
                    key, _, value = line.removeprefix("--- env ").partition("=")
                    env[key] = value
                else:
                    files[name] += line + "\n"
            says = "\n".join(["nats-server", *answer(server, files, env)])
            ours = [text for text in answers if text.startswith("causeway")]
            out.append("\n=== ".join([f"{title}\n{body}", says, *ours]) + "\n")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write("\n### ".join(out))


main()
