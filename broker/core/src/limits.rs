//! Every limit, with its unit and its reason. Overflow of one is a fault with a text, never silent.

use crate::time::Duration;

/// The nats-server version whose behaviour we offer; announced in INFO.
pub const COMPATIBLE_VERSION: &str = "2.15.1";

/// Default longest protocol line of a client, in bytes (nats-server `MAX_CONTROL_LINE_SIZE`).
pub const CONTROL_LINE_BYTES: usize = 4096;

/// Server links carry longer lines: many queue names in one RMSG (nats-server: x16).
pub const SERVER_LINE_FACTOR: usize = 16;

/// Default largest message, in bytes (nats-server `MAX_PAYLOAD_SIZE`).
pub const PAYLOAD_BYTES: u64 = 1 << 20;

/// Default most bytes waiting for one client (nats-server `MAX_PENDING_SIZE`).
pub const PENDING_BYTES: u64 = 64 << 20;

/// Bytes that one turn may append to transmit queues before the core returns to its host; the rest
/// of the input continues at once on the next tick. Bounds the time of a turn and the growth of
/// queues when little input fans out widely (performance notes: 2-4 MiB).
pub const TURN_OUTPUT_BYTES: usize = 2 << 20;

/// Payloads of this many bytes and more are shared by their receivers instead of copied to each,
/// if there are several: below, a copy is cheaper than a reference (performance notes, section 4).
pub const SHARE_PAYLOAD_BYTES: usize = 4096;

/// A receiver above this share of `max_pending`, in quarters, stalls producers (nats-server: 3/4).
pub const STALL_QUARTERS: u64 = 3;

/// Longest stall of a producer for one read batch (nats-server `stallTotalAllowed`).
pub const STALL_MAX: Duration = Duration::from_millis(10);

/// First ping of a client: at most this after CONNECT (nats-server `firstPingInterval`).
pub const FIRST_PING_CLIENT: Duration = Duration::from_secs(2);

/// First ping of a route.
pub const FIRST_PING_ROUTE: Duration = Duration::from_secs(1);

/// A route that has been silent for this long gets a ping, unless it is a spare one
/// ([`ROUTE_SPARE_IDLE`]), whose answer is awaited for
/// [`ROUTE_PROBE_TIMEOUT`]: a black hole is noticed within seconds although the configured ping
/// interval is 30 s (nats-server needs about 90 s).
pub const ROUTE_PROBE_IDLE: Duration = Duration::from_secs(2);

/// So long may a route be silent without a ping if nothing was said on it and another one with the
/// same server is watched.
pub const ROUTE_SPARE_IDLE: Duration = Duration::from_secs(6);

/// When this part of the time for an answer is over, the other routes with the same server are
/// probed, too. They have the rest of it, or three quarters of their own if that is longer.
pub const ROUTE_SUSPICION: u32 = 4;

/// Least time for the answer to a probe of a silent route; a route whose round trip is long gets
/// [`ROUTE_PROBE_RTTS`] round trips. TCP sends again 0.2, 0.6, 1.4 and 3.0 s after it first did: what the fourth
/// try brings must be in time, or a stall of a second and a half cuts a route that was whole again.
pub const ROUTE_PROBE_TIMEOUT: Duration = Duration::from_millis(3500);

/// Round trips that a probe of a silent route may take, if that is more than
/// [`ROUTE_PROBE_TIMEOUT`].
pub const ROUTE_PROBE_RTTS: u32 = 8;

/// A server that has told us so many bytes between two looks at its routes may have filled the way, and
/// is told that we are there without asking.
pub const ROUTE_TOLD_MUCH_BYTES: u64 = 4 << 10;

/// How many times longer an answer may take to a probe that had to wait behind data: the peer's
/// answer waits behind what fills the sockets and the way between, too.
pub const ROUTE_PROBE_FULL: u32 = 4;

/// So many servers that were lost are remembered, to tell peers again that may have missed it.
pub const LOSSES_REMEMBERED: usize = 64;

