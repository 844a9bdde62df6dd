//! What is in the data of a page, read back from their bytes.

use causeway_reports::{Data, ReadTable};
use serde_json::Value;

use super::kinds::{KINDS, KindInfo};
use super::names::Messages;
use super::run::data;
use super::sample::choose;
use super::*;
use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
use crate::history::{Event, History, NodeDownHow, Phase};
use crate::verdict::SeedRun;
use crate::verdict::tests::seed_run;

/// A partition in the middle of somebody's work.
fn history() -> History {
    history_of(20)
}

/// The same, after so many messages.
fn history_of(messages: usize) -> History {
    let mut s = Script::running();
    let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
    s.sub(subscriber, 1, "a", "");
    s.at(2_000).phase(Phase::Chaos);
    for _ in 0..messages {
        let msg = s.publish(publisher, "a");
        s.cross(EAST_1, WEST_1, "", msg);
        s.deliver(subscriber, 1, msg);
    }
    s.flush(publisher);
    s.at(3_000).partition(true);
    s.at(3_500).routes_down(EAST_1, WEST_1);
    s.at(4_000).publish(publisher, "a");
    s.flush(publisher);
    s.at(5_000).partition(false);
    s.routes_up(EAST_1, WEST_1);
    s.at(6_000).node_down(WEST_1, NodeDownHow::Killed);
    s.at(7_000).node_up(WEST_1, 2);
    s.history
}

fn page<'a>(history: &'a History, run: &'a SeedRun, commands: &'a Commands) -> RunPage<'a> {
    RunPage { about: "a test", ..RunPage::of_history(history, run, commands) }
}

fn read(history: &History) -> (Value, Vec<ReadTable>) {
    let (run, commands) = (seed_run(0, 1, None), Commands::default());
    Data::read(&run_data(page(history, &run, &commands)).unwrap()).unwrap()
}

/// A column of a table.
fn column<'t>(tables: &'t [ReadTable], table: &str, column: &str) -> &'t [u64] {
    let (_, columns) = tables.iter().find(|(name, _)| name == table).unwrap();
    &columns.iter().find(|(name, _)| name == column).unwrap().1
}

#[test]
fn every_kind_of_events_has_a_row_or_crosses_and_a_sentence() {
    let all = crate::history::tests::history();
    let (run, commands) = (seed_run(0, 1, None), Commands::default());
    let data = data(page(&all, &run, &commands), usize::MAX);
    let rows: usize = data.tables[..2].iter().map(causeway_reports::Table::rows).sum();
    let arrivals = |event: &&Event| event.kind.name().ends_with("_seen");
    assert_eq!(rows, all.events.len() - all.events.iter().filter(arrivals).count());
    let mut names: Vec<&str> = KINDS.iter().map(KindInfo::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len(), "a kind is there once");
}

#[test]
fn a_run_reads_back_as_it_was() {
    let history = history();
    let (head, tables) = read(&history);
    assert_eq!((&head["what"], &head["scenario"]), (&"run".into(), &"by-hand".into()));
    let lanes: Vec<&str> =
        head["lanes"].as_array().unwrap().iter().filter_map(|lane| lane["name"].as_str()).collect();
    assert_eq!(lanes[0], "");
    assert_eq!(lanes.iter().filter(|name| **name == "pub/1").count(), 1);
    assert_eq!(column(&tables, "messages", "seq"), (1..=21).collect::<Vec<u64>>());
    assert_eq!(column(&tables, "crossings", "msg"), (1..=20).collect::<Vec<u64>>());
    // Of the message that was published while the link was down.
    assert_eq!(column(&tables, "ends", "msg"), [21]);
    let cause = &head["causes"][column(&tables, "ends", "cause")[0] as usize];
    assert_eq!(cause["name"], "link_down");
    let published: u64 = column(&tables, "rates", "published").iter().sum();
    assert_eq!((published, column(&tables, "latency", "count").iter().sum::<u64>()), (21, 20));
}

#[test]
fn spans_begin_and_end_with_what_makes_them() {
    let history = history();
    let (head, tables) = read(&history);
    let names = head["spans"].as_array().unwrap();
    let spans: Vec<(&str, u64, u64)> = (column(&tables, "spans", "what").iter())
        .zip(column(&tables, "spans", "since"))
        .zip(column(&tables, "spans", "until"))
        .map(|((what, since), until)| {
            (names[*what as usize].as_str().unwrap(), since / 1_000_000, until / 1_000_000)
        })
        .collect();
    assert!(spans.contains(&("cut", 3_000, 5_000)), "{spans:?}");
    assert!(spans.contains(&("no_route", 3_500, 5_000)), "{spans:?}");
    assert!(spans.contains(&("off", 6_000, 7_000)), "{spans:?}");
}

#[test]
fn equal_histories_are_equal_bytes() {
    let history = history();
    let (run, commands) = (seed_run(0, 1, None), Commands::default());
    let bytes = || run_data(page(&history, &run, &commands)).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn what_is_left_out_is_said_and_turns_stay() {
    let history = history_of(100);
    let (run, commands) = (seed_run(0, 1, None), Commands::default());
    let standing = |event: &&Event| {
        ["connected", "route_up", "route_down", "sub"].contains(&event.kind.name())
    };
    let most = 4 * history.events.iter().filter(standing).count();
    let data = data(page(&history, &run, &commands), most);
    let rows: usize = data.tables[..2].iter().map(causeway_reports::Table::rows).sum();
    let sampling = &data.head.sampling;
    assert!(rows <= most && sampling.kept == rows as u64 && sampling.events > sampling.kept);
    let messages = Messages::of(&history);
    let (kept, _) = choose(&history, &messages, &run, most);
    let turns = history.events.iter().zip(&kept).filter(|(event, _)| {
        ["phase", "fault", "node_up", "node_down"].contains(&event.kind.name())
    });
    assert!(turns.clone().count() > 5 && turns.clone().all(|(_, kept)| *kept));
    let stands = history.events.iter().zip(&kept).filter(|(event, _)| standing(event));
    assert!(stands.clone().count() > 5 && stands.clone().all(|(_, kept)| *kept));
    // Of a message, all is kept or nothing.
    for message in 1..=101 {
        let of = |event: &Event| messages.number(event.kind.message()) == message;
        let mut flags: Vec<bool> =
            history.events.iter().zip(&kept).filter(|(e, _)| of(e)).map(|(_, k)| *k).collect();
        flags.dedup();
        assert!(flags.len() == 1, "message {message}");
    }
}
