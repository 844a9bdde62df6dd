use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::{Value, json};

use super::schema;
use crate::guarantee;
use crate::scenario::Scenario;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn parsed() -> Value {
    serde_json::from_str(&schema()).unwrap()
}

/// The texts of all committed scenarios by their file names.
fn scenarios() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            all.push((name, fs::read_to_string(path).unwrap()));
        }
    }
    assert!(!all.is_empty());
    all
}

#[test]
fn the_committed_schema_is_the_one_that_is_printed() {
    let committed = fs::read_to_string(folder().join("schema/scenario-1.json")).unwrap();
    assert!(
        committed == schema(),
        "write it anew: cargo run -p causeway-sim -- schema > scenarios/schema/scenario-1.json"
    );
}

#[test]
fn every_scenario_names_the_schema_and_fits_it() {
    let schema = parsed();
    for (name, text) in scenarios() {
        assert!(text.starts_with("#:schema ./schema/scenario-1.json\n"), "{name}");
        assert_eq!(misfits(&schema, &text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_key_has_a_description() {
    let schema = parsed();
    let mut keys = 0;
    let definitions = schema["definitions"].as_object().unwrap().values();
    for table in definitions.chain([&schema]) {
        for (key, value) in table["properties"].as_object().into_iter().flatten() {
            assert!(value["description"].as_str().is_some_and(|text| text.len() > 5), "{key}");
            keys += 1;
        }
    }
    assert!(keys > 90, "{keys}");
}

/// What the schema and the reader say of a scenario with one line changed. The reader may know
/// better; the schema may never be stricter.
#[test]
fn the_schema_takes_all_that_the_reader_takes_and_refuses_what_is_wrong_in_form() {
    let schema = parsed();
    let whole = fs::read_to_string(folder().join("two-region-heal.toml")).unwrap();
    for (from, to, fits) in [
        ("duration = \"40s\"", "duration = \"0.5m..=1_00s\"", true),
        ("duration = \"40s\"", "duration = \" 30 s .. 50 s \"", true),
        ("duration = \"40s\"", "duration = \"40\"", false),
        ("duration = \"40s\"", "duration = \"40 sec\"", false),
        ("duration = \"40s\"", "duration = \"4.s\"", false),
        ("duration = \"40s\"", "duration = \"20s...40s\"", false),
        ("duration = \"40s\"", "lasts = \"40s\"", false),
        ("seeds = \"0..200\"", "seeds = [1, 2, 3]", true),
        ("seeds = \"0..200\"", "seeds = 7", true),
        ("seeds = \"0..200\"", "seeds = \"all\"", false),
        ("seeds = \"0..200\"", "seeds = [-1]", false),
        ("chunking = \"any\"", "chunking = \"bytes\"", true),
        ("chunking = \"any\"", "chunking = \"tiny\"", false),
        ("jitter = \"10us..300us\"", "jitter = 0", true),
        ("jitter = \"10us..300us\"", "jitter = 5", false),
        ("jitter = \"10us..300us\"", "loss = 0.25", true),
        ("jitter = \"10us..300us\"", "loss = \"0..0.000001\"", true),
        ("jitter = \"10us..300us\"", "loss = 1.5", false),
        ("bandwidth = \"20MiB/s..200MiB/s\"", "bandwidth = \"100Mbit/s\"", true),
        ("bandwidth = \"20MiB/s..200MiB/s\"", "bandwidth = \"100MiB\"", false),
        ("nodes = \"1..=3\"", "nodes = 3", true),
        ("nodes = \"1..=3\"", "nodes = \"some\"", false),
        ("nodes = \"1..=3\"", "nodes = true", false),
        ("nodes = \"1..=3\"", "nodes = 3\nroutes = [\"name:eu-west-2\"]", true),
        ("nodes = \"1..=3\"", "nodes = 3\nroutes = [\"eu-west-2\"]", false),
        ("size = \"16B..1KiB\"", "size = 512", true),
        ("size = \"16B..1KiB\"", "size = \"512 bytes\"", false),
        ("rate = \"50..400\"", "rate = 0.5", true),
        ("rate = \"50..400\"", "rate = \"0.0001\"", false),
        ("rate = \"50..400\"", "rate = 0", false),
        ("headers = \"0..0.3\"", "echo = false", true),
        ("headers = \"0..0.3\"", "echo = \"no\"", false),
        ("at = \"region:us-east-1\"", "at = \"one(region:us-east-1 + all)\"", true),
        ("at = \"region:us-east-1\"", "at = \"us-east-1\"", false),
        ("role = \"publish\"", "role = \"shout\"", false),
        ("id = \"checkout\"", "id = \"check out\"", false),
        ("id = \"checkout\"", "id = \"ch\u{e9}ck.out-1_a\"", true),
        ("name = \"two-region-heal\"", "", false),
        ("[region.us-east-1]", "[region.\"us/east\"]", false),
        ("via = \"route\"", "via = \"gateway\"", false),
        ("kind = \"partition\"", "kind = \"flood\"", false),
        ("kind = \"partition\"", "kind = \"partition\"\nshape = \"split\"", true),
        ("kind = \"partition\"", "kind = \"partition\"\nshape = \"star\"", false),
        ("kind = \"no_duplicates\"", "kind = \"no_duplicate_core\"", true),
        ("kind = \"no_duplicates\"", "kind = \"no_duplicate\"", false),
        ("during = \"partition\"", "during = \"lunch\"", false),
        ("schema = 1", "schema = 2", false),
        ("schema = 1", "schema = 1\nstream = 5", false),
    ] {
        assert!(whole.contains(from), "{from}");
        let text = whole.replacen(from, to, 1);
        let read = Scenario::parse("f.toml", &text, &guarantee::kinds());
        let misfits = misfits(&schema, &text);
        assert_eq!(misfits.is_empty(), fits, "{to}: {misfits:?}");
        assert_eq!(read.is_ok(), fits, "{to}: {read:?}");
    }
    for goal in ["route_down", "delivered during heal", "fault:crash during partition"] {
        let text = format!("{whole}\n[coverage]\nsometimes = [\"{goal}\"]\n");
        assert_eq!(misfits(&schema, &text), Vec::<String>::new());
        assert!(coverage_fits(goal));
    }
    for goal in ["rain", "route_down during lunch", "fault:flood", "delivered in heal"] {
        let text = format!("{whole}\n[coverage]\nsometimes = [\"{goal}\"]\n");
        assert_eq!(misfits(&schema, &text).len(), 1, "{goal}");
        assert!(!coverage_fits(goal));
    }
}

fn coverage_fits(goal: &str) -> bool {
    crate::coverage::Goal::parse(goal).is_ok()
}

/// Where a TOML text does not fit the schema.
fn misfits(schema: &Value, text: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(text).unwrap();
    let value = serde_json::to_value(table).unwrap();
    let mut found = Vec::new();
    Check { root: schema }.check(schema, &value, "", &mut found);
    found
}

/// What JSON Schema says of sizes.
fn within(keyword: &str, asked: &Value, value: &Value) -> bool {
    let items = value.as_array();
    match keyword {
        "minimum" => value.as_f64().is_none_or(|n| n >= asked.as_f64().unwrap()),
        "exclusiveMinimum" => value.as_f64().is_none_or(|n| n > asked.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|n| n <= asked.as_f64().unwrap()),
        "minItems" => items.is_none_or(|a| a.len() as u64 >= asked.as_u64().unwrap()),
        "maxItems" => items.is_none_or(|a| a.len() as u64 <= asked.as_u64().unwrap()),
        other => panic!("the keyword {other}"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text)
}

/// As much of JSON Schema as ours uses; a keyword that it does not know fails the test.
struct Check<'a> {
    root: &'a Value,
}

impl Check<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let Value::Object(schema) = schema else {
            if schema == &json!(false) {
                found.push(format!("{at}: nothing may stand here"));
            }
            return;
        };
        for (keyword, asked) in schema {
            if !self.holds(schema, keyword, asked, value, at, found) {
                found.push(format!("{at}: {value} against {keyword} {asked}"));
            }
        }
    }

    fn holds(
        &self,
        schema: &serde_json::Map<String, Value>,
        keyword: &str,
        asked: &Value,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) -> bool {
        let object = value.as_object();
        match keyword {
            "$schema" | "title" | "description" | "definitions" | "x-taplo" | "default" => true,
            "$ref" => {
                let path = asked.as_str().unwrap().strip_prefix('#').unwrap();
                self.check(self.root.pointer(path).unwrap(), value, at, found);
                true
            }
            "allOf" => {
                asked.as_array().unwrap().iter().for_each(|s| self.check(s, value, at, found));
                true
            }
            "anyOf" => asked.as_array().unwrap().iter().any(|one| {
                let mut found = Vec::new();
                self.check(one, value, at, &mut found);
                found.is_empty()
            }),
            "const" => asked == value,
            "enum" => asked.as_array().unwrap().contains(value),
            "type" => match asked.as_str().unwrap() {
                "string" => value.is_string(),
                "integer" => value.is_i64() || value.is_u64(),
                "number" => value.is_number(),
                "boolean" => value.is_boolean(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("the type {other}"),
            },
            "pattern" => value.as_str().is_none_or(|text| matches(asked.as_str().unwrap(), text)),
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(asked, item, &format!("{at}/{i}"), found);
                }
                true
            }
            "required" => {
                asked.as_array().unwrap().iter().all(|key| {
                    object.is_none_or(|object| object.contains_key(key.as_str().unwrap()))
                })
            }
            "properties" => {
                for (key, value) in object.into_iter().flatten() {
                    if let Some(schema) = asked.get(key) {
                        self.check(schema, value, &format!("{at}/{key}"), found);
                    }
                }
                true
            }
            "patternProperties" => {
                for (key, value) in object.into_iter().flatten() {
                    let fits = asked.as_object().unwrap().iter().filter(|one| matches(one.0, key));
                    fits.for_each(|one| self.check(one.1, value, &format!("{at}/{key}"), found));
                }
                true
            }
            "additionalProperties" => {
                let patterns = schema.get("patternProperties").and_then(Value::as_object);
                for (key, value) in object.into_iter().flatten() {
                    let named =
                        schema.get("properties").is_some_and(|known| known.get(key).is_some());
                    if !named && !patterns.is_some_and(|p| p.keys().any(|one| matches(one, key))) {
                        self.check(asked, value, &format!("{at}/{key}"), found);
                    }
                }
                true
            }
            _ => within(keyword, asked, value),
        }
    }
}
