//! Files that the bot sends.

use super::*;

/// Calls a method with texts and files as parts of a multipart body.
fn upload(telegram: &Telegram, method: &str, texts: &[(&str, &str)], files: &[(&str, &str, &[u8])]) -> Value {
    let mut body = Vec::new();
    for (name, text) in texts {
        body.extend(format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes());
    }
    for (part, name, content) in files {
        body.extend(format!("--B\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\n\r\n").bytes());
        body.extend([content, b"\r\n".as_slice()].concat());
    }
    body.extend(b"--B--\r\n");
    post(telegram, &format!("/bot{TOKEN}/{method}"), "multipart/form-data; boundary=B", &body)
}

/// A JPEG whose frame says this size.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let frame = [&[0xff, 0xc0, 0, 17, 8], height.to_be_bytes().as_slice(), &width.to_be_bytes(), &[3]].concat();
    [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1], frame.as_slice()].concat()
}

#[test]
fn each_kind_of_file_arrives_as_what_its_content_is() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let (mpeg4, picture) = (b"\0\0\0\x18ftypmp42".as_slice(), png(40, 30));
    let cases: [(&str, &str, &[u8], &str); 9] = [
        ("sendDocument", "document", b"text", "document"),
        ("sendPhoto", "photo", &picture, "photo"),
        ("sendPhoto", "photo", &jpeg(40, 30), "photo"),
        ("sendVideo", "video", mpeg4, "video"),
        ("sendVideo", "video", b"webm", "document"),
        ("sendVoice", "voice", b"OggS", "voice"),
        ("sendVoice", "voice", b"RIFF", "document"),
        ("sendAudio", "audio", b"ID3", "audio"),
        ("sendAnimation", "animation", b"GIF89a\x02\0\x02\0", "animation"),
    ];
    for (method, part, content, shown) in cases {
        let answer = upload(&telegram, method, &[("chat_id", "7"), ("caption", "look")], &[(part, "a;\\\"b\\\".x", content)]);
        assert!(answer["result"].get(shown).is_some(), "{method}: {answer}");
        let sent = ana.waits_for_message(|message| message.media.is_some());
        assert_eq!((sent.file(shown), sent.text.as_str()), (Some(("a;\"b\".x", content)), "look"), "{method}");
    }
}

#[test]
fn files_are_refused_as_telegram_does() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let photo = |content: &[u8]| upload(&telegram, "sendPhoto", &[("chat_id", "7")], &[("photo", "a.png", content)])["description"].clone();
    for (width, height) in [(5001, 5000), (2100, 100), (0, 10)] {
        assert_eq!(photo(&png(width, height)), "Bad Request: PHOTO_INVALID_DIMENSIONS", "{width}x{height}");
    }
    assert_eq!(photo(&png(2000, 100)), Value::Null);
    assert_eq!(photo(b"no picture"), "Bad Request: IMAGE_PROCESS_FAILED");
    let large = [png(10, 10), vec![0; 10 << 20]].concat();
    let size = large.len();
    assert_eq!(photo(&large), format!("Bad Request: file of size {size} bytes is too big for a photo; the maximum size is 10485760 bytes"));
    telegram.assert_clean();
    let document = |content: &[u8]| upload(&telegram, "sendDocument", &[("chat_id", "7")], &[("document", "a", content)]);
    assert_eq!(document(&vec![b'\r'; (50 << 20) + 1])["error_code"], 413);
    assert_eq!(document(b"")["description"], "Bad Request: file must be non-empty");
    let caption = "x".repeat(1025);
    let answer = upload(&telegram, "sendDocument", &[("chat_id", "7"), ("caption", &caption)], &[("document", "a", b"x")]);
    assert_eq!(answer["description"], "Bad Request: message caption is too long");
    assert!(telegram.take_violations().len() >= 2);
}

