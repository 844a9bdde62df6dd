//! Looking inside: what monitoring shows and the simulator checks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::account::{Account, GLOBAL};
use crate::fault::CloseReason;
use crate::interest::{SidIndex, SubId};
use crate::link::route::{Lane, Stage};
use crate::link::{Link, Role};
use crate::monitor::{
    ConnectionQuery, ConnectionReport, Footprint, InterestReport, RouteReport, ServerReport,
    SubscriptionReport,
};
use crate::node::Node;
use crate::time::Now;

impl Node {
    /// The server as a whole.
    #[must_use]
    pub fn server_report(&self) -> ServerReport {
        let stats = &self.stats;
        let subscriptions =
            self.accounts.iter().map(|account| account.interest.report().subscriptions).sum();
        ServerReport {
            server_id: self.id.clone(),
            server_name: self.name.clone(),
            cluster_name: self.cluster_name().into(),
            start: self.start,
            connections: stats.connections,
            total_connections: stats.total_connections,
            routes: self.links.iter().filter(|link| is_registered_route(link)).count() as u64,
            remotes: self.cluster.as_ref().map_or(0, |cluster| cluster.remotes.len() as u64),
            subscriptions,
            received: stats.received_from_clients.plus(stats.received_from_routes),
            received_from_clients: stats.received_from_clients,
            sent: stats.sent_to_clients.plus(stats.sent_to_routes),
            sent_to_clients: stats.sent_to_clients,
            slow_clients: stats.slow_clients,
            slow_routes: stats.slow_routes,
            stale_clients: stats.stale_clients,
            stale_routes: stats.stale_routes,
            stalls: stats.stalls,
            lost_on_close: stats.lost_on_close,
            connect_urls: self.connect_urls(),
            lame_duck: self.lame_duck.is_some(),
            configured_routes: self
                .config
                .cluster
                .iter()
                .flat_map(|cluster| &cluster.routes)
                .map(|url| format!("{}:{}", url.address.host, url.address.port))
                .collect(),
        }
    }

