//! Tables of integers, column by column.

/// The largest number that a table may hold: the page reads numbers as JavaScript has them.
pub(crate) const MAX: u64 = (1 << 53) - 1;

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// Each by itself.
    Plain,
    /// Each as its distance from the one before: for what mostly grows.
    Delta,
}

/// One column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Column {
    name: &'static str,
    code: Code,
    values: Vec<u64>,
}

/// A table. All columns are of one length.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    name: &'static str,
    columns: Vec<Column>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(name: &'static str, columns: &[(&'static str, Code)]) -> Self {
        let column = |&(name, code)| Column { name, code, values: Vec::new() };
        Self { name, columns: columns.iter().map(column).collect() }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// Adds a row: a number for each column, in order. What is too large for the page becomes the
    /// largest number that is not.
    ///
    /// # Panics
    /// If there are more or fewer numbers than columns.
    pub fn push<const N: usize>(&mut self, row: [u64; N]) {
        assert_eq!(N, self.columns.len(), "a row of the table `{}`", self.name);
        for (column, value) in self.columns.iter_mut().zip(row) {
            column.values.push(value.min(MAX));
        }
    }
}

impl Column {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its numbers.
    #[must_use]
    pub fn values(&self) -> &[u64] {
        &self.values
    }

    /// The name of its code in files; `zero` needs no bytes at all.
    pub(crate) fn code_name(&self) -> &'static str {
        match self.code {
            _ if self.values.iter().all(|value| *value == 0) => "zero",
            Code::Plain => "plain",
            Code::Delta => "delta",
        }
    }

    /// Appends its numbers as bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self.code_name() {
            "plain" => self.values.iter().for_each(|value| put(out, *value)),
            "delta" => {
                let mut last = 0_i64;
                for value in self.values.iter().map(|value| value.cast_signed()) {
                    put(out, zigzag(value - last));
                    last = value;
                }
            }
            _ => {}
        }
    }
}

/// Small for numbers near zero, on both sides of it: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Seven bits in a byte, the lowest first; the eighth says that more follow.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a column back. `None` if the bytes end within a number, or go on behind the last.
pub(crate) fn read(code: &str, rows: usize, bytes: &[u8]) -> Option<Vec<u64>> {
    if code == "zero" {
        return bytes.is_empty().then(|| vec![0; rows]);
    }
    let mut values = Vec::with_capacity(rows);
    let (mut last, mut input) = (0_i64, bytes);
    for _ in 0..rows {
        let number = take(&mut input)?;
        last = match code {
            "plain" => number.cast_signed(),
            "delta" => {
                let distance = (number >> 1).cast_signed() ^ -((number & 1).cast_signed());
                last.checked_add(distance)?
            }
            _ => return None,
        };
        values.push(u64::try_from(last).ok()?);
    }
    input.is_empty().then_some(values)
}

fn take(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = input.split_first()?;
        *input = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(code: Code, values: Vec<u64>) -> Column {
        Column { name: "x", code, values }
    }

    proptest! {
        #[test]
        fn columns_read_back(values in proptest::collection::vec(0..=MAX, 0..50), delta: bool) {
            let code = if delta { Code::Delta } else { Code::Plain };
            let column = column(code, values.clone());
            let mut bytes = Vec::new();
            column.write(&mut bytes);
            prop_assert_eq!(read(column.code_name(), values.len(), &bytes), Some(values));
        }
    }

    #[test]
    fn the_bytes_are_those_that_the_document_describes() {
        let bytes = |code, values: &[u64]| {
            let mut out = Vec::new();
            column(code, values.to_vec()).write(&mut out);
            out
        };
        assert_eq!(bytes(Code::Plain, &[0, 1, 127, 128, 300]), [0, 1, 127, 0x80, 1, 0xac, 2]);
        assert_eq!(bytes(Code::Delta, &[5, 5, 7, 6]), [10, 0, 4, 1]);
        assert_eq!(bytes(Code::Plain, &[0, 0]), [0_u8; 0]);
        assert_eq!(column(Code::Delta, vec![0, 0]).code_name(), "zero");
    }

    #[test]
    fn bytes_that_are_no_column_are_refused() {
        assert_eq!(read("plain", 2, &[1]), None, "a number is missing");
        assert_eq!(read("plain", 1, &[1, 1]), None, "there is one too many");
        assert_eq!(read("plain", 1, &[0x80]), None, "it ends within a number");
        assert_eq!(read("delta", 1, &[1]), None, "no number is below zero");
        assert_eq!(read("other", 1, &[1]), None);
        assert_eq!(read("zero", 1, &[0]), None);
    }

    #[test]
    fn what_is_too_large_for_the_page_is_cut() {
        let mut table = Table::new("t", &[("a", Code::Plain), ("b", Code::Delta)]);
        table.push([u64::MAX, 3]);
        assert_eq!((table.rows(), table.columns()[0].values()), (1, &[MAX][..]));
    }
}
