//! The jail of a runtime, from outside: `kiroclaw jail --workspace DIR -- COMMAND` with ordinary work, and with what a hostile program tries.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step of a test is a failed test")]

#[path = "jail/place.rs"]
mod place;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use place::{Place, lines, running, text};

/// Exit code of `kiroclaw jail` when it did not start its command.
const NOT_JAILED: i32 = 125;

/// Runs the script where the program is installed; what a machine does not have cannot fail there.
fn works(place: &Place, program: &str, script: &str) {
    let found = ["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|directory| Path::new(directory).join(program).exists());
    if found {
        let output = place.shell(script);
        assert!(output.status.success() && text(&output.stdout).ends_with("done\n"), "{program}: {output:?}");
    }
}

#[test]
fn shells_and_their_tools_do_their_ordinary_work() {
    let place = Place::new();
    let output = place.shell(
        "set -e; printf '%s\\n' b a c > list; sort list | awk '{ print $1 }' > sorted; mkdir -p deep/er; cp list deep/er; \
         find . -name list -print0 | xargs -0 cat | wc -l; tar cf all.tar deep sorted; rm -r deep; tar xf all.tar; test -f deep/er/list; \
         ln -s list link; mv list moved; chmod 755 moved; mktemp; touch -d yesterday moved; (sleep 0.01 & wait); echo done",
    );
    assert!(output.status.success() && text(&output.stdout).ends_with("done\n"), "{output:?}");
    works(&place, "bash", "bash -c 'cat <(echo a | tee b) >/dev/null; read -rt 1 x < b; ulimit -n 512; [[ $x == a ]]' && echo done");
    works(&place, "ps", "ps ax > all && test -s all && echo done");
}

#[test]
fn git_compilers_python_and_node_do_their_ordinary_work() {
    let place = Place::new();
    works(
        &place,
        "git",
        "set -e; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; git init -q one; cd one; \
         echo x > x; git add x; git commit -qm x; git gc -q; cd ..; git clone -q one two; git -C two log --oneline; cd one; \
         git checkout -qb b; git mv x y; git commit -qm y; git rebase -q HEAD~1; git worktree add -q ../three HEAD~1; echo done",
    );
    works(
        &place,
        "gcc",
        "set -e; printf 'int main(void){return 3;}' > a.c; gcc -O1 -o a a.c; code=0; ./a || code=$?; [ $code = 3 ]; echo done",
    );
    let python = "import asyncio, subprocess, tempfile, threading\n\
                  seen = []\n\
                  threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(8)]\n\
                  [t.start() for t in threads]; [t.join() for t in threads]\n\
                  assert len(seen) == 8\n\
                  assert subprocess.run(['echo', 'x'], capture_output=True).stdout == b'x\\n'\n\
                  tempfile.NamedTemporaryFile().write(b'x')\n\
                  asyncio.run(asyncio.create_subprocess_exec('true'))\n\
                  print('done')\n";
    std::fs::write(place.workspace().join("work.py"), python).unwrap();
    works(&place, "python3", "[ ! -x /usr/bin/python3 ] || exec /usr/bin/python3 work.py; echo done");
    let node = "const { Worker } = require('worker_threads'); const { execFileSync } = require('child_process');\n\
                execFileSync('echo', ['x']);\n\
                const all = [1, 2, 3].map(n => new Promise(end => new Worker(`require('fs').writeFileSync('w${n}', 'x')`, { eval: true }).on('exit', end)));\n\
                Promise.all(all).then(codes => { if (codes.every(c => c === 0)) console.log('done'); });\n";
    std::fs::write(place.workspace().join("work.js"), node).unwrap();
    works(&place, "node", "node work.js");
}

#[test]
fn what_a_hostile_program_asks_of_the_kernel_is_refused() {
    let place = Place::new();
    place.compile("attempts");
    let output = place.jail(&["./attempts", &std::process::id().to_string()]).output().unwrap();
    let attempts = lines(&output.stdout);
    assert!(attempts.len() > 60, "{output:?}");
    for attempt in attempts {
        let (name, errno) = attempt.split_once(' ').unwrap();
        // Where programs fall back when the kernel is older, or the file system simpler, they are told so.
        let expected = match name {
            "clone3" | "io_uring_setup" | "memfd_create" => "38",
            "setxattr" => "95",
            // Without hosts there are no internet sockets at all, whichever of the two filters answers.
            name if name.starts_with("socket-") || name.ends_with("-fastopen") || name == "tcp-bind" => {
                assert!(["1", "9", "13"].contains(&errno), "{attempt}");
                continue;
            }
            _ => "1",
        };
        assert_eq!(errno, expected, "{name}");
    }
}

#[test]
fn an_agent_with_hosts_gets_tcp_and_nothing_that_goes_past_its_rules() {
    let place = Place::new();
    place.compile("attempts");
    let output = place.jail(&["./attempts"]).env("EGRESS_ALLOW", "example.org").output().unwrap();
    let network: Vec<String> =
        lines(&output.stdout).into_iter().filter(|line| line.contains("socket-") || line.contains("fastopen")).collect();
    assert!(network.len() >= 13, "{output:?}");
    assert!(network.iter().all(|line| line.ends_with(" 1")), "{network:?}");
    // Landlock's own answer: EACCES.
    assert!(lines(&output.stdout).contains(&"tcp-bind 13".to_owned()), "{output:?}");
}

#[test]
fn the_files_of_others_of_the_state_and_of_the_system_are_out_of_reach() {
    let place = Place::new();
    let other = place.path("workspaces/telegram-2/2.0");
    std::fs::create_dir_all(&other).unwrap();
    let private = [other.join("diary"), place.path("state/secret"), place.path(".env")];
    for path in &private {
        std::fs::write(path, "A=secret\n").unwrap();
    }
    let planted = place.path("planted");
    for path in private.iter().map(|path| path.as_path()).chain([Path::new("/etc/shadow"), Path::new("/proc/1/environ")]) {
        let output = place.jail(&["cat", path.to_str().unwrap()]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{path:?}: {output:?}");
    }
    for directory in [other.as_path(), &place.path("state"), &place.path("workspaces"), Path::new("/tmp"), Path::new("/dev/shm")] {
        let output = place.jail(&["sh", "-c", "echo x > \"$0/planted\"", directory.to_str().unwrap()]).output().unwrap();
        assert!(!output.status.success() && !directory.join("planted").exists(), "{directory:?}: {output:?}");
    }
    for words in [["ln", private[0].to_str().unwrap(), "hard"], ["mv", "own", planted.to_str().unwrap()]] {
        std::fs::write(place.workspace().join("own"), "x").unwrap();
        assert!(!place.jail(&words).output().unwrap().status.success(), "{words:?}");
    }
    assert!(!planted.exists());
}

#[test]
fn only_the_way_out_is_reachable_and_it_leads_to_named_hosts_alone() {
    let place = Place::new();
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
    assert_eq!(lines(&output.stdout), ["direct refused", "proxy 200", "direct refused", "proxy 403"], "{output:?}");
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
    let place = Place::new();
    assert_eq!(place.shell("exit 7").status.code(), Some(7));
    assert_eq!(place.shell("kill -KILL $$").status.code(), Some(128 + 9));
    assert_eq!(place.shell("true").status.code(), Some(0));
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
    let place = Place::new();
    let marker = place.marker();
    let output = place.shell(&format!("(setsid sh -c 'trap \"\" HUP TERM; sleep {marker} & sleep {marker}' &) ; sleep 0.1; exit 4"));
    assert_eq!((output.status.code(), running(&marker)), (Some(4), 0));
}

#[test]
fn whoever_forks_for_ever_does_not_escape_either() {
    let place = Place::new();
    place.compile("lineages");
    let name = place.workspace().join("lineages").display().to_string();
    let output = place.jail(&[&name]).output().unwrap();
    assert_eq!((output.status.code(), running(&name)), (Some(5), 0), "{output:?}");
}

#[test]
fn a_stubborn_command_ends_after_the_grace() {
    let place = Place::new();
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

#[test]
fn a_reader_learns_the_end_of_output_from_the_command_alone() {
    let place = Place::new();
    let mut jail =
        place.jail(&["sh", "-c", "echo said; exec >&-; read -r line"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    // Ends although the command runs on: its keeper holds no copy.
    jail.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "said\n");
    jail.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    assert!(jail.wait().unwrap().success());
}