    /// What this node holds.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let cluster = self.cluster.as_ref();
        Footprint {
            links: self.links.iter().count() as u64,
            pending_bytes: self.links.iter().map(|link| link.tx.pending()).sum(),
            timers: self.timers.count(),
            targets: cluster.map_or(0, |cluster| cluster.targets.len() as u64),
            dials: cluster.map_or(0, |cluster| cluster.dial_count()),
        }
    }

    /// Client connections, by cid.
    #[must_use]
    pub fn connection_reports(&self, query: &ConnectionQuery) -> Vec<ConnectionReport> {
        let wanted = |cid: u64| query.cid.is_none_or(|only| only == cid);
        let mut reports = Vec::new();
        if query.open {
            let open = self.links.iter().filter(|link| link.is_open() && wanted(link.cid));
            reports.extend(open.filter_map(|link| self.connection(link, query.subscriptions)));
        }
        if query.closed {
            let closed = self.closed.iter().filter(|report| wanted(report.cid)).cloned();
            reports.extend(closed.map(|mut report| {
                if !query.subscriptions {
                    report.subscriptions = Vec::new();
                }
                report
            }));
        }
        reports.sort_by_key(|report| report.cid);
        reports
    }

    /// Route connections that have been registered, by rid: strangers and duplicates, which are
    /// about to be closed, are not listed (nats-server `forEachRoute`).
    #[must_use]
    pub fn route_reports(&self, subscriptions: bool) -> Vec<RouteReport> {
        let routes = self.links.iter().filter(|link| is_registered_route(link));
        let mut reports: Vec<_> =
            routes.filter_map(|link| self.route_report(link, subscriptions)).collect();
        reports.sort_by_key(|report| report.rid);
        reports
    }

    /// The interest tables of all accounts together.
    #[must_use]
    pub fn interest_report(&self) -> InterestReport {
        let reports = self.accounts.iter().map(|account| account.interest.report());
        reports.fold(InterestReport::default(), |sum, one| InterestReport {
            subscriptions: sum.subscriptions + one.subscriptions,
            cached: sum.cached + one.cached,
            inserts: sum.inserts + one.inserts,
            removes: sum.removes + one.removes,
            matches: sum.matches + one.matches,
            cache_hits: sum.cache_hits + one.cache_hits,
            max_fanout: sum.max_fanout.max(one.max_fanout),
            total_fanout: sum.total_fanout + one.total_fanout,
        })
    }

    /// All subscriptions and remote interest, sorted; with `matching`, those that a message on this
    /// subject would reach.
    #[must_use]
    pub fn subscription_reports(&self, matching: Option<&str>) -> Vec<SubscriptionReport> {
        let mut reports = Vec::new();
        for account in self.accounts.iter() {
            for id in account.interest.ids() {
                let fits = matching.is_none_or(|subject| {
                    let pattern = account.interest.subject(id);
                    causeway_wire::subject::matches(pattern, subject.as_bytes())
                });
                if fits {
                    reports.push(self.subscription(account, id));
                }
            }
        }
        reports.sort_unstable();
        reports
    }

    fn connection(&self, link: &Link, subscriptions: bool) -> Option<ConnectionReport> {
        let client = link.client()?;
        let account = self.accounts.get(GLOBAL);
        Some(ConnectionReport {
            cid: link.cid,
            peer: link.peer,
            start: link.start.wall,
            last_activity: link.last_activity,
            stop: None,
            rtt: link.keepalive.rtt.map(|(rtt, _)| rtt),
            pending_bytes: link.tx.pending(),
            received: link.received,
            sent: link.sent,
            stalls: client.stalls,
            name: client.name.clone(),
            lang: client.lang.clone(),
            version: client.version.clone(),
            authorized_user: client.user.clone(),
            account: account.name.clone(),
            subscription_count: client.subscription_count,
            subscriptions: if subscriptions {
                self.subscriptions_of(account, &client.subscriptions)
            } else {
                Vec::new()
            },
        })
    }

    fn subscriptions_of(&self, account: &Account, index: &SidIndex) -> Vec<SubscriptionReport> {
        let mut reports: Vec<_> = index.ids().map(|id| self.subscription(account, id)).collect();
        reports.sort_unstable();
        reports
    }

    fn subscription(&self, account: &Account, id: SubId) -> SubscriptionReport {
        let interest = &account.interest;
        let subscription = interest.subscription(id);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        SubscriptionReport {
            account: account.name.clone(),
            subject: text(interest.subject(id)),
            queue: interest.queue(id).map(text).unwrap_or_default(),
            sid: text(interest.sid(id)),
            weight: subscription.weight(),
            delivered: subscription.delivered,
            max: subscription.max,
            cid: self.links.at(subscription.link()).map_or(0, |link| link.cid),
        }
    }

    fn route_report(&self, link: &Link, subscriptions: bool) -> Option<RouteReport> {
        let route = link.route()?;
        let remote_id = route.remote_id.clone().unwrap_or_default();
        let target = self.cluster.as_ref().and_then(|cluster| {
            let targets = cluster.targets.of(&remote_id).iter();
            let mut targets = targets.filter_map(|id| cluster.targets.get(id));
            targets.find(|target| target.explicit)
        });
        let indexes = || route.interest.iter();
        let count = indexes().map(|(_, index)| index.len() as u64).sum();
        let mut list = Vec::new();
        if subscriptions {
            for ((account, _), index) in indexes() {
                let account = self.accounts.get(*account);
                list.extend(index.ids().map(|id| self.subscription(account, id)));
            }
            list.sort_unstable();
        }
        Some(RouteReport {
            rid: link.cid,
            remote_id,
            remote_name: route.remote_name.clone().unwrap_or_default(),
            did_solicit: route.dialled_for.is_some() || target.is_some(),
            is_configured: target.is_some(),
            peer: link.peer,
            start: link.start.wall,
            last_activity: link.last_activity,
            rtt: link.keepalive.rtt.map(|(rtt, _)| rtt),
            pending_bytes: link.tx.pending(),
            received: link.received,
            sent: link.sent,
            pool_index: match route.lane {
                Some(Lane::Pool(index)) => Some(index),
                Some(Lane::Account(_)) | None => None,
            },
            account: route
                .account
                .map(|account| self.accounts.get(account).name.clone())
                .unwrap_or_default(),
            subscription_count: count,
            subscriptions: list,
        })
    }

    /// Keeps a report of a client that is about to go.
    pub(crate) fn remember_closed(
        &mut self,
        now: Now,
        slot: u32,
        reason: CloseReason,
        index: &SidIndex,
    ) {
        let most = self.config.max_closed_clients;
        let Some(link) = self.links.at(slot).filter(|link| matches!(link.role, Role::Client(_)))
        else {
            return;
        };
        if most == 0 {
            return;
        }
        let Some(mut report) = self.connection(link, false) else { return };
        report.subscriptions = self.subscriptions_of(self.accounts.get(GLOBAL), index);
        report.stop = Some((now.wall, reason));
        if self.closed.len() >= most {
            self.closed.pop_front();
        }
        self.closed.push_back(report);
    }
}

/// A route that carries traffic. Strangers and duplicates, which are about to be closed, do not
/// count.
fn is_registered_route(link: &Link) -> bool {
    link.is_open() && link.route().is_some_and(|route| route.stage == Stage::Registered)
}
