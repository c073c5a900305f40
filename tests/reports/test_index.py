"""The index page: complete, self-contained, accessible; and the run records it reads."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from balent.errors import DataError
from balent.reports.job import write_report
from balent.reports.kinds import KINDS
from balent.reports.runs import load_runs
from balent.reports.sections import grouped, heading, place

from .synthetic import METHODS, SCENARIOS

COMMON = {"scenarios": list(SCENARIOS), "methods": list(METHODS)}
ITEMS = {
    "table1": {
        "kind": "accuracy_table",
        "title": "Table 1",
        "section": "main",
        "budgets": {"small": {name: [50] for name in SCENARIOS}},
        **COMMON,
    },
    "table1_paired": {"kind": "paired", "title": "Paired differences", **COMMON},
    "figure3": {
        "kind": "curves",
        "title": "Figure 3",
        "section": "main",
        "metric": "accuracy",
        **COMMON,
    },
    "table2": {
        "kind": "configuration_table",
        "title": "Table 2",
        "section": "A.13",
        "scenarios": list(SCENARIOS),
    },
    "reproduction": {"kind": "reproduction", "title": "Every number"},
    "index": {"kind": "index", "title": "Results <& more>"},
}
PROBE = {
    "settings": {"max_iter": 1000},
    "accuracy": {
        "pixels": {"train": 1.0, "test": 0.9012, "iterations": 1000, "converged": False},
        "features": {"train": 1.0, "test": 0.9688, "iterations": 120, "converged": True},
    },
}
RUN = {
    "rounds": 11,
    "seconds": {"train": 2.0, "mc_sample": 0.5, "acquire": 0.25, "evaluate": 0.25},
    "peak_memory_mib": 300,
    "device": "cpu",
    "device_name": "x86_64",
    "balent": "0.1.0",
    "git": "abc",
    "python": "3.11.2",
    "packages": {"torch": "2.13.0", "numpy": "2.4.0"},
}


class Page(HTMLParser):
    """Open tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.text = [], [], text
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(context, tmp_path_factory) -> Page:
    tmp_path = tmp_path_factory.mktemp("reports")
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions" / "figure3.rst").write_text("Curves, mean ± sd.\n", encoding="utf-8")
    files = []
    for method in METHODS:
        (tmp_path / f"{method}.json").write_text(json.dumps(RUN))
        files.append(("full_dropout", method, 0, tmp_path / f"{method}.json"))
    (tmp_path / "probe.json").write_text(json.dumps(PROBE))
    probes = {"simclr": str(tmp_path / "probe.json")}
    full = replace(context, items=ITEMS, folder=tmp_path, runs=load_runs(files), probes=probes)
    for name, item in ITEMS.items():
        KINDS[item["kind"]].load()(item, full, tmp_path / name)
    return Page((tmp_path / "index.html").read_text(encoding="utf-8"))


def test_every_item_has_a_section_and_a_link_in_the_order_of_the_paper(page):
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    items = ["figure3", "table1", "table2", "table1_paired", "reproduction"]
    assert sections == [*items, "features", "runs", "configuration"]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == [f"#{section}" for section in sections]
    assert not page.open


def test_items_are_grouped_as_in_the_paper(page):
    parts = re.findall("<h2>(.*?)</h2>", page.text)
    ours = ["Features", "Runs", "Configuration"]
    assert parts == ["Main text", "Appendix A.13", "Beyond the paper", *ours]
    contents = '<li>Appendix A.13<ul><li><a href="#table2">Table 2</a></li></ul></li>'
    assert contents in page.text


def test_figures_stand_before_tables_in_the_order_of_their_numbers():
    names = ["table3", "figure10", "figure9", "table12"]
    (found,) = grouped({name: {"section": "A.8"} for name in names}).values()
    assert found == ["figure9", "figure10", "table3", "table12"]
    (ours,) = grouped({name: {} for name in names}).values()
    assert ours == names


def test_appendices_are_counted_and_not_spelt():
    names = ["A.13.2", "A.9", "main", "A.13", "A.10"]
    items = {name: {"section": name} for name in names} | {"ours": {}}
    order = ["main", "A.9", "A.10", "A.13", "A.13.2", "ours"]
    assert [name for group in grouped(items).values() for name in group] == order
    assert list(grouped(items)) == [heading(items[name]) for name in order]
    places = [place(items[name]) for name in order]
    shown = [(category, subcategory or "") for category, subcategory in places]
    assert shown == sorted(shown)  # as Snakemake's report orders them
    assert places[1] == ("2. Appendix", "A.09")


