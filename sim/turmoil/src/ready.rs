//! Whether this build can keep the promise that equal seeds give equal runs.

/// What to do about it.
const COMMAND: &str = "RUSTFLAGS=\"--cfg tokio_unstable\" cargo run --release -p \
    causeway-sim-turmoil -- <COMMAND> <FILE> --engine turmoil";

/// Refuses to start where tokio does not take a seed for the order of its tasks and `select!`s, and
/// where a panic in a task would go unnoticed: both come with `--cfg tokio_unstable` only.
///
/// # Errors
/// If this crate was built without it.
pub(crate) fn ready() -> Result<(), String> {
    of_build(cfg!(tokio_unstable))
}

fn of_build(seeded: bool) -> Result<(), String> {
    if seeded {
        return Ok(());
    }
    Err(format!(
        "the engine `turmoil` was built without `--cfg tokio_unstable`: the order of tasks is not \
         seeded then, and a seed would not show the same run twice\n  help: build it with the flag: \
         {COMMAND}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_seeds_is_refused_with_the_flag() {
        assert_eq!(of_build(true), Ok(()));
        let why = of_build(false).unwrap_err();
        assert!(why.contains("RUSTFLAGS=\"--cfg tokio_unstable\" cargo"), "{why}");
        assert!(why.contains("was built without `--cfg tokio_unstable`"), "{why}");
        assert_eq!(ready().is_ok(), cfg!(tokio_unstable));
    }
}
