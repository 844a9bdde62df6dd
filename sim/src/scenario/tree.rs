//! A scenario as a tree of values, before anybody asks what they mean: what it extends is merged,
//! and parameters are filled in.
//!
//! Every value keeps its place in the file that it comes from.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::diagnostic::{Diagnostic, Problems, ScenarioError};
use super::resolve::explain;
use super::sources::Sources;
use super::{Given, params};

/// A longer chain of files is a mistake.
const FILES_MAX: usize = 16;

type Key<'s> = Spanned<std::borrow::Cow<'s, str>>;
type Node<'s> = Spanned<DeValue<'s>>;

/// A file and those that it extends, its own first.
pub(super) fn sources(file: &str, text: &str, given: &Given<'_>) -> Result<Sources, ScenarioError> {
    let mut sources = Sources::of(file, text);
    let mut files = vec![plain(Path::new(file))];
    let mut begin = 0;
    let mut last = text.to_owned();
    loop {
        let table = parsed(&sources, begin, &last)?;
        let Some(extends) = table.get("extends") else { return Ok(sources) };
        let span = extends.span();
        let wrong = |message: String| {
            let mut problems = Problems::new(&sources);
            problems.add(span.start + begin..span.end + begin, message);
            problems.error()
        };
        let DeValue::String(name) = extends.get_ref() else {
            return Err(wrong("`extends` is the path of a scenario, from this file".to_owned()));
        };
        let folder = files.last().and_then(|file| file.parent()).unwrap_or(Path::new(""));
        let path = plain(&folder.join(name.as_ref()));
        if let Some(first) = files.iter().position(|file| *file == path) {
            let way: Vec<String> =
                files[first..].iter().chain([&path]).map(|p| p.display().to_string()).collect();
            return Err(wrong(format!("it extends itself: {}", way.join(" -> "))));
        }
        if files.len() == FILES_MAX {
            return Err(wrong(format!("more than {FILES_MAX} files extend each other")));
        }
        last = (given.read)(&path).map_err(|why| wrong(format!("cannot read `{name}`: {why}")))?;
        begin = sources.add(path.display().to_string(), last.clone());
        files.push(path);
    }
}

/// The tree of all files: what a file says counts more than what it extends.
pub(super) fn merged<'s>(
    sources: &'s Sources,
    given: &Given<'_>,
) -> Result<(DeTable<'s>, Vec<params::ParamSpec>), ScenarioError> {
    let mut root = DeTable::new();
    for (begin, source) in sources.all().rev() {
        let mut layer = parsed(sources, begin, &source.text)?;
        let is_own = begin == 0;
        if is_own && !root.is_empty() && !layer.contains_key("name") {
            let what = "a scenario that extends another has a `name` of its own".to_owned();
            return Err(Diagnostic::of_file(&source.file, what, None).into());
        }
        layer.remove("extends");
        merge(&mut root, moved_table(layer, begin), true);
    }
    let params = params::chosen(sources, &root, given)?;
    let mut problems = Problems::new(sources);
    let root = (root.into_iter())
        .map(|(key, value)| match key.get_ref().as_ref() {
            "param" => (key, value),
            _ => (key, params.filled(value, &mut problems)),
        })
        .collect();
    problems.finish()?;
    Ok((root, params.into_specs()))
}

/// What a tree means as a value of that type.
pub(super) fn read<T: for<'de> Deserialize<'de>>(
    sources: &Sources,
    root: DeTable<'_>,
) -> Result<T, ScenarioError> {
    T::deserialize(Deserializer::from(Spanned::new(0..0, root))).map_err(|error| {
        let mut problems = Problems::new(sources);
        explain(&mut problems, error.span().unwrap_or(0..0), error.message());
        problems.error()
    })
}

fn parsed<'t>(
    sources: &Sources,
    begin: usize,
    text: &'t str,
) -> Result<DeTable<'t>, ScenarioError> {
    DeTable::parse(text).map(Spanned::into_inner).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let mut problems = Problems::new(sources);
        explain(&mut problems, span.start + begin..span.end + begin, error.message());
        problems.error()
    })
}

/// Tables are merged key by key, and lists of tables with names by name; whatever else is there is
/// replaced.
fn merge<'s>(base: &mut DeTable<'s>, over: DeTable<'s>, is_root: bool) {
    for (key, value) in over {
        let Some(there) = base.get_mut(key.get_ref().as_ref()) else {
            base.insert(key, value);
            continue;
        };
        let name = identity_of(is_root, key.get_ref());
        let span = value.span();
        match (there.get_mut(), value.into_inner()) {
            (DeValue::Table(there), DeValue::Table(over)) => merge(there, over, false),
            (DeValue::Array(there), DeValue::Array(over)) if let Some(name) = name => {
                merge_list(there, over, name);
            }
            (_, over) => *there = Spanned::new(span, over),
        }
    }
}

/// What two entries of a list have in common if they are the same.
type Identity = fn(&DeTable<'_>) -> Option<String>;

fn identity_of(is_root: bool, list: &str) -> Option<Identity> {
    match list {
        "client" | "fault" if is_root => Some(|entry| Some(text(entry.get("id")?)?.to_owned())),
        "path" if is_root => Some(|entry| {
            let ends = entry.get("between")?.get_ref().as_array()?;
            let mut ends: Vec<&str> = ends.iter().filter_map(text).collect();
            ends.sort_unstable();
            Some(ends.join(" "))
        }),
        _ => None,
    }
}

fn merge_list<'s>(base: &mut DeArray<'s>, over: DeArray<'s>, identity: Identity) {
    for entry in over {
        let name = entry.get_ref().as_table().and_then(identity);
        let same = base
            .iter_mut()
            .find(|there| name.is_some() && there.get_ref().as_table().and_then(identity) == name);
        let span = entry.span();
        match (same.map(Spanned::get_mut), entry.into_inner()) {
            (Some(DeValue::Table(there)), DeValue::Table(over)) => merge(there, over, false),
            (_, other) => base.push(Spanned::new(span, other)),
        }
    }
}

pub(super) fn text<'a>(value: &'a Node<'_>) -> Option<&'a str> {
    value.get_ref().as_str()
}

fn moved_table<'s>(table: DeTable<'s>, by: usize) -> DeTable<'s> {
    if by == 0 {
        return table;
    }
    let moved = |(key, value): (Key<'s>, Node<'s>)| {
        let span = key.span();
        (Spanned::new(span.start + by..span.end + by, key.into_inner()), moved_value(value, by))
    };
    table.into_iter().map(moved).collect()
}

fn moved_value<'s>(value: Node<'s>, by: usize) -> Node<'s> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(moved_table(table, by)),
        DeValue::Array(items) => {
            let mut moved = DeArray::new();
            items.into_iter().for_each(|item| moved.push(moved_value(item, by)));
            DeValue::Array(moved)
        }
        other @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => other,
    };
    Spanned::new(span.start + by..span.end + by, inner)
}

/// A path without `.` and, where it can be told without looking, without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            Component::Prefix(_)
            | Component::RootDir
            | Component::ParentDir
            | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
