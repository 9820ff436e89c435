//! `kiroclaw jail`: makes one jail, by the warden's order or by hand, and keeps it until its command ends.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::cli;
use crate::config::{self, AgentKind, Config, LogLevel, SeccompMode, Secrets, Sources};
use crate::ipc::Link;
use crate::ipc::bundle::{self, Bundle};
use crate::jail::{Inside, JailError, Manner, Plan, Prepared, Side, sys};
use crate::model::control::{FromEgress, FromJail, FromKeeper, ToEgress};
use crate::model::{Excess, RuntimeId, UserId, exit};
use crate::provision::{self, Homestead, Inhabited};
use crate::warden::{JailOrder, ground, home_of};

use super::inside::{Answer, Look, Seen};

/// Exit code when the jail could not be made, as env(1) and its like have it.
const NOT_JAILED: u8 = 125;

/// Runs it.
pub fn run(arguments: &cli::Jail) -> ExitCode {
    // Nothing is open yet but the standard descriptors, if our starter was careful; if not, it is closed here.
    if let Err(error) = sys::close_from(3) {
        return refuse(&format!("descriptors cannot be closed: {error}"));
    }
    match &arguments.workspace {
        _ if arguments.from_warden => from_warden(),
        _ if arguments.probe => probe(),
        Some(workspace) if !arguments.command.is_empty() => by_hand(workspace, &arguments.command),
        _ => {
            eprintln!("kiroclaw jail: it wants --workspace DIR -- COMMAND ARG…");
            ExitCode::from(exit::BAD_CONFIGURATION)
        }
    }
}

/// Looks from inside, as its standard input says, and prints its [`Answer`].
fn probe() -> ExitCode {
    let look = match bundle::open::<Look>(io::stdin()) {
        Ok(look) => look,
        Err(error) => return refuse(&error.to_string()),
    };
    let inhabited = look.homestead.as_ref().map(provision::prepare).transpose().map_err(preparation);
    let side = inhabited.and_then(|inhabited| Ok((Prepared::new(look.plan, Manner::ByHand)?.fork()?, inhabited)));
    let seen = match side {
        Ok((Side::Outside(keeper), _inhabited)) => return keeper.keep(say).map_or_else(|error| refuse(&error.to_string()), ExitCode::from),
        Ok((Side::Inside(inside), _)) => {
            let means = inside.means();
            inside.try_to_reach(&look.outside).map(|(tried, servers)| Seen { means, tried, servers })
        }
        Err(error) => Err(error),
    };
    let answer: Answer = seen.map_err(|error| error.to_string());
    let said = serde_json::to_vec(&answer).map_err(io::Error::other).and_then(|text| io::stdout().write_all(&text));
    said.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("kiroclaw jail: {why}");
    ExitCode::from(NOT_JAILED)
}

/// Why the command is ended, for the person at the terminal.
fn say(excess: Excess) {
    eprintln!("kiroclaw jail: {excess}");
}

/// What the warden sent: the order, the keeper's link for its last word, and the command's standard descriptors.
type Received = (Link, JailOrder, Link, [OwnedFd; 3]);

fn from_warden() -> ExitCode {
    let received = receive();
    let (link, order, word, stdio) = match received {
        Ok(received) => received,
        Err(error) => return refuse(&format!("there is no order of the warden: {error}")),
    };
    let side = prepare(&order, Manner::ForWarden).and_then(|(prepared, inhabited)| {
        // From now on its death is signalled; it must not have come before.
        let warden = rustix::net::sockopt::socket_peercred(&link).map_err(preparation)?.pid;
        if rustix::process::getppid() != Some(warden) {
            return Err(JailError::Preparation("The warden died while the jail was made.".to_owned()));
        }
        Ok((prepared.fork()?, inhabited))
    });
    match side {
        Ok((Side::Outside(keeper), _inhabited)) => {
            // Their last copies are the command's: when that ends, its readers learn so.
            drop((link, stdio));
            // A warden that is gone needs no word.
            let tell = |excess| drop(word.send(&FromKeeper::Exceeded { excess }, &[]));
            keeper.keep(tell).map_or_else(|error| refuse(&error.to_string()), ExitCode::from)
        }
        Ok((Side::Inside(inside), _)) => {
            if let Some(Err(error)) = inside.listener().map(|listener| link.send(&FromJail::Listener, &[listener.as_fd()])) {
                return give_up(&link, &JailError::Preparation(format!("The listener cannot be handed over: {error}.")));
            }
            give_up(&link, &inside.execute(Some(stdio), &order.secrets))
        }
        Err(error) => give_up(&link, &error),
    }
}

