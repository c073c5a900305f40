"""Rule extract: features of all images, and the accuracy of a linear probe on them."""

import argparse
import json

from balent.forkserver import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", nargs=2, required=True, help="features, probe")
    args = parser.parse_args()
    from balent import runtime
    from balent.features.pipeline import extract_features

    threads = args.settings["torch_threads"]
    extract_features(
        args.data,
        args.encoder,
        args.settings["simclr"],
        args.settings["probe"],
        *args.out,
        seed=args.settings["seed"],
        device=runtime.start(threads),
        threads=threads,
    )


if __name__ == "__main__":
    run(main)
