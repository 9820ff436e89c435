//! A directory with all that a jail by hand needs: settings, state, workspaces, and a workspace to work in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What of namespaces the machine allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Whatever it does: on most, all of them.
    AsItIs,
    /// A /proc that is covered in part, as container engines do it: no other one may be mounted.
    CoveredProc,
    /// No mount namespaces.
    NoMounts,
    /// None at all.
    NoNamespaces,
}

impl Machine {
    /// From the most to the least.
    pub(crate) const ALL: [Self; 4] = [Self::AsItIs, Self::CoveredProc, Self::NoMounts, Self::NoNamespaces];

    /// What makes this machine such a one, for a shell with all capabilities in a user namespace of its own.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Self::AsItIs => "",
            Self::CoveredProc => "mount -t tmpfs none /proc/sys/fs &&",
            Self::NoMounts => "echo 0 > /proc/sys/user/max_mnt_namespaces &&",
            Self::NoNamespaces => "echo 0 > /proc/sys/user/max_user_namespaces &&",
        }
    }

    /// Whether a jail on it has a network and IPC of its own.
    pub(crate) fn has_namespaces(self) -> bool {
        self != Self::NoNamespaces && allows_namespaces()
    }

    /// Whether it has files of its own too.
    pub(crate) fn has_mounts(self) -> bool {
        self != Self::NoMounts && self.has_namespaces()
    }
}

/// Whether this machine lets its user have namespaces.
fn allows_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "true"]);
    command.output().is_ok_and(|output| output.status.success())
}

/// Whether this kernel's Landlock keeps TCP and signals inside by itself (ABI 6, Linux 6.12). Where it does not, nobody without namespaces is safe.
pub(crate) fn keeps_without_namespaces() -> bool {
    let keeps = kiroclaw::jail::sys::landlock_abi().is_some_and(|abi| abi >= 6);
    if !keeps {
        println!("SKIPPED without namespaces: this kernel's Landlock is older than ABI 6");
    }
    keeps
}

/// One such directory, removed at its end.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    program: PathBuf,
    machine: Machine,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::on(Machine::AsItIs)
    }

    /// A place on every machine that this one can be made to be, and on which an agent is as safe as elsewhere.
    pub(crate) fn everywhere() -> impl Iterator<Item = (Machine, Self)> {
        let machines = Machine::ALL.into_iter().filter(|machine| *machine == Machine::AsItIs || allows_namespaces());
        let safe = |machine: &Machine| *machine != Machine::NoNamespaces || keeps_without_namespaces();
        machines.filter(safe).map(|machine| (machine, Self::on(machine)))
    }

    pub(crate) fn on(machine: Machine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // tests/trace/run names another one: the static binary, and strace before it.
        let program = std::env::var_os("KIROCLAW_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_kiroclaw").into());
        let place = Self { directory, program: program.into(), machine };
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
        let mut command = match self.machine {
            Machine::AsItIs => Command::new(&self.program),
            machine => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
                command.arg(format!("{} exec \"$0\" \"$@\"", machine.script())).arg(&self.program);
                command
            }
        };
        self.set(&mut command);
        command
    }

    fn set(&self, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("AGENT_COMMAND", "/bin/cat").current_dir(self.workspace());
        // What holds where more is missing is for these tests to see; what it takes to be let in, for those of policies.
        command.env("ACCEPT_MISSING", "ports,signals,abstract-sockets,unix-sockets");
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
