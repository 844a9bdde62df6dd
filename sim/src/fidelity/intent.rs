//! What a plan wants: who sends what when, and who listens from when to when.

use std::collections::BTreeMap;

use super::message::{Message, Receiver};
use crate::guarantee::reaches;
use crate::history::{Phase, Sym};
use crate::ids::{ClientId, Sid};
use crate::plan::{Op, Plan};

/// A message that the plan has a client send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub(super) at: u64,
    pub(super) subject: Sym,
    pub(super) size: u32,
    /// How long it is waited for an answer, if it is a request.
    pub(super) patience_ns: Option<u64>,
}

/// A subscription that the plan has a client make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening {
    pub(super) client: ClientId,
    pub(super) sid: Sid,
    pub(super) subject: Sym,
    pub(super) queue: Sym,
    pub(super) from: u64,
    pub(super) until: u64,
    /// It ends after so many deliveries, which are whoever's come first.
    pub(super) counts: bool,
    pub(super) answers: bool,
}

impl Listening {
    pub(super) const fn receiver(&self) -> Receiver {
        if self.queue.is_none() {
            Receiver::Sub(self.client, self.sid)
        } else {
            Receiver::Group(self.subject, self.queue)
        }
    }
}

/// What a plan wants.
#[derive(Debug)]
pub struct Intent<'p> {
    pub(super) plan: &'p Plan,
    /// By client, in order.
    pub(super) sendings: BTreeMap<ClientId, Vec<Sending>>,
    pub(super) listenings: Vec<Listening>,
    /// When a client connects and when it leaves.
    pub(super) stays: BTreeMap<ClientId, (u64, u64)>,
}

impl<'p> Intent<'p> {
    /// What the plan wants.
    #[must_use]
    pub fn of(plan: &'p Plan) -> Self {
        let mut intent = Self {
            plan,
            sendings: BTreeMap::new(),
            listenings: Vec::new(),
            stays: BTreeMap::new(),
        };
        for op in &plan.ops {
            intent.take(op.at, op.client, &op.op);
        }
        intent
    }

    fn take(&mut self, at: u64, client: ClientId, op: &Op) {
        match *op {
            Op::Connect => {
                self.stays.entry(client).or_insert((at, u64::MAX));
            }
            Op::Close => self.leaves(at, client),
            Op::Sub { sid, subject, queue, max, answer } => {
                let (counts, answers) = (max > 0, answer > 0);
                let (from, until) = (at, u64::MAX);
                self.listenings.push(Listening {
                    client,
                    sid,
                    subject,
                    queue,
                    from,
                    until,
                    counts,
                    answers,
                });
            }
            Op::Unsub { sid, max } => self.ends(at, client, sid, max),
            Op::Pub { subject, size, count, .. } => {
                let one = Sending { at, subject, size, patience_ns: None };
                let count = count as usize;
                self.sendings.entry(client).or_default().extend(std::iter::repeat_n(one, count));
            }
            Op::Request { subject, size, timeout_ns, .. } => {
                let one = Sending { at, subject, size, patience_ns: Some(timeout_ns) };
                self.sendings.entry(client).or_default().push(one);
            }
            Op::Stream(_) => {}
        }
    }

    fn leaves(&mut self, at: u64, client: ClientId) {
        if let Some((_, until)) = self.stays.get_mut(&client) {
            *until = at.min(*until);
        }
        for one in self.listenings.iter_mut().filter(|one| one.client == client) {
            one.until = one.until.min(at);
        }
    }

    fn ends(&mut self, at: u64, client: ClientId, sid: Sid, max: u32) {
        let of = |one: &&mut Listening| one.client == client && one.sid == sid;
        let Some(one) = self.listenings.iter_mut().rev().find(of) else { return };
        if max == 0 {
            one.until = one.until.min(at);
        } else {
            one.counts = true;
        }
    }

    pub(super) fn sending(&self, message: Message) -> Option<Sending> {
        let (client, number) = message.place()?;
        let at = (number as usize).checked_sub(1)?;
        self.sendings.get(&client)?.get(at).copied()
    }

    /// Those who listen to a subject, at any time.
    pub(super) fn audience(&self, subject: Sym) -> impl Iterator<Item = &Listening> {
        let text = |sym| self.plan.symbols.text(sym);
        self.listenings.iter().filter(move |one| reaches(text(subject), text(one.subject)))
    }

    /// Those of them who answer.
    pub(super) fn answerers(&self, subject: Sym) -> impl Iterator<Item = &Listening> {
        self.audience(subject).filter(|one| one.answers)
    }

    /// Those behind a receiver.
    pub(super) fn members(&self, receiver: Receiver) -> impl Iterator<Item = &Listening> {
        self.listenings.iter().filter(move |one| one.receiver() == receiver)
    }

    /// The subscription that a client has under an id.
    pub(super) fn listening(&self, client: ClientId, sid: Sid) -> Option<&Listening> {
        self.listenings.iter().rev().find(|one| one.client == client && one.sid == sid)
    }

    /// When the last of what is under way must have arrived.
    pub(super) fn end(&self) -> u64 {
        let drain = Phase::ALL.iter().position(|phase| *phase == Phase::Drain).unwrap_or(0);
        self.plan.bounds.phases_ns[drain]
    }
}

/// Why abstracts say too little about a plan to be compared, if they do.
#[must_use]
pub fn unfit(plan: &Plan) -> Option<String> {
    let waits = plan.ops.iter().any(|op| op.when.is_some())
        || plan.faults.iter().any(|fault| fault.when.is_some());
    let stored = plan.nodes.iter().any(|node| node.jetstream.is_some() || node.buffer.is_some());
    if waits {
        Some(
            "something in it waits for something, so when it happens is no matter of the plan"
                .into(),
        )
    } else if stored {
        Some("it has streams or buffers, of which abstracts say nothing".into())
    } else {
        None
    }
}
