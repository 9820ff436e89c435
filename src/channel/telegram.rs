//! The Telegram Bot API: a client for the methods that the bot uses, long polling, and Markdown as text with entities.
//!
//! Nothing in here decides anything about users or sessions; that is the gateway's.

pub mod api;
pub mod backoff;
pub mod methods;
pub mod poll;
pub mod render;
pub mod types;
