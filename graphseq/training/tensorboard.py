"""TensorBoard: the curves of a training, written while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from graphseq._arguments import checked_arguments
from graphseq.training.history import History


class TensorBoard:
    """A callback that writes loss, score, gradient norm and learning rate of every step for TensorBoard.

    Args:
        folder: where to write; made where it is not there. A run that is resumed goes on in the same folder, and what
            was written there of later steps is hidden.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed; the message says how to install it.

    Example:
        With a task and a model::

            gs.fit(model, task, callbacks=[gs.training.TensorBoard("out/events")])
    """

    @checked_arguments
    def __init__(self, folder: str | Path) -> None:
        self._make, self._folder = writer_class(), str(folder)
        self._writer: Any = None

    def __call__(self, step: int, history: History, model: nn.Module, /) -> None:
        """Write the curves at ``step``."""
        if self._writer is None:
            self._writer = self._make(self._folder, purge_step=step)
        curves = {
            "train/loss": history.loss,
            "train/score": history.score,
            "train/gradient norm": history.grad_norm,
            "train/learning rate": history.lr,
        }
        for name, curve in curves.items():
            self._writer.add_scalar(name, curve[-1], step)
        self._writer.flush()


def writer_class() -> Any:
    """The writer of TensorBoard that torch brings.

    Raises:
        ModuleNotFoundError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an extra, loaded only where asked for
    except ImportError:
        raise ModuleNotFoundError(
            "TensorBoard is not installed; install it by: pip install 'graphseq[tensorboard]'"
        ) from None
    return SummaryWriter
