"""The catalogue: read from source, equal to what import gives, strict about declarations."""

import subprocess
import sys
from importlib import import_module, metadata

import pytest

from balent.acquisition import catalog, registry
from balent.acquisition.options import check_value
from balent.errors import MethodError

ISSUED = [
    "badge",
    "balance",
    "balance_partition",
    "bald",
    "balentacq",
    "balentacq_released",
    "batch_balance",
    "batchbald",
    "beta_marginal_aleatoric",
    "beta_marginal_bald",
    "beta_marginal_eig",
    "beta_marginal_mean_sd",
    "coremse",
    "coreset",
    "dirichlet_bald",
    "entropy",
    "expected_effective_loss",
    "large_batchbald",
    "mean_sd",
    "mjentacq",
    "power_bald",
    "power_large_batchbald",
    "random",
    "variation_ratio",
]
GOOD = """
from balent.acquisition.base import register

@register(name="mine", title="Mine", kind="score", needs=("moments",), aliases=("my_own",))
def scoring(predictions, context, *, power=2.0, votes=False):
    raise AssertionError("read, not run")
"""


def write(tmp_path, text, name="mine_module"):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    return path


def test_the_methods_of_the_package_are_listed():
    assert set(ISSUED) <= set(catalog.catalog())


@pytest.mark.parametrize("name", sorted(catalog.catalog()))
def test_declaration_read_equals_declaration_imported(name):
    entry = catalog.find(name)
    function = registry.load(name)
    assert function.spec == entry.spec
    assert function.__kwdefaults__ == (entry.options or None)
    assert import_module(entry.module).__file__ == str(entry.path)


