//! `kiroclaw health`: asks the running gateway how it goes.
//!
//! One request over its Unix socket, and one answer. It needs no secret, no network and no thread: engines and scripts call it every few seconds.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::channel::local::call;
use crate::cli;
use crate::config::{Sources, load_to_look};
use crate::model::exit;
use crate::model::health::{Check, Health};

use super::text::clean_line;

/// Time for the answer: a gateway waits up to 10 s for its disk, twice where it was about to look anyway.
const TIME: Duration = Duration::from_secs(22);

/// Longest answer, in bytes: it has a few kilobytes.
const ANSWER: u64 = 64 * 1024;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum HealthError {
    #[error("kiroclaw is not running here: nobody serves {path}; start it (`systemctl start kiroclaw`, or `kiroclaw run`)", path = .0.display())]
    NotRunning(PathBuf),
    #[error("{path} cannot be reached: {source}; ask as root, or as the user that runs kiroclaw", path = path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("the gateway does not answer within {} s: it hangs, and is started anew within a minute or two; the log says more", TIME.as_secs())]
    Hangs,
    #[error("the gateway's answer breaks off: {0}; it was ended, or is another version")]
    Broken(io::Error),
}

/// Prints the report. Exit codes: 0 healthy (with `--metrics`: there are some), 1 not, or not running, 64 bad configuration.
pub fn run(arguments: &cli::Health) -> ExitCode {
    let config = match Sources::of_process() {
        Ok(sources) => match load_to_look(&sources) {
            Ok(config) => config,
            Err(errors) => {
                eprintln!("kiroclaw: {errors}");
                return ExitCode::from(exit::BAD_CONFIGURATION);
            }
        },
        Err(error) => {
            eprintln!("kiroclaw: the working directory cannot be found: {error}");
            return ExitCode::FAILURE;
        }
    };
    let page = if arguments.metrics { "/metrics" } else { "/health" };
    let shown = ask(&config.health_socket, page).and_then(|(status, body)| {
        if arguments.metrics || arguments.json {
            return Ok((status == 200, body));
        }
        let health: Health = serde_json::from_str(&body).map_err(|error| HealthError::Broken(error.into()))?;
        Ok((health.healthy, text(&health)))
    });
    match shown {
        Ok((well, text)) => {
            // Who reads our output may have enough of it; the exit code is the result all the same.
            let _ = io::stdout().write_all(text.as_bytes());
            if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            if arguments.json {
                let _ = writeln!(io::stdout(), "{}", serde_json::json!({"healthy": false, "error": error.to_string()}));
            }
            eprintln!("kiroclaw: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The status and the body of what is served there.
fn ask(path: &Path, page: &str) -> Result<(u16, String), HealthError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => HealthError::NotRunning(path.to_owned()),
        _ => HealthError::Socket { path: path.to_owned(), source: error },
    };
    let slow = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HealthError::Hangs,
        _ => HealthError::Broken(error),
    };
    let mut stream = call(path).map_err(failed)?;
    stream.set_read_timeout(Some(TIME)).map_err(slow)?;
    stream.write_all(format!("GET {page} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).map_err(slow)?;
    let mut answer = String::new();
    stream.take(ANSWER).read_to_string(&mut answer).map_err(slow)?;
    split(&answer).ok_or_else(|| HealthError::Broken(io::ErrorKind::UnexpectedEof.into()))
}

/// Status and body of an answer that is there in full.
fn split(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let length: usize = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse().ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    (body.len() == length).then(|| (status, body.to_owned()))
}

/// For a person.
fn text(health: &Health) -> String {
    let mut text = String::new();
    let what = if health.healthy { "healthy" } else { "NOT healthy" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{what}: kiroclaw {}, up {}", clean_line(&health.version), time(health.uptime_seconds));
    for Check { name, ok, detail, remedy } in &health.checks {
        let _ = writeln!(text, "  {}  {name:<7} {}", if *ok { "ok  " } else { "FAIL" }, clean_line(detail));
        if !remedy.is_empty() {
            let _ = writeln!(text, "                 → {}", clean_line(remedy));
        }
    }
    let ages = health.last_success_seconds.iter().map(|(what, age)| format!("{} {} ago", clean_line(what), time(*age)));
    let _ = writeln!(text, "last: {}", ages.collect::<Vec<_>>().join(", "));
    let count = |name: &str| health.counts.get(name).copied().unwrap_or_default();
    let memory: u64 = ["warden", "gateway", "egress"].iter().map(|role| count(&format!("{role}_memory_bytes"))).sum();
    let restarts = count("gateway_restarts_total") + count("egress_restarts_total");
    let _ = writeln!(
        text,
        "runtimes {} of {} ({} busy), queued {}, inbox {}, outbox {}, restarts {restarts}, memory {} kB",
        count("runtimes"),
        count("runtimes_max"),
        count("runtimes_busy"),
        count("queued"),
        count("inbox"),
        count("outbox"),
        memory / 1024
    );
    text
}

/// A duration in its two largest units.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_answer_counts_when_it_is_whole() {
        let whole = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(split(whole), Some((503, "{}".to_owned())));
        for cut in [&whole[..whole.len() - 1], "", "HTTP/1.1 200 OK\r\n\r\nx"] {
            assert_eq!(split(cut), None, "{cut:?}");
        }
    }

    #[test]
    fn what_fails_is_named_with_the_way_to_mend_it() {
        let check = |name: &str, ok| Check { name: name.to_owned(), ok, detail: "d\u{1b}".to_owned(), remedy: "mend".to_owned() };
        let health = Health {
            checks: vec![check("store", false)],
            uptime_seconds: 3700,
            last_success_seconds: BTreeMap::from([("poll".to_owned(), 61)]),
            ..Health::default()
        };
        let text = text(&health);
        assert!(text.starts_with("NOT healthy: ") && text.contains("1 h 1 min") && text.contains("FAIL  store   d␛\n"), "{text}");
        assert!(text.contains("→ mend") && text.contains("poll 1 min 1 s ago"), "{text}");
    }

    #[test]
    fn nobody_there_is_told_apart_from_nobody_let_in() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(ask(&directory.path().join("none"), "/health"), Err(HealthError::NotRunning(_))));
        // Nobody listens at it, as after a gateway's death. A listener that was closed may still be open in a child of another test.
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddrUnix::new(directory.path().join("s")).unwrap()).unwrap();
        assert!(matches!(ask(&directory.path().join("s"), "/health"), Err(HealthError::NotRunning(_))));
        assert!(matches!(ask(Path::new("/dev/null/s"), "/health"), Err(HealthError::Socket { .. })));
    }
}
