//! What Telegram takes as text, formatting, buttons and reactions, and how it refuses the rest.

use serde_json::Value;

use super::answer::{Refusal, ours};
use super::schema::SCHEMA;

/// Longest text of a message, in UTF-16 units.
pub const TEXT: usize = 4096;

/// Longest caption, in UTF-16 units.
pub const CAPTION: usize = 1024;

/// Most entities of one message.
const FORMATS: usize = 100;

/// The emoji that a bot may react with, as the description of `ReactionTypeEmoji` lists them.
const REACTIONS: &str = "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 \
                         😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡";

const ENTITIES: &[&str] = &[
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
];

/// Checks a text with its entities, and names the entities that would get lost.
pub fn check(text: &str, entities: &[Value], max: usize) -> Result<Vec<String>, Refusal> {
    let units: Vec<u16> = text.encode_utf16().collect();
    if units.len() > max {
        let what = if max == CAPTION { "message caption is too long" } else { "message is too long" };
        return Err(ours(format!("Bad Request: {what}")));
    }
    let mut spans = Vec::new();
    for entity in entities {
        spans.push(Span::read(entity)?);
    }
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut lost = Vec::new();
    if entities.len() > FORMATS {
        lost.push(format!("{} entities: those after the {FORMATS}th would be dropped", entities.len()));
    }
    let mut open: Vec<&Span> = Vec::new();
    for span in &spans {
        span.check_bounds(&units)?;
        open.retain(|outer| outer.end > span.start);
        for outer in &open {
            lost.extend(span.check_within(outer)?);
        }
        open.push(span);
    }
    Ok(lost)
}

/// Checks an inline keyboard.
pub fn check_keyboard(markup: &Value) -> Result<(), Refusal> {
    let Some(rows) = markup["inline_keyboard"].as_array() else { return Ok(()) };
    let buttons = rows.iter().flat_map(|row| row.as_array().into_iter().flatten());
    for button in buttons {
        if button["text"].as_str().is_none_or(|label| label.trim().is_empty()) {
            return Err(ours("Bad Request: can't parse inline keyboard button: Button text must not be empty"));
        }
        let looks = ["text", "style", "icon_custom_emoji_id"];
        let actions = SCHEMA.fields("InlineKeyboardButton").filter(|field| !looks.contains(field) && button.get(field).is_some()).count();
        if actions != 1 {
            return Err(ours("Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"));
        }
        if button["callback_data"].as_str().is_some_and(|data| data.is_empty() || data.len() > 64) {
            return Err(ours("Bad Request: BUTTON_DATA_INVALID"));
        }
    }
    Ok(())
}

/// Checks the reactions that a bot sets on a message and gives their emoji.
pub fn check_reactions(reactions: &[Value]) -> Result<Vec<String>, Refusal> {
    if reactions.len() > 1 {
        return Err(ours("Bad Request: REACTIONS_TOO_MANY"));
    }
    let emoji = reactions.iter().map(|reaction| reaction["emoji"].as_str().unwrap_or_default());
    emoji
        .map(|emoji| {
            let known = REACTIONS.split_whitespace().any(|known| known == emoji);
            if known { Ok(emoji.to_owned()) } else { Err(ours("Bad Request: REACTION_INVALID")) }
        })
        .collect()
}

/// The part of a text that an entity covers.
pub fn covered(text: &str, entity: &Value) -> String {
    let number = |name: &str| usize::try_from(entity[name].as_u64().unwrap_or_default()).unwrap_or(usize::MAX);
    let units: Vec<u16> = text.encode_utf16().skip(number("offset")).take(number("length")).collect();
    String::from_utf16_lossy(&units)
}

struct Span {
    kind: String,
    start: usize,
    end: usize,
}

impl Span {
    fn read(entity: &Value) -> Result<Self, Refusal> {
        let wrong = |what: &str| ours(format!("Bad Request: can't parse MessageEntity: {what}"));
        let number = |name: &str| entity[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let kind = entity["type"].as_str().unwrap_or_default().to_owned();
        if !ENTITIES.contains(&kind.as_str()) {
            return Err(wrong("Unsupported type specified"));
        }
        let start = number("offset").ok_or_else(|| wrong("Field \"offset\" must be a non-negative Number"))?;
        let length = number("length").ok_or_else(|| wrong("Field \"length\" must be a non-negative Number"))?;
        if length == 0 {
            return Err(ours("Bad Request: ENTITY_BOUNDS_INVALID"));
        }
        if kind != "pre" && entity.get("language").is_some() {
            return Err(wrong("only \"pre\" has a language"));
        }
        match (kind.as_str(), entity["url"].as_str()) {
            ("text_link", Some(url)) => check_url(url)?,
            ("text_link", None) => return Err(wrong("Can't find field \"url\"")),
            _ => {}
        }
        Ok(Self { kind, start, end: start + length })
    }

    fn check_bounds(&self, units: &[u16]) -> Result<(), Refusal> {
        if self.end > units.len() {
            return Err(beyond(self.start, self.end));
        }
        let splits = |at: usize| units.get(at).is_some_and(|unit| (0xDC00..0xE000).contains(unit));
        let bytes = |at: usize| char::decode_utf16(units[..at].iter().copied()).flatten().map(char::len_utf8).sum::<usize>();
        if splits(self.start) {
            return Err(ours(format!("Bad Request: entity begins in a middle of a UTF-16 symbol at byte offset {}", bytes(self.start))));
        }
        if splits(self.end) {
            let (start, at) = (self.start, bytes(self.end));
            return Err(ours(format!(
                "Bad Request: entity beginning at UTF-16 offset {start} ends in a middle of a UTF-16 symbol at byte offset {at}"
            )));
        }
        Ok(())
    }

    /// Two entities that share characters: one has to hold the other. Says so where the real server would then drop the inner one
    /// without a word, which shows the person less formatting than was meant.
    fn check_within(&self, outer: &Span) -> Result<Option<String>, Refusal> {
        if self.end > outer.end {
            return Err(beyond(self.start, self.end));
        }
        let quotes = ["blockquote", "expandable_blockquote"];
        let both = |kinds: &[&str]| kinds.contains(&self.kind.as_str()) && kinds.contains(&outer.kind.as_str());
        let lost = ["pre", "code"].contains(&outer.kind.as_str())
            || both(&quotes)
            || both(&["text_link", "text_mention", "custom_emoji"])
            || self.kind == outer.kind;
        Ok(lost.then(|| format!("entity {} inside {} at UTF-16 offset {} would be dropped", self.kind, outer.kind, self.start)))
    }
}

fn beyond(start: usize, end: usize) -> Refusal {
    ours(format!("Bad Request: entity beginning at UTF-16 offset {start} ends after the end of the text at UTF-16 offset {end}"))
}

/// Telegram opens web addresses and its own; anything else in a link is refused, relative paths too.
fn check_url(url: &str) -> Result<(), Refusal> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let right = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && !host.contains(char::is_whitespace),
        "tg" | "ton" | "tonsite" => !rest.is_empty(),
        _ => false,
    };
    if right { Ok(()) } else { Err(ours(format!("Bad Request: entity URL '{url}' is invalid: Wrong HTTP URL"))) }
}
