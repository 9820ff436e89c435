//! The words of a prompt that the stand-in acts on, one step a line. A line that is no word of the script is echoed.
//!
//! | words | what it does |
//! |---|---|
//! | `echo X` | says X |
//! | `stream N [every MS]` | says `word 1 ` … `word N `, one chunk each |
//! | `chunks N X` | says X in chunks of N characters; `\n` in X is a line's end |
//! | `long N` | says N characters of Markdown, in chunks of 1,000 |
//! | `think X` | a thought |
//! | `plan A; B; C` | a plan: as made, as each entry begins, as all are done |
//! | `step KIND X` | a tool call titled X, unasked, that does nothing; `echo`, `step`, `echo` make text – tool – text |
//! | `edit FILE N` | writes N new lines into a file, unasked, with a diff |
//! | `usage USED SIZE` | ACP's usage, in tokens |
//! | `metadata PERCENT CREDITS MS` | Kiro's usage (v3: the percent alone) |
//! | `commands A,B` | the agent's own commands from now on (at first `compact` and `Web-Search`); `/A X` says `ran A X` |
//! | `title X` | names the session, here and in v3's list |
//! | `switch mode M` | the agent goes over to another mode by itself |
//! | `sleep MS` | waits; a cancellation ends the turn |
//! | `tool read PATH`, `tool execute CMD`, `tool delete PATH` | asks permission, then really does it |
//! | `tool KIND X` | asks permission for any other kind, then only says so |
//! | `write FILE TEXT` | asks permission, then writes, with a diff |
//! | `ask KIND,KIND…` | a permission request with just these option kinds; says what was answered |
//! | `ask both` | two permission requests at once |
//! | `cat PATH`, `put PATH TEXT`, `ls PATH`, `run CMD` | the same deeds unasked, as a hostile agent would |
//! | `connect HOST PORT`, `connect proxy HOST PORT [TEXT]` | a TCP connection, directly or by `HTTPS_PROXY`'s CONNECT |
//! | `make bytes N FILE`, `make png W H FILE`, `make hex DIGITS FILE`, `make link TARGET FILE` | files, unasked: of no known type and any size, a picture, any bytes, a symbolic link |
//! | `attached`, `whole prompt` | says of each image `image MIME N bytes`, of each link `link NAME URI N bytes MIME`; the second says the texts too, as they came |
//! | `spawn orphan`, `spawn stubborn` | a sleeper in a session of its own, whose pid it says; the second ignores SIGTERM |
//! | `which agent`, `count`, `env`, `env NAME`, `pwd`, `model`, `mode`, `blocks`, `context` | says: the agent's file, how many prompts are remembered, variables' names, one value, where, …, the prompt's blocks, the steering and skills seen |
//! | `stop REASON` | ends the turn with that stop reason |
//! | `error CODE MESSAGE` | answers the prompt with an error |
//! | `die`, `die before`, `die code N` | ends the process after one chunk, before any, or with an exit code |
//! | `hang`, `hang hard` | never answers; `hard` ignores cancellation and the end of stdin too |
//! | `flood BYTES`, `flood lines N`, `flood endless BYTES` | one valid line of that size, many lines, or bytes without a line's end |
//! | `garbage` | lines that are not JSON, not UTF-8, not ours, and unknown kinds |
//! | `stderr N`, `complain X` | N lines on stderr, or this one |
//! | `update JSON`, `notify METHOD JSON`, `request METHOD JSON` | any update, notification or request; of the last it says the answer |
//! | `legacy X` | says X in the spelling of Kiro's page |
//! | `late MS X` | says X that long after the turn's response |

use crate::files::Make;
use crate::shows::Show;

/// One step of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Echo(String),
    Stream { chunks: u64, every_ms: u64 },
    Chunks { size: usize, text: String },
    Think(String),
    Show(Show),
    Command { name: String, rest: String },
    Sleep(u64),
    Tool { kind: String, what: String },
    Write { file: String, text: String },
    Ask(Vec<String>),
    AskBoth,
    Cat(String),
    Put { file: String, text: String },
    Make { file: String, what: Make },
    Attached { with_texts: bool },
    List(String),
    Run(String),
    Connect { host: String, port: u16 },
    ConnectProxy { host: String, port: u16, text: String },
    Spawn { stubborn: bool },
    WhichAgent,
    Count,
    Env(Option<String>),
    WorkingDirectory,
    Model,
    Mode,
    Blocks,
    Context,
    Stop(String),
    Error { code: i64, message: String },
    Die { after_chunk: bool, code: i32 },
    Hang { hard: bool },
    Flood(usize),
    FloodLines(u64),
    FloodEndless(usize),
    Garbage,
    Stderr(u64),
    Complain(String),
    Update(String),
    Notify { method: String, params: String },
    Request { method: String, params: String },
    Legacy(String),
    Late { ms: u64, text: String },
}

/// The steps of a prompt.
pub(crate) fn parse(text: &str) -> Vec<Step> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(step).collect()
}

fn step(line: &str) -> Step {
    known(line).unwrap_or_else(|| Step::Echo(format!("You said: {line}")))
}

