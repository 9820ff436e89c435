//! `seccomp/container.json`: the filter around a container that the appliance runs in, in the format that Docker and Podman read.
//!
//! It is made from the profiles of the roles, whose filters it has to let through, and from `seccomp/engines.json`: what the engines' own
//! runtimes call once it is loaded. `WRITE=1 cargo test --test container_profile` remakes it; without, this test holds it against them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a failed step of a test is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// In this order: whose reason stands first is the one that is told.
const SOURCES: [&str; 5] = ["agent", "gateway", "egress", "warden", "engines"];

/// Rules of one call for all of its arguments, and of the architectures alike: the engines pass over names that one does not have.
type Rule = (Vec<String>, Option<Vec<Value>>, String);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> Value {
    let path = root().join("seccomp").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The numbers behind names (`seccomp/constants`).
fn constants() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(root().join("seccomp/constants")).unwrap();
    let lines = text.lines().filter_map(|line| line.split('#').next()?.trim().split_once(' '));
    let number = |digits: &str| match digits.split_at_checked(2) {
        Some(("0x", digits)) => u64::from_str_radix(digits, 16).unwrap(),
        Some(("0o", digits)) => u64::from_str_radix(digits, 8).unwrap(),
        _ => digits.parse().unwrap(),
    };
    lines.map(|(name, digits)| (name.to_owned(), number(digits.trim()))).collect()
}

fn number(value: &Value, constants: &BTreeMap<String, u64>) -> u64 {
    let named = |names: &str| names.split('|').map(|name| constants[name.trim()]).fold(0, std::ops::BitOr::bitor);
    value.as_u64().unwrap_or_else(|| named(value.as_str().unwrap()))
}

/// A condition of ours in the engines' words (runtime-spec, config-linux.md "Seccomp"). They compare 64 bits, where the kernel looks at 32
/// of an `int`: so a `dword` is compared under a mask, which says "equal" and nothing else.
fn condition(ours: &Value, constants: &BTreeMap<String, u64>) -> Option<Value> {
    const LOW: u64 = 0xffff_ffff;
    let value = number(&ours["val"], constants);
    let masked = |mask: u64| json!({"index": ours["index"], "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"});
    match &ours["op"] {
        Value::Object(op) => Some(masked(number(&op["masked_eq"], constants))),
        op if op == "eq" && ours["type"] == "dword" => Some(masked(LOW)),
        op if op == "eq" => Some(json!({"index": ours["index"], "value": value, "valueTwo": 0, "op": "SCMP_CMP_EQ"})),
        _ => None,
    }
}

/// The conditions of a rule; `None` where there are none. Left out are those that engines cannot say, and any but the first for one argument:
/// they would make two rules of them, of which either lets the call through (runc's libcontainer/seccomp). What is then allowed here is
/// refused by the filters below.
fn conditions(rule: &Value, constants: &BTreeMap<String, u64>) -> Option<Vec<Value>> {
    let mut indices = BTreeSet::new();
    let said = rule["args"].as_array()?.iter().filter_map(|arg| condition(arg, constants));
    let said: Vec<Value> = said.filter(|said| indices.insert(said["index"].as_u64())).collect();
    (!said.is_empty()).then_some(said)
}

