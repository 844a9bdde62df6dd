//! The command line: what Go's `flag` package accepts, and what nats-server makes of it.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may panic")]

use causeway_config::{
    Action, Config, FlagError, Flags, ListenPort, LoadError, MemorySource, Secret, SignalCommand,
    usage,
};

/// What a command line asks for, in a line of text; or its error.
fn ask(line: &str) -> String {
    let args: Vec<String> = line.split_whitespace().map(|arg| arg.replace('_', " ")).collect();
    match Flags::parse(args) {
        Ok(Action::Run(_)) => "run".to_owned(),
        Ok(Action::TestConfig(flags)) => format!("test {}", flags.config_file().unwrap()),
        Ok(Action::Version) => "version".to_owned(),
        Ok(Action::Help) => "help".to_owned(),
        Ok(Action::HelpTls) => "help tls".to_owned(),
        Ok(Action::Signal { command, target }) => format!("signal {command} {target:?}"),
        Err(error) => format!("{} {error}", error.exit_code()),
    }
}

#[test]
fn actions_and_errors_are_those_of_nats_server() {
    for (line, expected) in ACTIONS {
        assert_eq!(ask(line), *expected, "{line}");
    }
    assert_eq!(Flags::parse(["--help_tls"]).unwrap(), Action::HelpTls);
    assert_eq!(SignalCommand::ALL.len(), 6);
}

/// Command lines, and what they ask for. The errors, with the exit codes in front, are what
/// nats-server 2.15.1 prints.
const ACTIONS: &[(&str, &str)] = &[
    ("", "run"),
    ("-p 4222", "run"),
    ("-v", "version"),
    ("--version", "version"),
    ("version", "version"),
    ("VERSION", "version"),
    ("-p 1 version", "version"),
    ("-h", "help"),
    ("--help", "help"),
    ("help", "help"),
    ("-h -v", "version"),
    ("-v=false", "run"),
    ("--help%tls", "0 flag provided but not defined: -help%tls"),
    ("foo", "1 unrecognized command: \"foo\""),
    ("-p 1 foo -q", "1 unrecognized command: \"foo\""),
    ("-", "1 unrecognized command: \"-\""),
    ("--", "run"),
    ("-- foo -p", "1 unrecognized command: \"foo\""),
    ("-- -p", "1 unrecognized command: \"-p\""),
    ("-t", "1 must specify [-c, --config] option to check configuration file syntax"),
    ("-t -c=", "1 must specify [-c, --config] option to check configuration file syntax"),
    ("-t -c a.conf", "test a.conf"),
    ("--config=a.conf -t", "test a.conf"),
    ("-t=false -c a.conf", "run"),
    ("-c a -c b -t", "test b"),
    ("-bogus", "0 flag provided but not defined: -bogus"),
    ("--bogus=3", "0 flag provided but not defined: -bogus"),
    ("---p", "0 bad flag syntax: ---p"),
    ("-=p", "0 bad flag syntax: -=p"),
    ("--=p", "0 bad flag syntax: --=p"),
    ("-p", "0 flag needs an argument: -p"),
    ("--port", "0 flag needs an argument: -port"),
    ("-p abc", "0 invalid value \"abc\" for flag -p: parse error"),
    ("-p=", "0 invalid value \"\" for flag -p: parse error"),
    (
        "-p 99999999999999999999",
        "0 invalid value \"99999999999999999999\" for flag -p: value out of range",
    ),
    ("-D=x", "0 invalid boolean value \"x\" for -D: parse error"),
    ("-D=", "0 invalid boolean value \"\" for -D: parse error"),
    ("-D false", "1 unrecognized command: \"false\""),
    ("-D=T -V=0", "run"),
    ("-sl ldm", "signal ldm None"),
    ("-sl=ldm=/var/run/nats.pid", "signal ldm Some(\"/var/run/nats.pid\")"),
    ("--signal stop=12*", "signal stop Some(\"12*\")"),
    ("-sl quit=", "signal quit Some(\"\")"),
    ("-sl term=1", "signal term Some(\"1\")"),
    ("-sl reopen=1", "signal reopen Some(\"1\")"),
    ("-sl reload=1 -c a.conf", "signal reload Some(\"1\")"),
    ("-sl a=b=c=d", "1 invalid signal parameters: [c d]"),
    ("-sl bogus=1", "1 unknown signal \"bogus\""),
    ("-sl=", "run"),
    ("-sl LDM=1", "1 unknown signal \"LDM\""),
];

#[test]
fn only_errors_of_the_syntax_show_the_usage() {
    assert!(Flags::parse(["-bogus"]).unwrap_err().shows_usage());
    let error = Flags::parse(["bogus"]).unwrap_err();
    assert_eq!(error, FlagError::UnknownCommand("bogus".to_owned()));
    assert!(!error.shows_usage());
}

#[test]
fn the_usage_names_every_flag() {
    insta::assert_snapshot!(usage("causeway"));
}

