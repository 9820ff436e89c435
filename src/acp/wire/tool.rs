//! Tool calls as they are told: what they do, and what they change in files.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::text;
use super::lenient::{Bounded, lenient, read};
use crate::model::permission::ToolKind;

/// Longest text of either side of a change, in bytes: far more than anybody reads on a phone, and a document of no weight.
pub(crate) const DIFF: usize = 256 * 1024;

/// What is told of a tool call; the rest stays as it was.
#[derive(Debug, Default)]
pub(crate) struct ToolPatch {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
    pub(crate) kind: Option<ToolKind>,
    pub(crate) status: Option<&'static str>,
    pub(crate) input: ToolInput,
    /// What it changes in files, as far as this message tells.
    pub(crate) diffs: Vec<Diff>,
}

/// A change of a file, each text cut to [`DIFF`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Diff {
    pub(crate) path: String,
    pub(crate) old: Option<String>,
    pub(crate) new: String,
}

/// What a tool call is about.
#[derive(Debug, Default)]
pub(crate) struct ToolInput {
    command: Option<String>,
    path: Option<String>,
    url: Option<String>,
    /// The whole input as JSON, where there was one.
    json: Option<String>,
    /// Where else a path was named.
    location: Option<String>,
}

impl ToolInput {
    /// What a person has to know to decide: the command, path or URL where that is all, else the whole input. `None` where nothing is told.
    pub(crate) fn detail(&self, kind: ToolKind) -> Option<String> {
        let main = match kind {
            ToolKind::Execute => &self.command,
            ToolKind::Read | ToolKind::Edit | ToolKind::Delete => &self.path,
            ToolKind::Fetch => &self.url,
            _ => &None,
        };
        main.clone().or_else(|| self.json.clone()).or_else(|| self.location.clone())
    }
}

/// What a tool call's message tells. `None` without an id.
pub(super) fn tool_patch(raw: &RawValue) -> Option<ToolPatch> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        tool_call_id: String,
        #[serde(default, deserialize_with = "lenient")]
        title: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        kind: Option<ToolKind>,
        #[serde(default, deserialize_with = "lenient")]
        status: Option<String>,
        #[serde(borrow, default)]
        raw_input: Option<&'a RawValue>,
        #[serde(default, deserialize_with = "lenient")]
        content: Bounded<Content, 20>,
        #[serde(default, deserialize_with = "lenient")]
        locations: Bounded<Place, 20>,
    }
    #[derive(Deserialize)]
    struct Place {
        path: String,
    }
    /// A change where it has both; other contents have neither.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Content {
        path: String,
        #[serde(default, deserialize_with = "lenient")]
        old_text: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        new_text: Option<String>,
    }
    let wire: Wire<'_> = read(raw)?;
    let known = ["pending", "in_progress", "completed", "failed"];
    let mut input = wire.raw_input.map(tool_input).unwrap_or_default();
    let mut places = Vec::new();
    let mut diffs = Vec::new();
    for Content { path, old_text, new_text } in wire.content.0 {
        if let Some(new) = new_text {
            diffs.push(Diff {
                path: text::line(&path, text::DETAIL),
                old: old_text.map(|old| text::head(old, DIFF)),
                new: text::head(new, DIFF),
            });
        }
        places.push(path);
    }
    places.extend(wire.locations.0.into_iter().map(|place| place.path));
    input.location = (!places.is_empty()).then(|| text::block(&places.join("\n"), text::DETAIL));
    Some(ToolPatch {
        id: wire.tool_call_id,
        title: wire.title.map(|title| text::line(&title, text::TITLE)).filter(|title| !title.is_empty()),
        kind: wire.kind,
        status: wire.status.and_then(|status| known.into_iter().find(|known| *known == status)),
        input,
        diffs,
    })
}

fn tool_input(raw: &RawValue) -> ToolInput {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        #[serde(default, deserialize_with = "lenient")]
        command: Option<Words>,
        #[serde(default, deserialize_with = "lenient")]
        cmd: Option<Words>,
        #[serde(default, deserialize_with = "lenient")]
        args: Option<Bounded<String, 1>>,
        #[serde(default, deserialize_with = "lenient")]
        path: Option<String>,
        #[serde(default, alias = "file_path", deserialize_with = "lenient")]
        file_path: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        url: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Line(String),
        List(Vec<String>),
    }
    let shown = |text: String| text::block(&text, text::DETAIL);
    let json = Some(text::block(raw.get(), text::DETAIL)).filter(|json| !matches!(json.as_str(), "null" | "{}"));
    let Some(wire) = read::<Wire>(raw) else { return ToolInput { json, ..ToolInput::default() } };
    let command = wire.command.or(wire.cmd).map(|words| match words {
        Words::Line(line) => line,
        Words::List(words) => words.join(" "),
    });
    ToolInput {
        // A command without its arguments would be half the truth.
        command: command.filter(|_| wire.args.is_none()).map(shown),
        path: wire.path.or(wire.file_path).map(shown),
        url: wire.url.map(shown),
        json,
        location: None,
    }
}
