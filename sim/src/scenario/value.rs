//! Values of a scenario that a seed may draw: `"38ms"`, or a range `"20ms..60ms"`.

use std::fmt;
use std::ops::Range;

use toml::Value;

use super::raw::Any;
use crate::rng::Stream;
use crate::units::{self, UnitError};

/// What a seed draws from: all whole numbers from `low` to `high`, both included. A fixed value is
/// the range of one.
///
/// In a file, `"a..b"` leaves `b` out and `"a..=b"` takes it in, as in Rust.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Draw {
    /// The least.
    pub low: u64,
    /// The most.
    pub high: u64,
}

impl Draw {
    /// Always this.
    #[must_use]
    pub const fn fixed(value: u64) -> Self {
        Self { low: value, high: value }
    }

    /// This many, or a power of ten coarser where the range is wide enough: drawn values stay
    /// readable.
    pub fn sample(self, stream: &mut Stream) -> u64 {
        for grain in [1_000_000, 1_000] {
            let (low, high) = (self.low.div_ceil(grain), self.high / grain);
            if high > low && high - low >= 99 {
                return stream.between(low, high) * grain;
            }
        }
        stream.between(self.low, self.high)
    }
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else {
            write!(f, "{}..={}", self.low, self.high)
        }
    }
}

/// What a quantity is measured in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Duration,
    Size,
    Rate,
    Share,
    Count,
    /// How often in a second; held as how often in 1,000 seconds.
    PerSecond,
}

/// Reads a value or a range of it.
pub(super) fn draw(any: &Any, unit: Unit) -> Result<Draw, UnitProblem> {
    let text = text_of(any)?;
    let at = |message: UnitError| UnitProblem { span: any.span(), message: message.to_string() };
    let Some((low, high)) = text.split_once("..") else {
        return read(&text, unit).map(Draw::fixed).map_err(at);
    };
    let (high, included) = match high.strip_prefix('=') {
        Some(high) => (high, true),
        None => (high, false),
    };
    let low = read(low, unit).map_err(at)?;
    let mut high = read(high, unit).map_err(at)?;
    if !included {
        high = high.saturating_sub(1);
    }
    if high < low {
        let message = format!("the range `{text}` is empty");
        return Err(UnitProblem { span: any.span(), message });
    }
    Ok(Draw { low, high })
}

/// A value that cannot be understood, and where it stands.
#[derive(Debug)]
pub(super) struct UnitProblem {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// Numbers and texts are alike: `rate = 200` is `rate = "200"`.
fn text_of(any: &Any) -> Result<String, UnitProblem> {
    match any.get_ref() {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        // Printed as the shortest text that reads back the same, which is what was written.
        Value::Float(number) => Ok(number.to_string()),
        other @ (Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_)) => {
            let message = format!("a number or a text is wanted here, not a {}", other.type_str());
            Err(UnitProblem { span: any.span(), message })
        }
    }
}

fn read(text: &str, unit: Unit) -> Result<u64, UnitError> {
    match unit {
        Unit::Duration => units::duration(text),
        Unit::Size => units::size(text),
        Unit::Rate => units::rate(text),
        Unit::Share => units::share(text).map(u64::from),
        Unit::Count => units::count(text),
        Unit::PerSecond => units::per_thousand_seconds(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_draw(text: &str, unit: Unit) -> Result<Draw, String> {
        #[derive(serde::Deserialize)]
        struct Doc {
            x: Any,
        }
        let doc: Doc = toml::from_str(&format!("x = {text}")).unwrap();
        draw(&doc.x, unit).map_err(|problem| problem.message)
    }

    #[test]
    fn ranges_are_those_of_rust() {
        let range = |low, high| Ok(Draw { low, high });
        assert_eq!(read_draw("\"1..3\"", Unit::Count), range(1, 2));
        assert_eq!(read_draw("\"1..=3\"", Unit::Count), range(1, 3));
        assert_eq!(read_draw("3", Unit::Count), range(3, 3));
        assert_eq!(read_draw("0.25", Unit::Share), range(250_000, 250_000));
        assert_eq!(read_draw("\"20ms..=60ms\"", Unit::Duration), range(20_000_000, 60_000_000));
        assert_eq!(read_draw("1.5", Unit::PerSecond), range(1_500, 1_500));
        assert_eq!(read_draw("\"3..3\"", Unit::Count), Err("the range `3..3` is empty".to_owned()));
        assert!(read_draw("true", Unit::Count).unwrap_err().contains("not a boolean"));
        assert!(read_draw("-1", Unit::Count).is_err());
    }

    #[test]
    fn wide_ranges_are_drawn_in_round_numbers() {
        let mut stream = Stream::new(1, "t", &[]);
        let second = 1_000_000_000;
        for _ in 0..100 {
            let drawn = Draw { low: second, high: 2 * second - 1 }.sample(&mut stream);
            assert!(drawn.is_multiple_of(1_000_000) && (second..2 * second).contains(&drawn));
            let narrow = Draw { low: 3, high: 5 }.sample(&mut stream);
            assert!((3..=5).contains(&narrow));
        }
    }
}