/// Loads with these flags and this file, `c.conf`.
fn load(args: &[&str], text: &str) -> Result<Config, LoadError> {
    let mut args = args.to_vec();
    if !text.is_empty() {
        args.extend(["-c", "c.conf"]);
    }
    let Action::Run(flags) = Flags::parse(args).unwrap() else { panic!("not a run") };
    let source = MemorySource::new().with_file("c.conf", text);
    Config::load(&flags, &source).map(|(config, _)| config)
}

fn load_error(args: &[&str], text: &str) -> String {
    load(args, text).unwrap_err().to_string()
}

#[test]
fn every_flag_reaches_its_option() {
    let args = [
        "-a=127.0.0.1",
        "-p=5222",
        "-n=x",
        "-P=/x.pid",
        "-m=8222",
        "-l=/x.log",
        "-T=false",
        "--logtime_utc",
        "-DVV",
        "--log_size_limit=1000",
        "--max_traced_msg_len=10",
        "-sd=/store",
        "--user=u",
        "--pass=p",
        "--client_advertise=c:1",
        "--ports_file_dir=/ports",
        "--cluster=nats://ru:rp@127.0.0.1:6222",
        "--cluster_name=cn",
        "--cluster_advertise=ca:2",
        "--no_advertise",
        "--connect_retries=4",
        "--routes=nats://a:1,nats://b:2",
        "--profile=6060",
        "-s=false",
        "-js=false",
        "-tls=false",
        "-tlsverify",
        "-tlscert=x",
        "-r=",
        "-ms=0",
    ];
    insta::assert_debug_snapshot!(load(&args, "").unwrap());
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let file = "port: 1\nhost: a\nserver_name: f\nmax_payload: 1k\nlogtime: false\ntrace: true";
    let config = load(&["-p", "2", "-n", "g"], file).unwrap();
    assert_eq!(config.port, ListenPort::Fixed(2));
    assert_eq!(config.host, "a");
    assert_eq!(config.server_name.as_deref(), Some("g"));
    assert_eq!(config.limits.max_payload, 1000);
    assert!(!config.logging.logtime);
    assert!(config.logging.trace);
    assert_eq!(config.ping_max, 2);

    let config = load(&["-T", "-V=false", "-n="], file).unwrap();
    assert!(config.logging.logtime);
    assert!(!config.logging.trace);
    assert_eq!(config.server_name, None);
}

#[test]
#[allow(clippy::type_complexity, reason = "a table")]
fn the_shorthands_for_traces_come_in_a_fixed_order() {
    let table: &[(&[&str], (bool, bool, bool))] = &[
        (&["-D"], (true, false, false)),
        (&["-V"], (false, true, false)),
        (&["-DV"], (true, true, false)),
        (&["-VV"], (false, true, true)),
        (&["-DVV"], (true, true, true)),
        (&["-DV=false", "-D"], (false, false, false)),
        (&["-VV=false", "-DVV"], (true, false, false)),
        (&["-D", "-D=false"], (false, false, false)),
    ];
    for (args, expected) in table {
        let logging = load(args, "").unwrap().logging;
        let found = (logging.debug, logging.trace, logging.trace_verbose);
        assert_eq!(found, *expected, "{args:?}");
    }
}

#[test]
fn the_cluster_flag_replaces_the_listener_and_its_user() {
    let file = "cluster {listen: \"a:1\", name: n, authorization {user: u, password: p}}";
    let cluster = |args: &[&str]| load(args, file).unwrap().cluster;
    let config = cluster(&[]).unwrap();
    assert_eq!((config.host.as_str(), config.port), ("a", ListenPort::Fixed(1)));
    assert_eq!(config.auth.unwrap().password, Secret::new("p"));

    let config = cluster(&["--cluster", "nats://b:-1"]).unwrap();
    assert_eq!((config.host.as_str(), config.port), ("b", ListenPort::Random));
    assert_eq!(config.auth, None);

    let config = cluster(&["--cluster_listen", "nats://x:y@b:2"]).unwrap();
    assert_eq!(config.auth.unwrap().user, "x");

    assert_eq!(cluster(&["--cluster", ""]), None);
    assert_eq!(cluster(&["--cluster", "nats://b:0"]), None);
}

#[test]
fn the_cluster_flag_fails_as_in_nats_server() {
    // What nats-server 2.15.1 prints, but for passwords, which it shows.
    let table: &[(&str, &str)] = &[
        (
            "127.0.0.1:6222",
            "parse \"127.0.0.1:6222\": first path segment in URL cannot contain colon",
        ),
        ("nats://localhost", "address localhost: missing port in address"),
        ("nats://u@h:1", "expected cluster password to be set"),
        ("nats://h:x", "parse \"nats://h:x\": invalid port \":x\" after host"),
        (":x", "parse \":x\": missing protocol scheme"),
        ("localhost", "missing port in address"),
        ("nats://a:b:1", "address a:b:1: too many colons in address"),
        ("nats://[::1", "parse \"nats://[::1\": missing ']' in host"),
        ("nats://a b:1", "parse \"nats://a b:1\": invalid character \" \" in host name"),
        (
            "nats://u:p@a b:1",
            "parse \"nats://[REDACTED]@a b:1\": invalid character \" \" in host name",
        ),
        ("nats://h:70000", "invalid port 70000"),
        ("nats://h:", "invalid port \"\""),
    ];
    for (url, expected) in table {
        assert_eq!(load_error(&["--cluster", url], ""), *expected, "{url}");
    }
}

