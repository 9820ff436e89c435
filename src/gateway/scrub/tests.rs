//! What has to go, and what has to stay.

use proptest::prelude::*;

use super::scrub;

/// Each with what is left of it.
fn becomes(cases: &[(&str, &str)]) {
    for (text, scrubbed) in cases {
        assert_eq!(scrub(text, &[]), *scrubbed, "{text}");
    }
}

/// Of that shape, but nobody's; put together here so that no scanner takes it for one.
fn token(beginning: &str) -> String {
    format!("{beginning}{}", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI")
}

#[test]
fn a_known_secret_goes_in_every_spelling() {
    let secret = "hunter2/& Änd";
    let scrubbed = |text: &str| scrub(text, &[secret]);
    assert_eq!(scrubbed("it is hunter2/& Änd, they say"), "it is •••, they say");
    assert_eq!(scrubbed("q=hunter2%2F%26%20%C3%84nd&x=1"), "q=•••&x=1");
    assert_eq!(scrubbed("q=hunter2/%26%20%c3%84nd"), "q=•••");
    use base64::Engine as _;
    for before in ["", "a", "ab", "abc"] {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{before}{secret} and more"));
        let scrubbed = scrubbed(&encoded);
        assert!(scrubbed.contains("•••") && scrubbed.len() < encoded.len(), "{before}: {scrubbed}");
    }
    assert_eq!(scrub("an ordinary word", &["or", ""]), "an ordinary word", "too short to be one");
}

#[test]
fn tokens_go_by_their_shape() {
    for beginning in ["sk-", "sk-ant-api03-", "xoxb-", "xapp-", "ghp_", "github_pat_", "glpat-", "123456789:", "bearer "] {
        let left = if beginning == "bearer " { "bearer •••" } else { "•••" };
        assert_eq!(scrub(&format!("it said ({}), then ended", token(beginning)), &[]), format!("it said ({left}), then ended"));
    }
    becomes(&[
        (&format!("https://api.telegram.org/bot{}/getMe", token("123456789:")), "https://api.telegram.org/bot•••/getMe"),
        (&["AK", "IAIOSFODNN7EXAMPLE"].concat(), "•••"),
        (&["eyJ", "hbGciOiJIUzI1NiJ9.eyJ", "zdWIiOiIxMjM0In0.dBjftJeZ4CVP_mB92K"].concat(), "•••"),
        ("psql: postgres://ana:p%40ss@db:5432/x failed", "psql: postgres://•••@db:5432/x failed"),
        ("http://a:b@c@host/", "http://•••@host/"),
    ]);
}

#[test]
fn a_private_key_goes_with_all_its_lines() {
    let key = ["-----BEGIN RSA ", "PRIVATE KEY-----\nMIIE\nabc\n-----END RSA ", "PRIVATE KEY-----"].concat();
    assert_eq!(scrub(&format!("a\n{key}\nb"), &[]), "a\n•••\nb");
    assert_eq!(scrub(&format!("a\n{}", &key[..40]), &[]), "a\n•••", "also where it is cut off");
    let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----";
    assert_eq!(scrub(public, &[]), public);
}

#[test]
fn what_is_named_a_secret_goes() {
    becomes(&[
        ("KIRO_API_KEY=abc def", "KIRO_API_KEY=••• def"),
        ("export AWS_SECRET_ACCESS_KEY='a b' X=1", "export AWS_SECRET_ACCESS_KEY='•••' X=1"),
        ("DATABASE_URL=mysql://db/x SENTRY_DSN: y", "DATABASE_URL=••• SENTRY_DSN: •••"),
        (r#"{"apiKey": "a\"b", "n": 1}"#, r#"{"apiKey": "•••", "n": 1}"#),
        (r#"{\"access_token\":\"abc\",\"n\":1}"#, r#"{\"access_token\":\"•••\",\"n\":1}"#),
        ("curl -H 'Authorization: Basic YTpi' https://x", "curl -H 'Authorization: •••' https://x"),
        ("Set-Cookie: a=b; c=d\r\nHost: x", "Set-Cookie: •••\r\nHost: x"),
        ("?user=a&token=b&x=c", "?user=a&token=•••&x=c"),
        ("password: hunter2, and so on", "password: •••, and so on"),
        ("'client-secret' => 'x'", "'client-secret' => '•••'"),
        ("db_password := abc", "db_password := •••"),
        ("PASSWORD=\"unclosed\nnext", "PASSWORD=\"•••\nnext"),
    ]);
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "The key: it works. 12 tests passed: all of them.",
        "Error: connection to https://host:8080/a@b failed at 12:30:45",
        "token == other, Token::new(), the token; keyboard: de, author: Ana, compass: north",
        "a task-oriented risk-averse disk-like sk-learn eyJ",
        "PATH=/usr/bin HOME=/root EMPTY_TOKEN=, \"TOKEN\": \"\"",
        "src/main.rs:12:5: expected `;`, found `}` in module a::b",
        "bearer of news, 123456789:short, user@example.org, ssh://git@host/x",
        "größe: 5 µm – „Schlüssel“",
    ] {
        assert_eq!(scrub(text, &[]), text);
    }
}

#[test]
fn a_long_text_made_to_be_slow_is_not() {
    let begun = std::time::Instant::now();
    for piece in ["1", "e", "eyJ", "sk-", "key='", "://a:", "-----BEGIN ", "\\", "%41", "token=", "bearer "] {
        scrub(&piece.repeat(100_000 / piece.len()), &["AAAAAAAAAAAAAAAAB"]);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_hiding_lays_bare_goes_too() {
    let text = format!("abcdefgh{}", token("sk-"));
    assert_eq!(scrub(&text, &["abcdefgh"]), "••••••");
}

/// Texts of the pieces that matter, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("TOKEN".to_owned()),
        Just("api_key".to_owned()),
        Just("Cookie".to_owned()),
        Just("://".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("-----END ".to_owned()),
        Just("bearer ".to_owned()),
        Just("eyJhbGciOiJ.".to_owned()),
        Just("•••".to_owned()),
        Just("hunter2 ".to_owned()),
        Just("%20".to_owned()),
        Just(token("sk-")),
        "[=:\"'\\\\@ \n.%-]{1,3}",
        "[a-zA-Z0-9äß😀]{0,6}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn scrubbing_twice_is_scrubbing_once(text in pieces(), secret in "hunter2 |.{0,12}") {
        let once = scrub(&text, &[&secret]);
        prop_assert_eq!(scrub(&once, &[&secret]), once);
    }

    #[test]
    fn no_known_secret_is_left(before in pieces(), secret in "[a-zA-Z0-9/+&%=]{6,20}", after in pieces()) {
        let scrubbed = scrub(&[before, secret.clone(), after].concat(), &[&secret]);
        prop_assert!(!scrubbed.contains(&secret));
    }

    #[test]
    fn whatever_comes_nothing_breaks(text in ".{0,300}", secret in ".{0,20}") {
        scrub(&text, &[&secret]);
    }

    #[test]
    fn ordinary_prose_stays(words in proptest::collection::vec("[A-Za-zäöüß]{1,14}[,.;!?]?", 0..40)) {
        let prose = words.join(" ");
        prop_assert_eq!(scrub(&prose, &[]), prose);
    }
}
