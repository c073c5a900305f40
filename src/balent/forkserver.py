"""A process that has imported the libraries already and forks itself for each job that asks.

Importing torch takes a second, a job of the small scale a few. The workflow starts one server for
the jobs of its own machine (``start``); a script hands itself over (``run``). Whatever the server
does not take (it has gone, another interpreter asks, a source file was edited since it started)
runs in the script's own process, with the same result.

Over one Unix socket per job the script sends its arguments, folder, environment and standard
streams. The fork answers TAKEN, and its exit status at the end. When one of the two dies the other
one sees the connection close and ends, too; when the workflow dies the server ends.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from balent import sources
from balent.errors import one_line_errors

ADDRESS = "BALENT_FORK_SERVER"
"""The environment variable with the server's socket."""

TAKEN = b"\1"
HEADER = struct.Struct("!I")
"""Bytes of the request that follows; it travels with the standard streams."""

PRELOADED = ("balent.acquisition.catalog", "balent.features.pipeline", "balent.loop.jobs")
"""By name: an import here would make these modules part of every script's code (balent.sources)."""

_servers: list[subprocess.Popen[bytes]] = []
"""Held until this process ends: a server reads a pipe from it and ends at the pipe's end."""


def start() -> None:
    """Start a server for the jobs of this process; it imports when the first job asks.

    Only where forking after such imports is sound (Linux). Elsewhere, and where the temporary
    folder takes no socket, jobs start by themselves.
    """
    if sys.platform != "linux":
        return
    folder = None
    try:
        folder = tempfile.mkdtemp(prefix="balent-")  # nobody else may enter it
        path = f"{folder}/socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(socket.SOMAXCONN)
            descriptor = listener.fileno()
            # -P: the working folder's files are no modules, as for a script
            command = [sys.executable, "-P", "-m", "balent.forkserver", str(descriptor), folder]
            _servers.append(subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[descriptor]))
    except OSError as error:
        print(f"balent: each job imports for itself ({error})", file=sys.stderr)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        return
    os.environ[ADDRESS] = path


def run(main: Callable[[], None], ahead: bool = True) -> None:
    """What a script does: ``main()`` in a fork of the server, else here; errors become one line.

    ahead  whether the script uses what the server has imported; if not, it works here
    """
    sys.stdout.flush()  # before the fork, which writes to the same place
    status = _handed_over() if ahead else None
    if status is not None:
        raise SystemExit(status)
    with one_line_errors():
        sources.check_unchanged(sources.closure(sys.argv[0]))
        main()


def _handed_over() -> int | None:
    """The exit status of this script, run by the server; None where there is no server for it."""
    address = os.environ.pop(ADDRESS, None)  # the script in the fork must not ask again
    if address is None:
        return None
    request = {
        "prefix": sys.prefix,
        "argv": sys.argv,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    text = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            socket.send_fds(connection, [HEADER.pack(len(text))], [0, 1, 2])
            connection.sendall(text)
            if connection.recv(1) != TAKEN:
                return None
        except OSError:
            return None
        status = connection.recv(1)
    if not status:
        print("balent: the job's process was killed", file=sys.stderr)
    return status[0] if status else 1


def serve(listener: socket.socket) -> None:
    """Fork for every connection, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the jobs
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    started = _sources()
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        _preload()
        if os.fork() == 0:
            listener.close()
            _work(connection, started)
        connection.close()


def _preload() -> None:
    """What jobs import and compute alike."""
    catalog, *modules = [import_module(name) for name in PRELOADED]
    methods = catalog.catalog().values()
    for entry in methods:
        import_module(entry.module)
    sources.closure(*(str(m.__file__) for m in modules), *(entry.path for entry in methods))
    gc.freeze()  # forks share these pages, so the collector leaves them alone


def _work(connection: socket.socket, started: str) -> None:
    """In the fork: run the script that the connection sends, report its status, and end."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        header, streams, _, _ = socket.recv_fds(connection, HEADER.size, 3)
        with connection.makefile("rb") as reader:
            request = json.loads(reader.read(*HEADER.unpack(header)))
        if request["prefix"] != sys.prefix or started != _sources():
            return
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = request["argv"]
        sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
        threading.Thread(target=_end_with, args=[connection], daemon=True).start()
        connection.sendall(TAKEN)
        status = _status_of(sys.argv[0])
        connection.sendall(bytes([status]))
    finally:
        os._exit(status)  # the server's own clean-up is not the fork's


def _end_with(connection: socket.socket) -> None:
    """End this process when the script that asked for it has gone: it sends nothing more."""
    with suppress(ConnectionResetError):  # gone before it read that the script was taken
        connection.recv(1)
    os._exit(1)


def _status_of(script: str) -> int:
    """Run a script as ``python script`` does; its exit status."""
    status = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status & 0xFF


def _sources() -> str:
    """A digest of the package as it is on disk."""
    return sources.digest(sources.PACKAGE.rglob("*.py"))


def _main() -> None:
    descriptor, folder = int(sys.argv[1]), Path(sys.argv[2])
    try:
        serve(socket.socket(fileno=descriptor))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # taking all that was imported apart would take seconds


if __name__ == "__main__":
    _main()
