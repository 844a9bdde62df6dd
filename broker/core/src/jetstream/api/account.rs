//! `INFO`: what the account uses, and may use.

use causeway_wire::jetstream::Storage;
use causeway_wire::jetstream::info::{AccountInfo, AccountLimits, AccountUsage, ApiUsage};
use causeway_wire::jetstream::response::AccountInfoResponse;

use super::{Answer, Request, count};
use crate::ids::AccountId;
use crate::jetstream::JetStream;
use crate::limits;

impl JetStream {
    pub(super) fn account_info(&self, of: &Request<'_>) -> Option<Answer> {
        Answer::now(of.check_level().map(|()| {
            let info = AccountInfo {
                usage: self.usage(of.account),
                domain: self.config.domain.clone().unwrap_or_default(),
                api: ApiUsage {
                    level: i64::from(limits::API_LEVEL),
                    total: self.api.total,
                    errors: self.api.errors,
                    inflight: 0,
                },
                ..AccountInfo::default()
            };
            AccountInfoResponse { info: Some(info) }
        }))
    }

    /// What an account uses.
    pub(crate) fn usage(&self, account: AccountId) -> AccountUsage {
        let mut usage = AccountUsage { limits: AccountLimits::NONE, ..AccountUsage::default() };
        for stream in self.streams.values().filter(|stream| stream.account == account) {
            let bytes = stream.log.state().bytes;
            let reserved = u64::try_from(stream.config.max_bytes).unwrap_or(0);
            let (used, kept) = match stream.config.storage {
                Storage::File => (&mut usage.storage, &mut usage.reserved_storage),
                Storage::Memory => (&mut usage.memory, &mut usage.reserved_memory),
            };
            *used = used.saturating_add(bytes);
            *kept = kept.saturating_add(reserved);
            usage.streams += 1;
            usage.consumers += count(stream.consumers().len());
        }
        usage
    }
}
