//! What a plan grants, and what it refuses to.

use super::*;

fn config(directory: &Path, pairs: &[(&str, &str)]) -> Config {
    let sources = crate::config::Sources {
        environment: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        directory: directory.to_owned(),
    };
    crate::config::load(&sources).unwrap().0
}

fn home() -> Home {
    Home { home: "/x/home".into(), tmp: "/x/tmp".into(), kiro: "/x/home/.kiro".into(), writable: vec!["/x/home/.cache".into()] }
}

fn plan(config: &Config) -> Result<Plan, PlanError> {
    Plan::for_runtime(config, &config.agents[&config.default_agent], &UserId::telegram(1), &home())
}

#[test]
fn a_runtime_may_write_to_its_user_s_workspaces_and_home_alone() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), &[("AGENT_COMMAND", "/bin/cat")]);
    let plan = plan(&config).unwrap();
    assert_eq!(plan.write, [config.workspaces.join("telegram-1"), "/x/tmp".into(), "/x/home/.cache".into()]);
    assert!(!plan.egress && plan.may_ask, "without hosts it has a listener only in a network of its own");
    assert!(!plan.environment.keys().any(|name| name.contains("TOKEN") || name.contains("KEY")));
}

#[test]
fn nothing_that_is_granted_may_hold_the_state_or_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "").unwrap();
    let granted = directory.path().display().to_string();
    for pairs in [
        vec![
            ("AGENT_COMMAND", "/bin/cat"),
            ("AGENT_READ_ONLY_PATHS", granted.as_str()),
            ("STATE_DIR", "/x"),
            ("WORKSPACE_BASE_PATH", "/x"),
        ],
        vec![("AGENT_COMMAND", "/bin/cat"), ("STATE_DIR", "/usr/local/kiroclaw")],
    ] {
        assert!(matches!(plan(&config(directory.path(), &pairs)), Err(PlanError::Exposes { .. })), "{pairs:?}");
    }
}

#[test]
fn no_part_of_the_state_or_of_the_workspaces_may_be_granted() {
    let directory = tempfile::tempdir().unwrap();
    for inside in ["state/store", "workspaces/telegram-2"] {
        let path = directory.path().join(inside);
        std::fs::create_dir_all(&path).unwrap();
        let pairs = [("AGENT_COMMAND", "/bin/cat"), ("AGENT_READ_ONLY_PATHS", path.to_str().unwrap())];
        assert!(matches!(plan(&config(directory.path(), &pairs)), Err(PlanError::Within { .. })), "{inside}");
    }
}

#[test]
fn what_is_to_be_written_to_is_granted_unless_somebody_trusts_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for made in ["shared/inner", "state/homes", "workspaces/telegram-2", "templates/agents"] {
        std::fs::create_dir_all(path(made)).unwrap();
    }
    std::os::unix::fs::symlink(path("state"), path("link")).unwrap();
    let with = |words: &str| {
        let pairs = [("AGENT_COMMAND", "/bin/cat"), ("KIRO_CONFIG_PATH", "templates")];
        std::fs::write(path("config.json"), format!(r#"{{"agents":{{"tg-acp":{{"readWritePaths":[{words}]}}}}}}"#)).unwrap();
        plan(&config(directory.path(), &pairs))
    };
    let quoted = |name: &str| format!("{:?}", path(name));
    assert!(with(&quoted("shared")).unwrap().write.contains(&path("shared")));
    for refused in ["state/homes", "workspaces/telegram-2", "templates", "link", ""] {
        let result = with(&quoted(refused));
        assert!(matches!(result, Err(PlanError::Within { .. } | PlanError::Exposes { .. })), "{refused}: {result:?}");
    }
    for refused in ["\"/etc\"", "\"/usr/local\"", "\"/proc/self\""] {
        assert!(matches!(with(refused), Err(PlanError::Within { .. })), "{refused}");
    }
    let nested = with(&format!("{}, {}", quoted("shared"), quoted("shared/inner")));
    assert!(matches!(nested, Err(PlanError::Within { .. })), "an agent could put a link in its place: {nested:?}");
    assert!(matches!(with("\"/nowhere/at/all\""), Err(PlanError::Missing { .. })));
}

#[test]
fn a_workspace_given_by_hand_may_be_one_of_the_workspaces_but_hold_nothing_private() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), &[("AGENT_COMMAND", "/bin/cat")]);
    let by_hand = |workspace: &str| {
        let workspace = directory.path().join(workspace);
        std::fs::create_dir_all(&workspace).unwrap();
        Plan::for_command(&config, &workspace, &["true".to_owned()], &home()).map(|_| ())
    };
    assert_eq!(by_hand("workspaces/telegram-1"), Ok(()));
    assert_eq!(by_hand("elsewhere"), Ok(()));
    assert!(matches!(by_hand(""), Err(PlanError::Exposes { .. })));
    assert!(matches!(by_hand("workspaces"), Err(PlanError::Exposes { .. })));
    assert!(matches!(by_hand("state/homes"), Err(PlanError::Within { .. })));
}

#[test]
fn what_was_named_and_is_missing_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let missing = config(directory.path(), &[("AGENT_COMMAND", "/bin/cat"), ("AGENT_READ_ONLY_PATHS", "/nowhere/at/all")]);
    assert!(matches!(plan(&missing), Err(PlanError::Missing { .. })));
    let nobody = config(directory.path(), &[("AGENT_COMMAND", "no-such-agent acp")]);
    assert_eq!(plan(&nobody), Err(PlanError::NoProgram("no-such-agent".to_owned())));
}
