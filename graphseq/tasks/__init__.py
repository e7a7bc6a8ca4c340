"""Tasks: seeded batches of space-time graphs with answers."""

from graphseq.tasks.adding import Adding
from graphseq.tasks.agreement import Agreement, Case, case_groups, english_number, marked_number
from graphseq.tasks.associative_recall import AssociativeRecall
from graphseq.tasks.base import FixedTask, Regression, Task
from graphseq.tasks.characters import Characters, read_text
from graphseq.tasks.collection import Labelled, Measured
from graphseq.tasks.copy_memory import CopyMemory
from graphseq.tasks.distractors import Distractors, Irrelevant
from graphseq.tasks.eccentricity import Eccentricity
from graphseq.tasks.forecast import Forecast
from graphseq.tasks.links import LinkForecast
from graphseq.tasks.neighborhoods import LabelledRows, MeasuredRows
from graphseq.tasks.neighbors_match import NeighborsMatch
from graphseq.tasks.one_word import ONE_WORD, one_word
from graphseq.tasks.palindrome import Palindrome
from graphseq.tasks.recall import Recall
from graphseq.tasks.shortest_paths import ShortestPaths
from graphseq.tasks.transfer import Transfer
from graphseq.tasks.windows import Split

__all__ = [
    "ONE_WORD",
    "Adding",
    "Agreement",
    "AssociativeRecall",
    "Case",
    "Characters",
    "CopyMemory",
    "Distractors",
    "Eccentricity",
    "FixedTask",
    "Forecast",
    "Irrelevant",
    "Labelled",
    "LabelledRows",
    "LinkForecast",
    "Measured",
    "MeasuredRows",
    "NeighborsMatch",
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
