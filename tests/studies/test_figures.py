"""Reports of studies: from a study's arrays to tables and figures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from balent.config import read_yaml, resolve
from balent.errors import DataError
from balent.files import load_npz, save_npz
from balent.reports import index
from balent.reports.context import ReportContext
from balent.reports.job import write_report
from balent.reports.kinds import KINDS, outputs
from balent.studies.job import run_study

ROOT = Path(__file__).parents[2]
CONFIG = read_yaml(ROOT / "config.yaml")
SCHEMA = read_yaml(ROOT / "config.schema.yaml")
SETTINGS = resolve(CONFIG, SCHEMA)
ITEMS = {n: i for n, i in SETTINGS.reports.items() if KINDS[i["kind"]].reads == "study"}
TINY = {
    "agreement": {"classes": [3, 6], "points": 20, "repeats": 2, "samples": 20},
    "toy": {"side": 30, "samples": 10},
    "surface": {"side": 21},
    "timing": {"pools": [20, 40], "sizes": [2, 4], "points": 20, "size": 2, "samples": 5},
}
"""What makes the configured studies take a moment."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """results/small/studies of every configured study, at a tiny size."""
    results = tmp_path_factory.mktemp("run") / "results"
    for name, study in SETTINGS.studies.items():
        description = {
            "name": name,
            "settings": study | TINY[study["kind"]],
            "methods": {method: SETTINGS.methods[method] for method in study["methods"]},
            "torch_threads": 1,
        }
        stem = results / "small" / "studies" / name
        run_study(json.dumps(description), f"{stem}.npz", f"{stem}.run.json")
    return results


def context() -> ReportContext:
    studies = {n: s | TINY[s["kind"]] for n, s in SETTINGS.studies.items()}
    return ReportContext("small", {}, {}, SETTINGS.methods, studies=studies, items=ITEMS)


def draw(name: str, folder: Path, target: Path) -> list[Path]:
    """Write an item as the workflow's script does."""
    fields = {
        key: getattr(context(), key)
        for key in ("scale", "scenarios", "undefined", "methods", "seeds", "studies", "items")
    }
    write_report(name, json.dumps(fields), folder, target / name)
    return [Path(path) for path in outputs(name, ITEMS[name], str(target))]


@pytest.mark.parametrize("name", ITEMS)
def test_every_item_is_drawn_the_same_twice(name, folder, tmp_path):
    first, second = (draw(name, folder, tmp_path / part) for part in ("first", "second"))
    assert len(first) == len(KINDS[ITEMS[name]["kind"]].suffixes)
    for path, again in zip(first, second, strict=True):
        assert path.stat().st_size > 200
        assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("name", ITEMS)
def test_every_item_has_a_caption(name):
    text = (ROOT / "reports" / "captions" / f"{name}.rst").read_text(encoding="utf-8")
    assert len(text) > 200


def test_a_table_holds_scipys_correlations(folder, tmp_path):
    rows = pd.read_csv(draw("figure1", folder, tmp_path)[-1])
    data = load_npz(folder / "small" / "studies" / "rank_correlation.npz")
    methods = data["methods"].tolist()
    first, second = methods.index("bald"), methods.index("expected_effective_loss")
    for place, classes in enumerate(data["classes"]):
        scores = data["scores"][0, place]  # [R, M, N]
        ranks = [spearmanr(s[first], s[second]).statistic for s in scores]
        errors = [np.sqrt(np.mean((s[first] - s[second]) ** 2)) for s in scores]
        row = rows[(rows["classes"] == classes) & (rows["second"] == "ExpectedEffectiveLoss")]
        row = row[row["first"] == "BALD"].iloc[0]
        assert row["spearman_mean"] == pytest.approx(np.mean(ranks), abs=1e-5)
        assert row["spearman_sd"] == pytest.approx(np.std(ranks, ddof=1), rel=1e-4)
        assert row["rmse_mean"] == pytest.approx(np.mean(errors), rel=1e-4)
        assert row["repeats"] == 2
        assert row["paper_spearman"] == 0.975


def test_the_papers_seconds_stand_beside_their_number_of_classes(folder, tmp_path):
    rows = pd.read_csv(draw("table8", folder, tmp_path)[-1])
    badge = rows[rows["method"] == "BADGE"].set_index("classes")["paper_seconds"]
    assert badge[100] == 302.5
    assert np.isnan(badge[10])
    assert len(rows) == 2 * len(ITEMS["table8"]["methods"])
    assert (rows["seconds"] >= rows["choosing_seconds"]).all()


def test_one_repeat_has_no_spread(folder, tmp_path):
    source = folder / "small" / "studies" / "rank_correlation.npz"
    data = load_npz(source)
    save_npz(
        tmp_path / "small" / "studies" / source.name, **data | {"scores": data["scores"][:, :, :1]}
    )
    rows = pd.read_csv(draw("figure1", tmp_path, tmp_path)[-1])
    assert rows["spearman_sd"].isna().all()
    assert rows["spearman_mean"].notna().all()


def test_a_run_record_says_how_a_result_came_to_be(folder):
    record = json.loads((folder / "small" / "studies" / "toy_moons.run.json").read_text())
    assert record["study"]["settings"]["side"] == 30
    assert record["device"] == "cpu"
    assert record["seconds"] > 0
    assert len(record["code"]) == 64


def test_the_index_shows_figures_and_tables_of_studies(folder, tmp_path):
    shown = ("figure14", "extra/generator_sensitivity")
    for name in shown:
        draw(name, folder, tmp_path)
    captions = tmp_path / "captions"
    captions.mkdir()
    (captions / "figure14.rst").write_text("Where BalEnt is not negative.")
    items = {name: ITEMS[name] for name in shown} | {"index": SETTINGS.reports["index"]}
    index.write(items["index"], replace(context(), items=items, folder=tmp_path), tmp_path / "i")
    page = (tmp_path / "i.html").read_text()
    assert page.count("data:image/svg+xml") == 1
    assert "Where BalEnt is not negative." in page
    assert 'id="extra/generator_sensitivity"' in page
    assert page.count("<td>Dirichlet, η in [0.1, 10]</td>") + page.count(
        "Dirichlet, η in [0.1, 10]</th>"
    ) == 2 * len(ITEMS[shown[1]]["pairs"])


def test_a_missing_result_is_one_line(tmp_path):
    with pytest.raises(DataError, match=r"toy_moons\.npz: cannot be read"):
        draw("figure2", tmp_path, tmp_path)
