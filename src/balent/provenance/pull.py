"""Pull with DVC, and say in one line why that failed: DVC's own messages name symptoms."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from tqdm import tqdm

from balent.config import read_yaml
from balent.errors import DataError

if TYPE_CHECKING:
    from dvc.repo import Repo

PUSH_AGAIN = "push it again from a checkout that has it, or let snakemake make the file"
LOCK, CACHE = Path("dvc.lock"), Path(".dvc/cache/files/md5")
DVC = (sys.executable, "-m", "dvc")  # of this environment, activated or not
PORTS = {"http": 80, "https": 443, "ssh": 22}
S3 = "https://s3.amazonaws.com"
TIMEOUT = 10  # seconds
INTERVAL = 1.0  # seconds between two looks at what has arrived
LEFTOVER = re.compile(r"\.[\w-]{22}\.tmp$")  # how DVC ends the names of unfinished copies


class Problem(NamedTuple):
    """What is wrong with an object in a remote, and what to do."""

    path: str
    md5: str
    what: str
    remedy: str = PUSH_AGAIN


def pull(targets: list[str], remote: str | None = None) -> None:
    """``dvc pull`` of some outputs or stages (all, if none is named).

    Raises DataError with the one reason: no repository, no dvc.lock, no remote, remote unreachable,
    disk full, object missing, object corrupted; or, for anything else, with what DVC says.
    """
    repo = open_repo()
    name, settings = find_remote(repo, remote)
    drop_leftovers(repo)
    asked = [PurePosixPath(target) for target in targets]
    chosen = ["--remote", remote] if remote else []
    absent = sum(_absent_bytes(out) for out in outs() if _touches(out, asked))
    status, said = run_shown([*DVC, "pull", *chosen, *targets], absent)
    if status:
        raise DataError(_reason(repo, name, settings, asked, one_line(said)))


def run_shown(command: list[str], absent: int) -> tuple[int, str]:
    """Run DVC, with a bar of the bytes that arrive in its cache; exit status and standard error."""
    with tqdm(total=absent, desc="dvc pull", unit="B", unit_scale=True, disable=None) as bar:
        before = 0 if bar.disable else _cached_bytes()
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            said = None
            while said is None:
                try:
                    _, said = process.communicate(timeout=INTERVAL)
                except subprocess.TimeoutExpired:
                    if not bar.disable:
                        bar.update(_cached_bytes() - before - bar.n)
        if process.returncode == 0:  # what was in the cache before has arrived, too
            bar.update(absent - bar.n)
    return process.returncode, said


def _cached_bytes() -> int:
    total = 0
    for file in CACHE.glob("*/*"):
        with suppress(FileNotFoundError):  # DVC renames what has arrived
            total += file.stat().st_size
    return total


def open_repo() -> Repo:
    """The repository of DVC, with a dvc.lock; DataError where one of them is not here."""
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        repo = Repo()
    except NotDvcRepoError:
        raise DataError("no DVC repository: run this in the folder of dvc.yaml") from None
    except DvcException as error:
        raise DataError(one_line(str(error))) from None
    if not LOCK.is_file():
        raise DataError(
            f"{LOCK}: is not here; run this in the folder of dvc.yaml, of a commit with results"
        )
    return repo


def find_remote(repo: Repo, remote: str | None) -> tuple[str, dict[str, Any]]:
    """Name and settings of a remote, or of the default one; DataError if there is none."""
    name = remote or repo.config["core"].get("remote")
    if not name:
        raise DataError("no remote: run dvc remote add --default NAME URL, or name one by --remote")
    if name not in repo.config["remote"]:
        raise DataError(f"no remote {name!r}: there are {', '.join(repo.config['remote'])}")
    return name, repo.config["remote"][name]


def drop_leftovers(repo: Repo) -> None:
    """Remove what a killed pull leaves: unfinished copies, which DVC takes for changes of the
    user's, and DVC's index, which may be damaged, or name objects that did not arrive."""
    from dvc.lock import LockError

    try:
        with repo.lock:
            shutil.rmtree(Path(repo.site_cache_dir, "index", "data"), ignore_errors=True)
            for path in {Path(out["path"]) for out in outs()}:
                found = path.rglob("*") if path.is_dir() else path.parent.glob("*")
                for file in found:
                    if LEFTOVER.search(file.name):
                        file.unlink()
    except LockError:
        raise DataError("another DVC process works here; wait until it has ended") from None


def outs() -> Iterator[dict[str, Any]]:
    """The outputs that dvc.lock describes, each with the name of its stage."""
    for name, stage in read_yaml(LOCK)["stages"].items():
        yield from ({"stage": name, **out} for out in stage["outs"])


def one_line(text: str) -> str:
    """A text without line ends."""
    return " ".join(text.split())


def _reason(
    repo: Repo, name: str, settings: dict[str, Any], targets: list[PurePosixPath], said: str
) -> str:
    if problem := _unreachable(settings):
        return f"remote {name!r} ({settings['url']}) cannot be reached: {problem}"
    wanted = [out for out in outs() if _touches(out, targets)]
    free, needed = shutil.disk_usage(".").free, sum(map(_absent_bytes, wanted))
    if "No space left" in said or free < needed:
        return (
            f"disk full: {needed / 1e6:.1f} MB are to be written, {free / 1e6:.1f} MB are free; "
            "make room and pull again"
        )
    try:
        store = repo.cloud.get_remote_odb(name)
    except ImportError as error:  # dvc-gs, dvc-azure and the like are packages of their own
        return f"remote {name!r} ({settings['url']}): {error}"
    for path, md5, what, remedy in _lacking(store, wanted, targets):
        return f"{path}: its object {md5} {what} in remote {name!r}; {remedy}"
    if "--force" in said:
        return f"a file was changed here; move it away or run dvc pull --force ({said})"
    return said


def _unreachable(settings: dict[str, Any]) -> str | None:
    """Why no connection to a remote can be made; None if one can be, or nothing can be said."""
    url = settings["url"]
    if url.startswith("file:"):
        return "DVC knows no addresses file://; give the path alone"
    if "://" not in url:
        return None if Path(url).is_dir() else "there is no such folder"
    parts = urlsplit(settings.get("endpointurl", S3) if url.startswith("s3:") else url)
    port = settings.get("port") or parts.port or PORTS.get(parts.scheme)
    if port is None:  # such as gs: and azure:, whose address their packages know
        return None
    try:
        socket.create_connection((parts.hostname or "", int(port)), TIMEOUT).close()
    except OSError as error:
        return f"{error.strerror or error}; try again later"
    return None


def _touches(out: dict[str, Any], targets: list[PurePosixPath]) -> bool:
    """Whether an output, or a part of it, was asked for."""
    path = PurePosixPath(out["path"])
    stages = {str(target) for target in targets}
    return (
        not targets
        or out["stage"] in stages
        or any(path.is_relative_to(target) or target.is_relative_to(path) for target in targets)
    )


def _absent_bytes(out: dict[str, Any]) -> int:
    """How many bytes of an output are not here yet."""
    path = Path(out["path"])
    files = path.rglob("*") if path.is_dir() else [path]
    here = sum(file.stat().st_size for file in files if file.is_file())
    return max(0, out["size"] - here)


def _lacking(
    store: Any, wanted: list[dict[str, Any]], targets: list[PurePosixPath]
) -> Iterator[Problem]:
    """A problem for every object that neither the cache nor the remote has whole."""
    for out in wanted:
        content = yield from _look(store, out["path"], out["md5"])
        if content is None or not out["md5"].endswith(".dir"):
            continue
        for file in json.loads(content):
            path = f"{out['path']}/{file['relpath']}"
            if _touches({"path": path, "stage": out["stage"]}, targets):
                yield from _look(store, path, file["md5"])


def _look(store: Any, path: str, md5: str) -> Generator[Problem, None, bytes | None]:
    """Return an object from the cache, else from the remote; yield what is wrong with it there."""
    cached = CACHE / md5[:2] / md5[2:]
    if cached.is_file():
        return cached.read_bytes()
    try:
        found = store.fs.cat_file(store.oid_to_path(md5))
    except FileNotFoundError:
        yield Problem(path, md5, "is missing")
        return None
    except Exception as error:  # each kind of remote has errors of its own
        said = one_line(str(error)) or type(error).__name__
        yield Problem(path, md5, f"cannot be read ({said})", "try again later, or ask who runs it")
        return None
    if hashlib.md5(found).hexdigest() != md5.removesuffix(".dir"):
        yield Problem(path, md5, "is corrupted")
        return None
    return found
