//! Two agents that people use, as their makers publish them, in whole turns: Telegram, the product, its jail, its egress, and a model that is
//! a stand-in, reached by its name. Run by `tests/agents/run`, which installs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code: a panic is the failure of the test")]

#[path = "system/appliance.rs"]
#[allow(dead_code, reason = "the tests of the whole system use more of it")]
mod appliance;
#[path = "stand_in/kiro_install.rs"]
mod kiro_install;
#[path = "agents/real.rs"]
mod real;
mod stand_in;

use std::time::Duration;

use appliance::{Appliance, files_below};
use real::{Agent, GEMINI, OPENCODE};
use stand_in::model::{KEY, Model};
use stand_in::telegram::{Person, Telegram};

/// A first start reads some 200 MB of program, on a machine that may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// The person whose agent it is.
const ANA: i64 = 1001;

/// Who alone is asked about hosts, so that what Ana is asked is about her files.
const OPERATOR: i64 = 1002;

/// Everything around one agent. Dropped in this order: the product before what it talks to.
struct Stage {
    appliance: Appliance,
    ana: Person,
    agent: &'static Agent,
    model: Model,
    telegram: Telegram,
}

impl Stage {
    /// `None`, with the reason printed, where this machine cannot have it.
    fn set(agent: &'static Agent, key: &str) -> Option<Self> {
        let Ok(directory) = std::env::var("KIROCLAW_AGENTS") else { panic!("KIROCLAW_AGENTS is not set: use tests/agents/run") };
        let model = match Model::start() {
            Ok(model) => model,
            Err(why) => {
                eprintln!("NOT CHECKED: {} in whole turns, because {why}", agent.name);
                return None;
            }
        };
        let telegram = Telegram::start();
        telegram.patience(PATIENCE);
        let ana = telegram.private_chat(ANA, "en");
        let settings = agent.settings(&directory, &model);
        let mut appliance = Appliance::new(&telegram, &[ANA, OPERATOR]).with("AGENT_COMMAND", "").config(&settings);
        appliance = appliance.with("OPERATOR_TELEGRAM_IDS", &OPERATOR.to_string());
        std::fs::write(appliance.path("model.key"), key).unwrap();
        appliance.run(&telegram);
        Some(Self { appliance, ana, agent, model, telegram })
    }

    /// Asks for a write, and waits until the agent asks back.
    fn asks_to_write(&self, file: &str) {
        let path = self.appliance.workspace_of(ANA, 0).join(file).display().to_string();
        self.ana.sends(&format!("call {}\nsay That was {file}.", (self.agent.write)(&path, "hello")));
        let question = self.ana.waits_for_message(|message| !message.buttons().is_empty());
        assert!(question.text.contains(file), "{}", question.text);
    }

    /// What a command gives that the person allows to run.
    fn runs(&self, command: &str) -> String {
        self.ana.sends(&format!("call {}", (self.agent.shell)(command)));
        self.ana.waits_for_message(|message| !message.buttons().is_empty());
        self.ana.presses(self.agent.allow);
        self.ana.waits_for_message(|message| message.text.starts_with("It gave:")).text
    }
}

fn says_and_writes_what_is_allowed(agent: &'static Agent) {
    let Some(stage) = Stage::set(agent, KEY) else { return };
    let Stage { ana, appliance, .. } = &stage;
    ana.sends("say Hello there, Ana.");
    ana.waits_for_message(|message| message.text == "Hello there, Ana.");
    stage.asks_to_write("allowed.txt");
    ana.presses(agent.allow);
    ana.waits_for_message(|message| message.text.contains("That was allowed.txt."));
    assert_eq!(std::fs::read_to_string(appliance.workspace_of(ANA, 0).join("allowed.txt")).unwrap().trim(), "hello");
    stage.asks_to_write("rejected.txt");
    ana.presses("Reject");
    ana.sends("say And on.");
    ana.waits_for_message(|message| message.text.contains("And on."));
    assert!(!appliance.workspace_of(ANA, 0).join("rejected.txt").exists());
    let asked = stage.model.seen();
    assert!(asked.len() >= 3 && asked.iter().all(|line| line.starts_with("200 ")), "{asked:?}");
}

