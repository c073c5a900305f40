"""``snakemake --report``: one self-contained page, grouped as the paper is."""

import base64
import json
import re
import sys
from html.parser import HTMLParser

import pytest

pytestmark = pytest.mark.workflow

LOADING = {"src", "srcset", "poster", "data", "action", "background"}


class Page(HTMLParser):
    """Addresses that the elements of a page load, and those that its styles name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        keys = LOADING | ({"href"} if tag == "link" else set())
        self.loaded += [value for key, value in attributes if key in keys and value]

    def handle_data(self, data):
        if self.lasttag == "style":
            self.loaded += re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]+)", data)


@pytest.fixture(scope="module")
def page(origin, tmp_path_factory) -> str:
    target = tmp_path_factory.mktemp("page") / "report.html"
    origin.run(sys.executable, "-m", "snakemake", "--report", str(target))
    return target.read_text(encoding="utf-8")


def found(page: str, name: str) -> dict:
    """A constant of the page's script, which holds JSON."""
    start = re.search(rf"var {name} = (?={{)", page).end()
    return json.JSONDecoder().raw_decode(page[start:])[0]


def test_it_loads_nothing_from_elsewhere(page):
    """Its drawing library could load data by an address, so all data have to be inside, too."""
    assert all(address.startswith(("data:", "#")) for address in Page(page).loaded)
    drawings = [found(page, f"{name}_spec") for name in ("rulegraph", "runtimes", "timeline")]
    assert all(drawings)
    assert '"url":' not in json.dumps(drawings)
    files = found(page, "results").values()
    assert all(file["data_uri"].startswith("data:") for file in files)


def test_items_are_grouped_with_captions(page, origin):
    assert found(page, "categories") == {
        "1. Main text": {"Other": ["reports/figure3.svg", "reports/table1.csv"]}
    }
    results = found(page, "results")
    figure = results["reports/figure3.svg"]
    assert figure["labels"] == {"item": "Figure 3: learning curves"}
    caption = (origin.root / "reports/captions/figure3.rst").read_text().split(".")[0]
    assert " ".join(caption.split()[:4]) in figure["caption"]
    head, _, data = figure["data_uri"].partition(",")
    assert "image/svg+xml" in head
    assert base64.b64decode(data) == (origin.root / "reports/figure3.svg").read_bytes()
