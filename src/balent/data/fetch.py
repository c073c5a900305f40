"""Fetching a data set to ``data/raw/NAME.npz``: mirror, download or the user's own file."""

from __future__ import annotations

from pathlib import Path

from balent.data.dataset import ARRAYS, Dataset, validated
from balent.data.digits import read_digits
from balent.data.download import temporary_folder
from balent.data.own import read_own
from balent.data.registry import DATASETS, DataSet, known, mirror_words
from balent.data.tiny_imagenet import read_tiny_imagenet
from balent.errors import DataError
from balent.files import load_npz, save_npz


def fetch(name: str, target: Path, mirror: Path | None = None, user: dict | None = None) -> None:
    """Write the data set ``name`` in its canonical form (dataset.py) to ``target``.

    Its source is the first that is given: ``user``, the entry ``data_sets.NAME`` of the
    configuration (own.py); NAME.npz in ``mirror``; the source in the registry. A source that fails
    is never replaced by the next. A name of the registry always means its recorded content: it is
    checked whatever the source.

    Raises ConfigError for an unknown name, DataError in one line for everything else.
    """
    target = Path(target)
    where = f"data set {name!r}"
    if user is not None:
        where = f"data_sets.{name}"
        arrays = read_own(where, user)
    elif mirror is not None and (mirror / f"{name}.npz").is_file() and known(name):
        where = str(mirror / f"{name}.npz")
        arrays = load_npz(where, *ARRAYS)
    elif known(name).source == "scikit-learn":
        arrays = read_digits()
    else:
        with temporary_folder(target) as folder:
            remedy = _three_ways(name, mirror)
            if known(name).source == "archive":
                arrays = read_tiny_imagenet(folder, remedy)
            else:
                from balent.data.torchvision_sets import read_torchvision  # imports torch

                arrays = read_torchvision(name, folder, remedy)
    data = validated(arrays, where)
    if name in DATASETS:
        check_identity(DATASETS[name], data, where)
    save_npz(target, **data.arrays())


def check_identity(recorded: DataSet, data: Dataset, where: str) -> None:
    """Raise DataError unless the data are what the registry records under that name."""
    for what, got, want in (
        ("training points", len(data.x_train), recorded.n_train),
        ("test points", len(data.x_test), recorded.n_test),
        ("classes", data.n_classes, recorded.n_classes),
        ("shape per point", data.x_train.shape[1:], recorded.shape),
        ("content hash", data.sha256, recorded.sha256 or data.sha256),
    ):
        if got != want:
            raise DataError(
                f"{where}: {what} {got}, but {recorded.name!r} is recorded with {want}; replace "
                "the file, or give other data another name under data_sets in config.yaml"
            )


def _three_ways(name: str, mirror: Path | None) -> str:
    return (
        f"three ways to provide it: put {name}.npz into {mirror_words(mirror)}, run once with "
        f"network access, or name your own file as data_sets.{name}.path in config.yaml"
    )
