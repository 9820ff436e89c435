//! What can go wrong with an agent, each said in one sentence that a person can act on.

use std::time::Duration;

use crate::jsonrpc::RpcError;

/// Why an agent did not do what it was asked. The text is for the person in the chat.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcpError {
    /// Its stdout ended, or its stdin broke.
    #[error("The agent has ended; send your message again to start it anew.")]
    Gone,
    /// A line was longer than [`crate::model::bounds::ACP_LINE`]; the connection is closed.
    #[error("The agent sent a message of more than {} MiB and was disconnected; ask it to work on smaller files.", .limit / (1024 * 1024))]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It said more than [`crate::model::bounds::ACP_TURN`] since its last prompt; the connection is closed.
    #[error("The agent wrote more than {} MiB for one answer and was ended; ask for less at once.", .limit / (1024 * 1024))]
    Flood {
        /// The limit, in bytes.
        limit: usize,
    },
    /// Line after line was no message; the connection is closed.
    #[error("The program does not speak the Agent Client Protocol: {lines} lines of its output were no messages; check AGENT_COMMAND.")]
    Garbage {
        /// How many lines in a row.
        lines: usize,
    },
    /// No answer in time.
    #[error("The agent did not answer `{method}` within {} seconds; try again, and if it stays so, see its log.", .limit.as_secs())]
    TimedOut {
        /// What was asked.
        method: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// It speaks another version of the protocol.
    #[error(
        "The agent speaks version {version} of the Agent Client Protocol, this program version 1; install an agent that speaks version 1."
    )]
    Version {
        /// Its version.
        version: i64,
    },
    /// An answer that cannot be understood.
    #[error("The agent's answer to `{method}` could not be understood: {why}; check that its version is supported.")]
    BadAnswer {
        /// What was asked.
        method: &'static str,
        /// What is wrong with the answer.
        why: String,
    },
    /// Any other error of the agent's own.
    #[error("The agent reported an error: {}.", sentence(.message, .data.as_deref()))]
    Agent {
        /// JSON-RPC's or the agent's number.
        code: i64,
        /// Its message.
        message: String,
        /// More about it.
        data: Option<String>,
    },
    /// -32000: nobody is signed in.
    #[error("The agent is not signed in; sign it in on the server (Kiro: `kiro-cli login --use-device-flow`, or set KIRO_API_KEY).")]
    AuthRequired,
    /// -32002: the session (or another thing) is not there.
    #[error("The agent does not know this session any more; start a new one with /new.")]
    NotFound,
    /// Kiro: another process holds the session's lock.
    #[error("The session is still open in another process ({pid}); try again when that process has ended.")]
    Locked {
        /// The process that holds it, by the agent's word.
        pid: u32,
    },
    /// Kiro: the agent asked for does not exist, and another took its place unasked.
    #[error(
        "Kiro does not know the agent `{requested}` and would use `{fallback}` instead; put the agent's file into KIRO_CONFIG_PATH/agents."
    )]
    AgentNotFound {
        /// The agent that was asked for.
        requested: String,
        /// The agent that Kiro took instead.
        fallback: String,
    },
    /// Kiro v3: tools would run unasked.
    #[error("Kiro's autopilot could not be switched off, so its tools would run unasked; update kiro-cli, or use its engine v2.")]
    AutopilotOn,
    /// The agent can neither resume nor load.
    #[error("This agent cannot take up earlier sessions; start a new one with /new.")]
    CannotRestore,
    /// The session is not open in this runtime.
    #[error("The session is not open in this agent; start a new one with /new.")]
    NotOpen,
    /// The session's earlier prompt has not been answered.
    #[error("The agent is still busy with the message before; wait for it, or stop it with /stop.")]
    Busy,
    /// The prompt's line would be longer than [`crate::model::bounds::ACP_LINE`].
    #[error("The message with its files is longer than {} MiB; send smaller pictures, or fewer at once.", .limit / (1024 * 1024))]
    PromptTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The agent takes no images in prompts.
    #[error("This agent takes no pictures in a message; it can read the file in its workspace.")]
    NoImages,
    /// The agent keeps no list of its sessions.
    #[error("This agent keeps no list of its sessions.")]
    NoList,
    /// The session offers no choice of models.
    #[error("This agent offers no choice of models.")]
    NoModels,
    /// The model is not among those on offer, or was not taken.
    #[error("The agent does not offer the model `{model}`; it offers: {}.", .offered.join(", "))]
    NoSuchModel {
        /// What was asked for.
        model: String,
        /// What is on offer.
        offered: Vec<String>,
    },
    /// The session offers no choice of modes.
    #[error("This agent offers no choice of modes.")]
    NoModes,
    /// The mode is not among those on offer, or was not taken.
    #[error("The agent does not offer the mode `{mode}`; it offers: {}.", .offered.join(", "))]
    NoSuchMode {
        /// What was asked for.
        mode: String,
        /// What is on offer.
        offered: Vec<String>,
    },
}

