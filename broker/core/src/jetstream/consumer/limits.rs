//! Limits of consumers, with their units and reasons.

use crate::time::Duration;

/// How long a pull consumer that nobody uses lives beyond its inactivity threshold: a pull request
/// that is under way when the threshold passes still finds it (nats-server: 100 ms to 1 s, drawn).
pub(crate) const INACTIVE_GRACE: Duration = Duration::from_millis(100);

/// Bytes that may be under way to a flow controlled push consumer, at most (nats-server
/// `JsFlowControlMaxPending`).
pub(crate) const FLOW_WINDOW_MOST: u64 = 32 << 20;

/// The window that a flow controlled consumer starts with; each reply doubles it.
pub(crate) const FLOW_WINDOW_FIRST: u64 = FLOW_WINDOW_MOST / 16;

/// The same for consumers that mirrors and sources read from.
pub(crate) const FLOW_WINDOW_SOURCING_MOST: u64 = 64 << 20;

/// The window that such a consumer starts with: what a link of 200 MiB/s holds in 76 ms.
pub(crate) const FLOW_WINDOW_SOURCING_FIRST: u64 = 16 << 20;

/// Deliveries whose wait is over that one turn looks at. The rest follow in the next turn, which is
/// due at once.
pub(crate) const EXPIRED_PER_TURN: usize = 16_384;

/// A full queue of pull requests is searched for outdated ones this often at most.
pub(crate) const WAITING_SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Changed sequences that are remembered for the next delta, at least; with more than that and twice
/// the pending ones, the delta is the whole state.
pub(crate) const CHANGES_LEAST: usize = 65_536;

/// Removed entries that a table keeps before it closes the gaps, at least.
pub(crate) const GAPS_LEAST: usize = 1_024;

/// An empty table gives memory back above this many entries.
pub(crate) const IDLE_ENTRIES: usize = 65_536;

/// Reply subjects whose memory is kept for later pull requests.
pub(crate) const SPARE_REPLIES: usize = 64;

/// A gap between two messages that replaying at the original pace does not wait for.
pub(crate) const REPLAY_GAP_LEAST: Duration = Duration::from_millis(1);

/// How long a pinned client may be silent if the configuration does not say.
pub(crate) const PIN_TIMEOUT: Duration = Duration::from_secs(120);

/// The largest sequence that a consumer counts with.
pub(crate) const SEQUENCE_MOST: u64 = u64::MAX >> 1;

/// Bytes that a delivery counts against the budget of a turn besides its content.
pub(crate) const DELIVERY_COST: u64 = 64;

/// Random characters at the end of the subject that a client confirms on.
pub(crate) const FLOW_ID_CHARACTERS: usize = 4;
