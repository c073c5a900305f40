"""Rule weights: ImageNet weights of a backbone, as safetensors."""

import argparse
from pathlib import Path

from balent.data.registry import mirror_folder
from balent.data.weights import fetch_weights
from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    fetch_weights(args.name, args.out, mirror=mirror_folder(None))


if __name__ == "__main__":
    run(main, ahead=False)
