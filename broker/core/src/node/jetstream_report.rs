//! What monitoring is told of streams.

use alloc::vec::Vec;

use super::Node;
use crate::monitor::jetstream::{JetStreamAccountReport, JetStreamQuery, JetStreamReport};

impl Node {
    /// The counters of all streams; `None` if the server keeps none.
    #[must_use]
    pub fn jetstream_report(&self) -> Option<JetStreamReport> {
        self.jetstream.as_ref().map(|jetstream| jetstream.report(&self.accounts))
    }

    /// The accounts that may have streams, by name.
    #[must_use]
    pub fn jetstream_accounts(&self, query: &JetStreamQuery<'_>) -> Vec<JetStreamAccountReport> {
        let Some(jetstream) = &self.jetstream else { return Vec::new() };
        let account = crate::account::GLOBAL;
        let name = &self.accounts.get(account).name;
        if query.account.is_some_and(|wanted| wanted != name) {
            return Vec::new();
        }
        [jetstream.account_report(account, name, query)].into()
    }
}
