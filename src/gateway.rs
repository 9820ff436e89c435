//! The gateway: everything that a person sees.
//!
//! The way of a message: a channel's face → [`intake`] (gate, inbox) → [`router`] → [`session`] (queue, turn) → [`pool`] → acp → runtime;
//! and back: acp → [`turn`] → [`faces`] → the channel, with what must arrive going through the store's outbox.
//! After [`lock_down`] this process cannot execute or fork anything, and sees no file but its store, the workspaces and its socket.

mod answer;
mod clock;
mod commands;
mod diff;
mod faces;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
mod health;
mod hosts;
mod intake;
mod local;
mod permissions;
mod person;
mod pool;
mod port;
mod prompt;
mod router;
mod scrub;
mod session;
pub mod telegram;
mod texts;
mod turn;
mod workspace;

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub use commands::MENU;
pub use faces::{Faces, Shows};
pub use gate::{Authorized, Gate};
pub use intake::{Intake, Routed};

use files::fetch::Fetcher;
use files::incoming::IncomingError;
use health::Monitor;
use hosts::Hosts;
use pool::Pool;
use port::Port;
use telegram::Telegram;

use crate::channel::local::{self as wire, Key};
use crate::channel::telegram::api::{Api, ApiError};
use crate::config::{AgentConfig, Config, Secrets};
use crate::ipc::{AsyncLink, IpcError, Link};
use crate::jail::JailError;
use crate::jail::role::{Role, RoleGrants, lock_down};
use crate::model::control::FromGateway;
use crate::model::inbound::Inbound;
use crate::model::{Pulse, bounds, exit};
use crate::store::{SessionKey, Store, StoreError};

/// Orders on their way from the intake to the router: a poll's batch and then some.
const ROUTED: usize = 256;

/// Threads for what blocks: name lookups, and reading a file now and then.
const BLOCKING_THREADS: usize = 4;

/// Time for the last messages to be delivered when the gateway stops; what is not, waits in the outbox.
const DELIVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether they are.
const DELIVERY_LOOK: Duration = Duration::from_millis(20);

/// Why the gateway cannot serve.
#[derive(Debug, thiserror::Error)]
enum GatewayError {
    #[error("the socket {path} cannot be made: {source}")]
    Socket { path: std::path::PathBuf, source: std::io::Error },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the async runtime cannot be made: {0}")]
    Runtime(std::io::Error),
    #[error("the link to the warden broke: {0}")]
    Link(#[from] IpcError),
    #[error(transparent)]
    Jail(#[from] JailError),
    #[error(transparent)]
    Telegram(#[from] ApiError),
    #[error(transparent)]
    Incoming(#[from] IncomingError),
    #[error("the {0} broke down; see the log")]
    Part(&'static str),
}

/// What every part of the gateway may use.
#[derive(Debug)]
struct Deps {
    config: Arc<Config>,
    store: Store,
    faces: Faces,
    fetcher: Fetcher,
    pool: Pool,
    hosts: Hosts,
    stop: watch::Receiver<bool>,
    /// Turns that run; each holds a clone.
    turns: watch::Sender<usize>,
    /// Turns that ended with an answer.
    answered: Pulse,
}

impl Deps {
    /// The agent of a session.
    fn agent(&self, key: &SessionKey) -> &AgentConfig {
        // The configuration holds its default agent; its maker sees to that.
        self.config.agent(&key.agent).unwrap_or_else(|| &self.config.agents[&self.config.default_agent])
    }

    /// Whose session an inbound belongs to.
    fn session_key(&self, inbound: &Inbound) -> SessionKey {
        SessionKey { user: inbound.user, thread: inbound.thread, agent: self.config.default_agent.clone() }
    }

    /// Whether no new turn is to begin.
    fn stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Counts a turn for as long as the result lives.
    fn turn_begins(&self) -> TurnCount {
        self.turns.send_modify(|turns| *turns += 1);
        TurnCount(self.turns.clone())
    }
}

/// A running turn, counted.
struct TurnCount(watch::Sender<usize>);

impl Drop for TurnCount {
    fn drop(&mut self) {
        self.0.send_modify(|turns| *turns -= 1);
    }
}

/// What is open before the first message is served.
struct Opened {
    doors: Doors,
    gate: Gate,
    store: Store,
    runtime: tokio::runtime::Runtime,
}

/// The sockets of this machine.
struct Doors {
    /// For terminals, who show the key.
    chat: UnixListener,
    key: Key,
    /// For whoever asks how it goes.
    health: UnixListener,
}

/// The role's life, from the lock-down to the orderly close of the store. `link` leads to the warden.
pub fn run(link: Link, config: Config, secrets: Secrets) -> ExitCode {
    let Opened { doors, gate, store, runtime } = match open(&config) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::error!(%error, "the gateway cannot serve");
            // When the warden is gone there is nobody left to tell.
            let _ = link.send(&fatal(&error.to_string(), 1), &[]);
            return ExitCode::FAILURE;
        }
    };
    let served = runtime.block_on(serve(link, Arc::new(config), secrets, store.clone(), doors, gate));
    // Tasks hold clones of the store; they end here, before it is closed.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Err(error) = store.close() {
        tracing::warn!(%error, "the store was not closed in order");
    }
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the gateway stops");
            ExitCode::FAILURE
        }
    }
}

/// Binds, locks down, and only then opens what makes threads.
fn open(config: &Config) -> Result<Opened, GatewayError> {
    let doors = bind(config)?;
    let gate = Gate::new(config, rustix::process::getuid().as_raw());
    // Its threads come with the first work for them; what it opens is then one thing less that the filter has to allow.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(GatewayError::Runtime)?;
    lock_down(Role::Gateway, &grants(config))?;
    let store = Store::open(&config.store_dir())?;
    Ok(Opened { doors, gate, store, runtime })
}

