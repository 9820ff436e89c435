//! What people send besides words, and how the agent gets it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::appliance::{Appliance, eventually, files_below};
use crate::stand_in::telegram::{DOWNLOAD, Fault, File, Person, Post, Telegram, png};

/// A mebibyte, in bytes.
const MIB: u64 = 1024 * 1024;

/// Ana, whom the bot serves.
fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, ana, appliance)
}

/// The names in the inbox of Ana's workspace, in order.
fn inbox(appliance: &Appliance) -> Vec<String> {
    let entries = std::fs::read_dir(appliance.workspace_of(1001, 0).join("inbox")).into_iter().flatten().flatten();
    let names: BTreeSet<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.into_iter().collect()
}

/// A file in the inbox of Ana's workspace.
fn taken(appliance: &Appliance, name: &str) -> Vec<u8> {
    std::fs::read(appliance.workspace_of(1001, 0).join("inbox").join(name)).unwrap()
}

/// Asks the agent what it received with a file.
#[track_caller]
fn asks_about(ana: &Person, file: File) -> String {
    ana.posts(Post::file(file).caption("attached"));
    ana.waits_for_message(|message| message.text.contains("Attached by the person")).text
}

#[test]
fn every_kind_of_file_lands_in_the_inbox_and_is_given_to_the_agent() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let picture = png(1280, 960);
    let kinds = [
        (File::document("report.pdf", b"%PDF-1.7"), "report.pdf", b"%PDF-1.7".to_vec()),
        (File::photo(&picture), "photo.jpg", picture.clone()),
        (File::audio("song.mp3", b"ID3 la la"), "song.mp3", b"ID3 la la".to_vec()),
        (File::voice(b"OggS hello"), "voice.ogg", b"OggS hello".to_vec()),
        (File::video("party.mp4", b"a party"), "party.mp4", b"a party".to_vec()),
        (File::video_note(b"a round"), "video-note.mp4", b"a round".to_vec()),
        (File::animation("cat.mp4", b"a cat"), "cat.mp4", b"a cat".to_vec()),
        (File::sticker(b"a thumb"), "sticker.webp", b"a thumb".to_vec()),
    ];
    for (file, name, bytes) in kinds {
        let said = asks_about(&ana, file);
        assert!(said.contains(&format!("inbox/{name}")), "{name}: {said}");
        assert_eq!(taken(&appliance, name), bytes, "{name}");
        let given = if name == "photo.jpg" { "image image/png " } else { "link " };
        assert!(said.contains(given) && said.contains(&format!(" {} bytes", bytes.len())), "{name}: {said}");
    }
}

#[test]
fn a_file_without_a_word_is_a_prompt_too() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    ana.sends_file(File::document("notes.txt", b"buy milk"));
    ana.waits_for_message(|message| message.text.contains("inbox/notes.txt (document, 8 bytes)"));
    ana.sends_photo();
    ana.waits_for_message(|message| message.text.contains("inbox/photo.jpg (photo, "));
    assert_eq!(appliance.prompts_of(1001).len(), 2);
}

#[test]
fn an_album_is_one_prompt_with_all_its_files() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let files = vec![File::photo(&png(10, 10)), File::photo(&png(20, 20)), File::video("third.mp4", b"third"), File::photo(&png(40, 40))];
    ana.sends_album(None, files, "attached");
    let answer = ana.waits_for_message(|message| message.text.contains("third.mp4"));
    assert_eq!(answer.text.matches("image image/png").count(), 3, "{}", answer.text);
    assert_eq!(inbox(&appliance).len(), 4);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn pictures_that_are_too_much_for_one_prompt_are_links() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let large = |name| File::document(name, &[png(10, 10), vec![0; 3 << 20]].concat());
    ana.sends_album(None, vec![large("one.png"), large("two.png"), File::document("three.png", &png(30, 30))], "attached");
    let answer = ana.waits_for_message(|message| message.text.contains("link two.png"));
    assert_eq!((answer.text.matches("image image/png").count(), answer.text.matches("link ").count()), (2, 1), "{}", answer.text);
}

