//! What a report is made of: data, packed small, and one page that holds all of it and shows it.
//!
//! ```text
//!   head (JSON) ─┐
//!                ├─► Data ─► bytes ─► gzip ─► base64 ─► the page, between two marks of its template
//!   tables ──────┘
//! ```
//!
//! Nothing here knows what is reported; `docs/report-format.md` describes the bytes, and what the
//! simulator puts into them. Equal data give equal bytes: there is no time and no name of a machine in
//! them.

mod data;
mod page;
mod table;

pub use data::{Data, FORMAT, ReadTable, Unreadable, pack};
pub use page::{Block, page};
pub use table::{Code, Column, Table};
