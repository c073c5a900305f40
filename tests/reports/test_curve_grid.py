"""Curves of several metrics (rows of scenarios) and of several scenarios (one panel)."""

from dataclasses import replace

import numpy as np
import pytest

from balent.reports import curve_grid, scenario_curves
from balent.reports.style import LOOKS, look, sequence

from .synthetic import METHODS, SCENARIOS, chains, history, settings

GRID = {
    "kind": "curve_grid",
    "title": "Grid",
    "scenarios": ["full_dropout", "redundant", "backbone"],
    "methods": ["random", "balentacq"],
    "metrics": ["accuracy", "nll", "epistemic"],
}
OVERLAY = {
    "kind": "scenario_curves",
    "title": "Overlay",
    "scenarios": ["fixed_features", "redundant"],
    "methods": ["balentacq"],
    "metric": "accuracy",
}


def lines(panel) -> list[list[float]]:
    return [list(line.get_ydata()) for line in panel.lines]


def test_rows_are_scenarios_and_columns_are_metrics(context):
    figure = curve_grid.draw(GRID, context)
    panels = np.array(figure.axes).reshape(3, 3)
    assert [panel.get_title(loc="left") for panel in panels[0]] == [
        "Accuracy (%)",
        "Neg. log-likelihood (nats)",
        "Epistemic (nats)",
    ]
    names = [row[0].get_ylabel().replace("\n", " ") for row in panels]
    assert names == [SCENARIOS[name]["title"] for name in GRID["scenarios"]]
    assert [row[0].texts[0].get_text() for row in panels][1].startswith("3×")
    assert {panel.get_xlabel() for panel in panels[-1]} == {"Labelled points"}
    assert {panel.get_xlabel() for panel in panels[:-1].flat} == {""}
    own = context.histories.query("scenario == 'redundant' and method == 'random'")
    for column, factor in (("accuracy", 100), ("nll", 1)):
        means = factor * own.groupby("n_labelled")[column].mean()
        found = lines(panels[1, GRID["metrics"].index(column)])
        assert found[0] == pytest.approx(list(means))


def test_the_grid_s_legend_and_foot(context):
    figure = curve_grid.draw(GRID, context)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Random", "BalEntAcq"]
    assert "n = 3 seeds, bands: ± 1 standard deviation" in figure.get_supxlabel()
    figure.draw_without_rendering()
    below = figure.axes[0].get_window_extent().y1
    assert legend.get_window_extent().y0 > below


def test_an_undefined_scenario_keeps_its_row(context):
    scenarios = {name: value for name, value in SCENARIOS.items() if name != "redundant"}
    part = replace(context, scenarios=scenarios, undefined={"redundant": "Redundant"})
    panels = np.array(curve_grid.draw(GRID, part).axes).reshape(3, 3)
    assert panels[1, 0].texts[0].get_text() == "Redundant: not defined at this scale"
    assert not any(panel.lines for panel in panels[1])
    assert all(panel.lines for panel in panels[2])


def without(context, scenario, method):
    left = context.histories.query(f"not (scenario == '{scenario}' and method == '{method}')")
    return replace(context, histories=left)


def colors(panel) -> list:
    return [line.get_color() for line in panel.lines]


def test_a_row_names_the_methods_that_are_not_run(context):
    item = GRID | {"not_run": {"redundant": ["random"]}}
    panels = np.array(curve_grid.draw(item, without(context, "redundant", "random")).axes)
    panels = panels.reshape(3, 3)
    heads = [row[0].texts[0].get_text() for row in panels]
    assert [head.endswith("; not run: Random") for head in heads] == [False, True, False]
    assert [[len(panel.lines) for panel in row] for row in panels] == [[2] * 3, [1] * 3, [2] * 3]
    whole = np.array(curve_grid.draw(GRID, context).axes).reshape(3, 3)
    assert colors(panels[1, 0]) == colors(whole[1, 0])[1:]


def test_a_panel_names_the_scenarios_in_which_its_method_is_not_run(context):
    item = OVERLAY | {"methods": ["random", "balentacq"], "not_run": {"fixed_features": ["random"]}}
    figure = scenario_curves.draw(item, without(context, "fixed_features", "random"))
    random, balentacq, _ = (panel for panel in figure.axes if panel.axison or panel.get_legend())
    (text,) = (text.get_text().replace("\n", " ") for text in random.texts)
    assert text == "not run: scikit-learn's handwritten digits"
    assert not balentacq.texts
    assert colors(random) == colors(balentacq)[1:]


