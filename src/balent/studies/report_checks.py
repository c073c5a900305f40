"""What report items can show of a study: no less than they name, and nothing that is wrong."""

from __future__ import annotations

import math

from balent.errors import ConfigError

COUNTS: dict[str, dict[str, tuple[int, float, str]]] = {
    "agreement_pairs": {"methods": (2, math.inf, "two methods or more")},
    "agreement_values": {"pairs": (1, 1, "one pair (agreement_table shows more)")},
    "region": {
        "methods": (2, 2, "two methods: whose region is drawn, and which chooses"),
        "sizes": (1, 1, "one size"),
    },
}
"""By kind and key: the least and the most entries, and both in words."""

ONE_GENERATOR = ("agreement", "agreement_pairs")
"""Kinds that have no place for a second generator."""


def check(where: str, item: dict, study: dict) -> None:
    """Refuse, by ConfigError, an item that its kind would draw in part or wrongly."""
    kind = item["kind"]
    for key, (least, most, words) in COUNTS.get(kind, {}).items():
        if not least <= len(item[key]) <= most:
            raise ConfigError(
                f"{where}.{key}: {len(item[key])} given, but an item of kind {kind} shows {words}"
            )
    if kind in ONE_GENERATOR and len(study["generators"]) > 1:
        raise ConfigError(
            f"{where}.study: {item['study']!r} has {len(study['generators'])} generators, but an "
            f"item of kind {kind} shows one; use agreement_table"
        )
    if kind == "selection" and min(item["sizes"]) < 2:
        raise ConfigError(f"{where}.sizes: 1 point has no distance from another; give 2 or more")
    pairs = [pair["methods"] for pair in item.get("pairs", ())]
    for number, pair in enumerate(pairs):
        if pair in pairs[:number]:
            raise ConfigError(f"{where}.pairs: {pair} appears twice; name it once")
