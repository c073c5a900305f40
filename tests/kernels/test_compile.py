"""What no interpreter can show: that Triton and its assembler take the kernels, for an H200."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import REASON

pytest.importorskip("triton", reason=REASON)


def test_every_variant_compiles_without_a_gpu(tmp_path):
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path)}
    environment.pop("TRITON_INTERPRET", None)
    done = subprocess.run(
        [sys.executable, "-m", "kernels.compiling"],
        cwd=Path(__file__).parents[1],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split()[0] for line in done.stdout.splitlines()]
    assert [lines.count(name) for name in ("_add_samples", "_terms", "_second_block")] == [6, 6, 6]
