//! Single settings: from the text of one to its value, or to what is wrong with it.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use super::{Loader, list, shown};
use crate::config::{LogLevel, SeccompMode};
use crate::model::UserId;

impl Loader<'_> {
    pub(super) fn parsed<T: FromStr>(&mut self, name: &str, want: &str) -> Option<T> {
        let text = self.text(name);
        let value = text.parse().ok();
        if value.is_none() {
            self.problem(name, format!("`{}` is not {want}", shown(&text)));
        }
        value
    }

    pub(super) fn number(&mut self, name: &str, low: u64, high: u64) -> Option<u64> {
        let want = format!("a whole number from {low} to {high}");
        let number = self.parsed::<u64>(name, &want)?;
        if !(low..=high).contains(&number) {
            self.problem(name, format!("{number} is not {want}"));
            return None;
        }
        Some(number)
    }

    pub(super) fn minutes(&mut self, key: &str, given: Option<u64>, default: u64) -> Option<Duration> {
        let minutes = given.unwrap_or(default);
        if !(1..=1440).contains(&minutes) {
            self.problem(format!("config.json {key}"), format!("{minutes} is not a whole number from 1 to 1440"));
            return None;
        }
        Some(Duration::from_secs(minutes * 60))
    }

    /// Those who are named; whoever is the only one allowed answers for the service by themselves.
    pub(super) fn operators(&mut self, allowed: &BTreeSet<UserId>) -> BTreeSet<UserId> {
        const NAME: &str = "OPERATOR_TELEGRAM_IDS";
        if self.given(NAME).is_none() {
            return allowed.iter().copied().filter(|_| allowed.len() == 1).collect();
        }
        let operators = self.people(NAME);
        for stranger in operators.difference(allowed) {
            self.problem(NAME, format!("{} is not in ALLOWED_TELEGRAM_IDS", stranger.number));
        }
        operators
    }

    /// The numeric ids of a setting.
    pub(super) fn people(&mut self, name: &str) -> BTreeSet<UserId> {
        let mut people = BTreeSet::new();
        for word in list(&self.text(name), ',') {
            match word.parse::<i64>() {
                Ok(id) if id > 0 => {
                    people.insert(UserId::telegram(id));
                }
                _ => self.problem(
                    name,
                    format!(
                        "`{}` is not a user's numeric id (a username will not do; write /start to the bot to learn the id)",
                        shown(&word)
                    ),
                ),
            }
        }
        people
    }

    pub(super) fn log_level(&mut self) -> Option<LogLevel> {
        let text = self.text("LOG_LEVEL");
        let level = match text.to_ascii_uppercase().as_str() {
            "DEBUG" => LogLevel::Debug,
            "INFO" => LogLevel::Info,
            "WARNING" | "WARN" => LogLevel::Warning,
            "ERROR" => LogLevel::Error,
            _ => {
                self.problem("LOG_LEVEL", format!("`{}` is not DEBUG, INFO, WARNING or ERROR", shown(&text)));
                return None;
            }
        };
        Some(level)
    }

    pub(super) fn seccomp(&mut self) -> Option<SeccompMode> {
        let text = self.text("SECCOMP");
        match text.to_ascii_lowercase().as_str() {
            "enforce" => Some(SeccompMode::Enforce),
            "log" => Some(SeccompMode::Log),
            _ => {
                self.problem("SECCOMP", format!("`{}` is not enforce or log", shown(&text)));
                None
            }
        }
    }

    pub(super) fn telegram_api(&mut self) -> Option<String> {
        let text = self.text("TELEGRAM_API_BASE").trim_end_matches('/').to_owned();
        let url = reqwest::Url::parse(&text).ok();
        let right = url.as_ref().is_some_and(|url| match url.scheme() {
            "https" => url.host_str().is_some(),
            "http" => url.host_str().is_some_and(is_loopback),
            _ => false,
        });
        let plain = url
            .as_ref()
            .is_some_and(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none());
        if !right || !plain {
            // It could hold a password: it is not repeated.
            self.problem(
                "TELEGRAM_API_BASE",
                "is not an https:// address without login, query or fragment (plain http:// only to 127.0.0.1, [::1] or localhost)",
            );
            return None;
        }
        Some(text)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
