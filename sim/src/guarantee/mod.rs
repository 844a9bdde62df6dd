//! The guarantees: what a cluster promises, and the checkers that hold a history against it.
//!
//! [`judge`] reads a history once, from front to back. A `View` adds the events up;
//! after each event, every checker looks at the view and says whether its guarantee was put to the
//! test and held. Nothing but the history is known to them, so histories from any engine, and from
//! anywhere else, can be judged.
//!
//! A guarantee that was never put to the test is *not checked*, never *held*.
//!
//! | file | holds |
//! |---|---|
//! | `catalogue` | which guarantees there are, each with its sentence and its bound |
//! | `view`, `network`, `subject` | what the events add up to |
//! | `replays` | which nodes are being given what was kept for them |
//! | `refusals` | which messages buffers had no room for |
//! | `arrears` | how long what was kept for somebody away may take |
//! | `settled` | which subscriptions must get a message, and by when |
//! | `healing` | the clock that starts when the last fault is gone |
//! | `search` | the events that tell a story |
//! | `not_yet` | which guarantees need something that is not there yet |
//! | `scope` | to what a scenario confines a guarantee |
//! | one file for each guarantee | its rule |

mod acks_are_kept;
mod arrears;
mod auto_unsub_exact;
mod baseline_after_drain;
mod batch_atomic;
mod bounded_memory;
mod buffer_replay;
mod buffered_delivery;
mod catalogue;
mod clients_return;
mod clusters_stay_apart;
mod connections_stay;
mod consumer_deliveries;
mod consumer_delivers_all;
mod copies;
#[cfg(test)]
mod core_tests;
mod counter_sum;
mod counters_agree;
mod damage;
mod delivery_ratio;
mod exactly_once;
mod gossip_converges;
mod healing;
mod interest_completeness;
mod interest_only;
mod keys;
mod lame_duck_orderly;
mod legal_protocol;
mod limits_exact;
mod mesh_closure;
mod mirror_is_prefix;
mod network;
mod no_acked_loss;
mod no_duplicates;
mod no_gaps;
mod no_responders_honest;
mod no_stuck_connection;
mod nodes_stay_up;
mod not_yet;
mod nothing_unexpected;
mod num_pending;
mod one_hop;
mod one_member_per_queue_group;
mod outcome;
mod publisher_order;
mod quiet_delivery;
mod reconnect_bounded;
mod refusals;
mod refused_is_taken_by_nobody;
mod refused_when_full;
mod region_autonomy;
mod replay_in_background;
mod replays;
mod routes_reestablished;
mod scope;
mod search;
mod settled;
mod stream_contents;
mod stream_seq_dense;
mod streams;
mod subject;
mod table;
mod view;
mod wellformed;
mod write_deadline_exact;

#[cfg(test)]
pub(crate) mod testkit;

pub use catalogue::{Spec, Timing, catalogue, find, kinds};
pub use not_yet::needs;
pub use outcome::{Findings, Took, Violation, Witness};
pub(crate) use subject::reaches;
pub use view::Malformed;

pub(crate) use table::Table;

use outcome::Pen;
use scope::Scope;
use view::View;

use crate::history::{GuaranteeInfo, Header, History, Kind, Phase};

/// A guarantee as a scenario asks for it, with what was found.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which guarantee.
    pub spec: &'static Spec,
    /// The scenario's name for it; the guarantee's id if the scenario does not name it.
    pub name: String,
    /// The scenario asks for it, so it must have been put to the test.
    pub required: bool,
    /// The line of the scenario file that asks for it; 0 if none does.
    pub line: u32,
    /// The bound that was applied, in nanoseconds, if the guarantee has one.
    pub bound_ns: Option<u64>,
    /// What was found.
    pub findings: Findings,
}

