"""SimCLR: an encoder learnt without labels (Chen et al. 2020; paper 000, section 5 and A.13).

An epoch draws everything (order and augmentations) from its own generator. A checkpoint holds its
state, so a run that was interrupted continues at its last checkpoint, within an epoch too, and ends
with the same bits as an uninterrupted one: on a CPU, and on a GPU where ``deterministic`` asks for
it. Within an epoch the host never waits for the device.

Images are shown to the encoder in [0, 1] and are not normalised, as by Chen et al.: whatever uses
the encoder must not normalise them either.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from balent import files
from balent.data.inputs import Inputs
from balent.errors import ConfigError
from balent.features import checkpoint as checkpoints
from balent.features.augment import build_augmentation, sent
from balent.features.ntxent import nt_xent
from balent.features.progress import Epoch
from balent.features.settings import SimclrSettings
from balent.models.encoders import Encoder, build_encoder
from balent.streams import Streams

Probe = Callable[[Encoder], float]
"""The accuracy of a linear probe on an encoder's features, in [0, 1]."""

Report = Callable[[Sequence[Epoch]], None]


@dataclass(frozen=True)
class Trained:
    """What a training leaves.

    encoder   in evaluation mode
    epochs    what every epoch gave
    finished  False where the deadline came first
    """

    encoder: Encoder
    epochs: list[Epoch]
    finished: bool


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
    deadline: float = math.inf,
    probe: Probe | None = None,
    report: Report | None = None,
) -> Trained:
    """Train an encoder on all of ``inputs`` (images, not normalised), on their device.

    checkpoint  where the state is kept, after a step if ``settings.checkpoint_seconds`` have
                passed; a state found there is continued if it carries ``key``, another one is
                reported and ignored
    deadline    by time.monotonic(): the training is left, its state kept, after the step that
                passes it; so it is at an interruption (SIGINT), which is raised then
    probe       asked after every ``settings.probe_every`` epochs and the last; draws nothing
    report      called with all epochs after each
    Raises ConfigError for inputs that are not images or fewer than a batch.
    """
    if settings.batch_size > len(inputs):
        raise ConfigError(
            f"simclr: batch_size is {settings.batch_size}, but there are only {len(inputs)} "
            "training images; lower it"
        )
    run = _Run(inputs, settings, streams, probe)
    if checkpoint:
        run.restore(checkpoints.load(checkpoint, key))
    saved = time.monotonic()
    with Interrupt() as interrupt:
        while run.done < run.total:
            run.step()
            if report and run.done % run.steps == 0:
                report(run.epochs)
            now = time.monotonic()
            leave = now >= deadline or interrupt.came
            if checkpoint and (leave or now - saved >= settings.checkpoint_seconds):
                files.save_tensors(checkpoint, run.state(), key=key)
                saved = time.monotonic()
            if leave:
                break
    return Trained(run.encoder.eval(), run.epochs, run.done == run.total)


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


class Interrupt:
    """Puts off an interruption (SIGINT) to the end of a block; a second one is raised at once.

    came  whether there was one
    """

    def __enter__(self) -> Interrupt:
        self.came = False
        main = threading.current_thread() is threading.main_thread()
        self.before = signal.signal(signal.SIGINT, self._note) if main else None
        return self

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
        if self.came and error[0] is None:
            raise KeyboardInterrupt

    def _note(self, *_: object) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


class _Run:
    """Encoder, projection head and optimiser of one training, and where it stands.

    steps   of an epoch; the rest of the epoch's order is left out
    total   steps of the training
    done    of them
    epochs  what the epochs gave that are done
    """

    def __init__(
        self, inputs: Inputs, settings: SimclrSettings, streams: Streams, probe: Probe | None
    ) -> None:
        self.inputs, self.settings, self.streams, self.probe = inputs, settings, streams, probe
        self.device = inputs.device
        self.augment = build_augmentation(settings.augmentation)
        self.encoder = initial_encoder(settings, inputs.shape, streams)
        head = _projection(
            self.encoder.out_features, settings.projection, streams.torch("simclr", 0, 1)
        )
        self.model = nn.Sequential(OrderedDict[str, nn.Module](encoder=self.encoder, head=head)).to(
            self.device
        )
        self.forward = torch.compile(self.model, dynamic=False) if settings.compile else self.model
        self.optimiser = torch.optim.Adam(self.model.parameters(), fused=True)
        self.steps = len(inputs) // settings.batch_size
        self.total, self.done = settings.epochs * self.steps, 0
        self.epochs: list[Epoch] = []

    def step(self) -> None:
        """Take the next step, and with the last of an epoch complete its row of ``epochs``."""
        settings = self.settings
        position = self.done % self.steps
        if position == 0:
            self.begin_epoch()
        rows = self.order[position * settings.batch_size :][: settings.batch_size]
        loss = self.loss(rows)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(settings, self.done, self.steps)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.sum += loss.detach()
        self.done += 1
        if self.done % self.steps == 0:
            self.end_epoch()

    def begin_epoch(self) -> None:
        """Draw the order; the augmentations follow from the same generator."""
        epoch = 1 + self.done // self.steps
        self.generator = self.streams.torch("simclr", epoch)
        self.order = sent(torch.randperm(len(self.inputs), generator=self.generator), self.device)
        self.sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.model.train()
        self.started, self.first = time.monotonic(), self.done

    def end_epoch(self) -> None:
        loss = self.sum.item() / self.steps
        images = (self.done - self.first) * self.settings.batch_size  # of this process
        rate = images / (time.monotonic() - self.started)
        epoch = len(self.epochs) + 1
        every = self.settings.probe_every
        due = every and (epoch % every == 0 or epoch == self.settings.epochs)
        accuracy = self.probe(self.encoder) if self.probe and due else math.nan
        self.epochs.append(Epoch(loss, rate, accuracy))

    def loss(self, rows: Tensor) -> Tensor:
        """NT-Xent of two augmented views of the images in ``rows`` [B]."""
        x = resize(self.inputs.gather(rows), self.settings.image_size)  # [B, C, H, W] in [0, 1]
        views = self.augment(torch.cat([x, x]), self.generator)  # [2B, C, H, W]
        reduced = self.settings.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16) if reduced else nullcontext():
            z = self.forward(views)  # [2B, projection]
        return nt_xent(z.float(), self.settings.temperature)

    def state(self) -> dict[str, Tensor]:
        """All that the rest of the training depends on."""
        return checkpoints.state_of(self.model, self.optimiser) | {
            "done": torch.tensor(self.done),
            "epochs": torch.tensor(self.epochs, dtype=torch.float64),
            "sum": self.sum,
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Tensor] | None) -> None:
        """Continue from what ``state`` returned; None leaves the training at its start."""
        if state is None:
            return
        checkpoints.set_state(self.model, self.optimiser, state)
        self.done = int(state["done"])
        self.epochs = [Epoch(*row) for row in state["epochs"].tolist()]
        if self.done % self.steps:
            self.begin_epoch()
            self.generator.set_state(state["generator"])
            self.sum.copy_(state["sum"])


def _projection(n_in: int, n_out: int, generator: torch.Generator) -> nn.Sequential:
    """Linear, ReLU, Linear, with PyTorch's default distributions drawn from ``generator``."""
    layers = [nn.utils.skip_init(nn.Linear, n_in, n) for n in (n_in, n_out)]
    bound = n_in**-0.5
    with torch.no_grad():
        for layer in layers:
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])
