//! The ways by which people reach the bot. A channel knows its own wire and nothing of sessions, stores or agents.

pub mod local;
pub mod telegram;
