"""The facts of a run: versions of code, configuration and packages."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from balent import sources
from balent.config import Settings

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "safetensors",
    "snakemake",
    "dvc",
)
CODE = ("Snakefile", "rules/*.smk", "scripts/*.py", "src/balent/**/*.py")


def code_digest(base: Path) -> str:
    """A digest of all files of the workflow in a checkout."""
    return sources.digest(path for pattern in CODE for path in base.glob(pattern))


def config_digest(settings: Settings) -> str:
    """A digest of the resolved configuration."""
    return hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()


def state(base: Path, settings: Settings) -> str:
    """One word for the state of code and configuration."""
    return f"{code_digest(base)[:16]}-{config_digest(settings)[:16]}"


def facts(base: Path, settings: Settings) -> dict[str, Any]:
    """State, hash of the configuration, version of the code, device as configured, packages."""
    return {
        "state": state(base, settings),
        "config": config_digest(settings),
        "code": git_version(base),
        "device": settings.runtime["device"],
        "packages": {"python": platform.python_version()} | packages(),
    }


def packages() -> dict[str, str]:
    """The versions of those PACKAGES that are installed."""
    found = {}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def git_version(base: Path) -> str | None:
    """``git describe`` of a checkout; None outside one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        answer = subprocess.run(command, cwd=base, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
