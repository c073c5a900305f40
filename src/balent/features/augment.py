"""The augmentations of SimCLR, on whole batches and from an explicit generator.

Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations" (2020),
appendix A: random resized crop, horizontal flip (p = 0.5), colour jitter of strength s (p = 0.8),
greyscale (p = 0.2) and Gaussian blur (p = 0.5, for large images), in this order.

Why not torchvision.transforms or kornia: both draw from the global random state, so that an
interrupted training could not be resumed bit by bit, and torchvision draws one set of parameters
for a whole batch. Here every image of a batch has its own parameters; they are drawn on the
generator's device (a CPU generator gives the same augmentation on every device). From a CPU
generator a GPU gets about 220 bytes an image, and the host does not wait for it.

Images are float [B, C, H, W] with values in [0, 1] and C = 1 or 3. With C = 1 the jitter is
brightness and contrast: saturation, hue and greyscale leave a grey image as it is, and nothing is
drawn for them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from balent.errors import InputError
from balent.features import augment_spec

Augmentation = Callable[[Tensor, Generator], Tensor]

FLIP, JITTER, BLUR = 0.5, 0.8, 0.5  # probabilities of the SimCLR paper, appendix A
RATIO = (3 / 4, 4 / 3)  # width / height of a crop
CROP_ATTEMPTS = 10  # boxes drawn per image; if none fits the image, the whole image is taken
BLUR_SIGMA = (0.1, 2.0)  # pixels
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def build_augmentation(spec: dict[str, Any]) -> Augmentation:
    """The augmentation that ``spec`` describes: a function (images, generator) -> images.

    Keys (augment_spec.KEYS says what each may be; an absent key is off): crop, flip, jitter,
    greyscale, blur; for example
    ``{crop: [0.08, 1.0], flip: true, jitter: 0.5, greyscale: 0.2, blur: 0.0}``.
    Raises ConfigError for another key or value; the function raises InputError for anything but
    floating [B, 1 or 3, H, W]. With everything off it returns its argument.
    """
    augment_spec.check(spec)
    crop, strength = spec.get("crop"), spec.get("jitter", 0.0)
    grey, blurred = spec.get("greyscale", 0.0), spec.get("blur", 0.0)

    def augment(x: Tensor, generator: Generator) -> Tensor:
        if x.ndim != 4 or x.shape[1] not in (1, 3) or not x.is_floating_point():
            raise InputError(
                f"augmentation: images are {x.dtype} {list(x.shape)}, "
                "but must be floating [B, 1 or 3, H, W]; convert them to images in [0, 1]"
            )
        n, colour = len(x), x.shape[1] == 3
        if crop:
            x = resized_crop(x, *_crop_boxes(x, crop, generator))
        if spec.get("flip", False):
            x = torch.where(_chosen(x, FLIP, generator), x.flip(-1), x)
        if strength:
            x = _jitter(x, strength, generator)
        if grey and colour:
            x = torch.where(_chosen(x, grey, generator), luminance(x).expand_as(x), x)
        if blurred:
            sigma = torch.empty(n, device=generator.device).uniform_(
                *BLUR_SIGMA, generator=generator
            )
            x = torch.where(_chosen(x, blurred, generator), blur(x, sent(sigma, x.device)), x)
        return x

    return augment


def resized_crop(x: Tensor, left: Tensor, top: Tensor, width: Tensor, height: Tensor) -> Tensor:
    """Cut one box out of every image and resize it bilinearly to the image's own size.

    ``left, top, width, height`` are [B] fractions of the image's sides; boxes are continuous
    (torchvision rounds them to pixels, which leaves an 8 x 8 image few choices).
    """
    n, _, h, w = x.shape
    theta = x.new_zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = width, 2 * left + width - 1
    theta[:, 1, 1], theta[:, 1, 2] = height, 2 * top + height - 1
    grid = functional.affine_grid(theta, [n, 1, h, w], align_corners=False)  # [B, H, W, 2]
    cut = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return cut.clamp_(0, 1)  # interpolation weights sum to 1 only up to rounding


def luminance(x: Tensor) -> Tensor:
    """[B, 3, H, W] -> [B, 1, H, W]; a one-channel image is its own luminance."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.split(1, dim=1)
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def brightness(x: Tensor, factor: Tensor) -> Tensor:
    """Scale towards black (factor 0); ``factor`` [B]."""
    return (x * _per_image(factor)).clamp_(0, 1)


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the image's mean luminance (factor 0); ``factor`` [B]."""
    mean = luminance(x).mean((1, 2, 3), keepdim=True)  # [B, 1, 1, 1]
    return mean.lerp(x, _per_image(factor)).clamp_(0, 1)


def saturation(x: Tensor, factor: Tensor) -> Tensor:
    """Blend with the luminance of every pixel (factor 0); ``factor`` [B]."""
    return luminance(x).lerp(x, _per_image(factor)).clamp_(0, 1)


