//! The agent's own list of its sessions.

use std::path::Path;

use serde_json::json;

use super::error::AcpError;
use super::types::{ListedSession, SessionPage};
use super::{Client, path, wire};
use crate::model::AcpSessionId;

/// Sessions of one page: ten screens of buttons.
const PAGE: usize = 100;

/// Pages asked for at once, in search of a session: an agent that never ends its list is not asked for ever.
const PAGES: usize = 100;

/// Pages asked for at once until one holds a session of the directory. An agent that knows `cwd` needs one.
const EMPTY_PAGES: usize = 10;

/// The newest sessions of a directory, the newest first; without a time they come last. In place of a sort, which would be larger.
fn newest(all: Vec<ListedSession>, cwd: &Path) -> Vec<ListedSession> {
    let mut newest: Vec<ListedSession> = Vec::new();
    for session in all.into_iter().filter(|session| session.cwd == cwd) {
        let at = newest.partition_point(|other| other.updated_at >= session.updated_at);
        if at < PAGE {
            newest.truncate(PAGE - 1);
            newest.insert(at, session);
        }
    }
    newest
}

impl Client {
    /// The agent's sessions whose directory is `cwd` (absolute), a page of at most 100; `cursor` is an earlier page's `next`.
    /// Of a longer page only the newest sessions are given.
    ///
    /// # Errors
    /// [`AcpError::NoList`], [`AcpError::BadAnswer`], or an error of the agent.
    pub async fn list_sessions(&self, cwd: &Path, cursor: Option<&str>) -> Result<SessionPage, AcpError> {
        if !self.info().can_list {
            return Err(AcpError::NoList);
        }
        let mut page = SessionPage { next: cursor.map(str::to_owned), ..SessionPage::default() };
        for _ in 0..EMPTY_PAGES {
            page = self.page(Some(cwd), page.next.take()).await?;
            page.sessions = newest(page.sessions, cwd);
            if !page.sessions.is_empty() || page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }

    /// Whether the agent lists a session.
    pub(super) async fn lists(&self, id: &AcpSessionId) -> Result<bool, AcpError> {
        let mut cursor = None;
        for _ in 0..PAGES {
            let page = self.page(None, cursor).await?;
            if page.sessions.iter().any(|session| session.id == *id) {
                return Ok(true);
            }
            if page.next.is_none() {
                break;
            }
            cursor = page.next;
        }
        Ok(false)
    }

    async fn page(&self, cwd: Option<&Path>, cursor: Option<String>) -> Result<SessionPage, AcpError> {
        let mut params = json!({});
        if let Some(cwd) = cwd {
            params["cwd"] = json!(path(cwd));
        }
        if let Some(cursor) = cursor {
            params["cursor"] = json!(cursor);
        }
        wire::session_page(&self.call("session/list", params).await?)
    }
}
