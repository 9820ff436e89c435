//! The command line as data. The internal roles (`warden`, `gateway`, `egress`) are no commands: `kiroclaw run` alone starts them.

use argh::FromArgs;

/// Talk from your phone to an AI agent on your own small server, jailed.
///
/// Settings come from the environment, `.env` and `config.json`; the README lists them.
/// Exit codes: 0 success, 1 failure, 64 bad configuration, 69 Telegram refused the token.
#[derive(Debug, FromArgs)]
pub struct Cli {
    /// what to do
    #[argh(subcommand)]
    pub command: Command,
}

/// One command.
#[derive(Debug, FromArgs)]
#[argh(subcommand)]
#[expect(missing_docs, reason = "each is described at its own type")]
pub enum Command {
    Run(Run),
    Chat(Chat),
    Doctor(Doctor),
    Health(Health),
    Policy(Policy),
    Jail(Jail),
    Agent(Agent),
    Backup(Backup),
    Restore(Restore),
    Import(Import),
}

/// Serve Telegram and the local channel until stopped.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "run")]
pub struct Run {}

/// Talk to the agent from this terminal.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "chat")]
pub struct Chat {
    /// say this, print the answer, and exit
    #[argh(option)]
    pub message: Option<String>,
    /// print events as JSON, one a line, and take requests as JSON from standard input
    #[argh(switch)]
    pub json: bool,
    /// which of your conversations, each with a workspace of its own (default 0)
    #[argh(option, default = "0")]
    pub thread: i64,
}

/// Check what this machine can enforce, and whether `run` would start.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "doctor")]
pub struct Doctor {
    /// print the report as JSON
    #[argh(switch)]
    pub json: bool,
}

/// Ask the running service how it goes: exits 0 when all is well.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "health")]
pub struct Health {
    /// print the report as JSON
    #[argh(switch)]
    pub json: bool,
    /// print numbers in Prometheus' text format
    #[argh(switch)]
    pub metrics: bool,
}

/// What agents may do: `kiroclaw policy explain AGENT`
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "policy")]
pub struct Policy {
    /// what to do with it
    #[argh(subcommand)]
    pub command: PolicyCommand,
}

/// One thing to do with policies.
#[derive(Debug, FromArgs)]
#[argh(subcommand)]
#[expect(missing_docs, reason = "each is described at its own type")]
pub enum PolicyCommand {
    Explain(Explain),
}

/// Say what an agent may do, and try from inside its jail what holds it to that here.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "explain")]
pub struct Explain {
    /// the agent's name, as in KIRO_AGENT_NAME or config.json
    #[argh(positional)]
    pub agent: String,
    /// print it as JSON
    #[argh(switch)]
    pub json: bool,
}

/// Run any command in the jail of a runtime: `kiroclaw jail --workspace DIR -- COMMAND ARG…`
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "jail")]
pub struct Jail {
    /// the directory that the command may write to
    #[argh(option)]
    pub workspace: Option<std::path::PathBuf>,
    /// take the order from the warden on standard input
    #[argh(switch, hidden_help)]
    pub from_warden: bool,
    /// try from inside what a jail keeps out, as `doctor` asks for it
    #[argh(switch, hidden_help)]
    pub probe: bool,
    /// the command and its arguments
    #[argh(positional, greedy)]
    pub command: Vec<String>,
}

/// The built-in agent, speaking ACP on standard input and output.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "agent")]
pub struct Agent {
    /// who answers; `demo` is the only one so far, and has no model
    #[argh(option, default = "String::from(\"demo\")")]
    pub provider: String,
}

/// Save store, workspaces, homes and settings into one encrypted file (age format), while the bot runs or not.
///
/// Encrypted for a passphrase, or for recipients; without any of these the passphrase is asked for at the terminal.
/// `age -d FILE | tar -t` lists it.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "backup")]
pub struct Backup {
    /// where to: a file that does not exist yet, your own named pipe, or - for standard output
    #[argh(option)]
    pub to: String,
    /// the first line of this file is the passphrase; - reads standard input
    #[argh(option, arg_name = "file")]
    pub passphrase_file: Option<String>,
    /// encrypt for this public key (age1…); may be repeated
    #[argh(option, arg_name = "key")]
    pub recipient: Vec<String>,
    /// encrypt for the public keys in this file, one a line; may be repeated
    #[argh(option, arg_name = "file")]
    pub recipients_file: Vec<std::path::PathBuf>,
    /// with the bot's token, KIRO_API_KEY and the secrets of agents, which are left out otherwise
    #[argh(switch)]
    pub with_secrets: bool,
}

/// Bring a backup back: into an empty state, where this machine's own settings say that it lies.
///
/// All of it is verified before any of it is in place.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "restore")]
pub struct Restore {
    /// the backup, or - for standard input
    #[argh(option)]
    pub from: String,
    /// the first line of this file is the passphrase; - reads standard input
    #[argh(option, arg_name = "file")]
    pub passphrase_file: Option<String>,
    /// the private key (AGE-SECRET-KEY-1…) is in this file; may be repeated
    #[argh(option, arg_name = "file")]
    pub identity: Vec<std::path::PathBuf>,
    /// also write the saved settings into this directory, where nothing of their names may be
    #[argh(option, arg_name = "dir")]
    pub settings: Option<std::path::PathBuf>,
    /// only verify it; nothing is written
    #[argh(switch)]
    pub check: bool,
}

/// Take over the settings and conversations of another bot: `kiroclaw import picoclaw FILE`, `kiroclaw import kiroclaw DIR`
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "import")]
pub struct Import {
    /// which
    #[argh(subcommand)]
    pub command: ImportCommand,
}

/// One bot to take over from.
#[derive(Debug, FromArgs)]
#[argh(subcommand)]
#[expect(missing_docs, reason = "each is described at its own type")]
pub enum ImportCommand {
    Picoclaw(ImportPicoclaw),
    Kiroclaw(ImportKiroclaw),
}

/// PicoClaw's config.json, in any of its three formats: the Telegram bot and who may use it.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "picoclaw")]
pub struct ImportPicoclaw {
    /// its config.json; a .security.yml beside it is read too
    #[argh(positional)]
    pub file: std::path::PathBuf,
    /// the directory to write to (default: the working directory)
    #[argh(option, arg_name = "dir", default = "std::path::PathBuf::from(\".\")")]
    pub to: std::path::PathBuf,
    /// show what would be written, secrets masked, and write nothing
    #[argh(switch)]
    pub dry_run: bool,
}

/// The Python bot of the same name: its .env, its conversations and its workspaces.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "kiroclaw")]
pub struct ImportKiroclaw {
    /// the directory that it runs in, with .env and tg-acp.db
    #[argh(positional)]
    pub directory: std::path::PathBuf,
    /// the directory to write settings to (default: the working directory)
    #[argh(option, arg_name = "dir", default = "std::path::PathBuf::from(\".\")")]
    pub to: std::path::PathBuf,
    /// kiro-cli's directory with the sessions (default: ~/.kiro)
    #[argh(option, arg_name = "dir")]
    pub kiro_home: Option<std::path::PathBuf>,
    /// show what would be written, secrets masked, and write nothing
    #[argh(switch)]
    pub dry_run: bool,
}
