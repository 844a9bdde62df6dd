//! What was done to a log, and what of it must be there whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use causeway_store::{FindingKind, Notes, Recovery};

/// A message. Its time is its own: no two messages of a test have the same.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) time: u64,
    pub(crate) subject: String,
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Vec<u8>,
    pub(crate) mark: u64,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { time, subject, header, payload, .. } = self;
        write!(f, "{time}@{subject}:{}+{}", header.len(), payload.len())
    }
}

/// What a log holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct State {
    pub(crate) messages: BTreeMap<u64, Message>,
    pub(crate) next_seq: u64,
    pub(crate) notes: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Something that is done to it.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Append(u64, Message),
    SkipTo(u64),
    /// Whether it is to be erased, too.
    Remove(u64, bool),
    TrimTo(u64),
    Put(Vec<u8>, Vec<u8>),
    Extend(Vec<u8>, Vec<u8>),
    Forget(Vec<u8>),
    /// It was found like this when it was opened.
    Found(State),
}

impl State {
    pub(crate) fn apply(&mut self, mutation: &Mutation) {
        match mutation {
            Mutation::Append(seq, message) => {
                self.messages.insert(*seq, message.clone());
                self.next_seq = seq + 1;
            }
            Mutation::SkipTo(seq) => self.next_seq = self.next_seq.max(*seq),
            Mutation::Remove(seq, _) => {
                self.messages.remove(seq);
            }
            Mutation::TrimTo(seq) => {
                self.messages = self.messages.split_off(seq);
                self.next_seq = self.next_seq.max(*seq);
            }
            Mutation::Put(key, content) => {
                self.notes.insert(key.clone(), content.clone());
            }
            Mutation::Extend(key, content) => {
                self.notes.entry(key.clone()).or_default().extend(content);
            }
            Mutation::Forget(key) => {
                self.notes.remove(key);
            }
            Mutation::Found(state) => *self = state.clone(),
        }
    }
}

/// The owner's notes, for checkpoints.
pub(crate) struct OwnersNotes<'a>(pub(crate) &'a BTreeMap<Vec<u8>, Vec<u8>>);

impl Notes for OwnersNotes<'_> {
    fn each(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(key, content)| put(key, content));
    }
}

/// What was acknowledged, and what was done since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// What must be there.
    pub(crate) acked: State,
    /// What may be there: with the position after each.
    pub(crate) since: Vec<(u64, Mutation)>,
    /// Up to where the batch goes that is being written, or was last.
    pub(crate) batch: u64,
    /// All of it.
    pub(crate) now: State,
    /// Whatever was appended, by sequence.
    ever: BTreeMap<u64, Vec<Message>>,
    /// What the log said was lost when it was opened last, of what had been acknowledged.
    lost: BTreeSet<u64>,
    /// Payloads of messages that were to be erased.
    pub(crate) erased: Vec<Vec<u8>>,
    /// Something of the disk was damaged: what is reported may be missing.
    pub(crate) damaged: bool,
    /// The end of the log may be as it once was, which nobody can notice.
    pub(crate) rolled_back: bool,
    /// The log was there for certain once.
    pub(crate) created: bool,
}

/// What opening a log has shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Observed {
    pub(crate) state: State,
    pub(crate) lost: BTreeSet<u64>,
    pub(crate) recovery: Recovery,
}

impl Observed {
    fn has(&self, kinds: &[FindingKind]) -> bool {
        self.recovery.findings.iter().any(|finding| kinds.contains(&finding.kind))
    }
}

impl Model {
    pub(crate) fn did(&mut self, position: u64, mutation: Mutation) {
        if let Mutation::TrimTo(seq) = &mutation {
            self.lost = self.lost.split_off(seq);
        }
        if let Mutation::Append(seq, message) = &mutation {
            self.ever.entry(*seq).or_default().push(message.clone());
        }
        self.now.apply(&mutation);
        self.since.push((position, mutation));
    }

    /// What was done up to a position is durable.
    pub(crate) fn ack(&mut self, durable: u64) {
        let count = self.since.partition_point(|(position, _)| *position <= durable);
        for (_, mutation) in self.since.drain(..count) {
            if let Mutation::Remove(seq, true) = &mutation
                && let Some(message) = self.acked.messages.get(seq)
            {
                self.erased.extend((message.payload.len() >= 16).then(|| message.payload.clone()));
            }
            self.acked.apply(&mutation);
        }
    }

    /// Each message that was ever at this sequence.
    pub(crate) fn ever(&self, seq: u64) -> &[Message] {
        self.ever.get(&seq).map_or(&[], Vec::as_slice)
    }

