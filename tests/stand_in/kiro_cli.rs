//! A scripted kiro-cli for the tests: both engines' dialects, sessions and locks on disk, and every fault that a test asks for.
//!
//! Installed twice, as `bin/kiro-cli` and `bin/kiro-cli-chat`: the first is the launcher, which starts the second and
//! waits for it, as the real one does. What it does in a turn is the prompt's own text, one word of script a line; the
//! table of words is in `kiro_cli/script.rs`, the switches for faults outside a turn in `kiro_cli/switches.rs`.

#[path = "kiro_cli/agents.rs"]
mod agents;
#[path = "kiro_cli/args.rs"]
mod args;
#[path = "kiro_cli/check.rs"]
mod check;
#[path = "kiro_cli/deeds.rs"]
mod deeds;
#[path = "kiro_cli/dialect.rs"]
mod dialect;
#[path = "kiro_cli/disk.rs"]
mod disk;
#[path = "kiro_cli/files.rs"]
mod files;
#[path = "kiro_cli/login.rs"]
mod login;
#[path = "kiro_cli/script.rs"]
mod script;
#[path = "kiro_cli/server.rs"]
mod server;
#[path = "kiro_cli/shows.rs"]
mod shows;
#[path = "kiro_cli/switches.rs"]
mod switches;
#[path = "kiro_cli/tools.rs"]
mod tools;
#[path = "kiro_cli/turn.rs"]
mod turn;
#[path = "kiro_cli/wire.rs"]
mod wire;

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::args::Call;
use crate::switches::Switches;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let name = words.first().map(|word| Path::new(word).file_name().unwrap_or_default().to_owned()).unwrap_or_default();
    let is_chat = name == "kiro-cli-chat";
    match args::parse(words.get(1..).unwrap_or_default()) {
        Ok(Call::Version) => say(&format!("kiro-cli {}", Switches::read().version)),
        Ok(Call::WhoAmI) => login::who_am_i(),
        Ok(Call::Login) => login::log_in(),
        Ok(Call::Orphan { stubborn }) => deeds::make_orphan(stubborn),
        Ok(Call::Sleeper) => deeds::sleep_long(),
        Ok(Call::Acp(_)) if !is_chat => launch(words.get(1..).unwrap_or_default()),
        Ok(Call::Acp(launch)) => server::serve(&launch),
        Err(why) => {
            complain(&format!("error: {why}"));
            ExitCode::from(2)
        }
    }
}

fn say(line: &str) -> ExitCode {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One line to stderr.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The launcher: starts `kiro-cli-chat` beside itself with its own streams, and passes its exit status on.
/// It forwards no signal, so that ending it alone leaves the child behind.
fn launch(words: &[String]) -> ExitCode {
    let switches = Switches::read();
    let chat = own_dir().join("kiro-cli-chat");
    let mut command = if switches.ignore_sigterm {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(r#"trap "" TERM; exec "$0" "$@""#).arg(&chat);
        command
    } else {
        Command::new(&chat)
    };
    match command.args(words).status() {
        Ok(status) => {
            let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        Err(error) => {
            complain(&format!("error: cannot start {}: {error}", chat.display()));
            ExitCode::FAILURE
        }
    }
}

/// The directory that the program lies in.
fn own_dir() -> PathBuf {
    let program = std::env::current_exe().or_else(|_| std::env::args().next().map(PathBuf::from).ok_or(()));
    program.ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default()
}
