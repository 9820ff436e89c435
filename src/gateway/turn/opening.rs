//! A runtime with the session open in it, and set to what the person chose.

use std::path::Path;

use super::TurnError;
use crate::acp::{AcpError, Opened};
use crate::gateway::Deps;
use crate::gateway::person::Person;
use crate::gateway::pool::Lease;
use crate::gateway::scrub::scrub;
use crate::gateway::texts::Choice;
use crate::model::AcpSessionId;
use crate::model::outbound::Show;
use crate::store::{SessionKey, SessionRecord};

/// A runtime with the session open in it. One that is spoilt, or that finds the session locked, is ended, and a new one tried, once: a runtime
/// that starts removes the locks that dead processes left. Nothing of the prompt was given to it yet.
pub(super) async fn open(
    deps: &Deps,
    key: &SessionKey,
    record: &mut SessionRecord,
    workspace: &Path,
) -> Result<(Lease, AcpSessionId), TurnError> {
    for last in [false, true] {
        let lease = deps.pool.lease(key, record.acp.clone()).await?;
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
        if let TurnError::Agent(AcpError::Gone) | TurnError::CannotRestore(AcpError::Gone) = error
            && let Some(excess) = lease.runtime().excess().await
        {
            // It would do so again.
            return Err(TurnError::Exceeded(excess));
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
    if let Some(modes) = &opened.modes {
        record.modes = modes.available.iter().map(|mode| (mode.id.clone(), mode.name.clone())).collect();
    }
}

/// Sets the model or mode that the person chose, once per opening of the session. One that the agent refuses is told and forgotten.
pub(super) async fn set(
    deps: &Deps,
    key: &SessionKey,
    choice: Choice,
    lease: &Lease,
    session: &AcpSessionId,
    record: &mut SessionRecord,
) -> Result<(), TurnError> {
    let runtime = lease.runtime();
    let chosen = choice.chosen_in(record);
    let Some(name) = chosen.clone() else { return Ok(()) };
    if runtime.set_in(session, choice).as_ref() == Some(&name) {
        return Ok(());
    }
    let set = match choice {
        Choice::Model => runtime.client.set_model(session, &name).await,
        Choice::Mode => runtime.client.set_mode(session, &name).await,
    };
    match set {
        Ok(()) => runtime.was_set(session, choice, name),
        Err(AcpError::Gone) => return Err(TurnError::Agent(AcpError::Gone)),
        Err(error) => {
            *chosen = None;
            let person = Person::of(&deps.store, &key.user);
            let texts = person.texts();
            let why = scrub(&texts.agent_failed(&error), &[]);
            let word = match choice {
                Choice::Model => texts.model_refused(&name, &why),
                Choice::Mode => texts.mode_refused(&name, &why),
            };
            deps.store.post(&person.notice(key.thread, word))?;
            deps.faces.show(key.thread, Show::Deliver).await;
        }
    }
    Ok(())
}
