"""What jobs get through the environment, because no result depends on it.

On a job's command line a changed device or memory budget would make every result stale.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

DEVICE = "BALENT_DEVICE"
MEMORY_BUDGET = "BALENT_MEMORY_BUDGET_MIB"
JOBS_PER_GPU = "BALENT_JOBS_PER_GPU"
DETERMINISTIC = "BALENT_DETERMINISTIC"
DATA_MIRROR = "BALENT_DATA_MIRROR"


def job_environment(runtime: dict[str, Any], source: Path) -> dict[str, str]:
    """The environment variables of a job of the workflow.

    runtime  as in balent.config.Settings; source  the folder of the package that jobs import
    """
    path = os.environ.get("PYTHONPATH")
    return job_variables(runtime) | {
        # the checkout whose files are the jobs' code, whatever is installed
        "PYTHONPATH": os.pathsep.join(filter(None, [str(source.resolve()), path])),
        # jobs run under the interpreter that runs the workflow, activated or not
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def job_variables(runtime: dict[str, Any]) -> dict[str, str]:
    """The part of them that says how to compute; numerical libraries read theirs at import."""
    threads = str(runtime["torch_threads"])
    variables = {
        DEVICE: runtime["device"],
        MEMORY_BUDGET: str(runtime["memory_budget_mib"]),
        JOBS_PER_GPU: str(runtime["jobs_per_gpu"]),
        DETERMINISTIC: str(int(runtime["deterministic"])),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }
    if runtime["deterministic"]:
        variables["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # what torch asks for of cuBLAS
    if runtime["data_mirror"]:
        variables[DATA_MIRROR] = runtime["data_mirror"]
    return variables
