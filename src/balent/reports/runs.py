"""Run records (run.json): seconds, memory and versions, for the index and run-time reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from balent.errors import DataError
from balent.files import read_json


def load_runs(files: Iterable[tuple[str, str, int, str | Path]]) -> pd.DataFrame:
    """One row for each chain (scenario, method, seed, path of run.json).

    Columns are ``scenario, method, seed, rounds, seconds, peak_memory_mib, device, versions``;
    ``seconds`` is the sum over the steps of all rounds, ``versions`` a line of text. Raises
    DataError in one line for a file that is absent or lacks an entry.
    """
    rows = []
    for scenario, method, seed, path in files:
        run = read_json(path)
        try:
            packages = ", ".join(f"{name} {version}" for name, version in run["packages"].items())
            rows.append(
                {
                    "scenario": scenario,
                    "method": method,
                    "seed": seed,
                    "rounds": int(run["rounds"]),
                    "seconds": float(sum(run["seconds"].values())),
                    "peak_memory_mib": float(run["peak_memory_mib"]),
                    "device": f"{run['device']} ({run['device_name']})",
                    "versions": f"balent {run['balent']} ({run['git'] or 'no checkout'}), "
                    f"Python {run['python']}, {packages}",
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: is not a run record (no {error}); run the chain") from None
    columns = ("scenario", "method", "seed", "rounds", "seconds", "peak_memory_mib", "device")
    return pd.DataFrame(rows, columns=[*columns, "versions"])
