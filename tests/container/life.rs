//! What goes on in the container: conversations, health, and what ends before its time.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::compose::{Server, mounted_probe};
use crate::engine::{Said, all, eventually, kill, repository, said};
use crate::stand_in::telegram::{Person, Telegram};

const ANA: i64 = 1001;

/// What all processes of the idle appliance may take together, in bytes.
const MEMORY: u64 = 8_000_000;

/// A clean stop, in seconds; the engine itself waits for ten by default.
const STOP: Duration = Duration::from_secs(10);

/// Has the agent do something that it asks for first.
fn allows(person: &Person, text: &str) {
    person.sends(text);
    person.waits_for_message(|message| message.buttons().contains(&"Allow once".to_owned()));
    person.presses("Allow once");
}

#[test]
fn a_conversation_is_held_in_an_image_of_one_file_and_goes_on_after_a_restart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let server = Server::start(&telegram, ANA);
    ana.sends("say good morning");
    ana.waits_for_message(|message| message.text.contains("good morning"));
    allows(&ana, "run echo from the container > note.txt");
    ana.waits_for_message(|message| message.text.contains("Exit status"));
    ana.sends("send note.txt");
    ana.waits_for_message(|message| message.media.is_some());
    ana.sends("count");
    ana.waits_for_message(|message| message.text.contains("message 4 "));
    let heard = server.inside(&["kiroclaw", "chat", "--message", "say at the terminal"]);
    assert!(heard.code == Some(0) && heard.text.contains("at the terminal"), "{heard:?}");
    said(&mut server.compose(&["down"]));
    server.up(&telegram);
    ana.sends("count");
    ana.waits_for_message(|message| message.text.contains("message 5 "));
}

#[test]
fn a_jailed_agent_in_the_container_gets_at_nothing() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let server = Server::start(&telegram, ANA);
    ana.sends("escape");
    let answer = ana.waits_for_message(|message| message.text.contains("unclear."));
    assert!(answer.text.contains(" 0 reached"), "{}", answer.text);
    for private in ["/var/lib/kiroclaw/state/store", "/etc/kiroclaw/.env", "/run/secrets/bot-token"] {
        allows(&ana, &format!("run busybox cat {private}"));
        let answer = ana.waits_for_message(|message| message.text.contains("Exit status"));
        assert!(answer.text.contains("can't open") && !answer.text.contains(telegram.token()), "{private}: {}", answer.text);
    }
    drop(server);
}

#[test]
fn doctor_says_in_the_container_what_holds_and_what_the_engine_forbids() {
    let telegram = Telegram::start();
    let server = Server::start(&telegram, ANA);
    let Said { code, text } = server.inside(&["kiroclaw", "doctor"]);
    assert_eq!(code, Some(0), "{text}");
    for line in [
        "an agent has users, network, IPC and files of its own; no other /proc may be mounted here (containers)",
        "network: it reaches the hosts of its policy through the egress, and nothing else – a network namespace",
        "metadata: it sees and changes no names, modes and times of files outside – a mount namespace",
        "processes: open (accepted by default)",
        "descriptors (RLIMIT_NOFILE): 4096",
    ] {
        assert!(text.contains(line), "doctor does not say `{line}`: {text}");
    }
    assert!(!text.contains("FAIL"), "{text}");
}

#[test]
fn the_engine_learns_how_the_appliance_is() {
    let telegram = Telegram::start();
    let server = Server::start(&telegram, ANA);
    eventually("the engine to call it healthy", || server.inspect()["State"]["Health"]["Status"] == "healthy");
    eventually("it to be healthy", || server.inside(&["kiroclaw", "health"]).code == Some(0));
    let gateway = server.role("gateway").pid;
    let signal = |signal| rustix::process::kill_process(rustix::process::Pid::from_raw(gateway).unwrap(), signal).unwrap();
    signal(rustix::process::Signal::STOP);
    let health = server.inside(&["kiroclaw", "health"]);
    signal(rustix::process::Signal::CONT);
    assert_eq!(health.code, Some(1), "a gateway that stands still is not healthy: {}", health.text);
}

#[test]
fn idle_it_takes_little_memory_and_stops_in_order() {
    let telegram = Telegram::start();
    let server = Server::start(&telegram, ANA);
    let all: Vec<u64> = server.processes().iter().map(crate::engine::Process::memory).collect();
    let sum: u64 = all.iter().sum();
    println!("idle in the container: {} processes, {:.1} MB", all.len(), sum as f64 / 1e6);
    assert!(all.len() == 3 && all.iter().all(|one| *one > 0), "{all:?}");
    assert!(sum <= MEMORY, "{sum} bytes");
    let start = Instant::now();
    said(&mut server.compose(&["stop", "--timeout", "20"]));
    let took = start.elapsed();
    println!("stopped in {:.1} s", took.as_secs_f64());
    assert!(took < STOP, "{took:?}");
    assert_eq!(server.inspect()["State"]["ExitCode"], 0, "{}", server.log());
}

