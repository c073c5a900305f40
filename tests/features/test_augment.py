"""Augmentations: reproducible, per image, inside [0, 1], each against a plain computation."""

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from balent.errors import ConfigError, InputError
from balent.features import augment
from balent.features.augment import build_augmentation

FULL = {"crop": [0.08, 1.0], "flip": True, "jitter": 1.0, "greyscale": 0.2, "blur": 0.5}


def images(n: int = 32, channels: int = 3, side: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, channels, side, side, generator=generator(seed))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    channels=st.sampled_from([1, 3]),
    side=st.integers(3, 17),
    low=st.floats(0.01, 1.0),
    strength=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_values_stay_images(
    channels: int, side: int, low: float, strength: float, seed: int
) -> None:
    spec = FULL | {"crop": [low, 1.0], "jitter": strength}
    x = images(4, channels, side, seed)
    out = build_augmentation(spec)(x, generator(seed))
    assert out.shape == x.shape
    assert out.dtype == x.dtype
    assert 0 <= out.min() <= out.max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_is_drawn_from_the_generator_alone(channels: int) -> None:
    before, x = torch.get_rng_state(), images(channels=channels)
    augmentation, untouched = build_augmentation(FULL), x.clone()
    first, again = augmentation(x, generator(1)), augmentation(x, generator(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, augmentation(x, generator(2)))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(x, untouched)


@pytest.mark.parametrize(
    "spec", [{}, {"crop": None, "flip": False, "jitter": 0, "greyscale": 0.0, "blur": 0.0}]
)
def test_everything_off_is_the_identity(spec: dict) -> None:
    x, source = images(), generator()
    assert torch.equal(build_augmentation(spec)(x, source), x)
    assert torch.equal(source.get_state(), generator().get_state())


def test_an_image_does_not_see_the_others() -> None:
    x = images()
    changed = x.clone()
    changed[1:] = images(seed=9)[1:]
    augmentation = build_augmentation(FULL)
    torch.testing.assert_close(
        augmentation(changed, generator())[0], augmentation(x, generator())[0]
    )


@pytest.mark.parametrize("key", FULL)
def test_images_get_different_parameters(key: str) -> None:
    x = images(1).expand(64, -1, -1, -1)
    out = build_augmentation({key: FULL[key]})(x, generator())
    distinct = len(out.flatten(1).unique(dim=0))
    assert distinct == 2 if key in ("flip", "greyscale") else distinct > 24


def test_probabilities_are_those_of_the_paper() -> None:
    x = images(1).expand(4000, -1, -1, -1)
    expected = {"flip": 0.5, "jitter": 0.8, "greyscale": 0.2, "blur": 0.5}
    for key, probability in expected.items():
        out = build_augmentation({key: FULL[key]})(x, generator())
        share = (out != x).flatten(1).any(1).float().mean().item()
        assert share == pytest.approx(probability, abs=4 * (0.25 / 4000) ** 0.5)


def test_flip_is_exact() -> None:
    x = images(200)
    out = build_augmentation({"flip": True})(x, generator())
    for image, result in zip(x, out, strict=True):
        assert torch.equal(result, image) or torch.equal(result, image.flip(-1))


def test_crop_of_a_constant_image_is_constant() -> None:
    x = torch.rand(64, 3, 1, 1, generator=generator()).expand(-1, -1, 9, 13)
    out = build_augmentation({"crop": [0.08, 1.0]})(x, generator())
    torch.testing.assert_close(out, x.contiguous(), atol=1e-6, rtol=0)


def test_crop_boxes_have_the_asked_area_and_ratio() -> None:
    x = images(5000, side=10)
    left, top, width, height = augment._crop_boxes(x, [0.2, 0.5], generator())
    area, ratio = width * height, width / height
    assert area.min() >= 0.2 - 1e-6
    assert area.max() <= 0.5 + 1e-6
    assert area.mean().item() == pytest.approx(0.35, abs=0.01)
    assert ratio.min() >= 3 / 4 - 1e-6
    assert ratio.max() <= 4 / 3 + 1e-6
    assert ratio.log().mean().item() == pytest.approx(0, abs=0.01)
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6


def test_crop_of_the_left_half_and_of_everything() -> None:
    """On a horizontal ramp, cutting the left half halves the slope."""
    ramp = ((torch.arange(8) + 0.5) / 8).expand(1, 1, 8, 8)
    zero, one, half = torch.zeros(1), torch.ones(1), torch.full((1,), 0.5)
    whole = augment.resized_crop(ramp, zero, zero, one, one)
    left = augment.resized_crop(ramp, zero, zero, half, one)
    torch.testing.assert_close(whole, ramp.contiguous())
    inside = slice(1, None)  # the first column lies outside the outermost pixel centre
    torch.testing.assert_close(left[..., inside], ramp[..., inside] / 2)


def test_colour_steps_equal_plain_computations() -> None:
    x, factor = images(6, side=3), torch.linspace(0.2, 1.8, 6)
    grey = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    for i, f in enumerate(factor):
        blend_mean = f * x[i] + (1 - f) * grey[i].mean()
        blend_grey = f * x[i] + (1 - f) * grey[i]
        for step, expected in (
            (augment.brightness, f * x[i]),
            (augment.contrast, blend_mean),
            (augment.saturation, blend_grey),
        ):
            torch.testing.assert_close(step(x, factor)[i], expected.clamp(0, 1))


def test_hue_equals_colorsys() -> None:
    x = images(4, side=4)
    x[0, :, 0, 0] = 0.3  # a grey pixel, a black one and ties between channels
    x[1, :, 0, 0] = 0
    x[2, :, 0, 0] = torch.tensor([0.7, 0.7, 0.2])
    x[3, :, 0, 0] = torch.tensor([0.1, 0.7, 0.7])
    turn = torch.tensor([-0.2, -0.05, 0.0, 0.2])
    out = augment.hue(x, turn)
    for i in range(4):
        for row in range(4):
            for column in range(4):
                h, s, v = colorsys.rgb_to_hsv(*x[i, :, row, column].tolist())
                expected = colorsys.hsv_to_rgb((h + turn[i].item()) % 1, s, v)
                assert out[i, :, row, column].tolist() == pytest.approx(expected, abs=1e-5)


def test_greyscale_makes_channels_equal() -> None:
    out = build_augmentation({"greyscale": 1.0})(images(), generator())
    assert torch.equal(out, out[:, :1].expand_as(out))


def test_one_channel_leaves_greyscale_and_the_generator_alone() -> None:
    x, source = images(channels=1), generator()
    assert torch.equal(build_augmentation({"greyscale": 1.0})(x, source), x)
    assert torch.equal(source.get_state(), generator().get_state())


def test_blur_of_a_point_is_the_gaussian() -> None:
    x = torch.zeros(2, 1, 80, 80)
    x[:, :, 40, 40] = 1
    sigma = torch.tensor([0.5, 2.0])
    out = augment.blur(x, sigma)
    offset = torch.arange(-4, 5)
    for image, s in zip(out[:, 0], sigma, strict=True):
        line = torch.exp(-(offset**2) / (2 * s**2))
        line /= line.sum()
        torch.testing.assert_close(image[36:45, 36:45], torch.outer(line, line))
        assert image.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"crops": [0.1, 1]}, "unknown key 'crops'; allowed are crop, flip"),
        ({"crop": [0, 1]}, "crop is"),
        ({"crop": [0.5, 0.2]}, "smallest <= largest"),
        ({"crop": 0.5}, "crop is 0.5"),
        ({"flip": 1}, "flip is 1, but must be true or false"),
        ({"jitter": 1.5}, "jitter is 1.5"),
        ({"greyscale": True}, "greyscale is True"),
        ({"blur": "0.5"}, "blur is '0.5'"),
    ],
)
def test_bad_specifications_are_refused_in_one_line(spec: dict, words: str) -> None:
    with pytest.raises(ConfigError, match="augmentation: ") as error:
        build_augmentation(spec)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "x", [torch.rand(3, 8, 8), torch.rand(2, 4, 8, 8), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)]
)
def test_other_inputs_are_refused(x: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"must be floating \[B, 1 or 3, H, W\]"):
        build_augmentation(FULL)(x, generator())
