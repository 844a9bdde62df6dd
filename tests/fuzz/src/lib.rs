//! What the fuzz targets assert.

/// For the parsers: the checks of the property tests of `causeway-wire`.
#[path = "../../../broker/wire/tests/checks/mod.rs"]
pub mod checks;

/// For the configuration: the checks of the property tests of `causeway-config`.
#[path = "../../../broker/config/tests/checks/mod.rs"]
pub mod config_checks;

mod host;

/// For the broker: whole streams through a node.
pub mod streams;
