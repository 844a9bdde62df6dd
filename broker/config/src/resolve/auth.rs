//! `authorization`, of clients and of routes.

use std::time::Duration;

use super::permissions;
use super::raw::RawAuth;
use super::values::{map, text};
use super::{Issues, Setting, each_setting};
use crate::config::{Credentials, Secret};
use crate::defaults::AUTH_TIMEOUT_SENSIBLE;
use crate::go::parse_duration;
use crate::options::{AUTHORIZATION, AuthorizationOption, USER, UserOption};
use crate::value::{Map, Node, Value};

/// Whose authorization it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Clients,
    Routes,
}

impl Where {
    /// What stands before the names of options.
    fn block(self) -> &'static str {
        match self {
            Self::Clients => "authorization.",
            Self::Routes => "cluster.authorization.",
        }
    }
}

/// Reads a block. What contradicts what is for the caller to say.
pub(super) fn resolve(whose: Where, node: &Node, issues: &mut Issues) -> Result<RawAuth, String> {
    let mut auth = RawAuth::default();
    each_setting(whose.block(), AUTHORIZATION, map(node)?, issues, |setting, issues| {
        let result = set(whose, setting, &mut auth, issues);
        issues.check(&setting.node.at, result);
    });
    Ok(auth)
}

fn set(
    whose: Where,
    setting: &Setting<'_, AuthorizationOption>,
    auth: &mut RawAuth,
    issues: &mut Issues,
) -> Result<(), String> {
    let Setting { id, key, node } = *setting;
    match id {
        AuthorizationOption::User => auth.user = non_empty(node)?,
        AuthorizationOption::Password => auth.password = non_empty(node)?.map(Secret::new),
        AuthorizationOption::Token => auth.token = non_empty(node)?.map(Secret::new),
        AuthorizationOption::Timeout => auth.timeout = timeout(key, node, issues)?,
        AuthorizationOption::Users => auth.users = Some(users(whose, node, issues)?),
        AuthorizationOption::Permissions => match whose {
            Where::Routes => auth.permissions = Some(permissions::resolve(node, issues)?),
            Where::Clients => {
                if !node.value.as_map().is_some_and(Map::is_empty) {
                    issues.not_supported(&node.at, format!("authorization.{key}"));
                }
            }
        },
    }
    Ok(())
}

fn non_empty(node: &Node) -> Result<Option<String>, String> {
    Ok(Some(text(node)?.to_owned()).filter(|text| !text.is_empty()))
}

/// Seconds, or a duration as text. 0 and less mean the default.
fn timeout(key: &str, node: &Node, issues: &mut Issues) -> Result<Option<Duration>, String> {
    let failed = |reason: &str| format!("error parsing authorization config, 'timeout' {reason}");
    let (seconds, shown) = match &node.value {
        Value::Integer(seconds) => (to_float(*seconds), seconds.to_string()),
        Value::Float(seconds) => (*seconds, seconds.to_string()),
        Value::String(text) => {
            let nanos = parse_duration(text).map_err(|reason| failed(&reason))?;
            (to_float(nanos) / 1e9, text.clone())
        }
        Value::Bool(_) | Value::DateTime(_) | Value::List(_) | Value::Map(_) => {
            return Err(failed("wrong type"));
        }
    };
    if seconds > AUTH_TIMEOUT_SENSIBLE.as_secs_f64() {
        let reason = format!(
            "timeout of {shown} ({seconds:.6} seconds) is high, consider keeping it under 60 \
             seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example"
        );
        issues.warn_field(&node.at, key, &reason);
    }
    // Longer than a duration can be is as good as for ever.
    let timeout = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    Ok(Some(timeout).filter(|timeout| !timeout.is_zero()))
}

#[expect(clippy::cast_precision_loss, reason = "seconds beyond 2^53 need no precision")]
fn to_float(number: i64) -> f64 {
    number as f64
}

fn users(whose: Where, node: &Node, issues: &mut Issues) -> Result<Vec<Credentials>, String> {
    let Some(list) = node.value.as_list() else {
        let found = node.value.shown();
        return Err(format!("Expected users field to be an array, got {found}"));
    };
    let mut users = Vec::with_capacity(list.len());
    for entry in list {
        let result = user(whose, entry, issues);
        users.extend(issues.check(&entry.at, result).flatten());
    }
    Ok(users)
}

/// One entry; `None` if something is wrong with it, which has been noted then.
fn user(whose: Where, entry: &Node, issues: &mut Issues) -> Result<Option<Credentials>, String> {
    let Some(map) = entry.value.as_map() else {
        let found = entry.value.shown();
        return Err(format!("Expected user entry to be a map/struct, got {found}"));
    };
    let errors_before = issues.errors.len();
    let mut name = None;
    let mut password = Secret::default();
    let block = format!("{}users.", whose.block());
    each_setting(&block, USER, map, issues, |Setting { id, node, .. }, issues| {
        let Some(text) = issues.check(&node.at, text(node)) else { return };
        match id {
            UserOption::User => name = Some(text.to_owned()).filter(|name| !name.is_empty()),
            UserOption::Password => password = Secret::new(text),
        }
    });
    // A user with a key only, say, has been noted already.
    if name.is_none() && issues.errors.len() == errors_before {
        let last = map.in_order().last().map_or(&entry.at, |(_, node)| &node.at).clone();
        issues.error(&last, "User entry requires a user");
    }
    Ok(name.map(|user| Credentials { user, password }))
}
