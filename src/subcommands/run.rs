//! `kiroclaw run`: reads the configuration and becomes the warden.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

use crate::config::{Config, Secrets, Sources, load_to_run};
use crate::ipc::bundle::{self, Bundle, BundleError};
use crate::model::exit;
use crate::warden::{NOTIFY_SOCKET, READY_LINE};

/// Why the appliance did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The bundle cannot be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The warden cannot be executed.
    #[error("kiroclaw cannot execute itself (/proc/self/exe; is /proc mounted?): {0}")]
    Execute(#[from] io::Error),
    /// It ended before it served.
    #[error("kiroclaw did not start; its messages say why")]
    NotReady,
}

/// Runs the appliance in this very process; comes back only when that fails.
///
/// This process's memory and environment hold the secrets in clear. Executing ourselves anew leaves both behind; the process keeps
/// its number, which is what systemd and containers watch.
pub fn run() -> ExitCode {
    let sources = match Sources::of_process() {
        Ok(sources) => sources,
        Err(error) => {
            eprintln!("kiroclaw: the working directory cannot be found: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (config, secrets) = match load_to_run(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprintln!("kiroclaw: {errors}");
            return ExitCode::from(exit::BAD_CONFIGURATION);
        }
    };
    match bundle::seal(&Bundle { config, secrets }) {
        Ok(bundle) => {
            // An address, and no secret: the warden reports there.
            let supervisor = std::env::var_os(NOTIFY_SOCKET).map(|socket| (NOTIFY_SOCKET, socket));
            let error = StartError::Execute(warden(bundle, &[]).envs(supervisor).exec());
            eprintln!("kiroclaw: {error}");
        }
        Err(error) => eprintln!("kiroclaw: {error}"),
    }
    ExitCode::FAILURE
}

/// An appliance of our own, for as long as this value lives.
#[derive(Debug)]
pub struct Attached {
    warden: Child,
}

/// Starts an appliance without Telegram, which stops when the result is dropped or this process ends, however it ends.
/// Its log goes to `log`. Blocks until it serves: a role that does not get ready in its time ends the whole.
///
/// # Errors
/// It cannot be executed, or ended before it served.
pub fn start_attached(config: Config, secrets: Secrets, log: Stdio) -> Result<Attached, StartError> {
    let bundle = bundle::seal(&Bundle { config, secrets: Secrets { bot_token: None, ..secrets } })?;
    // Its own group: Ctrl-C at the terminal is meant for the turn, not for the appliance.
    let warden = warden(bundle, &["--attached"]).process_group(0).stdout(Stdio::piped()).stderr(log).spawn()?;
    let mut attached = Attached { warden };
    let mut line = [0; READY_LINE.len()];
    match attached.warden.stdout.as_mut().map(|stdout| stdout.read_exact(&mut line)) {
        Some(Ok(())) if line == READY_LINE.as_bytes() => Ok(attached),
        _ => Err(StartError::NotReady),
    }
}

impl Drop for Attached {
    /// Closes the pipe, which is the sign to stop, and waits until the appliance has; the warden bounds that wait.
    fn drop(&mut self) {
        drop(self.warden.stdout.take());
        // It is gone one way or the other.
        let _ = self.warden.wait();
    }
}

fn warden(bundle: OwnedFd, more: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("kiroclaw").arg("warden").args(more).env_clear().stdin(bundle);
    command
}
