//! One flush for all who wait: group commit.

use std::sync::mpsc;

use tokio::sync::oneshot;

use super::StoreError;

/// Callers waiting at once. More than all sessions and pollers together; beyond it callers wait for a place.
const WAITING: usize = 1024;

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// The thread that flushes.
#[derive(Debug, Clone)]
pub(super) struct Flusher {
    requests: mpsc::SyncSender<Answer>,
}

impl Flusher {
    pub(super) fn start(db: sled::Db) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::sync_channel::<Answer>(WAITING);
        std::thread::Builder::new()
            .name("store-flush".to_owned())
            .spawn(move || serve(&db, &waiting))
            .map_err(|error| StoreError::Failed(format!("no thread for the store: {error}")))?;
        Ok(Self { requests })
    }

    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let (answer, flushed) = oneshot::channel();
        let gone = || StoreError::Failed("the store's thread has ended".to_owned());
        self.requests.try_send(answer).map_err(|_| gone())?;
        flushed.await.map_err(|_| gone())?
    }
}

/// Everybody who asked before a flush began is served by it.
fn serve(db: &sled::Db, waiting: &mpsc::Receiver<Answer>) {
    while let Ok(first) = waiting.recv() {
        let group: Vec<Answer> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let result = db.flush().map(|_| ()).map_err(StoreError::from);
        for answer in group {
            // A caller that no longer waits needs no answer.
            let _ = answer.send(result.clone());
        }
    }
}
