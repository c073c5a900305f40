"""The command ``balent``: choose what to label, look at methods, run and check experiments."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from types import ModuleType
from typing import NoReturn

import balent
from balent.errors import one_line_errors

COMMANDS = {
    "select": "balent.cli.pool",
    "score": "balent.cli.pool",
    "methods": "balent.cli.methods",
    "check": "balent.cli.check",
    "run": "balent.cli.run",
    "plan": "balent.cli.plan",
    "import": "balent.cli.take_over",
    "status": "balent.cli.status",
    "reports": "balent.cli.reports",
    "provenance": "balent.provenance.commands",
    "verify": "balent.provenance.commands",
    "pull": "balent.provenance.commands",
}
"""The module of each command."""


class Parser(argparse.ArgumentParser):
    """A parser that answers a wrong usage as any other wrong input: one line, exit status 2."""

    def __init__(self, **arguments) -> None:
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"balent: {message}; see {self.prog} --help\n")


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exit status 2 and one line on standard error for a wrong input."""
    argv = sys.argv[1:] if argv is None else argv
    parser = Parser(prog="balent", description=balent.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"balent {balent.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    try:
        for module in modules(argv):
            module.add_commands(commands)
        args = parser.parse_args(argv)
        with one_line_errors():
            args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as head has seen enough
        from balent.cli.output import silence_output

        silence_output()
    except KeyboardInterrupt:
        print("balent: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == balent.__name__:
            raise
        parser.exit(
            2,
            f"balent: needs the package {error.name}, which is not installed here; install it "
            "(run --plan and run --help do without)\n",
        )


def modules(argv: list[str]) -> list[ModuleType]:
    """The module of the command that is named; all of them where none is.

    Others are not imported: a machine that only runs plans lacks what they need.
    """
    named = COMMANDS.get(argv[0]) if argv else None
    names = [named] if named else dict.fromkeys(COMMANDS.values())
    return [import_module(name) for name in names]
