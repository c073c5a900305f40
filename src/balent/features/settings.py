"""The settings of a feature set, checked once and then passed around as values."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from balent.errors import ConfigError

PACE = ("checkpoint_seconds", "probe_every")
"""Settings that change no bit of an encoder."""


@dataclass(frozen=True)
class SimclrSettings:
    """How an encoder is trained.

    encoder             what ``balent.models.build.build_encoder`` builds
    augmentation        what ``balent.features.augment.build_augmentation`` builds
    epochs              passes over the training images, 1 or more
    batch_size          images a step, 2 or more; the loss sees two views of each
    learning_rate       of Adam; the peak of a schedule
    schedule            ``constant``, or ``cosine`` down to 0
    warmup_epochs       epochs of linear increase from 0 before the schedule; fewer than epochs
    temperature         of NT-Xent, above 0
    projection          outputs of the projection head
    image_size          side in pixels to which images are resized bilinearly; None leaves them
    precision           of the networks in training: ``float32`` or ``bfloat16`` (autocast)
    compile             whether torch.compile makes the networks' kernels: faster on a GPU after a
                        minute, with other last bits
    checkpoint_seconds  smallest time between two checkpoints; no result depends on it
    probe_every         epochs between two linear probes on labelled training images, to judge the
                        training by; None: no probe. The encoder does not depend on it
    """

    encoder: dict[str, Any]
    augmentation: dict[str, Any]
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: int = 0
    temperature: float = 0.5
    projection: int = 128
    image_size: int | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    checkpoint_seconds: float = 300.0
    probe_every: int | None = None

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> SimclrSettings:
        """Settings from a mapping; raises ConfigError for an absent, unknown or bad entry."""
        fields = {field.name: field for field in dataclasses.fields(cls)}
        unknown = [name for name in mapping if name not in fields]
        if unknown:
            raise ConfigError(
                f"simclr: unknown key {unknown[0]!r}; allowed are {', '.join(fields)}"
            )
        absent = [
            name
            for name, field in fields.items()
            if field.default is dataclasses.MISSING and name not in mapping
        ]
        if absent:
            raise ConfigError(f"simclr: {absent[0]} is not given; add it to the feature set")
        return cls(**mapping)

    def __post_init__(self) -> None:
        rules = {
            "epochs": (self.epochs >= 1, "at least 1"),
            "batch_size": (self.batch_size >= 2, "at least 2"),
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "schedule": (self.schedule in ("constant", "cosine"), "constant or cosine"),
            "warmup_epochs": (0 <= self.warmup_epochs < self.epochs, "from 0 to below epochs"),
            "temperature": (self.temperature > 0, "above 0"),
            "projection": (self.projection >= 1, "at least 1"),
            "precision": (self.precision in ("float32", "bfloat16"), "float32 or bfloat16"),
            "image_size": (self.image_size is None or self.image_size >= 1, "at least 1 or absent"),
            "compile": (isinstance(self.compile, bool), "true or false"),
            "checkpoint_seconds": (self.checkpoint_seconds >= 0, "at least 0"),
            "probe_every": (
                self.probe_every is None or self.probe_every >= 1,
                "at least 1 or absent",
            ),
        }
        for name, (good, allowed) in rules.items():
            if not good:
                raise ConfigError(
                    f"simclr: {name} is {getattr(self, name)!r}, but must be {allowed}"
                )

    def what_determines_the_result(self) -> dict[str, Any]:
        """The settings as a mapping, without those that change no bit of an encoder.

        ``compile`` stands there only where it is on: records from before it was a setting hold.
        """
        mapping = dataclasses.asdict(self)
        for name in (*PACE, *(() if self.compile else ("compile",))):
            del mapping[name]
        return mapping


def content_key(*parts: Any) -> str:
    """The SHA-256 of JSON-able values: equal keys mean equal inputs."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
