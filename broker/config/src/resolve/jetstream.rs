//! `jetstream`.

use std::num::IntErrorKind::{NegOverflow, PosOverflow};
use std::num::ParseIntError;
use std::time::Duration;

use super::raw::{Raw, RawJetStream};
use super::top::set_store_dir;
use super::values::{integer, set_duration, set_limit, set_switch, set_text, switch, text};
use super::{Issues, Setting, each_setting};
use crate::config::{BatchLimits, Cipher, JetStreamLimits, SyncPolicy};
use crate::defaults::{MAX_CONCURRENT_IO_RANGE, MAX_CONSUMERS};
use crate::go::{parse_duration, quote};
use crate::options::{
    BATCH, BatchOption, JETSTREAM, JetStreamOption, LIMITS, StreamLimitOption, UnusedOption,
};
use crate::value::{Node, Value};

/// `true`, `enabled`, or a map with details.
pub(super) fn resolve(node: &Node, raw: &mut Raw, issues: &mut Issues) -> Result<(), String> {
    match &node.value {
        Value::Bool(on) => raw.jetstream.enabled = *on,
        Value::String(word) => {
            raw.jetstream.enabled = match word.to_lowercase().as_str() {
                "enabled" | "enable" => true,
                "disabled" | "disable" => false,
                _ => {
                    let wanted = "Expected 'enabled' or 'disabled' for string value";
                    return Err(format!("{wanted}, got '{word}'"));
                }
            };
        }
        Value::Map(map) => {
            raw.jetstream.enabled = true;
            each_setting("jetstream.", JETSTREAM, map, issues, |setting, issues| {
                let result = set(setting, raw, issues);
                issues.check(&setting.node.at, result);
            });
        }
        Value::Integer(_) | Value::Float(_) | Value::DateTime(_) | Value::List(_) => {
            let found = node.value.go_type();
            return Err(format!("Expected map, bool or string to define JetStream, got {found}"));
        }
    }
    Ok(())
}

fn set(
    setting: &Setting<'_, JetStreamOption>,
    raw: &mut Raw,
    issues: &mut Issues,
) -> Result<(), String> {
    let Setting { id, key, node } = *setting;
    let js = &mut raw.jetstream;
    match id {
        JetStreamOption::Enabled => set_switch(&mut js.enabled, node),
        JetStreamOption::StoreDir => set_store_dir(&mut raw.store_dir, node),
        JetStreamOption::MaxMemory => set_store(&mut js.max_memory, "max_mem_store", node),
        JetStreamOption::MaxStore => set_store(&mut js.max_store, "max_file_store", node),
        JetStreamOption::Domain => set_text(&mut js.domain, node),
        JetStreamOption::Strict => set_strict(js, node),
        JetStreamOption::SyncInterval => set_sync(js, key, node, issues),
        JetStreamOption::RequestQueueLimit => set_count(&mut js.request_queue_limit, key, node),
        JetStreamOption::MaxBufferedMsgs => set_count(&mut js.max_buffered_msgs, key, node),
        JetStreamOption::MaxBufferedSize => {
            let bytes = size(&key.to_lowercase(), node)?;
            js.max_buffered_size = u64::try_from(bytes).ok().filter(|bytes| *bytes > 0);
            Ok(())
        }
        JetStreamOption::Limits => {
            js.limits = limits(node, issues)?;
            Ok(())
        }
        JetStreamOption::Key => set_text(&mut js.key, node),
        JetStreamOption::PrevKey => set_text(&mut js.previous_key, node),
        JetStreamOption::Cipher => {
            js.cipher = cipher(node)?;
            Ok(())
        }
        JetStreamOption::ExtensionHint => set_text(&mut js.extension_hint, node),
        JetStreamOption::Unused(id) => check_unused(id, key, node),
    }
}

/// Checks an option that has no effect here.
fn check_unused(id: UnusedOption, key: &str, node: &Node) -> Result<(), String> {
    let absolute =
        |shown: String| format!("Expected an absolute size for {}, got {shown}", quote(key));
    match id {
        UnusedOption::UniqueTag => text(node).map(drop),
        UnusedOption::InfoQueueLimit => set_count(&mut None, key, node),
        UnusedOption::MetaCompact => match node.value.as_integer() {
            Some(number) if number >= 0 => Ok(()),
            Some(_) | None => Err(absolute(node.value.shown())),
        },
        UnusedOption::MetaCompactSize => match size(&key.to_lowercase(), node)? {
            0.. => Ok(()),
            _ => Err(absolute(node.value.shown())),
        },
        UnusedOption::MetaCompactSync => switch(node).map(drop),
        UnusedOption::MaxConcurrentIo => match node.value.as_integer() {
            Some(number) if MAX_CONCURRENT_IO_RANGE.contains(&number) => Ok(()),
            Some(_) | None => {
                let (least, most) = MAX_CONCURRENT_IO_RANGE.into_inner();
                let (key, shown) = (quote(key), node.value.shown());
                let wanted = format!("Expected an absolute size for {key}");
                Err(format!("{wanted} between {least} and {most}, got {shown}"))
            }
        },
        UnusedOption::MaxOutstandingCatchup => size(&key.to_lowercase(), node).map(drop),
    }
}

