//! Remakes `docs/attacks.md`: the attack battery bare, in `kiroclaw jail`, in our roles, and in other people's sandboxes.
//! `tests/attack/run` starts it, and prepares what it compares with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code: a panic is its failure"
)]

mod battery;
mod boxes;
mod foreign;
#[path = "../jail/place.rs"]
#[allow(dead_code, reason = "shared with the tests of the jail, which do more with it")]
mod place;
#[allow(dead_code, reason = "shared with the test of our own boxes")]
mod policy;
mod stage;

use std::fmt::Write;
use std::path::Path;

use battery::{Probe, battery};
use place::Place;
use stage::{End, Ends};

/// Errnos by which a kernel or machine says that it has no such thing: ENOENT, ENOSYS, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EAFNOSUPPORT,
/// ECONNREFUSED.
const NOT_HERE: [i32; 6] = [2, 38, 93, 94, 97, 111];

/// A column.
struct Column {
    name: String,
    how: String,
    ends: Ends,
}

fn main() {
    let mut columns = vec![Column { name: "bare".to_owned(), how: "nothing around it, an ordinary user".to_owned(), ends: boxes::bare() }];
    let mut not_named = Vec::new();
    for foreign in foreign::ALL {
        eprintln!("attacking {}", foreign.name);
        match foreign.attack() {
            Ok(ends) => {
                not_named.extend(foreign.jail.map(|way| policy::not_named(way, &ends)).unwrap_or_default());
                columns.push(Column { name: foreign.name.to_owned(), how: foreign.how.to_owned(), ends });
            }
            Err(why) => println!("SKIPPED: {}: {why}", foreign.name),
        }
    }
    for machine in Place::everywhere().map(|(machine, _)| machine) {
        eprintln!("attacking the jail, {machine:?}");
        let (way, ends) = boxes::jail(machine);
        columns.push(Column { name: format!("jail: {way}"), how: how_of(&way).to_owned(), ends });
    }
    let bare = columns[0].ends.clone();
    let mut roles = Vec::new();
    for role in ["gateway", "egress", "warden"] {
        eprintln!("attacking the {role}");
        roles.push(Column { name: role.to_owned(), how: String::new(), ends: boxes::role(role) });
    }
    for column in columns.iter_mut().chain(&mut roles) {
        leave_out_what_is_not_here(&mut column.ends, &bare);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/attacks.md");
    std::fs::write(path, document(&columns, &roles)).unwrap();
    policy::none(&not_named);
}

fn how_of(way: &str) -> &'static str {
    match way {
        "Wholly" => "`kiroclaw jail` with users, network, IPC, files and processes of its own, Landlock and seccomp",
        "SharingProc" => "the same where nobody may mount a `/proc`, as in most containers",
        "SharingFiles" => "the same where nobody may mount",
        _ => "without namespaces: Landlock and seccomp alone",
    }
}

/// What the kernel or the machine does not have proves nothing in any box.
fn leave_out_what_is_not_here(ends: &mut Ends, bare: &Ends) {
    for (probe, end) in ends {
        let absent = match bare[probe] {
            End::Absent => true,
            End::Blocked(errno) => NOT_HERE.contains(&errno),
            _ => false,
        };
        // The way out exists in a jail alone.
        if absent && !end.is_open() && !probe.contains("/proxy-") {
            *end = End::Absent;
        }
    }
}

fn document(columns: &[Column], roles: &[Column]) -> String {
    let mut text = String::from("# Attacks\n\n");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    writeln!(text, "Made by `tests/attack/run` on Linux {}.\n", kernel.trim()).unwrap();
    writeln!(
        text,
        "{} probes (`tests/attack/probes`) try what a hostile agent would. Each is judged by its effect: it saw the secret, or a witness outside saw the\n\
         file change, the message or the signal arrive. `cargo test --test attack` fails when one is open in a jail or a role of ours that is not named\n\
         as policy (`tests/attack/policy.txt`, below).\n\n## Blocked, by group\n\nWhat this machine does not have is not counted. The jails' limits are smaller here than by default (`tests/attack/stage.rs`), so that what takes\n\
         too much meets them in a second.\n",
        battery().probes.len()
    )
    .unwrap();
    by_group(&mut text, columns);
    for column in columns {
        writeln!(text, "- **{}**: {}", column.name, column.how).unwrap();
    }
    text.push_str(
        "\n## Our own roles, after somebody has taken them over\n\nEach probe in a process that has locked itself down as that role.\n\n",
    );
    by_group(&mut text, roles);
    policies(&mut text);
    every_probe(&mut text, columns);
    text
}

fn by_group(text: &mut String, columns: &[Column]) {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    writeln!(text, "| group | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len())).unwrap();
    let mut groups: Vec<&str> = battery().probes.iter().map(|probe| probe.group.as_str()).collect();
    groups.dedup();
    for group in groups.into_iter().map(Some).chain([None]) {
        let counts: Vec<String> = columns.iter().map(|column| count(column, group)).collect();
        writeln!(text, "| {} | {} |", group.unwrap_or("**all**"), counts.join(" | ")).unwrap();
    }
    text.push('\n');
}

/// Blocked of those that are here; of all groups for `None`.
fn count(column: &Column, group: Option<&str>) -> String {
    let of_group = |probe: &&Probe| group.is_none_or(|group| probe.group == group);
    let ends = battery().probes.iter().filter(of_group).map(|probe| column.ends[&probe.full_name()]).filter(|end| *end != End::Absent);
    let (blocked, all) = ends.fold((0, 0), |(blocked, all), end| (blocked + usize::from(!end.is_open()), all + 1));
    format!("{blocked}/{all}")
}

fn policies(text: &mut String) {
    text.push_str("\n## Open by policy\n\n| where | what | why |\n|---|---|---|\n");
    for rule in policy::rules() {
        writeln!(text, "| {} | {} | {} |", rule.boxes.join(", "), rule.probes.join(", "), rule.reason).unwrap();
    }
}

fn every_probe(text: &mut String, columns: &[Column]) {
    text.push_str("\n## Every probe\n\n");
    let word = |column: Option<&Column>, probe: &Probe| match column.map(|column| column.ends[&probe.full_name()]) {
        Some(End::Open) => "open",
        Some(End::Blocked(_)) => "blocked",
        Some(End::Ended) => "ended",
        Some(End::Absent) | None => "–",
    };
    let jail = columns.iter().find(|column| column.name.starts_with("jail: "));
    let name = jail.map_or("jail", |jail| jail.name.as_str());
    writeln!(text, "| probe | tries to | stopped by | bare | {name} |\n|---|---|---|---|---|").unwrap();
    for probe in &battery().probes {
        let by = if probe.stopped_by.is_empty() { "–" } else { &probe.stopped_by };
        let (bare, jailed) = (word(columns.first(), probe), word(jail, probe));
        let jailed = if jailed == "open" { "open by policy" } else { jailed };
        writeln!(text, "| {} | {} | {by} | {bare} | {jailed} |", probe.full_name(), probe.what).unwrap();
    }
}
