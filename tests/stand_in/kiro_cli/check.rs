//! What the stand-in takes from a client: the ACP schema's required fields and types, refused strictly.

use std::path::Path;

use serde_json::Value;

/// Whether the params of a request or notification are what the schema asks for. `Ok` for methods not known here.
pub(crate) fn params(method: &str, params: &Value) -> Result<(), String> {
    if !params.is_object() {
        return Err(format!("{method}: params is no object"));
    }
    let result = match method {
        "initialize" => initialize(params),
        "session/new" => place(params),
        "session/load" | "session/resume" => text(params, "sessionId").and_then(|()| place(params)),
        "session/prompt" => text(params, "sessionId").and_then(|()| prompt(params)),
        "session/cancel" => text(params, "sessionId"),
        "session/set_mode" => text(params, "sessionId").and_then(|()| text(params, "modeId")),
        "session/set_model" => text(params, "sessionId").and_then(|()| text(params, "modelId")),
        "session/set_config_option" => {
            text(params, "sessionId").and_then(|()| text(params, "configId")).and_then(|()| text(params, "value"))
        }
        _ => Ok(()),
    };
    result.map_err(|why| format!("{method}: {why}"))
}

fn text(params: &Value, key: &str) -> Result<(), String> {
    match params[key].as_str() {
        Some(text) if !text.is_empty() => Ok(()),
        _ => Err(format!("missing field `{key}`")),
    }
}

fn initialize(params: &Value) -> Result<(), String> {
    if params["protocolVersion"].as_u64().is_none_or(|version| version > 65_535) {
        return Err("`protocolVersion` is no 16-bit integer".into());
    }
    if !matches!(params["clientCapabilities"], Value::Null | Value::Object(_)) {
        return Err("`clientCapabilities` is no object".into());
    }
    if let Some(info) = params.get("clientInfo").filter(|info| !info.is_null()) {
        text(info, "name").and_then(|()| text(info, "version"))?;
    }
    Ok(())
}

fn place(params: &Value) -> Result<(), String> {
    text(params, "cwd")?;
    let cwd = Path::new(params["cwd"].as_str().unwrap_or_default());
    if !cwd.is_absolute() || !cwd.is_dir() {
        return Err(format!("`cwd` {} is no absolute path of a directory", cwd.display()));
    }
    let servers = params["mcpServers"].as_array().ok_or("missing field `mcpServers`")?;
    for server in servers {
        text(server, "name")?;
        match server["type"].as_str() {
            None => {
                text(server, "command")?;
                if !server["args"].is_array() || !server["env"].is_array() {
                    return Err("an MCP server lacks `args` or `env`".into());
                }
            }
            Some("http" | "sse") => text(server, "url")?,
            Some(other) => return Err(format!("unknown MCP server type `{other}`")),
        }
    }
    Ok(())
}

fn prompt(params: &Value) -> Result<(), String> {
    let blocks = params["prompt"].as_array().ok_or("missing field `prompt`")?;
    for block in blocks {
        match block["type"].as_str() {
            Some("text") => block["text"].as_str().map(drop).ok_or("a text block lacks `text`")?,
            Some("image") => {
                text(block, "data").and_then(|()| text(block, "mimeType"))?;
                crate::files::decoded(block["data"].as_str().unwrap_or_default()).ok_or("an image's `data` is not base64")?;
            }
            // Neither is in our `promptCapabilities`.
            Some(other @ ("audio" | "resource")) => return Err(format!("no prompt capability for `{other}`")),
            Some("resource_link") => {
                text(block, "uri").and_then(|()| text(block, "name"))?;
                if !block["uri"].as_str().is_some_and(|uri| uri.contains("://") && !uri.contains(char::is_whitespace)) {
                    return Err("a link's `uri` is none".into());
                }
            }
            other => return Err(format!("unknown content block {other:?}")),
        }
    }
    if blocks.is_empty() { Err("an empty prompt".into()) } else { Ok(()) }
}