/// When other routes with the same server have moved so many bytes since a probe was sent, its answer
/// may wait behind what fills the way between, and gets as long as one behind data.
pub const ROUTE_BUSY_BYTES: u64 = 32 << 10;

/// For one attempt to dial a route (nats-server `DEFAULT_ROUTE_DIAL`).
pub const ROUTE_DIAL_TIMEOUT: Duration = Duration::from_secs(1);

/// From a solicited connection to the peer's INFO; then the attempt has failed.
pub const ROUTE_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Least time for an attempt to dial a route whose round trip is known (4 round trips otherwise).
/// A connection request that was lost in a partition is not waited for longer than that.
pub const ROUTE_REDIAL_TIMEOUT_MIN: Duration = Duration::from_millis(250);

/// After each so many dials in a row that took too long, one gets the whole of
/// [`ROUTE_DIAL_TIMEOUT`], whatever the round trip was before: the way may have become longer.
pub const ROUTE_PATIENT_DIALS: u32 = 16;

/// Pause between two dials of a route at first: what a user waits at most, beyond the network,
/// after a link is usable again.
pub const ROUTE_REDIAL_PAUSE: Duration = Duration::from_millis(25);

/// Random addition to the pause, so that two servers do not dial each other in step.
pub const ROUTE_REDIAL_JITTER: Duration = Duration::from_millis(15);

/// Pause after an attempt for a lane that another connection of ours has, before what is missing is dialled: nobody
/// else will, and it must not be done again and again while that other one is being made.
pub const ROUTE_SUPERFLUOUS_PAUSE: Duration = Duration::from_millis(100);

/// Dials with the first pause; then it doubles. 1500 dials are about a minute.
pub const ROUTE_QUICK_REDIALS: u32 = 1500;

/// The pause between two dials of a gossiped server that perhaps nobody has a route to: the time
/// for which it has been away, divided by this; undivided if it is certain that nobody has one. So
/// it is found again soon after a short absence, and one that has left for good is dialled ever
/// less often, down to once in [`ROUTE_RECONNECT_MAX`].
pub const ROUTE_ABSENCE_SHARE: u32 = 2;

/// Pause between two dials of a route that has long been unreachable (nats-server
/// `DEFAULT_ROUTE_RECONNECT`).
pub const ROUTE_RECONNECT: Duration = Duration::from_secs(1);

/// How long the side that did not open the first connection waits before it dials what is missing:
/// the other side is about to.
pub const ROUTE_YIELD: Duration = Duration::from_secs(1);

/// Two connections for the same lane within this time were opened at the same time, by both sides;
/// later, the second was opened because the first is lost. More than the handshake takes.
pub const ROUTE_RACE_WINDOW: Duration = Duration::from_secs(3);

/// A gossiped server that no member of the cluster has a route to, and that has not been reached
/// for this long, is forgotten.
pub const ROUTE_FORGET: Duration = Duration::from_secs(3600);

/// The same, if that is not certain: nats-servers do not say when they lose a route, and a server
/// that has lost all its peers does not hear anything.
pub const ROUTE_FORGET_UNSURE: Duration = Duration::from_secs(24 * 3600);

/// A route by name whose name leads to nobody but this server itself is looked up again after
/// this: a name that stands for several servers may list others later.
pub const ROUTE_SELF_RECHECK: Duration = Duration::from_secs(30);

/// Longest pause between two dials with backoff.
pub const ROUTE_RECONNECT_MAX: Duration = Duration::from_secs(30);

/// Most servers that are remembered from gossip: bounds what a hostile peer can make us dial.
pub const GOSSIPED_PEERS: usize = 1024;

/// After a close is decided, the last bytes (an -ERR) may take this long.
pub const CLOSE_LINGER: Duration = Duration::from_secs(1);

/// Most accounts that routes may make known.
pub const ACCOUNTS: usize = 65_536;

