//! What people send, and how the bot fetches it.

use super::*;

/// The message of the latest update.
fn latest(telegram: &Telegram) -> Value {
    let all = call(telegram, "getUpdates", json!({}))["result"].clone();
    all.as_array().and_then(|all| all.last()).unwrap()["message"].clone()
}

/// Asks for a file with `getFile` and gives its path.
fn path(telegram: &Telegram, file: &Value) -> String {
    let answer = call(telegram, "getFile", json!({"file_id": file["file_id"]}));
    answer["result"]["file_path"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Head and body of the answer to a request for a file.
fn fetch(telegram: &Telegram, path: &str, header: &str) -> (String, Vec<u8>) {
    let answer = exchange(telegram, format!("GET /file/bot{TOKEN}/{path} HTTP/1.1\r\n{header}Connection: close\r\n\r\n").as_bytes());
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return (String::new(), answer) };
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
}

#[test]
fn a_document_can_be_fetched() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en").sends_document("a.txt", b"content", "look");
    let message = latest(&telegram);
    assert_eq!((&message["caption"], &message["document"]["file_name"]), (&json!("look"), &json!("a.txt")));
    assert_eq!(message["document"]["file_size"], 7);
    let path = path(&telegram, &message["document"]);
    assert!(path.starts_with("documents/file_") && path.ends_with(".txt"), "{path}");
    assert_eq!(fetch(&telegram, &path, "").1, b"content");
}

#[test]
fn every_kind_of_file_has_its_field() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let files = [
        (File::audio("a.mp3", b"ID3"), "audio", "music/"),
        (File::voice(b"OggS"), "voice", "voice/"),
        (File::video("v.mp4", b"video"), "video", "videos/"),
        (File::video_note(b"round"), "video_note", "video_notes/"),
        (File::animation("g.mp4", b"moves"), "animation", "animations/"),
        (File::sticker(b"RIFF"), "sticker", "stickers/"),
    ];
    for (file, field, folder) in files {
        let id = ana.sends_file(file);
        let message = latest(&telegram);
        assert!(path(&telegram, &message[field]).starts_with(folder), "{message}");
        assert_eq!(message.get("document").is_some(), field == "animation", "an animation is also a document");
        assert_eq!(ana.message(id).unwrap().media.unwrap().id, message[field]["file_id"]);
    }
}

#[test]
fn a_photo_comes_in_sizes_of_which_the_last_is_the_largest() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let picture = png(1280, 720);
    ana.posts(Post::file(File::photo(&picture)).caption("what is this?"));
    let message = latest(&telegram);
    let sizes = message["photo"].as_array().unwrap();
    let widths: Vec<_> = sizes.iter().map(|size| size["width"].as_u64().unwrap()).collect();
    assert_eq!((widths, &message["caption"]), (vec![90, 320, 1280], &json!("what is this?")));
    assert_eq!(fetch(&telegram, &path(&telegram, &sizes[2]), "").1, picture);
    assert_ne!(fetch(&telegram, &path(&telegram, &sizes[0]), "").1, picture);
}

#[test]
fn a_file_can_be_larger_than_it_says() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let large = || File::document("a.iso", b"").of_size(21 << 20);
    let ask = |telegram: &Telegram| refusal(telegram, "getFile", json!({"file_id": latest(telegram)["document"]["file_id"]}));
    ana.sends_file(large());
    assert_eq!(latest(&telegram)["document"]["file_size"], 21 << 20);
    assert_eq!(ask(&telegram), "Bad Request: file is too big");
    assert_eq!(telegram.take_violations().len(), 1, "its size was told");
    for told in [None, Some(5)] {
        ana.sends_file(large().telling(told));
        assert_eq!(latest(&telegram)["document"].get("file_size").and_then(Value::as_u64), told);
        assert_eq!(ask(&telegram), "Bad Request: file is too big");
        telegram.assert_clean();
    }
}

#[test]
fn an_album_is_a_message_for_each_of_its_files() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let photo = || File::photo(&png(9, 9));
    ana.sends_album(None, vec![photo(), photo(), File::video("v.mp4", b"v")], "three");
    let all = call(&telegram, "getUpdates", json!({}))["result"].clone();
    let messages: Vec<&Value> = all.as_array().unwrap().iter().map(|update| &update["message"]).collect();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| message["media_group_id"].is_string()));
    assert!(messages.iter().all(|message| message["media_group_id"] == messages[0]["media_group_id"]));
    assert_eq!((&messages[0]["caption"], messages[1].get("caption")), (&json!("three"), None));
}

#[test]
fn parts_of_a_file_can_be_fetched() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en").sends_document("a", b"0123456789", "");
    let path = path(&telegram, &latest(&telegram)["document"]);
    let part = |range: &str| {
        let (head, body) = fetch(&telegram, &path, &format!("Range: bytes={range}\r\n"));
        (head.split(' ').nth(1).unwrap().to_owned(), String::from_utf8(body).unwrap(), head.contains("Content-Range: bytes "))
    };
    let right = |body: &str| ("206".to_owned(), body.to_owned(), true);
    assert_eq!((part("4-"), part("2-3"), part("-2"), part("8-99")), (right("456789"), right("23"), right("89"), right("89")));
    assert_eq!(part("10-"), ("416".to_owned(), String::new(), true));
    assert_eq!(telegram.downloads().last().unwrap().range, "bytes=10-");
}

