//! Prints the design's budget table for this machine: `cargo bench --bench budget`.
//!
//! It runs the static binary where there is one (`release/binary x86_64`), else the one that cargo
//! built, against the stand-in for Telegram, with itself as the agent, in the real jail. Numbers depend on the machine, so none of them
//! fails the run; a message that gets lost, or loses its place, does.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

mod appliance;
mod egress;
mod instant_agent;
mod load;
mod machine;

#[path = "../../tests"]
mod tests {
    pub(crate) mod stand_in;
}

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use appliance::Appliance;
use egress::Egress;
use instant_agent::CHUNKS;
use load::{Outcome, Shape};
use tests::stand_in::telegram::{Person, Telegram};

/// The word that turns this program into the agent.
const AGENT: &str = "instant-agent";

/// The number of the first user.
const FIRST: i64 = 1001;

/// One line of the table.
struct Row {
    figure: &'static str,
    budget: &'static str,
    measured: String,
}

/// The table, and whether something went wrong that must not.
#[derive(Default)]
struct Table {
    rows: Vec<Row>,
    failed: bool,
}

impl Table {
    /// A figure that this machine may not let be measured.
    fn note(&mut self, figure: &'static str, budget: &'static str, measured: Result<String, String>) {
        let measured = measured.unwrap_or_else(|why| format!("not measured: {}", why.replace('\n', "; ")));
        self.rows.push(Row { figure, budget, measured });
    }

    /// A figure of messages, which has to be there: without it, some were lost.
    fn row(&mut self, figure: &'static str, budget: &'static str, measured: Result<String, String>) {
        self.failed |= measured.is_err();
        self.note(figure, budget, measured);
    }

