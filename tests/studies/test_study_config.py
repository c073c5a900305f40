"""Studies in the configuration: what they resolve to, and what is refused in one line."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from balent.config import read_yaml, resolve
from balent.errors import ConfigError
from balent.studies import kinds

ROOT = Path(__file__).parents[2]
CONFIG = read_yaml(ROOT / "config.yaml")
SCHEMA = read_yaml(ROOT / "config.schema.yaml")


def changed(path: str, value: object) -> dict:
    """The project's configuration with one value replaced or added."""
    config = deepcopy(CONFIG)
    *parents, last = path.split("|")
    node = config
    for key in parents:
        node = node.setdefault(key, {})
    node[last] = value
    return config


def test_paper_scale_is_what_the_paper_states():
    studies = resolve(changed("scale", "paper"), SCHEMA).studies
    ranks, moons = studies["rank_correlation"], studies["toy_moons"]
    assert (ranks["points"], ranks["repeats"], ranks["classes"][-1]) == (100, 10, 10_000)
    assert studies["bald_values"]["classes"][-1] == 1000
    assert 590_000 < moons["side"] ** 2 < 610_000
    assert studies["rank_correlation_eig"]["seed"] != ranks["seed"]


@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_every_scale_defines_every_study(scale):
    assert set(resolve(changed("scale", scale), SCHEMA).studies) == set(CONFIG["studies"])


RANKS, MOONS = "studies|rank_correlation|paper|", "studies|toy_moons|paper|"
GAUSSIAN = RANKS + "generators|gaussian|"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (RANKS + "kind", "agrement", "'agrement' is not allowed (allowed: agreement, toy"),
        (RANKS + "methods", ["bald", "nothing"], "unknown method 'nothing'"),
        (RANKS + "methods", ["bald", "badge"], "'badge' does not score points by their moments"),
        (RANKS + "repeats", 0, "studies.rank_correlation.paper.repeats"),
        (GAUSSIAN + "noise", 0, "generators.gaussian.noise"),
        (GAUSSIAN + "concentration", [1, 2], "a gaussian generator has no such key"),
        (RANKS + "generators|flat", {"title": "D", "distribution": "dirichlet"}, "concentration"),
        (
            RANKS + "generators|flat",
            {"title": "D", "distribution": "dirichlet", "concentration": [2, 1]},
            "[2, 1] is empty; give the smaller number first",
        ),
        ("studies|beta_surface|paper|range", [5, 5], "[5, 5] is empty"),
        ("studies|toy_moons|small", {"side": 20}, "picks: 500 exceeds the 400 lattice points"),
        (
            "studies|acquisition_time|small|sizes",
            [50, 3000],
            "3000 exceeds the smallest pool of 2000",
        ),
        ("studies|acquisition_time|paper|methods", ["bald", "batchbald"], "needs samples, which"),
        (MOONS + "speed", 1, "unknown key 'speed'"),
        ("reports|figure2|study", "toy_moon", "did you mean 'toy_moons'?"),
        ("reports|figure2|study", "beta_surface", "shows one of kind toy"),
        ("reports|figure2|methods", ["batchbald"], "unknown method of toy_moons 'batchbald'"),
        ("reports|figure2|sizes", [600], "600 exceeds the 500 picks of toy_moons"),
        ("reports|figure2|levels", [1], "an item of kind selection has no such key"),
        (
            "reports|figure1|pairs",
            [{"methods": ["bald", "badge"]}],
            "unknown method of rank_correlation 'badge'",
        ),
        ("reports|extra/", {"kind": "index", "title": "x"}, "/ for folders"),
    ],
)
def test_what_is_refused(path, value, message):
    with pytest.raises(ConfigError) as caught:
        resolve(changed(path, value), SCHEMA)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_registry_needs_no_heavy_package():
    code = (
        "import sys, balent.studies.kinds; "
        "print([m for m in ('torch', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_loads_and_has_its_schema(kind):
    assert kinds.source(kind).is_file()
    assert callable(kinds.load(kind))
    assert f"{kind}_study" in SCHEMA["$defs"]
    assert kind in SCHEMA["$defs"]["study_kind"]["enum"]
