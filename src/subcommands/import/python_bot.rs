//! The Python bot of the same name: `.env`, conversations, workspaces, templates, and kiro-cli's own files of the conversations.
//!
//! It kept a topic's number without its chat's; so its conversations become those of the private chat with each person, where the chat's
//! number is the person's.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::sessions::{self, Row};
use super::{ImportError, Taken, finish, read};
use crate::archive::{ArchiveError, Member, Segments};
use crate::beneath::Beneath;
use crate::cli;
use crate::config::{self, Config, Sources, read_env};
use crate::model::{AgentName, ThreadId, UserId};
use crate::store::{SessionKey, SessionRecord, Store, WorkspaceRecord};
use crate::subcommands::owner::become_owner;
use crate::subcommands::placed::{Placed, check_free};
use crate::subcommands::staging::Staging;
use crate::subcommands::tree::{Maker, Report, Sink, Walk};

/// The database's name.
const DATABASE: &str = "tg-acp.db";

/// Bytes of templates, which are held in memory.
const TEMPLATES: usize = 8 * 1024 * 1024;

/// Files of conversations that kiro-cli has, three each.
const SESSION_FILES: usize = 100_000;

/// Settings that mean the same, each with its bounds where it is a number.
const SAME: [(&str, Option<(u64, u64)>); 4] = [
    ("MAX_PROCESSES", Some((1, 64))),
    ("MAX_PROCESSES_PER_USER", Some((1, 64))),
    ("IDLE_TIMEOUT_SECONDS", Some((1, 86_400))),
    ("LOG_LEVEL", None),
];

/// Where things are, there.
struct Places {
    workspaces: PathBuf,
    /// `sessions/cli` of kiro-cli's directory.
    sessions: Option<PathBuf>,
}

