//! One turn: one prompt, and all that comes back until its stop reason.

mod blocks;
mod opening;
mod running;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::person::Person;
use super::pool::{Lease, StartError};
use super::prompt::Prompt;
use super::texts::{Choice, Texts};
use super::{Deps, clock, workspace};
use crate::acp::{AcpError, Command, Turn};
use crate::config::AgentKind;
use crate::model::outbound::{FileOut, Show};
use crate::model::{Excess, UserId};
use crate::store::{Phase, SessionKey, SessionRecord, StoreError};

use blocks::BlocksError;
use running::{Running, stopped};

/// Longest name that the bot gives a thread, in characters: what a phone's list of topics shows.
const NAME: usize = 25;

/// Longest title of a conversation by its first prompt, in characters: what fits on a button.
const TITLE: usize = 40;

/// A button that was pressed while the turn ran.
#[derive(Debug)]
pub(super) struct Press {
    pub(super) press: String,
    /// The message under which the button stands; 0 where the channel does not tell it.
    pub(super) message: i64,
    pub(super) token: String,
    pub(super) by: UserId,
}

/// What reaches a turn from outside.
#[derive(Debug)]
pub(super) struct Signals {
    /// Becomes true when the person says stop.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) presses: mpsc::Receiver<Press>,
}

/// What the agent said that the person was not sent yet.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The text; may be empty.
    pub(super) text: String,
    /// What it wants sent.
    pub(super) files: Vec<FileOut>,
}

/// How a turn ended.
#[derive(Debug)]
pub(super) enum TurnEnd {
    /// The agent's answer.
    Answered(Said),
    /// The person stopped it. `ended` says that the agent did not answer the cancellation and was ended.
    Stopped { partial: Said, ended: bool },
    /// It failed; `why` is a sentence for the person, `details` is what explains it.
    Failed { partial: Said, why: String, details: Option<String> },
    /// The conversation could not be opened again; it is kept.
    CannotRestore { why: String, details: Option<String> },
}

/// Why a turn cannot go on.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error("{0}.")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Agent(#[from] AcpError),
    #[error("{0}")]
    Exceeded(Excess),
    #[error("{0}")]
    Workspace(#[from] workspace::WorkspaceError),
    #[error("{0}")]
    CannotRestore(AcpError),
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    #[error("stopped")]
    Stopped,
}

impl TurnError {
    /// The sentence for the person.
    fn why(&self, texts: &dyn Texts) -> String {
        match self {
            Self::Start(error) => texts.not_started(error),
            Self::Agent(error) | Self::CannotRestore(error) => texts.agent_failed(error),
            Self::Exceeded(excess) => texts.exceeded(excess),
            Self::Store(_) | Self::Workspace(_) => texts.server_failed(&self.to_string()),
            Self::Blocks(BlocksError::Store(_)) => texts.server_failed(&self.to_string()),
            Self::Blocks(BlocksError::NotFetched(why)) => why.clone(),
            // Told as what it is.
            Self::Stopped => String::new(),
        }
    }

    /// What explains it beyond that.
    fn details(&self) -> Option<String> {
        match self {
            Self::Start(StartError::Agent { error, last_words }) => {
                error.details().or((!last_words.is_empty()).then(|| last_words.clone()))
            }
            Self::Agent(error) | Self::CannotRestore(error) => error.details(),
            _ => None,
        }
    }
}

/// Runs a turn from the first 👀 to its stop reason.
pub(super) async fn run(deps: Arc<Deps>, key: SessionKey, prompt: Prompt, mut signals: Signals) -> TurnEnd {
    deps.faces.show(key.thread, Show::Seen { message: prompt.message }).await;
    let person = Person::of(&deps.store, &key.user);
    deps.faces.show(key.thread, Show::Working(person.display())).await;
    let texts = person.texts();
    let begun = tokio::select! {
        begun = begin(&deps, &key, &prompt) => begun,
        () = stopped(&mut signals.stop) => Err(TurnError::Stopped),
    };
    match begun {
        Ok(begun) => Running::new(&deps, &key, person, begun).drive(signals).await,
        Err(TurnError::Stopped) => TurnEnd::Stopped { partial: Said::default(), ended: false },
        Err(error) => {
            let (why, details) = (error.why(texts), error.details());
            match error {
                TurnError::CannotRestore(_) => TurnEnd::CannotRestore { why, details },
                _ => TurnEnd::Failed { partial: Said::default(), why, details },
            }
        }
    }
}

