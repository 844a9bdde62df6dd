//! After a restart: what the log's index does not know and must be read once.

use causeway_store::Get;
use causeway_wire::jetstream::headers::PublishHeaders;

use super::Stream;
use super::limits::{expiry_of, wall_nanos};
use crate::jetstream::turn::Turn;

impl Stream {
    /// Takes what the index knows, and begins to read the rest.
    pub(crate) fn recover_index(&mut self, turn: &mut Turn<'_>) {
        let marks = self.log.marks().filter_map(|(seq, mark)| Some((expiry_of(mark)?, seq)));
        self.expiries = marks.collect();
        let state = self.log.state();
        let window = u64::try_from(self.config.duplicate_window.0).unwrap_or(0);
        let from = wall_nanos(turn.now.wall).saturating_sub(window);
        let first = if window > 0 { self.log.seq_at_time(from) } else { state.last_seq };
        self.scan = Some(first.min(state.last_seq));
    }

    /// Reads on; true when everything is known. To be called again when something is loaded.
    pub(crate) fn recover_ids(&mut self, turn: &mut Turn<'_>) -> bool {
        while let Some(seq) = self.scan {
            let Some(seq) = self.log.next(&mut self.everything, seq) else {
                self.scan = None;
                break;
            };
            if seq > self.log.durable_seq() {
                // What was in the last batch has to be made durable again before it can be read.
                self.commit(turn);
                return self.log.failure().is_some();
            }
            match self.log.get(seq, &mut turn.fx.disk) {
                Get::Loading => return false,
                Get::Failed => {
                    self.reads_failed = true;
                    return false;
                }
                Get::Message(message) => {
                    let headers = PublishHeaders::parse(&message.header);
                    self.last_id.clear();
                    if let Some(id) = headers.msg_id {
                        self.last_id.extend_from_slice(id);
                        self.dedupe.insert(id, seq, message.time);
                    }
                }
                Get::Missing | Get::Lost => {}
            }
            self.scan = Some(seq + 1);
        }
        true
    }
}
