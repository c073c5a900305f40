"""Progress bars, and the lines in their place."""

import sys

from tqdm import tqdm

from balent import bars


def test_the_bar_is_tqdms_where_it_is_installed(capsys):
    with bars.bar(total=2, desc="rounds") as shown:
        assert isinstance(shown, tqdm)


def test_without_tqdm_there_are_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with bars.bar(initial=1, total=3, desc="chain", unit="round", mininterval=0.5) as shown:
        shown.update()
        assert capsys.readouterr().err == ""  # the last line was a moment ago
        shown.set_postfix(accuracy="0.913", refresh=False)
        shown.update()
    assert capsys.readouterr().err == "chain: 3 of 3 rounds, accuracy 0.913\n"
    monkeypatch.setattr(bars, "INTERVAL", 0.0)
    assert list(bars.bar("ab", desc="letters", unit="letter")) == ["a", "b"]
    assert capsys.readouterr().err == "letters: 1 letters\nletters: 2 letters\n"


def test_a_bar_for_terminals_is_no_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(bars, "INTERVAL", 0.0)
    assert list(bars.bar(range(3), desc="points", delay=3, disable=None, leave=False)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
