"""The values that an option of an acquisition function may have."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import Any

from balent.errors import MethodError

KINDS = {float: Real, int: Integral}
NAMES = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
INTERVAL = re.compile(r"([\[(])(-?[\d.]+|-inf), ?(-?[\d.]+|inf)([\])])")


def check_value(what: str, value: Any, default: Any, rule: tuple | str | None) -> None:
    """Refuse, by MethodError, a value of another type than the default or outside the rule.

    what  the option as an error names it
    rule  None, a tuple of all allowed values, or an interval such as "[0, 1)" or "(0, inf)"
    """
    wanted = type(default)
    fits = isinstance(value, KINDS.get(wanted, wanted))
    if not fits or (isinstance(value, bool) and wanted is not bool):
        raise MethodError(f"{what}={value!r} is {type(value).__name__}; give {NAMES[wanted]}")
    if isinstance(rule, tuple) and value not in rule:
        choices = ", ".join(map(str, rule))
        raise MethodError(f"{what}={value!r} is not allowed; give one of {choices}")
    if isinstance(rule, str) and not within(value, rule):
        text = rule.replace("inf", "∞")
        raise MethodError(f"{what}={value!r} is not allowed; give a number in {text}")


def within(value: float, interval: str) -> bool:
    """Whether a number lies in an interval; raises MethodError if that is not written as one."""
    match = INTERVAL.fullmatch(interval)
    if match is None:
        raise MethodError(f"{interval!r} is no interval; write it as '[0, 1)' or '(0, inf)'")
    left, low, high, right = match[1], float(match[2]), float(match[3]), match[4]
    above = value >= low if left == "[" else value > low
    below = value <= high if right == "]" else value < high
    return above and below and not math.isnan(value)
