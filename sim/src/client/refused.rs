//! Messages that the server may still refuse.
//!
//! It takes messages in order and answers in order, and an error about a message comes before the
//! answer to the next PING. So what is refused is behind the last PING that was answered, and before
//! the first that was not; of the messages there, it is one on the subject that the error names. Those
//! that were refused there before it are not told apart from it: which of several it is, others may
//! work out from who has got which.

use std::collections::VecDeque;

use super::Client;
use crate::engine::Recorder;
use crate::history::{Kind, Refusal, Sym};

/// The messages of a connection behind the last PING that was answered, by number and subject.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed(VecDeque<(u32, Sym)>);

impl Unconfirmed {
    pub(super) fn published(&mut self, seq: u32, subject: Sym) {
        self.0.push_back((seq, subject));
    }

    /// The server has processed everything up to this message.
    pub(super) fn confirmed(&mut self, upto: u32) {
        while self.0.pop_front_if(|(seq, _)| *seq <= upto).is_some() {}
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first and the last message on a subject, of those up to a number.
    fn on(&self, subject: Sym, upto: u32) -> Option<(u32, u32)> {
        let mut there = self.0.iter().take_while(|(seq, _)| *seq <= upto);
        let mut on = there.by_ref().filter(|(_, of)| *of == subject).map(|(seq, _)| *seq);
        let first = on.next()?;
        Some((first, on.last().unwrap_or(first)))
    }
}

impl Client {
    /// The server sent -ERR.
    pub(super) fn error(&self, text: &[u8], rec: &mut Recorder) {
        let text = rec.intern_bytes(text);
        let (client, conn) = (self.id, self.conn);
        let subject = Refusal::parse(rec.text(text)).map(|refusal| refusal.subject.to_owned());
        if let Some(subject) = subject {
            let subject = rec.intern(&subject);
            let upto = self.barriers.front().map_or(self.seq, |(_, upto)| *upto);
            if let Some((first, last)) = self.unconfirmed.on(subject, upto) {
                rec.event(Kind::PubRefused { client, conn, subject, first, last, text });
                return;
            }
        }
        rec.event(Kind::ClientError { client, conn, node: self.node, text });
    }
}
