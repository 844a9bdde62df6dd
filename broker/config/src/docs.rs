//! The reference of all options, made from their tables.

use std::fmt::Write;

use crate::options::{
    AUTHORIZATION, BATCH, BUFFER, CLUSTER, COMPRESSION, JETSTREAM, LIMITS, OptionRow, PERMISSIONS,
    Reload, SUBJECTS, Support, TOP, USER,
};

/// The reference of all options as Markdown: what a configuration file may contain.
#[must_use]
pub fn docs() -> String {
    let mut text = String::from(INTRODUCTION);
    section(&mut text, "Top level", TOP);
    section(&mut text, "`authorization`, and `cluster.authorization`", AUTHORIZATION);
    section(&mut text, "Entries of `authorization.users`", USER);
    section(&mut text, "`cluster`", CLUSTER);
    section(&mut text, "`cluster.permissions`", PERMISSIONS);
    section(&mut text, "`cluster.permissions.import` and `export`", SUBJECTS);
    section(&mut text, "`cluster.compression` as a map", COMPRESSION);
    section(&mut text, "`cluster.buffer`", BUFFER);
    section(&mut text, "`jetstream`", JETSTREAM);
    section(&mut text, "`jetstream.limits`", LIMITS);
    section(&mut text, "`jetstream.limits.batch`", BATCH);
    text
}

const INTRODUCTION: &str = "\
# Configuration options

The file is in nats-server's configuration language, and the options are nats-server 2.15.1's.
Sizes are bytes and may have a suffix: `k m g t p` are powers of 1000, with `b`, `i` or `ib` after
them powers of 1024. Durations are quoted texts such as `\"1h30m\"`. Option names are the same in upper
and lower case. A *no* under *reload* means that a reload that would change the option is refused as
a whole, as nats-server does.
";

fn section<S>(text: &mut String, title: &str, rows: &[OptionRow<S>]) {
    let _ = write!(text, "\n## {title}\n\n");
    text.push_str("| option | takes | default | reload | what it does |\n|---|---|---|---|---|\n");
    for row in rows {
        let effect = match row.support {
            Support::Full(_) => row.doc.to_owned(),
            Support::NoEffect(_) => format!("accepted, no effect: {}", row.doc),
            Support::NotYet(_) => continue,
        };
        let reload = match row.reload {
            Reload::Yes => "yes",
            Reload::No => "no",
        };
        let kind = row.kind;
        let _ =
            writeln!(text, "| {} | {kind} | {} | {reload} | {effect} |", names(row), row.default);
    }
    let missing = rows.iter().filter(|row| matches!(row.support, Support::NotYet(_)));
    let missing: Vec<_> =
        missing.map(|row| format!("- {} ({}): {}", names(row), row.kind, row.doc)).collect();
    if !missing.is_empty() {
        text.push_str(
            "\nKnown, but not supported yet, and refused unless the value is empty or off:\n\n",
        );
        text.push_str(&missing.join("\n"));
        text.push('\n');
    }
}

fn names<S>(row: &OptionRow<S>) -> String {
    let names = std::iter::once(&row.key).chain(row.aliases);
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
