//! What a checker has to say: how often it looked, and what it saw go wrong.

use super::view::View;
use crate::history::Why;

/// Most events that are named as witnesses of one violation.
const WITNESSES_MAX: usize = 12;

/// A place in a history where a guarantee did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The number of the event at which it shows.
    pub i: usize,
    /// When it shows, in nanoseconds.
    pub t: u64,
    /// What happened, in a sentence or a few.
    pub story: String,
    /// The events that show it, oldest first.
    pub witnesses: Vec<Witness>,
}

/// An event that shows a violation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Witness {
    /// Its number.
    pub i: usize,
    /// Its time, in nanoseconds.
    pub t: u64,
    /// What it is, in words.
    pub text: String,
}

/// How long something took that has a bound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Took {
    /// In nanoseconds.
    pub took_ns: u64,
    /// How long it might have taken.
    pub bound_ns: u64,
}

impl Took {
    /// What is left until the bound, in nanoseconds; 0 beyond it.
    #[must_use]
    pub const fn margin_ns(self) -> u64 {
        self.bound_ns.saturating_sub(self.took_ns)
    }

    /// The one of two that is closer to its bound.
    #[must_use]
    pub fn closer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|took| took.margin_ns())
    }
}

/// What one checker has found in one history.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings {
    /// How often the guarantee was put to the test.
    pub checked: u64,
    /// How often it did not hold.
    pub broken: u64,
    /// How often it was not put to the test although it could have been, because the promise does
    /// not cover the case: an order across a path that changed, for example.
    pub excused: u64,
    /// Of those that held in a time of their own, the one that was closest to its bound.
    pub closest: Option<Took>,
    /// The first violation.
    pub first: Option<Violation>,
    /// How often it did not hold where no broker could have made it hold: the plan proves it.
    pub unrecoverable: u64,
    /// The first such case, and why.
    pub first_unrecoverable: Option<(Violation, Why)>,
}

/// The pen with which a checker writes its findings.
pub(crate) struct Pen<'a> {
    pub(crate) findings: &'a mut Findings,
    /// Whether the guarantee is asked for at this moment (`during`).
    pub(crate) open: bool,
    /// The number of the event at hand.
    pub(crate) i: usize,
    /// The time at hand: that of the event, or of a deadline that passed before it.
    pub(crate) t: u64,
}

impl Pen<'_> {
    /// The guarantee was put to the test and held.
    pub(crate) fn held(&mut self) {
        self.findings.checked += u64::from(self.open);
    }

    /// It was put to the test and held, in this time.
    pub(crate) fn held_in(&mut self, took: Took) {
        self.held();
        if self.open {
            self.findings.closest = Took::closer(self.findings.closest, Some(took));
        }
    }

    /// The promise does not cover this case.
    pub(crate) fn excused(&mut self) {
        self.findings.excused += u64::from(self.open);
    }

    /// The guarantee did not hold, which is the broker's fault unless there is a reason why no broker
    /// could do better. See [`broken`](Self::broken).
    pub(crate) fn broken_or_lost(
        &mut self,
        view: &View<'_>,
        why: Option<Why>,
        tell: impl FnOnce() -> (String, Vec<usize>),
    ) {
        let Some(why) = why else { return self.broken(view, tell) };
        if !self.open {
            return;
        }
        self.findings.unrecoverable += 1;
        if self.findings.first_unrecoverable.is_none() {
            self.findings.first_unrecoverable = Some((self.violation(view, tell()), why));
        }
    }

    /// The guarantee was put to the test and did not hold. `tell` gives the story and the numbers
    /// of the events that show it; it is called for the first violation only.
    pub(crate) fn broken(&mut self, view: &View<'_>, tell: impl FnOnce() -> (String, Vec<usize>)) {
        if !self.open {
            return;
        }
        self.findings.checked += 1;
        self.findings.broken += 1;
        if self.findings.first.is_none() {
            self.findings.first = Some(self.violation(view, tell()));
        }
    }

    fn violation(&self, view: &View<'_>, (story, mut events): (String, Vec<usize>)) -> Violation {
        events.sort_unstable();
        events.dedup();
        events.truncate(WITNESSES_MAX);
        let history = view.history;
        let witness = |i: usize| {
            let event = history.events.get(i)?;
            Some(Witness { i, t: event.t, text: crate::report::words::describe(history, event) })
        };
        Violation {
            i: self.i,
            t: self.t,
            story,
            witnesses: events.into_iter().filter_map(witness).collect(),
        }
    }
}
