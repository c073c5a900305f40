"""Studies in the configuration: what they resolve to, and what is refused in one line."""

import subprocess
import sys

import pytest
import test_config

from balent.config import resolve
from balent.errors import ConfigError
from balent.studies import kinds

CONFIG, SCHEMA = test_config.CONFIG, test_config.SCHEMA


def changed(path: str, value: object) -> dict:
    """As test_config.changed; names of report items hold a slash."""
    return test_config.changed(path, value, separator="|")


def refused(path: str, value: object) -> str:
    """The one line that refuses the configuration with one value replaced or added."""
    with pytest.raises(ConfigError) as caught:
        resolve(changed(path, value), SCHEMA)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_paper_scale_is_what_the_paper_states():
    studies = resolve(changed("scale", "paper"), SCHEMA).studies
    ranks, moons = studies["rank_correlation"], studies["toy_moons"]
    assert (ranks["points"], ranks["repeats"], ranks["classes"][-1]) == (100, 10, 10_000)
    assert studies["bald_values"]["classes"][-1] == 1000
    assert 590_000 < moons["side"] ** 2 < 610_000
    assert studies["rank_correlation_eig"]["seed"] != ranks["seed"]
    assert moons["model"]["hidden"] == [72, 72, 72]
    assert moons["model"]["dropped"] == [False, True, True]


def test_a_study_of_a_scenario_that_the_scale_does_not_define_is_refused():
    config = changed("studies|marginals_full_dropout|cpu|scenario", "pretrained_backbone")
    with pytest.raises(ConfigError, match="'pretrained_backbone' is not defined at this scale"):
        resolve(config | {"scale": "cpu"}, SCHEMA)


@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_every_scale_defines_every_study(scale):
    assert set(resolve(changed("scale", scale), SCHEMA).studies) == set(CONFIG["studies"])


RANKS, MOONS = "studies|rank_correlation|paper|", "studies|toy_moons|paper|"
TIMES = "studies|acquisition_time|paper|"
BETAS = "studies|marginals_full_dropout|small|"
GAUSSIAN = RANKS + "generators|gaussian|"
WIDE = {"title": "Wide", "distribution": "gaussian", "spread": 4.0, "noise": 1.0}
ONE_PAIR = {"methods": ["bald", "beta_marginal_bald"]}


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
        (MOONS + "model|dropped", [True], "model.dropped is [True] for 3 hidden layers; give true"),
        (MOONS + "model|hidden", 72, "model.hidden is 72; model.family mlp has a list"),
        (BETAS + "scenario", "full_dropouts", "did you mean 'full_dropout'?"),
        (BETAS + "labels", 1300, "full_dropout.small.labels: 1300 labels exceed the 1297"),
        (BETAS + "points", 501, "full_dropout.small.points: 501 exceeds the 500 test images"),
        ("reports|figure5|methods", ["bald"], "an item of kind marginals has no such key"),
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
        (RANKS + "classes", [5, 2], "classes: [5, 2] is not ascending; write [2, 5]"),
        (TIMES + "pools", [90000, 60000], "not ascending; write [60000, 90000]"),
        (TIMES + "sizes", [20, 10], "not ascending; write [10, 20]"),
        (
            RANKS + "generators|wide",
            WIDE | {"title": "Gaussian"},
            "'gaussian' and 'wide' have the same title 'Gaussian'; give one of them another",
        ),
        (
            "methods|balent",
            {"title": "BALD", "function": "balentacq"},
            "have the same title 'BALD'",
        ),
    ],
)
def test_what_is_refused(path, value, message):
    assert message in refused(path, value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            RANKS + "generators|wide",
            WIDE,
            "reports.figure1.study: 'rank_correlation' has 2 generators, but an item of kind "
            "agreement shows one; use agreement_table",
        ),
        (
            "reports|figure9|study",
            "generator_sensitivity",
            "has 12 generators, but an item of kind agreement_pairs shows one",
        ),
        ("reports|figure9|methods", ["bald"], "methods: 1 given, but an item of kind agreement_pa"),
        (
            "reports|figure10|pairs",
            [ONE_PAIR, {"methods": ["bald", "dirichlet_bald"]}],
            "reports.figure10.pairs: 2 given, but an item of kind agreement_values shows one pair",
        ),
        (
            "reports|figure1|pairs",
            [ONE_PAIR, ONE_PAIR],
            "['bald', 'beta_marginal_bald'] appears twice; name it once",
        ),
        (
            "reports|figure10|paper_rmse",
            {"gausian": 0.07},
            "reports.figure10.paper_rmse: unknown generator of bald_values 'gausian'; did you mean",
        ),
        (
            "reports|figure14|methods",
            ["balent"],
            "figure14.methods: 1 given, but an item of kind r",
        ),
        (
            "reports|figure14|sizes",
            [25, 50],
            "sizes: 2 given, but an item of kind region shows one",
        ),
        ("reports|figure2|sizes", [1, 25], "1 point has no distance from another; give 2 or more"),
        (
            "reports|extra_generator_sensitivity",
            {"kind": "index", "title": "x"},
            "its rule has the same name as that of 'extra/generator_sensitivity'; rename one",
        ),
        ("reports|figure1|pairs", [ONE_PAIR | {"paper": 0.9}], "paper: 0.9 is not of type object"),
        ("reports|figure1|pairs", [ONE_PAIR | {"paper": {"below": 0.9}}], "unknown key 'below'"),
        ("reports|figure1|pairs", [ONE_PAIR | {"paper": {}}], "{above: x} or {about: x}"),
        (
            "reports|figure1|pairs",
            [ONE_PAIR | {"paper": {"above": 0.9, "about": 0.9}}],
            "{above: x} or {about: x}",
        ),
    ],
)
def test_items_that_would_show_less_than_they_name_are_refused(path, value, message):
    assert message in refused(path, value)


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
