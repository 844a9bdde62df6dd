//! Whether engines agree: the same plan on each of them must lead to the same, told in terms that no
//! engine has for itself alone.
//!
//! A history of one engine cannot be laid beside that of another: in one a message arrives a
//! millisecond later, in another a client has the other member's share of a queue group. So each is made
//! an [`Abstract`]: who got which message and how often, what came too late for its order, what became of
//! requests, which errors clients were told, how often clients and nodes met. Messages and
//! subscriptions have names there that come from the plan ([`Message`], [`Receiver`]).
//!
//! What a machine's timing may change is said beforehand, from the plan ([`Doubt`]), and never seen
//! from what happened: a message is *settled* if the plan leaves no doubt what becomes of it. Of
//! settled messages engines must say the same, exactly; of the others only that nobody got one twice.
//! Counts have bands ([`Band`]), from the plan, too. A difference is a bug in a model.
//!
//! | module | holds |
//! |---|---|
//! | `message` | names of messages and receivers that are the same in all runs of a plan |
//! | `intent` | what a plan wants: who sends what when, who listens from when to when |
//! | `doubt` | what it leaves to timing, and why |
//! | `band` | how far counts may be apart, and why |
//! | `abstracts` | what is left of a history |
//! | `compare` | holds abstracts against each other |
//! | `text` | what is said of it |

mod abstracts;
mod band;
mod compare;
mod doubt;
mod intent;
mod message;
#[cfg(test)]
mod tests;
mod text;

pub use abstracts::{Abstract, Fate};
pub use band::Band;
pub use compare::{Compared, Disagreement, Subject, Verdict, compare};
pub use doubt::{Doubt, Patience};
pub use intent::{Intent, unfit};
pub use message::{Message, Receiver};
pub use text::{FIDELITY_SCHEMA, Fidelity, Row};
