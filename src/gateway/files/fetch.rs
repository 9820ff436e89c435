//! Fetching what a person sent, from its channel into the thread's workspace.
//!
//! A download goes into a spool that only the gateway sees, and goes on there after a crash or a broken connection; whole, it is placed in
//! the workspace. It is fetched when its turn comes, so that what is dropped from the queue costs nothing; and nothing of a prompt is placed
//! before all of it is there, since what was placed is placed again when the prompt is tried again.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::incoming::spool::{Part, Spool};
use super::incoming::{self, IncomingError};
use super::{kind, name};
use crate::beneath::{Beneath, BeneathError};
use crate::channel::telegram::api::{Api, ApiError};
use crate::channel::telegram::backoff::Backoff;
use crate::channel::telegram::methods::GetFile;
use crate::model::inbound::{FileIn, FileKind};
use crate::store::EntryId;

/// Largest file that is fetched, in bytes: what the Bot API lets a bot download. A server of one's own lets more through, a small disk does not.
pub(crate) const LARGEST: u64 = 20 * 1024 * 1024;

/// Largest picture that is given to an agent as such, in bytes; a larger one is a link. As base64 it fits into one line of ACP.
const PICTURE: u64 = 5 * 1024 * 1024;

/// Where files go in a workspace.
const INBOX: &str = "inbox";

/// How often a download that breaks off is begun again where it stopped, with growing pauses: about half a minute of a bad network.
const ATTEMPTS: usize = 5;

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// It is larger than [`LARGEST`].
    #[error("it is larger than {} MiB", LARGEST / 1024 / 1024)]
    TooLarge,
    /// The channel will not give it.
    #[error("{0}")]
    Refused(ApiError),
    /// The channel cannot be reached; later it may be.
    #[error("{0}")]
    Unreachable(ApiError),
    /// It cannot be kept.
    #[error(transparent)]
    Keep(IncomingError),
    /// The workspace cannot be written to.
    #[error(transparent)]
    Workspace(#[from] BeneathError),
    /// There is no channel to fetch from.
    #[error("the channel it came from is not connected")]
    NoChannel,
}

impl From<IncomingError> for FetchError {
    fn from(error: IncomingError) -> Self {
        match error {
            IncomingError::TooLarge { .. } => Self::TooLarge,
            error => Self::Keep(error),
        }
    }
}

impl FetchError {
    /// Whether the same may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Keep(_))
    }
}

/// A picture: its media type by its content, and its content.
type Picture = (&'static str, Vec<u8>);

/// A file in the workspace.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Where, below the workspace.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its media type, where it is known.
    pub(crate) mime: Option<String>,
    /// Its media type by its content and its content, where it is a picture that an agent can be given as such.
    pub(crate) picture: Option<Picture>,
}

/// What fetches. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Fetcher {
    api: Option<Api>,
    spool: Arc<Spool>,
}

impl Fetcher {
    /// Fetches by `api`, with the spool in `directory`; what is left there of entries that are done with is removed.
    pub(crate) fn new(api: Option<Api>, directory: &Path, keep: impl Fn(u64) -> bool) -> Result<Self, IncomingError> {
        let spool = Spool::open(directory)?;
        spool.sweep(keep)?;
        Ok(Self { api, spool: Arc::new(spool) })
    }

    /// Fetches the file of this index of a prompt, all of it or what is missing of it.
    pub(crate) async fn fetch(&self, entry: EntryId, index: usize, file: &FileIn) -> Result<(), FetchError> {
        if file.size.is_some_and(|size| size > LARGEST) {
            return Err(FetchError::TooLarge);
        }
        let api = self.api.as_ref().ok_or(FetchError::NoChannel)?;
        let mut part = self.spool.part(entry.0, index)?;
        let mut backoff = Backoff::usual();
        for attempt in 1.. {
            match download(api, &file.id, &mut part).await {
                Err(FetchError::Unreachable(error)) if attempt < ATTEMPTS => {
                    tracing::info!(%error, length = part.length(), "a download broke off; it goes on");
                    tokio::time::sleep(backoff.pause()).await;
                }
                Err(FetchError::Refused(error)) if part.length() > 0 && attempt < ATTEMPTS => {
                    tracing::info!(%error, length = part.length(), "a download cannot go on; it begins anew");
                    part.reset()?;
                }
                other => return other,
            }
        }
        Ok(())
    }

