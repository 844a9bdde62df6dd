//! Where ways of messages end without a delivery, and why.

use std::collections::BTreeMap;

use causeway_reports::{Code, Table};
use serde::Serialize;

use super::lanes::{Lanes, RUN};
use super::names::Messages;
use crate::history::History;
use crate::lifeline::{Book, Cause, Gravity, name_of};

/// A reason, and how often it was met in the whole run.
#[derive(Debug, Serialize)]
pub(super) struct CauseInfo {
    name: &'static str,
    words: &'static str,
    /// Something is lost by it.
    lost: bool,
    count: u64,
    /// The first message of it; empty if there is none.
    first: String,
}

/// The table of ends, and the reasons.
pub(super) fn ends(history: &History, messages: &Messages) -> (Table, Vec<CauseInfo>) {
    let columns = [
        ("msg", Code::Delta),
        ("lane", Code::Plain),
        ("cause", Code::Plain),
        ("t", Code::Delta),
        ("node", Code::Plain),
        ("event", Code::Delta),
    ];
    let mut table = Table::new("ends", &columns);
    let lanes = Lanes::of(&history.header);
    let book = Book::new(history);
    let mut met: BTreeMap<Cause, (u64, String)> = BTreeMap::new();
    for msg in book.messages() {
        let number = messages.number(Some(msg));
        for end in book.ends_of(msg) {
            met.entry(end.cause).or_insert_with(|| (0, name_of(msg))).0 += 1;
            if number == 0 {
                continue;
            }
            let receiver = end.receiver.map_or(RUN, |receiver| lanes.client(receiver.client));
            let node = end.node.map_or(RUN, |node| lanes.node(node));
            let event = end.event.map_or(0, |event| event as u64 + 1);
            let cause = Cause::ALL.iter().position(|cause| *cause == end.cause).unwrap_or(0);
            table.push([number, receiver, cause as u64, end.t, node, event]);
        }
    }
    let info = |cause: Cause| {
        let (count, first) = met.remove(&cause).unwrap_or_default();
        let lost = cause.gravity() == Gravity::Lost;
        CauseInfo { name: cause.name(), words: cause.words(), lost, count, first }
    };
    (table, Cause::ALL.map(info).into())
}
