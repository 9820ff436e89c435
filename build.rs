//! Compiles `seccomp/*.json` to BPF for the target, so that no parser is in the program and no profile can be missing or wrong at run time.
//!
//! A profile is `{"default": ERRNO | "allow", "include"?: [PROFILE…], "allow": [RULE…], "refuse": [RULE…], "left_out"?: [RULE…]}`, a rule
//! `{"syscalls": […], "why": "…", "args"?: [CONDITION…], "arch"?: "x86_64" | "aarch64", "env"?: "gnu" | "musl", "errno"?: ERRNO, "rare"?: true}`.
//! Rules for one call are alternatives, conditions of one rule hold together (seccompiler's form, but that `val` and `masked_eq` may be names
//! of `seccomp/constants` joined by `|`). `why` is required. A second rule for a call that one allows with any argument is an error: it would
//! look like a restriction and be none. `include` allows what other profiles do, of whom this one's filter is inherited. `left_out` is for
//! the reader and for tests/trace: calls that are made, that the default refuses, and why that does no harm; as `rare` is: no test's run
//! makes the call.
//! Each profile gives two programs: what is refused by a number of its own, and, stacked upon it, what is allowed. The second lets the refused
//! calls pass, since of two filters the refusing one counts, and of two refusals the later one's number (seccomp(2)).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    default: String,
    #[serde(default)]
    include: Vec<String>,
    allow: Vec<Rule>,
    refuse: Vec<Rule>,
    #[serde(default)]
    left_out: Vec<Rule>,
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
    #[serde(default, rename = "rare")]
    _rare: bool,
}

/// In the container engines' format, and made from the others: tests/container/profile.rs.
const ENGINES: &str = "container.json";

/// What profiles may call by name.
type Constants = BTreeMap<String, u64>;

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=seccomp");
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("cargo sets no OUT_DIR")?;
    let constants = constants()?;
    for entry in std::fs::read_dir("seccomp").map_err(|error| format!("seccomp: {error}"))? {
        let path = entry.map_err(|error| format!("seccomp: {error}"))?.path();
        if path.extension().is_some_and(|suffix| suffix == "json") && !path.ends_with(ENGINES) {
            compile(&path, &out, &constants).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// `NAME NUMBER` a line, `#` begins a comment.
fn constants() -> Result<Constants, String> {
    let text = std::fs::read_to_string("seccomp/constants").map_err(|error| format!("seccomp/constants: {error}"))?;
    let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(line, _)| line).trim()).filter(|line| !line.is_empty());
    let parsed = lines.map(|line| {
        let (name, digits) = line.split_once(' ')?;
        let (digits, radix) = match digits.split_at_checked(2) {
            Some(("0x", digits)) => (digits, 16),
            Some(("0o", digits)) => (digits, 8),
            _ => (digits, 10),
        };
        Some((name.to_owned(), u64::from_str_radix(digits, radix).ok()?))
    });
    parsed.collect::<Option<_>>().ok_or_else(|| "seccomp/constants: a line is not `NAME NUMBER`".to_owned())
}

fn read(path: &Path) -> Result<Profile, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let profile: Profile = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for rule in profile.allow.iter().chain(&profile.refuse).chain(&profile.left_out) {
        if rule.why.trim().is_empty() || rule.syscalls.is_empty() {
            return Err(format!("the rule for {:?} says not why, or not what", rule.syscalls));
        }
    }
    Ok(profile)
}

fn compile(path: &Path, out: &Path, constants: &Constants) -> Result<(), String> {
    let profile = read(path)?;
    let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("it has no name")?;
    let included: Vec<Profile> =
        profile.include.iter().map(|other| read(&path.with_file_name(format!("{other}.json")))).collect::<Result<_, _>>()?;
    if profile.default != "allow" {
        let refused = profile.refuse.iter().filter(|rule| rule.args.is_none());
        let included = included.iter().flat_map(|other| &other.allow);
        let rules = Rules { own: profile.allow.iter().chain(refused).collect(), included: included.collect(), constants };
        write(out, &format!("{name}.allow.bpf"), &rules.program(&errno(&profile.default)?, &json!("allow"))?)?;
    }
    let mut by_errno: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
    for rule in &profile.refuse {
        by_errno.entry(rule.errno.as_deref().ok_or("a refusal names no errno")?).or_default().push(rule);
    }
    let mut refusals = Vec::new();
    for (number, rules) in by_errno {
        let program = Rules { own: rules, included: Vec::new(), constants }.program(&json!("allow"), &errno(number)?)?;
        let length = u32::try_from(program.len()).map_err(|error| error.to_string())?;
        refusals.extend_from_slice(&length.to_le_bytes());
        refusals.extend_from_slice(&program);
    }
    write(out, &format!("{name}.refuse.bpf"), &refusals)
}

