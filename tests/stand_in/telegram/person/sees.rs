//! What a person sees of the bot.

use std::time::{Duration, Instant, SystemTime};

use super::super::chat::{BOT, Chat, Draft, Kind, Message};
use super::super::state::State;
use super::super::{commands, report};
use super::Person;

/// What a person sees.
impl Person {
    /// Waits for a message of the bot in this chat and gives it. A message given once is not given again, unless it was edited since.
    #[track_caller]
    pub fn waits_for_message(&self, wanted: impl Fn(&Message) -> bool) -> Message {
        self.waits("a message", |chat| {
            let mut messages = chat.messages.iter_mut().filter(|message| message.from == BOT && !message.deleted && !message.read);
            let found = messages.find(|message| wanted(message))?;
            found.read = true;
            Some(found.clone())
        })
    }

    /// Waits until the bot shows such a draft.
    #[track_caller]
    pub fn waits_for_draft(&self, wanted: impl Fn(&Draft) -> bool) -> Draft {
        self.waits("a draft", |chat| chat.drafts.values().find(|draft| wanted(draft)).cloned())
    }

    /// Waits until the bot's reaction on a message is this emoji.
    #[track_caller]
    pub fn waits_for_reaction(&self, message: i64, emoji: &str) {
        self.waits(&format!("{emoji} on {message}"), |chat| {
            chat.message(message)?.reactions.iter().any(|reaction| reaction == emoji).then_some(())
        });
    }

    /// Waits until a press is answered; gives the toast, empty for none.
    #[track_caller]
    pub fn waits_for_toast(&self, press: &str) -> String {
        let find = |state: &mut State| state.toasts.iter().find(|(id, _)| id == press).map(|(_, text)| text.clone());
        self.shared.wait("an answer to a press", find, report)
    }

    /// Waits for anything in the chat.
    #[track_caller]
    pub fn waits<T>(&self, what: &str, mut find: impl FnMut(&mut Chat) -> Option<T>) -> T {
        let what = format!("{what} in chat {}", self.chat);
        self.shared.wait(&what, |state| find(state.chats.get_mut(&self.chat)?), report)
    }

    /// Fails the test if the bot says something new here within this time. For what must not happen; anything else can be waited for.
    #[track_caller]
    pub fn hears_nothing_for(&self, time: Duration) {
        let until = Instant::now() + time;
        let seen = self.messages().len();
        let mut state = self.shared.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let said = state.chats[&self.chat].messages.iter().filter(|message| message.from == BOT && !message.deleted).count();
            if left.is_zero() || said > seen {
                drop(state);
                assert!(said <= seen, "the bot was to say nothing\n{}", self.transcript());
                return;
            }
            state = self.shared.pause(state, left);
        }
    }

    /// The bot's messages that are there now, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.look(|chat| chat.messages.iter().filter(|message| message.from == BOT && !message.deleted).cloned().collect())
    }

    /// A message as it is now.
    pub fn message(&self, id: i64) -> Option<Message> {
        self.look(|chat| chat.messages.iter().find(|message| message.id == id && !message.deleted).cloned())
    }

    /// The draft that the person sees now: the newest, for Telegram shows one for about 30 seconds.
    pub fn draft(&self) -> Option<Draft> {
        let shown = |draft: &&Draft| draft.at.elapsed().is_ok_and(|age| age < Duration::from_secs(30));
        self.look(|chat| chat.drafts.values().filter(shown).max_by_key(|draft| draft.at).cloned())
    }

    /// Every draft that there was, oldest first.
    pub fn all_drafts(&self) -> Vec<Draft> {
        self.look(|chat| chat.all_drafts.clone())
    }

    /// The bot's reactions on a message.
    pub fn reactions(&self, message: i64) -> Vec<String> {
        self.message(message).map(|message| message.reactions).unwrap_or_default()
    }

    /// The chat actions so far: when, in which topic, what.
    pub fn actions(&self) -> Vec<(SystemTime, Option<i64>, String)> {
        self.look(|chat| chat.actions.clone())
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: i64) -> Option<String> {
        self.look(|chat| chat.topics.get(&topic).map(|topic| topic.name.clone()))
    }

    /// The commands in the person's menu in this chat, with their descriptions.
    pub fn commands(&self) -> Vec<(String, String)> {
        let state = self.shared.lock();
        let language = state.people[&self.user]["language_code"].as_str().unwrap_or_default();
        commands::seen(&state, &state.chats[&self.chat], self.user, language)
    }

    /// Whether this is a private chat.
    pub fn is_private(&self) -> bool {
        self.look(|chat| chat.kind == Kind::Private)
    }

    /// What can be read in the chat.
    pub fn transcript(&self) -> String {
        self.look(Chat::transcript)
    }

    /// Looks at the chat.
    pub fn look<T>(&self, look: impl FnOnce(&Chat) -> T) -> T {
        look(&self.shared.lock().chats[&self.chat])
    }
}
