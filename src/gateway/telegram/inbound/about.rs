//! What a message is about besides its own words, told to the agent.

use super::{line, name};
use crate::channel::telegram::render::clean;
use crate::channel::telegram::types::{Media, Message, User};

/// Longest part of another message that is told, in characters: enough to know it by. The agent has its own words in the conversation.
const QUOTED: usize = 1000;

/// Longest first name, in characters.
const NAME: usize = 40;

/// Whether the message was forwarded, and what it replies to; `None` when it stands for itself.
pub(super) fn context(message: &Message, bot: &User) -> Option<String> {
    let forwarded = message.is_forwarded.then(|| "Forwarded: the person did not write this.".to_owned());
    let reply = message.reply_to_message.as_ref().map(|answered| reply(message, answered, bot));
    let parts: Vec<String> = forwarded.into_iter().chain(reply).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The quoted part stands for the whole, since that is what the person means.
fn reply(message: &Message, answered: &Message, bot: &User) -> String {
    let whose = whose(message, answered, bot);
    if let Some(quote) = &message.quote {
        return format!("In reply to this part of {whose} message:\n{}", quoted(&quote.text));
    }
    let kind = match &answered.media {
        Some(Media::File(file)) => Some(name(file.kind)),
        Some(Media::Location(_) | Media::Venue { .. }) => Some("a place"),
        Some(Media::Contact { .. }) => Some("a contact"),
        Some(Media::Other(field)) => Some(super::other(field)),
        None => None,
    };
    let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
    match answered.text.as_deref().or(answered.caption.as_deref()) {
        Some(text) => format!("In reply to {whose} message{kind}:\n{}", quoted(text)),
        None => format!("In reply to {whose} message{kind}."),
    }
}

/// Whose message is answered, from the agent's point of view.
fn whose(message: &Message, answered: &Message, bot: &User) -> String {
    match (&answered.from, &message.from) {
        (Some(author), _) if author.id == bot.id => "your".to_owned(),
        (Some(author), Some(writer)) if author.id == writer.id => "the person's own".to_owned(),
        (Some(author), _) => {
            let name = line(&author.first_name, NAME);
            if name.is_empty() { "somebody's".to_owned() } else { format!("{name}'s") }
        }
        (None, _) => "somebody's".to_owned(),
    }
}

/// Each line marked, so that nothing in it is taken for the bot's words.
fn quoted(text: &str) -> String {
    let cleaned = clean(text);
    let mut shown: String = cleaned.trim().chars().take(QUOTED).collect();
    if shown.len() < cleaned.trim().len() {
        shown.push('…');
    }
    shown.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}