fn write(out: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(out.join(name), bytes).map_err(|error| error.to_string())
}

/// What one program is made of.
struct Rules<'a> {
    own: Vec<&'a Rule>,
    included: Vec<&'a Rule>,
    constants: &'a Constants,
}

impl Rules<'_> {
    /// The target's program. It is made for every architecture that we build for, so that a rule that fits one of them only is noticed at once.
    fn program(&self, mismatch: &Value, matched: &Value) -> Result<Vec<u8>, String> {
        let (wanted, env) = (target("ARCH")?, target("ENV")?);
        let mut found = Err(format!("there are no profiles for {wanted}"));
        for arch in ["x86_64", "aarch64"] {
            let program = self.program_for(arch, &env, mismatch, matched).map_err(|error| format!("for {arch}: {error}"))?;
            if arch == wanted {
                found = Ok(program);
            }
        }
        found
    }

    /// The BPF program, eight bytes an instruction: code, jt, jf, k, in the target's order (all our targets are little-endian).
    fn program_for(&self, arch: &str, env: &str, mismatch: &Value, matched: &Value) -> Result<Vec<u8>, String> {
        let filter: Vec<Value> = self.by_call(arch, env)?.into_values().flatten().collect();
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

    /// seccompiler's rules for each call. One without conditions stands alone.
    fn by_call(&self, arch: &str, env: &str) -> Result<BTreeMap<&str, Vec<Value>>, String> {
        let mut by_call: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let mut free = BTreeSet::new();
        for (rule, own) in self.own.iter().map(|rule| (rule, true)).chain(self.included.iter().map(|rule| (rule, false))) {
            let elsewhere = rule.arch.as_ref().is_some_and(|only| *only != arch) || rule.env.as_ref().is_some_and(|only| *only != env);
            let args = rule.args.as_ref().map(|args| numbered(args, false, self.constants)).transpose()?;
            for syscall in rule.syscalls.iter().filter(|_| !elsewhere) {
                let rules = by_call.entry(syscall).or_default();
                if own && !rules.is_empty() && (args.is_none() || free.contains(syscall.as_str())) {
                    return Err(format!("{syscall} has a rule without conditions and another one"));
                }
                match &args {
                    Some(args) if !free.contains(syscall.as_str()) => rules.push(json!({"syscall": syscall, "args": args})),
                    Some(_) => {}
                    None => {
                        free.insert(syscall.as_str());
                        *rules = vec![json!({"syscall": syscall})];
                    }
                }
            }
        }
        Ok(by_call)
    }
}

/// `value` with the names in it, where `named` says that it is a place for names, and below `val` and `masked_eq`, replaced by their numbers.
fn numbered(value: &Value, named: bool, constants: &Constants) -> Result<Value, String> {
    Ok(match value {
        Value::Array(items) => items.iter().map(|item| numbered(item, named, constants)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let one = |(key, value): (&String, &Value)| Ok((key.clone(), numbered(value, key == "val" || key == "masked_eq", constants)?));
            Value::Object(fields.iter().map(one).collect::<Result<_, String>>()?)
        }
        Value::String(names) if named => {
            let known = |name: &str| constants.get(name.trim()).ok_or_else(|| format!("{name} is not in seccomp/constants"));
            names.split('|').try_fold(0, |sum, name| Ok::<_, String>(sum | known(name)?))?.into()
        }
        other => other.clone(),
    })
}

fn target(what: &str) -> Result<String, String> {
    std::env::var(format!("CARGO_CFG_TARGET_{what}")).map_err(|error| error.to_string())
}

/// Linux's numbers, alike on all our targets (asm-generic/errno-base.h, errno.h).
fn errno(name: &str) -> Result<Value, String> {
    let number = match name {
        "EPERM" => 1,
        "EACCES" => 13,
        "EEXIST" => 17,
        "ENOSYS" => 38,
        "ENOPROTOOPT" => 92,
        "EOPNOTSUPP" => 95,
        _ => return Err(format!("{name} is not among the errnos that build.rs knows")),
    };
    Ok(json!({"errno": number}))
}
