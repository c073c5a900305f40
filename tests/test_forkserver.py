"""The fork server: scripts behave as they do alone, and no process outlives its purpose."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import balent
from balent import forkserver
from balent.forkserver import ADDRESS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server is Linux's alone")

SCRIPT = """
import json, os, sys, time
from balent.errors import InputError
from balent.forkserver import run

def main():
    told = [os.getpid(), os.getcwd(), sys.path[0], sys.argv[1:], os.environ["MARK"]]
    print(json.dumps(told), flush=True)
    print("to standard error", file=sys.stderr)
    what = sys.argv[1]
    if what == "wrong":
        raise InputError("a wrong input")
    if what == "bug":
        raise RuntimeError("a bug")
    if what == "status":
        raise SystemExit(7)
    if what == "wait":
        time.sleep(600)

if __name__ == "__main__":
    print("preloaded" if "torch" in sys.modules else "alone", flush=True)
    run(main)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARK", "seen")
    monkeypatch.setenv(ADDRESS, "")  # so that what a test sets goes away
    monkeypatch.delenv(ADDRESS)


@contextmanager
def started() -> Iterator[subprocess.Popen[bytes]]:
    forkserver.start()
    process = forkserver._servers.pop()
    try:
        yield process
    finally:
        process.communicate(timeout=30)  # closes its standard input


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    with started() as process:
        yield process


def run(script: Path, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def until(true: Callable[[], bool]) -> bool:
    """Whether something becomes true within 20 seconds."""
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def children(process: subprocess.Popen[bytes]) -> list[int]:
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(number) for number in text.split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def lines(text: str) -> list[str]:
    """The lines that do not name the process."""
    return [line.partition(",")[2] or line for line in text.splitlines()]


@pytest.mark.parametrize("what", ["fine", "wrong", "status"])
def test_a_fork_does_what_the_script_does_alone(server, script, tmp_path, monkeypatch, what):
    forked = run(script, what, "two words", cwd=tmp_path)
    monkeypatch.delenv(ADDRESS)
    alone = run(script, what, "two words", cwd=tmp_path)
    assert forked.stdout.splitlines()[:2] == ["alone", "preloaded"]
    assert alone.stdout.splitlines()[0] == "alone"
    assert lines(forked.stdout)[2:] == lines(alone.stdout)[1:]
    assert (forked.stderr, forked.returncode) == (alone.stderr, alone.returncode)


def test_a_bug_in_a_fork_has_its_traceback(server, script):
    found = run(script, "bug")
    assert found.returncode == 1
    assert "preloaded" in found.stdout
    assert found.stderr.endswith("RuntimeError: a bug\n")


def test_a_killed_script_takes_its_fork_along(server, script):
    client = subprocess.Popen([sys.executable, str(script), "wait"], stdout=subprocess.DEVNULL)
    assert until(lambda: len(children(server)) == 1)
    (fork,) = children(server)
    client.kill()
    client.wait()
    assert until(lambda: not alive(fork))
    assert "preloaded" in run(script, "fine").stdout  # and the server goes on


def test_a_killed_fork_fails_its_script(server, script):
    client = subprocess.Popen(
        [sys.executable, str(script), "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    while not client.stdout.readline().startswith("["):
        pass  # the script says who it is when it works
    (fork,) = children(server)
    os.kill(fork, signal.SIGKILL)
    _, error = client.communicate(timeout=20)
    assert client.returncode == 1
    assert error.endswith("balent: the job's process was killed\n")


def test_without_its_server_a_script_works_alone(server, script):
    server.kill()
    server.wait()
    found = run(script, "fine")
    assert found.stdout.splitlines()[0] == "alone"
    assert "preloaded" not in found.stdout
    assert found.returncode == 0


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    program = (
        "import os, time; from balent import forkserver; forkserver.start(); "
        "print(forkserver._servers[0].pid, os.environ['BALENT_FORK_SERVER'], flush=True); "
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, address = parent.stdout.readline().split()
    assert alive(int(pid))
    parent.kill()
    parent.wait()
    assert until(lambda: not alive(int(pid)))
    assert until(lambda: not Path(address).parent.exists())


def test_edited_sources_are_not_run_from_memory(tmp_path, script, monkeypatch):
    """A server of a copied package; the copy's edit is what the next script runs."""
    copy = tmp_path / "source"
    shutil.copytree(Path(balent.__file__).parent, copy / "balent")
    monkeypatch.setenv("PYTHONPATH", str(copy))
    with started():
        assert "preloaded" in run(script, "fine").stdout
        errors = copy / "balent" / "errors.py"
        errors.write_text(errors.read_text().replace('"{program}: {error}"', '"edited: {error}"'))
        found = run(script, "wrong")
    assert "preloaded" not in found.stdout
    assert found.stderr.endswith("edited: a wrong input\n")


def test_another_interpreter_works_alone(server, script):
    """An environment of its own, as a rule's conda directive gives it."""
    code = "import runpy, sys; sys.prefix = '/elsewhere'; sys.argv = sys.argv[1:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    found = subprocess.run(
        [sys.executable, "-c", code, str(script), "fine"], capture_output=True, text=True
    )
    assert found.returncode == 0
    assert "preloaded" not in found.stdout
    assert "preloaded" in run(script, "fine").stdout


def test_a_temporary_folder_that_takes_no_socket_is_said(tmp_path, monkeypatch, capsys):
    deep = tmp_path / ("x" * 110)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    forkserver.start()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("balent: each job imports for itself (")
    assert ADDRESS not in os.environ
    assert not list(deep.iterdir())


def test_modules_of_the_working_folder_stay_out(script, tmp_path, monkeypatch):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.chdir(other)
    with started():
        found = run(script, "fine")
    assert found.returncode == 0
    assert "preloaded" in found.stdout
