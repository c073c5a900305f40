"""The command ``balent``: methods are listed, a file is checked alone or over config.yaml."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import refused

from balent.cli import main
from balent.cli.check import laid_over

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory with the shipped configuration and schema."""
    for name in ("config.yaml", "config.schema.yaml"):
        shutil.copy2(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_configuration_is_checked_at_all_scales(folder, capsys):
    main(["check"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "config.yaml: valid; scale small, seeds [0, 1, 2]"
    begin = {line.partition(":")[0]: line for line in lines}
    assert {"small", "cpu", "paper", "methods", "reports"} <= set(begin)
    assert "not defined pretrained_backbone, augmented_backbone" in begin["cpu"]
    assert "simclr32" in begin["paper"]


def test_an_overlay_is_laid_over_the_configuration(folder, capsys):
    (folder / "sub").mkdir()
    file = folder / "sub" / "mine.yaml"
    file.write_text("seeds: [7]\nreports: {mine: {kind: table, title: x}}\n")
    assert "reports.mine.kind: unknown kind 'table'" in refused(capsys, "check", str(file))
    file.write_text("seeds: [7]\n")
    main(["check", str(file)])
    out = capsys.readouterr().out
    assert "mine.yaml over config.yaml: valid; scale small, seeds [7]" in out


def test_a_mistake_at_another_scale_is_found(folder, capsys):
    (folder / "mine.yaml").write_text("features: {simclr: {cpu: {data: mnits}}}\n")
    assert "features.simclr.cpu.data: unknown data set 'mnits'" in refused(
        capsys, "check", "mine.yaml"
    )


def test_without_a_schema_nearby_the_checkouts_is_used(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy2(ROOT / "config.yaml", tmp_path / "other.yaml")
    main(["check", "other.yaml"])
    assert "other.yaml: valid" in capsys.readouterr().out


def test_files_that_are_not_there_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "none.yaml: No such file" in refused(capsys, "check", "none.yaml")
    (tmp_path / "mine.yaml").write_text("seeds: [1]\n")
    assert "config.yaml: No such file" in refused(capsys, "check", "mine.yaml")
    (tmp_path / "config.yaml").write_text("seeds: [1]\n")
    assert "'scenarios' is a required property" in refused(capsys, "check")


def test_mappings_merge_and_lists_replace():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert laid_over(base, {"a": {"c": [3]}, "d": {"e": 1}}) == {
        "a": {"b": 1, "c": [3]},
        "d": {"e": 1},
    }
    assert base["a"]["c"] == [1, 2]


def test_methods_are_listed(capsys):
    main(["methods"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "kind", "needs", "options", "cost", "paper"]
    [row] = [line for line in lines if line.startswith("power_bald ")]
    assert re.split("  +", row)[:4] == ["power_bald", "score", "moments", "gumbel_scale=1.0"]


def test_listing_methods_imports_no_torch():
    code = (
        "import sys; from balent.cli import main; main(['methods']); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "False"


def test_a_reader_that_is_gone_is_no_error():
    listing = [sys.executable, "-c", "from balent.cli import main; main(['methods'])"]
    run = subprocess.Popen(listing, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait() == 0


def test_verifying_where_nothing_is_recorded_is_no_success(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["verify"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("balent: no records here: ")
