//! What was found, and what it amounts to.

use std::fmt;

use serde::Serialize;

use crate::subcommands::text::clean_line;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// `run` starts, with this left open.
    Warn,
    /// `run` does not start, or no agent does.
    Fail,
}

/// What it is about; in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Area {
    Kernel,
    Jail,
    Settings,
    Telegram,
    Agent,
    Directories,
    Limits,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Jail => "jail",
            Self::Settings => "settings",
            Self::Telegram => "telegram",
            Self::Agent => "agent",
            Self::Directories => "directories",
            Self::Limits => "limits",
        })
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) area: Area,
    /// How it is.
    pub(super) state: State,
    /// What was found, one line.
    pub(super) what: String,
    /// How to mend it; empty where nothing is to be mended, or `what` says it.
    pub(super) mend: String,
}

impl Finding {
    /// A finding; what programs and servers said in it is made safe for a terminal.
    pub(super) fn new(area: Area, state: State, what: &str, mend: &str) -> Self {
        Self { area, state, what: clean_line(what), mend: clean_line(mend) }
    }

    /// As it should be.
    pub(super) fn ok(area: Area, what: impl AsRef<str>) -> Self {
        Self::new(area, State::Ok, what.as_ref(), "")
    }

    /// It works, but.
    pub(super) fn warn(area: Area, what: impl AsRef<str>, mend: impl AsRef<str>) -> Self {
        Self::new(area, State::Warn, what.as_ref(), mend.as_ref())
    }

    /// It does not.
    pub(super) fn fail(area: Area, what: impl AsRef<str>, mend: impl AsRef<str>) -> Self {
        Self::new(area, State::Fail, what.as_ref(), mend.as_ref())
    }
}

/// All findings.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Whether `kiroclaw run` would start.
    starts: bool,
    findings: Vec<Finding>,
}

impl Report {
    /// The report on these findings.
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self { starts: findings.iter().all(|finding| finding.state != State::Fail), findings }
    }

    /// The area of what keeps `run` from starting, the settings before all others.
    pub(super) fn failed(&self) -> Option<Area> {
        let mut failed = self.findings.iter().filter(|finding| finding.state == State::Fail).map(|finding| finding.area);
        let first = failed.next()?;
        Some(if failed.any(|area| area == Area::Settings) { Area::Settings } else { first })
    }

    /// As one JSON object.
    pub(super) fn to_json(&self) -> String {
        // Plain data of ours: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut area = None;
        for finding in &self.findings {
            if area != Some(finding.area) {
                writeln!(f, "{}", finding.area)?;
                area = Some(finding.area);
            }
            let state = match finding.state {
                State::Ok => "ok  ",
                State::Warn => "warn",
                State::Fail => "FAIL",
            };
            writeln!(f, "  {state}  {}", finding.what)?;
            if !finding.mend.is_empty() {
                writeln!(f, "        → {}", finding.mend)?;
            }
        }
        let count = |state| self.findings.iter().filter(|finding| finding.state == state).count();
        let (warnings, failures) = (count(State::Warn), count(State::Fail));
        match failures {
            0 => write!(f, "\n`kiroclaw run` would start; {warnings} to know of (warn)."),
            _ => write!(f, "\n`kiroclaw run` would not start, or run no agent: {failures} to mend (FAIL), {warnings} to know of (warn)."),
        }
    }
}
