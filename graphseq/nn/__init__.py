"""Encoders over space-time graphs, heads, and the model that joins them."""

from graphseq.nn._forget_memory import ForgettingMemory
from graphseq.nn.antisymmetric import AntisymmetricGCN
from graphseq.nn.conv import GCNConv
from graphseq.nn.dag import DAGGRU, DAGLSTM, DAGRNN
from graphseq.nn.embedded import EmbeddedModel
from graphseq.nn.encoder import Encoder
from graphseq.nn.forgetting import ForgettingGCNLSTM, Forgotten
from graphseq.nn.gcn import GCN, PairNorm
from graphseq.nn.gcn_gru import GCNGRU
from graphseq.nn.gcn_lstm import GCNLSTM
from graphseq.nn.gcnii import GCNII
from graphseq.nn.gconv_lstm import from_gconv_lstm
from graphseq.nn.initialisation import chrono_, forget_bias_, identity_, kaiming_, orthogonal_, spread_biases_
from graphseq.nn.lru import LRU
from graphseq.nn.memory import Memory
from graphseq.nn.min_gru import MinGRU
from graphseq.nn.min_lstm import MinLSTM
from graphseq.nn.mlp import MLP
from graphseq.nn.model import Model
from graphseq.nn.readout import GraphHead, PairHead, ResidualHead, RowHead
from graphseq.nn.recurrent import GRU, LSTM, RNN, step_by_step
from graphseq.nn.scan import linear_scan
from graphseq.nn.segments import Recomputed, Truncated
from graphseq.nn.state_space import StateSpaceGCN
from graphseq.nn.trace import Trace
from graphseq.nn.wave import WaveGCN

__all__ = [
    "DAGGRU",
    "DAGLSTM",
    "DAGRNN",
    "GCN",
    "GCNGRU",
    "GCNII",
    "GCNLSTM",
    "GRU",
    "LRU",
    "LSTM",
    "MLP",
    "RNN",
    "AntisymmetricGCN",
    "EmbeddedModel",
    "Encoder",
    "ForgettingGCNLSTM",
    "ForgettingMemory",
    "Forgotten",
    "GCNConv",
    "GraphHead",
    "Memory",
    "MinGRU",
    "MinLSTM",
    "Model",
    "PairHead",
    "PairNorm",
    "Recomputed",
    "ResidualHead",
    "RowHead",
    "StateSpaceGCN",
    "Trace",
    "Truncated",
    "WaveGCN",
    "chrono_",
    "forget_bias_",
    "from_gconv_lstm",
    "identity_",
    "kaiming_",
    "linear_scan",
    "orthogonal_",
    "spread_biases_",
    "step_by_step",
]
