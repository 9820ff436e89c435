//! What a person did, read from Telegram's events. Decides nothing about who may do it.

mod about;
mod note;

use crate::channel::telegram::render::clean;
use crate::channel::telegram::types::{Attachment, AttachmentKind, CallbackQuery, Location, Media, Message, Stopped, Update, User};
use crate::model::inbound::{Content, FileIn, FileKind, Inbound, Part};
use crate::model::{Language, ThreadId, UserId, bounds};

use super::fold::line;
pub(super) use note::{Note, note};

/// From this length on, in UTF-16 units, a text may be a part of a longer one. Clients split what is longer than 4096 at the last line's end
/// that fits, so all parts but the last are longer than this unless a line has 600 units. A wrong guess costs a second's wait.
const PASTE: usize = 3500;

/// Longest name, address or number that is told of a place or a person, in characters.
const WORDS: usize = 300;

/// Reads an event; `None` for what no person did, or is not meant for this bot. `now` is in Unix seconds.
pub(super) fn read(update: Update, bot: &User, now: u64) -> Option<Inbound> {
    let event = update.update_id;
    if let Some(message) = update.message {
        return of_message(event, &message, bot, now);
    }
    if let Some(message) = update.edited_message {
        return of_edit(event, &message, now);
    }
    if let Some(stopped) = update.stopped_message_generation {
        return of_stop(event, &stopped, now);
    }
    update.callback_query.and_then(|press| of_press(event, press, now))
}

fn of_message(event: i64, message: &Message, bot: &User, now: u64) -> Option<Inbound> {
    let from = writer(message)?;
    let at = if message.date == 0 { now } else { message.date };
    Some(inbound(event, from, thread(message), at, content(message, bot)?))
}

fn of_edit(event: i64, message: &Message, now: u64) -> Option<Inbound> {
    let from = writer(message)?;
    let text = message.text.as_ref().or(message.caption.as_ref()).filter(|text| text.len() <= bounds::PROMPT)?;
    let content = Content::Edited { message: message.message_id, text: clean(text).into_owned() };
    Some(inbound(event, from, thread(message), message.edit_date.unwrap_or(now), content))
}

/// Telegram does not say who pressed Stop. In a private chat it can be nobody else, and drafts are shown nowhere else.
fn of_stop(event: i64, stopped: &Stopped, now: u64) -> Option<Inbound> {
    let chat = stopped.chat.is_private().then_some(stopped.chat.id)?;
    let thread = ThreadId::telegram(chat, stopped.message_thread_id);
    Some(Inbound { user: UserId::telegram(chat), thread, event, at: now, language: None, content: Content::Stop })
}

fn of_press(event: i64, press: CallbackQuery, now: u64) -> Option<Inbound> {
    let message = press.message?;
    let from = Some(&press.from).filter(|from| !from.is_bot)?;
    let content = Content::Button { press: press.id, message: message.message_id, token: press.data? };
    Some(inbound(event, from, thread(&message), now, content))
}

fn inbound(event: i64, from: &User, thread: ThreadId, at: u64, content: Content) -> Inbound {
    let language = from.language_code.as_deref().and_then(Language::from_code);
    Inbound { user: UserId::telegram(from.id), thread, event, at, language, content }
}

/// Who wrote it; nobody who could be allowed, where it was sent by a channel, an anonymous administrator or another bot.
fn writer(message: &Message) -> Option<&User> {
    message.from.as_ref().filter(|from| !from.is_bot && message.sender_chat.is_none())
}

/// The chat and its topic. In groups without topics `message_thread_id` is the message that is replied to, which is no topic; and a
/// group's General topic, which has number 1, is the group without a topic.
fn thread(message: &Message) -> ThreadId {
    let is_topic = |topic: &i64| message.chat.is_private() || (message.is_topic_message && *topic != 1);
    ThreadId::telegram(message.chat.id, message.message_thread_id.filter(is_topic))
}

