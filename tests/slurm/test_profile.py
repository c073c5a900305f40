"""The profile for SLURM against the one for local runs and the rules."""

import re
import runpy
from collections import Counter

from workflow.conftest import ROOT

from balent.config import read_yaml, resolve
from balent.studies.kinds import TIMED

FOLDER = ROOT / "profiles/slurm"
SLURM = read_yaml(FOLDER / "config.yaml")
MINUTE = 60


def rules() -> set[str]:
    """The names of all rules; those of reports and studies are made in loops."""
    text = "".join(path.read_text() for path in ROOT.glob("rules/*.smk"))
    config = read_yaml(ROOT / "config.yaml")
    looped = {f"study_{name}" for name in config["studies"]}
    return looped | set(re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, re.MULTILINE))


def test_it_repeats_the_keys_that_it_replaces():
    for key, value in read_yaml(ROOT / "profiles/default/config.yaml").items():
        assert SLURM[key] == value


def test_it_names_rules_that_are_there():
    assert {"chain", "train"} <= rules()
    assert set(SLURM["set-resources"]) <= rules()
    assert set(SLURM["groups"]) <= rules()


def test_a_study_of_times_has_a_node_for_itself():
    studies = read_yaml(ROOT / "config.yaml")["studies"]
    timed = {f"study_{n}" for n, study in studies.items() if study["paper"]["kind"] in TIMED}
    assert timed
    for rule in timed:
        assert SLURM["set-resources"][rule]["slurm_extra"] == "'--exclusive'"


def test_no_job_is_shorter_than_a_minute_at_paper_scale():
    """By the forecasts for a GPU. Only a chain that is shorter as a whole is a shorter job.

    Studies are none of these jobs, and reports run locally.
    """
    changes = read_yaml(FOLDER / SLURM["configfile"]) | {"scale": "paper", "device": "cuda"}
    config = read_yaml(ROOT / "config.yaml") | changes
    settings = resolve(config, read_yaml(ROOT / "config.schema.yaml"))
    schedule = runpy.run_path(str(ROOT / "benchmarks/schedule.py"))
    jobs = [job for job in schedule["jobs_of"](settings) if job.device]
    short = {job.name for job in jobs if job.seconds < MINUTE}
    assert {"simclr/encoder", "augmented_backbone/bald/0/block0"} <= {job.name for job in jobs}
    table = {"/".join(map(str, chain)) for chain in settings.chains([settings.reports["table1"]])}
    assert not [name for name in short if name.rpartition("/")[0] in table]
    assert all(name.endswith("/block0") for name in short)
    seconds = Counter()
    for job in jobs:
        seconds[job.name.rpartition("/")[0]] += job.seconds
    assert all(seconds[name.rpartition("/")[0]] < MINUTE for name in short)
