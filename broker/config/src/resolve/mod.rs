//! From a tree to [`Raw`] options: every key looked up, every value checked where it stands.
//!
//! All errors of a file are collected, in the order of the file. (nats-server collects them too, in
//! a random order.)

mod auth;
mod buffer;
mod cluster;
mod jetstream;
mod permissions;
mod raw;
mod top;
mod values;

pub(crate) use raw::{Raw, RawAuth, RawBuffer, RawCluster, RawJetStream};
pub(crate) use values::listen_port;

use crate::error::{ConfigError, Position, Warning};
use crate::options::{self, OptionRow, Support};
use crate::value::{Map, Node, Value};

/// Reads all options of a file into `raw`.
pub(crate) fn resolve(file: &str, map: &Map, raw: &mut Raw, issues: &mut Issues) {
    if map.is_empty() {
        let reason = format!("{file}: config has no values or is empty");
        issues.warnings.push(Warning { at: None, reason });
    }
    top::resolve(map, raw, issues);
}

/// What has been found to be wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) warnings: Vec<Warning>,
}

impl Issues {
    fn error(&mut self, at: &Position, reason: impl Into<String>) {
        self.errors.push(ConfigError::Value { at: at.clone(), reason: reason.into() });
    }

    fn not_supported(&mut self, at: &Position, option: String) {
        self.errors.push(ConfigError::NotSupported { at: Some(at.clone()), option });
    }

    fn warn(&mut self, at: &Position, reason: String) {
        self.warnings.push(Warning { at: Some(at.clone()), reason });
    }

    /// A warning about a key, in nats-server's frame for those.
    fn warn_field(&mut self, at: &Position, field: &str, reason: &str) {
        let field = crate::go::quote(field);
        self.warn(at, format!("invalid use of field {field}: {reason}"));
    }

    /// Notes an error of a value, and goes on.
    fn check<T>(&mut self, at: &Position, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.error(at, reason)).ok()
    }
}

/// A key of a block with the option that it names.
struct Setting<'a, S> {
    id: S,
    /// The key as written.
    key: &'a str,
    node: &'a Node,
}

/// Hands the keys of a block that name options of this version to `apply`, in the order of the
/// file. Unknown keys and unsupported options are noted as errors; `block` is put in front of the
/// latter's names.
fn each_setting<S: Copy>(
    block: &str,
    rows: &'static [OptionRow<S>],
    map: &Map,
    issues: &mut Issues,
    mut apply: impl FnMut(&Setting<'_, S>, &mut Issues),
) {
    for (key, node) in map.in_order() {
        let Some(row) = options::find(rows, key) else {
            // Keys that are there to be used as variables may have any name.
            if !node.used_as_variable {
                let (at, field) = (node.at.clone(), key.to_owned());
                issues.errors.push(ConfigError::UnknownField { at, field });
            }
            continue;
        };
        match row.support {
            Support::Full(id) | Support::NoEffect(id) => apply(&Setting { id, key, node }, issues),
            Support::NotYet(_) if row.key == "write_timeout" && is_no_policy(&node.value) => {
                issues.error(&node.at, "write_timeout must be 'default', 'close' or 'retry'");
            }
            Support::NotYet(is_off) if is_off(&node.value) => {}
            Support::NotYet(_) => issues.not_supported(&node.at, format!("{block}{}", row.key)),
        }
    }
}

/// Whether this is a text that `write_timeout` does not take in nats-server either.
fn is_no_policy(value: &Value) -> bool {
    value.as_text().is_some_and(|text| !["default", "close", "retry"].contains(&text))
}
