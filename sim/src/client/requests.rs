//! Requests that wait for their answers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Client, INBOX, Sub};
use crate::engine::Recorder;
use crate::history::{Kind, Sym};
use crate::ids::{ClientId, ConnNo, MsgId};

/// The requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// By deadline, then by number.
    waiting: BTreeMap<(u64, u32), MsgId>,
    deadlines: BTreeMap<u32, u64>,
    inbox: String,
}

impl Requests {
    /// Answers to old connections must not be taken for answers to this one.
    pub(super) fn renew_inbox(&mut self, client: ClientId, conn: ConnNo) {
        self.inbox = format!("_INBOX.{}.{}.", client.0, conn.0);
    }

    pub(super) fn wildcard(&self) -> String {
        format!("{}*", self.inbox)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    fn add(&mut self, msg: MsgId, deadline: u64) {
        self.waiting.insert((deadline, msg.seq), msg);
        self.deadlines.insert(msg.seq, deadline);
    }

    /// The number of the request that an inbox subject belongs to.
    pub(super) fn number(&self, subject: &[u8]) -> Option<u32> {
        let digits = subject.strip_prefix(self.inbox.as_bytes())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The request that an inbox subject answers, if it still waits.
    pub(super) fn take(&mut self, subject: &[u8]) -> Option<MsgId> {
        let seq = self.number(subject)?;
        let deadline = self.deadlines.remove(&seq)?;
        self.waiting.remove(&(deadline, seq))
    }

    pub(super) fn expire(&mut self, now: u64, rec: &mut Recorder) {
        while let Some(entry) = self.waiting.first_entry()
            && entry.key().0 <= now
        {
            let request = entry.remove();
            self.deadlines.remove(&request.seq);
            rec.event(Kind::RequestTimeout { request, disconnected: false });
        }
    }

    /// The connection is gone, and with it all hope for answers.
    pub(super) fn disconnected(&mut self, rec: &mut Recorder) {
        // In the order in which they were made.
        for seq in std::mem::take(&mut self.deadlines).into_keys() {
            let of_seq = |msg: &&MsgId| msg.seq == seq;
            if let Some(request) = self.waiting.values().find(of_seq).copied() {
                rec.event(Kind::RequestTimeout { request, disconnected: true });
            }
        }
        self.waiting.clear();
    }
}

impl Client {
    pub(super) fn request(
        &mut self,
        subject: Sym,
        size: u32,
        timeout_ns: u64,
        header: bool,
        rec: &mut Recorder,
    ) {
        if let Entry::Vacant(place) = self.subs.entry(INBOX) {
            let (subject, queue) = (Sym::NONE, Sym::NONE);
            let last = (Vec::new(), Sym::NONE);
            place.insert(Sub { subject, queue, max: 0, answer: 0, delivered: 0, last });
            self.requests.renew_inbox(self.id, self.conn);
            self.subscribe(&[INBOX], rec);
        }
        let reply = rec.intern(&format!("{}{}", self.requests.inbox, self.seq + 1));
        let msg = self.publish(subject, reply, size, header, rec);
        self.requests.add(msg, rec.now + timeout_ns);
    }
}
