//! What documents say agrees with the code, and leads somewhere.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::none;
use super::source::{bare, files, read, root};

/// The names in backquotes that open the rows of the table below that heading of a document: `BOT_TOKEN` of ``| `BOT_TOKEN` | … |``.
fn table(document: &str, heading: &str) -> BTreeSet<String> {
    let text = read(document);
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("{document} has no section `## {heading}`"));
    let opening = |line: &str| Some(line.trim_start().strip_prefix("| `")?.split_once('`')?.0.to_owned());
    section.lines().filter_map(opening).collect()
}

/// Fails unless both sets are the same, and names what each lacks.
fn same(ours: &str, ours_has: &BTreeSet<String>, theirs: &str, theirs_has: &BTreeSet<String>) {
    let missing = |of: &BTreeSet<String>, other: &BTreeSet<String>, where_not: &str| -> Vec<String> {
        of.difference(other).map(|name| format!("`{name}` is missing in {where_not}")).collect()
    };
    assert!(!ours_has.is_empty(), "{ours} has nothing: this test does not read it rightly");
    let mut wrong = missing(ours_has, theirs_has, theirs);
    wrong.extend(missing(theirs_has, ours_has, ours));
    none(&format!("{ours} and {theirs} disagree:"), wrong);
}

fn settings() -> BTreeSet<String> {
    kiroclaw::config::SETTINGS.iter().map(|setting| setting.name.to_owned()).collect()
}

#[test]
fn every_setting_stands_in_the_readme_and_the_other_way_round() {
    same("config::SETTINGS", &settings(), "README.md's table of settings", &table("README.md", "Settings"));
}

#[test]
fn every_default_stands_in_the_readme() {
    let readme = read("README.md");
    let rows = || readme.lines().filter(|line| line.starts_with("| `"));
    let wrong = kiroclaw::config::SETTINGS
        .iter()
        .filter(|setting| !setting.default.is_empty())
        .filter(|setting| !rows().any(|row| row.starts_with(&format!("| `{}` | `{}` |", setting.name, setting.default))))
        .map(|setting| format!("{} = {}", setting.name, setting.default));
    none("these rows of README.md show another default:", wrong.collect());
}

#[test]
fn the_example_of_an_env_file_names_every_setting_once() {
    let text = read(".env.example");
    let names: Vec<String> = text
        .lines()
        .filter_map(|line| Some(line.trim_start_matches('#').split_once('=')?.0.to_owned()))
        .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    let set: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(names.len(), set.len(), ".env.example names a setting twice");
    same("config::SETTINGS", &settings(), ".env.example", &set);
}

/// The commands that `kiroclaw --help` lists.
fn commands() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_kiroclaw")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let list = help.split("Commands:").nth(1).unwrap_or_else(|| panic!("`kiroclaw --help` lists no commands:\n{help}"));
    // A description that is broken into lines goes on deeper than a name stands.
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_stands_in_the_readme_and_the_other_way_round() {
    let rows: BTreeSet<String> = table("README.md", "Commands")
        .iter()
        .filter_map(|row| row.strip_prefix("kiroclaw ").and_then(|rest| rest.split_whitespace().next()).map(str::to_owned))
        .collect();
    same("kiroclaw --help", &commands(), "README.md's table of commands", &rows);
}

#[test]
fn every_chat_command_stands_in_the_readme() {
    let readme = read("README.md");
    let wrong = kiroclaw::gateway::MENU.iter().map(|name| format!("`/{name}`")).filter(|name| !readme.contains(name.as_str()));
    none("README.md does not name these commands of a chat:", wrong.collect());
}

#[test]
fn every_dependency_stands_in_the_architecture_with_its_reason() {
    let cargo = read("Cargo.toml");
    let section = cargo.split("\n[").find(|section| section.starts_with("dependencies]")).unwrap();
    let names = section.lines().filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).filter(|name| !name.starts_with('#'));
    same("Cargo.toml", &names.collect(), "ARCHITECTURE.md's table of dependencies", &table("ARCHITECTURE.md", "Dependencies"));
}

/// Each line of the section `## Invariants` that begins with `- ` ends with `` — `path::test_name` ``, or several of those, comma-separated.
#[test]
fn every_invariant_names_a_test_that_exists() {
    let text = read("ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.starts_with("Invariants")).expect("ARCHITECTURE.md has no `## Invariants`");
    let items: Vec<String> = section.split("\n- ").skip(1).map(|item| item.split("\n\n").next().unwrap().replace('\n', " ")).collect();
    assert!(!items.is_empty(), "`## Invariants` lists none");
    let mut wrong = Vec::new();
    for item in &items {
        let Some((_, names)) = item.rsplit_once(" — ") else {
            wrong.push(format!("no ` — `path::test_name`` at the end of: {item}"));
            continue;
        };
        for name in names.split(',').map(|name| name.trim().trim_end_matches('.').trim_matches('`')) {
            if let Err(why) = find_test(name) {
                wrong.push(format!("{why}: {item}"));
            }
        }
    }
    none("invariants without a test:", wrong);
}

fn find_test(name: &str) -> Result<(), String> {
    let (path, test) = name.rsplit_once("::").ok_or(format!("`{name}` is no `path::test_name`"))?;
    if !path.ends_with(".rs") || !root().join(path).is_file() {
        return Err(format!("`{path}` is no file of this repository"));
    }
    let code = bare(&read(path));
    let begin = code.find(&format!("fn {test}(")).ok_or(format!("`{path}` has no `fn {test}`"))?;
    let before = code[..begin].trim_end().trim_end_matches("async").trim_end();
    if before.ends_with(']') && before.rsplit("#[").next().is_some_and(|attribute| attribute.contains("test")) {
        Ok(())
    } else {
        Err(format!("`fn {test}` in `{path}` is no test"))
    }
}

/// The anchors of a document's headings, as forges make them of their words.
fn anchors(text: &str) -> BTreeSet<String> {
    let anchor = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

/// Where the links of a document lead: all but other sites.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let inline = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let pictures = text.split("src=\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0));
    inline.chain(pictures).filter(|target| !target.contains("://"))
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let documents = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned).into_iter().chain(files("docs", ".md"));
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for document in documents {
        let text = read(&document);
        let directory = Path::new(&document).parent().unwrap_or(Path::new(""));
        for target in links(&text) {
            seen += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = if path.is_empty() { root().join(&document) } else { root().join(directory).join(path) };
            let leads = there.exists() && (anchor.is_empty() || anchors(&std::fs::read_to_string(&there).unwrap()).contains(anchor));
            if !leads {
                wrong.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(seen > 5, "{seen} links: this test does not read them rightly");
    none("these links lead nowhere:", wrong);
}
