//! kiro-cli comes into the image only as its manifest has it: `docker/kiro/fetch-kiro` against a server on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is its failure")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

const VERSION: &str = "1.26.0";
const ARCHIVE: &str = "kirocli-x86_64-linux.tar.gz";

/// Serves these paths for as long as the test's process lives, and gives its address.
fn serve(files: Vec<(String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 2048];
            let read = stream.read(&mut head).unwrap_or_default();
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let found = files.iter().find(|(name, _)| name == path);
            let (status, body) = found.map_or(("404 Not Found", &[][..]), |(_, body)| ("200 OK", body));
            // Whoever hangs up has seen enough.
            let _ =
                stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes());
            let _ = stream.write_all(body);
        }
    });
    address
}

/// An archive as kiro-cli's are laid out.
fn archive(directory: &Path) -> Vec<u8> {
    let bin = directory.join("kirocli/bin");
    std::fs::create_dir_all(&bin).unwrap();
    for name in ["kiro-cli", "kiro-cli-chat"] {
        std::fs::write(bin.join(name), format!("#!/bin/sh\necho {name} {VERSION}\n")).unwrap();
    }
    let packed = directory.join("packed");
    assert!(Command::new("tar").arg("-C").arg(directory).arg("-czf").arg(&packed).arg("kirocli").status().unwrap().success());
    std::fs::read(packed).unwrap()
}

fn sum(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let output = Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn fetch(url: &str, version: &str, prefix: &Path) -> Output {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/kiro/fetch-kiro"));
    command.args([url, version]).arg(prefix).env("ARCH", "x86_64").env("no_proxy", "127.0.0.1").output().unwrap()
}

/// What comes of a manifest of this text, in which SUM is the archive's own.
fn with_manifest(manifest: &str) -> (Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let packed = archive(directory.path());
    let manifest = manifest.replace("SUM", &sum(&packed));
    let paths = ["latest", VERSION].map(|version| (format!("/{version}/manifest.json"), manifest.clone().into_bytes()));
    let url = serve(paths.into_iter().chain([(format!("/{VERSION}/{ARCHIVE}"), packed)]).collect());
    let output = fetch(&url, "latest", &directory.path().join("usr"));
    (output, directory)
}

fn manifest(path: &str, sum: &str) -> String {
    format!(
        r#"{{"version": "{VERSION}", "packages": [{{"architecture": "aarch64", "download": "{VERSION}/kirocli-aarch64-linux.tar.gz", "sha256": "{}"}},
            {{"architecture": "x86_64", "download": "{path}", "sha256": "{sum}", "size": 1}}]}}"#,
        "0".repeat(64)
    )
}

#[test]
fn what_the_manifest_has_the_sum_of_is_installed() {
    let (output, directory) = with_manifest(&manifest(&format!("{VERSION}/{ARCHIVE}"), "SUM"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["kiro-cli", "kiro-cli-chat"] {
        let said = Command::new(directory.path().join("usr/bin").join(name)).output().unwrap().stdout;
        assert_eq!(String::from_utf8(said).unwrap(), format!("{name} {VERSION}\n"));
    }
}

#[test]
fn what_is_not_as_the_manifest_says_is_not_installed() {
    let zeroes = "0".repeat(64);
    let twice =
        format!(r#"[{}, {{"download": "other/{ARCHIVE}", "sha256": "{zeroes}"}}]"#, manifest(&format!("{VERSION}/{ARCHIVE}"), "SUM"));
    for (manifest, why) in [
        (manifest(&format!("{VERSION}/{ARCHIVE}"), &zeroes), "its sha256 is another"),
        (manifest(&format!("{VERSION}/{ARCHIVE}"), "abc"), "no sha256"),
        (manifest(&format!("../../{ARCHIVE}"), "SUM"), "leads elsewhere"),
        (manifest("1.26.0/another.tar.gz", "SUM"), "names 0 archives"),
        (twice, "names 2 archives"),
        ("no JSON".to_owned(), "cannot be used"),
    ] {
        let (output, directory) = with_manifest(&manifest);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{manifest}: {said}");
        assert!(!directory.path().join("usr/bin/kiro-cli").exists(), "{manifest}");
    }
}

#[test]
fn nothing_is_asked_for_in_clear_but_on_loopback() {
    let directory = tempfile::tempdir().unwrap();
    for (url, version) in [("http://example.org", "latest"), ("ftp://127.0.0.1:9", "latest"), ("https://127.0.0.1:9", "../x")] {
        let output = fetch(url, version, directory.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && (said.contains("has to be https") || said.contains("VERSION is")), "{url}: {said}");
    }
}