/// Takes it over.
///
/// # Errors
/// [`ImportError`]; then nothing was written.
pub(super) fn import(arguments: &cli::ImportKiroclaw) -> Result<String, ImportError> {
    let from = absolute(&arguments.directory)?;
    let env = read_env(&read(&from.join(".env"))?);
    let mut taken = settings(&env);
    let given = |name: &str, default: &str| from.join(env.get(name).filter(|value| !value.is_empty()).map_or(default, String::as_str));
    templates(&mut taken, &given("KIRO_CONFIG_PATH", "kiro-config"), &arguments.to)?;
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".kiro"));
    let kiro = arguments.kiro_home.clone().or_else(home);
    let places = Places { workspaces: given("WORKSPACE_BASE_PATH", "workspaces"), sessions: kiro.map(|kiro| kiro.join("sessions/cli")) };
    let database = from.join(DATABASE);
    let mut rows = Vec::new();
    if database.exists() {
        let (found, notes) = sessions::read(&database).map_err(ImportError::Format)?;
        rows = found;
        notes.into_iter().for_each(|note| taken.note(note));
    } else {
        taken.note(format!("there is no {}: no conversations are taken over", database.display()));
    }
    if arguments.dry_run {
        return finish(&taken, &arguments.to, true).map(|shown| format!("{shown}- {} conversations with their workspaces\n", rows.len()));
    }
    let to = absolute_new(&arguments.to)?;
    check_free(&to, &taken.placed().iter().map(|file| file.path.as_path()).collect::<Vec<_>>())?;
    if !rows.is_empty() {
        let config = config_of(&taken, &to)?;
        conversations(&mut taken, &config, &places, &rows)?;
    }
    finish(&taken, &to, false).map_err(|error| match error {
        ImportError::Placed(error) if !rows.is_empty() => ImportError::Settings(error),
        error => error,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, ImportError> {
    path.canonicalize().map_err(|source| ImportError::Read { path: path.to_owned(), source })
}

/// Of a directory that may be missing yet.
fn absolute_new(path: &Path) -> Result<PathBuf, ImportError> {
    std::path::absolute(path).map_err(|source| ImportError::Read { path: path.to_owned(), source })
}

/// What its `.env` says and means the same here.
fn settings(env: &std::collections::BTreeMap<String, String>) -> Taken {
    let mut taken = Taken::default();
    let given = |name: &str| env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    match given("BOT_TOKEN") {
        Some(token) => taken.token("BOT_TOKEN", token),
        None => {
            taken.note("BOT_TOKEN is not set there: put the token into secrets/bot-token, and `BOT_TOKEN_FILE=secrets/bot-token` into .env")
        }
    }
    let words: Vec<&str> =
        given("ALLOWED_TELEGRAM_IDS").unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    let ids: Vec<i64> = words.iter().filter_map(|word| word.parse().ok()).filter(|id| *id > 0).collect();
    if ids.len() < words.len() {
        taken.note("ALLOWED_TELEGRAM_IDS has entries that are no users' numeric ids; they are not taken over");
    }
    taken.people("ALLOWED_TELEGRAM_IDS", &ids, "nobody");
    match given("KIRO_AGENT_NAME").map(|name| (name, name.parse::<AgentName>())) {
        Some((_, Ok(name))) => taken.settings.push(("KIRO_AGENT_NAME", name.to_string())),
        Some((_, Err(error))) => {
            taken.note(format!("KIRO_AGENT_NAME is not taken over: {error}; rename its file in kiro-config/agents too"))
        }
        None => {}
    }
    for (name, bounds) in SAME {
        let Some(value) = given(name) else { continue };
        let fits = match bounds {
            Some((low, high)) => value.parse().is_ok_and(|number| (low..=high).contains(&number)),
            None => ["DEBUG", "INFO", "WARNING", "ERROR"].contains(&value.to_ascii_uppercase().as_str()),
        };
        if fits {
            taken.settings.push((name, value.to_owned()));
        } else {
            taken.note(format!("{name} is not taken over: its value is not possible here"));
        }
    }
    let known = ["BOT_TOKEN", "ALLOWED_TELEGRAM_IDS", "KIRO_AGENT_NAME", "WORKSPACE_BASE_PATH", "KIRO_CONFIG_PATH"];
    for name in env.keys().filter(|name| !known.contains(&name.as_str()) && !SAME.iter().any(|(same, _)| same == name)) {
        taken.note(format!("{name} is not taken over: kiroclaw has nothing like it"));
    }
    taken
}

/// Its templates, unless there are some already.
fn templates(taken: &mut Taken, from: &Path, to: &Path) -> Result<(), ImportError> {
    if to.join("kiro-config").exists() {
        taken.note(format!("the templates that are in {} stay; those of the other bot are in {}", to.display(), from.display()));
        return Ok(());
    }
    let (Some(above), Some(name)) = (from.parent(), from.file_name()) else { return Ok(()) };
    if !from.is_dir() {
        taken.note(format!("there are no templates in {}", from.display()));
        return Ok(());
    }
    let (mut collected, mut report) = (Collected::default(), Report::default());
    Walk::new(&Beneath::open(above)?, &mut collected, &mut report).tree(Path::new(name), Path::new("kiro-config"))?;
    taken.files.extend(collected.files);
    report.left_out.names.into_iter().for_each(|name| taken.note(format!("left out: {name}")));
    Ok(())
}

/// The configuration that the new settings will make, with the places of the directory that they go to.
fn config_of(taken: &Taken, to: &Path) -> Result<Config, ImportError> {
    let mut sources = Sources::of_process().map_err(|source| ImportError::Read { path: PathBuf::from("."), source })?;
    sources.environment.extend(taken.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    sources.directory = to.to_owned();
    Ok(config::load(&sources)?.0)
}

/// All conversations, as the state of a new appliance.
fn conversations(taken: &mut Taken, config: &Config, places: &Places, rows: &[Row]) -> Result<(), ImportError> {
    let _as_owner = become_owner(&config.state).map_err(|source| ImportError::Read { path: config.state.clone(), source })?;
    let staging = Staging::begin(config)?;
    let store = Store::open(&staging.path("store"))?;
    let mut report = Report::default();
    let workspaces = match Beneath::open(&places.workspaces) {
        Err(error) if error.is_missing() => {
            taken.note(format!("there is no {}: workspaces begin empty", places.workspaces.display()));
            None
        }
        opened => Some(opened?),
    };
    let sessions = places.sessions.as_ref().filter(|path| path.is_dir()).map(|path| Beneath::open(path)).transpose()?;
    let mut without_history = 0_u64;
    for row in rows {
        let user = UserId::telegram(row.user);
        let thread = ThreadId::telegram(row.user, Some(row.topic));
        let key = SessionKey { user, thread, agent: config.default_agent.clone() };
        let record =
            SessionRecord { acp: Some(row.session.clone()), model: row.model.clone(), last_used: row.used, ..SessionRecord::new(user) };
        store.put_session(&key, &record)?;
        let path = Path::new(&user.dir_name()).join(thread.dir_name());
        let there = Path::new(&row.user.to_string()).join(row.topic.to_string());
        match workspace(workspaces.as_ref(), row, &there)? {
            Found::There(workspaces) => {
                Walk::new(workspaces, &mut Maker::new(staging.new_workspaces()), &mut report).tree(&there, &path)?
            }
            Found::Nothing => {}
            Found::Elsewhere => {
                taken.note(format!("the workspace {} of user {} lies elsewhere and is not taken over", row.workspace, row.user))
            }
        }
        let path = path.to_string_lossy().into_owned();
        store.put_workspace(&WorkspaceRecord { owner: user, thread, path, last_used: row.used, size: 0 })?;
        let home = Path::new("homes").join(user.dir_name()).join(config.default_agent.as_str()).join("home/.kiro/sessions/cli");
        let found = sessions.as_ref().map(|sessions| history(sessions, row, &staging, &home, &mut report)).transpose()?;
        without_history += u64::from(found != Some(true));
    }
    store.close()?;
    staging.commit()?;
    taken.note(format!("{} conversations are taken over, as those of private chats; {} files and directories", rows.len(), report.members));
    if without_history > 0 {
        taken.note(format!(
            "of {without_history} kiro-cli has no files in {}: they begin anew",
            places.sessions.as_ref().map_or_else(|| "~/.kiro".into(), |path| path.display().to_string())
        ));
    }
    report.left_out.names.into_iter().for_each(|name| taken.note(format!("left out: {name}")));
    Ok(())
}

/// What is known of a workspace.
enum Found<'a> {
    /// It is beneath this.
    There(&'a Beneath),
    /// It was never made.
    Nothing,
    /// It is not where the bot made them.
    Elsewhere,
}

/// Looks for a conversation's workspace.
///
/// # Errors
/// It cannot be told: whoever runs this may not look there. With an empty one in its place, nobody could take it over any more.
fn workspace<'a>(workspaces: Option<&'a Beneath>, row: &Row, there: &Path) -> Result<Found<'a>, ImportError> {
    if !row.workspace.ends_with(&format!("/{}", there.display())) {
        return Ok(Found::Elsewhere);
    }
    let Some(workspaces) = workspaces else { return Ok(Found::Nothing) };
    match workspaces.look(there) {
        Ok(Some(_)) => Ok(Found::There(workspaces)),
        Ok(None) => Ok(Found::Nothing),
        Err(error) if error.is_link() => Ok(Found::Elsewhere),
        Err(error) => Err(error.into()),
    }
}

/// kiro-cli's files of one conversation, but for its lock. `false` where there are none.
fn history(sessions: &Beneath, row: &Row, staging: &Staging, home: &Path, report: &mut Report) -> Result<bool, ImportError> {
    let id = row.session.as_str();
    let mut found = false;
    for directory in [PathBuf::new(), PathBuf::from(format!("user-{}", row.user))] {
        for name in sessions.list_some(&directory, SESSION_FILES)?.unwrap_or_default() {
            let path = directory.join(&name);
            let is_its =
                name.to_str().is_some_and(|name| name.strip_prefix(id).is_some_and(|rest| rest.starts_with('.') && rest != ".lock"));
            if is_its {
                let mut maker = Maker::new(staging.new_state());
                Walk::new(sessions, &mut maker, report).one(&path, &home.join(&name))?;
                found = true;
            }
        }
    }
    Ok(found)
}

/// Files in memory.
#[derive(Default)]
struct Collected {
    files: Vec<Placed>,
    bytes: usize,
}

impl Collected {
    fn take(&mut self, member: &Member, content: Vec<u8>) -> Result<(), ArchiveError> {
        self.bytes = self.bytes.saturating_add(content.len());
        if self.bytes > TEMPLATES {
            return Err(std::io::Error::other("the templates have more than 8 MiB").into());
        }
        self.files.push(Placed::new(&member.path, content));
        Ok(())
    }
}

impl Sink for Collected {
    /// Directories come with their files; a template has nothing else.
    fn member(&mut self, _: &Member) -> Result<(), ArchiveError> {
        Ok(())
    }

    fn bytes(&mut self, member: &Member, content: &[u8]) -> Result<(), ArchiveError> {
        self.take(member, content.to_vec())
    }

    fn file(&mut self, member: &Member, segments: &Segments, _: &File) -> Result<u64, ArchiveError> {
        // What is not small enough to have come as bytes is no template.
        Err(std::io::Error::other(format!("the template {} has {} bytes", member.path.display(), segments.content())).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_mean_the_same_are_taken_and_the_rest_is_named() {
        let text = "BOT_TOKEN=123456789:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk\nALLOWED_TELEGRAM_IDS=7, 8,@ben\nKIRO_AGENT_NAME=TG\nMAX_PROCESSES=200\nIDLE_TIMEOUT_SECONDS=0\nLOG_LEVEL=info\nOTHER=x\n";
        let taken = settings(&read_env(text));
        let env = String::from_utf8(taken.placed()[0].content.expose().clone()).unwrap();
        assert_eq!(env, "BOT_TOKEN_FILE=secrets/bot-token\nALLOWED_TELEGRAM_IDS=7,8\nLOG_LEVEL=info\n");
        let told = taken.told();
        for said in ["no users' numeric ids", "KIRO_AGENT_NAME", "MAX_PROCESSES is not", "IDLE_TIMEOUT_SECONDS is not", "OTHER is not"] {
            assert!(told.contains(said), "{said} in {told}");
        }
        assert!(settings(&read_env("")).told().contains("nobody may use the bot"));
    }

    #[test]
    fn a_workspace_that_cannot_be_looked_at_is_not_taken_for_none() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("7/5")).unwrap();
        std::fs::write(directory.path().join("9"), "").unwrap();
        std::os::unix::fs::symlink("7", directory.path().join("8")).unwrap();
        let root = Beneath::open(directory.path()).unwrap();
        let found = |user: i64, topic: i64, path: &str| {
            let row = Row { user, topic, session: "s".parse().unwrap(), model: None, workspace: path.to_owned(), used: 0 };
            workspace(Some(&root), &row, Path::new(&format!("{user}/{topic}")))
        };
        assert!(matches!(found(7, 5, "/w/7/5"), Ok(Found::There(_))));
        assert!(matches!(found(7, 6, "/w/7/6"), Ok(Found::Nothing)));
        assert!(matches!(found(7, 5, "/x/7/15"), Ok(Found::Elsewhere)));
        assert!(matches!(found(8, 5, "/w/8/5"), Ok(Found::Elsewhere)), "a link leads anywhere");
        // As where its directory may not be searched, from which root is not kept.
        assert!(found(9, 5, "/w/9/5").is_err());
    }
}
