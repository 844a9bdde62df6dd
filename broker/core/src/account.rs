//! Accounts: separate subject spaces. This version knows the global account, which every client
//! belongs to, and the system account, which exists so that routes of nats-server find their
//! dedicated connection answered.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::hash;

use crate::ids::AccountId;
use crate::interest::Interest;
use crate::rng::{Rng, Stream};

/// The account of clients without one.
pub(crate) const GLOBAL: AccountId = AccountId(0);
/// The account of servers.
pub(crate) const SYSTEM: AccountId = AccountId(1);

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) interest: Interest,
}

/// All accounts of a node.
#[derive(Debug)]
pub(crate) struct Accounts {
    accounts: Vec<Account>,
}

impl Accounts {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut account = |name: &str| Account {
            name: String::from(name),
            interest: Interest::new(rng.next_u64(Stream::Identity), name.as_bytes()),
        };
        Self { accounts: alloc::vec![account("$G"), account("$SYS")] }
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<AccountId> {
        let index = self.accounts.iter().position(|account| account.name.as_bytes() == name)?;
        Some(AccountId(index as u32))
    }

    pub(crate) fn get(&self, id: AccountId) -> &Account {
        &self.accounts[id.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.accounts[id.0 as usize]
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = AccountId> + use<> {
        (0..self.accounts.len() as u32).map(AccountId)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// The slot of a pool of `pool_size` connections that carries this account.
    pub(crate) fn pool_index(&self, id: AccountId, pool_size: u32) -> u32 {
        let size = i32::try_from(pool_size).unwrap_or(i32::MAX);
        hash::route_pool_index(self.get(id).name.as_bytes(), size)
    }
}
