//! Single values: their types and ranges.

use std::time::Duration;

use super::Issues;
use crate::config::ListenPort;
use crate::go::{atoi, format_duration, parse_duration, quote, split_host_port};
use crate::value::{Map, Node, Value};

/// What nats-server says of a value of a wrong type: the text of a Go panic.
pub(super) fn wrong_type(value: &Value, wanted: &str) -> String {
    format!("interface conversion: interface {{}} is {}, not {wanted}", value.go_type())
}

pub(super) fn text(node: &Node) -> Result<&str, String> {
    node.value.as_text().ok_or_else(|| wrong_type(&node.value, "string"))
}

/// A text; an empty one is the same as none.
pub(super) fn set_text(slot: &mut Option<String>, node: &Node) -> Result<(), String> {
    let text = text(node)?;
    *slot = (!text.is_empty()).then(|| text.to_owned());
    Ok(())
}

pub(super) fn switch(node: &Node) -> Result<bool, String> {
    node.value.as_bool().ok_or_else(|| wrong_type(&node.value, "bool"))
}

pub(super) fn set_switch(slot: &mut bool, node: &Node) -> Result<(), String> {
    *slot = switch(node)?;
    Ok(())
}

pub(super) fn integer(node: &Node) -> Result<i64, String> {
    node.value.as_integer().ok_or_else(|| wrong_type(&node.value, "int64"))
}

/// A number from 0 to the largest of `T`. `key` is for the error.
pub(super) fn unsigned<T: TryFrom<i64>>(key: &str, node: &Node) -> Result<T, String> {
    let number = integer(node)?;
    if number < 0 {
        return Err(format!("{key} value can not be negative"));
    }
    T::try_from(number).map_err(|_| format!("{key} value is too big"))
}

/// A number of which 0 means the default.
pub(super) fn set_unsigned<T: TryFrom<i64>>(
    slot: &mut Option<T>,
    key: &str,
    node: &Node,
) -> Result<(), String> {
    let number = unsigned(key, node)?;
    *slot = (integer(node)? != 0).then_some(number);
    Ok(())
}

/// The same for sizes that are 32 bits with a sign on the wire.
pub(super) fn set_int32(slot: &mut Option<u32>, key: &str, node: &Node) -> Result<(), String> {
    if integer(node)? > i64::from(i32::MAX) {
        return Err(format!("{key} value is too big"));
    }
    set_unsigned(slot, key, node)
}

/// A number of which 0 and everything below means no limit.
pub(super) fn set_limit(slot: &mut Option<u64>, node: &Node) -> Result<(), String> {
    *slot = u64::try_from(integer(node)?).ok().filter(|number| *number > 0);
    Ok(())
}

/// A port: -1 is any free one, 0 is not given.
pub(crate) fn listen_port(port: i64) -> Result<Option<ListenPort>, String> {
    match u16::try_from(port) {
        Ok(0) => Ok(None),
        Ok(port) => Ok(Some(ListenPort::Fixed(port))),
        Err(_) if port == -1 => Ok(Some(ListenPort::Random)),
        Err(_) => Err(format!("invalid port {port}")),
    }
}

pub(super) fn set_port(slot: &mut Option<ListenPort>, node: &Node) -> Result<(), String> {
    *slot = listen_port(integer(node)?)?;
    Ok(())
}

/// `port` or `"host:port"`.
pub(super) fn set_listen(
    host: &mut Option<String>,
    port: &mut Option<ListenPort>,
    node: &Node,
) -> Result<(), String> {
    if let Some(number) = node.value.as_integer() {
        (*host, *port) = (None, listen_port(number)?);
        return Ok(());
    }
    let Some(text) = node.value.as_text() else {
        return Err(format!("expected port or host:port, got {}", node.value.go_type()));
    };
    let (host_part, port_part) = split_host_port(text)
        .map_err(|_| format!("could not parse address string {}", quote(text)))?;
    let number =
        atoi(port_part).ok_or_else(|| format!("could not parse port {}", quote(port_part)))?;
    *port = listen_port(number)?;
    *host = Some(host_part.to_owned()).filter(|host| !host.is_empty());
    Ok(())
}

/// A duration as text, or as a number of seconds with a warning. 0 means the default.
pub(super) fn set_duration(
    slot: &mut Option<Duration>,
    field: &str,
    node: &Node,
    issues: &mut Issues,
) -> Result<(), String> {
    let nanos = if let Some(text) = node.value.as_text() {
        parse_duration(text).map_err(|reason| format!("error parsing {field}: {reason}"))?
    } else {
        let reason = format!("{field} should be converted to a duration");
        issues.warn_field(&node.at, field, &reason);
        integer(node)?
            .checked_mul(1_000_000_000)
            .ok_or_else(|| format!("{field} value is too big"))?
    };
    let duration = positive(field, nanos)?;
    *slot = (!duration.is_zero()).then_some(duration);
    Ok(())
}

fn positive(field: &str, nanos: i64) -> Result<Duration, String> {
    match u64::try_from(nanos) {
        Ok(nanos) => Ok(Duration::from_nanos(nanos)),
        Err(_) => {
            Err(format!("invalid {field} of {}, needs to be positive", format_duration(nanos)))
        }
    }
}

/// A text, or a list of texts.
pub(super) fn texts(field: &str, node: &Node, issues: &mut Issues) -> Option<Vec<String>> {
    if let Some(text) = node.value.as_text() {
        return Some(vec![text.to_owned()]);
    }
    let Some(list) = node.value.as_list() else {
        let found = node.value.go_type();
        issues.error(&node.at, format!("error parsing {field}: unsupported type {found}"));
        return None;
    };
    let mut texts = Vec::with_capacity(list.len());
    for item in list {
        match item.value.as_text() {
            Some(text) => texts.push(text.to_owned()),
            None => {
                let found = item.value.go_type();
                let reason = format!("error parsing {field}: unsupported type in array {found}");
                issues.error(&item.at, reason);
            }
        }
    }
    Some(texts)
}

/// The entries of a block.
pub(super) fn map(node: &Node) -> Result<&Map, String> {
    node.value.as_map().ok_or_else(|| wrong_type(&node.value, "map[string]interface {}"))
}
