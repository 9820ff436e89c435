use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use tempfile::TempDir;

use super::*;

/// A template, and a home that is made from it.
struct Place {
    dir: TempDir,
    order: Homestead,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let at = |path: &str| dir.path().join(path);
        let order = Homestead {
            home_dir: at("state/homes/telegram-1/tg-acp"),
            user_workspaces: at("workspaces/telegram-1"),
            kind: AgentKind::Kiro(KiroEngine::V2),
            agent: "tg-acp".parse().unwrap(),
            kiro_config: at("template"),
            login: None,
        };
        let place = Self { dir, order };
        place.write("template/agents/tg-acp.json", r#"{"name":"tg-acp","resources":["file://{{KIRO_HOME}}/x"]}"#);
        place.write("template/steering/phone.md", "In {{WORKSPACES}}, {{unknown}}.");
        place.write("template/skills/one/run.sh", "#!/bin/sh\n");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn home(&self, path: &str) -> PathBuf {
        self.order.home().join(path)
    }

    fn prepare(&self) -> Result<(), ProvisionError> {
        prepare(&self.order).map(drop)
    }

    fn error(&self) -> String {
        self.prepare().unwrap_err().to_string()
    }

    /// Every file below a directory, with its inode: what was written anew has another.
    fn files(&self, dir: &Path) -> BTreeMap<PathBuf, u64> {
        let mut all = BTreeMap::new();
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let metadata = entry.path().symlink_metadata().unwrap();
            if metadata.is_dir() {
                all.extend(self.files(&entry.path()));
            } else {
                all.insert(entry.path(), metadata.ino());
            }
        }
        all
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_home_is_made_from_the_template_with_its_values_filled_in() {
    let place = Place::new();
    std::fs::set_permissions(place.path("template/skills/one/run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    place.prepare().unwrap();
    let kiro = place.order.kiro_home();
    let agent = format!(r#"{{"name":"tg-acp","resources":["file://{}/x"]}}"#, kiro.display());
    assert_eq!(read(&kiro.join("agents/tg-acp.json")), agent);
    let steering = format!("In {}, {{{{unknown}}}}.", place.order.user_workspaces.display());
    assert_eq!(read(&kiro.join("steering/phone.md")), steering);
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&kiro.join("skills/one/run.sh")), 0o700);
    assert_eq!(mode(&kiro.join("steering/phone.md")), 0o600);
    for private in [&place.order.home_dir, &place.order.home(), &place.order.tmp(), &place.order.user_workspaces] {
        assert_eq!(mode(private), 0o700, "{private:?}");
    }
    for writable in place.order.writable_dirs() {
        assert!(writable.is_dir(), "{writable:?}");
        assert_ne!(writable, kiro);
    }
}

#[test]
fn values_are_escaped_in_json() {
    let mut place = Place::new();
    place.order.user_workspaces = place.path("work\"spaces\\");
    place.write("template/agents/tg-acp.json", r#"{"name":"tg-acp","prompt":"{{WORKSPACES}}"}"#);
    place.prepare().unwrap();
    let agent: serde_json::Value = serde_json::from_str(&read(&place.home(".kiro/agents/tg-acp.json"))).unwrap();
    assert_eq!(agent["prompt"], place.order.user_workspaces.display().to_string());
}

#[test]
fn a_second_start_writes_nothing() {
    let place = Place::new();
    place.prepare().unwrap();
    let before = place.files(&place.order.home_dir);
    place.prepare().unwrap();
    assert_eq!(place.files(&place.order.home_dir), before);
}

#[test]
fn what_differs_is_replaced_and_what_the_template_lost_is_removed() {
    let place = Place::new();
    place.write("template/skills/old/deep/file", "x");
    place.prepare().unwrap();
    let before = place.files(&place.order.kiro_home());
    std::fs::remove_dir_all(place.path("template/skills/old")).unwrap();
    place.write("template/steering/phone.md", "new");
    place.write("state/homes/telegram-1/tg-acp/home/.kiro/agents/planted.json", "{}");
    place.write("state/homes/telegram-1/tg-acp/home/.kiro/settings/mcp.json", "{}");
    place.write("state/homes/telegram-1/tg-acp/home/.kiro/sessions/cli/a.jsonl", "history");
    place.prepare().unwrap();
    let after = place.files(&place.order.kiro_home());
    assert_eq!(read(&place.home(".kiro/steering/phone.md")), "new");
    assert!(!place.home(".kiro/skills/old").exists());
    assert!(!place.home(".kiro/agents/planted.json").exists());
    assert!(!place.home(".kiro/settings/mcp.json").exists());
    assert_eq!(read(&place.home(".kiro/sessions/cli/a.jsonl")), "history", "sessions are the agent's own");
    let agent = place.home(".kiro/agents/tg-acp.json");
    assert_eq!(before[&agent], after[&agent], "what is right is left alone");
}

#[test]
fn what_an_agent_did_to_its_configuration_is_undone() {
    let place = Place::new();
    place.prepare().unwrap();
    let agents = place.home(".kiro/agents");
    std::fs::remove_dir_all(&agents).unwrap();
    symlink("/etc", &agents).unwrap();
    let steering = place.home(".kiro/steering/phone.md");
    std::fs::remove_file(&steering).unwrap();
    std::fs::create_dir(&steering).unwrap();
    let script = place.home(".kiro/skills/one/run.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(place.home(".kiro"), std::fs::Permissions::from_mode(0o000)).unwrap();
    place.prepare().unwrap();
    assert!(agents.symlink_metadata().unwrap().is_dir());
    assert!(agents.join("tg-acp.json").is_file());
    assert!(steering.is_file());
    assert_eq!(script.metadata().unwrap().mode() & 0o777, 0o600);
    assert!(!Path::new("/etc/tg-acp.json").exists());
}

#[test]
fn a_link_in_the_place_of_a_home_stops_the_start() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("outside")).unwrap();
    std::fs::create_dir_all(&place.order.home_dir).unwrap();
    symlink(place.path("outside"), place.order.home()).unwrap();
    assert!(place.error().contains("symbolic link") || place.error().contains("Not a directory"), "{}", place.error());
    assert_eq!(std::fs::read_dir(place.path("outside")).unwrap().count(), 0);
}

#[test]
fn two_starts_at_once_both_succeed() {
    let place = Place::new();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| place.prepare())).collect();
        starts.into_iter().for_each(|start| start.join().unwrap().unwrap());
    });
    assert!(place.home(".kiro/agents/tg-acp.json").is_file());
}

