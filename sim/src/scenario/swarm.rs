//! What a scenario leaves to the seed: which faults there are, and who takes part.

use super::{Draw, Heal, Selector};

/// Faults that the seed draws.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SwarmSpec {
    /// The kinds, and how often each is drawn compared to the others.
    pub weights: Vec<(&'static str, u64)>,
    /// From the beginning of one fault to that of the next on average, in nanoseconds; one value
    /// for a seed, every doubling alike.
    pub mean_gap: Draw,
    /// How long a fault lasts, in nanoseconds; drawn for each, every doubling alike.
    pub lasts: Draw,
    /// How many faults there are at once, at most.
    pub max_concurrent: Draw,
    /// Nodes that are never taken down, nor cut off from each other.
    pub keep: Option<Selector>,
    /// When the last fault is over, in nanoseconds from time zero; `None` is with the run.
    pub stop_at: Option<Draw>,
    /// How many of the regions there are; `None` is all.
    pub regions: Option<Draw>,
    /// How many clusters the regions are dealt to; `None` is as the regions say.
    pub clusters: Option<Draw>,
    /// How many of the `[[client]]` tables there are; `None` is all.
    pub clients: Option<Draw>,
    /// Who is healed in the end: one of these; if there are none, it is as the run says.
    pub heal: Vec<Heal>,
    /// The line of the file where it is stated.
    pub line: u32,
}
