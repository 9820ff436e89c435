//! The bot's own commands, carried out in a session.

use super::Session;
use crate::gateway::commands::{Command, MENU};
use crate::gateway::texts::Status;
use crate::store::{EntryId, StoreError};

impl Session {
    pub(super) async fn on_command(&mut self, entry: EntryId, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Start => {
                let text = self.person().texts().start(&self.key.agent, self.deps.agent(&self.key).kind.as_words());
                self.reply(entry, text).await
            }
            Command::Help => self.reply(entry, self.help()).await,
            Command::Status => {
                let text = self.status()?;
                self.reply(entry, text).await
            }
            Command::Stop => self.stop(entry).await,
            Command::New => self.new_conversation(entry).await,
            Command::Model(name) => self.model(entry, name).await,
        }
    }

    fn help(&self) -> String {
        let texts = self.person().texts();
        let (before, after) = texts.help();
        let commands: Vec<String> = MENU.iter().map(|command| format!("- /{command}: {}", texts.describe(command))).collect();
        format!("{before}\n\n{}\n\n{after}", commands.join("\n"))
    }

    async fn stop(&mut self, entry: EntryId) -> Result<(), StoreError> {
        // The turn's end says that it was stopped.
        if self.stop_turn() {
            return self.deps.store.settle(entry, None);
        }
        self.reply(entry, self.person().texts().nothing_running()).await
    }

    async fn new_conversation(&mut self, entry: EntryId) -> Result<(), StoreError> {
        if self.stop_turn() {
            self.leave = true;
        } else {
            self.leave_conversation()?;
        }
        self.reply(entry, self.person().texts().new_conversation()).await
    }

    pub(super) fn leave_conversation(&mut self) -> Result<(), StoreError> {
        self.leave = false;
        let mut record = self.deps.store.session(&self.key)?;
        record.leave();
        self.deps.store.put_session(&self.key, &record)
    }

    async fn model(&mut self, entry: EntryId, name: Option<String>) -> Result<(), StoreError> {
        let texts = self.person().texts();
        let mut record = self.deps.store.session(&self.key)?;
        let Some(name) = name else {
            return self.reply(entry, texts.models(record.model.as_deref(), &record.models)).await;
        };
        if !record.models.is_empty() && !record.models.iter().any(|(id, _)| *id == name) {
            return self.reply(entry, texts.unknown_model(&name, &record.models)).await;
        }
        record.model = Some(name.clone());
        self.deps.store.put_session(&self.key, &record)?;
        self.reply(entry, texts.model_chosen(&name)).await
    }

    fn status(&self) -> Result<String, StoreError> {
        let record = self.deps.store.session(&self.key)?;
        Ok(self.person().texts().status(&Status {
            agent: &self.key.agent,
            kind: self.deps.agent(&self.key).kind.as_words(),
            session: record.acp.as_ref(),
            model: record.model.as_deref(),
            running: self.running.is_some(),
            queued: self.queue.len(),
            workspace: self.deps.store.workspace(&self.key.user, &self.key.thread)?.map_or(0, |workspace| workspace.size),
            pool: self.deps.pool.usage(),
            strangers: self.deps.store.counter("strangers")?,
        }))
    }
}
