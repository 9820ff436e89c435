//! The whole examination, on directories of its own.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::report::State;
use super::*;

fn sources(directory: &Path, pairs: &[(&str, &str)]) -> Sources {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { environment, directory: directory.to_owned() }
}

fn report(directory: &Path, pairs: &[(&str, &str)]) -> Report {
    examine(&sources(directory, pairs))
}

/// An API at which nobody listens: the token cannot be checked, and that only warns.
const NOWHERE: (&str, &str) = ("TELEGRAM_API_BASE", "http://127.0.0.1:9");
const TOKEN: (&str, &str) = ("BOT_TOKEN", "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");

/// A kiro-cli that says what `script` says.
fn kiro(directory: &Path, script: &str) -> String {
    let path = directory.join("kiro-cli");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn all_problems_of_the_settings_are_listed_and_it_is_their_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let report = report(directory.path(), &[("MAX_PROCESSES", "none"), ("LOG_LEVEL", "LOUD")]);
    let text = report.to_string();
    assert!(text.contains("MAX_PROCESSES") && text.contains("LOG_LEVEL"), "{text}");
    assert_eq!(exit_code(&report), exit::BAD_CONFIGURATION);
}

#[test]
fn without_a_token_run_would_not_start() {
    let directory = tempfile::tempdir().unwrap();
    let report = report(directory.path(), &[("AGENT_COMMAND", "/bin/cat")]);
    assert!(report.to_string().contains("BOT_TOKEN"));
    assert_eq!(exit_code(&report), exit::BAD_CONFIGURATION);
}

#[test]
fn nothing_is_made_by_looking() {
    let directory = tempfile::tempdir().unwrap();
    report(directory.path(), &[TOKEN, NOWHERE, ("AGENT_COMMAND", "/bin/cat")]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn the_token_is_in_no_report() {
    let directory = tempfile::tempdir().unwrap();
    let report = report(directory.path(), &[TOKEN, NOWHERE, ("AGENT_COMMAND", "/bin/cat")]);
    let text = format!("{report}{}", report.to_json());
    assert!(text.contains("could not be checked") && !text.contains(TOKEN.1), "{text}");
}

#[test]
fn an_agent_that_is_not_there_fails_with_the_way_to_mend_it() {
    let directory = tempfile::tempdir().unwrap();
    let report = report(directory.path(), &[TOKEN, NOWHERE, ("AGENT_COMMAND", "no-such-agent")]);
    assert!(report.to_string().contains("`no-such-agent` was not found"), "{report}");
    assert_eq!(exit_code(&report), exit::FAILURE);
}

#[test]
fn a_state_that_others_may_enter_fails() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("state")).unwrap();
    std::fs::set_permissions(directory.path().join("state"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let report = report(directory.path(), &[TOKEN, NOWHERE, ("AGENT_COMMAND", "/bin/cat")]);
    assert!(report.to_string().contains("chmod 700"), "{report}");
    assert_eq!(exit_code(&report), exit::FAILURE);
}

#[test]
fn kiro_is_asked_for_its_version_and_login_and_cannot_paint_on_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"case "$1" in --version) printf 'kiro-cli 1.26\033[2J\n';; whoami) exit 1;; esac"#;
    let program = kiro(directory.path(), script);
    let text = report(directory.path(), &[TOKEN, NOWHERE, ("AGENT_COMMAND", &program)]).to_string();
    assert!(text.contains("kiro-cli 1.26␛[2J") && text.contains("not logged in") && text.contains("login --use-device-flow"), "{text}");
    let text = report(directory.path(), &[TOKEN, NOWHERE, ("AGENT_COMMAND", &program), ("KIRO_API_KEY", "k")]).to_string();
    assert!(text.contains("no login is needed"), "{text}");
}

#[test]
fn json_has_every_finding_and_the_result() {
    let directory = tempfile::tempdir().unwrap();
    let report = report(directory.path(), &[("AGENT_COMMAND", "/bin/cat")]);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["starts"], false);
    let states: BTreeMap<String, usize> = json["findings"].as_array().unwrap().iter().fold(BTreeMap::new(), |mut states, finding| {
        *states.entry(finding["state"].as_str().unwrap().to_owned()).or_default() += 1;
        states
    });
    assert!(states.contains_key("ok") && states.contains_key("fail"), "{states:?}");
}

#[test]
fn the_settings_are_the_first_thing_to_mend() {
    let failed = |areas: &[Area]| Report::new(areas.iter().map(|area| Finding::fail(*area, "x", "")).collect()).failed();
    assert_eq!(failed(&[]), None);
    assert_eq!(failed(&[Area::Kernel, Area::Settings]), Some(Area::Settings));
    assert_eq!(failed(&[Area::Kernel, Area::Agent]), Some(Area::Kernel));
    assert!(State::Ok < State::Fail);
}
