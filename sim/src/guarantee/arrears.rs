//! What is in arrears when two nodes reach each other again, and how long it may take until it is
//! there.

use crate::history::Header;
use crate::units::{MS, SECOND};

/// From the link between two nodes being whole again to all being there that was kept, besides a
/// round trip and the time that the bytes need. How long the link takes is `routes_reestablished`.
const RESUME_NS: u64 = 100 * MS;

/// Bytes in a second over a path that has no limit.
const USUAL_BANDWIDTH: u64 = 100 << 20;

/// How long what is in arrears may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrears {
    within_ns: u64,
    /// Bytes in a second, at least 1.
    bandwidth: u64,
}

impl Arrears {
    /// Over the narrowest of all paths. `within_ns` is what a scenario allows besides the time that
    /// the bytes need.
    pub(super) fn new(header: &Header, within_ns: Option<u64>) -> Self {
        let rtt_ns = header.bounds.rtt_max_ns;
        let bandwidths = header.paths.iter().map(|path| path.link.bandwidth);
        // A connection carries no more than a window in a round trip.
        let window = header.window.saturating_mul(SECOND) / rtt_ns.max(1);
        let bandwidths = bandwidths.chain([window]).filter(|bandwidth| *bandwidth > 0);
        Self {
            within_ns: within_ns.unwrap_or(rtt_ns + RESUME_NS),
            bandwidth: bandwidths.min().unwrap_or(USUAL_BANDWIDTH),
        }
    }

    /// From the link being whole to so many bytes being there.
    pub(super) fn bound_ns(&self, bytes: u64) -> u64 {
        self.within_ns.saturating_add(self.takes_ns(bytes))
    }

    /// How long so many bytes need.
    pub(super) const fn takes_ns(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(SECOND) / self.bandwidth
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Bounds, LinkInfo, PathInfo};
    use crate::ids::RegionId;

    #[test]
    fn the_narrowest_path_and_the_window_count() {
        let rtt = Bounds { rtt_max_ns: 50 * MS, ..Bounds::default() };
        let mut header = Header { bounds: rtt, ..Header::default() };
        let bound = |header: &Header| Arrears::new(header, None).bound_ns(10 << 20);
        assert_eq!(bound(&header), 250 * MS, "100 MiB/s where nothing is said");
        let link = LinkInfo { bandwidth: 20 << 20, ..LinkInfo::default() };
        header.paths.push(PathInfo { a: RegionId(0), b: RegionId(1), link });
        assert_eq!(bound(&header), 650 * MS);
        header.window = 512 << 10;
        assert_eq!(bound(&header), 1_150 * MS, "10 MiB/s: a window in each round trip");
        assert_eq!(Arrears::new(&header, Some(0)).bound_ns(1 << 20), 100 * MS);
    }
}
