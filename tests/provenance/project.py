"""A git repository with a tiny configuration: two scenarios, two methods, one seed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PARTS = (
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "Snakefile",
    "config.schema.yaml",
    "config.yaml",
    "data/reference",
    "dvc.yaml",
    "envs",
    "params.yaml",
    "profiles",
    "reports/captions",
    "rules",
    "scripts",
    "src",
)
SCENARIOS = ["full_dropout", "fixed_features"]
METHODS = ["random", "bald"]
SHORT = {
    "training": {"steps": 3},
    "sampling": {"samples": 4},
    "acquisition": {"budget": 40},
    "evaluation": {"samples": 4, "points": 100},
}
REPORTS = ("table1", "figure3")
PUBLISHED = ("results", "tables", "metrics")
"""Targets that a pull brings."""
FIGURE = {f"reports/figure3.{suffix}" for suffix in ("pdf", "svg", "png")}
BALENT = """
import argparse
from balent.errors import one_line_errors
from balent.provenance.commands import add_commands

parser = argparse.ArgumentParser()
add_commands(parser.add_subparsers())
args = parser.parse_args()
with one_line_errors():
    args.run(args)
"""


@dataclass
class Project:
    """A checkout and the commands in it."""

    root: Path

    def run(self, *command: str, fails: bool = False) -> str:
        """What a command of the environment prints; it must succeed, or fail."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True
        )
        assert (done.returncode != 0) == fails, f"{command}\n{done.stdout}\n{done.stderr[-6000:]}"
        return done.stdout + done.stderr

    def environment(self) -> dict[str, str]:
        """Commands and modules of this environment and this checkout; no git settings of a user."""
        return os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root / "src"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "user.name",
            "GIT_CONFIG_VALUE_0": "Test",
            "GIT_CONFIG_KEY_1": "user.email",
            "GIT_CONFIG_VALUE_1": "test@example.org",
        }

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def dvc(self, *arguments: str, fails: bool = False) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, fails=fails)

    def snakemake(self, *arguments: str) -> str:
        options = ("--cores", "2", "--nocolor")
        return self.run(sys.executable, "-m", "snakemake", *options, *arguments)

    def planned(self, *arguments: str) -> set[str]:
        """The files that a run would write now."""
        lines = self.snakemake("--quiet", "host", "--dry-run", *arguments).splitlines()
        outputs = [line.split(":", 1)[1] for line in lines if line.strip().startswith("output:")]
        return {name.strip() for line in outputs for name in line.split(",")}

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def balent(self, *arguments: str, fails: bool = False) -> str:
        """A command of ``balent`` on provenance."""
        return self.run(sys.executable, "-c", BALENT, *arguments, fails=fails)

    def clone(self, target: Path) -> Project:
        self.run("git", "clone", "--quiet", str(self.root), str(target))
        return Project(target)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that must be in the file."""
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    def append(self, path: str, line: str) -> None:
        with open(self.root / path, "a") as file:
            file.write(line)


def make_project(target: Path) -> Project:
    """A repository with one commit, nothing built."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        source, place = ROOT / part, target / part
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=ignore)
        else:
            shutil.copy2(source, place, follow_symlinks=False)
    config = tiny(yaml.safe_load((ROOT / "config.yaml").read_text()))
    (target / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    reports = stages["stages"]["reports"]
    reports["outs"] = [out for out in reports["outs"] if is_tiny(next(iter(out)))]
    (target / "dvc.yaml").write_text(yaml.safe_dump(stages, sort_keys=False))
    project = Project(target)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.commit("sources")
    return project


def is_tiny(path: str) -> bool:
    return path.split("/")[1].split(".")[0] in (*REPORTS, "curves")


def tiny(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration, cut to seconds."""
    config["seeds"] = [0]
    config["features"] = {"simclr": config["features"]["simclr"]}
    config["features"]["simclr"]["small"]["simclr"] |= {"epochs": 1, "warmup_epochs": 0}
    config["scenarios"] = {name: config["scenarios"][name] for name in SCENARIOS}
    for scenario in config["scenarios"].values():
        for key, values in SHORT.items():
            scenario["small"][key] = scenario["small"].get(key, {}) | values
    config["studies"] = {}
    config["reports"] = {name: config["reports"][name] for name in REPORTS}
    for item in config["reports"].values():
        item |= {"scenarios": SCENARIOS, "methods": METHODS}
    table = config["reports"]["table1"]
    table["budgets"] = {"small": {name: [40] for name in SCENARIOS}}
    del table["reference"]
    return config
