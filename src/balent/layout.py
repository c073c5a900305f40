"""Where files are, relative to the folder in which the workflow runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balent.config import Settings


def raw(name: str) -> str:
    """A data set in canonical form."""
    return f"data/raw/{name}.npz"


def features(scale: str, name: str, file: str = "features.npz") -> str:
    """A file of a feature set."""
    return f"data/features/{scale}/{name}/{file}"


def chain_results(chain: str) -> str:
    """The folder of a chain's history, picks and run record; chain: Chain.name."""
    return f"results/{chain}"


def chain_work(chain: str) -> str:
    """The folder of a chain's working files."""
    return f"work/{chain}"


def chain_data(settings: Settings, scenario: str) -> str:
    """The file whose x_train a scenario's networks see: images or features."""
    chosen = settings.scenarios[scenario]
    if "features" in chosen:
        return features(settings.scale, chosen["features"])
    return raw(chosen["data"])


def chain_encoder(settings: Settings, scenario: str) -> str | None:
    """The weights of a scenario's pre-trained backbone; None where it has no such backbone."""
    encoder = settings.scenarios[scenario]["model"].get("encoder", {})
    source = encoder.get("pretrained", "none")
    if source == "simclr":
        return features(settings.scale, encoder["features"], "encoder.safetensors")
    return f"data/raw/weights/{encoder['name']}.safetensors" if source == "imagenet" else None


def feature_set(settings: Mapping[str, Any]) -> str | None:
    """The feature set that a scenario uses: as its inputs, or as the start of its backbone."""
    encoder = settings["model"].get("encoder", {})
    start = encoder.get("features") if encoder.get("pretrained") == "simclr" else None
    return settings.get("features") or start
