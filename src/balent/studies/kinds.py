"""The kinds of studies, as names alone: the workflow reads this without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from balent.acquisition import catalog
from balent.errors import BalentError, ConfigError
from balent.models import spec

KINDS = ("agreement", "toy", "surface", "timing", "marginals")
"""Each is a module of this package whose ``run(settings, methods, streams)`` returns arrays, and
the part ``KIND_study`` of the configuration's schema."""

TIMED = ("timing",)
"""Kinds that measure time: ``run`` takes the configured ``device``, too, and the job has the
machine for itself."""

TRAINED = ("marginals",)
"""Kinds that train a scenario's network: ``run`` takes its ``chain`` and files, too, and the job
waits for these."""

PARAMETERS = {"gaussian": ("spread", "noise"), "dirichlet": ("concentration",)}
"""What each distribution of balent.studies.generators takes."""


def source(kind: str) -> Path:
    """The file that holds a kind's function."""
    return Path(__file__).with_name(f"{kind}.py")


def load(kind: str) -> Callable:
    """Import a kind's function."""
    return import_module(f"balent.studies.{kind}").run


def check(settings: dict, methods: dict, where: str) -> None:
    """Refuse, by ConfigError, what the schema cannot say of a study at one scale.

    methods  {title, function, options} of every configured method
    """
    names = settings.get("methods", [])
    for name in names:
        if name not in methods:
            raise ConfigError(
                f"{where}.methods: unknown method {name!r} (allowed: {', '.join(methods)})"
            )
        _check_needs(name, methods[name], settings["kind"], f"{where}.methods")
    chosen = {name: methods[name] for name in names}
    _check_titles(chosen, f"{where}.methods")
    generators = settings.get("generators", {})
    for name, generator in generators.items():
        _check_generator(generator, f"{where}.generators.{name}")
    _check_titles(generators, f"{where}.generators")
    for key in ("classes", "pools", "sizes"):
        if settings.get(key, []) != sorted(settings.get(key, [])):
            raise ConfigError(
                f"{where}.{key}: {settings[key]} is not ascending; write {sorted(settings[key])}"
            )
    if "model" in settings:
        _check_model(settings["model"], where)
    if "range" in settings:
        _check_range(settings["range"], f"{where}.range")
    if settings["kind"] == "timing":
        largest, smallest = max(settings["size"], *settings["sizes"]), min(settings["pools"])
        if largest > min(smallest, settings["points"]):
            raise ConfigError(
                f"{where}.sizes: a batch of {largest} exceeds the smallest pool of "
                f"{min(smallest, settings['points'])} points; lower it or enlarge the pools"
            )
    if settings["kind"] == "toy" and settings["picks"] > settings["side"] ** 2:
        raise ConfigError(
            f"{where}.picks: {settings['picks']} exceeds the {settings['side'] ** 2} lattice "
            "points; lower it or raise side"
        )


def _check_titles(entries: dict, where: str) -> None:
    """Figures and tables tell entries apart by their titles."""
    names: dict[str, str] = {}
    for name, entry in entries.items():
        other = names.setdefault(entry["title"], name)
        if other != name:
            raise ConfigError(
                f"{where}: {other!r} and {name!r} have the same title {entry['title']!r}; "
                "give one of them another"
            )


def _check_generator(generator: dict, where: str) -> None:
    used = PARAMETERS[generator["distribution"]]
    for key in ("spread", "noise", "concentration"):
        if key in generator and key not in used:
            raise ConfigError(
                f"{where}.{key}: a {generator['distribution']} generator has no such key "
                f"(allowed: {', '.join(used)}); remove it"
            )
    if "concentration" in generator:
        _check_range(generator["concentration"], f"{where}.concentration")


def _check_range(limits: list[float], where: str) -> None:
    if limits[0] >= limits[1]:
        raise ConfigError(f"{where}: {limits} is empty; give the smaller number first")


def _check_model(model: dict, where: str) -> None:
    try:
        spec.check_model(model)
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None


def _check_needs(name: str, method: dict, kind: str, where: str) -> None:
    try:
        entry = catalog.find(method["function"])
    except BalentError as error:
        raise ConfigError(f"{where}: {error}") from None
    needs = entry.needs(method["options"])
    if kind == "timing":
        if needs not in ((), ("moments",), ("mean_and_features",)):
            raise ConfigError(
                f"{where}: {name!r} needs {', '.join(needs)}, which a study of kind timing does "
                "not make; leave it out"
            )
    elif entry.spec.kind != "score" or needs != ("moments",):
        raise ConfigError(
            f"{where}: {name!r} does not score points by their moments alone, which a study of "
            f"kind {kind} asks for; leave it out"
        )