#[test]
fn whatever_a_file_is_called_it_stays_in_the_inbox_under_a_name_that_can_be_shown() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let names = [
        "../../../etc/passwd".to_owned(),
        "..".to_owned(),
        "two\nlines.txt".to_owned(),
        "\u{1b}[2J\u{1b}]0;title\u{7}.txt".to_owned(),
        "\u{202e}gpj.exe".to_owned(),
        format!("{}.txt", "ü".repeat(300)),
        "-rf *; $(reboot).sh".to_owned(),
    ];
    for name in &names {
        let said = asks_about(&ana, File::document(name, name.as_bytes()));
        assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{said:?}");
    }
    let inbox = inbox(&appliance);
    assert_eq!(inbox.len(), names.len(), "{inbox:?}");
    for name in &inbox {
        assert!(name.len() <= 255 && !name.starts_with(['.', '-']), "{name:?}");
        assert!(!name.contains(|c: char| c.is_control() || c == '\u{202e}'), "{name:?}");
    }
    let all = files_below(&appliance.path("workspaces"));
    let directory = appliance.workspace_of(1001, 0).join("inbox");
    assert!(all.iter().all(|path| path.parent() == Some(&directory)), "{all:?}");
}

#[test]
fn two_files_of_one_name_are_both_kept() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    asks_about(&ana, File::document("same.txt", b"the first"));
    let said = asks_about(&ana, File::document("same.txt", b"the second"));
    let names = inbox(&appliance);
    let contents: BTreeSet<Vec<u8>> = names.iter().map(|name| taken(&appliance, name)).collect();
    assert_eq!(contents, BTreeSet::from([b"the first".to_vec(), b"the second".to_vec()]));
    let second = names.iter().find(|name| *name != "same.txt").unwrap();
    assert!(said.contains(second), "the agent is told the name that it got: {said}");
}

#[test]
fn a_file_that_is_too_large_is_not_asked_for_and_the_person_is_told() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    ana.posts(Post::file(File::document("disk.iso", b"x").of_size(25 * MIB)).caption("echo and on"));
    let word = ana.waits_for_message(|message| message.text.contains("disk.iso has 25 MiB"));
    assert!(word.text.contains("20 MiB"), "{}", word.text);
    ana.waits_for_message(|message| message.text.contains("and on"));
    assert!(telegram.calls_of("getFile").is_empty());
}

#[test]
fn a_file_that_hides_how_large_it_is_is_refused_with_the_same_word() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    for told in [None, Some(5)] {
        ana.posts(Post::file(File::document("disk.iso", b"x").of_size(25 * MIB).telling(told)).caption("echo and on"));
        let word = ana.waits_for_message(|message| message.text.contains("disk.iso"));
        assert!(word.text.contains("is too large") && word.text.contains("at most 20 MiB"), "{}", word.text);
        ana.waits_for_message(|message| message.text.contains("and on"));
    }
    assert!(inbox(&appliance).is_empty());
}

#[test]
fn a_file_that_goes_on_beyond_the_bound_is_given_up() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let endless = vec![0; usize::try_from(21 * MIB).unwrap()];
    ana.posts(Post::file(File::document("endless.bin", &endless).of_size(5)).caption("echo and on"));
    let word = ana.waits_for_message(|message| message.text.contains("endless.bin"));
    assert!(word.text.contains("is too large") && word.text.contains("at most 20 MiB") && word.buttons().is_empty(), "{}", word.text);
    ana.waits_for_message(|message| message.text.contains("and on"));
    assert!(inbox(&appliance).is_empty());
}

#[test]
fn a_file_is_taken_whole_whatever_size_was_told() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let bytes = vec![7; 100_000];
    for (name, told) in [("less.bin", Some(10)), ("more.bin", Some(999_999)), ("none.bin", None)] {
        asks_about(&ana, File::document(name, &bytes).telling(told));
        assert_eq!(taken(&appliance, name), bytes, "{name}");
    }
}

