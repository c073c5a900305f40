"""What the jobs of a configuration need, and the limits that a scheduler should give them.

From the forecasts (forecast.py, features/forecast.py). The Snakefile reads this module: no torch.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from balent.budget import label_counts
from balent.config import Settings
from balent.data.registry import known
from balent.data.sizes import own_sizes
from balent.errors import BalentError
from balent.features import forecast as features
from balent.files import load_npz
from balent.forecast import CORE, GPU, MIB, PROCESS, Chain, Points
from balent.models import counts

MEMORY_ROOM = 1.25
TIME_ROOM = 3
"""Limits are this much above the forecast: shared cores differ by a factor of two."""

SNAKEMAKE = 300e6
"""Bytes of the processes that start a job's command on a cluster's node."""

START = 60
"""Seconds for a process to start and to read its files."""

DOWNLOAD = 1e6
"""Bytes a second (assumed)."""

IMAGE = 2e-3
"""Seconds to decode an image file (assumed)."""

FOLDER_SIZE = (224, 224)
"""Taken for a user's folder of images that names no size."""


class Needs(NamedTuple):
    """The forecast of a job: bytes of memory on its host, and seconds after its start."""

    size: float
    seconds: float

    @property
    def mem_mb(self) -> int:
        """Limit in 10⁶ bytes, as Snakemake counts."""
        return 100 * math.ceil((MEMORY_ROOM * self.size + SNAKEMAKE) / 1e8)

    @property
    def runtime(self) -> int:
        """Limit in minutes."""
        return math.ceil((START + TIME_ROOM * self.seconds) / 60)


class Jobs:
    """Needs of every kind of job of a configuration."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.gpu = settings.runtime["device"].startswith("cuda")
        self.speed = GPU if self.gpu else CORE
        self.chain = cache(self._chain)
        self.points = cache(self._points)

    def rounds(self, scenario: str, method: str, first: int, last: int) -> Needs:
        """Of rounds ``first`` to ``last`` (not included) of a chain in one process."""
        chain = self.chain(scenario, method)
        labels = label_counts(chain.settings["acquisition"])[first:last]
        others = chain.mc_sample() + chain.acquire() + chain.evaluate()
        seconds = sum(map(chain.train, labels)) + len(labels) * others
        return Needs(self._bytes(chain), seconds)

    def step(self, scenario: str, method: str, step: str, round: int) -> Needs:
        """Of a step of a round: train, mc_sample, acquire or evaluate."""
        chain = self.chain(scenario, method)
        labelled = label_counts(chain.settings["acquisition"])[round]
        seconds = chain.train(labelled) if step == "train" else getattr(chain, step)()
        return Needs(self._bytes(chain), seconds)

    def history(self, scenario: str, method: str) -> Needs:
        """Of putting together a history: it reads what a chain reads, and computes nothing."""
        return Needs(self._bytes(self.chain(scenario, method)), 0)

    def simclr(self, name: str) -> Needs:
        settings = self.settings.features[name]
        points = self.points(settings["data"])
        size = features.simclr_bytes(settings["simclr"], points, self.gpu)
        return Needs(size, features.simclr_seconds(settings["simclr"], points, self.speed))

    def extract(self, name: str) -> Needs:
        settings = self.settings.features[name]
        points = self.points(settings["data"])
        seconds = features.extract_seconds(settings, points, self.speed)
        return Needs(features.extract_bytes(settings, points, self.gpu), seconds)

    def data(self, name: str) -> Needs:
        """Of fetching a data set: what is downloaded and decoded, and two copies beside it."""
        try:
            points = self.points(name)
        except BalentError:
            return Needs(PROCESS, 0)  # an unknown name or damaged file: the job says so
        images = points.n_train + points.n_test
        seconds = points.stored / DOWNLOAD + images * IMAGE
        return Needs(PROCESS + 3 * points.stored, seconds)

    def weights(self, name: str) -> Needs:
        """Of fetching an encoder's weights."""
        stored = 4 * counts.encoder({"name": name, "stem": "imagenet"}, (32, 32, 3)).parameters
        return Needs(PROCESS + 3 * stored, stored / DOWNLOAD)

    def _bytes(self, chain: Chain) -> int:
        if self.gpu:
            return chain.bytes_on_gpu()
        return chain.bytes_on_cpu(self.settings.runtime["memory_budget_mib"] * MIB)

    def _chain(self, scenario: str, method: str) -> Chain:
        settings, entry = self.settings.scenarios[scenario], self.settings.methods[method]
        points = self.points(settings["data"])
        if "features" in settings:
            encoder = self.settings.features[settings["features"]]["simclr"]["encoder"]
            points = points._replace(shape=(counts.out_features(encoder),), width=4)
        return Chain(settings, entry["function"], entry["options"], points, self.speed)

    def _points(self, name: str) -> Points:
        own = self.settings.runtime["data_sets"].get(name)
        if own is None:
            entry = known(name)
            return Points(entry.n_train, entry.n_test, entry.shape, entry.n_classes, 1)
        sizes, path = own_sizes(own), Path(own["path"])
        if sizes is not None:
            classes = len(np.unique(load_npz(path, "y_train")["y_train"]))
            width = 1 if len(sizes.shape) > 1 else 8
            return Points(sizes.n_train, sizes.n_test, sizes.shape, classes, width)
        files = [file for file in path.rglob("*") if file.is_file()]
        classes = len({file.parent.name for file in files})
        return Points(len(files), 0, (*own.get("size", FOLDER_SIZE), 3), classes, 1)
