//! What the tests of the program share: a folder for each test, and what the program did in it.

#![allow(dead_code, reason = "no test uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use causeway_sim::history::History;

/// A small scenario, with all that a scenario has.
pub(crate) const SCENARIO: &str = r#"
schema = 1
name = "small"
about = "does a message get from one region to the other?"
tags = ["test"]

[run]
seeds = "0..3"
duration = "4s"

[link.lan]
latency = "250us"

[link.wan]
latency = "20ms"
jitter = "4ms"

[region.east]
nodes = 1
link = "lan"
routes = ["node:west/1"]

[region.west]
nodes = 1
link = "lan"

[[path]]
between = ["east", "west"]
link = "wan"

[[client]]
id = "pub"
at = "region:east"
role = "publish"
subject = "a.b"
every = "50ms"

[[client]]
id = "sub"
at = "region:west"
role = "subscribe"
subject = "a.*"

[[fault]]
at = "1s"
for = "500ms"
kind = "partition"
between = ["region:east", "region:west"]

[guarantee.unchanged]
kind = "nothing_unexpected"

[guarantee.once]
kind = "no_duplicates"

[coverage]
sometimes = ["fault:partition", "delivered during heal"]
"#;

/// A folder for one test, gone when the test is over.
pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("causeway-sim-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), text).unwrap();
        name.to_owned()
    }

    pub(crate) fn history(&self, name: &str, history: &History) -> String {
        let mut text = Vec::new();
        history.write_to(&mut text).unwrap();
        fs::write(self.0.join(name), text).unwrap();
        name.to_owned()
    }

    /// Runs the program in this folder.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(&[], args)
    }

    /// Runs the program with these variables, and with nobody's of the tests' own surroundings that
    /// it looks at.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_causeway-sim"));
        command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
        command.envs(variables.iter().copied()).args(args).current_dir(&self.0);
        Ran::new(command.output().unwrap())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        names(&self.0.join(folder))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _leave_it = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What the program did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "out:\n{}\nerr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "`{text}` is not in\n{}", self.out);
        self
    }

    #[track_caller]
    pub(crate) fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not in\n{}", self.err);
        self
    }

    /// The rest of the line that begins so.
    #[track_caller]
    pub(crate) fn after(&self, begin: &str) -> &str {
        let line = self.out.lines().find_map(|line| line.trim_start().strip_prefix(begin));
        line.unwrap_or_else(|| panic!("no line begins with `{begin}` in\n{}", self.out)).trim()
    }
}
