"""Figures: what was measured, beside the target and what the device could attain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measurement.

    value       in ``unit``: s, or something a second
    target      at paper scale, in the same unit
    attainable  by operations and bytes (roofline.py), in the same unit
    projected   computed from measured rounds, not run itself
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    attainable: float | None = None
    projected: bool = False

    @property
    def share(self) -> float | None:
        """Achieved of attainable, at most about 1."""
        if self.attainable is None:
            return None
        ratio = self.attainable / self.value
        return ratio if self.unit == "s" else 1 / ratio

    def cells(self) -> list[str]:
        """Name, value, target, attainable and share, as text."""
        target, attainable = (
            f"{quantity(x, self.unit)}" if x is not None else "–"
            for x in (self.target, self.attainable)
        )
        share = f"{self.share:.1%}" if self.share is not None else "–"
        value = quantity(self.value, self.unit) + (" projected" if self.projected else "")
        return [self.name, value, target, attainable, share]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"share": self.share}


def quantity(value: float, unit: str) -> str:
    """A number with its unit: three digits, seconds in ms or min where that reads better."""
    if unit == "s":
        for limit, factor, name in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s")):
            if value < limit:
                return f"{value * factor:.3g} {name}"
        return f"{value / 60:.3g} min"
    for limit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= limit:
            return f"{value / limit:.3g} {name}{unit}"
    return f"{value:.3g} {unit}"


def table(figures: Iterable[Figure]) -> Iterator[str]:
    """Rows of a Markdown table."""
    yield "| what | measured | target | attainable | share |"
    yield "|---|---:|---:|---:|---:|"
    for figure in figures:
        yield f"| {' | '.join(figure.cells())} |"
