"""The commands ``balent provenance FILE``, ``balent verify`` and ``balent pull``."""

from __future__ import annotations

import argparse

from balent.errors import DataError
from balent.provenance.describe import describe
from balent.provenance.pull import pull
from balent.provenance.verify import verify


def add_commands(commands) -> None:
    """Add them to the subparsers of ``balent``."""
    shown = commands.add_parser("provenance", help="show how a result came to be")
    shown.add_argument("file", help="an output of the workflow, such as reports/table1.csv")
    shown.set_defaults(run=print_provenance)
    checked = commands.add_parser("verify", help="hash all recorded files, name what differs")
    checked.set_defaults(run=print_verdict)
    pulled = commands.add_parser("pull", help="dvc pull; a failure is one line with its reason")
    pulled.add_argument("targets", nargs="*", help="outputs or stages of dvc.yaml (default: all)")
    pulled.add_argument("--remote", help="a remote of dvc (default: the one in git)")
    pulled.set_defaults(run=lambda args: pull(args.targets, args.remote))


def print_provenance(args: argparse.Namespace) -> None:
    """Print how a file came to be."""
    for line in describe(args.file):
        print(line)


def print_verdict(args: argparse.Namespace) -> None:
    """Print what differs; exit status 1 if anything does."""
    verdict = verify()
    if not verdict.here + verdict.absent:
        raise DataError(
            "no records here: run this in a project's folder, after a run of the workflow or a pull"
        )
    for problem in verdict.problems:
        print(problem)
    print(
        f"{verdict.here} recorded files are here, {verdict.absent} are absent; "
        f"{len(verdict.problems)} differ"
    )
    if verdict.problems:
        raise SystemExit(1)
