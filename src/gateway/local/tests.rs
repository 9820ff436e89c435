//! The socket as a client sees it, with the real door and a real store.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::*;
use crate::channel::local::{self, CLIENT_LINE, FromClient};
use crate::config::{Config, Sources, load};
use crate::gateway::Faces;
use crate::gateway::gate::Gate;
use crate::gateway::intake::Routed;
use crate::model::inbound::Content;
use crate::model::outbound::{AskView, Display, Message, Purpose, Show};
use crate::model::permission::ToolKind;
use crate::model::{ThreadId, UserId, bounds};

/// What a test waits for comes at once; this is for the one that does not come.
const PATIENCE: Duration = Duration::from_secs(20);

struct Gateway {
    directory: tempfile::TempDir,
    key: local::Key,
    store: Store,
    faces: Faces,
    routed: mpsc::Receiver<Routed>,
}

fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

fn thread(number: i64) -> ThreadId {
    ThreadId::local(uid(), number)
}

async fn gateway() -> Gateway {
    let directory = tempfile::tempdir().unwrap();
    let (config, _) = load(&Sources { environment: BTreeMap::new(), directory: directory.path().to_owned() }).unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    let (faces, shows, _) = Faces::new(false);
    let (router, routed) = mpsc::channel(16);
    let intake = Intake::new(Gate::new(&config, uid()), store.clone(), faces.clone(), router);
    intake.take_up_again().await.unwrap();
    let (listener, key) = local::bind(&directory.path().join("chat.sock")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = UnixListener::from_std(listener).unwrap();
    tokio::spawn(serve(listener, (key.clone(), uid(), directory.path().to_owned()), intake, store.clone(), shows, agent(&config)));
    Gateway { directory, key, store, faces, routed }
}

fn agent(config: &Config) -> AgentConfig {
    AgentConfig { kind: AgentKind::BuiltIn, ..config.agents[&config.default_agent].clone() }
}

struct Terminal {
    /// What came before the greeting and was not looked at yet.
    early: VecDeque<ToClient>,
    read: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Gateway {
    async fn connect(&self) -> Terminal {
        let stream = UnixStream::connect(self.directory.path().join("chat.sock")).await.unwrap();
        let (read, write) = stream.into_split();
        Terminal { early: VecDeque::new(), read: BufReader::new(read).lines(), write }
    }

    async fn attach(&self, number: i64) -> Terminal {
        let mut terminal = self.connect().await;
        terminal.say(&FromClient::Hello { version: VERSION, thread: number, key: self.key.clone() }).await;
        let mut early = VecDeque::new();
        loop {
            match terminal.hear().await {
                ToClient::Hello { kind: AgentKind::BuiltIn, .. } => return Terminal { early, ..terminal },
                event => early.push_back(event),
            }
        }
    }

    /// What came through the door.
    async fn routed(&mut self) -> Routed {
        tokio::time::timeout(PATIENCE, self.routed.recv()).await.unwrap().unwrap()
    }

    /// Waits until everything was delivered.
    async fn delivered(&self) {
        let delivered = async {
            while !self.store.outbox_is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, delivered).await.unwrap();
    }
}

impl Terminal {
    async fn say(&mut self, said: &FromClient) {
        self.say_line(&serde_json::to_string(said).unwrap()).await;
    }

    async fn say_line(&mut self, line: &str) {
        self.write.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Option<ToClient> {
        if let Some(event) = self.early.pop_front() {
            return Some(event);
        }
        let line = tokio::time::timeout(PATIENCE, self.read.next_line()).await.unwrap().unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    async fn hear(&mut self) -> ToClient {
        self.next().await.unwrap()
    }

    async fn refused(&mut self) -> String {
        match self.hear().await {
            ToClient::Refused { why } => why,
            other => panic!("not refused but {other:?}"),
        }
    }
}

fn text(text: &str, message: i64) -> FromClient {
    FromClient::Text { text: text.to_owned(), message }
}

fn message(markdown: &str) -> ToClient {
    ToClient::Message { purpose: Purpose::Notice, markdown: markdown.to_owned(), buttons: Vec::new() }
}

#[tokio::test]
async fn a_text_enters_by_the_gate_and_is_said_to_be_taken_when_it_is_durable() {
    let mut gateway = gateway().await;
    let mut terminal = gateway.attach(3).await;
    terminal.say(&text("hi", 7)).await;
    let inbound = gateway.routed().await.inbound.into_inner();
    assert_eq!((inbound.user, inbound.thread), (UserId::local(uid()), thread(3)));
    assert_eq!(inbound.content, Content::text(7, "hi".to_owned()));
    assert_eq!(terminal.hear().await, ToClient::Taken { message: 7 });
    assert_eq!(gateway.store.inbox().unwrap().len(), 1);
    terminal.say(&text("hi", 7)).await;
    assert_eq!(terminal.hear().await, ToClient::Taken { message: 7 });
    assert_eq!(gateway.store.inbox().unwrap().len(), 2, "the same words said twice are two prompts");
}

#[tokio::test]
async fn a_button_goes_to_the_session_and_not_into_the_inbox() {
    let mut gateway = gateway().await;
    let mut terminal = gateway.attach(1).await;
    terminal.say(&FromClient::Button { token: "abc:0".to_owned() }).await;
    let routed = gateway.routed().await;
    assert!(routed.entry.is_none());
    assert!(matches!(&routed.inbound.get().content, Content::Button { token, .. } if token == "abc:0"));
}

#[tokio::test]
async fn messages_wait_for_a_client_and_leave_the_outbox_when_written_in_order() {
    let gateway = gateway().await;
    for markdown in ["one", "two", "three"] {
        gateway.store.post(&Message::notice(thread(1), markdown.to_owned())).unwrap();
        gateway.faces.show(thread(1), Show::Deliver).await;
    }
    gateway.store.post(&Message::notice(thread(2), "another thread's".to_owned())).unwrap();
    let mut terminal = gateway.attach(1).await;
    assert_eq!(terminal.early, ["one", "two", "three"].map(message), "what waited comes before the greeting");
    terminal.early.clear();
    let mut other = gateway.attach(2).await;
    assert_eq!(other.hear().await, message("another thread's"));
    gateway.delivered().await;
    gateway.store.post(&Message::notice(thread(1), "four".to_owned())).unwrap();
    gateway.faces.show(thread(1), Show::Deliver).await;
    gateway.faces.show(thread(1), Show::TurnEnded).await;
    assert_eq!(terminal.hear().await, message("four"), "nothing is repeated");
    assert_eq!(terminal.hear().await, ToClient::Show(Show::TurnEnded), "and the end comes after the message");
}

#[tokio::test]
async fn more_waiting_messages_than_a_queue_holds_all_arrive() {
    let gateway = gateway().await;
    let long = "x".repeat(bounds::ANSWER / 2);
    for number in 0..20 {
        gateway.store.post(&Message::notice(thread(1), format!("{number}{long}"))).unwrap();
    }
    let mut terminal = gateway.attach(1).await;
    for number in 0..20 {
        assert_eq!(terminal.hear().await, message(&format!("{number}{long}")));
    }
    gateway.delivered().await;
}

#[tokio::test]
async fn all_terminals_of_a_thread_see_the_same_and_no_other_thread_s() {
    let gateway = gateway().await;
    let (mut a, mut b, mut other) = (gateway.attach(1).await, gateway.attach(1).await, gateway.attach(2).await);
    gateway.store.post(&Message::notice(thread(1), "to both".to_owned())).unwrap();
    gateway.faces.show(thread(1), Show::Working(Display::default())).await;
    gateway.faces.show(thread(1), Show::Deliver).await;
    gateway.faces.show(thread(2), Show::TurnEnded).await;
    for terminal in [&mut a, &mut b] {
        assert_eq!(terminal.hear().await, ToClient::Show(Show::Working(Display::default())));
        assert_eq!(terminal.hear().await, message("to both"));
    }
    assert_eq!(other.hear().await, ToClient::Show(Show::TurnEnded));
}

#[tokio::test]
async fn who_attaches_in_the_middle_of_a_turn_sees_its_open_questions() {
    let gateway = gateway().await;
    let ask = |ask: &str| AskView {
        ask: ask.to_owned(),
        user: UserId::local(uid()),
        title: "run".to_owned(),
        detail: "ls".to_owned(),
        kind: ToolKind::Execute,
        options: Vec::new(),
        language: Default::default(),
        silent: false,
    };
    let settled = Show::Settled { ask: "a".to_owned(), by: None, choice: "no".to_owned(), at: 0 };
    for show in [Show::Working(Display::default()), Show::Ask(ask("a")), Show::Ask(ask("b")), settled] {
        gateway.faces.show(thread(1), show).await;
    }
    // What a client of another thread has heard, the board has dealt with.
    let mut other = gateway.attach(2).await;
    gateway.faces.show(thread(2), Show::Working(Display::default())).await;
    assert_eq!(other.hear().await, ToClient::Show(Show::Working(Display::default())));
    let mut terminal = gateway.attach(1).await;
    assert_eq!(terminal.hear().await, ToClient::Show(Show::Working(Display::default())));
    assert_eq!(terminal.hear().await, ToClient::Show(Show::Ask(ask("b"))));
}

#[tokio::test]
async fn a_terminal_that_does_not_read_is_disconnected_and_delays_nobody() {
    let gateway = gateway().await;
    let (stuck, mut reading) = (gateway.attach(1).await, gateway.attach(2).await);
    let tool = |number: usize| {
        let id = number.to_string();
        let (title, status, detail) = ("t".repeat(200), "pending".to_owned(), String::new());
        Show::Tool(crate::model::outbound::ToolView { id, title, kind: ToolKind::Read, status, detail })
    };
    for number in 0..10_000 {
        gateway.faces.show(thread(1), tool(number)).await;
    }
    gateway.faces.show(thread(2), Show::TurnEnded).await;
    assert_eq!(reading.hear().await, ToClient::Show(Show::TurnEnded));
    let mut rest = Vec::new();
    let mut stuck = stuck.read.into_inner();
    tokio::time::timeout(PATIENCE, stuck.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(rest.len() < 5_000 * 200, "it was cut off long before the end, after {} bytes", rest.len());
}

#[tokio::test]
async fn what_a_lost_terminal_was_still_to_be_sent_goes_to_the_next() {
    let gateway = gateway().await;
    let stuck = gateway.attach(1).await;
    for number in 0..20 {
        gateway.store.post(&Message::notice(thread(1), format!("{number}{}", "x".repeat(bounds::ANSWER / 2)))).unwrap();
    }
    gateway.faces.show(thread(1), Show::Deliver).await;
    let mut other = gateway.attach(2).await;
    gateway.faces.show(thread(2), Show::Working(Display::default())).await;
    other.hear().await;
    drop(stuck);
    let mut terminal = gateway.attach(1).await;
    let mut last = String::new();
    while !last.starts_with("19x") {
        match terminal.hear().await {
            ToClient::Message { markdown, .. } => last = markdown,
            other => panic!("{other:?}"),
        }
    }
    gateway.delivered().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_the_rest_still_understood() {
    let mut gateway = gateway().await;
    let mut terminal = gateway.attach(1).await;
    terminal.say_line("{\"type\":\"txet\"}").await;
    assert!(terminal.refused().await.contains("no request"));
    terminal.say_line("").await;
    assert!(terminal.refused().await.contains("no request"));
    terminal.say(&FromClient::Hello { version: VERSION, thread: 1, key: gateway.key.clone() }).await;
    assert!(terminal.refused().await.contains("attached already"));
    terminal.say(&text(" \n", 0)).await;
    assert!(terminal.refused().await.contains("empty"));
    terminal.say(&text(&"x".repeat(bounds::PROMPT + 1), 0)).await;
    assert!(terminal.refused().await.contains("262145"));
    terminal.say(&text(&"x".repeat(bounds::PROMPT), 1)).await;
    assert_eq!(terminal.hear().await, ToClient::Taken { message: 1 });
    gateway.routed().await;
}

#[tokio::test]
async fn a_line_without_end_ends_the_connection() {
    let gateway = gateway().await;
    let mut terminal = gateway.attach(1).await;
    terminal.write.write_all(&vec![b' '; CLIENT_LINE]).await.unwrap();
    assert!(terminal.refused().await.contains("longer than"));
    assert_eq!(terminal.next().await, None);
}

#[tokio::test]
async fn without_the_right_hello_nobody_is_attached() {
    let gateway = gateway().await;
    let mut terminal = gateway.connect().await;
    terminal.say(&FromClient::Hello { version: VERSION + 1, thread: 1, key: gateway.key.clone() }).await;
    assert!(terminal.refused().await.contains("version"));
    assert_eq!(terminal.next().await, None);
    let mut terminal = gateway.connect().await;
    terminal.say(&text("hi", 0)).await;
    assert!(terminal.refused().await.contains("hello"));
    assert_eq!(terminal.next().await, None);
}

#[tokio::test]
async fn one_of_the_same_user_who_cannot_read_the_key_is_turned_away() {
    let gateway = gateway().await;
    let mut terminal = gateway.connect().await;
    let key = serde_json::from_str("\"guessed\"").unwrap();
    terminal.say(&FromClient::Hello { version: VERSION, thread: 1, key }).await;
    assert!(terminal.refused().await.contains("key"));
    assert_eq!(terminal.next().await, None);
}

#[tokio::test]
async fn who_knows_the_key_gets_a_copy_of_the_store_as_long_as_they_stay() {
    let gateway = gateway().await;
    gateway.store.count("strangers").unwrap();
    let mut terminal = gateway.connect().await;
    terminal.say(&FromClient::Snapshot { version: VERSION, key: gateway.key.clone() }).await;
    let Some(ToClient::Snapshot { file }) = terminal.next().await else { panic!("no copy") };
    let path = gateway.directory.path().join(file);
    let copy = Store::open(&gateway.directory.path().join("copy")).unwrap();
    assert_eq!(copy.import(&mut std::fs::read(&path).unwrap().as_slice()).unwrap(), 1);
    drop(terminal);
    for _ in 0..1000 {
        if !path.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!path.exists(), "the copy goes with its client");
    let mut stranger = gateway.connect().await;
    stranger.say(&FromClient::Snapshot { version: VERSION, key: serde_json::from_str("\"guessed\"").unwrap() }).await;
    assert!(stranger.refused().await.contains("key"));
}

#[tokio::test]
async fn another_user_of_the_machine_is_turned_away() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (read, _write) = ours.into_split();
    let mut lines = connection::Lines::new(read);
    let key = serde_json::from_str("\"x\"").unwrap();
    let refused = connection::admit(&mut lines, 4242, 1000, &key).await.unwrap();
    assert!(refused.unwrap_err().contains("uid 1000"));
    drop(theirs);
}

#[tokio::test]
async fn one_terminal_too_many_is_told_so_and_a_place_becomes_free_again() {
    let gateway = gateway().await;
    let mut terminals = Vec::new();
    for number in 0..CONNECTIONS {
        terminals.push(gateway.attach(i64::try_from(number).unwrap()).await);
    }
    assert!(gateway.connect().await.refused().await.contains("8 terminals"));
    terminals.pop();
    let admitted = async {
        loop {
            let mut terminal = gateway.connect().await;
            let hello = FromClient::Hello { version: VERSION, thread: 0, key: gateway.key.clone() };
            terminal.write.write_all(format!("{}\n", serde_json::to_string(&hello).unwrap()).as_bytes()).await.ok();
            if matches!(terminal.next().await, Some(ToClient::Hello { .. })) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, admitted).await.unwrap();
}
