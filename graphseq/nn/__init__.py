"""Encoders over space-time graphs, heads, and the model that joins them."""

from graphseq.nn.conv import GCNConv
from graphseq.nn.encoder import Encoder
from graphseq.nn.gcn import GCN
from graphseq.nn.gcn_lstm import GCNLSTM
from graphseq.nn.mlp import MLP
from graphseq.nn.model import Model
from graphseq.nn.readout import GraphHead, RowHead
from graphseq.nn.recurrent import GRU, LSTM, RNN, step_by_step

__all__ = [
    "GCN",
    "GCNLSTM",
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "Encoder",
    "GCNConv",
    "GraphHead",
    "Model",
    "RowHead",
    "step_by_step",
]
