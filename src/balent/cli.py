"""The command ``balent``: look at the methods, check a configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

import balent
from balent.acquisition import catalog
from balent.config import read_yaml, resolve
from balent.errors import one_line_errors


def main(argv: list[str] | None = None) -> None:
    """Run the command line; exit status 2 and one line on standard error for a wrong input."""
    parser = argparse.ArgumentParser(prog="balent", description=balent.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"balent {balent.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    methods = commands.add_parser("methods", help="list the acquisition functions")
    methods.set_defaults(run=list_methods)
    check = commands.add_parser("check", help="check a configuration and say what it defines")
    check.add_argument("config", nargs="?", type=Path, default=Path("config.yaml"))
    check.set_defaults(run=check_config)
    args = parser.parse_args(argv)
    with one_line_errors():
        args.run(args)


def list_methods(args: argparse.Namespace) -> None:
    """Print a table of all methods: name, kind, needs, cost, source."""
    rows = [("name", "kind", "needs", "cost", "source")]
    for entry in catalog.every_method().values():
        spec = entry.spec
        rows.append((spec.name, spec.kind, ", ".join(spec.needs) or "-", spec.cost, spec.paper))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def check_config(args: argparse.Namespace) -> None:
    """Validate a configuration file with the schema beside it, and print what it defines."""
    settings = resolve(
        read_yaml(args.config), read_yaml(args.config.with_name("config.schema.yaml"))
    )
    print(f"{args.config}: valid; scale {settings.scale}, seeds {list(settings.seeds)}")
    print(f"scenarios: {', '.join(settings.scenarios)}")
    if settings.undefined:
        print(f"not defined at this scale: {', '.join(settings.undefined)}")
    print(f"methods: {', '.join(settings.methods)}")
    print(f"reports: {', '.join(settings.reports)}")
