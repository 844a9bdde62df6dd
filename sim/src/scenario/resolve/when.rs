//! What faults and clients wait for.

use std::ops::Range;

use super::super::raw::{RawClient, RawFault};
use super::super::value::Unit;
use super::super::when::{self, Is, WORDS};
use super::super::{Draw, FaultWhat, Role, Selector, WatchedSpec, WhenSpec};
use super::{Any, Reader, Text};

/// Kinds that say who is there at all, which bounds and checks rely on.
const MEMBERS: [&str; 3] = ["join", "leave", "upgrade"];

impl Reader<'_> {
    /// What the fault waits for, if it does.
    pub(super) fn when(&mut self, raw: &RawFault, what: &FaultWhat) -> Option<WhenSpec> {
        let Some(text) = &raw.when else {
            self.no_delay(raw.delay.as_ref());
            return None;
        };
        let kind = raw.kind.get_ref().as_str();
        if MEMBERS.contains(&kind) {
            let message = format!("a {kind} has a time: who is there is known beforehand");
            self.problems.add(text.span(), message);
            return None;
        }
        if raw.lasts.is_none() && !what.is_instant() && !what.ends_by_itself() {
            let message = "a fault that waits for something says how long it lasts: `for`";
            self.problems.add(raw.kind.span(), message);
        }
        self.condition(text, raw.delay.as_ref())
    }

    /// What the clients of a table wait for, if they do.
    pub(super) fn client_when(&mut self, raw: &RawClient) -> Option<WhenSpec> {
        let Some(text) = &raw.when else {
            self.no_delay(raw.delay.as_ref());
            if let Some(lasts) = &raw.lasts {
                let message = "`for` is from when a condition holds: it needs `when`; without it, \
                    `stop` says when they stop";
                self.problems.add(lasts.span(), message);
            }
            return None;
        };
        if let (Some(lasts), Some(_)) = (&raw.lasts, &raw.stop) {
            self.problems.add(lasts.span(), "either `for` or `stop` says when they stop");
        }
        let when = self.condition(text, raw.delay.as_ref())?;
        if let WatchedSpec::Count(clients) | WatchedSpec::Connected(clients) = &when.watched {
            let mut of_itself = false;
            clients.visit(&mut |part| {
                of_itself |= matches!(part, Selector::Client(id) if id == raw.id.get_ref());
            });
            if of_itself {
                self.problems.add(text.span(), "clients cannot wait for what they do themselves");
            }
        }
        Some(when)
    }

    fn no_delay(&mut self, delay: Option<&Any>) {
        if let Some(delay) = delay {
            let message = "`delay` is from when a condition holds: it needs `when`";
            self.problems.add(delay.span(), message);
        }
    }

    fn condition(&mut self, text: &Text, delay: Option<&Any>) -> Option<WhenSpec> {
        let delay = self.or(delay, Unit::Duration, 0);
        let parts = match when::parts(text.get_ref()) {
            Ok(parts) => parts,
            Err(message) => {
                self.problems.add(text.span(), message);
                return None;
            }
        };
        let of_fault = ["begun", "over"].contains(&parts.word);
        let (is, number) = match (of_fault, parts.compared) {
            (true, None) => (Is::AtLeast, 1),
            (false, Some(compared)) => compared,
            (true, Some(_)) => {
                let message = format!("`{}(...)` is so or is not: no number", parts.word);
                self.problems.add(text.span(), message);
                return None;
            }
            (false, None) => {
                let message = "the condition does not say how many: `>= 5`, `== 0`, ...";
                self.problems.add(text.span(), message);
                return None;
            }
        };
        let problems = self.problems.len();
        let watched = self.watched(text, parts.word, parts.inside)?;
        let when = WhenSpec { watched, is, number, delay };
        if self.problems.len() == problems {
            self.check_reachable(text.span(), &when);
        }
        Some(when)
    }

    fn watched(&mut self, text: &Text, word: &str, inside: &str) -> Option<WatchedSpec> {
        Some(match word {
            "count" => WatchedSpec::Count(self.watched_clients(text, inside)?),
            "connected" => WatchedSpec::Connected(self.watched_clients(text, inside)?),
            "up" => WatchedSpec::Up(self.watched_nodes(text, inside)?),
            "routes" => {
                let sides = inside.split_once(" / ").or_else(|| inside.split_once(" to "));
                let Some((a, b)) = sides else {
                    let message = "`routes` are between two sides: `routes(region:a / region:b)`";
                    self.problems.add(text.span(), message);
                    return None;
                };
                WatchedSpec::Routes(self.watched_nodes(text, a)?, self.watched_nodes(text, b)?)
            }
            "begun" => WatchedSpec::Begun(self.other_fault(text, inside)?),
            "over" => WatchedSpec::Over(self.other_fault(text, inside)?),
            word => {
                let message = format!("nobody can wait for `{word}(...)`");
                self.problems.unknown(text.span(), message, word, WORDS);
                return None;
            }
        })
    }

    /// A part of a condition as a selector.
    fn part(&mut self, text: &Text, part: &str) -> Option<Selector> {
        match Selector::parse(part) {
            Ok(selector) => {
                selector.visit(&mut |one| self.check_selector(text.span(), one));
                Some(selector)
            }
            Err(error) => {
                self.problems.add(text.span(), error.message);
                None
            }
        }
    }

    fn watched_nodes(&mut self, text: &Text, part: &str) -> Option<Selector> {
        let selector = self.part(text, part)?;
        if self.means_no_node(&selector) {
            self.problems.add(text.span(), format!("`{selector}` means no node"));
        }
        Some(selector)
    }

    fn watched_clients(&mut self, text: &Text, part: &str) -> Option<Selector> {
        let selector = self.part(text, part)?;
        if selector.means_nodes_only() {
            self.problems.add(text.span(), format!("`{selector}` means no client"));
        }
        Some(selector)
    }

    /// The id of another fault, above this one: so no two wait for each other.
    fn other_fault(&mut self, text: &Text, inside: &str) -> Option<String> {
        let raw = self.raw;
        let id = inside.strip_prefix("fault:").unwrap_or(inside).trim();
        let here = |f: &&toml::Spanned<RawFault>| {
            f.get_ref().when.as_ref().is_some_and(|when| when.span() == text.span())
        };
        let named = |f: &toml::Spanned<RawFault>| {
            f.get_ref().id.as_ref().is_some_and(|other| other.get_ref() == id)
        };
        let me = raw.fault.iter().position(|fault| here(&fault)).unwrap_or(raw.fault.len());
        match raw.fault.iter().position(named) {
            Some(at) if at < me => Some(id.to_owned()),
            Some(_) => {
                let message =
                    format!("the fault `{id}` must stand above the one that waits for it");
                self.problems.add(text.span(), message);
                None
            }
            None => {
                let known: Vec<&str> = (raw.fault.iter())
                    .filter_map(|f| f.get_ref().id.as_ref().map(|id| id.get_ref().as_str()))
                    .collect();
                let message = format!("there is no fault with the id `{id}`");
                self.problems.unknown(text.span(), message, id, known);
                None
            }
        }
    }

    /// A number that is never reached, as far as that can be told.
    fn check_reachable(&mut self, span: Range<usize>, when: &WhenSpec) {
        let most = match &when.watched {
            WatchedSpec::Count(clients) => self.most_messages(clients),
            WatchedSpec::Connected(clients) => self.most_clients(clients),
            WatchedSpec::Up(nodes) => Some(self.most_nodes(nodes)),
            WatchedSpec::Routes(a, b) => {
                Some(self.most_nodes(a).saturating_mul(self.most_nodes(b)))
            }
            WatchedSpec::Begun(_) | WatchedSpec::Over(_) => None,
        };
        let is_never = |most: u64| when.is != Is::AtMost && when.number > most;
        if let Some(most) = most.filter(|most| is_never(*most)) {
            let message = format!("this never comes: it is at most {most}");
            self.problems.add(span, message);
        }
    }

    fn tables<'r>(&'r self, clients: &'r Selector) -> Option<Vec<&'r RawClient>> {
        let Selector::Client(id) = clients else { return None };
        let all = self.raw.client.iter().map(toml::Spanned::get_ref);
        Some(all.filter(|client| client.id.get_ref() == id).collect())
    }

    fn most_clients(&self, clients: &Selector) -> Option<u64> {
        let count = |client: &RawClient| match &client.count {
            Some(any) => super::draw(any, Unit::Count).map_or(u64::MAX, |draw| draw.high),
            None => 1,
        };
        Some(self.tables(clients)?.into_iter().map(count).fold(0, u64::saturating_add))
    }

    /// Known if they stop by themselves.
    fn most_messages(&self, clients: &Selector) -> Option<u64> {
        let mut all: u64 = 0;
        for client in self.tables(clients)? {
            let sends =
                Role::ALL.into_iter().any(|r| r.name() == client.role.get_ref() && r.sends());
            let each = super::draw(client.stop_after.as_ref().filter(|_| sends)?, Unit::Count);
            let count = client
                .count
                .as_ref()
                .map_or(Ok(Draw::fixed(1)), |any| super::draw(any, Unit::Count));
            all = all.saturating_add(each.ok()?.high.saturating_mul(count.ok()?.high));
        }
        Some(all)
    }
}
