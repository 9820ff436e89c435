//! `kiroclaw doctor`: what this machine enforces, and whether `kiroclaw run` would start.
//!
//! It looks and changes nothing: each check gathers facts and turns them into [`Finding`]s; what they amount to is decided at the end.

mod agents;
mod kernel;
mod places;
mod report;
mod telegram;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli;
use crate::config::{Config, ConfigErrors, Sources, load, load_to_run};
use crate::model::exit;

use report::{Area, Finding, Report};

/// Checks everything and prints it. Exit codes: 0 `run` would start, 1 it would not, 64 because of its configuration.
pub fn run(arguments: &cli::Doctor) -> ExitCode {
    let report = match Sources::of_process() {
        Ok(sources) => examine(&sources),
        Err(error) => Report::new(vec![Finding::fail(
            Area::Settings,
            format!("the working directory cannot be found: {error}"),
            "go to another directory",
        )]),
    };
    let text = if arguments.json { report.to_json() } else { report.to_string() };
    // Who reads our output may have enough of it; the exit code is the result all the same.
    let _ = writeln!(io::stdout(), "{text}");
    ExitCode::from(exit_code(&report))
}

fn exit_code(report: &Report) -> u8 {
    match report.failed() {
        None => 0,
        Some(Area::Settings) => exit::BAD_CONFIGURATION,
        Some(_) => exit::FAILURE,
    }
}

fn examine(sources: &Sources) -> Report {
    let mut findings = Vec::new();
    match load(sources) {
        Ok((config, secrets)) => {
            findings.extend(kernel::findings(&config));
            findings.extend(settings(load_to_run(sources).err(), &config));
            findings.extend(telegram::findings(&config, &secrets));
            findings.extend(agents::findings(&config, &secrets, sources));
            findings.extend(places::findings(&config));
        }
        Err(errors) => {
            findings.extend(kernel::without_configuration());
            findings.extend(problems(&errors));
        }
    }
    Report::new(findings)
}

fn problems(errors: &ConfigErrors) -> Vec<Finding> {
    errors.0.iter().map(|problem| Finding::fail(Area::Settings, format!("{}: {}", problem.place, problem.what), "")).collect()
}

/// The settings as a whole; `missing` is what `run` needs beyond what `chat` does.
fn settings(missing: Option<ConfigErrors>, config: &Config) -> Vec<Finding> {
    let mut findings = missing.as_ref().map(problems).unwrap_or_default();
    if findings.is_empty() {
        findings.push(Finding::ok(Area::Settings, "all are right"));
    }
    findings.push(if config.allowed.is_empty() {
        Finding::warn(
            Area::Settings,
            "ALLOWED_TELEGRAM_IDS is empty: nobody may use the bot",
            "write /start to the bot; it answers your id, which goes there",
        )
    } else {
        Finding::ok(Area::Settings, format!("{} may use the bot", people(config.allowed.len())))
    });
    findings
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

#[cfg(test)]
mod tests;