def test_reading_imports_neither_torch_nor_a_method():
    code = (
        "import sys; from balent.acquisition import catalog; catalog.catalog(); "
        "catalog.check_options('power_bald', {'gumbel_scale': 2}); "
        "print(*[m for m in sys.modules if m == 'torch' or 'balent.acquisition.' in m])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {f"balent.acquisition.{name}" for name in ("base", "catalog", "options")}
    assert set(run.stdout.split()) == loaded


def test_a_declaration_is_read_without_running_the_file(tmp_path):
    path = write(tmp_path, GOOD)
    [entry] = catalog.read(path, "mine_module")
    assert entry.spec.name == "mine"
    assert entry.spec.needs == ("moments",)
    assert (entry.module, entry.path, entry.function) == ("mine_module", path, "scoring")
    assert entry.options == {"power": 2.0, "votes": False}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title="Mine"', "title=TITLE", r"@register: title=TITLE is not a literal; write"),
        ('name="mine"', '"mine"', "arguments must be keywords"),
        ('name="mine"', "**DECLARED", "arguments must be keywords"),
        ('title="Mine"', 'titel="Mine"', "unexpected keyword argument 'titel'"),
        ('title="Mine", ', "", "missing 1 required positional argument: 'title'"),
        ('"score"', '"scores"', r"kind='scores' is unknown \(allowed: score, batch\)"),
        ('("moments",)', '("moment",)', "needs='moment' is unknown"),
        ('needs=("moments",)', 'masks="tile"', "masks='tile' is unknown"),
        ('needs=("moments",)', 'roles=("pool",)', "roles='pool' is unknown"),
        ('needs=("moments",)', 'needs=("pairs",)', "masks='any' cannot serve needs"),
        ('needs=("moments",)', 'needs=("reference",)', "samples everywhere; write masks='pool'"),
        ("aliases=", 'option_needs=(("votes", "sample"),), aliases=', "option_needs='sample' is"),
        ("aliases=", 'option_needs=(("vote", "samples"),), aliases=', "names 'vote', which is no"),
        ("power=2.0", "power=float(2)", r"default of power=float\(2\) is not a literal"),
        ("power=2.0", "power", "option 'power' has no default"),
        ("votes=False", "**votes", "write every option out"),
        ("context, *", "context, size, *", r"kind 'score' takes \(predictions, context\)"),
        ("context, *, power=2.0, votes=False", "context", None),
        ("def scoring(", "def scoring((", r"mine_module.py:5: .*; mend the file"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused(tmp_path, old, new, message):
    assert GOOD.count(old) == 1
    path = write(tmp_path, GOOD.replace(old, new))
    if message is None:
        assert catalog.read(path, "mine_module")[0].options == {}
        return
    with pytest.raises(MethodError, match=message) as caught:
        catalog.read(path, "mine_module")
    assert "\n" not in str(caught.value)


def test_an_option_adds_its_need_where_it_is_not_at_its_default(tmp_path):
    text = GOOD.replace("aliases", 'option_needs=(("votes", "samples"),), aliases')
    [entry] = catalog.read(write(tmp_path, text), "mine_module")
    assert entry.needs({}) == entry.needs({"votes": False, "power": 1.0}) == ("moments",)
    assert entry.needs({"votes": True}) == ("moments", "samples")


def test_unknown_methods_are_answered_with_the_nearest_and_all():
    with pytest.raises(MethodError) as caught:
        catalog.find("bladd")
    message = str(caught.value)
    assert message.startswith("unknown method 'bladd'; did you mean 'bald'? (known: ")
    assert all(name in message for name in ISSUED)


def test_options_are_checked_by_name_and_type():
    catalog.check_options("power_bald", {"gumbel_scale": 2})
    with pytest.raises(MethodError, match="did you mean 'gumbel_scale'") as caught:
        catalog.check_options("power_bald", {"gumbel_scal": 2.0})
    assert "allowed, with defaults: gumbel_scale=1.0" in str(caught.value)
    with pytest.raises(MethodError, match=r"unknown option 'x' .*it has no options"):
        catalog.check_options("bald", {"x": 1})
    for wrong in ("1", True, None):
        with pytest.raises(MethodError, match=r"power_bald: gumbel_scale=.* give a number"):
            catalog.check_options("power_bald", {"gumbel_scale": wrong})


def test_joint_samples_are_the_same_for_the_whole_pool(tmp_path):
    text = GOOD.replace('"score"', '"batch"').replace("context, *", "context, size, *")
    text = text.replace('("moments",)', '("samples",)')
    with pytest.raises(MethodError, match="samples everywhere; write masks='pool'"):
        catalog.read(write(tmp_path, text), "mine_module")
    [entry] = catalog.read(
        write(tmp_path, text.replace("aliases", 'masks="pool", aliases')), "mine_module"
    )
    assert entry.spec.masks == "pool"


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1)", (0, 0.5), (-1e-9, 1, float("nan"))),
        ("(0, inf)", (1e-300, 1e300), (0, -1, float("inf"))),
        ("[1, inf)", (1, 2), (0.5,)),
        ("(-inf, -2]", (-2, -3.5), (-1.5,)),
    ],
)
def test_intervals_of_options(interval, inside, outside):
    for value in inside:
        check_value("m: x", float(value), 0.0, interval)
    for value in outside:
        with pytest.raises(MethodError, match=r"^m: x=.* is not allowed; give a number in [\[(]"):
            check_value("m: x", float(value), 0.0, interval)


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        ({"powr": "[0, 1]"}, "the declaration names 'powr', which is no option"),
        ({"power": "(2, 3)"}, "default of power=2.0 is not allowed; give a number in (2, 3)"),
        ({"power": "from 0"}, "'from 0' is no interval; write it as"),
    ],
)
def test_a_declaration_whose_option_values_make_no_sense_is_refused(tmp_path, allowed, message):
    text = GOOD.replace('needs=("moments",),', f'needs=("moments",), allowed={allowed},')
    with pytest.raises(MethodError) as caught:
        catalog.read(write(tmp_path, text), "mine_module")
    assert message in str(caught.value)


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """Install an entry point that names the module ``mine_module``."""
    point = metadata.EntryPoint("mine", "mine_module", catalog.GROUP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalog.metadata, "entry_points", lambda group: [point])
    catalog.plugins.cache_clear()
    yield lambda text: write(tmp_path, text)
    catalog.plugins.cache_clear()
    sys.modules.pop("mine_module", None)


def test_a_plugin_is_found_by_name_and_alias_without_import(plugged):
    path = plugged(GOOD)
    assert catalog.find("mine").path == path
    assert catalog.find("my_own").spec.name == "mine"
    assert "mine" in catalog.every_method()
    assert "mine" not in catalog.catalog()
    assert "mine_module" not in sys.modules
    assert registry.load("my_own").__name__ == "scoring"


def test_plugins_are_not_asked_for_methods_of_the_package(plugged):
    assert catalog.find("bald").module == "balent.acquisition.uncertainty"


def test_a_plugin_that_is_not_there_is_named(plugged):
    with pytest.raises(MethodError, match="names the module 'mine_module', which is not there"):
        catalog.find("mine")


def test_a_plugin_cannot_take_a_name(plugged):
    plugged(GOOD.replace('"my_own"', '"bald"'))
    with pytest.raises(MethodError, match=r"mine_module.py: the name 'bald' is taken by .*uncert"):
        catalog.every_method()
