//! The bot's own commands, carried out in a session. Those that show a menu are in [`super::menus`].

use std::sync::atomic::Ordering;

use super::Session;
use crate::gateway::clock;
use crate::gateway::commands::{Command, GROUPS};
use crate::gateway::prompt::Prompt;
use crate::gateway::texts::{Choice, Help, Status};
use crate::model::inbound::Content;
use crate::store::{EntryId, SessionRecord, StoreError};

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
            Command::Usage => {
                let text = self.usage()?;
                self.reply(entry, text).await
            }
            Command::Stop => self.stop(entry).await,
            Command::New => self.new_conversation(entry).await,
            Command::Retry => self.once_more(entry).await,
            Command::Model(None) => self.show_choices(entry, Choice::Model).await,
            Command::Mode(None) => self.show_choices(entry, Choice::Mode).await,
            Command::Model(Some(name)) => self.choose(entry, Choice::Model, name).await,
            Command::Mode(Some(name)) => self.choose(entry, Choice::Mode, name).await,
            Command::Sessions => {
                self.show_conversations(entry);
                Ok(())
            }
            Command::Resume(number) => self.resume(entry, number).await,
            Command::Files => self.show_files(entry).await,
            Command::Settings => self.show_settings(entry).await,
            Command::Hosts => self.show_hosts(entry).await,
        }
    }

    fn help(&self) -> String {
        let texts = self.person().texts();
        let Help { before, groups, after } = texts.help();
        let group = |(title, commands): (&str, &[&str])| {
            let commands: Vec<String> = commands.iter().map(|command| format!("- /{command}: {}", texts.describe(command))).collect();
            format!("**{title}**\n{}", commands.join("\n"))
        };
        let groups: Vec<String> = groups.into_iter().zip(GROUPS).map(group).collect();
        format!("{before}\n\n{}\n\n{after}", groups.join("\n\n"))
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

    /// `/retry`: its own place in the inbox becomes the last prompt, so that it is as durable as that was.
    async fn once_more(&mut self, entry: EntryId) -> Result<(), StoreError> {
        let last = self.deps.store.session(&self.key)?.last;
        let stored = self.deps.store.entry(entry)?.map(|entry| entry.inbound.content);
        let again = last.zip(stored).and_then(|(last, command)| again(last, &command));
        let Some(content) = again else {
            return self.reply(entry, self.person().texts().nothing_to_retry()).await;
        };
        self.deps.store.rewrite(entry, content.clone())?;
        let Some(prompt) = Prompt::of(entry, content) else { return Ok(()) };
        // A prompt is dealt with when its turn is over, a command when it was carried out: this is both.
        self.pending.fetch_add(1, Ordering::Relaxed);
        self.on_prompt(prompt).await
    }

    fn status(&self) -> Result<String, StoreError> {
        let record = self.deps.store.session(&self.key)?;
        Ok(self.person().texts().status(&Status {
            agent: &self.key.agent,
            kind: self.deps.agent(&self.key).kind.as_words(),
            session: record.acp.as_ref(),
            model: record.model.as_deref(),
            mode: record.mode.as_deref(),
            usage: &record.usage,
            running: self.running.is_some(),
            queued: self.queue.len(),
            workspace: self.deps.store.workspace(&self.key.user, &self.key.thread)?.map_or(0, |workspace| workspace.size),
            pool: self.deps.pool.usage(),
            strangers: self.deps.store.counter("strangers")?,
        }))
    }

    fn usage(&self) -> Result<String, StoreError> {
        let SessionRecord { usage, last_used, .. } = self.deps.store.session(&self.key)?;
        let texts = self.person().texts();
        let ago = (last_used > 0).then(|| texts.ago(clock::unix_now().saturating_sub(last_used)));
        Ok(texts.usage(&usage, ago.as_deref()))
    }
}

/// The last prompt in the place of the command's message: that is the one that is seen to be worked on, and that an edit would change.
fn again(last: Content, command: &Content) -> Option<Content> {
    let Content::Text { message: number, .. } = command else { return None };
    match last {
        Content::Text { text, context, files, .. } => {
            Some(Content::Text { message: *number, text, context, files, part: None, joined: Vec::new() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inbound::Part;

    #[test]
    fn the_last_prompt_is_given_again_under_the_command_s_own_message() {
        let last = Content::Text {
            message: 3,
            text: "one\ntwo".to_owned(),
            context: Some("about".to_owned()),
            files: Vec::new(),
            part: Some(Part::Paste),
            joined: vec![(3, 3), (4, 3)],
        };
        let command = Content::text(9, "/retry".to_owned());
        let Some(Content::Text { message, text, context, part, joined, .. }) = again(last, &command) else { panic!("a prompt") };
        assert_eq!((message, text.as_str(), context.as_deref()), (9, "one\ntwo", Some("about")));
        assert!(part.is_none() && joined.is_empty());
        assert_eq!(again(Content::Stop, &command), None);
    }
}
