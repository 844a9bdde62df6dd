//! What the texts of a scenario may be, as JSON Schema knows it: types without values, which stand for
//! [`raw`](super::raw)'s values in the schema.
//!
//! Units and names come from the tables that the reader uses, so the schema knows the same ones.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::resolve::{
    ACK_POLICIES, CHUNKING_ANY, CIPHERS, COMPRESSIONS, DELIVER_POLICIES, DISCARDS, DURING, ENDINGS,
    ENGINE_OTHERWISE, ENGINES, FAULT_KINDS, PORTS, RETENTIONS, SHAPES, STORAGES, VIA,
};
use super::{
    Chunking as Cut, DiskSpec, Dist as Spread, Heal as Healed, NamesAnswer, Release as Kinds,
    Role as Does, Way as Ends, Ways,
};
use crate::plan::KeyOp;
use crate::units::{DURATIONS, RATES, SIZES};
use crate::{coverage, guarantee};

/// Declares types that exist in the schema only.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

/// How a selector begins.
const SELECTOR: &str =
    r"^ *(all|region:|nodes:|clients:|cluster:|node:|client:|one\(|random\(|majority\(|minority\()";

texts! {
    /// `schema = 1`.
    Version = json_schema!({ "const": super::resolve::SCHEMA });
    /// A name: no blanks and no punctuation but `-`, `_` and `.`.
    Name = json_schema!({ "type": "string", "pattern": NAME });
    /// `"20ms..60ms"`.
    Duration = ranged(
        &format!("(0|{})", with_unit(DURATIONS)),
        Some(json!({ "const": 0 })),
        "A duration, such as `250us`, `1.5s` or `2m`, or a range to draw from: `20ms..60ms`.",
    );
    /// `"64KiB"`.
    Size = ranged(
        &with_unit(SIZES),
        Some(json!({ "type": "integer", "minimum": 0 })),
        "A size, such as `512B`, `64KiB` or `1MB`, or a range to draw from: `16B..1KiB`.",
    );
    /// `"100Mbit/s"`.
    Rate = ranged(
        &with_unit(RATES),
        None,
        "A rate, such as `200MiB/s` or `100Mbit/s`, or a range to draw from.",
    );
    /// `0.25`.
    Share = ranged(
        r"(0(\.[0-9]{1,6}0*)?|1(\.0+)?)",
        Some(json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        "A share from 0 to 1, or a range to draw from: `0..0.3`.",
    );
    /// `"1..=3"`.
    Count = ranged(
        WHOLE,
        Some(json!({ "type": "integer", "minimum": 0 })),
        "A whole number, or a range to draw from: `1..=3`.",
    );
    /// `"1..=3"`, or `-1`.
    PoolSize = ranged(
        WHOLE,
        Some(json!({ "anyOf": [
            { "type": "integer" },
            { "type": "string", "pattern": "^ *-[0-9]+ *$" },
        ] })),
        "A whole number, also a negative one, or a range to draw from: `1..=3`.",
    );
    /// `"50..400"`.
    PerSecond = ranged(
        r"[0-9][0-9_]*(\.[0-9]{1,3}0*)?",
        Some(json!({ "type": "number", "exclusiveMinimum": 0 })),
        "How often in a second, or a range to draw from: `50..400`.",
    );
    /// What a parameter can be.
    Scalar = json_schema!({ "anyOf": [
        { "type": "string" },
        { "type": "number" },
        { "type": "boolean" },
    ] });
    /// A list or a range of seeds.
    Seeds = json_schema!({ "anyOf": [
        { "type": "array", "items": { "type": "integer", "minimum": 0 } },
        { "type": "integer", "minimum": 0 },
        { "type": "string", "pattern": range_of(WHOLE) },
    ] });
    /// Who is meant.
    Selector = json_schema!({
        "description": "Who is meant: `all`, `region:X`, `nodes:X`, `clients:X`, `cluster:X`, \
            `node:X/1`, `client:X`, `one(S)`, `random(2, S)`, `majority(S)`, \
            `minority(S)`, `S + S`, `S - S`.",
        "type": "string",
        "pattern": SELECTOR,
    });
    /// Where a route leads.
    Route = json_schema!({ "type": "string", "pattern": "^ *(region:|node:|name:)." });
    /// What a fault or a client waits for.
    When = json_schema!({
        "description": "What it waits for: `count(client:X) >= 500`, `connected(client:X) == 0`, \
            `up(region:X) <= 1`, `routes(region:X / region:Y) == 0`, `begun(fault:X)`, \
            `over(fault:X)`.",
        "type": "string",
        "pattern": r"^ *(count|connected|up|routes|begun|over)\(",
    });
    /// A coverage goal.
    Goal = json_schema!({ "type": "string", "pattern": coverage::pattern() });
    /// The kind of a fault.
    FaultKind = one_of(&FAULT_KINDS);
    /// How often each kind of faults is drawn.
    Weights = weights();
    /// The kind of a guarantee.
    GuaranteeKind = guarantee_kinds();
    /// What a client does.
    Role = one_of(&Does::FOR_CLIENTS.map(Does::name));
    /// Which way a fault works.
    Direction = one_of(&Ways::ALL.map(Ways::name));
    /// Who is healed in the end.
    Heal = one_of(&Healed::ALL.map(Healed::name));
    /// How bytes are cut.
    Chunking = one_of(&[&Cut::ALL.map(Cut::name)[..], &[CHUNKING_ANY]].concat());
    /// How jitter is spread.
    Dist = one_of(&Spread::ALL.map(Spread::name));
    /// The sides of a network fault.
    Sides = json_schema!({
        "type": "array",
        "items": { "type": "string", "pattern": SELECTOR },
        "minItems": 2,
    });
    /// How a stream ends.
    Ending = one_of(&ENDINGS);
    /// What the name service answers.
    Answer = one_of(&NamesAnswer::ALL.map(NamesAnswer::name));
    /// When messages of a stream go.
    Retention = word(&RETENTIONS);
    /// Where messages are.
    Storage = word(&STORAGES);
    /// Who goes at a limit.
    Discard = word(&DISCARDS);
    Cipher = word(&CIPHERS);
    /// How messages are packed.
    Compression = word(&COMPRESSIONS);
    /// What must be acknowledged.
    AckPolicy = word(&ACK_POLICIES);
    /// Where a consumer begins.
    DeliverPolicy = word(&DELIVER_POLICIES);
    /// What a client does with keys, and how often.
    Mix = mix();
    /// When a stream's file is synced.
    Sync = json_schema!({
        "description": "`always`, or a duration such as `500ms`, or a range of them.",
        "type": "string",
    });
    /// What is wrong with a disk.
    DiskWhat = one_of(&DiskSpec::NAMES);
    /// How a process ends before it starts again.
    Way = one_of(&Ends::ALL.map(Ends::name));
    /// What a server is.
    Release = one_of(&Kinds::ALL.map(Kinds::name));
    /// How regions are joined.
    Via = one_of(&VIA);
    /// The shape of a partition.
    Shape = one_of(&SHAPES);
    /// The route port of a process that comes back.
    Port = one_of(&PORTS);
    /// When a guarantee must hold.
    During = one_of(&DURING);
    /// An engine.
    Engine = one_of(&[&ENGINES[..], &[ENGINE_OTHERWISE]].concat());
}

/// Two of them.
pub(super) struct Pair<T>(std::marker::PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Pair<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("PairOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let items = generator.subschema_for::<T>();
        json_schema!({ "type": "array", "items": items, "minItems": 2, "maxItems": 2 })
    }
}

const WHOLE: &str = "[0-9][0-9_]*";

/// All but blanks and punctuation other than `-`, `.` and `_`.
const NAME: &str = r"^[^\s!-,/:-@\[-^`{-~]+$";

/// A value with a parameter in it.
const PARAM: &str = r"\$\{.+\}";

/// A number with one of these units.
fn with_unit(units: &[(&str, u64)]) -> String {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).filter(|n| !n.is_empty()).collect();
    let optional = if names.len() < units.len() { "?" } else { "" };
    format!(r"[0-9][0-9_]*(\.[0-9][0-9_]*)? *({}){optional}", names.join("|"))
}