const _: () = assert!(CONTROL_LINE_BYTES * SERVER_LINE_FACTOR <= crate::link::rx::HEADROOM_BYTES);

/// Largest payload that a peer server may declare, unless our own clients may send more: bounds
/// what a broken peer can make us buffer. nats-server checks nothing here; its own `max_payload`
/// is warned about above 8 MiB.
pub const ROUTE_PAYLOAD_BYTES: u64 = 64 << 20;

/// API level that nats-server 2.15.1 announces.
pub const API_LEVEL: i32 = 5;

/// Longest time between pings of a route (nats-server `routeMaxPingInterval`).
pub const ROUTE_PING_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// How long those who wanted something are awaited when their server is back as another process:
/// clients find out that it went, wait, and connect again.
pub const BUFFER_AWAIT: Duration = Duration::from_secs(120);

/// Bytes of a route's transmit queue from which on nothing is put there out of a buffer: what is
/// published meanwhile on other subjects never stands behind more than that.
pub const BUFFER_FEED_BYTES: u64 = 256 << 10;

/// Bytes that may be under way to a peer before anything is known of the way: what 1 Gbit/s hold over
/// 67 ms. It is how long ordinary traffic stands behind the beginning of a backlog, once, on a way that
/// is narrower: 400 ms at 20 MiB/s.
pub const BUFFER_WINDOW_FIRST_BYTES: u64 = 8 << 20;

/// The same while another connection to the peer is being made that may take the place of this one:
/// what is under way then is lost, and the way is busy with it.
pub const BUFFER_WINDOW_DOUBTFUL_BYTES: u64 = 1 << 20;

/// Fewest bytes that may be under way, however long answers take.
pub const BUFFER_WINDOW_LEAST_BYTES: u64 = 64 << 10;

/// Most bytes that may be under way: what 1 Gbit/s hold over 270 ms. As many must be remembered
/// until they are answered: with messages of 16 bytes, half a million.
pub const BUFFER_WINDOW_MOST_BYTES: u64 = 32 << 20;

/// How much longer than the quickest an answer may take, or a quarter of that if it is more, before
/// no more is sent than fits: jitter, and the peer's disk.
pub const BUFFER_QUEUE_PATIENCE: Duration = Duration::from_millis(20);

/// The quickest answer is forgotten after twice that.
pub const BUFFER_LEAST_SPAN: Duration = Duration::from_secs(10);

/// The pace of answers is measured for so long at least.
pub const BUFFER_PACE_SPAN: Duration = Duration::from_millis(10);

/// Answers that are apart by more than that, or than two of the quickest round trips if that is more, have no
/// pace.
pub const BUFFER_PACE_PAUSE: Duration = Duration::from_millis(40);

/// Of a message that is traced, so many bytes of its payload are told: enough to know it again.
pub const TRACED_PAYLOAD_BYTES: usize = 64;

/// How often a peer may be left a hole among what it has, for messages that are held back.
pub const BUFFER_RUNS: u32 = 1024;

/// How long it may take until it is written that messages have gone: if this server dies before,
/// they are sent again, and the peer knows that it has them.
pub const BUFFER_TRIM_DELAY: Duration = Duration::from_millis(200);

/// Bytes that may wait to be durable in all buffers before publishers have to wait, too.
pub const BUFFER_UNSYNCED_BYTES: u64 = 16 << 20;

/// A peer that has been away for so long, and longer than messages are kept, has no buffer any more
/// once that is empty; as long as a server that left is remembered in gossip.
pub const BUFFER_FORGET: Duration = ROUTE_FORGET_UNSURE;

/// Between two looks for such peers.
pub const BUFFER_FORGET_PAUSE: Duration = Duration::from_secs(600);

/// How often it is looked whether buffers are there, before streams are read.
pub const BUFFER_START_POLL: Duration = Duration::from_millis(5);

