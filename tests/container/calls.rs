//! `seccomp/container.json` in real engines: they start with it, what it does not name is refused in it, and the attack battery finds the
//! jail in it as it is on a machine.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::chown;

use serde_json::Value;

use crate::compose::mounted_probe;
use crate::engine::{IMAGE, docker, repository, said, work};
use crate::{foreign, policy};

/// What no program can call without being ended or forked by it, whatever its arguments. The last two the kernel lets past any filter, and
/// ends who calls them from anywhere but its own trampolines (`seccomp_uprobe_exception` since Linux 6.14).
const NOT_TO_BE_TRIED: [&str; 5] = ["rt_sigreturn", "exit", "exit_group", "uretprobe", "uprobe"];

/// Calls by name, as the C library's header has their numbers.
fn numbers() -> BTreeMap<String, u32> {
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let header = ["unistd_64.h", "unistd.h"].map(|name| format!("/usr/include/{machine}/asm/{name}"));
    let text = header.iter().find_map(|path| std::fs::read_to_string(path).ok()).expect("the kernel's headers, as a C compiler needs");
    let line = |line: &str| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// The names that a profile allows for some arguments.
fn allowed() -> BTreeSet<String> {
    let profile: Value = serde_json::from_slice(&std::fs::read(repository("seccomp/container.json")).unwrap()).unwrap();
    let calls = profile["syscalls"].as_array().unwrap().iter().filter(|call| call["action"] == "SCMP_ACT_ALLOW");
    calls.flat_map(|call| call["names"].as_array().unwrap()).map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Tries these in a container with that profile, and gives the names and errnos.
fn tried(profile: &str, names: &BTreeMap<u32, &str>) -> BTreeMap<String, i32> {
    let out = tempfile::tempdir_in(work()).unwrap();
    chown(out.path(), Some(1000), Some(1000)).unwrap();
    let mut command = docker(&["run", "--rm", "--network", "none", "--user", "1000:1000", "--cap-drop", "ALL"]);
    command.args(["--security-opt", "no-new-privileges", "--security-opt", &format!("seccomp={profile}")]);
    command.args(["-v", &mounted_probe(), "-v", &format!("{}:/out", out.path().display())]);
    command.args(["--entrypoint", "/probe", IMAGE, "into", "/out/said", "/probe", "calls"]);
    said(command.args(names.keys().map(ToString::to_string)));
    let said = std::fs::read_to_string(out.path().join("said")).unwrap();
    let line = |line: &str| {
        let (number, errno) = line.split_once(' ').unwrap();
        (names[&number.parse().unwrap()].to_owned(), errno.parse().unwrap())
    };
    said.lines().map(line).collect()
}

#[test]
fn what_the_profile_does_not_name_is_refused_in_the_container() {
    const EPERM: i32 = 1;
    const ENOSYS: i32 = 38;
    let (numbers, allowed) = (numbers(), allowed());
    let left = |(name, number): (&'_ String, &u32)| {
        (!allowed.contains(name) && !NOT_TO_BE_TRIED.contains(&name.as_str())).then_some((*number, name.clone()))
    };
    let left: BTreeMap<u32, String> = numbers.iter().filter_map(left).collect();
    let names: BTreeMap<u32, &str> = left.iter().map(|(number, name)| (*number, name.as_str())).collect();
    let ours = tried(&repository("seccomp/container.json").display().to_string(), &names);
    let open: Vec<_> = ours.iter().filter(|(_, errno)| ![EPERM, ENOSYS].contains(errno)).collect();
    println!("{} calls of {} are refused in the container", ours.len(), numbers.len());
    assert_eq!(ours.len(), names.len(), "each was tried");
    assert!(open.is_empty(), "the profile does not name them, and they pass: {open:?}");
    assert_eq!(ours["clone3"], ENOSYS, "C libraries fall back to clone");
    // So that this can fail: the engine's own profile lets many of them through. The kernel's own EPERM is not told from it.
    let theirs = tried("unconfined", &names).into_values().filter(|errno| ![EPERM, ENOSYS].contains(errno)).count();
    println!("without a profile {theirs} of them pass");
    assert!(theirs > 40, "only {theirs} would pass without a profile");
}

/// Conditions are put in the engines' words: with arguments that none of them names, these calls are refused, and by the filter.
#[test]
fn what_the_profile_names_for_some_arguments_is_refused_for_others() {
    const EPERM: i32 = 1;
    let numbers = numbers();
    let names: BTreeMap<u32, &str> = ["socket", "socketpair", "prctl"].into_iter().map(|name| (numbers[name], name)).collect();
    let ours = tried(&repository("seccomp/container.json").display().to_string(), &names);
    assert!(ours.len() == 3 && ours.values().all(|errno| *errno == EPERM), "{ours:?}");
    let without = tried("unconfined", &names);
    assert!(without.values().all(|errno| *errno != EPERM), "the kernel refuses them by another number: {without:?}");
}

/// Once for each way in which a runtime loads the filter: late with no-new-privileges, else before it changes users; and in an exec.
#[test]
fn the_engine_starts_with_it_by_runc_and_crun_in_every_order() {
    let profile = format!("seccomp={}", repository("seccomp/container.json").display());
    let help = |runtime: &str, words: &[&str]| {
        let mut command = docker(&["run", "--rm", "--network", "none", "--runtime", runtime, "--security-opt", &profile]);
        said(command.args(words).args([IMAGE, "--help"]));
    };
    for runtime in ["runc", "crun"] {
        for words in [
            &["--cap-drop", "ALL", "--security-opt", "no-new-privileges"][..],
            &["--cap-drop", "ALL"],
            &["--user", "0:0"],
            &["--user", "0:0", "--cap-add", "SYS_ADMIN"],
            &["--init"],
            &["--tty"],
        ] {
            help(runtime, words);
        }
    }
}

/// What `seccomp/engines.json` adds for the engines' runtimes alone is needed.
#[test]
fn without_what_the_runtimes_call_themselves_they_start_no_container() {
    let mut profile: Value = serde_json::from_slice(&std::fs::read(repository("seccomp/container.json")).unwrap()).unwrap();
    let calls = profile["syscalls"].as_array_mut().unwrap();
    let before = calls.len();
    calls.retain(|call| !call["comment"].as_str().unwrap().starts_with("PR_SET_KEEPCAPS"));
    assert_eq!(calls.len(), before - 1, "engines.json adds one");
    let path = work().join("without.json");
    std::fs::write(&path, profile.to_string()).unwrap();
    let option = format!("seccomp={}", path.display());
    let starts = |runtime: &&str| {
        let words = ["run", "--rm", "--network", "none", "--runtime", runtime, "--security-opt", &option, IMAGE, "--help"];
        docker(&words).output().unwrap().status.success()
    };
    let starting: Vec<&str> = ["runc", "crun"].into_iter().filter(starts).collect();
    assert!(starting.is_empty(), "it is not needed by {starting:?}");
}

#[test]
fn in_the_container_an_agent_s_jail_is_as_it_is_with_a_proc_that_is_shared() {
    let jail = foreign::ALL.iter().find(|one| one.name == foreign::BY_OUR_PROFILE).unwrap();
    let ends = jail.attack().unwrap_or_else(|why| panic!("{why}"));
    policy::check(jail.jail.unwrap(), &ends);
}
