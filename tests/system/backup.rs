//! Backups of a bot that works, restored elsewhere; and what other bots leave behind.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::appliance::{Appliance, eventually, files_below};
use crate::stand_in::telegram::{Person, Telegram};

const PHRASE: &str = "correct horse battery staple";
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

/// A directory with a passphrase, a key, and what a test puts there.
struct Safe(tempfile::TempDir);

impl Safe {
    fn new() -> Self {
        let safe = Self(tempfile::tempdir().unwrap());
        std::fs::write(safe.path("phrase"), format!("{PHRASE}\n")).unwrap();
        std::fs::write(safe.path("key"), format!("# a key\n{IDENTITY}\n")).unwrap();
        safe
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Saves the appliance by the passphrase.
    fn save(&self, appliance: &Appliance, name: &str) {
        done(&run(appliance, &["backup", "--to", &self.name(name), "--passphrase-file", &self.name("phrase")]));
    }

    fn restore(&self, appliance: &Appliance, name: &str) -> Output {
        run(appliance, &["restore", "--from", &self.name(name), "--passphrase-file", &self.name("phrase")])
    }
}

fn run(appliance: &Appliance, arguments: &[&str]) -> Output {
    appliance.command(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What it said, when it went well.
#[track_caller]
fn done(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// What it said, when it did not.
#[track_caller]
fn refused(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    said
}

#[track_caller]
fn says(person: &Person, prompt: &str, answer: &str) {
    person.sends(prompt);
    person.waits_for_message(|message| message.text == answer);
}

fn ana_at_work() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    says(&ana, "count", "1");
    ana.sends("put note.txt remember the milk\necho noted");
    ana.waits_for_message(|message| message.text.contains("noted"));
    (telegram, ana, appliance)
}

/// Content of three megabytes: more than one chunk of the encryption, and more than a pipe holds.
#[track_caller]
fn makes_something_large(ana: &Person) {
    ana.sends("run head -c 3000000 /dev/urandom > large.bin\necho made");
    ana.waits_for_message(|message| message.text.contains("made"));
}

#[test]
fn a_backup_made_in_mid_turn_is_restored_elsewhere_and_the_conversation_goes_on() {
    let (telegram, ana, mut old) = ana_at_work();
    let safe = Safe::new();
    ana.sends("echo alpha\nsleep 60000");
    ana.waits_for_draft(|draft| draft.text.contains("alpha"));
    ana.sends("echo waited its turn");
    ana.waits_for_message(|message| message.text.contains("Queued (1)"));
    safe.save(&old, "backup.age");
    assert!(!files_below(&old.path("state/run")).iter().any(|path| path.to_string_lossy().contains("snapshot-")), "no copy is left");
    old.kill_warden();
    let mut new = Appliance::new(&telegram, &[1001]).with("WORKSPACE_BASE_PATH", "elsewhere/work").with("STATE_DIR", "elsewhere/state");
    std::fs::create_dir(new.path("elsewhere")).unwrap();
    let told = done(&safe.restore(&new, "backup.age"));
    assert!(told.contains("Restored:") && told.contains("records of the store"), "{told}");
    for path in [files_below(&new.path("elsewhere/work")), files_below(&new.path("elsewhere/state/homes"))].concat() {
        assert_eq!(path.symlink_metadata().unwrap().mode() & 0o7077, 0, "{}", path.display());
    }
    new.run(&telegram);
    let notice = ana.waits_for_message(|message| message.text.contains("Interrupted"));
    assert_eq!(notice.buttons(), ["Retry"], "the turn that ran is told of, as after a crash");
    ana.waits_for_message(|message| message.text == "waited its turn");
    says(&ana, "count", "5");
    ana.sends("cat note.txt");
    ana.waits_for_message(|message| message.text.contains("remember the milk"));
}

#[test]
fn a_backup_that_is_not_as_it_was_made_changes_nothing_and_says_why() {
    let (telegram, ana, mut old) = ana_at_work();
    let safe = Safe::new();
    makes_something_large(&ana);
    old.stop();
    safe.save(&old, "good");
    let good = std::fs::read(safe.path("good")).unwrap();
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(safe.path("changed"), changed).unwrap();
    std::fs::write(safe.path("cut"), &good[..good.len() - 100]).unwrap();
    std::fs::write(safe.path("foreign"), "PK\x03\x04 an archive of something else").unwrap();
    let new = Appliance::new(&telegram, &[1001]);
    let entries = || std::fs::read_dir(new.path("state")).into_iter().flatten().count();
    assert!(refused(&safe.restore(&new, "foreign")).contains("no file in the age format"));
    std::fs::write(safe.path("wrong"), "another passphrase\n").unwrap();
    let wrong = run(&new, &["restore", "--from", &safe.name("good"), "--passphrase-file", &safe.name("wrong")]);
    assert!(refused(&wrong).contains("passphrase is wrong"));
    assert!(refused(&run(&new, &["restore", "--from", &safe.name("good"), "--identity", &safe.name("key")])).contains("by a passphrase"));
    assert_eq!(entries(), 0, "not even a directory was made");
    for bad in ["changed", "cut"] {
        let said = refused(&safe.restore(&new, bad));
        assert!(said.contains("changed or is damaged") || said.contains("cut off"), "{said}");
        assert!(said.contains("Nothing was restored"), "{said}");
    }
    assert!(files_below(&new.path("state")).iter().all(|path| path.ends_with("run/lock")), "nothing of it is left");
    assert_eq!(std::fs::read_dir(new.path("workspaces")).unwrap().count(), 0);
    done(&safe.restore(&new, "good"));
    let said = refused(&safe.restore(&new, "good"));
    assert!(said.contains("state/store") && said.contains("workspaces") && said.contains("nothing is overwritten"), "{said}");
}

#[test]
fn whatever_an_agent_leaves_behind_what_is_saved_can_be_restored() {
    let (telegram, _ana, mut old) = ana_at_work();
    old.stop();
    let deep = std::iter::repeat_n("\u{1}".repeat(255), 14).fold(old.workspace_of(1001, 0), |path, name| path.join(name));
    std::fs::create_dir_all(&deep).unwrap();
    for number in 0..110 {
        // Each is left out and told of, by a name that is as long as names get.
        rustix::fs::mknodat(rustix::fs::CWD, deep.join(number.to_string()), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    }
    let safe = Safe::new();
    safe.save(&old, "backup.age");
    let new = Appliance::new(&telegram, &[1001]);
    done(&safe.restore(&new, "backup.age"));
    assert!(new.workspace_of(1001, 0).join("note.txt").is_file());
    std::fs::create_dir(safe.path("templates")).unwrap();
    std::fs::write(safe.path("templates/no-template"), vec![b'x'; 33 << 20]).unwrap();
    old.set("KIRO_CONFIG_PATH", &safe.name("templates"));
    let said = refused(&run(&old, &["backup", "--to", &safe.name("more.age"), "--passphrase-file", &safe.name("phrase")]));
    assert!(said.contains("templates has more than templates do") && !safe.path("more.age").exists(), "{said}");
}

#[test]
fn a_restore_that_is_killed_leaves_nothing_half_and_can_be_repeated() {
    let (telegram, ana, mut old) = ana_at_work();
    let safe = Safe::new();
    makes_something_large(&ana);
    old.stop();
    safe.save(&old, "backup.age");
    let mut new = Appliance::new(&telegram, &[1001]);
    let mut command = new.command(&["restore", "--from", "-", "--passphrase-file", &safe.name("phrase")]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let bytes = std::fs::read(safe.path("backup.age")).unwrap();
    child.stdin.as_mut().unwrap().write_all(&bytes[..bytes.len() - 1_000_000]).unwrap();
    eventually("the restore to unpack", || new.path("workspaces/.restoring/telegram-1001/1001.0/large.bin").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!new.path("workspaces/telegram-1001").exists(), "nothing is in its place");
    let said = refused(&run(&new, &["run"]));
    let log = format!("{said}{}", new.log());
    assert!(log.contains("restore") && log.contains("not finished"), "{log}");
    done(&safe.restore(&new, "backup.age"));
    new.run(&telegram);
    says(&ana, "count", "4");
    assert_eq!(new.workspace_of(1001, 0).join("large.bin").metadata().unwrap().len(), 3_000_000);
}

#[test]
fn a_backup_for_a_key_is_opened_by_ordinary_tools_and_carries_secrets_only_when_asked_to() {
    let (telegram, ana, mut old) = ana_at_work();
    let safe = Safe::new();
    for (name, more) in [("without", &[][..]), ("with", &["--with-secrets"][..])] {
        let arguments = [&["backup", "--to", "-", "--recipient", RECIPIENT], more].concat();
        let output = old.command(&arguments).stdin(Stdio::null()).output().unwrap();
        done(&output);
        assert!(!String::from_utf8_lossy(&output.stdout).contains(telegram.token()));
        std::fs::write(safe.path(name), output.stdout).unwrap();
    }
    old.stop();
    let unpack = format!("age -d -i '{}' '{}' | tar -C '{}' -x", safe.name("key"), safe.name("without"), safe.name("tar"));
    std::fs::create_dir(safe.path("tar")).unwrap();
    if Command::new("age").arg("--version").stdout(Stdio::null()).status().is_ok() {
        assert!(Command::new("sh").args(["-ec", &unpack]).status().unwrap().success());
        let note = safe.path("tar/workspaces/telegram-1001/1001.0/note.txt");
        assert_eq!(std::fs::read_to_string(note).unwrap().trim(), "remember the milk");
        let has_token = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(telegram.token());
        assert!(!files_below(&safe.path("tar")).iter().any(has_token), "the token is not in it");
    } else {
        eprintln!("skipped: there is no `age` here to open it");
    }
    let checked = done(&run(&old, &["restore", "--check", "--from", &safe.name("with"), "--identity", &safe.name("key")]));
    assert!(checked.contains("whole"), "{checked}");
    for (name, has_token) in [("without", false), ("with", true)] {
        let mut new = Appliance::new(&telegram, &[1001]);
        let told = done(&run(&new, &["restore", "--from", &safe.name(name), "--identity", &safe.name("key"), "--settings", "etc"]));
        assert_eq!(told.contains("not in this backup"), !has_token, "{told}");
        let env = std::fs::read_to_string(new.path("etc/.env")).unwrap();
        assert!(env.contains("ALLOWED_TELEGRAM_IDS=1001") && env.contains(&format!("STATE_DIR={}", new.path("state").display())), "{env}");
        assert!(!env.contains(telegram.token()) && new.path("etc/kiro-config/agents/tg-acp.json").is_file());
        let token = std::fs::read_to_string(new.path("etc/secrets/bot-token")).ok();
        assert_eq!(token.as_deref(), has_token.then(|| telegram.token()));
        if has_token {
            new.run(&telegram);
            says(&ana, "count", "3");
        }
    }
}

#[test]
fn root_restores_as_whoever_the_place_belongs_to() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can restore for somebody else");
        return;
    }
    let (telegram, _ana, mut old) = ana_at_work();
    let safe = Safe::new();
    old.stop();
    safe.save(&old, "backup.age");
    let new = Appliance::new(&telegram, &[1001]).with("STATE_DIR", "var/state").with("WORKSPACE_BASE_PATH", "var/work");
    std::fs::create_dir(new.path("var")).unwrap();
    std::os::unix::fs::chown(new.path("var"), Some(12_345), Some(12_346)).unwrap();
    // Whoever it becomes has to come by.
    std::fs::set_permissions(new.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
    done(&safe.restore(&new, "backup.age"));
    let files = files_below(&new.path("var"));
    assert!(files.iter().any(|path| path.ends_with("note.txt")));
    for path in files.iter().flat_map(|path| path.ancestors().take_while(|above| above.starts_with(new.path("var")))) {
        let owner = path.symlink_metadata().unwrap();
        assert_eq!((owner.uid(), owner.gid()), (12_345, 12_346), "{}", path.display());
    }
    done(&run(&new, &["backup", "--to", &safe.name("again"), "--passphrase-file", &safe.name("phrase")]));
    let strange = |path: &PathBuf| path.symlink_metadata().unwrap().uid() != 12_345;
    assert_eq!(files_below(&new.path("var")).into_iter().find(strange), None, "a backup by root leaves nothing of root's");
}

#[test]
fn picoclaw_s_settings_of_each_form_serve_the_same_person_here() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let token = telegram.token();
    let forms = [
        (
            format!(r#"{{"llm":{{"api_key":"sk-or-1"}},"channel":{{"type":"telegram","token":"{token}","allowed_users":[1001]}}}}"#),
            String::new(),
        ),
        (
            format!(
                r#"{{"agents":{{}},"channels":{{"telegram":{{"enabled":true,"token":"{token}","allow_from":["1001"]}},"discord":{{}}}}}}"#
            ),
            String::new(),
        ),
        (
            r#"{"version":3,"channel_list":{"tg":{"type":"telegram","enabled":true,"allow_from":["1001|ana"],"settings":{}}}}"#.to_owned(),
            format!("channel_list:\n  tg:\n    settings:\n      token: {token}\n"),
        ),
    ];
    for (number, (config, secrets)) in forms.into_iter().enumerate() {
        let safe = Safe::new();
        std::fs::write(safe.path("config.json"), config).unwrap();
        std::fs::write(safe.path(".security.yml"), secrets).unwrap();
        let mut new = Appliance::new(&telegram, &[1001]).with("BOT_TOKEN", "").with("ALLOWED_TELEGRAM_IDS", "");
        let dry = done(&run(&new, &["import", "picoclaw", &safe.name("config.json"), "--dry-run"]));
        assert!(dry.contains("ALLOWED_TELEGRAM_IDS=1001") && !dry.contains(token) && !new.path(".env").exists(), "{dry}");
        done(&run(&new, &["import", "picoclaw", &safe.name("config.json")]));
        assert_eq!(new.path("secrets/bot-token").metadata().unwrap().mode() & 0o777, 0o600);
        assert!(refused(&run(&new, &["import", "picoclaw", &safe.name("config.json")])).contains("nothing is overwritten"));
        new.run(&telegram);
        says(&ana, &format!("echo form {number}"), &format!("form {number}"));
        new.stop();
    }
}

/// What the Python bot has in its directory after a conversation that `old` had; `false` where nothing can make its database.
fn python_bot(directory: &Path, telegram: &Telegram, old: &Appliance, topic: i64) -> bool {
    let sessions = old.home_of(1001).join(".kiro/sessions/cli");
    let kiro = directory.join("home/.kiro/sessions/cli");
    std::fs::create_dir_all(&kiro).unwrap();
    let mut id = String::new();
    for entry in std::fs::read_dir(sessions).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), kiro.join(entry.file_name())).unwrap();
        if let Some(name) = entry.file_name().to_str().unwrap().strip_suffix(".json") {
            name.clone_into(&mut id);
        }
    }
    let workspace = directory.join(format!("workspaces/1001/{topic}"));
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("note.txt"), "from the old bot\n").unwrap();
    let env = format!("BOT_TOKEN={}\nALLOWED_TELEGRAM_IDS=1001\nKIRO_AGENT_NAME=tg-acp\nIDLE_TIMEOUT_SECONDS=30\n", telegram.token());
    std::fs::write(directory.join(".env"), env).unwrap();
    let sql = format!(
        "CREATE TABLE sessions (user_id INTEGER NOT NULL, thread_id INTEGER NOT NULL, session_id TEXT NOT NULL, workspace_path TEXT NOT NULL, \
         model TEXT NOT NULL DEFAULT 'auto', created_at TEXT NOT NULL, updated_at TEXT NOT NULL, PRIMARY KEY (user_id, thread_id));\
         INSERT INTO sessions VALUES (1001, {topic}, 'user-1001-{id}', '{}', 'auto', '2026-02-01T10:00:00+00:00', '2026-02-01T10:00:00+00:00');\
         INSERT INTO sessions VALUES (1001, 999, 'user-1002-{id}', '/x/1001/999', 'auto', '', '');",
        workspace.display()
    );
    Command::new("sqlite3").arg(directory.join("tg-acp.db")).arg(sql).status().is_ok_and(|status| status.success())
}

