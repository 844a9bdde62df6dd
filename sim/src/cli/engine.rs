//! Which engine runs the plans.

use causeway_sim::run::{Engine, PURE};
use causeway_sim::scenario::nearest;

use super::Failure;

/// Engines that this project has, in this program or in another, with the command that has them.
const KNOWN: [(&str, &str); 2] = [
    ("pure", "cargo run --release -p causeway-sim --"),
    (
        "turmoil",
        "RUSTFLAGS=\"--cfg tokio_unstable\" cargo run --release -p causeway-sim-turmoil --",
    ),
];

/// The engine of that name, if this program has it and it can do its work in this build.
pub(super) fn choose(name: &str, built_in: &[Engine]) -> Result<Engine, Failure> {
    let mut all = std::iter::once(&PURE).chain(built_in);
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
        None => format!("there are {}", known.map(|known| format!("`{known}`")).join(" and ")),
    };
    format!("error: there is no engine `{name}`\n  help: {help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: Engine = Engine { name: "turmoil", ..PURE };

    fn refusal(name: &str, built_in: &[Engine]) -> String {
        match choose(name, built_in) {
            Ok(engine) => panic!("`{name}` gave {engine:?}"),
            Err(Failure::Usage(text)) => text,
            Err(failure) => panic!("is not for the user of the command: {failure}"),
        }
    }

    #[test]
    fn an_engine_is_chosen_by_name() {
        for (name, built_in) in [("pure", &[][..]), ("pure", &[OTHER]), ("turmoil", &[OTHER])] {
            assert_eq!(choose(name, built_in).map(|engine| engine.name).ok(), Some(name));
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        for (name, said) in [
            ("turmoil", "built without the engine `turmoil`"),
            ("turmoil", "RUSTFLAGS=\"--cfg tokio_unstable\" cargo run"),
            ("turmoil", "-p causeway-sim-turmoil"),
            ("tumroil", "there is no engine `tumroil`\n  help: did you mean `turmoil`?"),
            ("moon", "there are `pure` and `turmoil`"),
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
