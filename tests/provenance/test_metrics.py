"""metrics.json and curves.csv from histories."""

import csv
import json

import pytest

from balent.errors import DataError
from balent.loop.history import COLUMNS
from balent.provenance.metrics import write_metrics

ITEMS = [{"scenarios": ["s"], "methods": ["a", "b"]}, {"scenarios": ["s"], "methods": ["b"]}]


def write_history(folder, method, seed, accuracies):
    place = folder / "results/s" / method / f"seed{seed}"
    place.mkdir(parents=True)
    rows = [f"{i},{20 + 10 * i},{value},1,,,1" for i, value in enumerate(accuracies)]
    (place / "history.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")


def test_means_over_seeds(tmp_path):
    write_history(tmp_path, "a", 0, [0.5, 0.7, 0.8])
    write_history(tmp_path, "a", 1, [0.7, 0.9, 1.0])
    write_history(tmp_path, "b", 0, [0.1, 0.2, 0.3])
    write_history(tmp_path, "b", 1, [0.1, 0.2, 0.3])
    metrics, curves = tmp_path / "metrics.json", tmp_path / "curves.csv"
    write_metrics(ITEMS, [0, 1], tmp_path / "results", metrics, curves)
    found = json.loads(metrics.read_text())
    assert set(found) == {"s"}
    assert set(found["s"]) == {"a", "b"}
    assert found["s"]["a"]["accuracy"] == pytest.approx(0.9)
    assert found["s"]["a"]["area"] == pytest.approx((0.6 / 2 + 0.8 + 0.9 / 2) / 2)
    rows = list(csv.DictReader(curves.open()))
    assert len(rows) == 6
    assert rows[1]["method"] == "a"
    assert rows[1]["n_labelled"] == "30"
    assert float(rows[1]["accuracy"]) == pytest.approx(0.8)


def test_an_absent_history_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"s/a/seed0/history.csv: cannot be read as a history"):
        write_metrics(ITEMS, [0], tmp_path / "results", tmp_path / "m.json", tmp_path / "c.csv")
