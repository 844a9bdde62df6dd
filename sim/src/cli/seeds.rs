//! Which seeds to run.

use std::fmt;
use std::str::FromStr;

/// No more seeds than this at once: each leaves a result in memory.
const SEEDS_MAX: u64 = 10_000_000;

/// Seeds from `from` up to, but without, `to`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Seeds {
    from: u64,
    to: u64,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no range of seeds: write A..B, such as 0..200");
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let from: u64 = from.trim().parse().map_err(|_| wrong())?;
        let to: u64 = to.trim().parse().map_err(|_| wrong())?;
        if from >= to {
            return Err(format!("`{text}` holds no seed: B is not part of A..B"));
        }
        if to - from > SEEDS_MAX {
            return Err(format!("`{text}` holds more than {SEEDS_MAX} seeds"));
        }
        Ok(Self { from, to })
    }
}

/// A share of all seeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shard {
    /// From 1.
    index: u64,
    count: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no shard: write I/N with I from 1 to N, such as 1/4");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let index: u64 = index.trim().parse().map_err(|_| wrong())?;
        let count: u64 = count.trim().parse().map_err(|_| wrong())?;
        if index == 0 || index > count { Err(wrong()) } else { Ok(Self { index, count }) }
    }
}

impl Shard {
    /// A seed stays in its shard when the range grows.
    const fn holds(self, seed: u64) -> bool {
        seed % self.count == self.index - 1
    }
}

/// The seeds of one scenario, and how they are called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SeedSet {
    pub(super) seeds: Vec<u64>,
    pub(super) name: String,
}

/// The seeds that the arguments ask for, or else those of the scenario.
pub(super) fn choose(
    seed: Option<u64>,
    range: Option<Seeds>,
    shard: Option<Shard>,
    scenario: &[u64],
) -> SeedSet {
    let all = match (seed, range) {
        (Some(seed), _) => vec![seed],
        (None, Some(range)) => (range.from..range.to).collect(),
        (None, None) => scenario.to_vec(),
    };
    let mut name = name_of(&all);
    let seeds = match shard {
        None => all,
        Some(shard) => {
            name = format!("{name}-shard-{}of{}", shard.index, shard.count);
            all.into_iter().filter(|&seed| shard.holds(seed)).collect()
        }
    };
    SeedSet { seeds, name }
}

/// `7`, `0..200`, or `1+5+9` (with the rest counted) for a list.
fn name_of(seeds: &[u64]) -> String {
    match seeds {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        [first, .., last]
            if seeds.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])) =>
        {
            format!("{first}..{}", Exclusive(*last))
        }
        [first, second, rest @ ..] => match rest {
            [] => format!("{first}+{second}"),
            [third] => format!("{first}+{second}+{third}"),
            more => format!("{first}+{second}+{}more", more.len()),
        },
    }
}

/// The number after the last seed, even if there is none in 64 bits.
struct Exclusive(u64);

impl fmt::Display for Exclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", u128::from(self.0) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_wrong_ones_are_explained() {
        let seeds: Seeds = "3..6".parse().unwrap();
        assert_eq!(choose(None, Some(seeds), None, &[9]).seeds, [3, 4, 5]);
        for (text, error) in [
            ("5", "`5` is no range of seeds: write A..B, such as 0..200"),
            ("a..b", "`a..b` is no range of seeds: write A..B, such as 0..200"),
            ("-1..5", "`-1..5` is no range of seeds: write A..B, such as 0..200"),
            ("5..5", "`5..5` holds no seed: B is not part of A..B"),
            ("0..18446744073709551615", "`0..18446744073709551615` holds more than 10000000 seeds"),
        ] {
            assert_eq!(text.parse::<Seeds>().unwrap_err(), error);
        }
    }

    #[test]
    fn shards_share_all_seeds_among_them() {
        let all: Vec<u64> = (0..20).collect();
        let mut found: Vec<u64> = Vec::new();
        for index in 1..=3 {
            let shard: Shard = format!("{index}/3").parse().unwrap();
            found.extend(choose(None, None, Some(shard), &all).seeds);
        }
        found.sort_unstable();
        assert_eq!(found, all);
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0", ""] {
            assert!(wrong.parse::<Shard>().unwrap_err().contains("is no shard"), "{wrong}");
        }
    }

    #[test]
    fn seeds_have_names_that_a_folder_can_have() {
        let name = |seeds: &[u64]| choose(None, None, None, seeds).name;
        assert_eq!(name(&[7]), "7");
        assert_eq!(name(&[0, 1, 2]), "0..3");
        assert_eq!(name(&[1, 7]), "1+7");
        assert_eq!(name(&[1, 7, 4242]), "1+7+4242");
        assert_eq!(name(&[1, 7, 4242, 5, 6]), "1+7+3more");
        assert_eq!(name(&[u64::MAX - 1, u64::MAX]), "18446744073709551614..18446744073709551616");
        assert_eq!(name(&[]), "none");
        assert_eq!(choose(Some(4), None, Some("1/2".parse().unwrap()), &[]).name, "4-shard-1of2");
    }
}
