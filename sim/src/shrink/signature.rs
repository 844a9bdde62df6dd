//! What makes two failures the same.

use std::fmt;

use crate::history::{History, Kind};
use crate::run::RunEnd;
use crate::verdict::SeedRun;

/// What a failure is, without who, when and how often. Two runs with an equal signature fail for
/// the same reason, as far as can be told.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Signature {
    /// A node or the engine panicked.
    Panicked {
        /// The panic's message without its numbers.
        message: String,
    },
    /// A guarantee broke.
    Broken {
        /// Its id.
        guarantee: &'static str,
        /// The kind of thing at which it showed.
        object: &'static str,
    },
    /// The run did not come to an end.
    Stuck {
        /// How it was noticed, without numbers.
        message: String,
    },
    /// The history contradicts itself.
    Malformed {
        /// How, without numbers.
        message: String,
    },
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked { message } => write!(f, "panic: {message}"),
            Self::Broken { guarantee, object } => write!(f, "{guarantee} ({object})"),
            Self::Stuck { message } => write!(f, "no end: {message}"),
            Self::Malformed { message } => write!(f, "malformed history: {message}"),
        }
    }
}

/// Something that went wrong in a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What.
    pub signature: Signature,
    /// When it showed, in nanoseconds.
    pub t: u64,
}

/// Everything that went wrong in a run, the gravest kind and then the earliest first. A guarantee
/// is named once, with its first violation.
#[must_use]
pub fn findings(run: &SeedRun, history: &History) -> Vec<Finding> {
    let end_t = history.events.last().map_or(0, |event| event.t);
    let mut found = Vec::new();
    for judged in &run.judged {
        if let Some(violation) = &judged.findings.first {
            let object = object(history, violation.i, violation.t);
            let signature = Signature::Broken { guarantee: judged.spec.id, object };
            found.push(Finding { signature, t: violation.t });
        }
    }
    found.sort_by_key(|finding| finding.t);
    let mut at_the_end = |signature| found.insert(0, Finding { signature, t: end_t });
    match &run.end {
        RunEnd::Panicked { message } => {
            at_the_end(Signature::Panicked { message: without_numbers(message) });
        }
        RunEnd::Stuck { message } if !run.broke() => {
            at_the_end(Signature::Stuck { message: without_numbers(message) });
        }
        RunEnd::Stuck { .. } | RunEnd::TooSlow { .. } | RunEnd::Complete | RunEnd::Cut => {}
    }
    if let Some(message) = &run.unjudged {
        at_the_end(Signature::Malformed { message: without_numbers(message) });
    }
    let mut known = Vec::new();
    found.retain(|finding| {
        let new = !known.contains(&finding.signature);
        known.push(finding.signature.clone());
        new
    });
    found
}

/// The kind of thing at which a violation showed: what the event is about, or that something was
/// not there in time.
fn object(history: &History, i: usize, t: u64) -> &'static str {
    let Some(event) = history.events.get(i) else { return "missing in time" };
    if t < event.t {
        return "missing in time";
    }
    match &event.kind {
        Kind::Delivered { .. } => "delivery",
        Kind::PubSent { .. }
        | Kind::PubFlushed { .. }
        | Kind::PubRefused { .. }
        | Kind::OpDropped { .. } => "publication",
        Kind::NoResponders { .. } | Kind::RequestDone { .. } | Kind::RequestTimeout { .. } => {
            "request"
        }
        Kind::SubSent { .. }
        | Kind::SubReady { .. }
        | Kind::UnsubSent { .. }
        | Kind::UnsubReady { .. } => "subscription",
        Kind::NodeUp { .. } | Kind::NodeDown { .. } | Kind::Said { .. } => "node",
        Kind::RouteUp { .. } | Kind::RouteDown { .. } => "route",
        Kind::ClientConnected { .. }
        | Kind::ClientClosed { .. }
        | Kind::ClientError { .. }
        | Kind::Backlog { .. }
        | Kind::Servers { .. }
        | Kind::SlowConsumer { .. } => "client connection",
        Kind::Dial { .. } => "dial",
        Kind::WireSub { .. } | Kind::WireSubSeen { .. } => "interest between nodes",
        Kind::WireMsg { .. } | Kind::WireMsgSeen { .. } => "message between nodes",
        Kind::Buffer(_) => "buffer",
        Kind::WireOpened { .. } | Kind::WireClosed { .. } | Kind::WireError { .. } => {
            "connection between nodes"
        }
        Kind::Stream(_) => "stream",
        Kind::Snapshot(_) => "state of a node",
        Kind::Fault(_) | Kind::Phase { .. } | Kind::End => "course of the run",
    }
}

/// A message with `#` for every number, so that times, ids and counts do not make it another.
fn without_numbers(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for c in message.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guarantee::judge;
    use crate::guarantee::testkit::{EAST_1, Script};
    use crate::history::NodeDownHow;
    use crate::verdict::tests::seed_run;

    fn of(script: &Script, end: RunEnd) -> Vec<String> {
        let judged = judge(&script.history).unwrap();
        let run = SeedRun { end, judged, ..seed_run(1, 1, None) };
        findings(&run, &script.history).iter().map(|f| f.signature.to_string()).collect()
    }

    #[test]
    fn a_signature_says_what_and_on_what() {
        let mut s = Script::running();
        let client = s.client("both/1", EAST_1);
        s.sub(client, 1, "a", "");
        let msg = s.publish(client, "a");
        s.deliver(client, 1, msg);
        assert_eq!(of(&s, RunEnd::Complete), [""; 0]);
        s.deliver(client, 1, msg);
        assert_eq!(of(&s, RunEnd::Complete), ["no_duplicates (delivery)"]);
        s.at(9_000).node_down(EAST_1, NodeDownHow::Panicked);
        let message = "index 7 of 12 at src/x.rs:31".to_owned();
        assert_eq!(
            of(&s, RunEnd::Panicked { message }),
            [
                "panic: index # of # at src/x.rs:#",
                "no_duplicates (delivery)",
                "nodes_stay_up (node)"
            ]
        );
    }

    #[test]
    fn a_run_without_an_end_is_named_only_if_nothing_else_is() {
        let mut s = Script::running();
        let stuck = || RunEnd::Stuck { message: "more than 5000 steps".to_owned() };
        assert_eq!(of(&s, stuck()), ["no end: more than # steps"]);
        s.node_down(EAST_1, NodeDownHow::Panicked);
        assert_eq!(of(&s, stuck()), ["nodes_stay_up (node)"]);
    }

    #[test]
    fn what_is_missing_differs_from_what_is_there() {
        let mut s = Script::running();
        s.at(5_000).partition(true);
        let history = s.history;
        let last = history.events.len() - 1;
        let t = history.events[last].t;
        assert_ne!(object(&history, last, t), "missing in time");
        assert_eq!(object(&history, last, t - 1), "missing in time");
        assert_eq!(object(&history, last + 1, t), "missing in time");
    }
}