fn rules() -> Vec<Rule> {
    let constants = constants();
    let sources = SOURCES.map(|name| read(&format!("{name}.json")));
    let allowed = sources.iter().flat_map(|source| source["allow"].as_array().unwrap());
    let names = |rule: &Value| rule["syscalls"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    allowed.map(|rule| (names(rule), conditions(rule, &constants), rule["why"].as_str().unwrap().to_owned())).collect()
}

/// All that is allowed, each call once or once for each of its conditions.
fn allowed() -> Vec<Value> {
    let rules = rules();
    let free: BTreeSet<String> = rules.iter().filter(|(_, args, _)| args.is_none()).flat_map(|(names, ..)| names.clone()).collect();
    let mut said = BTreeSet::new();
    let mut all = Vec::new();
    for (names, args, why) in rules {
        let condition = args.as_ref().map(|args| json!(args).to_string()).unwrap_or_default();
        let is_new = |name: &String| (args.is_none() || !free.contains(name)) && said.insert((name.clone(), condition.clone()));
        let names: Vec<String> = names.into_iter().filter(is_new).collect();
        if !names.is_empty() {
            all.push(json!({"names": names, "action": "SCMP_ACT_ALLOW", "args": args.unwrap_or_default(), "comment": why}));
        }
    }
    all
}

/// What is refused by a number of its own; all else is EPERM, which every version of the engines takes for granted.
fn refused() -> Value {
    const ENOSYS: u32 = 38;
    let rules = read("warden.json")["refuse"].as_array().unwrap().clone();
    let one = |rule: &Value| {
        assert!(rule["errno"] == "ENOSYS" && rule["args"].is_null(), "another kind of refusal: {rule}");
        json!({"names": rule["syscalls"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS, "args": [], "comment": rule["why"]})
    };
    rules.iter().map(one).collect()
}

fn profile() -> String {
    let mut calls = allowed();
    calls.extend(refused().as_array().unwrap().clone());
    let lines: Vec<String> = calls.iter().map(|call| format!("    {call}")).collect();
    let arch = |name: &str| format!("    {{\"architecture\": \"SCMP_ARCH_{name}\", \"subArchitectures\": []}}");
    format!(
        "{{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n  \"archMap\": [\n{}\n  ],\n  \"syscalls\": [\n{}\n  ]\n}}\n",
        ["X86_64", "AARCH64"].map(arch).join(",\n"),
        lines.join(",\n")
    )
}

fn names(calls: &[Value]) -> BTreeSet<String> {
    calls.iter().flat_map(|call| call["names"].as_array().unwrap()).map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_container_s_filter_is_what_the_roles_and_the_engines_need_and_nothing_else() {
    let (path, profile) = (root().join("seccomp/container.json"), profile());
    if std::env::var_os("WRITE").is_some() {
        std::fs::write(&path, &profile).unwrap();
    }
    println!("container.json allows {} calls", names(&allowed()).len());
    let is = std::fs::read_to_string(Path::new(&path)).unwrap();
    assert!(is == profile, "seccomp/container.json is not what its sources give: WRITE=1 cargo test --test container_profile");
}

/// What each role calls passes: its own filter is within the one around it.
#[test]
fn every_call_of_every_role_passes_the_container_s_filter() {
    let constants = constants();
    let container = read("container.json");
    let calls = container["syscalls"].as_array().unwrap();
    let passes = |name: &str, args: &Option<Vec<Value>>| {
        calls.iter().filter(|call| call["action"] == "SCMP_ACT_ALLOW").any(|call| {
            let theirs = call["args"].as_array().unwrap();
            call["names"].as_array().unwrap().iter().any(|is| is == name) && (theirs.is_empty() || Some(theirs) == args.as_ref())
        })
    };
    for role in ["agent", "gateway", "egress", "warden"] {
        for rule in read(&format!("{role}.json"))["allow"].as_array().unwrap() {
            let args = conditions(rule, &constants);
            for name in rule["syscalls"].as_array().unwrap() {
                assert!(passes(name.as_str().unwrap(), &args), "{role}: {name} {:?}", rule["args"]);
            }
        }
    }
}

/// Names by which somebody gets at the kernel or at other containers; none of ours needs them.
#[test]
fn nothing_that_leads_out_of_a_container_passes() {
    let allowed = names(&allowed());
    for name in [
        "add_key",
        "bpf",
        "delete_module",
        "finit_module",
        "init_module",
        "io_uring_setup",
        "kexec_load",
        "keyctl",
        "mount",
        "move_pages",
        "name_to_handle_at",
        "open_by_handle_at",
        "perf_event_open",
        "process_vm_readv",
        "process_vm_writev",
        "ptrace",
        "quotactl",
        "reboot",
        "request_key",
        "setns",
        "swapon",
        "syslog",
        "unshare",
        "userfaultfd",
        "vmsplice",
        "clone3",
        "memfd_secret",
        "kcmp",
    ] {
        assert!(!allowed.contains(name), "{name} passes");
    }
}

/// Two conditions for one argument would be read as either.
#[test]
fn no_rule_says_two_things_of_one_argument() {
    for call in allowed() {
        let mut indices: Vec<u64> = call["args"].as_array().unwrap().iter().map(|arg| arg["index"].as_u64().unwrap()).collect();
        indices.sort_unstable();
        assert!(indices.windows(2).all(|pair| pair[0] != pair[1]), "{call}");
    }
}
