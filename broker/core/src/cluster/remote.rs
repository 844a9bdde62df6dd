//! Another server of the cluster, and the connections to it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::info::Info;

use crate::link::route::Lane;

/// A server with at least one registered connection.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Its first INFO, cleaned for passing on.
    pub(crate) info: Info,
    /// Connections of the pool: the larger of its size and ours.
    pub(crate) pool_size: u32,
    /// One of us does not pool: a single connection carries everything.
    pub(crate) no_pool: bool,
    /// Registered links, by lane.
    pub(crate) lanes: BTreeMap<Lane, u32>,
    /// It is known to have registered one of these links too; only then are more opened.
    pub(crate) confirmed: bool,
    /// It is leaving.
    pub(crate) lame_duck: bool,
    /// A connection is gone, and with it perhaps news that were the last thing said on it.
    pub(crate) missed_news: bool,
}

impl Remote {
    /// The link that carries the accounts of `lane`.
    pub(crate) fn carrier(&self, lane: Lane) -> Option<u32> {
        let lane = if self.no_pool { Lane::Pool(0) } else { lane };
        self.lanes.get(&lane).copied()
    }

    /// Any link, for news that concern the server as a whole: pool connections first.
    pub(crate) fn any_link(&self) -> Option<u32> {
        self.lanes.values().next().copied()
    }

    /// It is built like this server, and knows more than nats-server does.
    pub(crate) fn is_causeway(&self) -> bool {
        is_causeway(&self.info)
    }

    /// Addresses for its clients.
    pub(crate) fn connect_urls(&self) -> &[String] {
        if self.lame_duck { &[] } else { &self.info.connect_urls }
    }
}

/// Whether an INFO comes from a server like this one.
pub(crate) fn is_causeway(info: &Info) -> bool {
    info.go.starts_with("causeway")
}

/// All that the cluster's servers offer to clients, sorted, our own first.
pub(crate) fn all_connect_urls<'a>(
    own: &[String],
    remotes: impl Iterator<Item = &'a Remote>,
) -> Vec<String> {
    let mut others: Vec<&String> = remotes.flat_map(Remote::connect_urls).collect();
    others.sort_unstable();
    others.dedup();
    let mut urls = own.to_vec();
    urls.extend(others.into_iter().filter(|url| !own.contains(url)).cloned());
    urls
}
