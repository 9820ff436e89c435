//! One message of the outbox on its way, part by part. Decides; [`super::screen`] acts.

mod parts;

use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{ALBUM, FileKind, LinkPreview, Place, RichMessage, SendMessage, SendRichMessage, UPLOAD};
use crate::channel::telegram::render::Piece;
use crate::channel::telegram::types::InlineKeyboard;
use crate::gateway::files::name::shown;
use crate::gateway::texts::{Texts, texts};
use crate::model::outbound::{Edit, FileOut, Message};
use crate::store::OutboxId;

use super::question::keyboard;
use parts::{Part, Parts, one, parts};

pub(super) use parts::{Item, Source};

/// Messages that go out without a pause; more of them come at Telegram's own rate.
const AT_ONCE: usize = 3;

/// What makes Telegram fetch something for a rich message. As with previews of links, what an agent names is not to be fetched: an address
/// can carry out what the agent has read.
const FETCHED: [&str; 7] = ["![", "tg://", "<img", "<video", "<audio", "<source", "<tg-"];

/// A message on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: OutboxId,
    message: Message,
    parts: Vec<Part>,
    /// How many of the parts are the message's own text.
    texts: usize,
    /// Parts that Telegram has confirmed, or that were given up.
    sent: usize,
    place: Place,
    /// The text as a whole is tried in the richer form.
    rich: bool,
    /// This part is tried without its formatting.
    plain: bool,
    /// Files are no longer tried as albums.
    apart: bool,
    /// This file is tried as a document.
    as_document: bool,
    excuse: Option<Excuse>,
}

/// What is said in the place of parts that cannot be delivered.
#[derive(Debug)]
struct Excuse {
    piece: Piece,
    /// How many parts are done with when it is said.
    then: usize,
}

/// What is to be sent next.
#[derive(Debug)]
pub(super) enum Request<'a> {
    /// A text.
    Text(SendMessage),
    /// A whole text in the richer form.
    Rich(SendRichMessage),
    /// An earlier message becomes this.
    Edit(&'a Edit, Piece, Option<InlineKeyboard>),
    /// The first of these files, or as many of them as go together.
    Files(Vec<Item>),
}

/// What was confirmed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// How many parts are.
    pub(super) sent: usize,
    /// The text under whose tag the message is to be remembered, where it is the one.
    pub(super) tagged: Option<(String, String)>,
}

/// As what files were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// As an album.
    Album,
    /// One of them, as this.
    One(FileKind),
}

/// What is done about a refusal.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Tried again as it is, later.
    Wait,
    /// Tried again at once, changed.
    Again,
    /// Tried again at once without its topic, which is not there.
    WithoutTopic,
    /// The chat, and all that waits for it, goes on under this number.
    Moved(i64),
    /// There is nothing to change, or nothing left that could be: as good as confirmed.
    Done,
    /// It can never arrive.
    GiveUp,
}

impl Delivery {
    /// Begins, or goes on after what was confirmed before a restart.
    pub(super) fn new(id: OutboxId, message: Message, place: Place) -> Self {
        let Parts { all: parts, texts, is_whole } = parts(&message);
        let fetches = || FETCHED.iter().any(|mark| message.markdown.to_lowercase().contains(mark));
        let rich = message.rich && message.details.is_none() && message.edit.is_none() && is_whole && !fetches();
        let (sent, excuse) = (message.sent, None);
        Self { id, parts, texts, sent, place, rich, plain: false, apart: false, as_document: false, excuse, message }
    }

