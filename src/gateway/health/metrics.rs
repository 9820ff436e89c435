//! The report in Prometheus' text format (version 0.0.4).

use std::fmt::Write;

use crate::model::health::{COUNTS, Health};

/// All of it; one line a number, each family behind its help and type.
pub(super) fn text(health: &Health) -> String {
    let mut text = String::new();
    family(&mut text, "healthy", "gauge", "Whether every check holds.");
    line(&mut text, "healthy", "", u64::from(health.healthy));
    family(&mut text, "check", "gauge", "Whether a check holds.");
    for check in &health.checks {
        line(&mut text, "check", &label("name", &check.name), u64::from(check.ok));
    }
    family(&mut text, "last_success_seconds", "gauge", "How long ago something last succeeded.");
    for (what, age) in &health.last_success_seconds {
        line(&mut text, "last_success_seconds", &label("what", what), *age);
    }
    family(&mut text, "uptime_seconds", "gauge", "How long the gateway has served.");
    line(&mut text, "uptime_seconds", "", health.uptime_seconds);
    for count in COUNTS {
        family(&mut text, count.name, if count.grows { "counter" } else { "gauge" }, count.help);
        line(&mut text, count.name, "", health.counts.get(count.name).copied().unwrap_or_default());
    }
    family(&mut text, "info", "gauge", "The version that runs.");
    line(&mut text, "info", &label("version", &health.version), 1);
    text
}

// Writing to a string cannot fail.
fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP kiroclaw_{name} {help}\n# TYPE kiroclaw_{name} {kind}");
}

fn line(text: &mut String, name: &str, label: &str, value: u64) {
    let _ = writeln!(text, "kiroclaw_{name}{label} {value}");
}

/// Our own words alone, in which nothing is to be escaped.
fn label(name: &str, value: &str) -> String {
    format!("{{{name}=\"{value}\"}}")
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;

    #[test]
    fn every_number_stands_behind_its_help_and_type() {
        let text = text(&judge::health(&judge::tests::well()));
        for wanted in [
            "kiroclaw_healthy 1",
            "kiroclaw_check{name=\"poller\"} 1",
            "kiroclaw_last_success_seconds{what=\"poll\"} 12",
            "kiroclaw_outbox 3",
            "# TYPE kiroclaw_gateway_restarts_total counter",
            "kiroclaw_gateway_restarts_total 1",
        ] {
            assert!(text.lines().any(|line| line == wanted), "{wanted} in\n{text}");
        }
        let mut family = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(typed) => family = typed.split(' ').next().unwrap(),
                None => assert!(line.starts_with("# HELP ") || line.split(['{', ' ']).next() == Some(family), "{line}"),
            }
        }
        assert!(text.ends_with('\n'));
    }
}
