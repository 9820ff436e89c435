//! A directory with all that a jail by hand needs: settings, state, workspaces, and a workspace to work in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One such directory, removed at its end.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    program: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory, program: env!("CARGO_BIN_EXE_kiroclaw").into() };
        for part in ["state", "workspaces", "work"] {
            let path = place.path(part);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        place
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.path("work")
    }

    /// What no other process has among its arguments: a number of seconds to sleep for.
    pub(crate) fn marker(&self) -> String {
        let name: u32 = self.directory.path().to_str().unwrap().bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        format!("{}.{name}", 1000 + std::process::id() % 1000)
    }

    /// A well-formed token that is nobody's.
    pub(crate) fn token(&self) -> &'static str {
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
    }

    /// Gives everything, a copy of the program too, to another user.
    pub(crate) fn give_to(&mut self, uid: u32) {
        let copy = self.path("kiroclaw");
        std::fs::copy(&self.program, &copy).unwrap();
        self.program = copy;
        for part in ["", "state", "workspaces", "work"] {
            std::os::unix::fs::chown(self.path(part), Some(uid), Some(uid)).unwrap();
        }
    }

    /// The program with the settings of this place and no others.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        self.set(&mut command);
        command
    }

    fn set(&self, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("AGENT_COMMAND", "/bin/cat").current_dir(self.workspace());
        command.env("STATE_DIR", self.path("state")).env("WORKSPACE_BASE_PATH", self.path("workspaces"));
    }

    /// `words` in the jail.
    pub(crate) fn jail(&self, words: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["jail", "--workspace", "."]).arg("--").args(words);
        command
    }

    /// A script of a shell in the jail.
    pub(crate) fn shell(&self, script: &str) -> Output {
        self.jail(&["sh", "-c", script]).output().unwrap()
    }

    /// `words` in the jail, started by a script outside that has the jail's command line as its arguments.
    pub(crate) fn within_shell(&self, script: &str, words: &[&str]) -> Command {
        let mut command = Command::new("sh");
        self.set(&mut command);
        command.args(["-c", script, "sh"]).arg(&self.program).args(["jail", "--workspace", ".", "--"]).args(words);
        command
    }

    /// Compiles `tests/jail/NAME.c` into the workspace.
    pub(crate) fn compile(&self, name: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jail").join(format!("{name}.c"));
        let done =
            Command::new("cc").arg("-o").arg(self.workspace().join(name)).arg(source).status().expect("a C compiler, as Rust needs one");
        assert!(done.success());
    }
}

/// How many processes have `word` in their command line.
pub(crate) fn running(word: &str) -> usize {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    pids.filter(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| text(&words).contains(word))).count()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn lines(bytes: &[u8]) -> Vec<String> {
    text(bytes).lines().map(str::to_owned).collect()
}
