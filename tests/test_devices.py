"""Shares of devices: never more holders than shares, spread, and free again after kill -9."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from balent import devices, environment, runtime
from balent.errors import ConfigError

HOLDER = """
import sys, time
from pathlib import Path
from balent import devices, environment, runtime
from balent.errors import ConfigError
lease = devices.acquire(sys.argv[2:], int(sys.argv[1]), Path.cwd())
print(lease.index, flush=True)
time.sleep(60)
"""


@pytest.fixture
def hold(tmp_path):
    """hold(shares, *names): a process that holds a share, and the index that it got."""
    processes = []

    def start(shares, *names):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(shares), *names],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_holders_spread_over_devices_before_they_share(tmp_path):
    leases = [devices.acquire(["a", "b"], 2, tmp_path) for _ in range(4)]
    assert [lease.index for lease in leases] == [0, 1, 0, 1]
    leases[2].release()
    assert devices.acquire(["a", "b"], 2, tmp_path).index == 0


def test_other_processes_are_seen(tmp_path, hold):
    assert hold(1, "a", "b")[1] == 0
    assert hold(1, "a", "b")[1] == 1
    assert hold(1, "c")[1] == 0  # of another list: other devices are free


def test_a_process_waits_until_a_share_is_free_and_says_so_once(tmp_path, monkeypatch):
    held, told = devices.acquire(["a"], 1, tmp_path), []
    sleeps = []

    def sleep(seconds):
        sleeps.append(seconds)
        if len(sleeps) == 3:
            held.release()

    monkeypatch.setattr(time, "sleep", sleep)
    assert devices.acquire(["a"], 1, tmp_path, lambda: told.append(1)).index == 0
    assert (len(sleeps), told) == (3, [1])


def test_kill_nine_frees_the_share(tmp_path, hold):
    process, _ = hold(1, "a")
    assert devices.lock(tmp_path / "a.0") is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert devices.acquire(["a"], 1, tmp_path).index == 0


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A machine that seems to have two CUDA devices, and a folder of its own for locks."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda i: SimpleNamespace(uuid=f"gpu-{i}")
    )
    monkeypatch.setattr(devices, "lock_folder", lambda: tmp_path)
    monkeypatch.setattr(runtime, "_held", [])
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)


def start(monkeypatch, device, jobs_per_gpu="1"):
    monkeypatch.setenv(environment.DEVICE, device)
    monkeypatch.setenv(environment.JOBS_PER_GPU, jobs_per_gpu)
    return runtime.start(torch.get_num_threads())


def test_jobs_get_one_device_each(two_gpus, monkeypatch):
    assert [start(monkeypatch, "auto") for _ in range(2)] == ["cuda:0", "cuda:1"]


def test_jobs_get_shares_of_the_device_that_they_ask_for(two_gpus, monkeypatch):
    assert [start(monkeypatch, "cuda:1", "2") for _ in range(2)] == ["cuda:1", "cuda:1"]
    assert start(monkeypatch, "cuda", "2") == "cuda:0"


def test_the_cpu_takes_no_share(two_gpus, monkeypatch, tmp_path):
    assert start(monkeypatch, "cpu") == "cpu"
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_not_there_is_refused(two_gpus, monkeypatch):
    with pytest.raises(ConfigError, match=r"'cuda:2' is not there \(this machine has 2 CUDA"):
        start(monkeypatch, "cuda:2")


@pytest.mark.parametrize(("given", "expected"), [("1", True), ("0", False), (None, False)])
def test_a_gpu_uses_deterministic_kernels_where_they_are_asked_for(
    given, expected, two_gpus, monkeypatch
):
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    if given is not None:
        monkeypatch.setenv(environment.DETERMINISTIC, given)
    start(monkeypatch, "cpu")
    start(monkeypatch, "cuda")
    assert asked == [expected]


def test_a_gpu_computes_float32_as_float32_and_fills_nothing(two_gpus, monkeypatch):
    start(monkeypatch, "cpu")
    assert torch.backends.cudnn.allow_tf32
    start(monkeypatch, "cuda")
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.utils.deterministic.fill_uninitialized_memory


def test_the_device_of_a_job_is_the_current_one(two_gpus, monkeypatch):
    """Streams and graphs are of the current device."""
    current = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    for _ in range(2):
        start(monkeypatch, "auto")
    assert current == [0, 1]
