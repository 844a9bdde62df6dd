//! The text that `-h` prints, made from the table of flags.

use std::fmt::Write;

use super::table::{FLAGS, FlagRow, Group};

/// What `--help_tls` prints.
pub const HELP_TLS: &str = "\
TLS is specified in the tls section of a configuration file:

    tls {
        cert_file: \"./certs/server-cert.pem\"
        key_file:  \"./certs/server-key.pem\"
        ca_file:   \"./certs/ca.pem\"
        verify:    true
    }

It is not supported by this version of causeway yet: a configuration with a tls section, a tls://
route or one of the --tls flags is refused, so that nothing is sent in the clear by mistake.
";

/// The usage, in nats-server's shape: groups of flags, one line each.
///
/// `program` is the name that the program was started by. It starts and ends with an empty line,
/// as nats-server's does.
#[must_use]
pub fn usage(program: &str) -> String {
    let mut text = format!("\nUsage: {program} [options]\n");
    for (group, title) in GROUPS {
        let _ = write!(text, "\n{title}:\n");
        for row in FLAGS.iter().filter(|row| row.group == *group) {
            write_row(&mut text, row);
        }
    }
    text.push('\n');
    text
}

const GROUPS: &[(Group, &str)] = &[
    (Group::Server, "Server Options"),
    (Group::Logging, "Logging Options"),
    (Group::Storage, "JetStream Options"),
    (Group::Authorization, "Authorization Options"),
    (Group::Tls, "TLS Options"),
    (Group::Cluster, "Cluster Options"),
    (Group::Profiling, "Profiling Options"),
    (Group::Common, "Common Options"),
];

/// Where the explanation starts; a longer list of names pushes it to the next line.
const HELP_COLUMN: usize = 37;

fn write_row(text: &mut String, row: &FlagRow) {
    let names: Vec<String> = row.names.iter().map(|name| with_dashes(name)).collect();
    let indent = if names[0].starts_with("--") { "        " } else { "    " };
    let mut left = format!("{indent}{}", names.join(", "));
    if !row.value.is_empty() {
        left = format!("{left} {}", row.value);
    }
    if left.len() >= HELP_COLUMN {
        let _ = writeln!(text, "{left}");
        left.clear();
    }
    let _ = writeln!(text, "{left:HELP_COLUMN$}{}", row.help);
}

fn with_dashes(name: &str) -> String {
    let short = name.len() <= 2 || name.chars().all(|letter| letter.is_ascii_uppercase());
    format!("{}{name}", if short { "-" } else { "--" })
}
