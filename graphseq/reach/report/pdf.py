"""A report as a PDF of two pages: the words, and the figures."""

from __future__ import annotations

import textwrap
from io import BytesIO

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from graphseq.reach.report.figures import figure
from graphseq.reach.report.page import Page
from graphseq.reach.report.words import Words, visible

_LINES = 58  # of a page of A4
_WIDTH = 92  # characters of a line


def pdf(words: Words, page: Page) -> bytes:
    """Return the file; the same report gives the same bytes."""
    buffer = BytesIO()
    with PdfPages(buffer, metadata={"Title": visible(words.title), "CreationDate": None}) as pages:
        for lines in _pages(_lines(words)):
            sheet = Figure(figsize=(8.27, 11.69))
            for number, (text, weight) in enumerate(lines):
                sheet.text(0.08, 0.95 - number * 0.0157, text, fontsize=9.5, weight=weight, parse_math=False, va="top")
            pages.savefig(sheet)
        drawn = figure(page)
        drawn.set_size_inches(8.27, 9.8)
        pages.savefig(drawn)
    return buffer.getvalue()


def _lines(words: Words) -> list[tuple[str, str]]:
    """Lines of text with their weights."""
    lines = [(line, "bold") for line in _wrapped(words.title)]
    lines += [("", "normal"), (f"{visible(words.finding)} (confidence {words.confidence:.0%})", "bold")]
    lines += [(line, "normal") for line in _wrapped(" ".join(words.sentences))]
    for title, items in (("What to change", words.advice), ("Also", words.also)):
        lines += _block(title, [line for item in items for line in _wrapped(item, "• ")])
    width = max((len(name) for name, _ in words.table), default=0)
    lines += _block("Evidence", [line for n, v in words.table for line in _wrapped(f"{n.ljust(width)}   {v}")])
    lines += _block("Notes", [line for item in words.notes for line in _wrapped(item, "• ")])
    return lines


def _block(title: str, lines: list[str]) -> list[tuple[str, str]]:
    return [("", "normal"), (title, "bold"), *((line, "normal") for line in lines)] if lines else []


def _wrapped(text: str, bullet: str = "") -> list[str]:
    indent = " " * len(bullet)
    return textwrap.wrap(visible(text), _WIDTH, initial_indent=bullet, subsequent_indent=indent) or [""]


def _pages(lines: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [lines[start : start + _LINES] for start in range(0, len(lines), _LINES)]
