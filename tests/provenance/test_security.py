"""Pulled artefacts are data: a pickle in place of any of them is never loaded."""

import pickle
from pathlib import Path

import pytest

from balent.errors import DataError
from balent.files import load_metadata, load_npz, load_tensors, read_json
from balent.loop.history import load_records
from balent.provenance import entries
from balent.reports.histories import load_histories

from .project import Project

pytestmark = pytest.mark.workflow

CHAIN = "results/small/fixed_features/bald/seed0"
LOADERS = {
    "data/raw/digits.npz": load_npz,
    "data/features/small/simclr/features.npz": load_npz,
    "data/features/small/simclr/encoder.safetensors": load_tensors,
    "data/features/small/simclr/simclr.json": read_json,
    "data/features/small/simclr/probe.json": read_json,
    f"{CHAIN}/history.csv": lambda path: load_histories([("s", "m", 0, path)]),
    f"{CHAIN}/picks.npz": load_npz,
    f"{CHAIN}/run.json": read_json,
    "reports/metrics.json": read_json,
    "provenance.jsonl": entries.read,
    "journal.npz": load_records,
    "checkpoint.safetensors": load_metadata,
}


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.fixture(params=[0, pickle.HIGHEST_PROTOCOL], ids=["text", "binary"])
def protocol(request):
    return request.param


@pytest.fixture
def malicious(tmp_path, protocol):
    """The bytes of a pickle, and the file that would exist if one was ever loaded."""
    trace = tmp_path / "executed"
    found = pickle.dumps(Malicious(trace), protocol)
    pickle.loads(found)
    assert trace.exists()  # the trap works
    trace.unlink()
    return found, trace


@pytest.mark.parametrize("path", LOADERS)
def test_a_pickle_is_refused_by_every_loader(path, malicious, tmp_path):
    content, trace = malicious
    place = tmp_path / Path(path).name
    place.write_bytes(content)
    with pytest.raises(DataError):
        LOADERS[path](place)
    assert not trace.exists()


@pytest.mark.parametrize("protocol", [0])  # DVC itself refuses binary metrics
def test_pickles_that_the_remote_serves_are_made_again(origin, clone, malicious, tmp_path):
    """The lock names the pickles, so that DVC pulls them as if they were right."""
    content, trace = malicious
    clone.dvc("pull")
    artefacts = [path for path in LOADERS if (clone.root / path).exists() and "/" in path]
    assert len(artefacts) == 9
    for path in artefacts:
        (clone.root / path).write_bytes(content)
    clone.dvc("commit", "--force")
    clone.dvc("push")
    clone.git("add", "--force", ".dvc/published")
    clone.commit("malicious")
    victim: Project = clone.clone(tmp_path / "victim")
    victim.dvc("pull")
    assert (victim.root / artefacts[0]).read_bytes() == content
    said = victim.snakemake("all", "metrics")
    assert said.count("no record knows its content") == len(artefacts)
    assert not trace.exists()
    for path in artefacts:
        assert (victim.root / path).read_bytes() != content
    table = "reports/table1.csv"
    assert (victim.root / table).read_bytes() == (origin.root / table).read_bytes()
