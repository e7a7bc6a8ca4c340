"""Real data: graphs over time, sentences, molecules; readers of the forms they are kept in, and some known by name."""

from graphseq.datasets.conllu import read_conllu
from graphseq.datasets.dataset import TemporalDataset
from graphseq.datasets.descriptors import descriptors
from graphseq.datasets.graphset import GraphDataset
from graphseq.datasets.known import chickenpox, collegemsg, england_covid
from graphseq.datasets.molecules import esol, freesolv, mutag
from graphseq.datasets.sentences import Sentence, Treebank, Word
from graphseq.datasets.skipped import Skipped
from graphseq.datasets.smiles import atom_channels, from_smiles, read_smiles
from graphseq.datasets.store import book, find
from graphseq.datasets.table import read_events, read_observations
from graphseq.datasets.temporal_json import read_temporal_json
from graphseq.datasets.temporal_networkx import from_temporal_networkx
from graphseq.datasets.tu import read_tu
from graphseq.datasets.words import word_features

__all__ = [
    "GraphDataset",
    "Sentence",
    "Skipped",
    "TemporalDataset",
    "Treebank",
    "Word",
    "atom_channels",
    "book",
    "chickenpox",
    "collegemsg",
    "descriptors",
    "england_covid",
    "esol",
    "find",
    "freesolv",
    "from_smiles",
    "from_temporal_networkx",
    "mutag",
    "read_conllu",
    "read_events",
    "read_observations",
    "read_smiles",
    "read_temporal_json",
    "read_tu",
    "word_features",
]
