//! Rich messages: as far as the description defines them, they are checked there; here is what it says in prose only.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, ours};
use super::messages::{self, Content};
use super::state::State;
use super::topics;

/// `sendRichMessage`.
pub fn send(state: &mut State, params: &Map<String, Value>) -> Answer {
    let topic = topics::named(state, params)?;
    let content = read(params)?;
    messages::add(state, params, topic, content)
}

/// The content of a rich message, its text with whatever markup it has.
pub fn read(params: &Map<String, Value>) -> Result<Content, Refusal> {
    let rich = &params["rich_message"];
    let given: Vec<&str> = ["blocks", "html", "markdown"].into_iter().filter(|name| rich.get(*name).is_some()).collect();
    let [form] = given.as_slice() else {
        return Err(ours("Bad Request: exactly one of the fields html, markdown, or blocks must be used"));
    };
    let text = match &rich[*form] {
        Value::String(text) => text.clone(),
        blocks => words(blocks),
    };
    if text.trim().is_empty() && rich["blocks"].as_array().is_none_or(Vec::is_empty) {
        return Err(ours("Bad Request: message text is empty"));
    }
    let paragraph = json!({"blocks": [{"type": "paragraph", "text": text}]});
    let fields = Map::from_iter([("rich_message".to_owned(), paragraph)]);
    Ok(Content { text, fields, rich: Some(rich.clone()), ..Content::keyboard_of(params)? })
}

/// All that can be read in blocks, one text a line.
fn words(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(words).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => {
            let shown = fields.iter().filter(|(name, _)| !["type", "language", "url", "media", "name"].contains(&name.as_str()));
            shown.map(|(_, value)| words(value)).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        }
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}
