//! Options outside of all blocks.

use std::time::Duration;

use super::auth::{self, Where};
use super::raw::{Raw, RawAuth};
use super::values::{
    integer, set_duration, set_int32, set_limit, set_listen, set_port, set_switch, set_text,
    set_unsigned, switch, text, unsigned,
};
use super::{Issues, Setting, cluster, each_setting, jetstream};
use crate::defaults::LAME_DUCK_DURATION_MIN;
use crate::go::{format_duration, parse_duration, quote};
use crate::options::{LimitOption, LogOption, TOP, Top};
use crate::value::{Map, Node};

pub(super) fn resolve(map: &Map, raw: &mut Raw, issues: &mut Issues) {
    each_setting("", TOP, map, issues, |setting, issues| {
        let result = set(setting, raw, issues);
        issues.check(&setting.node.at, result);
    });
}

fn set(setting: &Setting<'_, Top>, raw: &mut Raw, issues: &mut Issues) -> Result<(), String> {
    let Setting { id, key, node } = *setting;
    match id {
        Top::Listen => set_listen(&mut raw.host, &mut raw.port, node),
        Top::Host => set_text(&mut raw.host, node),
        Top::Port => set_port(&mut raw.port, node),
        Top::ClientAdvertise => set_text(&mut raw.client_advertise, node),
        Top::ServerName => set_name(&mut raw.server_name, "server", node),
        Top::Http => set_listen(&mut raw.http_host, &mut raw.http_port, node),
        Top::HttpPort => set_port(&mut raw.http_port, node),
        Top::HttpBasePath => set_text(&mut raw.http_base_path, node),
        Top::Log(id) => set_log(id, node, raw),
        Top::Limit(id) => set_limits(id, key, node, raw),
        Top::PidFile => set_text(&mut raw.pid_file, node),
        Top::PortsFileDir => set_text(&mut raw.ports_file_dir, node),
        Top::PingInterval => set_duration(&mut raw.ping_interval, "ping_interval", node, issues),
        Top::PingMax => set_unsigned(&mut raw.ping_max, key, node),
        Top::WriteDeadline => set_duration(&mut raw.write_deadline, "write_deadline", node, issues),
        Top::NoFastProducerStall => set_switch(&mut raw.no_fast_producer_stall, node),
        Top::NoHeaderSupport => set_switch(&mut raw.no_header_support, node),
        Top::LameDuckDuration => set_lame_duck_duration(&mut raw.lame_duck_duration, node),
        Top::LameDuckGracePeriod => set_grace_period(&mut raw.lame_duck_grace_period, node),
        Top::ConnectErrorReports => set_unsigned(&mut raw.connect_error_reports, key, node),
        Top::ReconnectErrorReports => set_unsigned(&mut raw.reconnect_error_reports, key, node),
        Top::Authorization => set_authorization(&mut raw.auth, node, issues),
        Top::NoAuthUser => set_text(&mut raw.no_auth_user, node),
        Top::Cluster => cluster::resolve(node, &mut raw.cluster, issues),
        Top::ServerTags => set_tags(&mut raw.server_tags, node),
        Top::ServerMetadata => set_metadata(raw, node, issues),
        Top::DisableSublistCache => set_switch(&mut raw.disable_sublist_cache, node),
        Top::ProfPort => set_port(&mut raw.profile_port, node),
        Top::JetStream => jetstream::resolve(node, raw, issues),
        Top::StoreDir => set_store_dir(&mut raw.store_dir, node),
        Top::UnusedNumber => integer(node).map(drop),
        Top::UnusedSwitch => switch(node).map(drop),
    }
}

fn set_log(id: LogOption, node: &Node, raw: &mut Raw) -> Result<(), String> {
    match id {
        LogOption::Debug => set_switch(&mut raw.debug, node),
        LogOption::Trace => set_switch(&mut raw.trace, node),
        LogOption::TraceVerbose => {
            raw.trace_verbose = switch(node)?;
            raw.trace |= raw.trace_verbose;
            Ok(())
        }
        LogOption::Logtime => {
            raw.logtime = Some(switch(node)?);
            Ok(())
        }
        LogOption::LogtimeUtc => set_switch(&mut raw.logtime_utc, node),
        LogOption::LogFile => set_text(&mut raw.log_file, node),
        LogOption::LogSizeLimit => set_limit(&mut raw.log_size_limit, node),
        LogOption::LogMaxNum => set_limit(&mut raw.log_max_num, node),
        LogOption::MaxTracedMsgLen => set_limit(&mut raw.max_traced_msg_len, node),
    }
}

