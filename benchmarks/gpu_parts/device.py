"""The device: its clock, its name, and child processes that share it."""

from __future__ import annotations

import importlib.metadata
import statistics
import subprocess
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import torch

CONTEXT = get_context("spawn")  # CUDA does not survive a fork
REPEATS = 5
LIMIT = {"paper": 4.0, "small": 0.0}
"""Seconds after which no run is repeated; 0: a single run, to see that it works."""


def wait(device: str) -> None:
    """Until the device has done its work; a CPU has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def seconds_once(work: Callable[[], Any], device: str) -> float:
    """Of some work, with the device idle before and after."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def seconds(work: Callable[[], Any], device: str, scale: str) -> float:
    """The median of REPEATS runs, or of as many as LIMIT allows (at least one), after a run that
    does not count: it may compile kernels. Without a LIMIT the only run."""
    first, limit = seconds_once(work, device), LIMIT[scale]
    if limit == 0:
        return first
    found: list[float] = []
    while len(found) < REPEATS and sum(found) < limit:
        found.append(seconds_once(work, device))
    return statistics.median(found)


def describe(device: str) -> dict[str, Any]:
    """What balent.runtime.describe leaves out: of CUDA, its driver, Triton, and TF32."""
    try:
        triton = importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        triton = None
    if not device.startswith("cuda"):
        return {"triton": triton}
    return {
        "triton": triton,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": _driver(),
        "tf32_in_products": torch.backends.cuda.matmul.allow_tf32,
        "tf32_in_convolutions": torch.backends.cudnn.allow_tf32,
    }


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None


class Child:
    """A function in a process of its own, with a CUDA context of its own; it ends with this one."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.receiver, sender = CONTEXT.Pipe(duplex=False)
        self.process = CONTEXT.Process(target=_run, args=(sender, function, arguments), daemon=True)
        self.process.start()
        sender.close()

    def result(self, timeout: float) -> Any:
        """What the function returned; raises RuntimeError when it failed, died or took too long."""
        try:
            if not self.receiver.poll(timeout):
                raise RuntimeError(f"a child process was not done after {timeout:.0f} s")
            value, error = self.receiver.recv()
        except EOFError:
            raise RuntimeError("a child process died; its message stands above") from None
        finally:
            self.stop()
        if error:
            raise RuntimeError(f"in a child process: {error}")
        return value

    def stop(self) -> None:
        """End the process if it still runs."""
        self.process.kill()
        self.process.join()


def _run(sender: Connection, function: Callable[..., Any], arguments: tuple) -> None:
    try:
        sender.send((function(*arguments), None))
    except Exception as error:
        sender.send((None, f"{type(error).__name__}: {error}"))
        raise
