//! Which guarantees there are.

use super::{
    Checker, Params, auto_unsub_exact, baseline_after_drain, bounded_memory, buffer_replay,
    buffered_delivery, clients_return, clusters_stay_apart, connections_stay, counters_agree,
    delivery_ratio, gossip_converges, interest_completeness, interest_only, lame_duck_orderly,
    legal_protocol, limits_exact, mesh_closure, no_duplicates, no_gaps, no_responders_honest,
    no_stuck_connection, nodes_stay_up, nothing_unexpected, one_hop, one_member_per_queue_group,
    publisher_order, quiet_delivery, reconnect_bounded, refused_is_taken_by_nobody,
    refused_when_full, region_autonomy, replay_in_background, routes_reestablished,
    write_deadline_exact,
};

use crate::history::Header;

mod streams;

/// A guarantee.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name, the `kind` in a scenario.
    pub id: &'static str,
    /// Its number in the list of oracles.
    pub code: &'static str,
    /// What is promised, in one sentence.
    pub sentence: &'static str,
    /// Between whom, or on what, it is checked.
    pub unit: &'static str,
    /// Whether it must hold at all times, or some time after things went well again.
    pub timing: Timing,
    /// Where its bound comes from; empty if it has none.
    pub bound: &'static str,
    /// Other names by which scenarios may ask for it.
    pub aliases: &'static [&'static str],
    rule: Rule,
}

/// When a guarantee must hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Timing {
    /// At all times; each single event can break it.
    Always,
    /// By the time that the bound gives.
    Eventually,
}

impl Timing {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Eventually => "eventually",
        }
    }

    /// What a broker has that breaks such a guarantee although nothing in the plan keeps it from
    /// being kept.
    #[must_use]
    pub const fn bug(self) -> &'static str {
        match self {
            Self::Always => "safety bug",
            Self::Eventually => "liveness bug",
        }
    }
}

