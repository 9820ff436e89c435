//! What a message of the outbox is on Telegram: pieces of text, then files. The same message always has the same parts, so that those
//! which were confirmed before a restart are known by their number.

use std::sync::Arc;

use crate::channel::telegram::methods::{CAPTION, ENTITIES, TEXT};
use crate::channel::telegram::render::{Piece, caption, lines, plain, render};
use crate::channel::telegram::types::{Entity, EntityKind};
use crate::gateway::telegram::fold::tail;
use crate::gateway::texts::texts;
use crate::model::outbound::{FileOut, Message};

/// Messages that one text may take; of a longer one the beginning is shown, and all of it goes as a document.
const MOST: usize = 3;

/// Longest beginning that is shown, in UTF-16 units: what a phone shows without much scrolling.
const BEGINNING: usize = 1500;

/// The name of the document with the whole of a long answer.
const DOCUMENT: &str = "answer.md";

/// Longest details that are shown folded up, in UTF-16 units: enough for the end of an agent's complaints, which tells what ended it.
const DETAILS: usize = 1500;

/// Least room for details in a message with other text, in UTF-16 units; with less they get a message of their own.
const ROOM: usize = 300;

/// One part.
#[derive(Debug)]
pub(super) enum Part {
    /// A text: the message's own, or what is said of a file where it is too long for a caption.
    Text(Piece),
    /// A file.
    File(Item),
}

/// A file with what is said of it.
#[derive(Debug, Clone)]
pub(in crate::gateway::telegram) struct Item {
    pub(in crate::gateway::telegram) source: Source,
    pub(in crate::gateway::telegram) caption: Option<Piece>,
}

/// Where a file comes from.
#[derive(Debug, Clone)]
pub(in crate::gateway::telegram) enum Source {
    /// A text that is sent as a file.
    Text { name: String, text: Arc<str> },
    /// A file of a workspace.
    Workspace(FileOut),
}

/// The parts of a message.
#[derive(Debug)]
pub(super) struct Parts {
    /// In the order in which they are sent.
    pub(super) all: Vec<Part>,
    /// How many of them are the message's own text; they come first.
    pub(super) texts: usize,
    /// Whether that is all of the text.
    pub(super) is_whole: bool,
}

/// Takes a message apart.
pub(super) fn parts(message: &Message) -> Parts {
    let mut pieces = render(&message.markdown);
    let mut documents = message.documents.clone();
    let is_whole = pieces.len() <= MOST;
    if message.edit.is_some() {
        pieces.truncate(1);
    } else if !is_whole {
        let goes_on = texts(message.language).goes_on_in(DOCUMENT);
        pieces = pieces.first().map(|first| beginning(first, &goes_on)).into_iter().collect();
        documents.insert(0, (DOCUMENT.to_owned(), message.markdown.clone()));
    }
    if let Some(details) = &message.details {
        fold(&mut pieces, details);
    }
    let texts = pieces.len();
    let mut all: Vec<Part> = pieces.into_iter().map(Part::Text).collect();
    for (name, text) in documents.into_iter().filter(|(_, text)| !text.is_empty()) {
        all.push(Part::File(Item { source: Source::Text { name, text: text.into() }, caption: None }));
    }
    for file in &message.files {
        let said = render(&file.caption);
        let fits = said.first().is_none_or(|first| said.len() == 1 && units(&first.text) <= CAPTION);
        let caption = if fits { caption(&file.caption) } else { None };
        if !fits {
            all.extend(said.into_iter().map(Part::Text));
        }
        all.push(Part::File(Item { source: Source::Workspace(file.clone()), caption }));
    }
    Parts { all, texts, is_whole }
}

/// The beginning of a piece up to the end of a paragraph, a line or a word, and where it goes on.
fn beginning(piece: &Piece, goes_on: &str) -> Piece {
    let window = prefix(&piece.text, BEGINNING);
    let after = |at: Option<usize>| at.filter(|at| *at >= window.len() / 3);
    let end = after(window.rfind("\n\n")).or_else(|| after(window.rfind('\n'))).or_else(|| after(window.rfind(' ')));
    let shown = window.get(..end.unwrap_or(window.len())).unwrap_or(window).trim_end();
    let length = units(shown);
    let within = piece.entities.iter().filter(|entity| entity.offset < length);
    let entities = within.map(|entity| Entity { length: entity.length.min(length - entity.offset), ..entity.clone() });
    Piece { text: format!("{shown}\n\n{goes_on}"), entities: entities.collect() }
}

