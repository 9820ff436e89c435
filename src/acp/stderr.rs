//! An agent's stderr: into the log, bounded in every way, with its last lines kept to explain an end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::text;
use crate::model::bounds;

/// Lines that enter the log in one [`WINDOW`]; the others are counted. An agent's log of its start is some dozens of lines.
const BURST: u32 = 100;

/// The time in which at most [`BURST`] lines are logged.
const WINDOW: Duration = Duration::from_secs(10);

/// Bytes that are read in one [`WINDOW`]; an agent that writes more waits, and holds up nobody but itself.
const PACE: usize = 16 * 1024 * 1024;

/// The last lines of an agent's stderr; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct StderrTail(Arc<Mutex<VecDeque<String>>>);

impl StderrTail {
    /// The last lines, oldest first: at most [`bounds::STDERR_LINES`] of at most [`bounds::STDERR_LINE`] bytes,
    /// with control characters made visible. They may hold what the person or the agent said.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == bounds::STDERR_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Logs an agent's stderr until it ends, as a task of the current tokio runtime. The lines are logged at DEBUG, since agents write
/// into them what was said.
pub fn stderr_log<R: AsyncRead + Send + Unpin + 'static>(stderr: R, label: String) -> StderrTail {
    let tail = StderrTail::default();
    let pump = Pump { tail: tail.clone(), label, line: Vec::new(), since: Instant::now(), logged: 0, dropped: 0 };
    tokio::spawn(pump.run(stderr));
    tail
}

struct Pump {
    tail: StderrTail,
    label: String,
    /// The line at hand; what is beyond the limit is not kept.
    line: Vec<u8>,
    since: Instant,
    logged: u32,
    dropped: u64,
}

impl Pump {
    async fn run<R: AsyncRead + Unpin>(mut self, mut stderr: R) {
        let mut buffer = [0; 4096];
        let (mut began, mut taken) = (Instant::now(), 0);
        while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
            taken += read;
            if taken > PACE {
                tokio::time::sleep_until(began + WINDOW).await;
                (began, taken) = (Instant::now(), 0);
            }
            for &byte in &buffer[..read] {
                if byte == b'\n' {
                    self.end_line();
                } else if self.line.len() < bounds::STDERR_LINE {
                    self.line.push(byte);
                }
            }
        }
        self.end_line();
        self.say_dropped();
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim_end().to_owned();
        self.line.clear();
        if line.is_empty() {
            return;
        }
        let line = shorten(text::line(&line, bounds::STDERR_LINE));
        if self.since.elapsed() >= WINDOW {
            self.say_dropped();
            (self.since, self.logged) = (Instant::now(), 0);
        }
        if self.logged < BURST {
            self.logged += 1;
            tracing::debug!(runtime = %self.label, line, "stderr");
        } else {
            self.dropped += 1;
        }
        self.tail.push(line);
    }

    fn say_dropped(&mut self) {
        if self.dropped > 0 {
            tracing::debug!(runtime = %self.label, lines = self.dropped, "more stderr was not logged");
            self.dropped = 0;
        }
    }
}

/// Escapes and replacements make a line longer than it was.
fn shorten(mut line: String) -> String {
    line.truncate(text::boundary(&line, bounds::STDERR_LINE));
    line
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn tail_of(bytes: &[u8]) -> Vec<String> {
        let (mut agent, ours) = tokio::io::duplex(1024);
        let tail = StderrTail::default();
        let pump = Pump { tail: tail.clone(), label: "r1".to_owned(), line: Vec::new(), since: Instant::now(), logged: 0, dropped: 0 };
        let write = async move {
            agent.write_all(bytes).await.unwrap();
            drop(agent);
        };
        tokio::join!(pump.run(ours), write);
        tail.lines()
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_with_controls_made_visible() {
        assert_eq!(tail_of(b"one\r\n\n\x1b[31mtwo\xff\nlast").await, ["one", "\\u{1b}[31mtwo\u{fffd}", "last"]);
        let many: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let kept = tail_of(many.as_bytes()).await;
        assert_eq!((kept.len(), kept[0].as_str(), kept[19].as_str()), (bounds::STDERR_LINES, "line 980", "line 999"));
    }

    #[tokio::test]
    async fn a_line_is_kept_to_its_limit_whatever_it_holds() {
        for byte in [b'x', 0x1b, 0xff] {
            let kept = tail_of(&vec![byte; 100_000]).await;
            assert!(kept.len() == 1 && kept[0].len() <= bounds::STDERR_LINE, "{byte}");
        }
    }
}