/// The rule behind a guarantee.
#[derive(Clone, Copy, Debug)]
enum Rule {
    NothingUnexpected,
    NoDuplicates,
    PublisherOrder,
    OneMemberPerQueueGroup,
    QuietDelivery,
    RegionAutonomy,
    InterestOnly,
    OneHop,
    InterestCompleteness,
    RoutesReestablished,
    MeshClosure,
    ClientsReturn,
    ConnectionsStay,
    NoRespondersHonest,
    AutoUnsubExact,
    LegalProtocol,
    NodesStayUp,
    GossipConverges,
    NoStuckConnection,
    ReconnectBounded,
    ClustersStayApart,
    DeliveryRatio,
    BoundedMemory,
    BaselineAfterDrain,
    CountersAgree,
    LimitsExact,
    WriteDeadlineExact,
    LameDuckOrderly,
    NoGaps,
    /// One that makes its checker itself, and has no bound that is known beforehand.
    Of(fn(&Params<'_>) -> Box<dyn Checker>),
    /// The same, of what nodes keep for each other: it is held against every history where some do.
    OfBuffers(fn(&Params<'_>) -> Box<dyn Checker>),
}

/// All guarantees, in the order in which reports show them.
#[must_use]
pub fn catalogue() -> &'static [Spec] {
    &CATALOGUE
}

/// The guarantee with that id or other name.
#[must_use]
pub fn find(kind: &str) -> Option<&'static Spec> {
    CATALOGUE.iter().find(|spec| spec.id == kind || spec.aliases.contains(&kind))
}

/// Every word that a scenario may write as the `kind` of a guarantee.
#[must_use]
pub fn kinds() -> Vec<&'static str> {
    CATALOGUE
        .iter()
        .flat_map(|spec| std::iter::once(spec.id).chain(spec.aliases.iter().copied()))
        .collect()
}

impl Spec {
    /// The bound with these parameters, in nanoseconds.
    pub(super) fn bound_ns(&self, params: &Params<'_>) -> Option<u64> {
        let (header, within) = (params.header, params.within_ns);
        match self.rule {
            Rule::NothingUnexpected
            | Rule::NoDuplicates
            | Rule::PublisherOrder
            | Rule::InterestOnly
            | Rule::OneHop
            | Rule::LegalProtocol
            | Rule::NodesStayUp
            | Rule::ReconnectBounded
            | Rule::ClustersStayApart
            | Rule::BoundedMemory
            | Rule::WriteDeadlineExact
            | Rule::NoGaps => None,
            Rule::Of(_) | Rule::OfBuffers(_) => within,
            Rule::OneMemberPerQueueGroup => {
                Some(one_member_per_queue_group::bound_ns(header, within))
            }
            Rule::QuietDelivery => Some(quiet_delivery::bound_ns(header, within)),
            Rule::RegionAutonomy => Some(region_autonomy::bound_ns(header, within)),
            Rule::InterestCompleteness => Some(interest_completeness::bound_ns(header, within)),
            Rule::RoutesReestablished => Some(routes_reestablished::bound_ns(header, within)),
            Rule::MeshClosure => Some(mesh_closure::bound_ns(header, within)),
            Rule::ClientsReturn => Some(clients_return::bound_ns(header, within)),
            Rule::ConnectionsStay => Some(connections_stay::bound_ns(header, within)),
            Rule::NoRespondersHonest => Some(no_responders_honest::bound_ns(header, within)),
            Rule::AutoUnsubExact => Some(auto_unsub_exact::bound_ns(header, within)),
            Rule::GossipConverges => Some(gossip_converges::bound_ns(header, within)),
            Rule::NoStuckConnection => Some(no_stuck_connection::bound_ns(header, within)),
            Rule::DeliveryRatio => Some(delivery_ratio::bound_ns(header, within)),
            Rule::BaselineAfterDrain => Some(baseline_after_drain::bound_ns(header, within)),
            Rule::CountersAgree => Some(counters_agree::bound_ns(header, within)),
            Rule::LimitsExact => Some(limits_exact::bound_ns(header, within)),
            Rule::LameDuckOrderly => Some(lame_duck_orderly::bound_ns(header, within)),
        }
    }

    /// Whether a scenario can give it this bound.
    #[must_use]
    pub fn takes(&self, key: &str) -> bool {
        match (self.rule, key) {
            (Rule::InterestOnly, "grace")
            | (Rule::RegionAutonomy, "p99" | "success")
            | (Rule::DeliveryRatio, "min") => true,
            (_, "within") => !self.bound.is_empty(),
            _ => false,
        }
    }

    /// Whether a history is held against it that does not ask for it: where there are no streams, and
    /// nothing is kept, nothing is said of that.
    pub(super) fn is_meant(&self, header: &Header) -> bool {
        match self.rule {
            Rule::Of(_) => !header.streams.is_empty(),
            Rule::OfBuffers(_) => header.nodes.iter().any(|node| node.limits.buffer.is_some()),
            Rule::NothingUnexpected
            | Rule::NoDuplicates
            | Rule::PublisherOrder
            | Rule::OneMemberPerQueueGroup
            | Rule::QuietDelivery
            | Rule::RegionAutonomy
            | Rule::InterestOnly
            | Rule::OneHop
            | Rule::InterestCompleteness
            | Rule::RoutesReestablished
            | Rule::MeshClosure
            | Rule::ClientsReturn
            | Rule::ConnectionsStay
            | Rule::NoRespondersHonest
            | Rule::AutoUnsubExact
            | Rule::LegalProtocol
            | Rule::NodesStayUp
            | Rule::GossipConverges
            | Rule::NoStuckConnection
            | Rule::ReconnectBounded
            | Rule::ClustersStayApart
            | Rule::DeliveryRatio
            | Rule::BoundedMemory
            | Rule::BaselineAfterDrain
            | Rule::CountersAgree
            | Rule::LimitsExact
            | Rule::WriteDeadlineExact
            | Rule::LameDuckOrderly
            | Rule::NoGaps => true,
        }
    }

