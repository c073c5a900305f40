"""Rule metrics: final accuracy, area under the curve and learning curves, for DVC to show."""

import argparse
import json
from pathlib import Path

from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=json.loads, required=True, help="[{scenarios, methods}]")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--results", type=Path, required=True, help="results/SCALE")
    parser.add_argument("--out", type=Path, nargs=2, required=True, help="metrics, curves")
    args = parser.parse_args()
    from balent.provenance.metrics import write_metrics

    write_metrics(args.items, args.seeds, args.results, *args.out)


if __name__ == "__main__":
    run(main, ahead=False)
