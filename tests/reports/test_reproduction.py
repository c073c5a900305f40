"""Every number of the paper beside ours: which stand there, from what, and which are empty."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from balent.errors import DataError
from balent.files import load_npz, save_npz
from balent.reports import kinds, timing_table
from balent.reports.context import output
from balent.reports.job import write_report
from balent.reports.reproduction import (
    COLUMNS,
    DIFFERS,
    NO_ITEM,
    NO_VALUE,
    NOT_RUN,
    OTHER_SCALE,
    grid,
    table,
)
from balent.reports.runs import PROVENANCE, provenance
from balent.reports.statistics import Summary, bound_verdict, summarise, welch_verdict

from .synthetic import METHODS, REFERENCE, chains, history, settings

TABLE = {
    "kind": "accuracy_table",
    "title": "Table 1",
    "section": "main",
    "scenarios": ["mnist", "cifar"],
    "methods": ["random", "power_bald"],
    "budgets": {"paper": {"mnist": [50], "cifar": [5000]}, "small": {"mnist": [50]}},
    "reference": {
        "table": "table1",
        "rows": {"random": "Random", "power_bald": "PowerBALD"},
        "columns": {
            "mnist": {"dataset": "MNIST", "data": "mnist"},
            "cifar": {"dataset": "CIFAR-100", "data": "cifar100"},
        },
    },
}
FIGURE = {
    "kind": "agreement_values",
    "title": "Figure 10",
    "section": "A.9",
    "study": "values",
    "pairs": [{"methods": ["bald", "mean_sd"], "paper": {"above": 0.5}}],
    "paper_rmse": {"narrow": 0.5},
}
TIMES = {
    "kind": "timing_table",
    "title": "Table 8",
    "section": "A.18",
    "study": "time",
    "methods": ["bald"],
    "reference": {
        "table": "table8",
        "rows": {"bald": "BALD"},
        "columns": {"CIFAR-100 with Acq. size 500": {"classes": 100, "points": 9, "size": 5}},
    },
}
ITEMS = {"table1": TABLE, "figure10": FIGURE, "table8": TIMES}
RUN = {
    "code": "c" * 64,
    "git": None,
    "device": "cuda",
    "device_name": "GPU",
    "date": "2026-01-01",
}


@pytest.fixture
def paper(context, tmp_path):
    """Paper scale: chains of MNIST with three seeds and of CIFAR with one, both studies."""
    found = {("mnist", "random", s): history([50, 51], [0.78 + s / 100, 0.9]) for s in range(3)}
    found |= {("mnist", "power_bald", s): history([50, 51], [0.8, 0.9]) for s in range(3)}
    found["cifar", "random", 0] = history([5000, 5001], [0.5, 0.6])
    finished = {"mnist/random": [0, 1, 2], "mnist/power_bald": [0, 1, 2], "cifar/random": [0]}
    for scenario, method, seed in found:
        chain = {"scenario": scenario, "method": method, "seed": seed}
        record(tmp_path / scenario / method / f"seed{seed}" / "run.json", chain=chain)
    for name in ("values", "time"):
        record(tmp_path / "studies" / f"{name}.run.json", study={"settings": {"seed": 5}})
    write_studies(tmp_path / "studies")
    generators = {"narrow": {"title": "Narrow"}, "wide": {"title": "Wide"}}
    return replace(
        context,
        scale="paper",
        scenarios={
            "mnist": settings("Full dropouts", data="mnist"),
            "cifar": settings("Fixed feature", data="cifar100"),
        },
        items=ITEMS,
        histories=chains(found),
        studies={"values": {"generators": generators}, "time": {}},
        finished=finished,
        finished_studies=["values", "time"],
        results_folder=tmp_path,
        study_folder=tmp_path / "studies",
    )


def record(path, **made) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(RUN | made))


def write_studies(folder) -> None:
    """Scores [generator, classes, repeat, method, point]: equal, but reversed for C = 7, wide."""
    points = np.arange(20.0)
    scores = np.broadcast_to(points, (2, 2, 3, 2, 20)).copy()
    scores[1, 1, :, 1] = points[::-1]
    scores[0, 1, :, 1] += [[0.1], [0.2], [0.3]]
    save_npz(
        folder / "values.npz",
        scores=scores,
        classes=np.array([2, 7]),
        generators=np.array(["narrow", "wide"]),
        methods=np.array(["bald", "mean_sd"]),
    )
    paper, other = [1.0, 2.0, 6.0], [9.0, 9.0, 9.0]  # of the paper's case the median is 2, not 3
    seconds = np.array([[[paper, other, paper, other]]])  # [M, L, J, R]
    save_npz(
        folder / "time.npz",
        sampling=seconds,
        choosing=seconds,
        points=np.array([9, 18, 9, 9]),
        sizes=np.array([5, 5, 5, 6]),
        classes=np.array([100]),
        methods=np.array(["bald"]),
        n_pools=np.array(2),
        memory=seconds[..., 0],
    )


def cell(rows: pd.DataFrame, *key: str) -> pd.Series:
    (found,) = rows[(rows[["table", "row", "column"]] == list(key)).all(axis=1)].to_dict("records")
    return pd.Series(found)


def test_there_is_a_row_for_every_cell_of_the_paper(paper):
    rows = table(paper)
    cells = sum(len(pd.read_csv(REFERENCE / f"{t}.csv")) for t in kinds.PAPER_TABLES)
    assert cells == 409
    assert len(rows) == cells + 3  # a correlation for each generator, and an error
    assert not rows[["table", "row", "column"]].duplicated().any()
    assert tuple(rows.columns) == COLUMNS
    assert set(rows["table"]) == {*kinds.PAPER_TABLES, "figure10"}


def test_an_accuracy_stands_beside_the_papers_with_the_verdict_of_the_tables(paper):
    found = cell(table(paper), "table1", "Random", "MNIST/50")
    assert (found["paper_mean"], found["paper_sd"], found["unit"]) == (78.6, 4.9, "%")
    assert found["mean"] == pytest.approx(79.0)
    assert (found["sd"], found["n"]) == (pytest.approx(1.0), 3)
    assert found["difference"] == pytest.approx(0.4)
    assert found["verdict"] == "agrees" == welch_verdict(Summary(79, 1, 3), Summary(78.6, 4.9, 3))
    assert found["status"] == ""


def test_provenance_is_that_of_the_run_records(paper, tmp_path):
    found = cell(table(paper), "table1", "Random", "MNIST/50")
    assert (found["device"], found["date"], found["git"]) == (
        "cuda (GPU)",
        "2026-01-01",
        "no checkout",
    )
    assert found["code"] == "c" * 16
    assert found["seeds"] == "0; 1; 2"
    assert found["records"].count("run.json") == 3
    other = cell(table(paper), "table1", "PowerBALD", "MNIST/50")
    assert len(found["configuration"]) == len(other["configuration"]) == 16
    assert found["configuration"] != other["configuration"]


def test_ours_stands_there_where_the_paper_ran_nothing(paper):
    found = cell(table(paper), "table1", "PowerBALD", "MNIST/50")
    assert found["paper_status"] == "not_run"
    assert found["mean"] == pytest.approx(80.0)
    assert np.isnan(found["difference"])


def test_what_is_not_there_says_why(paper):
    rows = table(paper)
    assert cell(rows, "table1", "PowerBALD", "CIFAR-100/5000")["status"] == NOT_RUN
    assert cell(rows, "table1", "BALD", "MNIST/50")["status"] == NO_ITEM
    assert cell(rows, "table1", "Random", "MNIST/100")["status"] == NO_ITEM
    one = cell(rows, "table1", "Random", "CIFAR-100/5000")
    assert (one["n"], one["status"]) == (1, "")
    assert one["verdict"] == ""
    assert rows.loc[rows["status"] != "", ["mean", "difference", *PROVENANCE]].isna().all(axis=None)


def test_other_data_stand_beside_nothing(paper):
    digits = replace(paper, scenarios=paper.scenarios | {"mnist": settings("Full dropouts")})
    found = cell(table(digits), "table1", "Random", "MNIST/50")
    assert found["status"] == DIFFERS
    assert np.isnan(found["mean"])


@pytest.mark.parametrize("scale", ["small", "cpu"])
def test_at_other_scales_nothing_of_ours_is_shown_or_read(paper, tmp_path, scale):
    rows = table(replace(paper, scale=scale, study_folder=tmp_path / "none"))
    assert (rows["status"] == OTHER_SCALE).all()
    assert rows[["mean", "sd", "difference", "verdict", *PROVENANCE]].isna().all(axis=None)
    assert rows["paper_mean"].notna().sum() == 400  # 397 printed numbers, 3 statements
    assert (rows["scale"] == scale).all()


def test_a_statement_on_a_figure_is_held_against_the_worst_number_of_classes(paper):
    rows = table(paper)
    wide = cell(rows, "figure10", "BALD – MeanSD", "rank correlation, Wide")
    assert (wide["paper_relation"], wide["paper_mean"]) == ("above", 0.5)
    assert (wide["mean"], wide["verdict"]) == (pytest.approx(-1), "lower")
    assert wide["note"] == "C = 7, the furthest of 2"
    narrow = cell(rows, "figure10", "BALD – MeanSD", "rank correlation, Narrow")
    assert (narrow["mean"], narrow["verdict"]) == (pytest.approx(1), "agrees")
    error = cell(rows, "figure10", "BALD – MeanSD", "RMSE, Narrow")
    assert (error["paper_relation"], error["unit"]) == ("below", "nats")
    assert (error["mean"], error["verdict"]) == (pytest.approx(0.2), "agrees")
    assert (error["n"], error["seeds"]) == (3, "5")


def test_a_figure_whose_study_is_not_finished_is_empty(paper):
    found = cell(
        table(replace(paper, finished_studies=["time"])),
        "figure10",
        "BALD – MeanSD",
        "RMSE, Narrow",
    )
    assert (found["status"], found["paper_mean"]) == (NOT_RUN, 0.5)


def test_seconds_of_the_papers_case_without_a_verdict(paper):
    found = cell(table(paper), "table8", "BALD", "CIFAR-100 with Acq. size 500")
    assert (found["unit"], found["paper_mean"], found["mean"]) == ("s", 9.4, 4.0)
    assert (found["n"], found["note"]) == (3, "median of 3")
    assert found["difference"] == pytest.approx(-5.4)
    assert found["verdict"] == ""
    row = timing_table.table(TIMES, paper).iloc[0]
    assert (row["seconds"], row["paper_seconds"]) == (found["mean"], found["paper_mean"])
    unknown = {"X": {"classes": 100, "points": 8, "size": 5}}
    other = TIMES | {"reference": TIMES["reference"] | {"columns": unknown}}
    with pytest.raises(DataError, match="no 5 of 8 points"):
        table(replace(paper, items={"table8": other}))


def of_scenario(scenario: str) -> dict:
    """The item with a scenario in the place of MNIST's."""
    spec = TABLE["reference"] | {"columns": {scenario: TABLE["reference"]["columns"]["mnist"]}}
    budgets = {"paper": {scenario: [50]}}
    return TABLE | {"scenarios": [scenario], "reference": spec, "budgets": budgets}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("names", "status"),
    [(("mnist", "idle"), ""), (("mnist", "digits"), ""), (("digits", "idle"), DIFFERS)],
)
def test_of_two_items_that_show_a_cell_the_one_that_says_more_counts(paper, order, names, status):
    """A number before one of other data, and that before what is not run."""
    chosen = {name: of_scenario(name) for name in names[::order]}
    histories = paper.histories[paper.histories["scenario"] == "mnist"]
    digits = histories.assign(scenario="digits")
    both = replace(
        paper,
        items=chosen,
        scenarios=dict.fromkeys(("mnist", "idle"), paper.scenarios["mnist"])
        | {"digits": settings("Full dropouts")},
        histories=pd.concat([histories, digits]),
        finished={"mnist/random": [0, 1, 2], "digits/random": [0, 1, 2]},
    )
    for seed in range(3):
        chain = {"scenario": "digits", "method": "random", "seed": seed}
        record(paper.results_folder / f"digits/random/seed{seed}/run.json", chain=chain)
    found = cell(table(both), "table1", "Random", "MNIST/50")
    assert found["status"] == status
    assert np.isnan(found["mean"]) == (status != "")


