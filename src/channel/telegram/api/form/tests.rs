use std::io::Write;

use serde_json::json;

use super::*;

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn form(file: &File, name: &str) -> Form {
    let upload = Upload::new(file.try_clone().unwrap(), name).unwrap();
    Form::new(&json!({"chat_id": 7, "caption": "é", "list": ["a"]}), vec![("document".to_owned(), upload)]).unwrap()
}

/// All that is sent, or why not.
fn send(mut form: Form) -> Result<Vec<u8>, Unreadable> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut form).poll_frame(cx)).await {
            let data = frame?.into_data().unwrap();
            assert!(data.len() as u64 <= CHUNK);
            all.extend_from_slice(&data);
        }
        assert!(form.is_end_stream() && form.size() == 0 && form.sent.load(Ordering::Relaxed) == all.len() as u64);
        Ok(all)
    })
}

#[test]
fn a_form_is_as_long_as_announced_and_has_all_fields_and_the_file() {
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let bytes: Vec<u8> = (0..length).map(|at: u32| at.to_le_bytes()[0]).collect();
        let form = form(&file(&bytes), "a.txt");
        let (announced, boundary) = (form.size_hint().exact().unwrap(), form.boundary.clone());
        let sent = send(form).unwrap();
        assert_eq!(sent.len() as u64, announced);
        let mut expected = String::new();
        for (name, value) in [("caption", "é"), ("chat_id", "7"), ("list", "[\"a\"]")] {
            expected += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        expected += &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.txt\"\r\n");
        expected += "Content-Type: application/octet-stream\r\n\r\n";
        let expected = [expected.as_bytes(), &bytes, format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
        assert!(sent == expected, "{length}: {}", String::from_utf8_lossy(&sent));
    }
}

#[test]
fn a_file_that_shrinks_or_grows_ends_the_form_before_its_announced_length() {
    let bytes = vec![7; 100_000];
    for change in [0, 1, 99_999, 100_001, 200_000] {
        let file = file(&bytes);
        let form = form(&file, "a.txt");
        file.set_len(change).unwrap();
        assert!(send(form).is_err(), "{change}");
    }
}

#[test]
fn no_name_breaks_out_of_its_quotes_or_its_line() {
    let name = Upload::new(file(b"x"), "a\"; name=\"chat_id\"\r\n\r\n\u{1b}[2J\\\n\u{202e}gpj.exe").unwrap().name;
    assert!(!name.contains(['"', '\\', '\r', '\n', '\u{1b}', '\u{202e}']), "{name:?}");
    assert_eq!(Upload::new(file(b"x"), "Grüße 😀.txt").unwrap().name, "Grüße 😀.txt");
}
