"""What the schema cannot say: references between keys, and sizes against those of the data."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from balent.acquisition import catalog
from balent.data.registry import DATASETS, DataSet
from balent.data.sizes import Sizes, own_sizes
from balent.errors import BalentError, ConfigError, DataError
from balent.features import augment_spec
from balent.features.settings import SimclrSettings
from balent.models import spec
from balent.posterior import spec as posteriors
from balent.studies.scenario import with_sizes

SIZES = {
    "acquisition.initial": "labels",
    "acquisition.budget": "labels",
    "sampling.samples": "samples",
    "evaluation.points": "points",
}
"""What a study calls the sizes of its scenario."""


def one_of(value: str, allowed: Iterable[str], where: str, what: str) -> str:
    """Return ``value`` if it is allowed; raises ConfigError naming the nearest and all allowed."""
    allowed = list(allowed)
    if value in allowed:
        return value
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"{where}: unknown {what} {value!r}{hint} (allowed: {', '.join(allowed) or 'none'})"
    )


def check_places(config: dict) -> None:
    """Refuse data that is not there; ``~`` is the home folder, paths start where we run."""
    mirror = config["data_mirror"]
    if mirror and not Path(mirror).expanduser().is_dir():
        raise ConfigError(
            f"data_mirror: {mirror!r} is not a folder; name the folder with NAME.npz files, or null"
        )
    for name, entry in config["data_sets"].items():
        if not Path(entry["path"]).expanduser().exists():
            raise ConfigError(
                f"data_sets.{name}.path: {entry['path']!r} does not exist; "
                "name an .npz file or a folder of images"
            )


def check_data(name: str, own: dict, where: str) -> None:
    """Refuse a data set that is neither known nor the user's own."""
    one_of(name, [*DATASETS, *own], where, "data set")


def known_sizes(name: str, own: dict) -> DataSet | Sizes | None:
    """The sizes of a data set; None for a user's folder of images, which only its job reads."""
    if name not in own:
        return DATASETS[name]
    try:
        return own_sizes(own[name])
    except DataError as error:
        raise ConfigError(f"data_sets.{name}.path: {error}") from None


def method(name: str, entry: dict) -> dict[str, Any]:
    """{title, function, options} of a method; raises ConfigError for what it does not take."""
    function, options = entry.get("function", name), entry.get("options", {})
    try:
        declared = catalog.find(function).spec
        catalog.check_options(function, options)
    except BalentError as error:
        raise ConfigError(f"methods.{name}: {error}") from None
    title = entry.get("title", declared.title)
    return {"title": title, "function": declared.name, "options": options}


def check_features(settings: dict, own: dict, where: str) -> None:
    """Refuse a feature set whose encoder cannot be built or trained."""
    check_data(settings["data"], own, f"{where}.data")
    known = known_sizes(settings["data"], own)
    if known is not None and len(known.shape) == 1:
        raise ConfigError(
            f"{where}.data: {settings['data']!r} holds vectors, but SimCLR needs images; use "
            "the vectors as they are in a scenario with model.family head and without features"
        )
    simclr = settings["simclr"]
    try:
        spec.check_encoder(simclr["encoder"])
        augment_spec.check(simclr["augmentation"])
        SimclrSettings.of(simclr)
    except ConfigError as error:
        text = str(error).removeprefix("simclr: ").replace("augmentation: ", "augmentation.", 1)
        raise ConfigError(f"{where}.simclr.{text}") from None


def check_scenario(settings: dict, features: dict, own: dict, where: str) -> None:
    """Refuse what cannot run: data, network, training and sizes of a scenario at one scale."""
    check_data(settings["data"], own, f"{where}.data")
    known = known_sizes(settings["data"], own)
    if "features" in settings:
        one_of(settings["features"], features, f"{where}.features", "feature set at this scale")
        source = features[settings["features"]]["data"]
        if source != settings["data"]:
            raise ConfigError(
                f"{where}.features: {settings['features']!r} are features of {source!r}, "
                f"but data is {settings['data']!r}; name features of the same data set"
            )
    _check_model(settings, features, known, where)
    _check_normalize(settings, known, where)
    training = settings["training"]
    if ("epochs" in training) == ("steps" in training):
        raise ConfigError(f"{where}.training: give either epochs or steps, not both or neither")
    if "patience" in training and not settings["pool"].get("validation"):
        raise ConfigError(
            f"{where}.training.patience: looks at a validation set, which the scenario does not "
            "have; add pool.validation: <number of points>"
        )
    if "augmentation" in training:
        if "features" in settings:
            raise ConfigError(
                f"{where}.training.augmentation: {training['augmentation']} is for images, but "
                "the network sees features; remove one of them"
            )
        try:
            augment_spec.check(training["augmentation"])
        except ConfigError as error:
            text = str(error).replace("augmentation: ", "augmentation.", 1)
            raise ConfigError(f"{where}.training.{text}") from None
    _check_sizes(settings, known, where)


def _check_model(settings: dict, features: dict, known: DataSet | Sizes | None, where: str) -> None:
    model = settings["model"]
    try:
        posteriors.check_posterior(settings)
        spec.check_model(model, posteriors.used(settings))
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None
    family = model["family"]
    if "features" in settings and family not in spec.VECTORS:
        raise ConfigError(
            f"{where}.model.family: {family} needs images, but features is "
            f"{settings['features']!r}; remove features or choose {' or '.join(spec.VECTORS)}"
        )
    if family not in spec.VECTORS and known is not None and len(known.shape) == 1:
        raise ConfigError(
            f"{where}.model.family: {family} needs images, but {settings['data']!r} holds vectors; "
            f"choose {' or '.join(spec.VECTORS)}"
        )
    if family == "backbone":
        _check_pretrained(settings, features, f"{where}.model.encoder")
    if family == "cnn" and known is not None:
        height, width = known.shape[:2]
        maps = spec.feature_maps((height, width), model["kernels"])
        if min(map(min, maps)) < 1:
            raise ConfigError(
                f"{where}.model.kernels: {model['kernels']} leave nothing of images of "
                f"{height}x{width} pixels; give smaller kernels"
            )


