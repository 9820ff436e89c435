"""Runs a command at a terminal of its own and types what a script says: `typist.py SCRIPT -- COMMAND…`, the script's lines being

    wait TEXT      until it has said so, after what was waited for before
    type TEXT      a line
    paste FILE     a file's content as a line
    run COMMAND    something else meanwhile, by the shell

What the command says goes to standard output; its exit code is ours. Ends with 99 where it waits in vain.
"""
import os
import pty
import select
import subprocess
import sys
import time

PATIENCE = 420  # seconds for one line: the server may be an emulated one that starts containers beside builds

script, separator, *command = sys.argv[1:]
assert separator == "--"
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)

said = b""
seen = 0


def listen(seconds):
    """Takes in what is said in that time; False when there is no more to come."""
    global said
    if not select.select([terminal], [], [], seconds)[0]:
        return True
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        return False
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    said += chunk
    return bool(chunk)


def wait(text):
    global seen
    end = time.monotonic() + PATIENCE
    while (at := said.find(text.encode(), seen)) < 0:
        if time.monotonic() > end or not listen(1):
            print(f"\ntypist: waited in vain for: {text}", file=sys.stderr)
            sys.exit(99)
    seen = at + len(text.encode())


for line in open(script):
    verb, _, rest = line.rstrip("\n").partition(" ")
    if verb == "wait":
        wait(rest)
    elif verb == "type":
        os.write(terminal, rest.encode() + b"\n")
    elif verb == "paste":
        os.write(terminal, open(rest, "rb").read().strip() + b"\n")
    elif verb == "run":
        subprocess.run(rest, shell=True, check=True, stdout=subprocess.DEVNULL)
while listen(1):
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