/// Between two log lines about messages that a buffer has dropped or refused.
pub const BUFFER_REPORT_PAUSE: Duration = Duration::from_secs(10);

/// How long a server that stops waits for the disk to take what is to be kept: no longer than somebody
/// waits who has stopped it.
pub const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How long a server waits before it tries again what the disk could not do.
pub const DISK_RETRY: Duration = Duration::from_secs(1);

/// How often streams that are acknowledged before they are synced are synced, unless the operator
/// says so (nats-server: 2 min).
pub const SYNC_INTERVAL: Duration = Duration::from_secs(120);

/// What consumers have done is noted so often at most while they do more, unless an answer waits for it
/// (nats-server: as often, and without a sync).
pub const CONSUMER_NOTE_PAUSE: Duration = Duration::from_millis(100);

/// Messages that expire in one turn. The rest follow in the next turn, which is due at once.
pub const EXPIRED_PER_TURN: usize = 4_096;

/// Bytes that consumers leave waiting for a route: whatever else is to cross it waits behind that at
/// most, and not behind all that a mirror lacks. Enough for the host's next writes.
pub const ROUTE_REPLAY_BYTES: u64 = 1 << 20;

/// How often the consumer of an intake says that it is there (nats-server `sourceHealthHB`).
pub const INTAKE_HEARTBEAT: Duration = Duration::from_secs(1);

/// An intake that hears nothing for this long asks anew: five heartbeats (nats-server: 10 s). A route
/// that closes tells the same at once.
pub const INTAKE_SILENCE: Duration = Duration::from_secs(5);

/// How long the origin keeps the consumer of an intake that does not listen (nats-server: 10 s).
pub const INTAKE_INACTIVE: Duration = Duration::from_secs(10);

/// How long an intake waits for an answer to its request (nats-server: 30 s).
pub const INTAKE_ANSWER: Duration = Duration::from_secs(5);

/// Least time between two requests of an intake that has lost something (nats-server: 2 s).
pub const INTAKE_AGAIN: Duration = Duration::from_millis(100);

/// Pause of an intake after a refusal; it doubles with each one, [`INTAKE_PAUSE_DOUBLINGS`] times at
/// most (nats-server: 10 s to 2 min).
pub const INTAKE_PAUSE: Duration = Duration::from_secs(1);

/// How often the pause doubles: up to 32 s.
pub const INTAKE_PAUSE_DOUBLINGS: u32 = 5;

/// Random addition to the pause, so that many intakes do not ask in step.
pub const INTAKE_JITTER: Duration = Duration::from_millis(200);

/// An intake of a full stream asks again after this even if nothing has gone (nats-server: 2 s).
pub const INTAKE_FULL: Duration = Duration::from_secs(2);
/// Atomic batches of one stream that are under way, unless the operator says so (nats-server: 50).
pub const ATOMIC_BATCHES_PER_STREAM: u32 = 50;

/// Atomic batches of the server that are under way, unless the operator says so (nats-server: 1,000).
pub const ATOMIC_BATCHES: u32 = 1_000;

/// Batches with flow control of one stream that are under way, unless the operator says so
/// (nats-server: 1,000).
pub const FAST_BATCHES_PER_STREAM: u32 = 1_000;

/// Batches with flow control of the server that are under way, unless the operator says so
/// (nats-server: 50,000).
pub const FAST_BATCHES: u32 = 50_000;

/// Messages of all batches with flow control of a stream that may come before their clients are told
/// how far they are (nats-server: 500).
pub const FAST_BATCH_FLOW: u16 = 500;

/// Schedules that publish in one turn. The rest follow in the next turn, which is due at once.
pub const SCHEDULES_PER_TURN: usize = 1_024;

/// The longest time until schedules are looked at again: the wall clock may have been set.
pub const SCHEDULE_LOOK: Duration = Duration::from_secs(60);

/// How long a schedule waits whose message could not be stored, in ns.
pub const SCHEDULE_RETRY_NANOS: i64 = 1_000_000_000;