#[test]
fn a_file_that_telegram_does_not_give_is_told_to_the_person_and_to_the_agent() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault("getFile", 1, Fault::Refuse(400, "Bad Request: wrong file_id or the file is temporarily unavailable"));
    ana.posts(Post::file(File::document("lost.txt", b"x")).caption("echo and on"));
    ana.waits_for_message(|message| message.text.contains("lost.txt could not be fetched"));
    ana.waits_for_message(|message| message.text.contains("and on") && message.text.contains("The person sent lost.txt, but"));
    assert!(inbox(&appliance).is_empty());
}

#[test]
fn a_bad_network_delays_a_file_and_no_more() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault("getFile", 1, Fault::BadGateway);
    telegram.fault("getFile", 1, Fault::Close);
    asks_about(&ana, File::document("late.txt", b"here I am"));
    assert_eq!(taken(&appliance, "late.txt"), b"here I am");
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    telegram.fault(DOWNLOAD, 1, Fault::Cut(150_000));
    telegram.fault(DOWNLOAD, 1, Fault::Cut(50_000));
    asks_about(&ana, File::document("long.bin", &bytes));
    assert_eq!(taken(&appliance, "long.bin"), bytes);
    let ranges: Vec<String> = telegram.downloads().into_iter().map(|download| download.range).collect();
    assert_eq!(ranges, ["", "bytes=150000-", "bytes=200000-"]);
}

/// Whether a download has begun to be kept.
fn something_is_kept(appliance: &Appliance) -> bool {
    let is_part = |path: &Path| path.extension().is_some_and(|extension| extension == "part");
    let mut kept = files_below(&appliance.path("state")).into_iter().filter(|path| is_part(path));
    kept.any(|path| path.metadata().is_ok_and(|metadata| metadata.len() > 0))
}

#[test]
fn a_gateway_killed_in_mid_download_goes_on_where_it_stopped_and_answers_once() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    telegram.fault(DOWNLOAD, 1, Fault::Drip(4_000, Duration::from_millis(100)));
    ana.posts(Post::file(File::document("slow.bin", &bytes)).caption("attached"));
    eventually("a part of the file to be kept", || something_is_kept(&appliance));
    appliance.kill("gateway");
    ana.waits_for_message(|message| message.text.contains("inbox/slow.bin"));
    assert_eq!(taken(&appliance, "slow.bin"), bytes);
    let again = telegram.downloads().last().unwrap().range.clone();
    assert!(again.starts_with("bytes=") && again != "bytes=0-", "{again}");
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    assert!(!something_is_kept(&appliance), "what is in the workspace is kept nowhere else");
    assert!(ana.messages().iter().all(|message| !message.text.contains("Interrupted")));
}

#[test]
fn what_was_fetched_before_a_crash_is_not_placed_twice() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault(DOWNLOAD, 1, Fault::Slow(Duration::from_millis(1)));
    telegram.fault(DOWNLOAD, 1, Fault::Drip(1_000, Duration::from_millis(100)));
    let files = vec![File::document("first.txt", b"first"), File::document("second.bin", &[7; 100_000])];
    ana.sends_album(None, files, "attached");
    telegram.waits("the second download", |state| (state.downloads.len() == 2).then_some(()));
    appliance.kill("gateway");
    ana.waits_for_message(|message| message.text.contains("first.txt") && message.text.contains("second.bin"));
    assert_eq!(inbox(&appliance), ["first.txt", "second.bin"]);
}

#[test]
fn a_part_that_telegram_cannot_go_on_from_is_fetched_anew() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault(DOWNLOAD, 1, Fault::Cut(50_000));
    telegram.fault(DOWNLOAD, 1, Fault::Refuse(416, "Requested Range Not Satisfiable"));
    asks_about(&ana, File::document("long.bin", &[7; 100_000]));
    assert_eq!(taken(&appliance, "long.bin"), [7; 100_000]);
    let ranges: Vec<String> = telegram.downloads().into_iter().map(|download| download.range).collect();
    assert_eq!(ranges, ["", "bytes=50000-", ""]);
}

