"""The graph of everything that the shipped configuration says: built quickly, in little memory."""

import shutil
import subprocess
import sys

import pytest

from .conftest import ROOT, Project

pytestmark = pytest.mark.workflow
SECONDS, MIB = 120, 1024
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""
"""Runs a command below a small process: a child's peak memory starts with its parent's."""


@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_the_graph_of_everything_builds(project: Project, scale):
    """Seconds are of the processor, so that other programs do not count."""
    shutil.copy2(ROOT / "config.yaml", project.root)
    options = ("--dry-run", "--quiet", "all", "--config", f"scale={scale}")
    command = [sys.executable, "-c", MEASURE, *project.command(*options, tiny=False)]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, kib = map(float, done.stdout.split())
    assert seconds < SECONDS
    assert kib / 1024 < MIB
