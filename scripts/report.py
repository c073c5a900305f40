"""Rules report_*: one table, figure or page from histories and configuration."""

import argparse
from pathlib import Path

from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the item's name in the configuration")
    parser.add_argument("--context", required=True, help="the resolved configuration, as JSON")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--out", type=Path, required=True, help="outputs without suffix")
    args = parser.parse_args()
    from balent.reports.job import write_report

    write_report(args.name, args.context, args.results, args.out)


if __name__ == "__main__":
    run(main, ahead=False)
