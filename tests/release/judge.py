"""What a release in a directory has to be: `judge.py DIRECTORY`, in the directory of the repository, with the SOURCE_DATE_EPOCH that it was
made with. Says all that is wrong."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ARCHES = ("x86_64", "aarch64")
# What every tarball has; what git knows of the others is there too.
NEEDED = ("kiroclaw", "README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", ".env.example", "kiro-config/agents/tg-acp.json")
OPTIONAL = ("docs", "systemd", "docker", "deploy", "kiro-config", "seccomp/container.json")
MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine, elf(5)
EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])

wrong = []


def must(holds, fault):
    if not holds:
        wrong.append(fault)


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def tracked(*paths):
    return set(said("git", "ls-files", "--", *paths).splitlines())


def judge_member(name, member):
    must(member.isfile() or member.isdir(), f"{name}: {member.name} is neither a file nor a directory")
    must((member.uid, member.gid, member.uname, member.gname) == (0, 0, "", ""), f"{name}: {member.name} is not root's")
    must(member.mtime == EPOCH, f"{name}: {member.name} has a time of its own")
    must(member.mode in ((0o755,) if member.isdir() else (0o644, 0o755)), f"{name}: {member.name} has the mode {member.mode:o}")


def judge_tarball(path, arch, top):
    name = path.name
    must(path.read_bytes()[3:8] == b"\0" * 5, f"{name}: gzip has noted a name or a time")
    with tarfile.open(path) as tarball:
        members = tarball.getmembers()
        names = [member.name for member in members]
        must(names == sorted(names, key=lambda name: name.split("/")), f"{name}: its order is not that of the names")
        must(names[0] == top and all(name.startswith(f"{top}/") for name in names[1:]), f"{name}: it is not one directory {top}")
        files = {member.name.removeprefix(f"{top}/") for member in members if member.isfile()}
        expected = set(NEEDED) | tracked(*OPTIONAL)
        must(files == expected, f"{name}: missing {expected - files}, needless {files - expected}")
        for member in members:
            judge_member(name, member)
        must(tarball.getmember(f"{top}/kiroclaw").mode == 0o755, f"{name}: the program cannot be executed")
        header = tarball.extractfile(f"{top}/kiroclaw").read(20)
        must(header[:4] == b"\x7fELF" and int.from_bytes(header[18:20], "little") == MACHINES[arch], f"{name}: it is no {arch} program")


def judge_sums(directory):
    sums = dict(reversed(line.split("  ")) for line in (directory / "SHA256SUMS").read_text().splitlines())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir() if path.name != "SHA256SUMS"}
    must(sums == files, f"SHA256SUMS: {sums} in place of {files}")


def crates(arch):
    """What is compiled into the program, by Cargo.lock."""
    target = f"{arch}-unknown-linux-musl"
    lines = said("cargo", "tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}")
    return {tuple(line.split()[:2]) for line in lines.splitlines()}


def judge_sbom(path, arches):
    text = path.read_text()
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    must(error is None, f"{path.name}: not CycloneDX 1.5: {str(error).splitlines()[0]}")
    leak = re.search(r"file:|/home/|/root/|/tmp/|serialNumber", text)
    must(leak is None, f"{path.name}: it names what is of one machine or run: {leak}")
    sbom = json.loads(text)
    listed = {(part["name"], "v" + part["version"]): part for part in sbom["components"]}
    own = sbom["metadata"]["component"]
    must(own["name"] == "kiroclaw", f"{path.name}: it is about {own['name']}")
    for arch in arches:
        missing = crates(arch) - set(listed) - {("kiroclaw", "v" + own["version"])}
        must(not missing, f"{path.name}: {arch} is made of these too: {missing}")
    checksums = {(name, "v" + version): sum for name, version, sum in lock()}
    for key, part in listed.items():
        hashes = [one["content"] for one in part.get("hashes", []) if one["alg"] == "SHA-256"]
        must(hashes == [checksums.get(key)], f"{path.name}: {key} has not the checksum of Cargo.lock")
        must(part.get("licenses"), f"{path.name}: {key} has no licence")
    refs = {part["bom-ref"] for part in [own, *sbom["components"]]}
    named = {ref for one in sbom["dependencies"] for ref in [one["ref"], *one.get("dependsOn", [])]}
    must(named == refs, f"{path.name}: parts and dependencies do not agree: {named ^ refs}")


def lock():
    return re.findall(r'name = "(.*)"\nversion = "(.*)"\nsource = .*\nchecksum = "(.*)"', Path("Cargo.lock").read_text())


def main():
    directory = Path(sys.argv[1])
    version = said("cargo", "pkgid").strip().rpartition("#")[2].rpartition("@")[2]
    top = f"kiroclaw-{version}"
    tarballs = {arch: directory / f"{top}-{arch}-linux.tar.gz" for arch in ARCHES}
    made = {arch: path for arch, path in tarballs.items() if path.exists()}
    expected = {path.name for path in made.values()} | {f"{top}.cdx.json", "SHA256SUMS"}
    found = {path.name for path in directory.iterdir()}
    must(made and found == expected, f"{directory} has {found} in place of {expected}")
    for arch, path in made.items():
        judge_tarball(path, arch, top)
    judge_sbom(directory / f"{top}.cdx.json", made)
    judge_sums(directory)
    for fault in wrong:
        print(f"   {fault}")
    sys.exit(1 if wrong else 0)


main()
