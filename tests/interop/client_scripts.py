"""Byte scripts for the client port, by server configuration.

Each script is sent to the real server and to ours; the answers must be the same. No expected
text stands here: the real server is the expectation.
"""

import dataclasses

C = (
    b'CONNECT {"verbose":false,"pedantic":false,"protocol":1,'
    b'"headers":true,"no_responders":true}\r\n'
)
QUIET = b'CONNECT {"verbose":false}\r\n'
VERBOSE = b'CONNECT {"verbose":true,"pedantic":false}\r\n'
PEDANTIC = b'CONNECT {"verbose":false,"pedantic":true}\r\n'
NOECHO = b'CONNECT {"verbose":false,"echo":false,"headers":true,"no_responders":true}\r\n'


@dataclasses.dataclass(frozen=True)
class Script:
    """Bytes to send after the server's INFO.

    How the end of the answer is known: by default two PINGs are added and the answer ends with
    the PONG to the second, `pongs` being the number of PONGs that the script itself causes. With
    `tail` "quiet" nothing is added (the script ends in the middle of something) and the answer
    ends with silence; with "fin" our side of the connection is closed and the answer ends when
    the server closes, too.

    `cut_matters` marks scripts to which the real server's answer depends on how TCP cuts them, and
    says how. Sent whole they are compared as all others; sent in pieces, our answer must be the
    one to the whole.
    """

    name: str
    send: bytes
    pongs: int = 0
    tail: str = "ping"
    cut_matters: str = ""

    def __str__(self):
        return self.name


# Ways in which the real server depends on the cut.
TOLD_TWICE = "pedantic: told twice when the payload is not in the read that has the line"
DROPS = "a carriage return inside a line may drop the last byte of the line"


def scripts(*rows):
    """Script objects from (name, bytes[, pongs, tail or cut_matters]) rows."""
    table = []
    for name, send, *rest in rows:
        options = {"pongs": r for r in rest if isinstance(r, int)}
        options |= {"tail": r for r in rest if r in ("ping", "quiet", "fin")}
        options |= {"cut_matters": r for r in rest if r in (TOLD_TWICE, DROPS)}
        table.append(Script(name, send, **options))
    names = [script.name for script in table]
    assert len(set(names)) == len(names), "script names are unique in a table"
    return table


def each(prefix, head, bodies, *rest):
    """Rows that share their beginning; named after what differs."""
    return [(f"{prefix}: {show(body)}", head + body, *rest) for body in bodies]


def show(data, most=40):
    text = repr(data)[2:-1]
    return text if len(text) <= most else f"{text[:most]}... ({len(data)} bytes)"


# ---- 3.1 lexical rules, on a server with default settings