    /// Each message that was at this sequence and may be there.
    fn candidates(&self, seq: u64) -> Vec<&Message> {
        let mut found: Vec<&Message> = self.acked.messages.get(&seq).into_iter().collect();
        for (_, mutation) in &self.since {
            if let Mutation::Append(at, message) = mutation {
                found.extend((*at == seq).then_some(message));
            } else if let Mutation::Found(state) = mutation {
                found.extend(state.messages.get(&seq));
            }
        }
        found
    }

    /// Judges what was found after a crash, and goes on from there.
    pub(crate) fn reopened(&mut self, observed: &Observed, position: u64) -> Result<(), String> {
        if !self.damaged && observed.has(&[FindingKind::Damage]) {
            return Err(format!("nothing was damaged: {observed:?}"));
        }
        let exact = self.is_prefix(&observed.state);
        let torn = observed.has(&[FindingKind::TornTail]);
        if !exact {
            if !torn && !self.damaged {
                return Err(format!("no prefix of what was done: {observed:?}\n{self:?}"));
            }
            self.judge_pieces(observed)?;
            // Sequences of what is dropped are not given again.
            let found = State { next_seq: self.acked.next_seq, ..observed.state.clone() };
            if !self.damaged && self.is_batch_whole() && found != self.acked {
                return Err(format!("a part of a whole batch: {observed:?}\n{self:?}"));
            }
        }
        let mut lost = self.lost.range(..self.acked.next_seq);
        if !self.damaged && !lost.all(|seq| observed.lost.contains(seq)) {
            return Err(format!("no longer lost: {observed:?}\n{self:?}"));
        }
        // What was never acknowledged may be forgotten altogether the next time.
        let acked = |seq: &&u64| self.acked.messages.contains_key(seq);
        self.lost.extend(observed.lost.iter().filter(acked));
        self.lost.retain(|seq| observed.lost.contains(seq));
        self.batch = 0;
        self.created |= position == 0;
        self.rolled_back = false;
        let found = observed.state.clone();
        if position == 0 {
            self.acked = found.clone();
            self.since.clear();
        } else {
            self.since.push((position, Mutation::Found(found.clone())));
            for (at, _) in &mut self.since {
                *at = position;
            }
        }
        self.now = found;
        Ok(())
    }

    /// Whether what is being written has to be there as a whole or not at all: something was noted.
    fn is_batch_whole(&self) -> bool {
        let batch = || self.since.iter().filter(|(position, _)| *position <= self.batch);
        let notes = |mutation: &Mutation| {
            matches!(mutation, Mutation::Put(..) | Mutation::Extend(..) | Mutation::Forget(_))
        };
        let found = batch().any(|(_, mutation)| matches!(mutation, Mutation::Found(_)));
        !found && batch().any(|(_, mutation)| notes(mutation))
    }

    fn is_prefix(&self, found: &State) -> bool {
        let mut state = self.acked.clone();
        state == *found
            || self.since.iter().any(|(_, mutation)| {
                state.apply(mutation);
                state == *found
            })
    }

    /// The last batch may be there by halves, and what is damaged may be missing: but nothing else.
    fn judge_pieces(&self, observed: &Observed) -> Result<(), String> {
        let found = &observed.state;
        let silent = observed.recovery.findings.is_empty() && !self.rolled_back;
        let excuse = self.damaged && !silent;
        let notes_fit = {
            let mut state = self.acked.clone();
            state.notes == found.notes
                || self.since.iter().any(|(_, mutation)| {
                    state.apply(mutation);
                    state.notes == found.notes
                })
        };
        if !notes_fit && !excuse {
            return Err(format!("notes of no prefix: {observed:?}\n{self:?}"));
        }
        for (seq, message) in &self.acked.messages {
            let removed = self.since.iter().any(|(_, mutation)| match mutation {
                Mutation::Remove(at, _) => at == seq,
                Mutation::TrimTo(at) => seq < at,
                Mutation::Found(state) => !state.messages.contains_key(seq),
                Mutation::Append(..)
                | Mutation::SkipTo(_)
                | Mutation::Put(..)
                | Mutation::Extend(..)
                | Mutation::Forget(_) => false,
            });
            let reported = observed.lost.contains(seq) || *seq >= found.next_seq;
            if found.messages.get(seq) != Some(message) && !removed && !(excuse && reported) {
                return Err(format!("{seq} is missing: {observed:?}\n{self:?}"));
            }
        }
        for seq in found.messages.keys() {
            if self.candidates(*seq).is_empty() && !excuse {
                return Err(format!("{seq} came back: {observed:?}\n{self:?}"));
            }
        }
        if found.next_seq < self.acked.next_seq && !excuse {
            return Err(format!("sequences go back: {observed:?}\n{self:?}"));
        }
        if found.next_seq > self.now.next_seq {
            return Err(format!("sequences from nowhere: {observed:?}\n{self:?}"));
        }
        Ok(())
    }
}
