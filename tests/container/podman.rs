//! Rootless Podman, as an ordinary user, with the options of `docker/kiroclaw.container`. Debian 12's Podman 4.3 has no Quadlet, so its keys
//! are put into words here as podman-systemd.unit(5) says.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::engine::{all, below, eventually, kill, repository, said, work};
use crate::stand_in::telegram::Telegram;

const ANA: i64 = 1001;

/// The user that tests/container/run makes.
const ACCOUNT: u32 = 61_348;

fn home() -> PathBuf {
    work().join("podman")
}

fn podman(words: &[&str]) -> Command {
    let number = ACCOUNT.to_string();
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        &number,
        "--regid",
        &number,
        "--init-groups",
        "podman",
        "--cgroup-manager",
        "cgroupfs",
        "--events-backend",
        "file",
    ]);
    command.args(words).current_dir(home()).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", home());
    command.env("XDG_RUNTIME_DIR", home().join("run")).env("TMPDIR", home());
    command
}

/// The words of `podman run` for `[Container]`, with the files of the test in place of a server's, and what this machine lacks: systemd.
fn options(runtime: &str) -> Vec<String> {
    let unit = std::fs::read_to_string(repository("docker/kiroclaw.container")).unwrap();
    let section = unit.split("[Container]").nth(1).unwrap().split("\n[").next().unwrap();
    let lines = section.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = vec![format!("--runtime={runtime}"), "run".to_owned(), "--detach".to_owned(), "--network=host".to_owned()];
    for (key, value) in lines.map(|line| line.split_once('=').unwrap()) {
        let value = value
            .replace("/opt/kiroclaw/", &format!("{}/", home().display()))
            .replace("/etc/kiroclaw:/etc", &format!("{}/etc:/etc", home().display()));
        match key {
            "Image" | "ContainerName" | "User" | "Group" | "LogDriver" => {}
            "UserNS" => words.push(format!("--userns={value}")),
            "ReadOnly" => words.push(format!("--read-only={value}")),
            "ReadOnlyTmpfs" => words.push(format!("--read-only-tmpfs={value}")),
            "DropCapability" => words.push(format!("--cap-drop={value}")),
            "NoNewPrivileges" => words.push("--security-opt=no-new-privileges".to_owned()),
            "SeccompProfile" => words.push(format!("--security-opt=seccomp={value}")),
            "Environment" => words.push(format!("--env={value}")),
            "Secret" => words.push(format!("--secret={value}")),
            "Volume" => words.push(format!("--volume={value}")),
            "Tmpfs" => words.push(format!("--tmpfs={value}")),
            "PidsLimit" => words.push(format!("--pids-limit={value}")),
            "Ulimit" => words.push(format!("--ulimit={value}")),
            "PodmanArgs" => words.extend(value.split_whitespace().map(str::to_owned)),
            "HealthCmd" => words.push(format!("--health-cmd={value}")),
            "HealthInterval" => words.push(format!("--health-interval={value}")),
            "HealthTimeout" => words.push(format!("--health-timeout={value}")),
            "HealthStartPeriod" => words.push(format!("--health-start-period={value}")),
            "HealthRetries" => words.push(format!("--health-retries={value}")),
            other => panic!("docker/kiroclaw.container has {other}, which this test does not know"),
        }
    }
    words.extend(
        ["--user=1000:1000", "--name=kiroclaw", "--log-driver=k8s-file", concat!("kiroclaw:", env!("CARGO_PKG_VERSION"))]
            .map(str::to_owned),
    );
    words
}

/// What docs/operating.md has one do before the first start.
fn prepare(telegram: &Telegram) {
    let image = home().join("kiroclaw.tar");
    said(Command::new(repository("docker/oci")).arg(&image).arg(std::env::var_os("KIROCLAW_BINARY").unwrap()));
    said(Command::new("cp").arg("-L").arg(repository("docker/container.json")).arg(home()));
    std::fs::create_dir_all(home().join("etc")).unwrap();
    let settings = format!("TELEGRAM_API_BASE={}\nALLOWED_TELEGRAM_IDS={ANA}\n", telegram.base());
    std::fs::write(home().join("etc/.env"), settings).unwrap();
    for path in ["kiroclaw.tar", "container.json", "etc", "etc/.env"] {
        chown(home().join(path), Some(ACCOUNT), Some(ACCOUNT)).unwrap();
    }
    std::fs::set_permissions(home().join("etc"), PermissionsExt::from_mode(0o700)).unwrap();
    said(&mut podman(&["load", "-i", "kiroclaw.tar"]));
    let mut secret = podman(&["secret", "create", "kiroclaw-bot-token", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(&mut secret.stdin.take().unwrap(), telegram.token().as_bytes()).unwrap();
    assert!(secret.wait().unwrap().success());
}

/// Nothing of it outlives the test, however that ends: neither the container nor the process that holds the user's namespaces.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", all(&podman(&["logs", "--tail", "40", "kiroclaw"]).output().unwrap()));
        }
        let _ = podman(&["rm", "--force", "--time", "1", "kiroclaw"]).output();
        let pause = std::fs::read_to_string(home().join("run/libpod/tmp/pause.pid")).ok().and_then(|pid| pid.trim().parse().ok());
        if let Some(pid) = pause {
            kill(pid);
        }
    }
}

#[test]
fn a_conversation_is_held_under_rootless_podman_by_both_runtimes() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let _end = End;
    prepare(&telegram);
    for runtime in ["crun", "runc"] {
        let words = options(runtime);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        said(&mut podman(&words));
        ana.sends(&format!("say good morning by {runtime}"));
        ana.waits_for_message(|message| message.text.contains(&format!("good morning by {runtime}")));
        let pid = said(&mut podman(&["inspect", "--format", "{{.State.Pid}}", "kiroclaw"])).trim().parse().unwrap();
        for process in below(pid) {
            let is = |name: &str, wanted: &str| assert_eq!(process.status[name], wanted, "{runtime}: {name} of {:?}", process.words);
            is("Uid", &[ACCOUNT; 4].map(|number| number.to_string()).join("\t"));
            is("NoNewPrivs", "1");
            is("Seccomp", "2");
            is("CapEff", "0000000000000000");
            is("CapBnd", "0000000000000000");
        }
        let doctor = all(&podman(&["exec", "kiroclaw", "kiroclaw", "doctor"]).output().unwrap());
        assert!(doctor.contains("an agent has users, network, IPC and files of its own"), "{runtime}: {doctor}");
        // Without systemd, nobody asks every half minute.
        eventually("it to be healthy", || podman(&["healthcheck", "run", "kiroclaw"]).output().unwrap().status.success());
        said(&mut podman(&["stop", "--time", "20", "kiroclaw"]));
        let code = said(&mut podman(&["inspect", "--format", "{{.State.ExitCode}}", "kiroclaw"]));
        assert_eq!(code.trim(), "0", "{runtime}");
        said(&mut podman(&["rm", "kiroclaw"]));
    }
}