/// What the gateway may see and reach.
fn grants(config: &Config) -> RoleGrants {
    RoleGrants {
        read: RoleGrants::name_service(),
        write: vec![config.store_dir(), config.incoming_dir(), config.workspaces.clone(), config.run_dir()],
        execute: Vec::new(),
        connect_ports: Some(vec![config.telegram_port(), 53]),
        seccomp: config.seccomp,
    }
}

/// Their directory is 0700.
fn bind(config: &Config) -> Result<Doors, GatewayError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| GatewayError::Socket { path, source }
    };
    let path = config.chat_socket();
    let (chat, key) = wire::bind(&path).map_err(failed(&path))?;
    let health = wire::listen(&config.health_socket).map_err(failed(&config.health_socket))?;
    Ok(Doors { chat, key, health })
}

async fn serve(
    link: Link,
    config: Arc<Config>,
    secrets: Secrets,
    store: Store,
    Doors { chat, key, health }: Doors,
    gate: Gate,
) -> Result<(), GatewayError> {
    let chat = tokio::net::UnixListener::from_std(chat).map_err(GatewayError::Runtime)?;
    let health = tokio::net::UnixListener::from_std(health).map_err(GatewayError::Runtime)?;
    let (port, news, mut link_end) = Port::open(AsyncLink::new(link).map_err(GatewayError::Runtime)?);
    let api = secrets.bot_token.as_ref().map(|token| Api::new(&config.telegram_api, token)).transpose()?;
    let waiting: BTreeSet<u64> = store.inbox()?.into_iter().map(|(id, _)| id.0).collect();
    let fetcher = Fetcher::new(api.clone(), &config.incoming_dir(), |entry| waiting.contains(&entry))?;
    let (faces, local_shows, telegram_shows) = Faces::new(api.is_some());
    let (router, routed) = mpsc::channel(ROUTED);
    let (turns, mut running) = watch::channel(0);
    let own_uid = gate.own_uid();
    let intake = Intake::new(gate, store.clone(), faces.clone(), router);
    let pool = Pool::start(Arc::clone(&config), port.clone(), store.clone(), faces.clone(), news.ended);
    let answered = Pulse::default();
    let telegram_s = api.as_ref().map(|api| (api.polls.clone(), api.sends.clone()));
    let monitor = Monitor::new(telegram_s, answered.clone(), store.clone(), port.clone(), pool.clone(), news.answers);
    let deps = Arc::new(Deps {
        hosts: Hosts::start(Arc::clone(&config), store.clone(), faces.clone(), port.clone(), pool.clone(), news.refused),
        pool,
        config: Arc::clone(&config),
        store: store.clone(),
        faces,
        fetcher,
        stop: news.stop.clone(),
        turns,
        answered,
    });
    tokio::spawn(router::run(Arc::clone(&deps), routed));
    let agent = deps.config.agents[&config.default_agent].clone();
    let mut local = tokio::spawn(local::serve(chat, (key, own_uid, config.run_dir()), intake.clone(), store.clone(), local_shows, agent));
    let mut telegram = match (telegram_shows, api) {
        (Some(shows), Some(api)) => {
            let (intake, store, stop) = (intake.clone(), store.clone(), news.stop.clone());
            tokio::spawn(telegram::run(Telegram { api, intake, store, shows, workspaces: config.workspaces.clone(), stop }))
        }
        _ => tokio::spawn(std::future::pending()),
    };
    port.say(FromGateway::Ready).await;
    tokio::spawn(Arc::clone(&monitor).beat());
    tokio::spawn(monitor.serve(health, own_uid));
    intake.take_up_again().await?;
    let mut stop = news.stop.clone();
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        end = &mut link_end => return Err(end.map_or_else(|_| GatewayError::Part("warden's link"), GatewayError::Link)),
        end = &mut telegram => {
            let (why, code) = match end {
                Ok(Err(error)) => (error.to_string(), exit::TELEGRAM_REFUSED),
                Ok(Ok(())) | Err(_) => ("the Telegram channel broke down; see the log".to_owned(), 1),
            };
            port.say(fatal(&why, code)).await;
            stop_told(news.stop.clone()).await;
        }
        _ = &mut local => return Err(GatewayError::Part("local channel")),
    }
    drain(&mut running, &store).await
}

/// Waits until the warden has heard and says stop, or is gone.
async fn stop_told(mut stop: watch::Receiver<bool>) {
    let _ = tokio::time::timeout(bounds::DRAIN, stop.wait_for(|stop| *stop)).await;
}

/// Lets running turns end within the time there is; what does not end is in the inbox as delivered, and is told of after the next start.
async fn drain(running: &mut watch::Receiver<usize>, store: &Store) -> Result<(), GatewayError> {
    let most = bounds::DRAIN.saturating_sub(Duration::from_secs(2));
    let _ = tokio::time::timeout(most, running.wait_for(|turns| *turns == 0)).await;
    let deadline = tokio::time::Instant::now() + DELIVERY;
    while !store.outbox_is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(DELIVERY_LOOK).await;
    }
    store.flush().await?;
    Ok(())
}

fn fatal(why: &str, code: u8) -> FromGateway {
    FromGateway::Fatal { why: why.chars().take(300).collect(), code }
}

/// A one-time token: 16 of `A-Za-z0-9`, from the kernel's random source (95 bits).
fn random_token() -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut token = String::with_capacity(16);
    let mut byte = [0_u8];
    while token.len() < 16 {
        // A byte of 248 or more would favour the first letters.
        if rustix::rand::getrandom(&mut byte, rustix::rand::GetRandomFlags::empty()) == Ok(1) && byte[0] < 248 {
            token.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    token
}
