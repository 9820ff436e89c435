//! Stand-ins for the services that the product talks to, shared by all test crates (`mod stand_in;`) and the benchmark.

#![allow(dead_code, unused_imports, reason = "every crate that includes the stand-ins uses its own part of them")]
#![allow(unreachable_pub, reason = "the stand-ins are a library to the crates that include them")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is the failure of the test")]

pub mod model;
pub mod telegram;
