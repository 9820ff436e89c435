//! What the agent is given: the person's words, what they are about, and the files that came with them.

use std::path::Path;

use crate::acp::Block;
use crate::gateway::Deps;
use crate::gateway::commands::agents_own::from_menu;
use crate::gateway::files::fetch::{FetchError, Fetched, LARGEST};
use crate::gateway::files::name::shown;
use crate::gateway::person::Person;
use crate::gateway::prompt::Prompt;
use crate::model::inbound::FileIn;
use crate::model::outbound::Show;
use crate::store::{SessionKey, SessionRecord, StoreError};

/// What an agent without steering files of ours is told once, at the beginning of a conversation.
pub(super) const FILES: &str = "kiroclaw: the person reads this in a chat on a phone. Files they send are in inbox/ of this directory. \
    To send them a file of this directory, write <send_file path=\"PATH\">caption</send_file> in your answer.";

/// A mebibyte, in bytes.
const MIB: u64 = 1024 * 1024;

/// Bytes of pictures in one prompt. As base64 they fit into one line of ACP with its text; what is beyond is a link.
const PICTURES: usize = 5 * 1024 * 1024;

/// Why a prompt cannot be given to the agent.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlocksError {
    /// A sentence for the person, who may try again.
    #[error("{0}")]
    NotFetched(String),
    #[error("{0}.")]
    Store(#[from] StoreError),
}

/// Fetches what came with a prompt, and makes the blocks. What can never be fetched is told to the person and to the agent, and the rest goes
/// on without it.
pub(super) async fn blocks(
    deps: &Deps,
    key: &SessionKey,
    prompt: &Prompt,
    record: &SessionRecord,
    workspace: &Path,
    takes_images: bool,
) -> Result<Vec<Block>, BlocksError> {
    let person = Person::of(&deps.store, &key.user);
    // A command of the agent's is one only at the beginning: nothing stands before it, and the notes wait for the next prompt.
    let notes = if is_command(prompt) { &[][..] } else { &record.notes };
    let mut lines: Vec<String> = notes.iter().map(|note| format!("[{note}]")).collect();
    let mut there = Vec::new();
    for (index, file) in prompt.files.iter().enumerate() {
        match deps.fetcher.fetch(prompt.entry, index, file).await {
            Ok(()) => there.push((index, file)),
            Err(error) => lines.push(give_up(deps, key, &person, file, error).await?),
        }
    }
    let (mut files, mut room) = (Vec::new(), PICTURES);
    for (index, file) in there {
        match deps.fetcher.place(prompt.entry, index, file, workspace).await {
            Ok(mut placed) => {
                placed.picture = placed.picture.filter(|(_, data)| takes_images && data.len() <= room);
                room -= placed.picture.as_ref().map_or(0, |(_, data)| data.len());
                let (path, kind) = (placed.path.display(), file.kind.as_str());
                lines.push(format!("[Attached by the person: {path} ({kind}, {} bytes)]", placed.size));
                files.push(placed);
            }
            Err(error) => lines.push(give_up(deps, key, &person, file, error).await?),
        }
    }
    // What the menu calls one of its commands, the agent may call otherwise.
    let text = from_menu(&prompt.text, &record.commands).unwrap_or_else(|| prompt.text.clone());
    Ok(join(text, prompt.context.as_deref(), lines, files, workspace))
}

/// Whether a prompt is meant for the agent's own commands.
pub(super) fn is_command(prompt: &Prompt) -> bool {
    prompt.text.starts_with('/')
}

/// Tells the person of a file that can never be given to the agent, and gives what the agent is told. What may be given later is an error.
async fn give_up(deps: &Deps, key: &SessionKey, person: &Person, file: &FileIn, error: FetchError) -> Result<String, BlocksError> {
    let (word, name) = not_fetched(person, file, &error);
    if error.is_passing() {
        return Err(BlocksError::NotFetched(word));
    }
    tracing::info!(%error, thread = %key.thread, "a file could not be fetched");
    deps.store.post(&person.notice(key.thread, word))?;
    deps.faces.show(key.thread, Show::Deliver).await;
    Ok(format!("[The person sent {name}, but it could not be fetched: {error}]"))
}

/// The word for the person, and the file's name as it can be shown.
fn not_fetched(person: &Person, file: &FileIn, error: &FetchError) -> (String, String) {
    let name = shown(file.name.as_deref().unwrap_or_else(|| file.kind.as_str()));
    let word = match error {
        FetchError::TooLarge => {
            // A size within the bound was not the true one.
            let size = file.size.filter(|size| *size > LARGEST).map(|size| size.div_ceil(MIB));
            person.texts().file_too_large(&name, size, LARGEST / MIB)
        }
        error => person.texts().file_not_fetched(&name, &person.texts().not_fetchable(error)),
    };
    (word, name)
}

fn join(text: String, context: Option<&str>, mut lines: Vec<String>, files: Vec<Fetched>, workspace: &Path) -> Vec<Block> {
    lines.extend(context.map(str::to_owned));
    if !text.is_empty() {
        lines.push(text);
    }
    let mut blocks = vec![Block::Text(lines.join("\n\n"))];
    for file in files {
        match file.picture {
            Some((mime, data)) => blocks.push(Block::Image { mime: mime.to_owned(), data }),
            None => blocks.push(link(&file.path, file.size, file.mime, workspace)),
        }
    }
    blocks
}

fn link(path: &Path, size: u64, mime: Option<String>, workspace: &Path) -> Block {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Block::Link { uri: file_uri(&workspace.join(path)), name, mime, size: Some(size) }
}

/// A path as a URI (RFC 8089): everything but the unreserved is escaped, since names may hold anything.
fn file_uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fetched(picture: bool) -> Fetched {
        let picture = picture.then(|| ("image/png", vec![1, 2, 3]));
        Fetched { path: PathBuf::from("inbox/a b.png"), size: 3, mime: Some("image/png".to_owned()), picture }
    }

    #[test]
    fn a_picture_is_a_picture_and_everything_else_a_link() {
        let blocks = |picture| join("look".to_owned(), None, Vec::new(), vec![fetched(picture)], Path::new("/w"));
        assert_eq!(blocks(true)[1], Block::Image { mime: "image/png".to_owned(), data: vec![1, 2, 3] });
        let Block::Link { uri, name, size, .. } = &blocks(false)[1] else { panic!("no link") };
        assert_eq!((uri.as_str(), name.as_str(), *size), ("file:///w/inbox/a%20b.png", "a b.png", Some(3)));
    }

    #[test]
    fn what_the_words_are_about_stands_before_them() {
        let (text, context) = ("what is that?".to_owned(), Some("In reply to: a cat"));
        let blocks = join(text, context, vec!["[note]".to_owned()], Vec::new(), Path::new("/w"));
        assert_eq!(blocks, [Block::text("[note]\n\nIn reply to: a cat\n\nwhat is that?")]);
    }
}
