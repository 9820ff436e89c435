//! All texts of the bot.

use super::pool::Usage;
use crate::model::outbound::Message;
use crate::model::{AcpSessionId, AgentName, ThreadId};
use crate::store::EntryId;

/// The token of the button that gives an interrupted prompt to the agent again.
pub(super) fn retry_token(id: EntryId) -> String {
    format!("retry:{}", id.0)
}

/// The token of the button that begins a new session and gives the prompt to it.
pub(super) fn anew_token(id: EntryId) -> String {
    format!("anew:{}", id.0)
}

pub(super) fn disk_full() -> String {
    "Your message was not taken: the disk of the server is full. Free some space, then send it again.".to_owned()
}

pub(super) fn pairing(id: i64) -> String {
    format!(
        "This bot is not paired with anybody yet.\n\nYour Telegram id is `{id}`. To use the bot, its operator sets\n\n```\nALLOWED_TELEGRAM_IDS={id}\n```\n\nand restarts it."
    )
}

pub(super) fn interrupted(thread: ThreadId, id: EntryId) -> Message {
    Message::notice(
        thread,
        "⚠ Interrupted: the bot was restarted while the agent worked on this. It was not given to the agent again.".to_owned(),
    )
    .button("Retry", retry_token(id))
}

/// A turn that failed: what came of it, then why in one sentence.
pub(super) fn failed(thread: ThreadId, id: EntryId, partial: &str, why: &str) -> Message {
    let text = if partial.is_empty() { format!("⚠ {why}") } else { format!("{partial}\n\n⚠ The answer is incomplete. {why}") };
    let message = if partial.is_empty() { Message::notice(thread, text) } else { Message::answer(thread, text) };
    message.button("Retry", retry_token(id))
}

pub(super) fn cannot_restore(thread: ThreadId, id: EntryId, why: &str) -> Message {
    Message::notice(
        thread,
        format!("⚠ The conversation of this thread could not be opened again. {why} It is kept; you can try again, or go on in a new one."),
    )
    .button("Try again", retry_token(id))
    .button("New conversation", anew_token(id))
}

pub(super) fn stopped(partial: &str, ended: bool) -> String {
    let how = if ended { "⏹ Stopped. The agent did not answer in time, so its process was ended." } else { "⏹ Stopped." };
    if partial.is_empty() { how.to_owned() } else { format!("{partial}\n\n{how}") }
}

pub(super) fn turn_timeout(minutes: u64) -> String {
    format!("The turn took longer than {minutes} minutes and was stopped.")
}

pub(super) fn queued(ahead: usize) -> String {
    format!("⏳ Queued ({ahead}). It is next when the agent is done; /stop ends what is running.")
}

pub(super) fn queue_full(most: usize) -> String {
    format!("Your message was not taken: {most} messages wait in this thread already.")
}

pub(super) fn unsupported(what: &str) -> String {
    format!("The agent cannot be given {what} yet; please send text.")
}

pub(super) fn nothing_running() -> String {
    "Nothing is running here.".to_owned()
}

pub(super) fn new_conversation() -> String {
    "🆕 A new conversation begins with your next message. The old one is kept.".to_owned()
}

pub(super) fn start(agent: &AgentName, what: &str) -> String {
    format!(
        "Hello. Write to me, and **{agent}** ({what}) answers. It runs on this server in a jail of its own, in a workspace that is yours alone.\n\n/help shows what I can do."
    )
}

pub(super) fn help() -> String {
    let mut text = "Write a message: the agent answers it. Each thread is a conversation of its own, with a workspace of its own. \
        What could do harm is asked first, with buttons.\n"
        .to_owned();
    for (name, description) in super::commands::MENU {
        text.push_str(&format!("\n- /{name}: {description}"));
    }
    text.push_str("\n\nAny other /command goes to the agent.");
    text
}

pub(super) fn models(current: Option<&str>, models: &[(String, String)]) -> String {
    let mut text = current.map_or("The agent chooses the model.".to_owned(), |model| format!("This thread uses `{model}`."));
    if models.is_empty() {
        text.push_str("\n\nThe agent tells which models it has with its first answer. `/model NAME` chooses one now.");
    }
    for (id, name) in models {
        text.push_str(&format!("\n- `{id}`{}", if name == id { String::new() } else { format!(" {name}") }));
    }
    if !models.is_empty() {
        text.push_str("\n\n`/model NAME` chooses one for this thread.");
    }
    text
}

pub(super) fn model_chosen(model: &str) -> String {
    format!("This thread uses `{model}` from the next message on.")
}

pub(super) fn unknown_model(model: &str, models: &[(String, String)]) -> String {
    let names: Vec<String> = models.iter().map(|(id, _)| format!("`{id}`")).collect();
    format!("The agent has no model `{}`. It has {}.", model.replace('`', "'"), names.join(", "))
}

pub(super) fn truncated() -> &'static str {
    "\n\n… The rest of this answer was too long and was dropped."
}

pub(super) fn not_yours() -> String {
    "This question is not yours, or is settled already.".to_owned()
}

pub(super) fn no_longer() -> String {
    "This is settled already.".to_owned()
}

pub(super) fn retrying() -> String {
    "Once more…".to_owned()
}

pub(super) fn ask_timeout() -> String {
    "nobody answered in time: denied".to_owned()
}

pub(super) fn ask_stopped() -> String {
    "stopped before an answer".to_owned()
}

pub(super) fn model_refused(model: &str, why: &str) -> String {
    format!("⚠ The model `{}` could not be set: {why} The agent's own choice is used.", model.replace('`', "'"))
}

pub(super) fn wordless() -> String {
    "The agent ended its turn without a word.".to_owned()
}

pub(super) fn stopped_by_agent(partial: &str, reason: &str) -> String {
    let why = match reason {
        "max_tokens" => "the answer reached the model's longest length",
        "max_turn_requests" => "the agent reached its limit of steps for one turn",
        "refusal" => "the agent refuses to go on",
        _ => "the agent broke the turn off",
    };
    if partial.is_empty() { format!("⚠ There is no answer: {why}.") } else { format!("{partial}\n\n⚠ It ends here because {why}.") }
}

/// What `/status` says.
pub(super) struct Status<'a> {
    pub(super) agent: &'a AgentName,
    pub(super) kind: &'a str,
    pub(super) session: Option<&'a AcpSessionId>,
    pub(super) model: Option<&'a str>,
    pub(super) running: bool,
    pub(super) queued: usize,
    /// Bytes.
    pub(super) workspace: u64,
    pub(super) pool: Usage,
    pub(super) strangers: u64,
}

pub(super) fn status(status: &Status<'_>) -> String {
    let Usage { runtimes, busy, waiting, most } = status.pool;
    let session = status.session.map_or("begins with your next message".to_owned(), |id| format!("`{id}`"));
    let model = status.model.map_or("the agent's choice".to_owned(), |model| format!("`{model}`"));
    let here = if status.running { "a turn is running" } else { "idle" };
    format!(
        "**kiroclaw {}**\n\n- agent: {} ({})\n- conversation: {session}\n- model: {model}\n- here: {here}, {} queued\n- workspace: {} KiB\n- runtimes: {runtimes} of {most}, {busy} busy, {waiting} waiting\n- strangers turned away: {}",
        env!("CARGO_PKG_VERSION"),
        status.agent,
        status.kind,
        status.queued,
        status.workspace / 1024,
        status.strangers,
    )
}
