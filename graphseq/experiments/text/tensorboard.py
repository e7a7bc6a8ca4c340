"""TensorBoard, for those who have it: the curves and samples of a training, as it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphseq.experiments.text.report import Report
from graphseq.training.history import History

FOLDER = "tensorboard"


class Board:
    """Event files in the folder of a training.

    Args:
        out: the folder; its ``tensorboard`` is written to.
        step: how many steps there were before; what was written of later ones is hidden.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed; the message says how to.
    """

    def __init__(self, out: Path, step: int) -> None:
        self._writer: Any = writer_class()(str(out / FOLDER), purge_step=step + 1)

    def add(self, history: History, report: Report, before: int) -> None:
        """Write the steps after ``before``, and the report on the last of them."""
        for number in range(before, report.step):
            self._writer.add_scalar("train/loss", history.loss[number], number + 1)
            self._writer.add_scalar("train/accuracy", history.score[number], number + 1)
            self._writer.add_scalar("train/learning rate", history.lr[number], number + 1)
        self._writer.add_scalar("held out/bits a character", report.bits, report.step)
        for sample in report.samples:
            name = f"samples/{sample.temperature:g}, {len(sample.text)} characters"
            self._writer.add_text(name, f"```\n{sample.text}\n```", report.step)
        self._writer.flush()


def writer_class() -> Any:
    """TensorBoard's writer, in torch; or a word on how to get it."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra, loaded only where asked for
    except ImportError:
        raise ModuleNotFoundError(
            "TensorBoard is not installed; have it by: pip install 'graphseq[tensorboard]', or leave --tensorboard out"
        ) from None
    return SummaryWriter
