"""A table of text with a two-line head, rendered as Markdown or HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

import pandas as pd


@dataclass(frozen=True)
class Grid:
    """Rows of text under heads (group, label); neighbours of one group share their head.

    A group may be empty everywhere: then the head has one line.
    """

    corner: str
    heads: list[tuple[str, str]]
    rows: list[tuple[str, list[str]]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Grid:
        """All columns of a table as they are; empty cells for missing values."""
        text = frame.astype(object).where(frame.notna(), "").astype(str)
        corner, *labels = text.columns
        rows = [(row[0], list(row[1:])) for row in text.itertuples(index=False, name=None)]
        return cls(corner, [("", label) for label in labels], rows)

    def markdown(self) -> str:
        """A pipe table; the two lines of a head are joined in one cell."""
        heads = [f"{group}<br>{label}" if group else label for group, label in self.heads]
        lines = [_row([self.corner, *heads]), _row(["---", *["---:"] * len(heads)])]
        lines += [_row([name, *cells]) for name, cells in self.rows]
        return "\n".join(lines)

    def html(self, caption: str) -> str:
        """A table element with a caption and scoped heads."""
        lines = ["<table>", f"<caption>{escape(caption)}</caption>", "<thead>"]
        grouped = any(group for group, _ in self.heads)
        rows = ' rowspan="2"' if grouped else ""
        lines.append(f'<tr><th scope="col"{rows}>{escape(self.corner)}</th>')
        if grouped:
            for group, heads in groupby(self.heads, key=lambda head: head[0]):
                span = len(list(heads))
                lines.append(f'<th scope="colgroup" colspan="{span}">{escape(group)}</th>')
            lines.append("</tr><tr>")
        lines += [f'<th scope="col">{escape(label)}</th>' for _, label in self.heads]
        lines += ["</tr>", "</thead>", "<tbody>"]
        for name, cells in self.rows:
            body = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            lines.append(f'<tr><th scope="row">{escape(name)}</th>{body}</tr>')
        return "\n".join([*lines, "</tbody>", "</table>"])


def page(title: str, note: str, frame: pd.DataFrame) -> str:
    """A Markdown page of one table: its title, a line about it, all its columns."""
    return f"# {title}\n\n{note}\n\n{Grid.of(frame).markdown()}\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
