//! The processes of the runtimes: each is a jail that the warden starts and that becomes its runtime's keeper.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{Pid, Signal};

use super::cgroup::{Cgroup, Cgroups};
use super::children;
use super::order::JailOrder;
use super::state::Event;
use crate::config::{Config, Secrets};
use crate::ipc::{IpcError, Link};
use crate::jail::PlanError;
use crate::model::control::{FromJail, FromKeeper};
use crate::model::{AgentName, Excess, RuntimeId, UserId};

/// Longest reason of a failed start that goes on to the gateway, in bytes.
const WHY: usize = 1000;

/// Why a jail could not even be begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("There is no agent `{0}` in the configuration.")]
    Agent(AgentName),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("The agent's process cannot be made: {0}.")]
    Process(#[from] io::Error),
    #[error("The agent's jail cannot be given its order: {0}.")]
    Order(#[from] IpcError),
    #[error("The agent's limits cannot be set: {0}.")]
    Limits(io::Error),
}

/// All runtimes that have a process, or had one until just now.
#[derive(Debug)]
pub(super) struct Runtimes {
    /// Where each has one of its own.
    cgroups: Option<Cgroups>,
    all: BTreeMap<RuntimeId, RuntimeProcess>,
}

#[derive(Debug)]
struct RuntimeProcess {
    /// Its keeper; `None` once it is reaped, when the number may be another's.
    pid: Option<Pid>,
    /// Open until the command is executed.
    link: Option<Link>,
    /// On which its keeper says why it ends the runtime; `None` once it is closed.
    word: Option<Link>,
    cgroup: Option<Cgroup>,
    /// Kept for an egress that is started anew.
    listener: Option<OwnedFd>,
    /// The gateway's ends of stdin, stdout, stderr; kept until it is told.
    pipes: Option<[OwnedFd; 3]>,
}

impl Runtimes {
    /// None as yet.
    pub(super) fn new(cgroups: Option<Cgroups>) -> Self {
        Self { cgroups, all: BTreeMap::new() }
    }

    /// Begins a jail; what becomes of it is told by [`Runtimes::hear`].
    ///
    /// # Errors
    /// One sentence for the person who waits.
    pub(super) fn start(
        &mut self,
        id: RuntimeId,
        config: &Config,
        secrets: &Secrets,
        agent: &AgentName,
        user: UserId,
    ) -> Result<Pid, StartError> {
        let settings = config.agent(agent).ok_or_else(|| StartError::Agent(agent.clone()))?;
        let mut order = JailOrder::for_runtime(config, secrets, settings, &user)?;
        let (stdin, our_stdin) = io::pipe()?;
        let (our_stdout, stdout) = io::pipe()?;
        let (our_stderr, stderr) = io::pipe()?;
        let (link, theirs) = Link::pair()?;
        let (word, keeper_s) = Link::pair()?;
        let cgroup = self.cgroups.as_ref().map(|cgroups| cgroups.make(id, &settings.limits)).transpose().map_err(StartError::Limits)?;
        order.plan.cgroup = cgroup.as_ref().map(|cgroup| cgroup.directory().to_owned());
        let pid = children::spawn(&["jail", "--from-warden"], theirs)?;
        let begun = match link.send(&order, &[stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), keeper_s.as_fd()]) {
            // One that died at once is reaped and reported like any other.
            Ok(()) | Err(IpcError::Closed) => Ok(pid),
            Err(error) => Err(error.into()),
        };
        let process = RuntimeProcess {
            pid: Some(pid),
            link: Some(link),
            word: Some(word),
            cgroup,
            listener: None,
            pipes: Some([our_stdin.into(), our_stdout.into(), our_stderr.into()]),
        };
        self.all.insert(id, process);
        begun.inspect_err(|_| children::signal(pid, Signal::KILL))
    }

    /// The links to poll.
    pub(super) fn links(&self) -> impl Iterator<Item = (RuntimeId, &Link)> {
        self.all.iter().filter_map(|(&id, process)| process.link.as_ref().map(|link| (id, link)))
    }

    /// What a starting jail says, if it says something.
    pub(super) fn hear(&mut self, id: RuntimeId) -> Option<Event> {
        let process = self.all.get_mut(&id)?;
        let failed = |why: &str| Event::Failed(id, why.chars().take(WHY / 4).collect());
        match process.link.as_ref()?.try_recv::<FromJail>() {
            Ok(None) => None,
            Ok(Some(Some((FromJail::Listener, fds)))) => {
                process.listener = fds.into_iter().next();
                Some(if process.listener.is_some() { Event::Listener(id) } else { failed("The jail has no way out.") })
            }
            Ok(Some(Some((FromJail::Failed { why }, _)))) => Some(failed(&why)),
            Ok(Some(None)) => {
                process.link = None;
                Some(Event::Executed(id))
            }
            Err(error) => {
                process.link = None;
                Some(failed(&error.to_string()))
            }
        }
    }

    /// The links of the keepers to poll.
    pub(super) fn words(&self) -> impl Iterator<Item = (RuntimeId, &Link)> {
        self.all.iter().filter_map(|(&id, process)| process.word.as_ref().map(|word| (id, word)))
    }

    /// What a keeper says, if it says something.
    pub(super) fn hear_keeper(&mut self, id: RuntimeId) -> Option<Event> {
        let process = self.all.get_mut(&id)?;
        match process.word.as_ref()?.try_recv::<FromKeeper>() {
            Ok(None) => None,
            Ok(Some(Some((FromKeeper::Exceeded { excess }, _)))) => Some(Event::Exceeded(id, excess)),
            Ok(Some(None)) | Err(_) => {
                process.word = None;
                None
            }
        }
    }

    /// Hands out the gateway's ends of the pipes, once.
    pub(super) fn take_pipes(&mut self, id: RuntimeId) -> Option<[OwnedFd; 3]> {
        self.all.get_mut(&id)?.pipes.take()
    }

    /// The runtime's listener.
    pub(super) fn listener(&self, id: RuntimeId) -> Option<BorrowedFd<'_>> {
        self.all.get(&id)?.listener.as_ref().map(AsFd::as_fd)
    }

    /// Whether it has a keeper that is still to be reaped.
    pub(super) fn has_process(&self, id: RuntimeId) -> bool {
        self.all.get(&id).is_some_and(|process| process.pid.is_some())
    }

    /// Whether the kernel ended a runtime for what it used.
    pub(super) fn starved(&self, id: RuntimeId) -> Option<Excess> {
        self.all.get(&id)?.cgroup.as_ref()?.starved()
    }

    /// SIGKILL to a runtime's keeper, and to all of it where it has a cgroup.
    pub(super) fn kill(&self, id: RuntimeId) {
        self.signal(id, Signal::KILL);
        self.all.get(&id).and_then(|process| process.cgroup.as_ref()).inspect(|cgroup| cgroup.kill());
    }

    /// Signals a runtime's keeper.
    pub(super) fn signal(&self, id: RuntimeId, signal: Signal) {
        if let Some(pid) = self.all.get(&id).and_then(|process| process.pid) {
            children::signal(pid, signal);
        }
    }

    /// The keepers that are not reaped.
    pub(super) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.all.values().filter_map(|process| process.pid)
    }

    /// Whose keeper `pid` was; it is none any more.
    pub(super) fn reaped(&mut self, pid: Pid) -> Option<RuntimeId> {
        let (&id, process) = self.all.iter_mut().find(|(_, process)| process.pid == Some(pid))?;
        process.pid = None;
        // Whoever is left has no keeper.
        process.cgroup.as_ref().inspect(|cgroup| cgroup.kill());
        Some(id)
    }

    /// Lets go of everything that belonged to a runtime.
    pub(super) fn forget(&mut self, id: RuntimeId) {
        self.all.remove(&id).and_then(|process| process.cgroup).inspect(Cgroup::remove);
    }
}
