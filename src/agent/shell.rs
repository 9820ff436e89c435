//! Runs one shell command: its output bounded, its time too, and its whole process group ended with it.

use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::turn::{Halt, Turn};
use super::wire::Event;

/// Output kept, in bytes: some screens full. The rest is read and dropped, so that the command does not hang on it.
const OUTPUT: usize = 64 * 1024;

/// How long a command may take. The demo is no build server.
const TIME: Duration = Duration::from_secs(120);

/// How long the output may go on after the shell has ended and its group was killed: what left the group may hold the pipe.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// What came of a command.
pub(super) struct Outcome {
    pub(super) succeeded: bool,
    /// What it wrote to its standard output and error, as text.
    pub(super) output: String,
    /// How it ended, in a sentence.
    pub(super) how: String,
}

/// Runs `command` by `/bin/sh -c` in `cwd`. A cancellation ends it.
pub(super) fn run(turn: &mut Turn<'_>, command: &str, cwd: &Path) -> Result<Outcome, Halt> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut running = match Running::start(command, cwd, &turn.sender(), number) {
        Ok(running) => running,
        Err(error) => {
            let how = format!("The command could not be started: {error}.");
            return Ok(Outcome { succeeded: false, output: String::new(), how });
        }
    };
    let until = Instant::now() + TIME;
    let mut output_ended = false;
    let in_time = loop {
        match turn.wait(until)? {
            Some(Event::Exited(of)) if of == number => break true,
            Some(Event::OutputEnded(of)) if of == number => output_ended = true,
            Some(_) => {}
            None => break false,
        }
    };
    let status = running.end();
    let until = Instant::now() + AFTERWARDS;
    while !output_ended {
        match turn.wait(until)? {
            Some(Event::OutputEnded(of)) => output_ended = of == number,
            Some(_) => {}
            None => break,
        }
    }
    let (output, dropped) = running.output();
    let mut how = if in_time { how(&status) } else { format!("It took more than {} seconds and was ended.", TIME.as_secs()) };
    if dropped > 0 {
        how.push_str(&format!(" {dropped} more bytes of its output are not shown."));
    }
    let succeeded = in_time && status.is_ok_and(|status| status.success());
    Ok(Outcome { succeeded, output, how })
}

fn how(status: &io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("Exit status {code}."),
            (None, Some(signal)) => format!("Ended by signal {signal}."),
            (None, None) => "Ended.".to_owned(),
        },
        Err(error) => format!("Its exit status is not known: {error}."),
    }
}

/// A command that runs. However it is left, its group is killed and its shell reaped.
struct Running {
    child: Child,
    kept: Arc<Mutex<Kept>>,
    has_ended: bool,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Running {
    fn start(command: &str, cwd: &Path, events: &SyncSender<Event>, number: u64) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .current_dir(cwd)
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        let kept = Arc::<Mutex<Kept>>::default();
        let running = Self { child, kept: Arc::clone(&kept), has_ended: false };
        let (out, end, pid) = (events.clone(), events.clone(), running.pid());
        thread::spawn(move || {
            keep(reader, &kept);
            // The agent may have ended meanwhile.
            let _ = out.send(Event::OutputEnded(number));
        });
        thread::spawn(move || {
            // Only looked at, not reaped: until then the group's number can be nobody else's.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while pid.is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR))) {}
            let _ = end.send(Event::Exited(number));
        });
        Ok(running)
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Kills what is left of the group, then reaps the shell.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(group) = self.pid().filter(|_| !self.has_ended) {
            // The group is gone when its last process is.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.has_ended = true;
        self.child.wait()
    }

    /// The output so far as text, and how many bytes of it were dropped.
    fn output(&self) -> (String, usize) {
        let kept = lock(&self.kept);
        (String::from_utf8_lossy(&kept.bytes).into_owned(), kept.dropped)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = self.end();
        }
    }
}

fn keep(mut reader: PipeReader, kept: &Mutex<Kept>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        let mut kept = lock(kept);
        let room = (OUTPUT - kept.bytes.len()).min(read);
        kept.bytes.extend_from_slice(&buffer[..room]);
        kept.dropped += read - room;
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
