//! The table of bugs, and whether it fits the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::error::Error;

/// Where the table is: one file for each area.
const FOLDER: &str = "tests/mutants";

/// Bugs on purpose.
#[derive(Debug)]
pub(super) struct Table {
    /// In the order of the files and in them.
    pub(super) mutants: Vec<Mutant>,
}

/// A bug on purpose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    pub(super) name: String,
    /// What is wrong, in a sentence.
    pub(super) about: String,
    /// The file that it is in.
    pub(super) file: String,
    /// The right text. Occurs exactly once.
    pub(super) find: String,
    /// The wrong one.
    pub(super) replace: String,
    /// Who should notice.
    pub(super) guarantees: Vec<String>,
    /// Why nobody is expected to notice, if so. It stays in the table, and counts as not found.
    pub(super) missed: Option<String>,
    /// The name of the table's file.
    #[serde(skip)]
    pub(super) area: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mutant: Vec<Mutant>,
}

impl Table {
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let folder = root.join(FOLDER);
        let unreadable = |error| Error::file("read", &folder, &error);
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
        files.sort();
        let mut mutants = Vec::new();
        for path in files {
            let text = fs::read_to_string(&path).map_err(|e| Error::file("read", &path, &e))?;
            let file: File = toml::from_str(&text)
                .map_err(|error| Error::Around(format!("{}: {error}", path.display())))?;
            let area = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            mutants.extend(file.mutant.into_iter().map(|mutant| mutant.of(&area)));
        }
        Ok(Self { mutants })
    }

    /// Holds the table against the code, itself, and the guarantees that there are.
    pub(super) fn check(&self, root: &Path, guarantees: &[String]) -> Result<(), Error> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for mutant in &self.mutants {
            if !names.insert(&mutant.name) {
                problems.push(format!("{}: there are two of this name", mutant.name));
            }
            problems.extend(mutant.problems(root, guarantees));
        }
        for guarantee in guarantees {
            let owns =
                |mutant: &Mutant| mutant.missed.is_none() && mutant.guarantees.contains(guarantee);
            if !self.mutants.iter().any(owns) {
                problems.push(format!("no bug in {FOLDER} is for the guarantee `{guarantee}`"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Table(problems)) }
    }

    /// Those with these names, or all.
    pub(super) fn choose(&self, names: &[String]) -> Result<Vec<&Mutant>, Error> {
        if names.is_empty() {
            return Ok(self.mutants.iter().collect());
        }
        let find = |name: &String| {
            let unknown = || Error::Usage(format!("there is no bug `{name}` in {FOLDER}"));
            self.mutants.iter().find(|mutant| mutant.name == *name).ok_or_else(unknown)
        };
        names.iter().map(find).collect()
    }
}

impl Mutant {
    fn of(mut self, area: &str) -> Self {
        for text in [&mut self.find, &mut self.replace] {
            *text = text.trim_matches('\n').to_owned();
        }
        self.area = area.to_owned();
        self
    }

    /// The file with the bug in it.
    pub(super) fn plant(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            count => Err(format!(
                "{}: its place occurs {count} times in {}:\n{}",
                self.name, self.file, self.find
            )),
        }
    }

    fn problems(&self, root: &Path, guarantees: &[String]) -> Vec<String> {
        let mut problems = Vec::new();
        match fs::read_to_string(root.join(&self.file)) {
            Ok(text) => problems.extend(self.plant(&text).err()),
            Err(error) => problems.push(format!("{}: {}: {error}", self.name, self.file)),
        }
        if self.find == self.replace {
            problems.push(format!("{}: it changes nothing", self.name));
        }
        if self.guarantees.is_empty() {
            problems.push(format!("{}: who should notice it?", self.name));
        }
        for id in self.guarantees.iter().filter(|id| !guarantees.contains(id)) {
            problems.push(format!("{}: there is no guarantee `{id}`", self.name));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(find: &str) -> Mutant {
        let text = format!(
            "name = 'a'\nabout = ''\nfile = 'f'\nfind = '{find}'\nreplace = 'z'\nguarantees = ['g']"
        );
        toml::from_str::<Mutant>(&text).unwrap().of("area")
    }

    #[test]
    fn a_bug_is_planted_where_its_place_is_unique() {
        assert_eq!(mutant("x").plant("axb").unwrap(), "azb");
        assert!(mutant("x").plant("axbx").unwrap_err().starts_with("a: its place occurs 2 times"));
        assert!(mutant("x").plant("").unwrap_err().starts_with("a: its place occurs 0 times"));
    }

    #[test]
    fn the_table_of_this_repository_fits_its_code() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let table = Table::read(&root).unwrap();
        let guarantees = super::super::catalogue::guarantees(&root).unwrap();
        if let Err(error) = table.check(&root, &guarantees) {
            panic!("{error}");
        }
        assert!(table.mutants.len() >= 45, "{}", table.mutants.len());
    }

    #[test]
    fn a_guarantee_without_a_bug_is_named() {
        let table = Table { mutants: Vec::new() };
        let error = table.check(Path::new("."), &["one_hop".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "error: no bug in tests/mutants is for the guarantee `one_hop`");
    }
}