    /// What is next; `None` when all is confirmed.
    pub(super) fn request(&self) -> Option<Request<'_>> {
        if let Some(excuse) = &self.excuse {
            return Some(Request::Text(self.text(&excuse.piece, None)));
        }
        if self.is_rich() {
            let rich_message = RichMessage { markdown: self.message.markdown.clone(), skip_entity_detection: true };
            let (place, disable_notification, reply_markup) = (self.place, self.is_silent(), self.keyboard());
            return Some(Request::Rich(SendRichMessage { place, rich_message, disable_notification, reply_markup }));
        }
        match (self.parts.get(self.sent)?, &self.message.edit) {
            (Part::Text(piece), Some(edit)) if self.is_text() => Some(Request::Edit(edit, self.dressed(piece), self.keyboard())),
            (Part::Text(piece), _) => {
                let is_last = self.sent + 1 == self.texts;
                Some(Request::Text(self.text(piece, if is_last { self.keyboard() } else { None })))
            }
            (Part::File(_), _) => Some(Request::Files(self.files())),
        }
    }

    fn text(&self, piece: &Piece, reply_markup: Option<InlineKeyboard>) -> SendMessage {
        let Piece { text, entities } = self.dressed(piece);
        let (place, disable_notification) = (self.place, self.is_silent());
        SendMessage { place, text, entities, link_preview_options: LinkPreview::OFF, disable_notification, reply_markup }
    }

    /// The files that are next.
    fn files(&self) -> Vec<Item> {
        let most = if self.apart || self.as_document { 1 } else { ALBUM };
        let rest = self.parts.iter().skip(self.sent).map_while(|part| match part {
            Part::File(item) => Some(Item { caption: item.caption.as_ref().map(|piece| self.dressed(piece)), ..item.clone() }),
            Part::Text(_) => None,
        });
        rest.take(most).collect()
    }

    /// Whether this file goes as a document whatever it is.
    pub(super) fn is_document(&self) -> bool {
        self.as_document
    }

    /// Where it goes.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Whether the phone stays silent: one sound for a message, however many parts it has.
    pub(super) fn is_silent(&self) -> bool {
        !self.message.loud || self.sent > 0
    }

    fn is_text(&self) -> bool {
        self.sent < self.texts
    }

    fn is_rich(&self) -> bool {
        self.rich && self.sent == 0 && self.is_text() && self.excuse.is_none()
    }

    fn keyboard(&self) -> Option<InlineKeyboard> {
        keyboard(self.message.buttons.iter().map(|(label, token)| (label.as_str(), token.clone())))
    }

    fn dressed(&self, piece: &Piece) -> Piece {
        let entities = if self.plain { Vec::new() } else { piece.entities.clone() };
        Piece { text: piece.text.clone(), entities }
    }

    /// As many parts have arrived as were sent together.
    pub(super) fn confirmed(&mut self, parts: usize) -> Confirmed {
        let was_text = self.is_text() && self.message.edit.is_none();
        let excuse = self.excuse.take();
        let was_excuse = excuse.is_some();
        self.sent = match excuse {
            Some(excuse) => excuse.then,
            None if self.is_rich() => self.texts,
            None => self.sent + parts,
        };
        self.plain = false;
        self.as_document = false;
        let is_whole = was_text && !was_excuse && !self.is_text();
        let text = || self.texts.checked_sub(1).and_then(|last| self.parts.get(last));
        let tagged = match (&self.message.tag, is_whole.then(text).flatten()) {
            (Some(tag), Some(Part::Text(piece))) => Some((tag.clone(), piece.text.clone())),
            _ => None,
        };
        Confirmed { sent: self.sent, tagged }
    }

    /// The tag of a rewritten message whose buttons are gone: it will not be rewritten again.
    pub(super) fn settles(&self) -> Option<&str> {
        match &self.message.edit {
            Some(Edit::Tag(tag)) if self.message.buttons.is_empty() => Some(tag),
            _ => None,
        }
    }

    /// Whether the rest is to come at Telegram's own rate.
    pub(super) fn is_long_row(&self) -> bool {
        self.sent >= AT_ONCE && self.sent < self.parts.len()
    }

    /// The texts of its reader's language.
    pub(super) fn texts(&self) -> &'static dyn Texts {
        texts(self.message.language)
    }

    /// The next file cannot be sent; `why` is a sentence.
    pub(super) fn cannot_send(&mut self, why: &str) {
        let name = match self.parts.get(self.sent) {
            Some(Part::File(Item { source: Source::Text { name, .. } | Source::Workspace(FileOut { path: name, .. }), .. })) => name,
            _ => return,
        };
        let said = self.texts().file_not_sent(&shown(name), why);
        self.say_instead(&said, self.sent + 1);
    }

    /// It was refused; `tried` says as what, where it was files.
    pub(super) fn refused(&mut self, error: &ApiError, tried: Option<Tried>) -> Remedy {
        match error {
            // A token that is refused ends the poller, and with it everything; until then nothing is thrown away.
            ApiError::Unauthorized { .. } => Remedy::Wait,
            error if error.is_passing() => Remedy::Wait,
            ApiError::Migrated { to, .. } if self.place.chat_id != *to => Remedy::Moved(*to),
            ApiError::Forbidden { .. } => Remedy::GiveUp,
            error if error.lacks_topic() && self.place.message_thread_id.is_some() => {
                self.place = self.place.without_topic();
                Remedy::WithoutTopic
            }
            error if error.is_formatting() && !self.plain && !self.is_rich() => {
                self.plain = true;
                Remedy::Again
            }
            ApiError::BadRequest { .. } | ApiError::File { .. } => self.another_form(error, tried),
            _ => Remedy::GiveUp,
        }
    }

    fn another_form(&mut self, error: &ApiError, tried: Option<Tried>) -> Remedy {
        let why = match error {
            ApiError::BadRequest { description, .. } => description.as_str(),
            _ => "",
        };
        match tried {
            Some(Tried::Album) => self.apart = true,
            Some(Tried::One(kind)) if kind != FileKind::Document && matches!(error, ApiError::BadRequest { .. }) => self.as_document = true,
            Some(Tried::One(_)) if matches!(error, ApiError::File { .. }) => self.cannot_send(self.texts().file_changed()),
            Some(Tried::One(_)) => self.cannot_send(&self.texts().telegram_refuses(why)),
            None if self.message.edit.is_some() && self.is_text() => return Remedy::Done,
            None if self.is_rich() => self.rich = false,
            None if self.excuse.is_some() || error.lacks_chat() => return Remedy::GiveUp,
            None => {
                self.plain = false;
                let then = if self.is_text() { self.texts } else { self.sent + 1 };
                self.say_instead(&texts(self.message.language).undeliverable(why), then);
            }
        }
        Remedy::Again
    }

    fn say_instead(&mut self, words: &str, then: usize) {
        self.excuse = one(words).map(|piece| Excuse { piece, then });
        self.as_document = false;
    }
}

/// How many of the first files go together as one album, by what they are and how large: pictures and videos with each other, documents
/// and music with their like, everything else alone. One request takes no more than one file may have.
pub(super) fn together(files: &[(FileKind, u64)]) -> usize {
    let sort = |kind: FileKind| match kind {
        FileKind::Photo | FileKind::Video => Some(FileKind::Photo),
        FileKind::Document | FileKind::Audio => Some(kind),
        FileKind::Animation | FileKind::Voice => None,
    };
    let Some(first) = files.first().and_then(|(kind, _)| sort(*kind)) else { return files.len().min(1) };
    let mut size = 0_u64;
    let fits = |(kind, bytes): &&(FileKind, u64)| {
        size = size.saturating_add(*bytes);
        sort(*kind) == Some(first) && size <= UPLOAD
    };
    files.iter().take(ALBUM).take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests;
