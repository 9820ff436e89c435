//! The faces of the gateway, one per channel: where sessions send what they show.

use tokio::sync::mpsc;

use crate::model::outbound::Show;
use crate::model::{ChannelKind, ThreadId};

/// Shows that wait for a face. A face that lags holds its sessions back; agents wait on their pipes meanwhile.
const WAITING: usize = 256;

/// What a face receives.
pub type Shows = mpsc::Receiver<(ThreadId, Show)>;

/// The senders' side of all faces.
#[derive(Debug, Clone)]
pub struct Faces {
    telegram: Option<mpsc::Sender<(ThreadId, Show)>>,
    local: mpsc::Sender<(ThreadId, Show)>,
}

impl Faces {
    /// The faces, and what the local one and, where `telegram`, Telegram's receive.
    pub fn new(telegram: bool) -> (Self, Shows, Option<Shows>) {
        let (local, local_shows) = mpsc::channel(WAITING);
        let (sender, shows) = mpsc::channel(WAITING);
        let (sender, shows) = if telegram { (Some(sender), Some(shows)) } else { (None, None) };
        (Self { telegram: sender, local }, local_shows, shows)
    }

    /// Shows something in a thread. Without its channel's face nothing happens: what must arrive waits in the outbox.
    pub async fn show(&self, thread: ThreadId, show: Show) {
        let face = match thread.channel {
            ChannelKind::Telegram => self.telegram.as_ref(),
            ChannelKind::Local => Some(&self.local),
        };
        if let Some(face) = face {
            // A face that has ended ends the gateway; until then there is nobody to show it to.
            let _ = face.send((thread, show)).await;
        }
    }
}
