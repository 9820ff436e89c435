//! The commands, each a function from its arguments to an exit code.

#![expect(clippy::print_stderr, reason = "a command speaks to the person who typed it")]

pub mod agent;
mod ask;
pub mod backup;
pub mod chat;
pub mod doctor;
pub mod health;
pub mod import;
mod inside;
pub mod jail;
mod locks;
mod manifest;
mod owner;
mod placed;
pub mod policy;
pub mod restore;
pub mod role;
pub mod run;
mod staging;
mod text;
mod tree;
