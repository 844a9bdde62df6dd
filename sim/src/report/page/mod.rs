//! The data of `report.html`: a history as tables of integers, and everything that is small as JSON.
//!
//! [docs/report-format.md](../../../../docs/report-format.md) describes every field. Whatever the
//! page shows is in here, so the page computes nothing that could differ from the verdict.
//!
//! | file | holds |
//! |---|---|
//! | `head` | what is small |
//! | `lanes` | who has a line of its own in diagrams |
//! | `kinds` | the kinds of events, each with a sentence to be filled |
//! | `row`, `stream_row` | an event as a row of numbers |
//! | `names` | texts and messages, each said once |
//! | `sample` | which rows are left out if there are too many |
//! | `spans` | what was cut, off, without routes, and from when to when |
//! | `ends` | where messages were lost, and why |
//! | `depth` | what waits, and where |
//! | `rates` | how many and how fast, over time |
//! | `difference` | what a passing seed has that a failing one has not, and the other way round |
//! | `run` | puts it together |
//! | `batch` | many seeds instead of one |

mod batch;
mod depth;
mod difference;
mod ends;
mod head;
mod kinds;
mod lanes;
mod names;
mod rates;
mod row;
mod run;
mod sample;
mod spans;
mod stream_row;
#[cfg(test)]
mod tests;

pub use batch::{batch_data, speed_data};
pub use difference::{Difference, distance};
pub use head::Commands;
pub use run::{RunPage, run_data};
