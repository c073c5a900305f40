"""Rule weights: ImageNet weights of a backbone, as safetensors."""

import argparse
from pathlib import Path

from balent.data.registry import mirror_folder
from balent.data.weights import fetch_weights
from balent.errors import one_line_errors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with one_line_errors():
        fetch_weights(args.name, args.out, mirror=mirror_folder(None))


if __name__ == "__main__":
    main()
