//! [`Config::load`]: file, then flags, then defaults, then what must hold between options.

mod jetstream;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::config::{
    Advertise, Auth, AuthMethod, Cluster, Config, Credentials, LameDuck, Limits, LinkBuffer,
    Logging, Monitor, RouteCompression, Secret,
};
use crate::defaults;
use crate::error::{ConfigError, LoadError, Warning};
use crate::flags::Flags;
use crate::go::{atoi, parse_url, quote, show_duration, split_host_port};
use crate::language::parse_file;
use crate::resolve::{Issues, Raw, RawAuth, RawCluster, listen_port, resolve};
use crate::source::Source;
use crate::url::{RouteUrl, RouteUrlError, without_user};

impl Config {
    /// Reads the file that the flags name, puts the flags over it and the defaults under it.
    ///
    /// With `-t` ([`Flags::test_config`]) warnings fail it too, as in nats-server.
    ///
    /// Stricter than nats-server: `-t` also checks what a start would check (flags, and options
    /// against each other); negative limits and ports that are none are refused, and so are routes
    /// that could never be dialled. A route without a port gets [`defaults::ROUTE_PORT`].
    ///
    /// # Errors
    ///
    /// Every error of the file at once, in the order of the file; or what is wrong with the flags
    /// or between options. A file that is not in the language has one error only.
    pub fn load(flags: &Flags, source: &dyn Source) -> Result<(Self, Vec<Warning>), LoadError> {
        let mut raw = Raw::default();
        let mut issues = Issues::default();
        let mut digest = None;
        if let Some(file) = flags.config_file() {
            let map = parse_file(file, source)
                .map_err(|error| LoadError::from(ConfigError::from(error)))?;
            digest = Some(crate::digest(&map));
            resolve(file, &map, &mut raw, &mut issues);
        }
        if issues.errors.is_empty() {
            apply_flags(flags, &mut raw, &mut issues.errors);
        }
        if issues.errors.is_empty() {
            match finish(raw) {
                Ok(_) if flags.test_config() && !issues.warnings.is_empty() => {}
                Ok(mut config) => {
                    config.config_file = flags.config_file().map(PathBuf::from);
                    config.digest = digest;
                    return Ok((config, issues.warnings));
                }
                Err(reason) => issues.errors.push(ConfigError::Invalid(reason)),
            }
        }
        Err(LoadError { errors: issues.errors, warnings: issues.warnings })
    }
}

// Flags over the file.

fn apply_flags(flags: &Flags, raw: &mut Raw, errors: &mut Vec<ConfigError>) {
    refuse_unsupported(flags, errors);
    if let Err(reason) =
        apply_client_flags(flags, raw).and_then(|()| apply_cluster_flags(flags, raw))
    {
        errors.push(reason);
    }
}

fn refuse_unsupported(flags: &Flags, errors: &mut Vec<ConfigError>) {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    // `--tls=false` switches all of TLS off.
    let tls = flags.tls != Some(false);
    let unsupported = [
        ("https_port", flags.https_port.is_some_and(|port| port != 0)),
        ("syslog", flags.syslog == Some(true)),
        ("remote_syslog", given(&flags.remote_syslog)),
        ("tls", tls && (flags.tls.is_some() || flags.tls_verify.is_some())),
        ("tlscert", tls && given(&flags.tls_cert)),
        ("tlskey", tls && given(&flags.tls_key)),
        ("tlscacert", tls && given(&flags.tls_ca_cert)),
    ];
    for (option, _) in unsupported.into_iter().filter(|(_, asked_for)| *asked_for) {
        errors.push(ConfigError::NotSupported { at: None, option: option.to_owned() });
    }
}

