"""The transcribed tables: counts, spot values, and what the paper's tables say about each other."""

import math

import pandas as pd
import pytest

from balent.errors import DataError
from balent.reports.reference import INSUFFICIENT_MEMORY, NOT_RUN, load_reference

from .synthetic import REFERENCE

SHAPES = {  # table: rows, columns, cells without a number
    "table1": (7, 11, 3),
    "table3": (3, 8, 0),
    "table4": (5, 8, 0),
    "table5": (7, 3, 0),
    "table6": (10, 6, 3),
    "table7": (5, 3, 0),
    "table8": (8, 5, 6),
    "table9": (1, 42, 0),
    "table10": (2, 12, 0),
    "table11": (7, 6, 0),
    "table12": (8, 3, 0),
    "batchbald": (3, 8, 4),
}
ACCURACY = [table for table in SHAPES if table != "table8"]
REPEATED = [table for table in ACCURACY if table != "batchbald"]  # mean ± sd, not medians

SPOT = [
    ("table1", "Random", "MNIST/50", 78.6, 4.9),
    ("table1", "BalEntAcq", "MNIST/300", 96.5, 0.1),
    ("table1", "Entropy", "3×CIFAR-100/15000", 56.7, 0.8),
    ("table1", "PowerBALD", "CIFAR-100/5000", 56.0, 0.1),
    ("table1", "BADGE", "SVHN/30000", 95.0, 0.3),
    ("table1", "BALD", "TinyImageNet/15000", 35.2, 0.7),
    ("table3", "P1", "3×CIFAR-100/25000", 45.6, 1.1),
    ("table3", "P3", "TinyImageNet/6000", 28.9, 0.5),
    ("table4", "Case1", "3×CIFAR-100/5000", 55.4, 0.7),
    ("table4", "Case5", "TinyImageNet/30000", 45.4, 0.5),
    ("table5", "MeanSD", "TinyImageNet/25000", 31.5, 1.5),
    ("table6", "BatchBALD", "3×MNIST/200", 93.3, 1.2),
    ("table6", "CoreSet", "3×CIFAR-10/500", 65.2, 0.5),
    ("table7", "CoreMSE", "MNIST/50", 86.5, 0.8),
    ("table9", "BalEntAcq", "50×CIFAR-100/5000", 56.5, 0.7),
    ("table9", "BalEntAcq", "7×CIFAR-100/30000", 66.2, 0.4),
    ("table10", "MJEntAcq", "3×CIFAR-100/20000", 65.0, 0.1),
    ("table11", "Entropy", "3×CIFAR-10/1000", 66.5, 1.9),
    ("table11", "BADGE", "3×CIFAR-100/30000", 63.7, 0.3),
    ("table12", "Variation Ratios", "3×CIFAR-10/7500", 79.3, 0.2),
]
MEDIANS = [  # of six runs, without a standard deviation
    ("BatchBALD", "MNIST/200", 94.7),
    ("BALD", "RMNIST/50", 71.5),
    ("Random", "RMNIST/150", 84.4),
]


def cells(table: str) -> pd.DataFrame:
    return load_reference(REFERENCE, table).set_index(["row", "column"])


@pytest.mark.parametrize("table", SHAPES)
def test_counts(table):
    rows, columns, empty = SHAPES[table]
    frame = load_reference(REFERENCE, table)
    assert frame["row"].nunique() == rows
    assert frame["column"].nunique() == columns
    assert len(frame) == rows * columns  # every row has every column once
    assert int((frame["status"] != "").sum()) == empty
    assert list(frame["mean"].isna()) == list(frame["status"] != "")


def test_every_table_of_the_folder_is_counted():
    files = {path.stem for path in REFERENCE.glob("*.csv")}
    assert files == {*SHAPES, "table8_complexity"}


@pytest.mark.parametrize(("table", "row", "column", "mean", "sd"), SPOT)
def test_spot_values(table, row, column, mean, sd):
    cell = cells(table).loc[(row, column)]
    assert (cell["mean"], cell["sd"]) == (mean, sd)


@pytest.mark.parametrize(("row", "column", "median"), MEDIANS)
def test_recorded_medians(row, column, median):
    cell = cells("batchbald").loc[(row, column)]
    assert (cell["mean"], math.isnan(cell["sd"])) == (median, True)


