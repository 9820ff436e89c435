//! The commands, each a function from its arguments to an exit code.

#![expect(clippy::print_stderr, reason = "a command speaks to the person who typed it")]

pub mod agent;
mod ask;
pub mod chat;
pub mod doctor;
pub mod health;
mod inside;
pub mod jail;
pub mod policy;
pub mod role;
pub mod run;
mod text;