fn apply_client_flags(flags: &Flags, raw: &mut Raw) -> Result<(), ConfigError> {
    put_text(&mut raw.host, flags.host.as_deref());
    put_text(&mut raw.server_name, flags.server_name.as_deref());
    put_text(&mut raw.client_advertise, flags.client_advertise.as_deref());
    put_text(&mut raw.pid_file, flags.pid_file.as_deref());
    put_text(&mut raw.ports_file_dir, flags.ports_file_dir.as_deref());
    put_text(&mut raw.log_file, flags.log_file.as_deref());
    put_text(&mut raw.store_dir, flags.store_dir.as_deref());
    raw.jetstream.enabled = flags.jetstream.unwrap_or(raw.jetstream.enabled);
    put_text(&mut raw.auth.user, flags.user.as_deref());
    put_secret(&mut raw.auth.password, flags.pass.as_ref());
    put_secret(&mut raw.auth.token, flags.auth.as_ref());
    for (slot, given) in [
        (&mut raw.port, flags.port),
        (&mut raw.http_port, flags.http_port),
        (&mut raw.profile_port, flags.profile_port),
    ] {
        if let Some(port) = given {
            *slot = listen_port(port).map_err(ConfigError::Invalid)?;
        }
    }
    for (slot, given) in [
        (&mut raw.log_size_limit, flags.log_size_limit),
        (&mut raw.max_traced_msg_len, flags.max_traced_msg_len),
    ] {
        if let Some(number) = given {
            *slot = u64::try_from(number).ok().filter(|number| *number > 0);
        }
    }
    raw.logtime = flags.logtime.or(raw.logtime);
    raw.logtime_utc = flags.logtime_utc.unwrap_or(raw.logtime_utc);
    raw.debug = flags.debug.unwrap_or(raw.debug);
    raw.trace = flags.trace.unwrap_or(raw.trace);
    // These come after the others, and in this order.
    if let Some(on) = flags.debug_and_trace {
        (raw.debug, raw.trace) = (on, on);
    }
    if let Some(on) = flags.debug_and_verbose_trace {
        (raw.debug, raw.trace, raw.trace_verbose) = (on, on, on);
    }
    if let Some(on) = flags.verbose_trace {
        (raw.trace, raw.trace_verbose) = (on, on);
    }
    Ok(())
}

fn apply_cluster_flags(flags: &Flags, raw: &mut Raw) -> Result<(), ConfigError> {
    let cluster = &mut raw.cluster;
    put_text(&mut cluster.name, flags.cluster_name.as_deref());
    put_text(&mut cluster.advertise, flags.cluster_advertise.as_deref());
    cluster.no_advertise = flags.no_advertise.unwrap_or(cluster.no_advertise);
    if let Some(retries) = flags.connect_retries {
        cluster.connect_retries = u32::try_from(retries.max(0)).unwrap_or(u32::MAX);
    }
    if let Some(url) = &flags.cluster {
        apply_cluster_url(url.expose(), cluster).map_err(ConfigError::Invalid)?;
    }
    if let Some(urls) = &flags.routes {
        cluster.routes = routes_of_flag(urls.expose())?;
        let no_cluster = cluster.port.is_none() && cluster.host.is_none();
        if !urls.expose().is_empty() && no_cluster && flags.cluster.is_none() {
            let reason = "solicited routes require cluster capabilities, e.g. --cluster";
            return Err(ConfigError::Invalid(reason.to_owned()));
        }
    }
    Ok(())
}

