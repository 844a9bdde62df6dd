//! All targets of a node: by id, by the server behind them, by address.
//!
//! In a cluster of n servers, each hears of each other one from all the others: whatever is looked
//! up for one piece of news must not take a walk through all targets.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Target, TargetId};
use crate::config::HostPort;

/// The targets of a node.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    by_id: BTreeMap<TargetId, Target>,
    /// Those that lead to a server, by its id; each list in the order of target ids, none empty.
    by_server: BTreeMap<String, Vec<TargetId>>,
    /// By port and host in lower case; each list in the order of target ids, none empty.
    by_address: BTreeMap<(u16, String), Vec<TargetId>>,
}

impl Targets {
    /// Puts in a target that leads to no server yet.
    pub(super) fn insert(&mut self, id: TargetId, target: Target) {
        debug_assert!(target.remote_id.is_none(), "a server is set by `lead_to`");
        add(self.by_address.entry(key(&target.address)).or_default(), id);
        self.by_id.insert(id, target);
    }

    /// Forgets a target.
    pub(crate) fn remove(&mut self, id: &TargetId) -> Option<Target> {
        let target = self.by_id.remove(id)?;
        take_out(&mut self.by_address, &key(&target.address), *id);
        if let Some(server) = &target.remote_id {
            take_out(&mut self.by_server, server, *id);
        }
        Some(target)
    }

    /// A target leads to this server now; gives back to which it led before.
    pub(crate) fn lead_to(&mut self, id: TargetId, server: Option<String>) -> Option<String> {
        let target = self.by_id.get_mut(&id)?;
        if target.remote_id == server {
            return server;
        }
        let before = core::mem::replace(&mut target.remote_id, server.clone());
        if let Some(before) = &before {
            take_out(&mut self.by_server, before, id);
        }
        if let Some(server) = server {
            add(self.by_server.entry(server).or_default(), id);
        }
        before
    }

    pub(crate) fn get(&self, id: &TargetId) -> Option<&Target> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &TargetId) -> Option<&mut Target> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All of them, in the order in which they were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TargetId, &Target)> {
        self.by_id.iter().map(|(id, target)| (*id, target))
    }

    /// All of them, in the order in which they were added.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        self.by_id.values_mut()
    }

    /// Those that lead to this server.
    pub(crate) fn of(&self, server: &str) -> &[TargetId] {
        self.by_server.get(server).map_or(&[], Vec::as_slice)
    }

    /// Those with this address; the case of names does not matter.
    pub(crate) fn at(&self, address: &HostPort) -> impl Iterator<Item = (TargetId, &Target)> {
        let ids = self.by_address.get(&key(address)).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| Some((*id, self.by_id.get(id)?)))
    }

    /// Whether the address is that of a configured route.
    pub(crate) fn is_configured(&self, address: &HostPort) -> bool {
        self.at(address).any(|(_, target)| target.explicit)
    }
}

fn key(address: &HostPort) -> (u16, String) {
    (address.port, address.host.to_ascii_lowercase())
}

fn add(ids: &mut Vec<TargetId>, id: TargetId) {
    if let Err(place) = ids.binary_search(&id) {
        ids.insert(place, id);
    }
}

fn take_out<K: Ord>(index: &mut BTreeMap<K, Vec<TargetId>>, key: &K, id: TargetId) {
    if let Some(ids) = index.get_mut(key) {
        ids.retain(|known| *known != id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::vec;

    fn address(host: &str, port: u16) -> HostPort {
        HostPort { host: host.to_owned(), port }
    }

    fn at(targets: &Targets, host: &str, port: u16) -> Vec<u64> {
        targets.at(&address(host, port)).map(|(id, _)| id.0).collect()
    }

    fn of(targets: &Targets, server: &str) -> Vec<u64> {
        targets.of(server).iter().map(|id| id.0).collect()
    }

    #[test]
    fn indexes_follow_every_change() {
        let mut targets = Targets::default();
        for (id, host, explicit) in [(1, "One", true), (2, "one", false), (3, "two", false)] {
            targets.insert(TargetId(id), Target::new(address(host, 7), None, explicit));
        }
        assert_eq!(at(&targets, "ONE", 7), vec![1, 2]);
        assert_eq!(at(&targets, "one", 8), Vec::<u64>::new());
        assert!(targets.is_configured(&address("onE", 7)));
        assert!(!targets.is_configured(&address("two", 7)));

        let server = |name: &str| Some(name.to_owned());
        assert_eq!(targets.lead_to(TargetId(3), server("A")), None);
        assert_eq!(targets.lead_to(TargetId(1), server("A")), None);
        assert_eq!(targets.lead_to(TargetId(1), server("A")), server("A"));
        assert_eq!(of(&targets, "A"), vec![1, 3]);
        assert_eq!(targets.lead_to(TargetId(3), server("B")), server("A"));
        assert_eq!((of(&targets, "A"), of(&targets, "B")), (vec![1], vec![3]));
        assert_eq!(targets.lead_to(TargetId(3), None), server("B"));
        assert!(!targets.by_server.contains_key("B"));

        assert!(targets.remove(&TargetId(1)).is_some_and(|target| target.explicit));
        assert!(targets.remove(&TargetId(1)).is_none());
        assert_eq!((at(&targets, "one", 7), of(&targets, "A")), (vec![2], vec![]));
        assert!(!targets.is_configured(&address("one", 7)));
        assert_eq!(targets.lead_to(TargetId(1), server("A")), None);
        assert_eq!((targets.len(), of(&targets, "A")), (2, vec![]));
    }
}
