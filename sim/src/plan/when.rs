//! What a fault or an operation of a plan waits for, and its text:
//!
//! ```text
//! @5.000000 fault 2 crash for=1s nodes=a/1 when=count(pub/1,pub/2)>=500 delay=100ms until=40s
//! @5.000000 pub/3 pub orders size=64 when=over(2)>=1 delay=250ms until=40s
//! ```
//!
//! It begins `delay` after the condition holds, at or after its time, and not at all if that is later
//! than `until`.

use super::text::{Line, put};
use super::{FaultPlan, Plan, write};
use crate::ids::{ClientId, NodeId};
use crate::scenario::Is;
use crate::scenario::when;
use crate::units::Span;

/// What a fault waits for, and when it begins then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct When {
    /// What is looked at.
    pub watched: Watched,
    /// How it compares with the number.
    pub is: Is,
    /// The number.
    pub number: u64,
    /// From then on, in nanoseconds.
    pub delay_ns: u64,
    /// It begins no later than this.
    pub until: u64,
}

/// What operations wait for; many may wait for the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub watched: Watched,
    /// How it compares with the number.
    pub is: Is,
    /// The number.
    pub number: u64,
}

/// When an operation happens that waits for something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Later {
    /// What for: its place among the plan's conditions.
    pub condition: u32,
    /// From then on, in nanoseconds.
    pub delay_ns: u64,
    /// It happens no later than this.
    pub until: u64,
}

/// What is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Watched {
    /// Messages that the clients have sent, or received if they are there to receive.
    Count(Vec<ClientId>),
    /// How many of them are connected.
    Connected(Vec<ClientId>),
    /// How many of the nodes run.
    Up(Vec<NodeId>),
    /// How many pairs, one of each side, both ends take for joined.
    Routes(Vec<NodeId>, Vec<NodeId>),
    /// How many of these faults have begun.
    Begun(Vec<u32>),
    /// How many of these faults are over.
    Over(Vec<u32>),
}

impl When {
    /// The condition alone.
    #[must_use]
    pub fn text(&self, plan: &Plan) -> String {
        text(plan, &self.watched, self.is, self.number)
    }

    pub(super) fn write(&self, plan: &Plan, out: &mut String) {
        put(out, "when", self.text(plan));
        write_delay(self.delay_ns, self.until, out);
    }

    /// Reads the condition of a fault, if it has one.
    pub(super) fn read(
        line: &mut Line,
        client: impl Fn(&str) -> Result<ClientId, String>,
        node: impl Fn(&str) -> Result<NodeId, String>,
    ) -> Result<Option<Self>, String> {
        let Some(text) = line.maybe("when") else { return Ok(None) };
        let parts = when::parts(&text)?;
        let (is, number) = parts.compared.ok_or("the condition does not say how many")?;
        let clients = |names: &str| names.split(',').map(&client).collect::<Result<Vec<_>, _>>();
        let nodes = |names: &str| names.split(',').map(&node).collect::<Result<Vec<_>, _>>();
        let faults = |ids: &str| {
            let id = |id: &str| id.parse().map_err(|_| format!("`{id}` is not a number"));
            ids.split(',').map(id).collect::<Result<Vec<u32>, String>>()
        };
        let watched = match parts.word {
            "count" => Watched::Count(clients(parts.inside)?),
            "connected" => Watched::Connected(clients(parts.inside)?),
            "up" => Watched::Up(nodes(parts.inside)?),
            "routes" => {
                let (a, b) =
                    parts.inside.split_once('|').ok_or("`routes` have two sides: `a|b`")?;
                Watched::Routes(nodes(a)?, nodes(b)?)
            }
            "begun" => Watched::Begun(faults(parts.inside)?),
            "over" => Watched::Over(faults(parts.inside)?),
            word => return Err(format!("nobody can wait for `{word}(...)`")),
        };
        let delay_ns = match line.maybe("delay") {
            Some(text) => crate::units::duration(&text).map_err(|error| error.to_string())?,
            None => 0,
        };
        Ok(Some(Self { watched, is, number, delay_ns, until: line.span("until")? }))
    }

