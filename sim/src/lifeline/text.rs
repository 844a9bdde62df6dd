//! A life in words.

use super::{Book, Cause, End, Gravity, Lifeline, Receiver, What};
use crate::history::{Header, History, Kind};
use crate::ids::{ClientId, ConnNo, MsgId};
use crate::report::words::{describe, seconds, time};

/// The name of a message as reports give it: `3.1.17`.
#[must_use]
pub fn name_of(msg: MsgId) -> String {
    msg.to_string()
}

/// Reads a name: `3.1.17`, or with the client's own name, `checkout/1.1.17`; the connection may be left
/// out if it is the first.
///
/// # Errors
/// What is wrong with it, in words.
pub fn parse_name(header: &Header, name: &str) -> Result<MsgId, String> {
    let wrong = || {
        format!("`{name}` is no name of a message: it is CLIENT.CONNECTION.NUMBER, such as 3.1.17")
    };
    let (rest, seq) = name.rsplit_once('.').ok_or_else(wrong)?;
    let seq: u32 = seq.parse().map_err(|_| wrong())?;
    let find = |client: &str| {
        let by_name = header.clients.iter().position(|one| one.name == client);
        let at = by_name.or_else(|| client.parse().ok())?;
        (at < header.clients.len()).then(|| ClientId(u32::try_from(at).unwrap_or(u32::MAX)))
    };
    let known = |client: &str| find(client).ok_or_else(|| format!("there is no client `{client}`"));
    if let Some((client, conn)) = rest.rsplit_once('.')
        && let Ok(conn) = conn.parse()
    {
        return Ok(MsgId { client: known(client)?, conn: ConnNo(conn), seq });
    }
    Ok(MsgId { client: known(rest)?, conn: ConnNo(1), seq })
}

/// What became of a message, as text: its steps, then who got it and who did not, and why.
#[must_use]
pub fn explain(book: &Book<'_>, line: &Lifeline) -> String {
    let history = book.history;
    let mut text = format!("message {}\n\n", name_of(line.msg));
    let mut before = None;
    for step in &line.steps {
        let event = &history.events[step.event];
        let gap =
            before.map_or_else(String::new, |t| format!("+{}", time(step.t.saturating_sub(t))));
        before = Some(step.t);
        let what = step.what.name();
        let words = describe(history, event);
        text.push_str(&format!("{:>14} s  {gap:>16}  {what:<11}  {words}\n", seconds(step.t)));
    }
    text.push('\n');
    let sentences = [outcome(book, line), remarks(book, line)].concat();
    sentences.iter().for_each(|sentence| text.push_str(&format!("{sentence}\n")));
    text
}

/// Who got it and who did not, a sentence each.
fn outcome(book: &Book<'_>, line: &Lifeline) -> Vec<String> {
    let delivered = line.steps.iter().filter(|step| step.what == What::Delivered).count();
    let mut sentences = match (delivered, line.ends.len()) {
        (0, 0) => vec!["Nothing says that anybody got it, or should have.".to_owned()],
        (0, _) => Vec::new(),
        (1, _) => vec!["It was delivered once.".to_owned()],
        (n, _) => vec![format!("It was delivered {n} times.")],
    };
    let grave = |end: &&End| end.cause.gravity() == Gravity::Lost;
    let (lost, fine): (Vec<&End>, Vec<&End>) = line.ends.iter().partition(grave);
    sentences.extend(lost.into_iter().chain(fine).map(|end| ending(book.history, end)));
    sentences
}

/// One end, with what shows it.
fn ending(history: &History, end: &End) -> String {
    let who = match (end.receiver, end.cause) {
        (Some(receiver), _) => format!("{} did not get it", receiver_name(history, receiver)),
        (None, Cause::Duplicate) => "it was not stored twice".to_owned(),
        (None, cause) if is_stored(cause) => "it is not in its stream".to_owned(),
        (None, _) => "nobody got it".to_owned(),
    };
    let mark = match end.cause.gravity() {
        Gravity::Lost => "LOST",
        Gravity::Fine => "fine",
    };
    let node = end.node.and_then(|node| history.header.nodes.get(usize::from(node.0)));
    let place = node.map_or_else(String::new, |node| format!(" at {}", node.name));
    let event = end.event.and_then(|event| Some((event, history.events.get(event)?)));
    let shown = event.map_or_else(String::new, |(i, event)| {
        format!("\n      event {i}, {} s: {}", seconds(event.t), describe(history, event))
    });
    format!(
        "{mark}  {who}: {} [{}]\n      decided{place}, {} s{shown}",
        end.cause.words(),
        end.cause.name(),
        seconds(end.t)
    )
}

const fn is_stored(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NoStream
            | Cause::StreamFull
            | Cause::OtherSequence
            | Cause::StreamRefused
            | Cause::NoAnswer
            | Cause::StreamLimits
            | Cause::StreamDamaged
    )
}

fn receiver_name(history: &History, receiver: Receiver) -> String {
    let client = history.header.clients.get(receiver.client.0 as usize);
    let name = client.map_or("an unknown client", |client| &client.name);
    format!("{name} (subscription {} of its connection {})", receiver.sid.0, receiver.conn.0)
}

/// What was not as it should be although it was delivered: late, twice, out of order.
fn remarks(book: &Book<'_>, line: &Lifeline) -> Vec<String> {
    let history = book.history;
    let mut remarks = Vec::new();
    let sent = line.steps.iter().find(|step| step.what == What::Sent).map(|step| step.t);
    for sub in &book.subs {
        let mut deliveries = book.deliveries(sub, line.msg);
        let Some(first) = deliveries.next() else { continue };
        let receiver = Receiver { client: sub.client, conn: sub.conn, sid: sub.sid };
        let name = receiver_name(history, receiver);
        if let Some(sent) = sent {
            let took = book.time(first).saturating_sub(sent);
            remarks.push(format!("took  {} to {name}", time(took)));
        }
        for again in deliveries {
            let (t, by) = (seconds(book.time(again)), copies(history, line));
            remarks.push(format!("AGAIN {name} got it once more, event {again}, {t} s{by}"));
        }
        if let Some(later) = book.overtaken_by(sub, line.msg).filter(|later| *later < first)
            && let Kind::Delivered { msg: Some(other), .. } = history.events[later].kind
        {
            let t = seconds(book.time(later));
            remarks.push(format!("ORDER {name} had message {other} before, event {later}, {t} s"));
        }
    }
    remarks
}

/// How it came twice: by how many connections between nodes.
fn copies(history: &History, line: &Lifeline) -> String {
    let crossings = line
        .steps
        .iter()
        .filter(|step| matches!(history.events[step.event].kind, Kind::WireMsg { .. }));
    match crossings.count() {
        0 | 1 => String::new(),
        n => format!("; it crossed between nodes {n} times"),
    }
}
