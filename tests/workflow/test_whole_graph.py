"""The graph of everything that the shipped configuration says: built quickly, in little memory."""

import os
import shutil
import subprocess

import pytest

from .conftest import ROOT, Project

pytestmark = pytest.mark.workflow
SECONDS, MIB = 120, 1024


@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_the_graph_of_everything_builds(project: Project, scale):
    """Seconds are of the processor, so that other programs do not count."""
    shutil.copy2(ROOT / "config.yaml", project.root)
    options = ("--dry-run", "--quiet", "all", "--config", f"scale={scale}")
    command, log = project.command(*options, tiny=False), project.root / "log"
    with log.open("w") as file:
        run = subprocess.Popen(command, cwd=project.root, stdout=file, stderr=file)
        _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 0, log.read_text()[-2000:]
    assert used.ru_utime + used.ru_stime < SECONDS
    assert used.ru_maxrss / 1024 < MIB
