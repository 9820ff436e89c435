//! One turn: one prompt, and all that comes back until its stop reason.

mod blocks;
mod running;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::person::Person;
use super::pool::{Lease, StartError};
use super::prompt::Prompt;
use super::{Deps, clock, workspace};
use crate::acp::{AcpError, Opened, Turn};
use crate::config::AgentKind;
use crate::model::outbound::{FileOut, Show};
use crate::model::{AcpSessionId, UserId};
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
    CannotRestore { why: String },
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
    Workspace(#[from] workspace::WorkspaceError),
    #[error("{0}")]
    CannotRestore(AcpError),
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    #[error("stopped")]
    Stopped,
}

/// Runs a turn from the first 👀 to its stop reason.
pub(super) async fn run(deps: Arc<Deps>, key: SessionKey, prompt: Prompt, mut signals: Signals) -> TurnEnd {
    deps.faces.show(key.thread, Show::Seen { message: prompt.message }).await;
    let person = Person::of(&deps.store, &key.user);
    deps.faces.show(key.thread, Show::Working(person.display())).await;
    let begun = tokio::select! {
        begun = begin(&deps, &key, &prompt) => begun,
        () = stopped(&mut signals.stop) => Err(TurnError::Stopped),
    };
    match begun {
        Ok(begun) => Running::new(&deps, &key, person, begun).drive(signals).await,
        Err(TurnError::Stopped) => TurnEnd::Stopped { partial: Said::default(), ended: false },
        Err(TurnError::CannotRestore(error)) => TurnEnd::CannotRestore { why: error.to_string() },
        Err(error) => TurnEnd::Failed { partial: Said::default(), why: error.to_string(), details: None },
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
    let (lease, session) = open(deps, key, &mut record, &workspace).await?;
    set_model(deps, key, &lease, &session, &mut record).await?;
    let client = &lease.runtime().client;
    let blocks = blocks::blocks(deps, key, prompt, &record.notes, &workspace, client.info().takes_images).await?;
    record.notes.clear();
    record.last = Some(prompt.content());
    record.last_used = clock::unix_now();
    deps.store.put_session(key, &record)?;
    // From here on a crash must not give the prompt to the agent again.
    deps.store.mark(prompt.entry, Phase::Delivered)?;
    deps.store.flush().await?;
    deps.fetcher.forget(prompt.entry);
    let turn = client.prompt(&session, &blocks).await.inspect_err(|error| {
        if error.spoils_runtime() {
            lease.end_runtime();
        }
    })?;
    Ok(Begun { lease, record, turn })
}

/// The first prompt gives the conversation its title, and a thread that has no name of the person's own its name.
async fn name_thread(deps: &Deps, key: &SessionKey, prompt: &Prompt, record: &mut SessionRecord) -> Result<(), TurnError> {
    let title = title(&prompt.text, TITLE);
    if title.is_empty() || prompt.text.starts_with('/') {
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

/// A runtime with the session open in it. One that is spoilt, or that finds the session locked, is ended, and a new one tried, once: a runtime
/// that starts removes the locks that dead processes left. Nothing of the prompt was given to it yet.
async fn open(deps: &Deps, key: &SessionKey, record: &mut SessionRecord, workspace: &Path) -> Result<(Lease, AcpSessionId), TurnError> {
    for last in [false, true] {
        let lease = deps.pool.lease(key.user, key.agent.clone(), record.acp.clone()).await?;
        let error = match open_in(&lease, record, workspace).await {
            Ok(session) => return Ok((lease, session)),
            Err(error) => error,
        };
        let (spoilt, again) = match &error {
            TurnError::Agent(error) | TurnError::CannotRestore(error) => {
                (error.spoils_runtime(), matches!(error, AcpError::Gone | AcpError::Locked { .. }))
            }
            _ => (false, false),
        };
        if spoilt || again {
            lease.end_runtime();
        }
        if last || !again {
            return Err(error);
        }
        tracing::warn!(%error, thread = %key.thread, "a session could not be opened; it is tried in a new runtime");
    }
    Err(TurnError::Agent(AcpError::Gone))
}

async fn open_in(lease: &Lease, record: &mut SessionRecord, workspace: &Path) -> Result<AcpSessionId, TurnError> {
    let runtime = lease.runtime();
    let opened = match &record.acp {
        Some(id) if runtime.holds(id) => return Ok(id.clone()),
        Some(id) => runtime.client.restore_session(id, workspace).await.map_err(TurnError::CannotRestore)?,
        None => runtime.client.new_session(workspace).await?,
    };
    remember(record, &opened);
    runtime.hold(opened.id.clone());
    Ok(opened.id)
}

fn remember(record: &mut SessionRecord, opened: &Opened) {
    record.acp = Some(opened.id.clone());
    if let Some(models) = &opened.models {
        record.models = models.available.iter().map(|model| (model.id.clone(), model.name.clone())).collect();
    }
}

/// Sets the model that the person chose, once per opening of the session. One that the agent refuses is told and forgotten.
async fn set_model(
    deps: &Deps,
    key: &SessionKey,
    lease: &Lease,
    session: &AcpSessionId,
    record: &mut SessionRecord,
) -> Result<(), TurnError> {
    let runtime = lease.runtime();
    let Some(model) = record.model.clone() else { return Ok(()) };
    if runtime.model_of(session).as_ref() == Some(&model) {
        return Ok(());
    }
    match runtime.client.set_model(session, &model).await {
        Ok(()) => runtime.set_model_of(session, model),
        Err(AcpError::Gone) => return Err(TurnError::Agent(AcpError::Gone)),
        Err(error) => {
            record.model = None;
            let person = Person::of(&deps.store, &key.user);
            deps.store.post(&person.notice(key.thread, person.texts().model_refused(&model, &error.to_string())))?;
            deps.faces.show(key.thread, Show::Deliver).await;
        }
    }
    Ok(())
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
