//! The warden: the first process. It starts the other two roles and the runtimes, reaps and restarts, forwards signals, and is
//! process 1 in a container.
//!
//! One thread, one poll(2) loop, no network, no store. What it decides stands in [`state`]; here it is carried out.
//! It takes no command, path or limit from the gateway: an agent and a user are names, and what they mean is its own configuration's.

pub mod cgroup;
mod children;
pub mod ground;
mod notify;
mod order;
mod roles;
mod runtimes;
mod signals;
mod state;
mod watch;

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Instant;

use rustix::process::{DumpableBehavior, Pid, Signal};

use self::cgroup::Cgroups;
use self::children::Memory;
use self::ground::{Ground, GroundError};
pub use self::notify::NOTIFY_SOCKET;
use self::notify::Supervisor;
pub use self::order::{JailOrder, KIRO_API_KEY, home_of};
use self::roles::RoleProcess;
use self::runtimes::Runtimes;
use self::signals::Signals;
use self::state::{Action, Event, Kept, Notice, State};
use crate::config::{Config, Secrets};
use crate::ipc::IpcError;
use crate::ipc::bundle::{self, Bundle, BundleError};
use crate::jail::role::{Role, RoleGrants, lock_down};
use crate::jail::{JailError, sys};
use crate::model::RuntimeId;
use crate::model::control::{Standing, ToEgress, ToGateway};

/// What an attached warden writes to its standard output when the appliance serves.
pub const READY_LINE: &str = "ready\n";

/// Whose life the warden's hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// Nobody's: it ends by a signal.
    Free,
    /// Standard output is a pipe: [`READY_LINE`] goes into it, and when its reader is gone the appliance stops.
    Attached,
}

