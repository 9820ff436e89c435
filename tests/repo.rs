//! The rules of this repository, as ordinary tests: layers, sizes, what may stand where, and documents that agree with the code.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step of a test is a failed test")]

#[path = "repo/documents.rs"]
mod documents;
#[path = "repo/source.rs"]
mod source;

use std::collections::BTreeSet;

use source::{Source, bare, files, read, sources};

/// Who may use whom at the crate's root: `main → subcommands → gateway, warden, egress → mechanisms → config → model`.
/// Mechanisms do not know each other, but for what is named here. A new module and a new arrow are decisions: make them here.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    // Small tools below the mechanisms.
    ("logging", &["config"]),
    ("jsonrpc", &["model"]),
    ("beneath", &["model"]),
    // Mechanisms.
    ("ipc", &["config", "model"]),
    ("jail", &["config", "model"]),
    ("store", &["config", "model"]),
    ("channel", &["config", "model"]),
    ("provision", &["beneath", "config", "model"]),
    ("acp", &["jsonrpc", "config", "model"]),
    ("agent", &["jsonrpc", "config", "model"]),
    ("age", &["model"]),
    ("archive", &[]),
    // Roles.
    ("gateway", &["acp", "beneath", "channel", "ipc", "jail", "logging", "provision", "store", "config", "model"]),
    ("warden", &["ipc", "jail", "provision", "logging", "config", "model"]),
    ("egress", &["ipc", "jail", "logging", "config", "model"]),
    // What is called from outside.
    ("cli", &["config", "model"]),
    (
        "subcommands",
        &[
            "cli",
            "gateway",
            "warden",
            "egress",
            "acp",
            "age",
            "agent",
            "archive",
            "channel",
            "ipc",
            "jail",
            "provision",
            "store",
            "beneath",
            "logging",
            "config",
            "model",
        ],
    ),
    // What parsers promise, for tests and fuzzed builds alone: nobody uses it.
    ("fuzzing", &["acp", "channel", "config", "egress", "gateway", "ipc", "model", "warden"]),
    ("main", &["agent", "cli", "subcommands", "model"]),
    ("lib", &[]),
];

/// Lines of a file before its tests, and lines of a function.
const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 80;

/// Fails with all complaints at once.
fn none(rule: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{rule}\n  {}", complaints.join("\n  "));
}

/// The lines of `code` in which `word` stands as a word of its own, counted from 1.
fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let stands =
        |line: &str| line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part));
    code.lines().enumerate().filter(|(_, line)| stands(line)).map(|(index, _)| index + 1).collect()
}

/// The modules at the crate's root that `code` names, as `crate::x` or `crate::{x, y::z}`.
fn used_modules<'a>(code: &'a str, krate: &str) -> BTreeSet<&'a str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name_of = |text: &'a str| text.trim_start().split(|c| !is_name(c)).next().unwrap();
    let mut used = BTreeSet::new();
    for (at, path) in code.match_indices(krate) {
        if code[..at].ends_with(is_name) {
            continue;
        }
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.insert(name_of(rest));
            continue;
        };
        let mut depth = 0;
        let mut begin = Some(0);
        for (at, c) in group.char_indices() {
            if begin.is_some() && depth == 0 && !c.is_whitespace() {
                used.insert(name_of(&group[at..]));
                begin = None;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begin = Some(at),
                _ => {}
            }
        }
    }
    used.remove("");
    used
}

#[test]
fn no_module_uses_one_above_it_or_beside_it() {
    let mut wrong = Vec::new();
    for Source { path, code, .. } in &sources() {
        let source = Source { path: path.clone(), text: String::new(), code: String::new() };
        let module = source.module();
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{path}: `{module}` is in no layer"));
            continue;
        };
        let krate = if module == "main" { "kiroclaw::" } else { "crate::" };
        for used in used_modules(code, krate) {
            if used != module && !allowed.contains(&used) {
                wrong.push(format!("{path}: `{module}` may not use `{used}`"));
            }
        }
    }
    none("layers (MAY_USE in this test):", wrong);
}

#[test]
fn files_and_functions_stay_readable() {
    let mut wrong = Vec::new();
    for Source { path, text, code } in &sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES {
            wrong.push(format!("{path}: {lines} lines before its tests, more than {FILE_LINES}"));
        }
        if path.ends_with("/mod.rs") {
            wrong.push(format!("{path}: `foo.rs` and `foo/`, no mod.rs"));
        }
        for (name, lines) in long_functions(code) {
            wrong.push(format!("{path}: `{name}` has {lines} lines, more than {FUNCTION_LINES}"));
        }
    }
    none("sizes:", wrong);
}

/// Functions that are too long; the code is formatted, so a function ends at the brace under its beginning.
fn long_functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut long = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((_, rest)) = line.split_once("fn ").filter(|(before, _)| before.is_empty() || before.ends_with(' ')) else { continue };
        let ends = |other: &&str| indent(other) == indent(line) && other.trim_start().starts_with('}');
        let body = lines[index..].iter().position(ends).unwrap_or(0);
        let declared_only = line.trim_end().ends_with(';') || line.contains('}');
        if !declared_only && body + 1 > FUNCTION_LINES {
            long.push((rest.split('(').next().unwrap().to_owned(), body + 1));
        }
    }
    long
}

