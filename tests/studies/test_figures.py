"""Reports of studies: from a study's arrays to tables and figures."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from balent.config import read_yaml, resolve
from balent.data.fetch import fetch
from balent.errors import ConfigError, DataError
from balent.files import load_npz, save_npz
from balent.reports import agreement, index, surface, timing_table
from balent.reports.context import ReportContext
from balent.reports.job import write_report
from balent.reports.kinds import KINDS, outputs
from balent.studies import scenario
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
    "marginals": {"labels": 20, "points": 20, "samples": 50, "draws": 5},
    "timing": {"pools": [20, 40], "sizes": [2, 4], "points": 20, "size": 2, "samples": 5},
}
"""What makes the configured studies take a moment."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """results/small/studies of every configured study, at a tiny size."""
    run = tmp_path_factory.mktemp("run")
    digits = fetch_digits(run)
    for name, study in context().studies.items():
        description = {
            "name": name,
            "settings": study,
            "methods": {method: SETTINGS.methods[method] for method in study.get("methods", ())},
            "torch_threads": 1,
        }
        data = None
        if study["kind"] == "marginals":
            chain = scenario.chain(replace(SETTINGS, studies=context().studies), name)
            description["chain"] = json.loads(chain.to_json())
            data = digits["features" if "features" in chain.settings else "images"]
        stem = run / "results" / "small" / "studies" / name
        run_study(json.dumps(description), f"{stem}.npz", f"{stem}.run.json", data)
    return run / "results"


def fetch_digits(folder: Path) -> dict[str, str]:
    """Files with the digits' images, and with their pixels as features."""
    images, features = folder / "digits.npz", folder / "features.npz"
    fetch("digits", images)
    arrays = load_npz(images)
    pixels = {
        key: array.reshape(len(array), -1).astype(np.float32) / 255
        for key, array in arrays.items()
        if array.ndim > 1
    }
    save_npz(features, **arrays | pixels)
    return {"images": str(images), "features": str(features)}


def context() -> ReportContext:
    studies = {n: s | TINY[s["kind"]] for n, s in SETTINGS.studies.items()}
    return ReportContext("small", {}, {}, SETTINGS.methods, studies=studies, items=ITEMS)


def told(folder: Path) -> ReportContext:
    """The context of an item of a study."""
    return replace(context(), study_folder=folder / "small" / "studies")


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
        assert (row["paper_relation"], row["paper_spearman"]) == ("above", 0.975)
        unstated = rows[(rows["classes"] == classes) & (rows["second"] == "MeanSD")].iloc[0]
        assert unstated[["paper_relation", "paper_spearman"]].isna().all()


def test_figure_8_credits_the_paper_with_what_it_states_of_it(folder, tmp_path):
    rows = pd.read_csv(draw("figure8", folder, tmp_path)[-1]).dropna(subset="paper_spearman")
    assert set(rows["second"]) == {"BetaMarginalEIG"}
    assert set(zip(rows["paper_relation"], rows["paper_spearman"], strict=True)) == {("about", 0.7)}


def test_what_the_paper_states_is_printed_with_its_relation(folder):
    labels = {}
    for name in ("figure1", "figure8"):
        legend = agreement.draw(ITEMS[name], told(folder)).legends[0]
        labels[name] = [text.get_text() for text in legend.get_texts()]
    assert labels["figure1"][0] == "BALD – ExpectedEffectiveLoss (paper: > 97.5 %)"
    assert labels["figure8"][0] == "BALD – BetaMarginalEIG (paper: ≈ 70 %)"
    assert labels["figure8"][2] == "BALD – ExpectedEffectiveLoss"


def test_the_foot_counts_the_samples_that_a_generator_says():
    settings = {"samples": 1000, "generators": {"a": {"samples": 100}, "b": {}}}
    assert agreement.sample_counts(settings) == "100 or 1,000"
    assert agreement.sample_counts(settings | {"generators": {"a": {"samples": 100}}}) == "100"


@pytest.mark.parametrize("name", ["figure1", "figure9"])
def test_a_second_generator_is_never_left_out_silently(name, folder, tmp_path):
    file = f"{ITEMS[name]['study']}.npz"
    data = load_npz(folder / "small" / "studies" / file)
    twice = data | {"scores": np.concatenate([data["scores"], data["scores"]])}
    save_npz(tmp_path / "small" / "studies" / file, **twice)
    with pytest.raises(ValueError, match="too many values to unpack"):
        draw(name, tmp_path, tmp_path)


def test_levels_beyond_the_scores_are_refused(folder):
    with pytest.raises(ConfigError, match=r"none of \[5, 7\] lies within the scores"):
        surface.draw(ITEMS["figure13"] | {"levels": [5, 7]}, told(folder))


def test_a_result_without_a_method_is_one_line(folder, tmp_path):
    data = load_npz(folder / "small" / "studies" / "toy_moons.npz")
    data["methods"] = np.char.replace(data["methods"], "mean_sd", "other")
    save_npz(tmp_path / "small" / "studies" / "toy_moons.npz", **data)
    with pytest.raises(DataError, match="the study's result has no 'mean_sd'"):
        draw("figure2", tmp_path, tmp_path)


def test_the_papers_seconds_stand_beside_its_cases_at_its_scale(folder, tmp_path):
    data = load_npz(folder / "small" / "studies" / "acquisition_time.npz")
    data["points"] = np.where(data["points"] == 20, 50_000, 150_000)
    data["sizes"] = data["sizes"] * 250  # 500 and, where the batch varies, 1,000
    save_npz(tmp_path / "paper" / "studies" / "acquisition_time.npz", **data)
    paper = replace(told(tmp_path), scale="paper", study_folder=tmp_path / "paper" / "studies")
    rows = timing_table.table(ITEMS["table8"], paper)
    badge = rows[rows["method"] == "BADGE"].set_index(["classes", "points"])["paper_seconds"]
    assert badge[100, 50_000] == 302.5
    assert badge[100, 150_000] == 1227.4
    assert len(badge) == 3
    assert np.isnan(badge[10, 150_000])


def test_the_small_scale_shows_its_largest_pool(folder, tmp_path):
    csv, md = draw("table8", folder, tmp_path)
    rows = pd.read_csv(csv)
    printed = [line.strip("| ").split(" | ") for line in md.read_text().splitlines()[6:]]
    assert [row[5] for row in printed] == [f"{value:.4g}" for value in rows["seconds"]]
    assert rows["paper_seconds"].isna().all()
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