def test_a_panel_has_a_curve_of_each_scenario(context):
    figure = scenario_curves.draw(OVERLAY, context)
    panel, beside = figure.axes
    assert panel.get_title(loc="left") == "BalEntAcq"
    for found, scenario in zip(lines(panel), OVERLAY["scenarios"], strict=True):
        own = context.histories.query(f"scenario == '{scenario}' and method == 'balentacq'")
        assert found == pytest.approx(list(100 * own.groupby("n_labelled")["accuracy"].mean()))
    labels = [text.get_text() for text in beside.get_legend().get_texts()]
    assert labels == ["scikit-learn's handwritten digits", "3×scikit-learn's handwritten digits"]
    colors = [line.get_color() for line in panel.lines]
    assert colors == [entry.color for entry in sequence(2)]


def test_titles_tell_scenarios_of_equal_data_apart(context):
    item = OVERLAY | {"scenarios": ["full_dropout", "backbone"]}
    legend = scenario_curves.draw(item, context).axes[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["Full dropouts + CNN", "Backbone"]


def test_a_method_has_a_panel_and_an_undefined_scenario_is_named(context):
    scenarios = {name: value for name, value in SCENARIOS.items() if name != "redundant"}
    part = replace(context, scenarios=scenarios, undefined={"redundant": "Redundant"})
    figure = scenario_curves.draw(OVERLAY | {"methods": ["random", "balentacq"]}, part)
    assert [panel.get_title(loc="left") for panel in figure.axes[:2]] == ["Random", "BalEntAcq"]
    assert [len(panel.lines) for panel in figure.axes[:2]] == [1, 1]
    assert figure.get_supxlabel().endswith("\nnot defined at this scale: Redundant")


def test_no_scenario_of_the_scale(context):
    titles = {name: SCENARIOS[name]["title"] for name in OVERLAY["scenarios"]}
    part = replace(context, scenarios={}, undefined=titles)
    panel = scenario_curves.draw(OVERLAY, part).axes[0]
    assert [text.get_text() for text in panel.texts] == ["not defined at this scale"]


@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_a_sequence_of_looks_runs_from_dark_to_light(count):
    from matplotlib.colors import to_rgb

    looks = sequence(count)
    luminance = [np.dot(to_rgb(entry.color), (0.2126, 0.7152, 0.0722)) for entry in looks]
    assert luminance == sorted(luminance)
    assert len({(entry.color, entry.marker) for entry in looks}) == count


def test_the_paper_s_methods_differ_within_every_figure():
    figures = [
        ("random", "bald", "expected_effective_loss", "beta_marginal_eig", "balentacq"),
        ("p1", "balentacq", "p3"),
        ("case1", "case2", "balentacq", "case4", "case5"),
        (*METHODS, "variation_ratio", "batchbald", "coreset"),
        ("random", "bald", "variation_ratio", "coremse", "balentacq"),
        ("mjentacq", "balentacq"),
    ]
    for names in figures:
        assert set(names) <= set(LOOKS)
        for what in ("color", "marker", "line"):
            assert len({str(getattr(look(name), what)) for name in names}) >= len(names) - 1
        assert len({(look(n).marker, look(n).filled) for n in names}) == len(names)


@pytest.mark.parametrize("module", [curve_grid, scenario_curves])
def test_equal_histories_give_equal_files(context, tmp_path, module):
    few = chains(
        {
            (scenario, method, seed): history([20, 30, 60], [0.5, 0.6 + seed / 10, 0.9])
            for scenario in ("a", "b")
            for method in ("random", "balentacq")
            for seed in range(2)
        }
    )
    scenarios = {"a": settings("A"), "b": settings("B", copies=3)}
    small = replace(context, scenarios=scenarios, histories=few)
    item = GRID | {"metrics": ["accuracy", "nll"]} if module is curve_grid else OVERLAY
    item |= {"scenarios": ["a", "b"]}
    module.write(item, small, tmp_path / "one")
    module.write(item, small, tmp_path / "two")
    for suffix in (".pdf", ".svg", ".png"):
        one, two = ((tmp_path / name).with_suffix(suffix).read_bytes() for name in ("one", "two"))
        assert one == two
        assert one
