"""What a run on a cluster without accounting needs before its first job (docs/cluster.md)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

DISABLED = "accounting storage is disabled"
"""What ``sacct`` says where SLURM keeps no accounts."""


def replace_idle_sacct(folder: Path) -> None:
    """Put another ``sacct`` before one that can't answer, in the PATH of this process.

    folder  holds a ``sacct`` that succeeds and says nothing

    While the controller is away Snakemake's executor asks sacct (2.8.0, check_active_jobs), and
    forgets its jobs where that fails, as it always does without accounting.
    """
    if shutil.which("sacct") is None:
        return
    try:
        answer = subprocess.run(["sacct", "--noheader"], capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:  # there is accounting, and it is slow
        return
    if DISABLED in answer.stdout + answer.stderr:
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
