//! What the rules for configurations must know about an account and its streams.

use alloc::string::String;

use causeway_wire::jetstream::check::{self, Account, Limits, Rules};
use causeway_wire::jetstream::info::AccountLimits;
use causeway_wire::jetstream::{ApiError, ConsumerConfig, ErrorKind, Storage, StreamConfig};

use super::JetStream;
use super::consumer::limits::SEQUENCE_MOST;
use super::stream::Stream;
use crate::ids::AccountId;

/// An account, as the rules see it.
pub(super) struct AccountView<'a> {
    jetstream: &'a JetStream,
    account: AccountId,
}

impl JetStream {
    /// Asks the rules something about an account.
    pub(super) fn with_rules<R>(
        &self,
        account: AccountId,
        pedantic: bool,
        ask: impl FnOnce(&Rules<'_>) -> R,
    ) -> R {
        let view = AccountView { jetstream: self, account };
        let limits = self.check_limits();
        ask(&Rules { limits: &limits, account: &view, pedantic, standalone: true })
    }

    /// Whether there is still room for a stream that is being made of a copy: others may have come since
    /// that began.
    pub(super) fn check_room_for(
        &self,
        account: AccountId,
        config: &StreamConfig,
    ) -> Result<(), ApiError> {
        AccountView { jetstream: self, account }.check_reserved(config, None)
    }

    fn check_limits(&self) -> Limits {
        let limits = &self.config.limits;
        let window = limits
            .duplicate_window
            .map_or(0, |window| i64::try_from(window.as_nanos()).unwrap_or(i64::MAX));
        Limits {
            max_duplicate_window: causeway_wire::jetstream::Nanos(window),
            max_ack_pending: limits.max_ack_pending.unwrap_or(0),
            max_request_batch: limits.max_request_batch.unwrap_or(0),
        }
    }
}

impl AccountView<'_> {
    fn find(&self, name: &str) -> Option<&Stream> {
        let id = self.jetstream.names.get(&self.account)?.get(name)?;
        self.jetstream.streams.get(id).map(|stream| &**stream)
    }

    /// Whether the server has the bytes that a stream may come to hold. Those that others may come to
    /// hold are theirs, whether they are used or not; a stream without a limit needs one.
    fn check_reserved(
        &self,
        new: &StreamConfig,
        old: Option<&StreamConfig>,
    ) -> Result<(), ApiError> {
        let wanted = reserved_by(new);
        if old.is_some_and(|old| wanted <= reserved_by(old)) {
            return Ok(());
        }
        let config = &self.jetstream.config;
        let (most, exceeded) = match new.storage {
            Storage::File => (config.max_store, ErrorKind::StorageResourcesExceeded),
            Storage::Memory => (config.max_memory, ErrorKind::MemoryResourcesExceeded),
        };
        let streams = self.jetstream.streams.values();
        let others = streams.filter(|stream| {
            let same = stream.account == self.account && stream.config.name == new.name;
            stream.config.storage == new.storage && !same
        });
        let reserved =
            others.map(|stream| reserved_by(&stream.config)).fold(0, u64::saturating_add);
        if reserved.saturating_add(wanted.max(1)) > most { Err(exceeded.error()) } else { Ok(()) }
    }
}

/// The bytes that a stream may come to hold; 0 if it has no limit.
fn reserved_by(config: &StreamConfig) -> u64 {
    u64::try_from(config.max_bytes).unwrap_or(0)
}

impl Account for AccountView<'_> {
    fn limits(&self, _replicas: i64) -> &AccountLimits {
        &AccountLimits::NONE
    }

    fn stream(&self, name: &str) -> Option<&StreamConfig> {
        self.find(name).map(|stream| &stream.config)
    }

    fn overlaps(&self, subjects: &[String], except: &str) -> bool {
        let streams = self.jetstream.streams.values();
        let mut others =
            streams.filter(|stream| stream.account == self.account && stream.config.name != except);
        others.any(|stream| check::overlap(subjects, &stream.config.subjects))
    }

    fn admit(&self, new: &StreamConfig, old: Option<&StreamConfig>) -> Result<(), ApiError> {
        // Of the stream that is there already nothing more is asked.
        self.check_reserved(new, old.or_else(|| self.stream(&new.name)))?;
        if new.first_seq >= SEQUENCE_MOST {
            let text = format_args!("first sequence {} is above {SEQUENCE_MOST}", new.first_seq);
            return Err(ErrorKind::StreamInvalidConfig.err(text));
        }
        Ok(())
    }

    fn consumers<'a>(&'a self, stream: &str, show: &mut dyn FnMut(&'a str, &'a ConsumerConfig)) {
        let consumers = self.find(stream).into_iter().flat_map(Stream::consumers);
        consumers.for_each(|consumer| show(consumer.name(), consumer.config()));
    }
}
