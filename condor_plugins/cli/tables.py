# SPDX-License-Identifier: Apache-2.0
"""Tables and lines for people, or JSON for programs, on stdout.

A table that is wider than the terminal is shown as one block of lines a row: no cell is broken
or cut. Without a terminal the width is COLUMNS, or 120.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

SCHEMA_VERSION = 1
Cell = str | int
_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """`folds`: its text may go on in the next line of the cell, at this width or more; 0: never."""

    title: str
    right: bool = False
    folds: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with its heading and one line of what is said when it has no row."""

    heading: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = "none"


def say_json(facts: dict[str, object]) -> None:
    """One JSON object, with the version of its form."""
    sys.stdout.write(json.dumps({"schema": SCHEMA_VERSION} | facts, indent=2) + "\n")


def say(line: str, style: str = "") -> None:
    """One line; a long one is left whole."""
    _console().print(Text(clean(line), style=style), soft_wrap=True)


def show(sheet: Sheet) -> None:
    """A table under its heading, after an empty line."""
    console = _console()
    console.print()
    console.print(Text(clean(sheet.heading), style="bold"))
    if not sheet.rows:
        say(f"  {sheet.empty}")
    elif widths := _widths(sheet, console.width):
        with console.capture() as captured:
            console.print(_table(sheet, widths))
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    else:
        _show_blocks(sheet)


def _widths(sheet: Sheet, most: int) -> list[int]:
    """A width for each column, folding the widest ones first; empty when they do not fit."""
    titles = [cell_len(column.title) for column in sheet.columns]
    widths = [
        max(title, *(cell_len(clean(str(row[at]))) for row in sheet.rows))
        for at, title in enumerate(titles)
    ]
    leasts = [max(column.folds, title) for column, title in zip(sheet.columns, titles, strict=True)]
    while sum(widths) + _GAP * len(widths) > most:
        folding = [
            at
            for at, column in enumerate(sheet.columns)
            if column.folds and widths[at] > leasts[at]
        ]
        if not folding:
            return []
        widths[max(folding, key=lambda at: widths[at])] -= 1
    return widths


def clean(text: str) -> str:
    """Text from ads and files without anything a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)


def _console() -> Console:
    width = shutil.get_terminal_size((120, 50)).columns
    return Console(file=sys.stdout, width=width, highlight=False, emoji=False, markup=False)


def _table(sheet: Sheet, widths: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column, width in zip(sheet.columns, widths, strict=True):
        justify: Literal["right", "left"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, width=width, overflow="fold")
    for row in sheet.rows:
        table.add_row(*(Text(clean(str(cell))) for cell in row))
    return table


def _show_blocks(sheet: Sheet) -> None:
    """Each row as lines `title: cell`, its first cell as the heading."""
    for row in sheet.rows:
        say(str(row[0]))
        for column, cell in zip(sheet.columns[1:], row[1:], strict=True):
            if cell != "":
                say(f"  {column.title}: {cell}")
