//! The jail of a runtime, from outside: `kiroclaw jail --workspace DIR -- COMMAND` with what a hostile program tries. Ordinary work is in `tests/work.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failed step fails the test, and what is skipped is said"
)]

#[path = "jail/place.rs"]
mod place;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use place::{Machine, Place, keeps_without_namespaces, lines, running, text};

/// Exit code of `kiroclaw jail` when it did not start its command.
const NOT_JAILED: i32 = 125;

#[test]
fn what_a_hostile_program_asks_of_the_kernel_is_refused() {
    for (machine, place) in Place::everywhere() {
        place.compile("attempts");
        let output = place.jail(&["./attempts", &std::process::id().to_string()]).output().unwrap();
        let attempts = lines(&output.stdout);
        assert!(attempts.len() > 60, "{machine:?}: {output:?}");
        for attempt in attempts {
            let (name, errno) = attempt.split_once(' ').unwrap();
            // Where programs fall back when the kernel is older, or the file system simpler, they are told so.
            let expected = match name {
                "clone3" | "io_uring_setup" | "memfd_create" | "futex_waitv" => "38",
                // Sandboxes of its own only take away.
                "own-seccomp" | "own-landlock" => "0",
                "setxattr" => "95",
                // In a network of its own it may serve itself, and look at its interfaces.
                "tcp-bind" | "tcp-listen" | "socket-udp" | "socket-udp6" | "socket-netlink" if machine.has_namespaces() => "0",
                // On a socket that it did not even get, without a network and hosts.
                "tcp-ulp" | "attach-filter" => "92",
                // Without one, and without hosts, there are no internet sockets at all, whichever of the filters answers.
                name if name.starts_with("socket-") || name.ends_with("-fastopen") || name.starts_with("tcp-") => {
                    assert!(["1", "9", "13"].contains(&errno), "{machine:?}: {attempt}");
                    continue;
                }
                _ => "1",
            };
            assert_eq!(errno, expected, "{machine:?}: {name}");
        }
    }
}

#[test]
fn an_agent_with_hosts_gets_tcp_and_nothing_that_goes_past_its_rules() {
    for (machine, place) in Place::everywhere() {
        place.compile("attempts");
        let output = place.jail(&["./attempts"]).env("EGRESS_ALLOW", "example.org").output().unwrap();
        let network: Vec<String> =
            lines(&output.stdout).into_iter().filter(|line| line.contains("socket-") || line.contains("fastopen")).collect();
        assert!(network.len() >= 17, "{machine:?}: {output:?}");
        let own = |line: &str| ["socket-udp 0", "socket-udp6 0", "socket-netlink 0"].contains(&line) && machine.has_namespaces();
        assert!(network.iter().all(|line| line.ends_with(" 1") || own(line)), "{machine:?}: {network:?}");
        // Without a network of its own, Landlock's answer: EACCES.
        let bind = if machine.has_namespaces() { "tcp-bind 0" } else { "tcp-bind 13" };
        assert!(lines(&output.stdout).contains(&bind.to_owned()), "{machine:?}: {output:?}");
        // The filter's, since Landlock does not see a socket that listens without having been bound.
        let listen = if machine.has_namespaces() { "tcp-listen 0" } else { "tcp-listen 1" };
        assert!(lines(&output.stdout).contains(&listen.to_owned()), "{machine:?}: {output:?}");
    }
}

#[test]
fn filters_that_only_log_let_calls_through_and_every_other_layer_stays() {
    for (machine, place) in Place::everywhere() {
        place.compile("attempts");
        let output = place.jail(&["./attempts"]).env("SECCOMP", "log").output().unwrap();
        assert!(text(&output.stderr).contains("SECCOMP=log"), "{machine:?}: {output:?}");
        let answers = lines(&output.stdout);
        let has = |answer: &str| answers.iter().any(|line| line == answer);
        // What a filter around this test refuses, as a service's or a container's, ours cannot let through.
        let is_filtered = std::fs::read_to_string("/proc/self/status").unwrap().contains("Seccomp:\t2");
        if is_filtered {
            println!("NOT CHECKED: what SECCOMP=log lets through, since a filter around these tests refuses it already");
        }
        let lets_through = has("personality 0") && has("unshare 0") && has("fchmod-setuid 0");
        assert!(is_filtered || lets_through, "{machine:?}: {output:?}");
        // Those at whose answers programs fall back, and those that keep the machine's network closed.
        assert!(has("clone3 38") && has("memfd_create 38"), "{machine:?}: {output:?}");
        // A filter around it may end it before, at a call of another architecture.
        assert!(is_filtered || has("setxattr 95"), "{machine:?}: {output:?}");
        assert!(machine.has_namespaces() || has("socket-udp 13") || has("socket-udp 1"), "{machine:?}: {output:?}");
        let shadow = place.jail(&["sh", "-c", "cat /proc/1/environ; cat \"$0\"", place.path(".env").to_str().unwrap()]);
        std::fs::write(place.path(".env"), "A=secret\n").unwrap();
        let output = { shadow }.env("SECCOMP", "log").output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{machine:?}: {output:?}");
    }
}

