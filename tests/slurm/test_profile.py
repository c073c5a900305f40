"""The profile for SLURM against the one for local runs and the rules."""

import re

from workflow.conftest import ROOT

from balent.config import read_yaml

SLURM = read_yaml(ROOT / "profiles/slurm/config.yaml")


def rules() -> set[str]:
    """The names of all rules that are not made in a loop."""
    text = "".join(path.read_text() for path in ROOT.glob("rules/*.smk"))
    return set(re.findall(r"^(?:rule|use rule \w+ as) (\w+)", text, re.MULTILINE))


def test_it_repeats_the_keys_that_it_replaces():
    for key, value in read_yaml(ROOT / "profiles/default/config.yaml").items():
        assert SLURM[key] == value


def test_it_names_rules_that_are_there():
    assert {"chain", "train"} <= rules()
    assert set(SLURM["set-resources"]) <= rules()
    assert set(SLURM["groups"]) <= rules()
