//! What monitoring is told of streams.

use alloc::vec::Vec;

use super::Node;
use crate::account::GLOBAL;
use crate::monitor::jetstream::{JetStreamAccountReport, JetStreamQuery, JetStreamReport};

impl Node {
    /// The counters of all streams; `None` if the server keeps none.
    #[must_use]
    pub fn jetstream_report(&self) -> Option<JetStreamReport> {
        self.config.jetstream.as_ref()?;
        Some(JetStreamReport { recovered: true, accounts: 1, ..JetStreamReport::default() })
    }

    /// The accounts that may have streams, by name.
    #[must_use]
    pub fn jetstream_accounts(&self, query: &JetStreamQuery<'_>) -> Vec<JetStreamAccountReport> {
        let name = &self.accounts.get(GLOBAL).name;
        let wanted = query.account.is_none_or(|account| account == name);
        let account = JetStreamAccountReport { name: name.clone(), ..Default::default() };
        if wanted && self.config.jetstream.is_some() { [account].into() } else { Vec::new() }
    }
}
