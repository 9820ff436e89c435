//! `kiroclaw restore`: a backup becomes the state of this machine, all of it or nothing.
//!
//! It is unpacked beside the state's place, where nothing counts, and takes its place when its last byte was verified. Where that place is,
//! this machine's settings say, not those in the backup.

mod unpack;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::age::{self, AgeError};
use crate::archive::ArchiveError;
use crate::cli;
use crate::config::{self, Config, ConfigErrors, Sources, env_line};
use crate::model::{Secret, exit};
use crate::store::{Store, StoreError};

use super::locks::{self, LocksError};
use super::manifest::{FORM, Manifest};
use super::owner::become_owner;
use super::placed::{self, PlacedError};
use super::staging::{Staging, StagingError};
use unpack::Unpacked;

/// Bytes read at a time.
const BUFFER: usize = 128 * 1024;

/// What a restore may write into the directory for settings.
const SETTINGS: [&str; 4] = [".env", "config.json", "kiro-config", "secrets"];

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
enum RestoreError {
    #[error("the working directory cannot be found: {0}")]
    Directory(io::Error),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Locks(#[from] LocksError),
    #[error("{place}: {source}")]
    Io { place: String, source: io::Error },
    #[error("it cannot be opened: {0}")]
    Age(#[from] AgeError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("it is no backup of kiroclaw: {0}")]
    Foreign(&'static str),
    #[error("it was made by kiroclaw {by}, in form {form}; this one knows forms up to {FORM}: use the newer kiroclaw")]
    Newer { by: String, form: u32 },
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Placed(#[from] PlacedError),
    #[error("the state is restored, but its settings are not written: {0}")]
    Settings(PlacedError),
}

fn io_error(place: &str) -> impl FnOnce(io::Error) -> RestoreError {
    let place = place.to_owned();
    move |source| RestoreError::Io { place, source }
}

/// Restores one, or checks it. Exit codes: 0 when all is in its place, 64 for bad configuration.
pub fn run(arguments: &cli::Restore) -> ExitCode {
    match restore(arguments) {
        Ok(told) => {
            eprint!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let nothing = if matches!(error, RestoreError::Settings(_)) { "" } else { "\nNothing was restored." };
            eprintln!("kiroclaw restore: {error}{nothing}");
            ExitCode::from(if matches!(error, RestoreError::Config(_)) { exit::BAD_CONFIGURATION } else { exit::FAILURE })
        }
    }
}

fn restore(arguments: &cli::Restore) -> Result<String, RestoreError> {
    let (config, _) = config::load(&Sources::of_process().map_err(RestoreError::Directory)?)?;
    if let Some(directory) = &arguments.settings {
        placed::check_free(directory, &SETTINGS.map(Path::new))?;
    }
    let unlock = locks::unlock(arguments.passphrase_file.as_deref(), &arguments.identity, &arguments.from)?;
    let input: Box<dyn Read> = if arguments.from == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&arguments.from).map_err(io_error(&arguments.from))?)
    };
    let as_owner = become_owner(&config.state).map_err(io_error("the user of the service"))?;
    let plain = age::decrypt(&unlock, BufReader::with_capacity(BUFFER, input))?;
    let mut reader = unpack::begin(plain)?;
    if arguments.check {
        let unpacked = unpack::all(&mut reader, None)?;
        return Ok(format!("The backup is whole: {}\n", told(&unpacked.manifest)));
    }
    let staging = Staging::begin(&config)?;
    let mut unpacked = unpack::all(&mut reader, Some(&staging))?;
    import_store(&staging, &unpacked.manifest)?;
    staging.commit()?;
    drop(as_owner);
    let settings = settings(arguments.settings.as_deref(), &config, &mut unpacked)?;
    Ok(format!("Restored: {}\n{settings}", told(&unpacked.manifest)))
}

fn told(manifest: &Manifest) -> String {
    let Manifest { records, members, bytes, .. } = manifest;
    format!("{records} records of the store, {members} files and directories, {bytes} bytes of content.")
}

/// Makes the new store of its records.
fn import_store(staging: &Staging, manifest: &Manifest) -> Result<(), RestoreError> {
    let records = staging.path("records");
    let mut from = BufReader::new(File::open(&records).map_err(|_| RestoreError::Damaged("it has no store"))?);
    let store = Store::open(&staging.path("store"))?;
    let count = store.import(&mut from)?;
    if count != manifest.records || from.read(&mut [0]).map_err(io_error("the store's records"))? > 0 {
        return Err(RestoreError::Damaged("its store has another number of records than it says"));
    }
    store.close()?;
    std::fs::remove_file(&records).map_err(io_error("the store's records"))
}

/// Writes the settings where they are wanted, with the places of this machine; else says that they are there.
fn settings(directory: Option<&Path>, config: &Config, unpacked: &mut Unpacked) -> Result<String, RestoreError> {
    let Some(directory) = directory else {
        return Ok("Its settings are not written: `--settings DIR` does it, into an empty state.\n".to_owned());
    };
    let secrets: Vec<PathBuf> = unpacked.settings.iter().filter(|file| file.is_secret()).map(|file| file.path.clone()).collect();
    if let Some(env) = unpacked.settings.iter_mut().find(|file| file.path == Path::new(".env")) {
        let mut text = env.content.expose().clone();
        for (name, path) in [("STATE_DIR", &config.state), ("WORKSPACE_BASE_PATH", &config.workspaces)] {
            let line = path.to_str().and_then(|path| env_line(name, path)).unwrap_or_default();
            text.extend_from_slice(line.as_bytes());
        }
        env.content = Secret::new(text);
    }
    placed::write_all(directory, &unpacked.settings).map_err(RestoreError::Settings)?;
    let token = if secrets.is_empty() { "; the bot's token is not in this backup: BOT_TOKEN or BOT_TOKEN_FILE gives it" } else { "" };
    let mut text = format!("Its settings are in {}{token}.\n", directory.display());
    secrets.iter().for_each(|path| text.push_str(&format!("A secret is in {}.\n", directory.join(path).display())));
    Ok(text)
}
