//! `kiroclaw`: parse → dispatch → exit code.
//!
//! Exit codes: 0 success, 1 failure, 64 bad configuration or usage, 69 Telegram refused the token;
//! `kiroclaw jail` gives those of its command.

use std::io::Write;
use std::process::ExitCode;

use argh::{EarlyExit, FromArgs};
use kiroclaw::cli::{Cli, Command};
use kiroclaw::model::exit;
use kiroclaw::subcommands;
use kiroclaw::subcommands::role::InternalRole;

fn main() -> ExitCode {
    let Ok(arguments) = std::env::args_os().skip(1).map(|argument| argument.into_string()).collect::<Result<Vec<_>, _>>() else {
        return bad_usage("kiroclaw: an argument is not valid UTF-8\n");
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let Some(role) = InternalRole::parse(&arguments) {
        return role.run();
    }
    match Cli::from_args(&["kiroclaw"], &arguments) {
        Ok(cli) => dispatch(&cli.command),
        Err(EarlyExit { output, status: Ok(()) }) => match std::io::stdout().write_all(output.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(EarlyExit { output, status: Err(()) }) => bad_usage(&output),
    }
}

fn dispatch(command: &Command) -> ExitCode {
    match command {
        Command::Run(_) => subcommands::run::run(),
        Command::Chat(chat) => subcommands::chat::run(chat),
        Command::Doctor(doctor) => subcommands::doctor::run(doctor),
        Command::Health(health) => subcommands::health::run(health),
        Command::Policy(policy) => subcommands::policy::run(policy),
        Command::Jail(jail) => subcommands::jail::run(jail),
        Command::Agent(agent) => subcommands::agent::run(agent),
        Command::Backup(backup) => subcommands::backup::run(backup),
        Command::Restore(restore) => subcommands::restore::run(restore),
        Command::Import(import) => subcommands::import::run(import),
    }
}

fn bad_usage(text: &str) -> ExitCode {
    // Without a standard error there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(exit::BAD_CONFIGURATION)
}
