//! The making of a jail: one sequence, in this order, for these reasons.
//!
//! [`Prepared::new`], in the process that becomes the keeper:
//! 1. non-dumpable and without capabilities or the way to new ones: from here on nothing that runs has more than the command will have;
//! 2. a listener for the egress, while sockets may still be made, and before its port is needed in a rule;
//! 3. child subreaper and signals, before there is a child to lose, and a Landlock domain for signals: its own reach only what is inside.
//!
//! [`Prepared::fork`], then, in the child, [`Inside::execute`]:
//! 4. dies with its keeper, so that none of it is left if the keeper is killed;
//! 5. its standard descriptors; all others close at `exec`;
//! 6. no signal blocked, and a session of its own, so that the whole of it can be signalled;
//! 7. limits, and the raised `oom_score_adj`, while /proc may be written to (dumpable for it: else the file is root's; `exec` makes it so anyway);
//! 8. Landlock, while paths can still be opened;
//! 9. seccomp, which forbids most of the above;
//! 10. `exec`.
//!
//! There is one thread all along: every restriction is per thread, and is inherited.

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal};

use super::domain::{Grants, Network};
use super::keeper::{self, Manner};
use super::{JailError, Plan, domain, filter, limits, privileges, sys};

/// A jail that is ready but for its command.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    listener: Option<TcpListener>,
    signals: OwnedFd,
    contained: bool,
}

/// On which side of the fork one is.
#[derive(Debug)]
#[must_use]
pub enum Side {
    /// Outside: the keeper.
    Outside(Keeper),
    /// In the child: not yet jailed, and good for nothing but [`Inside::execute`].
    Inside(Box<Inside>),
}

/// The keeper, once there is something to keep.
#[derive(Debug)]
pub struct Keeper {
    command: Pid,
    signals: OwnedFd,
    contained: bool,
}

/// The child that becomes the command.
#[derive(Debug)]
pub struct Inside {
    plan: Plan,
    port: Option<u16>,
    keeper: Pid,
}

impl Prepared {
    /// Steps 1 to 3. `plan` names only what exists by now.
    ///
    /// # Errors
    /// [`JailError`].
    pub fn new(plan: Plan, manner: Manner) -> Result<Self, JailError> {
        privileges::make_undumpable()?;
        privileges::drop_all()?;
        let listener =
            if plan.egress { Some(TcpListener::bind("127.0.0.1:0").map_err(JailError::step("making a listener"))?) } else { None };
        let signals = keeper::listen(manner)?;
        let contained = domain::keep_signals_inside()?;
        Ok(Self { plan, listener, signals, contained })
    }

    /// The listener that somebody outside has to serve; `None` for a command without hosts.
    pub fn listener(&self) -> Option<&TcpListener> {
        self.listener.as_ref()
    }

    /// The fork. The listener stays open on neither side: whoever serves it has it by now.
    ///
    /// # Errors
    /// [`JailError`].
    pub fn fork(self) -> Result<Side, JailError> {
        let port =
            self.listener.as_ref().map(TcpListener::local_addr).transpose().map_err(JailError::step("reading the listener's port"))?;
        let keeper = rustix::process::getpid();
        Ok(match sys::fork().map_err(JailError::step("fork"))? {
            sys::Fork::Parent(command) => Side::Outside(Keeper { command, signals: self.signals, contained: self.contained }),
            sys::Fork::Child => Side::Inside(Box::new(Inside { plan: self.plan, port: port.map(|address| address.port()), keeper })),
        })
    }
}

impl Keeper {
    /// Keeps until the end; gives the exit code, or 128 + the signal.
    ///
    /// # Errors
    /// [`JailError`]; whatever is left then becomes the warden's.
    pub fn keep(self) -> Result<u8, JailError> {
        keeper::keep(self.command, &self.signals, self.contained)
    }
}

impl Inside {
    /// Steps 4 to 10. Comes back only with the reason why the command was not executed.
    ///
    /// `stdio` becomes the standard descriptors; without it they stay as they are. `secret` is one more variable of the environment.
    pub fn execute(self, stdio: Option<[OwnedFd; 3]>, secret: Option<(&str, &str)>) -> JailError {
        let confined = self.confine(stdio);
        match confined {
            Ok(()) => self.exec(secret),
            Err(error) => error,
        }
    }

    fn confine(&self, stdio: Option<[OwnedFd; 3]>) -> Result<(), JailError> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(JailError::step("PR_SET_PDEATHSIG"))?;
        if rustix::process::getppid() != Some(self.keeper) {
            return Err(JailError::Preparation("the keeper died while the jail was made".to_owned()));
        }
        if let Some([stdin, stdout, stderr]) = stdio {
            rustix::stdio::dup2_stdin(stdin.as_fd()).map_err(JailError::step("dup2"))?;
            rustix::stdio::dup2_stdout(stdout.as_fd()).map_err(JailError::step("dup2"))?;
            rustix::stdio::dup2_stderr(stderr.as_fd()).map_err(JailError::step("dup2"))?;
        }
        sys::close_on_exec_from(3).map_err(JailError::step("close_range"))?;
        sys::unblock_signals().map_err(JailError::step("sigprocmask"))?;
        rustix::process::setsid().map_err(JailError::step("setsid"))?;
        privileges::make_dumpable()?;
        limits::apply(&self.plan.limits)?;
        domain::restrict(&self.grants())?;
        let (abi, _) = domain::kernel_abi()?;
        if abi < 3 {
            filter::apply(filter::NO_TRUNCATE)?;
        }
        if self.port.is_none() {
            filter::apply(filter::OFFLINE)?;
        }
        filter::apply(filter::AGENT)
    }

    fn grants(&self) -> Grants {
        Grants {
            read: self.plan.read.clone(),
            execute: self.plan.execute.clone(),
            device: Plan::devices(),
            write: Vec::new(),
            write_execute: self.plan.write.clone(),
            network: self.port.map_or(Network::ConnectToIfPossible(Vec::new()), |port| Network::ConnectTo(vec![port])),
            scoped: true,
        }
    }

    fn exec(&self, secret: Option<(&str, &str)>) -> JailError {
        let mut command = Command::new(&self.plan.program);
        let mut words = self.plan.words.iter();
        if let Some(name) = words.next() {
            command.arg0(name);
        }
        command.args(words).current_dir(&self.plan.directory).env_clear().envs(&self.plan.environment).envs(secret);
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
