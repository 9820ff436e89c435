//! The making of a jail: one sequence, in this order, for these reasons.
//!
//! [`Prepared::new`], in the process that becomes the keeper:
//! 1. non-dumpable and without capabilities or the way to new ones: from here on nothing that runs has more than the command will have;
//! 2. child subreaper and signals, before there is a child to lose. Where the child has nothing to mount, a Landlock domain for signals
//!    too: its own reach only what is inside.
//!
//! [`Prepared::fork`], in the child, in the widest namespaces that are allowed; where they turn out not to be, the next child tries fewer:
//! 3. dies with its keeper, so that none of it is left if the keeper is killed; its cgroup, while there are files outside of its view;
//! 4. who it was, and a loopback interface; then a listener for the egress, which belongs to the network in which it is made;
//! 5. a view of files that holds what the plan grants and nothing else;
//! 6. where there are processes or files of its own: the fork of the command; the child stays inside, and ends all of them with it. As
//!    process 1 it lets go of the machine's files while the command goes on with what follows; else before, since it then enters the
//!    domain for signals, in which nobody could have mounted;
//! 7. no capability in these namespaces either.
//!
//! [`Inside::execute`], in the command:
//! 8. its standard descriptors; all others close at `exec`;
//! 9. no signal blocked, and a session of its own, so that the whole of it can be signalled;
//! 10. limits, and the raised `oom_score_adj`, while /proc may be written to (dumpable for it: else the file is root's; `exec` makes it so anyway);
//! 11. Landlock, while paths can still be opened;
//! 12. seccomp, which forbids most of the above;
//! 13. `exec`, once process 1 has let go of the machine's files.
//!
//! There is one thread all along: every restriction is per thread, and is inherited.

use std::collections::BTreeMap;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions};

use super::apart::{self, Apart, Identity};
use super::attempts::{self, Outside, Tried};
use super::domain::{Grants, Network};
use super::guarantees::{self, Means};
use super::keeper::{self, Manner};
use super::view::{self, Left};
use super::watch::Watch;
use super::{JailError, Plan, domain, filter, limits, privileges, sockets, sys};
use crate::config::SeccompMode;
use crate::model::{Excess, Secret, bounds};

/// What the child says when its namespaces hold.
const HOLDS: u8 = b'+';

/// What it says when they turned out not to be allowed.
const REFUSED: u8 = b'-';

/// How much later than whoever stays inside the keeper loses its patience: from outside it may not reach all at once.
const LATER: Duration = Duration::from_secs(1);

/// A jail that is ready but for its command.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    signals: OwnedFd,
}

/// On which side of the fork one is.
#[derive(Debug)]
#[must_use]
pub enum Side {
    /// Outside: the keeper.
    Outside(Box<Keeper>),
    /// In the child: not yet jailed, and good for nothing but [`Inside::execute`].
    Inside(Box<Inside>),
}

/// The keeper, once there is something to keep.
#[derive(Debug)]
pub struct Keeper {
    command: Pid,
    signals: OwnedFd,
    contained: bool,
    grace: Duration,
    watch: Watch,
}

/// The child that becomes the command.
#[derive(Debug)]
pub struct Inside {
    plan: Plan,
    way: Apart,
    abi: i32,
    listener: Option<TcpListener>,
    port: Option<u16>,
    /// The word of whoever stays inside that the machine's files are gone, and that it has no powers left.
    alone: Option<PipeReader>,
    socket: Option<PathBuf>,
}

impl Prepared {
    /// Steps 1 and 2. `plan` names only what exists by now.
    ///
    /// # Errors
    /// [`JailError`].
    pub fn new(plan: Plan, manner: Manner) -> Result<Self, JailError> {
        privileges::make_undumpable()?;
        privileges::drop_all_but_mapping()?;
        let signals = keeper::listen(manner)?;
        Ok(Self { plan, signals })
    }

