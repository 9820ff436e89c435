//! Google's `POST /v1beta/models/MODEL:{generateContent, streamGenerateContent, countTokens}` (Gemini API reference).

use serde_json::{Value, json};

use super::script::{self, Entry, Move};
use super::{Answer, KEY, MODEL, Refusal, Request, parsed};

pub(super) fn answer(request: &Request, path: &str) -> Result<Answer, Refusal> {
    if request.key.is_empty() {
        let text = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API \
                    consumer identity to call this API.";
        return Err(refuse(403, "PERMISSION_DENIED", text));
    }
    if request.key != KEY {
        return Err(refuse(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."));
    }
    let unknown = || refuse(404, "NOT_FOUND", &format!("{path} is not found for API version v1beta, or is not supported."));
    let (model, method) = path.strip_prefix("/v1beta/models/").and_then(|rest| rest.split_once(':')).ok_or_else(unknown)?;
    if model != MODEL || request.method != "POST" {
        return Err(unknown());
    }
    let body = parsed(request).ok_or_else(|| refuse(400, "INVALID_ARGUMENT", "Invalid JSON payload received."))?;
    let conversation = conversation(&body["contents"])?;
    let streamed = match method {
        "streamGenerateContent" => true,
        "generateContent" => false,
        "countTokens" => {
            return Ok(Answer { does: Move::Say(String::new()), streamed: false, pieces: vec![json!({"totalTokens": 10}).to_string()] });
        }
        _ => return Err(unknown()),
    };
    let declared = body["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["functionDeclarations"].as_array());
    let tools: Vec<String> = declared.flatten().filter_map(|function| Some(function["name"].as_str()?.to_owned())).collect();
    let does = script::next(&conversation, &tools);
    let pieces = events(&does);
    Ok(Answer { pieces: if streamed { pieces } else { vec![whole(&does)] }, does, streamed })
}

fn refuse(code: u16, status: &str, message: &str) -> Refusal {
    (code, json!({"error": {"code": code, "message": message, "status": status}}))
}

/// The conversation, in which as many answers follow as there were calls.
fn conversation(contents: &Value) -> Result<Vec<Entry>, Refusal> {
    let wrong = |text: &str| refuse(400, "INVALID_ARGUMENT", text);
    let contents = contents.as_array().filter(|contents| !contents.is_empty()).ok_or_else(|| wrong("contents is not specified"))?;
    let mut open = 0;
    let mut entries = Vec::new();
    for content in contents {
        let parts =
            content["parts"].as_array().ok_or_else(|| wrong("GenerateContentRequest.contents: contents.parts must not be empty."))?;
        let results = parts.iter().filter(|part| part["functionResponse"].is_object()).count();
        if results != open {
            return Err(wrong(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            ));
        }
        open = parts.iter().filter(|part| part["functionCall"].is_object()).count();
        match content["role"].as_str() {
            Some("model") => entries.push(Entry::Model),
            Some("user" | "function") | None => entries.extend(parts.iter().filter_map(entry)),
            Some(_) => return Err(wrong("Please use a valid role: user, model.")),
        }
    }
    Ok(entries)
}

fn entry(part: &Value) -> Option<Entry> {
    if part["functionResponse"].is_object() {
        let response = &part["functionResponse"]["response"];
        let text = ["output", "error"].into_iter().find_map(|key| response[key].as_str());
        return Some(Entry::Result(text.map_or_else(|| response.to_string(), str::to_owned)));
    }
    Some(Entry::User(part["text"].as_str()?.to_owned()))
}

fn event(parts: Value, finish: Option<&str>) -> String {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    let usage = json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15});
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "1"}).to_string()
}

fn events(does: &Move) -> Vec<String> {
    match does {
        Move::Say(text) | Move::Hesitate(text) | Move::Recall(text) => {
            let mut events: Vec<String> = script::pieces(text).iter().map(|piece| event(json!([{"text": piece}]), None)).collect();
            events.push(event(json!([{"text": ""}]), Some("STOP")));
            events
        }
        Move::Call { .. } => vec![whole(does)],
    }
}

fn whole(does: &Move) -> String {
    let parts = match does {
        Move::Say(text) | Move::Hesitate(text) | Move::Recall(text) => json!([{"text": text}]),
        Move::Call { tool, arguments } => json!([{"functionCall": {"name": tool, "args": arguments}}]),
    };
    event(parts, Some("STOP"))
}
