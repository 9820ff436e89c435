//! Files in and out of a thread's workspace, in parts that know no channel.
//!
//! Out: [`tag`] finds what the agent wants sent, [`outgoing`] opens it, [`kind`] sees what it is. In: [`incoming`] keeps a download
//! over a crash and places it in the workspace under a name of [`name`]; [`fetch`] does that for what a person sent. [`listing`] shows what is there.

pub(crate) mod fetch;
pub(crate) mod incoming;
pub(crate) mod kind;
pub(crate) mod listing;
pub(crate) mod name;
pub(crate) mod outgoing;
pub(crate) mod tag;