impl AcpError {
    /// Whether the runtime is of no use any more: it has ended, does not answer, or does what it must not.
    pub fn spoils_runtime(&self) -> bool {
        matches!(
            self,
            Self::Gone
                | Self::LineTooLong { .. }
                | Self::Flood { .. }
                | Self::Garbage { .. }
                | Self::TimedOut { .. }
                | Self::AgentNotFound { .. }
                | Self::AutopilotOn
        )
    }

    /// All that the agent reported, where the sentence has only a part of it.
    pub fn details(&self) -> Option<String> {
        let Self::Agent { message, data, .. } = self else { return None };
        let all = data.iter().filter(|data| *data != message).fold(message.clone(), |all, data| format!("{all}\n{data}"));
        let told = sentence(message, data.as_deref());
        let rest = all.lines().any(|line| !told.contains(line.trim_end_matches(['.', ' '])));
        rest.then_some(all)
    }
}

impl From<RpcError> for AcpError {
    fn from(error: RpcError) -> Self {
        let texts = [Some(error.message.as_str()), error.data.as_deref()];
        if let Some(pid) = texts.into_iter().flatten().find_map(super::kiro::lock_holder) {
            return Self::Locked { pid };
        }
        match error.code {
            -32000 => Self::AuthRequired,
            -32002 => Self::NotFound,
            code => {
                let clean = |text: &str| super::text::line(text, super::text::DETAIL);
                Self::Agent { code, message: clean(&error.message), data: error.data.as_deref().map(clean) }
            }
        }
    }
}

/// What an agent reported, as one sentence without its full stop: message and data where they are short, else the beginning of the message.
/// Data that is JSON says nothing to a person. Whatever is missing in it is in [`AcpError::details`].
pub fn sentence(message: &str, data: Option<&str>) -> String {
    let fits = |text: &String| text.chars().count() <= super::text::TITLE;
    let data = data.filter(|data| !data.is_empty() && *data != message && !data.starts_with(['{', '[']));
    let both = data.map(|data| format!("{message}: {data}")).filter(fits);
    both.unwrap_or_else(|| super::text::line(message, super::text::TITLE)).trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_meaning_become_errors_of_their_own() {
        assert_eq!(AcpError::from(RpcError::new(-32000, "Authentication required")), AcpError::AuthRequired);
        assert_eq!(AcpError::from(RpcError::new(-32002, "no")), AcpError::NotFound);
    }

    #[test]
    fn a_stale_lock_is_told_from_other_internal_errors() {
        let data = "Failed to start session: Session is active in another process (PID 12345)";
        let locked = RpcError { code: -32603, message: "Internal error".to_owned(), data: Some(data.to_owned()) };
        assert_eq!(AcpError::from(locked), AcpError::Locked { pid: 12345 });
        let other = AcpError::from(RpcError { data: Some("model\u{1b} gone.".to_owned()), ..RpcError::new(-32603, "Internal error") });
        assert_eq!(other.to_string(), "The agent reported an error: Internal error: model\\u{1b} gone.");
        let json = AcpError::from(RpcError { data: Some(r#"{"a":1}"#.to_owned()), ..RpcError::new(-32603, "No route.") });
        assert_eq!(json.to_string(), "The agent reported an error: No route.");
        assert_eq!((other.details(), json.details().as_deref()), (None, Some("No route.\n{\"a\":1}")));
    }

    #[test]
    fn a_long_report_is_one_sentence_and_its_whole_in_the_details() {
        let data = "at line 7 ".repeat(90);
        let long = AcpError::from(RpcError { data: Some(data.clone()), ..RpcError::new(-32603, "No route") });
        assert_eq!(long.to_string(), "The agent reported an error: No route.");
        assert_eq!(long.details().unwrap(), format!("No route\n{}", data.trim_end()));
        let message = AcpError::from(RpcError::new(-32603, data.as_str()));
        assert!(message.to_string().chars().count() < 300 && message.to_string().ends_with("…."));
        assert_eq!(message.details().unwrap(), data.trim_end());
    }
}
