//! Which engine runs the plans.

use causeway_sim::plan::Plan;
use causeway_sim::process::{self, Server};
use causeway_sim::report::quoted;
use causeway_sim::run::{Engine, PURE, RunOptions, RunOutcome};
use causeway_sim::scenario::nearest;

use super::{EngineArgs, Failure};

/// Engines that this project has, in this program or in another, with the command that has them.
const KNOWN: [(&str, &str); 3] = [
    ("pure", "cargo run --release -p causeway-sim --"),
    ("process", "cargo run --release -p causeway-sim --"),
    (
        "turmoil",
        "RUSTFLAGS=\"--cfg tokio_unstable\" cargo run --release -p causeway-sim-turmoil --",
    ),
];

/// Those that every program has.
const OURS: [Engine; 2] = [PURE, process::ENGINE];

/// An engine, with the server that it runs if it runs one.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) engine: Engine,
    pub(super) server: Option<Server>,
}

impl Chosen {
    /// The engine that every command has.
    pub(super) const PURE: Self = Self { engine: PURE, server: None };

    /// Real processes of a server.
    pub(super) const fn real(server: Server) -> Self {
        Self { engine: process::ENGINE, server: Some(server) }
    }

    pub(super) fn run<'a>(&'a self, plan: &Plan, options: RunOptions<'a>) -> RunOutcome {
        (self.engine.run)(plan, RunOptions { server: self.server.as_ref(), ..options })
    }

    /// As it is named on the command line, where a shell takes it.
    pub(super) fn words(&self) -> String {
        match &self.server {
            Some(server) => {
                format!("{} --server {}", self.engine.name, quoted(&server.words()))
            }
            None => self.engine.name.to_owned(),
        }
    }
}

/// The engines that this program has.
pub(super) fn names(built_in: &[Engine]) -> Vec<&'static str> {
    OURS.iter().chain(built_in).map(|engine| engine.name).collect()
}

/// Whether an engine runs servers.
pub(super) fn is_real(name: &str) -> bool {
    OURS.iter().any(|engine| engine.name == name && engine.real)
}

/// The engine of that name, if this program has it and it can do its work in this build, with its
/// server.
pub(super) fn choose(args: &EngineArgs, built_in: &[Engine]) -> Result<Chosen, Failure> {
    let engine = named(&args.engine, built_in)?;
    let usage = |error: process::ServerError| Failure::Usage(format!("error: {error}"));
    let server = match (&args.server, engine.real) {
        (Some(server), true) => Some(server.clone()),
        (None, true) => Some(Server::beside_us().map_err(usage)?),
        (None, false) => None,
        (Some(_), false) => {
            let name = engine.name;
            let what = format!(
                "error: the engine `{name}` runs no server of its own\n  help: --engine process \
                 does"
            );
            return Err(Failure::Usage(what));
        }
    };
    if let Some(server) = &server {
        server.check().map_err(usage)?;
    }
    Ok(Chosen { engine, server })
}

/// The same, where equal seeds must give equal runs.
pub(super) fn choose_repeatable(args: &EngineArgs, built_in: &[Engine]) -> Result<Engine, Failure> {
    let engine = named(&args.engine, built_in)?;
    if engine.real {
        let name = engine.name;
        let what = format!(
            "error: no two runs of the engine `{name}` are the same\n  help: this is for engines \
             that simulate"
        );
        return Err(Failure::Usage(what));
    }
    Ok(engine)
}

fn named(name: &str, built_in: &[Engine]) -> Result<Engine, Failure> {
    let mut all = OURS.iter().chain(built_in);
    let Some(engine) = all.find(|engine| engine.name == name) else {
        return Err(Failure::Usage(missing(name)));
    };
    (engine.ready)().map_err(|why| Failure::Usage(format!("error: {why}")))?;
    Ok(*engine)
}

fn missing(name: &str) -> String {
    if let Some((_, command)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return format!(
            "error: this program was built without the engine `{name}`\n  help: the same command \
             with it: {command} <COMMAND> <FILE> --engine {name}"
        );
    }
    let known = KNOWN.map(|(known, _)| known);
    let help = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.map(|known| format!("`{known}`")).join(", ")),
    };
    format!("error: there is no engine `{name}`\n  help: {help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: Engine = Engine { name: "turmoil", ..PURE };

    fn refusal(name: &str, built_in: &[Engine]) -> String {
        match named(name, built_in) {
            Ok(engine) => panic!("`{name}` gave {engine:?}"),
            Err(Failure::Usage(text)) => text,
            Err(failure) => panic!("is not for the user of the command: {failure}"),
        }
    }

    #[test]
    fn an_engine_is_chosen_by_name() {
        for (name, built_in) in [("pure", &[][..]), ("pure", &[OTHER]), ("turmoil", &[OTHER])] {
            assert_eq!(named(name, built_in).map(|engine| engine.name).ok(), Some(name));
        }
    }

    fn args(engine: &str, server: Option<&str>) -> EngineArgs {
        let server = server.map(|text| Server::parse(text).unwrap());
        EngineArgs { engine: engine.to_owned(), server }
    }

    #[test]
    fn a_server_goes_with_an_engine_that_runs_one() {
        let refusal = |args: EngineArgs| match choose(&args, &[OTHER]) {
            Err(Failure::Usage(text)) => text,
            other => panic!("{args:?} gave {other:?}"),
        };
        let text = refusal(args("turmoil", Some("causeway=/x")));
        assert!(
            text.contains("runs no server of its own\n  help: --engine process does"),
            "{text}"
        );
        let text = refusal(args("process", Some("causeway=/nowhere")));
        assert!(text.starts_with("error: cannot run /nowhere as a server: "), "{text}");
        let chosen = choose(&args("pure", None), &[]).unwrap();
        assert_eq!(chosen.words(), "pure");
        assert!(choose_repeatable(&args("turmoil", None), &[OTHER]).is_ok());
        assert!(choose_repeatable(&args("process", None), &[]).is_err());
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        for (name, said) in [
            ("turmoil", "built without the engine `turmoil`"),
            ("turmoil", "RUSTFLAGS=\"--cfg tokio_unstable\" cargo run"),
            ("turmoil", "-p causeway-sim-turmoil"),
            ("tumroil", "there is no engine `tumroil`\n  help: did you mean `turmoil`?"),
            ("moon", "there are `pure`, `process`, `turmoil`"),
        ] {
            let text = refusal(name, &[]);
            assert!(text.contains(said), "{text}");
        }
    }

    #[test]
    fn an_engine_that_is_not_ready_is_refused_with_its_reason() {
        let lame = Engine { ready: || Err("the moon is full".to_owned()), ..OTHER };
        assert_eq!(refusal("turmoil", &[lame]), "error: the moon is full");
    }
}