fn set_strict(js: &mut RawJetStream, node: &Node) -> Result<(), String> {
    let wanted = "Expected 'true' or 'false' for bool value";
    let on = node.value.as_bool();
    let on = on.ok_or_else(|| format!("{wanted}, got '{}'", node.value.shown()))?;
    js.not_strict = !on;
    Ok(())
}

fn set_sync(
    js: &mut RawJetStream,
    key: &str,
    node: &Node,
    issues: &mut Issues,
) -> Result<(), String> {
    if node.value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("always")) {
        js.sync = None;
        return Ok(());
    }
    let mut interval = None;
    set_duration(&mut interval, key, node, issues)?;
    js.sync = interval.map(SyncPolicy::Every);
    Ok(())
}

/// A size; less than 0 is what is not given.
fn set_store(slot: &mut Option<u64>, field: &str, node: &Node) -> Result<(), String> {
    *slot = u64::try_from(size(field, node)?).ok();
    Ok(())
}

/// A number, or a text with a number and one of the letters K, M, G and T.
fn size(field: &str, node: &Node) -> Result<i64, String> {
    let failed = |reason: &str| format!("{field} {reason}");
    if let Some(number) = node.value.as_integer() {
        return Ok(number);
    }
    let text = node.value.as_text().ok_or_else(|| failed("must be int64 or string"))?;
    let Some(suffix) = text.chars().next_back() else { return Ok(0) };
    let digits = &text[..text.len() - suffix.len_utf8()];
    let number: i64 = digits.parse().map_err(|error: ParseIntError| {
        let out_of_range = matches!(error.kind(), PosOverflow | NegOverflow);
        let problem = if out_of_range { "value out of range" } else { "invalid syntax" };
        failed(&format!("strconv.ParseInt: parsing {}: {problem}", quote(digits)))
    })?;
    let shift = match suffix {
        'K' => 10,
        'M' => 20,
        'G' => 30,
        'T' => 40,
        _ => return Err(failed("sizes defined as strings must end in K, M, G, T")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| failed("value is too big"))
}

/// How many may wait; 0 and less is the default.
fn set_count(slot: &mut Option<u32>, key: &str, node: &Node) -> Result<(), String> {
    let number = node.value.as_integer().ok_or_else(|| {
        let shown = node.value.shown();
        format!("Expected a parseable size for {}, got {shown}", quote(key))
    })?;
    *slot = positive(number);
    Ok(())
}

/// A number above 0, cut to 32 bits.
fn positive(number: i64) -> Option<u32> {
    (number > 0).then(|| u32::try_from(number).unwrap_or(u32::MAX))
}

fn cipher(node: &Node) -> Result<Cipher, String> {
    let word = text(node)?;
    match word.to_lowercase().as_str() {
        "chacha" | "chachapoly" => Ok(Cipher::ChaCha20Poly1305),
        "aes" => Ok(Cipher::Aes256Gcm),
        _ => Err(format!("Unknown cipher type: {}", quote(word))),
    }
}

fn limits(node: &Node, issues: &mut Issues) -> Result<JetStreamLimits, String> {
    let Some(map) = node.value.as_map() else {
        let found = node.value.go_type();
        return Err(format!("Expected a map to define JetStreamLimits, got {found}"));
    };
    let mut limits = JetStreamLimits::default();
    each_setting("jetstream.limits.", LIMITS, map, issues, |setting, issues| {
        let node = setting.node;
        let result = match setting.id {
            StreamLimitOption::MaxAckPending => set_limit(&mut limits.max_ack_pending, node),
            StreamLimitOption::MaxRequestBatch => set_limit(&mut limits.max_request_batch, node),
            StreamLimitOption::DefaultMaxConsumers => integer(node).map(|number| {
                limits.default_max_consumers = match number {
                    0 => Some(MAX_CONSUMERS),
                    number => u64::try_from(number).ok(),
                };
            }),
            StreamLimitOption::MaxHaAssets => integer(node).map(drop),
            StreamLimitOption::DuplicateWindow => set_span(&mut limits.duplicate_window, node),
            StreamLimitOption::Batch => batch(node, issues).map(|found| limits.batch = found),
        };
        issues.check(&node.at, result);
    });
    Ok(limits)
}

fn batch(node: &Node, issues: &mut Issues) -> Result<BatchLimits, String> {
    let Some(map) = node.value.as_map() else {
        let found = node.value.go_type();
        return Err(format!("Expected a map to define batch limits, got {found}"));
    };
    let mut limits = BatchLimits::default();
    each_setting("jetstream.limits.batch.", BATCH, map, issues, |setting, issues| {
        let node = setting.node;
        let slot = match setting.id {
            BatchOption::MaxInflightPerStream => &mut limits.max_inflight_per_stream,
            BatchOption::MaxInflightTotal => &mut limits.max_inflight_total,
            BatchOption::MaxMsgs => &mut limits.max_msgs,
            BatchOption::Timeout => {
                let result = set_span(&mut limits.timeout, node);
                issues.check(&node.at, result);
                return;
            }
        };
        if let Some(number) = issues.check(&node.at, integer(node)) {
            *slot = positive(number);
        }
    });
    Ok(limits)
}

/// A duration as text; 0 and less is none.
fn set_span(slot: &mut Option<Duration>, node: &Node) -> Result<(), String> {
    let nanos = parse_duration(text(node)?)?;
    let span = u64::try_from(nanos).ok().map(Duration::from_nanos);
    *slot = span.filter(|span| !span.is_zero());
    Ok(())
}
