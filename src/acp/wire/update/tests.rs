use super::*;
use crate::model::permission::ToolKind;

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

fn event(json: &str) -> Option<Incoming> {
    update(raw(&format!(r#"{{"sessionId":"s","update":{json}}}"#))).map(|(_, incoming)| incoming)
}

fn said(incoming: Option<Incoming>) -> Option<String> {
    match incoming {
        Some(Incoming::Event(TurnEvent::Text(text))) => Some(text),
        _ => None,
    }
}

#[test]
fn both_spellings_of_a_chunk_are_understood() {
    for name in ["agent_message_chunk", "AgentMessageChunk"] {
        let chunk = format!(r#"{{"sessionUpdate":"{name}","content":{{"type":"text","text":"hi"}}}}"#);
        assert_eq!(said(event(&chunk)).as_deref(), Some("hi"), "{name}");
    }
    let flat = update(raw(r#"{"sessionId":"s","type":"AgentMessageChunk","content":"hi"}"#));
    assert_eq!(said(flat.map(|(_, incoming)| incoming)).as_deref(), Some("hi"));
}

#[test]
fn unknown_kinds_and_marks_of_turns_mean_nothing() {
    for json in [
        r#"{"sessionUpdate":"no_such_update","content":7}"#,
        r#"{"sessionUpdate":"agent_message_chunk"}"#,
        r#"{"sessionUpdate":"agent_message_chunk","content":{"type":"image","data":"","mimeType":"x"}}"#,
        r#"{"sessionUpdate":"user_message_chunk","content":{"type":"text","text":"x"}}"#,
        r#"{"sessionUpdate":"session_info_update","_meta":{"kiro":{"kind":"turn_end"}}}"#,
        r#"{"sessionUpdate":"TurnEnd"}"#,
        r#"[]"#,
    ] {
        assert!(event(json).is_none(), "{json}");
    }
}

fn detail(kind: ToolKind, tool: &str) -> Option<String> {
    tool_patch(raw(tool)).unwrap().input.detail(kind)
}

#[test]
fn the_detail_is_the_command_path_or_url_and_else_everything() {
    let execute = r#"{"toolCallId":"c","rawInput":{"command":"rm -rf x\u001b[2K"}}"#;
    assert_eq!(detail(ToolKind::Execute, execute).as_deref(), Some("rm -rf x\\u{1b}[2K"));
    let words = r#"{"toolCallId":"c","rawInput":{"command":["bash","-c","ls"]}}"#;
    assert_eq!(detail(ToolKind::Execute, words).as_deref(), Some("bash -c ls"));
    let split = r#"{"toolCallId":"c","rawInput":{"command":"rm","args":["-rf","/"]}}"#;
    assert_eq!(detail(ToolKind::Execute, split).as_deref(), Some(r#"{"command":"rm","args":["-rf","/"]}"#));
    let kiro = r#"{"toolCallId":"c","kind":"edit","rawInput":{"command":"create","path":"hello.txt","content":"x"}}"#;
    assert_eq!(detail(ToolKind::Edit, kiro).as_deref(), Some("hello.txt"));
    assert!(detail(ToolKind::Other, kiro).unwrap().contains(r#""content":"x""#));
    let located = r#"{"toolCallId":"c","locations":[{"path":"/a"}],"content":[{"type":"diff","path":"/b","newText":""}]}"#;
    assert_eq!(detail(ToolKind::Edit, located).as_deref(), Some("/b\n/a"));
    assert_eq!(detail(ToolKind::Execute, r#"{"toolCallId":"c","rawInput":{}}"#), None);
}

#[test]
fn a_long_detail_is_cut_and_says_so() {
    let long = format!(r#"{{"toolCallId":"c","rawInput":{{"command":"{}"}}}}"#, "x".repeat(5000));
    let detail = detail(ToolKind::Execute, &long).unwrap();
    assert!(detail.ends_with('…') && detail.chars().count() == text::DETAIL);
}

#[test]
fn an_unknown_tool_kind_is_other_and_an_unknown_status_none() {
    let patch = tool_patch(raw(r#"{"toolCallId":"c","kind":"teleport","status":"napping","title":" "}"#)).unwrap();
    assert_eq!((patch.kind, patch.status, patch.title), (Some(ToolKind::Other), None, None));
    assert!(tool_patch(raw(r#"{"kind":"read"}"#)).is_none());
}

#[test]
fn options_are_read_flat_grouped_and_as_switches() {
    let options = config_options(raw(r#"{"configOptions":[
            {"id":"model","category":"model","currentValue":"a","options":[{"value":"a","name":"A"},{"value":"b"}]},
            {"id":"m2","currentValue":"x","options":[{"group":"g","name":"G","options":[{"value":"x","name":"X"}]}]},
            {"id":"autopilot","type":"boolean","currentValue":true},
            {"id":"broken"}]}"#));
    assert_eq!(options.len(), 3);
    assert_eq!(options[0].values, [("a".to_owned(), "A".to_owned()), ("b".to_owned(), "b".to_owned())]);
    assert_eq!(options[1].values, [("x".to_owned(), "X".to_owned())]);
    assert!(options[2].is("true") && untamed(&options));
    assert!(options[0].chooses("model") && !options[1].chooses("model"));
}

#[test]
fn a_fallback_and_a_notice_reach_the_person() {
    let fallback = event(r#"{"sessionUpdate":"model_fallback","from":"a","to":"b","cause":"busy"}"#);
    assert!(
        matches!(fallback, Some(Incoming::Event(TurnEvent::ModelFallback { from, to, cause })) if (from.as_str(), to.as_str(), cause.as_deref()) == ("a", "b", Some("busy")))
    );
    let notice = event(r#"{"sessionUpdate":"notice","severity":"warning","title":"T","description":"D"}"#);
    assert!(matches!(notice, Some(Incoming::Event(TurnEvent::Notice(text))) if text == "T: D"));
}
