//! How the delay of a network spreads.

/// The spread of what is added to the latency.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Dist {
    /// From 0 to the jitter, every value alike.
    #[default]
    Uniform,
    /// From 0 to the jitter, mostly near the middle.
    Normal,
    /// Mostly an eighth of the jitter, rarely many times the jitter.
    Pareto,
    /// As uniform; but one segment in a thousand takes 5 to 20 times as long.
    Bimodal,
}

impl Dist {
    /// All.
    pub const ALL: [Self; 4] = [Self::Uniform, Self::Normal, Self::Pareto, Self::Bimodal];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Normal => "normal",
            Self::Pareto => "pareto",
            Self::Bimodal => "bimodal",
        }
    }
}
