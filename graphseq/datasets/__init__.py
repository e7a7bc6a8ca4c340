"""Real data: graphs over time and sentences, readers of the forms they are kept in, and some known by name."""

from graphseq.datasets.conllu import read_conllu
from graphseq.datasets.dataset import TemporalDataset
from graphseq.datasets.known import chickenpox, collegemsg, england_covid
from graphseq.datasets.sentences import Sentence, Skipped, Treebank, Word
from graphseq.datasets.store import book, find
from graphseq.datasets.table import read_events, read_observations
from graphseq.datasets.temporal_json import read_temporal_json
from graphseq.datasets.temporal_networkx import from_temporal_networkx
from graphseq.datasets.words import word_features

__all__ = [
    "Sentence",
    "Skipped",
    "TemporalDataset",
    "Treebank",
    "Word",
    "book",
    "chickenpox",
    "collegemsg",
    "england_covid",
    "find",
    "from_temporal_networkx",
    "read_conllu",
    "read_events",
    "read_observations",
    "read_temporal_json",
    "word_features",
]