/// Why a history cannot be judged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// The header contradicts itself.
    #[error("the header is wrong: {0}")]
    Header(String),
    /// The header asks for a guarantee that does not exist, or confines one to something that does
    /// not exist.
    #[error("guarantee `{name}`: {what}")]
    Guarantee {
        /// The scenario's name for it.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// An event cannot stand where it does.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Holds a history against every guarantee: those that its scenario asks for, with its parameters,
/// and all others with their own.
///
/// # Errors
/// [`JudgeError`] if the history contradicts itself. What a broker did wrong is never an error.
pub fn judge(history: &History) -> Result<Vec<Judged>, JudgeError> {
    wellformed::check_header(&history.header).map_err(JudgeError::Header)?;
    let mut bench = Bench::new(&history.header)?;
    let mut view = View::new(history);
    let mut now = 0;
    for (i, event) in history.events.iter().enumerate() {
        if event.t < now {
            let what = format!("its time {} is before {now}", event.t);
            return Err(Malformed { i, what }.into());
        }
        if event.t > now {
            bench.pass_time(&view, i, event.t);
            now = event.t;
        }
        view.apply(i)?;
        bench.observe(&view, i);
    }
    Ok(bench.seats.into_iter().map(|seat| seat.judged).collect())
}

/// Whether all that a guarantee's scope names is there.
pub(crate) fn knows_scope(scope: &str, header: &Header) -> bool {
    Scope::parse(scope, header).is_ok()
}

/// What a checker is told when it is made.
pub(crate) struct Params<'h> {
    pub(crate) header: &'h Header,
    pub(crate) scope: Scope,
    pub(crate) within_ns: Option<u64>,
    pub(crate) grace_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) success_ppm: Option<u32>,
    pub(crate) min_ppm: Option<u32>,
}

/// One guarantee's rule, applied to one history.
pub(crate) trait Checker {
    /// The kinds of events that it looks at.
    fn topics(&self) -> &'static [Topic];

    /// The next time by which something must have happened. Asked after each call.
    fn due(&self) -> Option<u64> {
        None
    }

    /// Time is about to pass up to `until`, and something was [due](Self::due) before that: it has
    /// happened by now, or it is late. The view is still that of the last event.
    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        let _ = (view, until, pen);
    }

    /// The event with number [`Pen::i`] has just been taken into the view.
    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>);
}

/// Kinds of events that checkers look at together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topic {
    /// A message was delivered.
    Deliveries,
    /// A node has processed what was published.
    Flushes,
    /// A request was answered, or not.
    Requests,
    /// Faults, nodes, routes.
    Network,
    /// A client's connection came or went, or it was sent an error.
    Connections,
    /// Interest or a message passed between nodes.
    Wires,
    /// Phases, snapshots and the end.
    Milestones,
    /// Bytes wait for a client; a client is too slow.
    Pressure,
    /// A node dials.
    Dials,
    /// A client is told of servers.
    Servers,
    /// Something was seen of a stream.
    Streams,
    /// Something became of messages that a node keeps for another, or would keep.
    Buffers,
}

const TOPICS: usize = 12;

impl Topic {
    /// The topic of an event; `None` if nobody looks at its kind as such.
    const fn of(kind: &Kind) -> Option<Self> {
        Some(match kind {
            Kind::Delivered { .. } => Self::Deliveries,
            Kind::PubFlushed { .. } => Self::Flushes,
            Kind::NoResponders { .. } | Kind::RequestTimeout { .. } => Self::Requests,
            Kind::Fault(_)
            | Kind::NodeUp { .. }
            | Kind::NodeDown { .. }
            | Kind::RouteUp { .. }
            | Kind::RouteDown { .. } => Self::Network,
            Kind::ClientConnected { .. } | Kind::ClientClosed { .. } | Kind::ClientError { .. } => {
                Self::Connections
            }
            Kind::WireSub { .. }
            | Kind::WireSubSeen { .. }
            | Kind::WireMsg { .. }
            | Kind::WireOpened { .. }
            | Kind::WireClosed { .. }
            | Kind::WireError { .. } => Self::Wires,
            Kind::Phase { .. } | Kind::Snapshot(_) | Kind::End => Self::Milestones,
            Kind::Backlog { .. } | Kind::SlowConsumer { .. } => Self::Pressure,
            Kind::Dial { .. } => Self::Dials,
            Kind::Servers { .. } => Self::Servers,
            Kind::Stream(_) => Self::Streams,
            Kind::Buffer(_) | Kind::PubRefused { .. } => Self::Buffers,
            Kind::SubSent { .. }
            | Kind::SubReady { .. }
            | Kind::UnsubSent { .. }
            | Kind::UnsubReady { .. }
            | Kind::PubSent { .. }
            | Kind::OpDropped { .. }
            | Kind::RequestDone { .. }
            | Kind::WireMsgSeen { .. }
            | Kind::Said { .. } => return None,
        })
    }
}

/// When a guarantee is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum During {
    Always,
    Partition,
    AfterHeal,
}

impl During {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" | "always" => Ok(Self::Always),
            "partition" => Ok(Self::Partition),
            "after_heal" => Ok(Self::AfterHeal),
            _ => Err(format!("`during` is `{text}`; it must be always, partition or after_heal")),
        }
    }

    fn is_now(self, view: &View<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Partition => view.network.is_cut(),
            Self::AfterHeal => view.phase >= Phase::Heal && view.network.fault_free(),
        }
    }
}

