//! Names of messages and receivers that are the same in all runs of a plan.
//!
//! Histories count messages by connection. Which connection a client is on, and how many answers it
//! has given before, is a matter of timing; what the plan has it send is not.

use crate::history::Sym;
use crate::ids::{ClientId, Sid};
use crate::plan::Plan;

/// A message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Message {
    /// The message with this number, from 1, among those that the plan has a client publish or ask.
    Sent(ClientId, u32),
    /// An answer to one, whoever gave it.
    Answer(ClientId, u32),
    /// None that a client of the plan has sent.
    Unknown,
}

impl Message {
    /// Whose number it has.
    pub(super) const fn place(self) -> Option<(ClientId, u32)> {
        match self {
            Self::Sent(client, number) | Self::Answer(client, number) => Some((client, number)),
            Self::Unknown => None,
        }
    }

    /// The name of a run of messages, the last of which has this number.
    pub(super) fn words(self, plan: &Plan, last: u32) -> String {
        let Some((client, number)) = self.place() else {
            return "a message that nobody sent".to_owned();
        };
        let name = client_name(plan, client);
        let numbers =
            if last == number { format!("{number}") } else { format!("{number} to {last}") };
        match (self, last == number) {
            (Self::Answer(..), true) => format!("the answer to message {numbers} of {name}"),
            (Self::Answer(..), false) => format!("the answers to messages {numbers} of {name}"),
            (_, true) => format!("message {numbers} of {name}"),
            (_, false) => format!("messages {numbers} of {name}"),
        }
    }
}

/// Who gets messages.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Receiver {
    /// A subscription of the plan, on all of its client's connections.
    Sub(ClientId, Sid),
    /// A queue group: which member gets a message is left to the nodes. Subject and queue are symbols
    /// of the plan.
    Group(Sym, Sym),
    /// Where the answers to a client's requests go.
    Inbox(ClientId),
    /// A subscription that the plan does not have.
    Nobody(ClientId),
}

impl Receiver {
    pub(super) fn words(self, plan: &Plan) -> String {
        let text = |sym| plan.symbols.text(sym);
        match self {
            Self::Sub(client, sid) => {
                format!("subscription {} of {}", sid.0, client_name(plan, client))
            }
            Self::Group(subject, queue) => {
                format!("queue group {} on {}", text(queue), text(subject))
            }
            Self::Inbox(client) => format!("the inbox of {}", client_name(plan, client)),
            Self::Nobody(client) => {
                format!("no subscription that {} has made", client_name(plan, client))
            }
        }
    }
}

pub(super) fn client_name(plan: &Plan, client: ClientId) -> &str {
    plan.clients.get(client.0 as usize).map_or("?", |client| &client.name)
}