#[test]
fn the_routes_flag_replaces_routes_and_needs_a_cluster() {
    let file = "cluster {port: 1, routes: [\"nats://a:1\" ]}";
    let routes = |args: &[&str]| -> Vec<String> {
        let cluster = load(args, file).unwrap().cluster.unwrap();
        cluster.routes.iter().map(ToString::to_string).collect()
    };
    assert_eq!(routes(&[]), ["nats://a:1"]);
    let given = ["--routes", "nats://b:1, nats://c, nats://b:1"];
    assert_eq!(routes(&given), ["nats://b:1", "nats://c:6222"]);
    assert_eq!(routes(&["--routes", ""]), [""; 0]);

    let expected = "solicited routes require cluster capabilities, e.g. --cluster";
    assert_eq!(load_error(&["--routes", "nats://a:1"], ""), expected);
    assert!(load(&["--routes", "nats://a:1", "--cluster", "nats://h:1"], "").is_ok());
    assert!(load(&["--routes", ""], "").is_ok());
    let expected = "error parsing route url [\"nats://a b:1\"]";
    assert_eq!(load_error(&["--routes", "nats://a b:1"], file), expected);
}

#[test]
fn flags_of_streams_win_over_the_file() {
    let streams = |args: &[&str], file| {
        let config = load(args, file).unwrap();
        let dir = config.store_dir.map(|dir| dir.display().to_string()).unwrap_or_default();
        (config.jetstream.is_some(), dir)
    };
    assert_eq!(streams(&["-js"], ""), (true, String::new()));
    assert_eq!(streams(&["--jetstream=true", "-sd=/a"], ""), (true, "/a".to_owned()));
    let file = "jetstream {store_dir: \"/f\"}";
    assert_eq!(streams(&[], file), (true, "/f".to_owned()));
    assert_eq!(streams(&["--store_dir", "/a"], file), (true, "/a".to_owned()), "no duplicate");
    assert_eq!(streams(&["-js=false"], file), (false, "/f".to_owned()));
    assert_eq!(streams(&["-js"], "jetstream {enabled: false}"), (true, String::new()));
    assert_eq!(streams(&["--store_dir", "/a"], ""), (false, "/a".to_owned()), "not by itself");
}

#[test]
fn flags_for_what_is_missing_say_so() {
    for (args, option) in [
        (["-ms", "8443"], "https_port"),
        (["-s", ""], "syslog"),
        (["-r", "udp://a:1"], "remote_syslog"),
        (["--tls", ""], "tls"),
        (["--tlscert", "x"], "tlscert"),
    ] {
        let args: Vec<&str> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
        let expected =
            format!("option \"{option}\" is known but not supported by this version of causeway\n");
        assert_eq!(load_error(&args, ""), expected, "{args:?}");
    }
    let error = load(&["--routes", "tls://a:1", "--cluster", "nats://h:1"], "").unwrap_err();
    assert!(error.to_string().contains("routes with tls://"), "{error}");
}

#[test]
fn values_of_flags_are_checked() {
    for (args, expected) in [
        (["-n", "a b"], "server name cannot contain spaces"),
        (["--cluster_name", "a b"], "cluster name cannot contain spaces"),
        (["-p", "70000"], "invalid port 70000"),
        (["-p", "-2"], "invalid port -2"),
        (["-m", "65536"], "invalid port 65536"),
        (
            ["--client_advertise", "a:x"],
            "Error setting server INFO with ClientAdvertise value of a:x, err=strconv.Atoi: \
             parsing \"x\": invalid syntax",
        ),
    ] {
        assert_eq!(load_error(&args, ""), expected, "{args:?}");
    }
    let missing = "open nope.conf: no such file or directory";
    assert_eq!(load_error(&["-c", "nope.conf"], ""), missing);
}

#[test]
fn secrets_do_not_show_in_debug_texts() {
    let args = ["--pass=s3cret", "--auth=s3cret", "--user=u", "--cluster=nats://u:s3cret@h:1"];
    let args = args.into_iter().chain(["--routes=nats://u:s3cret@h:1"]);
    let action = Flags::parse(args).unwrap();
    let Action::Run(flags) = &action else { panic!("{action:?}") };
    let (config, _) = Config::load(flags, &MemorySource::new()).unwrap();
    assert!(!format!("{action:?} {config:?}").contains("s3cret"));
}
