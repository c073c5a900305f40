"""What a study's job depends on: its command line, as Snakemake would run it."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[2]
STUDIES = (
    "acquisition_time",
    "bald_values",
    "beta_surface",
    "marginals_full_dropout",
    "toy_moons",
)


def descriptions(folder: Path, *overrides: str) -> dict[str, str]:
    """The JSON of every study's job in an empty folder, by the study's name."""
    targets = [f"results/small/studies/{name}.npz" for name in STUDIES]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(ROOT / "config.yaml")]
    command += ["--cores", "1", "--nocolor", "--dry-run", "--printshellcmds", *targets]
    command += ["--quiet", "host", *(["--config", *overrides] if overrides else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = re.findall(r"python scripts/study\.py .*?(?= 2> )", done.stdout + done.stderr)
    found = [shlex.split(line)[3] for line in lines]
    return {json.loads(text)["name"]: text for text in found}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[str, str]:
    return descriptions(tmp_path_factory.mktemp("plain"))


def test_a_job_holds_its_settings_without_titles(plain):
    assert set(plain) == set(STUDIES)
    assert not any('"title"' in text for text in plain.values())
    generators = json.loads(plain["bald_values"])["settings"]["generators"]
    assert list(generators) == ["dirichlet", "gaussian"]  # as the result has them
    assert generators["dirichlet"] == {"distribution": "dirichlet", "concentration": [0.1, 10.0]}


def test_a_job_that_trains_a_network_holds_its_chain(plain):
    study = json.loads(plain["marginals_full_dropout"])
    chain, settings = study["chain"], study["settings"]
    assert chain["scenario"] == settings["scenario"] == "full_dropout"
    assert chain["settings"]["acquisition"]["initial"] == settings["labels"]
    assert chain["settings"]["sampling"]["samples"] == settings["samples"]
    assert chain["settings"]["evaluation"]["points"] == settings["points"]
    assert not any("chain" in json.loads(plain[name]) for name in STUDIES if "marg" not in name)


@pytest.mark.parametrize("override", ["device=cuda", "memory_budget_mib=512"])
def test_device_and_memory_determine_what_is_measured_and_nothing_else(plain, tmp_path, override):
    again = descriptions(tmp_path, override)
    assert {name for name in STUDIES if again[name] != plain[name]} == {"acquisition_time"}
    key, value = override.split("=")
    assert str(json.loads(again["acquisition_time"])[key]) == value
