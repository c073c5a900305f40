"""The registry of report kinds."""

import inspect
import subprocess
import sys

import pytest

from balent.errors import ConfigError
from balent.reports.kinds import KINDS, REFERENCE_TABLES, check, methods_of, outputs, pairs

from .synthetic import REFERENCE as FOLDER

ITEM = {"kind": "paired", "title": "Paired", "scenarios": ["a"], "methods": ["random", "bald"]}
REFERENCE = {"table": "table1", "rows": {"bald": "BALD"}, "columns": {"a": {"dataset": "MNIST"}}}
TABLE = ITEM | {"kind": "accuracy_table", "budgets": {}, "reference": REFERENCE}


def printed(code: str) -> str:
    """What a fresh Python prints."""
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_loads_and_names_its_source(name):
    function = KINDS[name].load()
    assert list(inspect.signature(function).parameters) == ["item", "context", "stem"]
    assert KINDS[name].source.samefile(inspect.getfile(function))
    reads = ("histories", "picks", "study", "configuration", "nothing", "finished", "reports")
    assert KINDS[name].reads in reads


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
    assert check("t", TABLE) is KINDS["accuracy_table"]
    assert check("t", TABLE | {"methods": ["bald"]}) is KINDS["accuracy_table"]


def test_the_tables_of_results_are_those_of_the_folder():
    assert set(REFERENCE_TABLES) == {p.stem for p in FOLDER.glob("*.csv")} - {"table8_complexity"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "pie"}, r"reports\.t\.kind: unknown kind 'pie' \(allowed: accuracy_table, "),
        ({"metric": "nll"}, r"reports\.t\.metric: an item of kind paired has no such key"),
        ({"kind": "curves"}, r"reports\.t: an item of kind curves needs the key metric"),
        ({"methods": ["bald"]}, r"reports\.t\.methods: .* compares with 'random'; add it"),
        ({"methods": ["random"]}, r"reports\.t\.methods: .* has only 'random'; add a method"),
        ({"baseline": "badge"}, r"reports\.t\.methods: .* paired compares with 'badge'; add it"),
        ({"kind": "paired_tests", "methods": ["bald"]}, r"kind paired_tests compares with 'ran"),
        ({"methods": ["random", "bald", "bald"]}, r"reports\.t\.methods: 'bald' appears twice"),
        ({"scenarios": ["a", "b", "a"]}, r"reports\.t\.scenarios: 'a' appears twice"),
        ({"not_run": {"a": ["bald"]}}, r"reports\.t\.not_run: an item of kind paired has no such"),
    ],
)
def test_a_wrong_item_is_refused_in_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        check("t", ITEM | changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("not_run", "message"),
    [
        ({"b": ["bald"]}, r"reports\.t\.not_run\.b: the item does not show 'b' \(allowed: a\)"),
        ({"a": ["entropy"]}, r"not_run\.a: the item does not show 'entropy' \(allowed: ran"),
        ({"a": ["random", "bald"]}, r"not_run\.a: leaves no method of the item"),
    ],
)
def test_what_is_not_run_must_be_part_of_the_item(not_run, message):
    with pytest.raises(ConfigError, match=message) as error:
        check("t", TABLE | {"not_run": not_run})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "key"),
    [("curves", "metric"), ("curve_grid", "metrics"), ("scenario_curves", "metric")],
)
def test_curves_may_leave_a_method_out(kind, key):
    item = ITEM | {"kind": kind, key: "nll", "not_run": {"a": ["bald"]}}
    assert check("t", item) is KINDS[kind]


def test_the_chains_of_an_item():
    item = ITEM | {"scenarios": ["a", "b"], "not_run": {"b": ["random"]}}
    assert methods_of(item, "a") == ["random", "bald"]
    assert pairs(item) == [("a", "random"), ("a", "bald"), ("b", "bald")]
    assert pairs({"kind": "table2", "scenarios": ["a"]}) == []


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("table1", r"must have the keys table, rows, columns and no others \(has: 'table1'\)"),
        ({"table": "table1", "rows": {}}, r"must have the keys .* \(has: table, rows\)"),
        (REFERENCE | {"cells": {}}, r"must have the keys .* \(has: table, rows, columns, cells\)"),
        (REFERENCE | {"table": "table2"}, r"\.table: unknown table 'table2' \(allowed: table1, "),
        (REFERENCE | {"table": ["table1"]}, r"\.table: unknown table \['table1'\]"),
        (REFERENCE | {"rows": ["BALD"]}, r"\.rows: must be a mapping, not \['BALD'\]"),
        (REFERENCE | {"columns": None}, r"\.columns: must be a mapping, not None"),
        (REFERENCE | {"columns": {"a": "MNIST"}}, r"\.columns\.a: must be a mapping with the key "),
        (REFERENCE | {"columns": {"a": {"data": "mnist"}}}, r"\.columns\.a: .* key dataset"),
    ],
)
def test_a_wrong_reference_is_refused_in_one_line(reference, message):
    with pytest.raises(ConfigError, match=r"reports\.t\.reference.*" + message) as error:
        check("t", TABLE | {"reference": reference})
    assert "\n" not in str(error.value)
