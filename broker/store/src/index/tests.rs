//! The index against a list of messages.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use std::collections::{BTreeMap, BTreeSet};

use causeway_wire::subject;

use super::*;
use crate::limits::MEMORY_CHUNK;

/// What is true.
#[derive(Default)]
struct Truth {
    messages: BTreeMap<u64, (String, u64, u64)>,
    next_seq: u64,
}

struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0 ^ self.0 >> 33) * u128::from(bound)) >> 64) as u64
    }
}

const PATTERNS: [&[&str]; 8] = [
    &[">"],
    &["a.*.c"],
    &["a.>"],
    &["a.1.c"],
    &["b.2", "a.7.c"],
    &["*.3"],
    &["nobody"],
    &["a.*.c", "b.>"],
];

fn append(index: &mut Index, truth: &mut Truth, name: &str, seq: u64, mark: u64) {
    let time = seq * 10;
    let message =
        NewMessage { seq, time, subject: name.as_bytes(), header: b"", payload: b"x", mark };
    index.append(message.subject, Entry::of(&message, 0), None);
    truth.messages.insert(seq, (name.into(), time, mark));
    truth.next_seq = seq + 1;
}

fn check(index: &Index, truth: &Truth, filters: &mut [Filter], draws: &mut Draws) {
    let messages = &truth.messages;
    let first = messages.keys().next().copied().unwrap_or(truth.next_seq);
    let state = index.state();
    assert_eq!(state.messages, messages.len() as u64);
    let size = |(name, ..): &(String, u64, u64)| name.len() as u64 + 17;
    assert_eq!(state.bytes, messages.values().map(size).sum::<u64>());
    assert_eq!((state.first_seq, state.last_seq), (first, truth.next_seq - 1));
    let names: BTreeSet<&str> = messages.values().map(|(name, ..)| &**name).collect();
    assert_eq!(state.subjects, names.len() as u64);
    assert_eq!(state.deleted, truth.next_seq - first - messages.len() as u64);
    let deleted: Vec<u64> = index.deleted().flatten().collect();
    let missing = (first..truth.next_seq).filter(|seq| !messages.contains_key(seq));
    assert_eq!(deleted, missing.collect::<Vec<_>>());
    let marks = messages.iter().filter(|(_, message)| message.2 > 0);
    let marks: Vec<(u64, u64)> = marks.map(|(seq, message)| (*seq, message.2)).collect();
    assert_eq!(index.marks().collect::<Vec<_>>(), marks);
    for name in names {
        let id = index.find_subject(name.as_bytes()).expect("it has messages");
        let of = || messages.iter().filter(|(_, message)| message.0 == name).map(|(seq, _)| *seq);
        assert_eq!(index.subject(id), name.as_bytes());
        assert_eq!(index.first_of(id), of().next(), "first of {name}");
        if draws.below(2) == 0 {
            assert_eq!(index.last_of(id), of().next_back(), "last of {name}");
        }
        assert_eq!(index.count_of(id), of().count() as u64);
    }
    for (filter, patterns) in filters.iter_mut().zip(PATTERNS) {
        let wanted = |name: &str| {
            patterns.iter().any(|pattern| subject::matches(pattern.as_bytes(), name.as_bytes()))
        };
        let from = draws.below(truth.next_seq + 2);
        let hits = || messages.iter().filter(|(_, message)| wanted(&message.0));
        let next = hits().map(|(seq, _)| *seq).find(|seq| *seq >= from);
        assert_eq!(index.next(filter, from), next, "{patterns:?} from {from}");
        let prev = hits().map(|(seq, _)| *seq).rfind(|seq| *seq <= from);
        assert_eq!(index.prev(filter, from), prev, "{patterns:?} up to {from}");
        let count = hits().filter(|(seq, _)| **seq >= from).count() as u64;
        assert_eq!(index.count(filter, from), count, "{patterns:?} from {from}");
        let names: BTreeSet<&str> = hits().map(|(_, message)| &*message.0).collect();
        if let [pattern] = patterns {
            let found = index.subjects_matching(pattern.as_bytes());
            let found: Vec<&[u8]> = found.into_iter().map(|id| index.subject(id)).collect();
            assert_eq!(found, names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        }
    }
    let time = draws.below(truth.next_seq * 10 + 20);
    let at = messages.iter().find(|(_, message)| message.1 >= time);
    assert_eq!(index.seq_at_time(time), at.map_or(truth.next_seq, |(seq, _)| *seq));
}

#[test]
fn it_says_what_a_list_of_messages_says() {
    for seed in 0..60 {
        let mut draws = Draws(seed);
        let mut index = Index::new(Storage::Memory, seed, 1);
        let mut truth = Truth { next_seq: 1, ..Truth::default() };
        let mut filters: Vec<Filter> = PATTERNS
            .iter()
            .map(|patterns| Filter::new(patterns.iter().map(|pattern| pattern.as_bytes())))
            .collect();
        for step in 0..600 {
            match draws.below(20) {
                0 => {
                    let next_seq = truth.next_seq + draws.below(5);
                    index.skip_to(next_seq);
                    truth.next_seq = next_seq;
                }
                1 if draws.below(20) == 0 => {
                    let seq = draws.below(truth.next_seq + 4);
                    index.trim_to(seq);
                    truth.messages = truth.messages.split_off(&seq);
                    truth.next_seq = truth.next_seq.max(seq);
                }
                2..=9 => {
                    let seq = draws.below(truth.next_seq + 1);
                    let removed = index.remove(seq);
                    assert_eq!(removed.is_some(), truth.messages.remove(&seq).is_some());
                }
                10 => {
                    // Chunks are long; another segment begins one, too.
                    if let Some(last) = index.chunks.back_mut() {
                        last.segment = u32::MAX;
                    }
                }
                _ => {
                    let name = match draws.below(4) {
                        0 => format!("a.{}.c", draws.below(8)),
                        1 => format!("b.{}", draws.below(5)),
                        2 => format!("once.{step}.{seed}"),
                        _ => String::from("a.1.c"),
                    };
                    let seq = truth.next_seq + draws.below(10) / 8 * draws.below(9);
                    let mark = draws.below(8) / 7 * seq;
                    append(&mut index, &mut truth, &name, seq, mark);
                }
            }
            if draws.below(6) == 0 {
                check(&index, &truth, &mut filters, &mut draws);
            }
        }
        check(&index, &truth, &mut filters, &mut draws);
    }
}

#[test]
fn numbers_and_names_of_subjects_that_are_gone_are_used_again() {
    let mut index = Index::new(Storage::Memory, 1, 1);
    let mut filter = Filter::new([b"*.7".as_slice()]);
    let mut peak = 0;
    for seq in 1..(20 * MEMORY_CHUNK as u64) {
        let name = format!("{seq}.{}", seq % 10);
        let subject = name.as_bytes();
        let message = NewMessage { seq, time: 1, subject, header: b"", payload: b"", mark: 0 };
        index.append(subject, Entry::of(&message, 0), None);
        index.trim_to(seq.saturating_sub(99));
        if seq % 999 == 0 {
            let oldest = seq.saturating_sub(99).max(1);
            let expected = (oldest..=seq).filter(|seq| seq % 10 == 7).count() as u64;
            assert_eq!(index.count(&mut filter, 0), expected);
            assert_eq!(index.next(&mut filter, 0), (oldest..).find(|seq| seq % 10 == 7));
        }
        if seq == 4 * MEMORY_CHUNK as u64 {
            peak = index.memory().0 + index.memory().1;
        }
    }
    let (messages, subjects) = index.memory();
    assert!(messages + subjects <= peak * 2, "{peak} {messages} {subjects}");
    assert_eq!(vec![index.state().subjects], [100]);
}