    /// Steps 3 to 7, in the child; the parent waits until they are done.
    ///
    /// # Errors
    /// [`JailError`], on either side. What fails in the child is the child's to say; its keeper keeps it until its end.
    pub fn fork(self) -> Result<Side, JailError> {
        let (abi, identity) = (domain::kernel_abi()?.0, Identity::own());
        let mut contained = false;
        for way in Apart::WAYS {
            if !way.has_files() && !contained {
                contained = domain::keep_signals_inside(&self.plan.write)?;
            }
            // Looked for out here, where the machine's network is.
            let socket = if way.has_files() { None } else { sockets::within_reach(&self.plan.own_sockets) };
            let (said, says) = io::pipe().map_err(JailError::step("pipe"))?;
            match sys::fork_into(way.namespaces(abi)) {
                Ok(sys::Fork::Parent(child)) => {
                    drop(says);
                    if stays(child, said)? {
                        privileges::drop_all()?;
                        let grace = if way.has_files() { bounds::END_GRACE + LATER } else { bounds::END_GRACE };
                        let watch = Watch::over(&self.plan);
                        let keeper = Keeper { command: child, signals: self.signals, contained, grace, watch };
                        return Ok(Side::Outside(Box::new(keeper)));
                    }
                }
                Ok(sys::Fork::Child) => {
                    drop(said);
                    let inside = enter(self.plan, way, abi, identity, says)?;
                    return Inside { socket, ..inside }.checked().map(|inside| Side::Inside(Box::new(inside)));
                }
                Err(error) if way != Apart::Not && apart::is_refusal(&error) => {}
                Err(error) => return Err(JailError::step("fork")(error)),
            }
        }
        Err(JailError::Preparation("the jail's process could not be made".to_owned()))
    }
}

/// Whether the child is to be kept; if not, it is reaped. One that ended without a word says why elsewhere, and by its exit code.
fn stays(child: Pid, mut said: PipeReader) -> Result<bool, JailError> {
    let mut word = [0];
    let refused = said.read(&mut word).map_err(JailError::step("reading of the jail"))? == 1 && word == [REFUSED];
    if refused {
        rustix::process::waitpid(Some(child), WaitOptions::empty()).map_err(JailError::step("wait"))?;
    }
    Ok(!refused)
}

/// Does not come back where the namespaces of `way` are not allowed, nor in whoever stays inside.
fn enter(plan: Plan, way: Apart, abi: i32, identity: Identity, mut says: PipeWriter) -> Result<Inside, JailError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(JailError::step("PR_SET_PDEATHSIG"))?;
    plan.cgroup.as_deref().map_or(Ok(()), limits::enter)?;
    let (listener, left) = match set_apart(&plan, way, identity) {
        Err(JailError::Step { source, .. }) if way != Apart::Not && apart::is_refusal(&source) => {
            // A keeper that is gone needs no word.
            let _ = says.write_all(&[REFUSED]);
            std::process::exit(1);
        }
        entered => entered?,
    };
    let alone = if way.has_processes(abi) || way.has_files() { Some(split(&plan, way, abi, left)?) } else { None };
    privileges::drop_all_by_exec()?;
    let port = listener.as_ref().map(TcpListener::local_addr).transpose().map_err(JailError::step("reading the listener's port"))?;
    // Fails if the keeper died before its death could be signalled.
    says.write_all(&[HOLDS]).map_err(JailError::step("the keeper died while the jail was made"))?;
    Ok(Inside { plan, way, abi, listener, port: port.map(|address| address.port()), socket: None, alone })
}

