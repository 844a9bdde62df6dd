//! Copies of streams: sent to a client in chunks (`STREAM.SNAPSHOT`), and made into a stream again
//! (`STREAM.RESTORE`). What travels is described in
//! [`archive`](causeway_wire::jetstream::archive).
//!
//! ```text
//!   snapshot:  stream ─► entries ─► packed ─► chunks ─► deliver subject      as many as may be open
//!                                                  ◄── $JS.SNAPSHOT.ACK.<stream>.<id>.<size>.<n>
//!   restore:   $JS.SNAPSHOT.RESTORE.<stream>.<id> ─► unpacked ─► entries ─► a stream that nobody sees
//!              end ─► ids and schedules are read back ─► it is a stream like any other
//! ```
//!
//! A stream that is being restored says so in a note, and has no other: if the server stops before
//! the end, what is there of it is cleared away at the next start.

mod restore;
mod snapshot;

use alloc::collections::BTreeMap;

use causeway_wire::jetstream::Time;
use causeway_wire::jetstream::advisory::ClientInfo;

use super::JetStream;
use super::services::Service;
use super::stream::StreamId;
use super::turn::{Incoming, Turn};
use crate::time::Mono;
use restore::Restore;
use snapshot::Snapshot;

/// Characters of a random token in a subject (a nuid).
const TOKEN_CHARS: usize = 22;

/// The copies that are under way.
#[derive(Debug, Default)]
pub(super) struct Copies {
    snapshots: BTreeMap<u32, Snapshot>,
    restores: BTreeMap<u32, Restore>,
    last: u32,
}

/// Who asked for a copy, and when.
#[derive(Clone, Debug)]
struct Asked {
    client: Option<ClientInfo>,
    at: Time,
}

impl Copies {
    /// When something is to be done about the copies of a stream.
    pub(super) fn deadline(&self, stream: StreamId) -> Option<Mono> {
        let snapshots = self.snapshots.values().filter(|copy| copy.stream == stream);
        let restores = self.restores.values().filter(|copy| copy.stream == Some(stream));
        let snapshots = snapshots.map(|copy| copy.until);
        snapshots.chain(restores.map(|copy| copy.until)).min()
    }
}

impl Copies {
    /// When a copy is given up of which nothing has come yet.
    pub(super) fn first_chunk_due(&self) -> Option<Mono> {
        let waiting = self.restores.values().filter(|copy| copy.stream.is_none());
        waiting.map(|copy| copy.until).min()
    }
}

impl JetStream {
    /// A message for a copy.
    pub(super) fn serve_copy(
        &mut self,
        turn: &mut Turn<'_>,
        service: Service,
        incoming: &Incoming<'_>,
    ) {
        match service {
            Service::SnapshotAcks(number) => self.snapshot_acked(turn, number),
            Service::RestoreChunks(number) => self.restore_chunk(turn, number, incoming),
            Service::Api
            | Service::Acks
            | Service::FlowControl
            | Service::Ingest(_)
            | Service::DirectGet(_)
            | Service::Intake(..) => {}
        }
    }

    /// Goes on with the copies of a stream; true if a turn had done enough.
    pub(super) fn go_on_copying(&mut self, turn: &mut Turn<'_>, stream: StreamId) -> bool {
        let more = self.send_snapshots(turn, stream);
        self.go_on_restoring(turn, stream);
        more
    }
}
