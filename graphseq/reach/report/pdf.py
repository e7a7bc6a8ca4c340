"""A report as a PDF of two pages: the words, and the figures."""

from __future__ import annotations

import textwrap
from io import BytesIO
from itertools import zip_longest

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from graphseq.reach.report.figures import figure
from graphseq.reach.report.page import Page
from graphseq.reach.report.words import Words, visible

_LINES = 58  # of a page of A4
_WIDTH = 92  # characters of a line
_COLUMNS = (46, 44)  # of the table, in characters
_SECOND = 0.52  # where its second column begins, as a share of the page

Line = tuple[str, str, str]
"""Text, its weight, and the text of a second column."""


def pdf(words: Words, page: Page) -> bytes:
    """Return the file; the same report gives the same bytes."""
    buffer = BytesIO()
    with PdfPages(buffer, metadata={"Title": visible(words.title), "CreationDate": None}) as pages:
        for lines in _pages(_lines(words)):
            pages.savefig(sheet(lines))
        drawn = figure(page)
        drawn.set_size_inches(8.27, 9.8)
        pages.savefig(drawn)
    return buffer.getvalue()


def sheet(lines: list[Line]) -> Figure:
    """Draw the lines of one page."""
    drawn = Figure(figsize=(8.27, 11.69))
    for number, (text, weight, second) in enumerate(lines):
        for place, part in ((0.08, text), (_SECOND, second)):
            drawn.text(
                place, 0.95 - number * 0.0157, part, fontsize=9.5, weight=weight, parse_math=False, va="baseline"
            )
    return drawn


def _lines(words: Words) -> list[Line]:
    lines = [(line, "bold", "") for line in _wrapped(words.title)]
    lines += [("", "normal", ""), (f"{visible(words.finding)} (confidence {words.confidence:.0%})", "bold", "")]
    lines += [(line, "normal", "") for line in _wrapped(" ".join(words.sentences))]
    for title, items in (("What to change", words.advice), ("Also", words.also)):
        lines += _block(title, [(line, "normal", "") for item in items for line in _wrapped(item, "• ")])
    lines += _block("Evidence", [line for row in words.table for line in _row(*row)])
    lines += _block("Notes", [(line, "normal", "") for item in words.notes for line in _wrapped(item, "• ")])
    return lines


def _row(name: str, value: str) -> list[Line]:
    """A row of the table, of as many lines as its longer part."""
    left, right = (textwrap.wrap(visible(part), width) for part, width in zip((name, value), _COLUMNS, strict=True))
    return [(first, "normal", second) for first, second in zip_longest(left, right, fillvalue="")]


def _block(title: str, lines: list[Line]) -> list[Line]:
    return [("", "normal", ""), (title, "bold", ""), *lines] if lines else []


def _wrapped(text: str, bullet: str = "") -> list[str]:
    indent = " " * len(bullet)
    return textwrap.wrap(visible(text), _WIDTH, initial_indent=bullet, subsequent_indent=indent) or [""]


def _pages(lines: list[Line]) -> list[list[Line]]:
    return [lines[start : start + _LINES] for start in range(0, len(lines), _LINES)]
