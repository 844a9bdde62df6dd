//! `causeway-sim explain`.

use std::collections::BTreeMap;

use causeway_sim::history::History;
use causeway_sim::ids::MsgId;
use causeway_sim::lifeline::{Book, Cause, Gravity, explain, name_of, parse_name};
use causeway_sim::report::words::{count, time};
use causeway_sim::verdict::Exit;

use super::{ExplainArgs, Failure, check, output};

/// So many messages are told of a subject.
const TOLD: usize = 5;

pub(super) fn main(args: &ExplainArgs) -> Result<Exit, Failure> {
    let history = check::read(&args.history)?;
    let wrong = |what| Failure::Usage(format!("error: {}: {what}", args.history.display()));
    let book = Book::new(&history);
    if let Some(name) = &args.message {
        let msg = parse_name(&history.header, name).map_err(wrong)?;
        return tell(&book, msg).map_err(wrong).map(|()| Exit::Held);
    }
    let chosen = match (&args.subject, args.first_violation) {
        (Some(subject), _) => lost_on(&history, &book, subject),
        (None, true) => of_first_violation(args, &history)?,
        (None, false) => {
            summary(&book);
            return Ok(Exit::Held);
        }
    };
    if chosen.is_empty() {
        output::line("there is no such message");
    }
    for msg in chosen {
        tell(&book, msg).map_err(wrong)?;
        output::line("");
    }
    Ok(Exit::Held)
}

fn tell(book: &Book<'_>, msg: MsgId) -> Result<(), String> {
    let line = book.lifeline(msg);
    let line = line.ok_or_else(|| format!("there is no message {}", name_of(msg)))?;
    output::text(&explain(book, &line));
    Ok(())
}

/// The first messages on a subject that somebody did not get.
fn lost_on(history: &History, book: &Book<'_>, subject: &str) -> Vec<MsgId> {
    let lost = |msg: &MsgId| {
        book.subject_of(*msg).is_some_and(|of| history.text(of) == subject)
            && book.ends_of(*msg).iter().any(|end| end.cause.gravity() == Gravity::Lost)
    };
    book.messages().filter(lost).take(TOLD).collect()
}

/// The messages that the earliest violation points at.
fn of_first_violation(args: &ExplainArgs, history: &History) -> Result<Vec<MsgId>, Failure> {
    let run = check::judged(&args.history, history)?;
    let violations = run.judged.iter().filter_map(|judged| judged.findings.first.as_ref());
    let Some(first) = violations.min_by_key(|violation| violation.t) else {
        return Ok(Vec::new());
    };
    output::line(&format!("at {}: {}", time(first.t), first.story));
    output::line("");
    let events = first.witnesses.iter().map(|witness| witness.i).chain([first.i]);
    let mut messages: Vec<MsgId> = Vec::new();
    for msg in events.filter_map(|i| history.events.get(i)?.kind.message()) {
        if !messages.contains(&msg) {
            messages.push(msg);
        }
    }
    Ok(messages)
}

/// How often each reason was met, and the first message of each.
fn summary(book: &Book<'_>) {
    let mut found: BTreeMap<Cause, (u64, MsgId)> = BTreeMap::new();
    for msg in book.messages() {
        for end in book.ends_of(msg) {
            found.entry(end.cause).or_insert((0, msg)).0 += 1;
        }
    }
    let width = found.keys().map(|cause| cause.name().len()).max().unwrap_or(0);
    for (cause, (times, first)) in &found {
        let mark = if cause.gravity() == Gravity::Lost { "LOST" } else { "fine" };
        output::line(&format!(
            "{mark}  {:width$}  {:>9}  first {:<10}  {}",
            cause.name(),
            count(*times),
            name_of(*first),
            cause.words()
        ));
    }
    if found.is_empty() {
        output::line("everybody got everything");
    }
}
