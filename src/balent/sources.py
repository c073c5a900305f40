"""Which source files a script depends on, read from its import statements.

The workflow makes digests of these files parameters of its jobs: editing a plotting module re-runs
figures, editing a sampler re-runs chains, and nothing else moves. Imports are found by parsing, not
by running, at any depth of the file; only modules of this package are followed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from balent.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent

SNAPSHOT = "BALENT_SOURCES"
"""The environment variable in which a workflow tells its jobs the source files it started with."""


def closure(*roots: str | Path) -> list[Path]:
    """The files themselves and every module of the package they import, directly or not."""
    seen: set[Path] = set()
    waiting = [Path(root).resolve() for root in roots]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(imports(path))
    return sorted(seen)


def ours(path: str | Path) -> bool:
    """Whether a file belongs to this package; a plug-in may be installed in the same checkout."""
    return Path(path).resolve().is_relative_to(PACKAGE)


def plugin(path: str | Path) -> list[Path]:
    """The source files of a method from elsewhere: its module, or the whole package around it."""
    path = Path(path).resolve()
    top = path
    while (top.parent / "__init__.py").is_file():
        top = top.parent
    return sorted(top.rglob("*.py")) if top.is_dir() else [path]


def digest(paths: Iterable[str | Path]) -> str:
    """A SHA-256 over the files' names and contents; file order does not matter."""
    total = hashlib.sha256()
    for path in sorted(Path(path).resolve() for path in paths):
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def snapshot(*folders: str | Path) -> str:
    """The digests of all source files in folders, for the environment variable SNAPSHOT."""
    files = (file for folder in folders for file in Path(folder).resolve().rglob("*.py"))
    return json.dumps({str(file): digest([file])[:16] for file in sorted(files)})


def check_unchanged(paths: Iterable[str | Path]) -> None:
    """Refuse files that were edited since the workflow started: its records name the earlier ones.

    Files that the snapshot does not hold are new, or another package's, whose record is their
    digest. Does nothing outside a workflow. Raises ConfigError.
    """
    started = json.loads(os.environ.get(SNAPSHOT, "{}"))
    for path in sorted(Path(path).resolve() for path in paths):
        known = started.get(str(path))
        if (started and ours(path) and known is None) or known not in (None, digest([path])[:16]):
            raise ConfigError(
                f"{path}: was edited since the workflow started, so this job would not run what is "
                "recorded of it; start the workflow again"
            )


@cache
def imports(path: Path) -> tuple[Path, ...]:
    """The package's modules that one file imports, each with the packages that contain it."""
    found: set[Path] = set()
    for node in _running(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise ValueError(f"{path}:{node.lineno}: write imports of this package in full")
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            found.update(_files(name))
    return tuple(sorted(found))


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes below ``tree`` but those under ``if TYPE_CHECKING:``, which never run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from _running(node)


def _files(module: str) -> list[Path]:
    """The files that importing ``module`` runs; empty if it is not a module of the package."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return []
    files = []
    for depth in range(len(parts)):
        base = PACKAGE.joinpath(*parts[1 : depth + 1])
        candidates = (base / "__init__.py", base.with_suffix(".py"))
        files += [path for path in candidates if path.is_file()]
    return files
