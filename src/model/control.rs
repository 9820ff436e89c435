//! What our processes say to each other. Sent over a `SOCK_SEQPACKET` pair as one JSON message each, with file descriptors beside it.
//!
//! The warden takes nothing from the gateway that could widen a jail: a runtime is named by agent and user, and every
//! command, path and limit is the warden's own, from the configuration. One thing beyond it the gateway may say, since operators
//! say it in a chat: which public hosts a runtime may reach besides those that its agent's policy names.

use serde::{Deserialize, Serialize};

use super::{AgentName, Excess, RuntimeId, Target, UserId};

/// From the warden to a role (gateway or egress), as the first message; the descriptor beside it is the role's sealed bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToGateway {
    /// The bundle (configuration and this role's secrets). Always the first message.
    Bundle,
    /// A runtime's command was executed. Descriptors: its stdin (write), stdout (read), stderr (read).
    Started {
        /// The runtime.
        runtime: RuntimeId,
    },
    /// A runtime did not start.
    Failed {
        /// The runtime.
        runtime: RuntimeId,
        /// One sentence that a person can act on, at most 1,000 bytes.
        why: String,
    },
    /// A runtime used more than it may, and is being ended. Comes before `Ended`.
    Exceeded {
        /// The runtime.
        runtime: RuntimeId,
        /// What it used too much of.
        excess: Excess,
    },
    /// A runtime and all its descendants are gone.
    Ended {
        /// The runtime.
        runtime: RuntimeId,
        /// Its exit code, or 128 + the signal.
        status: i32,
    },
    /// A runtime was refused a host that no rule names. Not every refusal is told.
    Refused {
        /// The runtime.
        runtime: RuntimeId,
        /// What it wanted to reach.
        target: Target,
        /// Whether a grant would help: it would not for private addresses, and for ports that the egress cannot reach.
        grantable: bool,
    },
    /// The answer to a ping, at once and by the warden itself.
    Standing {
        /// The ping's number.
        number: u64,
        /// What the warden knows.
        standing: Standing,
    },
    /// The egress has answered a ping.
    EgressAnswered {
        /// The ping's number.
        number: u64,
    },
    /// Finish what can be finished within [`super::bounds::DRAIN`], then exit.
    Stop,
}

/// What the warden knows of the roles. Memory is what is resident, in bytes; 0 where it cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Standing {
    pub gateway_restarts: u32,
    pub egress_restarts: u32,
    pub warden_memory: u64,
    pub gateway_memory: u64,
    pub egress_memory: u64,
}

/// From the gateway to the warden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromGateway {
    /// The gateway serves: store open, locked down.
    Ready,
    /// Start a runtime of `agent` in the jail of `user`.
    Start {
        /// The number that the gateway gave it.
        runtime: RuntimeId,
        /// Which agent.
        agent: AgentName,
        /// Whose workspace and home.
        user: UserId,
        /// Public hosts that operators have granted to the agent, at most [`super::bounds::GRANTS`].
        granted: Vec<Target>,
    },
    /// From now on these are the public hosts that operators have granted to a runtime, at most [`super::bounds::GRANTS`].
    Grant {
        /// The runtime.
        runtime: RuntimeId,
        /// All of them.
        granted: Vec<Target>,
    },
    /// End a runtime: SIGTERM to its group, after [`super::bounds::END_GRACE`] SIGKILL to all of it.
    End {
        /// The runtime.
        runtime: RuntimeId,
    },
    /// The gateway goes on: its poller and its store did what they should since it last said so. Expected every
    /// [`super::bounds::BEAT`]; whoever watches over the appliance is told.
    Alive,
    /// To be answered by the warden, and through it by the egress.
    Ping {
        /// For the answers.
        number: u64,
    },
    /// The gateway cannot go on, and a restart would not mend it. The warden stops everything with `code`.
    Fatal {
        /// What happened and how to mend it, one sentence.
        why: String,
        /// The exit code of the appliance.
        code: u8,
    },
}

/// From the warden to the egress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ToEgress {
    /// The bundle (configuration). Always the first message.
    Bundle,
    /// Serve the listener beside it for a runtime of `agent`.
    Serve {
        /// The runtime whose listener it is.
        runtime: RuntimeId,
        /// Whose rules hold.
        agent: AgentName,
        /// Whom it serves, for the log.
        user: UserId,
        /// Public hosts that are granted beyond the rules.
        granted: Vec<Target>,
    },
    /// From now on this is what is granted to a runtime beyond the rules.
    Grant {
        /// The runtime.
        runtime: RuntimeId,
        /// All of it.
        granted: Vec<Target>,
    },
    /// The runtime is gone: close its listener and its connections.
    Close {
        /// The runtime.
        runtime: RuntimeId,
    },
    /// Answer with [`FromEgress::Pong`].
    Ping {
        /// For the answer.
        number: u64,
    },
    /// Exit.
    Stop,
}

/// From the egress to the warden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromEgress {
    /// The egress serves: locked down.
    Ready,
    /// The answer to a ping.
    Pong {
        /// The ping's number.
        number: u64,
    },
    /// Like [`ToGateway::Refused`].
    Refused {
        /// The runtime.
        runtime: RuntimeId,
        /// What it wanted to reach.
        target: Target,
        /// Whether a grant would help.
        grantable: bool,
    },
}

/// From a starting jail to the warden. When the socket closes without `Failed`, the command was executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromJail {
    /// The listener beside it is the runtime's way out; hand it to the egress.
    Listener,
    /// The jail could not be made, or the command not be executed. Nothing of it ran.
    Failed {
        /// One sentence that a person can act on, at most 1,000 bytes.
        why: String,
    },
}

/// From a runtime's keeper to the warden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum FromKeeper {
    /// The runtime used more than it may; the keeper ends it.
    Exceeded {
        /// What it used too much of.
        excess: Excess,
    },
}