def test_of_two_items_with_a_number_the_first_counts(paper):
    """Another scenario with the same data: 10 points better."""
    histories = paper.histories[paper.histories["scenario"] == "mnist"]
    better = histories.assign(scenario="other", accuracy=histories["accuracy"] + 0.1)
    for seed in range(3):
        chain = {"scenario": "other", "method": "random", "seed": seed}
        record(paper.results_folder / f"other/random/seed{seed}/run.json", chain=chain)
    both = replace(
        paper,
        items={"a": of_scenario("other"), "b": of_scenario("mnist")},
        scenarios=dict.fromkeys(("mnist", "other"), paper.scenarios["mnist"]),
        histories=pd.concat([histories, better]),
        finished={"mnist/random": [0, 1, 2], "other/random": [0, 1, 2]},
    )
    assert cell(table(both), "table1", "Random", "MNIST/50")["mean"] == pytest.approx(89.0)
    turned = replace(both, items=dict(reversed(both.items.items())))
    assert cell(table(turned), "table1", "Random", "MNIST/50")["mean"] == pytest.approx(79.0)


@pytest.mark.parametrize("place", [0, 1])
def test_a_correlation_that_is_not_defined_is_named_and_leaves_no_verdict(paper, place):
    """Constant scores at one number of classes, whichever comes first."""
    constant(paper, (1, place))
    found = cell(table(paper), "figure10", "BALD – MeanSD", "rank correlation, Wide")
    classes, other = np.roll([2, 7], -place)
    assert found["note"] == f"C = {other}, the furthest of 1; not defined for C = {classes}"
    assert found["mean"] == pytest.approx([-1, 1][place])
    assert (found["status"], found["verdict"]) == ("", "")


