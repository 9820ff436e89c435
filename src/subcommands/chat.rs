//! `kiroclaw chat`: the same pipeline as Telegram's (gate, session, jail, agent), from a terminal or a script.
//!
//! Over the socket of a running gateway where there is one; else with an appliance of its own, which ends with it.

mod appliance;
mod face;
mod greeting;
mod input;
mod link;
mod screen;
mod talk;
mod terminal;

mod tracker;

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli;
use crate::config::{Config, ConfigErrors, Sources, load};
use crate::model::exit;

use appliance::ApplianceError;
use face::{Face, is_terminal};
use link::{Attached, Events, LinkError, Voice};
use talk::{Asked, Deed, Happening, Talk};

/// Time for what was on its way when we left; a gateway that serves closes at once.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Happenings that wait; a terminal that is slower than the agent holds the socket back, and the gateway joins what waits there.
const WAITING: usize = 256;

/// Why there was no conversation.
#[derive(Debug, thiserror::Error)]
enum ChatError {
    #[error("the working directory cannot be found: {0}")]
    Directory(io::Error),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Appliance(#[from] ApplianceError),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] io::Error),
}

/// Talks until the person leaves, or the one turn is over. Exit codes: that of the turn (0 answered, 1 not, 130 broken off), 64 for bad
/// configuration.
pub fn run(arguments: &cli::Chat) -> ExitCode {
    match chat(arguments) {
        Ok(code) => ExitCode::from(code),
        // Who reads our output has enough, as `head` has.
        Err(ChatError::Terminal(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kiroclaw chat: {error}");
            ExitCode::from(if matches!(error, ChatError::Config(_)) { exit::BAD_CONFIGURATION } else { exit::FAILURE })
        }
    }
}

fn chat(arguments: &cli::Chat) -> Result<u8, ChatError> {
    let (config, secrets) = load(&Sources::of_process().map_err(ChatError::Directory)?)?;
    let (stream, key, _appliance) = appliance::reach(&config, secrets)?;
    let Attached { greeting, early, events, voice } = link::attach(stream, key, arguments.thread)?;
    let (happenings, happened) = sync_channel(WAITING);
    let mut face = if arguments.json {
        Face::script(happenings.clone())?
    } else {
        Face::plain(happenings.clone(), arguments.message.as_deref(), history(&config))?
    };
    if !arguments.json && arguments.message.is_none() {
        face.word(&greeting::words(&greeting))?;
    }
    let mut talk = Talk::new(asked(arguments));
    let mut deeds: Vec<Deed> = early.into_iter().flat_map(|event| talk.before(event)).collect();
    if arguments.json {
        deeds.push(Deed::Show(greeting.into_event()));
    }
    deeds.extend(arguments.message.clone().map(|text| talk.say_only(text)));
    let mut conversation = Conversation { face, voice };
    if let Some(code) = conversation.carry_out(deeds)? {
        return Ok(code);
    }
    listen(events, happenings)?;
    // An appliance of our own ends after this.
    conversation.run(talk, &happened)
}

/// Who answers the agent's questions.
fn asked(arguments: &cli::Chat) -> Asked {
    match (arguments.json, &arguments.message) {
        (true, _) => Asked::Script,
        (false, Some(_)) if !is_terminal() => Asked::Nobody,
        (false, _) => Asked::Person,
    }
}

/// The file of the lines that were typed; none where the state is another user's, as for root at a service's socket.
fn history(config: &Config) -> Option<PathBuf> {
    let directory = config.run_dir();
    let owner = std::fs::metadata(&directory).ok()?.uid();
    (owner == rustix::process::geteuid().as_raw()).then(|| directory.join("chat_history"))
}

/// Passes on what the gateway says.
fn listen(mut events: Events, happenings: SyncSender<Happening>) -> io::Result<()> {
    let listen = move || {
        loop {
            let happening = match events.next() {
                Ok(Some(event)) => Happening::Heard(event),
                Ok(None) => Happening::Gone("The gateway has closed the connection.".to_owned()),
                Err(error) => Happening::Gone(format!("The connection to the gateway broke: {error}")),
            };
            let over = matches!(happening, Happening::Gone(_));
            if happenings.send(happening).is_err() || over {
                return;
            }
        }
    };
    thread::Builder::new().name("gateway".to_owned()).spawn(listen).map(drop)
}

/// The acting half of a conversation; [`Talk`] is the deciding one.
struct Conversation {
    face: Face,
    voice: Voice,
}

impl Conversation {
    fn run(mut self, mut talk: Talk, happened: &Receiver<Happening>) -> Result<u8, ChatError> {
        loop {
            self.face.want(talk.wants())?;
            // Both sources end with a happening that says so, after which we leave.
            let Ok(happening) = happened.recv() else { return Ok(exit::FAILURE) };
            self.face.heard(&happening)?;
            let deeds = talk.on(happening);
            if deeds.iter().any(|deed| matches!(deed, Deed::Leave(_))) {
                self.face.leave()?;
            }
            if let Some(code) = self.carry_out(deeds)? {
                self.hear_out(&mut talk, happened)?;
                return Ok(code);
            }
        }
    }

    /// Shows what was on its way when we left: the gateway takes for delivered what it has written to us.
    fn hear_out(&mut self, talk: &mut Talk, happened: &Receiver<Happening>) -> Result<(), ChatError> {
        self.voice.end();
        let until = Instant::now() + LAST_WORDS;
        while let Ok(happening) = happened.recv_timeout(until.saturating_duration_since(Instant::now())) {
            match happening {
                Happening::Heard(event) => self.carry_out(talk.on(Happening::Heard(event)))?,
                Happening::Gone(_) => break,
                _ => None,
            };
        }
        Ok(())
    }

    /// Does the deeds; gives the exit code when one of them is to leave.
    fn carry_out(&mut self, deeds: Vec<Deed>) -> Result<Option<u8>, ChatError> {
        for deed in deeds {
            match deed {
                Deed::Show(event) => self.face.show(&event)?,
                Deed::Word(text) => self.face.word(&text)?,
                // When the gateway is gone, the listening half says so.
                Deed::Say(said) => drop(self.voice.say(&said)),
                Deed::Leave(code) => return Ok(Some(code)),
            }
        }
        Ok(None)
    }
}
