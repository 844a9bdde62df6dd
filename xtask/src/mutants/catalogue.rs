//! The guarantees and the families of faults that there are, by their names. They are read from the
//! text of the simulator, which need not be built to check the table.

use std::fs;
use std::path::Path;

use super::error::Error;

const GUARANTEES: [&str; 2] =
    ["sim/src/guarantee/catalogue.rs", "sim/src/guarantee/catalogue/streams.rs"];
const FAMILIES: &str = "sim/src/plan/family.rs";

/// The ids of the catalogue.
pub(super) fn guarantees(root: &Path) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for file in GUARANTEES {
        all.extend(names(root, file, |line| line.strip_prefix("id: \""))?);
    }
    Ok(all)
}

/// The families, as `causeway-sim run --without` names them.
pub(super) fn families(root: &Path) -> Result<Vec<String>, Error> {
    names(root, FAMILIES, |line| line.strip_prefix("Self::")?.split_once(" => \"").map(|at| at.1))
}

/// Of the lines that end in `",`, what `begin` leaves of them.
fn names(root: &Path, file: &str, begin: fn(&str) -> Option<&str>) -> Result<Vec<String>, Error> {
    let path = root.join(file);
    let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))?;
    let name = |line: &str| Some(begin(line.trim())?.strip_suffix("\",")?.to_owned());
    let names: Vec<String> = text.lines().filter_map(name).collect();
    if names.is_empty() {
        return Err(Error::Around(format!("the names in {file} are not where they were")));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_this_repository_are_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (guarantees, families) = (guarantees(&root).unwrap(), families(&root).unwrap());
        assert!(guarantees.len() >= 40, "{guarantees:?}");
        assert!(["one_hop", "no_acked_loss"].iter().all(|id| guarantees.iter().any(|g| g == id)));
        assert!(families.len() >= 8, "{families:?}");
        assert!(families.iter().any(|name| name == "lame_duck"));
        let plain = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(guarantees.iter().chain(&families).all(plain));
    }
}
