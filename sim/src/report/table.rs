//! A table of scenarios in Markdown: what a person wants to see in a pull request.

use super::finished::{Complaint, Finished};
use super::markdown::{cell, inline};
use super::words::{count, hours, plural};
use crate::verdict::{Exit, Status};

/// So many complaints are told below the table; the reports have all.
const COMPLAINTS_TOLD: usize = 20;

/// A story longer than this is cut: a page of GitHub has room for 1 MiB.
const STORY_MAX: usize = 4_000;

/// A heading, a row for each scenario, and what went wrong.
#[must_use]
pub fn table(finished: &[Finished]) -> String {
    let mut text = format!("## {}\n\n", heading(finished));
    text.push_str("| scenario | verdict | guarantees | coverage goals | seeds | simulated time ");
    text.push_str("| first failing seed |\n|---|---|---|---|---:|---:|---|\n");
    for one in finished {
        text.push_str(&row(one));
    }
    let all =
        || finished.iter().flat_map(|one| one.complaints().into_iter().map(move |c| (one, c)));
    for (one, complaint) in all().take(COMPLAINTS_TOLD) {
        text.push_str(&told(one, &complaint));
    }
    let more = all().count().saturating_sub(COMPLAINTS_TOLD);
    if more > 0 {
        text.push_str(&format!("\nAnd {more} more; the report folders have all of them.\n"));
    }
    text.push('\n');
    text
}

/// The verdict over all scenarios in a few words.
#[must_use]
pub fn heading(finished: &[Finished]) -> String {
    let held = finished.iter().filter(|one| one.exit == Exit::Held).count();
    let all = plural(finished.len() as u64, "scenario");
    if held == finished.len() {
        return format!("{all}: all held");
    }
    let of = |exit| finished.iter().filter(|one| one.exit == exit).count();
    let mut parts = vec![format!("{held} held")];
    for exit in [Exit::Broken, Exit::Harness, Exit::Coverage, Exit::Inconclusive] {
        if of(exit) > 0 {
            parts.push(format!("{} {}", of(exit), words(exit)));
        }
    }
    format!("{all}: {}", parts.join(", "))
}

/// A verdict in words that need no list of exit codes.
#[must_use]
pub const fn words(exit: Exit) -> &'static str {
    match exit {
        Exit::Held => "held",
        Exit::Broken => "broken",
        Exit::Usage => "wrong",
        Exit::Harness => "failed in the harness",
        Exit::Coverage => "not covered",
        Exit::Inconclusive => "inconclusive",
    }
}

fn row(one: &Finished) -> String {
    let failing = match one.failing.first() {
        Some(first) => format!("{}: {}", first.seed, code(&cell(&first.replay))),
        None => String::new(),
    };
    let mut seeds = match one.seeds_failed {
        0 => count(one.verdict.seeds),
        failed => format!("{} ({} failed)", count(one.verdict.seeds), count(failed)),
    };
    if one.verdict.seeds_unrecoverable > 0 {
        let amber = count(one.verdict.seeds_unrecoverable);
        seeds.push_str(&format!(" (\u{1f7e1} {amber} unrecoverable)"));
    }
    format!(
        "| {} | {} {} | {} | {} | {seeds} | {} | {failing} |\n",
        code(&cell(&one.scenario)),
        mark(one.exit),
        words(one.exit),
        guarantees(one),
        goals(one),
        hours(one.verdict.totals.sim_ns),
    )
}

/// Colours never stand alone, and what was not checked is never green.
const fn mark(exit: Exit) -> &'static str {
    match exit {
        Exit::Held => "\u{2705}",
        Exit::Broken | Exit::Harness | Exit::Usage => "\u{274c}",
        Exit::Coverage | Exit::Inconclusive => "\u{1f7e1}",
    }
}

fn guarantees(one: &Finished) -> String {
    let mut parts = Vec::new();
    for (status, before) in
        [(Status::Held, ""), (Status::Broken, "\u{274c} "), (Status::NotChecked, "\u{1f7e1} ")]
    {
        match one.guarantees(status) {
            0 => {}
            n => parts.push(format!("{before}{n} {}", status.name())),
        }
    }
    parts.join(", ")
}

fn goals(one: &Finished) -> String {
    match (one.goals_reached(), one.verdict.goals.len() as u64) {
        (_, 0) => String::new(),
        (reached, all) if reached == all => format!("{reached} of {all}"),
        (reached, all) => format!("\u{1f7e1} {reached} of {all}"),
    }
}

fn told(one: &Finished, complaint: &Complaint) -> String {
    let mut text = format!("\n**{}: {}**\n", inline(&one.scenario), inline(&complaint.title));
    if let Some(failing) = &complaint.failing {
        text.push_str(&format!(
            "\n```sh\n{}\n```\n\nTrace hash `{}`.\n",
            inline(&failing.replay),
            failing.trace_hash
        ));
    }
    text.push_str(&format!("\n{}\n", fenced(&shortened(&complaint.story))));
    text
}

fn shortened(story: &str) -> String {
    match story.char_indices().nth(STORY_MAX) {
        Some((end, _)) => format!("{} ...", &story[..end]),
        None => story.to_owned(),
    }
}

/// Text as it is: names in it come from scenarios, and are no Markdown.
fn fenced(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}text\n{text}\n{fence}")
}

/// A word as code, even if it has a backtick in it.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