    /// Prints it. A message that got lost fails the run.
    fn end(&self) -> ExitCode {
        println!("| figure | budget | measured |\n|---|---|---|");
        for Row { figure, budget, measured } in &self.rows {
            println!("| {figure} | {budget} | {measured} |");
        }
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn main() -> ExitCode {
    if std::env::args().any(|word| word == AGENT) {
        return if instant_agent::run().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let program = program();
    println!("{}, {}\n", program.display(), machine::describe());
    let mut table = Table::default();
    // Some rows, for who works on that part: `cargo bench --bench budget -- egress`, or `day`.
    if std::env::args().any(|word| word == "egress") {
        way_out(&program, &mut table);
        return table.end();
    }
    if std::env::args().any(|word| word == "day") {
        day(&program, &mut table).unwrap_or_else(|why| table.row("a day's turns", "0 lost", Err(why)));
        return table.end();
    }
    table.note("static binary", "≤ 5 MB", Ok(machine::size(&program)));
    table.note("system calls allowed to the gateway", "≤ 50", machine::gateway_syscalls());
    let (start, whole) =
        machine::jail_cost(&program).map_or_else(|why| (Err(why.clone()), Err(why)), |(start, whole)| (Ok(start), Ok(whole)));
    table.note("jailed start over a bare exec, to the first byte, median of 101", "≤ 5 ms", start);
    table.note("the same to the end of all of its namespaces", "—", whole);
    way_out(&program, &mut table);
    table.row("start to first getUpdates, median of 9", "≤ 50 ms", start_time(&program));
    conversation(&program, &mut table).unwrap_or_else(|why| table.row("conversation", "0 lost", Err(why)));
    table.row("100 users × 25 messages, bursts of 5, 16 runtimes", "0 lost, in order", crowd(&program));
    day(&program, &mut table).unwrap_or_else(|why| table.row("a day's turns", "0 lost", Err(why)));
    table.end()
}

/// The static binary, or the one that cargo built for this benchmark.
fn program() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("..");
    let built = target.join("x86_64-unknown-linux-musl/release/kiroclaw");
    built.canonicalize().unwrap_or_else(|_| PathBuf::from(env!("CARGO_BIN_EXE_kiroclaw")))
}

fn people(telegram: &Telegram, count: i64) -> Vec<Person> {
    (FIRST..FIRST + count).map(|user| telegram.private_chat(user, "en")).collect()
}

fn way_out(program: &Path, table: &mut Table) {
    let egress = Egress::start(program).map_err(|error| error.to_string());
    let of = |measure: fn(&Egress) -> std::io::Result<String>| {
        egress.as_ref().map_err(Clone::clone).and_then(|egress| measure(egress).map_err(|error| error.to_string()))
    };
    table.note("egress: added to a connection and its first byte, median of 501", "≤ 1 ms", of(Egress::latency));
    table.note("egress: one download on loopback", "≥ 500 MB/s", of(Egress::throughput));
}

fn start_time(program: &Path) -> Result<String, String> {
    let mut times = Vec::new();
    for _ in 0..9 {
        let telegram = Telegram::start_without_topics();
        times.push(Appliance::start(program, &telegram, 1, 1)?.first_poll);
    }
    Ok(machine::milliseconds(&machine::Spread::of(&mut times)))
}

/// Everything that one long-running appliance is measured by.
fn conversation(program: &Path, table: &mut Table) -> Result<(), String> {
    let telegram = Telegram::start_without_topics();
    let people = people(&telegram, 10);
    let appliance = Appliance::start(program, &telegram, 10, 10)?;
    let run = |people: &[Person], each, at_once| complete(&appliance, people, load::run(&telegram, people, Shape { each, at_once }));
    table.note("memory, idle and polling (PSS of all processes)", "≤ 8 MB", appliance.memory());

    run(&people, 1, 1)?;
    let warm = run(&people[..1], 300, 1)?;
    table.row("update → prompt on a warm agent's stdin, median of 300", "≤ 3 ms", Ok(machine::milliseconds(&warm.to_prompt())));
    table.row("update → final message, warm, median of 300", "≤ 4 ms", Ok(machine::milliseconds(&warm.to_answer())));
    let closed = run(&people[..8], 25, 1)?;
    table.row("8 users × 25 messages, closed loop", "≥ 400/s", Ok(format!("{:.0}/s", closed.rate())));
    table.row("200 messages at once (10 users × 20)", "0 lost", run(&people, 20, 20).map(|flood| flood.verdict()));

    table.row("Bot API calls of a turn of 2,000 chunks", "≤ 60", Ok(calls_of_a_long_turn(&telegram, &people[0])));
    run(&people[..1], 300, 1)?;
    telegram.waits_at_most(Duration::from_secs(10), |state| state.queue.is_empty().then_some(()));
    table.note("memory after 1,000 turns (same processes)", "≤ 8 MB", appliance.memory());
    Ok(())
}

/// What memory does from turn to turn: the turns of ten people, as many as they have in a day and in many.
fn day(program: &Path, table: &mut Table) -> Result<(), String> {
    let telegram = Telegram::start_without_topics();
    let people = people(&telegram, 10);
    let appliance = Appliance::start(program, &telegram, 10, 10)?;
    let mut of = |figure, each| -> Result<(), String> {
        complete(&appliance, &people, load::run(&telegram, &people, Shape { each, at_once: 1 }))?;
        telegram.waits_at_most(Duration::from_secs(10), |state| state.queue.is_empty().then_some(()));
        table.note(figure, "≤ 8 MB", appliance.memory());
        Ok(())
    };
    of("memory after 1,000 turns of 10 people", 100)?;
    of("… 3,000", 200)?;
    of("… 10,000", 700)?;
    of("… 20,000", 1000)
}

/// All calls from the prompt to its answer; polling is no call.
fn calls_of_a_long_turn(telegram: &Telegram, person: &Person) -> String {
    let mark = telegram.mark();
    person.sends(&format!("{CHUNKS}2000"));
    person.waits_for_message(|message| message.document.is_some());
    telegram.tally(mark).total().to_string()
}

fn crowd(program: &Path) -> Result<String, String> {
    let telegram = Telegram::start_without_topics();
    let people = people(&telegram, 100);
    let appliance = Appliance::start(program, &telegram, 100, 16)?;
    let outcome = complete(&appliance, &people, load::run(&telegram, &people, Shape { each: 25, at_once: 5 }))?;
    Ok(format!("{}, {:.0}/s", outcome.verdict(), outcome.rate()))
}

/// The outcome when nothing was lost; otherwise the first person's chat and the end of the log, which show where to look.
fn complete(appliance: &Appliance, people: &[Person], outcome: Outcome) -> Result<Outcome, String> {
    if outcome.is_complete() {
        return Ok(outcome);
    }
    println!("{}\n{}\n{}\n", outcome.verdict(), people[0].transcript(), appliance.log());
    Err(outcome.verdict())
}
