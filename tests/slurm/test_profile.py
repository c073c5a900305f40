"""The profile for SLURM against the one for local runs and the rules."""

import re

from workflow.conftest import ROOT

from balent.config import read_yaml
from balent.studies.kinds import TIMED

SLURM = read_yaml(ROOT / "profiles/slurm/config.yaml")


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
