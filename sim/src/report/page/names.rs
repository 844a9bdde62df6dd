//! Texts and messages: each is said once, and named by its number afterwards.

use causeway_reports::{Code, Table};

use crate::guarantee::Table as Lookup;
use crate::history::{History, Kind, StreamEvent, Sym};
use crate::ids::MsgId;

/// The texts that rows refer to. Number 0 is the empty one.
#[derive(Debug)]
pub(super) struct Texts {
    texts: Vec<String>,
    index: Lookup<String, u64>,
    /// Where symbols of the history are, once they have been asked for.
    symbols: Vec<Option<u64>>,
}

impl Texts {
    pub(super) fn new(history: &History) -> Self {
        let symbols = vec![None; history.symbols.len()];
        let mut texts = Self { texts: Vec::new(), index: Lookup::default(), symbols };
        texts.text("");
        texts
    }

    pub(super) fn text(&mut self, text: &str) -> u64 {
        if let Some(known) = self.index.get(text) {
            return *known;
        }
        let number = self.texts.len() as u64;
        self.texts.push(text.to_owned());
        self.index.insert(text.to_owned(), number);
        number
    }

    pub(super) fn sym(&mut self, history: &History, sym: Sym) -> u64 {
        let at = sym.0 as usize;
        if let Some(Some(known)) = self.symbols.get(at) {
            return *known;
        }
        let number = self.text(history.text(sym));
        if let Some(place) = self.symbols.get_mut(at) {
            *place = Some(number);
        }
        number
    }

    pub(super) fn into_list(self) -> Vec<String> {
        self.texts
    }
}

/// A message: who sent it, and what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) id: MsgId,
    /// The event that sent it first, and its time; `None` if that is not in the history.
    pub(super) sent: Option<(usize, u64)>,
    pub(super) subject: Sym,
    pub(super) size: u32,
}

/// The messages, in the order in which they are first mentioned. Number 0 is none.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) list: Vec<Message>,
    index: Lookup<MsgId, u64>,
}

impl Messages {
    /// All that a history mentions.
    pub(super) fn of(history: &History) -> Self {
        let mut all = Self::default();
        for (i, event) in history.events.iter().enumerate() {
            let Some(id) = event.kind.message() else { continue };
            let number = all.add(id);
            let message = &mut all.list[number as usize - 1];
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others send nothing")]
            let (subject, size) = match &event.kind {
                Kind::PubSent { subject, size, .. } => (*subject, *size),
                Kind::Stream(sent) => match &**sent {
                    StreamEvent::Sent { subject, size, .. } => (*subject, *size),
                    _ => continue,
                },
                _ => continue,
            };
            if message.sent.is_none() {
                *message = Message { sent: Some((i, event.t)), subject, size, ..*message };
            }
        }
        all
    }

    /// Those that events in `kept` are about; the rest has no row that would name it.
    pub(super) fn kept(&self, history: &History, kept: &[bool]) -> Self {
        let mut some = Self::default();
        for (event, _) in history.events.iter().zip(kept).filter(|(_, kept)| **kept) {
            let Some(id) = event.kind.message() else { continue };
            let place = some.add(id) as usize - 1;
            some.list[place] = self.list[self.number(Some(id)) as usize - 1];
        }
        some
    }

    fn add(&mut self, id: MsgId) -> u64 {
        if let Some(known) = self.index.get(&id) {
            return *known;
        }
        self.list.push(Message { id, sent: None, subject: Sym::NONE, size: 0 });
        let number = self.list.len() as u64;
        self.index.insert(id, number);
        number
    }

    /// The number of a message; 0 if it is none.
    pub(super) fn number(&self, id: Option<MsgId>) -> u64 {
        id.and_then(|id| self.index.get(&id).copied()).unwrap_or(0)
    }

    /// Their table. A row's place is the number of its message, less one.
    pub(super) fn table(&self, history: &History, texts: &mut Texts) -> Table {
        let columns = [
            ("client", Code::Plain),
            ("conn", Code::Plain),
            ("seq", Code::Delta),
            ("event", Code::Delta),
            ("t", Code::Delta),
            ("subject", Code::Plain),
            ("size", Code::Plain),
        ];
        let mut table = Table::new("messages", &columns);
        for message in &self.list {
            let MsgId { client, conn, seq } = message.id;
            let (event, t) = message.sent.map_or((0, 0), |(i, t)| (i as u64 + 1, t));
            table.push([
                client.0.into(),
                conn.0.into(),
                seq.into(),
                event,
                t,
                texts.sym(history, message.subject),
                message.size.into(),
            ]);
        }
        table
    }
}
