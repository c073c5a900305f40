"""The accuracy table: numbers by hand, the paper's columns, undefined scenarios, refusals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from balent.errors import ConfigError, DataError
from balent.reports.accuracy_grids import grids, notes
from balent.reports.accuracy_table import COLUMNS, accuracy_table, write

from .synthetic import METHODS, SCENARIOS, chains, history, settings

ITEM = {
    "kind": "accuracy_table",
    "title": "Table 1",
    "scenarios": ["full_dropout"],
    "methods": ["random", "bald", "balentacq"],
    "budgets": {"small": {"full_dropout": [50]}, "paper": {"full_dropout": [50]}},
    "reference": {
        "table": "table1",
        "rows": {"random": "Random", "bald": "BALD"},
        "columns": {"full_dropout": {"dataset": "MNIST", "data": "mnist", "features": None}},
    },
}
VALUES = {"random": [0.80, 0.76, 0.81], "bald": [0.90, 0.88, 0.89], "balentacq": [0.9, 0.9, 0.9]}


def fixed(seeds: int = 3) -> pd.DataFrame:
    """Chains whose accuracy at 50 labels is VALUES."""
    return chains(
        {
            ("full_dropout", method, seed): history([20, 50, 80], [0.5, values[seed], 0.95])
            for method, values in VALUES.items()
            for seed in range(seeds)
        }
    )


@pytest.fixture
def small(context):
    return replace(context, histories=fixed())


@pytest.fixture
def paper(context):
    scenarios = {"full_dropout": settings("Full dropouts + CNN", data="mnist")}
    return replace(context, scale="paper", scenarios=scenarios, histories=fixed())


def rows(item, context) -> pd.DataFrame:
    return accuracy_table(item, context).set_index("method")


def test_mean_sd_and_n_by_hand(small):
    table = rows(ITEM, small)
    assert tuple(accuracy_table(ITEM, small).columns) == COLUMNS
    # 80, 76, 81: mean 79, squares 1 + 9 + 4 = 14, sd √7
    assert table.loc["random", "mean"] == pytest.approx(79.0)
    assert table.loc["random", "sd"] == pytest.approx(np.sqrt(7))
    assert table.loc["balentacq", "sd"] == pytest.approx(0, abs=1e-12)
    assert list(table["n"]) == [3, 3, 3]
    assert list(table["n_labelled"]) == [50, 50, 50]
    assert table.loc["bald", "method_title"] == "BALD"
    assert table.loc["bald", "scenario_title"] == "Full dropouts + CNN"


def test_differences_against_random_are_paired(small):
    row = rows(ITEM, small).loc["bald"]
    interval = stats.ttest_rel(VALUES["bald"], VALUES["random"]).confidence_interval(0.95)
    assert row["diff_vs_random"] == pytest.approx(10.0)
    assert row["diff_vs_random_low"] == pytest.approx(100 * interval.low)
    assert row["diff_vs_random_high"] == pytest.approx(100 * interval.high)
    assert rows(ITEM, small).loc["random", COLUMNS[-3:]].isna().all()


def test_without_random_there_is_no_difference(small):
    table = rows(ITEM | {"methods": ["bald"]}, small)
    assert table[list(COLUMNS[-3:])].isna().all(axis=None)
    assert len(grids(table.reset_index())) == 1
    assert "random" not in notes(table.reset_index())
    assert "paired" in notes(accuracy_table(ITEM, small))


def test_one_seed_has_neither_sd_nor_interval_nor_verdict(paper):
    table = rows(ITEM, replace(paper, histories=fixed(seeds=1)))
    assert table["sd"].isna().all()
    assert table["diff_vs_random_low"].isna().all()
    assert table.loc["bald", "difference"] == pytest.approx(90.0 - 82.6)
    assert table.loc["bald", "verdict"] == ""


PAPER = ["paper_mean", "paper_sd", "paper_status", "difference", "verdict"]


def test_the_paper_s_numbers_do_not_stand_beside_digits(small):
    assert rows(ITEM, small)[PAPER].isna().all(axis=None)


def test_at_cpu_scale_the_paper_s_numbers_stand_without_a_verdict(paper, tmp_path):
    cpu = replace(paper, scale="cpu")
    item = ITEM | {"budgets": {"cpu": {"full_dropout": [50]}}}
    row = rows(item, cpu).loc["bald"]
    assert (row["paper_mean"], row["paper_sd"]) == (82.6, 1.3)
    assert row["difference"] == pytest.approx(89 - 82.6)
    assert row["verdict"] == ""
    write(item, cpu, tmp_path / "table1")
    text = (tmp_path / "table1.md").read_text()
    assert "| BALD | +6.4 |" in text
    assert text.splitlines()[-1].startswith("At cpu scale pool and settings are reduced, so no ver")
    assert "Welch" not in text


def test_numbers_read_back_from_the_file_say_the_same(paper, tmp_path):
    """An empty verdict comes back from CSV as a missing value."""
    one = replace(paper, histories=fixed(seeds=1))
    write(ITEM, one, tmp_path / "table1")
    again = pd.read_csv(tmp_path / "table1.csv").astype({"n_labelled": "Int64", "n": "Int64"})
    assert [grid.rows for _, grid in grids(again)] == [
        grid.rows for _, grid in grids(accuracy_table(ITEM, one))
    ]


def test_a_size_that_the_paper_lacks_is_blank(paper):
    item = ITEM | {"budgets": {"paper": {"full_dropout": [50, 80]}}}
    table = accuracy_table(item, paper).set_index(["method", "n_labelled"])
    assert table.loc[("random", 50), "verdict"] == "agrees"
    assert table.loc[("random", 80), PAPER].isna().all()
    assert table.loc[("random", 80), "mean"] == pytest.approx(95.0)


def test_the_paper_s_numbers_stand_beside_ours(paper):
    row = rows(ITEM, paper).loc["random"]
    assert (row["paper_mean"], row["paper_sd"]) == (78.6, 4.9)
    assert row["difference"] == pytest.approx(0.4)
    assert row["verdict"] == "agrees"
    assert rows(ITEM, paper).loc["bald", "verdict"] == "higher"  # 89 ± 1 against 82.6 ± 1.3


def test_a_method_that_the_paper_lacks_has_no_reference(paper):
    row = rows(ITEM, paper).loc["balentacq"]
    assert row[["paper_mean", "difference", "verdict"]].isna().all()


def test_a_cell_that_was_not_run_says_so(paper):
    item = ITEM | {"reference": ITEM["reference"] | {"rows": {"bald": "PowerBALD"}}}
    row = rows(item, paper).loc["bald"]
    assert row["paper_status"] == "not_run"
    assert row[["paper_mean", "difference", "verdict"]].isna().all()
    paper_grid = dict(grids(accuracy_table(item, paper)))["The paper's test accuracy (%)"]
    assert dict(paper_grid.rows) == {"Random": [""], "BALD": ["not run"], "BalEntAcq": [""]}


@pytest.mark.parametrize(
    "changes", [{"data": "fashion_mnist"}, {"features": "simclr32"}, {"copies": 3}]
)
def test_none_of_the_paper_s_numbers_where_data_or_features_differ(paper, changes):
    scenario = paper.scenarios["full_dropout"] | changes
    item = {**ITEM, "reference": {**ITEM["reference"]}}
    expected = {"dataset": "MNIST", "data": "mnist", "features": None, "copies": 1}
    item["reference"]["columns"] = {"full_dropout": expected}
    same = rows(item, paper).loc["random"]
    other = rows(item, replace(paper, scenarios={"full_dropout": scenario})).loc["random"]
    assert same["verdict"] == "agrees"
    assert other[PAPER].isna().all()


@pytest.mark.parametrize(
    ("pretrained", "named", "shown"),
    [
        ("imagenet", {"features": None}, True),
        ("imagenet", {"model.encoder.pretrained": "imagenet"}, True),
        ("simclr", {"model.encoder.pretrained": "imagenet"}, False),
        ("simclr", {"features": None}, False),
        ("simclr", {"features": "simclr32"}, True),
        ("imagenet", {"model.encoder.pretrained.weights": "imagenet"}, False),
    ],
)
def test_settings_inside_others_are_compared(paper, pretrained, named, shown):
    encoder = {"name": "resnet18", "pretrained": pretrained}
    encoder |= {"features": "simclr32"} if pretrained == "simclr" else {}
    scenario = settings("Backbone", model={"family": "backbone", "encoder": encoder})
    columns = {"full_dropout": {"dataset": "MNIST", **named}}
    item = ITEM | {"reference": ITEM["reference"] | {"columns": columns}}
    row = rows(item, replace(paper, scenarios={"full_dropout": scenario})).loc["random"]
    assert pd.notna(row["paper_mean"]) == shown
    assert row["features"] == ("simclr32" if pretrained == "simclr" else None)


def test_a_method_that_is_not_run_in_a_scenario_says_so(paper):
    left = paper.histories.query("method != 'bald'")
    item = ITEM | {"not_run": {"full_dropout": ["bald"]}}
    table = accuracy_table(item, replace(paper, histories=left))
    row = table.set_index("method").loc["bald"]
    assert row["status"] == "not run"
    assert row[["mean", "sd", "n", "difference", "verdict", "diff_vs_random"]].isna().all()
    assert (row["paper_mean"], row["paper_sd"]) == (82.6, 1.3)
    found = {title: dict(grid.rows).get("BALD") for title, grid in grids(table)}
    assert list(found.values()) == [["not run"], ["not run"], ["82.6 ± 1.3"], ["not run"]]


def test_of_a_single_method_scenarios_are_rows(context):
    sizes = {"fixed_features": [50, 100], "redundant": [100], "backbone": [50]}
    item = ITEM | {"scenarios": list(sizes), "methods": ["bald"], "budgets": {"small": sizes}}
    known = {name: SCENARIOS[name] for name in ("fixed_features", "redundant")}
    part = replace(context, scenarios=known, undefined={"backbone": "Backbone"})
    table = accuracy_table(item, part)
    ((_, grid),) = grids(table)
    assert grid.heads == [("", "50 labels"), ("", "100 labels")]
    cells = dict(grid.rows)
    assert cells["Backbone"] == ["not defined at this scale"] * 2
    assert cells["Redundant images + Fixed feature, 3×scikit-learn's handwritten digits"][0] == ""
    mean = table.query("scenario == 'fixed_features' and n_labelled == 100")["mean"].item()
    assert cells["Fixed feature, scikit-learn's handwritten digits"][1].startswith(f"{mean:.1f} ±")
    assert table["copies"].dropna().tolist() == [1, 1, 3]


def test_an_undefined_scenario_says_so(small):
    item = ITEM | {"scenarios": ["full_dropout", "backbone"]}
    context = replace(small, undefined={"backbone": "Backbone"})
    table = accuracy_table(item, context).query("scenario == 'backbone'")
    assert list(table["status"]) == ["not defined at this scale"] * 3
    assert table[["n_labelled", "mean", "n", "data"]].isna().all(axis=None)
    (_, first), *_ = grids(accuracy_table(item, context))
    assert first.heads == [("Full dropouts + CNN", "50 labels"), ("Backbone", "")]
    assert [cells[1] for _, cells in first.rows] == ["not defined at this scale"] * 3


def test_a_scale_that_defines_no_scenario_still_has_a_table(small):
    context = replace(small, undefined={"full_dropout": "Full dropouts + CNN"})
    table = accuracy_table(ITEM, context)
    assert list(table["status"]) == ["not defined at this scale"] * 3
    assert "over n" not in notes(table)


def test_a_size_off_the_grid_names_the_allowed_ones(small):
    item = ITEM | {"budgets": {"small": {"full_dropout": [55]}}}
    with pytest.raises(ConfigError, match=r"no round with 55 labels \(allowed: 20, 50, 80\)") as e:
        accuracy_table(item, small)
    assert "\n" not in str(e.value)


def test_a_scenario_without_sizes_is_named(small):
    with pytest.raises(ConfigError, match=r"budgets\.small: no sizes for scenario 'full_dropout'"):
        accuracy_table(ITEM | {"budgets": {"small": {}}}, small)


def test_an_absent_chain_is_named(small):
    with pytest.raises(DataError, match="no history of method 'entropy'"):
        accuracy_table(ITEM | {"methods": ["entropy"]}, small)


@pytest.mark.parametrize("scale", ["small", "paper"])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"bald": "BULD"}}, r"table1 has no row 'BULD' \(allowed: Random, "),
        (
            {"columns": {"full_dropout": {"dataset": "MNIST/50"}}},
            r"table1 has no data set 'MNIST/50' \(allowed: MNIST, ",
        ),
    ],
)
def test_a_name_that_is_not_in_the_paper_s_table_is_refused(small, scale, changes, message):
    item = ITEM | {"reference": ITEM["reference"] | changes}
    with pytest.raises(ConfigError, match=message) as error:
        accuracy_table(item, replace(small, scale=scale))
    assert "\n" not in str(error.value)


def test_files(small, tmp_path):
    write(ITEM, small, tmp_path / "a.b" / "table1")
    table = pd.read_csv(tmp_path / "a.b" / "table1.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["mean"].tolist() == [79.0, 89.0, 90.0]
    text = (tmp_path / "a.b" / "table1.md").read_text()
    assert "| Random | 79.0 ± 2.6 |" in text
    assert "| BALD | +10.0 [" in text
    assert "n = 3 seeds" in text
    assert "not the paper's scale" in text
    assert "The paper's" not in text


def test_markdown_at_paper_scale_shows_the_paper(paper, tmp_path):
    write(ITEM, paper, tmp_path / "table1")
    text = (tmp_path / "table1.md").read_text()
    assert "| Random | 78.6 ± 4.9 |" in text
    assert "| Random | +0.4 agrees |" in text
    assert "not the paper's scale" not in text


def test_the_whole_table(context):
    sizes = {name: [50, 100] for name in SCENARIOS}
    item = ITEM | {
        "scenarios": list(SCENARIOS),
        "methods": list(METHODS),
        "budgets": {"small": sizes},
    }
    table = accuracy_table(item, context)
    assert len(table) == 5 * 2 * 7
    assert table[["mean", "sd", "n"]].notna().all(axis=None)
    (_, first), (_, second) = grids(table)
    assert len(first.rows) == 7
    assert [len(cells) for _, cells in second.rows] == [10] * 6
