//! Tells the server which commit it was built from. Monitoring and INFO show it, and tools expect it
//! to be there.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=CAUSEWAY_GIT_COMMIT");
    let commit = std::env::var("CAUSEWAY_GIT_COMMIT").ok().or_else(from_git);
    let commit = commit.filter(|commit| !commit.is_empty());
    println!("cargo:rustc-env=CAUSEWAY_GIT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

/// The abbreviated commit of the working copy, if this is one.
fn from_git() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok().filter(|o| o.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    // Every commit is written there; without it cargo would look at all files of the package.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={log}");
    println!("cargo:rerun-if-changed=build.rs");
    git(&["rev-parse", "--short=7", "HEAD"])
}