def _check_pretrained(settings: dict, features: dict, where: str) -> None:
    """Where a backbone's weights come from."""
    encoder = settings["model"]["encoder"]
    name, source = encoder["name"], encoder.get("pretrained", "none")
    if source != "simclr" and "features" in encoder:
        raise ConfigError(
            f"{where}.features: {encoder['features']!r} is used with pretrained: simclr alone, "
            f"which is {source}; remove it"
        )
    if source == "imagenet" and (name == "narrow_resnet" or encoder["stem"] != "imagenet"):
        raise ConfigError(
            f"{where}.pretrained: imagenet has no weights for {name} with stem "
            f"{encoder['stem']} (allowed: resnet18, resnet50 with stem imagenet)"
        )
    if source != "simclr":
        return
    chosen = encoder.get("features", "")
    one_of(chosen, features, f"{where}.features", "feature set at this scale")
    trained = features[chosen]["simclr"]["encoder"]
    for key in dict.fromkeys([*trained, *encoder]):
        if key not in spec.ORIGIN and trained.get(key) != encoder.get(key):
            raise ConfigError(
                f"{where}.{key}: {encoder.get(key)!r} differs from the encoder of the feature set "
                f"{chosen!r}, whose {key} is {trained.get(key)!r}; give the same"
            )
    if "normalize" in settings:
        raise ConfigError(
            f"{where}.pretrained: simclr encoders are trained on images in [0, 1], but normalize "
            f"is {settings['normalize']}; remove it (normalize: null)"
        )


def _check_normalize(settings: dict, known: DataSet | Sizes | None, where: str) -> None:
    if "normalize" not in settings:
        return
    mean, std = settings["normalize"]["mean"], settings["normalize"]["std"]
    if len(mean) != len(std):
        raise ConfigError(
            f"{where}.normalize: mean {mean} and std {std} have {len(mean)} and {len(std)} values; "
            "give as many of one as of the other"
        )
    if known is None or "features" in settings:
        return
    vectors = len(known.shape) == 1
    channels = known.shape[0] if vectors else (*known.shape, 1)[2]
    if len(mean) not in (1, channels):
        raise ConfigError(
            f"{where}.normalize.mean: {mean} has {len(mean)} values, but {_points(known)} of "
            f"{settings['data']} have {channels} {'features' if vectors else 'channels'} "
            f"(allowed: 1 or {channels} values)"
        )


def _points(known: DataSet | Sizes | None) -> str:
    return "points" if known is not None and len(known.shape) == 1 else "images"


def _check_sizes(settings: dict, known: DataSet | Sizes | None, where: str) -> None:
    """Pool, initial set, budget and test points, where the configuration alone says them."""
    given, sizes = settings["pool"], settings["acquisition"]
    reserved = sum(count for role, count in given.items() if role != "pool")
    pool = None if given["pool"] == "all" else given["pool"]
    points = _points(known)
    if known is not None:
        pool = known.n_train - reserved if pool is None else pool
        if pool < 1 or pool + reserved > known.n_train:
            wanted = ", ".join(f"{role} {count}" for role, count in given.items())
            raise ConfigError(
                f"{where}.pool: {wanted} do not fit the {known.n_train} training {points} of "
                f"{settings['data']}; lower them"
            )
        measured = settings["evaluation"].get("points", 1)
        if measured > known.n_test:
            raise ConfigError(
                f"{where}.evaluation.points: {measured} exceeds the {known.n_test} test {points} "
                f"of {settings['data']}; lower it or leave it out"
            )
    initial, budget = sizes["initial"], sizes["budget"]
    if budget <= initial:
        raise ConfigError(
            f"{where}.acquisition.budget: {budget} is not above the initial set "
            f"of {initial}; raise the budget"
        )
    if pool is not None and initial > pool:
        raise ConfigError(
            f"{where}.acquisition.initial: {initial} labels exceed the {pool} {points} of the "
            "pool; lower it or enlarge the pool"
        )
    if pool is not None and budget > pool * settings["copies"]:
        raise ConfigError(
            f"{where}.acquisition.budget: {budget} labels exceed the pool of "
            f"{pool * settings['copies']}; lower the budget or enlarge the pool"
        )
    classes = known.n_classes if known is not None else None
    if sizes["balanced"] and classes is not None and initial % classes:
        raise ConfigError(
            f"{where}.acquisition.initial: {initial} is not a multiple of the {classes} "
            f"classes of {settings['data']}; choose one, or balanced: false"
        )


def check_study_scenario(
    study: dict, scenarios: dict, undefined: dict, features: dict, own: dict, where: str
) -> None:
    """Refuse a study of a scenario that is not there, or whose sizes do not fit the scenario."""
    if "scenario" not in study:
        return
    name = one_of(study["scenario"], [*scenarios, *undefined], f"{where}.scenario", "scenario")
    if name in undefined:
        raise ConfigError(
            f"{where}.scenario: {name!r} is not defined at this scale; name another "
            f"(allowed: {', '.join(scenarios)})"
        )
    try:
        check_scenario(with_sizes(scenarios[name], study), features, own, where)
    except ConfigError as error:
        text = str(error)
        for there, here in SIZES.items():
            text = text.replace(f"{where}.{there}", f"{where}.{here}", 1)
        raise ConfigError(text) from None
