"""A copy of the project in a temporary folder, and Snakemake in it."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from balent.config import read_yaml

ROOT = Path(__file__).parents[2]
PARTS = (
    "Snakefile",
    "config.yaml",
    "config.schema.yaml",
    "envs",
    "rules",
    "scripts",
    "src",
    "profiles",
)
TINY = "tests/workflow/tiny.yaml"
WITH_CHAINS = ("table1", "table1_paired", "table2", "figure3")
"""The report items with chains in a copy of the project; the shipped ones have hundreds."""


@dataclass
class Project:
    """A copy of the project; ``snakemake(...)`` runs there with the tiny configuration."""

    root: Path

    def command(self, *arguments: str, tiny: bool = True, cores: int = 2) -> list[str]:
        overlay = ["--configfile", TINY] if tiny else []
        limits = ["--cores", str(cores), "--nocolor"]
        return [sys.executable, "-m", "snakemake", *overlay, *limits, *arguments]

    def snakemake(self, *arguments: str, **options: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, **options),
            cwd=self.root,
            capture_output=True,
            text=True,
        )

    def build(self, *arguments: str, **options: int) -> str:
        """Run and expect success; returns what was printed."""
        done = self.snakemake(*arguments, **options)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> set[str]:
        """The files that a run would write now."""
        done = self.snakemake("--dry-run", "--quiet", "host", *arguments)
        assert done.returncode == 0, done.stderr[-4000:]
        lines = (done.stdout + done.stderr).splitlines()
        outputs = [line.split(":", 1)[1] for line in lines if line.strip().startswith("output:")]
        return {name.strip() for line in outputs for name in line.split(",")}

    def results(self) -> dict[str, bytes]:
        """Content of every history, picks file and table, by path."""
        found = [
            p for pattern in ("*.csv", "*.npz") for p in self.root.glob(f"results/**/{pattern}")
        ]
        found += self.root.glob("reports/*.csv")
        return {str(p.relative_to(self.root)): p.read_bytes() for p in sorted(found)}


def copy_project(target: Path) -> Project:
    """Copy what a clone holds and the workflow uses, with fewer report items."""
    target.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in (*PARTS, "data/reference", "reports/captions"):
        source, place = ROOT / part, target / part
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=ignore)
        else:
            shutil.copy2(source, place)
    config = read_yaml(ROOT / "config.yaml")
    config["reports"] = {
        name: item
        for name, item in config["reports"].items()
        if name in WITH_CHAINS or "scenarios" not in item
    }
    (target / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (target / TINY).parent.mkdir(parents=True)
    shutil.copy2(ROOT / TINY, target / TINY)
    return Project(target)


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Project:
    """A copy in which every report was built once; tests must leave it up to date."""
    project = copy_project(tmp_path_factory.mktemp("built") / "project")
    project.build()
    return project
