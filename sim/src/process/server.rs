//! The server that is put to the test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Which kind of server it is. They differ in what their configuration may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flavour {
    /// Ours.
    Causeway,
    /// The reference.
    NatsServer,
}

impl Flavour {
    /// All.
    pub const ALL: [Self; 2] = [Self::Causeway, Self::NatsServer];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Causeway => "causeway",
            Self::NatsServer => "nats-server",
        }
    }
}

/// A server's program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// What it is.
    pub flavour: Flavour,
    /// Where it is.
    pub path: PathBuf,
}

/// Why there is no server to be put to the test. The text says what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct ServerError(String);

impl Server {
    /// Reads `NAME=PATH`.
    ///
    /// # Errors
    /// If it is something else, or no such server is known.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let known = Flavour::ALL.map(Flavour::name);
        let Some((name, path)) = text.split_once('=').filter(|(_, path)| !path.is_empty()) else {
            return Err(ServerError(format!("`{text}` is no server: write NAME=PATH")));
        };
        let Some(flavour) = Flavour::ALL.into_iter().find(|flavour| flavour.name() == name) else {
            let known = known.map(|name| format!("`{name}`")).join(" and ");
            return Err(ServerError(format!("there is no server `{name}`: there are {known}")));
        };
        Ok(Self { flavour, path: PathBuf::from(path) })
    }

    /// The `causeway` beside this program, which is where cargo puts both.
    ///
    /// # Errors
    /// If there is none.
    pub fn beside_us() -> Result<Self, ServerError> {
        let program = std::env::current_exe().unwrap_or_default();
        let path = program.with_file_name("causeway");
        if path.is_file() {
            return Ok(Self { flavour: Flavour::Causeway, path });
        }
        Err(ServerError(format!(
            "the engine `process` needs a server, and there is none at {}\n  help: `cargo build \
             --release -p causeway-server` makes one, or name another: --server causeway=PATH or \
             --server nats-server=PATH",
            path.display()
        )))
    }

    /// Looks whether it can be run; gives the version of nats-server that it says it is.
    ///
    /// # Errors
    /// If it cannot, or is no server.
    pub fn check(&self) -> Result<String, ServerError> {
        let Self { path, flavour } = self;
        let wrong = |what: String| {
            let (path, name) = (path.display(), flavour.name());
            ServerError(format!(
                "cannot run {path} as a server: {what}\n  help: --server {name}=PATH names another"
            ))
        };
        let output = Command::new(path).arg("--version").output();
        let output = output.map_err(|error| wrong(error.to_string()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        match said.trim().split_once("nats-server: ") {
            Some((_, version)) if version.starts_with('v') => Ok(version.to_owned()),
            _ => Err(wrong(format!("asked for its version, it says `{}`", said.trim()))),
        }
    }

    /// What it is called in a table. (The version that ours says it is, is that of another.)
    #[must_use]
    pub fn heading(&self, version: &str) -> String {
        match self.flavour {
            Flavour::Causeway => self.flavour.name().to_owned(),
            Flavour::NatsServer => format!("{} {version}", self.flavour.name()),
        }
    }

    /// As it is named on the command line.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}={}", self.flavour.name(), self.path.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_with_its_path() {
        let server = Server::parse("nats-server=/opt/a=b").unwrap();
        assert_eq!(
            (server.flavour, server.words().as_str()),
            (Flavour::NatsServer, "nats-server=/opt/a=b")
        );
        for (text, error) in [
            ("causeway", "`causeway` is no server: write NAME=PATH"),
            ("causeway=", "`causeway=` is no server: write NAME=PATH"),
            ("kafka=/x", "there is no server `kafka`: there are `causeway` and `nats-server`"),
        ] {
            assert_eq!(Server::parse(text).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn what_is_no_server_is_refused_with_what_to_do() {
        let text = |path: &str| {
            let server = Server { flavour: Flavour::Causeway, path: PathBuf::from(path) };
            server.check().unwrap_err().to_string()
        };
        let missing = text("/nowhere/causeway");
        assert!(missing.starts_with("cannot run /nowhere/causeway as a server: "), "{missing}");
        assert!(missing.ends_with("help: --server causeway=PATH names another"), "{missing}");
        assert!(text("true").contains("asked for its version, it says `"));
    }
}
