//! Where events go: one line each to standard error, as JSON where that is no terminal.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
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
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    let registry = tracing_subscriber::registry();
    // Already started: the first one keeps.
    let _ = if std::io::stderr().is_terminal() {
        registry.with(lines.with_filter(ours_only)).try_init()
    } else {
        registry.with(lines.json().with_filter(ours_only)).try_init()
    };
}
