//! The words of the product as types: who, where, what, and how much of it at most.
//!
//! Every other module may use this one; this one uses none of them.

pub mod bounds;
pub mod control;
pub mod excess;
pub mod exit;
pub mod guarantee;
pub mod health;
pub mod ids;
pub mod inbound;
pub mod language;
pub mod outbound;
pub mod permission;
pub mod pulse;
pub mod secret;
pub mod target;

pub use excess::Excess;
pub use guarantee::{Guarantee, Minimum, Rule};
pub use ids::{AcpSessionId, AgentName, ChannelKind, RuntimeId, ThreadId, UserId};
pub use language::Language;
pub use pulse::{Pulse, Signs};
pub use secret::Secret;
pub use target::Target;
