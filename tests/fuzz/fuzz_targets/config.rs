//! Configuration texts: they end in a tree or in an error with a place, whatever files include and
//! variables name.
#![no_main]

use causeway_fuzz::config_checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    config_checks::configuration(input);
});
