"""Run records (run.json): seconds, memory and versions, for the index and run-time reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from balent.errors import DataError
from balent.files import read_json

DIGITS = 16  # of a hash


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


PROVENANCE = ("configuration", "code", "git", "device", "date", "seeds", "records")
"""How a number came to be: hash of chain or study without its seed, digest of the source files that
it ran, commit, device, date, seeds, and the run records that say more."""


def provenance(files: Sequence[Path]) -> dict[str, str]:
    """PROVENANCE of a number from its run records: several values of one are joined by ``; ``."""
    found: dict[str, dict[str, None]] = {name: {} for name in PROVENANCE}
    for path in files:
        run = read_json(path)
        try:
            made = run.get("chain") or run["study"]
            seed = made.get("seed", made.get("settings", {}).get("seed"))
            values = {
                "configuration": _digest({k: v for k, v in made.items() if k != "seed"}),
                "code": run["code"][:DIGITS],
                "git": run["git"] or "no checkout",
                "device": f"{run['device']} ({run['device_name']})",
                "date": run["date"],
                "seeds": str(seed),
                "records": path.as_posix(),
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: is not a run record (no {error}); run it again") from None
        for name, value in values.items():
            found[name][value] = None
    return {name: "; ".join(values) for name, values in found.items()}


def _digest(settings: dict) -> str:
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
