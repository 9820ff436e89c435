//! The stand-in for Telegram as a program of its own, for tests that are shell scripts.
//!
//! ```sh
//! telegram-stand-in serve DIR [SECONDS] &    # writes DIR/port and DIR/token; ends by `stop`, or after so long (an hour)
//! telegram-stand-in DIR ready                # waits until it serves
//! telegram-stand-in DIR say 1001 'run ls'    # person 1001 writes to the bot
//! telegram-stand-in DIR wait 1001 done 60    # waits for a message of the bot that contains `done`, and prints it
//! telegram-stand-in DIR press 1001 'Allow once'
//! telegram-stand-in DIR file 1001 PATH [WORDS]  # sends a document
//! telegram-stand-in DIR show 1001            # prints what stands in the chat
//! telegram-stand-in DIR polled [SECONDS]     # waits for a poll with nothing unconfirmed that began after this call
//! telegram-stand-in DIR calls METHOD         # how often the method was called (`*`: any)
//! telegram-stand-in DIR fault METHOD TIMES refuse|conflict|gateway|close|hang    # `*`: any method; TIMES 0: no faults any more
//! telegram-stand-in DIR interrupt            # a waiting poll ends, as when another instance of the bot polls
//! telegram-stand-in DIR revoke               # the token is refused from now on
//! telegram-stand-in DIR killing              # the bot is about to be killed: what it did last it may do once more
//! telegram-stand-in DIR stop                 # ends it; fails if the bot made calls that a right client never makes
//! ```
//!
//! `TELEGRAM_API_BASE` is `http://127.0.0.1:PORT`; from another machine by `ssh -R PORT:127.0.0.1:PORT`. A message that `wait` gave is not given
//! again, unless it was edited since. Exit codes: 0 done, 1 in vain (what there was instead is on stderr), 64 not understood.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code: a panic is a failed test"
)]

mod stand_in;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stand_in::telegram::{BOT, Fault, Person, State, Telegram};

/// How long it lives where nobody stops it, in seconds.
const LIFE: u64 = 3600;

/// How long `wait`, `polled` and `ready` wait where they are not told, in seconds.
const PATIENCE: u64 = 60;

/// How long a call is left hanging by the fault `hang`: longer than any test.
const HANG: Duration = Duration::from_secs(LIFE);

/// Longest request, in bytes: words of a person.
const REQUEST: u64 = 1024 * 1024;

/// What a request came to: the exit code, and what is said on stdout (0) or stderr.
type Outcome = (u8, String);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", dir] => serve(Path::new(dir), LIFE),
        ["serve", dir, seconds] => match seconds.parse() {
            Ok(seconds) => serve(Path::new(dir), seconds),
            Err(_) => told((64, "SECONDS is a number".to_owned())),
        },
        [dir, "ready"] => ready(Path::new(dir)),
        [dir, ref rest @ ..] if !rest.is_empty() => told(ask(Path::new(dir), rest)),
        _ => told((64, "see the head of tests/telegram_server.rs".to_owned())),
    }
}

fn told((code, text): Outcome) -> ExitCode {
    if code == 0 {
        print!("{text}");
    } else {
        eprintln!("telegram-stand-in: {text}");
    }
    ExitCode::from(code)
}

/// Serves both doors: the bot's, and the one for people and faults.
fn serve(dir: &Path, seconds: u64) -> ExitCode {
    let control = dir.join("control");
    let _ = std::fs::remove_file(&control);
    let telegram = Telegram::start();
    // A script would rather read why.
    telegram.patience(Duration::from_secs(PATIENCE));
    let port = telegram.base().rsplit(':').next().unwrap_or_default().to_owned();
    std::fs::write(dir.join("port"), port).expect("DIR can be written");
    std::fs::write(dir.join("token"), telegram.token()).expect("DIR can be written");
    let listener = UnixListener::bind(&control).expect("DIR/control can be made");
    std::thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            std::thread::park_timeout(until - Instant::now());
        }
        eprintln!("telegram-stand-in: nobody stopped it within {seconds} s");
        std::process::exit(1);
    });
    let telegram: &'static Telegram = Box::leak(Box::new(telegram));
    for stream in listener.incoming().filter_map(Result::ok) {
        // Waits of one script hold up no other.
        std::thread::spawn(move || answer(telegram, stream));
    }
    ExitCode::FAILURE
}

fn answer(telegram: &Telegram, mut stream: UnixStream) {
    let mut request = String::new();
    if (&stream).take(REQUEST).read_to_string(&mut request).is_err() {
        return;
    }
    let words: Vec<&str> = request.split('\0').collect();
    let (code, text) = act(telegram, &words);
    // Whoever asked may have given up.
    let _ = stream.write_all(&[&[code], text.as_bytes()].concat());
    if words == ["stop"] {
        std::process::exit(0);
    }
}

