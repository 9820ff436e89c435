//! Drives one of `kiroclaw::fuzzing::PROMISES`: the one that the variable PROMISE names.

#![no_main]

use std::sync::LazyLock;

use kiroclaw::fuzzing::PROMISES;
use libfuzzer_sys::fuzz_target;

static HOLDS: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("PROMISE").unwrap_or_default();
    let found = PROMISES.iter().find(|(promise, _)| *promise == name);
    found.unwrap_or_else(|| panic!("PROMISE={name}, and there are only {:?}", PROMISES.iter().map(|(name, _)| name).collect::<Vec<_>>())).1
});

fuzz_target!(|bytes: &[u8]| HOLDS(bytes));
