"""Configuration texts for `-t`: the same verdict, digest and error text as the real server's.

All of them use only options that exist for clients, routes, logging and monitoring.
"""

# Accepted. The digest covers the parsed values, so it also proves how they were read.
GOOD = {
    "seed file": (
        "listen: 4222\nhttp: 8222\n\ncluster {\n  listen: 6222\n  routes = [\n"
        '    "nats://eu-west-2-nats.example.com:6222"\n  ]\n}\n\n# ... other settings\n'
    ),
    "separators": "port: 4222\nhttp = 8222; debug true\ntrace: false, logtime: on\n",
    "json": (
        '{"port": 4222, "cluster": {"name": "C", "port": 6222, "routes": ["nats://a:1", '
        '"nats://b:2"]}}'
    ),
    "json over lines": (
        '{\n  "listen": "0.0.0.0:4222",\n  "max_payload": 1048576,\n  "debug": false\n}\n'
    ),
    "helm": (
        '{\n  "cluster": {\n    "name": "nats",\n    "no_advertise": true,\n'
        '    "port": 6222,\n    "routes": [\n      "nats://nats-0.nats-headless:6222"\n'
        '    ]\n  },\n  "http_port": 8222,\n  "lame_duck_duration": "30s",\n'
        '  "lame_duck_grace_period": "10s",\n  "pid_file": "/var/run/nats/nats.pid",\n'
        '  "port": 4222,\n  "server_name": $SERVER_NAME\n}\n'
    ),
    "comments": (
        "# one\nport: 4222 # two\n// three\ncluster { // four\n  name: C # five\n"
        "  routes: [ # six\n    nats://a:1 // seven\n  ]\n}\n"
    ),
    "url is no comment": "cluster { name: C, port: 6222, routes: [nats://a:1, nats://b:2] }\n",
    "nested maps without separators": (
        "authorization {user:a,password:b,timeout:1}\ncluster {name:C,port:-1}\n"
    ),
    "units": "max_payload: 64kb\nmax_pending: 10MB\nmax_control_line: 4KB\nmax_connections: 10k\n",
    "units of a thousand": "max_payload: 64k\nmax_pending: 10m\n",
    "durations": 'ping_interval: "1m30s"\nwrite_deadline: "2s"\nlame_duck_duration: "90s"\n',
    "booleans": "debug: yes\ntrace: OFF\nlogtime: True\n",
    "floats": "authorization { user: a, password: b, timeout: 0.5 }\n",
    "strings": 'server_name: "A-B"\nclient_advertise: \'host:4222\'\npid_file: "/tmp/a\\tb"\n',
    "escapes": 'log_file: "/tmp/\\x41\\"q\\\\z"\n',
    "block string": "authorization {\n  user: a\n  password: (\nline one\nline two\n)\n}\n",
    "variables": "P = 4333\nport: $P\ncluster { NAME = C9\n name: $NAME, port: $P }\n",
    "variable from the environment": "port: $PORT_OF_TEST\nserver_name: $SERVER_NAME\n",
    "later key wins": "port: 1\nport: 4222\n",
    "case of keys": "PORT: 4222\nMax_Payload: 100\nCluster { NAME: C }\n",
    "quoted keys": "\"port\": 4222\n'debug': true\n",
    "aliases": (
        "net: localhost\nport: 4222\nmonitor_port: 8222\nmax_conn: 10\nmax_subs: 5\n"
        "max_sub_tokens: 8\nlogfile: /tmp/x\npidfile: /tmp/y\n"
    ),
    "users": (
        "authorization {\n  users = [\n    {user: a, password: b}\n"
        '    {user: "c", pass: '
        '"$2a$04$M5ABzsrLYUKwW4evL/hl4e8dGQnuxOFmV9Reg2tRtD7Jw5Nfpb906"}\n  ]\n}\n'
    ),
    "bare bcrypt": (
        "authorization { user: a, password: "
        "$2a$04$M5ABzsrLYUKwW4evL/hl4e8dGQnuxOFmV9Reg2tRtD7Jw5Nfpb906 }\n"
    ),
    "token": "authorization { token: s3cr3t, timeout: 3 }\n",
    "cluster options": (
        'cluster { name: C, listen: "127.0.0.1:6222", pool_size: 5, accounts: ["$G"], '
        "no_advertise: true, connect_retries: 7, connect_backoff: true, ping_interval: "
        '"5s", ping_max: 3, write_deadline: "3s", advertise: "h:1" }\n'
    ),
    "cluster authorization": (
        "cluster { name: C, port: 6222, authorization { user: r, password: p, timeout: 2 } }\n"
    ),
    "empty array": "cluster { name: C, port: 6222, routes: [] }\n",
    "array over lines": "cluster { name: C, port: 6222, routes: [\n nats://a:1\n nats://b:2\n] }\n",
    "trailing commas": "cluster { name: C, port: 6222, routes: [nats://a:1,], }\n",
    "include": "include included.conf\nport: 4222\n",
    "include in a map": "cluster { include 'routes.conf'\n name: C }\n",
    "unicode": 'server_name: "żółw"\n',
    "negative": "port: -1\nhttp_port: -1\n",
    "limits": (
        "max_traced_msg_len: 10\nmax_closed_clients: 5\nlogfile_size_limit: 1MB\n"
        "logfile_max_num: 3\nwrite_timeout: close\n"
    ),
    "crlf": "port: 4222\r\ndebug: true\r\n",
    "no newline at the end": "port: 4222",
}

