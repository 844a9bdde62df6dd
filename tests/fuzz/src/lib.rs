//! What the fuzz targets assert: the same checks as the property tests of `causeway-wire`.

#[path = "../../../broker/wire/tests/checks/mod.rs"]
pub mod checks;
