//! Conditions on what can be observed while a run goes on: `count(client:pub) >= 500`.
//!
//! ```text
//! condition = "count(" clients ")" is number      messages that they have sent, or received if
//!                                                 they are there to receive
//!           | "connected(" clients ")" is number  of them that are connected
//!           | "up(" nodes ")" is number           of them that run
//!           | "routes(" nodes "/" nodes ")" is number   pairs, one of each side, that both ends
//!                                                 take for joined
//!           | "begun(fault:" id ")" | "over(fault:" id ")"
//! is        = ">=" | "<=" | "=="
//! ```

use super::{Draw, Selector};

/// What a fault or the clients of a table wait for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WhenSpec {
    /// What is looked at.
    pub watched: WatchedSpec,
    /// How it compares with the number.
    pub is: Is,
    /// The number.
    pub number: u64,
    /// From then on, in nanoseconds.
    pub delay: Draw,
}

/// What is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WatchedSpec {
    /// Messages of clients.
    Count(Selector),
    /// Clients that are connected.
    Connected(Selector),
    /// Nodes that run.
    Up(Selector),
    /// Pairs of nodes that are joined.
    Routes(Selector, Selector),
    /// A fault has begun.
    Begun(String),
    /// A fault is over.
    Over(String),
}

/// How a number compares with another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Is {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `==`
    Exactly,
}

impl Is {
    /// All.
    pub const ALL: [Self; 3] = [Self::AtLeast, Self::AtMost, Self::Exactly];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Exactly => "==",
        }
    }

    /// Whether it is so.
    #[must_use]
    pub const fn holds(self, value: u64, number: u64) -> bool {
        match self {
            Self::AtLeast => value >= number,
            Self::AtMost => value <= number,
            Self::Exactly => value == number,
        }
    }
}

/// The words that a condition begins with.
pub(super) const WORDS: [&str; 6] = ["count", "connected", "up", "routes", "begun", "over"];

/// The parts of a condition: its word, what is in parentheses, and the comparison.
pub(crate) struct Parts<'t> {
    pub(crate) word: &'t str,
    pub(crate) inside: &'t str,
    /// `None` if there is no comparison.
    pub(crate) compared: Option<(Is, u64)>,
}

/// Takes a condition apart.
///
/// # Errors
/// Says which part is not understood.
pub(crate) fn parts(text: &str) -> Result<Parts<'_>, String> {
    let wrong = || {
        format!("`{text}` is no condition: write it as `count(client:X) >= 5` or `over(fault:X)`")
    };
    let (word, rest) = text.split_once('(').ok_or_else(wrong)?;
    let (inside, rest) = rest.rsplit_once(')').ok_or_else(wrong)?;
    let rest = rest.trim();
    let compared = if rest.is_empty() {
        None
    } else {
        let is = Is::ALL.into_iter().find(|is| rest.starts_with(is.name())).ok_or_else(wrong)?;
        let number = rest[is.name().len()..].trim();
        let number = number.parse().map_err(|_| format!("`{number}` is no whole number"))?;
        Some((is, number))
    };
    Ok(Parts { word: word.trim(), inside: inside.trim(), compared })
}
