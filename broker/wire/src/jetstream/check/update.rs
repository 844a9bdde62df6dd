//! What may become of a stream that exists.

use super::stream::{check_discard_new_per_subject, check_stream};
use super::{Rules, invalid};
use crate::jetstream::error::{ApiError, ErrorKind};
use crate::jetstream::stream::{Discard, Retention, StreamConfig};
use crate::jetstream::time::Nanos;

/// The new configuration with its defaults, if it follows the rules and may take the place of the
/// old one. Whether there is room for it, and whether its subjects are free, is asked elsewhere.
///
/// # Errors
///
/// The first rule it breaks.
pub fn check_stream_update(
    old: &StreamConfig,
    new: &StreamConfig,
    rules: &Rules<'_>,
) -> Result<StreamConfig, ApiError> {
    let mut config = check_stream(new, rules)?;
    if config.name != old.name {
        return Err(invalid("stream configuration name must match original"));
    }
    rules.check_standalone(config.num_replicas)?;
    if config.storage != old.storage {
        return Err(invalid("stream configuration update can not change storage type"));
    }
    let is_queue = |config: &StreamConfig| config.retention == Retention::WorkQueue;
    if config.retention != old.retention && (is_queue(old) || is_queue(&config)) {
        return Err(invalid(
            "stream configuration update can not change retention policy to/from workqueue",
        ));
    }
    check_promises(old, &config)?;
    if config.mirror.is_some() && config.mirror != old.mirror {
        return Err(ErrorKind::StreamMirrorNotUpdatable.into());
    }
    check_discard_new_per_subject(&config)?;
    check_features(old, &config)?;
    if config.sealed {
        config.max_age = Nanos(0);
        config.discard = Discard::New;
        config.deny_delete = true;
        config.deny_purge = true;
        config.allow_rollup_hdrs = false;
    }
    Ok(config)
}

/// What can not be undone.
fn check_promises(old: &StreamConfig, new: &StreamConfig) -> Result<(), ApiError> {
    let promises = [
        (old.sealed, new.sealed, "unseal a sealed stream"),
        (old.deny_delete, new.deny_delete, "cancel deny message deletes"),
        (old.deny_purge, new.deny_purge, "cancel deny purge"),
    ];
    match promises.iter().find(|(old, new, _)| *old && !new) {
        Some((_, _, what)) => {
            Err(invalid(format_args!("stream configuration update can not {what}")))
        }
        None => Ok(()),
    }
}

/// What messages that are stored depend on.
fn check_features(old: &StreamConfig, new: &StreamConfig) -> Result<(), ApiError> {
    if old.allow_msg_ttl && !new.allow_msg_ttl {
        return Err(invalid("message TTL status can not be disabled"));
    }
    if old.allow_msg_counter != new.allow_msg_counter {
        return Err(invalid("stream configuration update can not change message counter setting"));
    }
    if old.allow_msg_schedules && !new.allow_msg_schedules {
        return Err(invalid("message schedules can not be disabled"));
    }
    if old.persist_mode != new.persist_mode {
        return Err(invalid("stream configuration update can not change persist mode"));
    }
    Ok(())
}
