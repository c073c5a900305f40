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
DATA_MIRROR = "BALENT_DATA_MIRROR"


def job_environment(runtime: dict[str, Any], source: Path) -> dict[str, str]:
    """The environment variables of a job.

    runtime  as in balent.config.Settings; source  the folder of the package that jobs import
    """
    threads = str(runtime["torch_threads"])
    path = os.environ.get("PYTHONPATH")
    variables = {
        # the checkout whose files are the jobs' inputs, whatever is installed
        "PYTHONPATH": os.pathsep.join(filter(None, [str(source.resolve()), path])),
        # jobs run under the interpreter that runs the workflow, activated or not
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        DEVICE: runtime["device"],
        MEMORY_BUDGET: str(runtime["memory_budget_mib"]),
        # numerical libraries read these when a job starts
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }
    if runtime["data_mirror"]:
        variables[DATA_MIRROR] = runtime["data_mirror"]
    return variables