def test_a_page_of_a_folder_finds_what_lies_there(context, tmp_path):
    (tmp_path / "extra").mkdir()
    item = {"kind": "configuration_table", "title": "More", "scenarios": ["full_dropout"]}
    KINDS["configuration_table"].load()(item, context, tmp_path / "extra" / "more")
    items = {"extra/more": item, "extra/index": ITEMS["index"]}
    description = {
        "scale": "small",
        "scenarios": {"full_dropout": SCENARIOS["full_dropout"]},
        "undefined": {},
        "methods": {},
        "seeds": [0],
        "items": items,
    }
    stem = tmp_path / "extra" / "index"
    write_report("extra/index", json.dumps(description), tmp_path, stem)
    text = stem.with_suffix(".html").read_text(encoding="utf-8")
    assert '<section id="extra/more">' in text
    assert "Full dropouts" in text


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object")
        for key in ("src", "href", "srcset", "data", "action"):
            assert re.match(r"data:image/svg\+xml;base64,|#", attributes.get(key) or "#")
    assert "http" not in page.text
    assert "url(" not in page.text
    assert "@import" not in page.text


def test_it_is_accessible_and_fits_a_phone(page):
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert "BalEntAcq" in image["alt"]
    assert "Backbone + Augmentation" in image["alt"]
    tables = sum(tag == "table" for tag, _ in page.tags)
    assert tables == sum(tag == "caption" for tag, _ in page.tags) == 7
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert ("html", {"lang": "en"}) in page.tags
    assert any(attributes.get("name") == "viewport" for _, attributes in page.tags)
    assert len(page.text) < 1_000_000


def test_it_says_scale_numbers_settings_and_runs(page, context):
    assert '<p class="scale">Small scale:' in page.text
    assert "Results &lt;&amp; more&gt;" in page.text
    assert "Curves, mean ± sd." in page.text
    values = context.histories.query(
        "scenario == 'full_dropout' and method == 'random' and n_labelled == 50"
    )["accuracy"]
    assert f"{100 * values.mean():.1f} ± {100 * values.std():.1f}" in page.text
    assert "learning_rate: 0.003" in page.text
    assert "21 seconds of training" in page.text  # 7 chains of 3 s
    assert "<td>300</td>" in page.text
    assert "<li>balent 0.1.0 (abc), Python 3.11.2, torch 2.13.0, numpy 2.4.0</li>" in page.text


def test_probes_of_the_feature_sets(page):
    cells = ["Narrow ResNet (small stem)", "96.9", "90.1 (not converged)", ""]
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    assert f'<tr><th scope="row">simclr</th>{row}</tr>' in page.text
    assert '<th scope="col">random encoder</th>' in page.text


def small_page(tmp_path, **fields) -> str:
    """An index without other items, as the workflow asks for it."""
    description = {"scale": "small", "scenarios": {}, "undefined": {}, "methods": {}, "seeds": [0]}
    description |= {"items": {"index": ITEMS["index"]}, **fields}
    write_report("index", json.dumps(description), tmp_path, tmp_path / "index")
    return (tmp_path / "index.html").read_text(encoding="utf-8")


def test_probes_come_with_the_description(context, tmp_path):
    path = tmp_path / "probe.json"
    path.write_text(json.dumps(PROBE))
    probes = {"simclr": str(path)}
    assert "<td>96.9</td>" in small_page(tmp_path, features=context.features, probes=probes)


def test_a_feature_set_without_a_probe_is_blank_and_none_say_so(context, tmp_path):
    assert "small stem)</td><td></td><td></td><td></td>" in small_page(
        tmp_path, features=context.features
    )
    assert "<p>No feature sets.</p>" in small_page(tmp_path)


@pytest.mark.parametrize("record", [{}, [], {"accuracy": {"features": {}}}, {"accuracy": 1}])
def test_a_wrong_probe_record_is_refused_in_one_line(context, tmp_path, record):
    path = tmp_path / "probe.json"
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"probe\.json: is not a probe record") as error:
        small_page(tmp_path, features=context.features, probes={"simclr": str(path)})
    assert "\n" not in str(error.value)


def test_a_run_record_that_lacks_an_entry_is_refused_in_one_line(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"rounds": 1}))
    with pytest.raises(DataError, match=r"run\.json: is not a run record \(no 'packages'\)") as e:
        load_runs([("s", "bald", 0, path)])
    assert "\n" not in str(e.value)
