//! A program asked a question, with little in its hands and not much time.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

/// Bytes of its answer that are kept.
const ANSWER: usize = 64 * 1024;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Its standard output, or the beginning of it.
    pub(crate) text: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// It cannot be executed, or not be waited for.
    #[error("cannot be executed: {0}")]
    Execute(#[from] io::Error),
    /// It took too long, and was ended with all that it had started.
    #[error("gave no answer within {} s", .0.as_secs())]
    Time(Duration),
}

/// Runs `program` with an environment of nothing but `home` as HOME (and the system's PATH), this input, and its errors thrown away.
///
/// # Errors
/// [`CommandError`].
pub(crate) fn ask(program: &Path, arguments: &[&str], home: Option<&str>, input: Stdio, most: Duration) -> Result<Answer, CommandError> {
    let deadline = Instant::now() + most;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", crate::config::PROGRAM_PATH.join(":"));
    command.envs(home.map(|home| ("HOME", home)));
    // A group of its own, so that what it starts ends with it.
    let mut child = command.process_group(0).stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let answer = listen(&mut child, deadline);
    if !matches!(answer, Ok(Some(_))) {
        end(&mut child);
    }
    answer?.ok_or(CommandError::Time(most))
}

/// Reads to the end and waits for the exit; `None` when the time is over.
fn listen(child: &mut Child, deadline: Instant) -> io::Result<Option<Answer>> {
    let mut bytes = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        while !read_some(&mut stdout, &mut bytes, deadline)? {
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }
    let exit = pidfd_open(pid(child)?, PidfdFlags::empty())?;
    if !wait(&exit, deadline)? {
        return Ok(None);
    }
    Ok(Some(Answer { status: child.wait()?, text: String::from_utf8_lossy(&bytes).into_owned() }))
}

/// Reads what is there; true at the end, or when there is enough.
fn read_some(stdout: &mut ChildStdout, bytes: &mut Vec<u8>, deadline: Instant) -> io::Result<bool> {
    if !wait(&stdout, deadline)? {
        return Ok(false);
    }
    let mut part = [0; 4096];
    let count = stdout.read(&mut part)?;
    bytes.extend_from_slice(&part[..count]);
    Ok(count == 0 || bytes.len() >= ANSWER)
}

/// Whether `fd` has something before the deadline.
fn wait(fd: &impl AsFd, deadline: Instant) -> io::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
    Ok(poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&left))? > 0)
}

fn pid(child: &Child) -> io::Result<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("the kernel gave no process id"))
}

/// Ends the program and all of its group.
fn end(child: &mut Child) {
    if let Ok(pid) = pid(child) {
        // It may have ended in this very moment.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, most: Duration) -> Result<Answer, CommandError> {
        ask(Path::new("/bin/sh"), &["-c", script], Some("/home/x"), Stdio::null(), most)
    }

    #[test]
    fn an_answer_comes_with_its_status_and_nothing_of_our_environment() {
        let answer = shell("echo $HOME; env | grep -c CARGO; exit 3", Duration::from_secs(20)).unwrap();
        assert_eq!((answer.status.code(), answer.text.as_str()), (Some(3), "/home/x\n0\n"));
    }

    #[test]
    fn who_hangs_is_ended_with_all_that_it_started() {
        let begin = Instant::now();
        // The grandchild holds the pipe: it must not be waited for.
        let error = shell("sleep 600 & sleep 600", Duration::from_millis(200)).unwrap_err();
        assert!(matches!(error, CommandError::Time(_)), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn who_floods_is_heard_no_longer_than_enough() {
        let result = shell("yes", Duration::from_secs(2));
        assert!(matches!(result, Err(CommandError::Time(_))) || result.is_ok_and(|answer| answer.text.len() <= ANSWER + 4096));
    }

    #[test]
    fn who_is_not_there_is_said_to_be_so() {
        let error = ask(Path::new("/nowhere/kiro-cli"), &[], None, Stdio::null(), Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, CommandError::Execute(_)));
    }
}