/// A value, or two with `..` or `..=` between them.
fn range_of(value: &str) -> String {
    format!(r"^ *{value} *(\.\.=? *{value} *)?$")
}

/// A text that is a value or a range of it, or something else that is a value, too.
fn ranged(value: &str, plain: Option<Value>, description: &str) -> Schema {
    let text = json!({ "type": "string", "pattern": range_of(value) });
    let param = json!({ "type": "string", "pattern": PARAM });
    let forms: Vec<Value> = [Some(text), Some(param), plain].into_iter().flatten().collect();
    json_schema!({ "description": description, "anyOf": forms })
}

/// One of these, or a value with a parameter in it.
fn word(names: &[&str]) -> Schema {
    let param = json!({ "type": "string", "pattern": PARAM });
    json_schema!({ "anyOf": [{ "type": "string", "enum": names }, param] })
}

fn one_of(names: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": names })
}

/// A number for each thing that can be done with a key.
fn mix() -> Schema {
    let description = "How often, compared to the others.";
    let weight = json!({ "description": description, "type": "integer", "minimum": 0 });
    let ops: serde_json::Map<String, Value> =
        KeyOp::ALL.into_iter().map(|op| (op.name().to_owned(), weight.clone())).collect();
    json_schema!({ "type": "object", "properties": ops, "additionalProperties": false })
}

/// A number for each kind that a swarm can draw.
fn weights() -> Schema {
    let description = "How often it is drawn, compared to the others.";
    let weight = json!({ "description": description, "type": "integer", "minimum": 0 });
    let kinds: serde_json::Map<String, Value> = crate::plan::swarm_kinds()
        .into_iter()
        .map(|kind| (kind.to_owned(), weight.clone()))
        .collect();
    json_schema!({ "type": "object", "properties": kinds, "additionalProperties": false })
}

/// The kinds by name, with what each promises where an editor can show it.
fn guarantee_kinds() -> Schema {
    let kinds = guarantee::kinds();
    let sentence = |kind: &&str| guarantee::find(kind).map_or("", |spec| spec.sentence);
    let sentences: Vec<&str> = kinds.iter().map(sentence).collect();
    json_schema!({
        "type": "string",
        "enum": kinds,
        "x-taplo": { "docs": { "enumValues": sentences } },
    })
}