#[test]
fn the_python_bot_s_conversations_go_on_with_their_files() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut old = Appliance::start(&telegram, &[1001]);
    let topic = ana.makes_topic(Some("My garden"));
    let in_topic = |prompt: &str, answer: &str| {
        ana.sends_in_topic(topic, prompt);
        ana.waits_for_message(|message| message.topic == Some(topic) && message.text.contains(answer));
    };
    in_topic("count", "1");
    old.stop();
    let safe = Safe::new();
    if !python_bot(safe.0.path(), &telegram, &old, topic) {
        eprintln!("skipped: there is no sqlite3 here to make a database of the Python bot");
        return;
    }
    let mut new = Appliance::new(&telegram, &[1001]).with("BOT_TOKEN", "").with("ALLOWED_TELEGRAM_IDS", "");
    let (from, kiro) = (safe.name(""), safe.name("home/.kiro"));
    let dry = done(&run(&new, &["import", "kiroclaw", &from, "--kiro-home", &kiro, "--dry-run"]));
    assert!(dry.contains("1 conversations") && !new.path("state").exists(), "{dry}");
    let told = done(&run(&new, &["import", "kiroclaw", &from, "--kiro-home", &kiro]));
    assert!(told.contains("topic 999 is not taken over: its session belongs to another user"), "{told}");
    new.run(&telegram);
    in_topic("cat note.txt", "from the old bot");
    in_topic("count", "3");
}
