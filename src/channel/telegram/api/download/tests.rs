use super::*;
use crate::channel::telegram::api::tests::{KEY, run, served};

/// Fetches a file from a server that answers so; gives where it begins and what came, and what the server was asked.
fn fetched(offset: u64, limit: u64, answer: &'static str) -> (Result<(u64, Vec<u8>), ApiError>, String) {
    let (api, asked) = served(answer.as_bytes());
    let result = run(async {
        let mut download = api.download("documents/a b.txt", offset, limit).await?;
        let mut all = Vec::new();
        while let Some(chunk) = download.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok((download.from, all))
    });
    (result, asked.join().unwrap())
}

#[test]
fn a_file_is_fetched_from_its_beginning() {
    let (result, asked) = fetched(0, 5, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(result, Ok((0, b"hello".to_vec())));
    assert!(asked.starts_with(&format!("GET /file/bot42:{KEY}/documents/a%20b.txt HTTP/1.1\r\n")), "{asked}");
    assert!(!asked.to_lowercase().contains("range:"), "{asked}");
}

#[test]
fn a_file_goes_on_at_its_offset_or_begins_anew() {
    let part = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nlo";
    let (result, asked) = fetched(3, 5, part);
    assert_eq!(result, Ok((3, b"lo".to_vec())));
    assert!(asked.to_lowercase().contains("range: bytes=3-\r\n"), "{asked}");
    assert_eq!(fetched(3, 5, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").0, Ok((0, b"hello".to_vec())));
    let other = fetched(2, 5, part).0.unwrap_err();
    assert!(matches!(other, ApiError::Garbage { .. }), "{other:?}");
}

#[test]
fn what_is_too_large_is_refused_whether_or_not_the_server_says_its_size() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-5/6\r\nContent-Length: 2\r\n\r\no!",
    ] {
        let error = fetched(4, 5, answer).0.unwrap_err();
        assert!(error.is_too_large() && !error.is_passing(), "{error:?}");
    }
}

#[test]
fn what_cannot_be_fetched_is_told_from_what_passes() {
    let not_there = "HTTP/1.1 404 Not Found\r\nContent-Length: 56\r\n\r\n{\"ok\":false,\"error_code\":404,\"description\":\"Not Found\"} ";
    for answer in [not_there, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"] {
        let error = fetched(3, 5, answer).0.unwrap_err();
        assert!(matches!(error, ApiError::BadRequest { .. }) && !error.is_passing(), "{error:?}");
    }
    for answer in ["HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"] {
        let error = fetched(0, 5, answer).0.unwrap_err();
        assert!(error.is_passing() && !format!("{error} {error:?}").contains(KEY), "{error:?}");
    }
}

#[test]
fn no_path_leads_elsewhere() {
    for path in ["", "/", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "a/./b", "a\nb", "a\u{7f}", &"x".repeat(PATH + 1)] {
        assert_eq!(encoded(path), None, "{path:?}");
    }
    assert_eq!(encoded("documents/file_1.tar.gz").as_deref(), Some("documents/file_1.tar.gz"));
    assert_eq!(encoded("a/%2e%2e/b?c#d\\é").as_deref(), Some("a/%252e%252e/b%3Fc%23d%5C%C3%A9"));
}
