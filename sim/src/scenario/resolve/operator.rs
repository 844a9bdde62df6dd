//! The `[[fault]]` tables of what operators do on purpose.

use toml::Spanned;

use super::super::raw::{RawConfig, RawFault};
use super::super::value::Unit;
use super::super::{HostSpecWhat, Release, ReloadSpec, UpgradeSpec};
use super::{Any, Reader, Text};
use crate::units::MS;

impl Reader<'_> {
    /// A fault of this kind, if it is one of these.
    pub(super) fn operator(&mut self, raw: &RawFault, kind: &str) -> Option<HostSpecWhat> {
        Some(match kind {
            "join" => HostSpecWhat::Join,
            "leave" => HostSpecWhat::Leave,
            "reload" => HostSpecWhat::Reload(Box::new(self.reload(raw)?)),
            _ => HostSpecWhat::Upgrade(UpgradeSpec {
                to: self.to(raw)?,
                every: self.or(raw.every.as_ref(), Unit::Duration, 0),
            }),
        })
    }

    fn reload(&mut self, raw: &RawFault) -> Option<ReloadSpec> {
        let routes = raw
            .routes
            .as_ref()
            .map(|targets| targets.iter().filter_map(|target| self.route_target(target)).collect());
        let Some(config) = &raw.config else {
            if routes.is_none() {
                let message = "a reload says what changes: `config`, `routes`, or both";
                self.problems.add(raw.kind.span(), message);
                return None;
            }
            return Some(ReloadSpec { config: self.config(&RawConfig::default()), routes });
        };
        self.check_reloadable(config);
        if routes.is_none() && *config == RawConfig::default() {
            let message = "a reload says what changes, and this `config` is empty";
            self.problems.add(raw.kind.span(), message);
        }
        Some(ReloadSpec { config: self.config(config), routes })
    }

    /// What a server keeps until it is started again; nats-server refuses it, or would build up
    /// all its routes anew.
    fn check_reloadable(&mut self, config: &RawConfig) {
        let cluster = &config.cluster;
        let any = |any: &Option<Any>| any.as_ref().map(Spanned::span);
        for (key, span) in [
            ("max_pending", any(&config.max_pending)),
            ("max_subscriptions", any(&config.max_subscriptions)),
            ("lame_duck_duration", any(&config.lame_duck_duration)),
            ("lame_duck_grace_period", any(&config.lame_duck_grace_period)),
            ("pool_size", any(&cluster.pool_size)),
            ("accounts", cluster.accounts.as_ref().map(Spanned::span)),
            ("no_advertise", cluster.no_advertise.as_ref().map(Spanned::span)),
        ] {
            if let Some(span) = span {
                let message = format!("`{key}` does not change while a server runs");
                self.problems.add(span, message);
            }
        }
    }

    /// What nodes are replaced by.
    fn to(&mut self, raw: &RawFault) -> Option<Release> {
        let Some(to) = &raw.to else {
            let message = "an upgrade says what nodes are replaced by: `to`";
            self.problems.add(raw.kind.span(), message);
            return None;
        };
        self.release(to)
    }

    pub(super) fn release(&mut self, text: &Text) -> Option<Release> {
        let name = text.get_ref().as_str();
        let found = Release::ALL.into_iter().find(|release| release.name() == name);
        if found.is_none() {
            let message = format!("there is no release `{name}`");
            self.problems.unknown(text.span(), message, name, Release::ALL.map(Release::name));
        }
        found
    }

    /// How long a leaving node may take is at least long enough to be seen.
    pub(super) fn check_patience(&mut self, raw: &RawFault) {
        if let Some(lasts) = &raw.lasts
            && self.maybe(Some(lasts), Unit::Duration).is_some_and(|draw| draw.low < MS)
        {
            self.problems.add(lasts.span(), "it takes at least 1ms");
        }
    }
}
