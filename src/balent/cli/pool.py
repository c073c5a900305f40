"""``balent select`` and ``balent score``: a pool of predictions in files, picks or scores out."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balent.acquisition import catalog
from balent.cli.output import check_target, write_scores
from balent.errors import MethodError
from balent.pool_files import read_array

if TYPE_CHECKING:
    from balent.pool import Pool

ARRAYS = {
    "probs": "[N, K, C] probabilities: N points, K samples, C classes",
    "features": "[N, D] mean penultimate features of the pool",
    "labelled_features": "[L, D] those of the labelled points",
    "pairs": "[N, K, C] probabilities in K further, independent samples",
    "reference_probs": "[R, K, C] the samples of --probs at R unlabelled reference points",
    "reference_pairs": "[R, K, C] the samples of --pairs at the reference points",
}
BOOLEANS = {"true": True, "false": False}


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser of ``balent``."""
    select = commands.add_parser("select", help="choose the points to label next")
    _add_arguments(select)
    select.add_argument("--size", required=True, type=int, help="how many points to choose")
    select.set_defaults(run=select_points)
    score = commands.add_parser("score", help="score every point of the pool")
    _add_arguments(score)
    score.set_defaults(run=score_points)


def select_points(args: argparse.Namespace) -> None:
    """Write the chosen points, best first, each with its score."""
    pool, options = _read(args)
    from balent import scoring  # torch

    with printed_warnings():
        indices, scores = scoring.choose(
            args.method, pool, args.size, args.seed, options, progress=True
        )
    write_scores(indices.tolist(), scores.tolist(), args.out)


def score_points(args: argparse.Namespace) -> None:
    """Write the score of every point, in the order of the pool."""
    pool, options = _read(args)
    from balent import scoring  # torch

    with printed_warnings():
        scores = scoring.score(args.method, pool, args.seed, options, progress=True)
    write_scores(range(len(scores)), scores.tolist(), args.out)


def parse_options(method: str, texts: list[str]) -> dict[str, Any]:
    """Options of a method from ``NAME=VALUE``, each value read by the type of its default.

    Raises MethodError for what is unknown, given twice or of another type.
    """
    defaults = catalog.find(method).options
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise MethodError(f"--option {text!r} is not allowed; write NAME=VALUE")
        if name in options:
            raise MethodError(f"--option {name} is given twice; give it once")
        options[name] = _value(value, type(defaults.get(name)))
    catalog.check_options(method, options)
    return options


def _value(text: str, wanted: type) -> Any:
    """The text as a value of the wanted type; left as text where it is none, to be refused."""
    try:
        if wanted is bool:
            return BOOLEANS[text.lower()]
        return wanted(text) if wanted in (int, float) else text
    except (KeyError, ValueError):
        return text


def _add_arguments(command: argparse.ArgumentParser) -> None:
    for name, meaning in ARRAYS.items():
        command.add_argument(
            f"--{name.replace('_', '-')}", metavar="FILE", required=name == "probs", help=meaning
        )
    command.add_argument(
        "--validation-error", type=float, metavar="RATE", help="error rate without dropout"
    )
    command.add_argument("--method", required=True, help="see: balent methods")
    command.add_argument("--seed", type=int, default=0, help="of ties and random draws (0)")
    command.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of the method"
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="CSV (standard output)")


def _read(args: argparse.Namespace) -> tuple[Pool, dict[str, Any]]:
    """The pool and the method's options; what is cheap to check comes first."""
    options = parse_options(args.method, args.option)
    sources = {name: getattr(args, name) for name in ARRAYS if getattr(args, name) is not None}
    check_target(args.out, [name.partition(".npz:")[0] for name in sources.values()])
    arrays = {name: read_array(source) for name, source in sources.items()}
    from balent.pool import Pool  # torch

    return Pool(**arrays, validation_error=args.validation_error), options


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Print what methods warn of or log as lines of the command."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("balent: warning: %(message)s"))
    logger = logging.getLogger("balent")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    finally:
        logger.removeHandler(handler)
    for warning in caught:
        print(f"balent: warning: {warning.message}", file=sys.stderr)
