"""Lets containers of this machine reach a port of its loopback by their own: `relay.py PORT`, as root, until it is ended.

Plain http is for loopback alone, and a container has one of its own. A socket stays in the network namespace in which it was made, so one process
can listen in the container's and connect in the machine's.
"""
import ctypes
import glob
import os
import socket
import sys
import threading
import time

PORT = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    if libc.setns(namespace, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def container():
    """The first process of the container that runs, if one does."""
    places = "docker-*.scope/cgroup.procs", "kiroclaw.service/libpod-payload-*/**/cgroup.procs"
    for path in (path for place in places for path in glob.glob(f"/sys/fs/cgroup/system.slice/{place}", recursive=True)):
        try:
            with open(path) as processes:
                first = processes.readline().strip()
        except OSError:
            continue  # it has ended meanwhile
        if first:
            return first
    return None


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(listener):
    while True:
        inside, _ = listener.accept()
        try:
            outside = socket.create_connection(("127.0.0.1", PORT))
        except OSError:
            inside.close()  # it is tried again from there
            continue
        for ends in ((inside, outside), (outside, inside)):
            threading.Thread(target=copy, args=ends, daemon=True).start()


def listen(process):
    """A listener in the network of that process."""
    enter(os.open(f"/proc/{process}/ns/net", os.O_RDONLY))
    try:
        return socket.create_server(("127.0.0.1", PORT))
    finally:
        enter(own)


own = os.open("/proc/self/ns/net", os.O_RDONLY)
served = None
while True:
    process = container()
    if process and process != served:
        try:
            # A thread begins in the network of the one that starts it.
            threading.Thread(target=serve, args=(listen(process),), daemon=True).start()
            served = process
        except OSError:
            pass  # it has ended meanwhile, or is not up yet
    time.sleep(0.3)
