"""Where the paper has an item: its main text, an appendix, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping

OURS = "Beyond the paper"


def heading(item: Mapping) -> str:
    """``Main text``, ``Appendix A.13.2``, or, without ``section``, ``Beyond the paper``."""
    section = item.get("section")
    if section is None:
        return OURS
    return "Main text" if section == "main" else f"Appendix {section}"


def grouped(items: Mapping[str, dict]) -> dict[str, list[str]]:
    """Names of items by heading in the order of the paper, figures first; ours as given."""
    found: dict[str, list[str]] = {}
    for name in sorted(items, key=lambda name: (_rank(items[name]), _number(name, items[name]))):
        found.setdefault(heading(items[name]), []).append(name)
    return found


def place(item: Mapping) -> tuple[str, str | None]:
    """Category and subcategory of Snakemake's report, which sorts them as text."""
    section = item.get("section")
    if section is None:
        return f"3. {OURS}", None
    if section == "main":
        return "1. Main text", None
    first, *rest = section.removeprefix("A.").split(".")
    return "2. Appendix", ".".join(["A", f"{int(first):02}", *rest])


def _number(name: str, item: Mapping) -> tuple[str, int]:
    """Of ``figure10``: ("figure", 10)."""
    kind = name.rstrip("0123456789")
    return (kind, int(name[len(kind) :] or 0)) if "section" in item else ("", 0)


def _rank(item: Mapping) -> tuple[int, ...]:
    """Sorts as the paper is read, and what is ours after it."""
    section = item.get("section")
    if section is None:
        return (2,)
    if section == "main":
        return (0,)
    return (1, *map(int, section.removeprefix("A.").split(".")))