    /// A checker with these parameters.
    pub(super) fn checker(&self, params: &Params<'_>) -> Box<dyn Checker> {
        match self.rule {
            Rule::NothingUnexpected => Box::new(nothing_unexpected::NothingUnexpected::new(params)),
            Rule::NoDuplicates => Box::new(no_duplicates::NoDuplicates::new(params)),
            Rule::PublisherOrder => Box::new(publisher_order::PublisherOrder::new(params)),
            Rule::OneMemberPerQueueGroup => {
                Box::new(one_member_per_queue_group::OneMemberPerQueueGroup::new(params))
            }
            Rule::QuietDelivery => Box::new(quiet_delivery::QuietDelivery::new(params)),
            Rule::RegionAutonomy => Box::new(region_autonomy::RegionAutonomy::new(params)),
            Rule::InterestOnly => Box::new(interest_only::InterestOnly::new(params)),
            Rule::OneHop => Box::new(one_hop::OneHop::new(params)),
            Rule::InterestCompleteness => {
                Box::new(interest_completeness::InterestCompleteness::new(params))
            }
            Rule::RoutesReestablished => {
                Box::new(routes_reestablished::RoutesReestablished::new(params))
            }
            Rule::MeshClosure => Box::new(mesh_closure::MeshClosure::new(params)),
            Rule::ClientsReturn => Box::new(clients_return::ClientsReturn::new(params)),
            Rule::ConnectionsStay => Box::new(connections_stay::ConnectionsStay::new(params)),
            Rule::NoRespondersHonest => {
                Box::new(no_responders_honest::NoRespondersHonest::new(params))
            }
            Rule::AutoUnsubExact => Box::new(auto_unsub_exact::AutoUnsubExact::new(params)),
            Rule::LegalProtocol => Box::new(legal_protocol::LegalProtocol::new(params)),
            Rule::NodesStayUp => Box::new(nodes_stay_up::NodesStayUp::new(params)),
            Rule::GossipConverges => Box::new(gossip_converges::GossipConverges::new(params)),
            Rule::NoStuckConnection => {
                Box::new(no_stuck_connection::NoStuckConnection::new(params))
            }
            Rule::ReconnectBounded => Box::new(reconnect_bounded::ReconnectBounded::new(params)),
            Rule::ClustersStayApart => {
                Box::new(clusters_stay_apart::ClustersStayApart::new(params))
            }
            Rule::DeliveryRatio => Box::new(delivery_ratio::DeliveryRatio::new(params)),
            Rule::BoundedMemory => Box::new(bounded_memory::BoundedMemory::new(params)),
            Rule::BaselineAfterDrain => {
                Box::new(baseline_after_drain::BaselineAfterDrain::new(params))
            }
            Rule::CountersAgree => Box::new(counters_agree::CountersAgree::new(params)),
            Rule::LimitsExact => Box::new(limits_exact::LimitsExact::new(params)),
            Rule::WriteDeadlineExact => {
                Box::new(write_deadline_exact::WriteDeadlineExact::new(params))
            }
            Rule::NoGaps => Box::new(no_gaps::NoGaps::new(params)),
            Rule::Of(make) | Rule::OfBuffers(make) => make(params),
            Rule::LameDuckOrderly => Box::new(lame_duck_orderly::LameDuckOrderly::new(params)),
        }
    }
}

const DELIVERY_BOUND: &str =
    "two longest round trips, the time that interest takes to spread, and one second";

/// Those about the core and those about streams.
static CATALOGUE: [Spec; CORE.len() + streams::STREAMS.len()] = {
    let mut all = [CORE[0]; CORE.len() + streams::STREAMS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < CORE.len() { CORE[at] } else { streams::STREAMS[at - CORE.len()] };
        at += 1;
    }
    all
};

const CORE: &[Spec] = &[
    Spec {
        id: "nothing_unexpected",
        code: "C1",
        sentence: "A client gets only messages that were published, unchanged, on subjects that \
            it asked for.",
        unit: "delivery",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::NothingUnexpected,
    },
    Spec {
        id: "no_duplicates",
        code: "C3",
        sentence: "A subscription gets a message at most once, also when routes come and go.",
        unit: "delivery",
        timing: Timing::Always,
        bound: "",
        aliases: &["no_duplicate_core"],
        rule: Rule::NoDuplicates,
    },
    Spec {
        id: "publisher_order",
        code: "C2",
        sentence: "What one connection publishes arrives in that order while the path stays the \
            same; messages may be missing, never swapped.",
        unit: "delivery",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::PublisherOrder,
    },
    Spec {
        id: "one_member_per_queue_group",
        code: "C5",
        sentence: "Of a queue group, at most one member in the whole cluster gets a message, and \
            exactly one while nothing is wrong.",
        unit: "delivery to a member, and message in a quiet period",
        timing: Timing::Always,
        bound: DELIVERY_BOUND,
        aliases: &["one_queue_member"],
        rule: Rule::OneMemberPerQueueGroup,
    },
    Spec {
        id: "quiet_delivery",
        code: "C4",
        sentence: "While nothing is wrong, every subscription gets every message that it asks for.",
        unit: "message and subscription",
        timing: Timing::Eventually,
        bound: DELIVERY_BOUND,
        aliases: &[],
        rule: Rule::QuietDelivery,
    },
    Spec {
        id: "region_autonomy",
        code: "R1",
        sentence: "A region that is cut off from another keeps delivering what its own clients \
            publish to its own clients.",
        unit: "message and subscription in a region that is cut off",
        timing: Timing::Eventually,
        bound: "eight times the way through the slowest region, and 250 ms",
        aliases: &[],
        rule: Rule::RegionAutonomy,
    },
    Spec {
        id: "interest_only",
        code: "C6",
        sentence: "A message goes to another node only if that node had said that it wants it.",
        unit: "message between nodes",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::InterestOnly,
    },
    Spec {
        id: "one_hop",
        code: "C12",
        sentence: "Only the publisher's node sends a message to other nodes, and once to each; \
            what came by a route is never sent on.",
        unit: "message between nodes",
        timing: Timing::Always,
        bound: "",
        aliases: &["no_echo_loop"],
        rule: Rule::OneHop,
    },
    Spec {
        id: "interest_completeness",
        code: "C7",
        sentence: "When things have settled, every node knows exactly what the clients of the \
            others want.",
        unit: "node and peer, at the end of quiesce and drain",
        timing: Timing::Eventually,
        bound: "the time that interest takes to spread",
        aliases: &[],
        rule: Rule::InterestCompleteness,
    },
    Spec {
        id: "routes_reestablished",
        code: "R",
        sentence: "Routes that were lost are back soon after the last fault is gone.",
        unit: "pair of nodes that lost a route",
        timing: Timing::Eventually,
        bound: "the time to notice a dead connection, the pause between two dials and their \
            time-out, and some round trips for each connection of the pool",
        aliases: &["routes_re_established"],
        rule: Rule::RoutesReestablished,
    },
    Spec {
        id: "mesh_closure",
        code: "O6",
        sentence: "When all faults are gone, every node has all its routes to every other node.",
        unit: "pair of nodes, at the end of quiesce and drain",
        timing: Timing::Eventually,
        bound: "as for routes_reestablished",
        aliases: &[],
        rule: Rule::MeshClosure,
    },
    Spec {
        id: "clients_return",
        code: "R5",
        sentence: "Clients that lost their connection are connected and subscribed again soon \
            after the last fault is gone.",
        unit: "client that lost its connection",
        timing: Timing::Eventually,
        bound: "the longest wait before a client connects anew, its time-outs, and some round \
            trips",
        aliases: &["client_reconnects"],
        rule: Rule::ClientsReturn,
    },
    Spec {
        id: "connections_stay",
        code: "O9",
        sentence: "While nothing is wrong, nobody's connection is closed, neither a client's nor \
            a route's.",
        unit: "connection that lasted through a quiet period",
        timing: Timing::Always,
        bound: "quiet for as long as clients and routes may take to come back",
        aliases: &[],
        rule: Rule::ConnectionsStay,
    },
    Spec {
        id: "no_responders_honest",
        code: "C8",
        sentence: "A request is told that nobody is there if that is so, and only then.",
        unit: "request to nobody",
        timing: Timing::Eventually,
        bound: DELIVERY_BOUND,
        aliases: &[],
        rule: Rule::NoRespondersHonest,
    },
    Spec {
        id: "auto_unsub_exact",
        code: "C9",
        sentence: "A subscription gets exactly as many messages as its UNSUB allows: never more, \
            and while nothing is wrong none less.",
        unit: "delivery to a limited subscription",
        timing: Timing::Always,
        bound: DELIVERY_BOUND,
        aliases: &[],
        rule: Rule::AutoUnsubExact,
    },
    Spec {
        id: "legal_protocol",
        code: "C14",
        sentence: "Nobody is sent bytes that the protocol does not allow, and no client is \
            scolded for nothing.",
        unit: "connection",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::LegalProtocol,
    },
    Spec {
        id: "nodes_stay_up",
        code: "N1",
        sentence: "A node's process ends only if it was told to.",
        unit: "start of a node",
        timing: Timing::Always,
        bound: "",
        aliases: &["no_panic"],
        rule: Rule::NodesStayUp,
    },
    Spec {
        id: "gossip_converges",
        code: "C11",
        sentence: "When things have settled, every node and every client knows all servers that \
            are there; and a server that is gone is soon spoken of by nobody.",
        unit: "node, and client of a node, at the end of quiesce and drain; node and its clients \
            for each server that went; client of a lame duck",
        timing: Timing::Eventually,
        bound: "as for routes_reestablished, and the time that interest takes to spread",
        aliases: &[],
        rule: Rule::GossipConverges,
    },
    Spec {
        id: "no_stuck_connection",
        code: "O9b",
        sentence: "A connection between nodes becomes a route or is given up, and one that leads \
            nowhere is noticed.",
        unit: "connection that was dialled, route into a cut, node at the end of quiesce and \
            drain",
        timing: Timing::Eventually,
        bound: "as for routes_reestablished",
        aliases: &[],
        rule: Rule::NoStuckConnection,
    },
    Spec {
        id: "reconnect_bounded",
        code: "R5b",
        sentence: "A node that looks for another dials it no more often than its pauses allow.",
        unit: "dial",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::ReconnectBounded,
    },
    Spec {
        id: "clusters_stay_apart",
        code: "R6",
        sentence: "Nodes of two clusters never become one, whatever they dial.",
        unit: "connection between nodes of two clusters",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::ClustersStayApart,
    },
    Spec {
        id: "delivery_ratio",
        code: "D",
        sentence: "Of the messages that subscriptions were there for, at least the share `min` \
            arrives.",
        unit: "run, if the scenario sets `min`",
        timing: Timing::Eventually,
        bound: DELIVERY_BOUND,
        aliases: &[],
        rule: Rule::DeliveryRatio,
    },
    Spec {
        id: "bounded_memory",
        code: "C13",
        sentence: "No more waits for a client than its limit and one message, and only who is \
            beyond it is cut off as too slow.",
        unit: "quarter of the limit that a connection reaches, and client that is cut off",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::BoundedMemory,
    },
    Spec {
        id: "baseline_after_drain",
        code: "N2",
        sentence: "When everybody has left, a node holds no connections, interest, bytes, dials \
            or timers of theirs any more.",
        unit: "node, at the end of drain",
        timing: Timing::Eventually,
        bound: "quiet for as long as clients and routes may take to come back",
        aliases: &["bounded_state"],
        rule: Rule::BaselineAfterDrain,
    },
    Spec {
        id: "counters_agree",
        code: "N4",
        sentence: "What a node reports about itself agrees with what clients and connections have \
            seen.",
        unit: "number in a report, at the end of quiesce and drain",
        timing: Timing::Eventually,
        bound: DELIVERY_BOUND,
        aliases: &[],
        rule: Rule::CountersAgree,
    },
    Spec {
        id: "limits_exact",
        code: "C15",
        sentence: "A node turns away clients and messages that go beyond its limits, and no \
            others.",
        unit: "client that comes to a node with a limit, client or message that is turned away",
        timing: Timing::Always,
        bound: "two longest round trips and one second, to know who was where",
        aliases: &[],
        rule: Rule::LimitsExact,
    },
    Spec {
        id: "write_deadline_exact",
        code: "C16",
        sentence: "A client that does not take what waits for it is cut off after the write \
            deadline, and one that does is not.",
        unit: "slow client that is cut off, or takes nothing",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::WriteDeadlineExact,
    },
    Spec {
        id: "lame_duck_orderly",
        code: "C17",
        sentence: "A lame duck sends its clients away within the time that is configured, not \
            before, and is offered to nobody.",
        unit: "lame duck, its clients, and clients of its peers",
        timing: Timing::Always,
        bound: "the time that interest takes to spread and one second, until it is offered to \
            nobody",
        aliases: &[],
        rule: Rule::LameDuckOrderly,
    },
    Spec {
        id: "no_gaps",
        code: "C18",
        sentence: "A client that is behind, and keeps its connection, misses nothing in between.",
        unit: "delivery to a slow client",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::NoGaps,
    },
    Spec {
        id: "buffered_delivery",
        code: "B1",
        sentence: "What is published on a buffered subject, and confirmed, reaches everybody who \
            wants it, also if the way was cut or a node was dead at the time.",
        unit: "message on a buffered subject and subscription",
        timing: Timing::Eventually,
        bound: "the end of the run",
        aliases: &[],
        rule: Rule::Of(|params| Box::new(buffered_delivery::BufferedDelivery::new(params))),
    },
    Spec {
        id: "buffer_replay",
        code: "B2",
        sentence: "Soon after two nodes reach each other again, what was kept for one by the other \
            has arrived.",
        unit: "node that is reached again, and node that has kept something for it",
        timing: Timing::Eventually,
        bound: "from the link being whole: a round trip, 100 ms, and the time that the bytes need \
            which the region has kept for the other, and those that come unasked from there",
        aliases: &[],
        rule: Rule::Of(|params| Box::new(buffer_replay::BufferReplay::new(params))),
    },
    Spec {
        id: "replay_in_background",
        code: "B3",
        sentence: "While a node is given what was kept for it, messages on other subjects do not \
            stand behind that.",
        unit: "message on another subject during a replay, and subscription",
        timing: Timing::Eventually,
        bound: "a round trip and 100 ms; at the beginning, also the time that the bytes need which \
            may be under way before anything is known of the path",
        aliases: &[],
        rule: Rule::Of(|params| Box::new(replay_in_background::ReplayInBackground::new(params))),
    },
    Spec {
        id: "refused_is_taken_by_nobody",
        code: "B4",
        sentence: "A message that a buffer has no room for is taken by nobody, here or elsewhere, and \
            its publisher is told; one who asks is told that nobody will answer, too.",
        unit: "message that was refused",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::OfBuffers(|params| {
            Box::new(refused_is_taken_by_nobody::RefusedIsTakenByNobody::new(params))
        }),
    },
    Spec {
        id: "refused_when_full",
        code: "B5",
        sentence: "A buffer refuses what it has no room for, and nothing else, and never holds more \
            than it may.",
        unit: "message that was refused, and message that was kept where room is limited",
        timing: Timing::Always,
        bound: "",
        aliases: &[],
        rule: Rule::OfBuffers(|params| Box::new(refused_when_full::RefusedWhenFull::new(params))),
    },
];