fn set_apart(plan: &Plan, way: Apart, identity: Identity) -> Result<(Option<TcpListener>, Option<Left>), JailError> {
    privileges::make_dumpable()?;
    apart::settle(way, identity)?;
    let has_way_out = plan.egress || plan.may_ask && way.has_network();
    let listener = if has_way_out { Some(TcpListener::bind("127.0.0.1:0").map_err(JailError::step("making a listener"))?) } else { None };
    if !way.has_files() {
        return Ok((listener, None));
    }
    // A plan that grants no writing has nothing to guard.
    let workspaces = plan.write.contains(&plan.directory).then_some(plan.directory.as_path());
    let left = view::lay(way, &view::pieces(plan)?, workspaces)?;
    Ok((listener, Some(left)))
}

/// The fork of the command; only the command comes back, with what to wait for before it executes anything.
fn split(plan: &Plan, way: Apart, abi: i32, mut left: Option<Left>) -> Result<PipeReader, JailError> {
    let first = way.has_processes(abi);
    rustix::process::setsid().map_err(JailError::step("setsid"))?;
    let signals = keeper::listen_inside()?;
    if !first {
        left.take().map_or(Ok(()), Left::let_go)?;
    }
    let contained = first || domain::keep_signals_inside(&written(plan, way))?;
    let (alone, says) = io::pipe().map_err(JailError::step("pipe"))?;
    match sys::fork().map_err(JailError::step("fork"))? {
        sys::Fork::Parent(command) => {
            let kept = give_up_powers(left, says).and_then(|()| keeper::keep_inside(command, &signals, contained));
            std::process::exit(kept.map_or(1, i32::from))
        }
        sys::Fork::Child => {
            // Process 1 takes all with it; whoever else stays has to see to that.
            if !first {
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(JailError::step("PR_SET_PDEATHSIG"))?;
            }
            Ok(alone)
        }
    }
}

/// The way of who stays inside to having nothing. Should it fail, the command says so, and is not executed.
fn give_up_powers(left: Option<Left>, mut says: PipeWriter) -> Result<(), JailError> {
    let gone = left.map_or(Ok(()), Left::let_go).and_then(|()| privileges::drop_all_by_exec());
    let word = if gone.is_ok() { HOLDS } else { REFUSED };
    says.write_all(&[word]).map_err(JailError::step("the command died while the jail was made"))
}

/// What a command may write to.
fn written(plan: &Plan, way: Apart) -> Vec<PathBuf> {
    let own = way.has_files().then(|| PathBuf::from("/dev/shm"));
    plan.write.iter().cloned().chain(own).collect()
}

impl Keeper {
    /// Keeps until the end; gives the exit code, or 128 + the signal. What uses more than it may is ended, after `tell` was told.
    ///
    /// # Errors
    /// [`JailError`]; whatever is left then becomes the warden's.
    pub fn keep(self, mut tell: impl FnMut(Excess)) -> Result<u8, JailError> {
        keeper::keep(self.command, &self.signals, self.contained, self.grace, Some((self.watch, &mut tell)))
    }
}

impl Inside {
    /// The listener that somebody outside has to serve, and has to be given before [`Inside::execute`]; `None` for a command without
    /// a way out.
    pub fn listener(&self) -> Option<&TcpListener> {
        self.listener.as_ref()
    }

    /// What it is made with.
    pub fn means(&self) -> Means {
        let filtered = self.plan.seccomp == SeccompMode::Enforce;
        Means { way: self.way, abi: self.abi, hosts: self.listener.is_some(), filtered, socket: self.socket.clone() }
    }

    /// Nothing starts where something is missing that its policy needs.
    fn checked(self) -> Result<Self, JailError> {
        guarantees::check(&self.plan.minimum, &self.means())?;
        Ok(self)
    }

    /// Steps 8 to 13. Comes back only with the reason why the command was not executed.
    ///
    /// `stdio` becomes the standard descriptors; without it they stay as they are. `secrets` are more variables of the environment.
    pub fn execute(self, stdio: Option<[OwnedFd; 3]>, secrets: &BTreeMap<String, Secret<String>>) -> JailError {
        match self.confine(stdio) {
            Ok(()) => self.exec(secrets),
            Err(error) => error,
        }
    }

