"""Figures: what is drawn, one look per method, and equal bytes for equal histories."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from balent.reports.curve_panel import note
from balent.reports.curves import draw, write
from balent.reports.style import LOOKS, house_style, look

from .synthetic import METHODS, SCENARIOS, chains, history, synthetic

ITEM = {
    "kind": "curves",
    "title": "Learning curves",
    "scenarios": list(SCENARIOS),
    "methods": list(METHODS),
    "metric": "accuracy",
}
ONE = ITEM | {"scenarios": ["backbone"], "methods": ["bald"]}


def fixed(seeds: int) -> pd.DataFrame:
    values = [[0.5, 0.6, 0.9], [0.5, 0.8, 0.9], [0.5, 0.7, 0.6]]
    return chains(
        {("backbone", "bald", seed): history([20, 30, 60], values[seed]) for seed in range(seeds)}
    )


def test_mean_and_band(context):
    panel = draw(ONE, replace(context, histories=fixed(3))).axes[0]
    (line,) = panel.lines
    assert list(line.get_xdata()) == [20, 30, 60]
    assert list(line.get_ydata()) == pytest.approx([50.0, 70.0, 80.0])
    (band,) = panel.collections
    corners = band.get_paths()[0].vertices
    at_30 = corners[corners[:, 0] == 30, 1]
    assert (at_30.min(), at_30.max()) == pytest.approx((60.0, 80.0))  # 60, 70, 80: sd 10


def test_one_seed_has_no_band(context):
    single = replace(context, histories=fixed(1))
    panel = draw(ONE, single).axes[0]
    assert list(panel.lines[0].get_ydata()) == pytest.approx([50.0, 60.0, 90.0])
    assert not panel.collections
    assert "one seed (no bands)" in note(single, ONE)


def test_rounds_without_a_value_are_left_out(context):
    panel = draw(ONE | {"metric": "epistemic"}, replace(context, histories=fixed(3))).axes[0]
    assert list(panel.lines[0].get_xdata()) == [20, 30]
    assert panel.get_ylabel().endswith("(nats)")


def test_the_figure_says_scale_data_and_n(context):
    text = draw(ITEM, context).get_supxlabel()
    assert text.startswith("small scale: scikit-learn's handwritten digits;")
    assert "n = 3 seeds, bands: ± 1 standard deviation" in text


def test_panels_labels_and_legend(context):
    axes = draw(ITEM, context).axes
    titles = [panel.get_title(loc="left") for panel in axes[:5]]
    assert titles == [scenario["title"] for scenario in SCENARIOS.values()]
    labels = [text.get_text() for text in axes[5].get_legend().get_texts()]
    assert labels == [method["title"] for method in METHODS.values()]
    assert axes[0].get_ylabel() == "Test accuracy (%)"
    assert {panel.get_xlabel() for panel in axes[:5]} == {"Labelled points"}
    assert not any(panel.get_legend() for panel in axes[:5])
    assert [len(panel.lines) for panel in axes[:5]] == [7] * 5


def test_an_undefined_scenario_keeps_its_panel(context):
    scenarios = {name: value for name, value in SCENARIOS.items() if name != "backbone"}
    part = replace(context, scenarios=scenarios, undefined={"backbone": "Backbone"})
    panel = draw(ITEM, part).axes[3]
    assert [text.get_text() for text in panel.texts] == ["not defined at this scale"]
    assert not panel.lines


def test_a_method_that_is_not_run_has_no_curve_and_is_named(context):
    left = context.histories.query("not (scenario == 'backbone' and method == 'bald')")
    item = ITEM | {"not_run": {"backbone": ["bald"]}}
    axes = draw(item, replace(context, histories=left)).axes
    assert [len(panel.lines) for panel in axes[:5]] == [7, 7, 7, 6, 7]
    texts = [[text.get_text() for text in panel.texts] for panel in axes[:5]]
    assert ["not run: BALD" in text for text in texts] == [False] * 3 + [True, False]
    assert len(axes[5].get_legend().get_texts()) == 7
    whole, part = draw(ITEM, context).axes[3].lines, axes[3].lines
    assert [line.get_color() for line in part] == [
        line.get_color() for number, line in enumerate(whole) if number != 1
    ]


def test_a_long_legend_fits_beside_a_row_of_panels(context):
    names = [*METHODS, *(f"method_{i}" for i in range(6))]
    titles = {name: {"title": name, "function": name, "options": {}} for name in names}
    few = chains({("backbone", name, 0): history([20, 30], [0.5, 0.6]) for name in names})
    figure = draw(
        ITEM | {"scenarios": ["backbone"], "methods": names},
        replace(context, methods=titles, histories=few),
    )
    figure.draw_without_rendering()
    legend = figure.axes[1].get_legend().get_window_extent()
    assert 0 <= legend.y0 < legend.y1 <= figure.bbox.height


def test_a_single_panel_fills_the_width_beside_its_legend(context):
    figure = draw(ITEM | {"scenarios": ["backbone"]}, context)
    figure.draw_without_rendering()
    panel, beside = figure.axes
    legend = beside.get_legend().get_window_extent()
    assert panel.get_position().width > 0.6
    assert panel.get_window_extent().x1 < legend.x0
    assert 0.85 * figure.bbox.width < legend.x1 < figure.bbox.width


@pytest.mark.parametrize(
    ("values", "top"),
    [
        ([[0.5, 0.9, 1.0]], 100.0),  # the curve itself
        ([[0.5, 0.9, 0.98], [0.5, 0.9, 0.97]], 100.0),  # the margin
        ([[0.5, 0.9, 1.0], [0.5, 0.9, 0.96]], 98 + 2 * 2**0.5),  # the band
    ],
)
def test_the_axis_of_a_share_ends_at_100_percent_or_with_the_band(context, values, top):
    curves = {("backbone", "bald", seed): history([20, 30, 60], v) for seed, v in enumerate(values)}
    panel = draw(ONE, replace(context, histories=chains(curves))).axes[0]
    assert panel.get_ylim()[1] == pytest.approx(top)
    assert not panel.lines[0].get_clip_on()  # the marker at the limit is whole


@pytest.mark.parametrize(("metric", "highest"), [("accuracy", 80.0), ("nll", 1.5)])
def test_other_axes_keep_their_margin(context, metric, highest):
    frame = history([20, 30, 60], [0.5, 0.6, 0.8]).assign(nll=[1.5, 1.2, 1.1])
    single = replace(context, histories=chains({("backbone", "bald", 0): frame}))
    assert highest < draw(ONE | {"metric": metric}, single).axes[0].get_ylim()[1] < 1.1 * highest


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_any_number_of_panels_leaves_a_cell_for_the_legend(context, count):
    axes = draw(ITEM | {"scenarios": list(SCENARIOS)[:count]}, context).axes
    assert axes[count].get_legend() is not None
    assert not axes[count].axison


def test_bytes_depend_on_the_histories_alone(context, tmp_path):
    item = ITEM | {"scenarios": ["backbone", "full_dropout"]}
    write(item, context, tmp_path / "a")
    write(item, replace(context, histories=synthetic()), tmp_path / "b")
    changed = context.histories.assign(accuracy=context.histories["accuracy"] * 0.99)
    write(item, replace(context, histories=changed), tmp_path / "c")
    for suffix in (".pdf", ".svg", ".png"):
        first, second, other = ((tmp_path / n).with_suffix(suffix).read_bytes() for n in "abc")
        assert first == second
        assert first != other
        assert b"CreationDate" not in first
        assert b"dc:date" not in first


def test_the_process_s_own_style_does_not_matter(context):
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        with house_style():
            assert matplotlib.rcParams["font.size"] == 8
        assert matplotlib.rcParams["font.size"] == 30


def test_methods_differ_without_colour():
    assert set(METHODS) < set(LOOKS)
    drawn = [(str(a.line), a.marker, a.filled) for a in LOOKS.values()]
    assert len(set(drawn)) == len(drawn)
    seven = [LOOKS[name] for name in METHODS]
    assert len({a.marker for a in seven}) == 7
    assert len({str(a.line) for a in seven}) == 7
    assert len({a.color for a in seven}) == 7


def test_an_unknown_method_has_one_look_everywhere():
    code = "from balent.reports.style import look; print(look('mine'))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == str(look("mine"))
    names = [f"method_{i}" for i in range(50)]
    assert len({str(look(name)) for name in names}) > 40
    assert not {look(name).marker for name in names} & {a.marker for a in LOOKS.values()}


def test_markers_of_dense_curves_stay_few(context):
    sizes = np.arange(20, 301)
    dense = chains({("backbone", m, 0): history(sizes, sizes / 400) for m in METHODS})
    item = ITEM | {"scenarios": ["backbone"]}
    lines = draw(item, replace(context, histories=dense)).axes[0].lines
    starts = {line.get_markevery()[0] for line in lines}
    assert {line.get_markevery()[1] for line in lines} == {36}
    assert len(starts) == 7
