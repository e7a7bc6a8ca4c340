"""Checks that an encoder or a task of your own keeps its contract: ``check_encoder`` and ``check_task``."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.testing.encoder_case import ENCODER_SUITE, EncoderCase
from graphseq.testing.encoders import check_encoder
from graphseq.testing.graphs import Graphs
from graphseq.testing.suite import Check, Suite
from graphseq.testing.task_case import TASK_SUITE, TaskCase
from graphseq.testing.tasks import check_task

__all__ = [
    "ENCODER_SUITE",
    "TASK_SUITE",
    "Check",
    "EncoderCase",
    "Graphs",
    "Suite",
    "TaskCase",
    "check_encoder",
    "check_task",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
