//! The boxes of our own: none, `kiroclaw jail` in each of its forms, and the lock-down of each role.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::battery::battery;
use crate::place::Machine;
use crate::stage::{Ends, Stage, UNKNOWN, as_user, parse};

/// EPERM.
const PERMISSION: i32 = 1;

/// The battery without any box.
pub(crate) fn bare() -> Ends {
    Stage::new().attack(|stage, words| {
        let mut command = stage.command(&stage.own().join("battery"));
        command.args(words);
        command
    })
}

/// `kiroclaw jail` on such a machine, and how far it was set apart: the name of the way (`src/jail/apart.rs`).
pub(crate) fn jail(machine: Machine) -> (String, Ends) {
    let stage = Stage::new();
    let output = kiroclaw(&stage, machine).args(["policy", "explain", "tg-acp", "--json"]).output().unwrap();
    let explained: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let way = explained["apart"].as_str().unwrap_or_else(|| panic!("{machine:?}: no jail: {output:?}")).to_owned();
    let ends = stage.attack(|stage, words| {
        let mut command = kiroclaw(stage, machine);
        command.args(["jail", "--workspace", ".", "--", "./battery"]).args(words).arg("watched=1");
        command
    });
    (way, ends)
}

/// The program on such a machine. It names a host, so that there is a way out to be tried.
fn kiroclaw(stage: &Stage, machine: Machine) -> Command {
    let program = stage.path("kiroclaw");
    let mut command = match machine {
        Machine::AsItIs => stage.command(&program),
        machine => {
            let mut command = stage.command(Path::new("unshare"));
            command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
            command.arg(format!("{} exec \"$0\" \"$@\"", machine.script())).arg(&program);
            command
        }
    };
    command.env("AGENT_COMMAND", "/bin/cat").env("EGRESS_ALLOW", "example.org");
    command.env("ACCEPT_MISSING", "ports,signals,abstract-sockets,unix-sockets");
    command.env("STATE_DIR", stage.path("state")).env("WORKSPACE_BASE_PATH", stage.path("workspaces"));
    command.env("KIRO_CONFIG_PATH", stage.path("kiro-config")).env("CONFIG_FILE", stage.path("config.json"));
    command
}

/// Every probe in a process of its own that locked itself down as that role.
pub(crate) fn role(role: &str) -> Ends {
    let stage = Stage::new();
    let player = stage.path("player");
    std::fs::copy(built_player(), &player).unwrap();
    let user = rustix::process::geteuid().is_root().then(|| stage.user());
    let answer = |name: String| {
        let mut command = Command::new(&player);
        command.arg(role).arg(stage.path("")).current_dir(stage.own()).stdin(Stdio::null()).env_clear();
        command.env("LD_PRELOAD", stage.path("battery.so")).env("ATTACK_PROBE", &name).env("ATTACK_STAGE", stage.words().join(" "));
        let output = as_user(&mut command, user).output().unwrap();
        stage.tidy();
        let text = String::from_utf8_lossy(&output.stdout);
        let said = text.lines().find_map(parse).map(|(_, answer)| answer);
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        // Without an answer: a signal ended it, or another program took its place and says what it is.
        let replaced = text.lines().find_map(|line| match line {
            "executed" => Some((0, 0)),
            "refused" => Some((PERMISSION, 0)),
            _ => None,
        });
        let ended = signal.map(|signal| (UNKNOWN, signal));
        let answer = said.or(replaced).or(ended).unwrap_or_else(|| panic!("{role}: {name} was not tried: {output:?}"));
        (name, answer)
    };
    let answers: BTreeMap<_, _> = battery().probes.iter().map(|probe| answer(probe.full_name())).collect();
    stage.judge(&answers)
}

/// cargo puts examples beside the directory of the test's own program.
fn built_player() -> std::path::PathBuf {
    let own = std::env::current_exe().unwrap();
    let player = own.parent().and_then(Path::parent).unwrap().join("examples/attack-player");
    assert!(player.is_file(), "the player is not built: run `cargo build --examples`");
    player
}
