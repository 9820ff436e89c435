# Threads, children, processes, environments, a database, temporary files, a server of its own where there is a network of its own.
import asyncio, errno, multiprocessing, os, pathlib, pty, signal, socket, sqlite3, subprocess, sys, tempfile, threading
from concurrent.futures import ThreadPoolExecutor


def square(n):
    return n * n


async def serve():
    async def answer(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"word\n")
    assert await reader.readline() == b"word\n"
    writer.close()
    server.close()


async def child():
    process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert (await process.communicate(b"x"))[0] == b"x"


def main():
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(square, range(8))) == [n * n for n in range(8)]
    done = subprocess.run(["sh", "-c", "cat; exit 3"], input=b"x", capture_output=True)
    assert (done.stdout, done.returncode) == (b"x", 3)
    sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True)
    sleeper.terminate()
    assert sleeper.wait() == -signal.SIGTERM
    with sqlite3.connect("data.db") as data:
        data.execute("pragma journal_mode = wal")
        data.execute("create table t (a)")
        data.executemany("insert into t values (?)", [(n,) for n in range(1000)])
        assert data.execute("select sum(a) from t").fetchone() == (499500,)
    with tempfile.TemporaryDirectory() as directory, tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(b"x")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"], check=True)
    inside = subprocess.run(["env/bin/python", "-c", "import sys; print(sys.prefix)"], capture_output=True, check=True)
    assert inside.stdout.decode().strip() == str(pathlib.Path("env").resolve())
    asyncio.run(child())
    if sys.argv[1] == "apart":
        assert pty.spawn(["true"]) == 0
        # Its semaphores lie in /dev/shm, which elsewhere is everybody's.
        for method in ("fork", "spawn"):
            with multiprocessing.get_context(method).Pool(2) as pool:
                assert pool.map(square, range(4)) == [0, 1, 4, 9]
    if sys.argv[1] != "shared":
        asyncio.run(serve())
    else:
        try:
            socket.create_server(("127.0.0.1", 0))
            raise SystemExit("a server in a network that is everybody's")
        except OSError as error:
            assert error.errno in (errno.EACCES, errno.EPERM), error
    print("done")


if __name__ == "__main__":
    main()
