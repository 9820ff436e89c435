//! Who uses more than they may is ended with a plain word, all of it, and nobody else notices. The bombs are small: none could harm a
//! machine on which nothing stops it.

use std::io::Write as _;
use std::time::Duration;

use kiroclaw::config::Config;

use crate::appliance::{Appliance, eventually};
use crate::cgroup;
use crate::stand_in::telegram::{Person, Telegram};

/// Programs of which the bombs are made.
const PIECES: &[&str] = &["sleep", "tail", "head", "sh", "/bin/sh", "perl"];

/// More memory than any limit here, at once and without a pipe's way to it.
const FILLS_MEMORY: &str = r#"perl -e '$all = "x" x 300_000_000; sleep 60'"#;

struct Stage {
    _telegram: Telegram,
    ana: Person,
    ben: Person,
    appliance: Appliance,
}

/// Ana and Ben, whose agents have these limits.
fn stage(limits: &str) -> Stage {
    stage_of(limits, |appliance| appliance)
}

/// The like, with something else about the appliance.
fn stage_of(limits: &str, with: impl FnOnce(Appliance) -> Appliance) -> Stage {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let config = format!(r#"{{"agents": {{"tg-acp": {{"limits": {limits}}}}}}}"#);
    let mut appliance = with(Appliance::new(&telegram, &[1001, 1002]).config(&config));
    appliance.run(&telegram);
    Stage { _telegram: telegram, ana, ben, appliance }
}

/// Ana's agent does what ends it; she is told `word`, Ben is answered meanwhile, nothing of it is left, and her next prompt is answered.
#[track_caller]
fn ends(limits: &str, deed: &str, word: &str) -> Stage {
    ends_on(stage(limits), deed, word)
}

/// The like, on a stage.
#[track_caller]
fn ends_on(stage: Stage, deed: &str, word: &str) -> Stage {
    stage.ben.sends("echo before");
    stage.ben.waits_for_message(|message| message.text == "before");
    stage.ana.sends(deed);
    stage.ben.sends("echo meanwhile");
    stage.ben.waits_for_message(|message| message.text == "meanwhile");
    let told = stage.ana.waits_for_message(|message| message.text.starts_with('⚠'));
    assert!(told.text.contains(word), "{}", told.text);
    assert_eq!(told.buttons(), ["Retry"]);
    eventually("the bomb's processes to be gone", || {
        let all = stage.appliance.processes();
        !all.iter().any(|process| process.words.first().is_some_and(|word| PIECES.contains(&word.as_str())))
    });
    stage.ben.sends("count");
    stage.ben.waits_for_message(|message| message.text == "3");
    assert!(!stage.ana.messages().iter().any(|message| message.text.contains("Between your messages")), "it was told by the turn");
    stage
}

#[test]
fn one_process_that_fills_memory_ends_its_runtime() {
    let stage = ends(r#"{"memoryMegabytes": 96}"#, &format!("run {FILLS_MEMORY}"), "more than 96 MB of memory");
    stage.ana.sends("echo again");
    stage.ana.waits_for_message(|message| message.text == "again");
}

#[test]
fn many_processes_that_fill_memory_together_end_their_runtime() {
    let deed = "run for i in 1 2 3 4 5 6 7 8; do (head -c 20000000 /dev/zero; sleep 60) | tail & done; wait";
    ends(r#"{"memoryMegabytes": 96}"#, deed, "more than 96 MB of memory");
}

#[test]
fn a_fork_bomb_ends_its_runtime() {
    let deed = "run f() { [ $1 -gt 0 ] && { f $(($1 - 1)) & f $(($1 - 1)) & }; sleep 60; }; f 8";
    let stage = ends(r#"{"processes": 60}"#, deed, "more than 60 processes at once");
    stage.ana.sends("echo again");
    stage.ana.waits_for_message(|message| message.text == "again");
}

#[test]
fn processes_that_hide_from_their_parents_count_too() {
    let deed = "run i=0; while [ $i -lt 100 ]; do setsid sleep 60 & i=$((i + 1)); done";
    let stage = stage(r#"{"processes": 60}"#);
    stage.ana.sends(&format!("{deed}; sleep 60"));
    stage.ana.waits_for_message(|message| message.text.contains("more than 60 processes at once"));
    eventually("all of them to be gone", || stage.appliance.agents().is_empty());
}

#[test]
fn a_busy_loop_ends_its_runtime_where_nothing_throttles_it() {
    // A second and a tenth, as 1 % of half an hour are twenty.
    let short: fn(&mut Config) = |config| config.agents.values_mut().for_each(|agent| agent.limits.cpu_window = Duration::from_secs(100));
    let stage = stage_of(r#"{"cpuPercent": 1}"#, |appliance| appliance.adjusted(short));
    ends_on(stage, "run while :; do :; done", "kept the processor busy for too long");
}

#[test]
fn whoever_fills_the_disk_is_ended_and_goes_on_once_there_is_room() {
    let stage = ends(r#"{"workspaceMegabytes": 20}"#, "run head -c 60000000 /dev/zero > big; sleep 60", "20 MB are allowed");
    // Far beyond the limit no runtime is of use until something is deleted.
    stage.ana.sends("sleep 60000");
    let again = stage.ana.waits_for_message(|message| message.text.contains("20 MB are allowed"));
    assert!(again.text.contains("/files"), "{}", again.text);
    stage.ana.sends("/files");
    stage.ana.waits_for_message(|message| message.text.contains("big") || message.buttons().iter().any(|button| button.contains("big")));
    std::fs::remove_file(stage.appliance.workspace_of(1001, 0).join("big")).unwrap();
    stage.ana.sends("sleep 1500\necho room");
    stage.ana.waits_for_message(|message| message.text == "room");
}

#[test]
fn whoever_is_a_little_above_may_tidy_up_but_not_add() {
    let stage = stage(r#"{"workspaceMegabytes": 20}"#);
    // What is there when a runtime begins is what it may keep: so it rests before.
    stage.ana.sends("run sleep 1.5; head -c 22000000 /dev/zero > big; sleep 60");
    stage.ana.waits_for_message(|message| message.text.contains("20 MB are allowed"));
    stage.ana.sends("sleep 1000\nrun rm big\necho tidy");
    stage.ana.waits_for_message(|message| message.text.contains("tidy"));
}

#[test]
fn a_flood_of_files_ends_its_runtime() {
    let deed = "run i=0; while [ $i -lt 3000 ]; do : > f$i; i=$((i + 1)); done; sleep 60";
    ends(r#"{"workspaceFiles": 1000}"#, deed, "more than 1000 files");
}

#[test]
fn directories_that_cannot_be_measured_end_their_runtime() {
    let deed = "run i=0; while [ $i -lt 150 ]; do mkdir d && cd d; i=$((i + 1)); done; sleep 60";
    ends("{}", deed, "cannot be measured");
}

#[test]
fn a_flood_of_descriptors_harms_its_own_process_alone() {
    let stage = stage(r#"{"openFiles": 64}"#);
    stage.ana.sends(r#"run perl -e 'while (open(my $f, "<", "/dev/null")) { push @f, $f } print scalar(@f), " $!"'"#);
    let said = stage.ana.waits_for_message(|message| message.text.contains("Too many open files"));
    let count: u32 = said.text.split_whitespace().next().unwrap().parse().unwrap();
    assert!(count < 64, "{}", said.text);
    stage.ben.sends("echo fine");
    stage.ben.waits_for_message(|message| message.text == "fine");
}

#[test]
fn a_flood_of_words_ends_its_runtime() {
    let stage = ends("{}", "flood endless 50000000", "more than 8 MiB");
    stage.ana.sends("echo again");
    stage.ana.waits_for_message(|message| message.text == "again");
}

/// Skipped, and said so, where this process may make no cgroup.
fn with_cgroups(test: impl FnOnce(&cgroup::Delegated)) {
    match cgroup::Delegated::new() {
        Ok(delegated) => test(&delegated),
        // Past the harness, which shows nothing of a test that passes.
        Err(why) => std::io::stderr().write_all(format!("NOT TESTED with cgroups: {why}\n").as_bytes()).unwrap(),
    }
}

#[test]
fn in_a_cgroup_the_kernel_ends_who_fills_memory_at_once_and_the_person_is_told_why() {
    with_cgroups(|delegated| {
        let telegram = Telegram::start();
        let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
        let limits = r#"{"agents": {"tg-acp": {"limits": {"memoryMegabytes": 96}}}}"#;
        let mut appliance = Appliance::new(&telegram, &[1001, 1002]).config(limits).in_cgroup(delegated.directory());
        appliance.run(&telegram);
        ana.sends("echo ready");
        ana.waits_for_message(|message| message.text == "ready");
        ben.sends("echo ready");
        ben.waits_for_message(|message| message.text == "ready");
        assert_eq!(delegated.read("runtime-1/memory.max").trim(), (96 * 1024 * 1024).to_string());
        assert_eq!(delegated.read("runtime-1/pids.max").trim(), "1024");
        assert!(!delegated.read("runtime-1/cgroup.procs").is_empty() && !delegated.read("roles/cgroup.procs").is_empty());
        ana.sends(&format!("run {FILLS_MEMORY}"));
        let told = ana.waits_for_message(|message| message.text.starts_with('⚠'));
        assert!(told.text.contains("more than 96 MB of memory"), "{}", told.text);
        eventually("its cgroup to be gone", || !delegated.has("runtime-1"));
        ben.sends("count");
        ben.waits_for_message(|message| message.text == "2");
        assert!(appliance.stop().success());
        assert!(!delegated.has("runtime-2"), "a clean stop leaves no runtime's cgroup");
    });
}

#[test]
fn in_a_cgroup_a_fork_bomb_meets_a_wall_and_ends() {
    with_cgroups(|delegated| {
        let telegram = Telegram::start();
        let ana = telegram.private_chat(1001, "en");
        let limits = r#"{"agents": {"tg-acp": {"limits": {"processes": 60}}}}"#;
        let mut appliance = Appliance::new(&telegram, &[1001]).config(limits).in_cgroup(delegated.directory());
        appliance.run(&telegram);
        // One without bounds: there is a wall.
        ana.sends("run b() { b | b & }; b; sleep 60");
        ana.waits_for_message(|message| message.text.contains("more than 60 processes at once"));
        eventually("its cgroup to be gone", || !delegated.has("runtime-1"));
        ana.sends("echo again");
        ana.waits_for_message(|message| message.text == "again");
    });
}

#[test]
fn an_endless_turn_ends() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let mut appliance = Appliance::new(&telegram, &[1001, 1002]).adjusted(|config| config.turn_timeout = Duration::from_secs(2));
    appliance.run(&telegram);
    ana.sends("hang hard");
    ben.sends("echo meanwhile");
    ben.waits_for_message(|message| message.text == "meanwhile");
    ana.waits_for_message(|message| message.text.contains("took longer than"));
    eventually("only Ben's agent to be left", || appliance.agents().len() == 1);
    ana.sends("echo again");
    ana.waits_for_message(|message| message.text == "again");
}

#[test]
fn what_ends_a_runtime_between_two_turns_is_told_once_and_the_conversation_goes_on() {
    let telegram = Telegram::start();
    let config = r#"{"agents": {"tg-acp": {"limits": {"memoryMegabytes": 96}}}}"#;
    let mut appliance = Appliance::new(&telegram, &[1001, 1002]).config(config);
    appliance.run(&telegram);
    for (number, language, words) in
        [(1001, "en", "Between your messages: The agent"), (1002, "de", "Zwischen deinen Nachrichten: Der Agent")]
    {
        let person = telegram.private_chat(number, language);
        let bomb = format!("while [ ! -e go ]; do sleep 0.1; done; {FILLS_MEMORY}");
        person.sends(&format!("run ({bomb}) >log 2>&1 &\ncount"));
        person.waits_for_message(|message| message.text.ends_with('1'));
        std::fs::write(appliance.workspace_of(number, 0).join("go"), "").unwrap();
        let told = person.waits_for_message(|message| message.text.starts_with('⚠'));
        assert!(told.text.contains(words) && told.text.contains("96 MB"), "{}", told.text);
        assert!(told.buttons().is_empty(), "there is nothing to retry");
        person.sends("count");
        person.waits_for_message(|message| message.text == "2");
        assert_eq!(person.messages().iter().filter(|message| message.text.contains('⚠')).count(), 1, "{}", person.transcript());
    }
}

#[test]
fn a_german_is_told_in_german() {
    let telegram = Telegram::start();
    let gerd = telegram.private_chat(1001, "de");
    let limits = r#"{"agents": {"tg-acp": {"limits": {"memoryMegabytes": 96}}}}"#;
    let mut appliance = Appliance::new(&telegram, &[1001]).config(limits);
    appliance.run(&telegram);
    gerd.sends(&format!("run {FILLS_MEMORY}"));
    gerd.waits_for_message(|message| message.text.contains("Der Agent brauchte mehr als 96 MB Speicher"));
}
