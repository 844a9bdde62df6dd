//! What must hold for `jetstream` and `cluster.buffer`.

use crate::config::{JetStream, Limits, LinkBuffer, Secret, SyncPolicy};
use crate::defaults;
use crate::go::quote;
use crate::resolve::{RawBuffer, RawJetStream};

/// `None` if it is not switched on; what is said about it must be right all the same.
///
/// Unlike nats-server, a cluster needs no names here: nothing is replicated yet that would need
/// them.
pub(super) fn finish(raw: RawJetStream, clustered: bool) -> Result<Option<JetStream>, String> {
    if let Some(domain) = &raw.domain {
        check_domain(domain)?;
    }
    if raw.enabled && clustered {
        check_hint(raw.extension_hint.as_deref().unwrap_or_default())?;
    }
    let jetstream = JetStream {
        max_memory: raw.max_memory,
        max_store: raw.max_store,
        domain: raw.domain,
        strict: !raw.not_strict,
        sync: raw.sync.unwrap_or(SyncPolicy::BeforeAck),
        request_queue_limit: raw.request_queue_limit.unwrap_or(defaults::REQUEST_QUEUE_LIMIT),
        max_buffered_msgs: raw.max_buffered_msgs.unwrap_or(defaults::MAX_BUFFERED_MSGS),
        max_buffered_size: raw.max_buffered_size.unwrap_or(defaults::MAX_BUFFERED_SIZE),
        limits: raw.limits,
        key: raw.key.filter(|key| !key.is_empty()).map(Secret::new),
        previous_key: raw.previous_key.filter(|key| !key.is_empty()).map(Secret::new),
        cipher: raw.cipher,
    };
    Ok(raw.enabled.then_some(jetstream))
}

/// It becomes a token of subjects.
fn check_domain(domain: &str) -> Result<(), String> {
    let subject = format!("$JS.{domain}.API.>");
    let blank = |char: char| " \t\r\n\u{c}".contains(char);
    if domain.contains(blank) || domain.split('.').any(|token| token.is_empty() || token == ">") {
        let derived = quote(&subject);
        return Err(format!("invalid domain name: derived {derived} is not a valid subject"));
    }
    if domain.contains(['.', '*', '>']) {
        return Err("invalid domain name: may not contain ., * or >".to_owned());
    }
    Ok(())
}

fn check_hint(hint: &str) -> Result<(), String> {
    match hint.to_lowercase().as_str() {
        "" | "no_extend" | "will_extend" => Ok(()),
        other => Err(format!("expected 'no_extend' for string value, got '{other}'")),
    }
}

/// A buffer is kept as streams are, and must have room for every message.
pub(super) fn finish_buffer(
    raw: Option<RawBuffer>,
    named: bool,
    jetstream: Option<&JetStream>,
    limits: &Limits,
) -> Result<Option<LinkBuffer>, String> {
    let Some(raw) = raw else { return Ok(None) };
    if jetstream.is_none() {
        return Err("cluster buffer requires `jetstream` to be enabled".to_owned());
    }
    let max_bytes = raw.max_bytes.unwrap_or(defaults::BUFFER_MAX_BYTES);
    let max_payload = limits.max_payload;
    if max_bytes < u64::from(max_payload) {
        return Err(format!(
            "cluster buffer max_bytes ({max_bytes}) cannot be lower than max_payload ({max_payload})"
        ));
    }
    // Others keep what is for this server under its name.
    if !named {
        return Err("cluster buffer requires `server_name` to be set".to_owned());
    }
    Ok(Some(LinkBuffer {
        subjects: raw.subjects,
        max_bytes,
        max_msgs: raw.max_msgs,
        max_age: raw.max_age,
        overflow: raw.overflow,
    }))
}
