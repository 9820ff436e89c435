//! `kiroclaw import`: the settings and conversations of other bots, as ours. It fails closed: who was not named is not let in.

mod picoclaw;
mod python_bot;
mod sessions;
mod yaml;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::archive::ArchiveError;
use crate::beneath::BeneathError;
use crate::cli::{self, ImportCommand};
use crate::config::{ConfigErrors, env_line, is_bot_token};
use crate::model::exit;
use crate::store::StoreError;

use super::placed::{Placed, PlacedError, write_all};
use super::staging::StagingError;
use super::text::clean_line;

/// Largest file of settings that is read, in bytes.
const LENGTH: u64 = 1024 * 1024;

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Format(String),
    #[error(transparent)]
    Placed(#[from] PlacedError),
    #[error("the conversations are taken over, but the settings are not: {0}")]
    Settings(PlacedError),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Beneath(#[from] BeneathError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What becomes of another bot's settings: files, and a line for all that is not taken over or is to be known.
#[derive(Debug, Default)]
struct Taken {
    /// What `.env` says, in order.
    settings: Vec<(&'static str, String)>,
    /// The bot's token.
    token: Option<String>,
    /// Further files.
    files: Vec<Placed>,
    /// What a person has to know.
    notes: Vec<String>,
}

impl Taken {
    fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }

    /// Takes a token, if it is one.
    fn token(&mut self, place: &str, token: &str) {
        if is_bot_token(token) {
            self.token = Some(token.to_owned());
        } else {
            // It may be another service's: it is not repeated.
            self.note(format!("{place} is not taken over: it is no Telegram bot's token"));
        }
    }

    /// Takes the people who may use the bot; `none_meant` is what it meant there when nobody was named.
    fn people(&mut self, place: &str, ids: &[i64], none_meant: &str) {
        let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
        if list.is_empty() {
            self.note(format!("{place} names nobody by a numeric id, which meant {none_meant}; here nobody may use the bot until ALLOWED_TELEGRAM_IDS names them"));
        }
        self.settings.push(("ALLOWED_TELEGRAM_IDS", list.join(",")));
    }

    /// All files.
    fn placed(&self) -> Vec<Placed> {
        let mut env = String::new();
        if self.token.is_some() {
            env.push_str("BOT_TOKEN_FILE=secrets/bot-token\n");
        }
        for (name, value) in &self.settings {
            env.push_str(&env_line(name, value).unwrap_or_default());
        }
        let token = self.token.iter().map(|token| Placed::new("secrets/bot-token", format!("{token}\n")));
        [Placed::new(".env", env)].into_iter().chain(token).chain(self.files.iter().cloned()).collect()
    }

    /// What would be written, without a secret.
    fn shown(&self, to: &Path) -> String {
        let mut text = String::new();
        for file in self.placed() {
            text.push_str(&format!("{}:\n", to.join(&file.path).display()));
            if file.is_secret() {
                text.push_str("  (a secret, not shown)\n");
            } else if file.path == Path::new(".env") {
                let content = String::from_utf8_lossy(file.content.expose()).into_owned();
                content.lines().for_each(|line| text.push_str(&format!("  {}\n", clean_line(line))));
            } else {
                text.push_str(&format!("  ({} bytes)\n", file.content.expose().len()));
            }
        }
        text + &self.told()
    }

    fn told(&self) -> String {
        self.notes.iter().map(|note| format!("- {}\n", clean_line(note))).collect()
    }
}

/// Takes over. Exit codes: 0 done, 64 bad configuration.
pub fn run(arguments: &cli::Import) -> ExitCode {
    let done = match &arguments.command {
        ImportCommand::Picoclaw(picoclaw) => import_picoclaw(picoclaw),
        ImportCommand::Kiroclaw(kiroclaw) => python_bot::import(kiroclaw),
    };
    match done {
        Ok(text) => {
            eprint!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let nothing = if matches!(error, ImportError::Settings(_)) { "" } else { "\nNothing was written." };
            eprintln!("kiroclaw import: {error}{nothing}");
            ExitCode::from(if matches!(error, ImportError::Config(_)) { exit::BAD_CONFIGURATION } else { exit::FAILURE })
        }
    }
}

fn import_picoclaw(arguments: &cli::ImportPicoclaw) -> Result<String, ImportError> {
    let text = read(&arguments.file)?;
    let secrets = match read(&arguments.file.with_file_name(".security.yml")) {
        Err(ImportError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let taken = picoclaw::read(&text, &secrets).map_err(ImportError::Format)?;
    finish(&taken, &arguments.to, arguments.dry_run)
}

/// Writes, or shows what would be written.
fn finish(taken: &Taken, to: &Path, dry_run: bool) -> Result<String, ImportError> {
    if dry_run {
        return Ok(taken.shown(to));
    }
    write_all(to, &taken.placed())?;
    Ok(format!("Written to {}: {}\n{}", to.display(), names(&taken.placed()), taken.told()))
}

fn names(files: &[Placed]) -> String {
    let mut names: Vec<String> = files.iter().map(|file| file.path.display().to_string()).collect();
    let more = names.len().saturating_sub(8);
    names.truncate(8);
    names.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}

fn read(path: &Path) -> Result<String, ImportError> {
    let failed = |source| ImportError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(LENGTH + 1).read_to_string(&mut text)).map_err(failed)?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= LENGTH) {
        Ok(text)
    } else {
        Err(failed(io::Error::other("it is larger than 1 MiB")))
    }
}
