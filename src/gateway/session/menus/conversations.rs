//! `/sessions` and `/resume`: the conversations of a thread, from the agent's own list where it has one.

use std::sync::Arc;
use std::time::Duration;

use super::tap::{Deed, Menu, Tap, mark, marked};
use super::{Outcome, View, page, short};
use crate::acp::ListedSession;
use crate::config::{AgentKind, KiroEngine};
use crate::gateway::person::Person;
use crate::gateway::session::Session;
use crate::gateway::texts::{Texts, code};
use crate::gateway::{Deps, clock, workspace};
use crate::model::outbound::{Message, Show};
use crate::store::{Conversation, EntryId, SessionKey, SessionRecord, StoreError};

/// Time for the agent's list, with the start of a runtime in it; after that what the store knows has to do.
const LOOK_UP: Duration = Duration::from_secs(4);

/// Longest title on a button, in characters: beside its number and age, what a phone shows in one line.
const TITLE: usize = 32;

impl Session {
    /// Lists the conversations. The agent is asked beside everything else, since its start may take its time; not while it works here.
    pub(in crate::gateway::session) fn show_conversations(&self, entry: EntryId) {
        let (deps, key) = (Arc::clone(&self.deps), self.key.clone());
        // The first engine has no list, so none is started to be asked for it.
        let may_know = deps.agent(&key).kind != AgentKind::Kiro(KiroEngine::V2);
        let asks = may_know && self.running.is_none();
        tokio::spawn(async move {
            if asks {
                recall(&deps, &key).await;
            }
            if let Err(error) = answer(&deps, &key, entry).await {
                tracing::error!(%error, thread = %key.thread, "the conversations could not be listed");
            }
        });
    }

    /// `/resume N`
    pub(in crate::gateway::session) async fn resume(&mut self, entry: EntryId, number: usize) -> Result<(), StoreError> {
        let record = self.deps.store.session(&self.key)?;
        let word = match number.checked_sub(1).and_then(|place| all(&record).into_iter().nth(place)) {
            Some(conversation) => match self.take_up(record, conversation)? {
                Ok(title) => self.person().texts().taken_up(&code(&title)),
                Err(why) => why,
            },
            None => self.person().texts().no_conversation(number),
        };
        self.reply(entry, word).await
    }

    pub(super) fn on_conversation(&self, tap: Tap) -> Result<Outcome, StoreError> {
        let record = self.deps.store.session(&self.key)?;
        if tap.deed != Deed::Pick {
            return Ok(Outcome::view(view(&self.key, self.person().texts(), &record, tap.number)));
        }
        let texts = self.person().texts();
        let Some(conversation) = marked(&all(&record), tap.item, |conversation| conversation.id.as_str().as_bytes()).cloned() else {
            return Ok(Outcome::word(texts.no_longer()));
        };
        match self.take_up(record, conversation)? {
            Ok(title) => {
                let view = view(&self.key, texts, &self.deps.store.session(&self.key)?, 0);
                Ok(Outcome { toast: texts.taken_up(&title), view: Some(view) })
            }
            Err(why) => Ok(Outcome::word(why)),
        }
    }

    /// Takes a conversation up, and gives the beginning of its title; or says why not.
    fn take_up(&self, mut record: SessionRecord, conversation: Conversation) -> Result<Result<String, String>, StoreError> {
        let texts = self.person().texts();
        if record.acp.as_ref() == Some(&conversation.id) {
            return Ok(Err(texts.is_present()));
        }
        if self.running.is_some() {
            return Ok(Err(texts.busy()));
        }
        let title = short(title(texts, &conversation), TITLE);
        record.take_up(conversation);
        self.deps.store.put_session(&self.key, &record)?;
        Ok(Ok(title))
    }
}

/// The present conversation and the former ones, the latest first.
fn all(record: &SessionRecord) -> Vec<Conversation> {
    let present = record.acp.clone().map(|id| Conversation { id, title: record.title.clone(), last_used: record.last_used });
    present.into_iter().chain(record.former.iter().rev().cloned()).collect()
}