/// Adds the end of details, folded up, below the last piece if there is room, else as a piece of their own.
fn fold(pieces: &mut Vec<Piece>, details: &str) {
    let quotation = |room: usize| lines(&[(Some(EntityKind::ExpandableBlockquote), &tail(details, room))]).into_iter().next();
    let room = |last: &Piece| TEXT.saturating_sub(units(&last.text) + 1);
    let last = pieces.last_mut().filter(|last| room(last) >= ROOM && last.entities.len() < ENTITIES);
    match last {
        Some(last) => {
            let Some(folded) = quotation(DETAILS.min(room(last))) else { return };
            let shift = units(&last.text) + 1;
            last.text = format!("{}\n{}", last.text, folded.text);
            last.entities.extend(folded.entities.into_iter().map(|entity| Entity { offset: entity.offset + shift, ..entity }));
        }
        None => pieces.extend(quotation(DETAILS)),
    }
}

/// A text without formatting in one piece; what does not fit is left out.
pub(super) fn one(text: &str) -> Option<Piece> {
    plain(text).into_iter().next()
}

/// The longest beginning of at most so many UTF-16 units.
fn prefix(text: &str, most: usize) -> &str {
    let mut units = 0;
    let over = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > most
    });
    over.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ThreadId, UserId};

    fn message(markdown: &str) -> Message {
        Message::answer(ThreadId::telegram(7, None), markdown.to_owned())
    }

    /// The texts and, as their names or paths, the files.
    fn shown(message: &Message) -> Vec<String> {
        let part = |part| match part {
            Part::Text(piece) => {
                assert!(units(&piece.text) <= TEXT);
                piece.text
            }
            Part::File(Item { source: Source::Text { name, .. }, .. }) => name,
            Part::File(Item { source: Source::Workspace(file), caption }) => {
                format!("{} {}", file.path, caption.map(|piece| piece.text).unwrap_or_default())
            }
        };
        parts(message).all.into_iter().map(part).collect()
    }

    #[test]
    fn three_messages_are_sent_whole() {
        assert_eq!(shown(&message(&"word ".repeat(2400))).len(), 3);
    }

    #[test]
    fn of_a_longer_text_the_beginning_is_shown_and_all_of_it_is_a_document() {
        let long = format!("**{}**\n\n{}\n\n```rust\n{}\n```", "bold ".repeat(100), "second ".repeat(100), "code\n".repeat(4000));
        let Parts { all: parts, texts, is_whole } = parts(&message(&long));
        let [Part::Text(piece), Part::File(Item { source: Source::Text { name, text }, .. })] = parts.as_slice() else {
            panic!("{parts:?}");
        };
        assert_eq!((texts, is_whole, name.as_str(), &**text), (1, false, "answer.md", long.as_str()));
        assert!(piece.text.ends_with("second\n\n… The whole answer is in answer.md."), "{}", piece.text);
        assert!(units(&piece.text) < BEGINNING + 100);
        assert!(piece.entities.iter().all(|entity| entity.offset + entity.length <= units(&piece.text)));
    }

    #[test]
    fn a_text_without_any_end_is_cut_all_the_same_and_code_is_closed() {
        let long = format!("```\n{}\n```", "😀".repeat(9000));
        let parts = parts(&message(&long)).all;
        let Some(Part::Text(piece)) = parts.first() else { panic!("{parts:?}") };
        assert_eq!((piece.entities[0].offset, piece.entities[0].length), (0, BEGINNING));
    }

    #[test]
    fn details_are_folded_up_below_the_text_and_bounded() {
        let with = |markdown: &str, details: &str| Message { details: Some(details.to_owned()), ..message(markdown) };
        let one = parts(&with("⚠ It failed. 😀", &format!("{}the cause", "why *so* ".repeat(1000)))).all;
        let [Part::Text(piece)] = one.as_slice() else { panic!("{one:?}") };
        let folded = piece.entities.last().unwrap();
        assert_eq!((&folded.kind, folded.offset), (&EntityKind::ExpandableBlockquote, units("⚠ It failed. 😀\n")));
        assert_eq!(folded.offset + folded.length, units(&piece.text));
        assert!(piece.text.contains("😀\n…") && piece.text.ends_with("the cause") && folded.length <= DETAILS, "{}", piece.text);
        assert_eq!(shown(&with(&"x".repeat(4000), "why")).len(), 2, "there is no room below it");
        assert_eq!(shown(&with("", "why")), ["why"]);
    }

    #[test]
    fn files_follow_their_text_and_a_long_caption_goes_before_its_file() {
        let file = |path: &str, caption: &str| FileOut { owner: UserId::telegram(7), path: path.to_owned(), caption: caption.to_owned() };
        let message = Message {
            documents: vec![("a.diff".to_owned(), "diff".to_owned()), ("none".to_owned(), String::new())],
            files: vec![file("one.png", "**the** plot"), file("two.png", &"long ".repeat(250)), file("three.png", "")],
            ..message("text")
        };
        let long = "long ".repeat(250);
        assert_eq!(shown(&message), ["text", "a.diff", "one.png the plot", long.trim(), "two.png ", "three.png "]);
        assert_eq!(parts(&message).texts, 1);
    }
}
