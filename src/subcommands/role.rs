//! The internal roles: how each process of the appliance receives what it is to work with. `kiroclaw run` starts them, nobody else.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use crate::ipc::bundle::{self, Bundle, BundleError};
use crate::ipc::{IpcError, Link};
use crate::jail::sys;
use crate::model::control::{ToEgress, ToGateway};
use crate::warden::Tie;
use crate::{egress, gateway, logging, warden};

/// One of the processes behind `kiroclaw run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InternalRole {
    /// Starts and ends the others. Its bundle is standard input.
    Warden(Tie),
    /// Its standard input is its link to the warden.
    Gateway,
    /// Its standard input is its link to the warden.
    Egress,
}

/// Why a role has nothing to work with.
#[derive(Debug, thiserror::Error)]
enum RoleError {
    #[error("this process is started by `kiroclaw run` alone: it got no configuration")]
    NoBundle,
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Link(#[from] IpcError),
    #[error("descriptors and signals cannot be taken over: {0}")]
    TakeOver(#[from] io::Error),
}

impl InternalRole {
    /// The role that these arguments name, if they name one.
    pub fn parse(arguments: &[&str]) -> Option<Self> {
        match arguments {
            ["warden"] => Some(Self::Warden(Tie::Free)),
            ["warden", "--attached"] => Some(Self::Warden(Tie::Attached)),
            ["gateway"] => Some(Self::Gateway),
            ["egress"] => Some(Self::Egress),
            _ => None,
        }
    }

    /// The role's whole life.
    pub fn run(self) -> ExitCode {
        // All that it needs comes by standard input. Whatever else the starter left open, none of ours and nobody below is to have.
        let swept = sys::close_from(3).map_err(RoleError::from);
        let done = swept.and_then(|()| match self {
            Self::Warden(tie) => bundle_from_stdin().map(|bundle| warden::run(bundle, tie)),
            Self::Gateway => receive(&ToGateway::Bundle).map(|(link, bundle)| gateway::run(link, bundle.config, bundle.secrets)),
            Self::Egress => receive(&ToEgress::Bundle).map(|(link, bundle)| egress::run(link, &bundle.config)),
        });
        done.unwrap_or_else(|error| {
            eprintln!("kiroclaw: {error}");
            ExitCode::FAILURE
        })
    }
}

fn bundle_from_stdin() -> Result<Bundle, RoleError> {
    let bundle: Bundle = bundle::open(io::stdin())?;
    // Nothing keeps the secrets of all roles open from here on.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?).map_err(io::Error::from)?;
    logging::start(bundle.config.log_level);
    Ok(bundle)
}

/// The link that was given as standard input, and the bundle that comes first on it.
fn receive<T: DeserializeOwned + PartialEq>(first: &T) -> Result<(Link, Bundle), RoleError> {
    sys::unblock_signals()?;
    let link = Link::from_fd(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?).map_err(io::Error::from)?;
    let (message, fds) = link.recv::<T>()?.ok_or(RoleError::NoBundle)?;
    let fd = fds.into_iter().next().filter(|_| message == *first).ok_or(RoleError::NoBundle)?;
    let bundle: Bundle = bundle::open(fd)?;
    logging::start(bundle.config.log_level);
    Ok((link, bundle))
}
