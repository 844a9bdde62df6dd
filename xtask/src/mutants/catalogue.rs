//! The guarantees that there are, by their ids.

use std::fs;
use std::path::Path;

use super::error::Error;

const FILE: &str = "sim/src/guarantee/catalogue.rs";

/// The ids of the catalogue, read from its text: the simulator need not be built to check the table.
pub(super) fn guarantees(root: &Path) -> Result<Vec<String>, Error> {
    let path = root.join(FILE);
    let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))?;
    let ids = ids(&text);
    if ids.is_empty() {
        return Err(Error::Around(format!("{FILE} has no line `id: \"...\",` any more")));
    }
    Ok(ids)
}

fn ids(text: &str) -> Vec<String> {
    let id = |line: &str| Some(line.trim().strip_prefix("id: \"")?.strip_suffix("\",")?.to_owned());
    text.lines().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_of_this_repository_is_read() {
        let ids = guarantees(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        assert!(ids.len() >= 25, "{ids:?}");
        assert!(ids.iter().any(|id| id == "one_hop"));
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }
}
