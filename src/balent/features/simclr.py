"""SimCLR: an encoder learnt without labels (Chen et al. 2020; paper 000, section 5 and A.13).

The training is cut into epochs. An epoch draws everything (order and augmentations) from its own
generator, so a run that was interrupted continues at its last checkpoint and ends with the same
bits as an uninterrupted one (on a CPU; a GPU's convolution gradients are not deterministic).

Images are shown to the encoder in [0, 1] and are not normalised, as by Chen et al.: whatever uses
the encoder must not normalise them either.
"""

from __future__ import annotations

import math
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from balent import files
from balent.data.inputs import Inputs
from balent.errors import ConfigError
from balent.features.augment import build_augmentation
from balent.features.ntxent import nt_xent
from balent.features.settings import SimclrSettings
from balent.models.encoders import Encoder, build_encoder
from balent.streams import Streams


@dataclass(frozen=True)
class Trained:
    """What a training leaves: the encoder (evaluation mode) and the mean loss of every epoch."""

    encoder: Encoder
    losses: list[float]


def initial_encoder(
    settings: SimclrSettings, input_shape: tuple[int, ...], streams: Streams
) -> Encoder:
    """The encoder before training, for images [C, H, W]; raises ConfigError for other inputs."""
    if len(input_shape) != 3:
        raise ConfigError(
            f"simclr: inputs have shape {tuple(input_shape)}, but must be images [C, H, W]; "
            "use a data set of images"
        )
    side = settings.image_size
    shape = (input_shape[0], side, side) if side else input_shape
    return build_encoder(settings.encoder, shape, streams.torch("simclr", 0))


def train_simclr(
    inputs: Inputs,
    settings: SimclrSettings,
    streams: Streams,
    *,
    checkpoint: Path | None = None,
    key: str = "",
    progress: bool = False,
) -> Trained:
    """Train an encoder on all of ``inputs`` (images, not normalised), on their device.

    With ``checkpoint`` the state is kept there, after an epoch if ``settings.checkpoint_seconds``
    have passed, and a state found there is continued if it carries ``key``; another one is
    reported and ignored. Progress (epoch, loss, images per second) goes to standard error.
    Raises ConfigError for inputs that are not images or fewer than a batch.
    """
    if settings.batch_size > len(inputs):
        raise ConfigError(
            f"simclr: batch_size is {settings.batch_size}, but there are only {len(inputs)} "
            "training images; lower it"
        )
    run = _Run(inputs, settings, streams)
    done = run.restore(checkpoint, key) if checkpoint else 0
    bar = tqdm(
        total=settings.epochs, initial=done, desc="simclr", unit="epoch", disable=not progress
    )
    saved = time.monotonic()
    with bar:
        for epoch in range(done + 1, settings.epochs + 1):
            started = time.monotonic()
            run.epoch(epoch)
            rate = run.steps * settings.batch_size / (time.monotonic() - started)
            bar.set_postfix_str(f"loss {run.losses[-1]:.3f}, {rate:.0f} images/s", refresh=False)
            bar.update()
            if checkpoint and time.monotonic() - saved >= settings.checkpoint_seconds:
                run.save(checkpoint, key, epoch)
                saved = time.monotonic()
    return Trained(run.encoder.eval(), run.losses)


def learning_rate(settings: SimclrSettings, step: int, steps_per_epoch: int) -> float:
    """The rate of a step, counted from 0: linear warm-up, then constant or a cosine down to 0."""
    warmup = settings.warmup_epochs * steps_per_epoch
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (step - warmup) / (settings.epochs * steps_per_epoch - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def resize(x: Tensor, side: int | None) -> Tensor:
    """Images [B, C, H, W] resized bilinearly to side x side pixels; as they are for None."""
    if side is None:
        return x
    return functional.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


class _Run:
    """Encoder, projection head and optimiser of one training, with what an epoch needs."""

    def __init__(self, inputs: Inputs, settings: SimclrSettings, streams: Streams) -> None:
        self.inputs, self.settings, self.streams = inputs, settings, streams
        self.device = inputs.device
        self.augment = build_augmentation(settings.augmentation)
        self.encoder = initial_encoder(settings, inputs.shape, streams)
        head = _projection(
            self.encoder.out_features, settings.projection, streams.torch("simclr", 0, 1)
        )
        self.model = nn.Sequential(OrderedDict[str, nn.Module](encoder=self.encoder, head=head)).to(
            self.device
        )
        self.optimiser = torch.optim.Adam(self.model.parameters(), fused=True)
        self.steps = len(inputs) // settings.batch_size  # the rest of an epoch's order is left out
        self.losses: list[float] = []

    def epoch(self, epoch: int) -> None:
        """Train one epoch (counted from 1) and append its mean loss."""
        settings = self.settings
        generator = self.streams.torch("simclr", epoch)
        order = torch.randperm(len(self.inputs), generator=generator)
        self.model.train()
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for step in range(self.steps):
            rows = order[step * settings.batch_size :][: settings.batch_size]
            loss = self.loss(rows.to(self.device), generator)
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(settings, (epoch - 1) * self.steps + step, self.steps)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total += loss.detach()
        self.losses.append(total.item() / self.steps)

    def loss(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """NT-Xent of two augmented views of the images in ``rows`` [B]."""
        x = resize(self.inputs.gather(rows), self.settings.image_size)  # [B, C, H, W] in [0, 1]
        views = self.augment(torch.cat([x, x]), generator)  # [2B, C, H, W]
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"
        ):
            z = self.model(views)  # [2B, projection]
        return nt_xent(z.float(), self.settings.temperature)

    def save(self, path: Path, key: str, epoch: int) -> None:
        """Write the whole state after ``epoch`` to ``path``, atomically."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for slot, tensor in self.optimiser.state[parameter].items():
                tensors[f"{slot}.{name}"] = tensor
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        with files.atomic(path) as part:
            save_file(tensors, part, metadata={"key": key, "epoch": str(epoch)})

    def restore(self, path: Path, key: str) -> int:
        """Continue the state at ``path``; return its epoch, or 0 if there is none to continue."""
        if not path.exists():
            return 0
        try:
            with safe_open(path, framework="pt") as archive:
                header = archive.metadata() or {}
        except (OSError, SafetensorError) as error:
            _tell(f"{path}: cannot be read ({error}); starting afresh")
            return 0
        if header.get("key") != key:
            _tell(f"{path}: belongs to other settings, data or code; starting afresh")
            return 0
        tensors = files.load_tensors(path)
        self.model.load_state_dict(_below("model.", tensors))
        step, mean, square = (
            _below(f"{slot}.", tensors) for slot in ("step", "exp_avg", "exp_avg_sq")
        )
        for name, parameter in self.model.named_parameters():
            # the fused optimiser needs moments in the parameter's own memory layout
            self.optimiser.state[parameter] = {
                "step": step[name].to(self.device),
                "exp_avg": torch.empty_like(parameter).copy_(mean[name]),
                "exp_avg_sq": torch.empty_like(parameter).copy_(square[name]),
            }
        self.losses = tensors["losses"].tolist()
        return int(header["epoch"])


def _projection(n_in: int, n_out: int, generator: torch.Generator) -> nn.Sequential:
    """Linear, ReLU, Linear, with PyTorch's default distributions drawn from ``generator``."""
    layers = [nn.utils.skip_init(nn.Linear, n_in, n) for n in (n_in, n_out)]
    bound = n_in**-0.5
    with torch.no_grad():
        for layer in layers:
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _tell(message: str) -> None:
    tqdm.write(f"simclr: {message}", file=sys.stderr)
