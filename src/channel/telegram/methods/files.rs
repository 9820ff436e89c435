//! Files, to the bot and from it.

use serde::{Serialize, Serializer};

use super::Place;
use crate::channel::telegram::types::{Entity, InlineKeyboard};

/// Asks where a file can be fetched from. Refused for one of more than [`super::DOWNLOAD`] bytes.
#[derive(Debug, Clone, Serialize)]
pub struct GetFile {
    /// The file.
    pub file_id: String,
}

/// As what a file is sent: how clients show it, and what Telegram does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A GIF, or a video without sound, which plays by itself. Not in albums.
    Animation,
    /// Music: MP3 or M4A. Only with its like in an album.
    Audio,
    /// Anything, as it is. Only with its like in an album.
    Document,
    /// A picture, made smaller; up to [`super::PHOTO`] bytes, width and height together at most 10000, neither 20 times the other.
    Photo,
    /// A video: MPEG-4.
    Video,
    /// A voice message: OGG with Opus, MP3 or M4A. Not in albums.
    Voice,
}

impl FileKind {
    /// Telegram's own word, which is also the parameter's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Animation => "animation",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Photo => "photo",
            Self::Video => "video",
            Self::Voice => "voice",
        }
    }

    /// The method that sends it.
    pub(in crate::channel::telegram) fn method(self) -> &'static str {
        match self {
            Self::Animation => "sendAnimation",
            Self::Audio => "sendAudio",
            Self::Document => "sendDocument",
            Self::Photo => "sendPhoto",
            Self::Video => "sendVideo",
            Self::Voice => "sendVoice",
        }
    }
}

impl Serialize for FileKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Sends one file; see [`Api::send_file`](crate::channel::telegram::api::Api::send_file).
#[derive(Debug, Clone, Serialize)]
pub struct SendFile {
    /// Where to.
    #[serde(flatten)]
    pub place: Place,
    /// As what.
    #[serde(skip)]
    pub kind: FileKind,
    /// The text under it, at most [`super::CAPTION`] units.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub caption: String,
    /// Its formatting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caption_entities: Vec<Entity>,
    /// Whether the phone stays silent.
    pub disable_notification: bool,
    /// Buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_markup: Option<InlineKeyboard>,
}

/// Sends 2 to [`super::ALBUM`] files as an album; see [`Api::send_album`](crate::channel::telegram::api::Api::send_album).
#[derive(Debug, Clone, Serialize)]
pub struct SendMediaGroup {
    /// Where to.
    #[serde(flatten)]
    pub place: Place,
    /// The files in their order. Photos and videos mix; documents and audio files are only with their like.
    pub media: Vec<AlbumItem>,
    /// Whether the phone stays silent.
    pub disable_notification: bool,
}

/// One file of an album. A caption under the first alone is shown as the album's.
#[derive(Debug, Clone, Serialize)]
pub struct AlbumItem {
    #[serde(rename = "type")]
    kind: FileKind,
    media: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    caption: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caption_entities: Vec<Entity>,
}

impl AlbumItem {
    /// The file that is uploaded at this place of the row, counted from 0, with the text under it.
    pub fn new(kind: FileKind, index: usize, caption: String, caption_entities: Vec<Entity>) -> Self {
        Self { kind, media: format!("attach://{}", Self::part(index)), caption, caption_entities }
    }

    /// The name of the part of the form with the file at this place of the row.
    pub(in crate::channel::telegram) fn part(index: usize) -> String {
        format!("file{index}")
    }
}
