//! The machine's words: what happens, and what is to be done.

use crate::model::control::{FromGateway, ToEgress, ToGateway};
use crate::model::{AgentName, Excess, RuntimeId, Target, UserId};

/// One of the two roles that the warden keeps alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::warden) enum Kept {
    /// Telegram, store, sessions.
    Gateway,
    /// The runtimes' way out.
    Egress,
}

impl Kept {
    /// The role's name: that of its process too.
    pub(in crate::warden) fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Egress => "egress",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::warden) enum Event {
    /// Only time has passed.
    Time,
    /// A signal, or the end of the process that we are attached to, asks for the end. The second time it is meant in earnest.
    StopAsked,
    /// A role serves.
    Ready(Kept),
    /// A role closed its link or said what nobody understands.
    Broken(Kept),
    /// A role's process is gone, or could not be made.
    Ended(Kept),
    /// The gateway asks.
    Asked(FromGateway),
    /// The egress answers a ping.
    Pong(u64),
    /// The egress refused a runtime a host, which a grant may mend.
    Refused(RuntimeId, Target, bool),
    /// A starting jail gave its listener.
    Listener(RuntimeId),
    /// A starting jail executed its command.
    Executed(RuntimeId),
    /// A starting jail gave up, or could not even be begun.
    Failed(RuntimeId, String),
    /// A runtime used more than it may, and its keeper or the kernel ends it.
    Exceeded(RuntimeId, Excess),
    /// A runtime's keeper and all its descendants are gone; exit code, or 128 + signal.
    Gone(RuntimeId, i32),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::warden) enum Action {
    /// Start a role's process and give it its bundle.
    Start(Kept),
    /// SIGKILL to a role.
    Kill(Kept),
    /// Send, if there is a gateway; with `Started` go the runtime's pipes.
    TellGateway(ToGateway),
    /// Send; with `Serve` goes the runtime's listener.
    TellEgress(ToEgress),
    /// Start a jail. What goes wrong comes back as [`Event::Failed`] and [`Event::Gone`].
    StartRuntime(RuntimeId, AgentName, UserId),
    /// SIGTERM to a runtime's keeper.
    TerminateRuntime(RuntimeId),
    /// SIGKILL to a runtime's keeper; its orphans become the warden's.
    KillRuntime(RuntimeId),
    /// The gateway serves, and with it the appliance.
    AnnounceReady,
    /// Whoever watches over the appliance is told.
    Notify(Notice),
    /// Tell the gateway how the roles are, for a ping of this number.
    AnswerPing(u64),
    /// Something for the log that the operator has to see.
    Report(String),
    /// The end, with this exit code. Always the last action.
    Exit(u8),
}

/// What whoever watches over the appliance is told (systemd, or what speaks like it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::warden) enum Notice {
    /// It serves.
    Ready,
    /// It goes on.
    Alive,
    /// A role ended, and is started again.
    Restarts(Kept),
    /// It stops.
    Stopping,
}
