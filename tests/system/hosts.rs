//! Hosts that an agent's policy does not name: who is told, who may allow them, and for how long.
//!
//! The host of these tests is `localhost`, which is looked up without a network. Once it is allowed, the refusal is another one: a tap never
//! opens what is not on the public internet.

use std::process::Command;

use kiroclaw::config::Config;

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Message, Person, Telegram};

/// The refusal of what is allowed and leads to this machine.
const ALLOWED: &str = "localhost:443 leads to an address that is not on the public internet";

/// The agent tries; it gets its answer at once, whatever people think about it.
#[track_caller]
fn tries(person: &Person, host: &str) {
    person.sends(&format!("connect proxy {host} 443"));
    person.waits_for_message(|message| message.text.contains("403"));
}

/// The notice with its buttons.
#[track_caller]
fn asked(person: &Person) -> Message {
    person.waits_for_message(|message| message.text.contains("wanted to reach") && message.buttons() == ["Allow once", "Always", "No"])
}

/// How often the agent got as far as the address.
fn passes(appliance: &Appliance) -> usize {
    appliance.log().matches(ALLOWED).count()
}

#[track_caller]
fn is_let_through(person: &Person, appliance: &Appliance) {
    let before = passes(appliance);
    // The grant goes its way through three processes.
    eventually("the grant to hold", || {
        tries(person, "localhost");
        passes(appliance) > before
    });
}

fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, ana, appliance)
}

#[test]
fn a_host_allowed_once_is_reached_until_the_agent_s_process_ends() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    tries(&ana, "localhost");
    let notice = asked(&ana);
    assert!(notice.text.contains("localhost:443") && notice.silent, "{}", notice.text);
    assert_eq!(passes(&appliance), 0);
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.text.contains("until the agent's process ends"));
    is_let_through(&ana, &appliance);
    appliance.kill("egress");
    appliance.pid_of("egress");
    is_let_through(&ana, &appliance);
    let gateway = appliance.pid_of("gateway");
    appliance.kill("gateway");
    eventually("another gateway", || appliance.pid_of("gateway") != gateway);
    let before = passes(&appliance);
    tries(&ana, "localhost");
    asked(&ana);
    assert_eq!(passes(&appliance), before);
}

#[test]
fn a_host_allowed_always_is_reached_after_a_restart_until_it_is_taken_back() {
    let (telegram, ana, mut appliance) = ana_and_her_bot();
    tries(&ana, "localhost");
    asked(&ana);
    ana.presses("Always");
    ana.waits_for_message(|message| message.text.contains("from now on"));
    is_let_through(&ana, &appliance);
    appliance.stop();
    appliance.run(&telegram);
    let before = passes(&appliance);
    tries(&ana, "localhost");
    eventually("the log to say so", || passes(&appliance) > before);
    ana.sends("/hosts");
    ana.waits_for_message(|message| message.buttons() == ["✓ localhost:443 · tg-acp"]);
    ana.presses("✓ localhost:443 · tg-acp");
    ana.waits_for_message(|message| message.buttons() == ["Take back", "Back"]);
    ana.presses("Take back");
    ana.waits_for_message(|message| message.text.contains("no longer on the list"));
    eventually("the agent to be asked about again", || {
        tries(&ana, "localhost");
        ana.messages().iter().any(|message| message.buttons() == ["Allow once", "Always", "No"])
    });
}

#[test]
fn for_an_agent_without_hosts_an_operator_is_asked_too() {
    if !Command::new("unshare").args(["--user", "--net", "true"]).status().is_ok_and(|status| status.success()) {
        println!("SKIPPED: nobody may have a network of their own here, and without one an agent without hosts stays offline");
        return;
    }
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let hostless = |config: &mut Config| config.agents.values_mut().for_each(|agent| agent.egress.clear());
    let mut appliance = Appliance::new(&telegram, &[1001]).adjusted(hostless);
    appliance.run(&telegram);
    tries(&ana, "localhost");
    let notice = asked(&ana);
    assert!(notice.text.contains("localhost:443"), "{}", notice.text);
    assert_eq!(passes(&appliance), 0);
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.text.contains("until the agent's process ends"));
    is_let_through(&ana, &appliance);
}

