"""``balent methods``: the acquisition functions as a table."""

from __future__ import annotations

import argparse

from balent.acquisition import catalog
from balent.cli.output import print_table


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    methods = commands.add_parser("methods", help="list the acquisition functions")
    methods.set_defaults(run=list_methods)


def list_methods(args: argparse.Namespace) -> None:
    """Print a table of all methods: name, kind, needs, options with defaults, cost, paper."""
    rows = [("name", "kind", "needs", "options", "cost", "paper")]
    for entry in catalog.every_method().values():
        spec = entry.spec
        options = (f"{key}={value}" for key, value in entry.options.items())
        needs, given = (", ".join(words) or "-" for words in (spec.needs, options))
        rows.append((spec.name, spec.kind, needs, given, spec.cost, spec.paper))
    print_table(rows)
