//! Files that the agent sends.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Fault, Person, Telegram};

fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, ana, appliance)
}

/// An Ogg page that begins a stream of Opus, as hexadecimal digits.
const OPUS: &str = "4f676753000200000000000000000100000000000000000000000113\
                    4f707573486561640101380180bb0000000000";

/// The beginning of an MPEG-4 video.
const MP4: &str = "00000018667479706d703432000000006d70343269736f6d";

#[test]
fn a_file_is_sent_with_its_caption_and_its_tag_is_never_seen_however_it_arrives() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("put a.txt hello\nsleep 300\nchunks 1 Here it is: <send_file path=\"a.txt\">the report</send_file> All done.");
    let file = ana.waits_for_message(|message| message.file("document").is_some());
    let (name, bytes) = file.file("document").unwrap();
    assert_eq!((name, String::from_utf8_lossy(bytes).trim(), file.text.as_str()), ("a.txt", "hello", "the report"));
    let answer = ana.waits_for_message(|message| message.text.contains("All done."));
    assert!(answer.text.contains("Here it is:") && answer.id < file.id);
    for call in telegram.calls() {
        assert!(!call.text().contains("<send") && !call.text().contains("a.txt\""), "{} {}", call.method, call.text());
    }
}

#[test]
fn a_file_is_sent_as_what_it_is_not_as_what_it_is_called() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let kinds = [
        ("make png 90 60 picture.bin", "picture.bin", "photo"),
        (&*format!("make hex {OPUS} hello.txt"), "hello.txt", "voice"),
        (&*format!("make hex {MP4} film.dat"), "film.dat", "video"),
        ("make bytes 2000 picture.png", "picture.png", "document"),
        ("make png 9000 9000 huge.png", "huge.png", "document"),
        ("make png 2100 100 long.png", "long.png", "document"),
    ];
    for (make, name, kind) in kinds {
        ana.sends(&format!("{make}\necho <send_file path=\"{name}\">look at {name}</send_file>"));
        let file = ana.waits_for_message(|message| message.media.is_some());
        assert_eq!((file.media.unwrap().kind.as_str(), file.text), (kind, format!("look at {name}")));
    }
}

#[test]
fn several_pictures_are_an_album() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let one = |number: usize| {
        format!("make png {number}0 {number}0 {number}.png\necho <send_file path=\"{number}.png\">picture {number}</send_file>")
    };
    ana.sends(&[one(1), one(2), one(3)].join("\n"));
    let album: Vec<_> = (1..=3)
        .map(|number| ana.waits_for_message(|message| message.text == format!("picture {number}") && message.media.is_some()))
        .collect();
    assert!(album[0].album.is_some() && album.iter().all(|message| message.album == album[0].album), "{}", ana.transcript());
}

#[test]
fn documents_and_pictures_of_one_answer_all_arrive() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let send = |name: &str| format!("echo <send_file path=\"{name}\">about {name}</send_file>");
    let all = ["put a.txt hello", &send("a.txt"), "make png 9 9 b.png", &send("b.png"), "put c.txt bye", &send("c.txt")].join("\n");
    ana.sends(&all);
    for name in ["a.txt", "b.png", "c.txt"] {
        ana.waits_for_message(|message| message.text == format!("about {name}") && message.media.is_some());
    }
}

#[test]
fn what_cannot_be_sent_is_told_to_the_person_at_once_and_to_the_agent_with_the_next_prompt() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let cases = [
        ("", "/etc/passwd", "outside of the workspace"),
        ("", "../../secret", "outside of the workspace"),
        ("", "nowhere.txt", "no such file"),
        ("make link /etc/passwd link.txt\n", "link.txt", "symbolic link"),
        ("make bytes 0 empty.txt\n", "empty.txt", "empty"),
        ("make bytes 52428801 big.bin\n", "big.bin", "at most 50"),
    ];
    for (make, path, why) in cases {
        ana.sends(&format!("{make}echo <send_file path=\"{path}\">look</send_file> said {path}"));
        ana.waits_for_message(|message| message.text.contains(path) && message.text.contains(why));
        ana.waits_for_message(|message| message.text.ends_with(&format!("said {path}")));
        ana.sends("whole prompt");
        let told = ana.waits_for_message(|message| message.text.contains("was not sent to the person"));
        assert!(told.text.contains(path) && told.text.contains(why), "{}", told.text);
    }
    ana.sends("whole prompt");
    ana.waits_for_message(|message| message.text == "whole prompt");
    assert!(ana.messages().iter().all(|message| message.media.is_none()), "nothing was sent: {}", ana.transcript());
}

#[test]
fn a_file_that_is_exchanged_for_a_link_before_it_is_sent_is_not_followed() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault("sendDocument", 1, Fault::Flood(2));
    ana.sends("put a.txt hello\necho here <send_file path=\"a.txt\">look</send_file>");
    telegram.waits_for_faults();
    let file = appliance.workspace_of(1001, 0).join("a.txt");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    ana.waits_for_message(|message| message.text.contains("a.txt") && message.text.contains("symbolic link"));
    assert!(ana.messages().iter().all(|message| message.media.is_none()), "{}", ana.transcript());
}

#[test]
fn a_file_survives_a_killed_gateway_between_answer_and_upload() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault("sendDocument", 1, Fault::BadGateway);
    ana.sends("put a.txt hello\necho here <send_file path=\"a.txt\">look</send_file>");
    telegram.waits_for_faults();
    appliance.kill("gateway");
    ana.waits_for_message(|message| message.file("document").is_some());
    assert_eq!(ana.messages().iter().filter(|message| message.text.contains("here")).count(), 1, "{}", ana.transcript());
}