#[test]
fn unsafe_stands_in_one_file_only() {
    let mut wrong = Vec::new();
    for Source { path, code, .. } in sources().iter().filter(|source| source.path != "src/jail/sys.rs") {
        for word in ["unsafe", "unsafe_code"] {
            wrong.extend(lines_with(code, word).into_iter().map(|line| format!("{path}:{line}: {word}")));
        }
    }
    none("unsafe belongs into src/jail/sys.rs:", wrong);
}

#[test]
fn nothing_runs_between_fork_and_exec() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs").into_iter().chain(files("tests", ".rs")) {
        let code = bare(&read(&path));
        wrong.extend(lines_with(&code, "pre_exec").into_iter().map(|line| format!("{path}:{line}")));
    }
    none("no pre_exec anywhere; re-execute `kiroclaw jail`:", wrong);
}

#[test]
fn no_test_is_switched_off() {
    let mut wrong = Vec::new();
    for path in files("src", ".rs").into_iter().chain(files("tests", ".rs")) {
        let code = bare(&read(&path));
        wrong.extend(
            code.lines().enumerate().filter(|(_, line)| line.contains("#[ignore")).map(|(index, _)| format!("{path}:{}", index + 1)),
        );
    }
    none("an ignored test guards nothing:", wrong);
}

#[test]
fn every_seccomp_rule_says_who_needs_it() {
    // The engines' is made of the others, reasons and all.
    let profiles: Vec<String> = files("seccomp", ".json").into_iter().filter(|path| path != "seccomp/container.json").collect();
    assert!(!profiles.is_empty(), "seccomp/ has no profiles");
    let mut wrong = Vec::new();
    for path in profiles {
        let json: serde_json::Value = serde_json::from_str(&read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut rules = 0;
        let mut open = vec![&json];
        while let Some(value) = open.pop() {
            open.extend(value.as_array().into_iter().flatten());
            open.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            let Some(call) = value.get("syscall").or_else(|| value.get("syscalls")) else { continue };
            rules += 1;
            if value.get("why").and_then(|why| why.as_str()).is_none_or(|why| why.trim().len() < 8) {
                wrong.push(format!("{path}: {call} has no `why`"));
            }
        }
        assert!(rules > 0, "{path} has no rules: this test does not read it rightly");
    }
    none("seccomp rules without a reason:", wrong);
}

/// The names that a profile allows on one target.
fn allowed(role: &str, arch: &str, env: &str) -> BTreeSet<String> {
    let profile: serde_json::Value = serde_json::from_str(&read(&format!("seccomp/{role}.json"))).unwrap();
    let here = |rule: &&serde_json::Value| {
        [("arch", arch), ("env", env)].iter().all(|(key, is)| rule[key].as_str().is_none_or(|only| only == *is))
    };
    let rules = profile["allow"].as_array().unwrap().iter().filter(here);
    rules.flat_map(|rule| rule["syscalls"].as_array().unwrap()).map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Whoever adds a call says here too that it is meant: these numbers only go down.
#[test]
fn each_role_is_within_its_budget_of_system_calls() {
    let mut wrong = Vec::new();
    for (role, env, budgets) in
        [("gateway", "musl", [50, 48]), ("egress", "musl", [35, 35]), ("gateway", "gnu", [60, 56]), ("egress", "gnu", [47, 45])]
    {
        for (arch, budget) in ["x86_64", "aarch64"].into_iter().zip(budgets) {
            let names = allowed(role, arch, env);
            if names.len() != budget {
                wrong.push(format!("{role} on {arch}-{env}: {} in place of {budget}: {names:?}", names.len()));
            }
        }
    }
    none("system calls over (or under: lower it) the budget:", wrong);
}

#[test]
fn the_files_for_container_engines_name_this_version() {
    for (path, name) in [("docker/compose.yaml", "kiroclaw:"), ("docker/kiroclaw.container", "Image=localhost/kiroclaw:")] {
        let image = format!("{name}{}", env!("CARGO_PKG_VERSION"));
        assert!(read(path).contains(&image), "{path} does not name {image}");
    }
}

#[test]
fn filters_are_the_same_in_debug_and_release() {
    for path in files("src/jail", ".rs").into_iter().chain(["build.rs".to_owned()]) {
        let code = read(&path);
        let differs = ["debug_assertions", "CARGO_CFG_DEBUG", "\"PROFILE\"", "OPT_LEVEL"].iter().find(|word| code.contains(**word));
        assert!(differs.is_none(), "{path} tells builds apart: {differs:?}");
    }
}

/// The readers that these tests are built on see what they should.
mod readers {
    use super::*;

    #[test]
    fn code_is_seen_without_comments_strings_and_characters() {
        let code = bare("a /* b /* c */ d */ e // f\n\"g \\\" h\" r#\"i\"# 'j' '\\'' k<'l>");
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "e", "k<'l>"]);
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn used_modules_are_found_in_every_form() {
        let code = "use crate::a::X; use crate::{b, c::{d, e}, f}; crate::g::h(); notcrate::i";
        assert_eq!(used_modules(code, "crate::"), BTreeSet::from(["a", "b", "c", "f", "g"]));
    }

    #[test]
    fn long_functions_are_found() {
        let body = "    x();\n".repeat(FUNCTION_LINES);
        assert_eq!(long_functions(&format!("fn long() {{\n{body}}}\n")), [("long".to_owned(), FUNCTION_LINES + 2)]);
        assert!(long_functions("fn short() {\n    x();\n}\n").is_empty());
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(lines_with("unsafe_code\nunsafe {", "unsafe"), [2]);
    }
}
