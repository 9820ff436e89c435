//! `kiroclaw health` in each state that it tells of, and what a watchdog is fed with.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Fault, Telegram};

/// `kiroclaw health` with these arguments: its exit code and what it printed. It gets no secret to read.
fn health(appliance: &Appliance, arguments: &[&str]) -> (i32, String) {
    let arguments: Vec<&str> = std::iter::once("health").chain(arguments.iter().copied()).collect();
    let mut command = appliance.command(&arguments);
    let output = command.env_remove("BOT_TOKEN").env("BOT_TOKEN_FILE", "/nowhere").output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

fn report(appliance: &Appliance) -> Value {
    serde_json::from_str(&health(appliance, &["--json"]).1).unwrap()
}

/// The checks that fail now.
fn failing(appliance: &Appliance) -> Vec<String> {
    let report = report(appliance);
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    checks.map(|check| check["name"].as_str().unwrap().to_owned()).collect()
}

fn signal(pid: i32, signal: Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[test]
fn a_bot_that_serves_is_healthy_and_says_so_in_every_form() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo very private words");
    ana.waits_for_message(|message| message.text == "very private words");
    let (code, text) = health(&appliance, &[]);
    assert!(code == 0 && text.starts_with("healthy: kiroclaw ") && !text.contains("FAIL"), "{code}: {text}");
    eventually("the turn to be over", || report(&appliance)["counts"]["runtimes_busy"] == 0);
    let report = report(&appliance);
    assert_eq!((&report["healthy"], &report["counts"]["runtimes"], &report["counts"]["outbox"]), (&true.into(), &1.into(), &0.into()));
    for what in ["poll", "send", "turn", "store"] {
        assert!(report["last_success_seconds"][what].as_u64().is_some_and(|age| age < 60), "{what}: {report}");
    }
    for role in ["warden", "gateway", "egress"] {
        assert!(report["counts"][format!("{role}_memory_bytes")].as_u64().is_some_and(|bytes| bytes > 100_000), "{role}: {report}");
    }
    let (code, metrics) = health(&appliance, &["--metrics"]);
    assert!(code == 0 && metrics.lines().any(|line| line == "kiroclaw_healthy 1"), "{metrics}");
    let mut curl = UnixStream::connect(appliance.path("state/run/health.sock")).unwrap();
    curl.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n").unwrap();
    let mut answer = String::new();
    curl.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("kiroclaw_runtimes 1\n"), "{answer}");
    for text in [&text, &metrics, &report.to_string()] {
        assert!(!text.contains(telegram.token()) && !text.contains("private words") && !text.contains("1001"), "{text}");
    }
}

#[test]
fn whoever_does_not_run_is_told_from_whoever_is_set_up_wrongly() {
    let telegram = Telegram::start();
    let appliance = Appliance::new(&telegram, &[]);
    let (code, text) = health(&appliance, &[]);
    assert!(code == 1 && text.contains("not running"), "{code}: {text}");
    let (code, text) = health(&appliance.with("MAX_PROCESSES", "many"), &[]);
    assert!(code == 64 && text.contains("MAX_PROCESSES"), "{code}: {text}");
}

#[test]
fn a_telegram_that_refuses_is_told_until_it_takes_the_bot_back() {
    let telegram = Telegram::start();
    let appliance = Appliance::start(&telegram, &[]);
    telegram.fault("getUpdates", 1000, Fault::BadGateway);
    telegram.another_instance_polls();
    eventually("it to be told", || failing(&appliance) == ["poller"]);
    let (code, text) = health(&appliance, &[]);
    assert!(code == 1 && text.starts_with("NOT healthy") && text.contains("in vain"), "{code}: {text}");
    telegram.clear_faults();
    eventually("all to be well", || failing(&appliance).is_empty());
}

#[test]
fn a_disk_that_is_full_is_told() {
    let telegram = Telegram::start();
    let mut appliance = Appliance::start(&telegram, &[]);
    appliance.stop();
    appliance.on_a_small_disk(true);
    appliance.run(&telegram);
    appliance.on_a_small_disk(false);
    assert_eq!(failing(&appliance), ["store"]);
    assert!(health(&appliance, &[]).1.contains("the disk is full"));
}

#[test]
fn an_egress_that_hangs_is_told_and_one_that_died_is_counted() {
    let telegram = Telegram::start();
    let appliance = Appliance::start(&telegram, &[]);
    let egress = appliance.pid_of("egress");
    signal(egress, Signal::STOP);
    assert_eq!(failing(&appliance), ["egress"]);
    signal(egress, Signal::CONT);
    assert!(failing(&appliance).is_empty());
    appliance.kill("egress");
    eventually("a new egress to answer", || failing(&appliance).is_empty());
    assert_eq!(report(&appliance)["counts"]["egress_restarts_total"], 1);
}

/// A watcher, as systemd is one, and where it listens.
fn watcher() -> (tempfile::TempDir, UnixDatagram, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    (directory, socket, path.display().to_string())
}

/// Waits for such a word.
#[track_caller]
fn hears(watcher: &UnixDatagram, wanted: &str, within: Duration) -> bool {
    let until = Instant::now() + within;
    let mut word = [0; 256];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        watcher.set_read_timeout(Some(left)).unwrap();
        let Ok(length) = watcher.recv(&mut word) else { return false };
        if word[..length].split(|byte| *byte == b'\n').any(|line| line == wanted.as_bytes()) {
            return true;
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_watchdog_is_fed_by_progress_and_starves_with_a_gateway_that_hangs() {
    let telegram = Telegram::start();
    let (_directory, watcher, path) = watcher();
    let mut appliance = Appliance::new(&telegram, &[]).with("NOTIFY_SOCKET", &path);
    appliance.run(&telegram);
    assert!(hears(&watcher, "READY=1", PATIENCE));
    assert!(hears(&watcher, "WATCHDOG=1", PATIENCE));
    let gateway = appliance.pid_of("gateway");
    signal(gateway, Signal::STOP);
    // What it said before that is still there.
    while hears(&watcher, "WATCHDOG=1", Duration::from_millis(200)) {}
    assert!(!hears(&watcher, "WATCHDOG=1", Duration::from_secs(12)), "it came without progress");
    let (code, text) = health(&appliance, &[]);
    assert!(code == 1 && text.contains("does not answer"), "{code}: {text}");
    signal(gateway, Signal::CONT);
    assert!(hears(&watcher, "WATCHDOG=1", PATIENCE));
    assert!(appliance.stop().success());
    assert!(hears(&watcher, "STOPPING=1", PATIENCE));
}

#[test]
fn a_telegram_that_cannot_be_reached_starves_no_watchdog() {
    let telegram = Telegram::start();
    let (_directory, watcher, path) = watcher();
    let mut appliance = Appliance::new(&telegram, &[]).with("NOTIFY_SOCKET", &path);
    appliance.run(&telegram);
    drop(telegram);
    eventually("it to be told", || failing(&appliance) == ["poller"]);
    for _ in 0..2 {
        assert!(hears(&watcher, "WATCHDOG=1", PATIENCE), "a restart would mend nothing");
    }
}
