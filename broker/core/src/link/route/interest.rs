//! Interest over routes: what peers tell us, and what we tell them.

use alloc::vec::Vec;

use causeway_wire::encode;
use causeway_wire::route::{RemoteSub, RemoteUnsub};

use crate::cluster::permission::allows;
use crate::effects::Effects;
use crate::ids::AccountId;
use crate::interest::{Announcement, Interest};
use crate::link::route::Lane;
use crate::link::{Link, Role};
use crate::node::Node;
use crate::time::Now;

impl Node {
    /// RS+ or LS+.
    pub(super) fn remote_subscribe(&mut self, now: Now, slot: u32, sub: &RemoteSub<'_>) {
        let Some(account) = self.route_account(slot, sub.account) else { return };
        let exports = self.cluster.as_ref().and_then(|c| c.config.permissions.export.as_ref());
        if !allows(exports, sub.subject) {
            return;
        }
        let Some(link) = self.links.at_mut(slot) else { return };
        link.last_activity = now.wall;
        let Role::Route(route) = &mut link.role else { return };
        let key = (account, sub.origin.unwrap_or_default());
        let known = route.interest.iter().position(|((a, o), _)| (*a, o.as_slice()) == key);
        let position = known.unwrap_or_else(|| {
            route.interest.push(((account, key.1.to_vec()), Default::default()));
            route.interest.len() - 1
        });
        let index = &mut route.interest[position].1;
        let interest = &mut self.accounts.get_mut(account).interest;
        interest.remote_subscribe(index, slot, sub.subject, sub.queue);
        self.buffer_interest(slot, account, sub);
    }

    /// RS- or LS-.
    pub(super) fn remote_unsubscribe(&mut self, now: Now, slot: u32, unsub: &RemoteUnsub<'_>) {
        let Some(account) = self.route_account(slot, unsub.account) else { return };
        let Some(link) = self.links.at_mut(slot) else { return };
        link.last_activity = now.wall;
        let Role::Route(route) = &mut link.role else { return };
        let interest = &mut self.accounts.get_mut(account).interest;
        for ((of, origin), index) in &mut route.interest {
            // An old peer's LS- does not say where the interest had come from.
            let fits = match (unsub.leaf, unsub.origin) {
                (false, _) => origin.is_empty(),
                (true, Some(from)) => origin.as_slice() == from,
                (true, None) => !origin.is_empty(),
            };
            if *of == account && fits {
                interest.remote_unsubscribe(index, unsub.subject, unsub.queue);
            }
        }
        self.buffer_no_interest(slot, account, unsub);
    }

    /// Changes the interest of local clients, and tells the peers what changes for them.
    pub(crate) fn with_announcements<R>(
        &mut self,
        account: AccountId,
        fx: &mut Effects,
        change: impl FnOnce(&mut Interest, &mut dyn FnMut(Announcement<'_>)) -> R,
    ) -> R {
        let times = if perturb!(self, InterestTwice) { 2 } else { 1 };
        let Self { accounts, cluster, links, spare, turn_output, .. } = self;
        let Some(cluster) = cluster else {
            return change(&mut accounts.get_mut(account).interest, &mut |_| {});
        };
        let carriers = cluster.carriers.get(&account).map(Vec::as_slice).unwrap_or_default();
        let imports = cluster.config.permissions.import.as_ref();
        let account = accounts.get_mut(account);
        let name = account.name.as_bytes();
        change(&mut account.interest, &mut |announcement| {
            if !allows(imports, announcement.subject) || is_private(announcement.subject) {
                return;
            }
            for slot in carriers {
                let Some(link) = links.at_mut(*slot).filter(|link| link.is_open()) else {
                    continue;
                };
                let dedicated = link.route().is_some_and(|route| route.account.is_some());
                link.wake(fx);
                let tail = link.tx.tail(spare);
                let before = tail.len();
                for _ in 0..times {
                    announce(tail, (!dedicated).then_some(name), &announcement);
                }
                let bytes = tail.len() - before;
                link.tx.appended(bytes);
                *turn_output += bytes;
            }
        })
    }

    /// Tells a new peer everything that the accounts of this link want.
    pub(crate) fn announce_all(&mut self, slot: u32, fx: &mut Effects) {
        let Some(cluster) = &self.cluster else { return };
        let accounts: Vec<AccountId> = cluster
            .carriers
            .iter()
            .filter(|(_, links)| links.contains(&slot))
            .map(|(account, _)| *account)
            .collect();
        let dedicated = self
            .links
            .at(slot)
            .and_then(Link::route)
            .is_some_and(|route| matches!(route.lane, Some(Lane::Account(_))));
        let imports = cluster.config.permissions.import.as_ref();
        let mut lines = Vec::new();
        for account in accounts {
            let account = self.accounts.get(account);
            let name = (!dedicated).then_some(account.name.as_bytes());
            for announcement in account.interest.local_interest() {
                if allows(imports, announcement.subject) && !is_private(announcement.subject) {
                    announce(&mut lines, name, &announcement);
                }
            }
        }
        if !lines.is_empty() {
            self.send(slot, fx, |out| out.extend_from_slice(&lines));
        }
    }
}

/// What each server with streams answers by itself: peers are not told, and what comes from them is
/// not answered, or two would answer. By the domain, `$JS.<domain>.API.>`, a server is reached from
/// everywhere.
pub(crate) fn is_private(subject: &[u8]) -> bool {
    subject.starts_with(b"$JS.API.")
}

fn announce(out: &mut Vec<u8>, account: Option<&[u8]>, what: &Announcement<'_>) {
    match (what.members, what.queue) {
        (0, queue) => encode::rs_unsub(out, account, what.subject, queue),
        (_, None) => encode::rs_sub(out, account, what.subject, None),
        (members, Some(queue)) => {
            encode::rs_sub(out, account, what.subject, Some((queue, members)));
        }
    }
}