fn receive() -> io::Result<Received> {
    sys::unblock_signals()?;
    let link = Link::from_fd(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    let (order, fds) = link.recv::<JailOrder>().map_err(io::Error::other)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let [stdin, stdout, stderr, word] = <[OwnedFd; 4]>::try_from(fds).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((link, order, Link::from_fd(word), [stdin, stdout, stderr]))
}

/// The second is held until the runtime's end.
fn prepare(order: &JailOrder, manner: Manner) -> Result<(Prepared, Inhabited), JailError> {
    let inhabited = provision::prepare(&order.homestead).map_err(preparation)?;
    Ok((Prepared::new(order.plan.clone(), manner)?, inhabited))
}

fn give_up(link: &Link, error: &JailError) -> ExitCode {
    let mut why = error.to_string();
    why.truncate((0..=1000.min(why.len())).rev().find(|end| why.is_char_boundary(*end)).unwrap_or(0));
    // A warden that is gone needs no answer.
    let _ = link.send(&FromJail::Failed { why }, &[]);
    ExitCode::from(NOT_JAILED)
}

/// The jail of a runtime around a command given by hand, with an egress of its own where the policy names hosts.
fn by_hand(workspace: &Path, command: &[String]) -> ExitCode {
    let config = match Sources::of_process() {
        Ok(sources) => config::load(&sources).map(|(config, _)| config).map_err(|errors| errors.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            eprintln!("kiroclaw jail: {error}");
            return ExitCode::from(exit::BAD_CONFIGURATION);
        }
    };
    if config.seccomp == SeccompMode::Log {
        eprintln!("kiroclaw jail: SECCOMP=log: no filter refuses anything");
    }
    match fork_by_hand(&config, workspace, command) {
        Ok((Side::Outside(keeper), _egress, _inhabited)) => {
            let kept = let_go_of_pipes().and_then(|()| keeper.keep(say));
            kept.map_or_else(|error| refuse(&error.to_string()), ExitCode::from)
        }
        Ok((Side::Inside(inside), egress, _)) => {
            let served = egress.map_or(Ok(()), |egress| serve(&egress, &config, &inside));
            refuse(&served.map_or_else(|error| error, |()| inside.execute(None, &BTreeMap::new())).to_string())
        }
        Err(error) => refuse(&error.to_string()),
    }
}

/// Whoever reads what the command writes learns its end from the command alone. Stderr stays for a last word.
fn let_go_of_pipes() -> Result<(), JailError> {
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").map_err(preparation)?;
    rustix::stdio::dup2_stdin(&null).and_then(|()| rustix::stdio::dup2_stdout(&null)).map_err(preparation)
}

/// The link, where there is one, is the egress' life: it ends when both of ours are gone.
fn fork_by_hand(config: &Config, workspace: &Path, command: &[String]) -> Result<(Side, Option<Link>, Inhabited), JailError> {
    let order = order_by_hand(config, workspace, command)?;
    let (prepared, inhabited) = prepare(&order, Manner::ByHand)?;
    // Started by the keeper, so that it ends with all the rest.
    let egress = if order.plan.egress { Some(start_egress(config)?) } else { None };
    Ok((prepared.fork()?, egress, inhabited))
}

fn serve(egress: &Link, config: &Config, inside: &Inside) -> Result<(), JailError> {
    let user = UserId::local(rustix::process::getuid().as_raw());
    let serve = ToEgress::Serve { runtime: RuntimeId(0), agent: config.default_agent.clone(), user, granted: Vec::new() };
    let listener: Vec<_> = inside.listener().map(AsFd::as_fd).into_iter().collect();
    egress.send(&serve, &listener).map_err(preparation)
}

fn start_egress(config: &Config) -> Result<Link, JailError> {
    let (link, theirs) = Link::pair().map_err(preparation)?;
    // At a terminal only what is refused is of interest.
    let bundle = Bundle { config: Config { log_level: LogLevel::Warning, ..config.clone() }, secrets: Secrets::default() };
    let bundle = bundle::seal(&bundle).map_err(preparation)?;
    let mut egress = Command::new("/proc/self/exe");
    egress.arg0("kiroclaw").arg("egress").env_clear().stdin(theirs).stdout(Stdio::null());
    egress.spawn().map_err(preparation)?;
    link.send(&ToEgress::Bundle, &[bundle.as_fd()]).map_err(preparation)?;
    match link.recv::<FromEgress>().map_err(preparation)? {
        Some((FromEgress::Ready, _)) => Ok(link),
        Some((FromEgress::Refused { .. } | FromEgress::Pong { .. }, _)) | None => {
            Err(JailError::Preparation("The egress did not start; it says why above.".to_owned()))
        }
    }
}

fn order_by_hand(config: &Config, workspace: &Path, command: &[String]) -> Result<JailOrder, JailError> {
    let workspace = workspace.canonicalize().map_err(|source| JailError::Path { path: workspace.to_owned(), source })?;
    ground::make_directories(config).map_err(preparation)?;
    let homestead = Homestead {
        home_dir: config.state.join("homes").join("by-hand"),
        user_workspaces: workspace.clone(),
        kind: AgentKind::Acp,
        agent: config.default_agent.clone(),
        kiro_config: config.kiro_config.clone(),
        login: None,
    };
    let plan = Plan::for_command(config, &workspace, command, &home_of(&homestead)).map_err(preparation)?;
    Ok(JailOrder { plan, homestead, secrets: BTreeMap::new() })
}

fn preparation(error: impl std::fmt::Display) -> JailError {
    JailError::Preparation(error.to_string())
}