struct Seat {
    judged: Judged,
    during: During,
    checker: Box<dyn Checker>,
}

struct Bench {
    seats: Vec<Seat>,
    /// For each topic, the seats that look at it.
    listeners: [Vec<usize>; TOPICS],
    /// Nothing is due before this time.
    due: u64,
}

impl Bench {
    fn new(header: &Header) -> Result<Self, JudgeError> {
        let mut seats = Vec::new();
        for spec in catalogue() {
            let mut asked = false;
            for info in &header.guarantees {
                if find(&info.kind).is_some_and(|found| found.id == spec.id) {
                    asked = true;
                    seats.push(Seat::new(header, spec, Some(info))?);
                }
            }
            if !asked && spec.is_meant(header) {
                seats.push(Seat::new(header, spec, None)?);
            }
        }
        for info in &header.guarantees {
            if find(&info.kind).is_none() {
                let what = match needs(&info.kind) {
                    Some(what) => format!("`{}` needs {what}, and there are none yet", info.kind),
                    None => format!("there is no guarantee of kind `{}`", info.kind),
                };
                return Err(JudgeError::Guarantee { name: info.id.clone(), what });
            }
        }
        let mut listeners: [Vec<usize>; TOPICS] = std::array::from_fn(|_| Vec::new());
        for (at, seat) in seats.iter().enumerate() {
            for topic in seat.checker.topics() {
                listeners[*topic as usize].push(at);
            }
        }
        Ok(Self { seats, listeners, due: u64::MAX })
    }

    fn pass_time(&mut self, view: &View<'_>, i: usize, until: u64) {
        if self.due >= until {
            return;
        }
        self.due = u64::MAX;
        for seat in &mut self.seats {
            if seat.checker.due().is_some_and(|due| due < until) {
                let (checker, mut pen) = seat.split(view, i, until);
                checker.pass_time(view, until, &mut pen);
            }
            self.due = self.due.min(seat.checker.due().unwrap_or(u64::MAX));
        }
    }

    fn observe(&mut self, view: &View<'_>, i: usize) {
        let event = &view.history.events[i];
        let Some(topic) = Topic::of(&event.kind) else { return };
        for &at in &self.listeners[topic as usize] {
            let seat = &mut self.seats[at];
            let (checker, mut pen) = seat.split(view, i, event.t);
            checker.observe(view, &mut pen);
            self.due = self.due.min(checker.due().unwrap_or(u64::MAX));
        }
    }
}

impl Seat {
    fn new(
        header: &Header,
        spec: &'static Spec,
        info: Option<&GuaranteeInfo>,
    ) -> Result<Self, JudgeError> {
        let none = GuaranteeInfo::default();
        let asked = info.unwrap_or(&none);
        let name = if asked.id.is_empty() { spec.id } else { &asked.id };
        let wrong = |what| JudgeError::Guarantee { name: name.to_owned(), what };
        let params = Params {
            header,
            scope: Scope::parse(&asked.scope, header).map_err(wrong)?,
            within_ns: asked.within_ns,
            grace_ns: asked.grace_ns,
            p99_ns: asked.p99_ns,
            success_ppm: asked.success_ppm,
            min_ppm: asked.min_ppm,
        };
        let judged = Judged {
            spec,
            name: name.to_owned(),
            required: info.is_some(),
            line: asked.line,
            bound_ns: spec.bound_ns(&params),
            findings: Findings::default(),
        };
        let during = During::parse(&asked.during).map_err(wrong)?;
        Ok(Self { judged, during, checker: spec.checker(&params) })
    }

    fn split<'a>(
        &'a mut self,
        view: &View<'_>,
        i: usize,
        t: u64,
    ) -> (&'a mut dyn Checker, Pen<'a>) {
        let open = self.during.is_now(view);
        (&mut *self.checker, Pen { findings: &mut self.judged.findings, open, i, t })
    }
}

#[cfg(test)]
mod tests {
    use super::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use super::*;
    use crate::ids::{ClientId, ConnNo, MsgId, NodeId, Sid};

    #[test]
    fn an_empty_history_checks_nothing() {
        let history = Script::new().history;
        let all = judge(&history).unwrap();
        let core = catalogue().iter().filter(|spec| spec.is_meant(&history.header)).count();
        assert_eq!(all.len(), core);
        for judged in all {
            judged.vacuous();
            assert!(!judged.required && judged.name == judged.spec.id);
        }
    }