def test_a_correlation_that_is_defined_nowhere_has_its_status(paper):
    constant(paper, 1)
    found = cell(table(paper), "figure10", "BALD – MeanSD", "rank correlation, Wide")
    assert found["status"] == NO_VALUE
    assert np.isnan(found["mean"])


def constant(paper, place) -> None:
    """Constant scores of BALD for (generator, classes)."""
    path = paper.study_folder / "values.npz"
    arrays = load_npz(path)
    arrays["scores"][place][..., 0, :] = 1.0
    save_npz(path, **arrays)


def test_what_is_ours_alone_is_no_number_of_the_paper():
    ours = {key: value for key, value in FIGURE.items() if key != "section"}
    items = {"a": ours, "b": TABLE, "c": {"kind": "paired", "section": "main"}}
    assert set(kinds.stated(items)) == {"b"}


def test_the_page_shows_counts(paper):
    counts = dict(grid(table(paper)).rows)
    assert counts["table1"] == ["77", "74", "3", "1", "0", "0"]
    assert counts["figure10"] == ["3", "3", "3", "2", "0", "1"]


def test_the_job_writes_every_row_at_small_scale_from_the_reference_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(REFERENCE.parents[1])
    fields = {"scale": "small", "scenarios": {}, "undefined": {}, "methods": METHODS, "seeds": [0]}
    items = {"table1": TABLE, "reproduction": {"kind": "reproduction", "title": "All"}}
    description = json.dumps(fields | {"items": items})
    write_report("reproduction", description, tmp_path, tmp_path / "reproduction")
    rows = pd.read_csv(output(tmp_path / "reproduction", ".csv"), keep_default_na=False)
    assert len(rows) == 409
    assert set(rows["mean"]) == {""}
    assert rows.iloc[0][["row", "column", "paper_mean"]].tolist() == ["Random", "MNIST/50", "78.6"]


