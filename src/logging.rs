//! Where events go: one line each to standard error, as JSON where that is no terminal.
//!
//! Where it is a socket, it is systemd's journal: then each line begins with its priority, `<3>` to `<7>` (sd-daemon(3)), so that
//! `journalctl -p warning` finds what matters.

use std::io::{self, IsTerminal, Write};

use rustix::fs::FileType;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogLevel;

/// Sends this process's events from now on to standard error. A second call changes nothing.
pub fn start(level: LogLevel) {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    // Others' events could hold an address with the token in it.
    let ours_only = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let stderr = Stderr { is_journal: is_journal() };
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_target(false).with_ansi(false);
    let registry = tracing_subscriber::registry();
    // Already started: the first one keeps.
    let _ = if io::stderr().is_terminal() {
        registry.with(lines.with_filter(ours_only)).try_init()
    } else {
        registry.with(lines.json().with_filter(ours_only)).try_init()
    };
}

fn is_journal() -> bool {
    rustix::fs::fstat(io::stderr()).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Socket)
}

/// Standard error.
struct Stderr {
    is_journal: bool,
}

/// One line of it.
struct Line {
    priority: Option<u8>,
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { priority: None }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        Line { priority: self.is_journal.then(|| priority(*event.level())) }
    }
}

impl Write for Line {
    /// In one piece, as other processes write there too.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.priority.take() {
            Some(priority) => io::stderr().write_all(&[format!("<{priority}>").as_bytes(), line].concat())?,
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As syslog(3) counts them.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worse_has_the_lower_number() {
        let priorities = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE].map(priority);
        assert_eq!(priorities, [3, 4, 6, 7, 7]);
    }
}
