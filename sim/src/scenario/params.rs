//! Parameters: values with a name, filled in wherever `"${name}"` stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use super::Given;
use super::diagnostic::{Diagnostic, Problems, ScenarioError, nearest};
use super::raw::RawParam;
use super::sources::Sources;
use super::tree;

/// More values would make more runs than anybody wants.
const VALUES_MAX: usize = 100;

/// A parameter of a scenario.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParamSpec {
    /// Its name.
    pub name: String,
    /// The value that it has here.
    pub value: String,
    /// The values that it is meant to be run with. Never empty.
    pub values: Vec<String>,
}

/// The table `[param]` alone.
#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    param: BTreeMap<String, Spanned<RawParam>>,
}

/// The parameters with the values that were chosen.
pub(super) struct Chosen(BTreeMap<String, (ParamSpec, Value)>);

/// Looks which parameters there are and which values they have.
pub(super) fn chosen(
    sources: &Sources,
    root: &DeTable<'_>,
    given: &Given<'_>,
) -> Result<Chosen, ScenarioError> {
    let table = root.iter().filter(|(key, _)| key.get_ref() == "param");
    let table: DeTable<'_> = table.map(|(key, value)| (key.clone(), value.clone())).collect();
    let raw: Params = tree::read(sources, table)?;
    let mut problems = Problems::new(sources);
    let mut all = BTreeMap::new();
    for (name, param) in &raw.param {
        if let Some(one) = one(name, param, given, &mut problems) {
            all.insert(name.clone(), one);
        }
    }
    problems.finish()?;
    let known: Vec<&str> = all.keys().map(String::as_str).collect();
    if let Some((name, _)) = given.params.iter().find(|(name, _)| !all.contains_key(name)) {
        let message = format!("there is no parameter `{name}`");
        let help = match nearest(name, &known) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => None,
            None => Some(format!("known are {}", known.join(", "))),
        };
        let file = sources.all().next().map_or("", |(_, source)| source.file.as_str());
        return Err(Diagnostic::of_file(file, message, help).into());
    }
    Ok(Chosen(all))
}

fn one(
    name: &str,
    param: &Spanned<RawParam>,
    given: &Given<'_>,
    problems: &mut Problems<'_>,
) -> Option<(ParamSpec, Value)> {
    if !super::resolve::is_name(name) {
        let message = format!("`{name}`: a name has only letters, digits, `-`, `_` and `.`");
        problems.add(param.span(), message);
    }
    let raw = param.get_ref();
    let mut values = Vec::new();
    for any in raw.values.iter().chain(raw.values.is_empty().then_some(&raw.default)) {
        match scalar(any.get_ref()) {
            Some(text) => values.push(text),
            None => problems.add(any.span(), "a parameter is a text, a number or a truth value"),
        }
    }
    if values.len() > VALUES_MAX {
        problems.add(param.span(), format!("more than {VALUES_MAX} values"));
    }
    let default = scalar(raw.default.get_ref());
    if default.is_none() {
        problems.add(raw.default.span(), "a parameter is a text, a number or a truth value");
    }
    let chosen = given.params.iter().find(|(given, _)| given == name);
    let value = match chosen {
        Some((_, text)) => typed(text),
        None => raw.default.get_ref().clone(),
    };
    let spec = ParamSpec { name: name.to_owned(), value: scalar(&value)?, values };
    Some((spec, value))
}

/// A value from the command line: quantities are texts in a scenario, truth values are not.
fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        text => Value::String(text.to_owned()),
    }
}

/// A single value as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

impl Chosen {
    /// By name.
    pub(super) fn into_specs(self) -> Vec<ParamSpec> {
        self.0.into_values().map(|(spec, _)| spec).collect()
    }

    /// A value with the parameters in it filled in.
    pub(super) fn filled<'s>(
        &self,
        value: Spanned<DeValue<'s>>,
        problems: &mut Problems<'_>,
    ) -> Spanned<DeValue<'s>> {
        let span = value.span();
        let inner = match value.into_inner() {
            DeValue::String(text) if text.contains("${") => match self.fill(&text) {
                Ok(filled) => filled,
                Err(Some(name)) => {
                    let message = format!("there is no `[param.{name}]`");
                    let known = self.0.keys().map(String::as_str);
                    problems.unknown(span.clone(), message, &name, known);
                    DeValue::String(text)
                }
                Err(None) => {
                    problems.add(span.clone(), "a `${` without its `}`");
                    DeValue::String(text)
                }
            },
            DeValue::Table(table) => DeValue::Table(
                table.into_iter().map(|(key, value)| (key, self.filled(value, problems))).collect(),
            ),
            DeValue::Array(items) => {
                let mut all = toml::de::DeArray::new();
                items.into_iter().for_each(|item| all.push(self.filled(item, problems)));
                DeValue::Array(all)
            }
            other @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)) => other,
        };
        Spanned::new(span, inner)
    }

    /// A text with the parameters in it filled in; or the name of one that is not there, if
    /// there is a name. A text that is nothing but a parameter takes its type.
    fn fill<'s>(&self, text: &str) -> Result<DeValue<'s>, Option<String>> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or(None)?;
            let (spec, value) = self.0.get(name).ok_or_else(|| Some(name.to_owned()))?;
            if let Value::Boolean(truth) = value
                && text.len() == name.len() + "${}".len()
            {
                return Ok(DeValue::Boolean(*truth));
            }
            out.push_str(before);
            out.push_str(&spec.value);
            rest = after;
        }
        out.push_str(rest);
        Ok(DeValue::String(out.into()))
    }
}
