//! The built-in agent: speaks the Agent Client Protocol on its standard input and output, jailed like any other agent.
//!
//! `demo` is its only provider so far: no model, no account, no network. It does what it is told in a handful of words, and shows
//! what the product does: streaming, permission requests, tools, sessions that come back, and what the jail refuses.

mod demo;
mod escape;
mod history;
mod server;
mod shell;
mod turn;
mod wire;

#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::model::exit;
use history::Histories;
use server::Server;
use wire::Wire;

/// Serves one client on standard input and output until standard input ends. Exit codes: 0, 1 where it cannot serve, 64 for a
/// provider that does not exist.
pub fn run(provider: &str) -> ExitCode {
    if provider != "demo" {
        return complain(&format!("there is no provider `{provider}`; there is `demo`"), exit::BAD_CONFIGURATION);
    }
    let Some(home) = std::env::var_os("HOME").filter(|home| !home.is_empty()) else {
        return complain("HOME is not set; the demo agent keeps its sessions there", exit::FAILURE);
    };
    let histories = match Histories::open(&PathBuf::from(home)) {
        Ok(histories) => histories,
        Err(error) => return complain(&error.to_string(), exit::FAILURE),
    };
    Server::new(Wire::start(std::io::stdin(), std::io::stdout()), histories).serve();
    ExitCode::SUCCESS
}

fn complain(what: &str, code: u8) -> ExitCode {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "kiroclaw agent: {what}");
    ExitCode::from(code)
}