#[test]
fn nothing_of_the_machine_is_reachable_by_its_name_and_own_servers_work() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    for (machine, place) in Place::everywhere() {
        place.compile("reach");
        let name = format!("kiroclaw-{}", place.marker());
        let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let path = place.path("outside.sock");
        let _pathname = UnixListener::bind(&path).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port().to_string();
        let words = ["./reach", &std::process::id().to_string(), &name, path.to_str().unwrap(), &port, "7"];
        let output = place.jail(&words).env("EGRESS_ALLOW", "example.org").output().unwrap();
        let answers = lines(&output.stdout);
        assert_eq!(answers.len(), 8, "{machine:?}: {output:?}");
        for answer in answers {
            let (name, errno) = answer.split_once(' ').unwrap();
            let works = match name {
                "own-tcp" | "own-udp" => machine.has_namespaces(),
                // Until Landlock mediates these (Linux 7.1), only a view of its own does.
                "pathname" if !machine.has_mounts() => continue,
                // Seeing that there is such a process is all that is left open without a process namespace.
                "priority" if machine != Machine::AsItIs || !machine.has_namespaces() => continue,
                _ => false,
            };
            assert_eq!(errno == "0", works, "{machine:?}: {name} {errno}");
        }
    }
}

#[test]
fn an_agent_with_hosts_does_not_start_where_nothing_can_keep_its_network() {
    if keeps_without_namespaces() || !Machine::AsItIs.has_namespaces() {
        return; // Then there is something, or every other test shows it.
    }
    let place = Place::on(Machine::NoNamespaces);
    let output = place.jail(&["touch", "ran"]).env("EGRESS_ALLOW", "example.org").output().unwrap();
    assert_eq!(output.status.code(), Some(NOT_JAILED), "{output:?}");
    assert!(text(&output.stderr).contains("namespaces") && !place.workspace().join("ran").exists(), "{output:?}");
}

#[test]
fn nobody_else_s_processes_are_seen_or_signalled() {
    for (machine, place) in Place::everywhere() {
        let marker = place.marker();
        let mut outside = Command::new("sleep").arg(&marker).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let script = format!("kill -9 {}; echo $?; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; echo done", outside.id());
        let seen = place.shell(&script);
        assert!(outside.try_wait().unwrap().is_none(), "{machine:?}: it was ended");
        let shown = text(&seen.stdout);
        assert!(shown.ends_with("done\n") && shown.starts_with("1\n"), "{machine:?}: {seen:?}");
        if machine == Machine::AsItIs && machine.has_namespaces() {
            assert!(!shown.contains(&format!("sleep {marker}")), "{shown}");
            assert_eq!(
                lines(&place.shell("echo $$; cd /proc; ls -d [0-9]* | wc -l").stdout)[0],
                "2",
                "process 1 is ours, and 2 the command"
            );
        }
        outside.kill().unwrap();
        outside.wait().unwrap();
    }
}

#[test]
fn the_settings_of_an_agent_cannot_be_planted_in_a_workspace() {
    for (machine, place) in Place::everywhere().filter(|(machine, _)| machine.has_mounts()) {
        for workspace in ["", "2.0/"] {
            std::fs::create_dir_all(place.workspace().join(workspace).join(".kiro/steering")).unwrap();
        }
        let script = "for w in . 2.0; do mkdir $w/.kiro/agents; echo x > $w/.kiro/mcp.json; mv $w/.kiro $w/gone; rm -r $w/.kiro; \
                      rmdir $w/.kiro; mv .kiro/steering .kiro/agents; chmod 700 $w/.kiro; echo x > $w/.kiro/steering/words.md; done; \
                      mv 2.0 gone; mkdir -p 2.0/.kiro/agents; ln -sfn gone 2.0/.kiro; echo done";
        let output = place.shell(script);
        assert!(text(&output.stdout).ends_with("done\n"), "{machine:?}: {output:?}");
        for workspace in ["", "2.0/"] {
            let kiro = place.workspace().join(workspace).join(".kiro");
            let names: Vec<_> = std::fs::read_dir(&kiro).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["steering"], "{machine:?}: {workspace}: {output:?}");
            assert!(kiro.join("steering/words.md").exists(), "{machine:?}: what are words for the agent stays writable");
        }
        assert!(!place.workspace().join("gone").exists(), "{machine:?}");
    }
}

