"""A pull that fails: one line with the reason, and nothing half-written is taken for a result."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from shlex import quote

import pytest
import yaml

from .project import BALENT, PUBLISHED, Project

pytestmark = pytest.mark.workflow

PICKS = "results/small/full_dropout/bald/seed0/picks.npz"


def failed_pull(clone: Project, *arguments: str) -> str:
    """The one line that a failing pull prints on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", BALENT, "pull", *arguments],
        cwd=clone.root,
        env=clone.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.splitlines()
    return line


def published_object(clone: Project, path: str) -> Path:
    """The object of a file below results/small in the remote in git."""
    store = clone.root / ".dvc/published/files/md5"
    stages = yaml.safe_load((clone.root / "dvc.lock").read_text())["stages"]
    listing = stages["results"]["outs"][0]["md5"]
    files = json.loads((store / listing[:2] / listing[2:]).read_text())
    (md5,) = (f["md5"] for f in files if f"results/small/{f['relpath']}" == path)
    return store / md5[:2] / md5[2:]


def test_remote_unreachable(clone):
    clone.dvc("remote", "add", "--local", "web", "http://127.0.0.1:9/data")
    line = failed_pull(clone, "--remote", "web")
    assert "remote 'web' (http://127.0.0.1:9/data) cannot be reached: Connection refused" in line


def test_folder_of_the_remote_absent(clone):
    shutil.rmtree(clone.root / ".dvc/published")
    assert "cannot be reached: there is no such folder" in failed_pull(clone)


def test_no_remote(clone):
    clone.dvc("remote", "remove", "published")
    assert "no remote: run dvc remote add --default NAME URL" in failed_pull(clone)


def test_unknown_remote(clone):
    assert "no remote 'other': there are published" in failed_pull(clone, "--remote", "other")


def test_object_missing(clone):
    found = published_object(clone, PICKS)
    found.unlink()
    line = failed_pull(clone)
    assert f"{PICKS}: its object {found.parent.name}{found.name} is missing in remote" in line
    assert not (clone.root / PICKS).exists()


def test_object_corrupted(clone):
    found = published_object(clone, PICKS)
    content = bytearray(found.read_bytes())
    content[100] ^= 1
    found.chmod(0o644)
    found.write_bytes(content)
    line = failed_pull(clone)
    assert f"{PICKS}: its object {found.parent.name}{found.name} is corrupted in remote" in line
    assert not (clone.root / PICKS).exists()


def test_a_changed_file_is_not_overwritten(pulled):
    pulled.append("reports/table1.csv", "mine\n")
    assert "a file was changed here; move it away or run dvc pull --force" in failed_pull(pulled)
    assert (pulled.root / "reports/table1.csv").read_text().endswith("mine\n")


def can_mount() -> bool:
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "t",
        "/mnt",
    ]
    return (
        shutil.which("unshare") is not None
        and not subprocess.run(command, capture_output=True).returncode
    )


@pytest.mark.skipif(not can_mount(), reason="needs a user namespace to mount a small disk")
def test_disk_full(clone):
    """The clone's cache and outputs lie on a disk with room for a part of them."""
    cache, data = clone.root / ".dvc/cache", clone.root / "data/features"
    script = " && ".join(
        [f"mkdir -p {cache} {data}"]
        + [f"mount -t tmpfs -o size=600k tmpfs {place}" for place in (cache, data)]
        + [f"{sys.executable} -c {quote(BALENT)} pull > /dev/null"]
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script],
        cwd=clone.root,
        env=clone.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "disk full: " in done.stderr
    clone.dvc("pull")
    assert clone.planned(*PUBLISHED) == set()


def test_an_interrupted_pull_is_continued(clone):
    """Killed again and again, later each time; what is there in between is whole or named."""
    killed = 0
    for seconds in (0.5, 0.7, 0.8, 0.9, 1.0, 1.1):
        pull = subprocess.Popen(
            [sys.executable, "-m", "dvc", "pull"],
            cwd=clone.root,
            env=clone.environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(seconds)
        if pull.poll() is None:
            os.killpg(pull.pid, signal.SIGKILL)
            killed += 1
        pull.wait()
    assert killed
    clone.balent("pull")
    assert clone.planned(*PUBLISHED) == set()


@pytest.mark.parametrize("kept", [0, 100])
def test_half_a_file_is_no_result(pulled, kept):
    """As an interrupted copy would leave it."""
    with open(pulled.root / PICKS, "r+b") as file:
        file.truncate(kept)
    assert PICKS in pulled.planned("all")
    assert f"{PICKS}: has SHA-256" in pulled.balent("verify", fails=True)