fn runs_commands_that_reach_nothing_of_others_and_no_host_unnamed(agent: &'static Agent) {
    let Some(stage) = Stage::set(agent, KEY) else { return };
    let bens = stage.appliance.workspace_of(1002, 0);
    std::fs::create_dir_all(&bens).unwrap();
    std::fs::write(bens.join("diary.txt"), "my diary").unwrap();
    let gave = stage.runs("uname; pwd");
    assert!(gave.contains("Linux") && gave.contains(&stage.appliance.workspace_of(ANA, 0).display().to_string()), "{gave}");
    let gave = stage.runs(&format!("cat {}", bens.join("diary.txt").display()));
    assert!(!gave.contains("my diary") && (gave.contains("No such file") || gave.contains("denied")), "{gave}");
    let gave = stage.runs("cat model.key ../../../model.key");
    assert!(!gave.contains(KEY) && gave.contains("No such file"), "{gave}");
    // The name is refused before it is looked up: there is none like it.
    let ask =
        "import urllib.request as r, urllib.error as e\ntry: r.urlopen('http://unnamed.example/')\nexcept e.HTTPError as x: print(x.code)";
    std::fs::write(stage.appliance.workspace_of(ANA, 0).join("ask.py"), ask).unwrap();
    let gave = stage.runs("python3 ask.py");
    assert!(gave.contains("403"), "{gave}");
    stage.telegram.assert_clean();
}

fn stops_when_told_and_takes_the_conversation_up_again(agent: &'static Agent) {
    let Some(mut stage) = Stage::set(agent, KEY) else { return };
    stage.ana.sends("say The word is heliotrope.");
    stage.ana.waits_for_message(|message| message.text.contains("heliotrope"));
    stage.ana.sends("hesitate Half");
    stage.ana.waits_for_draft(|draft| draft.text.contains("Half"));
    stage.ana.sends("/stop");
    stage.ana.waits_for_message(|message| message.text.contains("Stopped"));
    stage.ana.sends("say Still here.");
    stage.ana.waits_for_message(|message| message.text.contains("Still here."));
    stage.appliance.stop();
    (agent.between)(&stage.appliance.home_of(ANA));
    stage.appliance.run(&stage.telegram);
    stage.ana.sends("recall heliotrope");
    stage.ana.waits_for_message(|message| message.text.contains("I was asked: say The word is heliotrope."));
}

fn keeps_its_key_to_itself_and_says_when_it_is_refused(agent: &'static Agent) {
    let Some(stage) = Stage::set(agent, "sk-somebody-elses-0000000000") else { return };
    stage.ana.sends("say Hello.");
    let answer = stage.ana.waits_for_message(|message| !message.silent);
    assert!(!answer.text.contains("somebody-elses"), "{}", answer.text);
    let asked = stage.model.seen();
    assert!(asked.iter().any(|line| line.starts_with(agent.refused)) && !asked.iter().any(|line| line.starts_with("200 ")), "{asked:?}");
    for process in stage.appliance.processes() {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        let knows = String::from_utf8_lossy(&environment).contains("somebody-elses");
        let role = process.words.get(1).map_or("", String::as_str);
        assert!(!(knows && ["run", "warden", "gateway", "egress", "jail"].contains(&role)), "{:?}", process.words);
        assert!(!process.words.join(" ").contains("somebody-elses"), "{:?}", process.words);
    }
    for file in files_below(&stage.appliance.path("")).iter().filter(|file| !file.ends_with("model.key")) {
        let content = std::fs::read(file).unwrap_or_default();
        assert!(!content.windows(20).any(|window| window == b"sk-somebody-elses-00"), "{}", file.display());
    }
}

/// Each agent in each story.
macro_rules! stories {
    ($($name:ident: $story:ident($agent:expr);)*) => { $(#[test] fn $name() { $story(&$agent); })* };
}

stories! {
    opencode_says_and_writes_what_is_allowed: says_and_writes_what_is_allowed(OPENCODE);
    opencode_reaches_nothing_of_others_and_no_host_unnamed: runs_commands_that_reach_nothing_of_others_and_no_host_unnamed(OPENCODE);
    opencode_stops_when_told_and_takes_the_conversation_up_again: stops_when_told_and_takes_the_conversation_up_again(OPENCODE);
    opencode_keeps_its_key_to_itself_and_says_when_it_is_refused: keeps_its_key_to_itself_and_says_when_it_is_refused(OPENCODE);
    gemini_says_and_writes_what_is_allowed: says_and_writes_what_is_allowed(GEMINI);
    gemini_reaches_nothing_of_others_and_no_host_unnamed: runs_commands_that_reach_nothing_of_others_and_no_host_unnamed(GEMINI);
    gemini_stops_when_told_and_takes_the_conversation_up_again: stops_when_told_and_takes_the_conversation_up_again(GEMINI);
    gemini_keeps_its_key_to_itself_and_says_when_it_is_refused: keeps_its_key_to_itself_and_says_when_it_is_refused(GEMINI);
}
