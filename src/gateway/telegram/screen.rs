//! The screens: one per thread that has something to show, each with a task that ends when there is nothing left.

mod hands;
mod post;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::board::{Board, Step};
use super::names::Names;
use super::pacer::Pacer;
use crate::channel::telegram::api::{Api, ApiError};
use crate::channel::telegram::methods::Method;
use crate::gateway::Shows;
use crate::model::outbound::Show;
use crate::model::{ChannelKind, ThreadId};
use crate::store::{Store, StoreError};

use hands::Hands;

/// Threads that are shown at once; each has at most one connection. Of any further thread only the outbox is served, when there is room.
const SCREENS: usize = 256;

/// Toasts and reactions that are on their way at once. Beyond them they are left out: nobody needs them.
const SIGNS: usize = 32;

/// All screens of a bot.
#[derive(Debug)]
pub(super) struct Screens {
    api: Api,
    store: Store,
    pacer: Pacer,
    names: Names,
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
    pub(super) fn new(api: Api, store: Store, names: Names) -> Arc<Self> {
        let signs = Arc::new(Semaphore::new(SIGNS));
        Arc::new(Self { api, store, pacer: Pacer::default(), names, signs, open: Mutex::default() })
    }

    /// Shows what comes, and first what the outbox still has from before a restart. Ends when all sessions are gone.
    ///
    /// # Errors
    /// The outbox cannot be listed.
    pub(super) async fn serve(self: Arc<Self>, mut shows: Shows) -> Result<(), StoreError> {
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
        let mut open = self.open();
        let known = open.screens.get(&thread).cloned();
        let screen = match known {
            Some(screen) => screen,
            None if open.screens.len() >= SCREENS => {
                if show == Show::Deliver {
                    open.waiting.insert(thread);
                }
                return;
            }
            None => self.begin(&mut open, thread),
        };
        screen.board().apply(show, Instant::now(), |user| self.names.of(user, thread));
        screen.changed.notify_one();
    }

    fn begin(self: &Arc<Self>, open: &mut Open, thread: ThreadId) -> Arc<Screen> {
        let screen = Arc::new(Screen { thread, board: Mutex::new(Board::new(thread, Instant::now())), changed: Notify::new() });
        open.screens.insert(thread, Arc::clone(&screen));
        tokio::spawn(Hands::new(Arc::clone(self), Arc::clone(&screen)).run());
        screen
    }

    /// Ends a screen, unless something to show has come meanwhile, and lets a waiting thread in.
    fn end(self: &Arc<Self>, screen: &Screen) -> bool {
        let mut open = self.open();
        let now = Instant::now();
        if screen.board().next(now, now) != Step::Rest {
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

    /// What is of no use later is not tried again.
    async fn try_once<M: Method>(&self, thread: ThreadId, request: &M) {
        if let Err(error) = self.api.call(request).await {
            self.heed(thread, &error);
            tracing::debug!(%error, %thread, "something passing was not shown");
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
