//! The menu of commands in a chat: the bot's own, and those of the agent that is spoken to there.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use super::Screens;
use crate::channel::telegram::methods::{BotCommand, ChatScope, SetMyCommands};
use crate::gateway::MENU;
use crate::gateway::texts::texts;
use crate::model::{Language, ThreadId, UserId};

/// Menus that are remembered; beyond them all are forgotten, and set again when they change.
const MENUS: usize = 1024;

/// Whose menu in which chat.
type Place = (i64, i64);

/// What the menus were last set to.
#[derive(Debug, Default)]
pub(super) struct Menus {
    hasher: RandomState,
    set: Mutex<HashMap<Place, u64>>,
}

impl Menus {
    /// Whether this is another menu than the last one there. It counts as set from now on.
    fn is_new(&self, place: Place, menu: &[BotCommand]) -> bool {
        let words: Vec<(&str, &str)> = menu.iter().map(|command| (command.command.as_str(), command.description.as_str())).collect();
        let now = self.hasher.hash_one(words);
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        if set.len() >= MENUS && !set.contains_key(&place) {
            set.clear();
        }
        set.insert(place, now) != Some(now)
    }

    /// It could not be set.
    fn forget(&self, place: Place) {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
    }
}

impl Screens {
    /// Sets a person's menu in a chat if it has changed. Nobody waits for it: the commands work without.
    pub(super) fn set_menu(self: &Arc<Self>, thread: ThreadId, user: UserId, commands: &[(String, String)], language: Language) {
        let (place, menu) = ((thread.chat, user.number), menu(commands, language));
        if !self.menus.is_new(place, &menu) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.signs).try_acquire_owned() else { return self.menus.forget(place) };
        let screens = Arc::clone(self);
        tokio::spawn(async move {
            let request = SetMyCommands { commands: menu, scope: Some(ChatScope::new(thread.chat, user.number)), language_code: None };
            if !screens.try_once(thread, &request).await {
                screens.menus.forget(place);
            }
            drop(permit);
        });
    }
}

/// The bot's commands, then the agent's, which are made fit for a menu where they are named.
fn menu(agent: &[(String, String)], language: Language) -> Vec<BotCommand> {
    let own = MENU.iter().map(|name| (*name, texts(language).describe(name)));
    let all = own.chain(agent.iter().map(|(name, what)| (name.as_str(), what.as_str())));
    all.map(|(name, what)| BotCommand { command: name.to_owned(), description: what.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), format!("does {name}"))).collect()
    }

    #[test]
    fn the_agent_s_commands_stand_below_the_bot_s_own() {
        let menu = menu(&agent(&["compact"]), Language::German);
        let names: Vec<&str> = menu.iter().map(|command| command.command.as_str()).collect();
        assert_eq!(names, MENU.iter().copied().chain(["compact"]).collect::<Vec<_>>());
        assert_eq!(menu.last().unwrap().description, "does compact");
        assert_eq!(menu[0].description, texts(Language::German).describe(MENU[0]));
    }

    #[test]
    fn a_menu_is_set_on_change_only() {
        let menus = Menus::default();
        let (one, two) = (menu(&agent(&["a"]), Language::English), menu(&agent(&["b"]), Language::English));
        let (ana, ben) = ((-5, 7), (-5, 8));
        assert!(menus.is_new(ana, &one) && !menus.is_new(ana, &one) && menus.is_new(ben, &one) && menus.is_new(ana, &two));
        menus.forget(ana);
        assert!(menus.is_new(ana, &two));
    }
}
