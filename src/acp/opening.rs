//! The opening of a session: what is known of it before its answer, and what is taken from that.

use super::connection::Shared;
use super::error::AcpError;
use super::session::Session;
use super::types::Opened;
use super::wire::{Incoming, OpenedSession};
use crate::model::AcpSessionId;

/// A session that is being opened. Unless it gets to its end, the session is forgotten.
pub(super) struct Opening<'a> {
    shared: &'a Shared,
    id: Option<AcpSessionId>,
}

impl<'a> Opening<'a> {
    /// Begins; a session that is restored is known from now on, so that its replay is recognised.
    pub(super) fn begin(shared: &'a Shared, restored: Option<&AcpSessionId>) -> Result<Self, AcpError> {
        let mut state = shared.lock();
        if let Some(id) = restored {
            if state.sessions.get(id).is_some_and(|session| session.turn.is_some()) {
                return Err(AcpError::Busy);
            }
            state.sessions.insert(id.clone(), Session::restored());
        }
        state.opening += 1;
        Ok(Self { shared, id: restored.cloned() })
    }

    /// Takes the agent's answer, and what came about the session before it.
    pub(super) fn answered(&mut self, id: &AcpSessionId, opened: OpenedSession) -> Result<(), AcpError> {
        let mut state = self.shared.lock();
        let state = &mut *state;
        self.id = Some(id.clone());
        let session = state.sessions.entry(id.clone()).or_insert_with(Session::fresh);
        session.opened(opened);
        let is_ours = |early: &(Option<String>, Incoming)| early.0.as_deref().is_none_or(|early| early == id.as_str());
        for (_, incoming) in state.early.extract_if(.., |early| is_ours(early)) {
            session.take_in(incoming);
        }
        session.fault.clone().map_or(Ok(()), Err)
    }

    /// The session is open.
    pub(super) fn done(mut self) -> Result<Opened, AcpError> {
        let id = self.id.clone().ok_or(AcpError::NotOpen)?;
        let opened = match self.shared.lock().sessions.get(&id) {
            Some(Session { fault: Some(fault), .. }) => return Err(fault.clone()),
            Some(session) => Opened { id, models: session.facts.models.clone(), modes: session.facts.modes.clone() },
            None => return Err(self.shared.why_ended()),
        };
        self.id = None;
        Ok(opened)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.opening -= 1;
        if state.opening == 0 {
            state.early.clear();
        }
        if let Some(id) = &self.id {
            state.sessions.remove(id);
        }
    }
}
