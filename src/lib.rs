//! kiroclaw: talk from a phone to an AI agent on your own small server, with the agent in a jail.
//!
//! The modules follow the way of a message; ARCHITECTURE.md has the map and the invariants.

pub mod acp;
pub mod age;
pub mod agent;
pub mod archive;
pub mod beneath;
pub mod channel;
pub mod cli;
pub mod config;
pub mod egress;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gateway;
pub mod ipc;
pub mod jail;
pub mod jsonrpc;
pub mod logging;
pub mod model;
pub mod provision;
pub mod store;
pub mod subcommands;
pub mod warden;
