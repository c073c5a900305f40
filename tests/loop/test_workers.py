"""Works in processes of their own: order, time, failures, and nothing left behind."""

import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from balent.errors import DataError
from balent.loop.workers import Ended, Work, run

ORPHANS = """
import math, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from functools import partial
from pathlib import Path
from balent.loop.workers import Work, run
works = [Work(str(n), partial(time.sleep, 600), Path(f"{n}.log")) for n in range(3)]
for ended in run(works, 2, math.inf):
    print("tick", flush=True)
"""


def work(folder, name, call):
    return Work(name, call, folder / name / "run.log")


def outcomes(works, processes=1, deadline=math.inf):
    return [ended for ended in run(works, processes, deadline) if ended]


def touch(path, finished=True):
    path.write_text(str(time.monotonic()))
    return finished


def fail(error):
    print("before")
    raise error


def test_works_are_done_in_order_and_say_how_they_ended(tmp_path, capsys):
    works = [
        work(tmp_path, "first", partial(touch, tmp_path / "first.txt")),
        work(tmp_path, "second", partial(touch, tmp_path / "second.txt", finished=False)),
        work(tmp_path, "third", partial(fail, DataError("data: is not there; copy it"))),
        work(tmp_path, "fourth", partial(fail, ZeroDivisionError("by zero\nand more"))),
        work(tmp_path, "fifth", lambda: os.kill(os.getpid(), signal.SIGKILL)),
    ]
    log = tmp_path / "fourth" / "run.log"
    with capsys.disabled():  # the test's capture would take what belongs into the logs
        found = outcomes(works)
    assert found == [
        Ended("first", True),
        Ended("second", False),
        Ended("third", False, "data: is not there; copy it"),
        Ended("fourth", False, f"ZeroDivisionError: by zero (more in {log})"),
        Ended("fifth", False, f"its process ended by SIGKILL (more in {works[4].log})"),
    ]
    first, second = (float((tmp_path / f"{name}.txt").read_text()) for name in ("first", "second"))
    assert first < second
    assert log.read_text().startswith("before\nTraceback")
    assert works[2].log.read_text() == "before\ndata: is not there; copy it\n"


def test_as_many_works_as_processes_are_under_way(tmp_path):
    def meet(mine, other):
        (tmp_path / mine).touch()
        while not (tmp_path / other).exists():
            time.sleep(0.01)
        return True

    works = [
        work(tmp_path, "a", partial(meet, "here", "there")),
        work(tmp_path, "b", partial(meet, "there", "here")),
    ]
    assert {ended.finished for ended in outcomes(works, processes=2)} == {True}


def test_nothing_starts_after_the_deadline(tmp_path):
    works = [work(tmp_path, "a", partial(touch, tmp_path / "made"))]
    assert outcomes(works, deadline=time.monotonic()) == []
    assert not (tmp_path / "made").exists()


def test_a_log_that_cannot_be_written_is_an_error_of_its_work(tmp_path):
    (tmp_path / "a").write_text("")
    [ended] = outcomes([work(tmp_path, "a", bool)])
    assert ended.error == f"{tmp_path}/a/run.log: File exists"


def alive(process):
    """Whether a process works: it has not ended, nor waits to be seen as ended."""
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_is_left_behind(tmp_path, how):
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert parent.stdout.readline() == b"tick\n"
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    assert len(children) == 2
    parent.send_signal(how)
    parent.wait(30)
    parent.stdout.close()
    end = time.monotonic() + 30
    while any(map(alive, children)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(alive, children))
