//! What the warden sees: signals, words from its processes, and their ends.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

use super::roles::RoleProcess;
use super::state::{Event, Kept};
use super::{Tie, Warden, WardenError, children, io_error};
use crate::jail::sys;
use crate::model::RuntimeId;

/// How long the warden waits at its end for killed orphans: only one that hangs in the kernel takes longer.
const SWEEP: Duration = Duration::from_millis(500);

/// What poll(2) looks at.
#[derive(Debug, Clone, Copy)]
enum Source {
    Signals,
    Kept(Kept),
    Jail(RuntimeId),
    Keeper(RuntimeId),
    Reader,
}

impl Warden {
    /// Waits until something happens or is due, and makes events of it.
    pub(super) fn wait(&mut self, events: &mut VecDeque<Event>) -> Result<(), WardenError> {
        for source in self.poll()? {
            match source {
                Source::Signals => {
                    let came = self.signals.take().map_err(io_error("reading signals"))?;
                    events.extend((0..came.stops).map(|_| Event::StopAsked));
                    if came.children {
                        self.reap(events);
                    }
                }
                Source::Kept(kept) => events.extend(self.role(kept).as_mut().and_then(RoleProcess::hear)),
                Source::Jail(id) => events.extend(self.runtimes.hear(id)),
                Source::Keeper(id) => events.extend(self.runtimes.hear_keeper(id)),
                Source::Reader => {
                    // Once is enough: a closed pipe would be ready for ever.
                    self.tie = Tie::Free;
                    events.push_back(Event::StopAsked);
                }
            }
        }
        events.push_back(Event::Time);
        Ok(())
    }

    fn poll(&self) -> Result<Vec<Source>, WardenError> {
        let stdout = io::stdout();
        let mut sources = vec![Source::Signals];
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        for (kept, role) in [(Kept::Gateway, &self.gateway), (Kept::Egress, &self.egress)] {
            if let Some(link) = role.as_ref().and_then(RoleProcess::link) {
                sources.push(Source::Kept(kept));
                fds.push(PollFd::new(link, PollFlags::IN));
            }
        }
        for (id, link) in self.runtimes.links() {
            sources.push(Source::Jail(id));
            fds.push(PollFd::new(link, PollFlags::IN));
        }
        for (id, word) in self.runtimes.words() {
            sources.push(Source::Keeper(id));
            fds.push(PollFd::new(word, PollFlags::IN));
        }
        if self.tie == Tie::Attached {
            sources.push(Source::Reader);
            // Errors and hang-ups are always told.
            fds.push(PollFd::new(&stdout, PollFlags::empty()));
        }
        let timeout = self.state.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|wait| Timespec::try_from(wait).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(io_error("poll")(errno)),
        }
        Ok(sources.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()).map(|(source, _)| source).collect())
    }

    /// Takes every child that has ended, and kills whoever lost its parent: only a keeper that died by force leaves such.
    fn reap(&mut self, events: &mut VecDeque<Event>) {
        while let Some((pid, code)) = children::reap_one() {
            let kept = [Kept::Gateway, Kept::Egress].into_iter().find(|&kept| self.role(kept).as_ref().is_some_and(|role| role.pid == pid));
            if let Some(kept) = kept {
                // Its last words come before its end.
                if let Some(mut role) = self.role(kept).take() {
                    events.extend(std::iter::from_fn(|| role.hear()));
                }
                tracing::info!(role = kept.name(), code, "role ended");
                events.push_back(Event::Ended(kept));
            } else if let Some(id) = self.runtimes.reaped(pid) {
                while let Some(event) = self.runtimes.hear(id).or_else(|| self.runtimes.hear_keeper(id)) {
                    events.push_back(event);
                }
                events.extend(self.runtimes.starved(id).map(|excess| Event::Exceeded(id, excess)));
                tracing::info!(runtime = %id, code, "runtime ended");
                self.ending.push((id, code));
            }
        }
        if self.kill_orphans() {
            events.extend(self.ending.drain(..).map(|(id, code)| Event::Gone(id, code)));
        }
    }

    /// The last look around before the end: waits for killed orphans, so that none becomes another's.
    pub(super) fn sweep(&mut self) -> Result<(), WardenError> {
        let until = Instant::now() + SWEEP;
        loop {
            self.reap(&mut VecDeque::new());
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.kill_orphans() {
                return Ok(());
            }
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(io_error("poll")(errno)),
            }
            self.signals.take().map_err(io_error("reading signals"))?;
        }
    }

    /// Whether there were none. Those that there were come back to [`Warden::reap`].
    fn kill_orphans(&self) -> bool {
        let children = sys::children().unwrap_or_else(|error| {
            tracing::error!(%error, "orphans cannot be looked for");
            Vec::new()
        });
        let roles = [&self.gateway, &self.egress].into_iter().flatten().map(|role| role.pid);
        let known: HashSet<Pid> = roles.chain(self.runtimes.pids()).chain(self.strangers.iter().copied()).collect();
        let orphans: Vec<Pid> = children.into_iter().filter(|pid| !known.contains(pid)).collect();
        for &pid in &orphans {
            tracing::warn!(pid = pid.as_raw_pid(), "an orphan is killed");
            children::signal(pid, Signal::KILL);
        }
        orphans.is_empty()
    }
}
