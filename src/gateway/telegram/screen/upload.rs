//! Files of the outbox: opened at the moment at which they are sent, and sent as what they are.

use tokio::time::Instant;

use super::hands::Hands;
use crate::channel::telegram::api::{ApiError, Upload};
use crate::channel::telegram::methods::{AlbumItem, FileKind, SendFile, SendMediaGroup};
use crate::channel::telegram::render::Piece;
use crate::gateway::files::kind::OutKind;
use crate::gateway::files::outgoing::{self, OutFile, SendFileError};
use crate::gateway::telegram::delivery::{Delivery, Item, Source, Tried, together};
use crate::model::outbound::FileOut;

/// What became of files.
pub(super) enum Outcome {
    /// So many of them arrived.
    Arrived(usize),
    /// Telegram refused.
    Refused(ApiError, Tried),
    /// The first cannot be opened.
    Unsendable(SendFileError),
}

/// A file that can be sent.
struct Ready {
    kind: FileKind,
    upload: Upload,
    caption: Option<Piece>,
}

impl Hands {
    /// Sends the first of the files, or as many of them as go together.
    pub(super) async fn send_files(&self, delivery: &Delivery, items: Vec<Item>) -> Outcome {
        let mut ready: Vec<Ready> = Vec::new();
        for item in items {
            match self.open(item, delivery.is_document()).await {
                Ok(file) => ready.push(file),
                Err(why) if ready.is_empty() => return Outcome::Unsendable(why),
                // Said when its turn comes.
                Err(_) => break,
            }
        }
        let sizes: Vec<(FileKind, u64)> = ready.iter().map(|file| (file.kind, file.upload.size())).collect();
        ready.truncate(together(&sizes));
        let count = ready.len();
        let (result, tried) = match <[Ready; 1]>::try_from(ready) {
            Ok([file]) => {
                let tried = Tried::One(file.kind);
                (self.send_one(delivery, file).await, tried)
            }
            Err(album) => (self.send_album(delivery, album).await, Tried::Album),
        };
        match result {
            Ok(()) => Outcome::Arrived(count),
            Err(error) => {
                self.screens.heed(self.thread(), &error);
                Outcome::Refused(error, tried)
            }
        }
    }

    async fn send_one(&self, delivery: &Delivery, Ready { kind, upload, caption }: Ready) -> Result<(), ApiError> {
        let (caption, caption_entities) = caption.map(|piece| (piece.text, piece.entities)).unwrap_or_default();
        let (place, disable_notification) = (delivery.place(), delivery.is_silent());
        let request = SendFile { place, kind, caption, caption_entities, disable_notification, reply_markup: None };
        self.screens.pacer.sends(self.chat(), Instant::now());
        self.screens.api.send_file(&request, upload).await.map(drop)
    }

    async fn send_album(&self, delivery: &Delivery, files: Vec<Ready>) -> Result<(), ApiError> {
        let (mut media, mut uploads) = (Vec::new(), Vec::new());
        for (index, Ready { kind, upload, caption }) in files.into_iter().enumerate() {
            let (caption, entities) = caption.map(|piece| (piece.text, piece.entities)).unwrap_or_default();
            media.push(AlbumItem::new(kind, index, caption, entities));
            uploads.push(upload);
        }
        let request = SendMediaGroup { place: delivery.place(), media, disable_notification: delivery.is_silent() };
        self.screens.pacer.sends(self.chat(), Instant::now());
        self.screens.api.send_album(&request, uploads).await.map(drop)
    }

    async fn open(&self, Item { source, caption }: Item, as_document: bool) -> Result<Ready, SendFileError> {
        let (kind, upload) = match source {
            Source::Text { name, text } => (FileKind::Document, Upload::text(text, &name)),
            Source::Workspace(file) => self.open_file(file).await?,
        };
        Ok(Ready { kind: if as_document { FileKind::Document } else { kind }, upload, caption })
    }

    /// Opens a file of a workspace. From here on it is read by its descriptor alone.
    async fn open_file(&self, FileOut { owner, path, .. }: FileOut) -> Result<(FileKind, Upload), SendFileError> {
        let (store, thread) = (&self.screens.store, self.thread());
        let OutFile { file, size, name, kind } = outgoing::open_registered(store, &self.screens.workspaces, &owner, &thread, path).await?;
        let upload = Upload::new(file, &name).map_err(SendFileError::Unreadable)?;
        if upload.size() != size {
            return Err(SendFileError::Changing);
        }
        Ok((as_sent(kind), upload))
    }
}

fn as_sent(kind: OutKind) -> FileKind {
    match kind {
        OutKind::Photo => FileKind::Photo,
        OutKind::Video => FileKind::Video,
        OutKind::Voice => FileKind::Voice,
        OutKind::Audio => FileKind::Audio,
        OutKind::Animation => FileKind::Animation,
        OutKind::Document => FileKind::Document,
    }
}
