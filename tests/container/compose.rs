//! A server with the appliance by `docker/compose.yaml`: /etc/kiroclaw and /opt/kiroclaw as they lie there, but in a directory of the test.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::engine::{IMAGE, Process, Said, all, below, docker, eventually, inspect, probe, repository, said, work};
use crate::stand_in::telegram::{KillNote, Telegram};

/// What a test adds: the way to the stand-in, which listens on loopback; a shell for the demo agent, of which the image has none; the probe.
fn for_tests() -> String {
    format!(
        "services:\n  kiroclaw:\n    network_mode: host\n    volumes: [/bin/busybox:/bin/busybox:ro, /bin/busybox:/bin/sh:ro, {}]\n",
        mounted_probe()
    )
}

/// The probe's place in the container, as volumes are named.
pub(crate) fn mounted_probe() -> String {
    format!("{}:/probe:ro", probe().display())
}

/// uid and gid in the image.
const SERVICE: u32 = 1000;

pub(crate) struct Server {
    directory: tempfile::TempDir,
    kill_note: KillNote,
}

impl Server {
    /// Started, and polling.
    pub(crate) fn start(telegram: &Telegram, allowed: i64) -> Self {
        let server = Self::new(telegram, allowed);
        server.up(telegram);
        server
    }

    /// Made ready as docs/operating.md has it; not started.
    pub(crate) fn new(telegram: &Telegram, allowed: i64) -> Self {
        let directory = tempfile::tempdir_in(work()).unwrap();
        let server = Self { directory, kill_note: telegram.kill_note() };
        open(server.directory.path());
        for made in ["etc/secrets", "kiroclaw"] {
            std::fs::create_dir_all(server.path(made)).unwrap();
        }
        said(Command::new("cp").arg("-rL").arg(repository("kiro-config")).arg(server.path("etc")));
        let settings = format!("TELEGRAM_API_BASE={}\nALLOWED_TELEGRAM_IDS={allowed}\nLOG_LEVEL=DEBUG\n", telegram.base());
        std::fs::write(server.path("etc/.env"), settings).unwrap();
        std::fs::write(server.path("etc/secrets/bot-token"), telegram.token()).unwrap();
        said(Command::new("chown").arg("-R").arg(format!("0:{SERVICE}")).arg(server.path("etc")));
        said(Command::new("chmod").args(["-R", "u=rwX,g=rX,o="]).arg(server.path("etc")));
        restrict(&server.path("etc/secrets"), 0, 0o700);
        restrict(&server.path("etc/secrets/bot-token"), SERVICE, 0o400);
        for name in ["compose.yaml", "container.json"] {
            std::fs::copy(repository("docker").join(name), server.path("kiroclaw").join(name)).unwrap();
        }
        std::fs::write(server.path("kiroclaw/test.yaml"), for_tests()).unwrap();
        server
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// The compose that is here, of the first kind or the second.
    pub(crate) fn compose(&self, words: &[&str]) -> Command {
        let plugin = docker(&["compose", "version"]).output().is_ok_and(|output| output.status.success());
        let mut command = Command::new(if plugin { "docker" } else { "docker-compose" });
        command.args(plugin.then_some("compose")).args(["-f", "compose.yaml", "-f", "test.yaml"]).args(words);
        command.current_dir(self.path("kiroclaw")).env("KIROCLAW_CONFIG", self.path("etc")).env("KIROCLAW_IMAGE", IMAGE);
        command
    }

    pub(crate) fn up(&self, telegram: &Telegram) {
        let polls = telegram.calls_of("getUpdates").len();
        said(&mut self.compose(&["up", "-d"]));
        eventually("the bot to poll", || {
            assert_eq!(self.inspect()["State"]["Running"], true, "it ended: {}", self.log());
            telegram.calls_of("getUpdates").len() > polls
        });
    }

    /// This command in the running container.
    pub(crate) fn inside(&self, words: &[&str]) -> Said {
        let before = ["exec", "kiroclaw", "/probe", "into", "/tmp/said"];
        let status = docker(&[&before, words].concat()).status().unwrap();
        let file = format!("/proc/{}/root/tmp/said", self.pid());
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{words:?}: {status}, {error}"));
        std::fs::remove_file(file).unwrap();
        Said { code: status.code(), text: String::from_utf8(text).unwrap() }
    }

    pub(crate) fn inspect(&self) -> Value {
        inspect("kiroclaw")
    }

    /// Where the engine has the container's /var/lib/kiroclaw.
    pub(crate) fn volume(&self) -> PathBuf {
        let mounts = &self.inspect()["Mounts"];
        let of_data = mounts.as_array().unwrap().iter().find(|mount| mount["Destination"] == "/var/lib/kiroclaw").unwrap();
        of_data["Source"].as_str().unwrap().into()
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        all(&docker(&["logs", "kiroclaw"]).output().unwrap())
    }

    /// Process 1 of the container, and all below it.
    pub(crate) fn processes(&self) -> Vec<Process> {
        below(self.pid())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.inspect()["State"]["Pid"].as_i64().unwrap()).unwrap()
    }

    pub(crate) fn role(&self, role: &str) -> Process {
        let mut found = None;
        eventually(&format!("the {role} to run"), || {
            found = self.processes().into_iter().find(|process| process.is(role));
            found.is_some()
        });
        found.unwrap()
    }

    /// Tells the stand-in that the bot may ask again for what it was not told to have arrived.
    pub(crate) fn is_killed(&self) {
        self.kill_note.tell();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the end of the container's log:\n{}", self.log().lines().rev().take(40).collect::<Vec<_>>().join("\n"));
        }
        // Whatever is left fails the next test, by its name.
        let _ = self.compose(&["down", "--volumes", "--timeout", "5"]).output();
    }
}

/// Temporary directories are their maker's alone, but the service reads in this one.
fn open(directory: &Path) {
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
}

fn restrict(path: &Path, owner: u32, mode: u32) {
    chown(path, Some(owner), Some(owner)).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