@pytest.mark.parametrize(
    ("mean", "relation", "verdict"),
    [
        (0.96, "above", "agrees"),
        (0.99, "above", "agrees"),
        (0.90, "above", "lower"),
        (1.10, "below", "higher"),
        (0.50, "below", "agrees"),
        (1.01, "below", "agrees"),
        (0.50, "about", ""),
        (1.02, "about", ""),
    ],
)
def test_verdicts_on_bounds(mean, relation, verdict):
    """Four repeats with sd 0.04: the interval is ± 0.064 around the mean; stated: 1."""
    assert bound_verdict(Summary(mean, 0.04, 4), relation, 1.0, of=1) == verdict
    assert bound_verdict(Summary(mean, np.nan, 1), relation, 1.0, of=1) == ""


def test_the_worst_of_many_is_tested_at_the_level_of_many():
    """Of 12 the interval is ± 0.13: t of 3 degrees of freedom at 1 - 0.05 / 24 is 6.6."""
    near, far = Summary(0.9, 0.04, 4), Summary(0.8, 0.04, 4)
    assert [bound_verdict(near, "above", 1.0, of) for of in (1, 12)] == ["lower", "agrees"]
    assert bound_verdict(far, "above", 1.0, of=12) == "lower"


def test_chance_seldom_contradicts_a_statement_on_twelve_numbers_of_classes():
    """Means of 10 normal repeats at the bound itself: 5 % differ, and 46 % at the level of one."""
    draws = np.random.default_rng(0).standard_normal((2000, 12, 10))
    worst = [min(case, key=np.mean) for case in draws]
    for of, low, high in ((12, 0.01, 0.08), (1, 0.2, 0.5)):
        verdicts = [bound_verdict(summarise(repeats), "above", 0.0, of) for repeats in worst]
        assert low < verdicts.count("lower") / len(verdicts) < high


@pytest.mark.parametrize("text", [[], {}, {"chain": {"seed": 1}}])
def test_a_wrong_run_record_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(text))
    with pytest.raises(DataError, match=r"run\.json: is not a run record \(no ") as error:
        provenance([path])
    assert "\n" not in str(error.value)
