//! Every row of docker/compose.yaml that fences the container in, as the engine tells it, as the kernel shows it, and as it is met inside.

use std::path::Path;

use serde_json::Value;

use crate::compose::Server;
use crate::engine::Process;
use crate::stand_in::telegram::Telegram;

const ANA: i64 = 1001;

#[test]
fn the_engine_holds_the_container_to_every_row() {
    let telegram = Telegram::start();
    let server = Server::start(&telegram, ANA);
    let all = server.inspect();
    let host = &all["HostConfig"];
    let is = |name: &str, wanted: Value| assert_eq!(host[name], wanted, "{name}");
    is("ReadonlyRootfs", true.into());
    is("CapDrop", serde_json::json!(["ALL"]));
    is("CapAdd", Value::Null);
    is("Privileged", false.into());
    is("IpcMode", "private".into());
    is("PidMode", "".into());
    is("Memory", (400 << 20).into());
    is("NanoCpus", 900_000_000.into());
    is("PidsLimit", 1536.into());
    is("Tmpfs", serde_json::json!({"/tmp": "rw,noexec,nosuid,nodev,size=16m,mode=1777"}));
    is("LogConfig", serde_json::json!({"Type": "local", "Config": {"max-size": "10m", "max-file": "3"}}));
    assert!(host["PortBindings"].as_object().is_none_or(serde_json::Map::is_empty), "no port is open");
    let options: Vec<&str> = host["SecurityOpt"].as_array().unwrap().iter().map(|option| option.as_str().unwrap()).collect();
    let has = |start: &str| options.iter().any(|option| option.starts_with(start));
    assert!(has("no-new-privileges") && has("seccomp={") && options.len() == 3, "{options:?}");
    assert_eq!(all["Config"]["User"], "1000:1000");
    let mounts = all["Mounts"].as_array().unwrap();
    assert!(!mounts.iter().any(|mount| mount["Source"].as_str().unwrap().ends_with(".sock")), "no engine's socket: {mounts:?}");
    let writable: Vec<&Value> = mounts.iter().filter(|mount| mount["RW"] == true).map(|mount| &mount["Destination"]).collect();
    assert_eq!(writable, ["/var/lib/kiroclaw"]);
}

#[test]
fn the_kernel_holds_every_process_of_the_container_to_them() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    let server = Server::start(&telegram, ANA);
    ana.sends("slow 600");
    ana.waits_for_draft(|draft| draft.text.contains("3 "));
    let processes = server.processes();
    assert!(processes.len() >= 5, "the runtime and its keeper too: {processes:?}");
    for process in &processes {
        let is = |name: &str, wanted: &str| assert_eq!(process.status[name], wanted, "{name} of {:?}", process.words);
        is("Uid", "1000\t1000\t1000\t1000");
        is("NoNewPrivs", "1");
        is("Seccomp", "2");
        ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].iter().for_each(|set| is(set, "0000000000000000"));
        let filters: u32 = process.status["Seccomp_filters"].parse().unwrap();
        assert!(filters >= 2, "the engine's and its own: {:?}", process.words);
    }
    assert_eq!(limit(&processes[0], "memory", ["memory.limit_in_bytes", "memory.max"]), "419430400");
    assert_eq!(limit(&processes[0], "pids", ["pids.max", "pids.max"]), "1536");
    let quota = limit(&processes[0], "cpu", ["cpu.cfs_quota_us", "cpu.max"]);
    assert!(quota == "90000" || quota == "90000 100000", "{quota}");
    let files = std::fs::read_to_string(format!("/proc/{}/limits", processes[0].pid)).unwrap();
    let row = |name: &str| files.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().rev().nth(1).unwrap().to_owned();
    assert_eq!([row("Max open files"), row("Max core file size")], ["4096", "0"]);
}

/// A limit of the process' cgroup, in version 1 or 2 (cgroups(7)).
fn limit(process: &Process, controller: &str, files: [&str; 2]) -> String {
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", process.pid)).unwrap();
    let paths = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let path = path.trim_start_matches('/');
        match controllers {
            "" => Some(Path::new("/sys/fs/cgroup").join(path).join(files[1])),
            all if all.split(',').any(|one| one == controller) => {
                Some(Path::new("/sys/fs/cgroup").join(controller).join(path).join(files[0]))
            }
            _ => None,
        }
    });
    let mut values = paths.filter_map(|path| std::fs::read_to_string(path).ok());
    values.next().unwrap_or_else(|| panic!("no {controller} in {groups}")).trim().to_owned()
}

/// /dev/shm and /dev/mqueue are the engine's own: small, or not backed by anything, and noexec.
#[test]
fn nothing_can_be_written_to_but_the_volume_and_a_tmp_that_executes_nothing() {
    let telegram = Telegram::start();
    let server = Server::start(&telegram, ANA);
    let probe = |words: &[&str]| server.inside(&[&["/probe"], words].concat()).text;
    let writable = probe(&["write"]);
    let mut writable: Vec<&str> = writable.lines().collect();
    writable.sort_unstable();
    writable.dedup();
    assert_eq!(writable, ["/dev/mqueue", "/dev/shm", "/tmp", "/var/lib/kiroclaw"]);
    assert_eq!(probe(&["execute", "/tmp"]).trim(), "13", "EACCES");
    assert_eq!(probe(&["execute", "/var/lib/kiroclaw"]).trim(), "executed", "agents build and run programs");
}
