//! Every bound of the product that more than one module has to know, with its reason.

use std::time::Duration;

/// Longest line read from an agent, in bytes. Tool calls carry whole files; longer ones are the agent's fault.
pub const ACP_LINE: usize = 8 * 1024 * 1024;

/// Bytes read from an agent between two prompts. What it says and shows in a turn is a few megabytes; without a bound, one that floods would
/// have the gateway read for nobody else.
pub const ACP_TURN: usize = 256 * 1024 * 1024;

/// Longest message between our own processes, in bytes: a plan with some hundred paths fits many times over.
pub const CONTROL_MESSAGE: usize = 64 * 1024;

/// Longest text taken from a person as one prompt, in bytes. Telegram's longest is 16 KiB; a terminal can paste more.
pub const PROMPT: usize = 256 * 1024;

/// Prompts that wait in one thread. A person who has written more than this many has lost the thread too.
pub const QUEUE: usize = 20;

/// Longest answer kept of one turn, in bytes; what comes after it is dropped and said. A longer one is a document however it is sent, and
/// this is fifty pages of it.
pub const ANSWER: usize = 256 * 1024;

/// Lines of an agent's stderr that are kept for a report of its end.
pub const STDERR_LINES: usize = 20;

/// Longest line of an agent's stderr that enters the log, in bytes.
pub const STDERR_LINE: usize = 512;

/// Time for `initialize`: a cold node start on a small server took 11 s.
pub const INITIALIZE: Duration = Duration::from_secs(60);

/// Time for a request that needs no model (new, load, set_model).
pub const REQUEST: Duration = Duration::from_secs(60);

/// Time from `/stop` until the runtime is ended, when the agent has not answered the cancellation.
pub const CANCEL_GRACE: Duration = Duration::from_secs(5);

/// Time between closing an agent's stdin and SIGTERM, and between SIGTERM and SIGKILL.
pub const END_GRACE: Duration = Duration::from_secs(2);

/// Time that a clean stop of the whole appliance may take. systemd's default is 90 s, Docker's 10 s.
pub const DRAIN: Duration = Duration::from_secs(8);

/// Hosts granted to one runtime by operators. Whoever grants more wants a rule with `*`; so many of the longest names fit into a message.
pub const GRANTS: usize = 64;

/// How often the gateway looks whether it goes on. Each look wakes three processes for a moment.
pub const BEAT: Duration = Duration::from_secs(10);

/// A gateway that does not go on for so long is started anew: two looks at a disk that takes its time, and some.
pub const STUCK: Duration = Duration::from_secs(60);
