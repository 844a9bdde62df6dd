//! Whole numbers of any size, for counters.
//!
//! A counter comes as decimal digits, is added to, and leaves as decimal digits. Digits are added as
//! they stand: that takes time as their number does, while a binary number would have to be
//! converted each time, which takes the square of it.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

/// A whole number of any size. The default is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integer {
    /// Never of 0.
    negative: bool,
    /// Decimal digits from the lowest on, 0 to 9 each; the last is not 0, and 0 has none.
    digits: Vec<u8>,
}

impl Integer {
    /// Reads digits with an optional sign before them; nothing else may be there.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let negative = text.starts_with(b"-");
        let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = digits.iter().rev().map(|digit| digit - b'0').collect();
        Some(Self { negative, digits }.normal())
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        if self.negative == other.negative {
            let digits = add(&self.digits, &other.digits);
            return Self { negative: self.negative, digits };
        }
        let (large, small) = match compare(&self.digits, &other.digits) {
            Ordering::Less => (other, self),
            Ordering::Equal | Ordering::Greater => (self, other),
        };
        let digits = subtract(&large.digits, &small.digits);
        Self { negative: large.negative, digits }.normal()
    }

    /// The difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let negative = !other.negative;
        self.plus(&Self { negative, digits: other.digits.clone() }.normal())
    }

    /// Without zeros in front, and without a sign if it is 0.
    fn normal(mut self) -> Self {
        let len = self.digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
        self.digits.truncate(len);
        self.negative &= len > 0;
        self
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        self.digits.iter().rev().try_for_each(|digit| write!(f, "{digit}"))
    }
}

fn compare(a: &[u8], b: &[u8]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut sum = Vec::with_capacity(long.len() + 1);
    let mut carry = 0;
    for (at, digit) in long.iter().enumerate() {
        let digit = digit + short.get(at).unwrap_or(&0) + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.extend((carry > 0).then_some(carry));
    sum
}

/// Of a number and one that is not larger.
fn subtract(large: &[u8], small: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference = Vec::with_capacity(large.len());
    for (at, digit) in large.iter().enumerate() {
        let less = small.get(at).unwrap_or(&0) + borrow;
        borrow = u8::from(less > *digit);
        difference.push(digit + 10 * borrow - less);
    }
    difference
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use std::format;

    use super::*;

    fn number(text: &str) -> Integer {
        Integer::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn texts() {
        for (text, shown) in [
            ("0", "0"),
            ("-0", "0"),
            ("+0", "0"),
            ("000", "0"),
            ("007", "7"),
            ("+7", "7"),
            ("-7", "-7"),
            ("99999999999999999999999999", "99999999999999999999999999"),
        ] {
            assert_eq!(number(text).to_string(), shown);
        }
        for wrong in ["", "+", "-", "1.5", "x", " 1", "1 ", "1_000", "--1", "0x1"] {
            assert_eq!(Integer::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn sums_are_those_of_machine_numbers() {
        let some = [0, 1, 9, 10, 11, 99, 100, 101, 4711, 99_999, i64::from(i32::MAX)];
        for a in some.iter().flat_map(|a| [*a, -a]) {
            for b in some.iter().flat_map(|b| [*b, -b]) {
                let (left, right) = (number(&format!("{a}")), number(&format!("{b}")));
                assert_eq!(left.plus(&right).to_string(), format!("{}", a + b), "{a} + {b}");
                assert_eq!(left.minus(&right).to_string(), format!("{}", a - b), "{a} - {b}");
            }
        }
    }

    #[test]
    fn carries_go_as_far_as_they_must() {
        let nines = "9".repeat(1000);
        let power = format!("1{}", "0".repeat(1000));
        assert_eq!(number(&nines).plus(&number("1")).to_string(), power);
        assert_eq!(number(&power).minus(&number("1")).to_string(), nines);
        assert_eq!(number(&nines).minus(&number(&power)).to_string(), "-1");
    }
}
