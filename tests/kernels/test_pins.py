"""The version of Triton to test with is pinned; without Triton the tests say what they need."""

import subprocess
import sys
from pathlib import Path

from .conftest import REASON

ROOT = Path(__file__).parents[2]


def test_triton_is_pinned_and_no_part_of_the_environment():
    def packages(name):
        lines = (ROOT / "envs" / name).read_text().splitlines()
        return [line.split("==")[0] for line in lines if not line.startswith("#")]

    assert packages("requirements-kernels.txt") == ["triton"]
    assert "triton" not in packages("requirements.txt")


def test_without_triton_the_others_are_skipped_with_the_reason():
    code = "import sys, pytest; sys.modules['triton'] = None; sys.exit(pytest.main(sys.argv[1:]))"
    files = [f"tests/kernels/test_{name}.py" for name in ("compile", "moments_kernel")]
    done = subprocess.run(
        [sys.executable, "-c", code, "-rs", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count(REASON) == 2, done.stdout
    assert "2 skipped" in done.stdout
