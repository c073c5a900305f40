"""Histories: what is read, and what is refused in one line."""

import numpy as np
import pandas as pd
import pytest

from balent.errors import DataError
from balent.loop.history import COLUMNS, Metrics, Picks, Record, write_history
from balent.reports.histories import chain, load_histories

from .synthetic import history


def written(folder, name="history.csv", **changes):
    frame = history([20, 30, 40], [0.5, 0.6, 0.7]).assign(**changes)
    frame.to_csv(folder / name, index=False)
    return folder / name


def test_two_chains_become_one_table(tmp_path):
    files = [
        ("s", "bald", 0, written(tmp_path, "a.csv")),
        ("s", "random", 1, written(tmp_path, "b.csv", accuracy=[0.1, 0.2, 0.3])),
    ]
    table = load_histories(files)
    assert tuple(table.columns) == ("scenario", "method", "seed", *COLUMNS)
    assert list(table["method"]) == ["bald"] * 3 + ["random"] * 3
    assert list(chain(table, "s", "random")["accuracy"]) == [0.1, 0.2, 0.3]
    assert table["epistemic"].isna().sum() == 2


def test_a_history_of_the_loop_is_read_bit_by_bit(tmp_path):
    value = 0.1 + 0.2  # not a short decimal
    picks = Picks(np.array([1]), np.array([0.5]))
    none = Picks(np.array([], np.int64), np.array([]))
    records = [
        Record(0, 20, Metrics(value, 1 / 3, 0.1, 0.2, 2.0), picks),
        Record(1, 21, Metrics(0.9, 0.2, float("nan"), float("nan"), 2.0), none),
    ]
    write_history(records, tmp_path / "history.csv", tmp_path / "picks.npz")
    table = load_histories([("s", "bald", 0, tmp_path / "history.csv")])
    assert table["accuracy"][0] == value
    assert table["nll"][0] == 1 / 3
    assert table["n_labelled"].dtype.kind == "i"


def test_no_chain_gives_an_empty_table():
    assert load_histories([]).empty


def test_an_unknown_chain_is_named():
    with pytest.raises(DataError, match="no history of method 'bald' in scenario 's'"):
        chain(load_histories([]), "s", "bald")


def test_the_same_chain_twice_is_refused(tmp_path):
    path = written(tmp_path)
    with pytest.raises(DataError, match="second history of s, bald, seed 0"):
        load_histories([("s", "bald", 0, path), ("s", "bald", 0, path)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy": [0.5, 1.5, 0.7]}, "accuracy is outside"),
        ({"accuracy": [0.5, np.nan, 0.7]}, "column accuracy has an empty"),
        ({"nll": [0.5, np.inf, 0.7]}, "column nll has an empty or infinite value"),
        ({"nll": ["a", "b", "c"]}, "column nll holds something else than numbers"),
        ({"round": [0, 2, 1]}, "rounds are not 0, 1, 2"),
        ({"n_labelled": [20, 20, 30]}, "n_labelled does not rise"),
        ({"extra": 1}, "a history has round,n_labelled"),
    ],
)
def test_a_wrong_history_is_refused_in_one_line(tmp_path, changes, message):
    path = written(tmp_path, **changes)
    with pytest.raises(DataError, match=message) as error:
        load_histories([("s", "bald", 0, path)])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b'a,b\n"1,2\n'])
def test_an_absent_or_unreadable_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"history\.csv: cannot be read") as error:
        load_histories([("s", "bald", 0, path)])
    assert "\n" not in str(error.value)


def test_a_history_without_rounds_is_refused(tmp_path):
    pd.DataFrame(columns=list(COLUMNS), dtype=float).to_csv(tmp_path / "h.csv", index=False)
    with pytest.raises(DataError, match="has no round"):
        load_histories([("s", "bald", 0, tmp_path / "h.csv")])