fn known(line: &str) -> Option<Step> {
    let (word, rest) = cut(line);
    let (second, tail) = cut(rest);
    Some(match (word, second) {
        ("echo", _) => Step::Echo(rest.to_owned()),
        ("stream", _) => {
            let every_ms = match cut(tail) {
                ("every", ms) => ms.parse().ok()?,
                _ => 0,
            };
            Step::Stream { chunks: second.parse().ok()?, every_ms }
        }
        ("chunks", _) => Step::Chunks { size: second.parse().ok().filter(|size| *size > 0)?, text: tail.replace("\\n", "\n") },
        ("long", _) => Step::Chunks { size: 1000, text: markdown(rest.parse().ok()?) },
        ("attached", "") => Step::Attached { with_texts: false },
        ("whole", "prompt") => Step::Attached { with_texts: true },
        ("make", _) => make(second, tail)?,
        (command, _) if command.len() > 1 && command.starts_with('/') => {
            Step::Command { name: command.trim_start_matches('/').to_owned(), rest: rest.to_owned() }
        }
        ("think", _) => Step::Think(rest.to_owned()),
        ("sleep", _) => Step::Sleep(rest.parse().ok()?),
        ("tool", kind) if !tail.is_empty() => Step::Tool { kind: kind.to_owned(), what: tail.to_owned() },
        ("write", file) if !file.is_empty() => Step::Write { file: file.to_owned(), text: tail.to_owned() },
        ("ask", "both") => Step::AskBoth,
        ("ask", kinds) if kinds.contains('_') => Step::Ask(kinds.split(',').map(str::to_owned).collect()),
        ("cat", _) => Step::Cat(rest.to_owned()),
        ("put", file) => Step::Put { file: file.to_owned(), text: tail.to_owned() },
        ("ls", _) => Step::List(rest.to_owned()),
        ("run", _) => Step::Run(rest.to_owned()),
        ("connect", "proxy") => {
            let (host, tail) = cut(tail);
            let (port, text) = cut(tail);
            Step::ConnectProxy { host: host.to_owned(), port: port.parse().ok()?, text: text.to_owned() }
        }
        ("connect", host) => Step::Connect { host: host.to_owned(), port: tail.parse().ok()? },
        ("spawn", "orphan") => Step::Spawn { stubborn: false },
        ("spawn", "stubborn") => Step::Spawn { stubborn: true },
        ("which", "agent") => Step::WhichAgent,
        ("count", "") => Step::Count,
        ("env", name) => Step::Env((!name.is_empty()).then(|| name.to_owned())),
        ("pwd", "") => Step::WorkingDirectory,
        ("model", "") => Step::Model,
        ("mode", "") => Step::Mode,
        ("blocks", "") => Step::Blocks,
        ("context", "") => Step::Context,
        ("stop", reason) if !reason.is_empty() => Step::Stop(reason.to_owned()),
        ("error", code) => Step::Error { code: code.parse().ok()?, message: tail.to_owned() },
        ("die", "") => Step::Die { after_chunk: true, code: 1 },
        ("die", "before") => Step::Die { after_chunk: false, code: 1 },
        ("die", "code") => Step::Die { after_chunk: false, code: tail.parse().ok()? },
        ("hang", "") => Step::Hang { hard: false },
        ("hang", "hard") => Step::Hang { hard: true },
        ("flood", "lines") => Step::FloodLines(tail.parse().ok()?),
        ("flood", "endless") => Step::FloodEndless(tail.parse().ok()?),
        ("flood", bytes) => Step::Flood(bytes.parse().ok()?),
        ("garbage", "") => Step::Garbage,
        ("complain", _) => Step::Complain(rest.to_owned()),
        ("stderr", count) => Step::Stderr(count.parse().ok()?),
        ("update", _) => Step::Update(rest.to_owned()),
        ("notify", method) => Step::Notify { method: method.to_owned(), params: tail.to_owned() },
        ("request", method) => Step::Request { method: method.to_owned(), params: tail.to_owned() },
        ("legacy", _) => Step::Legacy(rest.to_owned()),
        ("late", ms) => Step::Late { ms: ms.parse().ok()?, text: tail.to_owned() },
        _ => return shown(word, rest).map(Step::Show),
    })
}

/// The words of what an agent shows.
fn shown(word: &str, rest: &str) -> Option<Show> {
    let (second, tail) = cut(rest);
    let list = |text: &str, between| text.split(between).map(|part: &str| part.trim().to_owned()).collect();
    Some(match (word, second) {
        ("plan", _) if !rest.is_empty() => Show::Plan(list(rest, ';')),
        ("step", kind) if !tail.is_empty() => Show::Step { kind: kind.to_owned(), title: tail.to_owned() },
        ("edit", file) => Show::Edit { file: file.to_owned(), lines: tail.parse().ok()? },
        ("usage", used) => Show::Usage { used: used.parse().ok()?, size: tail.parse().ok()? },
        ("metadata", percent) => {
            let (credits, ms) = cut(tail);
            Show::Metadata { percent: percent.to_owned(), credits: credits.to_owned(), ms: ms.parse().ok()? }
        }
        ("commands", _) if !rest.is_empty() => Show::Commands(list(rest, ',')),
        ("title", _) if !rest.is_empty() => Show::Title(rest.to_owned()),
        ("switch", "mode") => Show::Mode(tail.to_owned()),
        _ => return None,
    })
}

fn make(kind: &str, rest: &str) -> Option<Step> {
    let (first, mut file) = cut(rest);
    let what = match kind {
        "bytes" => Make::Bytes(first.parse().ok()?),
        "hex" => Make::Hex(first.to_owned()),
        "link" => Make::Link(first.to_owned()),
        "png" => {
            let (height, tail) = cut(file);
            file = tail;
            Make::Png(first.parse().ok()?, height.parse().ok()?)
        }
        _ => return None,
    };
    (!file.is_empty()).then(|| Step::Make { file: file.to_owned(), what })
}

/// That many characters of paragraphs with headings.
fn markdown(characters: usize) -> String {
    let paragraph = |number: usize| format!("## Part {number}\n\nThis is *part {number}* of a long answer, with `code` in it.\n\n");
    let mut text = String::new();
    for number in 1.. {
        if text.len() >= characters {
            break;
        }
        text.push_str(&paragraph(number));
    }
    text.truncate(characters);
    text
}

/// The first word and what follows it.
fn cut(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}
