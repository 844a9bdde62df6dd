//! Coverage goals: what must have happened in at least one seed of a set.
//!
//! A run in which nothing went wrong because nothing happened proves little, so a scenario may list
//! what it is about:
//!
//! ```text
//! goal   = event [ "during" period ]
//! event  = the kind of an event in a history: route_down, slow_consumer, no_responders, ...
//!        | "fault:" kind of fault
//!        | outsider, which is a node that is not healed in the end (run.heal)
//!        | stays, or "stays:" kind of fault: it has begun and is never lifted
//! period = "partition", which is any cut | "fault:" kind of fault | boot | warm | chaos | heal | quiesce | drain
//! ```

use std::collections::BTreeSet;

use crate::history::{Event, FaultKind, History, Kind, Phase};

/// Events that a goal may be about: those that do not happen in every run anyway.
const EVENTS: [&str; 25] = [
    "client_error",
    "closed",
    "connected",
    "delivered",
    "no_responders",
    "node_down",
    "node_up",
    "op_dropped",
    "pub",
    "pub_refused",
    "request_done",
    "request_timeout",
    "route_down",
    "route_up",
    "slow_consumer",
    "stream_acked",
    "stream_confirmed",
    "stream_damaged",
    "stream_given",
    "stream_hole",
    "stream_refused",
    "stream_unknown",
    "sub",
    "unsub",
    "wire_msg",
];

/// What a goal calls a node that is not healed in the end.
const OUTSIDER: &str = "outsider";

/// And a fault that is never lifted.
const STAYS: &str = "stays";

/// Something that must have happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Goal {
    text: String,
    event: What,
    period: Option<Period>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum What {
    Event(&'static str),
    Fault(FaultKind),
    /// A node is not healed in the end: seen when the last fault is lifted.
    Outsider,
    /// A fault begins that is never lifted, of this kind if one is given.
    Stays(Option<FaultKind>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Period {
    /// Any fault that cuts.
    Partition,
    While(FaultKind),
    In(Phase),
}

impl Goal {
    /// Reads a goal.
    ///
    /// # Errors
    /// Says which word is not known, and which are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (event, period) = match words.as_slice() {
            [event] => (event, None),
            [event, "during", period] => (event, Some(parse_period(period)?)),
            _ => {
                return Err(format!("`{text}` is no goal: write `EVENT` or `EVENT during PERIOD`"));
            }
        };
        Ok(Self { text: text.to_owned(), event: parse_event(event)?, period })
    }

    /// The goal as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it happened in this history.
    #[must_use]
    pub fn is_reached(&self, history: &History) -> bool {
        let mut faults = BTreeSet::new();
        let mut phase = Phase::Boot;
        history.events.iter().any(|event| {
            if let Kind::Phase { phase: next } = event.kind {
                phase = next;
            }
            let is_it = self.is_about(history, event) && self.is_now(phase, !faults.is_empty());
            if let Kind::Fault(fault) = &event.kind
                && self.is_in_period(fault.kind)
            {
                if fault.on {
                    faults.insert(fault.id)
                } else {
                    faults.remove(&fault.id)
                };
            }
            is_it
        })
    }

    fn is_about(&self, history: &History, event: &Event) -> bool {
        let header = &history.header;
        match (self.event, &event.kind) {
            (What::Fault(kind), Kind::Fault(fault)) => fault.on && fault.kind == kind,
            (What::Stays(kind), Kind::Fault(fault)) => {
                let left = header.core.as_ref().is_some_and(|core| core.left.contains(&fault.id));
                left && kind.is_none_or(|kind| kind == fault.kind)
            }
            (What::Outsider, Kind::Phase { phase: Phase::Heal }) => {
                header.core.as_ref().is_some_and(|core| core.nodes.len() < header.nodes.len())
            }
            (What::Fault(_) | What::Stays(_) | What::Outsider, _) => false,
            (What::Event(name), kind) => kind.name() == name,
        }
    }

    /// Whether the period lasts while there is such a fault.
    fn is_in_period(&self, kind: FaultKind) -> bool {
        match self.period {
            Some(Period::Partition) => kind.cuts(),
            Some(Period::While(wanted)) => kind == wanted,
            Some(Period::In(_)) | None => false,
        }
    }

    fn is_now(&self, phase: Phase, faulty: bool) -> bool {
        match self.period {
            None => true,
            Some(Period::Partition | Period::While(_)) => faulty,
            Some(Period::In(wanted)) => phase == wanted,
        }
    }
}

/// What a goal may be, as a regular expression.
pub(crate) fn pattern() -> String {
    let faults = FaultKind::ALL.map(FaultKind::name).join("|");
    let phases = Phase::ALL.map(Phase::name).join("|");
    format!(
        r"^ *({}|{OUTSIDER}|(fault|{STAYS}):({faults})|{STAYS})( +during +(partition|fault:({faults})|{phases}))? *$",
        EVENTS.join("|")
    )
}

fn parse_event(text: &str) -> Result<What, String> {
    if let Some(kind) = text.strip_prefix("fault:") {
        return parse_fault(kind).map(What::Fault);
    }
    if let Some(rest) = text.strip_prefix(STAYS) {
        match rest.strip_prefix(':') {
            Some(kind) => return parse_fault(kind).map(|kind| What::Stays(Some(kind))),
            None if rest.is_empty() => return Ok(What::Stays(None)),
            None => {}
        }
    }
    if text == OUTSIDER {
        return Ok(What::Outsider);
    }
    let known = EVENTS.into_iter().find(|&name| name == text);
    known.map(What::Event).ok_or_else(|| {
        format!(
            "`{text}` is no event; there are {}, {OUTSIDER}, {STAYS}, {STAYS}:KIND and fault:KIND",
            EVENTS.join(", ")
        )
    })
}

fn parse_fault(name: &str) -> Result<FaultKind, String> {
    let known = FaultKind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| {
        let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("there is no fault `{name}`; there are {}", names.join(", "))
    })
}

