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

#[cfg(test)]
mod tests {
    use causeway_core::PerturbSite;

    use super::*;
    use crate::plan::{HostWhat, plan};
    use crate::scenario::Scenario;
    use crate::units::SECOND;

    const WORLD: &str = "schema = 1\nname = \"x\"\n[run]\nduration = \"20s\"\nperturb = true\n[link.l]\n\
        latency = \"1ms\"\n[region.a]\nnodes = 3\nlink = \"l\"\nversion = \"nats-2.9\"\n\
        routes = [\"name:a\"]\nconfig = { cluster = { pool_size = 2 } }\n[[client]]\nid = \"c\"\n\
        at = \"all\"\nrole = \"subscribe\"\nsubject = \"s\"\n";

    fn made(faults: &str, seed: u64) -> Result<Plan, String> {
        let text = format!("{WORLD}{faults}");
        let scenario = Scenario::parse("f.toml", &text, &[]).map_err(|e| e.to_string())?;
        plan(&scenario, seed).map_err(|error| error.problems[0].message.clone())
    }

    #[test]
    fn nodes_are_replaced_one_by_one() {
        let upgrade =
            "[[fault]]\nat = \"1s\"\nkind = \"upgrade\"\non = \"all\"\nto = \"causeway\"\n";
        let plan = made(&format!("{upgrade}every = \"2s\"\n"), 1).unwrap();
        let begin = plan.faults[0].at;
        let steps: Vec<(u64, u16)> = plan
            .faults
            .iter()
            .map(|fault| {
                let host = fault.action.host().unwrap();
                assert_eq!(host.what, HostWhat::Upgrade(Release::Causeway));
                ((fault.at - begin) / SECOND, host.nodes[0].0)
            })
            .collect();
        assert_eq!(steps, [(0, 0), (2, 1), (4, 2)]);
        let node = &plan.nodes[0];
        assert_eq!((node.pool_size(node.release), node.pool_size(Release::Causeway)), (0, 2));
        let late = made(&format!("{upgrade}every = \"9s\"\n"), 1);
        assert_eq!(late, Err("the last node would be replaced after the run's `duration`".into()));
    }

    #[test]
    fn what_is_said_of_releases_and_of_the_code_is_read_as_it_was_written() {
        let mut seen = Vec::new();
        for seed in 0..40 {
            let plan = made("", seed).unwrap();
            assert_eq!(Plan::parse(&plan.write()), Ok(plan.clone()));
            assert!(plan.write().contains(" release=nats-2.9"));
            seen.extend(plan.perturb);
        }
        let active = |site: PerturbSite| seen.iter().filter(|other| **other == site).count();
        assert!(
            PerturbSite::ALL.into_iter().all(|site| (2..20).contains(&active(site))),
            "{seen:?}"
        );
        let plan = Plan { perturb: PerturbSite::ALL.to_vec(), ..made("", 1).unwrap() };
        let wrong = plan.write().replace(" early_ping", " erly_ping");
        let error = Plan::parse(&wrong).unwrap_err().to_string();
        assert!(error.ends_with("`erly_ping` is not known here"), "{error}");
    }

    #[test]
    fn who_leaves_must_leave_a_way() {
        let leave = |whom: &str| {
            made(
                &format!(
                    "[[fault]]\nat = \"1s\"\nfor = \"1s\"\nkind = \"leave\"\non = \"{whom}\"\n"
                ),
                3,
            )
        };
        let some = leave("node:a/1 + node:a/2").unwrap();
        assert_eq!((some.islands(), some.leavers().len(), some.homeless()), (1, 2, None));
        assert_eq!(leave("all"), Err("`client:c/1` has no node that is there all the time".into()));
        let text = WORLD.replace("\"name:a\"", "\"node:a/1\"");
        let fault = "[[fault]]\nat = \"1s\"\nfor = \"1s\"\nkind = \"leave\"\non = \"node:a/1\"\n";
        let scenario = Scenario::parse("f.toml", &format!("{text}{fault}"), &[]).unwrap();
        let error = plan(&scenario, 1).unwrap_err().problems[0].message.clone();
        assert!(error.contains("the configured routes join the others no more"), "{error}");
    }

    #[test]
    fn a_reload_for_good_counts_for_who_is_joined() {
        let text = WORLD.replace("\"name:a\"", "");
        let fault =
            "[[fault]]\nat = \"1s\"\nkind = \"reload\"\non = \"node:a/2\"\nroutes = [\"name:a\"]\n";
        let islands = |lasts: &str| {
            let scenario =
                Scenario::parse("f.toml", &format!("{text}{fault}{lasts}"), &[]).unwrap();
            plan(&scenario, 1).unwrap().islands()
        };
        assert_eq!((islands(""), islands("for = \"1s\"\n")), (1, 3));
    }

    #[test]
    fn a_reload_changes_what_it_names() {
        let mut node = made("", 1).unwrap().nodes[0].clone();
        let numbers = vec![(Setting::PingMax, 7)];
        let limits = ReloadPlan { numbers, routes: None };
        assert!(!limits.moves_connections());
        limits.change(&mut node);
        let of = |setting| node.config.number(setting);
        assert_eq!((of(Setting::PingMax), of(Setting::PoolSize)), (Some(7), Some(2)));
        assert_eq!(node.routes.len(), 1);
        assert!(ReloadPlan { routes: Some(vec![]), ..limits }.moves_connections());
    }
}
