//! `kiroclaw backup`: everything in one encrypted file, while the bot runs or not.
//!
//! The store is that of one moment, and is copied first: all that it knows of is then in the homes and workspaces, which are read after it,
//! as it was or further on. A turn that runs at that moment is told as interrupted after a restore, as after a crash.

mod output;
mod records;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::age::{self, AgeError, Encryptor, Lock};
use crate::archive::{ArchiveError, Kind, Member, Segments, Writer};
use crate::beneath::{Beneath, BeneathError};
use crate::cli;
use crate::config::{self, Config, ConfigErrors, Secrets, Sources, portable_env, portable_file};
use crate::model::{Secret, exit};
use crate::store::StoreError;
use crate::warden::ground::GroundError;

use super::locks::{self, LocksError};
use super::manifest::{BEGIN, Begin, END, FORM, HOMES, Manifest, SECRETS, SETTINGS, SETTINGS_BYTES, SETTINGS_FILES, STORE, WORKSPACES};
use super::owner::become_owner;
use super::text::clean_line;
use super::tree::{Report, Walk};
use output::Output;

/// Directories of users, and of one user's agents.
const USERS: usize = 65_536;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
enum BackupError {
    #[error("the working directory cannot be found: {0}")]
    Directory(io::Error),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Locks(#[from] LocksError),
    #[error("{} has no store: there is nothing to save (STATE_DIR is set, or default)", .0.display())]
    Nothing(PathBuf),
    #[error("{place}: {source}")]
    Io { place: String, source: io::Error },
    #[error("{} has more than templates do ({SETTINGS_FILES} files, {} MiB), and would not be restored; move what is none elsewhere", .0.display(), SETTINGS_BYTES >> 20)]
    Templates(PathBuf),
    #[error("the gateway refused: {0}")]
    Refused(String),
    #[error("the gateway that runs is of another version; use the same kiroclaw for both")]
    Strange,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ground(#[from] GroundError),
    #[error(transparent)]
    Beneath(#[from] BeneathError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("it cannot be encrypted: {0}")]
    Age(#[from] AgeError),
}

fn io_error(place: &str) -> impl FnOnce(io::Error) -> BackupError {
    let place = place.to_owned();
    move |source| BackupError::Io { place, source }
}

/// Makes one. Exit codes: 0 when it is whole and in its place, 64 for bad configuration.
pub fn run(arguments: &cli::Backup) -> ExitCode {
    match backup(arguments) {
        Ok(manifest) => {
            tell(&manifest);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("kiroclaw backup: {error}");
            ExitCode::from(if matches!(error, BackupError::Config(_)) { exit::BAD_CONFIGURATION } else { exit::FAILURE })
        }
    }
}

/// A backup that is being written.
type Archive<'a> = Writer<Encryptor<&'a mut Output>>;

/// What is saved beside trees: by its name in the archive.
type Texts = BTreeMap<PathBuf, Secret<Vec<u8>>>;

fn backup(arguments: &cli::Backup) -> Result<Manifest, BackupError> {
    let sources = Sources::of_process().map_err(BackupError::Directory)?;
    let (config, secrets) = config::load(&sources)?;
    if let Err(error) = config.store_dir().metadata() {
        let nothing = error.kind() == io::ErrorKind::NotFound;
        return Err(if nothing { BackupError::Nothing(config.state) } else { io_error(&config.store_dir().display().to_string())(error) });
    }
    let texts = texts(&sources, &secrets, arguments.with_secrets).map_err(io_error("the settings"))?;
    let lock = locks::lock(arguments.passphrase_file.as_deref(), &arguments.recipient, &arguments.recipients_file)?;
    let mut output = Output::create(&arguments.to).map_err(io_error(&arguments.to))?;
    let manifest = write(&mut output, &config, &lock, &texts, &arguments.to)?;
    output.finish().map_err(io_error(&arguments.to))?;
    Ok(manifest)
}

/// Writes all of it, as the owner of the state. What has to be opened or removed by somebody else is so outside of this.
fn write(output: &mut Output, config: &Config, lock: &Lock, texts: &Texts, to: &str) -> Result<Manifest, BackupError> {
    let _as_owner = become_owner(&config.state).map_err(io_error("the user of the service"))?;
    let records = records::copy(config)?;
    let mut archive = Writer::new(age::encrypt(lock, output)?);
    let manifest = fill(&mut archive, config, texts, &records)?;
    let mut told = Manifest::default();
    let sealed = archive.finish(Path::new(END), |sha256| {
        told = Manifest { sha256, ..manifest };
        json(&told)
    })?;
    sealed.finish().map_err(io_error(to))?;
    Ok(told)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain data of ours: this cannot fail.
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

/// Settings, and secrets where they are asked for.
fn texts(sources: &Sources, secrets: &Secrets, with_secrets: bool) -> io::Result<Texts> {
    let mut texts = Texts::new();
    let settings = Path::new(SETTINGS);
    texts.insert(settings.join(".env"), Secret::new(portable_env(sources)?.into_bytes()));
    if let Some(file) = portable_file(sources)? {
        texts.insert(settings.join("config.json"), Secret::new(file.into_bytes()));
    }
    if with_secrets {
        let one = [("bot-token", &secrets.bot_token), ("kiro-api-key", &secrets.kiro_api_key)];
        let one = one.into_iter().filter_map(|(name, secret)| Some((PathBuf::from(name), secret.as_ref()?)));
        let of_agents = secrets.of_agents.iter().flat_map(|(agent, all)| {
            let place = Path::new("agents").join(agent.as_str());
            all.iter().map(move |(name, secret)| (place.join(name), secret))
        });
        for (name, secret) in one.chain(of_agents) {
            texts.insert(Path::new(SECRETS).join(name), Secret::new(secret.expose().clone().into_bytes()));
        }
    }
    Ok(texts)
}

/// Everything between the encryption and the manifest.
fn fill(archive: &mut Archive<'_>, config: &Config, texts: &Texts, records: &records::Records) -> Result<Manifest, BackupError> {
    let made = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let begin = Begin { form: FORM, kiroclaw: env!("CARGO_PKG_VERSION").to_owned(), made };
    archive.bytes(Path::new(BEGIN), made, false, &json(&begin))?;
    let member = Member { path: STORE.into(), kind: Kind::File(records.length), executable: false, modified: made };
    if archive.file(&member, &Segments::dense(records.length), &records.file)? > 0 {
        return Err(BackupError::Strange);
    }
    for (path, content) in texts {
        archive.bytes(path, made, false, content.expose())?;
    }
    let mut report = Report::default();
    templates(archive, config, texts, &mut report)?;
    trees(archive, config, &mut report)?;
    let of_texts = u64::try_from(texts.len()).unwrap_or_default();
    Ok(Manifest {
        members: report.members.saturating_add(of_texts).saturating_add(2),
        records: records.count,
        bytes: report.bytes,
        changed: report.changed.count,
        changed_names: report.changed.names,
        left_out: report.left_out.count,
        left_out_names: report.left_out.names,
        sha256: String::new(),
    })
}

/// Templates: with the other settings no more than a restore takes.
fn templates(archive: &mut Archive<'_>, config: &Config, texts: &Texts, report: &mut Report) -> Result<(), BackupError> {
    if let (Some(above), Some(name)) = (config.kiro_config.parent(), config.kiro_config.file_name())
        && config.kiro_config.is_dir()
    {
        let root = Beneath::open(above)?;
        Walk::new(&root, archive, report).tree(Path::new(name), &Path::new(SETTINGS).join("kiro-config"))?;
    }
    let size = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let bytes = texts.values().fold(report.bytes, |sum, text| sum.saturating_add(size(text.expose().len())));
    if bytes > SETTINGS_BYTES || report.members.saturating_add(size(texts.len())) > size(SETTINGS_FILES) {
        return Err(BackupError::Templates(config.kiro_config.clone()));
    }
    Ok(())
}

/// Homes and workspaces. Of a home only HOME: the rest of it is made anew.
fn trees(archive: &mut Archive<'_>, config: &Config, report: &mut Report) -> Result<(), BackupError> {
    let entries = entries_of_a_user(config);
    let homes = Beneath::open(&config.homes_dir())?;
    for user in names(&homes, Path::new(""))?.iter().map(Path::new).filter(|user| *user != Path::new("by-hand")) {
        let mut walk = Walk::new(&homes, archive, report).at_most(entries);
        for agent in names(&homes, user)? {
            let home = user.join(agent).join("home");
            if homes.look(&home)?.is_some() {
                walk.tree(&home, &Path::new(HOMES).join(&home))?;
            }
        }
    }
    let workspaces = Beneath::open(&config.workspaces)?;
    for user in names(&workspaces, Path::new(""))? {
        Walk::new(&workspaces, archive, report).at_most(entries).tree(Path::new(&user), &Path::new(WORKSPACES).join(&user))?;
    }
    Ok(())
}

/// Entries that are looked at in one user's homes, and in their workspaces. Far more than they may have, whoever lowered that later.
fn entries_of_a_user(config: &Config) -> u64 {
    let most = config.agents.values().map(|agent| agent.limits.workspace_files).max();
    most.unwrap_or_default().saturating_mul(4).max(1_000_000)
}

/// The directories of people. Our own: no agent can write there.
fn names(root: &Beneath, path: &Path) -> Result<Vec<OsString>, BeneathError> {
    let mut names = root.list(path, USERS)?.unwrap_or_default();
    names.retain(|name| !name.as_encoded_bytes().starts_with(b".") && root.descend(&path.join(name)).is_ok());
    Ok(names)
}

/// What was saved, and what was not: on stderr, since the backup itself may be on standard output.
fn tell(manifest: &Manifest) {
    let Manifest { members, records, bytes, changed, left_out, .. } = manifest;
    let mut text = format!("Saved: {records} records of the store, {members} files and directories, {bytes} bytes of content.\n");
    let lists = [(changed, "changed while it was read", &manifest.changed_names), (left_out, "was left out", &manifest.left_out_names)];
    for (count, what, names) in lists.into_iter().filter(|(count, ..)| **count > 0) {
        text.push_str(&format!("{count} of what agents have {what}:\n"));
        names.iter().take(10).for_each(|name| text.push_str(&format!("  {}\n", clean_line(name))));
        if *count > 10 {
            text.push_str("  …and more; manifest.json in the backup names up to a hundred\n");
        }
    }
    // Without a standard error there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}