# Refused, or accepted with warnings only, which -t refuses too.
BAD = {
    "map without a space before it": "cluster{name:C}\n",
    "unknown field": "port: 4222\nbogus: 1\n",
    "two unknown fields": "bogus: 1\nother: { a: b }\n",
    "unknown field in cluster": "cluster {\n  name: C\n  nope: true\n}\n",
    "unknown field in authorization": "authorization {\n  user: a\n  passwort: b\n}\n",
    "unknown field in json": '{"port": 4222,\n "bogus": 1}\n',
    "warning: duration without a unit": "ping_interval: 30\n",
    "warning and error": "ping_interval: 30\nbogus: 1\n",
    "empty": "",
    "only comments": "# nothing\n",
    "unclosed map": "cluster {\n  name: x\n",
    "unclosed array": "cluster { routes: [\n  nats://a:1\n",
    "unclosed string": 'server_name: "abc\n',
    "unclosed block": "server_name: (\nabc\n",
    "stray brace": "port: 4222\n}\n",
    "key without a value": "port\n",
    "separator without a value": "port:\n",
    "unknown variable": "port: $NO_SUCH_VARIABLE_HERE\n",
    "variable used before it is set": "port: $P\nP = 4222\n",
    "variable that is itself": "P = $P\nport: $P\n",
    "missing include": "include ./no-such-file.conf\n",
    "lame duck too short": 'port: 4222\n\nlame_duck_duration: "5s"\n',
    "bad duration": 'write_deadline: "2 parsecs"\n',
    "bad write_timeout": "write_timeout: maybe\n",
    "bad listen": 'listen: "host:port:x"\n',
    "listen without a port": "listen: localhost\n",
    "user and token": "authorization { user: a, password: b, token: c }\n",
    "user and users": "authorization { user: a, password: b, users: [{user: c, password: d}] }\n",
    "token and users": "authorization { token: t, users: [{user: c, password: d}] }\n",
    "user twice": "authorization { users: [{user: c, password: d}, {user: c, password: e}] }\n",
    "user without a password": "authorization { users: [{user: c}] }\n",
    "cluster with users": (
        "cluster { port: 6222, authorization { users: [{user: c, password: d}] } }\n"
    ),
    "bad route": 'cluster { port: 6222, routes: ["nats://a:b:c:d"] }\n',
    "cluster is no map": "cluster: 7\n",
    "too many subject tokens": "max_sub_tokens: 300\n",
    "name with a space": 'server_name: "a b"\n',
    "cluster name with a space": 'cluster { name: "a b", port: 6222 }\n',
}

# Refused because of a wrong type. The text is Go's own ("interface conversion: ..."): the exit code
# and the place are compared, not the words.
WRONG_TYPE = {
    "port is a string": 'debug: true\nport: "x"\n',
    "bool is quoted": 'port: 4222\n\n  debug: "true"\n',
    "string is a number": "port: 4222\nclient_advertise: 7\n",
    "number is a bool": "max_connections: true\n",
    "name is a map": "server_name: { a: b }\n",
}

# Accepted by -t, refused at start.
INVALID = {
    "payload over pending": "max_payload: 1000\nmax_pending: 10\n",
    "grace longer than lame duck": 'lame_duck_duration: "40s"\nlame_duck_grace_period: "50s"\n',
}

FILES = {
    "included.conf": "debug: true\nmax_payload: 1000\n",
    "routes.conf": "port: 6222\nroutes: [nats://a:1]\n",
}
ENVIRONMENT = {"SERVER_NAME": "nats-0", "PORT_OF_TEST": "4777"}
