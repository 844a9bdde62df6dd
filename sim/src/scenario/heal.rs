//! Who is healed in the end.

/// Who is healed when the faults are over.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Heal {
    /// Everybody: all faults are lifted.
    #[default]
    All,
    /// Some nodes, which the seed draws, and their clients. Faults that touch others may stay.
    Core,
}

impl Heal {
    /// All.
    pub const ALL: [Self; 2] = [Self::All, Self::Core];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Core => "core",
        }
    }
}
