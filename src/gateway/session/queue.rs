//! Prompts that wait in a session: gathered from their parts, queued while a turn runs, changed, dropped or sent at once.

use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use crate::gateway::prompt::Prompt;
use crate::model::bounds;
use crate::model::outbound::{Edit, Message, Show};
use crate::store::{EntryId, StoreError};

/// How long a further part of an album or a long paste is waited for; clients send them within a few tenths of a second.
const GATHER: Duration = Duration::from_secs(1);

/// A prompt of which more may come.
pub(super) struct Gathering {
    prompt: Prompt,
    /// The entries of the parts that joined the first.
    others: Vec<EntryId>,
    /// When no further part is waited for.
    pub(super) until: Instant,
}

/// A prompt that waits for the turn before it.
pub(super) struct Waiting {
    pub(super) prompt: Prompt,
    /// Whether the person was told that it waits, under [`queue_tag`].
    told: bool,
}

/// The tag of the notice of a waiting prompt.
fn queue_tag(entry: EntryId) -> String {
    format!("queue:{}", entry.0)
}

impl Session {
    /// Takes a prompt, which may be a part of the one before or have parts of its own.
    pub(super) async fn on_prompt(&mut self, prompt: Prompt) -> Result<(), StoreError> {
        if let Some(gathering) = &mut self.gathering {
            if gathering.prompt.goes_on_in(&prompt) {
                gathering.others.push(prompt.entry);
                gathering.prompt.join(prompt);
                gathering.until = Instant::now() + GATHER;
                let is_whole = gathering.prompt.part.is_none();
                self.done();
                return if is_whole { self.gathered().await } else { Ok(()) };
            }
            self.gathered().await?;
        }
        if prompt.part.is_some() {
            self.gathering = Some(Gathering { prompt, others: Vec::new(), until: Instant::now() + GATHER });
            return Ok(());
        }
        self.enqueue(prompt).await
    }

    /// No further part is waited for.
    pub(super) async fn gathered(&mut self) -> Result<(), StoreError> {
        let Some(Gathering { mut prompt, others, .. }) = self.gathering.take() else { return Ok(()) };
        prompt.part = None;
        if let Some(most) = prompt.bound_files() {
            let person = self.person();
            self.post(&person.notice(self.key.thread, person.texts().too_many_files(most))).await?;
        }
        self.deps.store.join(prompt.entry, prompt.content(), &others)?;
        self.enqueue(prompt).await
    }

    /// Queues a whole prompt, and says so where it has to wait.
    async fn enqueue(&mut self, prompt: Prompt) -> Result<(), StoreError> {
        let person = self.person();
        if self.queue.len() >= bounds::QUEUE {
            self.done();
            return self.reply(prompt.entry, person.texts().queue_full(bounds::QUEUE)).await;
        }
        let (entry, waits) = (prompt.entry, self.running.is_some());
        // After a restart the notice of before stands there still.
        let stands = self.deps.store.shown(&self.key.thread, &queue_tag(entry))?.is_some();
        self.queue.push_back(Waiting { prompt, told: waits || stands });
        if waits {
            let notice = self.waits(entry, person.texts().queued(self.queue.len()));
            let edit = stands.then(|| Edit::Tag(queue_tag(entry)));
            self.post(&Message { tag: Some(queue_tag(entry)), edit, ..notice }).await?;
        }
        Ok(())
    }

    /// A prompt comes anew: where it has to wait, its notice stands below what the person did, not where an earlier one stood.
    pub(super) fn forget_notice(&self, entry: EntryId) -> Result<(), StoreError> {
        self.deps.store.forget_shown(&self.key.thread, &queue_tag(entry))
    }

    /// The next prompt to be worked on.
    pub(super) async fn next_prompt(&mut self) -> Option<Prompt> {
        let Waiting { prompt, told } = self.queue.pop_front()?;
        if told && let Err(error) = self.renotice(prompt.entry, self.person().texts().queue_over()).await {
            tracing::warn!(%error, thread = %self.key.thread, "a waiting prompt's notice stays as it was");
        }
        Some(prompt)
    }

    /// The person changed a message: if its prompt waits, that changes with it.
    pub(super) async fn on_edit(&mut self, entry: EntryId, message: i64, text: &str) -> Result<(), StoreError> {
        if let Some(gathering) = &mut self.gathering {
            gathering.prompt.edit(message, text);
        }
        let place = self.queue.iter_mut().position(|waiting| waiting.prompt.edit(message, text));
        if let Some(place) = place {
            let Waiting { prompt, told } = &self.queue[place];
            let (id, told) = (prompt.entry, *told);
            self.deps.store.rewrite(id, prompt.content())?;
            if told {
                let notice = self.waits(id, self.person().texts().edited(place + 1));
                self.post(&Message { edit: Some(Edit::Tag(queue_tag(id))), ..notice }).await?;
            }
        }
        self.deps.store.settle(entry, None)
    }

    /// "Send now": the turn that runs is stopped, and this prompt is next. Returns whether it waits.
    pub(super) fn send_now(&mut self, entry: EntryId) -> bool {
        let Some(place) = self.queue.iter().position(|waiting| waiting.prompt.entry == entry) else { return false };
        if let Some(waiting) = self.queue.remove(place) {
            self.queue.push_front(waiting);
        }
        self.stop_turn();
        true
    }

    /// "Drop": the agent does not get it. Returns whether it waited.
    pub(super) async fn drop_waiting(&mut self, entry: EntryId) -> Result<bool, StoreError> {
        let Some(place) = self.queue.iter().position(|waiting| waiting.prompt.entry == entry) else { return Ok(false) };
        self.queue.remove(place);
        self.done();
        self.deps.store.settle(entry, None)?;
        // Of one that was interrupted, files may be there already.
        self.deps.fetcher.forget(entry);
        self.renotice(entry, self.person().texts().dropped()).await?;
        Ok(true)
    }

    /// The notice of a prompt that waits.
    fn waits(&self, entry: EntryId, markdown: String) -> Message {
        let person = self.person();
        let texts = person.texts();
        person
            .queued(self.key.thread, markdown)
            .button(texts.send_now_label(), format!("now:{}", entry.0))
            .button(texts.drop_label(), format!("drop:{}", entry.0))
    }

    /// Rewrites the notice of a prompt that waits no more.
    async fn renotice(&mut self, entry: EntryId, markdown: String) -> Result<(), StoreError> {
        let notice = self.person().queued(self.key.thread, markdown);
        self.post(&Message { edit: Some(Edit::Tag(queue_tag(entry))), ..notice }).await
    }

    /// Puts a message into the outbox and has it delivered. What it tells of is durable before anybody reads it: a prompt that was said to be
    /// dropped must not come back after a crash.
    pub(super) async fn post(&mut self, message: &Message) -> Result<(), StoreError> {
        self.deps.store.post(message)?;
        self.deps.store.flush().await?;
        self.deps.faces.show(self.key.thread, Show::Deliver).await;
        Ok(())
    }
}