/// A turn whose prompt the agent has.
struct Begun {
    lease: Lease,
    record: SessionRecord,
    turn: Turn,
}

async fn begin(deps: &Deps, key: &SessionKey, prompt: &Prompt) -> Result<Begun, TurnError> {
    let mut record = deps.store.session(key)?;
    let workspace = workspace::prepare(deps, key)?;
    name_thread(deps, key, prompt, &mut record).await?;
    if record.acp.is_none() && deps.agent(key).kind == AgentKind::Acp {
        record.note(blocks::FILES.to_owned());
    }
    let chosen = (record.model.clone(), record.mode.clone());
    let (lease, session) = opening::open(deps, key, &mut record, &workspace).await?;
    for choice in [Choice::Model, Choice::Mode] {
        opening::set(deps, key, choice, &lease, &session, &mut record).await?;
    }
    let client = &lease.runtime().client;
    if let Some(facts) = client.session_facts(&session) {
        learn_commands(deps, key, &mut record, facts.commands).await;
    }
    let blocks = blocks::blocks(deps, key, prompt, &record, &workspace, client.info().takes_images).await?;
    if !blocks::is_command(prompt) {
        record.notes.clear();
    }
    record.last = Some(prompt.content());
    record.last_used = clock::unix_now();
    // What the person chose meanwhile holds from the next turn on.
    let now = deps.store.session(key)?;
    if (&now.model, &now.mode) != (&chosen.0, &chosen.1) {
        (record.model, record.mode) = (now.model, now.mode);
    }
    record.unnamed = now.unnamed;
    deps.store.put_session(key, &record)?;
    // From here on a crash must not give the prompt to the agent again.
    deps.store.mark(prompt.entry, Phase::Delivered)?;
    deps.store.flush().await?;
    deps.fetcher.forget(prompt.entry);
    let turn = match client.prompt(&session, &blocks).await {
        Ok(turn) => turn,
        Err(error) => {
            if error.spoils_runtime() {
                lease.end_runtime();
            }
            return Err(failed(&lease, error).await);
        }
    };
    Ok(Begun { lease, record, turn })
}

/// Why an agent did not do what it was asked: what it used too much of, where that was the reason of its end.
async fn failed(lease: &Lease, error: AcpError) -> TurnError {
    let excess = if error == AcpError::Gone { lease.runtime().excess().await } else { None };
    excess.map_or(TurnError::Agent(error), TurnError::Exceeded)
}

/// Remembers the agent's own commands, and puts them into the chat's menu.
async fn learn_commands(deps: &Deps, key: &SessionKey, record: &mut SessionRecord, commands: Vec<Command>) {
    let commands: Vec<(String, String)> = commands.into_iter().map(|command| (command.name, command.description)).collect();
    // An agent that never had any leaves the bot's own menu as it is.
    if !commands.is_empty() || !record.commands.is_empty() {
        record.commands = commands;
        deps.faces.show(key.thread, Person::of(&deps.store, &key.user).menu(&record.commands)).await;
    }
}

/// The first prompt gives the conversation its title, and a thread that has no name of the person's own its name.
async fn name_thread(deps: &Deps, key: &SessionKey, prompt: &Prompt, record: &mut SessionRecord) -> Result<(), TurnError> {
    let title = title(&prompt.text, TITLE);
    if title.is_empty() || blocks::is_command(prompt) {
        return Ok(());
    }
    if std::mem::take(&mut record.unnamed) {
        deps.store.put_session(key, record)?;
        deps.faces.show(key.thread, Show::Name { name: self::title(&prompt.text, NAME) }).await;
    }
    if record.title.is_empty() {
        record.title = title;
    }
    Ok(())
}

/// The first line of a text, at most so many characters, cut between words where that leaves half of them.
fn title(text: &str, most: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.chars().count() <= most {
        return line.to_owned();
    }
    // One character more shows whether a word ends just there.
    let cut: String = line.chars().take(most).collect();
    let hard = cut.char_indices().next_back().map_or(0, |(last, _)| last);
    let end = cut.rfind(char::is_whitespace).filter(|end| *end >= hard / 2).unwrap_or(hard);
    format!("{}…", cut[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_between_words() {
        assert_eq!(title("\n  hello \nworld", 25), "hello");
        assert_eq!(title("Please rewrite the whole parser in Rust", 25), "Please rewrite the whole…");
        assert_eq!(title(&"x".repeat(99), 25).chars().count(), 25);
        assert_eq!(title(" \n ", 25), "");
    }
}