#[test]
fn a_wrong_template_is_refused_with_its_file_and_fault() {
    let place = Place::new();
    for (text, fault) in [
        ("{\n  \"name\": }", "line 2 column 11"),
        (r#"{"name":"other"}"#, r#"`name` is "other" and must be "tg-acp""#),
        ("{}", "`name` is missing"),
        ("[]", "`name` is missing"),
    ] {
        place.write("template/agents/tg-acp.json", text);
        let error = place.error();
        assert!(error.contains(fault) && error.contains("template/agents/tg-acp.json"), "{error}");
    }
    std::fs::remove_file(place.path("template/agents/tg-acp.json")).unwrap();
    assert!(place.error().contains("KIRO_AGENT_NAME"), "{}", place.error());
    std::fs::remove_dir_all(place.path("template")).unwrap();
    assert!(place.error().contains("KIRO_CONFIG_PATH"), "{}", place.error());
    assert!(!place.home(".kiro/agents").exists(), "nothing was made of a wrong template");
}

#[test]
fn a_v3_agent_is_markdown_with_a_head() {
    let mut place = Place::new();
    place.order.kind = AgentKind::Kiro(KiroEngine::V3);
    assert!(place.error().contains("agents/tg-acp.md"));
    for (text, fault) in [("hello", "line 1"), ("---\nname: tg-acp\n", "no end"), ("---\nname: x\n---\n", r#"`name` is "x""#)] {
        place.write("template/agents/tg-acp.md", text);
        assert!(place.error().contains(fault), "{}", place.error());
    }
    for text in ["---\nname: \"tg-acp\"\n---\nhello", "---\ndescription: x\n---\n"] {
        place.write("template/agents/tg-acp.md", text);
        place.prepare().unwrap();
    }
}

#[test]
fn links_and_excess_in_a_template_are_refused() {
    let place = Place::new();
    symlink("/etc/passwd", place.path("template/steering/passwd")).unwrap();
    assert!(place.error().contains("is a symbolic link"), "{}", place.error());
    std::fs::remove_file(place.path("template/steering/passwd")).unwrap();
    let deep = "template/skills/1/2/3/4/5/6/7/8/9/file";
    place.write(deep, "");
    assert!(place.error().contains("too deep"), "{}", place.error());
    std::fs::remove_dir_all(place.path("template/skills/1")).unwrap();
    let big = File::create(place.path("template/skills/big")).unwrap();
    big.set_len(template::BYTES + 1).unwrap();
    assert!(place.error().contains("longer than"), "{}", place.error());
    big.set_len(template::BYTES).unwrap();
    assert!(place.error().contains("too big"), "{}", place.error());
}

#[test]
fn the_template_that_ships_is_right_for_both_engines_and_has_no_value_left_open() {
    let mut place = Place::new();
    place.order.kiro_config = Path::new(env!("CARGO_MANIFEST_DIR")).join("kiro-config");
    for engine in [KiroEngine::V2, KiroEngine::V3] {
        place.order.kind = AgentKind::Kiro(engine);
        check_template(&place.order.kiro_config, engine, &place.order.agent).unwrap();
        place.prepare().unwrap();
    }
    let files = place.files(&place.order.kiro_home());
    assert!(files.len() >= 5);
    for path in files.keys() {
        assert!(!read(path).contains("{{"), "{path:?}");
    }
    let agent: serde_json::Value = serde_json::from_str(&read(&place.home(".kiro/agents/tg-acp.json"))).unwrap();
    assert_eq!(agent["allowedTools"], serde_json::json!([]), "who may do what is the gateway's to decide");
}

#[test]
fn other_agents_get_a_home_and_nothing_in_it() {
    let mut place = Place::new();
    place.order.kind = AgentKind::Acp;
    place.order.kiro_config = place.path("none");
    place.prepare().unwrap();
    assert_eq!(std::fs::read_dir(place.order.home()).unwrap().count(), 0);
    assert_eq!(place.order.writable_dirs(), [place.order.home()]);
}

#[test]
fn a_login_is_copied_once_and_again_when_it_changed() {
    let mut place = Place::new();
    place.order.login = Some(place.path("service/.local/share/kiro-cli/data.sqlite3"));
    place.prepare().unwrap();
    let copy = place.home(".local/share/kiro-cli/data.sqlite3");
    assert!(!copy.exists(), "nobody has logged in yet");
    place.write("service/.local/share/kiro-cli/data.sqlite3", "first");
    place.write("service/.local/share/kiro-cli/data.sqlite3-wal", "pages");
    place.prepare().unwrap();
    assert_eq!(read(&copy), "first");
    assert_eq!(read(&copy.with_extension("sqlite3-wal")), "pages");
    std::fs::write(&copy, "renewed by the agent").unwrap();
    place.prepare().unwrap();
    assert_eq!(read(&copy), "renewed by the agent");
    place.write("service/.local/share/kiro-cli/data.sqlite3", "second login");
    std::fs::remove_file(place.path("service/.local/share/kiro-cli/data.sqlite3-wal")).unwrap();
    std::fs::write(copy.with_extension("sqlite3-shm"), "index").unwrap();
    place.prepare().unwrap();
    assert_eq!(read(&copy), "second login");
    assert!(!copy.with_extension("sqlite3-wal").exists(), "a journal of another database would spoil it");
    assert!(!copy.with_extension("sqlite3-shm").exists());
    std::fs::remove_file(&copy).unwrap();
    place.prepare().unwrap();
    assert_eq!(read(&copy), "second login", "what is missing comes back");
}

#[test]
fn a_login_is_not_led_out_of_the_home_and_does_not_stop_the_start() {
    let mut place = Place::new();
    place.order.login = Some(place.path("service/data.sqlite3"));
    place.write("service/data.sqlite3", "secret");
    std::fs::create_dir_all(place.path("outside")).unwrap();
    place.prepare().unwrap();
    std::fs::remove_dir_all(place.home(".local/share")).unwrap();
    symlink(place.path("outside"), place.home(".local/share")).unwrap();
    place.prepare().unwrap();
    assert_eq!(std::fs::read_dir(place.path("outside")).unwrap().count(), 0);
}

#[test]
fn a_planted_agent_is_set_aside_and_words_stay() {
    let place = Place::new();
    let workspace = place.path("workspaces/telegram-1/1.0");
    for file in ["agents/tg-acp.json", "settings/mcp.json", "hooks/h", "steering/mine.md", "skills/a/SKILL.md", "mcp.json"] {
        place.write(&format!("workspaces/telegram-1/1.0/.kiro/{file}"), file);
    }
    let said = set_aside_planted(&workspace).unwrap().unwrap();
    assert!(said.contains(".kiro/agents") && said.contains(".kiro-set-aside-1"), "{said}");
    let left: Vec<_> = std::fs::read_dir(workspace.join(".kiro")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(read(&workspace.join(".kiro/steering/mine.md")), "steering/mine.md");
    assert_eq!(read(&workspace.join(".kiro-set-aside-1/agents/tg-acp.json")), "agents/tg-acp.json");
    assert_eq!(set_aside_planted(&workspace).unwrap(), None);
    assert_eq!(set_aside_planted(&place.path("workspaces/telegram-1/none")).unwrap(), None);
}

#[test]
fn every_workspace_and_the_directory_above_them_is_looked_at_before_a_start() {
    let place = Place::new();
    for dir in ["", "1.0/", "2.7/"] {
        place.write(&format!("workspaces/telegram-1/{dir}.kiro/agents/tg-acp.json"), "{}");
    }
    place.prepare().unwrap();
    for dir in ["", "1.0/", "2.7/"] {
        assert!(!place.path(&format!("workspaces/telegram-1/{dir}.kiro/agents")).exists(), "{dir:?}");
        assert!(place.path(&format!("workspaces/telegram-1/{dir}.kiro-set-aside-1/agents/tg-acp.json")).exists(), "{dir:?}");
    }
}

#[test]
fn odd_ways_of_planting_are_set_aside_too() {
    let place = Place::new();
    place.write("workspaces/telegram-1/other/agents/tg-acp.json", "{}");
    let workspace = place.path("workspaces/telegram-1/1.0");
    std::fs::create_dir_all(&workspace).unwrap();
    symlink("../other", workspace.join(".kiro")).unwrap();
    set_aside_planted(&workspace).unwrap().unwrap();
    assert!(workspace.join(".kiro").symlink_metadata().is_err());
    assert!(place.path("workspaces/telegram-1/other/agents/tg-acp.json").exists(), "the link went, not what it led to");

    std::fs::create_dir(workspace.join(".kiro")).unwrap();
    symlink("../../other/agents", workspace.join(".kiro/agents")).unwrap();
    symlink("../../other", workspace.join(".kiro/skills")).unwrap();
    let said = set_aside_planted(&workspace).unwrap().unwrap();
    assert!(said.contains(".kiro/skills"), "a link is no directory of words: {said}");

    std::fs::create_dir(workspace.join(".kiro/agents")).unwrap();
    std::fs::set_permissions(workspace.join(".kiro/agents"), std::fs::Permissions::from_mode(0o000)).unwrap();
    std::fs::set_permissions(workspace.join(".kiro"), std::fs::Permissions::from_mode(0o000)).unwrap();
    set_aside_planted(&workspace).unwrap().unwrap();
    assert!(!workspace.join(".kiro/agents").exists());

    std::fs::write(workspace.join(".kiro/evil\n\x1b[31m"), "").unwrap();
    let said = set_aside_planted(&workspace).unwrap().unwrap();
    assert!(!said.chars().any(char::is_control), "{said}");

    symlink("1.0", place.path("workspaces/telegram-1/3.0")).unwrap();
    assert!(set_aside_planted(&place.path("workspaces/telegram-1/3.0")).is_err(), "a workspace that is a link is none");
}

#[test]
fn setting_aside_is_bounded_and_then_removes() {
    let place = Place::new();
    let workspace = place.path("workspaces/telegram-1/1.0");
    for number in 1..=100 {
        std::fs::create_dir_all(workspace.join(format!(".kiro-set-aside-{number}"))).unwrap();
    }
    place.write("workspaces/telegram-1/1.0/.kiro/agents/deep/tg-acp.json", "{}");
    assert!(set_aside_planted(&workspace).unwrap().unwrap().contains("removed"));
    assert!(!workspace.join(".kiro/agents").exists());
}

#[test]
fn a_stale_lock_goes_at_a_start_and_the_history_stays() {
    let place = Place::new();
    // Another runtime that lives there.
    let _inhabited = prepare(&place.order).unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let dead = i32::try_from(child.id()).unwrap();
    child.wait().unwrap();
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let lock = |id: &str| place.home(&format!(".kiro/sessions/cli/{id}.lock"));
    std::fs::create_dir_all(lock("x").parent().unwrap()).unwrap();
    std::fs::write(lock("object"), format!("{{\"pid\":{dead}}}")).unwrap();
    std::fs::write(lock("object").with_extension("jsonl"), "history").unwrap();
    std::fs::write(lock("number"), format!("{dead}")).unwrap();
    std::fs::write(lock("living"), format!("{{\"pid\":{own}}}")).unwrap();
    std::fs::write(lock("nobody"), "no number").unwrap();
    std::fs::write(place.path("victim"), format!("{dead}")).unwrap();
    symlink(place.path("victim"), lock("link")).unwrap();
    place.prepare().unwrap();
    assert!(!lock("object").exists() && !lock("number").exists());
    assert_eq!(read(&lock("object").with_extension("jsonl")), "history");
    assert!(lock("living").exists() && lock("nobody").exists());
    assert!(place.path("victim").exists() && lock("link").exists());
}

#[test]
fn where_nobody_lives_every_lock_is_stale_whatever_number_it_has() {
    let place = Place::new();
    let inhabited = prepare(&place.order).unwrap();
    let lock = place.home(".kiro/sessions/cli/x.lock");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    // In a namespace of its own, a runtime's number is one that is always there outside.
    std::fs::write(&lock, format!("{}", std::process::id())).unwrap();
    place.prepare().unwrap();
    assert!(lock.exists(), "somebody lives there");
    drop(inhabited);
    place.prepare().unwrap();
    assert!(!lock.exists());
}

#[test]
fn every_workspace_has_a_place_for_words_that_can_be_sealed() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("workspaces/telegram-1/2.0")).unwrap();
    place.prepare().unwrap();
    for words in crate::config::KIRO_WORDS {
        assert!(place.path("workspaces/telegram-1/2.0/.kiro").join(words).is_dir());
    }
}
