//! A log in memory, through its door.

use causeway_store::disk::LogId;
use causeway_store::{Filter, Get, Log, LogConfig, NewMessage, NoteChange};

fn message<'a>(seq: u64, subject: &'a str, header: &'a str, payload: &'a str) -> NewMessage<'a> {
    let (subject, header, payload) = (subject.as_bytes(), header.as_bytes(), payload.as_bytes());
    NewMessage { seq, time: 1000 + seq, subject, header, payload, mark: 0 }
}

fn log() -> (Log, Vec<causeway_store::disk::Op>) {
    let mut out = Vec::new();
    (Log::create(LogConfig::memory(LogId(1), 9), 1, &mut out), out)
}

#[test]
fn what_was_appended_is_read_and_counted_at_once() {
    let (mut log, mut out) = log();
    log.append(&message(1, "orders.eu", "", "first"));
    log.append(&message(4, "orders.us", "NATS/1.0\r\n\r\n", "second"));
    log.commit(&mut (), &mut out);
    assert_eq!(log.durable(), log.position());
    let Get::Message(message) = log.get(4, &mut out) else { panic!("it is in memory") };
    assert_eq!((message.seq, message.time), (4, 1004));
    let (subject, header) = (message.subject(), message.header());
    assert_eq!((subject, header), (&b"orders.us"[..], &b"NATS/1.0\r\n\r\n"[..]));
    assert_eq!((message.payload(), message.body().len()), (&b"second"[..], header.len() + 6));
    assert_eq!(log.get(2, &mut out), Get::Missing);
    let state = log.state();
    assert_eq!((state.messages, state.first_seq, state.last_seq, state.deleted), (2, 1, 4, 2));
    assert_eq!(state.bytes, 9 + 5 + 16 + 9 + 12 + 6 + 16);
    assert_eq!((state.first_time, state.last_time, state.subjects), (1001, 1004, 2));
    assert!(out.is_empty());
}

#[test]
fn removal_trimming_and_filters() {
    let (mut log, mut out) = log();
    for seq in 1..=10 {
        log.append(&message(seq, if seq % 2 == 0 { "a.even" } else { "a.odd" }, "", "x"));
    }
    let odd = log.find_subject(b"a.odd").unwrap();
    assert_eq!((log.first_of(odd), log.last_of(odd), log.count_of(odd)), (Some(1), Some(9), 5));
    assert!(log.remove(9, true).is_some() && log.remove(9, true).is_none());
    assert_eq!(log.last_of(odd), Some(7));
    assert_eq!(log.trim_to(4).messages, 3);
    let mut filter = Filter::new([b"*.odd".as_slice()]);
    assert_eq!((log.next(&mut filter, 1), log.count(&mut filter, 6)), (Some(5), 1));
    assert_eq!(log.prev(&mut Filter::everything(), 9), Some(8));
    assert_eq!(log.deleted().collect::<Vec<_>>(), [9..=9]);
    let mut names = Vec::new();
    log.subjects_matching(b"a.>", |id| names.push(log.subject(id).to_vec()));
    assert_eq!(names, [b"a.even".to_vec(), b"a.odd".to_vec()]);
    log.note(b"consumer", NoteChange::Append(b"delta"));
    assert_eq!(log.trim_to(20).messages, 6);
    let state = log.state();
    assert_eq!((state.messages, state.bytes, state.first_seq, state.last_seq), (0, 0, 20, 19));
    assert_eq!(state.last_time, 1010);
    assert_eq!(log.get(10, &mut out), Get::Missing);
}
