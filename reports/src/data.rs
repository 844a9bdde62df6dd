//! Data of a report: a head in JSON, and tables.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Table, read};

/// The name and version of the format.
pub const FORMAT: &str = "causeway.report/1";

/// The first bytes.
const MAGIC: &[u8; 4] = b"CWR1";

/// A head that is longer is none.
const HEAD_MAX: usize = 1 << 28;

/// What is packed into one piece.
#[derive(Clone, Debug)]
pub struct Data<H> {
    /// What it is of: `run`, `batch`.
    pub what: &'static str,
    /// Everything that is small.
    pub head: H,
    /// Everything that is long.
    pub tables: Vec<Table>,
}

#[derive(Serialize)]
struct Whole<'a, H> {
    format: &'static str,
    what: &'static str,
    #[serde(flatten)]
    head: &'a H,
    tables: Vec<Entry>,
}

/// A table, as the head describes it.
#[derive(Deserialize, Serialize)]
struct Entry {
    name: String,
    rows: usize,
    columns: Vec<Place>,
}

/// A column: its name, how it is written, in how many bytes.
#[derive(Deserialize, Serialize)]
struct Place {
    name: String,
    code: String,
    bytes: usize,
}

/// The bytes are no data of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unreadable;

impl<H: Serialize> Data<H> {
    /// The bytes, not yet packed.
    ///
    /// # Errors
    /// If the head cannot be written as JSON.
    pub fn bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut columns = Vec::new();
        let mut entries = Vec::new();
        for table in &self.tables {
            let mut entry =
                Entry { name: table.name().to_owned(), rows: table.rows(), columns: Vec::new() };
            for column in table.columns() {
                let before = columns.len();
                column.write(&mut columns);
                entry.columns.push(Place {
                    name: column.name().to_owned(),
                    code: column.code_name().to_owned(),
                    bytes: columns.len() - before,
                });
            }
            entries.push(entry);
        }
        let head = serde_json::to_vec(&Whole {
            format: FORMAT,
            what: self.what,
            head: &self.head,
            tables: entries,
        })?;
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(&columns);
        Ok(out)
    }

    /// The bytes, packed with gzip. The same bytes for the same data: no time is in them.
    ///
    /// # Errors
    /// If the head cannot be written as JSON.
    pub fn packed(&self) -> std::io::Result<Vec<u8>> {
        pack(&self.bytes()?)
    }
}

/// Packs bytes with gzip, without a time.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A table that was read back: its name, and its columns with theirs.
pub type ReadTable = (String, Vec<(String, Vec<u64>)>);

impl Data<Value> {
    /// Reads packed bytes back: the head, and the tables. For tests, and for tools.
    ///
    /// # Errors
    /// [`Unreadable`] if they are no data of a report.
    pub fn read(packed: &[u8]) -> Result<(Value, Vec<ReadTable>), Unreadable> {
        let mut bytes = Vec::new();
        GzDecoder::new(packed).read_to_end(&mut bytes).map_err(|_| Unreadable)?;
        let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(Unreadable)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (head, mut columns) = rest.split_at_checked(length.min(HEAD_MAX)).ok_or(Unreadable)?;
        let head: Value = serde_json::from_slice(head).map_err(|_| Unreadable)?;
        let entries = head.get("tables").cloned().ok_or(Unreadable)?;
        let entries: Vec<Entry> = serde_json::from_value(entries).map_err(|_| Unreadable)?;
        let mut tables = Vec::new();
        for entry in entries {
            let mut table = Vec::new();
            for place in entry.columns {
                let (mine, rest) = columns.split_at_checked(place.bytes).ok_or(Unreadable)?;
                columns = rest;
                let values = read(&place.code, entry.rows, mine).ok_or(Unreadable)?;
                table.push((place.name, values));
            }
            tables.push((entry.name, table));
        }
        if columns.is_empty() { Ok((head, tables)) } else { Err(Unreadable) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Code;

    fn data() -> Data<Value> {
        let mut table = Table::new("events", &[("t", Code::Delta), ("kind", Code::Plain)]);
        for row in [[1_000, 0], [2_000, 3], [2_000, 300]] {
            table.push(row);
        }
        let head = serde_json::json!({ "seed": 7 });
        Data { what: "run", head, tables: vec![table, Table::new("none", &[("x", Code::Plain)])] }
    }

    #[test]
    fn data_read_back() {
        let packed = data().packed().unwrap();
        let (head, tables) = Data::read(&packed).unwrap();
        assert_eq!((&head["format"], &head["what"]), (&FORMAT.into(), &"run".into()));
        assert_eq!(head["seed"], 7);
        assert_eq!(tables[0].0, "events");
        assert_eq!(tables[0].1[0], ("t".to_owned(), vec![1_000, 2_000, 2_000]));
        assert_eq!(tables[0].1[1], ("kind".to_owned(), vec![0, 3, 300]));
        assert_eq!(tables[1], ("none".to_owned(), vec![("x".to_owned(), vec![])]));
    }

    #[test]
    fn equal_data_are_equal_bytes_without_a_time() {
        let (one, other) = (data().packed().unwrap(), data().packed().unwrap());
        assert_eq!(one, other);
        assert_eq!(one[4..8], [0; 4], "the time of a gzip file");
    }

    #[test]
    fn other_bytes_are_no_data() {
        let bytes = data().bytes().unwrap();
        assert_eq!(Data::read(&bytes).unwrap_err(), Unreadable, "not packed");
        for end in [3, 7, 20, bytes.len() - 1] {
            let cut = pack(&bytes[..end]).unwrap();
            assert_eq!(Data::read(&cut).unwrap_err(), Unreadable, "cut at {end}");
        }
        let more = [&bytes[..], &[0]].concat();
        assert_eq!(Data::read(&pack(&more).unwrap()).unwrap_err(), Unreadable);
    }
}