    /// Places what was fetched in a workspace.
    pub(crate) async fn place(&self, entry: EntryId, index: usize, file: &FileIn, workspace: &Path) -> Result<Fetched, FetchError> {
        let (workspace, wanted) = (workspace.to_owned(), wanted_name(file));
        let reader = self.spool.part(entry.0, index)?.into_reader()?;
        let placed = tokio::task::spawn_blocking(move || place(reader, &workspace, &wanted)).await;
        let (placed, picture) = placed.map_err(|_| FetchError::NoChannel)??;
        let mime = picture.as_ref().map(|(mime, _)| (*mime).to_owned()).or_else(|| file.mime.clone());
        Ok(Fetched { path: placed.path, size: placed.size, mime, picture })
    }

    /// An entry's downloads are of no use any more.
    pub(crate) fn forget(&self, entry: EntryId) {
        if let Err(error) = self.spool.forget(entry.0) {
            tracing::warn!(%error, "what was downloaded could not be removed");
        }
    }
}

/// Fetches what is missing of a file.
async fn download(api: &Api, id: &str, part: &mut Part) -> Result<(), FetchError> {
    let file = api.call(&GetFile { file_id: id.to_owned() }).await.map_err(judged)?;
    if file.file_size.is_some_and(|size| size > LARGEST) {
        return Err(FetchError::TooLarge);
    }
    if part.length() > 0 && file.file_size == Some(part.length()) {
        return Ok(());
    }
    let path = file.file_path.unwrap_or_default();
    let mut download = api.download(&path, part.length(), LARGEST).await.map_err(judged)?;
    if download.from < part.length() {
        part.reset()?;
    }
    while let Some(chunk) = download.chunk().await.map_err(judged)? {
        part.append(&chunk, LARGEST)?;
    }
    Ok(())
}

fn judged(error: ApiError) -> FetchError {
    match error {
        error if error.is_too_large() => FetchError::TooLarge,
        error if error.is_passing() => FetchError::Unreachable(error),
        error => FetchError::Refused(error),
    }
}

/// Places a download in the workspace. The picture is read from the download itself, which the agent cannot change.
fn place(mut reader: File, workspace: &Path, wanted: &str) -> Result<(incoming::Placed, Option<Picture>), FetchError> {
    let picture = picture(&mut reader).unwrap_or_default();
    let placed = incoming::place(&Beneath::open(workspace)?, Path::new(INBOX), wanted, &mut reader, LARGEST)?;
    Ok((placed, picture))
}

fn picture(reader: &mut File) -> std::io::Result<Option<Picture>> {
    if reader.metadata()?.len() > PICTURE {
        return Ok(None);
    }
    let mut data = Vec::new();
    (&mut *reader).take(PICTURE).read_to_end(&mut data)?;
    reader.rewind()?;
    Ok(kind::image_mime(&data).map(|mime| (mime, data)))
}

/// A safe name: the person's own, else the word for what it is with the usual ending.
fn wanted_name(file: &FileIn) -> String {
    let ending = match file.kind {
        FileKind::Photo => Some("jpg"),
        FileKind::Voice => Some("ogg"),
        FileKind::Audio => Some("mp3"),
        FileKind::Video | FileKind::VideoNote | FileKind::Animation => Some("mp4"),
        FileKind::Sticker => match file.mime.as_deref() {
            Some("video/webm") => Some("webm"),
            Some("application/x-tgsticker") => Some("tgs"),
            _ => Some("webp"),
        },
        FileKind::Document => None,
    };
    name::safe_name(file.name.as_deref(), file.kind.as_str(), ending)
}