fn title<'a>(texts: &dyn Texts, conversation: &'a Conversation) -> &'a str {
    if conversation.title.trim().is_empty() { texts.untitled() } else { &conversation.title }
}

fn view(key: &SessionKey, texts: &dyn Texts, record: &SessionRecord, number: usize) -> View {
    let now = clock::unix_now();
    let row = |(place, conversation): (usize, &Conversation)| {
        let tick = if record.acp.as_ref() == Some(&conversation.id) { "✓ " } else { "" };
        let age = match conversation.last_used {
            0 => String::new(),
            at => format!(" · {}", texts.age(now.saturating_sub(at))),
        };
        let title = short(title(texts, conversation), TITLE);
        (format!("{tick}{}. {title}{age}", place + 1), mark(conversation.id.as_str().as_bytes()))
    };
    let rows: Vec<(String, u64)> = all(record).iter().enumerate().map(row).collect();
    let text = texts.conversations(!rows.is_empty(), record.acp.is_some());
    View { text, buttons: page(&key.user, Menu::Conversations, &rows, number) }
}

async fn answer(deps: &Deps, key: &SessionKey, entry: EntryId) -> Result<(), StoreError> {
    let person = Person::of(&deps.store, &key.user);
    let View { text, buttons } = view(key, person.texts(), &deps.store.session(key)?, 0);
    deps.store.settle(entry, Some(&Message { buttons, ..person.notice(key.thread, text) }))?;
    deps.faces.show(key.thread, Show::Deliver).await;
    Ok(())
}

/// Asks the agent for its list, and remembers it. Without one there is what the store knows.
async fn recall(deps: &Deps, key: &SessionKey) {
    let listed = match tokio::time::timeout(LOOK_UP, list(deps, key)).await {
        Ok(Ok(listed)) => listed,
        Ok(Err(why)) => return tracing::debug!(%why, thread = %key.thread, "the agent has no list of its sessions"),
        Err(_) => return tracing::debug!(thread = %key.thread, "the agent's list of its sessions takes too long"),
    };
    let conversation = |session: ListedSession| Conversation {
        id: session.id,
        title: session.title.unwrap_or_default(),
        last_used: session.updated_at.unwrap_or_default(),
    };
    // Read only here: a turn may have begun meanwhile.
    let remembered = deps.store.session(key).and_then(|mut record| {
        record.recall(listed.into_iter().map(conversation));
        deps.store.put_session(key, &record)
    });
    if let Err(error) = remembered {
        tracing::warn!(%error, thread = %key.thread, "the agent's list of its sessions was not stored");
    }
}

async fn list(deps: &Deps, key: &SessionKey) -> Result<Vec<ListedSession>, String> {
    let present = deps.store.session(key).map_err(|error| error.to_string())?.acp;
    let lease = deps.pool.lease(key, present).await.map_err(|error| error.to_string())?;
    let workspace = workspace::path(deps, key).map_err(|error| error.to_string())?;
    let page = lease.runtime().client.list_sessions(&workspace, None).await;
    Ok(page.map_err(|error| error.to_string())?.sessions)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::texts::texts;
    use crate::model::{Language, ThreadId, UserId};

    fn record() -> SessionRecord {
        let mut record = SessionRecord::new(UserId::telegram(1));
        for (id, title, last_used) in [("a", "", 0), ("b", "about b", clock::unix_now() - 7200), ("c", "about c", clock::unix_now())] {
            record.take_up(Conversation { id: id.parse().unwrap(), title: title.to_owned(), last_used });
        }
        record
    }

    fn labels(record: &SessionRecord) -> Vec<String> {
        let key = SessionKey { user: UserId::telegram(1), thread: ThreadId::telegram(1, None), agent: "a".parse().unwrap() };
        view(&key, texts(Language::English), record, 0).buttons.into_iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn conversations_have_a_number_a_title_and_an_age_and_the_present_one_is_marked() {
        let mut record = record();
        assert_eq!(labels(&record), ["✓ 1. about c · now", "2. about b · 2 h", "3. without a title"]);
        record.leave();
        assert_eq!(labels(&record), ["1. about c · now", "2. about b · 2 h", "3. without a title"]);
    }
}
