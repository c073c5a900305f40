"""docs/acquisition.md: it lists every method, and its examples work as they stand there."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from balent.acquisition import catalog

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "acquisition.md"
FILES = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```", PAGE.read_text(), re.M | re.S))


@pytest.fixture
def probs(tmp_path) -> np.ndarray:
    """[40, 5, 4] probabilities, lying in pool.npy of the test's folder."""
    probs = np.random.default_rng(0).dirichlet(np.ones(4), size=(40, 5))
    np.save(tmp_path / "pool.npy", probs)
    return probs


def run(folder: Path, code: str, *arguments: str, path: Path) -> str:
    """What a new process prints that has ``path`` before the installed packages."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COMMAND = "from balent.cli import main; main()"


def test_every_method_is_in_the_index():
    table = "\n".join(line for line in PAGE.read_text().splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) >= set(catalog.catalog())


def test_the_pages_of_the_index_exist():
    links = set(re.findall(r"\]\(([\w./]+)\)", PAGE.read_text()))
    assert {link for link in links if not (PAGE.parent / link).is_file()} == set()


def test_one_file_in_the_package_is_a_method(tmp_path, probs):
    package = tmp_path / "src" / "balent"
    shutil.copytree(ROOT / "src" / "balent", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "acquisition" / "margin.py").write_text(FILES["src/balent/acquisition/margin.py"])
    code = (
        "import json, balent, numpy as np; probs = np.load('pool.npy'); print(json.dumps(["
        "balent.__file__, balent.score('margin', probs).tolist(), "
        "balent.select('margin', probs, 7, ratio=True).tolist()]))"
    )
    place, scores, picks = json.loads(run(tmp_path, code, path=tmp_path / "src"))
    assert Path(place).parent == package
    second, first = np.sort(probs.mean(axis=1), axis=1)[:, -2:].T
    assert scores == pytest.approx((second - first).tolist())
    assert picks == np.argsort(-second / first)[:7].tolist()
    listed = run(tmp_path, COMMAND, "methods", path=tmp_path / "src")
    [row] = [line for line in listed.splitlines() if line.startswith("margin ")]
    assert re.split("  +", row) == [
        *("margin", "score", "moments", "ratio=False", "O(N·C)", "Scheffer 2001")
    ]


@pytest.fixture
def installed(tmp_path) -> Path:
    """A folder that holds the plug-in as an installer leaves it: module and metadata."""
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    site = tmp_path / "site"
    (site / "my_acquisitions").mkdir(parents=True)
    (site / "my_acquisitions" / "__init__.py").touch()
    (site / "my_acquisitions" / "by_class.py").write_text(FILES["my_acquisitions/by_class.py"])
    info = site / f"my_acquisitions-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    return site


def test_a_package_of_its_own_adds_a_method(tmp_path, probs, installed):
    arguments = "select --probs pool.npy --method entropy_by_class --size 8 --out picks.csv"
    assert run(tmp_path, COMMAND, *arguments.split(), path=installed) == ""
    picks, scores = np.loadtxt(tmp_path / "picks.csv", delimiter=",", skiprows=1).T
    mean = probs.mean(axis=1)
    entropy = -(mean * np.log(mean)).sum(axis=1)
    assert scores == pytest.approx(entropy[picks.astype(int)])
    predicted = mean.argmax(axis=1)
    best = [max(np.flatnonzero(predicted == label), key=entropy.__getitem__) for label in range(4)]
    assert sorted(picks[:4]) == sorted(best)
    assert sorted(predicted[picks.astype(int)]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert "\nentropy_by_class " in run(tmp_path, COMMAND, "methods", path=installed)
