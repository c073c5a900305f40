"""The process that computes: its threads, its device, and what is recorded about it."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch

import balent
from balent import devices, environment
from balent.errors import ConfigError

PACKAGES = ("torch", "numpy", "safetensors", "gpytorch", "linear_operator", "triton")
CPU_INFO, STATUS = Path("/proc/cpuinfo"), Path("/proc/self/status")  # Linux


_held: list[devices.Lease] = []
"""This process's share of a GPU, until the process ends."""


def start(torch_threads: int) -> str:
    """Prepare this process and choose its device (environment.DEVICE, default ``auto``).

    Returns the device's name. On a GPU the process holds a share of it (balent.devices), and waits
    while other processes hold all of them; environment.JOBS_PER_GPU says how many share a GPU.
    Raises ConfigError when a GPU is asked for that is not there: nothing falls back silently.
    """
    prepare(torch_threads)
    allowed = gpus()
    if not allowed:
        return "cpu"
    names = [str(torch.cuda.get_device_properties(i).uuid) for i in allowed]
    shares = int(os.environ.get(environment.JOBS_PER_GPU, "1"))
    lease = devices.acquire(names, shares, waiting=lambda: _say_waiting(len(names), shares))
    _held.append(lease)
    torch.cuda.set_device(allowed[lease.index])
    return f"cuda:{allowed[lease.index]}"


def prepare(torch_threads: int) -> None:
    """Set how this process computes: its threads; for a GPU float32 as float32, and only kernels
    that give the same bits again where environment.DETERMINISTIC asks for them."""
    torch.set_num_threads(torch_threads)
    if not gpus():
        return
    torch.backends.cudnn.allow_tf32 = False
    torch.use_deterministic_algorithms(os.environ.get(environment.DETERMINISTIC) == "1")
    # Else every new tensor is filled first; nothing here reads one that was not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def gpus() -> list[int]:
    """The GPUs that environment.DEVICE allows; none where it says ``cpu``, or ``auto`` without one.

    Raises ConfigError for a GPU that is not there.
    """
    device = os.environ.get(environment.DEVICE, "auto")
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return []
    count = torch.cuda.device_count()
    _, chosen, number = device.partition(":")
    allowed = [int(number)] if chosen else list(range(count))
    if count == 0 or allowed[0] >= count:
        raise ConfigError(
            f"device: {device!r} is not there (this machine has {count} CUDA devices); "
            "use device=cpu or device=auto"
        )
    return allowed


def _say_waiting(count: int, shares: int) -> None:
    text = f"waiting: {count} CUDA devices with {shares} jobs each are in use (jobs_per_gpu)"
    print(f"balent: {text}", file=sys.stderr, flush=True)


def memory_budget() -> int:
    """Bytes for the sampler's workspace (environment.MEMORY_BUDGET in MiB, default 1024)."""
    return int(os.environ.get(environment.MEMORY_BUDGET, "1024")) << 20


def describe(device: str, code_digest: str) -> dict:
    """Device, date, code version and package versions, for the record beside a result."""
    gpu = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if gpu else cpu_name()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "device": device,
        "device_name": name,
        "deterministic": torch.are_deterministic_algorithms_enabled() if gpu else "always",
        "torch_threads": torch.get_num_threads(),
        "peak_memory_mib": peak_memory_mib(),
        "balent": balent.__version__,
        "code": code_digest,
        "git": _git_version(),
        "python": platform.python_version(),
        "packages": versions(),
    }


def versions() -> dict[str, str]:
    """The versions of those PACKAGES that are installed."""
    installed = {}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            installed[name] = importlib.metadata.version(name)
    return installed


def peak_memory_mib() -> int:
    """The most memory that this process held, in MiB.

    On Linux from its own status: getrusage may give the peak of the process that started it.
    """
    lines = STATUS.read_text().splitlines() if STATUS.is_file() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return round((peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)


def cpu_name() -> str:
    """The CPU's model, else its architecture, and the instruction set that torch uses there."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _git_version() -> str | None:
    """``git describe`` of the checkout that the code runs from; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    folder = Path(__file__).parent
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
