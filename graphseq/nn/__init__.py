"""Encoders of space-time graphs, heads on their states, and models of both; :class:`Encoder` says how to add one."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.nn.conv import GCNConv
from graphseq.nn.conv_reach import ConvReach, conv_reach
from graphseq.nn.convolutional.antisymmetric import AntisymmetricGCN
from graphseq.nn.convolutional.gcn import GCN, PairNorm
from graphseq.nn.convolutional.gcnii import GCNII
from graphseq.nn.convolutional.min_plus import MinPlusGCN
from graphseq.nn.convolutional.mlp import MLP
from graphseq.nn.convolutional.path_attention import PathAttention
from graphseq.nn.convolutional.sage import WeightedSAGE
from graphseq.nn.convolutional.state_space import StateSpaceGCN
from graphseq.nn.convolutional.wave import WaveGCN
from graphseq.nn.embedded import EmbeddedModel
from graphseq.nn.encoder import Encoder
from graphseq.nn.heads import GraphHead, PairHead, ResidualHead, RowHead
from graphseq.nn.model import Model
from graphseq.nn.on_topology import OnTopology
from graphseq.nn.recurrent._forgetting_state import ForgettingState
from graphseq.nn.recurrent.bidirectional import Bidirectional
from graphseq.nn.recurrent.dag import DAGGRU, DAGLSTM, DAGRNN
from graphseq.nn.recurrent.forgetting import ForgettingGCNLSTM, GateValues
from graphseq.nn.recurrent.gcn_gru import GCNGRU
from graphseq.nn.recurrent.gcn_lstm import GCNLSTM
from graphseq.nn.recurrent.gconv_lstm import from_gconv_lstm
from graphseq.nn.recurrent.init import chrono_, forget_bias_, identity_, kaiming_, latch_, orthogonal_, spread_biases_
from graphseq.nn.recurrent.long_sequences import GradientCheckpointed, TruncatedBPTT
from graphseq.nn.recurrent.lru import LRU
from graphseq.nn.recurrent.min_gru import MinGRU
from graphseq.nn.recurrent.min_lstm import MinLSTM
from graphseq.nn.recurrent.rnn import GRU, LSTM, RNN, step_by_step
from graphseq.nn.recurrent.scan import linear_scan
from graphseq.nn.recurrent.state import RecurrentState
from graphseq.nn.trace import Trace
from graphseq.nn.transformer import Transformer

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
    "Bidirectional",
    "ConvReach",
    "EmbeddedModel",
    "Encoder",
    "ForgettingGCNLSTM",
    "ForgettingState",
    "GCNConv",
    "GateValues",
    "GradientCheckpointed",
    "GraphHead",
    "MinGRU",
    "MinLSTM",
    "MinPlusGCN",
    "Model",
    "OnTopology",
    "PairHead",
    "PairNorm",
    "PathAttention",
    "RecurrentState",
    "ResidualHead",
    "RowHead",
    "StateSpaceGCN",
    "Trace",
    "Transformer",
    "TruncatedBPTT",
    "WaveGCN",
    "WeightedSAGE",
    "chrono_",
    "conv_reach",
    "forget_bias_",
    "from_gconv_lstm",
    "identity_",
    "kaiming_",
    "latch_",
    "linear_scan",
    "orthogonal_",
    "spread_biases_",
    "step_by_step",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