LEXICAL = scripts(
    ("nothing at all", b"", "quiet"),
    ("nothing, then our end", b"", "fin"),
    ("no CONNECT needed: verbose, pedantic, echo", b"SUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\n"),
    ("no CONNECT: bad publish subject", b"PUB a..b 2\r\nhi\r\n", TOLD_TWICE),
    ("no CONNECT: no headers", b"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
    (
        "lower case",
        b'connect {"verbose":false}\r\nsub a 1\r\npub a 2\r\nhi\r\nunsub 1\r\nping\r\n',
        1,
    ),
    (
        "mixed case",
        b'cOnNeCt {"verbose":false}\r\nSuB a 1\r\npUb a 2\r\nhi\r\nuNsUb 1\r\npInG\r\n',
        1,
    ),
    ("mixed case headers", C + b"SUB a 1\r\nhPuB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
    (
        "line feed alone ends a line",
        b'CONNECT {"verbose":false}\nSUB a 1\nPUB a 2\nhi\r\nPING\n',
        1,
    ),
    ("spaces and tabs", QUIET + b"SUB \t a \t 1\r\nPUB\ta  \t2\r\nhi\r\nUNSUB\t1\t5\r\n"),
    ("space before the line end", QUIET + b"SUB a 1 \r\nPUB a 2 \r\nhi\r\nPUB a r 0\t\r\n\r\n"),
    ("only one carriage return is dropped", QUIET + b"SUB a 1\r\r\nPUB a 2\r\nhi\r\n"),
    ("carriage return inside a line", QUIET + b"SUB a\rb 1\r\nPUB a 2\r\nhi\r\n", DROPS),
    ("words after PING", QUIET + b"PING hello\r\nPING 1 2 3\r\nPINGPING\r\n", 3),
    ("words after PONG and +OK", QUIET + b"PONG hello\r\nPONGPONG\r\n+OK fine\r\n+OKOK\r\n"),
    ("PING with line feed", QUIET + b"PING\nPING\n\n", 2),
    ("PONG unasked", QUIET + b"PONG\r\nPONG\r\nPONG\r\nPONG\r\n"),
    ("INFO from a client", QUIET + b'INFO {"server_id":"X"}\r\nINFO {}\r\n'),
    ("INFO that is no JSON", QUIET + b"INFO nonsense\r\n"),
    ("-ERR from a client", QUIET + b"-ERR 'no more'\r\n"),
    ("-ERR without text", QUIET + b"-ERR\r\n"),
    *each("empty line", QUIET, [b"\r\n", b"\n", b" \r\n", b"\t\r\n", b"\r"]),
    *each("leading space", QUIET, [b" PING\r\n", b"\tPUB a 0\r\n\r\n"]),
    *each(
        "not an operation",
        QUIET,
        [b"X\r\n", b"P\r\n", b"PI\r\n", b"PUX a 2\r\n", b"SUBX a 1\r\n", b"PUBX a 0\r\n\r\n"]
        + [b"UNSUBX 1\r\n", b"CONNECTX {}\r\n", b"HPUBX a 1 1\r\n", b"PINX\r\n", b"PIN\r\n"]
        + [b"POX\r\n", b"+NO\r\n", b"-OK\r\n", b"-EXX\r\n", b"HXUB\r\n", b"GET / HTTP/1.1\r\n\r\n"]
        + [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00\x00\x00\x00", b"\xff" * 64]
        + [b"{}\r\n", b"quit\r\n", b"CON\r\n", b"SU\r\n", b"UNS\r\n", b"INFX {}\r\n"],
    ),
    *each(
        "only servers may say",
        QUIET,
        [b"MSG a 1 2\r\nhi\r\n", b"HMSG a 1 12 14\r\n", b"RMSG $G a 2\r\nhi\r\n"]
        + [b"RS+ $G a\r\n", b"RS- $G a\r\n", b"LS+ a\r\n", b"LS- a\r\n", b"A+ $G\r\n", b"A- $G\r\n"]
        + [b"LMSG L $G a 0 2\r\nhi\r\n"],
    ),
    *each(
        "no argument",
        QUIET,
        [b"PUB\r\n", b"PUB \r\n", b"SUB\r\n", b"SUB \r\n", b"UNSUB\r\n", b"UNSUB \r\n"]
        + [b"HPUB\r\n", b"HPUB \r\n", b"CONNECT\r\n", b"CONNECT \r\n", b"INFO\r\n", b"INFO \r\n"],
    ),
    *each(
        "size",
        QUIET + b"SUB a 1\r\n",
        [
            b"PUB a %s\r\nhi\r\n" % size
            for size in (b"+2", b"-1", b"0x2", b"2a", b"a", b"2.0", b"2,")
        ]
        + [b"PUB a %s\r\nhi\r\n" % size for size in (b"02", b"000000002", b"0000000002")]
        + [b"PUB a 999999999\r\n", b"PUB a 1000000000\r\n", b"PUB a 99999999999999999999\r\n"],
    ),
    *each(
        "end of payload",
        QUIET + b"SUB a 1\r\nPUB a 2\r\n",
        [b"hi\n", b"hi\r", b"hi \r\n", b"hiPING\r\n", b"hi\n\r", b"h\r\n", b"hi!\r\n", b"\r\n\r\n"],
    ),
    ("payload with line ends", QUIET + b"SUB a 1\r\nPUB a 6\r\n\r\n\r\n\r\n\r\n"),
    ("payload with operations", QUIET + b"SUB a 1\r\nPUB a 14\r\nPING\r\nSUB b 2\r\n"),
    ("payload of zeros", QUIET + b"SUB a 1\r\nPUB a 32\r\n" + bytes(32) + b"\r\n"),
    ("partial operation, then our end", QUIET + b"PING\r\nPIN", 1, "fin"),
    ("partial payload, then our end", QUIET + b"PING\r\nPUB a 10\r\nhal", 1, "fin"),
    ("partial operation", QUIET + b"PIN", "quiet"),
    ("partial line", QUIET + b"SUB fo", "quiet"),
    ("partial payload", QUIET + b"SUB a 1\r\nPUB a 10\r\nhalf", "quiet"),
    ("full payload without its line end", QUIET + b"SUB a 1\r\nPUB a 4\r\nfull", "quiet"),
    ("line as long as allowed", QUIET + b"SUB " + b"a" * 4083 + b" 1\r\nPING\r\n", 1),
    *each(
        "long line",
        QUIET,
        [b"SUB " + b"a" * n + b" 1\r\n" for n in (4092, 4093, 4094, 4095, 4096, 5000, 70000)]
        + [b"PUB " + b"a" * n + b" 0\r\n\r\n" for n in (4092, 4093, 4094, 4095, 5000)]
        + [b"UNSUB " + b"1" * 5000 + b"\r\n", b"HPUB " + b"a" * 5000 + b" 1 1\r\n"],
    ),
    ("long line that never ends", QUIET + b"SUB " + b"a" * 10000, "quiet"),
    ("long CONNECT", b'CONNECT {"verbose":false,"name":"' + b"n" * 5000 + b'"}\r\n'),
    ("CONNECT within the limit", b'CONNECT {"verbose":false,"name":"' + b"n" * 4000 + b'"}\r\n'),
    ("endless -ERR line", QUIET + b"-ERR '" + b"x" * 5000 + b"'\r\n"),
)

# ---- 3.2 CONNECT


def connect(text):
    return b"CONNECT " + text + b"\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n"


CONNECTS = scripts(
    *each(
        "CONNECT",
        b"",
        [
            connect(text)
            for text in (
                b"{}",
                b"  {}  ",
                b'{"verbose":true}',
                b'{"verbose":false}',
                b'{"verbose":false,"pedantic":false}',
                b'{"VERBOSE":false,"Pedantic":false}',
                b'{"verbose":false,"verbose":true}',
                b'{"verbose":false,"unknown":{"a":[1,2,{"b":null}]}}',
                b'{"verbose":null,"pedantic":null,"name":null}',
                b'{"verbose":false,"protocol":0}',
                b'{"verbose":false,"protocol":1}',
                b'{"verbose":false,"protocol":2}',
                b'{"verbose":false,"protocol":-1}',
                b'{"verbose":false,"protocol":1.5}',
                b'{"verbose":false,"protocol":"1"}',
                b'{"verbose":"false"}',
                b'{"verbose":0}',
                b'{"verbose":false,"echo":false}',
                b'{"verbose":false,"echo":true}',
                b'{"verbose":false,"name":"\\u017c\\ud83d\\ude00\\n"}',
                b'{"verbose":false,"name":"\xc5\xbc"}',
                b'{"verbose":false,"name":"\xff\xfe"}',
                b'{"verbose":false,"name":7}',
                b'{"verbose":false,"lang":"go","version":"1.0"}',
                b'{"verbose":false,"headers":true}',
                b'{"verbose":false,"headers":true,"no_responders":true}',
                b'{"verbose":false,"headers":false,"no_responders":true}',
                b'{"verbose":false,"no_responders":true}',
                b'{"verbose":false,"user":"anyone","pass":"anything"}',
                b'{"verbose":false,"auth_token":"anything"}',
                b'{"verbose":false,"jwt":"x","sig":"y","nkey":"z"}',
                b'{"verbose":false,"tls_required":true}',
                b'{"verbose":false,"account":"A"}',
                b'{"verbose":false,"account":"$G"}',
                b'{"verbose":false,"account":"A","new_account":true}',
                b"{",
                b"}",
                b"[]",
                b"null",
                b"true",
                b'"text"',
                b"7",
                b"nonsense",
                b'{"verbose":false} trailing',
                b'{"verbose":false}{}',
                b"{'verbose':false}",
                b'{"verbose":false,}',
                b'{"a":' + b"[" * 500 + b"]" * 500 + b',"verbose":false}',
            )
        ],
    ),
    ("CONNECT without a space", b'CONNECT{"verbose":false}\r\n'),
    ("CONNECT with line feed", b'CONNECT {"verbose":false}\n'),
    ("CONNECT twice", QUIET + b"SUB a 1\r\n" + QUIET + b"PUB a 2\r\nhi\r\n"),
    ("CONNECT twice, SUB again", QUIET + b"SUB a 1\r\n" + QUIET + b"SUB a 1\r\nPUB a 2\r\nhi\r\n"),
    ("CONNECT twice, verbose later", QUIET + b"PING\r\n" + VERBOSE + b"SUB a 1\r\n", 1),
    ("CONNECT twice, bad JSON later", QUIET + b"PING\r\nCONNECT {\r\n", 1),
    ("CONNECT after SUB", b"SUB a 1\r\n" + QUIET + b"PUB a 2\r\nhi\r\n"),
    ("second INFO after the first PING", C + b"PING\r\nPING\r\nPING\r\n", 3),
    ("no second INFO for protocol 0", QUIET + b"PING\r\nPING\r\n", 2),
    ("PING before CONNECT", b"PING\r\n" + C + b"PING\r\n", 2),
)

# ---- 3.2 and 3.3 messages

HDR = b"NATS/1.0\r\nA: b\r\n\r\n"

MESSAGES = scripts(
    ("deliver", C + b"SUB a 1\r\nPUB a 2\r\nhi\r\n"),
    ("deliver with reply", C + b"SUB a 1\r\nPUB a re.ply 2\r\nhi\r\n"),
    ("deliver nothing", C + b"SUB a 1\r\nPUB a 0\r\n\r\n"),
    (
        "deliver to several, in order of sids",
        C + b"SUB a 1\r\nSUB b 2\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n",
    ),
    ("nobody listens", C + b"PUB a 2\r\nhi\r\n"),
    *each(
        "PUB arguments",
        C + b"SUB a 1\r\n",
        [b"PUB a\r\n", b"PUB a b c 2\r\nhi\r\n", b"PUB 2\r\nhi\r\n", b"PUB a b 2 3\r\nhi\r\n"]
        + [b"PUB a b\r\n", b"PUB a 2 b\r\n"],
    ),
    *each(
        "SUB arguments",
        C,
        [b"SUB a\r\n", b"SUB a q 1 2\r\n", b"SUB a b c d e f\r\n", b"SUB 1\r\n"],
    ),
    *each("UNSUB arguments", C, [b"UNSUB 1 2 3\r\n", b"UNSUB a b c d\r\n"]),
    *each(
        "UNSUB max",
        C + b"SUB a 1\r\nPUB a 1\r\n1\r\n",
        [
            b"UNSUB 1 %s\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\nPUB a 1\r\n4\r\n" % n
            for n in (b"0", b"1", b"2", b"3", b"100", b"-1", b"x", b"+2", b"1.5", b"9999999999")
        ],
    ),
    ("UNSUB at once", C + b"SUB a 1\r\nUNSUB 1\r\nPUB a 2\r\nhi\r\n"),
    ("UNSUB unknown", C + b"UNSUB 77\r\nUNSUB 77 5\r\n"),
    ("UNSUB twice", C + b"SUB a 1\r\nUNSUB 1\r\nUNSUB 1\r\n"),
    (
        "UNSUB max is lowered",
        C + b"SUB a 1\r\nUNSUB 1 5\r\nPUB a 1\r\n1\r\nUNSUB 1 2\r\n" + b"PUB a 1\r\nx\r\n" * 3,
    ),
    ("UNSUB max is raised", C + b"SUB a 1\r\nUNSUB 1 1\r\nUNSUB 1 3\r\n" + b"PUB a 1\r\nx\r\n" * 5),
    (
        "UNSUB max is lifted by a plain one",
        C + b"SUB a 1\r\nUNSUB 1 3\r\nUNSUB 1\r\nPUB a 1\r\nx\r\n",
    ),
    (
        "max counts each subscription",
        C
        + b"SUB a 1\r\nSUB b 2\r\nUNSUB 1 1\r\nUNSUB 2 2\r\n"
        + b"PUB a 1\r\nx\r\nPUB b 1\r\ny\r\n" * 3,
    ),
    (
        "sid used again after its max",
        C + b"SUB a 1\r\nUNSUB 1 1\r\nPUB a 1\r\nx\r\nSUB b 1\r\nPUB b 1\r\ny\r\n",
    ),
    (
        "sid used twice: the first stays",
        C + b"SUB a 1\r\nSUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n",
    ),
    ("sid used twice, same subject", C + b"SUB a 1\r\nSUB a 1\r\nPUB a 1\r\nx\r\n"),
    (
        "sid used twice, other queue",
        C + b"SUB a 1\r\nSUB a q 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\nPUB a 1\r\ny\r\n",
    ),
    ("sids are words", C + b"SUB a one\r\nSUB a \xc5\xbc\r\nUNSUB one\r\nPUB a 1\r\nx\r\n"),
    ("sid of 100 characters", C + b"SUB a " + b"s" * 100 + b"\r\nPUB a 1\r\nx\r\n"),
    ("queue of one", C + b"SUB a q 1\r\nPUB a 1\r\nx\r\nPUB a 1\r\ny\r\n"),
    ("queue max", C + b"SUB a q 1\r\nUNSUB 1 1\r\nPUB a 1\r\nx\r\nPUB a 1\r\ny\r\n"),
    ("reserved queue name", C + b"SUB a _sys_ 1\r\nPUB a 1\r\nx\r\n"),
    ("queue with a dot and wildcards", C + b"SUB a q.*.> 1\r\nPUB a 1\r\nx\r\n"),
    ("echo off", NOECHO + b"SUB a 1\r\nSUB a q 2\r\nPUB a 1\r\nx\r\n"),
    ("echo off, no responders", NOECHO + b"SUB a 1\r\nSUB r 2\r\nPUB a r 1\r\nx\r\n"),
    # ---- headers
    ("headers", C + b"SUB a 1\r\nHPUB a 18 20\r\n" + HDR + b"hi\r\n"),
    ("headers with reply", C + b"SUB a 1\r\nHPUB a re 18 20\r\n" + HDR + b"hi\r\n"),
    ("headers alone", C + b"SUB a 1\r\nHPUB a 18 18\r\n" + HDR + b"\r\n"),
    ("header block is not looked at", C + b"SUB a 1\r\nHPUB a 4 6\r\nabcdef\r\n"),
    ("header size zero", C + b"SUB a 1\r\nHPUB a 0 2\r\nhi\r\n"),
    ("header and total zero", C + b"SUB a 1\r\nHPUB a 0 0\r\n\r\n"),
    *each(
        "HPUB arguments",
        C + b"SUB a 1\r\n",
        [b"HPUB a 18\r\n", b"HPUB a 18 17\r\n", b"HPUB a 20 18\r\n" + HDR, b"HPUB a -1 18\r\n"]
        + [b"HPUB a 18 -1\r\n", b"HPUB a x 18\r\n", b"HPUB a 18 x\r\n", b"HPUB a b c 18 20\r\n"]
        + [b"HPUB 18 20\r\n", b"HPUB a 18 1000000000\r\n", b"HPUB a 999999999 999999999\r\n"]
        + [b"HPUB a 1 1048577\r\n", b"HPUB a 0000000012 14\r\n"],
    ),
    ("HPUB payload not followed by a line end", C + b"HPUB a 18 20\r\n" + HDR + b"hi!!\r\n"),
    ("HPUB without headers in CONNECT", QUIET + b"HPUB a 18 20\r\n" + HDR + b"hi\r\n"),
    # ---- no responders
    ("no responders", C + b"SUB r 1\r\nPUB nobody r 2\r\nhi\r\n"),
    ("no responders by wildcard inbox", C + b"SUB r.* 1\r\nPUB nobody r.x 2\r\nhi\r\n"),
    ("no responders, long subject", C + b"SUB r 1\r\nPUB " + b"n" * 300 + b" r 0\r\n\r\n"),
    ("no responders, headers sent", C + b"SUB r 1\r\nHPUB nobody r 18 18\r\n" + HDR + b"\r\n"),
    ("no responders, reply nobody has", C + b"PUB nobody r 2\r\nhi\r\n"),
    ("no responders, reply in a queue", C + b"SUB r q 1\r\nPUB nobody r 2\r\nhi\r\n"),
    ("no responders, no reply", C + b"SUB r 1\r\nPUB nobody 2\r\nhi\r\n"),
    ("no responders, max one", C + b"SUB r 1\r\nUNSUB 1 1\r\nPUB x r 0\r\n\r\nPUB x r 0\r\n\r\n"),
    ("no responders not asked for", QUIET + b"SUB r 1\r\nPUB nobody r 2\r\nhi\r\n"),
    (
        "no responders when the queue is empty again",
        C + b"SUB r 1\r\nSUB s q 2\r\nUNSUB 2\r\nPUB s r 0\r\n\r\n",
    ),
)

# ---- 3.6 subjects

STRANGE_SUBJECTS = [
    b"a.b.c", b"a.*", b"*", b">", b"a.>", b"*.*", b"*.b.>", b"foo*.x", b"f>o", b"a.*b", b"a.>b",
    b"**", b">>", b"a.**", b"..", b".", b".a", b"a.", b"a..b", b">.a", b"a.>.b", b"*.>", b">.>",
    b"$SYS.x", b"$JS.x", b"_INBOX.x", b"\xc5\xbc\xc3\xb3\xc5\x82w", b"\xff\xfe", b"a\x00b",
    b"a\x0bb", b"a/b", b"a:b", b'a"b', b"a'b", b"<&>", b"A.B", b"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
    b"1", b"-", b"*a", b"a*", b">a", b"\x7f", b"\x01", b"x" * 1000, b"t." * 300 + b"t",
]  # fmt: skip


def told(subject):
    """Whether a pedantic client is told that this is no subject to publish to."""
    return TOLD_TWICE if {b"", b"*", b">"} & set(subject.split(b".")) else ""


SUBJECTS = scripts(
    *[
        (f"SUB {show(s)}", C + b"SUB %s 1\r\nPUB a.b 1\r\nx\r\nPUB %s 1\r\ny\r\n" % (s, s))
        for s in STRANGE_SUBJECTS
    ],
    *[
        (f"SUB {show(s)} in a queue", C + b"SUB %s q 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\n" % s)
        for s in STRANGE_SUBJECTS[:24]
    ],
    *[(f"PUB {show(s)}", C + b"SUB > all\r\nPUB %s 2\r\nhi\r\n" % s) for s in STRANGE_SUBJECTS],
    *[
        (f"pedantic PUB {show(s)}", PEDANTIC + b"SUB > all\r\nPUB %s 2\r\nhi\r\n" % s, told(s))
        for s in STRANGE_SUBJECTS
    ],
    *[
        (f"pedantic reply {show(s)}", PEDANTIC + b"SUB a 1\r\nPUB a %s 2\r\nhi\r\n" % s)
        for s in (b"r.*", b"r..x", b">", b"$JS.ACK.x", b"ok")
    ],
    *[
        (f"reserved publish subject {show(s)}", C + b"SUB > all\r\nPUB %s 2\r\nhi\r\n" % s)
        for s in (
            b"_GR_.a.b.c",
            b"_GR_.x",
            b"_GR_",
            b"$GR.a.b",
            b"$NRG.x",
            b"$NRG",
            b"_R_.x",
            b"_R_",
        )
        + (b"$JS.ACK.x", b"$MQTT.x", b"$SYS.REQ.x")
    ],
    *[
        (f"reserved reply {show(s)}", C + b"SUB a 1\r\nPUB a %s 2\r\nhi\r\n" % s)
        for s in (
            b"_R_.x",
            b"_GR_.x",
            b"$JS.ACK.x",
            b"_R_",
            b"_GR_",
            b"$JS.ACK",
            b"$NRG.x",
            b"$GR.x",
        )
    ],
    *[
        (
            f"reserved reply with headers {show(s)}",
            C + b"SUB a 1\r\nHPUB a %s 18 20\r\n%shi\r\n" % (s, HDR),
        )
        for s in (b"_R_.x", b"_GR_.x", b"$JS.ACK.x")
    ],
    (
        "wildcards match by token",
        C
        + b"".join(
            b"SUB %s %d\r\nPUB %s 1\r\nx\r\nUNSUB %d\r\n" % (pattern, n, subject, n)
            for n, (pattern, subject) in enumerate(
                (pattern, subject)
                for pattern in (
                    b"*",
                    b">",
                    b"a.*",
                    b"a.>",
                    b"*.b",
                    b"*.>",
                    b"a.*.c",
                    b"a.*.>",
                    b"*.*.*",
                )
                for subject in (b"a", b"a.b", b"a.b.c", b"a.b.c.d", b"b.b", b"aa.b", b"a.bb.c")
            )
        ),
    ),
)

# ---- verbose and pedantic

VERBOSITY = scripts(
    (
        "verbose: everything",
        VERBOSE + b"SUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\nPING\r\nPONG\r\n",
        1,
    ),
    ("verbose: invalid subject", VERBOSE + b"SUB a..b 1\r\nPUB a..b 1\r\nx\r\n"),
    ("verbose: same sid", VERBOSE + b"SUB a 1\r\nSUB a 1\r\n"),
    ("verbose: unknown sid", VERBOSE + b"UNSUB 9\r\n"),
    ("verbose: max", VERBOSE + b"SUB a 1\r\nUNSUB 1 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\n"),
    ("verbose: reserved subject", VERBOSE + b"PUB _GR_.x 1\r\nx\r\n"),
    ("verbose: INFO and +OK", VERBOSE + b"INFO {}\r\n+OK\r\n"),
    ("verbose: many", VERBOSE + b"PUB a 1\r\nx\r\n" * 100),
    (
        "verbose: headers",
        VERBOSE[:-3] + b',"headers":true}\r\n' + b"SUB a 1\r\nHPUB a 18 20\r\n" + HDR + b"hi\r\n",
    ),
    ("verbose: echo of the second CONNECT", VERBOSE + VERBOSE + QUIET + VERBOSE),
    ("pedantic: fine", PEDANTIC + b"SUB a 1\r\nPUB a 2\r\nhi\r\n"),
    (
        "pedantic and verbose",
        b'CONNECT {"verbose":true,"pedantic":true}\r\nPUB a..b 1\r\nx\r\nSUB a..b 1\r\n',
        TOLD_TWICE,
    ),
)

# ---- small limits: max_payload 100, max_control_line 256, max_subscriptions 3, max_sub_tokens 4

LIMITS = scripts(
    ("payload at the limit", C + b"SUB a 1\r\nPUB a 100\r\n" + b"p" * 100 + b"\r\n"),
    ("payload over the limit", C + b"SUB a 1\r\nPUB a 101\r\n" + b"p" * 101 + b"\r\n"),
    ("payload over the limit, not sent", C + b"PUB a 101\r\n"),
    (
        "headers and payload at the limit",
        C + b"SUB a 1\r\nHPUB a 18 100\r\n" + HDR + b"p" * 82 + b"\r\n",
    ),
    ("headers and payload over the limit", C + b"HPUB a 18 101\r\n" + HDR + b"p" * 83 + b"\r\n"),
    ("payload over the limit, verbose", VERBOSE + b"PUB a 101\r\n" + b"p" * 101 + b"\r\n"),
    *each("line", C, [b"SUB " + b"a" * n + b" 1\r\n" for n in (200, 240, 249, 250, 251, 252, 260)]),
    *each("PUB line", C, [b"PUB " + b"a" * n + b" 0\r\n\r\n" for n in (249, 250, 251, 252, 260)]),
    ("unterminated line", C + b"SUB " + b"a" * 300, "quiet"),
    ("CONNECT line over the limit", b'CONNECT {"verbose":false,"name":"' + b"n" * 260 + b'"}\r\n'),
    ("three subscriptions", C + b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nPUB c 1\r\nx\r\n"),
    (
        "a fourth subscription",
        C + b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\nPUB d 1\r\nx\r\nPUB a 1\r\ny\r\n",
    ),
    (
        "a fourth after UNSUB",
        C + b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB d 4\r\nPUB d 1\r\nx\r\n",
    ),
    ("a fourth in a queue, verbose", VERBOSE + b"SUB a 1\r\nSUB b 2\r\nSUB c q 3\r\nSUB d q 4\r\n"),
    (
        "the same sid does not count twice",
        C + b"SUB a 1\r\n" * 5 + b"SUB b 2\r\nSUB c 3\r\nSUB d 4\r\n",
    ),
    ("as many tokens as allowed", C + b"SUB a.b.c.d 1\r\nPUB a.b.c.d 1\r\nx\r\n"),
    ("too many tokens", C + b"SUB a.b.c.d.e 1\r\nSUB a.*.c.d.> 2\r\nPUB a.b.c.d.e 1\r\nx\r\n"),
    ("too many tokens in a queue", C + b"SUB a.b.c.d.e q 1\r\n"),
)

# ---- headers switched off by no_header_support

NO_HEADERS = scripts(
    ("HPUB is refused", C + b"SUB a 1\r\nHPUB a 18 20\r\n" + HDR + b"hi\r\n"),
    ("PUB works", C + b"SUB a 1\r\nPUB a 2\r\nhi\r\n"),
    ("no responders is refused", C + b"SUB r 1\r\nPUB nobody r 0\r\n\r\n"),
    ("no responders without headers", b'CONNECT {"verbose":false,"no_responders":true}\r\n'),
)


def auth(fields, rest=b"SUB a 1\r\nPUB a 2\r\nhi\r\n"):
    return b'CONNECT {"verbose":false,"protocol":1' + fields + b"}\r\n" + rest


# ---- authorization { user: joe, password: secret }

USER_PASSWORD = scripts(
    ("right", auth(b',"user":"joe","pass":"secret"')),
    ("wrong password", auth(b',"user":"joe","pass":"Secret"')),
    ("wrong user", auth(b',"user":"Joe","pass":"secret"')),
    ("empty password", auth(b',"user":"joe","pass":""')),
    ("no password", auth(b',"user":"joe"')),
    ("no user", auth(b',"pass":"secret"')),
    ("nothing", auth(b"")),
    ("token instead", auth(b',"auth_token":"secret"')),
    ("password too long", auth(b',"user":"joe","pass":"' + b"s" * 2000 + b'"')),
    ("right, verbose", b'CONNECT {"user":"joe","pass":"secret"}\r\nPUB a 1\r\nx\r\n'),
    ("wrong, verbose", b'CONNECT {"user":"joe","pass":"no"}\r\nPUB a 1\r\nx\r\n'),
    ("PING first", b"PING\r\n"),
    ("PONG first", b"PONG\r\n"),
    ("SUB first", b"SUB a 1\r\n"),
    ("PUB first", b"PUB a 1\r\nx\r\n"),
    ("UNSUB first", b"UNSUB 1\r\n"),
    ("HPUB first", b"HPUB a 18 20\r\n" + HDR + b"hi\r\n"),
    ("INFO first", b"INFO {}\r\n"),
    ("+OK first", b"+OK\r\n"),
    ("-ERR first", b"-ERR 'x'\r\n"),
    ("noise first", b"\x00\x01\x02\x03\r\n"),
    ("empty line first", b"\r\n"),
    ("bad JSON first", b"CONNECT {\r\n"),
    ("long line first", b"SUB " + b"a" * 5000),
    ("long CONNECT first", b'CONNECT {"user":"' + b"a" * 5000 + b'"}\r\n'),
    ("unsupported protocol, right password", auth(b',"protocol":7,"user":"joe","pass":"secret"')),
    ("unsupported protocol, wrong password", auth(b',"protocol":7,"user":"joe","pass":"x"')),
    (
        "again with the wrong password",
        auth(b',"user":"joe","pass":"secret"') + auth(b',"user":"joe","pass":"x"'),
    ),
    ("again with the right password", auth(b',"user":"joe","pass":"secret"') * 2),
)

# ---- authorization { token: t0ken }

TOKEN = scripts(
    ("right", auth(b',"auth_token":"t0ken"')),
    ("wrong", auth(b',"auth_token":"T0ken"')),
    ("empty", auth(b',"auth_token":""')),
    ("nothing", auth(b"")),
    ("as password", auth(b',"user":"t0ken","pass":"t0ken"')),
    ("as user", auth(b',"user":"t0ken"')),
    ("with a user beside it", auth(b',"auth_token":"t0ken","user":"x","pass":"y"')),
    ("PING first", b"PING\r\n"),
)

# ---- users: alice/wonder, bob with a bcrypt password "builder"

BCRYPT = "$2a$04$M5ABzsrLYUKwW4evL/hl4e8dGQnuxOFmV9Reg2tRtD7Jw5Nfpb906"

USERS = scripts(
    ("first user", auth(b',"user":"alice","pass":"wonder"')),
    ("second user, bcrypt", auth(b',"user":"bob","pass":"builder"')),
    ("bcrypt, wrong", auth(b',"user":"bob","pass":"Builder"')),
    ("bcrypt, the hash itself", auth(b',"user":"bob","pass":"%s"' % BCRYPT.encode())),
    ("passwords mixed up", auth(b',"user":"alice","pass":"builder"')),
    ("unknown user", auth(b',"user":"carol","pass":"wonder"')),
    ("nothing", auth(b"")),
    ("token", auth(b',"auth_token":"wonder"')),
    (
        "both users in turn",
        auth(b',"user":"alice","pass":"wonder"') + auth(b',"user":"bob","pass":"builder"'),
    ),
)

# ---- where we refuse what the real server takes

TOO_LONG = b"-ERR 'maximum control line exceeded'\r\n"


@dataclasses.dataclass(frozen=True)
class Refused:
    """Bytes that end the connection after exactly this answer, and why that is better."""

    name: str
    send: bytes
    answer: bytes
    why: str


STRICTER = [
    Refused("endless PING line", QUIET + b"PING" + b" " * 5000 + b"\r\n", TOO_LONG, "endless"),
    Refused("endless PONG line", QUIET + b"PONG" + b"x" * 5000 + b"\r\n", TOO_LONG, "endless"),
    Refused("endless +OK line", QUIET + b"+OK" + b" " * 5000 + b"\r\n", TOO_LONG, "endless"),
    Refused("line end inside PUB", QUIET + b"PUB a\rb 2\r\nhi\r\n", b"", "line end"),
    Refused("line end in a reply", QUIET + b"PUB a r\rx 2\r\nhi\r\n", b"", "line end"),
    Refused("line feed before PUB's subject", QUIET + b"PUB \na 2\r\nhi\r\n", b"", "line end"),
]
WHY_STRICTER = {
    # The real server forgets these bytes as it reads them and never counts them.
    "endless": "max_control_line holds for every line: nobody can hold one open for ever",
    # It passes them on: a subscriber of `>` gets a broken line, and other servers read a command.
    "line end": "what a client writes into a subject must not become a line of its own elsewhere",
}

TABLES = {
    "lexical": ("", LEXICAL),
    "connect": ("", CONNECTS),
    "messages": ("", MESSAGES),
    "subjects": ("", SUBJECTS),
    "verbosity": ("", VERBOSITY),
    "limits": (
        "max_payload: 100\nmax_control_line: 256\nmax_subscriptions: 3\nmax_subscription_tokens: 4",
        LIMITS,
    ),
    "no-headers": ("no_header_support: true", NO_HEADERS),
    "user-password": ("authorization { user: joe, password: secret }", USER_PASSWORD),
    "token": ("authorization { token: t0ken }", TOKEN),
    "users": (
        "authorization { users: [ { user: alice, password: wonder }\n"
        f'  {{ user: bob, password: "{BCRYPT}" }} ] }}',
        USERS,
    ),
}
