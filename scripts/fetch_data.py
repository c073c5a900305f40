"""Rule data: bring a data set into its canonical form."""

import argparse
import json
from pathlib import Path

from balent.data.fetch import fetch
from balent.data.registry import mirror_folder
from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--own", type=json.loads, help="a user's own data set, as JSON")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    fetch(args.name, args.out, mirror=mirror_folder(None), user=args.own)


if __name__ == "__main__":
    run(main, ahead=False)
