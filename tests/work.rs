//! The ordinary work of programs that agents run, in the jail, on every kind of machine that this one can be made to be, and as an ordinary
//! user too. What each does stands in the directory `work` beside this file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "test code: a panic is the failure of the test"
)]

#[path = "jail/place.rs"]
#[allow(dead_code, reason = "the tests of the jail use more of it")]
mod place;

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use place::{Machine, Place, text};

/// An ordinary user without a home.
const NOBODY: u32 = 65_534;

/// A kind of work: the programs that it takes, the first of which runs the script, and what it may read besides the system.
struct Work {
    programs: &'static [&'static str],
    script: &'static str,
    content: &'static str,
    /// Where cargo is, with all that it needs: that of these tests.
    toolchain: Option<PathBuf>,
}

/// The script of that name, for these programs.
macro_rules! work {
    ($script:literal, $($program:literal),*) => {
        Work {
            programs: &[$($program),*],
            script: $script,
            content: include_str!(concat!("work/", $script)),
            toolchain: None,
        }
    };
}

impl Work {
    /// In every form of the jail; then as an ordinary user, where this one is not.
    fn is_done(&self) {
        let installed =
            |name: &&&str| !["/usr/local/bin", "/usr/bin", "/bin"].iter().any(|directory| Path::new(directory).join(name).exists());
        if let Some(missing) = self.programs.iter().find(installed) {
            eprintln!("NOT CHECKED: {}, because {missing} is not installed; tests/run installs it", self.script);
            return;
        }
        for (machine, place) in Place::everywhere() {
            self.is_done_in(machine, &place, None, self.toolchain.as_deref());
        }
        if rustix::process::geteuid().is_root() {
            let mut place = Place::new();
            place.give_to(NOBODY);
            let toolchain = self.toolchain.as_deref().map(|toolchain| open_to_all(toolchain, &place));
            self.is_done_in(Machine::AsItIs, &place, Some(NOBODY), toolchain.as_deref());
        }
    }

    fn is_done_in(&self, machine: Machine, place: &Place, user: Option<u32>, toolchain: Option<&Path>) {
        std::fs::write(place.workspace().join(self.script), self.content).unwrap();
        let form = if machine.has_mounts() {
            "apart"
        } else if machine.has_namespaces() {
            "network"
        } else {
            "shared"
        };
        let mut command = place.jail(&[self.programs[0], self.script, form]);
        if let Some(toolchain) = toolchain {
            command.arg(toolchain.join("bin")).env("AGENT_READ_ONLY_PATHS", toolchain);
        }
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let output = command.output().unwrap();
        let done = output.status.success() && text(&output.stdout).ends_with("done\n");
        assert!(done, "{} on {machine:?} as {user:?}: {}\n{}{}", self.script, output.status, text(&output.stdout), text(&output.stderr));
    }
}

/// The toolchain where any user may read it: where it is, or, since root's home is closed to others, below the place.
fn open_to_all(toolchain: &Path, place: &Place) -> PathBuf {
    if toolchain.ancestors().all(|part| part.metadata().is_ok_and(|about| about.mode() & 0o001 != 0)) {
        return toolchain.to_owned();
    }
    let opened = place.path("toolchain");
    std::fs::create_dir(&opened).unwrap();
    for part in ["bin", "lib"] {
        let copied = |how| Command::new("cp").args(["-a", how]).arg(toolchain.join(part)).arg(&opened).status().unwrap().success();
        assert!(copied("--link") || copied("--reflink=auto"), "{part}: it cannot be copied, nor linked");
    }
    opened
}

#[test]
fn bash_does_its_ordinary_work() {
    work!("bash.sh", "bash", "ps", "script", "awk", "find", "tar").is_done();
}

#[test]
fn git_does_its_ordinary_work() {
    work!("git.sh", "bash", "git").is_done();
}

#[test]
fn node_does_its_ordinary_work() {
    work!("node.js", "node").is_done();
}

#[test]
fn npm_does_its_ordinary_work() {
    work!("npm.sh", "bash", "npm").is_done();
}

#[test]
fn python_does_its_ordinary_work() {
    work!("python.py", "python3").is_done();
}

#[test]
fn gcc_and_make_do_their_ordinary_work() {
    work!("gcc.sh", "bash", "gcc", "make").is_done();
}

#[test]
fn cargo_does_its_ordinary_work() {
    let cargo = Path::new(env!("CARGO"));
    let toolchain = cargo.parent().and_then(Path::parent).unwrap().to_owned();
    Work { toolchain: Some(toolchain), ..work!("cargo.sh", "bash", "cc") }.is_done();
}

#[test]
fn ripgrep_does_its_ordinary_work() {
    work!("rg.sh", "bash", "rg").is_done();
}
