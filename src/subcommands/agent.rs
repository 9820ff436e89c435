//! `kiroclaw agent`: the agent in this binary, on standard input and output.

use std::process::ExitCode;

use crate::{agent, cli};

/// Runs it until its input ends.
pub fn run(arguments: &cli::Agent) -> ExitCode {
    agent::run(&arguments.provider)
}
