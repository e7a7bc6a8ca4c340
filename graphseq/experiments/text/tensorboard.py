"""TensorBoard for a training on a text: its curves, and the numbers and samples of its reports."""

from __future__ import annotations

from graphseq.experiments.text.report import Report
from graphseq.training.tensorboard import TensorBoard

FOLDER = "tensorboard"


class TextBoard(TensorBoard):
    """A callback that writes curves, as :class:`graphseq.training.TensorBoard` does, and takes reports."""

    def add(self, report: Report) -> None:
        """Write the numbers and samples of a report on the step that the callback has just seen."""
        if self._writer is None:
            self._writer = self._make(self._folder, purge_step=report.step + 1)
        self._writer.add_scalar("held out/bits a character", report.bits, report.step)
        for sample in report.samples:
            name = f"samples/{sample.temperature:g}, {len(sample.text)} characters"
            self._writer.add_text(name, f"```\n{sample.text}\n```", report.step)
        self._writer.flush()
