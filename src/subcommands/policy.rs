//! `kiroclaw policy explain AGENT`: what an agent may do, and what holds it to that on this machine.

mod explanation;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli;
use crate::config::{Config, Secrets, Sources, load};
use crate::model::exit;

use super::inside::look;
use super::text::clean;
use explanation::Explanation;

/// Runs it.
pub fn run(arguments: &cli::Policy) -> ExitCode {
    let cli::PolicyCommand::Explain(explain) = &arguments.command;
    let loaded = Sources::of_process().map_err(|error| error.to_string());
    let loaded = loaded.and_then(|sources| load(&sources).map_err(|errors| errors.to_string()));
    match loaded {
        Ok((config, secrets)) => explained(explain, &config, &secrets),
        Err(why) => {
            eprintln!("kiroclaw: {why}");
            ExitCode::from(exit::BAD_CONFIGURATION)
        }
    }
}

fn explained(arguments: &cli::Explain, config: &Config, secrets: &Secrets) -> ExitCode {
    let found = config.agents.iter().find(|(name, _)| name.as_str() == arguments.agent);
    let Some((_, agent)) = found else {
        let names: Vec<&str> = config.agents.keys().map(|name| name.as_str()).collect();
        eprintln!("kiroclaw: there is no agent `{}`; there is: {}", clean(&arguments.agent), names.join(", "));
        return ExitCode::FAILURE;
    };
    let explanation = Explanation::new(config, secrets, agent, look(Some((config, agent))));
    let text = if arguments.json { explanation.to_json() } else { clean(&explanation.to_string()) };
    // Who reads our output may have enough of it; the exit code is the result all the same.
    let _ = writeln!(io::stdout(), "{text}");
    if explanation.starts { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