    #[test]
    fn a_guarantee_may_be_asked_for_twice_with_different_scopes() {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        for (name, node) in [("near/1", EAST_2), ("far/1", WEST_1)] {
            let client = s.client(name, node);
            s.sub(client, 1, "a", "");
        }
        for scope in ["client:near", "client:pub"] {
            let asked = s.ask("no_duplicate_core");
            asked.scope = scope.to_owned();
            asked.id = scope.to_owned();
        }
        let msg = s.publish(publisher, "a");
        s.deliver(ClientId(1), 1, msg);
        s.deliver(ClientId(2), 1, msg);
        let all = judge(&s.history).unwrap();
        let found: Vec<(&str, u64)> = all
            .iter()
            .filter(|judged| judged.spec.id == "no_duplicates")
            .map(|judged| (judged.name.as_str(), judged.findings.checked))
            .collect();
        assert_eq!(found, [("client:near", 1), ("client:pub", 2)]);
    }

    #[test]
    fn a_guarantee_may_be_asked_for_in_some_periods_only() {
        for (during, checked) in [("always", 3), ("partition", 1), ("after_heal", 1)] {
            let mut s = Script::running();
            let client = s.client("both/1", EAST_1);
            s.sub(client, 1, "a", "");
            s.ask("no_duplicates").during = during.to_owned();
            for step in 0..3 {
                match step {
                    1 => s.partition(true),
                    2 => {
                        s.partition(false);
                        s.phase(Phase::Heal);
                    }
                    _ => {}
                }
                let msg = s.publish(client, "a");
                s.deliver(client, 1, msg);
            }
            s.judge("no_duplicates").held(checked);
        }
    }

    #[test]
    fn a_scenario_that_asks_for_something_unknown_is_told_what() {
        type Ask = fn(&mut GuaranteeInfo);
        let asks: [(Ask, &str); 7] = [
            (
                |g| g.kind = "replicas_equal".to_owned(),
                "`replicas_equal` needs replicas of streams, and there are none yet",
            ),
            (|g| g.kind = "nonsense".to_owned(), "there is no guarantee of kind `nonsense`"),
            (|g| g.scope = "client:x".to_owned(), "there is no client `x`"),
            (|g| g.scope = "region:x".to_owned(), "there is no region `x`"),
            (|g| g.scope = "node:x".to_owned(), "there is no node `x`"),
            (|g| g.scope = "path:east".to_owned(), "`path:east` is no path: write path:A/B"),
            (
                |g| g.during = "never".to_owned(),
                "`during` is `never`; it must be always, partition or after_heal",
            ),
        ];
        for (ask, expected) in asks {
            let mut s = Script::running();
            ask(s.ask("one_hop"));
            let error = judge(&s.history).unwrap_err();
            assert_eq!(error.to_string(), format!("guarantee `my_one_hop`: {expected}"));
        }
    }

    #[test]
    fn a_history_that_contradicts_itself_is_refused_with_the_event() {
        let msg = MsgId { client: ClientId(0), conn: ConnNo(1), seq: 2 };
        let (client, conn, sid) = (ClientId(0), ConnNo(1), Sid(1));
        let none = crate::history::Sym::NONE;
        let wrongs = [
            (
                Kind::NodeUp { node: NodeId(3), incarnation: 1, pool_size: None },
                "there is no node 3",
            ),
            (Kind::PubFlushed { client: ClientId(1), conn, upto: 0 }, "there is no client 1"),
            (
                Kind::PubFlushed { client, conn, upto: 1 },
                "message 1 is flushed, but was never published",
            ),
            (
                Kind::PubSent { msg, subject: none, reply: none, header: 0, size: 0, hash: 0 },
                "message 0.1.2 comes after 0 others",
            ),
            (
                Kind::SubReady { client, conn, sid },
                "client 0 never made subscription 1 on connection 1",
            ),
        ];
        for (kind, expected) in wrongs {
            let mut s = Script::new();
            s.client("pub/1", EAST_1);
            s.event(kind);
            let error = judge(&s.history).unwrap_err();
            assert_eq!(error.to_string(), format!("event 1: {expected}"));
        }
        let mut s = Script::running();
        s.history.events.swap(0, 1);
        s.history.events[0].t = 5;
        assert_eq!(judge(&s.history).unwrap_err().to_string(), "event 1: its time 0 is before 5");
        let mut s = Script::new();
        s.history.header.nodes[0].region = crate::ids::RegionId(9);
        assert_eq!(
            judge(&s.history).unwrap_err().to_string(),
            "the header is wrong: there is no region 9"
        );
    }
}
