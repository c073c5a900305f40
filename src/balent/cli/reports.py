"""``balent reports``: every table and figure, what there is of it, and what the rest costs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from balent.cli.check import CONFIG, read_config, schema_file
from balent.cli.output import print_table
from balent.config import read_yaml, resolve
from balent.config_checks import one_of
from balent.overview import Costs, Item, Part, overview


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    reports = commands.add_parser("reports", help="list tables and figures: status, scale, cost")
    reports.add_argument("names", nargs="*", metavar="NAME", help="items; all if none is named")
    reports.add_argument("--cost", action="store_true", help="estimate core-seconds")
    reports.add_argument("--json", action="store_true", help="print JSON instead of a table")
    reports.add_argument("--config", type=Path, default=CONFIG)
    reports.add_argument("--scale", help="look at this scale instead of the configured one")
    reports.set_defaults(run=show_reports)


def show_reports(args: argparse.Namespace) -> None:
    """Print a line for each item and, with costs, a sum that counts shared results once."""
    config, _ = read_config(args.config)
    if args.scale:
        config["scale"] = args.scale
    settings = resolve(config, read_yaml(schema_file(args.config)))
    for name in args.names:
        one_of(name, settings.reports, "NAME", "report")
    items = [item for item in overview(settings) if not args.names or item.name in args.names]
    costs = Costs(settings) if args.cost else None
    rows = [entry(item, costs) for item in items]
    if args.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    print_table([list(rows[0]), *([text(value) for value in row.values()] for row in rows)])
    if costs:
        print(total(costs, items))


def entry(item: Item, costs: Costs | None) -> dict[str, object]:
    """What is shown of an item."""
    done, needed = item.chains()
    found: dict[str, object] = {
        "item": item.name,
        "kind": item.kind,
        "scale": item.scale,
        "status": item.status,
        "chains": f"{done}/{needed}",
    }
    if costs:
        found |= {"core_s": cost(costs, item.parts), "left_s": cost(costs, item.parts - item.done)}
    return found | {"section": item.section, "title": item.title}


def cost(costs: Costs, parts: Iterable[Part]) -> float | None:
    """Core-seconds of results; None where one of them has no estimate."""
    parts = list(parts)
    return None if costs.unknown(parts) else round(costs.total(parts), 2)


def text(value: object) -> str:
    """A cell: ``?`` for a cost that is not known."""
    if value is None:
        return "?"
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def total(costs: Costs, items: list[Item]) -> str:
    """One line for all items, each result once, and the results without an estimate."""
    parts: frozenset[Part] = frozenset().union(*(item.parts for item in items))
    left: frozenset[Part] = frozenset().union(*(item.parts - item.done for item in items))
    line = f"together: {costs.total(parts):,.0f} core-seconds, left {costs.total(left):,.0f}"
    unknown = costs.unknown(parts)
    return f"{line}; and {unknown} studies without an estimate" if unknown else line
