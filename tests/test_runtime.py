"""What is recorded about the process that computed a result."""

import platform
import subprocess
import sys
from importlib.metadata import version

import pytest
import torch

from balent import runtime


@pytest.fixture
def cpu_info(tmp_path, monkeypatch):
    """A file in place of the system's own description of its CPUs."""
    monkeypatch.setattr(runtime, "CPU_INFO", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


def test_a_result_of_a_cpu_names_its_model_and_instruction_set(cpu_info):
    cpu = "processor\t: {}\nmodel\t\t: 1\nmodel name\t: Maker Model 9 : x\ncache size\t: 1 KB\n\n"
    cpu_info.write_text(cpu.format(0) + cpu.format(1))
    name = runtime.describe("cpu", "digest")["device_name"]
    assert name == f"Maker Model 9 : x, {torch.backends.cpu.get_cpu_capability()}"


@pytest.mark.parametrize("content", [None, "processor\t: 0\nCPU part\t: 0xd0c\n"])
@pytest.mark.parametrize(("model", "said"), [("Model 9", "Model 9"), ("", "arm64")])
def test_without_a_model_name_the_processor_or_the_architecture_is_named(
    cpu_info, monkeypatch, content, model, said
):
    if content is not None:
        cpu_info.write_text(content)
    monkeypatch.setattr(platform, "processor", lambda: model)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert runtime.cpu_name().startswith(f"{said}, ")


def test_the_packages_that_compute_are_named_with_their_versions():
    packages = runtime.describe("cpu", "digest")["packages"]
    for name in ("torch", "numpy", "safetensors", "gpytorch", "linear_operator"):
        assert packages[name] == version(name)


@pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's own account")
def test_peak_memory_is_not_that_of_the_process_that_started_this_one():
    child = "from balent import runtime; print(runtime.peak_memory_mib())"
    parent = (
        "import subprocess, sys; held = bytearray(1500 << 20); held[::4096] = bytes(375 << 10); "
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True)
    assert 50 < int(done.stdout) < 1000


def test_peak_memory_grows_with_what_is_held():
    before = runtime.peak_memory_mib()
    held = torch.ones((before + 100) << 17, dtype=torch.float64)
    assert len(held)
    assert runtime.peak_memory_mib() >= before + 100


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(runtime, "PACKAGES", ("torch", "no_such_package"))
    assert set(runtime.versions()) == {"torch"}