#[test]
fn bodies_that_are_wrongly_put_together_are_refused() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let (file, chat) = (("document", "a", b"x".as_slice()), ("chat_id", "7"));
    assert_eq!(upload(&telegram, "sendDocument", &[chat, chat], &[file])["error_code"], 400);
    assert!(telegram.take_violations()[0].contains("two parts are named `chat_id`"));
    assert_eq!(upload(&telegram, "sendDocument", &[chat], &[file, ("other", "b", b"y")])["ok"], true);
    assert_eq!(telegram.take_violations(), ["sendDocument: nothing refers to the uploaded part `other`"]);
    let path = format!("/bot{TOKEN}/sendDocument");
    for (kind, body) in [
        ("multipart/form-data", b"--B--".as_slice()),
        ("multipart/form-data; boundary=B", b"--C--"),
        ("multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a\r\n\r\nx\r\n--B--"),
        ("multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7"),
    ] {
        assert_eq!(post(&telegram, &path, kind, body)["error_code"], 400);
        assert_eq!(telegram.take_violations().len(), 1, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_sent_file_can_be_sent_again_by_its_id() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let first = upload(&telegram, "sendDocument", &[("chat_id", "7")], &[("document", "a.md", b"hello")]);
    let id = &first["result"]["document"]["file_id"];
    assert_eq!(call(&telegram, "sendDocument", json!({"chat_id": 7, "document": id}))["ok"], true);
    let twice = ana.messages().iter().filter(|message| message.file("document") == Some(("a.md", b"hello"))).count();
    assert_eq!(twice, 2);
}

#[test]
fn an_album_is_sent_as_a_whole_or_not_at_all() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let picture = png(4, 4);
    let album = |kinds: &[&str]| {
        let item = |(at, kind)| json!({"type": kind, "media": format!("attach://f{at}"), "caption": format!("number {at}")});
        let media: Vec<Value> = kinds.iter().enumerate().map(item).collect();
        let names: Vec<String> = (0..kinds.len()).map(|at| format!("f{at}")).collect();
        let files: Vec<(&str, &str, &[u8])> = names.iter().map(|name| (name.as_str(), name.as_str(), picture.as_slice())).collect();
        upload(&telegram, "sendMediaGroup", &[("chat_id", "7"), ("media", &json!(media).to_string())], &files)
    };
    let answer = album(&["photo", "photo"]);
    assert_eq!(answer["result"].as_array().map(Vec::len), Some(2), "{answer}");
    let sent: Vec<_> = ana.messages();
    assert_eq!((sent[0].text.as_str(), sent[1].text.as_str(), sent[0].album == sent[1].album), ("number 0", "number 1", true));
    assert!(sent[0].album.is_some() && sent[1].file("photo").is_some());
    assert_eq!(album(&["document"; 10])["ok"], true);
    telegram.assert_clean();
    assert_eq!(album(&["photo", "document"])["description"], "Bad Request: document can't be mixed with other media types");
    assert_eq!(album(&["audio", "video"])["description"], "Bad Request: audio can't be mixed with other media types");
    assert!(album(&["photo"])["description"].as_str().unwrap().contains("no messages to send"));
    assert_eq!(album(&["photo"; 11])["description"], "Bad Request: too many messages to send as an album");
    let lost = json!([{"type": "photo", "media": "attach://a"}, {"type": "photo", "media": "attach://b"}]).to_string();
    let lost = upload(&telegram, "sendMediaGroup", &[("chat_id", "7"), ("media", &lost)], &[("a", "a", &picture)]);
    assert_eq!(lost["description"], "Bad Request: can't parse InputMedia: media not found");
    assert_eq!(ana.messages().len(), 12, "a refused album leaves nothing behind");
    assert_eq!(telegram.take_violations().len(), 5);
}

#[test]
fn an_album_counts_as_many_sends_as_it_has_files() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let rate = Rate { sends: 3, within: Duration::from_secs(3600) };
    telegram.limit_rates(Rates { chat: rate, group: rate, overall: rate });
    let file = upload(&telegram, "sendDocument", &[("chat_id", "7")], &[("document", "a", b"x")])["result"]["document"]["file_id"].clone();
    let item = json!({"type": "document", "media": file});
    assert_eq!(call(&telegram, "sendMediaGroup", json!({"chat_id": 7, "media": [item, item]}))["ok"], true);
    assert_eq!(call(&telegram, "sendMediaGroup", json!({"chat_id": 7, "media": [item, item]}))["error_code"], 429);
}

#[test]
fn a_caption_is_edited_and_a_file_has_no_text() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let sent = upload(&telegram, "sendDocument", &[("chat_id", "7"), ("caption", "one")], &[("document", "a", b"x")]);
    let id = sent["result"]["message_id"].as_i64().unwrap();
    let edit = json!({"chat_id": 7, "message_id": id, "caption": "two"});
    assert_eq!(call(&telegram, "editMessageCaption", edit)["result"]["document"]["file_name"], "a");
    assert_eq!(ana.message(id).unwrap().text, "two");
    let edit = json!({"chat_id": 7, "message_id": id, "text": "three"});
    assert_eq!(refusal(&telegram, "editMessageText", edit), "Bad Request: there is no text in the message to edit");
    assert_eq!(telegram.take_violations().len(), 1);
}