#[test]
fn the_files_of_others_of_the_state_and_of_the_system_are_out_of_reach() {
    for (machine, place) in Place::everywhere() {
        let other = place.path("workspaces/telegram-2/2.0");
        std::fs::create_dir_all(&other).unwrap();
        let private = [other.join("diary"), place.path("state/secret"), place.path(".env")];
        for path in &private {
            std::fs::write(path, "A=secret\n").unwrap();
        }
        let planted = place.path("planted");
        for path in private.iter().map(|path| path.as_path()).chain([Path::new("/etc/shadow"), Path::new("/proc/1/environ")]) {
            let output = place.jail(&["cat", path.to_str().unwrap()]).output().unwrap();
            assert!(!output.status.success() && output.stdout.is_empty(), "{machine:?}: {path:?}: {output:?}");
        }
        for directory in [other.as_path(), &place.path("state"), &place.path("workspaces"), Path::new("/tmp"), Path::new("/dev/shm")] {
            let name = format!("planted-{}", place.marker());
            let output = place.jail(&["sh", "-c", "echo x > \"$0/$1\"", directory.to_str().unwrap(), &name]).output().unwrap();
            assert!(!directory.join(&name).exists(), "{machine:?}: {directory:?}: {output:?}");
        }
        for words in [["ln", private[0].to_str().unwrap(), "hard"], ["mv", "own", planted.to_str().unwrap()]] {
            std::fs::write(place.workspace().join("own"), "x").unwrap();
            assert!(!place.jail(&words).output().unwrap().status.success(), "{machine:?}: {words:?}");
        }
        assert!(!planted.exists(), "{machine:?}");
        if machine.has_mounts() {
            // What Landlock does not mediate.
            let before = std::fs::metadata(&private[0]).unwrap();
            let shown = place.jail(&["sh", "-c", "chmod 777 \"$0\"; touch -d yesterday \"$0\"; stat \"$0\"", private[0].to_str().unwrap()]);
            let output = { shown }.output().unwrap();
            let after = std::fs::metadata(&private[0]).unwrap();
            assert_eq!((before.permissions(), before.modified().unwrap()), (after.permissions(), after.modified().unwrap()), "{machine:?}");
            assert!(output.stdout.is_empty(), "{machine:?}: {output:?}");
        }
    }
}

#[test]
fn only_the_way_out_is_reachable_and_it_leads_to_named_hosts_alone() {
    for (machine, place) in Place::everywhere() {
        let (named, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = [&named, &other].map(|listener| listener.local_addr().unwrap().port());
        let script = "for port in \"$@\"; do \
                      (exec 3<>\"/dev/tcp/127.0.0.1/$port\") 2>/dev/null && echo direct open || echo direct refused; \
                      exec 3<>\"/dev/tcp/127.0.0.1/${HTTPS_PROXY##*:}\"; \
                      printf 'CONNECT 127.0.0.1:%s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' \"$port\" >&3; \
                      read -r _ code _ <&3; echo proxy $code; exec 3>&-; done";
        let ports = ports.map(|port| port.to_string());
        let mut command = place.jail(&["bash", "-c", script, "bash", &ports[0], &ports[1]]);
        let output = command.env("EGRESS_ALLOW", format!("127.0.0.1:{}", ports[0])).output().unwrap();
        assert_eq!(lines(&output.stdout), ["direct refused", "proxy 200", "direct refused", "proxy 403"], "{machine:?}: {output:?}");
    }
}

#[test]
fn nothing_is_inherited_but_the_standard_descriptors_and_nothing_is_left_of_privileges() {
    let place = Place::new();
    let mut command =
        place.within_shell("exec 7</etc/passwd 9<.; exec \"$@\"", &["sh", "-c", "ls -l /proc/$$/fd; cat /proc/$$/status; env"]);
    let output = command.env("BOT_TOKEN", place.token()).env("SOME_SECRET", "s3cret").output().unwrap();
    let shown = text(&output.stdout);
    assert!(output.status.success() && !shown.contains("s3cret") && !shown.contains("BOT_TOKEN"), "{output:?}");
    let descriptors: Vec<&str> = shown.lines().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(descriptors.len(), 3, "{descriptors:?}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(shown.contains(&format!("{set}:\t0000000000000000")), "{shown}");
    }
    assert!(shown.contains("NoNewPrivs:\t1") && shown.contains("Seccomp:\t2"), "{shown}");
}

#[test]
fn an_ordinary_user_can_jail_too() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        return; // Then every other test shows it.
    }
    let mut place = Place::new();
    place.give_to(NOBODY);
    let output = place.jail(&["sh", "-c", "id -u; cat /proc/self/oom_score_adj"]).uid(NOBODY).gid(NOBODY).output().unwrap();
    assert_eq!(lines(&output.stdout), ["65534", "500"], "{output:?}");
}

