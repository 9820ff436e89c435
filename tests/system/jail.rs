//! What a hostile agent can do: nothing with it. The scripted kiro-cli does here what a web page talked it into, unasked.

use std::net::TcpListener;

use crate::appliance::{Appliance, eventually, files_below, is_alive};
use crate::stand_in::telegram::Telegram;

#[test]
fn an_agent_reads_nothing_of_others_of_the_state_or_of_the_settings() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let mut appliance = Appliance::new(&telegram, &[1001, 1002]).with("BOT_TOKEN", "");
    std::fs::write(appliance.path(".env"), format!("BOT_TOKEN={}\n", telegram.token())).unwrap();
    appliance.run(&telegram);
    ana.sends("put secret.txt my diary");
    ana.waits_for_message(|_| true);
    let gateway = appliance.pid_of("gateway");
    let forbidden = [
        appliance.workspace_of(1001, 0).join("secret.txt").display().to_string(),
        appliance.path("state/store/db").display().to_string(),
        appliance.path(".env").display().to_string(),
        appliance.home_of(1001).join(".kiro/agents/tg-acp.json").display().to_string(),
        format!("/proc/{gateway}/environ"),
        format!("/proc/{gateway}/mem"),
        format!("/proc/{gateway}/maps"),
        "/etc/shadow".to_owned(),
        "/root/.bashrc".to_owned(),
    ];
    for path in forbidden {
        ben.sends(&format!("cat {path}"));
        let answer = ben.waits_for_message(|_| true);
        assert!(!answer.text.contains("diary") && !answer.text.contains("110201543"), "{path}: {}", answer.text);
        assert!(
            answer.text.contains("denied") || answer.text.contains("not permitted") || answer.text.contains("No such file"),
            "{path}: {}",
            answer.text
        );
    }
    ben.sends(&format!("ls {}", appliance.path("workspaces").display()));
    ben.waits_for_message(|message| message.text.contains("denied"));
}

#[test]
fn the_token_is_nowhere_but_in_the_gateway() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("env");
    let names = ana.waits_for_message(|message| message.text.contains("HOME")).text;
    assert!(!names.contains("BOT_TOKEN") && !names.contains("TELEGRAM"), "{names}");
    for process in appliance.processes() {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        let words = process.words.join(" ");
        assert!(!String::from_utf8_lossy(&environment).contains("AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"), "{words}");
        assert!(!words.contains("AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"), "{words}");
    }
    telegram.fault("sendMessage", 2, crate::stand_in::telegram::Fault::Close);
    ana.sends("echo hello");
    ana.waits_for_message(|message| message.text == "hello");
    appliance.stop();
    for file in files_below(&appliance.path("")) {
        let content = std::fs::read(&file).unwrap_or_default();
        let found = content.windows(20).any(|window| window == b"AAHdqTcvCH1vGWJxfSeo");
        assert!(!found, "{}", file.display());
    }
}

#[test]
fn no_process_of_ours_has_what_its_starter_left_open() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED: only root sees what processes that nobody may trace have open");
        return;
    }
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("left-open");
    let left = std::fs::File::create(&path).unwrap();
    rustix::io::fcntl_setfd(&left, rustix::io::FdFlags::empty()).unwrap();
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo ready");
    ana.waits_for_message(|message| message.text == "ready");
    let processes = appliance.processes();
    assert!(processes.len() >= 5, "warden, gateway, egress, keeper, agent: {processes:?}");
    for process in processes {
        let open = std::fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap().map(|entry| entry.unwrap().path());
        let has = open.filter_map(|number| std::fs::read_link(number).ok()).any(|file| file == path);
        assert!(!has, "{process:?}");
    }
}

#[test]
fn an_agent_writes_nowhere_but_in_its_workspace_and_home() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    let outside = [
        appliance.path("workspaces/planted").display().to_string(),
        appliance.path("state/planted").display().to_string(),
        appliance.path("bin/planted").display().to_string(),
        appliance.home_of(1001).join(".kiro/agents/tg-acp.json").display().to_string(),
        appliance.home_of(1001).join(".bashrc").display().to_string(),
        "/tmp/kiroclaw-planted".to_owned(),
        "/proc/self/oom_score_adj".to_owned(),
    ];
    for path in &outside {
        ana.sends(&format!("put {path} planted"));
        let answer = ana.waits_for_message(|_| true).text;
        assert!(
            ["denied", "not permitted", "Read-only", "No such file"].iter().any(|refusal| answer.contains(refusal)),
            "{path}: {answer}"
        );
    }
    ana.sends("put inside.txt fine\nrun cat inside.txt");
    ana.waits_for_message(|message| message.text.contains("fine"));
}

#[test]
fn an_agent_reaches_its_named_hosts_through_the_egress_and_nothing_else() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let (named, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (named_port, other_port) = (named.local_addr().unwrap().port(), other.local_addr().unwrap().port());
    let mut appliance = Appliance::new(&telegram, &[1001]).with("EGRESS_ALLOW", &format!("127.0.0.1:{named_port}"));
    appliance.run(&telegram);
    ana.sends(&format!("connect proxy 127.0.0.1 {named_port}"));
    ana.waits_for_message(|message| message.text.contains("200"));
    ana.sends(&format!("connect proxy 127.0.0.1 {other_port}"));
    ana.waits_for_message(|message| message.text.contains("403"));
    ana.sends("connect proxy metadata.google.internal 80");
    ana.waits_for_message(|message| message.text.contains("403"));
    for port in [named_port, other_port] {
        ana.sends(&format!("connect 127.0.0.1 {port}"));
        // In a network of its own nobody listens there.
        let refusals = ["denied", "not permitted", "refused"];
        ana.waits_for_message(|message| refusals.iter().any(|refusal| message.text.contains(refusal)));
    }
}

#[test]
fn an_agent_cannot_signal_or_outlive_its_warden() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    let gateway = appliance.pid_of("gateway");
    ana.sends(&format!("run kill -9 {gateway} && echo done"));
    ana.waits_for_message(|message| message.text.contains("not permitted") || message.text.contains("No such process"));
    assert!(is_alive(gateway));
    ana.sends("spawn stubborn\necho hidden");
    ana.waits_for_message(|message| message.text.contains("hidden"));
    let all = appliance.processes();
    appliance.kill("gateway");
    let gone = |process: &&crate::appliance::Process| process.words.first().is_some_and(|word| word.contains("kiro-cli"));
    eventually("the runtimes to end with their gateway", || all.iter().filter(gone).all(|process| !is_alive(process.pid)));
}

#[test]
fn an_agent_cannot_pose_as_the_person_at_the_terminal() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    let run = appliance.path("state/run");
    ana.sends(&format!("cat {}", run.join("chat.key").display()));
    ana.waits_for_message(|message| message.text.contains("denied") || message.text.contains("No such file"));
    let hello = r#"{\"type\":\"hello\",\"version\":1,\"thread\":0,\"key\":\"x\"}\n"#;
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('{}')\ns.send(b'{hello}')\nprint(s.recv(999))",
        run.join("chat.sock").display()
    );
    std::fs::write(appliance.workspace_of(1001, 0).join("pose.py"), script).unwrap();
    ana.sends("run python3 pose.py");
    ana.waits_for_message(|message| message.text.contains("refused") || message.text.contains("No such file"));
}
