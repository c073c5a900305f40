"""Which target makes which item, and what asks for no chain."""

import pytest
import yaml

from .project import FIGURE, METHODS, SCENARIOS, Project

pytestmark = pytest.mark.workflow

BOTH = {"scenarios": SCENARIOS, "methods": METHODS}
ITEMS = {
    "extra/pairs": {"kind": "paired", "title": "Pairs", **BOTH},
    "extra/index": {"kind": "index", "title": "Beyond"},
    "reproduction": {"kind": "reproduction", "title": "Every number"},
    "index": {"kind": "index", "title": "All"},
}


@pytest.fixture
def larger(clone) -> Project:
    """A clone with items of both targets; nothing is built."""
    config = yaml.safe_load((clone.root / "config.yaml").read_text())
    config["reports"] |= ITEMS
    sizes = {"full_dropout": [50], "fixed_features": [5000]}
    config["reports"]["table1"]["budgets"]["paper"] = sizes
    (clone.root / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return clone


def reports(paths: set[str]) -> set[str]:
    return {path for path in paths if path.startswith("reports/")}


def test_all_makes_nothing_of_extra_and_extra_nothing_else(larger):
    table = {"reports/table1.csv", "reports/table1.md"}
    pages = {"reports/index.html", "reports/reproduction.csv"}
    assert reports(larger.planned("all")) == FIGURE | table | pages
    extra = larger.planned("extra")
    assert reports(extra) == {"reports/extra/pairs.csv", "reports/extra/index.html"}
    chains = {f"results/small/{s}/{m}/seed0/history.csv" for s in SCENARIOS for m in METHODS}
    assert chains <= extra


def test_results_and_metrics_are_those_of_target_all(larger):
    config = yaml.safe_load((larger.root / "config.yaml").read_text())
    for name in ("table1", "figure3"):
        config["reports"][name]["methods"] = ["random"]
    (larger.root / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    planned = larger.planned("all", "results", "metrics")
    assert any("/random/" in path for path in planned)
    assert not any("/bald/" in path for path in planned)
    assert any("/bald/" in path for path in larger.planned("extra"))


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_numbers_of_the_paper_ask_for_no_chain(larger, scale):
    config = ("--config", f"scale={scale}")
    assert larger.planned("reports/reproduction.csv", *config) == {"reports/reproduction.csv"}
    larger.snakemake("reports/reproduction.csv", *config)
    rows = (larger.root / "reports/reproduction.csv").read_text().splitlines()
    assert len(rows) == 1 + 409
    assert larger.planned("reports/reproduction.csv", *config) == set()


def test_another_section_makes_no_report_again(pulled):
    pulled.snakemake("all")
    pulled.edit("config.yaml", "    section: main\n", "    section: A.1\n")
    assert pulled.planned("all") == set()