/// `--cluster`: where to listen, and the user and password of routes. Empty: no cluster at all.
fn apply_cluster_url(text: &str, cluster: &mut RawCluster) -> Result<(), String> {
    if text.is_empty() {
        cluster.port = None;
        return Ok(());
    }
    // -1 is no port of a URL.
    let (plain, random) = match text.strip_suffix(":-1") {
        Some(front) => (format!("{front}:0"), true),
        None => (text.to_owned(), false),
    };
    let url = parse_url(&plain)
        .map_err(|reason| format!("parse {}: {reason}", quote(&without_user(&plain))))?;
    let (host, port) = split_host_port(&url.host).map_err(|reason| match url.host.as_str() {
        "" => reason.to_owned(),
        host => format!("address {host}: {reason}"),
    })?;
    let number = if random { Some(-1) } else { atoi(port) };
    let number = number.ok_or_else(|| format!("invalid port {}", quote(port)))?;
    cluster.port = listen_port(number)?;
    cluster.host = Some(host.to_owned()).filter(|host| !host.is_empty());
    match url.user {
        Some((_, None)) => return Err("expected cluster password to be set".to_owned()),
        Some((user, Some(password))) => {
            cluster.user = Some(user).filter(|user| !user.is_empty());
            cluster.password = Some(Secret::new(password));
        }
        // Those of the file belong to what the file says.
        None => (cluster.user, cluster.password) = (None, None),
    }
    Ok(())
}

fn routes_of_flag(text: &str) -> Result<Vec<RouteUrl>, ConfigError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut routes: Vec<RouteUrl> = Vec::new();
    for url in text.split(',') {
        let route = RouteUrl::parse(url).map_err(|error| match error {
            RouteUrlError::Malformed(reason) => ConfigError::Invalid(reason),
            RouteUrlError::Tls => {
                ConfigError::NotSupported { at: None, option: "routes with tls://".to_owned() }
            }
        })?;
        if !routes.contains(&route) {
            routes.push(route);
        }
    }
    Ok(routes)
}

/// A flag that is given replaces what the file says; an empty one takes it away.
fn put_text(slot: &mut Option<String>, given: Option<&str>) {
    if let Some(text) = given {
        *slot = Some(text.to_owned()).filter(|text| !text.is_empty());
    }
}

fn put_secret(slot: &mut Option<Secret>, given: Option<&Secret>) {
    if let Some(secret) = given {
        *slot = Some(secret.clone()).filter(|secret| !secret.expose().is_empty());
    }
}

// Defaults, and what must hold between options.

fn finish(mut raw: Raw) -> Result<Config, String> {
    let lame_duck = LameDuck {
        duration: raw.lame_duck_duration.unwrap_or(defaults::LAME_DUCK_DURATION),
        grace_period: raw.lame_duck_grace_period.unwrap_or(defaults::LAME_DUCK_GRACE_PERIOD),
    };
    if lame_duck.grace_period >= lame_duck.duration {
        return Err(format!(
            "lame duck grace period ({}) should be strictly lower than lame duck duration ({})",
            show_duration(lame_duck.grace_period),
            show_duration(lame_duck.duration)
        ));
    }
    let limits = finish_limits(&raw)?;
    check_name("server", raw.server_name.as_deref())?;
    let auth = finish_auth(std::mem::take(&mut raw.auth), raw.no_auth_user.take())?;
    check_name("cluster", raw.cluster.name.as_deref())?;
    let cluster_name = raw.cluster.name.take();
    let clustered = raw.cluster.port.is_some();
    let jetstream = jetstream::finish(std::mem::take(&mut raw.jetstream), clustered)?;
    let buffer = raw.cluster.buffer.take();
    let named = raw.server_name.is_some();
    let buffer = jetstream::finish_buffer(buffer, named, jetstream.as_ref(), &limits)?;
    let cluster = finish_cluster(std::mem::take(&mut raw.cluster), buffer)?;

    let host = raw.host.take().unwrap_or_else(|| defaults::HOST.to_owned());
    Ok(Config {
        server_name: raw.server_name.take(),
        port: raw.port.unwrap_or_else(|| Config::default().port),
        client_advertise: advertise("server", "ClientAdvertise", raw.client_advertise.take())?,
        monitor: finish_monitor(&mut raw, &host),
        host,
        logging: finish_logging(&mut raw),
        pid_file: raw.pid_file.map(PathBuf::from),
        ports_file_dir: raw.ports_file_dir.map(PathBuf::from),
        limits,
        ping_interval: raw.ping_interval.unwrap_or(defaults::PING_INTERVAL),
        ping_max: raw.ping_max.unwrap_or(defaults::PING_MAX),
        write_deadline: raw.write_deadline.unwrap_or(defaults::WRITE_DEADLINE),
        no_fast_producer_stall: raw.no_fast_producer_stall,
        no_header_support: raw.no_header_support,
        max_closed_clients: raw.max_closed_clients.unwrap_or(defaults::MAX_CLOSED_CLIENTS),
        lame_duck,
        connect_error_reports: raw.connect_error_reports.unwrap_or(defaults::CONNECT_ERROR_REPORTS),
        reconnect_error_reports: raw
            .reconnect_error_reports
            .unwrap_or(defaults::RECONNECT_ERROR_REPORTS),
        auth,
        cluster_name,
        cluster,
        jetstream,
        store_dir: raw.store_dir.map(PathBuf::from),
        server_tags: raw.server_tags,
        server_metadata: raw.server_metadata,
        profile_port: raw.profile_port,
        disable_sublist_cache: raw.disable_sublist_cache,
        config_file: None,
        digest: None,
    })
}