#[test]
fn a_no_is_not_asked_again_and_leaves_the_host_refused() {
    let (telegram, ana, mut appliance) = ana_and_her_bot();
    tries(&ana, "localhost");
    asked(&ana);
    ana.presses("No");
    ana.waits_for_message(|message| message.text.contains("stays refused"));
    appliance.stop();
    appliance.run(&telegram);
    tries(&ana, "localhost");
    // This one is asked for, and would come behind the other.
    tries(&ana, "other.example");
    let next = asked(&ana);
    assert!(next.text.contains("other.example"), "{}", next.text);
    assert_eq!(passes(&appliance), 0);
}

#[test]
fn only_an_operator_has_buttons_and_may_use_them() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.group_member(-500, false, 1001, "en"), telegram.group_member(-500, false, 1002, "en"));
    let mut appliance = Appliance::new(&telegram, &[1001, 1002]).with("OPERATOR_TELEGRAM_IDS", "1001");
    appliance.run(&telegram);
    tries(&ben, "localhost");
    let told = ben.waits_for_message(|message| message.text.contains("wanted to reach"));
    assert!(told.text.contains("An operator of this bot can allow it") && told.buttons().is_empty(), "{}", told.text);
    ben.sends("/hosts");
    ben.waits_for_message(|message| message.text.contains("Only an operator"));
    tries(&ana, "localhost");
    let notice = asked(&ana);
    let press = ben.presses_on(notice.id, &notice.button_data("Always").unwrap());
    assert!(ben.waits_for_toast(&press).contains("not yours"));
    assert_eq!(ana.message(notice.id).unwrap().buttons(), notice.buttons());
    ana.presses("Always");
    ana.waits_for_message(|message| message.text.contains("for everybody"));
    is_let_through(&ben, &appliance);
}

#[test]
fn nobody_is_an_operator_where_several_are_allowed_and_none_is_named() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001, 1002]);
    tries(&ana, "localhost");
    let told = ana.waits_for_message(|message| message.text.contains("wanted to reach"));
    assert!(told.buttons().is_empty());
}

#[test]
fn a_flood_of_hosts_is_three_notices_and_a_line() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let ask = "import os,socket\nproxy=os.environ['HTTPS_PROXY'].split('/')[2].split(':')\nfor n in range(300):\n s=socket.create_connection((proxy[0],int(proxy[1])))\n s.send(b'CONNECT h%d.example:443 HTTP/1.1\\r\\n\\r\\n'%n)\n s.recv(99)\nprint('asked')";
    ana.sends("echo ready");
    ana.waits_for_message(|message| message.text == "ready");
    std::fs::write(appliance.workspace_of(1001, 0).join("flood.py"), ask).unwrap();
    ana.sends("run python3 flood.py");
    ana.waits_for_message(|message| message.text.contains("asked"));
    ana.waits_for_message(|message| message.text.contains("tries further hosts"));
    ana.sends("echo done");
    ana.waits_for_message(|message| message.text == "done");
    let about = |part: &str| ana.messages().iter().filter(|message| message.text.contains(part)).count();
    assert_eq!((about("wanted to reach"), about("tries further hosts")), (3, 1));
}

#[test]
fn a_private_address_is_told_of_and_cannot_be_allowed_by_a_tap() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    tries(&ana, "169.254.169.254");
    let told = ana.waits_for_message(|message| message.text.contains("169.254.169.254:443"));
    assert!(told.text.contains("EGRESS_ALLOW") && told.buttons().is_empty(), "{}", told.text);
}

#[test]
fn a_person_at_the_terminal_is_asked_too() {
    let (_telegram, _ana, appliance) = ana_and_her_bot();
    let says = |message: &str| {
        let output = appliance.command(&["chat", "--message", message]).output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let mut shown = says("connect proxy localhost 443");
    // The egress tells of it by its own way, which may take longer than a turn.
    eventually("the notice at the terminal", || {
        shown.push_str(&says("echo next"));
        shown.contains("wanted to reach")
    });
    assert!(shown.contains("wanted to reach `localhost:443`") && shown.contains("Always"), "{shown}");
}