def test_cells_that_are_not_numbers():
    table1 = load_reference(REFERENCE, "table1").query("status != ''")
    assert set(table1["row"]) == {"PowerBALD"}
    assert set(table1["column"]) == {"MNIST/50", "MNIST/100", "MNIST/300"}
    assert set(table1["status"]) == {NOT_RUN}
    table6 = load_reference(REFERENCE, "table6").query("status != ''")
    assert set(table6["row"]) == {"BatchBALD"}
    assert table6["column"].str.startswith("3×CIFAR-10/").all()
    table8 = load_reference(REFERENCE, "table8")
    memory = table8[table8["status"] == INSUFFICIENT_MEMORY]
    assert set(memory["row"]) == {"CoreMSE"}
    assert len(memory) == 4
    not_run = table8[table8["status"] == NOT_RUN]
    assert set(zip(not_run["row"], not_run["column"], strict=True)) == {
        ("PowerBALD", "MNIST with Acq. size 1"),
        ("BADGE", "MNIST with Acq. size 1"),
    }


def test_table_8_holds_seconds():
    table = cells("table8")
    assert table.loc[("BADGE", "3×CIFAR-100 with Acq. size 500"), "mean"] == 1227.4
    assert table.loc[("CoreMSE", "MNIST with Acq. size 1"), "mean"] == 14.3
    assert table["sd"].isna().all()
    complexity = pd.read_csv(REFERENCE / "table8_complexity.csv")
    assert len(complexity) == 16
    assert set(complexity["row"]) == set(load_reference(REFERENCE, "table8")["row"])


@pytest.mark.parametrize("table", ACCURACY)
def test_accuracy_rises_with_the_number_of_labels(table):
    frame = load_reference(REFERENCE, table)
    data, size = frame["column"].str.split("/").str[0], frame["column"].str.split("/").str[1]
    frame = frame.assign(data=data, size=size.astype(int)).sort_values("size")
    for _, curve in frame[frame["status"] == ""].groupby(["row", "data"]):
        assert curve["mean"].is_monotonic_increasing
    assert frame["mean"].dropna().between(0, 100).all()


@pytest.mark.parametrize("table", REPEATED)
def test_standard_deviations_are_printed_beside_means(table):
    frame = load_reference(REFERENCE, table)
    assert frame.loc[frame["status"] == "", "sd"].between(0.1, 6.1).all()


def balentacq(*tables: str) -> dict[str, set[tuple[float, float]]]:
    """{column: the values that these tables print for BalEntAcq} where two or more have it."""
    names = {"P2": "BalEntAcq", "Case3": "BalEntAcq"}
    frames = [load_reference(REFERENCE, table) for table in tables]
    both = pd.concat(frames).replace({"row": names}).query("row == 'BalEntAcq'")
    return {
        column: set(zip(group["mean"], group["sd"], strict=True))
        for column, group in both.groupby("column")
        if len(group) > 1
    }


def test_tables_agree_about_balentacq_but_for_two_cells():
    shared = balentacq("table1", "table3", "table4", "table7", "table9", "table10")
    assert len(shared) == 19  # MNIST 3, CIFAR-100 6, 3×CIFAR-100 6, TinyImageNet 4
    assert {column: values for column, values in shared.items() if len(values) > 1} == {
        "3×CIFAR-100/15000": {(63.5, 0.5), (63.5, 0.4)},
        "3×CIFAR-100/25000": {(66.6, 0.3), (66.7, 0.3)},
    }
    assert balentacq("table1", "table9", "table10")["3×CIFAR-100/15000"] == {(63.5, 0.5)}
    assert balentacq("table3", "table4")["3×CIFAR-100/15000"] == {(63.5, 0.4)}


def test_table_7_repeats_table_1():
    first, seventh = cells("table1"), cells("table7")
    shared = first.index.intersection(seventh.index)
    assert len(shared) == 9
    columns = ["mean", "sd"]
    pd.testing.assert_frame_equal(first.loc[shared, columns], seventh.loc[shared, columns])


def test_an_absent_table_names_those_that_are_there():
    with pytest.raises(DataError, match=r"table2\.csv: no such table .*table1, table10") as error:
        load_reference(REFERENCE, "table2")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table,row,column,mean,sd\n", "has columns table,row,column,mean,sd;"),
        ("table,row,column,mean,sd,status\nt,A,x/1,,,lost\n", "status must be one of"),
        ("table,row,column,mean,sd,status\nt,A,x/1,,,\n", "either a mean or a status"),
        ("table,row,column,mean,sd,status\nt,A,x/1,1,1,not_run\n", "either a mean or a status"),
        ("table,row,column,mean,sd,status\nt,A,x/1,1,1,\nt,A,x/1,2,1,\n", "appears twice"),
        ("table,row,column,mean,sd,status\nu,A,x/1,1,1,\n", "table must be t"),
        ("table,row,column,mean,sd,status\nt,A,x/1,one,1,\n", "column mean: Unable to parse"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message) as error:
        load_reference(tmp_path, "t")
    assert "\n" not in str(error.value)
