use super::*;
use crate::config::{AgentKind, SeccompMode};

const TOKEN: &str = "123456:ABCdefGHIjklMNOpqrSTUvwxYZ0123456789";

fn load_with(pairs: &[(&str, &str)], files: &[(&str, &str)]) -> Result<(Config, Secrets), ConfigErrors> {
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).unwrap_or_else(|error| panic!("{error}"));
    }
    load(&Sources {
        environment: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        directory: directory.path().to_owned(),
    })
}

fn problems(pairs: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<String> {
    match load_with(pairs, files) {
        Ok(_) => panic!("accepted"),
        Err(errors) => errors.0.into_iter().map(|problem| problem.place).collect(),
    }
}

fn config(pairs: &[(&str, &str)], files: &[(&str, &str)]) -> Config {
    load_with(pairs, files).unwrap_or_else(|errors| panic!("{errors}")).0
}

#[test]
fn nothing_given_is_a_valid_configuration_that_allows_nobody() {
    let config = config(&[], &[]);
    assert!(config.allowed.is_empty());
    assert_eq!((config.max_processes, config.max_processes_per_user), (5, 2));
    assert!(config.state.is_absolute() && config.workspaces.is_absolute());
}

#[test]
fn filters_refuse_unless_they_are_said_to_log() {
    assert_eq!(config(&[], &[]).seccomp, SeccompMode::Enforce);
    assert_eq!(config(&[("SECCOMP", "LOG")], &[]).seccomp, SeccompMode::Log);
}

#[test]
fn every_problem_is_reported_at_once() {
    let places = problems(
        &[
            ("BOT_TOKEN", "nonsense"),
            ("ALLOWED_TELEGRAM_IDS", "1,@bob,-5"),
            ("MAX_PROCESSES", "0"),
            ("IDLE_TIMEOUT_SECONDS", "soon"),
            ("TELEGRAM_API_BASE", "http://example.com"),
            ("EGRESS_ALLOW", "ok.example,bad host"),
            ("AGENT_READ_ONLY_PATHS", "relative:/opt/x"),
            ("LOG_LEVEL", "LOUD"),
            ("SECCOMP", "off"),
        ],
        &[
            (".env", "oops\n"),
            ("config.json", "{\"agents\":{\"A b\":{},\"tg-acp\":{\"limits\":{\"processes\":1}}},\"turnTimeoutMinutes\":0}"),
        ],
    );
    for place in [
        ".env line 1",
        "BOT_TOKEN",
        "ALLOWED_TELEGRAM_IDS",
        "MAX_PROCESSES",
        "IDLE_TIMEOUT_SECONDS",
        "TELEGRAM_API_BASE",
        "EGRESS_ALLOW",
        "AGENT_READ_ONLY_PATHS",
        "LOG_LEVEL",
        "SECCOMP",
        "config.json agents",
        "config.json agents.tg-acp.limits.processes",
        "config.json turnTimeoutMinutes",
    ] {
        assert!(places.iter().any(|at| at == place), "{place} is not among {places:?}");
    }
    assert_eq!(places.iter().filter(|place| *place == "ALLOWED_TELEGRAM_IDS").count(), 2);
}

#[test]
fn whoever_is_the_only_one_allowed_is_the_operator_unless_others_are_named() {
    let operators = |allowed: &str, operators: &str| {
        let config = config(&[("ALLOWED_TELEGRAM_IDS", allowed), ("OPERATOR_TELEGRAM_IDS", operators)], &[]);
        config.operators.iter().map(|user| user.number).collect::<Vec<i64>>()
    };
    assert_eq!(operators("7", ""), [7]);
    assert_eq!(operators("7,8", ""), [0_i64; 0]);
    assert_eq!(operators("7,8,9", "8,9"), [8, 9]);
    let problems = problems(&[("ALLOWED_TELEGRAM_IDS", "7"), ("OPERATOR_TELEGRAM_IDS", "8,x")], &[]);
    assert!(problems.len() == 2 && problems.iter().all(|place| place == "OPERATOR_TELEGRAM_IDS"), "{problems:?}");
}

#[test]
fn a_mistyped_token_is_not_repeated_in_the_error() {
    let errors = load_with(&[("BOT_TOKEN", "12:s3cret")], &[]).map(|_| ()).map_err(|errors| errors.to_string());
    assert!(errors.is_err_and(|text| !text.contains("s3cret")));
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_with_line_and_column() {
    let places = problems(&[], &[("config.json", "{\n  \"agnets\": {}\n}")]);
    assert!(places[0].ends_with("config.json line 2 column 10"), "{places:?}");
}

#[test]
fn the_environment_wins_over_the_env_file_and_a_secret_may_lie_in_a_file() {
    let (config, secrets) = load_with(
        &[("MAX_PROCESSES", "3"), ("BOT_TOKEN_FILE", "token")],
        &[(".env", "MAX_PROCESSES=9\nIDLE_TIMEOUT_SECONDS=7\n"), ("token", &format!("{TOKEN}\n"))],
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!((config.max_processes, config.idle_timeout.as_secs()), (3, 7));
    assert_eq!(secrets.bot_token.map(|token| token.expose().clone()), Some(TOKEN.to_owned()));
    assert_eq!(config.private_files.len(), 2, "no runtime may read .env or the token's file");
}

#[test]
fn kiro_cli_by_name_gets_the_arguments_that_fix_its_dialect() {
    let v2 = config(&[("AGENT_COMMAND", "/opt/kiro/bin/kiro-cli")], &[]);
    let agent = &v2.agents[&v2.default_agent];
    assert_eq!(agent.command[1..], ["acp", "--agent-engine", "v2", "--agent", "tg-acp"]);
    assert!(agent.egress.iter().any(|rule| rule.matches("q.us-east-1.amazonaws.com", 443)));
    let v3 = config(&[("AGENT_COMMAND", "kiro-cli")], &[("config.json", "{\"agents\":{\"tg-acp\":{\"engine\":\"v3\"}}}")]);
    assert_eq!(v3.agents[&v3.default_agent].command[1..], ["acp", "--agent-engine", "v3", "--auth-method", "cli"]);
}

#[test]
fn any_other_command_is_a_plain_acp_agent_without_hosts() {
    let config = config(&[("AGENT_COMMAND", "[\"my agent\", \"--acp\"]"), ("EGRESS_ALLOW", "a.example:8443")], &[]);
    let agent = &config.agents[&config.default_agent];
    assert_eq!((agent.kind, agent.command[0].as_str(), agent.egress.len()), (AgentKind::Acp, "my agent", 1));
    assert_eq!(problems(&[("AGENT_COMMAND", "sh -c 'x y'")], &[]), ["AGENT_COMMAND"]);
}

#[test]
fn holes_are_accepted_by_name_for_all_agents_or_one_and_requiring_goes_first() {
    use crate::model::{Guarantee, Rule};
    let file = r#"{"agents":{"tg-acp":{"accept":["unix-sockets"],"require":["signals","processes"]},"other":{}}}"#;
    let config = config(&[("ACCEPT_MISSING", "signals, abstract-sockets")], &[("config.json", file)]);
    let rule = |name: &str, guarantee| config.agents[&name.parse().unwrap_or_else(|error| panic!("{error}"))].minimum.rule(guarantee);
    for (agent, guarantee, expected) in [
        ("tg-acp", Guarantee::AbstractSockets, Rule::AcceptedByName),
        ("tg-acp", Guarantee::UnixSockets, Rule::AcceptedByName),
        ("tg-acp", Guarantee::Signals, Rule::Needed),
        ("tg-acp", Guarantee::Processes, Rule::Needed),
        ("other", Guarantee::Signals, Rule::AcceptedByName),
        ("other", Guarantee::UnixSockets, Rule::Needed),
        ("other", Guarantee::Processes, Rule::AcceptedByDefault),
    ] {
        assert_eq!(rule(agent, guarantee), expected, "{agent} {guarantee}");
    }
}

#[test]
fn what_makes_a_jail_cannot_be_accepted_and_names_are_checked() {
    assert_eq!(problems(&[("ACCEPT_MISSING", "files,nonsense,signals")], &[]), ["ACCEPT_MISSING", "ACCEPT_MISSING"]);
    let both = r#"{"agents":{"tg-acp":{"accept":["network","signals"],"require":["signals"]}}}"#;
    assert_eq!(problems(&[], &[("config.json", both)]), ["config.json agents.tg-acp.accept", "config.json agents.tg-acp.require"]);
    let unknown = problems(&[], &[("config.json", r#"{"agents":{"tg-acp":{"accept":["nonsense"]}}}"#)]);
    assert!(unknown.iter().all(|place| place.contains("line 1")), "{unknown:?}");
    let relative = r#"{"agents":{"tg-acp":{"readWritePaths":["shared"]}}}"#;
    assert_eq!(problems(&[], &[("config.json", relative)]), ["config.json agents.tg-acp.readWritePaths"]);
}

#[test]
fn an_agent_s_environment_is_given_and_its_secrets_stay_apart_from_the_configuration() {
    let json = r#"{"agents":{"tg-acp":{"environment":{"MODEL_URL":"https://a.example"},"secrets":{"MODEL_KEY":"key"}}}}"#;
    let (config, secrets) = load_with(&[], &[("config.json", json), ("key", "s3cret\n")]).unwrap_or_else(|errors| panic!("{errors}"));
    let agent = &config.agents[&config.default_agent];
    assert_eq!(agent.environment["MODEL_URL"], "https://a.example");
    assert_eq!(secrets.of_agents[&agent.name]["MODEL_KEY"].expose(), "s3cret");
    assert!(!format!("{config:?} {secrets:?}").contains("s3cret"));
    assert!(config.private_files.iter().any(|file| file.ends_with("key")), "no runtime may read it");
}

#[test]
fn variables_that_are_ours_or_load_code_or_are_none_at_all_are_refused() {
    let json = r#"{"agents":{"tg-acp":{
        "environment":{"PATH":"/x","LD_PRELOAD":"x","http_proxy":"x","1A":"x","A B":"x","FINE":"a\nb","BELL":"\u0007","TWICE":"x"},
        "secrets":{"HOME":"key","TWICE":"key","GONE":"nowhere","EMPTY":"empty"}}}}"#;
    let places = problems(&[], &[("config.json", json), ("key", "s3cret"), ("empty", "\n")]);
    let mut expected =
        ["environment.PATH", "environment.LD_PRELOAD", "environment.http_proxy", "environment.1A", "environment.A B"].to_vec();
    expected.extend(["environment.BELL", "secrets.HOME", "secrets.TWICE", "secrets.GONE", "secrets.EMPTY"]);
    let named = |what: &str| places.contains(&format!("config.json agents.tg-acp.{what}"));
    assert!(expected.iter().all(|what| named(what)) && places.len() == expected.len(), "{places:?}");
}

#[test]
fn an_environment_too_large_for_an_order_is_refused() {
    let json = format!(r#"{{"agents":{{"tg-acp":{{"environment":{{"A":"{}"}}}}}}}}"#, "x".repeat(16 * 1024));
    assert_eq!(problems(&[], &[("config.json", &json)]), ["config.json agents.tg-acp"]);
}
