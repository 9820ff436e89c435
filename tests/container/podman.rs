//! Rootless Podman, as an ordinary user, with the options that its own generator (Quadlet) makes of `docker/kiroclaw.container`. Debian 12's
//! Podman 4.3 has none: for that one the keys are put into words here, and a generator is what these are held against.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
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

/// Podman's generator, where this one has it.
const GENERATOR: &str = "/usr/libexec/podman/quadlet";

/// What a generator adds for systemd, of which there is none here: it says when the service runs, holds its cgroup and logs, and takes it away.
const OF_SYSTEMD: [&str; 8] =
    ["--cgroups=split", "--cidfile=%t/%N.cid", "--log-driver=journald", "--replace", "--rm", "--sdnotify=conmon", "-d", "--name=kiroclaw"];

/// The unit's text.
fn unit() -> String {
    std::fs::read_to_string(repository("docker/kiroclaw.container")).unwrap()
}

/// What the generator says of the unit, and the options of `podman run` that it makes.
fn generated() -> Option<(String, BTreeSet<String>)> {
    if !Path::new(GENERATOR).exists() {
        return None;
    }
    let units = tempfile::tempdir_in(work()).unwrap();
    std::fs::write(units.path().join("kiroclaw.container"), unit()).unwrap();
    let output = Command::new(GENERATOR).args(["-dryrun", "-user"]).env("QUADLET_UNIT_DIRS", units.path()).output().unwrap();
    assert!(output.status.success(), "{}", all(&output));
    let made = String::from_utf8(output.stdout).unwrap();
    let line = made.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/podman run ")).expect("a command line");
    let mut words = unquoted(line).into_iter().peekable();
    let mut options = BTreeSet::new();
    while let Some(word) = words.next() {
        let value = (word.starts_with('-') && !word.contains('=')).then(|| words.next_if(|next| !next.starts_with('-'))).flatten();
        options.insert(value.map_or_else(|| word.clone(), |value| format!("{word}={value}")));
    }
    Some((String::from_utf8(output.stderr).unwrap(), options))
}

/// Words as systemd quotes them (systemd.service(5), "Command lines"): a quote is left out, a backslash takes what follows as it is.
fn unquoted(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    let line = line.replace("\\x20", "\\ ");
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            '\\' => words.last_mut().unwrap().extend(signs.next()),
            _ => words.last_mut().unwrap().push(sign),
        }
    }
    words
}

/// The same of our own.
fn translated() -> BTreeSet<String> {
    let unit = unit();
    let section = unit.split("[Container]").nth(1).unwrap().split("\n[").next().unwrap();
    let lines = section.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut options = BTreeSet::new();
    for (key, value) in lines.map(|line| line.split_once('=').unwrap()) {
        let option = match key {
            "ContainerName" => "--name",
            "DropCapability" => "--cap-drop",
            "Environment" => "--env",
            "HealthCmd" => "--health-cmd",
            "HealthInterval" => "--health-interval",
            "HealthRetries" => "--health-retries",
            "HealthStartPeriod" => "--health-start-period",
            "HealthTimeout" => "--health-timeout",
            "LogDriver" => "--log-driver",
            "PidsLimit" => "--pids-limit",
            "ReadOnlyTmpfs" => "--read-only-tmpfs",
            "SeccompProfile" => "--security-opt=seccomp",
            "Secret" => "--secret",
            "Tmpfs" => "--tmpfs",
            "Ulimit" => "--ulimit",
            "UserNS" => "--userns",
            "Volume" => "-v",
            _ => "",
        };
        match key {
            "Group" => {} // with the user
            "Image" => drop(options.insert(value.to_owned())),
            "NoNewPrivileges" => drop(options.insert("--security-opt=no-new-privileges".to_owned())),
            "PodmanArgs" => options.extend(value.split_whitespace().map(str::to_owned)),
            "ReadOnly" => drop(options.insert("--read-only".to_owned())),
            "User" => drop(options.insert(format!("--user={value}:{value}"))),
            _ if option.is_empty() => panic!("docker/kiroclaw.container has {key}, which this test does not know"),
            _ => drop(options.insert(format!("{option}={value}"))),
        }
    }
    options
}

/// All words for Podman: with the files of the test in place of a server's, and without what only systemd can give.
fn words(runtime: &str) -> Vec<String> {
    let options = generated().map_or_else(translated, |(_, options)| options);
    let (image, options): (Vec<String>, Vec<String>) = options.into_iter().partition(|word| !word.starts_with('-'));
    let kept = options.into_iter().filter(|word| !OF_SYSTEMD.contains(&word.as_str()));
    let at_home = kept.map(|word| {
        word.replace("/opt/kiroclaw/", &format!("{}/", home().display()))
            .replace("/etc/kiroclaw:/etc", &format!("{}/etc:/etc", home().display()))
    });
    let runtime = format!("--runtime={runtime}");
    let own = [&runtime, "run", "--detach", "--network=host", "--name=kiroclaw", "--log-driver=k8s-file"].map(str::to_owned);
    own.into_iter().chain(at_home).chain(image).collect()
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
    let image = concat!("kiroclaw:", env!("CARGO_PKG_VERSION"));
    said(&mut podman(&["tag", image, &format!("localhost/{image}")]));
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
        let words = words(runtime);
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

#[test]
fn podman_s_own_generator_takes_the_unit_without_a_word_and_makes_these_options_of_it() {
    let Some((complaints, options)) = generated() else {
        println!("SKIPPED: this Podman has no generator; ENGINES=trixie tests/container/run has one");
        return;
    };
    let complaints: Vec<&str> = complaints.lines().filter(|line| !line.contains("Loading source unit file")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    let of_systemd = |word: &String| OF_SYSTEMD.contains(&word.as_str());
    let ours: BTreeSet<String> = translated().into_iter().filter(|word| !of_systemd(word)).collect();
    let theirs: BTreeSet<String> = options.into_iter().filter(|word| !of_systemd(word)).collect();
    assert_eq!(ours, theirs);
}