    fn condition(self) -> (Condition, u64, u64) {
        let Self { watched, is, number, delay_ns, until } = self;
        (Condition { watched, is, number }, delay_ns, until)
    }
}

impl Condition {
    /// Its text.
    #[must_use]
    pub fn text(&self, plan: &Plan) -> String {
        text(plan, &self.watched, self.is, self.number)
    }
}

impl Plan {
    /// Its place among the conditions that operations wait for, where it is put if it is new.
    pub(crate) fn condition(&mut self, condition: Condition) -> u32 {
        let place = self.conditions.iter().position(|other| *other == condition);
        let place = place.unwrap_or_else(|| {
            self.conditions.push(condition);
            self.conditions.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// What an operation waits for.
    #[must_use]
    pub fn condition_of(&self, later: Later) -> Option<&Condition> {
        self.conditions.get(later.condition as usize)
    }

    pub(super) fn write_later(&self, later: Later, out: &mut String) {
        let Some(condition) = self.condition_of(later) else { return };
        put(out, "when", condition.text(self));
        write_delay(later.delay_ns, later.until, out);
    }

    /// Reads what an operation waits for, if it does.
    pub(super) fn read_later(
        &mut self,
        line: &mut Line,
        client: impl Fn(&str) -> Result<ClientId, String>,
        node: impl Fn(&str) -> Result<NodeId, String>,
    ) -> Result<Option<Later>, String> {
        let Some(when) = When::read(line, client, node)? else { return Ok(None) };
        let (condition, delay_ns, until) = when.condition();
        Ok(Some(Later { condition: self.condition(condition), delay_ns, until }))
    }

    /// Numbers faults anew. What waits for others that are not there any more goes, too.
    pub(crate) fn renumber(&mut self) {
        let lost = |faults: &[FaultPlan]| {
            let there = |id: &u32| faults.iter().any(|fault| fault.id == *id);
            faults.iter().position(|fault| {
                let others = fault.when.as_ref().map_or(&[][..], |when| when.watched.faults());
                !others.is_empty() && !others.iter().any(there)
            })
        };
        while let Some(at) = lost(&self.faults) {
            self.faults.remove(at);
        }
        let old: Vec<u32> = self.faults.iter().map(|fault| fault.id).collect();
        let new = |other: u32| old.iter().position(|id| *id == other);
        for (id, fault) in (0..).zip(&mut self.faults) {
            fault.id = id;
            if let Some(When { watched, number, .. }) = &mut fault.when {
                watched.rename(number, new);
            }
        }
        for Condition { watched, number, .. } in &mut self.conditions {
            watched.rename(number, new);
        }
        self.forget_idle_ops();
    }

    /// Without the operations that wait for something about nobody.
    pub(crate) fn forget_idle_ops(&mut self) {
        let conditions = &self.conditions;
        self.ops.retain(|op| {
            op.when.is_none_or(|later| {
                let found = conditions.get(later.condition as usize);
                found.is_some_and(|condition| !condition.watched.is_empty())
            })
        });
    }
}

fn write_delay(delay_ns: u64, until: u64, out: &mut String) {
    if delay_ns > 0 {
        put(out, "delay", Span(delay_ns));
    }
    put(out, "until", Span(until));
}

/// A condition alone.
fn text(plan: &Plan, watched: &Watched, is: Is, number: u64) -> String {
    let clients = |clients: &[ClientId]| {
        let names: Vec<&str> = clients.iter().map(|client| plan.client_name(*client)).collect();
        names.join(",")
    };
    let faults = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let (word, inside) = match watched {
        Watched::Count(all) => ("count", clients(all)),
        Watched::Connected(all) => ("connected", clients(all)),
        Watched::Up(nodes) => ("up", write::node_names(plan, nodes)),
        Watched::Routes(a, b) => {
            let (a, b) = (write::node_names(plan, a), write::node_names(plan, b));
            ("routes", format!("{a}|{b}"))
        }
        Watched::Begun(ids) => ("begun", faults(ids)),
        Watched::Over(ids) => ("over", faults(ids)),
    };
    format!("{word}({inside}){}{number}", is.name())
}

impl Watched {
    /// Gives the faults that it looks at their new numbers; those that are gone are forgotten.
    fn rename(&mut self, number: &mut u64, new: impl Fn(u32) -> Option<usize>) {
        let is_over = matches!(self, Self::Over(_));
        if let Self::Begun(ids) | Self::Over(ids) = self {
            let renamed = ids.iter().filter_map(|id| new(*id));
            *ids = renamed.filter_map(|at| u32::try_from(at).ok()).collect();
            if is_over {
                *number = (*number).min(ids.len() as u64);
            }
        }
    }

    /// The faults that it looks at.
    #[must_use]
    pub(crate) fn faults(&self) -> &[u32] {
        match self {
            Self::Begun(ids) | Self::Over(ids) => ids,
            Self::Count(_) | Self::Connected(_) | Self::Up(_) | Self::Routes(..) => &[],
        }
    }

    /// Whether it looks at nobody, so that nothing ever comes of it.
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        match self {
            Self::Count(clients) | Self::Connected(clients) => clients.is_empty(),
            Self::Up(nodes) => nodes.is_empty(),
            Self::Routes(a, b) => a.is_empty() || b.is_empty(),
            Self::Begun(ids) | Self::Over(ids) => ids.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_read_as_it_was_written() {
        let head = "causeway-plan 1\nscenario t seed=1\nregion a link=l latency=1ms jitter=0s \
            loss=0 bandwidth=0\nnode a/1 region=a cluster=c start=0s wall=0 routes=\n\
            node a/2 region=a cluster=c start=0s wall=0 routes=a/1\n\
            client p/1 region=a role=publish nodes=a/1 ping=2s wait=1s jitter=0s\n\
            phases boot=0s warm=0s chaos=0s heal=0s quiesce=0s drain=0s end=0s\n\
            bounds rtt_max=0s interest=0s routes=0s clients=0s tcp_timeout=0s\n\
            @0.500000000 fault 0 crash for=1s nodes=a/1\n";
        let read = |words: &str| {
            Plan::parse(&format!("{head}@1.000000000 fault 1 crash for=2s nodes=a/2 {words}\n"))
        };
        for words in [
            "when=count(p/1)>=500 delay=100ms until=40s",
            "when=connected(p/1)==0 until=40s",
            "when=up(a/1,a/2)<=1 until=40s",
            "when=routes(a/1|a/2)==0 until=40s",
            "when=begun(0)>=1 until=40s",
            "when=over(0)>=1 until=40s",
        ] {
            let plan = read(words).unwrap_or_else(|error| panic!("{words}: {error}"));
            assert!(plan.write().contains(words), "{words}: {plan}");
            assert_eq!(plan.faults[1].end(), 42 * crate::units::SECOND);
        }
        for (words, error) in [
            ("when=count(q/1)>=5 until=4s", "there is no client `q/1`"),
            ("when=up(a/3)==0 until=4s", "there is no node `a/3`"),
            ("when=count(p/1) until=4s", "the condition does not say how many"),
            ("when=count(p/1)>=x until=4s", "`x` is no whole number"),
            ("when=routes(a/1)==0 until=4s", "`routes` have two sides: `a|b`"),
            ("when=rain(a/1)==0 until=4s", "nobody can wait for `rain(...)`"),
            ("when=over(1)>=1 until=4s", "fault 1 waits for 1, which never comes"),
            ("when=over(7)>=1 until=4s", "fault 1 waits for 7, which never comes"),
            ("when=up(a/1)==0", "`until=` is missing"),
        ] {
            let found = read(words).unwrap_err().to_string();
            assert!(found.ends_with(error), "{words}: {found}");
        }
    }
}
