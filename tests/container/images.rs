//! The image, by an engine and without one.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::engine::{IMAGE, all, docker, inspect, repository, said, work};

/// Bytes of the image, all of it.
const SIZE: u64 = 6_000_000;

fn oci(name: &str) -> PathBuf {
    let out = work().join(name);
    said(Command::new(repository("docker/oci")).arg(&out).arg(std::env::var_os("KIROCLAW_BINARY").unwrap()));
    out
}

#[test]
fn the_image_holds_one_file_and_is_small() {
    let image = inspect(IMAGE);
    let size = image["Size"].as_u64().unwrap();
    println!("the image: {size} bytes");
    assert!(size <= SIZE, "{size} bytes");
    let container = said(&mut docker(&["create", IMAGE])).trim().to_owned();
    let files = Command::new("sh").args(["-c", "docker export \"$0\" | tar -tv", &container]).output().unwrap();
    said(&mut docker(&["rm", &container]));
    let files = all(&files);
    // The engine makes places for what it mounts.
    let own = |line: &&str| line.starts_with('-') && ![" dev/", " etc/", " .dockerenv"].iter().any(|place| line.contains(place));
    let own: Vec<&str> = files.lines().filter(own).collect();
    assert!(own.len() == 1 && own[0].ends_with(" usr/local/bin/kiroclaw"), "{own:?}");
}

#[test]
fn without_an_engine_the_image_is_the_same_to_the_byte_each_time_and_says_the_same() {
    let [first, second] = ["first.tar", "second.tar"].map(oci).map(|path| std::fs::read(path).unwrap());
    assert!(first == second, "docker/oci makes the same bytes of the same binary");
    let built = inspect(IMAGE);
    said(&mut docker(&["load", "-i", work().join("first.tar").to_str().unwrap()]));
    let loaded = inspect(IMAGE);
    assert_ne!(built["Id"], loaded["Id"], "another image has the name");
    let config = |image: &Value| {
        let names = ["User", "Env", "Cmd", "Entrypoint", "WorkingDir", "Volumes", "StopSignal", "Healthcheck"];
        let mut said: Vec<Value> = names.iter().map(|name| image["Config"][name].clone()).collect();
        let mut labels = image["Config"]["Labels"].clone();
        labels.as_object_mut().unwrap().remove("org.opencontainers.image.revision");
        said.push(labels);
        said
    };
    assert_eq!(config(&built), config(&loaded), "docker/Dockerfile and docker/oci");
}

#[test]
fn every_tool_takes_it() {
    let image = oci("taken.tar");
    for kind in ["oci-archive", "docker-archive"] {
        let said = said(Command::new("skopeo").arg("inspect").arg(format!("{kind}:{}", image.display())));
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["Labels"]["org.opencontainers.image.title"], "kiroclaw");
        assert_eq!(said["Architecture"], if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" });
    }
}

/// In a Debian that `tests/container/run` makes with WORK=1, since none can be pulled everywhere; without kiro-cli, which container_kiro fetches.
#[test]
fn the_image_for_work_has_what_agents_use_and_the_same_appliance() {
    let Some(base) = std::env::var_os("CONTAINER_BASE") else {
        println!("SKIPPED: the image for work is built with WORK=1 tests/container/run");
        return;
    };
    said(Command::new("docker").arg("import").arg(base).arg("kiroclaw-base"));
    let mut build = Command::new(repository("docker/build"));
    build.arg(std::env::var_os("KIROCLAW_BINARY").unwrap()).envs([("ENGINE", "docker"), ("DOCKER_BUILDKIT", "0"), ("NETWORK", "host")]);
    said(build.envs([("WORK", "1"), ("BASE", "kiroclaw-base"), ("KIRO_URL", "none")]));
    let image = IMAGE.replace("kiroclaw:", "kiroclaw-work:");
    println!("the image for work: {} bytes", inspect(&image)["Size"]);
    let tools =
        "set -e; for tool in bash git rg python3 node curl; do $tool --version | head -n 1; done; id -u; kiroclaw --help | head -n 1";
    let said = said(&mut docker(&["run", "--rm", "--network", "none", "--read-only", "--entrypoint", "bash", &image, "-c", tools]));
    println!("{said}");
    assert!(said.contains("\n1000\n") && said.contains("Usage: kiroclaw") && said.contains("ripgrep"), "{said}");
}
