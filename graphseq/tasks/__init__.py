"""Tasks: sources of seeded batches of space-time graphs with answers, from recorded data and synthetic."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.tasks.agreement import Agreement, Case, case_groups, english_number, marked_number
from graphseq.tasks.base import FixedTask, Regression, Task
from graphseq.tasks.characters import Characters, read_text
from graphseq.tasks.forecast import Forecasting
from graphseq.tasks.graphs import GraphClassification, GraphRegression
from graphseq.tasks.links import LinkPrediction
from graphseq.tasks.longrange.corso import CorsoDiameter, CorsoEccentricity, CorsoShortestPaths
from graphseq.tasks.longrange.echo import EchoDiameter, EchoEccentricity, EchoShortestPaths
from graphseq.tasks.longrange.graph_transfer import GraphTransfer
from graphseq.tasks.nodes import NodeClassification, NodeRegression
from graphseq.tasks.one_word import ONE_WORD, one_word
from graphseq.tasks.synthetic.adding import Adding
from graphseq.tasks.synthetic.associative_recall import AssociativeRecall
from graphseq.tasks.synthetic.copy_memory import CopyMemory
from graphseq.tasks.synthetic.distractors import Distractors, Irrelevant
from graphseq.tasks.synthetic.eccentricity import Eccentricity
from graphseq.tasks.synthetic.neighbors_match import NeighborsMatch
from graphseq.tasks.synthetic.palindrome import Palindrome
from graphseq.tasks.synthetic.recall import Recall
from graphseq.tasks.synthetic.shortest_paths import ShortestPaths
from graphseq.tasks.synthetic.transfer import Transfer
from graphseq.tasks.windows import Split

__all__ = [
    "ONE_WORD",
    "Adding",
    "Agreement",
    "AssociativeRecall",
    "Case",
    "Characters",
    "CopyMemory",
    "CorsoDiameter",
    "CorsoEccentricity",
    "CorsoShortestPaths",
    "Distractors",
    "Eccentricity",
    "EchoDiameter",
    "EchoEccentricity",
    "EchoShortestPaths",
    "FixedTask",
    "Forecasting",
    "GraphClassification",
    "GraphRegression",
    "GraphTransfer",
    "Irrelevant",
    "LinkPrediction",
    "NeighborsMatch",
    "NodeClassification",
    "NodeRegression",
    "Palindrome",
    "Recall",
    "Regression",
    "ShortestPaths",
    "Split",
    "Task",
    "Transfer",
    "case_groups",
    "english_number",
    "marked_number",
    "one_word",
    "read_text",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
