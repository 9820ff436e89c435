//! What a person did, read from Telegram's events. Decides nothing about who may do it.

use crate::channel::telegram::types::{AttachmentKind, CallbackQuery, Media, Message, Update};
use crate::model::inbound::{Content, Inbound};
use crate::model::{ThreadId, UserId, bounds};

/// Reads an event; `None` for what no person did, or is not meant for this bot. `bot` is its username, `now` is in Unix seconds.
pub(super) fn read(update: Update, bot: Option<&str>, now: u64) -> Option<Inbound> {
    let event = update.update_id;
    if let Some(message) = update.message {
        return of_message(event, message, bot, now);
    }
    update.callback_query.and_then(|press| of_press(event, press, now))
}

fn of_message(event: i64, message: Message, bot: Option<&str>, now: u64) -> Option<Inbound> {
    // Sent by a channel, an anonymous administrator or another bot: nobody who could be allowed.
    let from = message.from.as_ref().filter(|from| !from.is_bot && message.sender_chat.is_none())?;
    let user = UserId::telegram(from.id);
    let (thread, number) = (thread(&message), message.message_id);
    let at = if message.date == 0 { now } else { message.date };
    let content = match (message.text, message.media.as_ref().map(media)) {
        (Some(text), _) if text.len() > bounds::PROMPT => Content::Unsupported { message: number, what: "so long a text".to_owned() },
        (Some(text), _) => Content::text(number, for_this_bot(text, bot)?),
        // A caption is about what the agent cannot be given, so it is not given alone.
        (None, Some(what)) => Content::Unsupported { message: number, what: what.to_owned() },
        // Telegram's own notes: somebody joined, a topic was made.
        (None, None) => return None,
    };
    Some(Inbound { user, thread, event, at, language: None, content })
}

fn of_press(event: i64, press: CallbackQuery, now: u64) -> Option<Inbound> {
    let message = press.message?;
    let user = UserId::telegram((!press.from.is_bot).then_some(press.from.id)?);
    let content = Content::Button { press: press.id, message: message.message_id, token: press.data? };
    Some(Inbound { user, thread: thread(&message), event, at: now, language: None, content })
}

/// The chat and its topic. In groups without topics `message_thread_id` is the message that is replied to, which is no topic.
fn thread(message: &Message) -> ThreadId {
    let is_topic = message.is_topic_message || message.chat.is_private();
    ThreadId::telegram(message.chat.id, message.message_thread_id.filter(|_| is_topic))
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
        Some(bot) if bot.eq_ignore_ascii_case(name) => Some(format!("/{command}{}", &text[word.len()..])),
        _ => None,
    }
}

/// What a message carries that is no text.
fn media(media: &Media) -> &'static str {
    match media {
        Media::File(file) => match file.kind {
            AttachmentKind::Photo => "a photo",
            AttachmentKind::Voice => "a voice message",
            AttachmentKind::VideoNote => "a video message",
            AttachmentKind::Animation => "an animation",
            AttachmentKind::Document => "a file",
            AttachmentKind::Video => "a video",
            AttachmentKind::Audio => "an audio file",
            AttachmentKind::Sticker => "a sticker",
        },
        Media::Venue { .. } => "a place",
        Media::Location(_) => "a location",
        Media::Contact { .. } => "a contact",
        Media::Other("poll") => "a poll",
        Media::Other("checklist") => "a checklist",
        Media::Other("story") => "a story",
        Media::Other("rich_message") => "a rich message",
        Media::Other("dice") => "a dice",
        Media::Other("game") => "a game",
        Media::Other(_) => "such media",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_json(update: Value) -> Option<Inbound> {
        read(Update::read(&update).unwrap(), Some("our_bot"), 99)
    }

    fn message(fields: Value) -> Value {
        let mut message = json!({"message_id": 5, "date": 42, "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "is_bot": false}});
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({"update_id": 1, "message": message})
    }

    fn text(fields: Value) -> Option<String> {
        match read_json(message(fields))?.content {
            Content::Text { text, .. } => Some(text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_text_is_read_with_its_user_thread_and_time() {
        let inbound = read_json(message(json!({"text": "hi", "message_thread_id": 3, "is_topic_message": true}))).unwrap();
        let content = Content::text(5, "hi".to_owned());
        let expected =
            Inbound { user: UserId::telegram(7), thread: ThreadId::telegram(7, Some(3)), event: 1, at: 42, language: None, content };
        assert_eq!(inbound, expected);
    }

    #[test]
    fn a_reply_in_a_group_is_no_topic() {
        let group = json!({"text": "hi", "message_thread_id": 3, "chat": {"id": -9, "type": "supergroup"}});
        assert_eq!(read_json(message(group)).unwrap().thread, ThreadId::telegram(-9, None));
    }

    #[test]
    fn what_no_person_wrote_is_ignored() {
        for fields in [
            json!({"text": "x", "sender_chat": {"id": -9, "type": "channel"}}),
            json!({"text": "x", "from": {"id": 1_087_968_824, "is_bot": true}}),
            json!({"text": "x", "from": null}),
            json!({"new_chat_title": "x"}),
        ] {
            assert_eq!(read_json(message(fields.clone())), None, "{fields}");
        }
    }

    #[test]
    fn commands_for_this_bot_lose_its_name_and_others_are_ignored() {
        assert_eq!(text(json!({"text": "/stop@Our_Bot now\nplease"})).as_deref(), Some("/stop now\nplease"));
        assert_eq!(text(json!({"text": "/stop@other_bot"})), None);
        for kept in ["/stop", "mail a@b.example", "/etc/x@y", "/a@b.example", " /stop@other_bot"] {
            assert_eq!(text(json!({"text": kept})).as_deref(), Some(kept));
        }
    }

    #[test]
    fn media_are_named_and_captions_do_not_stand_for_them() {
        let inbound = read_json(message(json!({"caption": "what is this?", "photo": [{"file_id": "x"}]}))).unwrap();
        assert_eq!(inbound.content, Content::Unsupported { message: 5, what: "a photo".to_owned() });
    }

    #[test]
    fn a_text_beyond_the_bound_is_not_taken() {
        let inbound = read_json(message(json!({"text": "x".repeat(bounds::PROMPT + 1)}))).unwrap();
        assert!(matches!(inbound.content, Content::Unsupported { .. }));
    }

    #[test]
    fn a_press_carries_who_pressed_and_where() {
        let update = json!({"update_id": 2, "callback_query": {
            "id": "p", "from": {"id": 8}, "data": "tok:1", "chat_instance": "x",
            "message": {"message_id": 6, "date": 0, "chat": {"id": 7, "type": "private"}}}});
        let content = Content::Button { press: "p".to_owned(), message: 6, token: "tok:1".to_owned() };
        let expected =
            Inbound { user: UserId::telegram(8), thread: ThreadId::telegram(7, None), event: 2, at: 99, language: None, content };
        assert_eq!(read_json(update), Some(expected));
        assert_eq!(read_json(json!({"update_id": 2, "callback_query": {"id": "p", "from": {"id": 8}}})), None);
    }
}
