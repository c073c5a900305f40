"""What every report item is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from balent.data.registry import DATASETS
from balent.reports.kinds import UNDEFINED as UNDEFINED


@dataclass(frozen=True)
class ReportContext:
    """The resolved configuration and the results that an item may show.

    scale             small, cpu or paper
    scenarios         resolved settings of every scenario that the scale defines
    undefined         title of every scenario that the scale does not define
    methods           {title, function, options} of every method
    seeds             the configured seeds
    histories         table of load_histories (empty for items that read none)
    reference_folder  the papers' numbers (data/reference)
    features          resolved settings of every feature set
    items             all report items, for the index
    folder            where the outputs of the items lie, for the index
    studies           resolved settings of every study
    study_folder      where the results of the studies lie
    runs              table of load_runs, for the index
    probes            probe.json of every feature set (its linear probe), for the index
    finished          {scenario/method: seeds} of the chains that are finished, and
    finished_studies  the studies that are, where an item shows what there is
    records           digest of the run records of all these
    results_folder    where the results of the scale lie
    data_folder       where the data sets lie, NAME.npz, for items that read picks
    """

    scale: str
    scenarios: Mapping[str, dict]
    undefined: Mapping[str, str]
    methods: Mapping[str, dict]
    seeds: tuple[int, ...] = ()
    histories: pd.DataFrame = field(default_factory=pd.DataFrame)
    reference_folder: Path = Path("data/reference")
    features: Mapping[str, dict] = field(default_factory=dict)
    items: Mapping[str, dict] = field(default_factory=dict)
    folder: Path = Path("reports")
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    probes: Mapping[str, str] = field(default_factory=dict)
    studies: Mapping[str, dict] = field(default_factory=dict)
    study_folder: Path = Path("results/studies")
    finished: Mapping[str, list[int]] = field(default_factory=dict)
    finished_studies: Sequence[str] = ()
    records: str = ""
    results_folder: Path = Path("results")
    data_folder: Path = Path("data/raw")

    def scenario_title(self, scenario: str) -> str:
        """The title of a scenario, defined at this scale or not."""
        if scenario in self.undefined:
            return self.undefined[scenario]
        return self.scenarios[scenario]["title"]

    def seed_count(self, values: pd.DataFrame) -> str:
        """How many seeds stand behind the chains of a table: "3", or "2–3" where they differ."""
        counts = values.groupby(["scenario", "method"])["seed"].nunique()
        low, high = counts.min(), counts.max()
        return str(low) if low == high else f"{low}–{high}"


def data_title(name: str, copies: int = 1) -> str:
    """The printed name of a data set (a user's own goes by its own name): ``3×CIFAR-100``."""
    title = DATASETS[name].title if name in DATASETS else name
    return f"{copies}×{title}" if copies > 1 else title


def output(stem: Path, suffix: str) -> Path:
    """The output of an item with this suffix; the stem may contain dots."""
    return stem.with_name(stem.name + suffix)