#[test]
fn exit_code_and_signal_of_the_command_are_passed_through() {
    for (_machine, place) in Place::everywhere() {
        assert_eq!(place.shell("exit 7").status.code(), Some(7));
        assert_eq!(place.shell("kill -KILL $$").status.code(), Some(128 + 9));
        assert_eq!(place.shell("true").status.code(), Some(0));
    }
}

#[test]
fn what_cannot_be_granted_or_found_starts_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.path("state/store")).unwrap();
    std::fs::set_permissions(place.path("state/store"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let inside = place.path("state/store").display().to_string();
    for (paths, said) in [("/no/such/path", "/no/such/path"), (inside.as_str(), "lies in")] {
        let output = place.jail(&["touch", "ran"]).env("AGENT_READ_ONLY_PATHS", paths).output().unwrap();
        assert_eq!(output.status.code(), Some(NOT_JAILED), "{output:?}");
        assert!(text(&output.stderr).contains(said), "{output:?}");
    }
    let holder = place.path("");
    let output = place.command().args(["jail", "--workspace", holder.to_str().unwrap(), "--", "touch", "ran"]).output().unwrap();
    assert_eq!(output.status.code(), Some(NOT_JAILED), "{output:?}");
    assert_eq!(place.jail(&["no-such-program"]).output().unwrap().status.code(), Some(NOT_JAILED));
    assert!(!place.workspace().join("ran").exists() && !holder.join("ran").exists());
}

#[test]
fn no_descendant_outlives_its_command() {
    for (_machine, place) in Place::everywhere() {
        let marker = place.marker();
        let output = place.shell(&format!("(setsid sh -c 'trap \"\" HUP TERM; sleep {marker} & sleep {marker}' &) ; sleep 0.1; exit 4"));
        assert_eq!((output.status.code(), running(&marker)), (Some(4), 0));
    }
}

#[test]
fn whoever_forks_for_ever_does_not_escape_either() {
    for (_machine, place) in Place::everywhere() {
        place.compile("lineages");
        let name = place.workspace().join("lineages").display().to_string();
        let output = place.jail(&[&name]).output().unwrap();
        assert_eq!((output.status.code(), running(&name)), (Some(5), 0), "{output:?}");
    }
}

#[test]
fn a_stubborn_command_ends_after_the_grace() {
    for (_machine, place) in Place::everywhere() {
        let marker = place.marker();
        let script = format!("trap '' TERM; sleep {marker} & echo ready; while :; do wait; sleep {marker}; done");
        let mut jail = place.jail(&["sh", "-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(jail.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let asked = Instant::now();
        rustix::process::kill_process(rustix::process::Pid::from_child(&jail), rustix::process::Signal::TERM).unwrap();
        assert_eq!(jail.wait().unwrap().code(), Some(128 + 9));
        assert!(asked.elapsed() < kiroclaw::model::bounds::END_GRACE + Duration::from_secs(5), "{:?}", asked.elapsed());
        assert_eq!(running(&marker), 0);
    }
}

#[test]
fn a_reader_learns_the_end_of_output_from_the_command_alone() {
    for (_machine, place) in Place::everywhere() {
        let mut jail =
            place.jail(&["sh", "-c", "echo said; exec >&-; read -r line"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        // Ends although the command runs on: its keeper holds no copy.
        jail.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "said\n");
        jail.stdin.take().unwrap().write_all(b"go on\n").unwrap();
        assert!(jail.wait().unwrap().success());
    }
}
