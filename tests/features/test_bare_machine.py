"""Training an encoder where only torch, NumPy, SciPy and safetensors are installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ABSENT = ["dvc", "gpytorch", "jsonschema", "matplotlib", "pandas", "sklearn", "snakemake"]
ABSENT += ["threadpoolctl", "torchvision", "tqdm", "yaml"]
WITHOUT = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT}))  # None: importing one raises ModuleNotFoundError
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_script_trains_in_parts_from_sources_alone(
    data: Path, settings: dict, tmp_path: Path
) -> None:
    """Status 75 until it is finished."""
    box = tmp_path / "box"
    shutil.copytree(ROOT / "src" / "balent", box / "src" / "balent")
    shutil.copytree(ROOT / "scripts", box / "scripts")
    given = {"simclr": settings | {"epochs": 2}, "seed": 0, "torch_threads": 1}
    command = [sys.executable, "-c", WITHOUT, "scripts/simclr.py"]
    command += ["--settings", json.dumps(given), "--data", str(data)]
    command += ["--checkpoint", "out/checkpoint", "--out", "out/encoder", "out/simclr.json"]
    environment = {"PYTHONPATH": "src", "PATH": "", "BALENT_DEVICE": "cpu"}

    def run(minutes: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*command, "--minutes", minutes], cwd=box, env=environment, capture_output=True
        )

    first = run("1e-9")
    assert first.returncode == 75, first.stderr
    assert {path.name for path in (box / "out").iterdir()} == {"checkpoint"}
    second = run("5")
    assert second.returncode == 0, second.stderr
    assert {path.name for path in (box / "out").iterdir()} == {
        "encoder",
        "simclr.json",
        "progress.csv",
    }
