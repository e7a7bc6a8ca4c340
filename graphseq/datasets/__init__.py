"""Real data: graphs over time, sentences, molecules; readers of the forms they are kept in, and some known by name."""

from graphseq.datasets.descriptors import descriptors
from graphseq.datasets.molecules import esol, freesolv, mutag
from graphseq.datasets.registry import book, find
from graphseq.datasets.temporal import chickenpox, collegemsg, england_covid
from graphseq.datasets.words import word_features
from graphseq.io.conllu import read_conllu
from graphseq.io.containers import TemporalDataset
from graphseq.io.graphset import GraphDataset
from graphseq.io.sentences import Sentence, Treebank, Word
from graphseq.io.skipped import Skipped
from graphseq.io.smiles import atom_channels, from_smiles, read_smiles
from graphseq.io.table import read_events, read_observations
from graphseq.io.temporal_json import read_temporal_json
from graphseq.io.temporal_networkx import from_temporal_networkx
from graphseq.io.tu import read_tu

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
