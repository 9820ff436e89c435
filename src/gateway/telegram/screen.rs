//! The screens: one per thread that has something to show, each with a task that ends when there is nothing left.

mod chats;
mod hands;
mod menu;
mod passing;
mod post;
mod upload;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::board::{Board, Opened};
use super::fold::line;
use super::names::Names;
use super::pacer::Pacer;
use super::topics::Topics;
use crate::channel::telegram::api::{Api, ApiError};
use crate::channel::telegram::methods::{EditForumTopic, Method};
use crate::gateway::Shows;
use crate::model::outbound::Show;
use crate::model::{ChannelKind, ThreadId};
use crate::store::{Store, StoreError};

use hands::Hands;
use menu::Menus;

/// Threads that are shown at once; each has one connection, or one more for a preview that hangs. Of any further thread only the outbox is served, when there is room.
const SCREENS: usize = 256;

/// Toasts and reactions that are on their way at once. Beyond them they are left out: nobody needs them.
const SIGNS: usize = 32;

/// Longest name of a topic, in characters: what a phone's list shows of it.
const NAME: usize = 25;

/// What the tags of open questions begin with.
const ASK: &str = "ask:";

/// All screens of a bot.
#[derive(Debug)]
pub(super) struct Screens {
    api: Api,
    store: Store,
    pacer: Pacer,
    names: Names,
    menus: Menus,
    topics: Topics,
    /// Below it are the workspaces from which files are sent.
    workspaces: PathBuf,
    signs: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    screens: HashMap<ThreadId, Arc<Screen>>,
    /// Threads whose outbox waits for room.
    waiting: BTreeSet<ThreadId>,
}

/// One thread's screen.
#[derive(Debug)]
struct Screen {
    thread: ThreadId,
    board: Mutex<Board>,
    changed: Notify,
}

impl Screen {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Screens {
    /// No screen yet.
    pub(super) fn new(api: Api, store: Store, names: Names, workspaces: PathBuf) -> Arc<Self> {
        let signs = Arc::new(Semaphore::new(SIGNS));
        let (pacer, menus, topics) = (Pacer::default(), Menus::default(), Topics::default());
        Arc::new(Self { api, store, pacer, names, menus, topics, workspaces, signs, open: Mutex::default() })
    }

    /// Shows what comes, and first what the outbox still has from before a restart. Questions from then are closed. Ends when all sessions
    /// are gone.
    ///
    /// # Errors
    /// The outbox or the open questions cannot be listed.
    pub(super) async fn serve(self: Arc<Self>, mut shows: Shows) -> Result<(), StoreError> {
        for (thread, tag, shown) in self.store.all_shown(ChannelKind::Telegram, ASK)? {
            let ask = tag.get(ASK.len()..).unwrap_or_default().to_owned();
            self.on_board(thread, false, |board| board.lost(Opened { ask, message: shown.message, lost: shown.text }));
        }
        for thread in self.store.outbox_threads(ChannelKind::Telegram)? {
            self.show(thread, Show::Deliver);
        }
        while let Some((thread, show)) = shows.recv().await {
            self.show(thread, show);
        }
        Ok(())
    }

    /// Never waits, so that no thread can hold up another.
    fn show(self: &Arc<Self>, thread: ThreadId, show: Show) {
        match show {
            Show::Menu { user, commands, language } => self.set_menu(thread, user, &commands, language),
            Show::Name { name } => self.rename(thread, &name),
            show => {
                let name = |user, language| self.names.of(user, thread, language);
                self.on_board(thread, show == Show::Deliver, |board| board.apply(show, Instant::now(), name));
            }
        }
    }

    /// Changes a thread's board. Without room for its screen nothing is shown, but an outbox waits for room.
    fn on_board(self: &Arc<Self>, thread: ThreadId, deliver: bool, change: impl FnOnce(&mut Board)) {
        let mut open = self.open();
        let known = open.screens.get(&thread).cloned();
        let screen = match known {
            Some(screen) => screen,
            None if open.screens.len() >= SCREENS => {
                if deliver {
                    open.waiting.insert(thread);
                }
                return;
            }
            None => self.begin(&mut open, thread),
        };
        change(&mut screen.board());
        screen.changed.notify_one();
    }

    /// Names a topic. One that has the name already, or is gone, is left alone.
    fn rename(self: &Arc<Self>, thread: ThreadId, name: &str) {
        let Some(message_thread_id) = self.topics.place(thread).message_thread_id else { return };
        let name = line(name, NAME);
        if !name.is_empty() {
            self.sign(thread, EditForumTopic { chat_id: thread.chat, message_thread_id, name });
        }
    }

    fn begin(self: &Arc<Self>, open: &mut Open, thread: ThreadId) -> Arc<Screen> {
        let screen = Arc::new(Screen { thread, board: Mutex::new(Board::new(thread)), changed: Notify::new() });
        open.screens.insert(thread, Arc::clone(&screen));
        tokio::spawn(Hands::new(Arc::clone(self), Arc::clone(&screen)).run());
        screen
    }

    /// Ends a screen, unless something to show has come meanwhile, and lets a waiting thread in.
    fn end(self: &Arc<Self>, screen: &Screen) -> bool {
        let mut open = self.open();
        if !screen.board().rests() {
            return false;
        }
        open.screens.remove(&screen.thread);
        if let Some(thread) = open.waiting.pop_first() {
            self.begin(&mut open, thread).board().deliver_more();
        }
        true
    }

    /// Calls something whose result nobody waits for: a stalled connection must not hold up an answer.
    fn sign<M: Method + Send + Sync + 'static>(self: &Arc<Self>, thread: ThreadId, request: M) {
        let Ok(permit) = Arc::clone(&self.signs).try_acquire_owned() else { return };
        let screens = Arc::clone(self);
        tokio::spawn(async move {
            screens.try_once(thread, &request).await;
            drop(permit);
        });
    }

    /// What is of no use later is not tried again. Gives whether it succeeded.
    async fn try_once<M: Method>(&self, thread: ThreadId, request: &M) -> bool {
        let result = self.api.call(request).await;
        if let Err(error) = &result {
            self.hush(thread.chat, error);
            tracing::debug!(%error, %thread, "something passing was not shown");
        }
        result.is_ok()
    }

    /// Remembers when a chat wants no more of what is passing.
    fn hush(&self, chat: i64, error: &ApiError) {
        if let ApiError::Flood { retry_after, .. } = error {
            self.pacer.hushed(chat, *retry_after, Instant::now());
        }
    }

    /// Remembers when a chat wants silence.
    fn heed(&self, thread: ThreadId, error: &ApiError) {
        if let ApiError::Flood { retry_after, .. } = error {
            tracing::info!(%thread, seconds = retry_after.as_secs(), "Telegram wants silence in this chat");
            self.pacer.flooded(thread.chat, *retry_after, Instant::now());
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
