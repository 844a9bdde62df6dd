//! What can go wrong between two places, each in one direction unless it says otherwise.

use super::{Net, Parting};
use crate::conn::{ConnId, End, Side, Stage};
use crate::pipe::CutAfter;
use crate::ways::{Degrade, Place, Slice};

impl Net {
    /// Nothing passes, or it does again: as many must end as have begun.
    pub fn cut(&mut self, from: Place, to: Place, on: bool) {
        self.ways.cut(from, to, on);
        self.look_at(from, to);
    }

    /// Bytes and calls wait, or go on.
    pub fn hold(&mut self, from: Place, to: Place, on: bool) {
        self.ways.hold(from, to, on);
        self.look_at(from, to);
    }

    /// New connections are refused, or are not any more.
    pub fn refuse(&mut self, from: Place, to: Place, on: bool) {
        self.ways.refuse(from, to, on);
    }

    /// Bytes take longer, or do not any more.
    pub fn degrade(&mut self, from: Place, to: Place, fault: u32, by: Option<Degrade>) {
        self.ways.degrade(self.clock.now(), (from, to), fault, by);
        self.look_at(from, to);
    }

    /// What arrives is handed over in small pieces, or is not any more.
    pub fn slice(&mut self, from: Place, to: Place, fault: u32, slice: Option<Slice>) {
        self.ways.slice(from, to, fault, slice);
        self.look_at(from, to);
    }

    /// Connections that are there, whoever called, carry nothing any more, and nobody is told.
    pub fn kill_silently(&mut self, a: Place, b: Place) -> usize {
        let ids = self.ids_between(a, b);
        for id in &ids {
            if let Some(conn) = self.conns.get_mut(id) {
                conn.dead = true;
            }
            self.dirty.insert(*id);
        }
        ids.len()
    }

    /// The machine at this place knows nothing of its connections any more, and says so to whoever
    /// sends something to it there. What it had sent is lost.
    pub fn forgets(&mut self, place: Place) {
        let all = self.conns.iter_mut();
        for (id, conn) in all {
            let Some(side) = Side::BOTH.into_iter().find(|side| conn.place(*side) == place) else {
                continue;
            };
            conn.pipe_mut(side).clear();
            // Its owner has died with the machine.
            drop(std::mem::replace(conn.end_mut(side), End::None));
            self.dirty.insert(*id);
        }
    }

    /// Connections that are there, whoever called, are reset at both ends.
    pub fn reset(&mut self, a: Place, b: Place) -> usize {
        let ids = self.ids_between(a, b);
        for &id in &ids {
            self.reset_ends(id, &Side::BOTH);
        }
        ids.len()
    }

    /// One end of a connection is reset; the other does not know.
    pub fn open_half(&mut self, id: ConnId, side: Side) {
        self.reset_ends(id.0, &[side]);
    }

    /// Connections that are there break after so many more bytes in this direction, drawn for each
    /// from 1 to `after`.
    pub fn break_streams(&mut self, from: Place, to: Place, after: u64, fin: bool) {
        for id in self.ids_between(from, to) {
            let bytes = 1 + self.draw() % after.max(1);
            let Some(conn) = self.conns.get_mut(&id) else { continue };
            let writer = Side::BOTH.into_iter().find(|side| conn.place(*side) == from);
            if let Some(writer) = writer {
                conn.pipe_mut(writer).cut_after = Some(CutAfter { bytes, fin });
            }
        }
    }

    /// Those that have not broken yet do not any more.
    pub fn spare_streams(&mut self, from: Place, to: Place) {
        for id in self.ids_between(from, to) {
            if let Some(conn) = self.conns.get_mut(&id) {
                Side::BOTH.into_iter().for_each(|side| conn.pipe_mut(side).cut_after = None);
            }
        }
    }

    fn reset_ends(&mut self, id: u32, sides: &[Side]) {
        let Some(mut conn) = self.conns.remove(&id) else { return };
        for &side in sides {
            // What was on its way to an end that is gone is lost with it.
            conn.pipe_mut(side.other()).clear();
            self.give_up(&mut conn, side, Parting::Reset);
        }
        let half = Side::BOTH.iter().any(|side| !matches!(conn.end(*side), End::None));
        if half && conn.stage != Stage::Up {
            // A call that is under way is over for both.
            for side in Side::BOTH {
                self.give_up(&mut conn, side, Parting::Reset);
            }
            conn.stage = Stage::Up;
        }
        self.conns.insert(id, conn);
        self.dirty.insert(id);
    }

    fn ids_between(&self, a: Place, b: Place) -> Vec<u32> {
        let is = |&places: &(Place, Place)| places == (a, b) || places == (b, a);
        let all = self.conns.iter();
        all.filter(|(_, conn)| is(&conn.way(Side::Caller))).map(|(id, _)| *id).collect()
    }

    fn look_at(&mut self, a: Place, b: Place) {
        let ids = self.ids_between(a, b);
        self.dirty.extend(ids);
    }
}
