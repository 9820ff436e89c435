//! What becomes of the screens when a chat moves, or is lost.

use std::sync::Arc;

use super::Screens;
use crate::gateway::telegram::board::Board;
use crate::gateway::telegram::inbound::Note;
use crate::model::ChannelKind;
use crate::model::outbound::Show;
use crate::store::StoreError;

impl Screens {
    /// Heeds what Telegram tells of a chat. May be repeated. Durable after the store's next flush.
    ///
    /// # Errors
    /// The store failed.
    pub(in crate::gateway::telegram) fn heed_note(self: &Arc<Self>, note: Note) -> Result<(), StoreError> {
        match note {
            Note::Moved { from, to } => self.follow(from, to),
            Note::Left { chat } => self.give_up(chat),
            Note::Lives { chat, topic } => {
                self.topics.lives(chat, topic);
                Ok(())
            }
        }
    }

    /// A chat goes on under another number, and all that is known of it with it.
    pub(super) fn follow(self: &Arc<Self>, from: i64, to: i64) -> Result<(), StoreError> {
        if !self.store.move_chat(ChannelKind::Telegram, from, to)? {
            return Ok(());
        }
        tracing::info!(from, to, "a group became a supergroup; what is known of it follows");
        self.clear(from);
        for thread in self.store.outbox_threads(ChannelKind::Telegram)?.into_iter().filter(|thread| thread.chat == to) {
            self.show(thread, Show::Deliver);
        }
        Ok(())
    }

    /// The bot cannot write to a chat any more: what waits for it is thrown away. Written to again, all begins anew.
    fn give_up(self: &Arc<Self>, chat: i64) -> Result<(), StoreError> {
        let messages = self.store.give_up_chat(ChannelKind::Telegram, chat)?;
        if self.clear(chat) || messages > 0 {
            tracing::info!(chat, messages, "the bot was removed from a chat or blocked; what waited for it is given up");
        }
        Ok(())
    }

    /// Nothing of what was to be shown in a chat is. Says whether it had a screen.
    fn clear(&self, chat: i64) -> bool {
        let open = self.open();
        let mut found = false;
        for screen in open.screens.values().filter(|screen| screen.thread.chat == chat) {
            *screen.board() = Board::new(screen.thread);
            screen.changed.notify_one();
            found = true;
        }
        found
    }
}
