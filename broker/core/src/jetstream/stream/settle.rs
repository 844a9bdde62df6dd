//! The end of a turn: what happened becomes a batch of the log, what is durable is answered and
//! delivered.

use causeway_store::Failure;
use causeway_store::disk::Done;

use super::Stream;
use super::expect::Room;
use super::notes::CurrentNotes;
use crate::jetstream::consumer::{Consumer, Pump};
use crate::jetstream::turn::{Outgoing, Turn};
use crate::limits;
use crate::time::Mono;

impl Stream {
    /// Takes the answer to a request to the disk.
    pub(crate) fn disk_done(
        &mut self,
        turn: &mut Turn<'_>,
        done: Done,
    ) -> causeway_store::Progress {
        let progress = self.log.done(done, &mut turn.fx.disk);
        if progress.loaded || progress.durable {
            self.to_pump.append(&mut self.loading);
            self.wake();
            self.read_again(turn);
        }
        progress
    }

    /// What waits for the disk may go on.
    fn wake(&mut self) {
        self.held.wake();
        self.schedules.wake();
    }

    /// Does what the turn has left to do. True if something is left because the turn has done
    /// enough.
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_>, room: Room) -> bool {
        if self.log.failure() == Some(Failure::Disk) {
            self.give_up();
            self.refuse_held(turn);
            return false;
        }
        self.take_held(turn, room);
        let fires_more = self.fire_schedules(turn, room);
        if core::mem::take(&mut self.reads_paused) {
            self.read_again(turn);
        }
        self.delete_unused(turn);
        self.remove_released(turn);
        let more = self.pump(turn) || self.reads_paused || fires_more;
        self.remove_released(turn);
        self.note_changes(turn.now);
        self.commit(turn);
        self.replies.close(self.log.position());
        self.release_replies(turn);
        more
    }

    /// What was done to the log becomes a batch.
    pub(super) fn commit(&mut self, turn: &mut Turn<'_>) {
        let Self { log, config, created, consumers, consumer_names, schedules, restoring, .. } =
            self;
        let (created, now, restoring) = (*created, turn.now, *restoring);
        let mut notes =
            CurrentNotes { config, created, now, consumers, consumer_names, schedules, restoring };
        log.commit(&mut notes, &mut turn.fx.disk);
        self.forget_totals();
    }

    /// Lets consumers deliver, each as much as the turn allows.
    fn pump(&mut self, turn: &mut Turn<'_>) -> bool {
        while let Some(id) = self.to_pump.pop_first() {
            let room = limits::TURN_OUTPUT_BYTES.saturating_sub(turn.node.turn_output);
            if room == 0 {
                self.to_pump.insert(id);
                return true;
            }
            let pump = |consumer: &mut Consumer,
                        turn: &mut crate::jetstream::consumer::Turn<'_>| {
                consumer.pump(turn, room as u64)
            };
            match self.with_consumer(turn, id, pump) {
                Some(Pump::Done) | None => {}
                Some(Pump::More) => {
                    self.to_pump.insert(id);
                    return true;
                }
                Some(Pump::Loading) => drop(self.loading.insert(id)),
                Some(Pump::Failed) => drop(self.retries.insert(id)),
            }
        }
        false
    }

    fn release_replies(&mut self, turn: &mut Turn<'_>) {
        if self.replies.is_empty() {
            return;
        }
        let durable = self.log.durable();
        let account = self.account;
        self.replies.release(durable, |reply| {
            let (to, header, payload) = (reply.to, reply.header, reply.payload);
            turn.publish(account, &Outgoing { to, header, payload, ..Outgoing::default() });
        });
    }

    /// The disk has failed: nothing that was done since can be kept, until the log is opened again.
    /// What was being written may be there then, or not: nobody can be told.
    fn give_up(&mut self) {
        self.replies.fail(|_| ());
        self.reads.clear();
        self.to_note.clear();
        self.to_pump.clear();
        self.loading.clear();
    }

    /// Whether something waits for a disk that could not do it.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.retries.is_empty()
            || self.reads_failed
            || self.log.failure() == Some(Failure::NoSpace)
    }

    /// Tries again what the disk could not do; false if there is nothing.
    pub(crate) fn retry(&mut self, turn: &mut Turn<'_>) -> bool {
        let stuck = self.is_stuck();
        if self.log.failure() == Some(Failure::NoSpace) {
            self.log.retry(&mut turn.fx.disk);
        }
        self.to_pump.append(&mut self.retries);
        if core::mem::take(&mut self.reads_failed) {
            self.wake();
            self.read_again(turn);
        }
        stuck
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, turn: &mut Turn<'_>) {
        self.tick_consumers(turn);
        self.expire_batches(turn);
        if self.log.failure() != Some(Failure::Disk) {
            self.expire(turn);
        }
    }

    /// When [`tick`](Self::tick) is to be called.
    pub(crate) fn deadline(&mut self, now: crate::time::Now) -> Option<Mono> {
        let works = self.log.failure() != Some(Failure::Disk);
        let expiry = if works { self.expiry_due(now) } else { None };
        let schedule =
            if works && !self.config.sealed { self.schedules.deadline(now) } else { None };
        let all = [self.consumers_due(), expiry, self.batches.due(), schedule];
        all.into_iter().flatten().min()
    }
}