fn ask(dir: &Path, words: &[&str]) -> Outcome {
    let asked = || -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(dir.join("control"))?;
        stream.write_all(words.join("\0").as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    match asked() {
        Ok(answer) => match answer.split_first() {
            Some((code, text)) => (*code, String::from_utf8_lossy(text).into_owned()),
            None => (1, "it broke down; its own stderr says why".to_owned()),
        },
        Err(error) => (1, format!("nobody serves {}: {error}", dir.display())),
    }
}

fn ready(dir: &Path) -> ExitCode {
    let until = Instant::now() + Duration::from_secs(PATIENCE);
    while UnixStream::connect(dir.join("control")).is_err() {
        if Instant::now() > until {
            return told((1, format!("nobody serves {}", dir.display())));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    ExitCode::SUCCESS
}

/// Does what a script asks.
fn act(telegram: &Telegram, words: &[&str]) -> Outcome {
    let done = |act: &dyn Fn()| {
        act();
        (0, String::new())
    };
    match *words {
        ["say", user, text] => person(telegram, user, |person| (0, format!("{}\n", person.sends(text)))),
        ["file", user, path, ref caption @ ..] => person(telegram, user, |person| send_file(person, path, caption)),
        ["press", user, label] => person(telegram, user, |person| press(person, label)),
        ["show", user] => person(telegram, user, |person| (0, person.transcript() + "\n")),
        ["wait", user, text, ref seconds @ ..] => person(telegram, user, |person| wait(telegram, person, text, patience(seconds))),
        ["polled", ref seconds @ ..] => polled(telegram, patience(seconds)),
        ["calls", method] => {
            let counts = |state: &State| state.calls.iter().filter(|call| method == "*" || call.method == method).count();
            (0, format!("{}\n", telegram.look(counts)))
        }
        ["fault", _, "0", ..] => (0, format!("{} did not happen\n", telegram.clear_faults())),
        ["fault", method, times, kind] => match (times.parse(), fault(kind)) {
            (Ok(times), Some(fault)) => done(&|| telegram.fault(method, times, fault.clone())),
            _ => (64, "fault METHOD TIMES refuse|conflict|gateway|close|hang".to_owned()),
        },
        ["interrupt"] => done(&|| telegram.another_instance_polls()),
        ["revoke"] => done(&|| telegram.revoke_token()),
        ["killing"] => done(&|| telegram.kill_note().tell()),
        ["stop"] => match telegram.take_violations() {
            violations if violations.is_empty() => (0, String::new()),
            violations => (1, format!("calls that a right client never makes:\n  {}", violations.join("\n  "))),
        },
        _ => (64, format!("`{}` is not understood", words.join(" "))),
    }
}

fn patience(seconds: &[&str]) -> Duration {
    Duration::from_secs(seconds.first().and_then(|text| text.parse().ok()).unwrap_or(PATIENCE))
}

fn person(telegram: &Telegram, user: &str, act: impl FnOnce(&Person) -> Outcome) -> Outcome {
    match user.parse() {
        Ok(user) => act(&telegram.private_chat(user, "en")),
        Err(_) => (64, format!("`{user}` is no person's number")),
    }
}

fn send_file(person: &Person, path: &str, caption: &[&str]) -> Outcome {
    let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or("file");
    match std::fs::read(path) {
        Ok(bytes) => (0, format!("{}\n", person.sends_document(name, &bytes, caption.first().unwrap_or(&"")))),
        Err(error) => (1, format!("{path}: {error}")),
    }
}

fn press(person: &Person, label: &str) -> Outcome {
    let is_there = person.look(|chat| chat.messages.iter().any(|message| !message.deleted && message.button_data(label).is_some()));
    if is_there { (0, format!("{}\n", person.presses(label))) } else { (1, format!("no button `{label}`\n{}", person.transcript())) }
}

fn wait(telegram: &Telegram, person: &Person, text: &str, most: Duration) -> Outcome {
    let said = telegram.waits_at_most(most, |state| {
        let chat = state.chats.get_mut(&person.chat())?;
        let mut unread = chat.messages.iter_mut().filter(|message| message.from == BOT && !message.deleted && !message.read);
        let found = unread.find(|message| message.text.contains(text))?;
        found.read = true;
        Some(found.text.clone())
    });
    match said {
        Some(said) => (0, said + "\n"),
        None => (1, format!("waited {} s in vain for `{text}`\n{}", most.as_secs(), person.transcript())),
    }
}

fn polled(telegram: &Telegram, most: Duration) -> Outcome {
    let before = telegram.look(|state| state.calls.len());
    let found = telegram.waits_at_most(most, |state| {
        let polls = state.calls.iter().skip(before).any(|call| call.method == "getUpdates" && call.answer.is_none());
        (polls && state.queue.is_empty()).then_some(())
    });
    if found.is_some() { (0, String::new()) } else { (1, format!("the bot did not poll within {} s", most.as_secs())) }
}

fn fault(kind: &str) -> Option<Fault> {
    Some(match kind {
        "refuse" => Fault::Refuse(500, "Internal Server Error"),
        "conflict" => Fault::Conflict,
        "gateway" => Fault::BadGateway,
        "close" => Fault::Close,
        "hang" => Fault::Hang(HANG),
        _ => return None,
    })
}
