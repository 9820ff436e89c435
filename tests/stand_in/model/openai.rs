//! OpenAI's `POST /v1/chat/completions` (API reference, "Chat Completions" and "Streaming").

use serde_json::{Value, json};

use super::script::{self, Entry, Move};
use super::{Answer, KEY, MODEL, Refusal, Request, parsed};

pub(super) fn answer(request: &Request, path: &str) -> Result<Answer, Refusal> {
    if path != "/v1/chat/completions" {
        return Err(refuse(404, &format!("Invalid URL ({} {path})", request.method), Value::Null));
    }
    if request.key != format!("Bearer {KEY}") {
        return Err(refuse(
            401,
            "Incorrect API key provided. You can find your API key at https://platform.openai.com.",
            json!("invalid_api_key"),
        ));
    }
    if request.method != "POST" {
        return Err(refuse(405, "Not allowed to GET on /v1/chat/completions.", json!("method_not_supported")));
    }
    let body = parsed(request).ok_or_else(|| refuse(400, "We could not parse the JSON body of your request.", Value::Null))?;
    let model = body["model"].as_str().ok_or_else(|| refuse(400, "you must provide a model parameter", Value::Null))?;
    if model != MODEL {
        let text = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(refuse(404, &text, json!("model_not_found")));
    }
    let conversation = conversation(&body["messages"])?;
    let tools: Vec<String> =
        body["tools"].as_array().into_iter().flatten().filter_map(|tool| Some(tool["function"]["name"].as_str()?.to_owned())).collect();
    let does = script::next(&conversation, &tools);
    let streamed = body["stream"] == json!(true);
    let call = format!("call_{}", conversation.len());
    Ok(Answer { pieces: if streamed { events(&does, &call) } else { vec![whole(&does, &call)] }, does, streamed })
}

fn refuse(status: u16, message: &str, code: Value) -> Refusal {
    (status, json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}}))
}

/// The conversation, in which every call has its answer before anything else is said.
fn conversation(messages: &Value) -> Result<Vec<Entry>, Refusal> {
    let wrong = |text: &str| refuse(400, text, Value::Null);
    let messages =
        messages.as_array().filter(|messages| !messages.is_empty()).ok_or_else(|| wrong("Missing required parameter: 'messages'."))?;
    let mut open: Vec<&str> = Vec::new();
    let mut entries = Vec::new();
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default();
        if role != "tool" && !open.is_empty() {
            return Err(wrong(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
            ));
        }
        match role {
            "user" => entries.push(Entry::User(text(&message["content"]))),
            "assistant" => {
                open.extend(message["tool_calls"].as_array().into_iter().flatten().filter_map(|call| call["id"].as_str()));
                entries.push(Entry::Model);
            }
            "tool" => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                let at = open.iter().position(|call| *call == id);
                open.remove(at.ok_or_else(|| {
                    wrong("Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.")
                })?);
                entries.push(Entry::Result(text(&message["content"])));
            }
            "system" | "developer" => {}
            other => {
                return Err(wrong(&format!("Invalid value: '{other}'. Supported values are: 'system', 'assistant', 'user', and 'tool'.")));
            }
        }
    }
    Ok(entries)
}

/// Content is a text, or parts with texts.
fn text(content: &Value) -> String {
    match content.as_array() {
        Some(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        None => content.as_str().unwrap_or_default().to_owned(),
    }
}

fn events(does: &Move, call: &str) -> Vec<String> {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}).to_string()
    };
    let mut events = Vec::new();
    let finish = match does {
        Move::Say(text) | Move::Hesitate(text) | Move::Recall(text) => {
            events.extend(script::pieces(text).into_iter().map(|piece| chunk(json!({"role": "assistant", "content": piece}), Value::Null)));
            "stop"
        }
        Move::Call { tool, arguments } => {
            let function = json!({"name": tool, "arguments": ""});
            let first = json!({"role": "assistant", "content": null, "tool_calls": [{"index": 0, "id": call, "type": "function", "function": function}]});
            events.push(chunk(first, Value::Null));
            let arguments = json!(arguments).to_string();
            events.push(chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}), Value::Null));
            "tool_calls"
        }
    };
    events.push(chunk(json!({}), json!(finish)));
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    events.push(
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [], "usage": usage})
            .to_string(),
    );
    events.push("[DONE]".to_owned());
    events
}

fn whole(does: &Move, call: &str) -> String {
    let (message, finish) = match does {
        Move::Say(text) | Move::Hesitate(text) | Move::Recall(text) => (json!({"role": "assistant", "content": text}), "stop"),
        Move::Call { tool, arguments } => {
            let function = json!({"name": tool, "arguments": json!(arguments).to_string()});
            (
                json!({"role": "assistant", "content": null, "tool_calls": [{"id": call, "type": "function", "function": function}]}),
                "tool_calls",
            )
        }
    };
    let choice = json!({"index": 0, "message": message, "finish_reason": finish});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice], "usage": usage}).to_string()
}
