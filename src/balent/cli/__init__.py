"""The command ``balent``: choose what to label, look at methods, run and check experiments."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

import balent
from balent.cli import check, methods, pool, reports, run, status, take_over
from balent.cli.output import silence_output
from balent.errors import one_line_errors
from balent.provenance import commands as provenance


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong usage as any other wrong input: one line, exit status 2."""

    def __init__(self, **arguments) -> None:
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"balent: {message}; see {self.prog} --help\n")


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exit status 2 and one line on standard error for a wrong input."""
    parser = Parser(prog="balent", description=balent.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"balent {balent.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    for module in (pool, methods, check, run, take_over, status, reports, provenance):
        module.add_commands(commands)
    args = parser.parse_args(argv)
    try:
        with one_line_errors():
            args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as head has seen enough
        silence_output()
    except KeyboardInterrupt:
        print("balent: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
