"""Which ``sacct`` a run on a cluster finds."""

import os
import shutil

import pytest
from workflow.conftest import ROOT

from balent.slurm import replace_idle_sacct

SILENT = ROOT / "profiles/slurm/no_accounting"
DISABLED = "echo Slurm accounting storage is disabled >&2; exit 1"  # Debian's sacct 22.05


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """An empty folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_sacct(folder, command):
    program = folder / "sacct"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)


def test_one_without_accounting_is_replaced_by_a_silent_one(programs):
    write_sacct(programs, DISABLED)
    replace_idle_sacct(SILENT)
    assert shutil.which("sacct") == str(SILENT / "sacct")
    assert os.environ["PATH"].split(os.pathsep) == [str(SILENT), str(programs)]


@pytest.mark.parametrize("command", ["exit 0", "echo no connection to slurmdbd >&2; exit 1"])
def test_one_with_accounting_stays(command, programs):
    write_sacct(programs, command)
    replace_idle_sacct(SILENT)
    assert shutil.which("sacct") == str(programs / "sacct")


def test_where_there_is_none_there_stays_none(programs):
    replace_idle_sacct(SILENT)
    assert shutil.which("sacct") is None


def test_the_silent_one_succeeds(cluster):
    assert cluster.ask(str(SILENT / "sacct"), "--noheader") == ""


def test_that_of_the_cluster_is_replaced(cluster, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
    monkeypatch.setenv("PATH", os.environ["PATH"])  # and back
    replace_idle_sacct(SILENT)
    assert shutil.which("sacct") == str(SILENT / "sacct")
