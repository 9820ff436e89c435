//! What a policy says, on every kind of machine: what is granted, what is refused, and how it is explained.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failed step fails the test, and what is skipped is said"
)]

#[path = "jail/place.rs"]
#[allow(dead_code, reason = "shared with the tests of the jail, which use the rest")]
mod place;

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use place::{Machine, Place, lines, text};
use serde_json::Value;

/// Exit code of `kiroclaw jail` when it did not start its command.
const NOT_JAILED: i32 = 125;

/// The settings of the default agent in `config.json`, and a command that reads them.
fn with(place: &Place, mut command: Command, agent: &str) -> Output {
    let file = place.path("config.json");
    std::fs::write(&file, format!(r#"{{"agents":{{"tg-acp":{agent}}}}}"#)).unwrap();
    command.env("CONFIG_FILE", file).output().unwrap()
}

/// Without what the tests of the jail accept by name.
fn strict(mut command: Command) -> Command {
    command.env_remove("ACCEPT_MISSING");
    command
}

fn explain(place: &Place, words: &[&str]) -> Command {
    let mut command = strict(place.command());
    command.args(["policy", "explain"]).args(words).env("TMPDIR", place.path("")).env("EGRESS_ALLOW", "example.org");
    command
}

fn standings(output: &Output) -> Vec<(String, String)> {
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    json["jail"].as_array().unwrap().iter().map(|verdict| (text(&verdict["guarantee"]), text(&verdict["standing"]))).collect()
}

#[test]
fn what_holds_is_told_as_it_was_tried_on_every_machine() {
    for (machine, place) in Place::everywhere() {
        let output =
            with(&place, explain(&place, &["tg-acp", "--json"]), r#"{"accept":["ports","unix-sockets","signals","abstract-sockets"]}"#);
        assert_eq!(output.status.code(), Some(0), "{machine:?}: {output:?}");
        let standings = standings(&output);
        assert_eq!(standings.len(), 11, "{machine:?}: {output:?}");
        for (guarantee, standing) in standings {
            let holds = match guarantee.as_str() {
                "planting" | "metadata" => machine.has_mounts(),
                "ports" => machine.has_namespaces(),
                "processes" => machine == Machine::AsItIs && machine.has_namespaces(),
                // By a kernel's version, or by what else runs here.
                "signals" | "abstract-sockets" | "unix-sockets" if !machine.has_mounts() => continue,
                _ => true,
            };
            assert_eq!(standing == "holds", holds, "{machine:?}: {guarantee} {standing}");
        }
        let left = std::fs::read_dir(place.path("")).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("kiroclaw-look")
        });
        assert_eq!(left.count(), 0, "{machine:?}: nothing is left of looking");
    }
}

#[test]
fn an_explanation_says_in_plain_words_what_an_agent_may_do() {
    let place = Place::new();
    let shared = place.path("shared");
    std::fs::create_dir(&shared).unwrap();
    let agent = format!(r#"{{"readWritePaths":[{shared:?}],"egress":["db.example.org:5432"],"permissions":{{"fetch":"deny"}}}}"#);
    let output = with(&place, explain(&place, &["tg-acp"]), &agent);
    let shown = text(&output.stdout);
    for said in
        ["/bin/cat", "<user>", shared.to_str().unwrap(), "db.example.org:5432", "may never     fetch", "asks before   delete, execute"]
    {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    assert!(shown.contains("MB of memory") && shown.ends_with("It would start.\n"), "{shown}");
}

#[test]
fn an_explanation_says_whether_an_operator_is_asked_for_other_hosts() {
    for (machine, place) in Place::everywhere() {
        let said = |hosts| {
            let mut command = explain(&place, &["tg-acp"]);
            command.env("EGRESS_ALLOW", hosts);
            text(&with(&place, command, "{}").stdout)
        };
        let (hostless, with_hosts) = (said(""), said("example.org"));
        assert!(hostless.contains("reaches       no host"), "{machine:?}: {hostless}");
        assert_eq!(hostless.contains("an operator is asked"), machine.has_namespaces(), "{machine:?}: {hostless}");
        assert!(with_hosts.contains("any other public host: an operator is asked"), "{machine:?}: {with_hosts}");
    }
}

#[test]
fn what_cannot_be_explained_says_so_and_fails() {
    let place = Place::new();
    let unknown = explain(&place, &["nobody"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is: tg-acp"), "{unknown:?}");
    let broken = with(&place, explain(&place, &["tg-acp"]), r#"{"accept":["files"],"require":["nothing"]}"#);
    assert_eq!(broken.status.code(), Some(64), "{broken:?}");
    let without = explain(&place, &["tg-acp"]).env("AGENT_COMMAND", "no-such-agent").output().unwrap();
    assert_eq!(without.status.code(), Some(1), "{without:?}");
    assert!(text(&without.stdout).contains("`no-such-agent` was not found"), "{without:?}");
}

#[test]
fn an_agent_does_not_start_without_what_its_policy_needs_until_the_hole_is_accepted_by_name() {
    for (machine, place) in Place::everywhere().filter(|(machine, _)| !machine.has_mounts()) {
        let _somebody = UnixListener::bind(place.path("bus")).unwrap();
        let accepted = r#"{"accept":["signals","abstract-sockets","unix-sockets"]}"#;
        let touch = || strict(place.jail(&["touch", "ran"]));
        let refused = with(&place, touch(), "{}");
        assert_eq!(refused.status.code(), Some(NOT_JAILED), "{machine:?}: {refused:?}");
        let why = text(&refused.stderr);
        assert!(why.contains("unix-sockets") && why.contains("ACCEPT_MISSING="), "{machine:?}: {why}");
        assert!(!place.workspace().join("ran").exists(), "{machine:?}");
        let explained = with(&place, explain(&place, &["tg-acp"]), "{}");
        let shown = text(&explained.stdout);
        assert!(shown.contains("MISSING  unix-sockets") && shown.contains("→ "), "{machine:?}: {shown}");
        assert_eq!(explained.status.code(), Some(1), "{machine:?}");
        let started = with(&place, touch(), accepted);
        assert_eq!(started.status.code(), Some(0), "{machine:?}: {started:?}");
        let required = with(&place, place.jail(&["touch", "ran"]), r#"{"require":["planting"]}"#);
        assert_eq!(required.status.code(), Some(NOT_JAILED), "{machine:?}: {required:?}");
        assert!(text(&required.stderr).contains("planting"), "{machine:?}: {required:?}");
    }
}

#[test]
fn a_person_is_told_what_an_agent_lacks_that_does_not_start() {
    for (machine, place) in Place::everywhere().filter(|(machine, _)| !machine.has_mounts()) {
        let _somebody = UnixListener::bind(place.path("bus")).unwrap();
        let said = |agent: &str| {
            let mut command = strict(place.command());
            command.args(["chat", "--message", "help"]).env("HOME", place.path("")).env_remove("AGENT_COMMAND");
            let command_words = format!(r#"{{"command":["{}","agent"],{agent}}}"#, env!("CARGO_BIN_EXE_kiroclaw"));
            with(&place, command, &command_words)
        };
        let refused = said(r#""require":["planting"]"#);
        let all = format!("{}{}", text(&refused.stdout), text(&refused.stderr));
        assert!(
            !refused.status.success() && all.contains("planting") && all.contains("user and mount namespaces"),
            "{machine:?}: {refused:?}"
        );
        let started = said(r#""accept":["signals","abstract-sockets","unix-sockets"]"#);
        assert!(started.status.success(), "{machine:?}: {started:?}");
    }
}

#[test]
fn paths_to_write_to_are_written_to_and_nothing_around_them() {
    for (machine, place) in Place::everywhere() {
        let shared = place.path("out/shared");
        std::fs::create_dir_all(shared.join("deep")).unwrap();
        std::fs::write(place.path("out/beside"), "kept\n").unwrap();
        let script = format!(
            "cd {shared:?} && echo x > made && mkdir -p deep/er && mv made deep/er/ && printf '#!/bin/sh\\necho ran\\n' > run && chmod 755 run && ./run; \
             echo y > ../beside; echo y > ../made; rm -f ../beside; mv deep ../; mkdir ../d; ln -s / ../link; echo done",
            shared = shared
        );
        let output = with(&place, place.jail(&["sh", "-c", &script]), &format!(r#"{{"readWritePaths":[{shared:?}]}}"#));
        assert_eq!(lines(&output.stdout), ["ran", "done"], "{machine:?}: {output:?}");
        assert_eq!(std::fs::read_to_string(shared.join("deep/er/made")).unwrap(), "x\n", "{machine:?}");
        assert_eq!(std::fs::read_to_string(place.path("out/beside")).unwrap(), "kept\n", "{machine:?}");
        let names = std::fs::read_dir(place.path("out")).unwrap().count();
        assert_eq!(names, 2, "{machine:?}: nothing was made around it");
        let without = with(&place, place.jail(&["touch", shared.join("more").to_str().unwrap()]), "{}");
        assert!(!without.status.success() && !shared.join("more").exists(), "{machine:?}: {without:?}");
    }
}

#[test]
fn what_somebody_trusts_is_never_granted_for_writing() {
    let place = Place::new();
    for trusted in [place.path("state"), place.path(""), "/etc".into(), Path::new(env!("CARGO_BIN_EXE_kiroclaw")).parent().unwrap().into()]
    {
        let output = with(&place, place.jail(&["touch", "ran"]), &format!(r#"{{"readWritePaths":[{trusted:?}]}}"#));
        assert_eq!(output.status.code(), Some(NOT_JAILED), "{trusted:?}: {output:?}");
        assert!(!place.workspace().join("ran").exists(), "{trusted:?}");
    }
}