fn check_name(of: &str, name: Option<&str>) -> Result<(), String> {
    match name {
        Some(name) if name.contains(' ') => Err(format!("{of} name cannot contain spaces")),
        Some(_) | None => Ok(()),
    }
}

fn finish_limits(raw: &Raw) -> Result<Limits, String> {
    let limits = Limits {
        max_connections: raw.max_connections.unwrap_or(defaults::MAX_CONNECTIONS),
        max_subscriptions: raw.max_subscriptions,
        max_subscription_tokens: raw.max_subscription_tokens,
        max_control_line: raw.max_control_line.unwrap_or(defaults::MAX_CONTROL_LINE),
        max_payload: raw.max_payload.unwrap_or(defaults::MAX_PAYLOAD),
        max_pending: raw.max_pending.unwrap_or(defaults::MAX_PENDING),
    };
    let Limits { max_payload, max_pending, .. } = limits;
    if u64::from(max_payload) > max_pending {
        return Err(format!(
            "max_payload ({max_payload}) cannot be higher than max_pending ({max_pending})"
        ));
    }
    Ok(limits)
}

fn finish_auth(auth: RawAuth, no_auth_user: Option<String>) -> Result<Auth, String> {
    let users = auth.users.unwrap_or_default();
    if let Some(name) = &no_auth_user {
        if users.is_empty() {
            return Err(format!(
                "no_auth_user: \"{name}\" present, but users/nkeys are not defined"
            ));
        }
        if !users.iter().any(|user| user.user == *name) {
            return Err(format!(
                "no_auth_user: \"{name}\" not present as user or nkey in authorization block or \
                 account configuration"
            ));
        }
    }
    // The file has one kind only, but flags may add others; this is nats-server's order.
    let method = if !users.is_empty() {
        AuthMethod::Users(users)
    } else if let Some(token) = auth.token {
        AuthMethod::Token(token)
    } else if let Some(user) = auth.user {
        AuthMethod::User(Credentials { user, password: auth.password.unwrap_or_default() })
    } else {
        AuthMethod::None
    };
    Ok(Auth { method, timeout: auth.timeout.unwrap_or(defaults::AUTH_TIMEOUT), no_auth_user })
}

