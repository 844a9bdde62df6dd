//! What monitoring is told of streams.

use alloc::string::ToString;
use alloc::vec::Vec;

use causeway_store::Failure;
use causeway_wire::jetstream::info::{ConsumerInfo, StreamInfo};

use super::JetStream;
use super::stream::Stream;
use crate::account::{Accounts, SYSTEM};
use crate::ids::AccountId;
use crate::monitor::jetstream::{
    ApiReport, JetStreamAccountReport, JetStreamQuery, JetStreamReport, StreamFault, StreamReport,
};
use crate::time::Now;

impl JetStream {
    /// The counters of all streams.
    pub(crate) fn report(&self, accounts: &Accounts) -> JetStreamReport {
        let mut report = JetStreamReport {
            recovered: self.is_ready(),
            memory: self.used.memory,
            storage: self.used.file,
            api: self.api_report(),
            ..JetStreamReport::default()
        };
        for account in accounts.ids() {
            let usage = self.usage(account);
            report.accounts += u64::from(account != SYSTEM);
            report.reserved_memory = report.reserved_memory.saturating_add(usage.reserved_memory);
            report.reserved_storage =
                report.reserved_storage.saturating_add(usage.reserved_storage);
        }
        for stream in self.streams.values() {
            let state = stream.log.state();
            report.streams += 1;
            report.consumers += stream.listed_consumers().count() as u64;
            report.messages += state.messages;
            report.bytes += state.bytes;
        }
        report
    }

    fn api_report(&self) -> ApiReport {
        ApiReport { total: self.api.total, errors: self.api.errors }
    }

    /// An account and its streams, as far as they are asked for.
    pub(crate) fn account_report(
        &self,
        account: AccountId,
        name: &str,
        query: &JetStreamQuery<'_>,
    ) -> JetStreamAccountReport {
        let usage = self.usage(account);
        let streams = self.names.get(&account).into_iter().flatten();
        let wanted = streams.filter(|(name, _)| {
            query.streams && query.stream.is_none_or(|stream| stream == name.as_str())
        });
        let reports = wanted.filter_map(|(_, id)| self.streams.get(id));
        let reports = reports.map(|stream| stream.report(self.seen, query));
        JetStreamAccountReport {
            name: name.to_string(),
            memory: usage.memory,
            storage: usage.storage,
            max_memory: None,
            max_storage: None,
            api: self.api_report(),
            streams: reports.filter(|each| !query.faulty || each.fault.is_some()).collect(),
        }
    }
}

impl Stream {
    fn report(&self, now: Now, query: &JetStreamQuery<'_>) -> StreamReport {
        let of = |direct: bool| -> Vec<ConsumerInfo> {
            let all = self.consumers().filter(|consumer| {
                let config = consumer.config();
                config.direct == direct
            });
            all.map(|consumer| consumer.report(now)).collect()
        };
        let fault = self.log.failure().map(|failure| match failure {
            Failure::NoSpace => StreamFault::Write("no space left on device".into()),
            Failure::Disk => StreamFault::Write("the disk failed".into()),
        });
        StreamReport {
            info: StreamInfo { ..self.info(now, false) },
            fault,
            consumers: if query.consumers { of(false) } else { Vec::new() },
            direct_consumers: if query.direct_consumers { of(true) } else { Vec::new() },
        }
    }
}