#[test]
fn a_killed_gateway_comes_back_and_process_1_reaps_what_an_agent_leaves() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let server = Server::start(&telegram, ANA);
    ana.sends("run (busybox setsid busybox sleep 300 &) ; echo started");
    ana.waits_for_message(|message| message.buttons().contains(&"Allow once".to_owned()));
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.text.contains("started"));
    server.is_killed();
    let killed = server.role("gateway").pid;
    kill(killed);
    eventually("another gateway", || server.processes().iter().any(|process| process.is("gateway") && process.pid != killed));
    ana.sends("say still here");
    ana.waits_for_message(|message| message.text.contains("still here"));
    let sleeps = || server.processes().into_iter().any(|process| process.words.iter().any(|word| word == "300"));
    eventually("nothing of the first agent to be left, dead or alive", || {
        !sleeps() && !server.processes().iter().any(crate::engine::Process::is_zombie)
    });
}

#[test]
fn an_agent_that_takes_all_memory_of_the_container_ends_alone() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let server = Server::start(&telegram, ANA);
    let ours = || ["gateway", "egress"].map(|role| server.role(role).pid);
    let before = ours();
    allows(&ana, "run busybox tail /dev/zero");
    let answer = ana.waits_for_message(|message| ["memory", "signal", "status"].iter().any(|word| message.text.contains(word)));
    println!("the person is told: {}", answer.text);
    ana.sends("say alive");
    ana.waits_for_message(|message| message.text.contains("alive"));
    assert_eq!(ours(), before, "ours went on");
    assert_eq!(server.inspect()["State"]["Running"], true);
}

/// As deploy/backup.sh has it made on the server: by a pipe, since the engine may lose what goes through it, and calls that a success.
#[test]
fn a_backup_of_the_container_is_whole_or_is_an_error() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let server = Server::start(&telegram, ANA);
    allows(&ana, "run head -c 4000000 /dev/urandom > much");
    ana.waits_for_message(|message| message.text.contains("Exit status"));
    let script = "for part in common systemd engine backup verbs; do . $0/deploy/server/$part.sh; done
        installed() { echo docker; }
        place_of() { echo \"$volume\"; }
        main backup";
    let (backup, passphrase) = (server.path("backup.age"), server.path("passphrase"));
    let save = |secret: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).arg(repository("")).envs([("secret_1", secret), ("volume", server.volume().to_str().unwrap())]);
        shell.stdout(File::create(&backup).unwrap()).output().unwrap()
    };
    assert!(!save("").status.success(), "nobody encrypts by an empty passphrase");
    let output = save("a passphrase for this test");
    assert!(output.status.success(), "{}", all(&output));
    assert!(!server.volume().join("backup.pipe").exists());
    std::fs::write(&passphrase, "a passphrase for this test").unwrap();
    let mut check = Command::new(std::env::var_os("KIROCLAW_BINARY").unwrap());
    check.args(["restore", "--check", "--from"]).arg(&backup).arg("--passphrase-file").arg(&passphrase);
    said(check.current_dir(server.path("")));
    assert!(backup.metadata().unwrap().len() > 4_000_000);
}

/// In the network that compose makes, where names are looked up by the engine; no other test is in it, since Telegram's stand-in is on loopback.
#[test]
fn in_the_network_that_compose_makes_names_are_found() {
    if std::env::var_os("CONTAINER_BRIDGE").is_none() {
        println!("SKIPPED: with WORK=1 the engine has no bridge");
        return;
    }
    let telegram = Telegram::start();
    let server = Server::new(&telegram, ANA);
    std::fs::write(server.path("kiroclaw/test.yaml"), format!("services: {{kiroclaw: {{volumes: ['{}']}}}}\n", mounted_probe())).unwrap();
    let settings = server.path("etc/.env");
    // Itself, where nobody listens: so the name was found.
    std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap().replace(&telegram.base(), "https://kiroclaw:1")).unwrap();
    said(&mut server.compose(&["up", "-d"]));
    let said = server.inside(&["kiroclaw", "doctor"]).text;
    assert!(said.contains("the token could not be checked") && said.contains("Connection refused"), "{said}");
}
