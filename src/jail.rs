//! The jail: what makes the process that can be talked into things unable to do anything with it.
//!
//! [`Plan`] decides what a command may see and reach; [`Prepared`] acts on it, in one sequence that ends in `exec`.
//! [`role::lock_down`] does the like for our own roles. Everything fails closed: what the plan names and this kernel cannot enforce is an error.

mod apart;
mod attempts;
mod confine;
mod domain;
mod filter;
pub mod guarantees;
mod keeper;
mod limits;
mod plan;
mod privileges;
pub mod probe;
pub mod role;
mod sockets;
pub mod sys;
mod view;
mod watch;

use std::io;
use std::path::PathBuf;

pub use apart::Apart;
pub use attempts::{Outside, Tried, began};
pub use confine::{Inside, Keeper, Prepared, Side};
pub use guarantees::Means;
pub use keeper::Manner;
pub use plan::{Home, Plan, PlanError};

use crate::model::guarantee::{Guarantee, names};

/// Why there is no jail. Nothing of the command has run.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// The kernel has no Landlock, or it is not switched on.
    #[error(
        "This kernel has no Landlock, without which nothing can be jailed: use Linux 6.7 or newer with `landlock` in the boot parameter `lsm=`"
    )]
    NoLandlock,
    /// The kernel's Landlock cannot restrict TCP, and the agent's policy names hosts.
    #[error(
        "This kernel's Landlock (ABI {0}) cannot restrict the network, and the agent's policy names hosts: allow user namespaces, use Linux 6.7 or newer, or an agent without hosts"
    )]
    NoNetworkRules(i32),
    /// What the agent's policy needs is not to be had here.
    #[error(
        "This machine cannot hold an agent to: {names}. Mend it: {mend}; or accept the hole: ACCEPT_MISSING={names}. `kiroclaw doctor` says more.",
        names = names(guarantees)
    )]
    Missing {
        /// The guarantees that are missing.
        guarantees: Vec<Guarantee>,
        /// What would supply the first of them.
        mend: &'static str,
    },
    /// A path that the plan names cannot be opened.
    #[error("The jail cannot grant {}: {source}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Landlock refused something.
    #[error("Landlock refused the jail's rules: {0}")]
    Landlock(String),
    /// seccomp refused a filter.
    #[error("seccomp refused the filter `{0}`: {1}")]
    Seccomp(&'static str, String),
    /// Capabilities could not be dropped, or are there after they were.
    #[error("Capabilities could not be dropped: {0}")]
    Capabilities(String),
    /// A restriction would hold for one thread only.
    #[error("There are {0} threads already; the jail has to be made before there is a second one")]
    Threads(usize),
    /// A system call of the sequence failed.
    #[error("The jail could not be made: {operation}: {source}")]
    Step {
        /// What was done.
        operation: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// What is done before the jail, on the command's behalf, failed.
    #[error("{0}")]
    Preparation(String),
    /// The command could not be executed.
    #[error("{program} cannot be executed: {source}")]
    Execute {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

impl JailError {
    /// For `map_err` behind a step of the sequence.
    fn step<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Step { operation, source: source.into() }
    }
}
