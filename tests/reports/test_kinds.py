"""The registry of report kinds."""

import inspect
import subprocess
import sys

import pytest

from balent.errors import ConfigError
from balent.reports.kinds import KINDS, check, outputs

ITEM = {"kind": "paired", "title": "Paired", "scenarios": ["a"], "methods": ["random"]}


def printed(code: str) -> str:
    """What a fresh Python prints."""
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_loads_and_names_its_source(name):
    function = KINDS[name].load()
    assert list(inspect.signature(function).parameters) == ["item", "context", "stem"]
    assert KINDS[name].source.samefile(inspect.getfile(function))
    assert KINDS[name].reads in ("histories", "configuration", "reports")


def test_the_registry_needs_no_heavy_package():
    code = (
        "import sys, balent.reports.kinds; "
        "print([m for m in ('torch', 'numpy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_reports_never_import_torch():
    modules = ", ".join(kind.function.split(":")[0] for kind in KINDS.values())
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"


def test_outputs_keep_dots_and_folders():
    item = {"kind": "curves"}
    assert outputs("batchbald/fig1.2", item) == [
        "reports/batchbald/fig1.2.pdf",
        "reports/batchbald/fig1.2.svg",
        "reports/batchbald/fig1.2.png",
    ]


def test_a_right_item_passes():
    assert check("t", ITEM) is KINDS["paired"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "pie"}, r"reports\.t\.kind: unknown kind 'pie' \(allowed: accuracy_table, "),
        ({"metric": "nll"}, r"reports\.t\.metric: an item of kind paired has no such key"),
        ({"kind": "curves"}, r"reports\.t: an item of kind curves needs the key metric"),
    ],
)
def test_a_wrong_item_is_refused_in_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        check("t", ITEM | changes)
    assert "\n" not in str(error.value)
