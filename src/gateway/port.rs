//! The gateway's end of the link to the warden: starting and ending runtimes is asked for here.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use tokio::sync::{mpsc, oneshot, watch};

use crate::ipc::{AsyncLink, IpcError};
use crate::model::control::{FromGateway, Standing, ToGateway};
use crate::model::{AgentName, Excess, RuntimeId, Target, UserId};

/// Requests that wait for the link; more runtimes than there may ever be.
const WAITING: usize = 256;

/// Refused hosts that wait to be told of; more are dropped, since agents decide how many there are.
const REFUSED: usize = 16;

/// Answers to pings that wait; nobody asks again before they are there, or too late.
const ANSWERS: usize = 8;

/// A started runtime's pipes.
#[derive(Debug)]
pub(super) struct Pipes {
    /// To write to.
    pub stdin: OwnedFd,
    /// To read from.
    pub stdout: OwnedFd,
    /// To read from.
    pub stderr: OwnedFd,
}

enum Request {
    Start { message: FromGateway, runtime: RuntimeId, started: oneshot::Sender<Result<Pipes, String>> },
    Say(FromGateway),
}

/// The port. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Port(mpsc::Sender<Request>);

/// How it ends with a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It used more than it may, and is being ended.
    Exceeded(Excess),
    /// It is gone with all its descendants; its exit status.
    Gone(i32),
}

/// What the warden tells unasked.
#[derive(Debug)]
pub(super) struct News {
    /// Runtimes that end.
    pub ended: mpsc::Receiver<(RuntimeId, End)>,
    /// Hosts that runtimes were refused.
    pub refused: mpsc::Receiver<Refused>,
    /// Answers to pings.
    pub answers: mpsc::Receiver<Answer>,
    /// Becomes true when the gateway is to stop.
    pub stop: watch::Receiver<bool>,
}

/// Who answers a ping of that number.
#[derive(Debug)]
pub(super) enum Answer {
    /// The warden, with what it knows.
    Warden(u64, Standing),
    /// The egress.
    Egress(u64),
}

/// A runtime was refused a host.
#[derive(Debug)]
pub(super) struct Refused {
    /// The runtime.
    pub runtime: RuntimeId,
    /// What it wanted to reach.
    pub target: Target,
    /// Whether a grant would help.
    pub grantable: bool,
}

/// Where the warden's news go.
struct Senders {
    ended: mpsc::Sender<(RuntimeId, End)>,
    refused: mpsc::Sender<Refused>,
    answers: mpsc::Sender<Answer>,
    stop: watch::Sender<bool>,
}

impl Port {
    /// Serves `link` in a task of its own; the task's end is the end of the gateway, since without its warden it can do nothing.
    pub(super) fn open(link: AsyncLink) -> (Self, News, tokio::task::JoinHandle<IpcError>) {
        let (requests, asked) = mpsc::channel(WAITING);
        let (ended_sender, ended) = mpsc::channel(WAITING);
        let (refused_sender, refused) = mpsc::channel(REFUSED);
        let (answers_sender, answers) = mpsc::channel(ANSWERS);
        let (stop_sender, stop) = watch::channel(false);
        let senders = Senders { ended: ended_sender, refused: refused_sender, answers: answers_sender, stop: stop_sender };
        let served = tokio::spawn(serve(link, asked, senders));
        (Self(requests), News { ended, refused, answers, stop }, served)
    }

    /// Starts a runtime, to which these hosts are granted.
    ///
    /// # Errors
    /// Why it did not start, one sentence for a person.
    pub(super) async fn start(&self, runtime: RuntimeId, agent: AgentName, user: UserId, granted: Vec<Target>) -> Result<Pipes, String> {
        let message = FromGateway::Start { runtime, agent, user, granted };
        let (started, answer) = oneshot::channel();
        let gone = || "The bot is stopping.".to_owned();
        self.0.send(Request::Start { message, runtime, started }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Tells the warden something. When the link is gone, so is the gateway, and nothing is left to be told.
    pub(super) async fn say(&self, message: FromGateway) {
        let _ = self.0.send(Request::Say(message)).await;
    }
}

async fn serve(link: AsyncLink, mut asked: mpsc::Receiver<Request>, senders: Senders) -> IpcError {
    let mut starting = HashMap::new();
    loop {
        let result = tokio::select! {
            request = asked.recv() => match request {
                Some(Request::Start { message, runtime, started }) => {
                    starting.insert(runtime, started);
                    link.send(&message, &[]).await
                }
                Some(Request::Say(message)) => link.send(&message, &[]).await,
                None => Err(IpcError::Closed),
            },
            received = link.recv::<ToGateway>() => match received {
                Ok(Some((message, fds))) => {
                    hear(message, fds, &mut starting, &senders).await;
                    Ok(())
                }
                Ok(None) => Err(IpcError::Closed),
                Err(error) => Err(error),
            },
        };
        if let Err(error) = result {
            return error;
        }
    }
}

async fn hear(
    message: ToGateway,
    fds: Vec<OwnedFd>,
    starting: &mut HashMap<RuntimeId, oneshot::Sender<Result<Pipes, String>>>,
    senders: &Senders,
) {
    let mut answer = |runtime, result| {
        if let Some(started) = starting.remove(&runtime) {
            // Whoever no longer waits has the runtime ended by the pool, when it learns that it runs.
            let _ = started.send(result);
        }
    };
    match message {
        ToGateway::Started { runtime } => match <[OwnedFd; 3]>::try_from(fds) {
            Ok([stdin, stdout, stderr]) => answer(runtime, Ok(Pipes { stdin, stdout, stderr })),
            Err(fds) => answer(runtime, Err(format!("The agent was started with {} pipes in place of 3.", fds.len()))),
        },
        ToGateway::Failed { runtime, why } => answer(runtime, Err(why)),
        ToGateway::Ended { runtime, status } => {
            answer(runtime, Err(format!("The agent ended at once, with status {status}.")));
            let _ = senders.ended.send((runtime, End::Gone(status))).await;
        }
        ToGateway::Exceeded { runtime, excess } => {
            let _ = senders.ended.send((runtime, End::Exceeded(excess))).await;
        }
        ToGateway::Refused { runtime, target, grantable } => {
            let _ = senders.refused.try_send(Refused { runtime, target, grantable });
        }
        ToGateway::Standing { number, standing } => {
            let _ = senders.answers.try_send(Answer::Warden(number, standing));
        }
        ToGateway::EgressAnswered { number } => {
            let _ = senders.answers.try_send(Answer::Egress(number));
        }
        ToGateway::Stop => {
            senders.stop.send_replace(true);
        }
        ToGateway::Bundle => tracing::warn!("the warden sent a second bundle; it is ignored"),
    }
}
