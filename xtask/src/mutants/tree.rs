//! A copy of the repository in which bugs are planted, and the simulators built there.
//!
//! Only files that differ are written, so that cargo builds anew only what a bug touches.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::options::Options;
use super::table::Mutant;

/// What a simulator is built from.
const SOURCES: [&str; 6] =
    ["broker/wire/", "broker/store/", "broker/core/", "sim/", "Cargo.toml", "Cargo.lock"];

/// Link-time optimisation, debug information and a single codegen unit would take longer than most
/// searches.
const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "true"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_INCREMENTAL", "1"),
];

/// The name of the simulator without a bug.
const RIGHT: &str = "without-a-bug";

/// Where bugs are planted and built.
#[derive(Debug)]
pub(super) struct Workshop {
    root: PathBuf,
    /// Everything of ours: `target/mutants`.
    work: PathBuf,
    resume: bool,
}

/// A simulator.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub(super) binary: PathBuf,
    /// Of everything that it was built from.
    pub(super) key: u64,
    pub(super) seconds: f64,
}

/// What is kept beside a simulator, so that it need not be built again.
#[derive(Debug, Deserialize, Serialize)]
struct Stamp {
    key: u64,
    seconds: f64,
}

impl Workshop {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().map_err(|error| Error::file("find", &root, &error))?;
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let work = root.join(target).join("mutants");
        Ok(Self { root, work, resume: options.resume })
    }

    /// The repository.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The copy: what runs in it sees the scenarios where they always are.
    pub(super) fn tree(&self) -> PathBuf {
        self.work.join("tree")
    }

    /// A folder for what comes of a bug; it exists.
    pub(super) fn folder(&self, kind: &str) -> Result<PathBuf, Error> {
        let folder = self.work.join(kind);
        fs::create_dir_all(&folder).map_err(|error| Error::file("make", &folder, &error))?;
        Ok(folder)
    }

    /// Makes the copy equal to the repository but for the bug.
    pub(super) fn plant(&self, mutant: &Mutant) -> Result<(), Error> {
        self.copy_but(Some(mutant))
    }

    /// What the compiler has against the bug that is planted.
    pub(super) fn compiler_says(&self) -> Result<Option<String>, Error> {
        let args = ["check", "--quiet", "--locked", "--package", "causeway-core"];
        let output = self.cargo(&args)?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((!output.status.success()).then_some(text))
    }

    /// The simulator with the bug.
    pub(super) fn build(&self, mutant: &Mutant) -> Result<Built, Error> {
        self.build_as(&mutant.name, Some(mutant))
    }

    /// The simulator as it is in the repository.
    pub(super) fn build_right(&self) -> Result<Built, Error> {
        self.build_as(RIGHT, None)
    }

    fn build_as(&self, name: &str, mutant: Option<&Mutant>) -> Result<Built, Error> {
        self.copy_but(mutant)?;
        let key = self.digest(&SOURCES)?;
        let folder = self.folder("bin")?;
        let binary = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
        let stamp = folder.join(format!("{name}.json"));
        if self.resume
            && let Some(Stamp { key: known, seconds }) = read_json::<Stamp>(&stamp)
            && known == key
            && binary.is_file()
        {
            return Ok(Built { binary, key, seconds });
        }
        let start = Instant::now();
        let args = ["build", "--quiet", "--release", "--locked", "--package", "causeway-sim"];
        let output = self.cargo(&args)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Error::Around(format!("{name} cannot be built\n{text}")));
        }
        let seconds = start.elapsed().as_secs_f64();
        let made = self.work.join("build/release/causeway-sim");
        let made = made.with_extension(std::env::consts::EXE_EXTENSION);
        fs::copy(&made, &binary).map_err(|error| Error::file("copy", &made, &error))?;
        write_json(&stamp, &Stamp { key, seconds })?;
        Ok(Built { binary, key, seconds })
    }

    /// One number for the files of the copy that begin so.
    pub(super) fn digest(&self, prefixes: &[&str]) -> Result<u64, Error> {
        let mut hasher = DefaultHasher::new();
        for name in self.names()? {
            if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
                let path = self.tree().join(&name);
                let bytes = fs::read(&path).map_err(|e| Error::file("read", &path, &e))?;
                (name, bytes).hash(&mut hasher);
            }
        }
        Ok(hasher.finish())
    }

    fn cargo(&self, args: &[&str]) -> Result<std::process::Output, Error> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(args).current_dir(self.tree()).envs(PROFILE);
        command.env("CARGO_TARGET_DIR", self.work.join("build"));
        command.output().map_err(|error| Error::Around(format!("cannot run cargo: {error}")))
    }

    fn copy_but(&self, mutant: Option<&Mutant>) -> Result<(), Error> {
        let names = self.names()?;
        self.remove_others(&self.tree(), &names)?;
        for name in &names {
            let (source, target) = (self.root.join(name), self.tree().join(name));
            let read = |path: &Path| fs::read(path).map_err(|e| Error::file("read", path, &e));
            let mut bytes = read(&source)?;
            if let Some(mutant) = mutant.filter(|mutant| mutant.file == *name) {
                let text = String::from_utf8_lossy(&bytes);
                let planted = mutant.plant(&text).map_err(|text| Error::Table(vec![text]))?;
                bytes = planted.into_bytes();
            }
            if !target.is_file() || read(&target)? != bytes {
                write(&target, &bytes)?;
            }
        }
        Ok(())
    }

    /// The files of the repository, as they are now: those under version control, and new ones.
    fn names(&self) -> Result<BTreeSet<String>, Error> {
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let output = Command::new("git").args(list).current_dir(&self.root).output();
        let output = output.map_err(|error| Error::Around(format!("cannot run git: {error}")))?;
        let names = String::from_utf8_lossy(&output.stdout);
        let names = names.split('\0').filter(|name| self.root.join(name).is_file());
        Ok(names.map(str::to_owned).collect())
    }

    /// A file that the repository no longer has would still be compiled, or run.
    fn remove_others(&self, folder: &Path, names: &BTreeSet<String>) -> Result<(), Error> {
        let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
        for entry in entries {
            let path = entry.map_err(|error| Error::file("read", folder, &error))?.path();
            if path.is_dir() {
                self.remove_others(&path, names)?;
            } else if !self.name_in_tree(&path).is_some_and(|name| names.contains(&name)) {
                fs::remove_file(&path).map_err(|error| Error::file("remove", &path, &error))?;
            }
        }
        Ok(())
    }

    fn name_in_tree(&self, path: &Path) -> Option<String> {
        let inside = path.strip_prefix(self.tree()).ok()?;
        let parts: Option<Vec<&str>> = inside.iter().map(OsStr::to_str).collect();
        Some(parts?.join("/"))
    }
}

/// Writes a file, and the folders that it is in.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, bytes));
    written.map_err(|error| Error::file("write", path, &error))
}

/// Writes something as JSON.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Around(format!("{}: {error}", path.display())))?;
    write(path, format!("{text}\n").as_bytes())
}

/// What a file holds, if it is there and is what we would write.
pub(super) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}