fn finish_cluster(raw: RawCluster, buffer: Option<LinkBuffer>) -> Result<Option<Cluster>, String> {
    // Without a port there is no cluster, but what is said about it must be right all the same.
    let pooled = raw.pool_size.is_none_or(|size| size >= 0);
    let mut pinned_accounts = raw.accounts;
    let listens = raw.port.is_some();
    if listens && pooled && !pinned_accounts.iter().any(|name| name == defaults::SYSTEM_ACCOUNT) {
        pinned_accounts.push(defaults::SYSTEM_ACCOUNT.to_owned());
    }
    check_accounts(&pinned_accounts, pooled)?;
    let advertise = advertise("route", "Cluster.Advertise", raw.advertise)?;
    let Some(port) = raw.port else {
        return Ok(None);
    };
    let pool_size = match raw.pool_size {
        None | Some(0) => Some(defaults::ROUTE_POOL_SIZE),
        Some(size) => u32::try_from(size).ok(),
    };
    let password = raw.password.unwrap_or_default();
    Ok(Some(Cluster {
        host: raw.host.unwrap_or_else(|| defaults::HOST.to_owned()),
        port,
        auth: raw.user.map(|user| Credentials { user, password }),
        auth_timeout: raw.auth_timeout.unwrap_or(defaults::AUTH_TIMEOUT),
        routes: raw.routes,
        advertise,
        no_advertise: raw.no_advertise,
        connect_retries: raw.connect_retries,
        connect_backoff: raw.connect_backoff,
        pool_size,
        pinned_accounts,
        compression: raw.compression.unwrap_or(RouteCompression::Accept),
        ping_interval: raw.ping_interval,
        ping_max: raw.ping_max,
        write_deadline: raw.write_deadline,
        permissions: raw.permissions,
        buffer,
    }))
}

fn check_accounts(accounts: &[String], pooled: bool) -> Result<(), String> {
    if !pooled && !accounts.is_empty() {
        let reason = "pool_size cannot be negative if pinned accounts are specified";
        return Err(reason.to_owned());
    }
    let mut seen = BTreeSet::new();
    match accounts.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => {
            let all: Vec<String> = accounts.iter().map(|name| quote(name)).collect();
            let (twice, all) = (quote(twice), all.join(" "));
            Err(format!("found duplicate account name {twice} in pinned accounts list [{all}]"))
        }
        None => Ok(()),
    }
}

fn finish_monitor(raw: &mut Raw, host: &str) -> Option<Monitor> {
    let own_host = raw.http_host.take();
    let base_path = raw.http_base_path.take();
    raw.http_port.map(|port| Monitor {
        host: own_host.unwrap_or_else(|| host.to_owned()),
        port,
        base_path: clean_path(base_path.as_deref().unwrap_or(defaults::HTTP_BASE_PATH)),
    })
}

fn finish_logging(raw: &mut Raw) -> Logging {
    Logging {
        debug: raw.debug,
        trace: raw.trace,
        trace_verbose: raw.trace_verbose,
        logtime: raw.logtime.unwrap_or(true),
        logtime_utc: raw.logtime_utc,
        file: raw.log_file.take().map(PathBuf::from),
        size_limit: raw.log_size_limit,
        max_files: raw.log_max_num,
        max_traced_msg_len: raw.max_traced_msg_len,
    }
}

/// A path that starts with a slash, without empty parts and without `.` and `..`.
fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `host` or `host:port`. `of` and `option` are for the error, which is the one that nats-server
/// logs when it stops over this at start.
fn advertise(of: &str, option: &str, text: Option<String>) -> Result<Option<Advertise>, String> {
    let Some(text) = text else { return Ok(None) };
    let failed = |reason: String| {
        format!("Error setting {of} INFO with {option} value of {text}, err={reason}")
    };
    let (host, port) = match split_host_port(&text) {
        Ok((host, port)) => (host, port),
        Err("missing port in address") => (text.trim_start_matches('[').trim_end_matches(']'), "0"),
        Err(reason) => return Err(failed(format!("address {text}: {reason}"))),
    };
    let number = atoi(port.trim()).ok_or_else(|| {
        failed(format!("strconv.Atoi: parsing {}: invalid syntax", quote(port.trim())))
    })?;
    let port = match u16::try_from(number) {
        Ok(0) => None,
        Ok(port) => Some(port),
        Err(_) if number == -1 => None,
        Err(_) => return Err(failed(format!("invalid port {number}"))),
    };
    let host = host.trim().to_owned();
    Ok(Some(Advertise { host, port, text }))
}