#[test]
fn a_path_is_good_after_get_file_only_and_with_the_token() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en").sends_document("a", b"x", "");
    let message = latest(&telegram);
    assert!(fetch(&telegram, "documents/file_999", "").0.starts_with("HTTP/1.1 404"));
    let path = path(&telegram, &message["document"]);
    let stolen = exchange(&telegram, format!("GET /file/bot1:x/{path} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes());
    assert!(stolen.starts_with(b"HTTP/1.1 404"));
    assert!(refusal(&telegram, "getFile", json!({"file_id": "nonsense"})).contains("wrong file_id"));
    assert_eq!(telegram.take_violations().len(), 1);
}

#[test]
fn downloads_break_as_planned_and_are_counted() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en").sends_document("a", &[7; 1000], "");
    let path = path(&telegram, &latest(&telegram)["document"]);
    telegram.fault(DOWNLOAD, 1, Fault::Cut(10));
    let (head, body) = fetch(&telegram, &path, "");
    assert!(head.contains("Content-Length: 1000"), "the length promised is the whole: {head}");
    assert_eq!(body.len(), 10);
    telegram.fault(DOWNLOAD, 1, Fault::Drip(400, Duration::from_millis(5)));
    assert_eq!(fetch(&telegram, &path, "").1.len(), 1000);
    telegram.fault(DOWNLOAD, 1, Fault::Refuse(404, "Not Found"));
    assert!(fetch(&telegram, &path, "").0.starts_with("HTTP/1.1 404"));
    telegram.fault(DOWNLOAD, 1, Fault::Close);
    assert_eq!(fetch(&telegram, &path, "").1.len(), 0);
    let began = Instant::now();
    telegram.fault(DOWNLOAD, 1, Fault::Slow(Duration::from_millis(20)));
    assert_eq!(fetch(&telegram, &path, "").1.len(), 1000);
    assert!(began.elapsed() >= Duration::from_millis(20));
    let statuses: Vec<u16> = telegram.downloads().iter().map(|download| download.status).collect();
    assert_eq!(statuses, [200, 200, 0, 0, 200]);
}

#[test]
fn a_quotation_tells_what_is_quoted_and_where() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let first = call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "😀 one two"}))["result"]["message_id"].as_i64().unwrap();
    let second = ana.quotes(first, "two", "why?");
    let message = latest(&telegram);
    assert_eq!((&message["quote"]["text"], &message["quote"]["position"]), (&json!("two"), &json!(7)));
    assert_eq!(message["reply_to_message"]["message_id"], first);
    assert_eq!(message["reply_to_message"]["from"]["is_bot"], true);
    ana.replies(second, "still?");
    assert_eq!(latest(&telegram)["reply_to_message"].get("reply_to_message"), None, "replies are told one deep");
}

#[test]
fn a_long_paste_comes_in_messages_that_fit() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let lines: String = (0..1000).map(|line| format!("line {line} 😀\n")).collect();
    let numbers = ana.pastes(None, &lines);
    assert!(numbers.len() > 2);
    let texts: Vec<String> = numbers.iter().map(|number| ana.message(*number).unwrap().text).collect();
    assert!(texts.iter().all(|text| text.encode_utf16().count() <= 4096));
    assert_eq!(texts.join("\n"), lines.trim());
    assert_eq!(ana.pastes(None, &"x".repeat(5000)).len(), 2);
    assert_eq!(ana.pastes(None, "short").len(), 1);
}

#[test]
fn places_and_contacts_have_their_fields() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "de");
    ana.sends_location(52.52, 13.4);
    assert_eq!(latest(&telegram)["location"]["latitude"], 52.52);
    ana.sends_venue("Museum", "Bodestraße 1", 52.52, 13.4);
    let venue = latest(&telegram);
    assert_eq!((&venue["venue"]["title"], &venue["location"]["longitude"]), (&json!("Museum"), &json!(13.4)));
    ana.sends_contact("Ben", "+4930123");
    let contact = latest(&telegram);
    assert_eq!((&contact["contact"]["phone_number"], &contact["from"]["language_code"]), (&json!("+4930123"), &json!("de")));
}

#[test]
fn a_caption_can_be_edited_and_a_message_deleted() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let document = ana.sends_document("a", b"x", "one");
    ana.edits(document, "two");
    let update = call(&telegram, "getUpdates", json!({}))["result"][1]["edited_message"].clone();
    assert_eq!((&update["caption"], &update["document"]["file_name"]), (&json!("two"), &json!("a")));
    let sent = call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "x"}))["result"]["message_id"].as_i64().unwrap();
    ana.deletes(sent);
    let edit = json!({"chat_id": 7, "message_id": sent, "text": "y"});
    assert_eq!(refusal(&telegram, "editMessageText", edit), "Bad Request: message to edit not found");
    assert_eq!(refusal(&telegram, "deleteMessage", json!({"chat_id": 7, "message_id": sent})), "Bad Request: message to delete not found");
}
