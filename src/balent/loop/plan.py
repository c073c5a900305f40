"""A plan: chains for a machine that has neither this configuration nor what reads it.

A plan holds what is resolved already: the chains, their data by name and contents, and the code
that is to run them. It is written here and read there with the standard library alone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from balent.errors import ConfigError, DataError
from balent.loop.chain import Chain
from balent.posterior.spec import packages

TORCHVISION = ("resnet18", "resnet50")
"""Encoders that are built by torchvision."""


@dataclass(frozen=True)
class Planned:
    """A chain of a plan.

    data, encoder  names of Plan.files
    code           the digest of the source files that run it
    seconds        forecast
    """

    chain: Chain
    data: str
    encoder: str | None
    code: str
    seconds: float

    @property
    def packages(self) -> set[str]:
        """What it imports beside torch, NumPy and SciPy."""
        settings = self.chain.settings
        found = set(packages(settings))
        if self.encoder or settings["training"]["warm_start"]:
            found.add("safetensors")
        if settings["model"].get("encoder", {}).get("name") in TORCHVISION:
            found.add("torchvision")
        return found


@dataclass(frozen=True)
class Plan:
    """Chains in the order in which they start.

    files        what they read, by name below the project's folder ``data``: {size, sha256}, or
                 None of a file that was not there
    device       ``auto``, ``cpu``, ``cuda`` or ``cuda:N``
    environment  how to compute (balent.environment.job_variables)
    """

    chains: list[Planned]
    files: dict[str, dict[str, Any] | None]
    device: str
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """Write the plan, and a digest of it that tells a damaged copy."""
        from balent.files import write_json

        write_json(path, {"digest": _digest(asdict(self)), "plan": asdict(self)})


def read(path: Path) -> Plan:
    """The plan in a file; DataError where it is not as it was written."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        plan = found["plan"] if found["digest"] == _digest(found["plan"]) else {}
        chains = [
            Planned(**{**entry, "chain": Chain(**entry["chain"])}) for entry in plan["chains"]
        ]
        return Plan(**{**plan, "chains": chains})
    except (ValueError, KeyError, TypeError):
        raise DataError(
            f"{path}: is no plan, or not as it was written; copy what balent plan wrote once more"
        ) from None


def check_code(plan: Plan, path: Path) -> None:
    """Refuse, by ConfigError, a plan of other code than this package's."""
    from balent import sources
    from balent.loop.jobs import code_files

    codes = {planned.chain.function: planned.code for planned in plan.chains}
    for function, code in codes.items():
        if sources.digest(code_files(function)) != code:
            raise ConfigError(
                f"{path}: was made by other code than {sources.PACKAGE}; "
                "copy both from one checkout"
            )


def check_packages(plan: Plan, path: Path) -> None:
    """Refuse, by ConfigError, a plan with chains that import what is not installed."""
    for planned in plan.chains:
        for name in sorted(planned.packages):
            if importlib.util.find_spec(name) is None:
                raise ConfigError(
                    f"{path}: {planned.chain.name} needs the package {name}, which is not "
                    "installed here; install it, or make a plan without such chains"
                )


def check_files(files: Mapping[str, dict[str, Any] | None], folder: Path) -> None:
    """Refuse, by DataError, files below the folder that are absent or not those of the plan."""
    from balent.files import sha256_file

    for name, known in files.items():
        file = folder / name
        if not file.is_file():
            raise DataError(
                f"{file}: is not there; copy the project's data/{name}, or name its folder data by "
                "--data"
            )
        if known is not None and sha256_file(file) != known["sha256"]:
            raise DataError(f"{file}: is not the file that the plan names; copy it once more")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
