"""How far acquisition functions agree on random predictions (Woo 2023, sec. 3.4, A.8 and A.9)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from balent.streams import Streams
from balent.studies.generators import draw_moments
from balent.studies.scores import score


def number(name: str) -> int:
    """A name as a whole number below 2³²: a place in the path of a stream."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])


def run(
    settings: Mapping[str, Any], methods: Mapping[str, Mapping], streams: Streams
) -> dict[str, np.ndarray]:
    """Scores of random points under every generator, number of classes and repeat.

    settings  generators {name: {distribution, …, samples}}, classes, points, repeats, samples
              (of generators that do not say theirs)
    methods   {function, options} by name

    Returns ``scores`` float64 [G, L, R, M, N] for G generators, L numbers of classes, R repeats, M
    methods and N points, with ``generators``, ``classes`` and ``methods`` along its axes. All
    methods see the same points. Each (generator's name, classes, repeat) has its own streams, so
    one more changes no other's points.
    """
    generators, classes = settings["generators"], settings["classes"]
    repeats, points = settings["repeats"], settings["points"]
    scores = np.empty((len(generators), len(classes), repeats, len(methods), points))
    for g, c, r in np.ndindex(scores.shape[:3]):
        name, generator = list(generators.items())[g]
        path = (number(name), classes[c], r)
        samples = generator.get("samples", settings["samples"])
        draws = streams.numpy("noise", *path)
        moments = draw_moments(generator, points, classes[c], samples, draws)
        for m, method in enumerate(methods.values()):
            own = streams.numpy("acquisition", *path)
            scores[g, c, r, m] = score(method, moments, own, samples)
    return {
        "scores": scores,
        "generators": np.array(list(generators)),
        "classes": np.array(classes),
        "methods": np.array(list(methods)),
    }