def hue(x: Tensor, turn: Tensor) -> Tensor:
    """Rotate the hue of HSV by ``turn`` [B] (1 is the full circle), keeping value and chroma."""
    r, g, b = x.unbind(1)  # [B, H, W]
    value, low = x.amax(1), x.amin(1)
    chroma = value - low
    divisor = torch.where(chroma > 0, chroma, torch.ones_like(chroma))  # grey has no hue: any does
    sextant = torch.where(
        value == r,
        (g - b) / divisor,
        torch.where(value == g, (b - r) / divisor + 2, (r - g) / divisor + 4),
    )
    sextant = sextant + 6 * turn.view(-1, 1, 1)
    shift = torch.arange(5, 0, -2, device=x.device, dtype=x.dtype).view(1, 3, 1, 1)
    k = (shift + sextant.unsqueeze(1)).remainder(6)  # [B, 3, H, W]
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp_(0, 1)


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with one ``sigma`` [B] (pixels) per image; the border is reflected.

    The kernel spans a tenth of the image's height, as in the SimCLR paper, but at least 3 pixels.
    """
    n, c, h, w = x.shape
    radius = max(1, h // 20)
    offset = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernel = torch.softmax(-0.5 * (offset / sigma.view(-1, 1)).square(), 1)  # [B, k]
    weight = kernel.repeat_interleave(c, 0)[:, None, None]  # [B C, 1, 1, k]
    flat = functional.pad(x, [radius] * 4, mode="reflect").view(1, n * c, h + 2 * radius, -1)
    flat = functional.conv2d(flat, weight, groups=n * c)
    flat = functional.conv2d(flat, weight.mT, groups=n * c)
    return flat.view(n, c, h, w).clamp_(0, 1)


def sent(values: Tensor, device: torch.device) -> Tensor:
    """Values on ``device``; from the host to a GPU by pinned memory, else the host would wait."""
    if device.type == "cuda" and values.device.type == "cpu":
        values = values.pin_memory()
    return values.to(device, non_blocking=True)


def _jitter(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Colour jitter (0.8 s, 0.8 s, 0.8 s, 0.2 s), p = 0.8, the four in a random order per image."""
    steps = [brightness, contrast, saturation, hue][: 4 if x.shape[1] == 3 else 2]
    n, device = len(x), generator.device
    spread = 2 * torch.rand(n, len(steps), generator=generator, device=device) - 1
    # bounded so that no factor is negative: strength <= 1 gives at least 0.2
    factors = torch.cat([1 + 0.8 * strength * spread[:, :3], 0.2 * strength * spread[:, 3:]], 1)
    order = torch.rand(n, len(steps), generator=generator, device=device).argsort(1)
    order[torch.rand(n, generator=generator, device=device) >= JITTER] = -1  # left as they are
    turns = [(turn, i) for turn in range(len(steps)) for i in range(len(steps))]
    groups = [(order[:, turn] == i).nonzero().squeeze(1) for turn, i in turns]
    everything = sent(torch.cat(groups), x.device).split([len(group) for group in groups])
    factors, x = sent(factors, x.device), x.clone()
    for (_, i), rows in zip(turns, everything, strict=True):
        x[rows] = steps[i](x[rows], factors[:, i][rows])
    return x


def _crop_boxes(x: Tensor, scale: list[float], generator: Generator) -> tuple[Tensor, ...]:
    """left, top, width, height [B]: area uniform in ``scale``, log aspect ratio uniform in RATIO.

    Of CROP_ATTEMPTS boxes the first that fits the image is taken, as in torchvision.
    """
    n, _, h, w = x.shape
    u = torch.rand(4, CROP_ATTEMPTS, n, generator=generator, device=generator.device)
    u = sent(u, x.device)
    area = scale[0] + (scale[1] - scale[0]) * u[0]
    low, high = math.log(RATIO[0]), math.log(RATIO[1])
    ratio = torch.exp(low + (high - low) * u[1]) * (h / w)
    width, height = (area * ratio).sqrt(), (area / ratio).sqrt()  # [attempts, B]
    fits = (width <= 1) & (height <= 1)
    width, height = width.where(fits, 1), height.where(fits, 1)
    left, top = u[2] * (1 - width), u[3] * (1 - height)
    first = fits.int().argmax(0, keepdim=True)  # 0 where none fits: the whole image
    left, top, width, height = (
        a.gather(0, first).squeeze(0).to(x.dtype) for a in (left, top, width, height)
    )
    return left, top, width, height


def _chosen(x: Tensor, probability: float, generator: Generator) -> Tensor:
    """One biased coin per image, [B, 1, 1, 1]."""
    coins = torch.rand(len(x), generator=generator, device=generator.device) < probability
    return _per_image(sent(coins, x.device))


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
