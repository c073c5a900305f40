"""The limits of jobs in the workflow: the forecasts, and more with every attempt."""

import re

import pytest

from balent.config import read_yaml, resolve
from balent.resources import Jobs

from .conftest import ROOT

pytestmark = pytest.mark.workflow
LIMITS = re.compile(r"resources: .*?runtime=(\d+),.*?mem_mb=(\d+)")


def limits(text):
    """(mem_mb, runtime) of every job in what Snakemake printed."""
    return {(int(mem_mb), int(runtime)) for runtime, mem_mb in LIMITS.findall(text)}


def test_jobs_get_their_forecasts(project):
    config = read_yaml(ROOT / "config.yaml") | {"scale": "paper"}
    jobs = Jobs(resolve(config, read_yaml(ROOT / "config.schema.yaml")))
    chain = "augmented_backbone", "badge"
    wanted = {
        "data/raw/tiny_imagenet.npz": [jobs.data("tiny_imagenet")],
        "work/paper/augmented_backbone/badge/seed0/round1/records.npz": [
            jobs.step(*chain, step, round)
            for round in (0, 1)
            for step in ("train", "mc_sample", "acquire", "evaluate")
        ],
        "results/paper/full_dropout/bald/seed0/history.csv": [
            jobs.rounds("full_dropout", "bald", 0, 281),
        ],
        "data/features/paper/simclr/features.npz": [jobs.simclr("simclr"), jobs.extract("simclr")],
    }
    arguments = "--dry-run", "--quiet", "host", "--config", "scale=paper", "--"
    shown = limits(project.build(*arguments, *wanted, tiny=False))
    for needs in wanted.values():
        assert {(need.mem_mb, need.runtime) for need in needs} <= shown
    assert len(shown) >= 8


def test_a_second_attempt_gets_twice_as_much(project):
    """A damaged image, so that the job fails at every attempt."""
    for name in ("a/1.png", "b/2.png"):
        image = project.root / "images" / name
        image.parent.mkdir(parents=True)
        image.write_bytes(b"no image")
    own = 'data_sets={"mine": {"path": "images", "size": [8, 8]}}'
    arguments = "--quiet", "host", "--retries", "1", "--config", own, "--", "data/raw/mine.npz"
    done = project.snakemake(*arguments, tiny=False)
    assert done.returncode != 0
    first, second = sorted(limits(done.stdout + done.stderr))
    assert second == (2 * first[0], 2 * first[1])
