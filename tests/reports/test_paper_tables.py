"""The paper's tables of loops: every cell has its place, beside ours, at paper scale."""

from pathlib import Path

import pandas as pd
import pytest

from balent.budget import label_counts
from balent.config import Settings, read_yaml, resolve
from balent.reports.accuracy_table import accuracy_table
from balent.reports.context import ReportContext
from balent.reports.kinds import pairs
from balent.reports.reference import load_reference

from .synthetic import REFERENCE, chains, history

ROOT = Path(__file__).parents[2]
CONFIG = read_yaml(ROOT / "config.yaml")
SCHEMA = read_yaml(ROOT / "config.schema.yaml")
TABLES = {
    name: item
    for name, item in CONFIG["reports"].items()
    if item["kind"] == "accuracy_table" and "reference" in item
}
NUMBERS = (1, 3, 4, 5, 6, 7, 9, 10, 11, 12)
FIGURES = (3, 12, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25)


@pytest.fixture(scope="module")
def paper() -> Settings:
    return resolve(CONFIG | {"scale": "paper"}, SCHEMA)


def filled(settings: Settings, item: dict) -> pd.DataFrame:
    """The table of an item when every chain that it shows has run once."""
    run = {}
    for scenario, method in pairs(item):
        sizes = label_counts(settings.scenarios[scenario]["acquisition"])
        run[scenario, method, 0] = history(sizes, [0.5] * len(sizes))
    context = ReportContext(
        scale=settings.scale,
        scenarios=settings.scenarios,
        undefined=settings.undefined,
        methods=settings.methods,
        seeds=(0,),
        histories=chains(run),
        reference_folder=REFERENCE,
    )
    return accuracy_table(item, context)


def test_every_table_and_figure_of_a_loop_is_an_item():
    assert {f"table{n}" for n in NUMBERS} | {"extra/batchbald"} == set(TABLES)
    for number in FIGURES:
        assert CONFIG["reports"][f"figure{number}"]["title"].startswith(f"Figure {number}: ")


@pytest.mark.parametrize("name", TABLES)
def test_every_cell_of_the_paper_has_its_place(paper, name):
    item = paper.reports[name]
    assert item["reference"]["table"] == name.removeprefix("extra/")
    table = filled(paper, item)
    printed = load_reference(REFERENCE, item["reference"]["table"])
    columns = {s: column["dataset"] for s, column in item["reference"]["columns"].items()}
    shown = {
        (item["reference"]["rows"][row.method], f"{columns[row.scenario]}/{row.n_labelled}"): (
            row.paper_mean,
            row.paper_sd,
            row.paper_status,
        )
        for row in table.itertuples()
    }
    assert len(shown) == len(table)
    expected = printed.set_index(["row", "column"])[["mean", "sd", "status"]]
    found = pd.DataFrame(shown, index=["mean", "sd", "status"]).T
    assert set(shown) == set(expected.index)
    found = found.reindex(expected.index).astype(expected.dtypes)
    pd.testing.assert_frame_equal(found, expected, check_names=False)


@pytest.mark.parametrize("name", TABLES)
def test_only_what_the_paper_left_out_is_left_out(paper, name):
    table = filled(paper, paper.reports[name])
    left = table[table["status"] == "not run"]
    assert set(left["paper_status"]) <= {"not_run"}
    assert table["mean"].isna().sum() == len(left)
    assert len(left) == (3 if name == "table6" else 0)


def test_a_figure_shows_the_chains_of_its_table(paper):
    of_figures = {3: 1, 15: 3, 16: 4, 18: 5, 19: 6, 20: 7, 22: 9, 23: 10, 24: 11, 25: 12}
    for figure, table in of_figures.items():
        drawn = paper.reports[f"figure{figure}"]
        assert sorted(pairs(drawn)) == sorted(pairs(paper.reports[f"table{table}"]))


def test_paper_settings_of_the_appendix(paper):
    acquisition = {
        name: (s["data"], s["copies"], s["acquisition"]["size"], s["acquisition"]["budget"])
        for name, s in paper.scenarios.items()
    }
    assert acquisition["scratch_backbone"] == ("tiny_imagenet", 1, 2500, 50_000)
    assert acquisition["redundant_full_dropout"] == ("mnist", 3, 25, 300)
    assert acquisition["small_acquisition"] == ("cifar10", 3, 25, 500)
    assert acquisition["full_dropout_reference"] == ("mnist", 1, 1, 300)
    for copies in (5, 7, 10, 20, 50):
        assert acquisition[f"redundancy_{copies}"] == ("cifar100", copies, 500, 30_000)
    scratch = paper.scenarios["scratch_backbone"]
    assert scratch["model"]["encoder"] == {
        "name": "resnet50",
        "stem": "imagenet",
        "pretrained": "none",
    }
    assert scratch["training"] == paper.scenarios["augmented_backbone"]["training"]