    /// In place of a command: tries to reach what is `outside`, and whether servers of its own work.
    ///
    /// # Errors
    /// [`JailError`]; nothing was tried.
    pub fn try_to_reach(self, outside: &Outside) -> Result<(Vec<Tried>, bool), JailError> {
        self.confine(None)?;
        Ok((attempts::all(outside, &self.means(), self.guarded()), attempts::own_servers_work()))
    }

    /// The workspace; a plan that grants no writing has none.
    fn guarded(&self) -> Option<&Path> {
        Some(self.plan.directory.as_path()).filter(|directory| self.plan.write.iter().any(|path| path == directory))
    }

    fn confine(&self, stdio: Option<[OwnedFd; 3]>) -> Result<(), JailError> {
        if let Some([stdin, stdout, stderr]) = stdio {
            rustix::stdio::dup2_stdin(stdin.as_fd()).map_err(JailError::step("dup2"))?;
            rustix::stdio::dup2_stdout(stdout.as_fd()).map_err(JailError::step("dup2"))?;
            rustix::stdio::dup2_stderr(stderr.as_fd()).map_err(JailError::step("dup2"))?;
        }
        sys::close_on_exec_from(3).map_err(JailError::step("close_range"))?;
        sys::unblock_signals().map_err(JailError::step("sigprocmask"))?;
        rustix::process::setsid().map_err(JailError::step("setsid"))?;
        limits::apply(&self.plan.limits)?;
        domain::restrict(&self.grants())?;
        if self.abi < 3 && !self.way.has_files() {
            filter::apply(filter::NO_TRUNCATE, self.plan.seccomp)?;
        }
        if !self.way.has_network() {
            filter::apply(filter::SHARED_NETWORK, self.plan.seccomp)?;
            if self.port.is_none() {
                filter::apply(filter::OFFLINE, self.plan.seccomp)?;
            }
        }
        filter::apply(filter::AGENT, self.plan.seccomp)?;
        self.wait_until_alone()
    }

    fn wait_until_alone(&self) -> Result<(), JailError> {
        let Some(mut alone) = self.alone.as_ref() else { return Ok(()) };
        let mut word = [REFUSED];
        alone.read_exact(&mut word).map_err(JailError::step("waiting for what stays inside of the jail"))?;
        if word == [HOLDS] {
            Ok(())
        } else {
            Err(JailError::Preparation("what stays inside of it could not let go of the machine's files or its powers".to_owned()))
        }
    }

    fn grants(&self) -> Grants {
        let mut device = Plan::devices();
        device.extend(self.way.has_files().then(|| PathBuf::from("/dev/pts")));
        let network = match self.port {
            // Nobody else is in it.
            _ if self.way.has_network() => Network::Unrestricted,
            Some(port) => Network::ConnectTo(vec![port]),
            None => Network::ConnectToIfPossible(Vec::new()),
        };
        Grants {
            read: self.plan.read.clone(),
            execute: self.plan.execute.clone(),
            device,
            write: Vec::new(),
            write_execute: written(&self.plan, self.way),
            network,
            scoped: true,
        }
    }

    fn exec(&self, secrets: &BTreeMap<String, Secret<String>>) -> JailError {
        let mut command = Command::new(&self.plan.program);
        let mut words = self.plan.words.iter();
        if let Some(name) = words.next() {
            command.arg0(name);
        }
        command.args(words).current_dir(&self.plan.directory).env_clear().envs(&self.plan.environment);
        command.envs(secrets.iter().map(|(name, value)| (name, value.expose())));
        if let Some(port) = self.port {
            let proxy = format!("http://127.0.0.1:{port}");
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
                command.env(name, &proxy);
            }
            command.env("NO_PROXY", "localhost,127.0.0.1,::1").env("no_proxy", "localhost,127.0.0.1,::1");
        }
        let source = command.exec();
        JailError::Execute { program: self.plan.program.display().to_string(), source }
    }
}
