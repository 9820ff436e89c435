//! Who is logged in, and the login by a code. What a person would confirm in a browser they confirm here with a line.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

/// The login's database.
fn place() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share/kiro-cli/data.sqlite3"))
}

/// How somebody is logged in: by a key in the environment, or by the login's database.
pub(crate) fn kind() -> Option<&'static str> {
    if std::env::var_os("KIRO_API_KEY").is_some_and(|key| !key.is_empty()) {
        return Some("ApiKey");
    }
    place()?.is_file().then_some("BuilderId")
}

pub(crate) fn who_am_i() -> ExitCode {
    match kind() {
        Some(kind) => crate::say(&json!({"accountType": kind, "email": null, "region": null}).to_string()),
        None => refuse("Not logged in"),
    }
}

/// Wants a terminal, and nobody who is logged in already.
pub(crate) fn log_in() -> ExitCode {
    if kind().is_some() {
        return refuse("error: Already logged in, please logout with kiro-cli logout first");
    }
    if !io::stdin().is_terminal() {
        return refuse("error: a login wants a terminal");
    }
    crate::say("Open https://app.kiro.dev/device and enter ABCD-1234");
    let Some(place) = place() else {
        return refuse("error: there is no HOME");
    };
    let mut line = String::new();
    let made = match io::stdin().read_line(&mut line) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => place.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&place, "login")),
        Err(error) => Err(error),
    };
    match made {
        Ok(()) => crate::say("Logged in"),
        Err(error) => refuse(&format!("error: {error}")),
    }
}

fn refuse(why: &str) -> ExitCode {
    crate::complain(why);
    ExitCode::FAILURE
}