fn set_limits(id: LimitOption, key: &str, node: &Node, raw: &mut Raw) -> Result<(), String> {
    match id {
        LimitOption::Connections => {
            // Unlike elsewhere, 0 is not the default: nobody may connect. The same below 0.
            raw.max_connections = Some(u64::try_from(integer(node)?).unwrap_or(0));
            Ok(())
        }
        LimitOption::Subscriptions => {
            if integer(node)? < -1 {
                return Err(format!("{key} value can not be negative"));
            }
            set_limit(&mut raw.max_subscriptions, node)
        }
        LimitOption::SubscriptionTokens => {
            if integer(node)? == 0 {
                return Err(format!("{key} value can not be negative"));
            }
            raw.max_subscription_tokens = Some(unsigned(key, node)?);
            Ok(())
        }
        LimitOption::ControlLine => set_int32(&mut raw.max_control_line, key, node),
        LimitOption::Payload => set_int32(&mut raw.max_payload, key, node),
        LimitOption::Pending => set_unsigned(&mut raw.max_pending, key, node),
        LimitOption::ClosedClients => set_unsigned(&mut raw.max_closed_clients, key, node),
    }
}

/// A name without spaces; `of` says what of.
pub(super) fn set_name(slot: &mut Option<String>, of: &str, node: &Node) -> Result<(), String> {
    if text(node)?.contains(' ') {
        return Err(format!("{of} name cannot contain spaces"));
    }
    set_text(slot, node)
}

fn set_lame_duck_duration(slot: &mut Option<Duration>, node: &Node) -> Result<(), String> {
    let nanos = parse_duration(text(node)?)
        .map_err(|reason| format!("error parsing lame_duck_duration: {reason}"))?;
    let duration = Duration::from_nanos(u64::try_from(nanos).unwrap_or(0));
    if duration < LAME_DUCK_DURATION_MIN {
        let duration = format_duration(nanos);
        let minimum = LAME_DUCK_DURATION_MIN.as_secs();
        return Err(format!(
            "invalid lame_duck_duration of {duration}, minimum is {minimum} seconds"
        ));
    }
    *slot = Some(duration);
    Ok(())
}

fn set_grace_period(slot: &mut Option<Duration>, node: &Node) -> Result<(), String> {
    let nanos = parse_duration(text(node)?)
        .map_err(|reason| format!("error parsing lame_duck_grace_period: {reason}"))?;
    let Ok(nanos) = u64::try_from(nanos) else {
        return Err("invalid lame_duck_grace_period, needs to be positive".to_owned());
    };
    *slot = Some(Duration::from_nanos(nanos)).filter(|period| !period.is_zero());
    Ok(())
}

fn set_authorization(slot: &mut RawAuth, node: &Node, issues: &mut Issues) -> Result<(), String> {
    let auth = auth::resolve(Where::Clients, node, issues)?;
    if (auth.user.is_some() || auth.password.is_some()) && auth.token.is_some() {
        return Err("Cannot have a user/pass and token".to_owned());
    }
    if let Some(users) = &auth.users {
        if auth.user.is_some() {
            return Err("Can not have a single user/pass and a users array".to_owned());
        }
        if auth.token.is_some() {
            return Err("Can not have a token and a users array".to_owned());
        }
        let mut names = std::collections::BTreeSet::new();
        if let Some(twice) = users.iter().find(|user| !names.insert(&user.user)) {
            return Err(format!("Duplicate user {} detected", quote(&twice.user)));
        }
    }
    *slot = auth;
    Ok(())
}

/// Tags are kept in lower case, without blanks around them, and each only once.
fn set_tags(tags: &mut Vec<String>, node: &Node) -> Result<(), String> {
    let mut add = |tag: &str| {
        let tag = tag.trim().to_lowercase();
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    };
    if let Some(tag) = node.value.as_text() {
        add(tag);
        return Ok(());
    }
    let Some(list) = node.value.as_list() else {
        return Err(format!("error parsing tags: unsupported type {}", node.value.go_type()));
    };
    for item in list {
        let Some(tag) = item.value.as_text() else {
            let found = item.value.go_type();
            return Err(format!(
                "error parsing tags: unsupported type {found} where string is expected"
            ));
        };
        add(tag);
    }
    Ok(())
}

fn set_metadata(raw: &mut Raw, node: &Node, issues: &mut Issues) -> Result<(), String> {
    let Some(map) = node.value.as_map() else {
        let found = node.value.go_type();
        return Err(format!("error parsing metadata: unsupported type {found}"));
    };
    for (key, node) in map.in_order() {
        if let Some(text) = issues.check(&node.at, text(node)) {
            raw.server_metadata.insert(key.to_owned(), text.to_owned());
        }
    }
    Ok(())
}

/// `store_dir`, which may be said outside of or inside of `jetstream`.
pub(super) fn set_store_dir(slot: &mut Option<String>, node: &Node) -> Result<(), String> {
    if slot.is_some() {
        return Err("Duplicate 'store_dir' configuration".to_owned());
    }
    set_text(slot, node)
}
