"""The report that every diagnosis is: its figures, and itself as a page in HTML or PDF."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from graphseq import _files
from graphseq._arguments import checked_arguments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from graphseq.reach.diagnosis.advice import Advice
    from graphseq.reach.diagnosis.evidence import Evidence
    from graphseq.reach.diagnosis.subject import Subject
    from graphseq.reach.report.page import Page
    from graphseq.reach.report.words import Words


class Report(ABC):
    """The figures and pages of a diagnosis; see :class:`~graphseq.reach.Diagnosis`."""

    finding: str
    confidence: float
    sentences: tuple[str, str, str]
    advice: tuple[Advice, ...]
    also: tuple[tuple[str, float], ...]
    evidence: Evidence
    subject: Subject | None

    @abstractmethod
    def table(self) -> list[tuple[str, str]]:
        """The evidence as pairs of name and value."""

    @cached_property
    def page(self) -> Page:
        """The data of the figures, measured once, on the model and the data as they were.

        Raises:
            ValueError: a diagnosis without its model and data, such as one that was made by hand.
        """
        from graphseq.reach.report.page import measure  # noqa: PLC0415 - measured on use

        if self.subject is None:
            raise ValueError("this diagnosis has no model and no data of which figures could be drawn; call diagnose")
        return measure(self.subject)

    def plot(self) -> Figure:
        """Draw the five figures of the report on one.

        The receptive field of one answer on its graph; influence against distance, beside the powers of Â; smoothness
        and gradient over the layers; the edges of negative curvature. What could not be measured is said in its place.

        Returns:
            A matplotlib figure: ``report.plot().savefig("report.png")``.
        """
        from graphseq.reach.report.figures import figure  # noqa: PLC0415 - loads matplotlib

        return figure(self.page)

    @checked_arguments
    def to_html(self, path: str | Path, *, title: str | None = None, overwrite: bool = False) -> Path:
        """Write the report as one HTML file, with the figures in it and without scripts.

        Args:
            path: the file.
            title: the heading; by default the name of the model's class.
            overwrite: replace a file that is there.

        Raises:
            FileExistsError: ``path`` is there and ``overwrite`` is false.
        """
        from graphseq.reach.report.html import html  # noqa: PLC0415 - loads matplotlib

        _refuse(path, overwrite)
        return _files.write_text(path, html(self._words(title), self.page), overwrite=overwrite)

    @checked_arguments
    def to_pdf(self, path: str | Path, *, title: str | None = None, overwrite: bool = False) -> Path:
        """Write the report as a PDF: a page of text and one of figures.

        Args:
            path: the file.
            title: the heading; by default the name of the model's class.
            overwrite: replace a file that is there.

        Raises:
            FileExistsError: ``path`` is there and ``overwrite`` is false.
        """
        from graphseq.reach.report.pdf import pdf  # noqa: PLC0415 - loads matplotlib

        _refuse(path, overwrite)
        content = pdf(self._words(title), self.page)
        return _files.write(path, lambda file: file.write(content), overwrite=overwrite)

    def _words(self, title: str | None) -> Words:
        from graphseq.reach.report.words import Words, all_notes  # noqa: PLC0415

        return Words(
            title=f"Diagnosis of {self.page.name}" if title is None else title,
            finding=self.finding,
            confidence=self.confidence,
            sentences=self.sentences,
            table=tuple(self.table()),
            advice=tuple(advice.text for advice in self.advice),
            also=tuple(f"{finding} (confidence {confidence:.0%})" for finding, confidence in self.also),
            notes=all_notes(self.page, self.evidence.notes),
        )


def _refuse(path: str | Path, overwrite: bool) -> None:
    """Refuse a file that is there before the work, not after it."""
    if Path(path).exists() and not overwrite:
        raise FileExistsError(f"{path} is already there; choose another name, or give overwrite=True")
