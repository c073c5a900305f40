"""What learning curves come to against a setting."""

from dataclasses import replace

import pandas as pd
import pytest

from balent.errors import ConfigError
from balent.reports.setting import draw, setting_table, write
from balent.reports.settings import setting, varied

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


def test_one_seed_has_no_spread(varying):
    first = varying.histories[varying.histories["seed"] == 0]
    table = setting_table(ITEM, replace(varying, histories=first))
    assert set(table["n"]) == {1}
    assert table["mean"].notna().all()
    assert table["sd"].isna().all()


def test_a_setting_by_name():
    few = SCENARIOS["few"]
    assert setting(few, "copies") == 1
    assert setting(few, "sampling.mask_scope") == "batch"
    assert setting(few, "sampling.trials") is None
    assert setting(few, "title.length") is None


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
