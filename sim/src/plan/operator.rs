//! What operators do on purpose: in the plan and in its text.

use super::text::{Line, put};
use super::{NodePlan, Plan, RoutePlan, Setting, write};
use crate::scenario::Release;

/// A new configuration for running nodes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReloadPlan {
    /// Numbers that change.
    pub numbers: Vec<(Setting, u64)>,
    /// The routes from now on; `None` leaves them.
    pub routes: Option<Vec<RoutePlan>>,
}

/// Settings that a running node takes over. Scenarios that name others are refused.
const RELOADABLE: [Setting; 12] = [
    Setting::MaxPayload,
    Setting::MaxControlLine,
    Setting::MaxConnections,
    Setting::WriteDeadline,
    Setting::PingInterval,
    Setting::PingMax,
    Setting::NoFastProducerStall,
    Setting::ConnectRetries,
    Setting::ConnectBackoff,
    Setting::RoutePingInterval,
    Setting::RoutePingMax,
    Setting::RouteWriteDeadline,
];

impl ReloadPlan {
    /// Whether connections may come or go because of it: everything else must go unnoticed.
    #[must_use]
    pub fn moves_connections(&self) -> bool {
        self.routes.is_some() || self.numbers.iter().any(|(s, _)| *s == Setting::MaxConnections)
    }

    /// What a node is configured with from now on.
    pub(crate) fn change(&self, node: &mut NodePlan) {
        let numbers = &mut node.config.numbers;
        for (setting, number) in &self.numbers {
            numbers.retain(|(given, _)| given != setting);
            numbers.push((*setting, *number));
        }
        if let Some(routes) = &self.routes {
            node.routes.clone_from(routes);
        }
    }

    /// Its parameters as words of a plan.
    pub(super) fn words(&self, plan: &Plan, out: &mut String) {
        for (setting, number) in &self.numbers {
            put(out, setting.name(), number);
        }
        if let Some(routes) = &self.routes {
            put(out, "routes", write::route_names(plan, routes));
        }
    }

    /// Reads them, but for the routes, which name nodes of the plan.
    pub(super) fn read(
        line: &mut Line,
        route: impl Fn(&str) -> Result<RoutePlan, String>,
    ) -> Result<Self, String> {
        let mut reload = Self::default();
        for setting in RELOADABLE {
            if let Some(text) = line.maybe(setting.name()) {
                let number = text
                    .parse()
                    .map_err(|_| format!("`{}={text}`: not a number", setting.name()))?;
                reload.numbers.push((setting, number));
            }
        }
        if let Some(text) = line.maybe("routes") {
            let names = text.split(',').filter(|name| !name.is_empty());
            reload.routes = Some(names.map(route).collect::<Result<_, _>>()?);
        }
        Ok(reload)
    }
}

impl NodePlan {
    /// Connections per peer if its server is of this release.
    #[must_use]
    pub fn pool_size(&self, release: Release) -> u32 {
        if !release.has_pools() {
            return 0;
        }
        let pool_size = self.config.number(Setting::PoolSize).unwrap_or(super::timing::POOL_SIZE);
        u32::try_from(pool_size).unwrap_or(u32::MAX)
    }
}