#[test]
fn a_download_that_was_stopped_leaves_nothing_behind() {
    let (telegram, ana, appliance) = ana_and_her_bot();
    telegram.fault(DOWNLOAD, 1, Fault::Drip(100, Duration::from_millis(100)));
    ana.posts(Post::file(File::document("slow.bin", &[7; 100_000])).caption("attached"));
    eventually("a part of the file to be kept", || something_is_kept(&appliance));
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped"));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    assert!(!something_is_kept(&appliance));
    assert!(inbox(&appliance).is_empty());
}

#[test]
fn places_and_people_are_told_in_words() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends_location(52.52, 13.405);
    ana.waits_for_message(|message| message.text.contains("52.52") && message.text.contains("13.405"));
    ana.sends_venue("The Tower", "Main Square 1", 48.0, 11.5);
    ana.waits_for_message(|message| message.text.contains("The Tower") && message.text.contains("Main Square 1"));
    ana.sends_contact("Grandma", "+49 170 1234");
    ana.waits_for_message(|message| message.text.contains("Grandma") && message.text.contains("+49 170 1234"));
}

#[test]
fn a_reply_tells_the_agent_what_it_answers() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo the sky is green");
    let answer = ana.waits_for_message(|message| message.text == "the sky is green");
    ana.replies(answer.id, "whole prompt");
    let told = ana.waits_for_message(|message| message.text.contains("In reply to your message"));
    assert!(told.text.contains("the sky is green"), "{}", told.text);
    ana.quotes(answer.id, "green", "whole prompt");
    let told = ana.waits_for_message(|message| message.text.contains("In reply to this part of your message"));
    assert!(told.text.contains("green") && !told.text.contains("the sky"), "{}", told.text);
}

#[test]
fn a_reply_to_a_file_tells_what_it_was() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let photo = ana.posts(Post::file(File::photo(&png(9, 9))).caption("echo my cat"));
    ana.waits_for_message(|message| message.text.contains("my cat"));
    ana.replies(photo, "whole prompt");
    let told = ana.waits_for_message(|message| message.text.contains("In reply to the person's own message"));
    assert!(told.text.contains("a photo") && told.text.contains("my cat"), "{}", told.text);
}

/// The texts of the prompts that the agent got, as it got them.
fn prompts(appliance: &Appliance) -> Vec<String> {
    let text = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned();
    appliance.prompts_of(1001).iter().map(text).collect()
}

#[test]
fn a_long_paste_is_one_prompt() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let lines: Vec<String> = (0..200).map(|line| format!("think of line {line} {}", "x".repeat(40))).collect();
    let text = format!("{}\ncount", lines.join("\n"));
    assert!(text.len() > 10_000);
    assert!(ana.pastes(None, &text).len() >= 3);
    ana.waits_for_message(|message| message.text == "1");
    assert_eq!(prompts(&appliance), [text]);
}

#[test]
fn a_paste_without_lines_is_joined_where_it_was_split() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let text = format!("think {}", "😀x".repeat(3_000));
    assert!(ana.pastes(None, &text).len() >= 3);
    ana.waits_for_message(|_| true);
    assert_eq!(prompts(&appliance), [text]);
}

#[test]
fn nothing_of_a_stranger_is_fetched() {
    let telegram = Telegram::start();
    let (ana, eve) = (telegram.private_chat(1001, "en"), telegram.private_chat(6666, "en"));
    let appliance = Appliance::start(&telegram, &[1001]);
    eve.sends_photo();
    eve.sends_document("evil.sh", b"rm -rf /", "attached");
    eve.sends_album(None, vec![File::photo(&png(9, 9)), File::photo(&png(9, 9))], "attached");
    asks_about(&ana, File::document("good.txt", b"hello"));
    assert_eq!(telegram.calls_of("getFile").len(), 1, "Ana's");
    assert_eq!(telegram.downloads().len(), 1);
    assert!(eve.messages().is_empty());
    assert!(!appliance.path("workspaces/telegram-6666").exists());
}
