//! The cluster: which servers there are, which connections lead to them, and the work of keeping
//! a full mesh.
//!
//! A **remote** is another server, known by its id, with its registered connections. A **target**
//! is an address that we want a server behind: configured, or learnt by gossip. Whatever happens
//! to connections, each target is dialled again until the server behind it has all its lanes.
//! That is what closes the mesh after any failure; nats-server gives a gossiped peer up after one
//! failed dial (nats-protocols, section 4.4).

mod gossip;
mod maintain;
mod name;
pub(crate) mod permission;
mod register;
mod remote;
pub(crate) mod target;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::info::Info;

use crate::account::{Accounts, SYSTEM};
use crate::config::ClusterConfig;
use crate::ids::{AccountId, DialId};
use crate::link::route::{Carriers, Lane};
pub(crate) use gossip::own_address;
pub(crate) use remote::Remote;
use target::{Dial, Targets};

/// A connection on which we speak first, because we know whom it should lead to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Early {
    pub(crate) lane: Lane,
    /// The peer does not pool, as far as we know.
    pub(crate) no_pool: bool,
}

/// The cluster as this node sees it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: ClusterConfig,
    pub(crate) name: String,
    /// The name was made up, and gives way to a peer's.
    pub(crate) dynamic: bool,
    /// Accounts with a lane of their own.
    pub(crate) pinned: Vec<AccountId>,
    /// By server id.
    pub(crate) remotes: BTreeMap<String, Remote>,
    pub(crate) targets: Targets,
    next_target: u64,
    /// Dials under way.
    dials: BTreeMap<DialId, Dial>,
    next_dial: u64,
    /// Which links carry the interest of which account: one per remote, if its lane is up, and
    /// those on which we spoke first.
    pub(crate) carriers: Carriers,
    /// By slot, the links on which we told of our interest before the peer's INFO came.
    pub(crate) early: BTreeMap<u32, Early>,
    /// Servers to which we have lost our last route, and told so; the latest last.
    told_lost: VecDeque<String>,
    /// No more dialling: lame duck, or shutting down.
    pub(crate) leaving: bool,
    /// Clients have been told of other servers. Until then INFO names none, not even this one.
    pub(crate) urls_told: bool,
}

impl Cluster {
    pub(crate) fn new(config: ClusterConfig, made_up_name: String, accounts: &Accounts) -> Self {
        let mut cluster = Self {
            dynamic: config.name.is_none(),
            name: config.name.clone().unwrap_or(made_up_name),
            pinned: pinned(&config, accounts),
            config,
            remotes: BTreeMap::new(),
            targets: Targets::default(),
            next_target: 0,
            dials: BTreeMap::new(),
            next_dial: 0,
            carriers: Carriers::new(),
            early: BTreeMap::new(),
            told_lost: VecDeque::new(),
            leaving: false,
            urls_told: false,
        };
        for route in cluster.config.routes.clone() {
            cluster.add_target(route.address, route.auth, true);
        }
        cluster
    }

    /// How many dials are under way.
    pub(crate) fn dial_count(&self) -> u64 {
        self.dials.len() as u64
    }

    /// Every lane that a peer with this pool size should have, the most wanted first.
    pub(crate) fn lanes(&self, accounts: &Accounts, pool_size: u32, no_pool: bool) -> Vec<Lane> {
        if no_pool {
            return alloc::vec![Lane::Pool(0)];
        }
        let first = self.first_lane(accounts);
        let mut lanes = alloc::vec![first];
        let pool = (0..pool_size.max(1)).map(Lane::Pool);
        lanes.extend(pool.filter(|lane| *lane != first));
        let dedicated = self.pinned.iter().map(|account| Lane::Account(*account));
        lanes.extend(dedicated.filter(|lane| *lane != first));
        lanes
    }

    /// Whether a single connection carries everything to the sender of this INFO: it does not pool,
    /// or we do not.
    pub(crate) const fn is_without_pool(&self, info: &Info) -> bool {
        info.route_pool_size <= 0 || self.config.pool_size == 0
    }

    /// The lane of the global account: what users notice first.
    pub(crate) fn first_lane(&self, accounts: &Accounts) -> Lane {
        self.lane_of(accounts, crate::account::GLOBAL)
    }

    /// The lane that carries an account to peers with pooling.
    pub(crate) fn lane_of(&self, accounts: &Accounts, account: AccountId) -> Lane {
        if self.pinned.contains(&account) {
            Lane::Account(account)
        } else {
            Lane::Pool(accounts.pool_index(account, self.config.pool_size))
        }
    }

    /// Works out anew which links carry which account.
    pub(crate) fn update_carriers(&mut self, accounts: &Accounts) {
        let mut carriers = Carriers::new();
        for account in accounts.ids() {
            let lane = self.lane_of(accounts, account);
            let mut links: Vec<u32> =
                self.remotes.values().filter_map(|remote| remote.carrier(lane)).collect();
            let early = |early: &Early| early.no_pool || early.lane == lane;
            links.extend(self.early.iter().filter(|(_, at)| early(at)).map(|(slot, _)| *slot));
            if !links.is_empty() {
                carriers.insert(account, links);
            }
        }
        self.carriers = carriers;
    }
}

/// The accounts with a dedicated connection: those configured, and the system account.
fn pinned(config: &ClusterConfig, accounts: &Accounts) -> Vec<AccountId> {
    if config.pool_size == 0 {
        return Vec::new();
    }
    let mut pinned: Vec<AccountId> =
        config.pinned_accounts.iter().filter_map(|name| accounts.find(name.as_bytes())).collect();
    pinned.push(SYSTEM);
    pinned.sort_unstable();
    pinned.dedup();
    pinned
}
