"""The environment files: plain pins, and the same ones for pip and conda."""

import re
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[1] / "envs"
PINS = [
    line
    for line in (ENVS / "requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def test_every_requirement_is_a_plain_pin():
    assert len(PINS) > 100
    for line in PINS:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line


def test_no_package_is_pinned_twice():
    names = [re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in PINS]
    assert len(names) == len(set(names))


def test_conda_has_the_same_pins():
    conda = yaml.safe_load((ENVS / "balent.yaml").read_text())
    pip = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert pip == PINS


def test_the_direct_dependencies_are_pinned():
    import tomllib

    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    direct = [*project["dependencies"], *project["optional-dependencies"]["pipeline"]]
    pinned = {line.partition("==")[0].lower() for line in PINS}
    assert {name.lower() for name in direct} <= pinned
