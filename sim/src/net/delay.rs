//! How long a segment takes besides its latency, in whole numbers.

use crate::plan::{SPREAD_TIMES_MAX, SPREAD_TIMES_MIN};
use crate::rng::Stream;
use crate::scenario::Dist;

/// One segment in a thousand is slow.
const SLOW_PPM: u32 = 1_000;

/// Pareto's smallest delay is this part of the jitter; half of all delays are below its double.
const PARETO_PART: u64 = 16;

/// Pareto's draws are from so many.
const PARETO_DRAWS: u64 = 1 << 20;

/// What is added to the latency of one segment. Draws nothing if nothing can be added.
pub(super) fn spread(dist: Dist, latency_ns: u64, jitter_ns: u64, noise: &mut Stream) -> u64 {
    match dist {
        Dist::Uniform => uniform(jitter_ns, noise),
        Dist::Normal => {
            if jitter_ns == 0 {
                return 0;
            }
            // Four numbers of 16 bits from one draw; their mean is nearly normal.
            let draw = noise.next();
            let sum: u64 = (0..4).map(|part| draw >> (16 * part) & 0xffff).sum();
            share(jitter_ns, sum, 4 * 0xffff)
        }
        Dist::Pareto => {
            if jitter_ns == 0 {
                return 0;
            }
            let part =
                share(jitter_ns, PARETO_DRAWS, PARETO_PART * (1 + noise.below(PARETO_DRAWS)));
            part.min(jitter_ns.saturating_mul(SPREAD_TIMES_MAX))
        }
        Dist::Bimodal => {
            let usual = uniform(jitter_ns, noise);
            if noise.chance_ppm(SLOW_PPM) {
                let times = noise.between(SPREAD_TIMES_MIN, SPREAD_TIMES_MAX);
                // The latency itself is counted by the caller.
                (latency_ns + usual).saturating_mul(times) - latency_ns
            } else {
                usual
            }
        }
    }
}

fn uniform(jitter_ns: u64, noise: &mut Stream) -> u64 {
    if jitter_ns > 0 { noise.below(jitter_ns + 1) } else { 0 }
}

/// `of * part / whole` without overflow in between.
fn share(of: u64, part: u64, whole: u64) -> u64 {
    let product = u128::from(of) * u128::from(part) / u128::from(whole);
    u64::try_from(product).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MS;

    const LATENCY: u64 = 20 * MS;
    const JITTER: u64 = 8 * MS;

    /// 10,000 delays, sorted.
    fn delays(dist: Dist) -> Vec<u64> {
        let mut noise = Stream::new(1, "t", &[dist as u64]);
        let mut all: Vec<u64> =
            (0..10_000).map(|_| spread(dist, LATENCY, JITTER, &mut noise)).collect();
        all.sort_unstable();
        all
    }

    /// The least, the quarters and the greatest, in tenths of a millisecond.
    fn quarters(dist: Dist) -> [u64; 5] {
        let all = delays(dist);
        [0, 2_500, 5_000, 7_500, 9_999].map(|at| all[at] / (MS / 10))
    }

    #[test]
    fn each_spreads_in_its_way() {
        let near = |got: [u64; 5], want: [u64; 5]| {
            assert!(got.iter().zip(want).all(|(a, b)| a.abs_diff(b) <= 2 + b / 20), "{got:?}");
        };
        near(quarters(Dist::Uniform), [0, 20, 40, 60, 80]);
        let [least, low, middle, high, most] = quarters(Dist::Normal);
        near([0, low, middle, high, 0], [0, 32, 40, 48, 0]);
        assert!(least > 0 && most < 80, "the ends are rare: {least} {most}");
        near(quarters(Dist::Pareto), [5, 6, 10, 20, 1_600]);
        let [.., high, most] = quarters(Dist::Bimodal);
        near([0, 0, 0, high, 0], [0, 0, 0, 60, 0]);
        assert!((800..=5_400).contains(&most), "{most}");
    }

    #[test]
    fn few_are_slow() {
        let slow = |dist| delays(dist).iter().filter(|delay| **delay > JITTER).count();
        assert_eq!((slow(Dist::Uniform), slow(Dist::Normal)), (0, 0));
        let (pareto, bimodal) = (slow(Dist::Pareto), slow(Dist::Bimodal));
        assert!((500..750).contains(&pareto), "{pareto}");
        assert!((3..25).contains(&bimodal), "{bimodal}");
    }

    #[test]
    fn without_jitter_only_what_is_slow_takes_longer() {
        for dist in Dist::ALL {
            let mut noise = Stream::new(1, "t", &[]);
            let mut most = 0;
            for _ in 0..10_000 {
                most = most.max(spread(dist, LATENCY, 0, &mut noise));
            }
            assert_eq!(most > 0, dist == Dist::Bimodal, "{dist:?}");
            assert!(most < LATENCY * SPREAD_TIMES_MAX);
        }
    }
}
