"""The import closure that decides what an edit re-runs."""

from pathlib import Path

import pytest

from balent import sources
from balent.errors import ConfigError

ROOT = Path(__file__).parents[1]


def names(*roots: str) -> set[str]:
    paths = sources.closure(*(ROOT / root for root in roots))
    return {str(path.relative_to(ROOT)) for path in paths}


def test_a_report_does_not_depend_on_the_networks():
    found = names("scripts/report.py", "src/balent/reports/curves.py")
    assert "src/balent/reports/style.py" in found
    assert not any("/models/" in name or "/posterior/" in name for name in found)


def test_one_figure_does_not_depend_on_another_item():
    found = names("scripts/report.py", "src/balent/reports/accuracy_table.py")
    assert "src/balent/reports/curves.py" not in found


def test_a_chain_depends_on_the_networks_and_not_on_reports_or_other_methods():
    found = names("scripts/block.py", "src/balent/acquisition/uncertainty.py")
    assert {"src/balent/models/cnn.py", "src/balent/posterior/mc_dropout.py"} <= found
    assert "src/balent/acquisition/uncertainty.py" in found
    assert "src/balent/acquisition/badge.py" not in found
    assert not any("/reports/" in name for name in found)


@pytest.mark.parametrize(
    ("roots", "others"),
    [
        (["scripts/simclr.py"], ["/loop/", "/posterior/", "/acquisition/", "/studies/"]),
        (["scripts/extract.py"], ["/loop/", "/posterior/", "/acquisition/", "/studies/"]),
        (["scripts/block.py"], ["/features/simclr.py", "/features/probe.py", "/studies/"]),
        (["scripts/train.py"], ["/features/simclr.py", "/features/probe.py", "/studies/"]),
        (
            ["scripts/study.py", "src/balent/studies/agreement.py"],
            ["/loop/", "/features/", "/models/build.py"],
        ),
    ],
)
def test_what_the_fork_server_imports_ahead_is_no_part_of_a_script(roots, others):
    found = names(*roots)
    assert "src/balent/forkserver.py" in found
    assert not [name for name in found if any(other in name for other in others)]


def test_imports_inside_functions_and_package_files_count(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("def f():\n    from balent.loop import journal\n")
    found = {path.name for path in sources.closure(script)}
    assert {"s.py", "journal.py", "__init__.py", "files.py"} <= found


def test_the_digest_follows_content_and_not_order(tmp_path):
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("1")
    b.write_text("2")
    before = sources.digest([a, b])
    assert before == sources.digest([b, a])
    b.write_text("3")
    assert before != sources.digest([a, b])


def test_configuration_and_report_code_are_no_part_of_a_chain():
    found = names("scripts/block.py", "src/balent/acquisition/uncertainty.py")
    assert "src/balent/config.py" not in found
    assert not any("/reports/" in name for name in found)


def test_a_plug_in_is_followed_through_its_own_package(tmp_path):
    package = tmp_path / "plug"
    package.mkdir()
    for name in ("__init__.py", "method.py", "helper.py"):
        (package / name).write_text("")
    found = {path.name for path in sources.plugin(package / "method.py")}
    assert found == {"__init__.py", "method.py", "helper.py"}
    (tmp_path / "alone.py").write_text("")
    assert sources.plugin(tmp_path / "alone.py") == [tmp_path / "alone.py"]


def test_an_import_that_would_not_be_followed_is_refused(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("from . import other\n")
    with pytest.raises(ValueError, match=r"module.py:1: write imports of this package in full"):
        sources.imports(path)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Two files in the place of the package, as a workflow found them."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(sources, "PACKAGE", tmp_path)
    monkeypatch.setenv(sources.SNAPSHOT, sources.snapshot(tmp_path))
    return tmp_path


def test_a_job_refuses_its_own_files_once_they_are_edited(package):
    files = [package / "a.py", package / "b.py"]
    sources.check_unchanged(files)
    files[1].write_text("2")
    sources.check_unchanged(files[:1])
    with pytest.raises(ConfigError, match=r"b\.py: was edited since the workflow started"):
        sources.check_unchanged(files)
    files[1].write_text("1")
    sources.check_unchanged(files)


def test_a_job_refuses_new_files_of_the_package_and_takes_those_of_others(
    package, tmp_path_factory
):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "plug.py"
    elsewhere.write_text("1")
    sources.check_unchanged([elsewhere])
    (package / "c.py").write_text("1")
    with pytest.raises(ConfigError, match=r"c\.py"):
        sources.check_unchanged([package / "c.py"])


def test_outside_a_workflow_files_may_change(package, monkeypatch):
    monkeypatch.delenv(sources.SNAPSHOT)
    (package / "a.py").write_text("2")
    sources.check_unchanged([package / "a.py"])
