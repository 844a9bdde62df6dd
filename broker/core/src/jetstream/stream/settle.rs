//! The end of a turn: what happened becomes a batch of the log, what is durable is answered and
//! delivered.

use alloc::collections::BTreeSet;

use causeway_store::Failure;
use causeway_store::disk::Done;

use super::expect::Room;
use super::notes::CurrentNotes;
use super::{ConsumerId, Stream};
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
            self.give_up(turn);
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
        self.give_up_damaged(turn);
        self.remove_released(turn);
        self.note_in_time(turn.now);
        self.note_positions();
        self.commit(turn);
        self.replies.close(self.log.position());
        self.unanswered.values_mut().for_each(|after| *after = (*after).min(self.log.position()));
        self.release_replies(turn);
        more | self.release_unanswered()
    }

    /// What was done to the log becomes a batch.
    pub(super) fn commit(&mut self, turn: &mut Turn<'_>) {
        let mut notes = CurrentNotes {
            config: &self.config,
            created: self.created,
            now: turn.now,
            consumers: &self.consumers,
            consumer_names: &self.consumer_names,
            intakes: &self.intakes,
            positions: &self.positions,
            schedules: &self.schedules,
            restoring: self.restoring,
        };
        self.log.commit(&mut notes, &mut turn.fx.disk);
        self.forget_totals();
    }

    /// Lets consumers deliver, each as much as the turn allows.
    fn pump(&mut self, turn: &mut Turn<'_>) -> bool {
        self.to_pump.append(&mut self.congested);
        while let Some(id) = self.to_pump.pop_first() {
            if self.unanswered.contains_key(&id) {
                continue;
            }
            let room = limits::TURN_OUTPUT_BYTES.saturating_sub(turn.node.turn_output) as u64;
            if room == 0 {
                self.to_pump.insert(id);
                return true;
            }
            let on_the_way = self.room_on_the_way(turn, id);
            if on_the_way == 0 {
                self.congested.insert(id);
                continue;
            }
            let budget = room.min(on_the_way);
            let pump = |consumer: &mut Consumer,
                        turn: &mut crate::jetstream::consumer::Turn<'_>| {
                consumer.pump(turn, budget)
            };
            match self.with_consumer(turn, id, pump) {
                Some(Pump::Done) | None => {}
                Some(Pump::More) if on_the_way < room => drop(self.congested.insert(id)),
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

    /// Bytes that a consumer may add to what waits for the routes that its deliveries go by. The most
    /// there are if it pushes nothing to another server.
    fn room_on_the_way(&self, turn: &mut Turn<'_>, id: ConsumerId) -> u64 {
        let Some(consumer) = self.consumer(id).filter(|consumer| consumer.is_push()) else {
            return u64::MAX;
        };
        let subject = consumer.config().deliver_subject.as_bytes();
        let waiting = turn.waiting_for_routes(self.account, subject);
        waiting.map_or(u64::MAX, |waiting| limits::ROUTE_REPLAY_BYTES.saturating_sub(waiting))
    }

    /// Whether a consumer waits for a route.
    pub(crate) fn is_congested(&self) -> bool {
        !self.congested.is_empty()
    }

    /// Consumers whose answer has left deliver from now on; whether there are such.
    fn release_unanswered(&mut self) -> bool {
        let durable = self.log.durable();
        let answered = self.unanswered.extract_if(.., |_, after| *after <= durable);
        let answered: BTreeSet<ConsumerId> = answered.map(|(id, _)| id).collect();
        self.to_pump.extend(&answered);
        !answered.is_empty()
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
    fn give_up(&mut self, turn: &mut Turn<'_>) {
        self.replies.fail(|_| ());
        self.read_again(turn);
        self.to_note.clear();
        self.to_pump.clear();
        self.loading.clear();
        self.congested.clear();
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
        self.tick_intakes(turn);
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
        let notes = if works { self.notes_due() } else { None };
        let (consumers, intakes) = (self.consumers_due(), self.intakes_due());
        let all = [consumers, intakes, expiry, self.batches.due(), schedule, notes];
        all.into_iter().flatten().min()
    }
}
