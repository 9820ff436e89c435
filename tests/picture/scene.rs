//! The conversation of the picture.

use std::time::Duration;

use serde_json::json;

use crate::appliance::Appliance;
use crate::stand_in::telegram::{BOT, Message, Person, Telegram};

/// The person's number.
const ANA: i64 = 1001;

/// What the person asks for first.
const WRITE: &str = "Back up my photos to the NAS every night. Send me the script.";

/// What the agent does then.
const WRITING: &str = r#"
step read Reading nas.conf
step read Reading photos/2026
write backup.sh rsync -a --ignore-existing photos/ /mnt/nas/photos/
sleep 700
tool execute sh -n backup.sh
chunks 24 Done. **backup.sh** copies what is *new*:\n\n- what the NAS has already is skipped\n- nothing is ever deleted there\n\nTo have it run at 03:00, add this line in `crontab -e`:\n\n```sh\n0 3 * * * sh ~/backup.sh\n```\n<send_file path="backup.sh">Your nightly backup</send_file>
"#;

/// What the person asks for then; the picture ends with the agent's question.
const RUN: &str = "Run it now, please";

/// What the agent wants to do then. It lets its first step be shown, so that the question always stands below.
const RUNNING: &str = "step read Reading backup.sh\nsleep 1000\ntool execute sh backup.sh";

/// How long what follows a message may take to come.
const AFTER: Duration = Duration::from_secs(5);

/// The chat at the end of the conversation.
pub(crate) struct Scene {
    /// The topic's name.
    pub(crate) title: String,
    /// The messages that a person sees there, oldest first.
    pub(crate) messages: Vec<Message>,
}

/// Plays the conversation.
pub(crate) fn play() -> Scene {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let mut appliance = Appliance::new(&telegram, &[ANA]);
    appliance.switch(&json!({"tells": false, "scripts": {WRITE: WRITING, RUN: RUNNING}}).to_string());
    appliance.run(&telegram);
    let topic = ana.makes_topic(None);

    ana.sends_in_topic(topic, WRITE);
    ana.waits_for_message(|message| message.buttons().contains(&"Allow once".to_owned()));
    ana.presses("Allow once");
    ana.waits_for_message(|message| !message.formatted("pre").is_empty() && message.text.contains("crontab"));

    // What has been done is folded, and the file follows its answer, before the person goes on.
    shows(&telegram, |message| message.text.starts_with('⚙'));
    shows(&telegram, |message| message.media.is_some());

    ana.sends_in_topic(topic, RUN);
    ana.waits_for_message(|message| message.buttons().contains(&"Allow once".to_owned()));
    shows(&telegram, |message| message.text.contains("⏳ Running"));
    telegram.waits_for_poll();
    scene(&ana, topic)
}

/// Waits for a message as it is to be, but not for ever: the picture shows whatever the run gives.
fn shows(telegram: &Telegram, wanted: impl Fn(&Message) -> bool) {
    telegram.waits_at_most(AFTER, |state| state.chats[&ANA].messages.iter().any(&wanted).then_some(()));
}

fn scene(ana: &Person, topic: i64) -> Scene {
    let shown =
        |message: &&Message| message.topic == Some(topic) && !message.deleted && (!message.text.is_empty() || message.media.is_some());
    let messages = ana.look(|chat| chat.messages.iter().filter(shown).cloned().collect::<Vec<_>>());
    assert!(messages.iter().any(|message| message.from == BOT), "nothing to show");
    Scene { title: ana.topic_name(topic).unwrap_or_default(), messages: messages.into_iter().map(timeless).collect() }
}

/// A message in which no time stands that another run would not have. Each character keeps its place, since formatting counts on it.
fn timeless(mut message: Message) -> Message {
    let mut characters: Vec<char> = message.text.chars().collect();
    for (pattern, fixed) in [("00:00 UTC", "09:41 UTC"), ("· 0 s", "· 4 s")] {
        let pattern: Vec<char> = pattern.chars().collect();
        let alike = |found: &[char]| found.iter().zip(&pattern).all(|(c, p)| c == p || c.is_ascii_digit() && *p == '0');
        let places: Vec<usize> = characters.windows(pattern.len()).enumerate().filter(|(_, w)| alike(w)).map(|(at, _)| at).collect();
        for at in places {
            characters.splice(at..at + pattern.len(), fixed.chars());
        }
    }
    message.text = characters.into_iter().collect();
    message
}
