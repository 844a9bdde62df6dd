//! The JSON Schema of scenarios, for editors: derived from the types that the reader fills
//! ([`raw`](super::raw)), so it knows the same keys.
//!
//! It is looser than [`Scenario::parse`](super::Scenario::parse), which also knows what names mean: what
//! the schema refuses is wrong, what it takes need not be right.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawScenario;

/// The schema, as the text of a file.
#[must_use]
pub fn schema() -> String {
    // Draft 7 is what editors of TOML know best.
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<RawScenario>().to_value();
    without_empty_defaults(&mut schema);
    if let Value::Object(root) = &mut schema {
        root.insert("title".to_owned(), "Scenario of causeway-sim".into());
    }
    // A value that was made from JSON can always be written as such.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// A default of nothing at all says nothing that is not known from the key being optional.
fn without_empty_defaults(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("default").is_some_and(is_empty) {
                map.remove("default");
            }
            map.values_mut().for_each(without_empty_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty_defaults),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests;
