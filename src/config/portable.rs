//! Settings that go to another machine: what is given here, without what means only this machine, and without secrets.

use std::collections::BTreeMap;
use std::path::Path;

use super::load::read_bounded;
use super::{SETTINGS, Sources, dotenv};

/// Settings that name a place of this machine. Wherever they are restored to, they have their places there.
const PLACES: &[&str] = &["CONFIG_FILE", "HEALTH_SOCKET", "KIRO_CONFIG_PATH", "STATE_DIR", "WORKSPACE_BASE_PATH"];

/// The names and values of a `.env` file; the last one of a name counts, and lines that are none are passed over.
pub fn read_env(text: &str) -> BTreeMap<String, String> {
    dotenv::parse(text).0.into_iter().collect()
}

/// A line of a `.env` file; `None` for a value that none can hold.
pub fn env_line(name: &str, value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=*[]{}".contains(c);
    if value.chars().any(char::is_control) {
        None
    } else if value.chars().all(plain) {
        Some(format!("{name}={value}\n"))
    } else {
        ['"', '\''].iter().find(|quote| !value.contains(**quote)).map(|quote| format!("{name}={quote}{value}{quote}\n"))
    }
}

/// A `.env` of all settings that are given here, by the environment or by `.env`, that are no secrets and no places.
///
/// # Errors
/// `.env` is there and cannot be read.
pub fn portable_env(sources: &Sources) -> std::io::Result<String> {
    let file = read_env(&optional(&sources.directory.join(".env"))?.unwrap_or_default());
    let given = |name: &str| sources.environment.get(name).or_else(|| file.get(name)).filter(|value| !value.trim().is_empty());
    let portable = SETTINGS.iter().filter(|setting| !setting.secret && !PLACES.contains(&setting.name));
    Ok(portable.filter_map(|setting| env_line(setting.name, given(setting.name)?.trim())).collect())
}

/// What stands in `config.json`; `None` where there is none.
///
/// # Errors
/// It is there and cannot be read.
pub fn portable_file(sources: &Sources) -> std::io::Result<Option<String>> {
    let file = read_env(&optional(&sources.directory.join(".env"))?.unwrap_or_default());
    let name = sources.environment.get("CONFIG_FILE").or_else(|| file.get("CONFIG_FILE")).map(|name| name.trim());
    optional(&sources.directory.join(name.filter(|name| !name.is_empty()).unwrap_or("config.json")))
}

fn optional(path: &Path) -> std::io::Result<Option<String>> {
    match read_bounded(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_and_places_stay_and_what_is_given_goes() {
        let directory = tempfile::tempdir().unwrap();
        let text =
            "BOT_TOKEN=1:x # mine\n#KIRO_API_KEY=old\nSTATE_DIR=/srv/state\nAGENT_COMMAND='[\"my agent\"]'\nLOG_LEVEL=INFO\nOTHER=1\n";
        std::fs::write(directory.path().join(".env"), text).unwrap();
        let environment = BTreeMap::from([("LOG_LEVEL".to_owned(), "DEBUG".to_owned()), ("KIRO_API_KEY".to_owned(), "key".to_owned())]);
        let sources = Sources { environment, directory: directory.path().to_owned() };
        assert_eq!(portable_env(&sources).unwrap(), "LOG_LEVEL=DEBUG\nAGENT_COMMAND='[\"my agent\"]'\n");
        assert_eq!(portable_file(&sources).unwrap(), None);
        std::fs::write(directory.path().join("config.json"), "{}").unwrap();
        assert_eq!(portable_file(&sources).unwrap().as_deref(), Some("{}"));
    }

    proptest! {
        #[test]
        fn every_line_that_is_written_is_read_as_the_same(value in "\\PC{0,40}") {
            if let Some(line) = env_line("NAME", value.trim()) {
                prop_assert_eq!(read_env(&line).remove("NAME"), Some(value.trim().to_owned()));
            }
        }
    }
}
