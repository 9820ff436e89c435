//! Other people's sandboxes, as their documentation has one use them for a program that is not trusted with anything but one directory.

use std::path::Path;
use std::process::Command;

use crate::stage::{Ends, Stage};

/// The image that `tests/attack/run` makes: nothing, but the links of a merged /usr.
const IMAGE: &str = "kiroclaw-attack";

/// One of them.
pub(crate) struct Foreign {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// How it is used, for the reader.
    pub(crate) how: &'static str,
    program: &'static str,
    words: fn(&Stage) -> Vec<String>,
    /// Whether it is started by root, who then names the user: container engines.
    by_root: bool,
    /// The name of our own jail's way in it, where that is what is attacked: held against the policy of that.
    pub(crate) jail: Option<&'static str>,
}

/// Our own jail where our own profile is around it.
pub(crate) const BY_OUR_PROFILE: &str = "jail in docker, by our profile";

/// All of them, in the order of the table.
pub(crate) const ALL: &[Foreign] = &[
    Foreign {
        name: "firejail",
        how: "`firejail --noprofile --net=none --noroot --nonewprivs --caps.drop=all --seccomp --private-dev --private-tmp --ipc-namespace`, Debian's package",
        program: "firejail",
        words: |_| {
            words(
                "--quiet --noprofile --net=none --noroot --nonewprivs --caps.drop=all --seccomp --private-dev --private-tmp --ipc-namespace --",
            )
        },
        by_root: false,
        jail: None,
    },
    Foreign {
        name: "bwrap",
        how: "`bwrap --unshare-all --die-with-parent --new-session`, the whole system read-only, `/tmp` its own, the workspace writable, as coding agents use it",
        program: "bwrap",
        words: |stage| with_own(stage, "--unshare-all --die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp"),
        by_root: false,
        jail: None,
    },
    Foreign {
        name: "bwrap, strict",
        how: "the same with `/usr` alone of the system, and `--clearenv`",
        program: "bwrap",
        words: |stage| {
            with_own(
                stage,
                "--unshare-all --die-with-parent --new-session --clearenv --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib \
                 --symlink usr/lib64 /lib64 --dev /dev --proc /proc --tmpfs /tmp",
            )
        },
        by_root: false,
        jail: None,
    },
    Foreign {
        name: "docker",
        how: "`docker run --user`, an ordinary user, an empty image, no network, all else as it comes",
        program: "docker",
        words: |stage| container(stage, &[], &stage.own()),
        by_root: true,
        jail: None,
    },
    Foreign {
        name: "docker, hardened",
        how: "with `--cap-drop ALL --security-opt no-new-privileges --read-only --network none --pids-limit 256 --memory 1g`",
        program: "docker",
        words: |stage| container(stage, &words(HARDENED), &stage.own()),
        by_root: true,
        jail: None,
    },
    Foreign {
        name: "jail in docker, hardened",
        how: "`kiroclaw jail` in such a container, which forbids it all namespaces, with `ACCEPT_MISSING=ports`; the container holds the whole service",
        program: "docker",
        words: |stage| jail_in(stage, &words(HARDENED)),
        by_root: true,
        jail: Some("Not"),
    },
    Foreign {
        name: BY_OUR_PROFILE,
        how: "the same with `--security-opt seccomp=seccomp/container.json --security-opt apparmor=unconfined`, as docker/compose.yaml has it",
        program: "docker",
        words: |stage| {
            let profile = concat!("seccomp=", env!("CARGO_MANIFEST_DIR"), "/seccomp/container.json");
            let ours = ["--security-opt", profile, "--security-opt", "apparmor=unconfined"].map(str::to_owned);
            jail_in(stage, &[words(HARDENED), ours.to_vec()].concat())
        },
        by_root: true,
        jail: Some("SharingProc"),
    },
];

const HARDENED: &str = "--cap-drop ALL --security-opt no-new-privileges --read-only --network none --pids-limit 256 --memory 1g";

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn with_own(stage: &Stage, options: &str) -> Vec<String> {
    let own = stage.own().display().to_string();
    let mut all = words(options);
    all.extend(["--bind", &own, &own, "--chdir", &own, "--"].map(str::to_owned));
    all
}

/// `kiroclaw jail` in a container that holds the whole service.
fn jail_in(stage: &Stage, options: &[String]) -> Vec<String> {
    let mut all = container(stage, options, &stage.path(""));
    let image = all.pop();
    for path in ["/usr:/usr:ro", "/etc:/etc:ro"] {
        all.extend(["-v".to_owned(), path.to_owned()]);
    }
    let places = [("STATE_DIR", "state"), ("WORKSPACE_BASE_PATH", "workspaces"), ("CONFIG_FILE", "config.json")];
    for (name, value) in places.map(|(name, place)| (name, stage.path(place))) {
        all.extend(["-e".to_owned(), format!("{name}={}", value.display())]);
    }
    all.extend(words("-e AGENT_COMMAND=/bin/cat -e EGRESS_ALLOW=example.org -e ACCEPT_MISSING=ports -e PATH=/usr/bin:/bin"));
    all.extend(image);
    all.push(stage.path("kiroclaw").display().to_string());
    all.extend(words("jail --workspace . --"));
    all
}

fn container(stage: &Stage, options: &[String], mounted: &Path) -> Vec<String> {
    let user = stage.user();
    let mut all = words("run --rm");
    all.extend(options.iter().cloned());
    let mounted = mounted.display().to_string();
    let mounted = mounted.trim_end_matches('/');
    all.extend(["--user".to_owned(), format!("{user}:{user}"), "-v".to_owned(), format!("{mounted}:{mounted}")]);
    all.extend(["-w".to_owned(), stage.own().display().to_string(), IMAGE.to_owned()]);
    all
}

impl Foreign {
    /// The battery in it, or why there is no such box on this machine.
    pub(crate) fn attack(&self) -> Result<Ends, String> {
        let stage = Stage::new();
        let output = stage.run(&mut self.command(&stage, &["list".to_owned()]));
        if !String::from_utf8_lossy(&output.stdout).contains("\"group\"") {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(stage.attack(|stage, words| self.command(stage, words)))
    }

    fn command(&self, stage: &Stage, words: &[String]) -> Command {
        let program = Path::new(self.program);
        let mut command = if self.by_root { stage.command_of_root(program) } else { stage.command(program) };
        if let Some(host) = std::env::var_os("DOCKER_HOST") {
            command.env("DOCKER_HOST", host);
        }
        command.args((self.words)(stage)).arg(stage.own().join("battery"));
        if self.by_root {
            // An engine, which may lose what goes through it (docker/cli issue 4338).
            command.arg("into").arg(stage.said());
        }
        command.args(words);
        command.args(self.jail.map(|_| "watched=1"));
        command
    }
}
