"""What learning curves come to against a setting."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from balent.config import read_yaml, resolve
from balent.errors import ConfigError
from balent.reports.item_checks import check, varied
from balent.reports.setting import draw, setting_table, write

from .synthetic import METHODS, chains, history, settings

SAMPLES = {"few": 10, "many": 1000, "some": 100}
SCENARIOS = {
    name: settings(name, sampling={"samples": samples, "mask_scope": "batch"})
    for name, samples in SAMPLES.items()
}
ITEM = {
    "kind": "setting",
    "title": "MC samples",
    "scenarios": list(SAMPLES),
    "methods": ["bald", "balentacq"],
    "setting": "sampling.samples",
}


@pytest.fixture
def varying(context):
    table = {
        (scenario, method, seed): history([20, 30], [0.5, 0.5 + samples / 4000 + seed / 10])
        for scenario, samples in SAMPLES.items()
        for method in ITEM["methods"]
        for seed in range(2)
    }
    return replace(context, scenarios=SCENARIOS, histories=chains(table))


def test_values_ascend_and_numbers_are_by_hand(varying):
    table = setting_table(ITEM, varying)
    part = table[(table["method"] == "bald") & (table["measure"] == "final_accuracy")]
    assert part["value"].tolist() == [10, 100, 1000]
    assert part["mean"].tolist() == pytest.approx([55.25, 57.5, 80.0])  # seeds differ by 10
    assert part["sd"].tolist() == pytest.approx([50**0.5] * 3)
    assert set(table["n"]) == {2}
    area = table[(table["method"] == "bald") & (table["measure"] == "area_under_curve")]
    assert area["mean"].tolist() == pytest.approx([52.625, 53.75, 65.0])


def test_scenarios_that_the_scale_lacks_are_left_out(varying):
    defined = {name: SCENARIOS[name] for name in ("few", "many")}
    table = setting_table(ITEM, replace(varying, scenarios=defined))
    assert set(table["value"]) == {10, 1000}


def test_the_figure_has_a_line_per_method_and_the_values_as_ticks(varying, tmp_path):
    figure = draw(ITEM, varying)
    for panel in figure.axes:
        assert len(panel.lines) == len(panel.collections) == 2
        assert list(panel.get_xticks()) == [10, 100, 1000]
        assert panel.get_xlabel() == "MC samples of the pool"
    (legend,) = figure.legends
    titles = [text.get_text() for text in legend.get_texts()]
    assert titles == [METHODS[method]["title"] for method in ITEM["methods"]]
    write(ITEM, varying, tmp_path / "samples")
    assert len(pd.read_csv(tmp_path / "samples.csv")) == 3 * 2 * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"setting": "sampling.mask_scope"}, r"'few' is 'batch', not a number above 0"),
        ({"setting": "sampling.trials"}, r"sampling.trials of scenario 'few' is None, not a"),
        ({"setting": "model.last_bias"}, r"'few' is False, not a number above 0"),
        ({"setting": "copies"}, r"scenarios 'few' and 'many' both have copies 1; leave one"),
    ],
)
def test_a_setting_that_cannot_be_an_axis_is_refused(changes, message):
    with pytest.raises(ConfigError, match=r"reports\.t\.setting: .*" + message) as error:
        varied("reports.t", ITEM | changes, SCENARIOS)
    assert "\n" not in str(error.value)


ACCURACIES = {"kind": "profiles", "scenarios": ["few"], "accuracies": {"small": {"some": [50]}}}
BALANCE = {"kind": "class_balance", "scenarios": ["few"]}


@pytest.mark.parametrize(
    ("item", "scenarios", "message"),
    [
        (ITEM | {"setting": "copies"}, SCENARIOS, r"reports\.t\.setting: .* both have copies 1"),
        (ACCURACIES, SCENARIOS, r"reports\.t\.accuracies\.small: none for scenario 'few', which"),
        (
            BALANCE,
            {"few": settings("Few", data="mine")},
            r"reports\.t\.scenarios: 'few' has data 'mine', but .* label_entropy with kind curves",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused_at_the_start(item, scenarios, message):
    with pytest.raises(ConfigError, match=message) as error:
        check("reports.t", item, scenarios, "small", complete=True)
    assert "\n" not in str(error.value)


def test_what_can_be_shown_passes():
    check("reports.t", ITEM, SCENARIOS, "small", complete=True)
    check("reports.t", BALANCE, SCENARIOS, "small", complete=True)
    check("reports.t", ACCURACIES, {}, "small", complete=True)  # undefined: nothing to show
    check("reports.t", ACCURACIES, SCENARIOS, "small", complete=False)


ROOT = Path(__file__).parents[2]
SCHEMA = read_yaml(ROOT / "config.schema.yaml")
CONFIG = read_yaml(ROOT / "config.yaml")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "extra/mc_samples",
            {"setting": "sampling.mask_scope"},
            r"mc_samples\.setting: .* 'batch'",
        ),
        (
            "extra/profiles",
            {"accuracies": {"small": {"full_droput": [90]}}},
            r"profiles\.accuracies\.small: unknown scenario .* did you mean 'full_dropout'",
        ),
        (
            "extra/labels_needed",
            {"accuracies": {"small": {"full_dropout": [90]}}},
            r"labels_needed\.accuracies\.small: none for scenario 'fixed_features'",
        ),
        ("extra/paired_tests", {"baseline": "batchbald"}, r"compares with 'batchbald'; add it"),
    ],
)
def test_the_configuration_is_held_against_it(name, changes, message):
    config = deepcopy(CONFIG) | {"scale": "small"}
    config["reports"] = {name: config["reports"][name] | changes}
    with pytest.raises(ConfigError, match=message) as error:
        resolve(config, SCHEMA)
    assert "\n" not in str(error.value)