/// Why the warden cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum WardenError {
    /// The directories or the lock.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// A bundle cannot be made.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The lock-down failed; nothing was started.
    #[error("the warden cannot be locked down: {0}")]
    LockDown(#[from] JailError),
    /// The system refused.
    #[error("{operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

fn io_error<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> WardenError {
    move |source| WardenError::Io { operation, source: source.into() }
}

/// The role's whole life. Gives the exit code of the appliance.
#[must_use]
pub fn run(bundle: Bundle, tie: Tie) -> ExitCode {
    match Warden::prepare(bundle, tie).and_then(Warden::live) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Cgroups for the runtimes, where there can be any; the log says what bounds them.
fn claim_cgroups() -> Option<Cgroups> {
    match Cgroups::claim() {
        Ok(cgroups) => {
            tracing::info!(cgroup = %cgroups.directory().display(), "runtimes are bounded by cgroups of their own");
            Some(cgroups)
        }
        Err(why) => {
            tracing::info!(%why, "runtimes are bounded by their keepers' watch alone");
            None
        }
    }
}

struct Warden {
    config: Config,
    /// Kiro's own key alone: it belongs into the runtimes' environment.
    secrets: Secrets,
    tie: Tie,
    supervisor: Supervisor,
    signals: Signals,
    /// Children from before: whoever executed us had them, and they are no orphans of ours.
    strangers: HashSet<Pid>,
    gateway_bundle: OwnedFd,
    egress_bundle: OwnedFd,
    gateway: Option<RoleProcess>,
    egress: Option<RoleProcess>,
    runtimes: Runtimes,
    /// Runtimes whose keeper is reaped, but not yet all of its orphans.
    ending: Vec<(RuntimeId, i32)>,
    state: State,
    _ground: Ground,
}

impl Warden {
    /// Everything before the first child, in this order: signals wait, ground and lock, adoption of orphans, secrets apart,
    /// cgroups, lock-down.
    fn prepare(bundle: Bundle, tie: Tie) -> Result<Self, WardenError> {
        let Bundle { config, secrets } = bundle;
        let signals = Signals::listen().map_err(io_error("listening to signals"))?;
        let ground = Ground::take(&config)?;
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(io_error("becoming non-dumpable"))?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(io_error("becoming a subreaper"))?;
        let strangers = sys::children().map_err(io_error("listing children in /proc (is it mounted?)"))?.into_iter().collect();
        let (bot_token, of_runtimes) = (secrets.bot_token, Secrets { bot_token: None, ..secrets });
        let for_gateway = Bundle { config: config.clone(), secrets: Secrets { bot_token, ..Secrets::default() } };
        let for_egress = Bundle { config: config.clone(), secrets: Secrets::default() };
        let (gateway_bundle, egress_bundle) = (bundle::seal(&for_gateway)?, bundle::seal(&for_egress)?);
        let cgroups = claim_cgroups();
        // A domain of Landlock may keep us from connecting later.
        let supervisor = Supervisor::of_environment();
        let mut grants = RoleGrants::of_warden(&config);
        grants.write.extend(cgroups.iter().map(|cgroups| cgroups.directory().to_owned()));
        lock_down(Role::Warden, &grants)?;
        let state = State::new(config.agents.keys().cloned().collect(), config.max_processes, Instant::now());
        Ok(Self {
            config,
            secrets: of_runtimes,
            tie,
            supervisor,
            signals,
            strangers,
            gateway_bundle,
            egress_bundle,
            gateway: None,
            egress: None,
            runtimes: Runtimes::new(cgroups),
            ending: Vec::new(),
            state,
            _ground: ground,
        })
    }

    fn live(mut self) -> Result<u8, WardenError> {
        let mut events = VecDeque::from([Event::Time]);
        loop {
            while let Some(event) = events.pop_front() {
                let gone = if let Event::Gone(id, _) = event { Some(id) } else { None };
                for action in self.state.step(Instant::now(), event) {
                    if let Action::Exit(code) = action {
                        self.sweep()?;
                        tracing::info!(code, "kiroclaw ends");
                        return Ok(code);
                    }
                    self.act(action, &mut events);
                }
                if let Some(id) = gone {
                    self.runtimes.forget(id);
                }
            }
            self.wait(&mut events)?;
        }
    }

    /// Carries out one decision; what comes of it at once goes to `events`.
    fn act(&mut self, action: Action, events: &mut VecDeque<Event>) {
        match action {
            Action::Start(kept) => self.start(kept, events),
            Action::Kill(kept) => {
                if let Some(role) = self.role(kept) {
                    role.kill();
                }
            }
            Action::TellGateway(message) => self.tell_gateway(&message, events),
            Action::TellEgress(message) => self.tell_egress(&message, events),
            Action::StartRuntime(id, agent, user) => match self.runtimes.start(id, &self.config, &self.secrets, &agent, user) {
                Ok(pid) => tracing::info!(runtime = %id, %agent, %user, pid = pid.as_raw_pid(), "runtime starts"),
                Err(why) => {
                    tracing::error!(runtime = %id, %agent, %user, %why, "runtime cannot start");
                    events.push_back(Event::Failed(id, why.to_string()));
                    // With a process, its end comes from the reaper.
                    if !self.runtimes.has_process(id) {
                        events.push_back(Event::Gone(id, -1));
                    }
                }
            },
            Action::TerminateRuntime(id) => self.runtimes.signal(id, Signal::TERM),
            Action::KillRuntime(id) => {
                tracing::warn!(runtime = %id, "runtime is killed");
                self.runtimes.kill(id);
            }
            Action::AnnounceReady => self.announce_ready(events),
            Action::Notify(notice) => self.supervisor.tell(notice),
            Action::AnswerPing(number) => {
                let standing = self.standing();
                self.tell_gateway(&ToGateway::Standing { number, standing }, events);
            }
            Action::Report(what) => tracing::error!("{what}"),
            Action::Exit(_) => {}
        }
    }

    fn role(&mut self, kept: Kept) -> &mut Option<RoleProcess> {
        match kept {
            Kept::Gateway => &mut self.gateway,
            Kept::Egress => &mut self.egress,
        }
    }

    fn start(&mut self, kept: Kept, events: &mut VecDeque<Event>) {
        let bundle = match kept {
            Kept::Gateway => &self.gateway_bundle,
            Kept::Egress => &self.egress_bundle,
        };
        match RoleProcess::start(kept, bundle) {
            Ok(role) => {
                tracing::info!(role = kept.name(), pid = role.pid.as_raw_pid(), "role starts");
                *self.role(kept) = Some(role);
            }
            Err(error) => {
                tracing::error!(role = kept.name(), %error, "role cannot start");
                events.push_back(Event::Ended(kept));
            }
        }
    }

    fn tell_gateway(&mut self, message: &ToGateway, events: &mut VecDeque<Event>) {
        let pipes = match message {
            ToGateway::Started { runtime } => self.runtimes.take_pipes(*runtime),
            _ => None,
        };
        let fds: Vec<_> = pipes.iter().flatten().map(AsFd::as_fd).collect();
        let Some(gateway) = &self.gateway else { return };
        if let Err(error) = gateway.send(message, &fds) {
            let spare = matches!(message, ToGateway::Refused { .. } | ToGateway::Standing { .. } | ToGateway::EgressAnswered { .. });
            if spare && matches!(error, IpcError::Full) {
                // An agent decides how many of the first there are: they must not cost the gateway its life. The others are asked for again.
                return;
            }
            tracing::error!(%error, "the gateway cannot be told");
            events.push_back(Event::Broken(Kept::Gateway));
        }
    }

    fn tell_egress(&mut self, message: &ToEgress, events: &mut VecDeque<Event>) {
        let listener = match message {
            ToEgress::Serve { runtime, .. } => self.runtimes.listener(*runtime),
            _ => None,
        };
        let Some(egress) = &self.egress else { return };
        if let Err(error) = egress.send(message, listener.as_slice()) {
            tracing::error!(%error, "the egress cannot be told");
            events.push_back(Event::Broken(Kept::Egress));
        }
    }

    fn standing(&self) -> Standing {
        let (gateway_restarts, egress_restarts) = self.state.restarts();
        let memory = |role: &Option<RoleProcess>| role.as_ref().map_or(0, |role| role.memory.resident());
        Standing {
            gateway_restarts,
            egress_restarts,
            warden_memory: Memory::of(rustix::process::getpid()).resident(),
            gateway_memory: memory(&self.gateway),
            egress_memory: memory(&self.egress),
        }
    }

    fn announce_ready(&mut self, events: &mut VecDeque<Event>) {
        tracing::info!("kiroclaw serves");
        self.supervisor.tell(Notice::Ready);
        if self.tie == Tie::Attached && rustix::io::write(io::stdout(), READY_LINE.as_bytes()).is_err() {
            self.tie = Tie::Free;
            events.push_back(Event::StopAsked);
        }
    }
}
