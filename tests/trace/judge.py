"""What our processes called, against what seccomp/*.json lets them call.

`judge.py TRACES…`, each the directory of one run under strace (tests/trace/run), named `gnu` or `musl`: a file a thread, arguments as numbers.
It prints, for every profile, what was called and is not allowed, what is allowed and nothing called, and which rules marked `rare` are not.
`--write` remakes gateway.json and egress.json from what was called: reasons are kept, a new rule has none, and no build goes on without one.
The lists of warden and agent are decisions, not measurements: what agents call is nobody's to foresee.
"""

import json
import pathlib
import re
import sys
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALL = re.compile(r"^(\w+)\((.*)\)\s+= (\S+)(?: (\w+))?(?:.* /\* (\d+) in strace's PID NS \*/)?")
ROLE = re.compile(r'\["(?:[^"]*/)?kiroclaw", "(\w+)"')
NUMBER = re.compile(r"0x[0-9a-f]+|\d+")
FORKS = {"clone", "clone3", "fork", "vfork"}
# Below each role's own lock-down its own profile holds too; a jail becomes an agent.
PROFILES = {"warden": "warden", "gateway": "gateway", "egress": "egress", "jail": "agent"}
MEASURED = ("gateway", "egress")
ARCH = "x86_64"


def constants():
    lines = (line.split("#")[0].split() for line in (ROOT / "seccomp/constants").read_text().splitlines())
    return {name: int(value, 0) for name, value in filter(None, lines)}


CONSTANTS = constants()


def number(value):
    return value if isinstance(value, int) else sum(CONSTANTS[name.strip()] for name in value.split("|"))


class Rule:
    """One rule of a profile, and which of its calls were seen."""

    def __init__(self, data):
        self.data, self.seen = data, set()

    def fits(self, env):
        return self.data.get("arch", ARCH) == ARCH and self.data.get("env", env) == env

    def matches(self, name, args):
        return name in self.data["syscalls"] and all(self.holds(condition, args) for condition in self.data.get("args", []))

    @staticmethod
    def holds(condition, args):
        if condition["index"] >= len(args):
            return False
        value, wanted, op = args[condition["index"]], number(condition["val"]), condition["op"]
        if condition["type"] == "dword":
            value &= 0xFFFFFFFF
        if isinstance(op, dict):
            return value & number(op["masked_eq"]) == wanted
        return {"eq": value == wanted, "ne": value != wanted, "le": value <= wanted, "lt": value < wanted,
                "ge": value >= wanted, "gt": value > wanted}[op]


class Profile:
    def __init__(self, name):
        self.path = ROOT / f"seccomp/{name}.json"
        self.data = json.loads(self.path.read_text())
        self.allow = [Rule(rule) for rule in self.data["allow"]]
        self.refuse = [Rule(rule) for key in ("refuse", "left_out") for rule in self.data.get(key, [])]
        self.include = [Profile(other) for other in self.data.get("include", [])]
        self.missing = Counter()

    def rules(self, env, kind):
        own = [rule for rule in getattr(self, kind) if rule.fits(env)]
        return own + [rule for other in self.include for rule in other.rules(env, kind)]

    def allows(self, name, args, env):
        rules = [rule for rule in self.rules(env, "allow") if rule.matches(name, args)]
        for rule in rules:
            rule.seen.add(name)
        return bool(rules)

    def refuses(self, name, args, env):
        rules = [rule for rule in self.rules(env, "refuse") if rule.matches(name, args)]
        for rule in rules:
            rule.seen.add(name)
        return bool(rules)


def tested_arguments():
    """Which arguments of a call any rule looks at; the others would only tell one call from the next."""
    tested = {"seccomp": {0}}
    for path in (ROOT / "seccomp").glob("*.json"):
        profile = json.loads(path.read_text())
        for rule in profile["allow"] + profile["refuse"] + profile.get("left_out", []):
            for call in rule["syscalls"]:
                tested.setdefault(call, set()).update(condition["index"] for condition in rule.get("args", []))
    return tested


TESTED = tested_arguments()


class Thread:
    """What one thread did: images one after another, each with its role and its calls."""

    def __init__(self, path):
        self.images = [[None, []]]  # None: whatever the one was that it was forked from
        for line in path.read_text(errors="replace").splitlines():
            found = CALL.match(line)
            if not found:
                continue
            name, args, result, _, child = found.groups()
            if name == "execve":
                self.images[-1][1].append((name, (), None))
                if result == "0":
                    role = ROLE.search(args)
                    self.images.append([role.group(1) if role else "", []])
                continue
            child = int(child or result, 0) if name in FORKS and result not in ("0", "-1", "?") else None
            # These alone are shown by name, for the child's number; what matters of them is what the kernel takes first.
            flags = re.search(r"flags=(0x[0-9a-f]+)", args) if name in FORKS else None
            words = [flags.group(1)] if flags else NUMBER.findall(args) if TESTED.get(name) else []
            values = tuple(int(word, 0) if index in TESTED[name] else 0 for index, word in enumerate(words))
            applied = name == "seccomp" and result == "0" and values[0] == 1
            self.images[-1][1].append(("seccomp!" if applied else name, values, child))


