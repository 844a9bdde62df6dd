//! What a client does with what the server sends.

use causeway_wire::client::{ServerOp, parse_server};
use causeway_wire::info::Info;
use causeway_wire::{Limits, Parsed, encode, header};

use super::jet::StreamAnswer;
use super::{Barrier, Client, Ending, INBOX, State};
use crate::engine::Recorder;
use crate::history::{Kind, Sym};
use crate::ids::{MsgId, Sid};
use crate::payload;

/// A client takes what its server may send; sizes are the server's business.
const LIMITS: Limits = Limits { control_line: 1 << 20, payload: u64::MAX, headers: true };

impl Client {
    /// Bytes from the server, cut anywhere.
    pub fn on_bytes(&mut self, bytes: &[u8], rec: &mut Recorder) {
        if self.partial.is_empty() {
            let used = self.frames(bytes, rec);
            // A connection that was ended meanwhile has no use for the rest.
            if self.is_up() {
                self.partial.extend_from_slice(&bytes[used..]);
            }
            return;
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        let used = self.frames(&joined, rec);
        if self.is_up() {
            joined.drain(..used);
        } else {
            joined.clear();
        }
        self.partial = joined;
    }

    fn is_up(&self) -> bool {
        matches!(self.state, State::Greeting(_) | State::Connected)
    }

    /// Takes all whole frames, and says how many bytes they were.
    fn frames(&mut self, bytes: &[u8], rec: &mut Recorder) -> usize {
        let mut used = 0;
        while used < bytes.len() && self.is_up() {
            match parse_server(&bytes[used..], &LIMITS) {
                Ok(Parsed::Frame { frame, len }) => {
                    self.frame(&frame, rec);
                    used += len;
                }
                Ok(Parsed::Incomplete { .. }) => break,
                Err(error) => {
                    let text = rec.intern(&error.to_string());
                    rec.event(Kind::ClientError {
                        client: self.id,
                        conn: self.conn,
                        node: self.node,
                        text,
                    });
                    self.end(Ending::Garbage, rec);
                }
            }
        }
        used
    }

    fn frame(&mut self, frame: &ServerOp<'_>, rec: &mut Recorder) {
        match *frame {
            ServerOp::Msg { subject, sid, reply, header_len, body } => {
                let message = Message { subject, reply, header_len, body };
                self.message(sid, &message, rec);
            }
            ServerOp::Ping => {
                encode::pong(&mut self.out);
                rec.broker_events += 1;
            }
            ServerOp::Pong => self.pong(rec),
            ServerOp::Info(json) => {
                self.servers(json, rec);
                // The first one is the greeting; later ones tell of a changed cluster.
                if matches!(self.state, State::Greeting(_)) && self.barriers.is_empty() {
                    self.greet(rec);
                }
            }
            ServerOp::Ok => {}
            ServerOp::Err(text) => self.error(text, rec),
        }
    }

    /// Writes down which servers the node tells of.
    fn servers(&self, json: &[u8], rec: &mut Recorder) {
        let Ok(info) = Info::parse(json) else { return };
        let mut urls = info.connect_urls;
        urls.sort_unstable();
        let urls = rec.intern(&urls.join(" "));
        rec.event(Kind::Servers { client: self.id, conn: self.conn, urls });
    }

    fn pong(&mut self, rec: &mut Recorder) {
        let (client, conn) = (self.id, self.conn);
        let (answered, upto) = self.barriers.pop_front().unzip();
        let upto = upto.unwrap_or(0);
        self.unconfirmed.confirmed(upto);
        match answered {
            Some(Barrier::Handshake) => self.connected(rec),
            Some(Barrier::Subs(sids)) => {
                for sid in sids {
                    rec.event(Kind::SubReady { client, conn, sid });
                }
            }
            Some(Barrier::Unsub(sid)) => {
                rec.event(Kind::UnsubReady { client, conn, sid });
            }
            Some(Barrier::Flush) => {
                rec.event(Kind::PubFlushed { client, conn, upto });
            }
            Some(Barrier::KeepAlive) => {}
            None => {
                let text = rec.intern("PONG without a PING");
                rec.event(Kind::ClientError { client, conn, node: self.node, text });
            }
        }
    }

    fn message(&mut self, sid: &[u8], message: &Message<'_>, rec: &mut Recorder) {
        rec.broker_events += 1;
        let (client, conn) = (self.id, self.conn);
        let Some(sid) = number(sid) else {
            let text = rec.intern("MSG with a sid that is no number");
            rec.event(Kind::ClientError { client, conn, node: self.node, text });
            return;
        };
        if self.is_of_streams(sid) {
            let Message { subject, reply, header_len, body } = *message;
            self.jet_message(sid, &StreamAnswer { subject, reply, header_len, body }, rec);
            return;
        }
        if sid == INBOX && message.is_no_responders() {
            self.no_responders(message, rec);
            return;
        }
        let subject = match self.subs.get_mut(&sid) {
            Some(sub) if sub.last.0 == message.subject => sub.last.1,
            Some(sub) => {
                let sym = rec.intern_bytes(message.subject);
                sub.last.0.clear();
                sub.last.0.extend_from_slice(message.subject);
                sub.last.1 = sym;
                sym
            }
            None => rec.intern_bytes(message.subject),
        };
        let reply = message.reply.map_or(Sym::NONE, |reply| rec.intern_bytes(reply));
        let msg = payload::identity(header::strip(message.body, message.header_len));
        let size = u32::try_from(message.body.len()).unwrap_or(u32::MAX);
        let hash = payload::content_hash(message.body);
        rec.event(Kind::Delivered { client, conn, sid, subject, reply, msg, size, hash });
        let answer = self.count(sid);
        if sid == INBOX {
            if let Some(request) = self.requests.take(message.subject) {
                rec.event(Kind::RequestDone { request, answer: msg });
            }
        } else if !reply.is_none() && answer > 0 {
            self.publish(reply, Sym::NONE, answer, false, rec);
        }
    }

    /// Counts a delivery, and gives the size of the answer that the subscription wants. One that
    /// has had its fill is not made again.
    fn count(&mut self, sid: Sid) -> u32 {
        let Some(sub) = self.subs.get_mut(&sid) else { return 0 };
        sub.delivered += 1;
        let answer = sub.answer;
        if sub.max > 0 && sub.delivered >= sub.max {
            self.subs.remove(&sid);
        }
        answer
    }

    fn no_responders(&mut self, message: &Message<'_>, rec: &mut Recorder) {
        let (block, _) = header::split(message.body, message.header_len);
        let subject = header::value(block, b"Nats-Subject");
        let subject = subject.map_or(Sym::NONE, |subject| rec.intern_bytes(subject));
        let (client, conn) = (self.id, self.conn);
        let number = self.requests.number(message.subject).filter(|seq| *seq <= self.seq);
        if let Some(seq) = number {
            self.requests.take(message.subject);
            let request = MsgId { client, conn, seq };
            rec.event(Kind::NoResponders { client, conn, subject, request });
        } else {
            let text = rec.intern("503 without a request");
            rec.event(Kind::ClientError { client, conn, node: self.node, text });
        }
    }
}

struct Message<'a> {
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    header_len: Option<u32>,
    body: &'a [u8],
}

impl Message<'_> {
    fn is_no_responders(&self) -> bool {
        let (block, payload) = header::split(self.body, self.header_len);
        payload.is_empty() && header::status(block).is_some_and(|(code, _)| code == b"503")
    }
}

fn number(digits: &[u8]) -> Option<Sid> {
    std::str::from_utf8(digits).ok()?.parse().ok().map(Sid)
}
