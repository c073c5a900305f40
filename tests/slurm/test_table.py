"""Table 1 through SLURM equals Table 1 by local jobs."""

import os
import shutil
import subprocess
import sys

from workflow.conftest import copy_project

from .cluster import wait_until

REDUCED = "tests/slurm/reduced.yaml"
WHOLE = os.environ.get("BALENT_SLURM_WHOLE") == "1"
"""All of Table 1 at the small scale, which takes half an hour."""


def status(root) -> str:
    """What ``balent status`` prints in a folder."""
    overlay = [] if WHOLE else [REDUCED]
    command = [sys.executable, "-c", "from balent.cli import main; main()", "status", *overlay]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def running(line: str) -> bool:
    """Whether a line of ``balent status`` counts running chains."""
    return ", 0 running" not in line


def test_table_1_is_the_same_as_by_local_jobs(submit, tmp_path):
    overlay = [] if WHOLE else ["--configfile", REDUCED]
    run = submit("reports/table1.csv", *overlay)
    wait_until(lambda: run.ended or running(status(run.root)), "a running chain", seconds=300)
    meanwhile = status(run.root)
    run.finish(seconds=3600)
    assert running(meanwhile)
    found = run.project.results()

    local = copy_project(tmp_path / "local")
    shutil.copytree(run.root / "tests/slurm", local.root / "tests/slurm")
    local.build("reports/table1.csv", *overlay, tiny=False)
    assert len(found) == 2 * (5 * 7 * 3 if WHOLE else 2 * 4) + 1
    assert found == local.results()
    assert "Nothing to be done" in run.project.build("reports/table1.csv", *overlay, tiny=False)
    assert {job.state for job in run.chain_jobs()} == {"COMPLETED"}
