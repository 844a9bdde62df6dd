//! Places in the code where something happens rarely, and a simulator may have it happen often.
//!
//! A broker must survive input that is cut off in the middle of a batch, an answer that is not in the
//! cache, a ping before its time; but on a quiet day nothing of this happens, and a test that waits for
//! it waits long. `perturb!` marks such a place:
//!
//! ```text
//! if self.turn_output >= limits::TURN_OUTPUT_BYTES || perturb!(self, ShortTurn) { ... }
//! ```
//!
//! Without the feature `perturb` the macro is the word `false`, and nothing of this module is built.
//! With it, a node still does nothing unusual until [`Node::perturb`](crate::Node::perturb) names a
//! site; then the site fires at every fourth visit, by draws of its own that move no others. So a build
//! of a whole workspace, in which the feature is on for all because the simulator wants it, holds a
//! server that behaves as ever. Servers that are shipped are built by themselves, without it.
//!
//! What a site does must be allowed at any time: no message may get lost by it, and every guarantee must
//! hold.

/// Whether something unusual happens here: `perturb!(node, Site)`.
#[cfg(feature = "perturb")]
macro_rules! perturb {
    ($node:expr, $site:ident) => {
        $node.perturb.fires($crate::perturb::PerturbSite::$site)
    };
}

/// Whether something unusual happens here: not in this build.
#[cfg(not(feature = "perturb"))]
macro_rules! perturb {
    ($node:expr, $site:ident) => {
        false
    };
}

#[cfg(feature = "perturb")]
pub(crate) use sites::Perturb;
#[cfg(feature = "perturb")]
pub use sites::PerturbSite;

#[cfg(feature = "perturb")]
mod sites {
    use core::cell::Cell;

    /// A place in the code.
    #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
    pub enum PerturbSite {
        /// Input is held back after one frame, as if the turn had produced too much.
        ShortTurn,
        /// Input that was held back goes on a millisecond later, not at once.
        LateResume,
        /// Messages on one subject are handled one by one, not as a run.
        SingleMessages,
        /// A client's last answer to "who gets this?" is forgotten.
        ForgetPlan,
        /// The interest cache does not know a subject that it knows.
        CacheMiss,
        /// A producer is stalled although no receiver is slow.
        Stall,
        /// A peer that was just heard of is asked whether it is there.
        EarlyPing,
        /// The pause before a dial is as long as it may be.
        DialLate,
        /// The pause before a dial has nothing random: peers act in step.
        DialInStep,
        /// Peers are told of a server twice.
        GossipTwice,
        /// Peers are told of a change of interest twice.
        InterestTwice,
        /// A stream keeps little of what it wrote or read in memory.
        SmallCache,
    }

    impl PerturbSite {
        /// All.
        pub const ALL: [Self; 12] = [
            Self::ShortTurn,
            Self::LateResume,
            Self::SingleMessages,
            Self::ForgetPlan,
            Self::CacheMiss,
            Self::Stall,
            Self::EarlyPing,
            Self::DialLate,
            Self::DialInStep,
            Self::GossipTwice,
            Self::InterestTwice,
            Self::SmallCache,
        ];

        /// The name in files.
        #[must_use]
        pub const fn name(self) -> &'static str {
            match self {
                Self::ShortTurn => "short_turn",
                Self::LateResume => "late_resume",
                Self::SingleMessages => "single_messages",
                Self::ForgetPlan => "forget_plan",
                Self::CacheMiss => "cache_miss",
                Self::Stall => "stall",
                Self::EarlyPing => "early_ping",
                Self::DialLate => "dial_late",
                Self::DialInStep => "dial_in_step",
                Self::GossipTwice => "gossip_twice",
                Self::InterestTwice => "interest_twice",
                Self::SmallCache => "small_cache",
            }
        }
    }

    /// The sites of one node that are active, each with its draws.
    #[derive(Debug, Default)]
    pub(crate) struct Perturb {
        active: [Option<Draws>; PerturbSite::ALL.len()],
    }

    #[derive(Debug)]
    struct Draws {
        key: u64,
        visits: Cell<u64>,
    }

    impl Perturb {
        pub(crate) fn activate(&mut self, site: PerturbSite, key: u64) {
            self.active[site as usize] = Some(Draws { key, visits: Cell::new(0) });
        }

        /// Whether the site fires at this visit.
        pub(crate) fn fires(&self, site: PerturbSite) -> bool {
            let Some(draws) = &self.active[site as usize] else { return false };
            let visit = draws.visits.get().wrapping_add(1);
            draws.visits.set(visit);
            mix(draws.key, visit) & 3 == 0
        }
    }

    /// A hash of two numbers in which every bit counts (the end of splitmix64).
    const fn mix(key: u64, visit: u64) -> u64 {
        let mut bits = key ^ visit.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_site_fires_at_every_fourth_visit_or_so_once_it_is_active() {
            let mut perturb = Perturb::default();
            let fired = |perturb: &Perturb, site| (0..4000).filter(|_| perturb.fires(site)).count();
            assert!(PerturbSite::ALL.iter().all(|site| fired(&perturb, *site) == 0));
            perturb.activate(PerturbSite::EarlyPing, 7);
            let count = fired(&perturb, PerturbSite::EarlyPing);
            assert!((800..1200).contains(&count), "{count}");
            assert_eq!(fired(&perturb, PerturbSite::Stall), 0, "the others are left alone");
        }

        #[test]
        fn draws_depend_on_the_key_and_the_number_of_the_visit_alone() {
            let pattern = |key, others: bool| {
                let mut perturb = Perturb::default();
                perturb.activate(PerturbSite::Stall, key);
                perturb.activate(PerturbSite::CacheMiss, key);
                let visit = |_| {
                    let _unrelated = others && perturb.fires(PerturbSite::CacheMiss);
                    perturb.fires(PerturbSite::Stall)
                };
                (0..64).map(visit).collect::<alloc::vec::Vec<_>>()
            };
            assert_eq!(pattern(1, false), pattern(1, true));
            assert_ne!(pattern(1, false), pattern(2, false));
        }
    }
}
