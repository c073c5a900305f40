"""A tiny project that was built and published once, and clones of it."""

import pytest

from .project import Project, make_project


@pytest.fixture(scope="session")
def origin(tmp_path_factory) -> Project:
    """Everything built by ``dvc repro``, published and committed; tests must leave it as it is."""
    project = make_project(tmp_path_factory.mktemp("origin") / "project")
    project.dvc("repro")
    project.run("python", "scripts/publish.py")
    project.commit("published")
    return project


@pytest.fixture
def clone(origin, tmp_path) -> Project:
    """A fresh clone; nothing is pulled."""
    return origin.clone(tmp_path / "clone")


@pytest.fixture
def pulled(clone) -> Project:
    """A fresh clone after ``dvc pull``."""
    clone.dvc("pull")
    return clone


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