/// What a message is to the session. Telegram's own notes are nothing to it, but for those about its topic.
fn content(message: &Message, bot: &User) -> Option<Content> {
    if let Some(created) = &message.forum_topic_created {
        return Some(Content::Topic { named: !created.is_name_implicit });
    }
    if let Some(edited) = &message.forum_topic_edited {
        return edited.name.as_ref().map(|_| Content::Topic { named: true });
    }
    let number = message.message_id;
    let unsupported = |what: &str| Some(Content::Unsupported { message: number, what: what.to_owned() });
    let context = about::context(message, bot);
    let of = |text, files, part| Some(Content::Text { message: number, text, context, files, part, joined: Vec::new() });
    if let Some(text) = &message.text {
        if text.len() > bounds::PROMPT {
            return unsupported("so long a text");
        }
        let part = (text.encode_utf16().count() >= PASTE).then_some(Part::Paste);
        return of(for_this_bot(clean(text).into_owned(), bot.username.as_deref())?, Vec::new(), part);
    }
    match message.media.as_ref()? {
        Media::File(file) if file.file_id.is_empty() => unsupported(name(file.kind)),
        Media::File(file) => {
            let caption = message.caption.as_deref().or(file.emoji.as_deref()).unwrap_or_default();
            of(clean(caption).into_owned(), vec![file_in(file)], message.media_group_id.clone().map(Part::Album))
        }
        Media::Location(location) => of(place(*location), Vec::new(), None),
        Media::Venue { location, title, address } => {
            of(format!("{}: {}, {}", place(*location), line(title, WORDS), line(address, WORDS)), Vec::new(), None)
        }
        Media::Contact { phone_number, first_name, last_name } => {
            let name = line(&format!("{first_name} {}", last_name.as_deref().unwrap_or_default()), WORDS);
            of(format!("👤 {name}, {}", line(phone_number, WORDS)), Vec::new(), None)
        }
        Media::Other(field) => unsupported(other(field)),
    }
}

/// The text with `/command@thisbot` as `/command`; `None` when the command is another bot's.
fn for_this_bot(text: String, bot: Option<&str>) -> Option<String> {
    let word = text.split_whitespace().next().unwrap_or_default();
    let Some((command, name)) = word.strip_prefix('/').and_then(|word| word.split_once('@')) else { return Some(text) };
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name(command) || !is_name(name) || !text.starts_with('/') {
        return Some(text);
    }
    match bot {
        Some(bot) if bot.eq_ignore_ascii_case(name) => Some(format!("/{command}{}", text.get(word.len()..).unwrap_or_default())),
        _ => None,
    }
}

/// A file. What Telegram does not say of it is what its kind always has.
fn file_in(file: &Attachment) -> FileIn {
    let (kind, mime) = match file.kind {
        AttachmentKind::Animation => (FileKind::Animation, None),
        AttachmentKind::Audio => (FileKind::Audio, None),
        AttachmentKind::Document => (FileKind::Document, None),
        AttachmentKind::Photo => (FileKind::Photo, Some("image/jpeg")),
        AttachmentKind::Sticker if file.is_animated => (FileKind::Sticker, Some("application/x-tgsticker")),
        AttachmentKind::Sticker if file.is_video => (FileKind::Sticker, Some("video/webm")),
        AttachmentKind::Sticker => (FileKind::Sticker, Some("image/webp")),
        AttachmentKind::Video => (FileKind::Video, None),
        AttachmentKind::VideoNote => (FileKind::VideoNote, Some("video/mp4")),
        AttachmentKind::Voice => (FileKind::Voice, Some("audio/ogg")),
    };
    let mime = file.mime_type.clone().or(mime.map(str::to_owned));
    FileIn { id: file.file_id.clone(), kind, name: file.file_name.clone(), mime, size: file.file_size }
}

/// Degrees with four decimals are some ten metres.
fn place(location: Location) -> String {
    format!("📍 {:.4}, {:.4}", location.latitude, location.longitude)
}

/// What sort of file it is, in the words that [`crate::gateway::texts`] knows.
fn name(kind: AttachmentKind) -> &'static str {
    match kind {
        AttachmentKind::Photo => "a photo",
        AttachmentKind::Voice => "a voice message",
        AttachmentKind::VideoNote => "a video message",
        AttachmentKind::Animation => "an animation",
        AttachmentKind::Document => "a file",
        AttachmentKind::Video => "a video",
        AttachmentKind::Audio => "an audio file",
        AttachmentKind::Sticker => "a sticker",
    }
}

/// The same for what the bot does not take.
fn other(field: &str) -> &'static str {
    match field {
        "poll" => "a poll",
        "checklist" => "a checklist",
        "story" => "a story",
        "rich_message" => "a rich message",
        "dice" => "a dice",
        "game" => "a game",
        "live_photo" => "a live photo",
        "paid_media" => "paid media",
        "giveaway" => "a giveaway",
        "venue" | "location" => "a place",
        "contact" => "a contact",
        _ => "such media",
    }
}

#[cfg(test)]
mod tests;
