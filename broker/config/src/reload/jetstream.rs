//! Changes of `jetstream`: only the two limits may rise.

use super::{Change, NotReloadable, same};
use crate::config::{Config, JetStream, Secret, SyncPolicy};
use crate::go::show_duration;

/// The changes from `old` to `new`. nats-server can also switch streams on and off; a start is due
/// for that here.
pub(super) fn diff(
    old: &Config,
    new: &Config,
    changes: &mut Vec<Change>,
) -> Result<(), NotReloadable> {
    same("JetStream", &old.jetstream.is_some(), &new.jetstream.is_some())?;
    let (Some(a), Some(b)) = (&old.jetstream, &new.jetstream) else { return Ok(()) };
    same("NoJetStreamStrict", &!a.strict, &!b.strict)?;
    changes.extend(rise(a.max_memory, b.max_memory)?.map(Change::JetStreamMaxMemory));
    changes.extend(rise(a.max_store, b.max_store)?.map(Change::JetStreamMaxStore));
    let domain = |jetstream: &JetStream| jetstream.domain.clone().unwrap_or_default();
    same("JetStreamDomain", &domain(a), &domain(b))?;
    same_secret("JetStreamKey", a.key.as_ref(), b.key.as_ref())?;
    same_secret("JetStreamOldKey", a.previous_key.as_ref(), b.previous_key.as_ref())?;
    same("JetStreamCipher", &a.cipher.name(), &b.cipher.name())?;
    let limits = |jetstream: &JetStream| format!("{:?}", jetstream.limits);
    same("JetStreamLimits", &limits(a), &limits(b))?;
    same("JetStreamRequestQueueLimit", &a.request_queue_limit, &b.request_queue_limit)?;
    same("StreamMaxBufferedMsgs", &a.max_buffered_msgs, &b.max_buffered_msgs)?;
    same("StreamMaxBufferedSize", &a.max_buffered_size, &b.max_buffered_size)?;
    if old.store_dir != new.store_dir {
        let gone = new.store_dir.is_none();
        return Err(NotReloadable::JetStream(if gone {
            "storage dir"
        } else {
            "storage directory"
        }));
    }
    same("SyncInterval", &interval(a), &interval(b))
}

/// Says that it changed, and not what it is.
fn same_secret(
    field: &'static str,
    old: Option<&Secret>,
    new: Option<&Secret>,
) -> Result<(), NotReloadable> {
    let shown = |secret: Option<&Secret>| secret.map_or("", |_| "[REDACTED]").to_owned();
    match old == new {
        true => Ok(()),
        false => Err(NotReloadable::Field { field, old: shown(old), new: shown(new) }),
    }
}

fn interval(jetstream: &JetStream) -> String {
    match jetstream.sync {
        SyncPolicy::BeforeAck => "always".to_owned(),
        SyncPolicy::Every(interval) => show_duration(interval),
    }
}

/// The new limit if it is higher. One that follows the machine cannot be fixed while running, nor
/// the other way round.
fn rise(old: Option<u64>, new: Option<u64>) -> Result<Option<u64>, NotReloadable> {
    match (old, new) {
        (Some(old), Some(new)) if new > old => Ok(Some(new)),
        (old, new) if old == new => Ok(None),
        (Some(_), None) => Err(NotReloadable::JetStream("max memory and max store")),
        (None, Some(_)) => Err(NotReloadable::JetStream("dynamic max memory and store")),
        (_, _) => Err(NotReloadable::Decrease),
    }
}
