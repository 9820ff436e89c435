//! Compiles `seccomp/*.json` to BPF for the target, so that no parser is in the program and no profile can be missing or wrong at run time.
//!
//! A profile is `{"default": ERRNO | "allow", "allow": [RULE…], "refuse": [RULE…]}`, a rule
//! `{"syscalls": […], "why": "…", "args"?: [CONDITION…], "arch"?: "x86_64" | "aarch64", "env"?: "gnu" | "musl", "errno"?: ERRNO}`.
//! Rules for one call are alternatives, conditions of one rule hold together (seccompiler's form, but that `val` and `masked_eq` may be names
//! of `CONSTANTS` joined by `|`). `why` is required. A second rule for a call that one allows with any argument is an error: it would look
//! like a restriction and be none.
//! Each profile gives two programs: what is refused by a number of its own, and, stacked upon it, what is allowed. The second lets the refused
//! calls pass, since of two filters the refusing one counts, and of two refusals the later one's number (seccomp(2)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    default: String,
    allow: Vec<Rule>,
    refuse: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    syscalls: Vec<String>,
    why: String,
    args: Option<Value>,
    arch: Option<String>,
    env: Option<String>,
    errno: Option<String>,
}

/// What profiles may call by name. Alike on all our targets (include/uapi of Linux).
const CONSTANTS: &[(&str, u64)] = &[
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("AF_NETLINK", 16),
    ("NETLINK_ROUTE", 0),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_TYPE_MASK", 0xf),
    ("MSG_FASTOPEN", 0x2000_0000),
    ("CLONE_THREAD", 0x1_0000),
    ("CLONE_NEWNS", 0x2_0000),
    ("CLONE_NEWCGROUP", 0x200_0000),
    ("CLONE_NEWUTS", 0x400_0000),
    ("CLONE_NEWIPC", 0x800_0000),
    ("CLONE_NEWUSER", 0x1000_0000),
    ("CLONE_NEWPID", 0x2000_0000),
    ("CLONE_NEWNET", 0x4000_0000),
    ("O_WRONLY", 0o1),
    ("O_RDWR", 0o2),
    ("O_CREAT", 0o100),
    ("O_TRUNC", 0o1000),
    ("__O_TMPFILE", 0o20_000_000),
    ("S_IFMT", 0o170_000),
    ("S_IFIFO", 0o10_000),
    ("S_ISUID", 0o4000),
    ("S_ISGID", 0o2000),
    ("FIONREAD", 0x541b),
    ("FIONBIO", 0x5421),
    ("TIOCSTI", 0x5412),
    ("TIOCLINUX", 0x541c),
    ("TIOCSETD", 0x5423),
    ("PERSONALITY_ASK", 0xffff_ffff),
    ("PRIO_PROCESS", 0),
    ("IOPRIO_WHO_PROCESS", 1),
    ("PR_SET_PDEATHSIG", 1),
    ("PR_GET_PDEATHSIG", 2),
    ("PR_GET_DUMPABLE", 3),
    ("PR_SET_DUMPABLE", 4),
    ("PR_SET_NAME", 15),
    ("PR_GET_NAME", 16),
    ("PR_GET_SECCOMP", 21),
    ("PR_CAPBSET_READ", 23),
    ("PR_SET_TIMERSLACK", 29),
    ("PR_GET_TIMERSLACK", 30),
    ("PR_SET_CHILD_SUBREAPER", 36),
    ("PR_SET_NO_NEW_PRIVS", 38),
    ("PR_GET_NO_NEW_PRIVS", 39),
    ("PR_SET_VMA", 0x5356_4d41),
];

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=seccomp");
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo sets no OUT_DIR")?;
    for entry in std::fs::read_dir("seccomp").map_err(|error| format!("seccomp: {error}"))? {
        let path = entry.map_err(|error| format!("seccomp: {error}"))?.path();
        if path.extension().is_some_and(|suffix| suffix == "json") {
            compile(&path, &out).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

fn compile(path: &Path, out: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let profile: Profile = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for rule in profile.allow.iter().chain(&profile.refuse) {
        if rule.why.trim().is_empty() || rule.syscalls.is_empty() {
            return Err(format!("the rule for {:?} says not why, or not what", rule.syscalls));
        }
    }
    let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("it has no name")?;
    if profile.default != "allow" {
        let refused = profile.refuse.iter().filter(|rule| rule.args.is_none());
        let rules: Vec<&Rule> = profile.allow.iter().chain(refused).collect();
        write(out, &format!("{name}.allow.bpf"), &program(&rules, &errno(&profile.default)?, &json!("allow"))?)?;
    }
    let mut by_errno: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for rule in &profile.refuse {
        by_errno.entry(rule.errno.as_deref().ok_or("a refusal names no errno")?).or_default().push(rule);
    }
    let mut refusals = Vec::new();
    for (number, rules) in by_errno {
        let program = program(&rules, &json!("allow"), &errno(number)?)?;
        let length = u32::try_from(program.len()).map_err(|error| error.to_string())?;
        refusals.extend_from_slice(&length.to_le_bytes());
        refusals.extend_from_slice(&program);
    }
    write(out, &format!("{name}.refuse.bpf"), &refusals)
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(out.join(name), bytes).map_err(|error| error.to_string())
}

/// The target's program. It is made for every architecture that we build for, so that a rule that fits one of them only is noticed at once.
fn program(rules: &[&Rule], mismatch: &Value, matched: &Value) -> Result<Vec<u8>, String> {
    let (wanted, env) = (target("ARCH")?, target("ENV")?);
    let mut found = Err(format!("there are no profiles for {wanted}"));
    for arch in ["x86_64", "aarch64"] {
        let program = program_for(arch, &env, rules, mismatch, matched).map_err(|error| format!("for {arch}: {error}"))?;
        if arch == wanted {
            found = Ok(program);
        }
    }
    found
}

/// The BPF program, eight bytes an instruction: code, jt, jf, k, in the target's order (all our targets are little-endian).
fn program_for(arch: &str, env: &str, rules: &[&Rule], mismatch: &Value, matched: &Value) -> Result<Vec<u8>, String> {
    let mut by_call: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut free = Vec::new();
    for rule in rules {
        let elsewhere = rule.arch.as_ref().is_some_and(|only| *only != arch) || rule.env.as_ref().is_some_and(|only| *only != env);
        let args = rule.args.as_ref().map(|args| numbered(args, false)).transpose()?;
        for syscall in rule.syscalls.iter().filter(|_| !elsewhere) {
            if args.is_none() {
                free.push(syscall.as_str());
            }
            by_call.entry(syscall).or_default().push(match &args {
                Some(args) => json!({"syscall": syscall, "args": args}),
                None => json!({"syscall": syscall}),
            });
        }
    }
    if let Some(twice) = free.iter().find(|syscall| by_call[**syscall].len() > 1) {
        return Err(format!("{twice} has a rule without conditions and another one"));
    }
    let filter: Vec<Value> = by_call.into_values().flatten().collect();
    let text = json!({"it": {"mismatch_action": mismatch, "match_action": matched, "filter": filter}}).to_string();
    let target = arch.try_into().map_err(|_| format!("seccompiler does not know {arch}"))?;
    let compiled = seccompiler::compile_from_json(text.as_bytes(), target).map_err(|error| error.to_string())?;
    let instructions = &compiled["it"];
    let mut bytes = Vec::with_capacity(instructions.len() * 8);
    for instruction in instructions {
        bytes.extend_from_slice(&instruction.code.to_le_bytes());
        bytes.extend_from_slice(&[instruction.jt, instruction.jf]);
        bytes.extend_from_slice(&instruction.k.to_le_bytes());
    }
    Ok(bytes)
}

/// `value` with the names in it, where `named` says that it is a place for names, and below `val` and `masked_eq`, replaced by their numbers.
fn numbered(value: &Value, named: bool) -> Result<Value, String> {
    Ok(match value {
        Value::Array(items) => items.iter().map(|item| numbered(item, named)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let one = |(key, value): (&String, &Value)| Ok((key.clone(), numbered(value, key == "val" || key == "masked_eq")?));
            Value::Object(fields.iter().map(one).collect::<Result<_, String>>()?)
        }
        Value::String(names) if named => names.split('|').try_fold(0, |sum, name| Ok::<_, String>(sum | constant(name.trim())?))?.into(),
        other => other.clone(),
    })
}

fn constant(name: &str) -> Result<u64, String> {
    let found = CONSTANTS.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| format!("{name} is not among the constants that build.rs knows"))
}

fn target(what: &str) -> Result<String, String> {
    std::env::var(format!("CARGO_CFG_TARGET_{what}")).map_err(|error| error.to_string())
}

/// Linux's numbers, alike on all our targets (asm-generic/errno-base.h, errno.h).
fn errno(name: &str) -> Result<Value, String> {
    let number = match name {
        "EPERM" => 1,
        "EACCES" => 13,
        "ENOSYS" => 38,
        "EOPNOTSUPP" => 95,
        _ => return Err(format!("{name} is not among the errnos that build.rs knows")),
    };
    Ok(json!({"errno": number}))
}