def attribute(directory):
    """Every call with the profiles that held at that moment, outermost first."""
    threads = {int(path.suffix[1:]): Thread(path) for path in directory.glob("t.*")}
    calls, todo = Counter(), [(None, "", ())]
    children = {child for thread in threads.values() for _, image in thread.images for _, _, child in image if child}
    todo = [(tid, "", ()) for tid in threads if tid not in children]
    done = set()
    while todo:
        tid, role, stack = todo.pop()
        if tid not in threads or tid in done:
            continue
        done.add(tid)
        for own, image in threads[tid].images:
            role = role if own is None else own
            last = max((index for index, (name, _, _) in enumerate(image) if name == "seccomp!"), default=None)
            for index, (name, args, child) in enumerate(image):
                calls[(stack, name.rstrip("!"), args if len(args) < 7 else ())] += 1
                if index == last and role in PROFILES:
                    stack = (*stack, PROFILES[role])
                if child:
                    todo.append((child, role, stack))
    return calls


def judge(profiles, calls, env):
    for (stack, name, args), count in calls.items():
        for profile in reversed([profiles[name] for name in stack]):
            # Names, where only conditions of a rule tell more.
            if profile.allows(name, args, env):
                continue
            if not profile.refuses(name, args, env):
                tested = {c["index"] for rule in profile.rules(env, "allow") if name in rule.data["syscalls"] for c in rule.data.get("args", [])}
                shown = ", ".join(f"{value:#x}" if index in tested else "·" for index, value in enumerate(args)) if tested else ""
                profile.missing[(env, f"{name}({shown})")] += count
            break


def untraced(rule, environments):
    return rule.data.get("arch", ARCH) != ARCH or rule.data.get("env", environments[0]) not in environments


def report(name, profile, environments):
    print(f"\n== {name}: {len({call for rule in profile.allow for call in rule.data['syscalls']})} names of its own")
    for (env, call), count in sorted(profile.missing.items()):
        print(f"  called, not allowed   {env:5} {count:7} × {call}")
    for rule in profile.allow + profile.refuse:
        unseen = [call for call in rule.data["syscalls"] if call not in rule.seen]
        if untraced(rule, environments):
            print(f"  not traced here       {' '.join(unseen)}  ({rule.data.get('arch', '')}{rule.data.get('env', '')})")
        elif rule.data.get("rare"):
            if rule.seen:
                print(f"  rare, but called      {' '.join(sorted(rule.seen))}")
        elif unseen:
            print(f"  allowed, not called   {' '.join(unseen)}  — {rule.data['why']}")


def rewrite(profile, environments):
    """Only this way: a list never grows by what a run happened to be refused, unless a person then says why."""
    kept = []
    for rule in profile.allow:
        if not untraced(rule, environments) and not rule.data.get("rare"):
            rule.data["syscalls"] = [call for call in rule.data["syscalls"] if call in rule.seen]
        if rule.data["syscalls"]:
            kept.append(rule.data)
    for call in sorted({call.split("(")[0] for _, call in profile.missing}):
        kept.append({"syscalls": [call], "why": ""})
    profile.data["allow"] = kept
    lists = {key: value for key, value in profile.data.items() if isinstance(value, list)}
    text = ",\n".join(
        f'  "{key}": {json.dumps(value)}' if key not in lists or not value or isinstance(value[0], str)
        else f'  "{key}": [\n' + ",\n".join("    " + json.dumps(rule, ensure_ascii=False) for rule in value) + "\n  ]"
        for key, value in profile.data.items()
    )
    profile.path.write_text("{\n" + text + "\n}\n")


def main():
    write = "--write" in sys.argv
    directories = [pathlib.Path(word) for word in sys.argv[1:] if word != "--write"]
    environments = [directory.name for directory in directories]
    if not directories:
        sys.exit(__doc__)
    profiles = {name: Profile(name) for name in PROFILES.values()}
    for directory in directories:
        judge(profiles, attribute(directory), directory.name)
    for name, profile in profiles.items():
        report(name, profile, environments)
        if write and name in MEASURED:
            rewrite(profile, environments)
    return 1 if any(profiles[name].missing for name in MEASURED) else 0


if __name__ == "__main__":
    sys.exit(main())
