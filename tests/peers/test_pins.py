"""The packages to compare with are pinned, and none takes the place of one of the environment."""

import re
from pathlib import Path

ENVS = Path(__file__).parents[2] / "envs"


def pins(name: str) -> dict[str, str]:
    """Version by normalised name of a file that holds plain pins alone."""
    lines = [line for line in (ENVS / name).read_text().splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    split = (line.split("==") for line in lines)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in split}


def test_peers_are_pinned_and_replace_nothing():
    peers = pins("requirements-peers.txt")
    assert {"baal", "batchbald-redux", "scikit-activeml"} <= set(peers)
    assert not set(peers) & set(pins("requirements.txt"))
