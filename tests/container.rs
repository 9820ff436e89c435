//! The appliance in containers, by real engines that `tests/container/run` starts: images, `docker/compose.yaml`, `docker/kiroclaw.container`.
//! What is said of a container there is looked at from inside and from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code: a panic is its failure"
)]

#[path = "attack/battery.rs"]
mod battery;
#[path = "container/calls.rs"]
mod calls;
#[path = "container/compose.rs"]
mod compose;
#[path = "container/engine.rs"]
mod engine;
#[path = "container/fences.rs"]
mod fences;
#[path = "attack/foreign.rs"]
#[allow(dead_code, reason = "the table of attacks compares with all of them")]
mod foreign;
#[path = "container/images.rs"]
mod images;
#[path = "container/life.rs"]
mod life;
#[path = "container/podman.rs"]
mod podman;
#[path = "attack/policy.rs"]
#[allow(dead_code, reason = "shared with the tests of attacks, which do more with it")]
mod policy;
#[path = "attack/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of attacks, which do more with it")]
mod stage;
mod stand_in;
