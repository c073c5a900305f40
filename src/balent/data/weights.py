"""ImageNet weights of ResNet-18 and ResNet-50: fetched, checked, kept as safetensors."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balent.data.download import check_hash, download, network, temporary_folder
from balent.data.registry import mirror_words
from balent.errors import ConfigError, DataError
from balent.files import load_tensors, save_tensors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Weights:
    """Where weights come from. As torchvision's, the file's name carries the start of its SHA-256.

    features  inputs of the last linear layer, which tell the networks apart
    """

    url: str
    features: int

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def sha256(self) -> str:
        """The first 8 hexadecimal digits."""
        return self.file.removesuffix(".pth").rpartition("-")[2]


# ours: IMAGENET1K_V1 for both. The paper names no weights; its first version (May 2021) precedes
# ResNet-50's V2 weights (November 2021), and ResNet-18 has V1 alone.
WEIGHTS = {
    "resnet18": Weights("https://download.pytorch.org/models/resnet18-f37072fd.pth", 512),
    "resnet50": Weights("https://download.pytorch.org/models/resnet50-0676ba61.pth", 2048),
}


def fetch_weights(name: str, target: Path, mirror: Path | None = None) -> None:
    """Write the ImageNet weights of ``name`` to ``target`` (safetensors, torchvision's keys).

    Taken from ``mirror`` (NAME.pth or torchvision's file name, checked by hash, or
    NAME.safetensors), else downloaded from torchvision's address. Read with ``weights_only``:
    nothing in the file can run. There is no fallback: without the weights this raises DataError,
    and no network ever starts from random weights in their place.

    Raises ConfigError for a name without weights, DataError in one line for everything else.
    """
    if name not in WEIGHTS:
        raise ConfigError(f"no ImageNet weights for {name!r} (known: {', '.join(WEIGHTS)})")
    entry = WEIGHTS[name]
    files = (f"{name}.pth", entry.file, f"{name}.safetensors")
    candidates = [mirror / file for file in files] if mirror else []
    found = next((path for path in candidates if path.is_file()), None)
    if found is not None and found.suffix == ".safetensors":
        tensors = load_tensors(found)
    elif found is not None:
        tensors = _read_pth(found, entry, str(found))
    else:
        remedy = (
            f"two ways to provide them: put {name}.pth or {name}.safetensors into "
            f"{mirror_words(mirror)}, or run once with network access"
        )
        with temporary_folder(Path(target)) as folder:
            path = folder / entry.file
            with network(f"ImageNet weights of {name!r}", remedy):
                download(entry.url, path, "sha256", entry.sha256)
            tensors = _read_pth(path, entry, entry.url)
    shape = tuple(tensors["fc.weight"].shape) if "fc.weight" in tensors else None
    if shape != (1000, entry.features):
        raise DataError(
            f"{found or entry.url}: fc.weight has shape {shape}, but {name}'s on ImageNet is "
            f"(1000, {entry.features}); give torchvision's state dict of {name}"
        )
    save_tensors(target, tensors)


def _read_pth(path: Path, entry: Weights, where: str) -> dict[str, Tensor]:
    import torch

    check_hash(path, "sha256", entry.sha256, where)
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError):
        raise DataError(
            f"{where}: is damaged or holds more than tensors (none of it was run); give "
            "torchvision's file"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise DataError(f"{where}: is not a state dict (names to tensors); give another file")
    return state