fn parse_period(text: &str) -> Result<Period, String> {
    if text == "partition" {
        return Ok(Period::Partition);
    }
    if let Some(kind) = text.strip_prefix("fault:") {
        return parse_fault(kind).map(Period::While);
    }
    let known = Phase::ALL.into_iter().find(|phase| phase.name() == text);
    known.map(Period::In).ok_or_else(|| {
        let names: Vec<&str> = Phase::ALL.iter().map(|phase| phase.name()).collect();
        format!("`{text}` is no period; there are partition, fault:KIND, {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::Core;

    #[test]
    fn a_goal_is_reached_when_it_happens_in_its_period() {
        let mut s = Script::running();
        s.phase(Phase::Chaos);
        s.partition(true);
        s.routes_down(EAST_1, WEST_1);
        s.partition(false);
        s.phase(Phase::Heal);
        for (text, expected) in [
            ("route_down", true),
            ("route_down during partition", true),
            ("route_down during chaos", true),
            ("route_down during heal", false),
            ("route_down during fault:partition", true),
            ("route_down during fault:degrade", false),
            ("route_up", true),
            ("route_up during partition", false),
            ("fault:partition", true),
            ("fault:reset", false),
            ("slow_consumer", false),
        ] {
            let goal = Goal::parse(text).unwrap();
            assert_eq!(goal.is_reached(&s.history), expected, "{text}");
            assert_eq!(goal.text(), text);
        }
    }

    #[test]
    fn what_is_not_healed_is_seen_only_if_the_header_says_so() {
        let mut s = Script::running();
        s.partition(true);
        s.phase(Phase::Heal);
        let reached = |s: &Script| {
            ["outsider", "stays", "stays:partition", "stays:crash", "stays during heal"]
                .map(|text| Goal::parse(text).unwrap().is_reached(&s.history))
        };
        assert_eq!(reached(&s), [false; 5]);
        let left = vec![FaultKind::Partition as u32];
        s.history.header.core = Some(Core { nodes: vec![EAST_1], clients: Vec::new(), left });
        assert_eq!(reached(&s), [true, true, true, false, false]);
        assert!(Goal::parse("stays:rain").is_err() && Goal::parse("stayshere").is_err());
    }

    #[test]
    fn every_event_that_goals_speak_of_exists() {
        let mut s = Script::running();
        let client = s.client("c/1", EAST_1);
        s.sub(client, 1, "a", "");
        let msg = s.publish(client, "a");
        s.deliver(client, 1, msg);
        let seen: BTreeSet<&str> = s.history.events.iter().map(|e| e.kind.name()).collect();
        for name in ["route_up", "node_up", "connected", "sub", "pub", "delivered"] {
            assert!(seen.contains(name) && EVENTS.contains(&name), "{name}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (text, error) in [
            (
                "mirror_lag > 5",
                "`mirror_lag > 5` is no goal: write `EVENT` or `EVENT during PERIOD`",
            ),
            ("", "`` is no goal: write `EVENT` or `EVENT during PERIOD`"),
            (
                "pub during lunch",
                "`lunch` is no period; there are partition, fault:KIND, boot, warm, chaos, heal, \
                    quiesce, drain",
            ),
        ] {
            assert_eq!(Goal::parse(text).unwrap_err(), error);
        }
        assert!(Goal::parse("fault:flood").unwrap_err().starts_with("there is no fault `flood`"));
        assert!(
            Goal::parse("elected").unwrap_err().starts_with("`elected` is no event; there are")
        );
    }
}
